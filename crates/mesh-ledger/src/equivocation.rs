//! Evidence that an author signed two histories.
//!
//! The evidence is the two signed entries themselves: with the author's key anybody can check it anew.

use mesh_model::{AssetId, DecodeError, Envelope, Hash, SignedEnvelope, Stream};

/// Two signed entries of one author that no single log can hold. The signatures are the holder's to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocation {
    author: AssetId,
    sequence: u64,
    first: SignedEnvelope,
    second: SignedEnvelope,
}

/// Why two entries are no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EquivocationError {
    /// One of them cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// They can stand in one log, or belong to different logs.
    #[error("the two entries do not contradict each other")]
    Consistent,
}

impl Equivocation {
    /// Judges two entries: they prove an equivocation if they are different entries at one sequence number, or if
    /// `second` directly follows `first` by number but names another entry before it.
    pub fn between(first: &SignedEnvelope, second: &SignedEnvelope) -> Result<Self, EquivocationError> {
        let (one, two) = (first.peek()?, second.peek()?);
        if !same_log(&one, &two) {
            return Err(EquivocationError::Consistent);
        }
        let same_place = one.sequence == two.sequence && first.unsigned != second.unsigned;
        let broken_link =
            one.sequence.checked_add(1) == Some(two.sequence) && two.previous != Some(Hash::of(&first.unsigned));
        if !same_place && !broken_link {
            return Err(EquivocationError::Consistent);
        }
        Ok(Self { author: two.author, sequence: two.sequence, first: first.clone(), second: second.clone() })
    }

    /// Who signed both.
    pub const fn author(&self) -> &AssetId {
        &self.author
    }

    /// Where the second history departs from the first, at the latest.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The entry that was there first.
    pub const fn first(&self) -> &SignedEnvelope {
        &self.first
    }

    /// The entry that contradicts it.
    pub const fn second(&self) -> &SignedEnvelope {
        &self.second
    }
}

/// Sequence numbers start anew with each mission, so entries of two missions contradict nothing.
fn same_log(one: &Envelope, two: &Envelope) -> bool {
    let logged = one.stream == Stream::Log && two.stream == Stream::Log;
    logged && one.author == two.author && one.fleet == two.fleet && one.mission == two.mission
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::tests::{asset, entry};
    use mesh_model::{Canonical, MissionId};

    fn signed(envelope: &Envelope) -> SignedEnvelope {
        SignedEnvelope { unsigned: envelope.encode(), payload: Vec::new(), signature: [0; 64] }
    }

    fn consistent(one: &Envelope, two: &Envelope) {
        assert_eq!(Equivocation::between(&signed(one), &signed(two)), Err(EquivocationError::Consistent));
    }

    #[test]
    fn two_entries_at_one_place_are_evidence() {
        let (one, two) = (signed(&entry(3, Hash::ZERO, "left")), signed(&entry(3, Hash::ZERO, "right")));
        let evidence = Equivocation::between(&one, &two).expect("contradiction");
        assert_eq!((evidence.author(), evidence.sequence()), (&asset("rover"), 3));
        assert_eq!((evidence.first(), evidence.second()), (&one, &two));
    }

    #[test]
    fn a_successor_of_another_entry_is_evidence() {
        let (one, other) = (entry(3, Hash::ZERO, "left"), entry(3, Hash::ZERO, "right"));
        let evidence = Equivocation::between(&signed(&one), &signed(&entry(4, other.hash(), "on")));
        assert_eq!(evidence.map(|evidence| evidence.sequence()), Ok(4));
        consistent(&one, &entry(4, one.hash(), "on"));
    }

    #[test]
    fn an_honest_author_cannot_be_framed() {
        let one = entry(3, Hash::ZERO, "left");
        consistent(&one, &one);
        consistent(&one, &entry(5, Hash::ZERO, "later"));
        consistent(&one, &Envelope { author: asset("habitat"), ..entry(3, Hash::ZERO, "right") });
        consistent(&one, &Envelope { mission: MissionId([1; 16]), ..entry(3, Hash::ZERO, "right") });
        consistent(&one, &Envelope { stream: Stream::Live, ..entry(3, Hash::ZERO, "right") });
        // A second signature over the same bytes says nothing new.
        let again = SignedEnvelope { signature: [1; 64], ..signed(&one) };
        assert_eq!(Equivocation::between(&signed(&one), &again), Err(EquivocationError::Consistent));
        let junk = SignedEnvelope { unsigned: vec![1], ..again };
        assert!(matches!(Equivocation::between(&signed(&one), &junk), Err(EquivocationError::Decode(_))));
    }
}
