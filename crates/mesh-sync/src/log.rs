//! One author's log on a disk: opened with recovery, then only ever appended to.

use crate::disk::{Disk, DiskError};
use crate::record::{self, FILE_HEADER, LogDamage, LogFault};
use mesh_model::SignedEnvelope;
use mesh_model::canonical::ENCODED_LENGTH_MAX;

/// A log file, open for appending. What [`LogStore::append`] has returned from is on the disk for good.
#[derive(Debug)]
pub struct LogStore<D> {
    disk: D,
    file: String,
    /// Length of the file up to the end of the last complete record.
    length: u64,
    /// Number of records.
    entries: u64,
    /// The file may hold something else than `entries` records: nothing more is written to it.
    broken: bool,
}

/// What opening a log gives.
#[derive(Debug)]
pub struct Opened<D> {
    /// The log.
    pub store: LogStore<D>,
    /// Its entries from the first.
    pub entries: Vec<SignedEnvelope>,
    /// Bytes of a torn last record that recovery cut off; 0 after an orderly end.
    pub torn_bytes: u64,
}

/// Why a log could not be opened or appended to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The disk did not do it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is damaged in a way that no interrupted append explains.
    #[error("{file}: {damage}")]
    Damaged {
        /// The file.
        file: String,
        /// Where, and what.
        damage: LogDamage,
    },
    /// The entry is longer than any that would be read back.
    #[error("{file}: an entry has at most {ENCODED_LENGTH_MAX} bytes")]
    TooLong {
        /// The file.
        file: String,
    },
    /// An append failed earlier and left the file in doubt: it has to be opened anew.
    #[error("{file}: an earlier write failed; open the log anew")]
    Broken {
        /// The file.
        file: String,
    },
}

impl<D: Disk> LogStore<D> {
    /// Opens the log in `file`, or begins one. An append that a crash interrupted is undone; anything else that is wrong
    /// is an error, and nothing is changed.
    pub fn open(mut disk: D, file: &str) -> Result<Opened<D>, LogError> {
        let Some(bytes) = disk.read(file)? else {
            create(&mut disk, file)?;
            let store =
                Self { disk, file: file.to_owned(), length: FILE_HEADER.len() as u64, entries: 0, broken: false };
            return Ok(Opened { store, entries: Vec::new(), torn_bytes: 0 });
        };
        let (entries, damage) = record::scan(&bytes);
        let (length, torn_bytes) = match damage {
            None => (bytes.len() as u64, 0),
            Some(LogDamage { offset, what: LogFault::Torn { present }, .. }) => (offset, present),
            Some(damage) => return Err(LogError::Damaged { file: file.to_owned(), damage }),
        };
        if torn_bytes > 0 {
            disk.truncate(file, length)?;
            disk.fsync(file)?;
        }
        let count = entries.len() as u64;
        let store = Self { disk, file: file.to_owned(), length, entries: count, broken: false };
        Ok(Opened { store, entries, torn_bytes })
    }

    /// Adds an entry and returns when it survives a crash. If the disk fails the entry is not in the log, or the log is
    /// [`LogError::Broken`] from then on.
    pub fn append(&mut self, entry: &SignedEnvelope) -> Result<(), LogError> {
        if self.broken {
            return Err(LogError::Broken { file: self.file.clone() });
        }
        let record = record::encode(self.length, entry).ok_or_else(|| LogError::TooLong { file: self.file.clone() })?;
        if let Err(why) = self.disk.append(&self.file, &record) {
            // Whatever part was written goes away again, else the next record would stand behind half a one.
            let undone = self.disk.truncate(&self.file, self.length).and_then(|()| self.disk.fsync(&self.file));
            self.broken = undone.is_err();
            return Err(why.into());
        }
        if let Err(why) = self.disk.fsync(&self.file) {
            // After a failed fsync nobody knows what is on the disk, and a second one may succeed without writing.
            self.broken = true;
            return Err(why.into());
        }
        self.length += record.len() as u64;
        self.entries += 1;
        Ok(())
    }

    /// Number of entries.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Length of the file in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Gives the disk back.
    pub fn into_disk(self) -> D {
        self.disk
    }
}

