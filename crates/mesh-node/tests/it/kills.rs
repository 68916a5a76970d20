//! Missions whose members are killed and come back, or do not: the same state, replayable, nothing acknowledged lost.
//!
//! The members share this process; a kill takes away all that one of them had not given to the operating system.

use crate::mission::{Mission, id};
use mesh_asset::{Input, Settings};
use mesh_identity::SecretKey;
use mesh_model::{AssetId, Canonical, MissionId, MissionTime, SignedEnvelope};
use mesh_node::audit::acknowledged_entries_lost;
use mesh_node::disk::FileDisk;
use mesh_node::recording::{Heading, RecordingWriter, WorldEvent, WorldHeading, WorldRecordingWriter};
use mesh_node::report::{FlightMode, ProcessFigures, SIMULATOR};
use mesh_node::{FleetFolder, Flown, RunFolder, Watched, program_version, reconstruct};
use mesh_sim::fleet::{asset_seed, settings};
use mesh_sim::lockstep::{Answer, Conductor, Grant, Past, Seat, Shell, Stepped};
use mesh_sim::{Almanac, Scenario};
use mesh_sync::LogStore;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::mem;

#[test]
fn kills_and_restarts_change_nothing() {
    let undisturbed = Mission::fly();
    let kills = [
        (3, "rover", Kill::Unheard),
        (9, "planner", Kill::Unflushed),
        (14, "habitat", Kill::Before),
        (14, "satellite", Kill::Unflushed),
        (20, "rover", Kill::Unflushed),
        (21, "rover", Kill::Unheard),
        (40, "planner", Kill::Unheard),
    ];
    let mission = fly(&kills);
    let (expected, found) = (&undisturbed.flown, &mission.flown);
    assert_eq!(found.outcome.state_hash, expected.outcome.state_hash);
    // Certificates name entries by hashes, which keys enter: they differ from run to run.
    let (journal, other) = (&found.outcome.journal, &expected.outcome.journal);
    assert_eq!((&journal.traffic, &journal.links), (&other.traffic, &other.links));
    assert_eq!((&journal.rounds, &journal.adopted), (&other.rounds, &other.adopted));
    assert_eq!((&journal.islandings, journal.plans.len()), (&other.islandings, other.plans.len()));
    let restarts: Vec<_> = found.processes.iter().map(|process| process.restarts).collect();
    assert_eq!(restarts, [1, 2, 3, 1, 0]);
    let inputs = |flown: &Flown| flown.written.recordings.iter().map(|own| own.inputs).collect::<Vec<_>>();
    assert_eq!(inputs(found), inputs(expected));
    check_sound(&mission);
}

#[test]
fn a_member_that_is_lost_for_good_leaves_a_mission_that_replays() {
    let mission = fly(&[(30, "rover", Kill::ForGood)]);
    assert!(mission.report.is_lost("rover") && !mission.report.interrupted);
    assert!(!mission.report.recording(&id("rover")).expect("it is listed").finished);
    check_sound(&mission);
    // A kill in the middle of an append.
    let torn = |mut bytes: Vec<u8>| {
        bytes.extend_from_within(16..40);
        bytes.truncate(bytes.len() - 22);
        bytes
    };
    mission.with_altered(&mission.run.log(&id("rover")), torn, check_sound);
    // The same run under a report that denies the loss is neither whole nor explained.
    let deny = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("is text");
        text.replace("\"lost\": true", "\"lost\": false").into_bytes()
    };
    mission.with_altered(&mission.run.report(), deny, |mission| {
        assert!(!mission.replay().identical);
        assert!(!mission.audit().verified);
    });
    // What it may lack is the end, not the middle.
    let whole = mission.run.log(&id("rover"));
    mission.with_altered(
        &whole,
        |bytes| bytes[..bytes.len() / 3].to_vec(),
        |mission| {
            assert!(!mission.replay().identical);
            let lost = acknowledged_entries_lost(&mission.run, mission.fleet.file()).expect("reads");
            assert!(lost.iter().any(|lost| lost.author == id("rover") && lost.shown_by != id("rover")), "{lost:?}");
            assert!(!mission.audit().verified);
        },
    );
}

