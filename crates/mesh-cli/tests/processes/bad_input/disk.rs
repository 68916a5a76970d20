//! Disks that take no more: a limit on the length of files, which needs no rights, and a full and a read-only disk, where
//! this machine lets the test mount one.

use super::{ENDS_MAX, Place, ended, said};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn a_run_whose_recordings_break_off_flies_on_and_says_from_when_on_it_cannot_be_replayed() {
    let place = Place::new();
    place.flown("whole", &[]).check(0, &[]);
    let said = said(limited(&place, 64, &["run", &shown(&place.scenario()), "--out", &shown(&place.run("cut"))]));
    // What the scenario asserts is judged by what is known: by the part that was recorded.
    assert!(matches!(said.code, Some(0 | 1)), "{said:?}");
    for member in super::MEMBERS {
        let told = format!("the recording of {member} broke off: cannot write");
        assert!(super::words(&said.stderr).contains(&super::words(&told)), "{told:?} is missing in {}", said.stderr);
    }
    check_not_replayable(&place, "cut");
    // The logs are whole: nothing that was acknowledged was lost with the recordings.
    let (cut, whole) = (place.report("cut"), place.report("whole"));
    assert_eq!(cut["audit"]["entries"], whole["audit"]["entries"]);
    assert_eq!(cut["audit"]["verified"], true, "{}", place.audit("cut").stdout);
    place.audit("cut").check(0, &[]);
    place.close();
}

#[test]
fn a_run_that_can_write_nothing_is_refused() {
    let place = Place::new();
    place.make_fleet();
    let run = place.run("nothing");
    let said = said(limited(&place, 1, &["run", &shown(&place.scenario()), "--out", &shown(&run)]));
    said.check_refused(&["cannot write", "scenario.toml", "File too large", "ulimit -f"]);
    place.close();
}

#[test]
fn a_member_that_cannot_persist_says_nothing_more_and_the_others_go_on() {
    let place = Place::with_hours(8);
    let flight = place.begin("member", &["--external", "rover"]);
    let mission = shown(&place.mission("member"));
    let arguments = ["node", "--asset", "rover", "--fleet", &shown(&place.fleet()), "--mission", &mission];
    // Its recording is full after seconds of mission time, its log after two plans.
    let mut rover = limited(&place, 16, &arguments);
    let rover = rover.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let rover = ended(rover, ENDS_MAX);
    rover.check_refused(&["rover.log", "cannot write", "no space left", "free some space"]);
    let flown = flight.ended();
    assert!(matches!(flown.code, Some(0 | 1)), "{}", flown.stderr);
    assert_eq!(flown.report["interrupted"], false, "{}", flown.stderr);
    for (name, is_lost) in [("rover", true), ("habitat", false), ("planner", false), ("satellite", false)] {
        assert_eq!(flown.is_lost(name), is_lost, "{name}: {}", flown.report["processes"]);
    }
    check_not_replayable(&place, "member");
    // The others closed their logs; that of the rover ends with its last whole entry.
    assert_eq!(flown.said("audit").0, Some(0), "see {}", flown.place());
    let adopted = |asset: &str| {
        let assets = flown.report["assets"].as_array().expect("assets").clone();
        let own = assets.into_iter().find(|figures| figures["id"] == asset).expect("a member");
        own["plans_adopted"].as_u64().expect("a number")
    };
    assert!(adopted("habitat") >= 7, "the others agreed only {} plans: {}", adopted("habitat"), flown.place());
    flown.check_no_orphans();
    place.close();
}

#[test]
fn a_full_disk_and_one_that_is_read_only_are_told() {
    let place = Place::new();
    place.make_fleet();
    let Some(mount) = Mount::new(&place.path().join("disk"), "300k") else {
        println!("skipped: this machine lets the test mount no disk");
        return;
    };
    let run = mount.path.join("full");
    let said_full = place.command(&["run", &shown(&place.scenario()), "--out", &shown(&run)]);
    // Room for the reports may be left, or not.
    assert!(matches!(said_full.code, Some(0..=2)), "{said_full:?}");
    assert!(said_full.stderr.contains("No space left on device"), "{said_full:?}");
    assert!(said_full.stderr.contains("broke off"), "{said_full:?}");
    assert!(!said_full.stderr.contains("panicked"), "{said_full:?}");
    if said_full.code == Some(2) {
        assert!(said_full.stderr.contains("free some space"), "{said_full:?}");
    }
    // Nobody had room to close a log, and without a report nobody says why.
    let audit = place.command(&["audit", "verify", &shown(&run), "--json"]);
    let audit: serde_json::Value = serde_json::from_str(&audit.stdout).expect("an audit");
    let findings = audit["findings"].as_array().expect("findings");
    let is_open = |finding: &serde_json::Value| {
        finding["what"].as_str().is_some_and(|what| what.contains("without being closed"))
    };
    assert!(findings.iter().all(is_open) && audit["entries"].as_u64() > Some(0), "{audit}");
    mount.make_read_only();
    let said = place.command(&["run", &shown(&place.scenario()), "--out", &shown(&mount.path.join("none"))]);
    said.check_refused(&["none", "Read-only file system", "name another folder"]);
    drop(mount);
    place.close();
}

/// The report and `replay` say that, from when on, and why; and the page has no more to show than that.
fn check_not_replayable(place: &Place, name: &str) {
    let report = place.report(name);
    assert_eq!(report["replayable"], false);
    let why = report["not_replayable"].as_str().expect("a reason");
    assert!(why.contains("not replayable from 00:") && why.contains("broke off: cannot write"), "{why}");
    let replay = place.replay(name);
    replay.check(1, &[]);
    assert!(replay.stdout.contains("not replayable from 00:"), "{replay:?}");
}

/// The program with files of at most so many blocks of 512 bytes; to write beyond that is an error and no signal.
fn limited(place: &Place, blocks: u32, arguments: &[&str]) -> Command {
    let program = place.node("rover", &place.fleet(), None);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(program.get_program());
    command.args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG");
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A small disk in memory; gone with this.
struct Mount {
    path: PathBuf,
}

impl Mount {
    fn new(path: &Path, size: &str) -> Option<Self> {
        fs::create_dir(path).expect("creates");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self { path: path.to_owned() })
    }

    fn make_read_only(&self) {
        let remounted =
            Command::new("mount").args(["-o", "remount,ro"]).arg(&self.path).status().expect("mount is there");
        assert!(remounted.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Nothing can be done if it fails; the folder then stays.
        let _ = Command::new("umount").arg(&self.path).status();
    }
}
