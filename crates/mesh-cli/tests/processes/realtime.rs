//! A mission whose clock waits for nobody: no two flights are the same, but each can be flown again from its recordings.

use crate::flight::{Flight, Folder};
use std::time::Duration;

#[test]
fn a_mission_in_real_time_takes_its_time_and_is_replayed_as_it_was() {
    let folder = Folder::new();
    let sound = std::fs::read_to_string(SCENARIO).expect("reads");
    let scenario = folder.path().join("hour.toml");
    // Nobody is cut off within the first hour.
    let mut hour = sound;
    for (long, short) in [
        ("duration = \"24 h\"", "duration = \"1 h\""),
        ("min = \"4 h\"", "min = \"0 h\""),
        ("min = \"1 h\"", "min = \"0 h\""),
    ] {
        assert!(hour.contains(long), "{long} is not in the scenario");
        hour = hour.replacen(long, short, 1);
    }
    std::fs::write(&scenario, hour).expect("writes");
    let mut flight = Flight::begin_with(&folder, "realtime", &scenario, &["--realtime", "200"]);
    // An hour takes eighteen seconds; a member that is killed on the way has to catch up with a clock that went on.
    flight.until_its_log_has("planner", 1);
    flight.strike(crate::flight::Victim::Planner, Duration::from_secs(1)).expect("it is under way");
    let ended = flight.ended();
    assert!(matches!(ended.code, Some(0 | 1)), "{:?}: {}", ended.code, ended.stderr);
    assert_eq!(ended.report["mode"], "realtime");
    assert_eq!(ended.report["replayable"], true, "{}", ended.report);
    assert_eq!(ended.report["interrupted"], false, "{}", ended.stderr);
    assert!(ended.flight >= Duration::from_secs(18), "an hour took {:?}", ended.flight);
    // Once, or once more where it took so long to be back that it was taken for one that hangs.
    assert!(ended.restarts("planner") >= 1, "{}", ended.stderr);
    assert_eq!(ended.said("replay"), (Some(0), true), "{}", ended.place());
    assert_eq!(ended.said("audit").0, Some(0), "{}", ended.place());
    ended.check_no_orphans();
    folder.close();
}

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/lunar_base.toml");
