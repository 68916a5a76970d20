//! Why an input was refused, split by who is at fault. A refused input changes nothing.

use mesh_ledger::ChainBreak;
use mesh_model::AssetId;

/// An input that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// A peer or an author did what nobody who follows the protocol does.
    #[error("peer misbehaved: {0}")]
    Misbehaved(#[from] Misbehaviour),
    /// This asset did, or it has lost a part of its own log.
    #[error("misuse: {0}")]
    Misuse(#[from] Misuse),
}

/// What a peer or an author did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// It is not a member.
    #[error("{peer} is not a member")]
    UnknownPeer {
        /// Who.
        peer: AssetId,
    },
    /// It speaks of the log of somebody who is not a member.
    #[error("{peer} speaks of the log of {author}, who is not a member")]
    UnknownAuthor {
        /// Who.
        peer: AssetId,
        /// Of whom.
        author: AssetId,
    },
    /// It speaks of an entry that no log can have.
    #[error("{peer} speaks of entry {sequence} of {author}, more than a log can have")]
    BeyondLimit {
        /// Who.
        peer: AssetId,
        /// Of whose log.
        author: AssetId,
        /// Of which entry.
        sequence: u64,
    },
    /// It claims to hold entries of this asset that were never written.
    #[error("{peer} claims {claimed} entries of this asset, which wrote {written}")]
    ClaimsUnwritten {
        /// Who.
        peer: AssetId,
        /// How many it claims.
        claimed: u64,
        /// How many there are.
        written: u64,
    },
    /// The author's log outgrew the bytes that are kept of it.
    #[error("the log of {author} is larger than what is kept of a log")]
    LogTooLarge {
        /// Whose log.
        author: AssetId,
    },
    /// The author's entry fits nowhere, whatever else it wrote.
    #[error("{0}")]
    Unchained(ChainBreak),
}

/// What this asset did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// A live message was handed in as an entry.
    #[error("a live message of {author} is not a log entry")]
    NotLogged {
        /// Whose message.
        author: AssetId,
    },
    /// The entry does not continue this asset's own log, or a restored one's.
    #[error("{0}")]
    OutOfOrder(ChainBreak),
    /// The log has as many entries or bytes as are kept.
    #[error("the log is full at {entries} entries")]
    LogFull {
        /// How many there are.
        entries: u64,
    },
    /// An entry of this asset's own came back that it does not have: its disk lost a part of the log.
    #[error("own entry {sequence} came back, the log here has {held}")]
    OwnLogBehind {
        /// Which entry.
        sequence: u64,
        /// How many entries there are here.
        held: u64,
    },
}
