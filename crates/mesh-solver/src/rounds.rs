//! The edge core: members that solve their own problems and agree, edge by edge, in rounds that may be lost or late.
//!
//! ```text
//! solve     x    = argmin f + sum over edges of 1/2 W (a(x) - s)^2       a: the shared variable, s: state held here
//! send      q    = 2 a - s                                               [`crate::edge::reflect`]
//! receive   s   <- (1 - theta) s + theta q                               [`crate::edge::receive`]
//! ```
//!
//! - [`layout`]: which members meet over which edges; every junction becomes edges between two.
//! - [`agent`]: one member, as a state machine.
//! - [`message`]: what is sent; [`wire`]: the bytes of it.
//! - [`error`]: what a neighbour can do wrong.
//!
//! **Under loss.** The state lives at the receiver, so a lost message is a step of one edge that is not taken, for which
//! 0 < theta < 1 converges (Bastianello et al., arXiv 1901.09252). Messages are absolute and numbered; the newest is
//! taken in once, and a silent neighbour's state is held. How many rounds are lost is counted, and theta made larger by
//! as much: with 1/2 where nothing is lost, the mean step is the same. Neighbours of both ends pass frames on where the
//! direct way is unreliable.
//!
//! **Weights** are agreed by both ends under a number, see [`crate::edge::Terminal`]. Frames of another number are not
//! taken in. The source repeats its offer until it sees the sink's number.
//!
//! **Acceleration.** While nobody misses a frame the steps are Halpern's, which all begin anew at one numbered point; see
//! the page of the pace. As soon as something is missed they are plain again.
//!
//! **Bytes.** States travel as small steps from what the reader is known to have, see the page of the words; claims, sums
//! and verdicts only until the reader is known to have them.
//!
//! **Out of reach.** After a long silence the members that hear each other go on as an island and put the common states
//! aside; see the islands' page for how they come together again.
//!
//! **Certificates** are made every few rounds; see the ledger's page for what is proved.
//!
//! Nothing here reads a clock or draws a number: a run is a function of the calls.

pub mod agent;
pub mod error;
pub mod layout;
pub mod message;
pub mod wire;

mod islands;
mod ledger;
mod link;
mod pace;
mod words;

#[cfg(test)]
mod tests;

pub use agent::Agent;
pub use error::{DecodeError, PeerError};
pub use layout::{Bond, LayoutError, Seat};
pub use message::{Epoch, Frame, Message, Pace, Report, Verdict, Words};

/// What all members of a network must have the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The step where nothing is lost; in (0, 1).
    pub theta: f64,
    /// Largest step where much is lost; in (0, 1).
    pub theta_max: f64,
    /// Most rounds from sending until it is known to be heard, for the larger step.
    pub prompt_max: u64,
    /// Rounds of silence after which a neighbour is taken to be out of reach.
    pub silence_max: u32,
    /// Least rounds between changes of an edge's weight.
    pub reweigh_every: u64,
    /// Most changes of an edge's weight.
    pub reweigh_max: u32,
    /// Rounds from one version of the dual vector to the next.
    pub claim_every: u64,
    /// By how much of one plus itself, or of the width of its box, a plan may be off a shared number that its member's own
    /// constraints leave no way to meet: as much as a solver lets a plan be off its rows.
    pub agreement: f64,
    /// Largest distance of all copies from each other at convergence, in the shared variables' unit.
    pub mismatch_max: f64,
    /// Largest weighted residual at convergence, over its scale.
    pub residual_max: f64,
    /// Largest certified relative gap at convergence.
    pub gap_max: f64,
    /// Whether steps are Halpern's while no member misses a frame.
    pub accelerate: bool,
    /// Whether neighbours of both ends may read and pass on what two say to each other.
    pub relay: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theta: 0.5,
            theta_max: 0.7,
            prompt_max: 8,
            silence_max: 400,
            reweigh_every: 20,
            reweigh_max: 10,
            claim_every: 4,
            agreement: 1e-8,
            mismatch_max: 1e-4,
            residual_max: 1e-3,
            gap_max: 1e-4,
            accelerate: true,
            relay: true,
        }
    }
}
