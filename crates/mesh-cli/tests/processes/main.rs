//! Missions flown by processes that are killed: trials at random moments, each judged by what is on the disk afterwards.
//!
//! `tests/kill_trials.sh` runs more of them and prints the table that stands in docs/benchmarks.md.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod flight;
#[cfg(test)]
mod local_plane;
mod realtime;

use flight::{Flight, Folder, Victim};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

#[test]
fn whoever_is_killed_at_whatever_moment_nothing_acknowledged_is_lost() {
    let folder = Folder::new();
    let undisturbed = Flight::begin(&folder, "undisturbed").ended();
    undisturbed.check_good();
    let hash = undisturbed.report["state_hash"].clone();
    assert_eq!(undisturbed.said("replay"), (Some(0), true));
    let trials = trials();
    println!("victim, killed after, exit code, flight, restarts, log entries");
    for victim in [Victim::Asset, Victim::Planner, Victim::Simulator, Victim::Interrupt, Victim::Supervisor] {
        for trial in 1..=trials {
            let mut moment = undisturbed.flight.mul_f64(0.85 * random());
            let mut name = format!("{victim:?}-{trial}");
            let (struck, ended) = loop {
                let mut flight = Flight::begin(&folder, &name);
                if !matches!(victim, Victim::Asset | Victim::Planner) {
                    // Members may die before the mission begins. Of the others' end nothing is left before.
                    flight.until_all_have_logged();
                }
                let struck = flight.strike(victim, moment);
                let ended = flight.ended();
                match struck {
                    Some(struck) if ended.was_under_way(victim, &struck) => break (struck, ended),
                    // This flight was faster than the one that it was timed by.
                    _ => ended.check_over(victim, &hash),
                }
                (moment, name) = (moment / 2, format!("{name}-again"));
                assert!(moment > Duration::from_millis(1), "{name}: {victim:?} is never met under way");
            };
            println!("{struck}, {:.2} s, {}", moment.as_secs_f64(), ended.line());
            match victim {
                Victim::Asset | Victim::Planner => {
                    ended.check_good();
                    assert_eq!(ended.report["state_hash"], hash, "{name}: another mission; see {}", ended.place());
                }
                Victim::Simulator => {
                    assert_eq!(ended.code, Some(1), "{name}: {}", ended.stderr);
                    assert!(ended.stderr.contains("simulator killed by signal 9"), "{name}: {}", ended.stderr);
                }
                Victim::Interrupt => {
                    assert_eq!(ended.code, Some(130), "{name}: {}", ended.stderr);
                    assert_eq!(ended.report["interrupted"], true, "{name}");
                }
                Victim::Supervisor => assert_eq!(ended.code, None, "{name}: {}", ended.stderr),
            }
            if victim == Victim::Supervisor {
                // Without a report nobody says whether the logs should go on; what is in them must stand.
                ended.check_open_logs();
            } else {
                assert_eq!(ended.said("replay"), (Some(0), true), "{name}: see {}", ended.place());
                assert_eq!(ended.said("audit").0, Some(0), "{name}: see {}", ended.place());
            }
            ended.check_no_orphans();
        }
    }
    folder.close();
}

/// Three, or as many as COSMOSMESH_KILL_TRIALS says.
fn trials() -> u32 {
    match std::env::var("COSMOSMESH_KILL_TRIALS") {
        Ok(text) => text.parse().expect("COSMOSMESH_KILL_TRIALS is a number"),
        Err(_) => 3,
    }
}

/// From 0 up to 1. The moments are printed, so a failure can be told.
fn random() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

/// What a mission's processes take to come up, at most.
const START_MAX: Duration = Duration::from_secs(120);
