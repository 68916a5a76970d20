//! The text form of a key: W3C did:key, here for Ed25519 only.
//!
//! `did:key:z` followed by base58btc over the two varint bytes of the multicodec ed25519-pub and the 32 bytes of the key.

use crate::key::{KeyError, PublicKey};

/// A text that is not the did:key of an Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// It does not begin with `did:key:z`.
    #[error("a key begins with {PREFIX}")]
    Prefix,
    /// It is longer or shorter than the did:key of an Ed25519 key can be.
    #[error("{length} characters cannot hold an Ed25519 key")]
    Length {
        /// Its length.
        length: usize,
    },
    /// A character outside the base58btc alphabet.
    #[error("{character:?} is not a base58btc character")]
    Character {
        /// The character.
        character: char,
    },
    /// A key of another kind.
    #[error("not an Ed25519 key: its multicodec begins with {found:02x?}")]
    Codec {
        /// The two bytes where the multicodec of Ed25519 should stand.
        found: [u8; 2],
    },
    /// Not the encoding of a key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The did:key of `key`.
pub(crate) fn encode(key: &PublicKey) -> String {
    let mut bytes = [0; CODED_LENGTH];
    bytes[..2].copy_from_slice(&CODEC);
    bytes[2..].copy_from_slice(key.as_bytes());
    format!("{PREFIX}{}", base58(&bytes))
}

/// The key behind a did:key.
pub(crate) fn decode(text: &str) -> Result<PublicKey, DidError> {
    let digits = text.strip_prefix(PREFIX).ok_or(DidError::Prefix)?;
    let bytes = from_base58(digits).ok_or(DidError::Length { length: text.len() })?;
    let bytes = bytes.map_err(|character| DidError::Character { character })?;
    let (codec, key) = bytes.split_at(2);
    if codec != CODEC {
        return Err(DidError::Codec { found: [codec[0], codec[1]] });
    }
    Ok(PublicKey::from_bytes(key.try_into().expect("34 bytes less 2 are 32"))?)
}

/// Repeated division by 58, most significant digit first. The first byte is never zero here, so no leading `1` arises.
fn base58(bytes: &[u8; CODED_LENGTH]) -> String {
    let mut number = *bytes;
    let mut digits = Vec::with_capacity(DIGITS_MAX);
    while number.iter().any(|byte| *byte != 0) {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 58) as u8;
            rest = value % 58;
        }
        digits.push(char::from(ALPHABET[rest as usize]));
    }
    digits.iter().rev().collect()
}

/// The number behind `digits`; `None` when it does not need exactly 34 bytes, an inner error for a foreign character.
fn from_base58(digits: &str) -> Option<Result<[u8; CODED_LENGTH], char>> {
    if digits.len() > DIGITS_MAX {
        return None;
    }
    let mut number = [0u8; CODED_LENGTH];
    for character in digits.chars() {
        let Some(digit) = ALPHABET.iter().position(|letter| char::from(*letter) == character) else {
            return Some(Err(character));
        };
        let mut carry = digit as u32;
        for byte in number.iter_mut().rev() {
            let value = u32::from(*byte) * 58 + carry;
            *byte = value as u8;
            carry = value >> 8;
        }
        if carry != 0 {
            return None;
        }
    }
    // A leading `1` stands for a leading zero byte, and a shorter number would need one: neither is 34 significant bytes.
    (number[0] != 0 && !digits.starts_with('1')).then_some(Ok(number))
}

const PREFIX: &str = "did:key:z";
/// The multicodec ed25519-pub, 0xed, as an unsigned varint.
const CODEC: [u8; 2] = [0xed, 0x01];
const CODED_LENGTH: usize = 34;
/// 34 bytes take at most 47 digits.
const DIGITS_MAX: usize = 47;
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;
    use proptest::prelude::*;

    /// The Ed25519 vectors of the W3C did:key specification's test suite: the last byte of a seed that is otherwise
    /// zero, and the identifier.
    const VECTORS: [(u8, &str); 3] = [
        (0, "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"),
        (1, "did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG"),
        (2, "did:key:z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf"),
    ];

    #[test]
    fn the_vectors_of_the_specification_hold() {
        for (last, did) in VECTORS {
            let mut seed = [0; 32];
            seed[31] = last;
            let key = SecretKey::from_seed(seed).public();
            assert_eq!(key.did(), did);
            assert_eq!(PublicKey::from_did(did), Ok(key));
        }
        // An example in the text of the specification.
        let example = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        assert_eq!(PublicKey::from_did(example).map(|key| key.did()).as_deref(), Ok(example));
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        let good = VECTORS[0].1;
        assert_eq!(PublicKey::from_did("did:web:z6Mki"), Err(DidError::Prefix));
        assert_eq!(PublicKey::from_did(&good.replace('k', "0")), Err(DidError::Prefix));
        assert_eq!(PublicKey::from_did(&good.replace("z6Mk", "z6M0")), Err(DidError::Character { character: '0' }));
        assert_eq!(PublicKey::from_did(&good[..50]), Err(DidError::Length { length: 50 }));
        assert_eq!(PublicKey::from_did(&format!("{good}1")), Err(DidError::Length { length: good.len() + 1 }));
        let leading = good.replace("z6Mk", "z16Mk");
        assert_eq!(PublicKey::from_did(&leading), Err(DidError::Length { length: leading.len() }));
        // The X25519 key of the same test suite: a good did:key of another kind.
        let x25519 = "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F";
        assert_eq!(PublicKey::from_did(x25519), Err(DidError::Codec { found: [0xec, 0x01] }));
    }

    proptest! {
        #[test]
        fn every_key_survives_its_text(seed in any::<[u8; 32]>()) {
            let key = SecretKey::from_seed(seed).public();
            prop_assert_eq!(PublicKey::from_did(&key.did()), Ok(key));
        }

        #[test]
        fn no_text_panics_and_none_has_two_forms(text in "did:key:z[1-9A-HJ-NP-Za-km-zé]{0,60}") {
            if let Ok(key) = PublicKey::from_did(&text) {
                prop_assert_eq!(key.did(), text);
            }
        }
    }
}
