//! Ed25519 keys. Where a secret key's seed comes from and where it is kept is the shell's business.

use crate::did;
use crate::did::DidError;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A key to verify with. Holds a canonical point of large order, so equal keys have equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

/// A key to sign with. Wiped when dropped; never printed, cloned or encoded.
pub struct SecretKey(SigningKey);

/// Thirty-two bytes that cannot serve as a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No point of the curve, or not its canonical encoding.
    #[error("not the canonical encoding of a point of the curve")]
    NotCanonical,
    /// A point of small order: one signature would fit many messages.
    #[error("a key of small order")]
    SmallOrder,
}

impl PublicKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotCanonical)?;
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        if key.is_weak() { Err(KeyError::SmallOrder) } else { Ok(Self(key)) }
    }

    /// The key that a did:key names.
    pub fn from_did(text: &str) -> Result<Self, DidError> {
        did::decode(text)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key as did:key.
    pub fn did(&self) -> String {
        did::encode(self)
    }

    /// Whether `signature` over `message` is this key's. Strict: one signature has one form, and no weak point passes.
    pub fn accepts(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.did())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.did())
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.did()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = DidError;
    fn try_from(text: String) -> Result<Self, DidError> {
        Self::from_did(&text)
    }
}

impl SecretKey {
    /// The key that grows from 32 bytes of entropy. Whoever drew them wipes their own copy.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The key to verify with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature over `message`; the same message always gets the same one.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The seed, for the key store alone.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of the base point, little-endian.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal"))
    }

    #[test]
    fn the_second_vector_of_rfc_8032_holds() {
        let secret = SecretKey::from_seed(bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
        let public = PublicKey::from_bytes(&bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
        let signature = bytes(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ));
        assert_eq!(Ok(secret.public()), public);
        assert_eq!(secret.sign(&[0x72]), signature);
        assert!(secret.public().accepts(&[0x72], &signature));
        assert!(!secret.public().accepts(&[0x73], &signature));
    }

    #[test]
    fn a_signature_has_one_form() {
        let secret = SecretKey::from_seed([7; 32]);
        let good = secret.sign(b"plan");
        let mut malleable = good;
        let mut carry = 0u16;
        for (s, l) in malleable[32..].iter_mut().zip(L) {
            let sum = u16::from(*s) + u16::from(l) + carry;
            *s = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0, "s + L fits into 32 bytes");
        assert!(secret.public().accepts(b"plan", &good));
        assert!(!secret.public().accepts(b"plan", &malleable), "s + L is the same number modulo L, and refused");
    }

    #[test]
    fn degenerate_signatures_and_keys_are_refused() {
        let public = SecretKey::from_seed([7; 32]).public();
        let mut identity = [0; 64];
        identity[0] = 1;
        assert!(!public.accepts(b"plan", &[0; 64]));
        assert!(!public.accepts(b"plan", &identity));
        assert!(!public.accepts(b"plan", &[0xff; 64]));

        let mut one = [0; 32];
        one[0] = 1;
        assert_eq!(PublicKey::from_bytes(&one), Err(KeyError::SmallOrder));
        assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::SmallOrder));
        // y = p + 1 encodes the same point as y = 1, in a second way.
        let mut doubled = [0xff; 32];
        doubled[0] = 0xee;
        doubled[31] = 0x7f;
        assert_eq!(PublicKey::from_bytes(&doubled), Err(KeyError::NotCanonical));
        // y = 2 is on no point of the curve.
        let mut nowhere = [0; 32];
        nowhere[0] = 2;
        assert_eq!(PublicKey::from_bytes(&nowhere), Err(KeyError::NotCanonical));
    }

    #[test]
    fn a_secret_key_does_not_print_itself() {
        let secret = SecretKey::from_seed([0xab; 32]);
        let text = format!("{secret:?}");
        assert!(text.contains(&secret.public().did()));
        assert!(!text.to_lowercase().contains("abab") && !text.contains("171, 171"), "{text}");
    }
}
