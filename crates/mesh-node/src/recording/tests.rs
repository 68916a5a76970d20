//! Recordings that are whole, cut, damaged, taken up again and refused by the disk.

use super::*;
use crate::error::{Fault, NodeError};
use mesh_adapters::{CommandSchedule, HabitatSetpoint, Setpoint};
use mesh_model::FleetId;
use mesh_model::problem::Window;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

fn heading() -> Heading {
    let asset = AssetId::new("rover").expect("a good name");
    Heading { program: "0.1.0".to_owned(), asset, seed: 7, start: MissionTime::from_s(3) }
}

fn recorded(inputs: &[&[u8]]) -> (tempfile::TempDir, PathBuf, Totals) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rover.mcap");
    let mut writer = RecordingWriter::create(&path, &heading(), b"settings").expect("creates");
    for (i, input) in inputs.iter().enumerate() {
        writer.input(MissionTime::from_s(10 + i as u64), input).expect("records");
    }
    let totals = writer.finish().expect("finishes");
    (folder, path, totals)
}

fn read_all(path: &Path) -> Result<(Heading, Vec<u8>, Vec<RecordedInput>, Totals), NodeError> {
    let mut reader = RecordingReader::open(path)?;
    let mut inputs = Vec::new();
    while let Some(input) = reader.next_input()? {
        inputs.push(input);
    }
    Ok((reader.heading().clone(), reader.settings().to_vec(), inputs, reader.totals()))
}

#[test]
fn what_was_recorded_is_read_back() {
    let long = vec![9; 300 << 10];
    let (_folder, path, totals) = recorded(&[b"one", b"", &long, b"four"]);
    let (found, settings, inputs, read) = read_all(&path).expect("reads");
    assert_eq!((found, settings.as_slice()), (heading(), b"settings".as_slice()));
    assert_eq!(inputs.len(), 4);
    assert_eq!(inputs[2].bytes, long);
    assert_eq!((inputs[3].number, inputs[3].now), (3, MissionTime::from_s(13)));
    assert_eq!(read, totals);
}

#[test]
fn an_input_and_its_time_change_the_digest() {
    let digest = |inputs: &[&[u8]]| recorded(inputs).2.digest;
    assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    assert_ne!(digest(&[b"a"]), digest(&[b"a", b""]));
}

/// Writes a new file in place of the old one: some file systems wait for the disk when an old one is shortened.
fn put(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("removes");
    fs::write(path, bytes).expect("writes");
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let (_folder, path, _) = recorded(&[b"one", b"two", b"three"]);
    let sound = fs::read(&path).expect("reads");
    for i in 0..sound.len() {
        for bit in [0x01, 0x80, 0xff] {
            let mut altered = sound.clone();
            altered[i] ^= bit;
            put(&path, &altered);
            assert!(read_all(&path).is_err(), "byte {i} of {} xor {bit:#x} went unnoticed", sound.len());
        }
        put(&path, &sound[..i]);
        assert!(read_all(&path).is_err(), "a cut at {i} went unnoticed");
    }
    let mut longer = sound.clone();
    longer.push(0);
    fs::write(&path, &longer).expect("writes");
    assert!(read_all(&path).is_err());
}

#[test]
fn damage_is_reported_with_its_place() {
    let (_folder, path, _) = recorded(&[b"one", b"two"]);
    let bytes = fs::read(&path).expect("reads");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
    let why = read_all(&path).expect_err("half a file is damaged").to_string();
    assert!(why.contains("rover.mcap") && why.contains("record "), "{why}");
}

#[test]
fn a_recording_is_never_written_over() {
    let (_folder, path, _) = recorded(&[]);
    assert!(RecordingWriter::create(&path, &heading(), b"").is_err());
}

/// A recorder's file as a kill leaves it: what was flushed is there, what came after is not.
fn killed(inputs: &[&[u8]], unflushed: &[&[u8]]) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rover.mcap");
    let mut writer = RecordingWriter::create(&path, &heading(), b"settings").expect("creates");
    writer.flush().expect("flushes");
    for (i, input) in inputs.iter().enumerate() {
        writer.input(MissionTime::from_s(10 + i as u64), input).expect("records");
        writer.flush().expect("flushes");
    }
    unflushed.iter().for_each(|input| writer.input(MissionTime::from_s(99), input).expect("records"));
    let bytes = fs::read(&path).expect("reads");
    drop(writer);
    put(&path, &bytes);
    (folder, path, bytes)
}

fn read_torn(path: &Path) -> Option<(Vec<RecordedInput>, Vec<Restart>, Option<Tear>)> {
    let mut reader = RecordingReader::open_torn(path).expect("opens")?;
    let mut inputs = Vec::new();
    while let Some(input) = reader.next_input().expect("reads") {
        inputs.push(input);
    }
    Some((inputs, reader.restarts().to_vec(), reader.tear().cloned()))
}

