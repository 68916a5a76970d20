//! The wire of rmw_zenoh: on which keys what goes, what is attached to it, and how the graph is written.

use crate::backend::Endpoint;
use crate::graph::{Entity, Role};
use crate::name::NodeName;
use crate::qos::{Durability, History, Qos, Reliability};
use xxhash_rust::xxh3::xxh3_128;

/// What goes with every message, request and answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    /// The sender's number for it, from 1. An answer bears the number of its request.
    pub sequence: i64,
    /// When it was sent by the sender's clock, in ns since 1970.
    pub sent_ns: i64,
    /// Which publisher or client. An answer bears that of its request.
    pub gid: [u8; GID_LENGTH],
}

impl Attachment {
    /// Two numbers, the length of the identity, the identity.
    pub fn encode(&self) -> [u8; ATTACHMENT_LENGTH] {
        let mut bytes = [0; ATTACHMENT_LENGTH];
        bytes[..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sent_ns.to_le_bytes());
        bytes[16] = GID_LENGTH as u8;
        bytes[17..].copy_from_slice(&self.gid);
        bytes
    }

    /// Takes back what [`Attachment::encode`] gave; anything else is nothing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk()?;
        let (sent_ns, rest) = rest.split_first_chunk()?;
        let gid = rest.strip_prefix(&[GID_LENGTH as u8])?.try_into().ok()?;
        Some(Self { sequence: i64::from_le_bytes(*sequence), sent_ns: i64::from_le_bytes(*sent_ns), gid })
    }
}

/// The key of a topic or a service: `<domain>/<name>/<type>/<hash>`.
pub fn data_key(domain: u32, endpoint: &Endpoint<'_>) -> String {
    let name = endpoint.name.as_str().trim_start_matches('/');
    format!("{domain}/{name}/{}/{}", endpoint.type_id.dds, endpoint.type_id.hash)
}

/// The token that shows a node: `@ros2_lv/<domain>/<session>/<node>/<node>/NN/%/<namespace>/<name>`.
pub fn node_token(domain: u32, session: &str, id: u64, node: &NodeName) -> String {
    format!("{GRAPH}/{domain}/{session}/{id}/{id}/{}", described(Role::Node, node))
}

/// The token that shows what a node does, of number `id`: that of a node with the name, the type, its hash and the
/// quality of service behind it.
pub fn endpoint_token(domain: u32, session: &str, id: u64, role: Role, endpoint: &Endpoint<'_>) -> String {
    let Endpoint { node, node_id, name, type_id, qos, .. } = endpoint;
    let described = described(role, node);
    let (name, dds, hash, qos) = (mangled(name.as_str()), type_id.dds, type_id.hash, qos_text(qos));
    format!("{GRAPH}/{domain}/{session}/{node_id}/{id}/{described}/{name}/{dds}/{hash}/{qos}")
}

/// The keys of all tokens of a domain.
pub fn graph_keys(domain: u32) -> String {
    format!("{GRAPH}/{domain}/**")
}

/// What a token says. A peer wrote it: anything that is no token is nothing.
pub fn entity(token: &str) -> Option<Entity> {
    if token.len() > TOKEN_LENGTH_MAX {
        return None;
    }
    let mut parts = token.split('/');
    (parts.next()? == GRAPH).then_some(())?;
    let [_domain, _session, _node, _id] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let letters = parts.next()?;
    let (role, _) = ROLES.iter().find(|(_, found)| *found == letters)?;
    let [_enclave, namespace, node] = [parts.next()?, parts.next()?, parts.next()?].map(unmangled);
    let node = format!("{}/{node}", namespace.trim_end_matches('/'));
    let mut next = || parts.next().map(unmangled);
    let (name, dds_type, type_hash, qos) = match role {
        Role::Node => Default::default(),
        _ => (next()?, next()?, next()?, next()?),
    };
    Some(Entity { role: *role, node, name, dds_type, type_hash, qos })
}

/// Names a publisher or client in attachments: XXH3 of its token, which everybody who sees the token can compute. So a
/// message leads back to its publisher in the graph. The lower half comes first, each with its lowest byte first.
pub fn gid(token: &str) -> [u8; GID_LENGTH] {
    xxh3_128(token.as_bytes()).to_le_bytes()
}

fn described(role: Role, node: &NodeName) -> String {
    let letters = ROLES.iter().find(|(found, _)| *found == role).map_or("", |(_, letters)| letters);
    let namespace = node.namespace().trim_end_matches('/');
    let namespace = if namespace.is_empty() { NOTHING.to_owned() } else { mangled(namespace) };
    format!("{letters}/{NOTHING}/{namespace}/{}", node.name())
}

/// Every policy has a place, and one that is rmw_zenoh's default is left empty there: reliable, volatile, the last 42,
/// no deadline, no lifespan, automatic liveliness.
fn qos_text(qos: &Qos) -> String {
    let reliability = match qos.reliability {
        Reliability::Reliable => "",
        Reliability::BestEffort => "2",
    };
    let durability = match qos.durability {
        Durability::Volatile => "",
        Durability::TransientLocal => "1",
    };
    let history = match qos.history {
        History::KeepLast(DEPTH_DEFAULT) => ",".to_owned(),
        History::KeepLast(depth) => format!(",{}", depth.max(1)),
        History::KeepAll => "2,".to_owned(),
    };
    format!("{reliability}:{durability}:{history}:,:,:,,")
}

fn mangled(name: &str) -> String {
    name.replace('/', "%")
}

fn unmangled(part: &str) -> String {
    if part == NOTHING { String::new() } else { part.replace('%', "/") }
}

/// First part of the keys of tokens.
const GRAPH: &str = "@ros2_lv";

