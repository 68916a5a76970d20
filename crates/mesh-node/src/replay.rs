//! `replay`: every asset once more, from its recording.
//!
//! Each asset is executed again from its own recording alone (see `retrace`); no link model and no planner of
//! this machine has a say. Then the recordings are held against each other and against the world: a message that was
//! received must have been sent, and the world, flown with the commands that the assets gave again, must show their
//! sensors what is recorded. Of all differences the first in mission time is told. At last the files beside them are
//! compared with what came out: logs entry by entry, plans, and what the report says of the end.

use crate::audit::LOG_LENGTH_MAX;
use crate::durable;
use crate::error::NodeError;
use crate::fleet_folder::FleetFile;
use crate::plan_file::plan_file;
use crate::recording::RecordingReader;
use crate::report::Report;
use crate::retrace::{Place, Retraced, retrace};
use crate::run_folder::RunFolder;
use mesh_adapters::{CommandSchedule, Telemetry};
use mesh_asset::Settings;
use mesh_identity::PublicKey;
use mesh_model::{AssetId, Canonical, Hash, MissionTime, SignedEnvelope};
use mesh_sim::almanac::Almanac;
use mesh_sim::fleet::{self, asset_seed};
use mesh_sim::{Scenario, World};
use mesh_sync::read_log;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a replay gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// Whether the mission is the recorded one.
    pub identical: bool,
    /// The state hash of the replayed mission; none when it broke off.
    pub state_hash: Option<Hash>,
    /// Inputs that were the recorded ones.
    pub inputs: u64,
    /// The first difference.
    pub difference: Option<Box<Difference>>,
}

/// Where recording and replay part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// In which file of the run folder.
    pub file: String,
    /// Whose.
    pub asset: Option<AssetId>,
    /// At which input, counted from 0.
    pub input: Option<u64>,
    /// At which log entry, counted from 0.
    pub entry: Option<u64>,
    /// When.
    pub mission_s: Option<f64>,
    /// What the run folder says.
    pub recorded: String,
    /// What the replay gave.
    pub replayed: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(input) = self.input {
            write!(f, ", input {input}")?;
        }
        if let Some(entry) = self.entry {
            write!(f, ", entry {entry}")?;
        }
        if let Some(seconds) = self.mission_s {
            write!(f, " at {}", MissionTime::from_ns((seconds * 1e9) as u64))?;
        }
        write!(f, ": recorded {}, replayed {}", self.recorded, self.replayed)
    }
}

/// Replays the run in `run`. With `fleet` the recorded public keys must be those.
pub fn replay(run: &RunFolder, fleet: Option<&FleetFile>) -> Result<Replay, NodeError> {
    let report = Report::read(&run.report())?;
    let scenario_hash = durable::file_hash(&run.scenario())?;
    if scenario_hash != report.scenario_hash {
        let recorded = format!("a file with SHA-256 {}", report.scenario_hash);
        return Ok(Replay::broken_off(0, Difference::of_file("scenario.toml", recorded, scenario_hash.to_string())));
    }
    let (scenario, diagnostics) = mesh_sim::scenario::parse(&durable::read_text(&run.scenario())?);
    let Some(scenario) = scenario else {
        let why = diagnostics.first().map_or(String::new(), |diagnostic| diagnostic.message.clone());
        return Ok(Replay::broken_off(0, Difference::of_file("scenario.toml", "a scenario", why)));
    };
    if let Some(fleet) = fleet {
        fleet.check_serves(run.path(), &scenario.name, &scenario.contract().members)?;
    }
    let almanac = Almanac::new(&scenario);
    let end = MissionTime::from_s(u64::from(scenario.timing.duration_s));
    let opened = match open(run, &scenario, &almanac, &report, fleet)? {
        Ok(opened) => opened,
        Err(difference) => return Ok(Replay::broken_off(0, difference)),
    };
    let mut retraced = BTreeMap::new();
    for (id, Opened { reader, settings, key }) in opened {
        match retrace(&id, settings, &key, end, reader)? {
            Ok(asset) => retraced.insert(id, asset),
            Err(difference) => return Ok(Replay::broken_off(0, difference)),
        };
    }
    let mut world = World::new(&scenario, &almanac, report.seed);
    let parted = retraced.values().filter_map(|asset| asset.parted.as_deref().cloned());
    let mut differences: Vec<Difference> = parted.collect();
    differences.extend(unsent(&retraced));
    differences.extend(fly(&mut world, &retraced).map(|difference| *difference));
    let inputs = retraced.values().map(|asset| asset.totals.inputs).sum();
    if let Some(first) = differences.into_iter().min_by(Difference::order) {
        return Ok(Replay::broken_off(inputs, Box::new(first)));
    }
    let states: Vec<_> = retraced.values().map(|asset| asset.state.clone()).collect();
    let state_hash = fleet::state_hash(&states, &world);
    let difference = compare(run, &scenario, &report, &retraced, state_hash)?;
    Ok(Replay { identical: difference.is_none(), state_hash: Some(state_hash), inputs, difference })
}

