//! The program as it is started from a shell: exit codes and messages.

#[cfg(feature = "bench")]
mod bench;
mod certificate;
mod ir;
mod no_plan;
mod place;

use std::path::Path;
use std::process::{Command, Output, Stdio};

#[test]
fn bad_scenarios_are_told_with_file_line_and_hint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sound = std::fs::read_to_string(SCENARIO).expect("reads");
    let told = |name: &str, text: &[u8], words: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writes");
        let output = ran(&["check", &path.to_string_lossy()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        for word in words {
            assert!(said.contains(word), "{name}: {word:?} is missing in {said}");
        }
    };
    let edited = |from: &str, to: &str| {
        assert!(sound.contains(from), "{from}");
        sound.replacen(from, to, 1).into_bytes()
    };
    told("unit.toml", &edited("\"12 kW\"", "\"12 kWh\""), &["unit.toml:37:14", "an energy, not a power", "help:"]);
    told("key.toml", &edited("isru_value", "isru_valeu"), &["key.toml:40:1", "did you mean `isru_value`?"]);
    told(
        "hungry.toml",
        &edited("\"4 kW\"", "\"14 kW\""),
        &["hungry.toml:34", "`habitat` cannot meet", "kW are missing"],
    );
    // Only the referee, a central planner, finds this out: who looks an hour ahead enters the night unprepared.
    if cfg!(feature = "bench") {
        told(
            "short.toml",
            &edited("horizon_steps = 24", "horizon_steps = 1"),
            &["short.toml:35:6", "habitat cannot meet", "in the plan from 14:00:00 on", "kW"],
        );
    }
    told("empty.toml", b" \n", &["empty.toml", "is empty", "lunar_base.toml"]);
    told("latin.toml", b"name = \"x\"\ntitle = \"\xe4\"\n", &["latin.toml", "not UTF-8", "line 2"]);
    told("tabs.toml", ("\t".repeat(100_000) + "= 1").as_bytes(), &["tabs.toml:1:", "not TOML"]);
}

#[test]
fn what_is_not_there_cannot_be_worked_on() {
    for arguments in [
        &["run", "nowhere.toml"][..],
        &["check", "."],
        &["replay", "nowhere"],
        &["audit", "verify", "nowhere"],
        &["sweep", SCENARIO, "--seeds", "5-1"],
        &["sweep", SCENARIO, "--seeds", "a-b"],
        &["fly"],
    ] {
        let output = ran(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty() && said.lines().count() > 1, "{arguments:?}: {said}");
    }
}

#[test]
fn a_fleet_needs_a_home() {
    let mut command = program(&["run", SCENARIO]);
    let output = command.env_remove("HOME").env_remove("COSMOSMESH_HOME").output().expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--fleet") && said.contains("COSMOSMESH_HOME"), "{said}");
}

#[test]
fn a_reader_that_has_gone_away_is_no_reason_to_panic() {
    let gone = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    let status = |arguments: &[&str]| program(arguments).stdout(gone()).stderr(gone()).status().expect("starts").code();
    assert_eq!(status(&["check", SCENARIO]), Some(0));
    assert_eq!(status(&["check", "nowhere.toml"]), Some(2));
    assert_eq!(status(&["check", file!()]), Some(2));
}

#[test]
fn a_filter_that_is_none_is_told_and_the_option_wins_over_the_environment() {
    let checked = |environment: &str, arguments: &[&str]| {
        let mut command = program(&[&["check", SCENARIO], arguments].concat());
        let output = command.env("RUST_LOG", environment).output().expect("starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (environment, arguments, words) in [
        ("", &["--log-level", "louder"][..], "\"louder\" is no level; expected off, error, warn"),
        ("", &["--log-level", "mesh_node=louder"], "mesh_node=louder"),
        ("mesh_node=louder", &[], "RUST_LOG is no filter"),
    ] {
        let (code, said) = checked(environment, arguments);
        assert!(code == Some(2) && said.contains(words), "{environment:?} {arguments:?}: {code:?} {said}");
    }
    assert_eq!(checked("mesh_node=louder", &["--log-level", "debug"]).0, Some(0));
    assert_eq!(checked("", &[]).0, Some(0));
}

#[test]
fn what_a_flight_notes_is_traced_whatever_people_are_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let mut command = program(&["run", SCENARIO, "--json", "--log-level", "off", "--out", &run.to_string_lossy()]);
    let output = command.env("COSMOSMESH_HOME", folder.path()).output().expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    let text = std::fs::read_to_string(run.join("trace/run.jsonl")).expect("reads");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<serde_json::Value> = lines.collect();
    let messages: Vec<&str> = lines.iter().filter_map(|line| line["fields"]["message"].as_str()).collect();
    assert_eq!((messages.first(), messages.last()), (Some(&"run begins"), Some(&"run ends")));
    assert!(messages.contains(&"plan agreed") && messages.contains(&"link down"), "{messages:?}");
}

fn ran(arguments: &[&str]) -> Output {
    program(arguments).output().expect("starts")
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cosmosmesh"));
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).stdin(Stdio::null());
    command
}

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/lunar_base.toml");
