//! What members tell each other, what it weighs, and what is wrong with what a neighbour said.

use super::factor::entries_of;
use super::numbers::Numbers;
use crate::problem::MAGNITUDE_MAX;

/// What travels between two neighbours in one round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// What members found, the sender's own and what it passes on.
    pub findings: Vec<Finding>,
    /// What the sender still lacks: evaluation, and the members of whom it has heard nothing. Empty while nothing is late.
    pub lacking: Option<(u32, Vec<u16>)>,
}

/// What one member found in one evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whose finding it is.
    pub origin: u16,
    /// Which evaluation it is of, from 0.
    pub evaluation: u32,
    /// What the others know of the member from then on; with evaluation 0 only.
    pub profile: Option<Profile>,
    /// The values of the basic shares, relative to the trial point where there is one.
    pub shares: Numbers,
    /// How the shares move with the weight of the logarithms.
    pub drift: Numbers,
    /// The factor of the reduced Schur block, relative to the one everyone knows: a lower triangle, row after row.
    pub block: Numbers,
    /// The member's cost at the shares, roughly.
    pub cost: f32,
    /// Its safe bound at the agreed prices, if asked for.
    pub lower: Option<f64>,
    /// The costs of its repaired points at the agreed candidates, if asked for and there is one.
    pub upper: [Option<f64>; 2],
}

/// What does not change about a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Places among the member's shares of those that its equations leave independent, ascending.
    pub basic: Vec<u16>,
    /// For each other share, ascending, how it follows.
    pub relations: Vec<Relation>,
    /// The number of its bounds.
    pub sides: u32,
    /// What its cost ranges over, roughly.
    pub cost_size: f32,
}

/// How a share follows from the basic ones by the member's equations.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Factors of the basic shares.
    pub factors: Vec<f64>,
    /// What these and the share add up to.
    pub value: f64,
    /// By how much that may be another number, proved.
    pub within: f32,
}

/// What a neighbour did wrong; what it said is not taken in.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PeerError {
    /// It is no neighbour.
    #[error("member {from} is no neighbour")]
    Stranger {
        /// Who sent.
        from: usize,
    },
    /// A finding, or what is said to be lacking, is of a member that is not part of this network.
    #[error("there is no member {origin} to hear of")]
    NoSuchMember {
        /// Whose it claims to be.
        origin: u16,
    },
    /// A message holds more than its sender can have to say.
    #[error("{found} {what} in a message of member {from}, which can have {limit} at most")]
    TooMany {
        /// Who sent.
        from: usize,
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// Most that there can be.
        limit: usize,
    },
    /// A neighbour tells a member what the member itself found.
    #[error("member {from} claims to know what this member found in evaluation {evaluation}")]
    Own {
        /// Who sent.
        from: usize,
        /// Of which evaluation.
        evaluation: u32,
    },
    /// A finding comes from a neighbour by whom it does not pass, and was not asked for.
    #[error("member {from} tells of member {origin}, of whom this member hears from another and did not ask")]
    OutOfWay {
        /// Who sent.
        from: usize,
        /// Whose finding.
        origin: u16,
    },
    /// A neighbour lacks findings of an evaluation that is long over or not yet possible.
    #[error("member {from} lacks findings of evaluation {evaluation} while {current} is under way")]
    Late {
        /// Who sent.
        from: usize,
        /// Which evaluation.
        evaluation: u32,
        /// Which one is under way.
        current: u32,
    },
    /// A neighbour asks for members twice or out of order.
    #[error("member {from} asks for members that are not in ascending order")]
    Lacking {
        /// Who sent.
        from: usize,
    },
    /// A finding is of an evaluation that is long over or not yet possible.
    #[error("evaluation {evaluation} of member {origin} while {current} is under way")]
    OutOfTurn {
        /// Whose finding.
        origin: u16,
        /// Which evaluation.
        evaluation: u32,
        /// Which one is under way.
        current: u32,
    },
    /// A vector has another length than the member's shares ask for.
    #[error("{what} of member {origin} has {found} entries instead of {expected}")]
    Length {
        /// Whose finding.
        origin: u16,
        /// Which vector.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What it should be.
        expected: usize,
    },
    /// A number is not finite, or beyond all bounds.
    #[error("{what} of member {origin} holds {value}")]
    Value {
        /// Whose finding.
        origin: u16,
        /// Where it stands.
        what: &'static str,
        /// The number.
        value: f64,
    },
    /// A profile names shares that do not exist, or comes at the wrong time.
    #[error("the profile of member {origin} does not fit its shares")]
    Profile {
        /// Whose finding.
        origin: u16,
    },
    /// A member says two different things about one evaluation.
    #[error("member {origin} contradicts itself about evaluation {evaluation}")]
    Contradiction {
        /// Whose finding.
        origin: u16,
        /// Which evaluation.
        evaluation: u32,
    },
}

