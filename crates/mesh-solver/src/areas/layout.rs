//! Which numbers of the whole each member's shares are: one for all shares that are equal, one for each that adds up.

use super::wiring::Wiring;
use crate::network::Junction;
use std::collections::BTreeMap;

/// Slots of v as they are handed out.
#[derive(Default)]
pub(crate) struct Layout {
    pub(crate) count: usize,
    /// The slot of each junction of equals that has been met.
    equals: BTreeMap<usize, usize>,
    /// The place of each junction that is a sum.
    met: BTreeMap<usize, usize>,
    /// Junctions that are sums, with the slots of their shares.
    pub(crate) sums: Vec<(Junction, Vec<usize>)>,
}

impl Layout {
    /// One more slot.
    pub(crate) fn take(&mut self) -> usize {
        self.count += 1;
        self.count - 1
    }

    /// The slot of each share of a member.
    pub(crate) fn slots_of(&mut self, wiring: &Wiring, member: usize) -> Vec<usize> {
        let mut slots = Vec::new();
        for junction in wiring.touches(member) {
            let kind = wiring.junctions()[*junction];
            let slot = match (kind, self.equals.get(junction)) {
                (Junction::Consensus, Some(slot)) => *slot,
                _ => self.take(),
            };
            if kind == Junction::Consensus {
                self.equals.insert(*junction, slot);
            } else {
                let place = *self.met.entry(*junction).or_insert_with(|| {
                    self.sums.push((kind, Vec::new()));
                    self.sums.len() - 1
                });
                self.sums[place].1.push(slot);
            }
            slots.push(slot);
        }
        slots
    }
}