/// One that comes back is told that it lost everybody, though geometry never took a link away.
#[test]
fn a_member_that_was_away_for_a_while_leaves_a_mission_that_replays() {
    let mission = fly(&[(30, "rover", Kill::ForGood), (60, "rover", Kill::Back)]);
    assert!(mission.report.is_lost("rover") && !mission.report.interrupted);
    assert!(mission.report.recording(&id("rover")).expect("it is listed").finished);
    assert!(mission.report.assets.iter().all(|asset| asset.plans_adopted > 0));
    check_sound(&mission);
    let deny = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("is text");
        text.replace("\"lost\": true", "\"lost\": false").into_bytes()
    };
    mission.with_altered(&mission.run.report(), deny, |mission| {
        let difference = mission.replay().difference.expect("nobody says why contact was lost");
        assert!(difference.to_string().contains("contact"), "{difference}");
    });
}

/// Without a simulator there is no time. What there is of the run is whole.
#[test]
fn a_run_whose_processes_all_were_killed_replays_to_where_it_was() {
    for tick in [0, 35] {
        let mission = fly(&[(tick, SIMULATOR, Kill::ForGood)]);
        assert!(mission.report.interrupted && mission.report.is_lost(SIMULATOR));
        assert!(mission.report.recordings.iter().all(|recording| !recording.finished));
        check_sound(&mission);
    }
}

#[test]
fn what_the_world_was_told_is_held_against_what_was_given() {
    let mission = fly(&[]);
    check_sound(&mission);
    let forge = |alter: &dyn Fn(&mut Events)| {
        let path = mission.run.world_recording();
        let sound = std::fs::read(&path).expect("reads");
        rewrite_world(&mission, alter);
        let replay = mission.replay();
        std::fs::write(&path, sound).expect("writes");
        replay.difference.map(|difference| (difference.file.clone(), difference.to_string()))
    };
    assert_eq!(forge(&|_| {}), None, "written anew it says the same");
    // A disk that was full, or a simulator that was killed: in lock-step the assets know what was heard.
    mission.with_altered(
        &mission.run.world_recording(),
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |mission| {
            assert!(mission.replay().identical);
            let rebuilt = reconstruct(&mission.run, &mission.scenario, SEED).expect("the files can be read");
            assert_eq!(rebuilt.outcome.state_hash, mission.report.state_hash);
            assert!(rebuilt.world_torn.is_some());
            let watched = Watched { mode: FlightMode::Realtime, processes: Vec::new(), wall_s: 1.0, first_plan: None };
            let said = rebuilt.into_flown(watched).not_replayable.unwrap_or_default();
            assert!(said.contains("world.mcap"), "{said}");
        },
    );
    let first = |events: &Events| {
        events.iter().position(|(_, event)| matches!(event, WorldEvent::Command { .. })).expect("there is a command")
    };
    let invented = forge(&|events| {
        let place = first(events);
        if let WorldEvent::Command { schedule, .. } = &mut events[place].1 {
            schedule.setpoints.pop();
        }
    });
    assert_eq!(invented.map(|(file, _)| file).as_deref(), Some("world.mcap"));
    let absent = forge(&|events| {
        let ended = mission.flown.outcome.ended;
        events.insert(events.len() - 1, (ended, WorldEvent::Away { asset: id("rover"), away: true }));
    });
    assert!(absent.is_some_and(|(_, said)| said.contains("a fleet without rover")));
    let dropped = forge(&|events| {
        let place = first(events);
        events.remove(place);
    });
    assert_eq!(dropped.map(|(file, _)| file).as_deref(), Some("world.mcap"));
}

