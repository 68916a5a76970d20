//! Why a message is not acted upon, split by who is at fault.

use mesh_model::{AssetId, DecodeError, FleetId, Hash, MissionId, PayloadKind, Stream};

/// Why [`verify`](crate::verify()) refused. What the message claims about itself is unproven: only a valid signature ties
/// it to its author, and that is the last check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody who follows the protocol sends this.
    #[error("peer misbehaved: {0}")]
    PeerMisbehaved(#[from] Misbehaviour),
    /// Sent in good faith perhaps, but meant for another fleet, run, contract or version.
    #[error("peer incompatible: {0}")]
    PeerIncompatible(#[from] Incompatibility),
}

/// What nobody who follows the protocol does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// The author is not in the roster.
    #[error("{author} is not a member")]
    UnknownAuthor {
        /// The author it names.
        author: AssetId,
    },
    /// The key is not the one that the roster has for the author.
    #[error("{key:?} is not the key of {author}")]
    WrongKey {
        /// The author it names.
        author: AssetId,
        /// The key it names.
        key: String,
    },
    /// The payload is not the one that the envelope names.
    #[error("the payload has hash {found}, the envelope names {named}")]
    WrongPayload {
        /// What the envelope says.
        named: Hash,
        /// SHA-256 of the payload bytes.
        found: Hash,
    },
    /// The envelope and its payload differ about the kind.
    #[error("the envelope says {named:?}, the payload is {found:?}")]
    WrongKind {
        /// What the envelope says.
        named: PayloadKind,
        /// What the payload is.
        found: PayloadKind,
    },
    /// The envelope names the stream that its kind does not belong to.
    #[error("a {kind:?} does not belong to the stream {named:?}")]
    WrongStream {
        /// The kind.
        kind: PayloadKind,
        /// The stream it names.
        named: Stream,
    },
    /// A logged message without a previous hash, or a live one with it.
    #[error("a previous hash belongs to logged messages, to all of them and to no others")]
    WrongChaining {
        /// The stream it names.
        stream: Stream,
    },
    /// The signature is not the author's.
    #[error("the signature is not that of {author}")]
    Forged {
        /// The author it names.
        author: AssetId,
    },
}

/// What separates this message from the receiver's fleet, run, contract or version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incompatibility {
    /// Not the canonical bytes of a signed envelope.
    #[error("the message: {0}")]
    MalformedMessage(DecodeError),
    /// Not the canonical bytes of an envelope.
    #[error("the envelope: {0}")]
    MalformedEnvelope(DecodeError),
    /// The payload bytes are the ones that the envelope names, but not canonical ones of a payload.
    #[error("the payload: {0}")]
    MalformedPayload(DecodeError),
    /// Another context: another version, or no envelope at all.
    #[error("an envelope of another version")]
    WrongContext {
        /// The context it begins with.
        found: [u8; 24],
    },
    /// From another fleet.
    #[error("from the fleet {found}")]
    WrongFleet {
        /// The fleet it names.
        found: FleetId,
    },
    /// From another run.
    #[error("from another mission")]
    WrongMission {
        /// The mission it names.
        found: MissionId,
    },
    /// Under another contract.
    #[error("under the contract {found}")]
    StaleContract {
        /// Hash of the contract it names.
        found: Hash,
    },
}

impl Refusal {
    /// The reason in a word, for the audit log.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::PeerMisbehaved(what) => match what {
                Misbehaviour::UnknownAuthor { .. } => "unknown_author",
                Misbehaviour::WrongKey { .. } => "wrong_key",
                Misbehaviour::WrongPayload { .. } => "wrong_payload",
                Misbehaviour::WrongKind { .. } => "wrong_kind",
                Misbehaviour::WrongStream { .. } => "wrong_stream",
                Misbehaviour::WrongChaining { .. } => "wrong_chaining",
                Misbehaviour::Forged { .. } => "forged",
            },
            Self::PeerIncompatible(what) => match what {
                Incompatibility::MalformedMessage(_)
                | Incompatibility::MalformedEnvelope(_)
                | Incompatibility::MalformedPayload(_) => "malformed",
                Incompatibility::WrongContext { .. } => "wrong_context",
                Incompatibility::WrongFleet { .. } => "wrong_fleet",
                Incompatibility::WrongMission { .. } => "wrong_mission",
                Incompatibility::StaleContract { .. } => "stale_contract",
            },
        }
    }
}

/// A message whose bytes are no signed envelope at all.
impl From<DecodeError> for Refusal {
    fn from(why: DecodeError) -> Self {
        Self::PeerIncompatible(Incompatibility::MalformedMessage(why))
    }
}
