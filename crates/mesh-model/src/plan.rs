//! What was agreed. All of it is LOGGED: chained, persisted before it is released, synchronised.

use crate::contract::Edge;
use crate::problem::Window;
use crate::rounds::Epoch;
use crate::{AssetId, Hash, Real};
use borsh::{BorshDeserialize, BorshSerialize};

/// One member's part of a plan, offered under its signature: flows and prices on its edges and the two bounds that it
/// stands for. It becomes part of the plan with a [`Certificate`] that names it.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct PlanDelta {
    /// The epoch.
    pub epoch: Epoch,
    /// The round whose candidate this is.
    pub round: u32,
    /// What the plan covers.
    pub window: Window,
    /// Flows and prices on the member's edges, in edge order.
    pub agreements: Vec<EdgeAgreement>,
    /// What the member attests.
    pub attestation: Attestation,
    /// Hash chain over the unsigned bytes of every live message that the member sent in this epoch.
    pub sent: Hash,
}

/// The agreed flow and price of one edge, one of each a step.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct EdgeAgreement {
    /// The edge.
    pub edge: Edge,
    /// Flow from source to sink.
    pub flow: Vec<Real>,
    /// What one more unit of flow is worth to the sink, which is what it costs the source.
    pub price: Vec<Real>,
}

/// The local numbers that a member signs. Whoever is given the problem can recompute them.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Attestation {
    /// Who attests.
    pub asset: AssetId,
    /// Hash of its LocalProblem.
    pub problem: Hash,
    /// Cost of its part of the plan.
    pub upper: Real,
    /// Safe lower bound on its cost at the agreed prices.
    pub lower: Real,
}

/// The planner's proof that a plan is feasible and how far from the optimum it can be at most.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Certificate {
    /// The epoch.
    pub epoch: Epoch,
    /// The round whose candidate was agreed.
    pub round: u32,
    /// What the plan covers.
    pub window: Window,
    /// The members' plan deltas in id order: author, sequence number in its log, hash of the unsigned entry.
    pub deltas: Vec<(AssetId, u64, Hash)>,
    /// The members' attestations in id order.
    pub attestations: Vec<Attestation>,
    /// The dual vector and the flows: every edge between members, in edge order, as both of its ends signed it.
    pub agreements: Vec<EdgeAgreement>,
    /// Largest difference between what two ends signed for one edge; 0 in a valid certificate.
    pub junction_residual: Real,
    /// Relative primal residual of the round.
    pub primal: Real,
    /// Relative dual residual of the round.
    pub dual: Real,
    /// Sum of the members' costs.
    pub upper: Real,
    /// Sum of the members' lower bounds.
    pub lower: Real,
    /// (upper - lower) / max(1, |upper|).
    pub gap: Real,
}

/// A plan as one asset flies it: its own variables step by step. It never leaves the asset.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Schedule {
    /// What it covers.
    pub window: Window,
    /// The values of the LocalProblem's variables, in its order.
    pub values: Vec<Real>,
}
