//! Who cannot be reached any more: going on without them, and together again.
//!
//! A neighbour that was silent for long is taken to be out of reach. Whoever notices opens an island: an epoch of an odd
//! number, which all who hear of it enter. The states of the epoch before are put aside as they were before the silence.
//! The island goes on from where it is, with what is shared over the broken edges held at what was agreed last. When
//! anything is heard over a broken edge, an epoch of all is opened, of the next even number: everybody takes up the
//! states that were put aside. So nothing that was reached together is lost by a cut, and each side has plans meanwhile.
//!
//! Epochs are ordered by number and opener, every frame shows one, and the higher one wins.

use super::agent::Agent;
use super::message::Epoch;
use crate::edge::Snapshot;
use std::collections::VecDeque;

/// What is kept to come back to.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Of each of the last rounds, oldest first; as many as a silence is long.
    history: VecDeque<Vec<Snapshot>>,
    /// Where the epoch of all was left.
    aside: Option<Vec<Snapshot>>,
}

impl Epoch {
    /// Whether some members are out of reach in it.
    pub fn is_island(self) -> bool {
        self.number % 2 == 1
    }
}

impl Agent {
    /// Opens or enters another epoch if what was heard or not heard asks for it; says whether it did.
    pub(super) fn choose_epoch(&mut self) -> bool {
        let heard = self.links.iter().map(|link| link.heard_epoch).max().unwrap_or_default();
        let highest = heard.max(self.epoch);
        if self.links.iter().any(|link| link.is_frozen() && link.has_news()) {
            let number = if highest.is_island() { highest.number + 1 } else { highest.number };
            let opener = if highest.is_island() { self.member } else { highest.opener };
            self.enter(Epoch { number, opener });
        } else if heard > self.epoch {
            self.enter(heard);
        } else if self.links.iter().any(|link| !link.is_frozen() && link.silent >= self.settings.silence_max) {
            let number = if self.epoch.is_island() { self.epoch.number } else { self.epoch.number + 1 };
            self.enter(Epoch { number, opener: self.epoch.opener.max(self.member) });
        } else {
            return false;
        }
        true
    }

    /// Remembers this round's states.
    pub(super) fn remember(&mut self) {
        if self.epoch.is_island() {
            return;
        }
        self.memory.history.push_back(self.links.iter().map(|link| link.terminal.snapshot()).collect());
        while self.memory.history.len() as u64 > u64::from(self.settings.silence_max) + 1 {
            self.memory.history.pop_front();
        }
    }

    fn enter(&mut self, epoch: Epoch) {
        if epoch.is_island() {
            let before = self.memory.history.pop_front();
            self.memory.history.clear();
            if self.memory.aside.is_none() {
                self.memory.aside = before;
            }
            for link in self.links.iter_mut().filter(|link| link.silent >= self.settings.silence_max) {
                link.freeze();
            }
        } else {
            let aside = self.memory.aside.take();
            for (place, link) in self.links.iter_mut().enumerate() {
                link.reopen(aside.as_ref().and_then(|aside| aside.get(place)));
            }
            self.memory.history.clear();
        }
        self.epoch = epoch;
    }
}
