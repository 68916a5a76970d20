//! Reports that survive their files, and ones that contradict themselves.

use super::*;

#[test]
fn a_report_survives_its_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("report.json");
    let report = sample::report();
    report.write(&path).expect("writes");
    assert_eq!(Report::read(&path).expect("reads"), report);
    let other = report.to_json().replace("\"version\": 1", "\"version\": 9");
    std::fs::write(&path, other).expect("writes");
    let why = Report::read(&path).expect_err("another version");
    assert!(matches!(why, NodeError::Unfit { fault: Fault::OtherVersion { found: 9, expected: 1 }, .. }));
}

#[test]
fn a_report_that_contradicts_itself_is_noticed() {
    let sound = sample::report();
    assert_eq!(sound.contradiction(), None);
    let altered = |alter: &dyn Fn(&mut Report)| {
        let mut report = sample::report();
        alter(&mut report);
        report.contradiction().unwrap_or_default()
    };
    assert!(altered(&|report| report.assertions[1].value = Some(1.0)).contains("gap_certified"));
    assert!(altered(&|report| report.assertions[0].holds = false).contains("reserves_kept"));
    assert!(altered(&|report| report.status = Status::Fail).contains("status"));
    assert!(altered(&|report| report.interrupted = true).contains("status"));
    assert!(altered(&|report| report.assertions.clear()).contains("does not say"));
}

#[test]
fn a_missing_report_is_told_apart_from_a_wrong_path() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let why = Report::read(&folder.path().join("report.json")).expect_err("there is none");
    assert!(why.hint().is_some_and(|hint| hint.contains("broke off")), "{why}");
}

#[test]
fn the_names_that_scripts_read_are_there() {
    let value: serde_json::Value = serde_json::from_str(&sample::report().to_json()).expect("is JSON");
    for pointer in [
        "/scenario",
        "/seed",
        "/status",
        "/assertions/0/name",
        "/assertions/0/holds",
        "/assertions/0/value",
        "/assertions/0/limit",
        "/plan/cost",
        "/plan/optimum",
        "/plan/certified_gap",
        "/plan/rounds",
        "/plan/first_plan_s",
        "/blackout/mission_s",
        "/blackout/reconverge_rounds",
        "/bytes_per_asset_max",
        "/rss_bytes_max",
        "/mode",
        "/processes/0/name",
        "/processes/0/rss_bytes",
        "/processes/0/bytes_sent",
        "/processes/0/restarts",
        "/processes/0/lost",
        "/replayable",
        "/audit/entries",
        "/audit/verified",
        "/state_hash",
        "/wall_s",
        "/mission_s",
    ] {
        assert!(value.pointer(pointer).is_some(), "{pointer} is missing");
    }
    assert_eq!(value["status"], "pass");
    assert_eq!(value["audit"]["verified"], true);
}

#[test]
fn nothing_measured_never_holds() {
    for value in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        assert!(!Assertion::compare("x", value, Relation::AtLeast, -1.0, "").holds);
    }
    assert!(Assertion::compare("x", Some(1.0), Relation::AtMost, 1.0, "").holds);
    assert!(!Assertion::compare("x", Some(1.1), Relation::AtMost, 1.0, "").holds);
}

/// What a program without processes wrote is read by one that has them.
#[test]
fn an_older_report_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("report.json");
    let mut value = serde_json::to_value(sample::report()).expect("is JSON");
    let fields = value.as_object_mut().expect("is an object");
    for added in ["mode", "processes", "replayable"] {
        assert!(fields.remove(added).is_some(), "{added}");
    }
    let recording = value.pointer_mut("/recordings/0").and_then(serde_json::Value::as_object_mut).expect("is there");
    assert!(recording.remove("finished").is_some());
    std::fs::write(&path, value.to_string()).expect("writes");
    let expected = Report { mode: FlightMode::InProcess, processes: Vec::new(), ..sample::report() };
    assert_eq!(Report::read(&path).expect("reads"), expected);
}
