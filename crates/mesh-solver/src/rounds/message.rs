//! What members send each other; its bytes are the wire's matter.
//!
//! A member sends one [`Message`] to each neighbour a round. It holds a [`Frame`] of its own and may pass on frames of
//! others. What a frame says replaces what older ones said, so any may be lost, doubled or late; the only ones it builds on
//! are such as its reader has said it has.

use crate::bound::relative_gap;
pub use crate::edge::Offer;

use super::error::PeerError;
use super::ledger::SUMS_SENT;
use crate::problem::VARIABLES_MAX;

/// All that one member sends to a neighbour in one round.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its own frame for this neighbour.
    pub frame: Frame,
    /// Frames of others, or for others.
    pub relayed: Vec<Frame>,
}

/// What one member has to say to one neighbour.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Who says it.
    pub author: usize,
    /// To whom.
    pub reader: usize,
    /// Number of the author's round; the newest wins.
    pub sequence: u64,
    /// Sequence of the newest frame of the reader that the author has; 0 if none.
    pub heard: u64,
    /// The stretch of rounds with fixed members that the numbers belong to.
    pub epoch: Epoch,
    /// Number of the weights that the numbers belong to; 0 before there are any.
    pub weights: u32,
    /// What the author would have as weights.
    pub offer: Offer,
    /// Its copies of the shared variables, reflected at its states; empty before there are weights.
    pub reflected: Words,
    /// What the source of the edges takes as flow and price.
    pub claim: Option<Claim>,
    /// Sums over the author's part of the tree, newest versions.
    pub sums: Vec<Sums>,
    /// What the root found.
    pub verdict: Option<Verdict>,
    /// How far the author's part of the tree was from a fixed point.
    pub report: Option<Report>,
    /// Where the root would have all begin anew.
    pub pace: Option<Pace>,
}

/// Reflected states, one an edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Words {
    /// None.
    Nothing,
    /// As they are.
    Whole(Vec<f64>),
    /// As they were in an older frame, plus steps.
    Steps {
        /// The sequence of that frame, which the reader has said it has.
        base: u64,
        /// How long a step is.
        scale: f64,
        /// How many each goes on.
        steps: Vec<i16>,
    },
}

/// A stretch of rounds with fixed members. The higher one wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    /// Counts up. Even: all members take part. Odd: an island, others being out of reach.
    pub number: u32,
    /// Who opened it.
    pub opener: usize,
}

/// Flow and price of the edges between two, as one version of a dual vector has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The epoch it belongs to.
    pub epoch: Epoch,
    /// Which vector.
    pub version: u64,
    /// One flow an edge.
    pub flow: Vec<f64>,
    /// One price an edge: what one more unit costs the source.
    pub price: Vec<f64>,
}

/// What one version of the dual vector comes to, over some members.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    /// The epoch it belongs to.
    pub epoch: Epoch,
    /// Which vector.
    pub version: u64,
    /// No plan costs less.
    pub lower: f64,
    /// Some plan costs no more; infinite if none was found.
    pub upper: f64,
    /// Squared distance of the sinks' copies from the flows.
    pub mismatch_squared: f64,
    /// Squared weighted distance from agreement, of copies and prices.
    pub residual_squared: f64,
    /// What that is relative to.
    pub scale_squared: f64,
}

/// The best that is proved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The newest version it knows.
    pub version: u64,
    /// The version whose flows the plan keeps to.
    pub plan: u64,
    /// No plan costs less.
    pub lower: f64,
    /// A plan costs no more.
    pub upper: f64,
    /// Distance of copies from each other at that version.
    pub mismatch: f64,
    /// Weighted distance from agreement over its scale.
    pub residual: f64,
    /// Whether all limits are met.
    pub converged: bool,
}

/// How far some members were from a fixed point in one round in which none of them missed a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// The round.
    pub round: u64,
    /// How many hops the furthest of them is below the author.
    pub height: u8,
    /// Squared weighted distance of states from what neighbours said.
    pub residual_squared: f64,
}

/// The points at which all begin a stretch of Halpern's steps together. The higher one wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace {
    /// Counts the points up; 0 before the first.
    pub point: u32,
    /// The newest round of which the root has everybody's report.
    pub complete: u64,
    /// The round at whose beginning all begin anew; 0 where steps are plain until there is another.
    pub at: u64,
}

impl Verdict {
    /// [`relative_gap`] of the bounds: what the plan may cost more than the best.
    pub fn gap(&self) -> f64 {
        relative_gap(self.lower, self.upper)
    }
}

impl Frame {
    /// Whether its lists are no longer than any can be, whoever it is for.
    pub(super) fn check_lengths(&self) -> Result<(), PeerError> {
        let words = match &self.reflected {
            Words::Nothing => 0,
            Words::Whole(numbers) => numbers.len(),
            Words::Steps { steps, .. } => steps.len(),
        };
        let offer = match &self.offer {
            Offer::Keep => 0,
            Offer::Guess(guesses) => guesses.len(),
            Offer::Scale(powers) => powers.len(),
        };
        let claim = self.claim.as_ref().map_or(0, |claim| claim.flow.len().max(claim.price.len()));
        for (length, limit) in [(words.max(offer).max(claim), VARIABLES_MAX), (self.sums.len(), SUMS_SENT)] {
            if length > limit {
                return Err(PeerError::TooLong { author: self.author, length, limit });
            }
        }
        Ok(())
    }
}

impl Sums {
    /// Both together; rounded so that the bounds stay bounds.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            lower: (self.lower + other.lower).next_down(),
            upper: (self.upper + other.upper).next_up(),
            mismatch_squared: self.mismatch_squared + other.mismatch_squared,
            residual_squared: self.residual_squared + other.residual_squared,
            scale_squared: self.scale_squared + other.scale_squared,
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_rounded_to_the_safe_side() {
        let (epoch, squares) = (Epoch::default(), 0.0);
        let of = |value: f64| Sums {
            epoch,
            version: 1,
            lower: value,
            upper: value,
            mismatch_squared: squares,
            residual_squared: squares,
            scale_squared: squares,
        };
        // Three quarters of the distance to the next number would be rounded up, one quarter down.
        assert!(of(1.0).plus(&of(0.75 * f64::EPSILON)).lower <= 1.0);
        assert!(of(1.0).plus(&of(0.25 * f64::EPSILON)).upper > 1.0);
    }
}
