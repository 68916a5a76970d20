//! Who holds the planner role, as one asset sees it.
//!
//! The fleet stands in line for the role: first the contract's planner, then all others by id. The role is held by the
//! first in line who is heard. Everybody's heartbeats go to everybody in contact, so each asset judges by itself, from
//! who it is in contact with and how long each of them has been silent. It knows no epochs and opens none.

use mesh_model::{AssetId, MissionTime};
use std::collections::BTreeMap;

pub(crate) struct Succession {
    me: AssetId,
    planner: AssetId,
    heartbeat_s: u64,
    /// The members in contact: when each was heard last, or when the contact began if it was not heard since.
    heard: BTreeMap<AssetId, MissionTime>,
}

impl Succession {
    /// An asset in contact with nobody, in a fleet whose members are heard every `heartbeat_s`.
    pub(crate) fn new(me: AssetId, planner: AssetId, heartbeat_s: u64) -> Self {
        Self { me, planner, heartbeat_s, heard: BTreeMap::new() }
    }

    /// Contact with a member was made or lost. A contact begins with the benefit of the doubt.
    pub(crate) fn link(&mut self, now: MissionTime, peer: &AssetId, up: bool) {
        if !up {
            self.heard.remove(peer);
        } else if !self.heard.contains_key(peer) {
            self.heard.insert(peer.clone(), now);
        }
    }

    /// A member in contact said something.
    pub(crate) fn hear(&mut self, now: MissionTime, author: &AssetId) {
        if let Some(heard) = self.heard.get_mut(author) {
            *heard = now.max(*heard);
        }
    }

    /// Whether this asset holds the role.
    pub(crate) fn holds(&self, now: MissionTime) -> bool {
        self.holds_from().is_some_and(|from| from <= now)
    }

    /// Since when this asset holds the role, or from when on it will unless somebody before it in line is heard; none
    /// while there is nobody to agree with.
    pub(crate) fn holds_from(&self) -> Option<MissionTime> {
        if self.me == self.planner {
            return Some(MissionTime::ZERO);
        }
        let successors = self.heard.keys().any(|peer| self.precedes(&self.me, peer));
        successors.then(|| self.silent_from(&self.me, SILENT_BEATS))
    }

    /// Whether this asset takes `claimant` for the holder of the role. It takes a little less silence to believe a claim
    /// than to raise one: two assets did not hear the same heartbeat last.
    pub(crate) fn believes(&self, now: MissionTime, claimant: &AssetId) -> bool {
        *claimant == self.planner
            || (self.heard.contains_key(claimant)
                && self.precedes(claimant, &self.me)
                && self.silent_from(claimant, BELIEVED_BEATS) <= now)
    }

    /// When everybody in contact who precedes `member` will have been silent for that many heartbeats.
    fn silent_from(&self, member: &AssetId, beats: u64) -> MissionTime {
        let before = self.heard.iter().filter(|(peer, _)| self.precedes(peer, member));
        before.map(|(_, heard)| heard.plus_s(beats * self.heartbeat_s)).max().unwrap_or(MissionTime::ZERO)
    }

    /// Whether `a` comes before `b` in line.
    fn precedes(&self, a: &AssetId, b: &AssetId) -> bool {
        let place = |member: &AssetId| (*member != self.planner, member.clone());
        place(a) < place(b)
    }
}

/// How often members are heard: as often as sync wants it anyway, but five times in a fifth of a planning step.
pub(crate) fn heartbeat_s(step_s: u32, sync_s: u64) -> u64 {
    sync_s.min(u64::from(step_s) / (5 * SILENT_BEATS)).max(1)
}