impl Replay {
    fn broken_off(inputs: u64, difference: Box<Difference>) -> Self {
        Self { identical: false, state_hash: None, inputs, difference: Some(difference) }
    }
}

impl Difference {
    pub(crate) fn of_file(file: &str, recorded: impl Into<String>, replayed: impl Into<String>) -> Box<Self> {
        let (file, recorded, replayed) = (file.to_owned(), recorded.into(), replayed.into());
        Box::new(Self { file, asset: None, input: None, entry: None, mission_s: None, recorded, replayed })
    }

    pub(crate) fn of_asset(asset: &AssetId, recorded: impl Into<String>, replayed: impl Into<String>) -> Box<Self> {
        let mut difference = Self::of_file(&recording_name(asset), recorded, replayed);
        difference.asset = Some(asset.clone());
        difference
    }

    pub(crate) fn at(
        asset: &AssetId,
        place: Place,
        recorded: impl Into<String>,
        replayed: impl Into<String>,
    ) -> Box<Self> {
        let mut difference = Self::of_asset(asset, recorded, replayed);
        difference.set_place(place);
        difference
    }

    pub(crate) fn set_place(&mut self, place: Place) {
        (self.input, self.mission_s) = (Some(place.number), Some(place.now.as_s()));
    }

    /// What comes first is told first; what has no place in mission time comes last.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let time = |difference: &Self| difference.mission_s.unwrap_or(f64::INFINITY);
        time(self).total_cmp(&time(other)).then(self.input.cmp(&other.input))
    }
}

/// A recording that has been opened, with what it says at its beginning.
struct Opened {
    reader: RecordingReader,
    settings: Settings,
    key: PublicKey,
}

/// Opens the recordings of all members. Their settings must be those that the scenario gives.
fn open(
    run: &RunFolder,
    scenario: &Scenario,
    almanac: &Almanac,
    report: &Report,
    fleet: Option<&FleetFile>,
) -> Result<Result<BTreeMap<AssetId, Opened>, Box<Difference>>, NodeError> {
    let mut opened = BTreeMap::new();
    for asset in scenario.contract().members {
        let reader = match damage(&asset, RecordingReader::open(&run.recording(&asset)))? {
            Ok(reader) => reader,
            Err(difference) => return Ok(Err(difference)),
        };
        match Opened::new(&asset, reader, report, fleet) {
            Ok(recording) => opened.insert(asset, recording),
            Err(difference) => return Ok(Err(difference)),
        };
    }
    let Some(first) = opened.values().next() else { return Ok(Ok(opened)) };
    for settings in fleet::settings(scenario, almanac, first.settings.mission, &first.settings.keys) {
        if opened.get(&settings.me).is_none_or(|recording| recording.settings != settings) {
            let same = "the settings that scenario.toml gives and all others were given";
            return Ok(Err(Difference::of_asset(&settings.me, "other settings", same)));
        }
    }
    Ok(Ok(opened))
}

impl Opened {
    fn new(
        asset: &AssetId,
        reader: RecordingReader,
        report: &Report,
        fleet: Option<&FleetFile>,
    ) -> Result<Self, Box<Difference>> {
        let heading = reader.heading();
        if heading.asset != *asset {
            return Err(Difference::of_asset(asset, format!("the inputs of {}", heading.asset), asset.to_string()));
        }
        let seed = asset_seed(report.seed, asset);
        if heading.seed != seed || heading.start != MissionTime::ZERO {
            let recorded = format!("seed {} from {}", heading.seed, heading.start);
            return Err(Difference::of_asset(asset, recorded, format!("seed {seed} from {}", MissionTime::ZERO)));
        }
        let settings = Settings::decode(reader.settings())
            .map_err(|why| Difference::of_asset(asset, "settings that cannot be read", why.to_string()))?;
        let did = settings.keys.get(asset).map_or("", String::as_str);
        let key = PublicKey::from_did(did)
            .map_err(|why| Difference::of_asset(asset, format!("the public key {did:?}"), why.to_string()))?;
        if let Some(member) = fleet.and_then(|fleet| fleet.members.get(asset))
            && member.public_key != key
        {
            return Err(Difference::of_asset(asset, format!("the public key {key}"), member.public_key.did()));
        }
        Ok(Self { reader, settings, key })
    }
}

