//! Where a chore's runs, keys and builds lie, and which processes belong to it.

use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::process;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A program that was built.
pub struct Program {
    path: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

/// Builds the program as it ships.
pub fn build(root: &Path) -> Result<Program, Failure> {
    let mut command = process::cargo(root);
    command.args(["build", "--locked", "--release", "--package", "mesh-cli"]);
    process::succeed(&mut command, "mend what the compiler names")?;
    let target = Metadata::read(root, false)?.target;
    let path = target.join("release").join(format!("cosmosmesh{}", std::env::consts::EXE_SUFFIX));
    Ok(Program { path, target })
}

/// A folder below the target folder that belongs to one chore, and goes when it is dropped.
pub struct Room {
    folder: PathBuf,
}

impl Room {
    /// An empty folder.
    pub fn new(target: &Path, chore: &str) -> Result<Self, Failure> {
        let folder = target.join("xtask").join(format!("{chore}-{}", std::process::id()));
        // A process of that number may have been killed before it could clear its own.
        let _ = fs::remove_dir_all(&folder);
        created(&folder).map_err(|why| disk(&folder, &why))?;
        Ok(Self { folder })
    }

    /// A path in this room.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A new folder in this room.
    pub fn create(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.join(name);
        fs::create_dir_all(&path).map_err(|why| disk(&path, &why))?;
        Ok(path)
    }

    /// The names in a folder of this room, in order.
    pub fn files(&self, name: &str) -> Result<Vec<String>, Failure> {
        let path = self.join(name);
        let entries = fs::read_dir(&path).map_err(|why| disk(&path, &why))?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// A call of `program` that keeps fleet keys in this room.
    pub fn command(&self, root: &Path, program: &Program) -> Command {
        let mut command = Command::new(&program.path);
        command.current_dir(root).env("COSMOSMESH_HOME", self.join("home")).env_remove("RUST_LOG");
        command
    }

    /// Those of [`Self::processes`] that still run when all have had time to end. One whose parent was killed notices that
    /// by itself, and a busy machine lets it do so late.
    pub fn processes_left(&self) -> Option<Vec<u32>> {
        let deadline = Instant::now() + ENDING_MAX;
        loop {
            let found = self.processes();
            if found.as_ref().is_none_or(Vec::is_empty) || Instant::now() >= deadline {
                return found;
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// The processes that were started with this room in their environment and still run; none where the system does
    /// not tell.
    pub fn processes(&self) -> Option<Vec<u32>> {
        // A variable names a path in the room. Without the separator, room 12 would be in room 123.
        let folder = format!("{}/", self.folder.display());
        let of_room = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&*folder)
        };
        let entries = fs::read("/proc/self/environ").and_then(|_| fs::read_dir("/proc")).ok()?;
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Some(pids.filter(of_room).collect())
    }
}

/// Creates `folder` and the house around it, which the last of other rooms may be taking along at this very moment.
fn created(folder: &Path) -> io::Result<()> {
    let mut outcome = fs::create_dir_all(folder);
    for _ in 0..CREATE_AGAIN_MAX {
        // The house was there when it was to be made, and not when it was to be entered, or the other way round.
        let is_race = |why: &io::Error| matches!(why.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists);
        if !outcome.as_ref().is_err_and(is_race) {
            break;
        }
        outcome = fs::create_dir_all(folder);
    }
    outcome
}

impl Drop for Room {
    fn drop(&mut self) {
        // What cannot be removed lies in the target folder, where `cargo clean` finds it.
        let _ = fs::remove_dir_all(&self.folder);
        // The last room takes the house along; one that is not empty stays.
        if let Some(house) = self.folder.parent() {
            let _ = fs::remove_dir(house);
        }
    }
}

/// A path below a room as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("the room's folder lies below the target folder, which cargo reports as UTF-8")
}

/// What went wrong with a file.
pub fn disk(path: &Path, why: &std::io::Error) -> Failure {
    Failure::could_not_run(format!("{}: {why}", path.display()), "check that the file is there, and space and rights")
}

/// How often a folder is created again that somebody took away.
const CREATE_AGAIN_MAX: usize = 100;
/// How long what was started may take to end after the command that started it.
const ENDING_MAX: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_come_and_go_beside_each_other() {
        let house = std::env::temp_dir();
        thread::scope(|scope| {
            for name in ["one", "two", "three"] {
                let house = &house;
                scope.spawn(move || (0..1000).for_each(|_| drop(Room::new(house, name).expect("a folder"))));
            }
        });
    }

    #[test]
    fn a_room_is_not_taken_for_one_whose_number_begins_with_its_own() {
        let house = std::env::temp_dir();
        let (room, other) = (Room::new(&house, "prefix").expect("a folder"), house.join("xtask"));
        let other = other.join(format!("prefix-{}0/tmp", std::process::id()));
        let mut child = Command::new("sleep").arg("60").env("TMPDIR", other).spawn().expect("sleeps");
        let found = room.processes();
        child.kill().expect("is there");
        child.wait().expect("ends");
        assert!(found.is_none_or(|found| found.is_empty()));
    }

    #[test]
    fn a_room_is_cleared_and_its_processes_are_found() {
        let room = Room::new(&std::env::temp_dir(), "room").expect("a temporary folder");
        let program = Program { path: "sleep".into(), target: PathBuf::new() };
        let mut child = room.command(Path::new("."), &program).arg("60").spawn().expect("sleeps");
        // A new process has its environment a moment after it was started.
        let deadline = Instant::now() + Duration::from_secs(60);
        while room.processes().is_some_and(|found| found != [child.id()]) {
            assert!(Instant::now() < deadline, "{:?} without {}", room.processes(), child.id());
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("is there");
        child.wait().expect("ends");
        assert!(room.processes().is_none_or(|found| found.is_empty()));
        let folder = room.create("runs").expect("a folder");
        fs::write(folder.join("b"), "").expect("writes");
        fs::write(folder.join("a"), "").expect("writes");
        assert_eq!(room.files("runs"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert!(room.files("elsewhere").is_err());
        drop(room);
        assert!(!folder.exists());
    }
}
