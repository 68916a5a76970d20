//! What a member's end of the mesh plane is made from, and what that means to Zenoh.

use super::{BLOCKED_MAX, WIRE_LENGTH_MAX};
use crate::certificates::Identity;
use crate::error::{Fault, NodeError};
use crate::fleet_folder::{Endpoint, FleetFolder};
use mesh_model::{AssetId, FleetId};
use mesh_ros::zenoh_config;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a member's end of the mesh plane is made from.
#[derive(Debug, Clone)]
pub struct MeshSettings {
    /// The fleet.
    pub fleet: FleetId,
    /// The member.
    pub me: AssetId,
    /// Where it listens; its port is chosen.
    pub listen: Endpoint,
    /// All other members, and where each is reached. Nobody else gets anything in or out.
    pub members: BTreeMap<AssetId, Endpoint>,
    /// Those whose messages are for this member.
    pub neighbours: BTreeSet<AssetId>,
    /// Who may listen without being a member.
    pub readers: BTreeSet<AssetId>,
    /// What the member opens its links with.
    pub identity: Identity,
    /// How long a link that takes nothing holds a sender up, before it is closed.
    pub blocked_max: Duration,
}

impl MeshSettings {
    /// For `me`, a member of the fleet in `folder` that hears all other members, at the time `now`. `endpoints` are those of
    /// this run, see [`super::endpoints_of_run`].
    pub fn of(
        folder: &FleetFolder,
        me: &AssetId,
        endpoints: &BTreeMap<AssetId, Endpoint>,
        now: SystemTime,
    ) -> Result<Self, NodeError> {
        let not_a_member = || NodeError::unfit(folder.path(), Fault::NotAMember { asset: me.clone() });
        let listen = endpoints.get(me).ok_or_else(not_a_member)?.clone();
        let members: BTreeMap<_, _> =
            endpoints.iter().filter(|(id, _)| *id != me).map(|(id, at)| (id.clone(), at.clone())).collect();
        Ok(Self {
            fleet: folder.file().name.clone(),
            me: me.clone(),
            listen,
            neighbours: members.keys().cloned().collect(),
            members,
            readers: folder.file().readers.clone(),
            identity: folder.identity(me, now)?,
            blocked_max: BLOCKED_MAX,
        })
    }

    /// The same for Zenoh: what all sessions have in common, and on top of it what makes this a plane of its own.
    pub(super) fn config(&self) -> Result<zenoh::Config, NodeError> {
        let settings = [
            ("mode", json!("peer")),
            ("listen/endpoints", json!([format!("{}#tls_handshake_timeout_ms={HANDSHAKE_MS_MAX}", self.listen)])),
            ("connect/endpoints", json!(self.dialled())),
            ("connect/timeout_ms", json!(-1)),
            ("connect/exit_on_failure", json!(false)),
            ("connect/retry", retry()),
            // A member that starts waits for nobody.
            ("open/return_conditions/connect_scouted", json!(false)),
            ("transport/unicast/open_timeout", json!(HANDSHAKE_MS_MAX)),
            ("transport/unicast/accept_timeout", json!(HANDSHAKE_MS_MAX)),
            ("transport/unicast/max_sessions", json!(self.sessions_max())),
            ("transport/unicast/max_links", json!(1)),
            ("transport/link/protocols", json!(["tls"])),
            (
                "transport/link/tx/queue/congestion_control/block/wait_before_close",
                json!(self.blocked_max.as_micros() as u64),
            ),
            ("transport/link/rx/max_message_size", json!(MESSAGE_LENGTH_MAX)),
            ("transport/link/tls", self.tls()?),
            ("access_control", self.access_control()),
        ];
        let mut config = zenoh_config::lean();
        for (key, value) in settings {
            let refused = |why| NodeError::NoMeshPlane { why: format!("{key}: {why}") };
            config.insert_json5(key, &value.to_string()).map_err(refused)?;
        }
        Ok(config)
    }

    /// Of two members one dials, so that they never meet in the middle and hold two links. The one that is dialled needs
    /// nothing more to be met again after it was gone: the other goes on dialling.
    fn dialled(&self) -> Vec<String> {
        self.members.iter().filter(|(id, _)| **id > self.me).map(|(_, endpoint)| endpoint.to_string()).collect()
    }

    /// One each, and as many again that are dead and not yet known to be.
    fn sessions_max(&self) -> usize {
        2 * (self.members.len() + self.readers.len()) + 2
    }

