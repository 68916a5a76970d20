//! A proof as text: JSON, the signed bytes as hexadecimal digits.

use super::{Proof, malformed};
use crate::durable;
use crate::error::NodeError;
use mesh_identity::PublicKey;
use mesh_model::{AssetId, Canonical, FleetContract, MissionId, SignedEnvelope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
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

impl Proof {
    /// Reads the proof in the file at `path`.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let text = durable::read_text(path)?;
        Self::parse(&text).map_err(|why| malformed(path, "a proof", &why))
    }

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

    /// What the text says, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|why| why.to_string())?;
        if file.version != VERSION {
            return Err(format!("version {}, this program reads version {VERSION}", file.version));
        }
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(what: &str, text: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect::<Option<_>>().ok_or_else(|| format!("{what}: not hexadecimal digits"))
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_pairs() {
        assert_eq!(bytes("x", &hex(&[0, 7, 255])), Ok(vec![0, 7, 255]));
        for wrong in ["0", "0g", "é", "+1"] {
            assert!(bytes("x", wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn what_is_no_proof_is_refused_with_the_reason() {
        for (text, expect) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (
                r#"{"version":9,"fleet":"","mission":"","contract":"","keys":{},"certificate":"","parts":{}}"#,
                "version 9",
            ),
            (
                r#"{"version":1,"fleet":"","mission":"","contract":"zz","keys":{},"certificate":"","parts":{}}"#,
                "contract",
            ),
        ] {
            let why = Proof::parse(text).expect_err(text);
            assert!(why.contains(expect), "{why}");
        }
    }
}
