//! `fleet.toml`: the public half of a fleet.

use super::endpoint::Endpoint;
use super::file_exists;
use crate::durable;
use crate::error::{Fault, NodeError};
use mesh_identity::{PublicKey, Roster};
use mesh_model::{AssetId, FleetId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// `fleet.toml`: the public half of a fleet, all that is needed to verify what its members signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetFile {
    /// The fleet's name, which is its scenario's.
    pub name: FleetId,
    /// The members.
    pub members: BTreeMap<AssetId, Member>,
    /// Who may listen on the mesh plane without being a member: a ground station's display. They sign nothing.
    pub readers: BTreeSet<AssetId>,
}

/// What is known publicly about a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What its signatures are checked with.
    pub public_key: PublicKey,
    /// Where it is reached.
    pub endpoint: Endpoint,
}

impl FleetFile {
    /// Reads `fleet.toml` in the fleet folder at `path`.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let file = path.join(FILE_NAME);
        if !file_exists(&file)? {
            return Err(NodeError::unfit(path, Fault::Missing { what: "fleet.toml" }));
        }
        let text = durable::read_text(&file)?;
        parse(&text).map_err(|why| NodeError::unfit(&file, Fault::Malformed { expected: "a fleet file", why }))
    }

    /// The members and their public keys.
    pub fn roster(&self) -> Roster {
        self.members.iter().map(|(id, member)| (id.clone(), member.public_key)).collect()
    }

    /// Whether this, read from the folder at `path`, is the fleet `name` with exactly the members `expected`.
    pub fn check_serves(&self, path: &Path, name: &FleetId, expected: &[AssetId]) -> Result<(), NodeError> {
        if self.name != *name {
            let (found, expected) = (self.name.to_string(), name.to_string());
            return Err(NodeError::unfit(path, Fault::OtherFleet { found, expected }));
        }
        let new: Vec<_> = expected.iter().filter(|id| !self.members.contains_key(id)).cloned().collect();
        let gone: Vec<_> = self.members.keys().filter(|id| !expected.contains(id)).cloned().collect();
        if new.is_empty() && gone.is_empty() {
            return Ok(());
        }
        Err(NodeError::unfit(path, Fault::OtherMembers { new, gone }))
    }
}

/// The text of `fleet.toml` for a new fleet of these members, which are in id order and all on this machine.
pub(super) fn text_of(name: &FleetId, members: &BTreeMap<AssetId, PublicKey>) -> String {
    let endpoint = Endpoint::loopback(0).to_string();
    let assets =
        members.iter().map(|(id, key)| AssetToml { id: id.clone(), public_key: *key, endpoint: endpoint.clone() });
    let file =
        FleetToml { version: FILE_VERSION, name: name.clone(), readers: BTreeSet::new(), assets: assets.collect() };
    let body = toml::to_string(&file).expect("names and texts have a TOML form");
    format!("{HEADER}{body}")
}

/// `fleet.toml` as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetToml {
    version: u32,
    name: FleetId,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    readers: BTreeSet<AssetId>,
    #[serde(rename = "asset")]
    assets: Vec<AssetToml>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetToml {
    id: AssetId,
    public_key: PublicKey,
    endpoint: String,
}

fn parse(text: &str) -> Result<FleetFile, String> {
    let raw: FleetToml = toml::from_str(text).map_err(|why| why.to_string())?;
    if raw.version != FILE_VERSION {
        return Err(Fault::OtherVersion { found: raw.version, expected: FILE_VERSION }.to_string());
    }
    let mut members = BTreeMap::new();
    for asset in raw.assets {
        let endpoint = asset.endpoint.parse().map_err(|why| format!("the asset {}: {why}", asset.id))?;
        let member = Member { public_key: asset.public_key, endpoint };
        if members.insert(asset.id.clone(), member).is_some() {
            return Err(format!("the asset {} stands there twice", asset.id));
        }
    }
    if let Some(both) = raw.readers.iter().find(|reader| members.contains_key(reader)) {
        return Err(format!("{both} is a reader and an asset: its certificate could not say which"));
    }
    Ok(FleetFile { name: raw.name, members, readers: raw.readers })
}

pub(super) const FILE_NAME: &str = "fleet.toml";
const FILE_VERSION: u32 = 1;
const HEADER: &str = "\
# A CosmosMesh fleet: its members, their public keys and where they are reached. Share this file with whoever is to
# verify what they signed. The private keys are beside it under keys/, ca/ and tls/; keep those to yourself.
# endpoint: tls/host:port; port 0 is a free one, chosen at each run. readers = [\"name\"] may listen, and say nothing.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_file_with_an_unknown_key_or_a_bad_public_key_is_malformed() {
        assert!(parse("version = 1\nname = \"a\"\nasset = []\ncolour = 1").is_err());
        let asset = "[[asset]]\nid = \"rover\"\npublic_key = \"did:key:zzz\"\nendpoint = \"tls/127.0.0.1:0\"";
        let why = parse(&format!("version = 1\nname = \"a\"\n{asset}")).expect_err("the key is bad");
        assert!(why.contains("line 5"), "{why}");
    }

    #[test]
    fn a_fleet_file_of_the_first_version_is_read_and_a_bad_endpoint_is_told() {
        let key = mesh_identity::SecretKey::from_seed([7; 32]).public().did();
        let text = |endpoint: &str, readers: &str| {
            let asset = format!("[[asset]]\nid = \"rover\"\npublic_key = \"{key}\"\nendpoint = \"{endpoint}\"\n");
            parse(&format!("version = 1\nname = \"a\"\n{readers}{asset}"))
        };
        let rover = AssetId::new("rover").expect("a good name");
        assert_eq!(text("in-process", "").expect("is good").members[&rover].endpoint, Endpoint::loopback(0));
        assert!(text("udp/127.0.0.1:1", "").is_err_and(|why| why.contains("rover")));
        assert_eq!(text("in-process", "readers = [\"ground\"]\n").expect("is good").readers.len(), 1);
        assert!(text("in-process", "readers = [\"rover\"]\n").is_err_and(|why| why.contains("reader")));
    }
}
