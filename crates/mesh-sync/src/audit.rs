//! Judging a log file with nothing but its bytes and the fleet's public keys.

use crate::record::{LogDamage, read_log};
use mesh_identity::{Expectation, Refusal, Roster, Verified, verify};
use mesh_ledger::{Chain, ChainBreak};
use mesh_model::{AssetId, AuditSubject, Payload};

/// A log that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditedLog {
    /// The entries from the first.
    pub entries: Vec<Verified>,
    /// The end of the chain.
    pub chain: Chain,
    /// Whether the last entry closes the log. A log that is not closed can have been cut between two entries without a
    /// trace in the file itself.
    pub closed: bool,
}

/// Why a log is not what its author wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditFailure {
    /// The file is damaged.
    #[error(transparent)]
    Damaged(#[from] LogDamage),
    /// An entry is not its author's, or belongs elsewhere.
    #[error("entry {entry}: {refusal}")]
    Refused {
        /// Which entry, counted from 0.
        entry: u64,
        /// Why.
        refusal: Refusal,
    },
    /// An entry does not follow the one before.
    #[error("entry {entry}: {broken}")]
    Broken {
        /// Which entry, counted from 0.
        entry: u64,
        /// How.
        broken: ChainBreak,
    },
}

/// Checks the bytes of `author`'s log: every record, every signature, and the chain from the first entry.
pub fn audit_log(
    bytes: &[u8],
    author: &AssetId,
    roster: &Roster,
    expectation: &Expectation,
) -> Result<AuditedLog, AuditFailure> {
    let mut chain = Chain::new(author.clone());
    let mut entries = Vec::new();
    for (entry, signed) in (0..).zip(read_log(bytes)?) {
        let verified =
            verify(&signed, roster, expectation).map_err(|refusal| AuditFailure::Refused { entry, refusal })?;
        chain.extend(verified.envelope(), &signed.unsigned).map_err(|broken| AuditFailure::Broken { entry, broken })?;
        entries.push(verified);
    }
    let closed = entries.last().is_some_and(closes);
    Ok(AuditedLog { entries, chain, closed })
}

fn closes(entry: &Verified) -> bool {
    matches!(entry.payload(), Payload::Audit(record) if matches!(record.subject, AuditSubject::Closed { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fleet, Writer, asset, names};
    use crate::record::FILE_HEADER;
    use crate::{LogFault, LogStore, MemoryDisk};
    use mesh_model::Hash;
    use proptest::prelude::*;

    /// A log of `a0` with so many entries and a closing one.
    fn log(fleet: &Fleet, entries: usize) -> Vec<u8> {
        let mut writer = Writer::new(&asset("a0"));
        let mut store = LogStore::open(MemoryDisk::new(), "a0.log").expect("opens").store;
        for i in 0..entries {
            store.append(writer.write(fleet, 10 * i).signed()).expect("appends");
        }
        let closed = writer.write_about(fleet, AuditSubject::Closed { state: Hash::ZERO });
        store.append(closed.signed()).expect("appends");
        bytes(store)
    }

    fn bytes(store: LogStore<MemoryDisk>) -> Vec<u8> {
        use crate::Disk;
        let file = store.file().to_owned();
        store.into_disk().read(&file).expect("reads").expect("is there")
    }

    fn audit(fleet: &Fleet, bytes: &[u8]) -> Result<AuditedLog, AuditFailure> {
        audit_log(bytes, &asset("a0"), &fleet.roster, &fleet.expectation)
    }

    #[test]
    fn an_honest_log_passes() {
        let fleet = Fleet::new(&names(2));
        let audited = audit(&fleet, &log(&fleet, 5)).expect("honest");
        assert_eq!((audited.entries.len(), audited.chain.next(), audited.closed), (6, 6, true));
        assert_eq!(Some(audited.chain.head()), audited.entries.last().map(Verified::unsigned_hash));
        let empty = audit(&fleet, &FILE_HEADER).expect("an empty log is one");
        assert_eq!((empty.entries.len(), empty.closed), (0, false));
    }

    #[test]
    fn every_single_bit_flip_is_found() {
        let fleet = Fleet::new(&names(2));
        let good = log(&fleet, 3);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(audit(&fleet, &bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_found() {
        let fleet = Fleet::new(&names(2));
        let good = log(&fleet, 3);
        for length in 0..good.len() {
            let found = audit(&fleet, &good[..length]);
            assert!(found.as_ref().is_err() || found.is_ok_and(|log| !log.closed), "{length} bytes");
        }
    }

    /// A forger keeps the checksums right: it writes the file with the tools of the house.
    fn forged(entries: &[mesh_model::SignedEnvelope]) -> Vec<u8> {
        let mut store = LogStore::open(MemoryDisk::new(), "a0.log").expect("opens").store;
        entries.iter().for_each(|entry| store.append(entry).expect("appends"));
        bytes(store)
    }

    #[test]
    fn a_forger_who_keeps_the_checksums_right_is_found() {
        let fleet = Fleet::new(&names(2));
        let good = read_log(&log(&fleet, 4)).expect("good");

        let mut altered = good.clone();
        altered[2].payload[9] ^= 1;
        assert!(matches!(audit(&fleet, &forged(&altered)), Err(AuditFailure::Refused { entry: 2, .. })));

        let mut resigned = good.clone();
        resigned[1].signature = resigned[2].signature;
        assert!(matches!(audit(&fleet, &forged(&resigned)), Err(AuditFailure::Refused { entry: 1, .. })));

        let mut without = good.clone();
        without.remove(1);
        assert!(matches!(audit(&fleet, &forged(&without)), Err(AuditFailure::Broken { entry: 1, .. })));

        let mut swapped = good.clone();
        swapped.swap(2, 3);
        assert!(matches!(audit(&fleet, &forged(&swapped)), Err(AuditFailure::Broken { entry: 2, .. })));

        let mut foreign = good.clone();
        foreign[0] = Writer::new(&asset("a1")).write(&fleet, 1).into_signed();
        assert!(matches!(audit(&fleet, &forged(&foreign)), Err(AuditFailure::Broken { entry: 0, .. })));
    }

    #[test]
    fn damage_names_the_entry_and_its_place() {
        let fleet = Fleet::new(&names(2));
        let mut bytes = log(&fleet, 3);
        let first = forged(&read_log(&bytes).expect("good")[..1]).len();
        bytes[first + 20] ^= 1;
        let damage = LogDamage { entry: 1, offset: first as u64, what: LogFault::Body };
        assert_eq!(audit(&fleet, &bytes), Err(AuditFailure::Damaged(damage.clone())));
        assert_eq!(damage.to_string(), format!("entry 1 at byte {first}: the entry is damaged"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_changed_byte_and_any_cut_are_found(
            entries in 0usize..6,
            at in any::<prop::sample::Index>(),
            change in 1u8..,
            cut in any::<prop::sample::Index>(),
        ) {
            let fleet = Fleet::new(&names(2));
            let good = log(&fleet, entries);
            let mut bad = good.clone();
            bad[at.index(good.len())] ^= change;
            prop_assert!(audit(&fleet, &bad).is_err());
            let short = audit(&fleet, &good[..cut.index(good.len())]);
            prop_assert!(short.is_err() || short.is_ok_and(|log| !log.closed));
        }
    }
}
