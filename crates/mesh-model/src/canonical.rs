//! The canonical encoding and the hash over it.
//!
//! The encoding is Borsh: little-endian, fixed field order, lengths as u32, ordered maps, no optional form anywhere, so
//! that one value has one encoding. [`Canonical::decode`] takes back exactly what [`Canonical::encode`] gives and
//! refuses everything else, trailing bytes included.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The longest encoding that is taken from anybody, in bytes.
pub const ENCODED_LENGTH_MAX: usize = 1 << 20;

/// A value with canonical bytes.
pub trait Canonical: BorshSerialize + BorshDeserialize {
    /// The canonical bytes.
    fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory cannot fail, and the nouns hold no unencodable value")
    }

    /// Takes back what [`Canonical::encode`] gave.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > ENCODED_LENGTH_MAX {
            return Err(DecodeError::TooLong { length: bytes.len() });
        }
        borsh::from_slice(bytes).map_err(|why| DecodeError::Malformed { why: why.to_string() })
    }

    /// SHA-256 over the canonical bytes.
    fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }
}

impl<T: BorshSerialize + BorshDeserialize> Canonical for T {}

/// Bytes that are not the canonical encoding of anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than [`ENCODED_LENGTH_MAX`].
    #[error("{length} bytes are more than the limit of {ENCODED_LENGTH_MAX}")]
    TooLong {
        /// How many there were.
        length: usize,
    },
    /// Not an encoding of the expected type.
    #[error("malformed: {why}")]
    Malformed {
        /// What the decoder met.
        why: String,
    },
}

/// A SHA-256 hash.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of nothing yet: the `previous` of a first entry.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// This hash extended by `bytes`: SHA-256 of the hash followed by them.
    pub fn then(&self, bytes: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(bytes);
        Self(hasher.finalize().into())
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = DecodeError;
    fn try_from(text: String) -> Result<Self, DecodeError> {
        let malformed = || DecodeError::Malformed { why: "a hash is 64 lower-case hexadecimal digits".to_owned() };
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| malformed())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = 7u32.encode();
        bytes.push(0);
        assert!(u32::decode(&bytes).is_err());
    }

    #[test]
    fn a_hash_survives_its_text() {
        let hash = Hash::of(b"moon");
        assert_eq!(Hash::try_from(hash.to_string()), Ok(hash));
        assert!(Hash::try_from("00".to_owned()).is_err());
    }
}
