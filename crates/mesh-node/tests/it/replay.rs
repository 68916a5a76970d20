//! Replay gives the recorded mission, or the first input that differs.

use crate::mission::{Mission, id};
use mesh_adapters::Telemetry;
use mesh_asset::Input;
use mesh_model::{Canonical, Real};
use mesh_node::audit::{self, Claim};
use mesh_node::recording::{RecordedInput, RecordingReader, RecordingWriter};
use mesh_node::{Report, replay};
use mesh_sync::{Disk, LogStore, MemoryDisk, read_log};
use std::path::Path;

#[test]
fn two_runs_and_a_replay_end_in_one_state() {
    let (first, second) = (Mission::fly(), Mission::fly());
    assert_eq!(first.report.state_hash, second.report.state_hash);
    assert_ne!(first.fleet.file(), second.fleet.file());
    assert_eq!(first.report.plan.adopted, 3);
    let replay = first.replay();
    assert!(replay.identical, "{:?}", replay.difference);
    assert_eq!(replay.state_hash, Some(first.report.state_hash));
    let recorded: u64 = first.report.recordings.iter().map(|recording| recording.inputs).sum();
    assert_eq!(replay.inputs, recorded);
}

#[test]
fn an_interrupted_run_replays_to_where_it_was_stopped() {
    let mission = Mission::fly_until(40);
    assert!(mission.report.interrupted);
    let replay = mission.replay();
    assert!(replay.identical, "{:?}", replay.difference);
    assert_eq!(replay.state_hash, Some(mission.report.state_hash));
    let audit = mission.audit();
    assert!(audit.verified, "{:?}", audit.findings);
}

/// Every check on the same flown mission: a forger who makes all checksums right again is found out at the input.
#[test]
fn an_altered_input_is_named() {
    let mission = Mission::fly();
    let check = |asset: &str, pick: &dyn Fn(&Input) -> bool, alter: &dyn Fn(&mut Input)| {
        let path = mission.run.recording(&id(asset));
        let sound = std::fs::read(&path).expect("reads");
        let number = rewrite(&path, pick, alter);
        let difference = mission.replay().difference.expect("the alteration is noticed");
        assert_eq!((difference.asset, difference.input), (Some(id(asset)), Some(number)), "{}", difference.recorded);
        std::fs::write(&path, sound).expect("writes");
    };
    check("rover", &|input| matches!(input, Input::Telemetry(_)), &|input| {
        if let Input::Telemetry(Telemetry::Rover(rover)) = input {
            rover.soc_kwh = Real::new(rover.soc_kwh.value() + 1e-9).expect("finite");
        }
    });
    check("habitat", &|input| matches!(input, Input::Signed { id, .. } if *id > 20), &|input| {
        if let Input::Signed { signature, .. } = input {
            signature[5] ^= 1;
        }
    });
    check("planner", &|input| matches!(input, Input::Message { bytes, .. } if bytes.len() > 400), &|input| {
        if let Input::Message { bytes, .. } = input {
            bytes[300] ^= 1;
        }
    });
    assert!(mission.replay().identical, "the mended recordings replay again");
}

#[test]
fn a_damaged_recording_and_a_changed_report_are_noticed() {
    let mission = Mission::fly();
    let is_noticed = |mission: &Mission| {
        let replay = mission.replay();
        assert!(!replay.identical && replay.difference.is_some());
    };
    let recording = mission.run.recording(&id("rover"));
    let flipped = |place: fn(usize) -> usize| {
        move |mut bytes: Vec<u8>| {
            let place = place(bytes.len());
            bytes[place] ^= 0x10;
            bytes
        }
    };
    // The damage is told of, not what it leads to elsewhere.
    let is_named = |mission: &Mission| {
        let difference = mission.replay().difference.expect("the damage is noticed");
        assert_eq!(difference.file, "rec/rover.mcap", "{difference}");
    };
    mission.with_altered(&recording, flipped(|_| 60), is_named);
    mission.with_altered(&recording, flipped(|length| length / 2), is_named);
    mission.with_altered(&recording, flipped(|length| length - 20), is_named);
    mission.with_altered(&recording, |bytes| bytes[..bytes.len() / 3].to_vec(), is_named);
    mission.with_altered(&mission.run.plan(), flipped(|length| length / 2), is_noticed);
    let seed = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace("\"seed\": 3", "\"seed\": 4").into_bytes();
    mission.with_altered(&mission.run.report(), seed, is_noticed);
    let sun = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace("\"1.5 deg\"", "\"1.6 deg\"").into_bytes();
    mission.with_altered(&mission.run.scenario(), sun, is_noticed);
}

