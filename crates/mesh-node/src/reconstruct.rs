//! What a mission amounted to, from its files alone: every asset is executed again from its recording, the world is flown
//! again with the commands that took effect.
//!
//! Whoever flew the mission need not be there any more, nor have told anybody how it went. A recording that breaks off
//! because its process was killed is used as far as it goes. Every such recording is named.

use crate::audit::{LOG_LENGTH_MAX, sound_part};
use crate::durable;
use crate::error::{Fault, NodeError};
use crate::flight::Flown;
use crate::host::Written;
use crate::recording::Broken;
use crate::replay::Difference;
use crate::report::{FlightMode, ProcessFigures, RecordingFigures, SIMULATOR};
use crate::retrace::{Opening, Retraced, Voyage, WORLD_FILE, is_interrupted, open, retrace};
use crate::run_folder::RunFolder;
use mesh_asset::{AssetState, Event};
use mesh_model::{AssetId, AuditRecord, AuditSubject, Canonical, MissionId, MissionTime, Payload, SignedEnvelope};
use mesh_sim::almanac::Almanac;
use mesh_sim::fleet::{self, FleetOutcome};
use mesh_sim::journal::{LinkChange, Traffic};
use mesh_sim::{Journal, LinkBook, Scenario, World};
use mesh_sync::read_log;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::time::Duration;

/// A mission that was executed again.
#[derive(Debug)]
pub struct Reconstructed {
    /// How it went.
    pub outcome: FleetOutcome,
    /// What was written. How long the first plan took by the clock on the wall is not in the files.
    pub written: Written,
    /// The run's name in every envelope.
    pub mission: MissionId,
    /// How often the process of each member took its recording up again, in id order.
    pub restarts: BTreeMap<AssetId, u32>,
    /// The members whose recordings break off, and where. They were killed for good, or the run was.
    pub torn: BTreeMap<AssetId, String>,
    /// Where the recording of the world breaks off, if it does. In lock-step the assets' own recordings make up for it.
    pub world_torn: Option<String>,
    /// Where the recordings do not hold everything that happened, or contradict it, and why. Empty if the run can be
    /// replayed.
    pub flaws: Vec<String>,
}

/// What only those know who watched the processes of a mission.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// How it was flown.
    pub mode: FlightMode,
    /// The processes, members in id order, then the simulator.
    pub processes: Vec<ProcessFigures>,
    /// How long it took by the clock on the wall.
    pub wall_s: f64,
    /// How much of that until the first plan was certified.
    pub first_plan: Option<Duration>,
}

/// Executes the mission in `run` again. Fails if the machine is in the way, or if what is there is no recording of this
/// scenario and seed at all.
pub fn reconstruct(run: &RunFolder, scenario: &Scenario, seed: u64) -> Result<Reconstructed, NodeError> {
    let almanac = Almanac::new(scenario);
    let unfit = |difference: Box<Difference>| {
        let expected = "the recordings of this scenario";
        NodeError::unfit(run.path(), Fault::Malformed { expected, why: difference.to_string() })
    };
    let opening = Opening { run, scenario, almanac: &almanac, seed, fleet: None, may_be_torn: &|_| true };
    let opened = open(&opening)?.map_err(unfit)?;
    let mission = opened.values().next().map(|recording| recording.settings.mission);
    let mission = mission.expect("recordings without any settings are refused");
    let end = MissionTime::from_s(u64::from(scenario.timing.duration_s));
    let mut flaws = Vec::new();
    let mut retraced = BTreeMap::new();
    for (id, opened) in opened {
        if opened.reader.is_none() {
            flaws.push(format!("nothing of {id} was recorded"));
        }
        retraced.insert(id.clone(), retrace(&id, opened, end)?.map_err(unfit)?);
    }
    flaws.extend(retraced.values().filter_map(|asset| asset.parted.as_ref().map(ToString::to_string)));
    let voyage = match Voyage::of(run, seed, &retraced)? {
        Ok(voyage) => voyage,
        Err(damaged) => {
            flaws.push(damaged.to_string());
            Voyage::given(&retraced)
        }
    };
    let mut world = World::new(scenario, &almanac, seed);
    // What the sensors said is for `replay` to compare.
    voyage.fly(&mut world, &[]);
    let journal = journal(scenario, &LinkBook::new(scenario, &almanac), seed, &retraced, voyage.ended);
    let interrupted = is_interrupted(&retraced) && !is_closed_by_log(run, retraced.keys().cloned())?;
    let states: Vec<AssetState> = retraced.values().map(|asset| asset.state.clone()).collect();
    let written = written(run, &retraced)?;
    flaws.extend(written.recordings.iter().filter_map(|figures| figures.broken.as_ref().map(ToString::to_string)));
    let torn = retraced.iter().filter_map(|(id, asset)| Some((id.clone(), asset.tear.as_ref()?.to_string())));
    Ok(Reconstructed {
        torn: torn.collect(),
        restarts: retraced.iter().map(|(id, asset)| (id.clone(), asset.restarts.len() as u32)).collect(),
        outcome: FleetOutcome {
            state_hash: fleet::state_hash(&states, &world),
            states,
            world,
            journal,
            ended: voyage.ended,
            interrupted,
        },
        world_torn: voyage.tear.map(|tear| tear.to_string()),
        written,
        mission,
        flaws,
    })
}

impl Reconstructed {
    /// Takes in what a process said of its recording while it was alive: a machine that takes no recording may take no
    /// note of that either.
    pub fn add_broken(&mut self, broken: Broken) {
        let of = |figures: &&mut RecordingFigures| figures.asset == broken.asset;
        if let Some(figures) = self.written.recordings.iter_mut().find(of)
            && figures.broken.is_none()
        {
            figures.finished = false;
            self.flaws.push(broken.to_string());
            figures.broken = Some(broken);
        }
    }

