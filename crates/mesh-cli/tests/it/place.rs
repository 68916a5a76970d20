//! Folders with things in them that tests work on.

use super::{SCENARIO, program};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder.
pub struct Place(tempfile::TempDir);

impl Place {
    /// With nothing in it.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// With a run of three hours, its fleet, and the proof of its newest plan.
    pub fn with_a_run() -> Self {
        let place = Self::empty();
        let text = fs::read_to_string(SCENARIO).expect("reads");
        assert!(text.contains(DURATION), "the scenario says how long it lasts in another way");
        fs::write(
            place.path("short.toml"),
            text.replacen(DURATION, "duration = \"3 h\"", 1)
                .replace("blackout_min = \"4 h\"", "blackout_min = \"0 h\"")
                .replace("blackout_overlap_min = \"1 h\"", "blackout_overlap_min = \"0 h\""),
        )
        .expect("writes");
        let scenario = place.text("short.toml");
        let (fleet, run) = (place.text("fleet"), place.text("run"));
        // What the scenario asserts of a whole day need not hold.
        let flown = place.said(&["run", &scenario, "--in-process", "--fleet", &fleet, "--out", &run, "--json"]);
        assert!(matches!(flown.0, Some(0 | 1)), "{}", flown.1);
        let exported =
            place.said(&["certificate", "export", &run, "--fleet", &fleet, "--out", &place.text("proof.json")]);
        assert_eq!(exported.0, Some(0), "{}", exported.1);
        place
    }

    /// Where something in it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// Exit code, and all that was said; where lines are folded depends on how long paths are, so they are not.
    pub fn said(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = program(arguments).output().expect("starts");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).replace("\n  │ ", " "))
    }

    /// What is said of a proof.
    pub fn verified(&self, proof: &Path, more: &[&str]) -> (Option<i32>, String) {
        self.said(&[&["certificate", "verify", &proof.to_string_lossy()], more].concat())
    }

    /// Writes a file.
    pub fn put(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("writes");
        self.text(name)
    }

    /// The outcome of a command that prints JSON and nothing else.
    pub fn json(&self, arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
        let output = program(arguments).output().expect("starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = serde_json::from_str(&text);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), value.unwrap_or_else(|why| unreachable!("{arguments:?}: {why} in {text}; {said}")))
    }
}

const DURATION: &str = "duration = \"24 h\"";
