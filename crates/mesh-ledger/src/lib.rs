//! The hash chain of one author's log: bytes in, verdict out.
//!
//! A chain knows its length and the hash of its last entry and nothing else; it holds no entries and checks no
//! signature. Chain hashes cover the unsigned canonical bytes.

pub mod chain;
pub mod equivocation;

pub use chain::{Chain, ChainBreak};
pub use equivocation::{Equivocation, EquivocationError};