/// When nobody waits, a command may be heard later than it was given; what was heard counts.
#[test]
fn a_mission_that_runs_free_replays_with_the_times_at_which_commands_were_heard() {
    let mission = fly(&[]);
    let late = |events: &mut Events| {
        for (now, event) in events.iter_mut() {
            if matches!(event, WorldEvent::Command { .. }) {
                *now = now.plus_s(7);
            }
        }
        events.sort_by_key(|(now, _)| *now);
    };
    rewrite_world(&mission, &late);
    let difference = mission.replay().difference.expect("in lock-step that cannot be");
    assert_eq!(difference.file, "world.mcap", "{difference}");
    let free = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("is text");
        text.replace("\"mode\": \"processes\"", "\"mode\": \"realtime\"").into_bytes()
    };
    mission.with_altered(&mission.run.report(), free, |mission| {
        let replay = mission.replay();
        assert!(replay.identical, "{:?}", replay.difference);
    });
    let early = |events: &mut Events| {
        events.retain(|(_, event)| matches!(event, WorldEvent::Command { .. }));
        for (now, _) in events.iter_mut() {
            *now = MissionTime::ZERO;
        }
    };
    rewrite_world(&mission, &early);
    mission.with_altered(&mission.run.report(), free, |mission| {
        let difference = mission.replay().difference.expect("nothing is heard before it is said");
        assert_eq!(difference.file, "world.mcap", "{difference}");
    });
}

fn check_sound(mission: &Mission) {
    let replay = mission.replay();
    assert!(replay.identical, "{:?}", replay.difference);
    assert_eq!(replay.state_hash, Some(mission.report.state_hash));
    let audit = mission.audit();
    assert!(audit.verified, "{:?}", audit.findings);
    assert_eq!(acknowledged_entries_lost(&mission.run, mission.fleet.file()).expect("reads"), []);
    assert_eq!((mission.report.replayable, &mission.report.not_replayable), (true, &None));
}

fn rewrite_world(mission: &Mission, alter: &dyn Fn(&mut Events)) {
    use mesh_node::recording::WorldRecordingReader;
    let path = mission.run.world_recording();
    let mut reader = WorldRecordingReader::open_torn(&path).expect("opens").expect("has a heading");
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().expect("reads") {
        events.push(event);
    }
    alter(&mut events);
    std::fs::remove_file(&path).expect("removes");
    let mut writer = WorldRecordingWriter::create(&path, reader.heading()).expect("creates");
    events.iter().for_each(|(now, event)| writer.event(*now, event).expect("writes"));
    writer.finish(mission.flown.outcome.ended).expect("finishes");
}

/// What the world was told, and when.
type Events = Vec<(MissionTime, WorldEvent)>;

/// When a process is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kill {
    /// Before it takes its step.
    Before,
    /// When it has taken its step and nobody has heard of it.
    Unheard,
    /// The same, and it had not even given its recording to the operating system.
    Unflushed,
    /// Before it takes its step; nobody starts it again. Without the simulator everybody else is killed too.
    ForGood,
    /// It is started again, long after it was given up.
    Back,
}

/// Flies the short mission, recordings and all, and kills members at the ticks named, counted from 0.
fn fly(kills: &[(u64, &str, Kill)]) -> Mission {
    Mission::fly_by(3, "0.5 %", |scenario, folder, run| Theatre::new(scenario, folder, run).fly(kills))
}

/// All members, each with files of its own.
struct Theatre<'a> {
    scenario: &'a Scenario,
    folder: &'a FleetFolder,
    run: &'a RunFolder,
    conductor: Conductor<'a>,
    settings: BTreeMap<AssetId, Settings>,
    members: BTreeMap<AssetId, Member<'a>>,
    world: WorldRecordingWriter,
    lost: Option<AssetId>,
}

struct Member<'a> {
    seat: Seat,
    shell: Files<'a>,
}

impl<'a> Theatre<'a> {
    fn new(scenario: &'a Scenario, folder: &'a FleetFolder, run: &'a RunFolder) -> Self {
        let almanac = Almanac::new(scenario);
        let keys = folder.file().roster().iter().map(|(asset, key)| (asset.clone(), key.did())).collect();
        let settings = settings(scenario, &almanac, MissionId([5; 16]), &keys);
        let settings: BTreeMap<_, _> = settings.into_iter().map(|own| (own.me.clone(), own)).collect();
        let heading =
            WorldHeading { program: program_version().to_owned(), scenario: scenario.name.clone(), seed: SEED };
        let world = WorldRecordingWriter::create(&run.world_recording(), &heading).expect("creates");
        let conductor = Conductor::new(scenario, &almanac, SEED);
        let members = BTreeMap::new();
        let mut theatre = Self { scenario, folder, run, conductor, settings, members, world, lost: None };
        for asset in theatre.settings.keys().cloned().collect::<Vec<_>>() {
            theatre.start(&asset);
        }
        theatre
    }

