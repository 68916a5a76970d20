//! What the fleet has agreed beforehand: who is in it, where problems meet, when planning happens.

use crate::rounds::Epoch;
use crate::{AssetId, FleetId, JunctionId, Real};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The contract of a fleet. Every envelope names its hash, so a message under another contract is never acted upon.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct FleetContract {
    /// Version of the nouns and of their encoding.
    pub version: u32,
    /// The fleet.
    pub fleet: FleetId,
    /// All members in id order, the holder of the planner role included.
    pub members: Vec<AssetId>,
    /// The member that holds the planner role wherever it is heard. Elsewhere the lowest id does.
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

    /// Whether an epoch of those members can be its opener's: what of the planner's role anybody can check at any time,
    /// from the contract alone.
    ///
    /// The planner may open among any members. Whoever holds the role in its place has the lowest id that it can reach,
    /// so nobody comes before it in its epochs; and it is not alone in them, for then there is nobody to agree with.
    pub fn allows(&self, epoch: &Epoch, members: &[AssetId]) -> bool {
        let Epoch { number, opener, .. } = epoch;
        let in_turn = *opener == self.planner
            || (members.iter().all(|member| opener <= member) && members.iter().any(|member| opener < member));
        in_turn && self.epoch_numbers(opener).is_some_and(|numbers| numbers.contains(number))
    }

    /// The numbers that `opener` gives the epochs of one re-planning; none for a stranger.
    ///
    /// Every holder has numbers of its own, the planner the lowest, the others by their place: a holder further down the
    /// line begins above all that one before it can have used, without having heard of it. A re-planning needs no more
    /// numbers than there are members, because each epoch of it has fewer of them.
    pub fn epoch_numbers(&self, opener: &AssetId) -> Option<Range<u32>> {
        let place = self.members.iter().position(|member| member == opener)?;
        let rank = if *opener == self.planner { 0 } else { u32::try_from(place).ok()?.checked_add(1)? };
        let count = u32::try_from(self.members.len()).ok()?;
        Some(rank.checked_mul(count)?..rank.checked_add(1)?.checked_mul(count)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> AssetId {
        AssetId::new(name).expect("a good name")
    }

    fn contract() -> FleetContract {
        FleetContract {
            version: 1,
            fleet: FleetId::new("moon").expect("a good name"),
            members: ["drone", "habitat", "planner", "rover"].map(id).to_vec(),
            planner: id("planner"),
            junctions: Vec::new(),
            step_s: 3600,
            steps: 24,
            lead_s: 600,
            gap_max: Real::ZERO,
            residual_max: Real::ZERO,
            rounds_max: 100,
        }
    }

    #[test]
    fn every_opener_has_numbers_of_its_own_and_the_planner_the_lowest() {
        let contract = contract();
        let mut ranges: Vec<Range<u32>> = contract.members.iter().filter_map(|id| contract.epoch_numbers(id)).collect();
        assert_eq!(contract.epoch_numbers(&contract.planner), Some(0..4));
        assert_eq!(contract.epoch_numbers(&id("stranger")), None);
        ranges.sort_by_key(|range| range.start);
        assert_eq!(ranges.len(), 4);
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{ranges:?}");
    }

    /// Opener, number, members, and whether such an epoch can be.
    #[test]
    fn the_planner_opens_for_anybody_and_others_for_those_after_them() {
        let check = |opener: &str, number: u32, members: &[&str], allowed: bool| {
            let epoch = Epoch { plan: 3, number, opener: id(opener) };
            let members: Vec<AssetId> = members.iter().map(|member| id(member)).collect();
            assert_eq!(contract().allows(&epoch, &members), allowed, "{epoch:?} of {members:?}");
        };
        check("planner", 0, &["drone", "rover"], true);
        check("planner", 3, &["drone"], true);
        check("planner", 4, &["drone", "rover"], false);
        check("drone", 4, &["drone", "rover"], true);
        check("drone", 4, &["habitat"], true);
        check("drone", 4, &["drone"], false);
        check("drone", 3, &["drone", "rover"], false);
        check("drone", 8, &["drone", "rover"], false);
        check("habitat", 8, &["habitat", "rover"], true);
        check("habitat", 8, &["drone", "habitat"], false);
        check("rover", 16, &["rover"], false);
        check("drone", 4, &[], false);
        check("stranger", 0, &["drone", "rover"], false);
    }
}
