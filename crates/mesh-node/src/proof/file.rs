//! A proof as text: JSON, the signed bytes as hexadecimal digits.

use super::hexadecimal::{bytes, hex};
use super::refutation::{KIND as NO_PLAN, Refutation, VERSION as NO_PLAN_VERSION};
use super::{Proof, malformed};
use crate::durable;
use crate::error::NodeError;
use mesh_identity::PublicKey;
use mesh_model::{AssetId, Canonical, FleetContract, MissionId, SignedEnvelope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    fleet: String,
    mission: String,
    contract: String,
    keys: BTreeMap<String, String>,
    certificate: String,
    parts: BTreeMap<String, String>,
}

/// What every such file begins with, whatever else is in it.
#[derive(Deserialize)]
struct Heading {
    version: u32,
    /// Proofs of plans do not name their kind.
    kind: Option<String>,
}

/// A proof in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyProof {
    /// That a plan is feasible, and how good it is.
    Plan(Box<Proof>),
    /// That there is no plan.
    NoPlan(Box<Refutation>),
}

impl AnyProof {
    /// Reads the proof in the file at `path`.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let text = durable::read_text(path)?;
        Self::parse(&text).map_err(|why| malformed(path, "a proof", &why))
    }

    /// What the text says, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // What another version holds is not for this program to judge.
        let heading: Heading = serde_json::from_str(text).map_err(|why| why.to_string())?;
        let known = match heading.kind.as_deref() {
            None => VERSION,
            Some(NO_PLAN) => NO_PLAN_VERSION,
            Some(other) => return Err(format!("kind {other:?}, where only {NO_PLAN:?} is known")),
        };
        if heading.version != known {
            return Err(format!("version {}, this program reads version {known}", heading.version));
        }
        match heading.kind {
            None => Proof::parse(text).map(|proof| Self::Plan(Box::new(proof))),
            Some(_) => Refutation::parse(text).map(|proof| Self::NoPlan(Box::new(proof))),
        }
    }
}

impl Proof {
    /// Puts it into the file at `path`.
    pub fn write(&self, path: &Path) -> Result<(), NodeError> {
        durable::replace_file(path, self.to_text().as_bytes())
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let file = File {
            version: VERSION,
            fleet: self.contract.fleet.to_string(),
            mission: hex(&self.mission.0),
            contract: hex(&self.contract.encode()),
            keys: self.keys.iter().map(|(member, key)| (member.to_string(), key.did())).collect(),
            certificate: hex(&self.certificate.encode()),
            parts: self.parts.iter().map(|(member, part)| (member.to_string(), hex(&part.encode()))).collect(),
        };
        let mut text = serde_json::to_string_pretty(&file).expect("text and a number are what JSON can hold");
        text.push('\n');
        text
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|why| why.to_string())?;
        let contract: FleetContract = decode("contract", &file.contract)?;
        if contract.fleet.as_str() != file.fleet {
            return Err(format!("fleet {:?}, but its contract is that of {}", file.fleet, contract.fleet));
        }
        let mission = bytes("mission", &file.mission)?;
        let mission = <[u8; 16]>::try_from(mission).map_err(|_| "mission: not 16 bytes".to_owned())?;
        let mut keys = BTreeMap::new();
        for (name, did) in &file.keys {
            keys.insert(id(name)?, PublicKey::from_did(did).map_err(|why| format!("the key of {name}: {why}"))?);
        }
        let mut parts = BTreeMap::new();
        for (name, part) in &file.parts {
            parts.insert(id(name)?, decode::<SignedEnvelope>("a part", part)?);
        }
        let certificate = decode("certificate", &file.certificate)?;
        Ok(Self { mission: MissionId(mission), contract, keys, certificate, parts })
    }
}

fn id(name: &str) -> Result<AssetId, String> {
    AssetId::new(name).map_err(|why| why.to_string())
}

fn decode<T: Canonical>(what: &str, text: &str) -> Result<T, String> {
    T::decode(&bytes(what, text)?).map_err(|why| format!("{what}: {why}"))
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_proof_is_refused_with_the_reason() {
        for (text, expect) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (r#"{"version":2,"more":3}"#, "version 2"),
            (r#"{"version":2,"kind":"no plan"}"#, "version 2"),
            (r#"{"version":1,"kind":"no plan"}"#, "missing field"),
            (r#"{"version":1,"kind":"horoscope"}"#, "horoscope"),
            (
                r#"{"version":9,"fleet":"","mission":"","contract":"","keys":{},"certificate":"","parts":{}}"#,
                "version 9",
            ),
            (
                r#"{"version":1,"fleet":"","mission":"","contract":"zz","keys":{},"certificate":"","parts":{}}"#,
                "contract",
            ),
        ] {
            let why = AnyProof::parse(text).expect_err(text);
            assert!(why.contains(expect), "{why}");
        }
    }
}