    fn tls(&self) -> Result<Value, NodeError> {
        let Identity { authority, certificate, key, .. } = &self.identity;
        let (authority, certificate, key) = (file(authority)?, file(certificate)?, file(key)?);
        Ok(json!({
            "root_ca_certificate": authority,
            "listen_certificate": certificate,
            "listen_private_key": key,
            "connect_certificate": certificate,
            "connect_private_key": key,
            "enable_mtls": true,
            "verify_name_on_connect": true,
            "close_link_on_expiration": true,
        }))
    }

    /// Who may do what, by the common name of the certificate at the other end of a link, whoever dialled. What stands here
    /// is enforced by this member on both its directions; what nobody allows is denied, and so are all names that
    /// do not stand here.
    fn access_control(&self) -> Value {
        let (fleet, me) = (&self.fleet, &self.me);
        let all = format!("mesh/{fleet}/**");
        let mut rules = vec![
            rule("speak", "egress", &["put"], &format!("mesh/{fleet}/*/{me}")),
            rule("be", "egress", &["liveliness_token"], &here(fleet, me)),
            rule("listen", "egress", &["declare_subscriber"], &all),
            rule("look", "egress", WATCHING, &here_any(fleet)),
            rule("be_heard", "ingress", &["declare_subscriber"], &all),
            rule("be_seen", "ingress", WATCHING, &here_any(fleet)),
        ];
        let (mut subjects, mut policies) = (Vec::new(), Vec::new());
        for peer in self.members.keys() {
            let (hear, see) = (format!("hear {peer}"), format!("see {peer}"));
            rules.push(rule(&hear, "ingress", &["put"], &format!("mesh/{fleet}/*/{peer}")));
            rules.push(rule(&see, "ingress", &["liveliness_token"], &here(fleet, peer)));
            subjects.push(subject(peer));
            let granted = json!(["speak", "be", "listen", "look", "be_heard", "be_seen", hear, see]);
            policies.push(json!({ "rules": granted, "subjects": [peer.as_str()] }));
        }
        for reader in &self.readers {
            subjects.push(subject(reader));
            let granted = json!(["speak", "be", "be_heard", "be_seen"]);
            policies.push(json!({ "rules": granted, "subjects": [reader.as_str()] }));
        }
        json!({
            "enabled": true,
            "default_permission": "deny",
            "rules": rules,
            "subjects": subjects,
            "policies": policies,
        })
    }
}

/// The sign of life of `asset`.
pub(super) fn here(fleet: &FleetId, asset: &AssetId) -> String {
    format!("mesh/{fleet}/here/{asset}")
}

/// Anybody's.
pub(super) fn here_any(fleet: &FleetId) -> String {
    format!("mesh/{fleet}/here/*")
}

fn rule(id: &str, flow: &str, messages: &[&str], key: &str) -> Value {
    json!({ "id": id, "permission": "allow", "flows": [flow], "messages": messages, "key_exprs": [key] })
}

/// How often a member that is not there is dialled.
fn retry() -> Value {
    json!({ "period_init_ms": RETRY_MS_MIN, "period_max_ms": RETRY_MS_MAX, "period_increase_factor": 2 })
}

fn subject(name: &AssetId) -> Value {
    json!({ "id": name.as_str(), "cert_common_names": [name.as_str()], "link_protocols": ["tls"] })
}

/// The path as Zenoh takes it: it stands in a list of settings, whose separators it must not hold.
fn file(path: &Path) -> Result<String, NodeError> {
    let full = std::path::absolute(path).map_err(NodeError::refused("find", path))?;
    match full.to_str() {
        Some(text) if !text.contains([';', '#', '|']) => Ok(text.to_owned()),
        _ => Err(NodeError::NoMeshPlane {
            why: format!("the path {} has a character that Zenoh does not take (;, #, | or no UTF-8)", path.display()),
        }),
    }
}

const WATCHING: &[&str] = &["declare_liveliness_subscriber", "liveliness_query"];
/// A peer that was down is met again within this time, plus what a handshake takes.
const RETRY_MS_MAX: u64 = 200;
const RETRY_MS_MIN: u64 = 20;
/// Who connects and then says nothing is sent away after this time. It is many times what a handshake takes, for machines that
/// are busy at both ends.
const HANDSHAKE_MS_MAX: u64 = 5000;
/// A little more than is taken, so that what is too long is counted when it is close, and not put together when it is far.
const MESSAGE_LENGTH_MAX: usize = WIRE_LENGTH_MAX + (64 << 10);
