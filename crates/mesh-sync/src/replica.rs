//! What is held of one author's log. Knows nothing of peers.

use crate::error::Misbehaviour;
use crate::settings::Settings;
use mesh_identity::Verified;
use mesh_ledger::{Chain, ChainBreak, Equivocation};
use mesh_model::{AssetId, SignedEnvelope};
use std::collections::BTreeMap;

/// One author's log as far as it is held, and what was heard of it beyond the first gap.
#[derive(Debug)]
pub(crate) struct Replica {
    chain: Chain,
    /// The entries below `chain.next()`, without a gap.
    entries: Vec<SignedEnvelope>,
    bytes: usize,
    /// Entries beyond the gap at `chain.next()`, by sequence number.
    ahead: BTreeMap<u64, Verified>,
    ahead_bytes: usize,
    /// The last entry that was too far ahead to keep. Evidence is told as two entries one after the other, so this one
    /// is enough to see it even so.
    far: Option<SignedEnvelope>,
    /// Proof that the author signed two histories. What is held stays as it is from then on.
    equivocation: Option<Equivocation>,
}

/// What became of an entry.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The entries that the log grew by, in order.
    pub grown: Vec<Verified>,
    /// What it revealed; at most once for each replica.
    pub evidence: Option<Equivocation>,
}

impl Replica {
    pub(crate) fn new(author: AssetId) -> Self {
        Self {
            chain: Chain::new(author),
            entries: Vec::new(),
            bytes: 0,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            far: None,
            equivocation: None,
        }
    }

    /// Takes an entry that came from anywhere, in any order.
    pub(crate) fn take(&mut self, entry: Verified, limits: &Settings) -> Result<Taken, Misbehaviour> {
        if self.equivocation.is_some() {
            return Ok(Taken::default());
        }
        if let Some(evidence) = self.contradiction(&entry) {
            return Ok(Taken { grown: Vec::new(), evidence: Some(self.freeze(evidence)) });
        }
        let (sequence, next) = (entry.sequence(), self.chain.next());
        if sequence < next {
            return Ok(Taken::default());
        }
        if sequence > next {
            self.put_ahead(entry, limits);
            return Ok(Taken::default());
        }
        if !self.has_room(&entry, limits) {
            return Err(Misbehaviour::LogTooLarge { author: entry.author().clone() });
        }
        let mut taken = Taken { grown: vec![self.push(entry).map_err(Misbehaviour::Unchained)?], evidence: None };
        self.close_gap(&mut taken, limits);
        Ok(taken)
    }

    /// Adds the next entry, whatever else is known of the author.
    pub(crate) fn push(&mut self, entry: Verified) -> Result<Verified, ChainBreak> {
        self.chain.extend(entry.envelope(), &entry.signed().unsigned)?;
        self.bytes += length(entry.signed());
        self.entries.push(entry.signed().clone());
        Ok(entry)
    }

    /// Whether one more entry is within the limits.
    pub(crate) fn has_room(&self, entry: &Verified, limits: &Settings) -> bool {
        self.next() < limits.entries_max && self.bytes + length(entry.signed()) <= limits.bytes_max
    }

    /// How many entries are held without a gap.
    pub(crate) const fn next(&self) -> u64 {
        self.chain.next()
    }

    /// Whether entries are held beyond a gap.
    pub(crate) fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// At most `count` entries from `first`, as far as they are held.
    pub(crate) fn range(&self, first: u64, count: u64) -> &[SignedEnvelope] {
        let start = (first.min(self.next())) as usize;
        let end = (first.saturating_add(count).min(self.next())) as usize;
        &self.entries[start..end]
    }

    pub(crate) const fn equivocation(&self) -> Option<&Equivocation> {
        self.equivocation.as_ref()
    }

    /// Bytes of all entries that are held.
    #[cfg(test)]
    pub(crate) fn bytes_held(&self) -> usize {
        self.bytes + self.ahead_bytes + self.far.as_ref().map_or(0, length)
    }

    fn put_ahead(&mut self, entry: Verified, limits: &Settings) {
        let distance = entry.sequence() - self.next();
        let bytes = length(entry.signed());
        if distance > limits.ahead_max || self.ahead_bytes + bytes > limits.ahead_bytes_max {
            self.far = Some(entry.into_signed());
        } else if !self.ahead.contains_key(&entry.sequence()) {
            self.ahead_bytes += bytes;
            self.ahead.insert(entry.sequence(), entry);
        }
    }

    /// Moves what follows without a gap from `ahead` into the log.
    fn close_gap(&mut self, taken: &mut Taken, limits: &Settings) {
        while let Some(entry) = self.ahead.remove(&self.next()) {
            self.ahead_bytes -= length(entry.signed());
            if let Some(evidence) = self.contradiction(&entry) {
                taken.evidence = Some(self.freeze(evidence));
                return;
            }
            if !self.has_room(&entry, limits) {
                return;
            }
            // Cannot fail among entries of one mission, and those of another are no part of this log.
            let Ok(entry) = self.push(entry) else { return };
            taken.grown.push(entry);
        }
    }

    /// What `entry` and an entry that is held prove together.
    fn contradiction(&self, entry: &Verified) -> Option<Equivocation> {
        let sequence = entry.sequence();
        let before = sequence.checked_sub(1).and_then(|before| self.held(before));
        let after = sequence.checked_add(1).and_then(|after| self.held(after));
        let earlier = [self.held(sequence), before, self.far.as_ref()].into_iter().flatten();
        let later = [after, self.far.as_ref()].into_iter().flatten();
        earlier
            .map(|held| Equivocation::between(held, entry.signed()))
            .chain(later.map(|held| Equivocation::between(entry.signed(), held)))
            .find_map(Result::ok)
    }

    /// The entry with this number, in the log or ahead of it.
    fn held(&self, sequence: u64) -> Option<&SignedEnvelope> {
        let in_log = usize::try_from(sequence).ok().and_then(|index| self.entries.get(index));
        in_log.or_else(|| self.ahead.get(&sequence).map(Verified::signed))
    }

    /// Remembers the evidence and forgets what can no longer become part of the log.
    fn freeze(&mut self, evidence: Equivocation) -> Equivocation {
        self.ahead.clear();
        self.ahead_bytes = 0;
        self.far = None;
        self.equivocation = Some(evidence.clone());
        evidence
    }
}

fn length(entry: &SignedEnvelope) -> usize {
    entry.unsigned.len() + entry.payload.len() + entry.signature.len()
}
