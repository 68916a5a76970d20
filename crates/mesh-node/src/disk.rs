//! The logs' disk on real files: one folder with flat names.

use crate::durable;
use mesh_sync::{Disk, DiskError};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The files of one folder.
#[derive(Debug)]
pub struct FileDisk {
    folder: PathBuf,
    /// Files that were written to stay open: a write error that the system finds later is told to the handle that wrote.
    open: BTreeMap<String, File>,
    /// A file came into being whose name is not durable yet.
    folder_changed: bool,
}

impl FileDisk {
    /// The disk in `folder`, which exists.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: BTreeMap::new(), folder_changed: false }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The handle of `file`, opened for appending; a file that is not there is made if `create` says so.
    fn handle(&mut self, file: &str, create: bool) -> io::Result<&mut File> {
        // Names are built from asset ids. A path in their place would reach out of the folder.
        if file.contains(['/', '\\']) || file.starts_with('.') {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a file name without a path was expected"));
        }
        if !self.open.contains_key(file) {
            let path = self.path(file);
            let is_new = !path.try_exists()?;
            let handle = OpenOptions::new().append(true).create(create).open(path)?;
            self.folder_changed |= is_new;
            self.open.insert(file.to_owned(), handle);
        }
        Ok(self.open.get_mut(file).expect("it was inserted above"))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        durable::sync_folder(&self.folder)?;
        self.folder_changed = false;
        Ok(())
    }
}

impl Disk for FileDisk {
    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, DiskError> {
        match fs::read(self.path(file)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
            Err(why) => Err(failed(file, &why)),
        }
    }

    fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.handle(file, true).and_then(|handle| handle.write_all(bytes)).map_err(|why| failed(file, &why))
    }

    fn fsync(&mut self, file: &str) -> Result<(), DiskError> {
        let synced = self.handle(file, false).and_then(|handle| handle.sync_all());
        let named = synced.and_then(|()| if self.folder_changed { self.sync_folder() } else { Ok(()) });
        named.map_err(|why| failed(file, &why))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        fs::rename(self.path(from), self.path(to)).map_err(|why| failed(from, &why))?;
        self.open.remove(to);
        if let Some(handle) = self.open.remove(from) {
            self.open.insert(to.to_owned(), handle);
        }
        self.sync_folder().map_err(|why| failed(to, &why))
    }

    fn truncate(&mut self, file: &str, length: u64) -> Result<(), DiskError> {
        self.handle(file, false).and_then(|handle| handle.set_len(length)).map_err(|why| failed(file, &why))
    }
}

fn failed(file: &str, why: &io::Error) -> DiskError {
    let file = file.to_owned();
    match why.kind() {
        ErrorKind::NotFound => DiskError::Missing { file },
        ErrorKind::PermissionDenied => DiskError::Denied { file },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => DiskError::Full { file },
        _ => DiskError::Failed { file, why: why.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_model::SignedEnvelope;
    use mesh_sync::{LogStore, MemoryDisk, read_log};

    fn entry(number: u8) -> SignedEnvelope {
        SignedEnvelope { unsigned: vec![number; 40], payload: vec![number], signature: [number; 64] }
    }

    #[test]
    fn a_log_on_files_has_the_bytes_of_one_in_memory_and_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut memory = LogStore::open(MemoryDisk::new(), "rover.log").expect("opens").store;
        for number in 0..3 {
            // Opened anew for every entry: each time the log is found as it was left.
            let opened = LogStore::open(FileDisk::new(folder.path()), "rover.log").expect("opens");
            assert_eq!(opened.entries.len(), usize::from(number));
            let mut store = opened.store;
            store.append(&entry(number)).expect("appends");
            memory.append(&entry(number)).expect("appends");
        }
        let bytes = fs::read(folder.path().join("rover.log")).expect("reads");
        assert_eq!(memory.into_disk().read("rover.log"), Ok(Some(bytes.clone())));
        assert_eq!(read_log(&bytes).expect("is whole").len(), 3);
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
    }

    #[test]
    fn a_torn_entry_is_cut_off_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut store = LogStore::open(FileDisk::new(folder.path()), "rover.log").expect("opens").store;
        store.append(&entry(1)).expect("appends");
        store.append(&entry(2)).expect("appends");
        let path = folder.path().join("rover.log");
        let bytes = fs::read(&path).expect("reads");
        fs::write(&path, &bytes[..bytes.len() - 5]).expect("writes");
        let opened = LogStore::open(FileDisk::new(folder.path()), "rover.log").expect("opens");
        assert_eq!(opened.entries, [entry(1)]);
        assert!(opened.torn_bytes > 0);
        assert_eq!(read_log(&fs::read(&path).expect("reads")).expect("is whole").len(), 1);
    }

    #[test]
    fn what_is_not_there_is_told_apart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut disk = FileDisk::new(folder.path());
        assert_eq!(disk.read("none"), Ok(None));
        assert_eq!(disk.fsync("none"), Err(DiskError::Missing { file: "none".to_owned() }));
        assert_eq!(disk.rename("none", "other"), Err(DiskError::Missing { file: "none".to_owned() }));
        assert!(matches!(disk.append("../escape", b""), Err(DiskError::Failed { .. })));
    }
}
