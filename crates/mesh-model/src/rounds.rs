//! What is said while a plan is being negotiated. All of it is LIVE: signed, newest wins, never repaired.

use crate::contract::Edge;
use crate::problem::Window;
use crate::{AssetId, Hash, Real};
use borsh::{BorshDeserialize, BorshSerialize};

/// A stretch of rounds with fixed problems and members, inside re-planning number `plan`. The higher
/// (plan, number, opener) wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Epoch {
    /// Counts the re-plannings.
    pub plan: u64,
    /// Counts the epochs of one re-planning.
    pub number: u32,
    /// Who opened it.
    pub opener: AssetId,
}

/// The planner opens an epoch.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Opening {
    /// The epoch.
    pub epoch: Epoch,
    /// What the plan will cover.
    pub window: Window,
    /// Who takes part, in id order. Edges to anybody else stay frozen at the last agreed flows.
    pub members: Vec<AssetId>,
}

/// What one end of an edge tells the other about itself before the first round: the range of flows that it can take.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct SharedVariables {
    /// The epoch.
    pub epoch: Epoch,
    /// The edge.
    pub edge: Edge,
    /// Smallest flow, one a step.
    pub lower: Vec<Real>,
    /// Largest flow, one a step.
    pub upper: Vec<Real>,
    /// What the sender takes for the right weight of a disagreement over the edge, above 0. Both ends take up the
    /// geometric mean of the two as weight number 1.
    pub weight: Real,
    /// Whether the sender still lacks the receiver's range: only then is a repeat answered, so that no two answers can
    /// chase each other.
    pub awaits: bool,
}

/// One round of the edge core: the absolute reflected state of the sender's end, one number a step.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct DualVariables {
    /// The epoch.
    pub epoch: Epoch,
    /// The edge.
    pub edge: Edge,
    /// The sender's round, from 0.
    pub round: u32,
    /// Number of the weight under which this is said.
    pub weight: u32,
    /// q = 2 m - s.
    pub reflected: Vec<Real>,
    /// From the source in a round whose candidate is evaluated: its copy of the flow, which is the candidate's. Else
    /// empty.
    pub offered: Vec<Real>,
    /// From the source in such a round, if the weight is wrong: the power of two by which both ends multiply it after
    /// that round. Else 0.
    pub rescale: i8,
    /// Whether the sender still lacks the receiver's message of this round, as in [`SharedVariables::awaits`].
    pub awaits: bool,
}

/// What a member tells the planner about a round whose candidate it evaluated: norms and bounds, never a variable of its
/// own.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct RoundReport {
    /// The epoch.
    pub epoch: Epoch,
    /// The member's round; 0 if it has evaluated none yet, and says no more than that it is there.
    pub round: u32,
    /// Squared weighted primal residual over the member's edges.
    pub primal_squared: Real,
    /// Squared weighted dual residual over the member's edges.
    pub dual_squared: Real,
    /// Squared weighted norm of the flows, the scale of the two above.
    pub scale_squared: Real,
    /// The member's bounds on the round's candidate.
    pub evaluation: Evaluation,
}

/// A member's two numbers for the candidate (flows and prices) of one round.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Evaluation {
    /// Hash over the candidate's flows and prices on the member's edges, one an edge in edge order: both ends must
    /// name the same.
    pub candidate: Vec<(Edge, Hash)>,
    /// Cost of the member's repaired plan, which meets the candidate's flows exactly.
    pub upper: Real,
    /// Safe lower bound on the member's cost at the candidate's prices.
    pub lower: Real,
}