/// The first message of each asset that is recorded as received and that nobody sent it.
fn unsent(retraced: &BTreeMap<AssetId, Retraced>) -> Vec<Difference> {
    let first_of = |(id, asset): (&AssetId, &Retraced)| {
        let was_sent = |from: &AssetId, hash: &Hash| {
            retraced.get(from).is_some_and(|sender| {
                // A sender that parted from its recording earlier is told of instead.
                sender.parted.is_some() || sender.sent.contains(&(id.clone(), *hash))
            })
        };
        let (place, from, hash) = asset.received.iter().find(|(_, from, hash)| !was_sent(from, hash))?;
        let recorded = format!("a message from {from} with SHA-256 {hash}");
        Some(*Difference::at(id, *place, recorded, "no such message was sent"))
    };
    retraced.iter().filter_map(first_of).collect()
}

/// Flies the world with the commands that the assets gave again, and holds its sensors against the recorded ones.
/// Returns the first reading that differs.
fn fly(world: &mut World, retraced: &BTreeMap<AssetId, Retraced>) -> Option<Box<Difference>> {
    enum Step<'a> {
        Read(Place, &'a Telemetry),
        Command(&'a CommandSchedule),
    }
    // Sensors are read before anything is commanded in the same tick.
    let mut steps: BTreeMap<(MissionTime, bool, &AssetId), Vec<Step<'_>>> = BTreeMap::new();
    for (id, asset) in retraced {
        for (place, telemetry) in &asset.readings {
            steps.entry((place.now, false, id)).or_default().push(Step::Read(*place, telemetry));
        }
        for (now, schedule) in &asset.commands {
            steps.entry((*now, true, id)).or_default().push(Step::Command(schedule));
        }
    }
    for ((now, _, id), steps) in steps {
        world.advance(now);
        for step in steps {
            match step {
                Step::Command(schedule) => world.command(id, schedule.clone()),
                Step::Read(place, recorded) => {
                    let replayed = world.telemetry(id);
                    if replayed.as_ref() != Some(recorded) {
                        let replayed = format!("sensors that say {replayed:?}");
                        return Some(Difference::at(id, place, format!("{recorded:?}"), replayed));
                    }
                }
            }
        }
    }
    world.advance(retraced.values().map(|asset| asset.ended).max().unwrap_or(MissionTime::ZERO));
    None
}

/// What came out against the report, the plan file and the figures of the recordings.
fn compare(
    run: &RunFolder,
    scenario: &Scenario,
    report: &Report,
    retraced: &BTreeMap<AssetId, Retraced>,
    state_hash: Hash,
) -> Result<Option<Box<Difference>>, NodeError> {
    const REPORT: &str = "report.json";
    for state in retraced.values().map(|asset| &asset.state) {
        let recorded = report.asset(&state.asset).map(|figures| figures.state);
        if recorded != Some(state.hash()) {
            let recorded = recorded.map_or("no state".to_owned(), |hash| format!("final state {hash}"));
            let mut difference = Difference::of_file(REPORT, recorded, state.hash().to_string());
            difference.asset = Some(state.asset.clone());
            return Ok(Some(difference));
        }
    }
    if report.state_hash != state_hash {
        let (recorded, replayed) = (format!("state hash {}", report.state_hash), state_hash.to_string());
        return Ok(Some(Difference::of_file(REPORT, recorded, replayed)));
    }
    for (asset, retraced) in retraced {
        if let Some(difference) = compare_log(run, asset, &retraced.entries)? {
            return Ok(Some(difference));
        }
    }
    let is_closed = retraced.values().all(|asset| asset.is_closed);
    if report.interrupted == is_closed {
        let (recorded, replayed) = (report.interrupted, !is_closed);
        let said = |interrupted: bool| if interrupted { "a mission that was stopped" } else { "a mission to its end" };
        return Ok(Some(Difference::of_file(REPORT, said(recorded), said(replayed))));
    }
    let ended = retraced.values().map(|asset| asset.ended).max().unwrap_or(MissionTime::ZERO);
    if report.mission_s != ended.as_s() {
        let (recorded, replayed) = (format!("an end at {} s", report.mission_s), format!("{} s", ended.as_s()));
        return Ok(Some(Difference::of_file(REPORT, recorded, replayed)));
    }
    let mut certified: Vec<_> = retraced.values().flat_map(|asset| asset.certified.iter().cloned()).collect();
    certified.sort_by_key(|certified| certified.agreed);
    let plans = plan_file(scenario.name.as_str(), report.seed, &certified);
    let written = match durable::read_text(&run.plan()) {
        Err(NodeError::Refused { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        read => Some(read?),
    };
    if written.as_deref() != Some(&plans) {
        let recorded = written.map_or("nothing: the file is missing", |_| "other plans");
        return Ok(Some(Difference::of_file("plan.json", recorded, "the plans that were certified")));
    }
    for (asset, retraced) in retraced {
        let recorded = report.recordings.iter().find(|figures| figures.asset == *asset).map(|own| own.inputs_hash);
        if recorded != Some(retraced.totals.digest) {
            let recorded = recorded.map_or("no inputs".to_owned(), |hash| format!("inputs with the digest {hash}"));
            return Ok(Some(Difference::of_asset(asset, recorded, retraced.totals.digest.to_string())));
        }
    }
    if !report.recordings.iter().map(|figures| &figures.asset).eq(retraced.keys()) {
        return Ok(Some(Difference::of_file(REPORT, "other recordings", "one of each member, in id order")));
    }
    for figures in &report.recordings {
        let found = durable::file_hash(&run.recording(&figures.asset))?;
        if found != figures.file_hash {
            let recorded = format!("a file with SHA-256 {}", figures.file_hash);
            return Ok(Some(Difference::of_asset(&figures.asset, recorded, found.to_string())));
        }
    }
    Ok(None)
}

/// The log file of an asset against the entries that it had persisted, one by one.
fn compare_log(
    run: &RunFolder,
    asset: &AssetId,
    entries: &[SignedEnvelope],
) -> Result<Option<Box<Difference>>, NodeError> {
    let differ = |entry: Option<u64>, recorded: String, replayed: String| {
        let mut difference = Difference::of_file(&format!("logs/{asset}.log"), recorded, replayed);
        (difference.asset, difference.entry) = (Some(asset.clone()), entry);
        Ok(Some(difference))
    };
    let found = match durable::read_bytes(&run.log(asset), LOG_LENGTH_MAX) {
        Err(NodeError::Refused { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return differ(None, "nothing: the file is missing".to_owned(), format!("{} entries", entries.len()));
        }
        read => match read_log(&read?) {
            Ok(found) => found,
            Err(damage) => return differ(Some(damage.entry), damage.to_string(), "a sound entry".to_owned()),
        },
    };
    let place = found.iter().zip(entries).position(|(found, entry)| found != entry);
    let place = place.or_else(|| (found.len() != entries.len()).then(|| found.len().min(entries.len())));
    let Some(place) = place else { return Ok(None) };
    let named = |entry: Option<&SignedEnvelope>| {
        entry.map_or("no such entry".to_owned(), |entry| format!("an entry with SHA-256 {}", entry.unsigned_hash()))
    };
    differ(Some(place as u64), named(found.get(place)), named(entries.get(place)))
}

/// A damaged or missing recording is an answer, not an obstacle; what the machine refuses is one.
pub(crate) fn damage<T>(asset: &AssetId, read: Result<T, NodeError>) -> Result<Result<T, Box<Difference>>, NodeError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(NodeError::Unfit { fault, .. }) => {
            Ok(Err(Difference::of_asset(asset, format!("a damaged file ({fault})"), "nothing beyond that")))
        }
        Err(NodeError::Refused { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(Err(Difference::of_asset(asset, "nothing: the file is missing", format!("the inputs of {asset}"))))
        }
        Err(other) => Err(other),
    }
}

fn recording_name(asset: &AssetId) -> String {
    format!("rec/{asset}.mcap")
}
