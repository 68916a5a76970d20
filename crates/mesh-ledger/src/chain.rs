//! One author's chain: what the next entry has to say.

use mesh_model::{AssetId, Envelope, Hash};

/// The end of one author's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    author: AssetId,
    /// Sequence number of the next entry, which is the number of entries so far.
    next: u64,
    /// Hash of the unsigned bytes of the last entry; [`Hash::ZERO`] before the first.
    head: Hash,
}

/// Why an entry does not continue a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// The entry is somebody else's.
    #[error("an entry of {found} in the log of {expected}")]
    Author {
        /// Whose chain it is.
        expected: AssetId,
        /// Whose entry it is.
        found: AssetId,
    },
    /// The entry belongs elsewhere in the log.
    #[error("entry {found} where entry {expected} should stand")]
    Sequence {
        /// The next sequence number.
        expected: u64,
        /// That of the entry.
        found: u64,
    },
    /// The entry follows another history.
    #[error("entry {sequence} follows {found:?}, the entry before it is {expected}")]
    Previous {
        /// Where in the log.
        sequence: u64,
        /// Hash of the last entry.
        expected: Hash,
        /// What the entry names.
        found: Option<Hash>,
    },
}

impl Chain {
    /// The empty chain of `author`.
    pub fn new(author: AssetId) -> Self {
        Self { author, next: 0, head: Hash::ZERO }
    }

    /// Takes the entry with these unsigned bytes, which `envelope` was decoded from, or says why it does not fit. A
    /// chain that refused is unchanged.
    pub fn extend(&mut self, envelope: &Envelope, unsigned: &[u8]) -> Result<(), ChainBreak> {
        self.check(envelope)?;
        self.next += 1;
        self.head = Hash::of(unsigned);
        Ok(())
    }

    /// Whether `envelope` continues the chain.
    pub fn check(&self, envelope: &Envelope) -> Result<(), ChainBreak> {
        if envelope.author != self.author {
            return Err(ChainBreak::Author { expected: self.author.clone(), found: envelope.author.clone() });
        }
        if envelope.sequence != self.next {
            return Err(ChainBreak::Sequence { expected: self.next, found: envelope.sequence });
        }
        if envelope.previous != Some(self.head) {
            let (sequence, expected, found) = (self.next, self.head, envelope.previous);
            return Err(ChainBreak::Previous { sequence, expected, found });
        }
        Ok(())
    }

    /// Whose chain it is.
    pub const fn author(&self) -> &AssetId {
        &self.author
    }

    /// Sequence number of the next entry: how many there are.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// What the next entry has to name as its previous hash.
    pub const fn head(&self) -> Hash {
        self.head
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use mesh_model::envelope::CONTEXT;
    use mesh_model::{Canonical, Epoch, FleetId, MissionId, MissionTime, PayloadKind, Stream};

    pub(crate) fn asset(name: &str) -> AssetId {
        AssetId::new(name).expect("a good name")
    }

    /// An entry of the rover's log; `word` stands for its payload.
    pub(crate) fn entry(sequence: u64, previous: Hash, word: &str) -> Envelope {
        Envelope {
            context: CONTEXT,
            fleet: FleetId::new("lunar_base").expect("a good name"),
            mission: MissionId([9; 16]),
            epoch: Epoch { plan: 0, number: 0, opener: asset("rover") },
            author: asset("rover"),
            key: String::new(),
            stream: Stream::Log,
            sequence,
            previous: Some(previous),
            contract: Hash::ZERO,
            expires: MissionTime::MAX,
            kind: PayloadKind::Audit,
            payload: Hash::of(word.as_bytes()),
        }
    }

    #[test]
    fn a_chain_grows_by_entries_that_name_the_one_before() {
        let mut chain = Chain::new(asset("rover"));
        let mut previous = Hash::ZERO;
        for sequence in 0..5 {
            let envelope = entry(sequence, previous, "drive");
            assert_eq!(chain.extend(&envelope, &envelope.encode()), Ok(()));
            previous = envelope.hash();
            assert_eq!((chain.next(), chain.head()), (sequence + 1, previous));
        }
    }

    #[test]
    fn every_other_entry_is_refused_and_changes_nothing() {
        let mut chain = Chain::new(asset("rover"));
        let first = entry(0, Hash::ZERO, "drive");
        chain.extend(&first, &first.encode()).expect("fits");
        let before = chain.clone();

        let mut refuse = |envelope: &Envelope, why: ChainBreak| {
            assert_eq!(chain.extend(envelope, &envelope.encode()), Err(why));
            assert_eq!(chain, before);
        };
        refuse(&first, ChainBreak::Sequence { expected: 1, found: 0 });
        refuse(&entry(2, first.hash(), "skip"), ChainBreak::Sequence { expected: 1, found: 2 });
        let (expected, found) = (first.hash(), Some(Hash::of(b"elsewhere")));
        let fork = entry(1, Hash::of(b"elsewhere"), "fork");
        refuse(&fork, ChainBreak::Previous { sequence: 1, expected, found });
        let unchained = Envelope { previous: None, ..entry(1, first.hash(), "live") };
        refuse(&unchained, ChainBreak::Previous { sequence: 1, expected, found: None });
        let foreign = Envelope { author: asset("habitat"), ..entry(1, first.hash(), "foreign") };
        refuse(&foreign, ChainBreak::Author { expected: asset("rover"), found: asset("habitat") });
    }

    #[test]
    fn a_first_entry_names_nothing_before_it() {
        let chain = Chain::new(asset("rover"));
        let found = Some(Hash::of(b"before"));
        let wrong = entry(0, Hash::of(b"before"), "drive");
        assert_eq!(chain.check(&wrong), Err(ChainBreak::Previous { sequence: 0, expected: Hash::ZERO, found }));
    }
}
