//! What a log asks of a disk, and a disk in memory for tests and simulation.
//!
//! Files are flat names. Nothing is promised about what an unsynced change leaves behind after a crash, except that
//! `rename` is atomic.

use std::collections::BTreeMap;

/// The file operations that logs are built on. Every change but `rename` is durable only after `fsync`; `rename`
/// returns when it is.
pub trait Disk {
    /// The whole content of a file; `None` if there is none.
    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, DiskError>;
    /// Adds `bytes` at the end of a file, which comes into being if there is none. May have written a part if it fails.
    fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), DiskError>;
    /// Returns when all that was done to the file survives a crash.
    fn fsync(&mut self, file: &str) -> Result<(), DiskError>;
    /// Gives a file another name, in place of the file that has it.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Cuts a file to its first `length` bytes.
    fn truncate(&mut self, file: &str, length: u64) -> Result<(), DiskError>;
}

impl<D: Disk + ?Sized> Disk for &mut D {
    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, DiskError> {
        (**self).read(file)
    }
    fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), DiskError> {
        (**self).append(file, bytes)
    }
    fn fsync(&mut self, file: &str) -> Result<(), DiskError> {
        (**self).fsync(file)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        (**self).rename(from, to)
    }
    fn truncate(&mut self, file: &str, length: u64) -> Result<(), DiskError> {
        (**self).truncate(file, length)
    }
}

/// Why a disk did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No space left.
    #[error("{file}: no space left")]
    Full {
        /// The file.
        file: String,
    },
    /// There is no such file.
    #[error("{file}: no such file")]
    Missing {
        /// The file.
        file: String,
    },
    /// Not allowed.
    #[error("{file}: permission denied")]
    Denied {
        /// The file.
        file: String,
    },
    /// The device failed.
    #[error("{file}: {why}")]
    Failed {
        /// The file.
        file: String,
        /// What the operating system says.
        why: String,
    },
}

/// A disk in memory. A crash takes back what was not synced, whole or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryDisk {
    files: BTreeMap<String, MemoryFile>,
    /// Bytes that may still be appended; `None` is no limit.
    space: Option<usize>,
    /// Whether fsync fails.
    fsync_fails: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct MemoryFile {
    bytes: Vec<u8>,
    /// Content at the last fsync.
    synced: Vec<u8>,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file there, synced.
    pub fn write(&mut self, file: &str, bytes: &[u8]) {
        self.files.insert(file.to_owned(), MemoryFile { bytes: bytes.to_vec(), synced: bytes.to_vec() });
    }

    /// Appends fail once `bytes` more have been written; the one that fails writes what still fits.
    pub fn limit_space(&mut self, bytes: Option<usize>) {
        self.space = bytes;
    }

    /// From here on fsync fails, or works again.
    pub fn fail_fsync(&mut self, fails: bool) {
        self.fsync_fails = fails;
    }

    /// Loses power: of what was appended to each file since its last fsync the first `kept` bytes survive.
    pub fn crash(&mut self, kept: usize) {
        for file in self.files.values_mut() {
            match file.bytes.strip_prefix(file.synced.as_slice()) {
                Some(unsynced) => file.bytes.truncate(file.synced.len() + kept.min(unsynced.len())),
                None => file.bytes.clone_from(&file.synced),
            }
            file.synced.clone_from(&file.bytes);
        }
    }

    fn file(&mut self, file: &str) -> Result<&mut MemoryFile, DiskError> {
        self.files.get_mut(file).ok_or_else(|| DiskError::Missing { file: file.to_owned() })
    }
}

impl Disk for MemoryDisk {
    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self.files.get(file).map(|file| file.bytes.clone()))
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let fits = self.space.unwrap_or(bytes.len()).min(bytes.len());
        if let Some(space) = &mut self.space {
            *space -= fits;
        }
        self.files.entry(file.to_owned()).or_default().bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(DiskError::Full { file: file.to_owned() }) } else { Ok(()) }
    }

    fn fsync(&mut self, file: &str) -> Result<(), DiskError> {
        if self.fsync_fails {
            return Err(DiskError::Failed { file: file.to_owned(), why: "fsync failed".to_owned() });
        }
        let file = self.file(file)?;
        file.synced.clone_from(&file.bytes);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let file = self.files.remove(from).ok_or_else(|| DiskError::Missing { file: from.to_owned() })?;
        self.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn truncate(&mut self, file: &str, length: u64) -> Result<(), DiskError> {
        let file = self.file(file)?;
        file.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }
}