/// Writes the header under another name first: a file with the right name always has its whole header.
fn create<D: Disk>(disk: &mut D, file: &str) -> Result<(), DiskError> {
    let fresh = format!("{file}.new");
    if disk.read(&fresh)?.is_some() {
        disk.truncate(&fresh, 0)?;
    }
    disk.append(&fresh, &FILE_HEADER)?;
    disk.fsync(&fresh)?;
    disk.rename(&fresh, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryDisk, read_log};
    use proptest::prelude::*;

    const FILE: &str = "rover.log";

    /// Nothing here reads what an entry says, so it need not be a signed one.
    fn entry(number: u8, length: usize) -> SignedEnvelope {
        SignedEnvelope { unsigned: vec![number; length], payload: vec![number], signature: [number; 64] }
    }

    fn written(entries: &[SignedEnvelope]) -> MemoryDisk {
        let mut opened = LogStore::open(MemoryDisk::new(), FILE).expect("opens");
        entries.iter().for_each(|entry| opened.store.append(entry).expect("appends"));
        opened.store.into_disk()
    }

    fn bytes(disk: &MemoryDisk) -> Vec<u8> {
        disk.read(FILE).expect("reads").expect("is there")
    }

    #[test]
    fn a_log_comes_back_and_goes_on() {
        let entries = [entry(1, 10), entry(2, 0), entry(3, 300)];
        let disk = written(&entries[..2]);
        let mut opened = LogStore::open(disk, FILE).expect("opens");
        assert_eq!((opened.entries.as_slice(), opened.torn_bytes), (&entries[..2], 0));
        opened.store.append(&entries[2]).expect("appends");
        assert_eq!(opened.store.entries(), 3);
        let disk = opened.store.into_disk();
        assert_eq!(read_log(&bytes(&disk)).as_deref(), Ok(entries.as_slice()));
        assert_eq!(disk, written(&entries));
    }

    #[test]
    fn a_crash_while_a_log_is_begun_leaves_none_or_an_empty_one() {
        let mut disk = MemoryDisk::new();
        disk.append("rover.log.new", &FILE_HEADER[..7]).expect("appends");
        disk.crash(3);
        let opened = LogStore::open(disk, FILE).expect("opens");
        assert_eq!(bytes(&opened.store.into_disk()), FILE_HEADER);
    }

    #[test]
    fn a_full_disk_loses_no_entry_and_leaves_no_half_one() {
        let entries = [entry(1, 10), entry(2, 10)];
        let mut disk = written(&entries);
        disk.limit_space(Some(50));
        let mut store = LogStore::open(&mut disk, FILE).expect("opens").store;
        assert_eq!(store.append(&entry(3, 10)), Err(LogError::Disk(DiskError::Full { file: FILE.to_owned() })));
        assert_eq!(read_log(&bytes(&disk)).as_deref(), Ok(entries.as_slice()));
        disk.limit_space(None);
        let mut store = LogStore::open(&mut disk, FILE).expect("opens").store;
        store.append(&entry(3, 10)).expect("there is space again");
        assert_eq!(read_log(&bytes(&disk)).map(|entries| entries.len()), Ok(3));
    }

    #[test]
    fn after_a_failed_fsync_nothing_more_is_written() {
        let mut disk = written(&[entry(1, 10)]);
        disk.fail_fsync(true);
        let mut store = LogStore::open(disk, FILE).expect("opens").store;
        assert!(matches!(store.append(&entry(2, 10)), Err(LogError::Disk(_))));
        assert_eq!(store.append(&entry(2, 10)), Err(LogError::Broken { file: FILE.to_owned() }));
        assert_eq!(store.entries(), 1);
    }

    #[test]
    fn an_entry_that_could_not_be_read_back_is_not_written() {
        let mut store = LogStore::open(MemoryDisk::new(), FILE).expect("opens").store;
        let long = entry(1, ENCODED_LENGTH_MAX);
        assert_eq!(store.append(&long), Err(LogError::TooLong { file: FILE.to_owned() }));
        store.append(&entry(1, ENCODED_LENGTH_MAX - 100)).expect("just fits");
        assert_eq!(LogStore::open(store.into_disk(), FILE).expect("opens").entries.len(), 1);
    }

    #[test]
    fn a_foreign_file_is_an_error_and_stays_as_it_is() {
        for content in [b"".as_slice(), b"cosmosmesh/log/", b"cosmosmesh/log/2", b"something else entirely"] {
            let mut disk = MemoryDisk::new();
            disk.write(FILE, content);
            let damage = LogDamage { entry: 0, offset: 0, what: LogFault::Header };
            let error = LogStore::open(&mut disk, FILE).expect_err("no log");
            assert_eq!(error, LogError::Damaged { file: FILE.to_owned(), damage });
            assert_eq!(bytes(&disk), content);
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_an_error_for_both_readers() {
        let disk = written(&[entry(1, 10), entry(2, 0), entry(3, 40)]);
        let good = bytes(&disk);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let damage = read_log(&bad).expect_err("damage");
            assert!(damage.offset <= (bit / 8) as u64, "{damage} for byte {}", bit / 8);
            let mut disk = MemoryDisk::new();
            disk.write(FILE, &bad);
            let error = LogStore::open(disk, FILE).expect_err("never taken for a torn tail");
            assert_eq!(error, LogError::Damaged { file: FILE.to_owned(), damage });
        }
    }

    #[test]
    fn a_record_read_at_another_place_is_damage() {
        let disk = written(&[entry(1, 10), entry(2, 10)]);
        let mut bytes = bytes(&disk);
        let record = (bytes.len() - FILE_HEADER.len()) / 2;
        bytes.drain(FILE_HEADER.len()..FILE_HEADER.len() + record);
        assert_eq!(read_log(&bytes).map_err(|damage| (damage.entry, damage.what)), Err((0, LogFault::Length)));
    }

    proptest! {
        #[test]
        fn a_crash_during_an_append_loses_no_acknowledged_entry(
            lengths in prop::collection::vec(0usize..200, 1..8),
            kept in 0usize..400,
        ) {
            let entries: Vec<_> = lengths.iter().enumerate().map(|(i, length)| entry(i as u8, *length)).collect();
            let (last, acknowledged) = entries.split_last().expect("at least one");
            let mut disk = written(acknowledged);
            disk.fail_fsync(true);
            let mut store = LogStore::open(&mut disk, FILE).expect("opens").store;
            prop_assert!(store.append(last).is_err());
            disk.fail_fsync(false);
            disk.crash(kept);
            let opened = LogStore::open(&mut disk, FILE).expect("recovers");
            prop_assert!(opened.entries == acknowledged || opened.entries == entries);
            let mut store = opened.store;
            store.append(last).expect("appends");
            prop_assert!(read_log(&bytes(&disk)).is_ok());
        }

        #[test]
        fn recovery_keeps_every_complete_record(
            lengths in prop::collection::vec(0usize..200, 1..6),
            cut in 0.0f64..1.0,
        ) {
            let entries: Vec<_> = lengths.iter().enumerate().map(|(i, length)| entry(i as u8, *length)).collect();
            let good = bytes(&written(&entries));
            let cut = FILE_HEADER.len() + ((good.len() - FILE_HEADER.len()) as f64 * cut) as usize;
            let complete = (0..=entries.len()).rev().find(|count| bytes(&written(&entries[..*count])).len() <= cut);
            let complete = complete.expect("the header is there");
            let mut disk = MemoryDisk::new();
            disk.write(FILE, &good[..cut]);
            let opened = LogStore::open(disk, FILE).expect("recovers");
            prop_assert_eq!(&opened.entries, &entries[..complete]);
            let disk = opened.store.into_disk();
            prop_assert_eq!(disk, written(&entries[..complete]));
            let strict = read_log(&good[..cut]);
            prop_assert_eq!(strict.is_ok(), good[..cut] == bytes(&written(&entries[..complete])));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes: Vec<u8> = FILE_HEADER.iter().copied().chain(tail.iter().copied()).collect();
            prop_assert_eq!(read_log(&bytes).is_ok(), tail.is_empty());
            prop_assert!(read_log(&tail).is_err());
        }
    }
}
