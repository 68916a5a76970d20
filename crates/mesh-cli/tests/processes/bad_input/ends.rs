//! Processes that are asked to end, stand still, or are started twice.

use super::{ENDS_MAX, Place, ended};
use crate::flight::signal;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn to_be_terminated_or_hung_up_is_like_an_interrupt() {
    let place = Place::with_hours(8);
    for (name, number) in [("term", "-TERM"), ("hup", "-HUP")] {
        let flight = place.begin(name, &[]);
        flight.until_it_has_logged("rover");
        signal(number, flight.pid());
        let ended = flight.ended();
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert_eq!(ended.report["interrupted"], true, "{}", ended.stderr);
        assert_eq!(ended.said("replay"), (Some(0), true), "see {}", ended.place());
        assert_eq!(ended.said("audit").0, Some(0), "see {}", ended.place());
        ended.check_no_orphans();
    }
    place.close();
}

#[test]
fn a_second_interrupt_ends_at_once_and_leaves_nobody() {
    let place = Place::with_hours(8);
    let mut flight = place.begin("twice", &[]);
    flight.until_all_have_logged();
    // It will wait for this one, which takes its time.
    let stopped = flight.pid_of("habitat");
    signal("-STOP", stopped);
    signal("-INT", flight.pid());
    // What follows at once is the same request; a busy machine may be late to hear the first.
    while flight.is_under_way() {
        std::thread::sleep(Duration::from_millis(700));
        flight.interrupt_again();
    }
    let ended = flight.ended();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert_eq!(ended.report, Value::Null, "it waited for its processes and reported: {}", ended.stderr);
    // One that stands still cannot notice that it is alone before it goes on.
    signal("-CONT", stopped);
    ended.check_no_orphans();
    ended.check_open_logs();
    place.close();
}

#[test]
fn a_member_that_stands_still_for_good_is_gone_on_without() {
    let place = Place::with_hours(8);
    let flight = place.begin("still", &[]);
    flight.until_it_has_logged("rover");
    signal("-STOP", flight.pid_of("rover"));
    let ended = flight.ended();
    // What the scenario asserts of the rover need not hold.
    assert!(matches!(ended.code, Some(0 | 1)), "{}", ended.stderr);
    assert_eq!(ended.report["interrupted"], false, "{}", ended.stderr);
    assert!(ended.stderr.contains("rover"), "{}", ended.stderr);
    for (name, is_lost) in [("rover", true), ("habitat", false), ("planner", false), ("satellite", false)] {
        assert_eq!(ended.is_lost(name), is_lost, "{name}: {}", ended.report["processes"]);
    }
    assert!(ended.report["plan"]["adopted"].as_u64() >= Some(1), "the others agreed nothing: {}", ended.report["plan"]);
    assert_eq!(ended.said("replay"), (Some(0), true), "see {}", ended.place());
    assert_eq!(ended.said("audit").0, Some(0), "see {}", ended.place());
    ended.check_no_orphans();
    place.close();
}

#[test]
fn a_second_process_for_a_member_is_refused_and_the_first_unharmed() {
    // Long enough for three more processes to start meanwhile.
    let place = Place::with_hours(24);
    let flight = place.begin("twins", &[]);
    flight.until_it_has_logged("rover");
    for _ in 0..3 {
        let mut second = place.node("rover", &place.fleet(), None);
        second.stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = ended(second.spawn().expect("starts"), ENDS_MAX);
        said.check_refused(&["cannot listen on tls/127.0.0.1:", "another program listens there"]);
    }
    let ended = flight.ended();
    ended.check_good();
    assert_eq!(ended.restarts("rover"), 0);
    assert_eq!(ended.said("replay"), (Some(0), true), "see {}", ended.place());
    ended.check_no_orphans();
    place.close();
}