/// Stands where a part of a token would be empty.
const NOTHING: &str = "%";

/// How tokens name roles.
const ROLES: [(Role, &str); 5] =
    [(Role::Node, "NN"), (Role::Publisher, "MP"), (Role::Subscriber, "MS"), (Role::Server, "SS"), (Role::Client, "SC")];

/// Depth that goes without saying.
const DEPTH_DEFAULT: u32 = 42;

/// Length of the identity of a publisher or client.
pub const GID_LENGTH: usize = 16;

/// Length of an attachment.
pub const ATTACHMENT_LENGTH: usize = 8 + 8 + 1 + GID_LENGTH;

/// Longer tokens are not read.
const TOKEN_LENGTH_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use crate::interfaces::rosgraph_msgs::msg::Clock;
    use crate::name::FullName;
    use std::sync::Arc;

    fn endpoint(check: impl Fn(&Endpoint<'_>)) {
        let node = NodeName::new("/base/north", "rover").expect("a name");
        let name = FullName::new("/base/clock").expect("a name");
        let counters = Arc::default();
        let (type_id, qos) = (Clock::TYPE, Qos::reliable(7));
        check(&Endpoint { node: &node, node_id: 3, name: &name, type_id, qos, counters: &counters });
    }

    #[test]
    fn keys_are_those_of_rmw_zenoh() {
        let hash = Clock::TYPE.hash;
        endpoint(|endpoint| {
            let clock = format!("rosgraph_msgs::msg::dds_::Clock_/{hash}");
            assert_eq!(data_key(5, endpoint), format!("5/base/clock/{clock}"));
            let token = endpoint_token(5, "a1", 9, Role::Publisher, endpoint);
            let node = "%/%base%north/rover";
            assert_eq!(token, format!("@ros2_lv/5/a1/3/9/MP/{node}/%base%clock/{clock}/::,7:,:,:,,"));
            assert_eq!(node_token(5, "a1", 3, endpoint.node), format!("@ros2_lv/5/a1/3/3/NN/{node}"));
            // By the xxhash of Python: lower half first, lowest byte first.
            let expected = 0x3de2_fbb6_9913_e4bb_621b_d2bc_4a36_dfbb_u128.to_be_bytes();
            assert_eq!(gid(&token), expected);
        });
        let root = NodeName::new("/", "talker").expect("a name");
        assert_eq!(node_token(0, "a1", 0, &root), "@ros2_lv/0/a1/0/0/NN/%/%/talker");
    }

    #[test]
    fn tokens_are_read_as_they_were_written() {
        endpoint(|endpoint| {
            for (role, _) in ROLES.into_iter().skip(1) {
                let found = entity(&endpoint_token(0, "a1", 9, role, endpoint)).expect("a token");
                assert_eq!((found.role, &*found.node, &*found.name), (role, "/base/north/rover", "/base/clock"));
                assert_eq!((&*found.dds_type, &*found.type_hash), (Clock::TYPE.dds, Clock::TYPE.hash));
                assert_eq!(found.qos, "::,7:,:,:,,");
            }
            let node = entity(&node_token(0, "a1", 3, endpoint.node)).expect("a token");
            assert_eq!((node.role, &*node.node, &*node.name), (Role::Node, "/base/north/rover", ""));
        });
        let root = entity("@ros2_lv/0/a1/0/0/NN/%/%/talker").expect("a token");
        assert_eq!(root.node, "/talker");
        let theirs = "@ros2_lv/2/a/0/10/MP/%/%/talker/%chatter/std_msgs::msg::dds_::String_/RIHS01_df/::,7:,:,:,,";
        assert_eq!(entity(theirs).map(|found| found.name), Some("/chatter".to_owned()));
    }

    #[test]
    fn what_is_no_token_is_nothing() {
        for text in ["", "@ros2_lv", "@ros2_lv/0/a/0/0/XX/%/%/talker", "ros/0/a/0/0/NN/%/%/talker", "////////////"] {
            assert_eq!(entity(text), None, "{text}");
        }
        assert_eq!(entity("@ros2_lv/0/a/0/1/MP/%/%/talker/%chatter/type/hash"), None);
        assert_eq!(entity(&format!("@ros2_lv/0/a/0/0/NN/%/%/{}", "x".repeat(3000))), None);
    }

    #[test]
    fn quality_of_service_is_written_as_in_rmw_zenoh() {
        assert_eq!(qos_text(&Qos::PLAN), ":1:,1:,:,:,,");
        assert_eq!(qos_text(&Qos::CLOCK), "2::,1:,:,:,,");
        assert_eq!(qos_text(&Qos::reliable(42)), "::,:,:,:,,");
        assert_eq!(qos_text(&Qos { history: History::KeepAll, ..Qos::DUAL }), "::2,:,:,:,,");
    }

    #[test]
    fn attachments_are_exact() {
        let gid = *b"0123456789abcdef";
        let attachment = Attachment { sequence: 1, sent_ns: -2, gid };
        let bytes = attachment.encode();
        let expect = [&[1, 0, 0, 0, 0, 0, 0, 0, 0xfe][..], &[0xff; 7], &[16], &gid].concat();
        assert_eq!(bytes.as_slice(), expect);
        assert_eq!(Attachment::decode(&bytes), Some(attachment));
        assert_eq!(Attachment::decode(&bytes[..32]), None);
        assert_eq!(Attachment::decode(&[&bytes[..], &[0]].concat()), None);
        let mut short = bytes;
        short[16] = 15;
        assert_eq!(Attachment::decode(&short), None);
        assert_eq!(Attachment::decode(&[]), None);
    }
}
