//! The run folder: what a mission leaves behind.
//!
//! ```text
//! scenario.toml    what was flown, byte for byte
//! logs/ASSET.log   each member's signed log
//! rec/ASSET.mcap   each member's recording
//! rec/ASSET.broken from when on a recording lacks something, and why; only if it does
//! world.mcap       what the world was told, if the simulator was a process of its own
//! plan.json        the plans that were agreed
//! report.json      what happened, for programs
//! report.html      what happened, for people
//! trace/NAME.jsonl what each process noted while it worked
//! ```

use crate::durable;
use crate::error::{Fault, NodeError};
use crate::fleet_folder::create_private_folder;
use mesh_model::{AssetId, FleetId};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder with one run in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder for a new run at `path`. Nothing may be there but an empty folder.
    pub fn create(path: &Path, scenario_text: &str) -> Result<Self, NodeError> {
        fs::create_dir_all(path).map_err(NodeError::refused("create", path))?;
        let mut entries = fs::read_dir(path).map_err(NodeError::refused("read", path))?;
        if entries.next().is_some() {
            return Err(NodeError::unfit(path, Fault::NotEmpty));
        }
        Self::fill(path, scenario_text)
    }

    /// Makes the folder for a new run under `runs/`, named after the scenario and the time.
    pub fn create_default(scenario: &FleetId, time: SystemTime, scenario_text: &str) -> Result<Self, NodeError> {
        let stem = format!("runs/{scenario}-{}", utc_stamp(time));
        fs::create_dir_all("runs").map_err(NodeError::refused("create", Path::new("runs")))?;
        for attempt in 1..=SAME_SECOND_MAX {
            let path = PathBuf::from(if attempt == 1 { stem.clone() } else { format!("{stem}-{attempt}") });
            match fs::create_dir(&path) {
                Ok(()) => return Self::fill(&path, scenario_text),
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(NodeError::refused("create", &path)(why)),
            }
        }
        Err(NodeError::unfit(Path::new(&stem), Fault::NotEmpty))
    }

    /// Opens the folder of a run that was flown.
    pub fn open(path: &Path) -> Result<Self, NodeError> {
        let run = Self { path: path.to_owned() };
        // Refused permission is told apart from absence.
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(NodeError::unfit(path, Fault::Missing { what: "folder" })),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                return Err(NodeError::unfit(path, Fault::Missing { what: "folder" }));
            }
            Err(why) => return Err(NodeError::refused("read", path)(why)),
        }
        fs::read_dir(path).map_err(NodeError::refused("read", path))?;
        if !run.scenario().try_exists().map_err(NodeError::refused("read", path))? {
            return Err(NodeError::unfit(path, Fault::Missing { what: "scenario.toml in it, so it is no run folder" }));
        }
        Ok(run)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The scenario as it was flown.
    pub fn scenario(&self) -> PathBuf {
        self.path.join("scenario.toml")
    }

    /// The folder of the signed logs.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The signed log of `asset`.
    pub fn log(&self, asset: &AssetId) -> PathBuf {
        self.logs().join(format!("{asset}.log"))
    }

    /// The folder of the recordings.
    pub fn recordings(&self) -> PathBuf {
        self.path.join("rec")
    }

    /// The recording of `asset`.
    pub fn recording(&self, asset: &AssetId) -> PathBuf {
        self.recordings().join(format!("{asset}.mcap"))
    }

    /// The recording of the world, if the simulator was a process of its own.
    pub fn world_recording(&self) -> PathBuf {
        self.path.join("world.mcap")
    }

    /// The agreed plans.
    pub fn plan(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// The report for programs.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// The report for people.
    pub fn report_page(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// What the process `name` noted. The folder is made with the first such file.
    pub fn trace(&self, name: &str) -> PathBuf {
        self.path.join("trace").join(format!("{name}.jsonl"))
    }

    fn fill(path: &Path, scenario_text: &str) -> Result<Self, NodeError> {
        let run = Self { path: path.to_owned() };
        fs::create_dir(run.logs()).map_err(NodeError::refused("create", &run.logs()))?;
        // Recordings hold what each asset keeps to itself.
        create_private_folder(&run.recordings())?;
        durable::replace_file(&run.scenario(), scenario_text.as_bytes())?;
        Ok(run)
    }
}

/// `20261120T164325Z`: sorts by time and is safe in a file name everywhere.
pub fn utc_stamp(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil_date(seconds / 86_400);
    let second = seconds % 86_400;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of the day `days` after 1970-01-01. Counts from 1 March of year 0, so that a leap day is the
/// last of its year (Hinnant, chrono-compatible low-level date algorithms).
fn civil_date(days: u64) -> (u64, u64, u64) {
    let day = days + 719_468;
    let era = day / 146_097;
    let day_of_era = day % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_year - (153 * month_from_march + 2) / 5 + 1)
}

/// Runs of one scenario that can begin within the same second.
const SAME_SECOND_MAX: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_stamp_reads_as_date_and_time() {
        let at = |seconds| utc_stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(951_782_399), "20000228T235959Z");
        assert_eq!(at(951_782_400), "20000229T000000Z");
        assert_eq!(at(1_795_193_005), "20261120T164325Z");
        assert_eq!(at(4_107_542_400), "21000301T000000Z");
    }

    #[test]
    fn an_existing_folder_is_taken_only_when_empty() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = RunFolder::create(folder.path(), "name = 1").expect("an empty folder will do");
        assert_eq!(fs::read_to_string(run.scenario()).expect("reads"), "name = 1");
        let again = RunFolder::create(folder.path(), "name = 2").expect_err("it is full");
        assert!(matches!(again, NodeError::Unfit { fault: Fault::NotEmpty, .. }));
        assert_eq!(fs::read_to_string(run.scenario()).expect("reads"), "name = 1");
        assert_eq!(RunFolder::open(folder.path()).expect("opens"), run);
    }

    #[test]
    fn only_logs_have_log_in_their_path() {
        let run = RunFolder { path: PathBuf::from("run") };
        let asset = AssetId::new("rover").expect("a good name");
        assert!(run.log(&asset).starts_with("run/logs"));
        for path in
            [run.scenario(), run.recording(&asset), run.plan(), run.report(), run.report_page(), run.trace("run")]
        {
            assert!(!path.to_string_lossy().contains("log"), "{}", path.display());
        }
    }

    #[test]
    fn a_missing_folder_is_no_run() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(RunFolder::open(&folder.path().join("none")).is_err());
        assert!(RunFolder::open(folder.path()).is_err());
    }
}
