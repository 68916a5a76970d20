//! What the fleet has agreed beforehand: who is in it, where problems meet, when planning happens.

use crate::{AssetId, FleetId, JunctionId, Real};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The contract of a fleet. Every envelope names its hash, so a message under another contract is never acted upon.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct FleetContract {
    /// Version of the nouns and of their encoding.
    pub version: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// All members in id order, the holder of the planner role included.
    pub members: Vec<AssetId>,
    /// The member that holds the planner role.
    pub planner: AssetId,
    /// Where problems meet, in id order.
    pub junctions: Vec<Junction>,
    /// Length of a planning step.
    pub step_s: u32,
    /// Steps that a plan looks ahead.
    pub steps: u16,
    /// How long before a step the planning for it begins.
    pub lead_s: u32,
    /// A plan is agreed when its certified relative gap is at most this.
    pub gap_max: Real,
    /// A plan is agreed when its relative primal and dual residuals are at most this.
    pub residual_max: Real,
    /// Rounds after which a planning is given up.
    pub rounds_max: u32,
}

/// A shared resource: one source, one or more sinks; in every step each sink takes at most what the source grants it.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Junction {
    /// Its name.
    pub id: JunctionId,
    /// Who gives.
    pub source: AssetId,
    /// Who takes, in id order.
    pub sinks: Vec<AssetId>,
    /// Unit of the flow, for people: `kW`, `Gbit`.
    pub unit: String,
    /// Weight of a disagreement over the flow in the edge core: about the curvature of the costs at both ends.
    pub weight: Real,
    /// Largest amount by which the sinks may take more than the source gives.
    pub tolerance: Real,
}

/// A junction between its source and one of its sinks. A junction of several sinks is expanded to such edges (a star
/// around its source, which is a spanning tree), so nobody holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Edge {
    /// The junction that it belongs to.
    pub junction: JunctionId,
    /// The end that gives.
    pub source: AssetId,
    /// The end that takes.
    pub sink: AssetId,
}

impl FleetContract {
    /// All edges, ordered by junction, source and sink.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges: Vec<Edge> = self.junctions.iter().flat_map(Junction::edges).collect();
        edges.sort();
        edges
    }

    /// The edges that end at `asset`, in the order of [`FleetContract::edges`].
    pub fn edges_of(&self, asset: &AssetId) -> Vec<Edge> {
        self.edges().into_iter().filter(|edge| edge.touches(asset)).collect()
    }

    /// The junction called `id`.
    pub fn junction(&self, id: &JunctionId) -> Option<&Junction> {
        self.junctions.iter().find(|junction| junction.id == *id)
    }
}

impl Junction {
    fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        self.sinks.iter().map(|sink| Edge {
            junction: self.id.clone(),
            source: self.source.clone(),
            sink: sink.clone(),
        })
    }
}

impl Edge {
    /// Whether `asset` is one of the two ends.
    pub fn touches(&self, asset: &AssetId) -> bool {
        self.source == *asset || self.sink == *asset
    }

    /// The other end, seen from `asset`; `None` when it is at neither.
    pub fn other_end(&self, asset: &AssetId) -> Option<&AssetId> {
        match (self.source == *asset, self.sink == *asset) {
            (true, false) => Some(&self.sink),
            (false, true) => Some(&self.source),
            _ => None,
        }
    }
}

impl std::fmt::Display for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} -> {}", self.junction, self.source, self.sink)
    }
}
