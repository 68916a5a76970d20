//! The proof of a plan as a file of its own.

use super::{SCENARIO, program};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a run of three hours, its fleet, and the proof of its newest plan.
struct Place(tempfile::TempDir);

impl Place {
    fn with_a_run() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
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

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// Exit code, and all that was said.
    fn said(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = program(arguments).output().expect("starts");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    fn verified(&self, proof: &Path, more: &[&str]) -> (Option<i32>, String) {
        self.said(&[&["certificate", "verify", &proof.to_string_lossy()], more].concat())
    }
}

#[test]
fn a_plan_is_proved_by_a_file_alone_and_opened_by_whoever_holds_a_problem() {
    let place = Place::with_a_run();
    let proof = place.path("proof.json");
    let (code, said) = place.verified(&proof, &["--fleet", &place.text("fleet")]);
    assert!(code == Some(0) && said.contains("verified:") && said.contains("gap"), "{said}");

    let (run, rover) = (place.text("run"), place.text("rover.problem"));
    let plan = said.split("plan ").nth(1).and_then(|rest| rest.split('.').next()).expect("the plan has a number");
    let open = ["certificate", "open", &run, "--asset", "rover", "--plan", plan, "--out", &rover];
    assert_eq!(place.said(&open).0, Some(0));
    assert_eq!(place.said(&open).0, Some(2), "it overwrote a file");
    let (code, said) = place.verified(&proof, &["--open", &rover]);
    assert!(code == Some(0) && said.contains("recomputed"), "{said}");

    // The problem of another plan is not the one that was attested.
    let other = place.text("other.problem");
    let opened = place.said(&["certificate", "open", &run, "--asset", "rover", "--plan", "1", "--out", &other]);
    assert_eq!(opened.0, Some(0), "{}", opened.1);
    let (code, said) = place.verified(&proof, &["--open", &other]);
    assert!(code == Some(1) && said.contains("what is attested is of"), "{said}");
}

#[test]
fn whatever_is_changed_in_a_proof_is_found() {
    let place = Place::with_a_run();
    let sound = fs::read(place.path("proof.json")).expect("reads");
    let changed = place.path("changed.json");
    let digits: Vec<usize> = (0..sound.len()).filter(|at| sound[*at].is_ascii_hexdigit()).collect();
    // Spread over keys, contract, certificate and parts.
    for step in 0..60 {
        let mut bytes = sound.clone();
        let at = digits[digits.len() * step / 60];
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        fs::write(&changed, &bytes).expect("writes");
        let (code, said) = place.verified(&changed, &["--fleet", &place.text("fleet")]);
        assert!(matches!(code, Some(1 | 2)), "digit {at} of {}: {said}", sound.len());
        assert!(!said.contains("panicked"), "{said}");
    }
    fs::write(&changed, &sound[..sound.len() / 2]).expect("writes");
    let (code, said) = place.verified(&changed, &[]);
    assert!(code == Some(2) && said.contains("not a proof"), "{said}");
}

const DURATION: &str = "duration = \"24 h\"";
