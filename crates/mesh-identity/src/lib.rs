//! Who said it: keys, their names as did:key, and the one way from a [`SignedEnvelope`] to something to act upon.
//!
//! [`verify()`] is the only constructor of [`Verified`]; whoever holds one may rely on every check it stands for. Nothing
//! here draws entropy, reads a clock or knows how a message travelled.
//!
//! [`SignedEnvelope`]: mesh_model::SignedEnvelope

pub mod did;
pub mod key;
pub mod refusal;
pub mod roster;
pub mod seal;
pub mod verify;

pub use did::DidError;
pub use key::{KeyError, PublicKey, SecretKey};
pub use refusal::{Incompatibility, Misbehaviour, Refusal};
pub use roster::Roster;
pub use seal::{Sealed, seal};
pub use verify::{Expectation, Verified, verify};