    /// The mission as a report is made from it.
    pub fn into_flown(mut self, watched: Watched) -> Flown {
        self.written.first_plan = watched.first_plan;
        if let Some(tear) = self.world_torn.filter(|_| !watched.mode.is_lockstep()) {
            self.flaws.push(format!(
                "not replayable: nobody recorded when the last commands were heard: {WORLD_FILE}: {tear}"
            ));
        }
        let assets = watched.processes.iter().filter(|process| process.name != SIMULATOR);
        Flown {
            rss_bytes_max: assets.map(|process| process.rss_bytes).max().unwrap_or(0),
            outcome: self.outcome,
            written: self.written,
            mission: self.mission,
            wall_s: watched.wall_s,
            mode: watched.mode,
            processes: watched.processes,
            not_replayable: (!self.flaws.is_empty()).then(|| self.flaws.join("; ")),
        }
    }

    /// Bytes that a member handed to its links.
    pub fn bytes_sent(&self, asset: &AssetId) -> u64 {
        self.outcome.journal.traffic.get(asset).map_or(0, |traffic| traffic.bytes)
    }
}

/// What happened, in the order in which it would have happened in one process: links by time, events by time and asset.
fn journal(
    scenario: &Scenario,
    links: &LinkBook,
    seed: u64,
    retraced: &BTreeMap<AssetId, Retraced>,
    ended: MissionTime,
) -> Journal {
    let mut journal = Journal::new(retraced.keys().cloned().collect(), scenario);
    for change in link_changes(links, retraced) {
        journal.link(change);
    }
    let mut events: Vec<(MissionTime, &AssetId, &Event)> = Vec::new();
    for (id, asset) in retraced {
        events.extend(asset.events.iter().map(|(now, event)| (*now, id, event)));
    }
    // Stable, so that the events of one asset at one time stay in order.
    events.sort_by_key(|(now, id, _)| (*now, *id));
    for (now, id, event) in events {
        journal.event(now, id, event);
    }
    for (id, asset) in retraced {
        let is_lost =
            |(to, frame): &&(AssetId, u64)| links.between(id, to).is_none_or(|link| links.lost(seed, link, id, *frame));
        let lost = asset.transmissions.iter().filter(is_lost).count() as u64;
        journal.add_traffic(id, &Traffic { lost, ..asset.traffic.clone() });
    }
    journal.finish(ended);
    journal
}

/// How links came up and went down, as their ends were told. A link needs both ends: where they were told different things
/// at one time, it is down.
fn link_changes(links: &LinkBook, retraced: &BTreeMap<AssetId, Retraced>) -> Vec<LinkChange> {
    // What each end was told last at that time.
    let mut told: BTreeMap<(MissionTime, usize), BTreeMap<&AssetId, bool>> = BTreeMap::new();
    for (id, asset) in retraced {
        for (place, peer, up) in &asset.contacts {
            if let Some(link) = links.between(id, peer) {
                told.entry((place.now, link)).or_default().insert(id, *up);
            }
        }
    }
    let mut up = BTreeSet::new();
    let mut changes = Vec::new();
    for ((time, index), ends) in told {
        let is_up = ends.values().all(|up| *up);
        let has_changed = if is_up { up.insert(index) } else { up.remove(&index) };
        if has_changed {
            let (link, _) = &links.links()[index];
            changes.push(LinkChange { time, a: link.a.clone(), b: link.b.clone(), up: is_up });
        }
    }
    changes
}

fn written(run: &RunFolder, retraced: &BTreeMap<AssetId, Retraced>) -> Result<Written, NodeError> {
    let mut written = Written {
        log_entries: BTreeMap::new(),
        recordings: Vec::new(),
        scenario_hash: durable::file_hash(&run.scenario())?,
        ticks: 0,
        first_plan: None,
    };
    let mut times: BTreeSet<MissionTime> = BTreeSet::new();
    for (id, asset) in retraced {
        written.log_entries.insert(id.clone(), entries_in_log(run, id)?.len() as u64);
        written.recordings.push(RecordingFigures {
            asset: id.clone(),
            inputs: asset.totals.inputs,
            inputs_hash: asset.totals.digest,
            file_hash: RecordingFigures::hash_of_file(run, id)?,
            finished: asset.is_finished,
            broken: Broken::read(&run.recording(id))?,
        });
        times.extend(&asset.times);
    }
    written.ticks = times.len() as u64;
    Ok(written)
}

/// The whole entries in the log of an asset, which a kill may have left with a part of one more.
fn entries_in_log(run: &RunFolder, asset: &AssetId) -> Result<Vec<SignedEnvelope>, NodeError> {
    match durable::read_bytes(&run.log(asset), LOG_LENGTH_MAX) {
        Ok(bytes) => Ok(read_log(sound_part(&bytes)).unwrap_or_default()),
        Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(NodeError::Unfit { .. }) => Ok(Vec::new()),
        Err(why) => Err(why),
    }
}

/// Whether some member came to the end of the mission, by its log. A recording that broke off does not say so any more.
fn is_closed_by_log(run: &RunFolder, members: impl Iterator<Item = AssetId>) -> Result<bool, NodeError> {
    for member in members {
        let payload = entries_in_log(run, &member)?.last().map(|entry| Payload::decode(&entry.payload));
        if let Some(Ok(Payload::Audit(AuditRecord { subject: AuditSubject::Closed { .. }, .. }))) = payload {
            return Ok(true);
        }
    }
    Ok(false)
}