    fn fly(mut self, kills: &[(u64, &str, Kill)]) -> Flown {
        for count in 0.. {
            let tick = self.conductor.begin();
            for (_, who, _) in kills.iter().filter(|(at, _, kill)| *at == count && *kill == Kill::Back) {
                let asset = id(who);
                self.start(&asset);
                let contacts = self.members[&asset].seat.contacts().clone();
                self.conductor.find(&asset, contacts);
                let back = WorldEvent::Away { asset, away: false };
                self.world.event(self.conductor.now(), &back).expect("records");
            }
            if kills.contains(&(count, SIMULATOR, Kill::ForGood)) {
                return self.killed();
            }
            for (asset, grant) in tick.grants {
                let kill = kills.iter().find(|(at, who, _)| *at == count && *who == asset.as_str());
                self.step(&asset, &grant, kill.map(|(.., kill)| *kill));
            }
            self.world.flush().expect("flushes");
            if self.conductor.is_last() {
                break;
            }
            self.conductor.advance();
        }
        self.world.finish(self.conductor.now()).expect("finishes");
        for member in mem::take(&mut self.members).into_values() {
            member.shell.recording.finish().expect("finishes");
        }
        let lost = self.lost.as_ref().map_or("", AssetId::as_str);
        let flown = flown(self.run, self.scenario, lost);
        assert_eq!(flown.outcome.world.state(), self.conductor.world().state());
        flown
    }

    /// Takes everybody away.
    fn killed(mut self) -> Flown {
        for asset in self.settings.keys().cloned().collect::<Vec<_>>() {
            self.kill(&asset);
        }
        mem::forget(self.world);
        flown(self.run, self.scenario, SIMULATOR)
    }

    fn step(&mut self, asset: &AssetId, grant: &Grant, kill: Option<Kill>) {
        match kill {
            None => {}
            Some(Kill::Before) => {
                self.kill(asset);
                self.start(asset);
            }
            Some(Kill::ForGood) => {
                self.kill(asset);
                self.conductor.lose(asset);
                let away = WorldEvent::Away { asset: asset.clone(), away: true };
                self.world.event(grant.now, &away).expect("records");
                self.lost = Some(asset.clone());
                return;
            }
            Some(Kill::Back) => unreachable!("who comes back in this tick has no grant in it"),
            Some(Kill::Unflushed) => {
                let _ = self.take_step(asset, grant, false);
                self.kill(asset);
                self.start(asset);
            }
            Some(Kill::Unheard) => {
                let _ = self.take_step(asset, grant, true);
                self.kill(asset);
                self.start(asset);
            }
        }
        // Who has been lost since takes no step.
        let Some(grant) = self.conductor.open_grant(asset).cloned() else { return };
        let answer = self.take_step(asset, &grant, true);
        for schedule in &answer.commands {
            let command = WorldEvent::Command { asset: asset.clone(), schedule: schedule.clone() };
            self.world.event(grant.now, &command).expect("records");
        }
        self.conductor.answered(asset, answer);
    }

    /// Lets a member take its step. If anything gets out, its recording does first; what it sends reaches the others, who
    /// may have it already.
    fn take_step(&mut self, asset: &AssetId, grant: &Grant, gets_out: bool) -> Answer {
        loop {
            let Member { seat, shell } = self.members.get_mut(asset).expect("is there");
            match seat.step(grant, shell).expect("the disk works") {
                Stepped::Done(answer, parcels) => {
                    if !gets_out {
                        return *answer;
                    }
                    shell.recording.flush().expect("flushes");
                    for parcel in parcels {
                        if let Some(receiver) = self.members.get_mut(&parcel.to) {
                            receiver.seat.receive(parcel);
                        }
                    }
                    return *answer;
                }
                Stepped::Missing(missing) => {
                    for (from, frame) in missing {
                        let sent = self.conductor.sent(asset, frame);
                        let parcel = self.members[&from].seat.again(&sent).expect("a sender keeps what it sent");
                        self.members.get_mut(asset).expect("is there").seat.receive(parcel);
                    }
                }
            }
        }
    }

