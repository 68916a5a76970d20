//! What went through a plane, counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What went through a plane since it opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handed to the links.
    pub sent: Traffic,
    /// Handed up.
    pub received: Traffic,
    /// Sent to a receiver that was not there; also in `sent`.
    pub unheard: u64,
    /// Received and dropped; reasons that never came up are not there.
    pub dropped: BTreeMap<Dropped, u64>,
}

impl Counters {
    /// Messages that nobody who runs this program can have sent to this member.
    pub fn garbage(&self) -> u64 {
        self.dropped.iter().filter(|(reason, _)| **reason != Dropped::ForAnother).map(|(_, count)| count).sum()
    }
}

/// Messages and their bytes, without what Zenoh, TLS and TCP add.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many.
    pub messages: u64,
    /// Payload and attachment.
    pub bytes: u64,
}

/// Why a message was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// It is for another member: everybody who listens hears everything.
    ForAnother,
    /// Longer than [`super::WIRE_LENGTH_MAX`].
    Oversized,
    /// Payload or attachment are not what they should be.
    Undecodable,
    /// Its key is no kind of message, or another one than its content.
    Mistyped,
    /// Its envelope is of another fleet.
    OtherFleet,
}

impl Dropped {
    const ALL: [Self; 5] = [Self::ForAnother, Self::Oversized, Self::Undecodable, Self::Mistyped, Self::OtherFleet];
}

/// The counting end, shared by threads.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: Flow,
    received: Flow,
    unheard: AtomicU64,
    /// In the order of [`Dropped::ALL`].
    dropped: [AtomicU64; Dropped::ALL.len()],
}

#[derive(Debug, Default)]
struct Flow {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.count(bytes);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.count(bytes);
    }

    pub(super) fn unheard(&self) {
        self.unheard.fetch_add(1, Relaxed);
    }

    pub(super) fn dropped(&self, reason: Dropped) {
        self.dropped[reason as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn counters(&self) -> Counters {
        let dropped = Dropped::ALL.map(|reason| (reason, self.dropped[reason as usize].load(Relaxed)));
        Counters {
            sent: self.sent.traffic(),
            received: self.received.traffic(),
            unheard: self.unheard.load(Relaxed),
            dropped: dropped.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl Flow {
    fn count(&self, bytes: usize) {
        self.messages.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    fn traffic(&self) -> Traffic {
        Traffic { messages: self.messages.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_drop_counts_under_its_reason() {
        let tally = Tally::default();
        for (index, reason) in Dropped::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            (0..=index).for_each(|_| tally.dropped(reason));
        }
        assert_eq!(tally.counters().dropped.into_values().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(Tally::default().counters(), Counters::default());
    }
}