#[test]
fn a_kill_loses_nothing_that_was_flushed() {
    let (_folder, path, bytes) = killed(&[b"one", b"two", b"three"], &[b"four"]);
    assert!(read_all(&path).is_err(), "the strict way takes no torn file");
    let (inputs, restarts, tear) = read_torn(&path).expect("there are settings");
    let read: Vec<&[u8]> = inputs.iter().map(|input| input.bytes.as_slice()).collect();
    assert_eq!(read, [b"one".as_slice(), b"two", b"three"]);
    assert_eq!((restarts, tear.expect("it is torn").length), (vec![], bytes.len() as u64));
}

#[test]
fn a_file_cut_anywhere_gives_whole_chunks_and_no_invention() {
    let (_folder, path, bytes) = killed(&[b"one", b"two", b"three"], &[]);
    let all = read_torn(&path).expect("whole").0;
    let mut counts = Vec::new();
    for length in 0..bytes.len() {
        put(&path, &bytes[..length]);
        let inputs = read_torn(&path).map_or(Vec::new(), |(inputs, _, tear)| {
            assert!(tear.is_some(), "a cut at {length} went unnoticed");
            inputs
        });
        assert_eq!(inputs, all[..inputs.len()]);
        counts.push(inputs.len());
    }
    assert!(counts.is_sorted() && counts.contains(&1) && counts.contains(&2), "{counts:?}");
}

#[test]
fn damage_is_no_tear() {
    let (_folder, path, bytes) = killed(&[&[7; 100], b"two"], &[]);
    let place = bytes.windows(100).position(|window| window == [7; 100]).expect("is there");
    let mut altered = bytes.clone();
    altered[place + 3] ^= 1;
    put(&path, &altered);
    let mut reader = RecordingReader::open_torn(&path).expect("opens").expect("the settings are sound");
    let why = reader.next_input().expect_err("the checksum is wrong");
    assert!(matches!(why, NodeError::Unfit { fault: Fault::DamagedRecord { .. }, .. }), "{why}");
    assert!(RecordingWriter::resume(&path, &heading(), b"settings").is_err());
    assert_eq!(fs::read(&path).expect("reads"), altered, "what is refused is left alone");
}

#[test]
fn a_recording_goes_on_after_each_kill_as_if_nothing_had_been() {
    let (_folder, path, _) = killed(&[b"one", b"two"], &[b"lost"]);
    for round in 1..=3_u32 {
        let mut resumed = RecordingWriter::resume(&path, &heading(), b"settings").expect("resumes");
        assert_eq!((resumed.incarnation, resumed.inputs.len()), (round, 1 + round as usize));
        let now = MissionTime::from_s(11 + u64::from(round));
        resumed.writer.input(now, b"more").expect("records");
        resumed.writer.flush().expect("flushes");
        resumed.writer.input(now, b"lost").expect("records");
        let bytes = fs::read(&path).expect("reads");
        drop(resumed);
        put(&path, &bytes);
    }
    let resumed = RecordingWriter::resume(&path, &heading(), b"settings").expect("resumes");
    let totals = resumed.writer.finish().expect("finishes");
    // The strict reader takes it, and its digest is the one of a recording that was never disturbed.
    let (_, _, inputs, read) = read_all(&path).expect("reads");
    let (_undisturbed, _, expected) = recorded(&[b"one", b"two", b"more", b"more", b"more"]);
    assert_eq!((totals, read), (expected, expected));
    assert_eq!(inputs.len(), 5);
    let (_, restarts, tear) = read_torn(&path).expect("whole");
    assert_eq!(tear, None);
    let found: Vec<_> = restarts.iter().map(|restart| (restart.incarnation, restart.input, restart.now)).collect();
    let at = MissionTime::from_s;
    assert_eq!(found, [(1, 2, at(11)), (2, 3, at(12)), (3, 4, at(13)), (4, 5, at(14))]);
}

#[test]
fn a_recording_that_never_was_is_begun() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rover.mcap");
    let resumed = RecordingWriter::resume(&path, &heading(), b"settings").expect("begins");
    assert_eq!((resumed.incarnation, resumed.inputs.len()), (0, 0));
    drop(resumed);
    // Killed before even the settings were whole.
    for length in [0, 5, 40, 120] {
        let begun = fs::read(&path).expect("reads");
        put(&path, &begun[..length.min(begun.len())]);
        let resumed = RecordingWriter::resume(&path, &heading(), b"settings").expect("begins anew");
        assert_eq!((resumed.incarnation, resumed.inputs.len()), (1, 0), "{length}");
    }
}

