//! A fleet of three and a reader, their planes, and strangers with certificates of all sorts.

use mesh_model::{
    AssetId, Canonical, Envelope, Epoch, FleetId, Hash, MissionId, MissionTime, Payload, SignedEnvelope, Stream,
};
use mesh_node::FleetFolder;
use mesh_node::certificates::Identity;
use mesh_node::fleet_folder::Endpoint;
use mesh_node::mesh_plane::{FreePort, Kind, MeshPlane, MeshSettings, Parcel, free_ports};
use mesh_ros::Message;
use mesh_ros::interfaces::cosmosmesh_msgs::msg::SignedEnvelope as Carried;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, PKCS_ED25519, SanType};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};
use time::OffsetDateTime;
use zenoh::{Session, Wait};

/// Long enough for anything that happens at all, on a machine that is slow and busy.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How long something that must not happen is given to happen. Each test shows beside it that what may happen does so sooner.
pub const SILENCE: Duration = Duration::from_millis(400);
pub const MEMBERS: [&str; 3] = ["habitat", "relay", "rover"];

pub fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a good name")
}

pub fn ids(names: &[&str]) -> BTreeSet<AssetId> {
    names.iter().map(|name| id(name)).collect()
}

fn fleet_id() -> FleetId {
    FleetId::new("lunar_base").expect("a good name")
}

/// A fleet folder in a temporary place, and a port for each member.
pub struct Room {
    _parent: tempfile::TempDir,
    pub path: PathBuf,
    pub ports: Vec<u16>,
    /// What a member listens on later, no other room takes before.
    _claims: Vec<FreePort>,
}

/// A plane and what arrives at it.
pub struct Member {
    pub plane: MeshPlane,
    pub inbox: Receiver<Parcel>,
}

impl Room {
    pub fn new() -> Self {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let path = parent.path().join("fleet");
        let members = MEMBERS.map(id);
        FleetFolder::open_or_create(&path, &fleet_id(), &members).expect("makes the fleet");
        let file = path.join("fleet.toml");
        let text = fs::read_to_string(&file).expect("reads");
        fs::write(&file, text.replacen("name = ", "readers = [\"ground\"]\nname = ", 1)).expect("writes");
        let folder = FleetFolder::open_or_create(&path, &fleet_id(), &members).expect("opens");
        folder.renew(SystemTime::now(), 0).expect("issues certificates");
        let claims = free_ports(MEMBERS.len()).expect("free ports");
        Self { _parent: parent, path, ports: claims.iter().map(FreePort::number).collect(), _claims: claims }
    }

    pub fn port(&self, name: &str) -> u16 {
        self.ports[MEMBERS.iter().position(|member| *member == name).expect("is a member")]
    }

    pub fn settings(&self, name: &str) -> MeshSettings {
        settings(&self.path, name, &self.ports)
    }

    pub fn member(&self, name: &str) -> Member {
        member(self.settings(name))
    }

    /// One that gives no link up because the machine lets the other end wait.
    pub fn patient_member(&self, name: &str) -> Member {
        member(patient(self.settings(name)))
    }

    /// The member's files, as a client takes them.
    pub fn files(&self, name: &str) -> Identity {
        let tls = |ending: &str| self.path.join(format!("tls/{name}.{ending}"));
        let authority = self.path.join("ca/ca.pem");
        Identity { authority, certificate: tls("pem"), key: tls("key"), expires: SystemTime::now() }
    }

    /// Files of somebody called `name` whom the fleet's authority certified from `from_s` to `to_s` seconds from now.
    pub fn certified(&self, name: &str, from_s: i64, to_s: i64) -> Identity {
        let key = fs::read_to_string(self.path.join("ca/ca.key")).expect("reads");
        let key = KeyPair::from_pem(&key).expect("is a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "CosmosMesh");
        params.distinguished_name.push(DnType::CommonName, "lunar_base");
        let folder = self.path.join(format!("{name} {from_s} {to_s}"));
        issue(&folder, &self.path.join("ca/ca.pem"), &Issuer::new(params, key), name, from_s, to_s)
    }
}

/// Files of somebody called `name` in another fleet of the same name, who trusts this one.
pub fn foreign(room: &Room, name: &str) -> Identity {
    let other = Room::new();
    let stolen = other.certified(name, -60, 3600);
    let folder = room.path.join("foreign");
    fs::create_dir(&folder).expect("creates");
    let (certificate, key) = (folder.join("leaf.pem"), folder.join("leaf.key"));
    fs::copy(stolen.certificate, &certificate).expect("copies");
    fs::copy(stolen.key, &key).expect("copies");
    Identity { authority: room.path.join("ca/ca.pem"), certificate, key, expires: SystemTime::now() }
}

pub fn settings(path: &Path, name: &str, ports: &[u16]) -> MeshSettings {
    let folder = FleetFolder::open_for(path, &id(name)).expect("opens");
    let endpoints = MEMBERS.map(id).into_iter().zip(ports.iter().map(|port| Endpoint::loopback(*port))).collect();
    MeshSettings::of(&folder, &id(name), &endpoints, SystemTime::now()).expect("are good")
}

pub fn patient(settings: MeshSettings) -> MeshSettings {
    MeshSettings { blocked_max: PATIENCE, ..settings }
}

pub fn member(settings: MeshSettings) -> Member {
    let (sender, inbox) = channel();
    let plane = MeshPlane::open(settings, move |parcel| sender.send(parcel).unwrap_or_default()).expect("opens");
    Member { plane, inbox }
}

impl Member {
    pub fn meets(&self, names: &[&str]) {
        self.plane.wait_connected(&ids(names), PATIENCE).expect("they meet");
    }