    fn start(&mut self, asset: &AssetId) {
        let settings = &self.settings[asset];
        let key = self.folder.key(asset).expect("a member has a key");
        let (mut shell, past) = Files::open(self.run, settings, key);
        let own_seed = asset_seed(SEED, asset);
        let mut seat = Seat::new(settings.clone(), own_seed, SEED).expect("good settings");
        seat.take_up(past, &mut shell).expect("the disk works");
        shell.recording.flush().expect("flushes");
        self.members.insert(asset.clone(), Member { seat, shell });
    }

    /// Takes a member away. What it had in its buffers is gone: nothing of it reaches the file any more.
    fn kill(&mut self, asset: &AssetId) {
        mem::forget(self.members.remove(asset).expect("is there").shell.recording);
    }
}

/// What the files of a run amount to.
fn flown(run: &RunFolder, scenario: &Scenario, lost: &str) -> Flown {
    let rebuilt = reconstruct(run, scenario, SEED).expect("the files can be read");
    assert_eq!(rebuilt.flaws, [] as [String; 0]);
    let process = |name: &str, rss_bytes: u64, bytes_sent: u64, restarts: u32| ProcessFigures {
        name: name.to_owned(),
        rss_bytes,
        bytes_sent,
        dropped: 0,
        restarts,
        lost: name == lost,
    };
    let member = |(asset, restarts): (&AssetId, &u32)| process(asset.as_str(), 1, rebuilt.bytes_sent(asset), *restarts);
    let mut processes: Vec<_> = rebuilt.restarts.iter().map(member).collect();
    processes.push(process(SIMULATOR, 2, 0, 0));
    let flown = rebuilt.into_flown(Watched { mode: FlightMode::Processes, processes, wall_s: 1.0, first_plan: None });
    assert_eq!(flown.rss_bytes_max, 1, "the simulator is no asset");
    flown
}

/// Key, log and recording of one member.
struct Files<'a> {
    key: &'a SecretKey,
    log: LogStore<FileDisk>,
    recording: RecordingWriter,
    /// Entries in the log that the recording does not know of.
    ahead: VecDeque<SignedEnvelope>,
}

impl<'a> Files<'a> {
    fn open(run: &RunFolder, settings: &Settings, key: &'a SecretKey) -> (Self, Past) {
        let asset = &settings.me;
        let heading = Heading {
            program: program_version().to_owned(),
            asset: asset.clone(),
            seed: asset_seed(SEED, asset),
            start: MissionTime::ZERO,
        };
        let resumed = RecordingWriter::resume(&run.recording(asset), &heading, &settings.encode()).expect("resumes");
        let decoded = |bytes: &[u8]| Input::decode(bytes).expect("decodes");
        let past: Past = resumed.inputs.iter().map(|input| (input.now, decoded(&input.bytes))).collect();
        let told = past.iter().filter(|(_, input)| matches!(input, Input::Persisted { .. })).count();
        let opened = LogStore::open(FileDisk::new(&run.logs()), &format!("{asset}.log")).expect("opens");
        let ahead = opened.entries.into_iter().skip(told).collect();
        (Self { key, log: opened.store, recording: resumed.writer, ahead }, past)
    }
}

impl Shell for Files<'_> {
    type Error = Infallible;

    fn sign(&mut self, _: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], Infallible> {
        Ok(self.key.sign(unsigned))
    }

    fn persist(&mut self, _: &AssetId, entry: &SignedEnvelope) -> Result<(), Infallible> {
        self.recording.flush().expect("flushes");
        match self.ahead.pop_front() {
            Some(there) => assert_eq!(there, *entry, "an asset that was executed again logs what it logged"),
            None => self.log.append(entry).expect("appends"),
        }
        Ok(())
    }

    fn record(&mut self, _: &AssetId, now: MissionTime, input: &Input) -> Result<(), Infallible> {
        self.recording.input(now, &input.encode()).expect("records");
        Ok(())
    }
}

const SEED: u64 = 3;
