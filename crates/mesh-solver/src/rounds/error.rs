//! What a neighbour can do wrong. Nothing changes by a message that is refused.

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