impl Finding {
    /// Checks the finding of a member with `basic` basic shares out of `shares`.
    pub(crate) fn check(&self, basic: Option<usize>, shares: usize) -> Result<(), PeerError> {
        let origin = self.origin;
        let basic = match (&self.profile, basic) {
            (Some(profile), None) => profile.check(origin, shares)?,
            (None, Some(basic)) => basic,
            _ => return Err(PeerError::Profile { origin }),
        };
        let length = |what, found: usize, expected: usize| {
            if found == expected { Ok(()) } else { Err(PeerError::Length { origin, what, found, expected }) }
        };
        length("shares", self.shares.len(), basic)?;
        length("drift", self.drift.len(), basic)?;
        length("block", self.block.len(), entries_of(basic))?;
        let block = self.block.values();
        check_numbers(origin, "shares", &self.shares.values())?;
        check_numbers(origin, "drift", &self.drift.values())?;
        check_numbers(origin, "block", &block)?;
        check_numbers(origin, "cost", &[f64::from(self.cost)])?;
        for i in 0..basic {
            let value = block[entries_of(i) + i];
            if value <= 0.0 {
                return Err(PeerError::Value { origin, what: "the diagonal of block", value });
            }
        }
        if let Some(value) = self.lower.filter(|value| value.is_nan() || *value == f64::INFINITY) {
            return Err(PeerError::Value { origin, what: "lower", value });
        }
        match self.upper.iter().flatten().find(|value| !value.is_finite()) {
            Some(value) => Err(PeerError::Value { origin, what: "upper", value: *value }),
            None => Ok(()),
        }
    }
}

impl Profile {
    /// The number of basic shares if the profile fits a member with so many shares.
    fn check(&self, origin: u16, shares: usize) -> Result<usize, PeerError> {
        let ascending = self.basic.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = self.basic.last().is_none_or(|last| usize::from(*last) < shares);
        let rest = self.relations.len() + self.basic.len() == shares;
        let fits = self.relations.iter().all(|relation| relation.factors.len() == self.basic.len());
        if !(ascending && inside && rest && fits) {
            return Err(PeerError::Profile { origin });
        }
        for relation in &self.relations {
            check_numbers(origin, "relations", &relation.factors)?;
            check_numbers(origin, "relations", &[relation.value, f64::from(relation.within)])?;
            if relation.within < 0.0 {
                return Err(PeerError::Value { origin, what: "relations", value: f64::from(relation.within) });
            }
        }
        check_numbers(origin, "profile", &[f64::from(self.cost_size)])?;
        if self.cost_size < 0.0 {
            return Err(PeerError::Value { origin, what: "profile", value: f64::from(self.cost_size) });
        }
        Ok(self.basic.len())
    }
}

fn check_numbers(origin: u16, what: &'static str, values: &[f64]) -> Result<(), PeerError> {
    match values.iter().find(|value| value.is_nan() || value.abs() > NUMBER_MAX) {
        Some(value) => Err(PeerError::Value { origin, what, value: *value }),
        None => Ok(()),
    }
}

/// Beyond this no honest member's number is.
const NUMBER_MAX: f64 = MAGNITUDE_MAX * MAGNITUDE_MAX;