#[test]
fn the_recording_of_somebody_else_is_not_gone_on_with() {
    let (_folder, path, bytes) = killed(&[b"one"], &[]);
    let other = Heading { seed: 8, ..heading() };
    assert!(RecordingWriter::resume(&path, &other, b"settings").is_err());
    assert!(RecordingWriter::resume(&path, &heading(), b"other settings").is_err());
    assert_eq!(fs::read(&path).expect("reads"), bytes);
}

#[test]
fn a_kill_while_resuming_leaves_the_old_file() {
    let (_folder, path, bytes) = killed(&[b"one"], &[]);
    // What an earlier process left half written beside it is no obstacle.
    fs::write(path.with_extension("mcap.new"), &bytes[..20]).expect("writes");
    assert_eq!(read_torn(&path).expect("is there").0.len(), 1);
    let resumed = RecordingWriter::resume(&path, &heading(), b"settings").expect("resumes");
    assert_eq!((resumed.incarnation, resumed.inputs.len()), (1, 1));
    assert!(!path.with_extension("mcap.new").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_once_and_the_asset_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rover.mcap");
    let full = OpenOptions::new().write(true).open("/dev/full").expect("opens");
    let writer = RecordingWriter::begin(&path, full, &heading(), b"settings", false).expect("it is in the buffer");
    let mut recorder = Recorder::new(writer);
    let at = MissionTime::from_s;
    assert_eq!(recorder.input(at(5), b"one"), Ok(()));
    let broken = recorder.flush(at(6)).expect_err("the disk is full");
    assert_eq!((broken.asset.as_str(), broken.from), ("rover", at(5)));
    assert!(broken.to_string().contains("not replayable from 00:00:05 on"), "{broken}");
    assert_eq!((recorder.input(at(7), b"two"), recorder.flush(at(7))), (Ok(()), Ok(())));
    assert_eq!(recorder.broken(), Some(&broken));
    assert_eq!(Broken::read(&path).expect("reads"), Some(broken.clone()));
    assert_eq!(recorder.finish(at(8)), Err(broken));
    // Nobody goes on from a recording that is known to lack something.
    put_new(&path);
    assert!(RecordingWriter::resume(&path, &heading(), b"settings").is_err());
}

fn put_new(path: &Path) {
    RecordingWriter::create(path, &heading(), b"settings").expect("creates").finish().expect("finishes");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_does_not_stop_the_world() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("opens");
    let scenario = FleetId::new("base").expect("a good name");
    let world = WorldHeading { program: "0.1.0".to_owned(), scenario, seed: 3 };
    let writer = WorldRecordingWriter::begin(Path::new("world.mcap"), full, &world).expect("it is in the buffer");
    let mut recorder = WorldRecorder::new(writer);
    recorder.event(MissionTime::from_s(1), &WorldEvent::Reached).expect("it is in the buffer");
    assert!(recorder.flush().is_err(), "it is told");
    recorder.event(MissionTime::from_s(2), &WorldEvent::Reached).expect("once");
    recorder.flush().expect("once");
    recorder.finish(MissionTime::from_s(3)).expect("once");
}

#[test]
fn the_recording_of_a_world_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("world.mcap");
    let world =
        WorldHeading { program: "0.1.0".to_owned(), scenario: FleetId::new("base").expect("a good name"), seed: 3 };
    let asset = heading().asset;
    let window = Window { start: MissionTime::ZERO, step_s: 900, steps: 1 };
    let setpoints = vec![Setpoint::Habitat(HabitatSetpoint::default())];
    let command = WorldEvent::Command { asset: asset.clone(), schedule: CommandSchedule { window, setpoints } };
    let away = WorldEvent::Away { asset, away: true };
    let mut writer = WorldRecordingWriter::create(&path, &world).expect("creates");
    writer.event(MissionTime::from_s(1), &command).expect("records");
    writer.flush().expect("flushes");
    writer.event(MissionTime::from_s(2), &away).expect("records");
    let torn = fs::read(&path).expect("reads");
    writer.finish(MissionTime::from_s(3)).expect("finishes");
    let read = || {
        let mut reader = WorldRecordingReader::open_torn(&path).expect("opens").expect("has a heading");
        assert_eq!(reader.heading(), &world);
        let mut events = Vec::new();
        while let Some(event) = reader.next_event().expect("reads") {
            events.push(event);
        }
        (events, reader.tear().is_some())
    };
    let at = MissionTime::from_s;
    let all = vec![(at(1), command), (at(2), away), (at(3), WorldEvent::Reached)];
    assert_eq!(read(), (all.clone(), false));
    put(&path, &torn);
    assert_eq!(read(), (all[..1].to_vec(), true));
}
