//! What a neighbour can do wrong, in its bytes or by what they say. Nothing changes by a message that is refused.

use super::message::Epoch;

/// What is wrong with what a neighbour sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PeerError {
    /// It is not a neighbour, or speaks for somebody it cannot speak for.
    #[error("member {author} has nothing to say to this one")]
    Stranger {
        /// In whose name.
        author: usize,
    },
    /// A list has another length than the edges between the two.
    #[error("member {author} sent {length} numbers where {expected} belong")]
    Dimension {
        /// Who wrote it.
        author: usize,
        /// How many there were.
        length: usize,
        /// How many belong there.
        expected: usize,
    },
    /// A number is not one.
    #[error("member {author} sent what is not a number")]
    NotANumber {
        /// Who wrote it.
        author: usize,
    },
    /// A number is beyond what its place can hold.
    #[error("member {author} sent {value}, beyond {limit}")]
    BeyondBounds {
        /// Who wrote it.
        author: usize,
        /// The number.
        value: f64,
        /// Its largest absolute value.
        limit: f64,
    },
    /// A newer frame of the author belonged to later weights or a later epoch.
    #[error("member {author} went back to {epoch:?}, weights {weights}")]
    Stale {
        /// Who wrote it.
        author: usize,
        /// The epoch it says.
        epoch: Epoch,
        /// The weights it says.
        weights: u32,
    },
    /// It is ahead of what both ends have agreed on, by more than one step.
    #[error("member {author} is at weights {weights}, which were never agreed on")]
    Ahead {
        /// Who wrote it.
        author: usize,
        /// The weights it says.
        weights: u32,
    },
    /// Its words build on a frame that is not known to have been said.
    #[error("member {author} builds on its frame {base}, which is not known here")]
    UnknownBase {
        /// Who wrote it.
        author: usize,
        /// The sequence it says.
        base: u64,
    },
    /// An epoch that silences cannot have led to yet, so few rounds after the beginning.
    #[error("member {author} is in {epoch:?}, where no number above {limit} can have been reached")]
    EpochAhead {
        /// Who wrote it.
        author: usize,
        /// The epoch it says.
        epoch: Epoch,
        /// The largest number there can be.
        limit: u32,
    },
    /// A verdict on a version that has no part of this member's own.
    #[error("member {author} passes a verdict on version {version}, where {newest} is the newest there can be one on")]
    VerdictAhead {
        /// Who wrote it.
        author: usize,
        /// The version it says.
        version: u64,
        /// The newest of which this member has given its own numbers.
        newest: u64,
    },
    /// A point or a report of rounds that the author has not come to.
    #[error("member {author} speaks of round {round} in its round {sequence}")]
    RoundAhead {
        /// Who wrote it.
        author: usize,
        /// The round it speaks of.
        round: u64,
        /// The round it is in.
        sequence: u64,
    },
    /// A list that is passed on is longer than any is.
    #[error("member {author} has {length} entries passed on in a list, more than {limit}")]
    TooLong {
        /// Who wrote it.
        author: usize,
        /// How many entries there are.
        length: usize,
        /// Most that there can be.
        limit: usize,
    },
    /// A message passes on more frames than there are members next to each other.
    #[error("member {author} passed on {frames} frames, more than {limit}")]
    TooMuch {
        /// Who sent it.
        author: usize,
        /// How many.
        frames: usize,
        /// Most that are taken.
        limit: usize,
    },
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end before what they began to say.
    #[error("{wanted} bytes belong at byte {at}, where {left} are left")]
    Short {
        /// Where the next thing begins.
        at: usize,
        /// How long it is.
        wanted: usize,
        /// How much there is of it.
        left: usize,
    },
    /// More follows after the end.
    #[error("{bytes} bytes follow the end of the message")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A byte that tells what follows is none of those known.
    #[error("byte {at} is {found}, which has no meaning there")]
    Tag {
        /// Where it is.
        at: usize,
        /// What it is.
        found: u8,
    },
    /// A list is longer than any is.
    #[error("the list at byte {at} has {count} entries, more than {limit}")]
    TooMany {
        /// Where its count is.
        at: usize,
        /// How many it says there are.
        count: usize,
        /// Most that there can be.
        limit: usize,
    },
}