    pub fn says(&self, parcel: &Parcel) {
        self.plane.send(parcel).expect("sends");
    }

    pub fn hears(&self) -> Parcel {
        self.inbox.recv_timeout(PATIENCE).expect("a message arrives")
    }

    pub fn hears_nothing(&self) {
        let heard = self.inbox.recv_timeout(SILENCE);
        assert!(heard.is_err(), "{heard:?}");
    }
}

/// A session of Zenoh's own that dials the member at `port`: what an intruder has, or a tool. `None` if it is not let in.
pub fn dials(protocol: &str, port: u16, files: Option<&Identity>) -> Option<Session> {
    let tls = match files {
        Some(Identity { authority, certificate, key, .. }) => serde_json::json!({
            "root_ca_certificate": authority, "connect_certificate": certificate, "connect_private_key": key,
            "enable_mtls": true,
        }),
        None => serde_json::json!({}),
    };
    let config = serde_json::json!({
        "mode": "client",
        "connect": { "endpoints": [format!("{protocol}/127.0.0.1:{port}")], "timeout_ms": 0 },
        "scouting": { "multicast": { "enabled": false }, "gossip": { "enabled": false } },
        "transport": { "link": { "tls": tls } },
    });
    let config = zenoh::Config::from_json5(&config.to_string()).expect("is a configuration");
    zenoh::open(config).wait().ok()
}

/// The same for somebody who is to be let in: as often as it takes, for a busy machine may be too slow for one handshake.
pub fn joins(port: u16, files: &Identity) -> Session {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(session) = dials("tls", port, Some(files)) {
            return session;
        }
        assert!(Instant::now() < deadline, "it is not let in");
    }
}

/// The payload and attachment of a message from `author` to `to`.
pub fn on_the_wire(author: &str, to: &str, frame: u64) -> (Vec<u8>, Vec<u8>) {
    let parcel = heartbeat(author, to, frame);
    let signed = SignedEnvelope::decode(&parcel.bytes).expect("is a message");
    let payload = Carried::from(&signed).to_cdr().expect("fits");
    let mut attachment = vec![1];
    for number in [frame, 0, 0] {
        attachment.extend_from_slice(&number.to_le_bytes());
    }
    attachment.extend_from_slice(to.as_bytes());
    (payload, attachment)
}

/// Puts what `author` could say to `to` under `key`.
pub fn puts(session: &Session, key: &str, author: &str, to: &str, frame: u64) {
    let (payload, attachment) = on_the_wire(author, to, frame);
    put_raw(session, key, payload, attachment);
}

pub fn put_raw(session: &Session, key: &str, payload: Vec<u8>, attachment: Vec<u8>) {
    let put = session.put(key, payload).attachment(attachment);
    put.congestion_control(zenoh::qos::CongestionControl::Block).wait().expect("puts");
}

/// A heartbeat from `from` to `to`.
pub fn heartbeat(from: &str, to: &str, frame: u64) -> Parcel {
    parcel(from, to, frame, Payload::Heartbeat(BTreeMap::new()))
}

/// A message of about `length` bytes.
pub fn long(from: &str, to: &str, frame: u64, length: usize) -> Parcel {
    let name = |index: usize| id(&format!("a{index:031}"));
    let held = (0..length / 44).map(|index| (name(index), 0)).collect();
    parcel(from, to, frame, Payload::Heartbeat(held))
}

pub fn habitat_epoch() -> Epoch {
    Epoch { plan: 0, number: 0, opener: id("habitat") }
}

/// A message with this payload, which nobody has signed.
pub fn parcel(from: &str, to: &str, frame: u64, payload: Payload) -> Parcel {
    let envelope = Envelope {
        context: mesh_model::envelope::CONTEXT,
        fleet: fleet_id(),
        mission: MissionId([1; 16]),
        epoch: habitat_epoch(),
        author: id(from),
        key: "did:key:z".to_owned(),
        stream: Stream::Live,
        sequence: frame,
        previous: None,
        contract: Hash::ZERO,
        expires: MissionTime::MAX,
        kind: payload.kind(),
        payload: Hash::of(&payload.encode()),
    };
    let kind = Kind::of(payload.kind());
    let signed = SignedEnvelope { unsigned: envelope.encode(), payload: payload.encode(), signature: [0; 64] };
    let (at, sent) = (MissionTime::ZERO, MissionTime::ZERO);
    Parcel { from: id(from), to: id(to), kind, frame, at, sent, bytes: signed.encode() }
}

fn issue(
    folder: &Path,
    authority: &Path,
    issuer: &Issuer<'_, KeyPair>,
    name: &str,
    from_s: i64,
    to_s: i64,
) -> Identity {
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = OffsetDateTime::now_utc() + time::Duration::seconds(from_s);
    params.not_after = OffsetDateTime::now_utc() + time::Duration::seconds(to_s);
    let leaf = params.signed_by(&key, issuer).expect("issues");
    fs::create_dir_all(folder).expect("creates");
    let (certificate, key_file) = (folder.join("leaf.pem"), folder.join("leaf.key"));
    fs::write(&certificate, leaf.pem()).expect("writes");
    fs::write(&key_file, key.serialize_pem()).expect("writes");
    Identity { authority: authority.to_owned(), certificate, key: key_file, expires: params.not_after.into() }
}
