//! A mission id in report.json: 32 hexadecimal digits.

use mesh_model::MissionId;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes it.
pub(crate) fn serialize<S: Serializer>(mission: &MissionId, serializer: S) -> Result<S::Ok, S::Error> {
    let text: String = mission.0.iter().map(|byte| format!("{byte:02x}")).collect();
    serializer.serialize_str(&text)
}

/// Reads it.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MissionId, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = digits.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
    let number = number.ok_or_else(|| D::Error::custom("a mission is 32 hexadecimal digits"))?;
    Ok(MissionId(number.to_be_bytes()))
}
