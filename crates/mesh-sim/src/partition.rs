//! A fleet that falls apart for a while, whatever geometry says: to see what becomes of it.

use crate::scenario::Link;
use mesh_model::{AssetId, MissionTime};
use std::collections::BTreeSet;

/// A stretch in which contacts are confined to islands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// From when.
    pub from: MissionTime,
    /// Until when; [`MissionTime::MAX`] is for good.
    pub until: MissionTime,
    /// Who can still be in contact with whom. Whoever is in none of them is alone.
    pub islands: Vec<BTreeSet<AssetId>>,
}

impl Partition {
    /// Everybody alone.
    pub fn of_all(from: MissionTime, until: MissionTime) -> Self {
        Self { from, until, islands: Vec::new() }
    }

    /// Whether it keeps a link down at a time.
    pub fn cuts(&self, link: &Link, time: MissionTime) -> bool {
        let together = |island: &BTreeSet<AssetId>| island.contains(&link.a) && island.contains(&link.b);
        (self.from..self.until).contains(&time) && !self.islands.iter().any(together)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn only_members_of_one_island_stay_in_contact() {
        let at = MissionTime::from_s;
        let id = |name: &str| AssetId::new(name).expect("a name");
        let islands = vec![BTreeSet::from([id("habitat"), id("planner")]), BTreeSet::from([id("rover")])];
        let partition = Partition { islands, ..Partition::of_all(at(10), at(20)) };
        let scenario = Scenario::lunar_base();
        let left: Vec<_> = scenario.links.iter().filter(|link| !partition.cuts(link, at(10))).collect();
        assert!(matches!(left[..], [link] if link.a == id("habitat") && link.b == id("planner")), "{left:?}");
        assert!(scenario.links.iter().all(|link| !partition.cuts(link, at(9)) && !partition.cuts(link, at(20))));
        assert!(scenario.links.iter().all(|link| Partition::of_all(at(10), at(20)).cuts(link, at(19))));
    }
}
