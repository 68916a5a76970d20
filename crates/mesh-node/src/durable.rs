//! Files that appear as a whole or not at all: written beside their place, synced, then renamed into it.

use crate::error::{Fault, NodeError};
use mesh_model::{Canonical, Hash};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes `bytes` to `path`, in place of whatever stood there. A reader sees the old content or the new, never a part.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    let refused = |why: io::Error| NodeError::refused("write", path)(why);
    let file = staged(path, bytes).map_err(refused)?;
    make_readable(file.as_file()).map_err(refused)?;
    file.persist(path).map_err(|why| refused(why.error))?;
    sync_folder(parent(path)).map_err(refused)
}

/// Writes `bytes` to a new file at `path` that only its owner can read. `Ok(false)` when something stands there
/// already: that is left alone, so of two creators at once the first wins.
pub fn create_private_file(path: &Path, bytes: &[u8]) -> Result<bool, NodeError> {
    let refused = |why: io::Error| NodeError::refused("create", path)(why);
    // A temporary file is readable by its owner only from the moment it exists.
    let file = staged(path, bytes).map_err(refused)?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(parent(path)).map(|()| true).map_err(refused),
        Err(why) if why.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(why) => Err(refused(why.error)),
    }
}

/// Makes the names in `folder` as durable as the files behind them.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that `path` lies in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Reads a file of at most `length_max` bytes.
pub fn read_bytes(path: &Path, length_max: u64) -> Result<Vec<u8>, NodeError> {
    let mut bytes = Vec::new();
    // Not every file knows its length beforehand.
    let file = File::open(path).map_err(NodeError::refused("read", path))?;
    file.take(length_max + 1).read_to_end(&mut bytes).map_err(NodeError::refused("read", path))?;
    if bytes.len() as u64 > length_max {
        return Err(NodeError::unfit(path, Fault::TooLong { length_max }));
    }
    Ok(bytes)
}

/// Reads a text file, a large one refused.
pub fn read_text(path: &Path) -> Result<String, NodeError> {
    let bytes = read_bytes(path, TEXT_LENGTH_MAX)?;
    String::from_utf8(bytes).map_err(|why| {
        let byte = why.utf8_error().valid_up_to();
        let line = why.as_bytes()[..byte].iter().filter(|byte| **byte == b'\n').count() + 1;
        NodeError::unfit(path, Fault::NotText { line, byte })
    })
}

/// SHA-256 of the file at `path`, however long it is.
pub fn file_hash(path: &Path) -> Result<Hash, NodeError> {
    let refused = |why: io::Error| NodeError::refused("read", path)(why);
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(refused)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).map_err(refused)? {
            0 => return Ok(Hash::decode(&hasher.finalize()).expect("SHA-256 gives 32 bytes, which are a hash")),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// The longest text file (scenario, fleet file, report) that is read.
pub const TEXT_LENGTH_MAX: u64 = 64 << 20;

fn staged(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(parent(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_has_the_new_content_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("report.json");
        replace_file(&path, b"old").expect("writes");
        replace_file(&path, b"new").expect("replaces");
        assert_eq!(fs::read(&path).expect("reads"), b"new");
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
    }

    #[test]
    fn the_hash_of_a_file_is_that_of_its_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("long");
        let bytes = vec![3; 200_000];
        replace_file(&path, &bytes).expect("writes");
        assert_eq!(file_hash(&path).expect("reads"), Hash::of(&bytes));
    }

    #[test]
    fn text_that_is_none_is_told_by_its_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("base.toml");
        fs::write(&path, b"a = 1\nb = \xff\n").expect("writes");
        let fault = |path: &Path| match read_text(path) {
            Err(NodeError::Unfit { fault, .. }) => fault,
            other => panic!("another outcome: {other:?}"),
        };
        assert_eq!(fault(&path), Fault::NotText { line: 2, byte: 10 });
        assert!(matches!(read_text(folder.path()), Err(NodeError::Refused { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_an_end_is_refused() {
        let endless = read_text(Path::new("/dev/zero")).expect_err("it has no end");
        assert!(endless.to_string().contains("more than"), "{endless}");
    }

    #[test]
    fn of_two_creators_the_first_wins() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rover.key");
        assert!(create_private_file(&path, b"first").expect("creates"));
        assert!(!create_private_file(&path, b"second").expect("refrains"));
        assert_eq!(fs::read(&path).expect("reads"), b"first");
    }
}
