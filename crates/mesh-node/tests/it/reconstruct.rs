//! What the files of a mission give again is what happened.

use crate::mission::{Mission, Patience, id};
use mesh_model::MissionTime;
use mesh_node::recording::{Broken, RecordingReader, RecordingWriter};
use mesh_node::report::FlightMode;
use mesh_node::{Flight, Reconstructed, Watched, reconstruct};

#[test]
fn files_alone_give_the_mission_as_it_was_flown() {
    for (seed, loss) in [(3, "0.5 %"), (4, "8 %"), (5, "0 %")] {
        let mission = Mission::fly_with(u64::MAX, seed, loss);
        let again = rebuilt(&mission, seed);
        check_same(&mission, &again);
        assert_eq!((again.flaws.as_slice(), again.torn.len()), ([].as_slice(), 0));
        assert!(again.restarts.values().all(|restarts| *restarts == 0));
        let lost: u64 = again.outcome.journal.traffic.values().map(|traffic| traffic.lost).sum();
        assert_eq!(lost > 0, loss != "0 %", "seed {seed}: {lost} lost");
    }
}

#[test]
fn a_mission_that_was_stopped_is_one_again() {
    let mission = Mission::fly_until(40);
    let again = rebuilt(&mission, 3);
    assert!(again.outcome.interrupted);
    check_same(&mission, &again);
}

/// As after a kill and a restart in the middle: the recording goes on, nothing else has changed.
#[test]
fn a_restart_leaves_the_mission_as_it_was() {
    let mission = Mission::fly();
    let path = mission.run.recording(&id("rover"));
    let reader = RecordingReader::open(&path).expect("opens");
    let (heading, settings) = (reader.heading().clone(), reader.settings().to_vec());
    let resumed = RecordingWriter::resume(&path, &heading, &settings).expect("resumes");
    assert_eq!(resumed.incarnation, 1);
    resumed.writer.finish().expect("finishes");
    let again = rebuilt(&mission, 3);
    check_outcome(&mission, &again);
    assert_eq!(again.restarts[&id("rover")], 1);
    assert_eq!(again.written.recordings[2].inputs_hash, mission.flown.written.recordings[2].inputs_hash);
}

/// A rover that was killed for good is flown as far as it came, with the commands that it gave until then.
#[test]
fn a_torn_recording_is_used_as_far_as_it_goes() {
    let mission = Mission::fly();
    let path = mission.run.recording(&id("rover"));
    let whole = rebuilt(&mission, 3);
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    mission.with_altered(&path, cut, |mission| {
        let again = rebuilt(mission, 3);
        assert_eq!(again.torn.keys().collect::<Vec<_>>(), [&id("rover")]);
        assert!(!again.outcome.interrupted, "the others came to the end");
        assert_ne!(again.outcome.state_hash, whole.outcome.state_hash);
        assert_eq!(again.outcome.states[0], whole.outcome.states[0]);
        let (part, all) = (&again.written.recordings[2], &whole.written.recordings[2]);
        assert!(!part.finished && (1..all.inputs).contains(&part.inputs));
    });
    std::fs::remove_file(&path).expect("removes");
    let without = rebuilt(&mission, 3);
    assert!(without.flaws.iter().any(|flaw| flaw.contains("rover")), "{:?}", without.flaws);
    assert!(reconstruct(&mission.run, &mission.scenario, 4).is_err(), "another seed is another mission");
}

/// A disk that took no more in the middle of a flight: it is said so, and what there is is compared.
#[test]
fn a_recording_that_broke_off_is_told_and_compared_as_far_as_it_goes() {
    let from = MissionTime::from_s(5_400);
    let mission = Mission::fly_by(3, "0.5 %", |scenario, fleet, run| {
        Flight { scenario, seed: 3, fleet, run }.fly(&mut Patience::endless()).expect("flies");
        let path = run.recording(&id("rover"));
        let bytes = std::fs::read(&path).expect("reads");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
        let mut again = reconstruct(run, scenario, 3).expect("the files can be read");
        again.add_broken(Broken { asset: id("rover"), from, why: "no space".to_owned() });
        let (mode, processes) = (FlightMode::InProcess, Vec::new());
        again.into_flown(Watched { mode, processes, wall_s: 1.0, first_plan: None })
    });
    let said = "not replayable from 01:30:00 on: the recording of rover broke off: no space";
    assert!(!mission.report.replayable);
    assert_eq!(mission.report.not_replayable.as_deref(), Some(said));
    let replay = mission.replay();
    assert_eq!((replay.identical, replay.not_replayable.as_deref()), (false, Some(said)));
    let difference = replay.difference.expect("the end of what is known");
    assert_eq!((difference.file.as_str(), &difference.asset), ("rec/rover.mcap", &Some(id("rover"))));
    assert!(difference.mission_s >= Some(from.as_s()), "{difference}");
    let audit = mission.audit();
    assert!(audit.verified, "{:?}", audit.findings);
    // Without a recording that goes to the end, the logs still say that there was one.
    for asset in ["habitat", "planner", "satellite"] {
        let path = mission.run.recording(&id(asset));
        let bytes = std::fs::read(&path).expect("reads");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
    }
    assert!(!rebuilt(&mission, 3).outcome.interrupted);
}

fn rebuilt(mission: &Mission, seed: u64) -> Reconstructed {
    reconstruct(&mission.run, &mission.scenario, seed).expect("the files can be read")
}

fn check_same(mission: &Mission, again: &Reconstructed) {
    check_outcome(mission, again);
    assert_eq!(again.written.recordings, mission.flown.written.recordings);
    assert_eq!(again.written.log_entries, mission.flown.written.log_entries);
    assert_eq!(again.written.scenario_hash, mission.flown.written.scenario_hash);
    assert_eq!(again.mission, mission.flown.mission);
}

fn check_outcome(mission: &Mission, again: &Reconstructed) {
    let flown = &mission.flown.outcome;
    assert_eq!(again.outcome.state_hash, flown.state_hash);
    assert_eq!(again.outcome.states, flown.states);
    assert_eq!(again.outcome.journal, flown.journal);
    assert_eq!((again.outcome.ended, again.outcome.interrupted), (flown.ended, flown.interrupted));
    assert_eq!(again.outcome.world.state(), flown.world.state());
    assert_eq!(again.outcome.world.history().len(), flown.world.history().len());
    assert_eq!(again.outcome.world.score(), flown.world.score());
}