/// Heartbeats without a word after which a member no longer holds the role.
pub(crate) const SILENT_BEATS: u64 = 5;
/// Heartbeats without a word after which a member is no longer thought to hold the role, if somebody else says so. Two
/// assets hear the last heartbeat of a third one period apart at most, and one more may have been lost.
const BELIEVED_BEATS: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::id;

    fn at(seconds: u64) -> MissionTime {
        MissionTime::from_s(seconds)
    }

    /// In a fleet of habitat, planner, rover and satellite with heartbeats every 10 s, in contact with `peers` from 0 s.
    fn seen_by(me: &str, peers: &[&str]) -> Succession {
        let mut seen = Succession::new(id(me), id("planner"), 10);
        peers.iter().for_each(|peer| seen.link(at(0), &id(peer), true));
        seen
    }

    #[test]
    fn the_planner_holds_the_role_wherever_it_is() {
        assert!(seen_by("planner", &[]).holds(at(0)));
        assert!(seen_by("planner", &["habitat"]).holds(at(1000)));
        assert!(
            seen_by("rover", &["habitat"]).believes(at(0), &id("planner")),
            "even who does not hear it believes it"
        );
    }

    #[test]
    fn the_lowest_id_takes_the_role_after_five_silent_heartbeats() {
        let mut seen = seen_by("habitat", &["planner", "rover"]);
        assert_eq!(seen.holds_from(), Some(at(50)));
        seen.hear(at(9), &id("planner"));
        assert_eq!((seen.holds(at(58)), seen.holds(at(59))), (false, true));
        seen.hear(at(60), &id("planner"));
        assert!(!seen.holds(at(60)), "the planner is back");
    }

    #[test]
    fn the_lowest_id_takes_the_role_at_once_where_the_planner_cannot_be_reached() {
        let mut seen = seen_by("habitat", &["planner", "rover"]);
        seen.link(at(5), &id("planner"), false);
        assert!(seen.holds(at(5)));
        seen.link(at(7), &id("planner"), true);
        assert!(!seen.holds(at(7)), "a contact begins with the benefit of the doubt");
        seen.link(at(20), &id("planner"), true);
        assert_eq!(seen.holds_from(), Some(at(57)), "a contact that is there already does not begin again");
    }

    #[test]
    fn who_is_alone_or_has_only_the_planner_holds_nothing() {
        assert_eq!(seen_by("habitat", &[]).holds_from(), None);
        assert_eq!(seen_by("habitat", &["planner"]).holds_from(), None);
        assert_eq!(seen_by("satellite", &["habitat", "rover"]).holds_from(), None, "the last in line leads nobody");
    }

    #[test]
    fn the_next_in_line_waits_for_everybody_before_it() {
        let mut seen = seen_by("rover", &["planner", "habitat", "satellite"]);
        seen.hear(at(30), &id("habitat"));
        assert_eq!(seen.holds_from(), Some(at(80)));
        seen.link(at(40), &id("habitat"), false);
        assert_eq!(seen.holds_from(), Some(at(50)));
    }

    #[test]
    fn a_claim_is_believed_a_little_earlier_than_it_is_raised() {
        let seen = seen_by("rover", &["planner", "habitat", "satellite"]);
        assert!(!seen.believes(at(29), &id("habitat")), "the planner is heard");
        assert!(seen.believes(at(30), &id("habitat")));
        assert!(!seen.believes(at(1000), &id("satellite")), "it comes after this asset");
        assert!(!seen_by("rover", &[]).believes(at(1000), &id("habitat")), "it is not there");
        let mut seen = seen_by("satellite", &["habitat", "rover"]);
        seen.hear(at(100), &id("habitat"));
        assert!(!seen.believes(at(129), &id("rover")), "the habitat comes first");
        assert!(seen.believes(at(130), &id("rover")));
    }

    /// Five heartbeats are a fifth of a step at most; a longer step does not make anybody talk less.
    #[test]
    fn heartbeats_fit_the_step() {
        assert_eq!([3600, 3000, 2999, 25, 1].map(|step_s| heartbeat_s(step_s, 120)), [120, 120, 119, 1, 1]);
    }
}