#[test]
fn logs_that_are_not_the_recorded_ones_are_named() {
    let mission = Mission::fly();
    let log = mission.run.log(&id("rover"));
    let is_named = |mission: &Mission| {
        let difference = mission.replay().difference.expect("the change is noticed");
        assert_eq!(difference.file, "logs/rover.log", "{difference}");
        assert!(difference.entry.is_some(), "{difference}");
    };
    let flipped = |mut bytes: Vec<u8>| {
        let place = bytes.len() / 2;
        bytes[place] ^= 0x10;
        bytes
    };
    mission.with_altered(&log, flipped, is_named);
    // The last entry cut off, cleanly: nothing in the file itself tells of it.
    let entries = read_log(&std::fs::read(&log).expect("reads")).expect("is sound");
    let shorter = move |_: Vec<u8>| {
        let mut store = LogStore::open(MemoryDisk::new(), "x").expect("opens").store;
        entries[..entries.len() - 1].iter().for_each(|entry| store.append(entry).expect("appends"));
        store.into_disk().read("x").expect("reads").expect("is there")
    };
    mission.with_altered(&log, shorter, is_named);
    assert!(mission.replay().identical);
}

#[test]
fn the_logs_of_another_run_are_not_taken_for_those_of_this_one() {
    let (mine, other) = (Mission::fly(), Mission::fly());
    for member in ["habitat", "planner", "rover", "satellite"] {
        std::fs::copy(other.run.log(&id(member)), mine.run.log(&id(member))).expect("copies");
    }
    let report = Report::read(&mine.run.report()).expect("reads");
    // Even under the keys of that other run.
    let audit = audit::verify(&mine.run, other.fleet.file(), Claim::Report(&report)).expect("audits");
    assert!(!audit.verified);
    assert!(!mine.replay().identical);
}

#[test]
fn a_report_that_claims_another_end_is_noticed() {
    let mission = Mission::fly();
    let stopped = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).replace("\"interrupted\": false", "\"interrupted\": true");
        text.into_bytes()
    };
    mission.with_altered(&mission.run.report(), stopped, |mission| {
        assert!(!mission.replay().identical);
        assert!(!mission.audit().verified);
    });
    let fleet = Mission::fly();
    let strangers = replay::replay(&mission.run, Some(fleet.fleet.file())).expect("replays");
    assert!(!strangers.identical, "the keys of another fleet are not those that were recorded");
}

/// Writes a recording anew with one input altered, all checksums right. Gives the number of that input.
fn rewrite(path: &Path, pick: &dyn Fn(&Input) -> bool, alter: &dyn Fn(&mut Input)) -> u64 {
    let mut reader = RecordingReader::open(path).expect("opens");
    let (heading, settings) = (reader.heading().clone(), reader.settings().to_vec());
    let mut inputs: Vec<RecordedInput> = Vec::new();
    while let Some(input) = reader.next_input().expect("reads") {
        inputs.push(input);
    }
    let decoded = |input: &RecordedInput| Input::decode(&input.bytes).expect("decodes");
    let altered = inputs.iter_mut().find(|input| pick(&decoded(input))).expect("there is such an input");
    let mut input = decoded(altered);
    alter(&mut input);
    assert_ne!(altered.bytes, input.encode());
    altered.bytes = input.encode();
    let number = altered.number;
    std::fs::remove_file(path).expect("removes");
    let mut writer = RecordingWriter::create(path, &heading, &settings).expect("creates");
    inputs.iter().for_each(|input| writer.input(input.now, &input.bytes).expect("writes"));
    writer.finish().expect("finishes");
    number
}
