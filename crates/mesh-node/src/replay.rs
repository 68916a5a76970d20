//! `replay`: the mission once more, from the recordings.
//!
//! World, links and assets are executed again; every input must be the recorded one, bit for bit, before the asset gets
//! it, so what runs is the recording, and the first difference is found in mission order. Signatures cannot be made
//! again without the private keys: the recorded one is taken, once it verifies for the bytes that the asset asks to have
//! signed.

use crate::durable;
use crate::error::NodeError;
use crate::fleet_folder::FleetFile;
use crate::plan_file::plan_file;
use crate::recording::{RecordedInput, RecordingReader};
use crate::report::Report;
use crate::run_folder::RunFolder;
use mesh_asset::{Input, Settings};
use mesh_identity::PublicKey;
use mesh_model::{AssetId, Canonical, Hash, MissionTime, SignedEnvelope};
use mesh_sim::Scenario;
use mesh_sim::almanac::Almanac;
use mesh_sim::fleet::{self, Fleet, FleetEvent, FleetOutcome, Host, asset_seed};
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
    let mut flight = match Reflight::open(run, &scenario, &report, fleet)? {
        Ok(flight) => flight,
        Err(difference) => return Ok(Replay::broken_off(0, difference)),
    };
    let almanac = Almanac::new(&scenario);
    let settings = match flight.settings(&scenario, &almanac) {
        Ok(settings) => settings,
        Err(difference) => return Ok(Replay::broken_off(0, difference)),
    };
    let fleet = match Fleet::new(&scenario, &almanac, report.seed, settings, &mut flight) {
        Ok(fleet) => fleet,
        Err(misuse) => {
            return Ok(Replay::broken_off(0, Difference::of_file("rec", "settings", misuse.to_string())));
        }
    };
    match fleet.fly() {
        Err(Parted::Machine(why)) => Err(why),
        Err(Parted::Difference(difference)) => Ok(Replay::broken_off(flight.inputs, difference)),
        Ok(outcome) => {
            let difference = match flight.remaining()? {
                Some(left) => Some(left),
                None => compare(run, &scenario, &report, &outcome)?,
            };
            let state_hash = Some(outcome.state_hash);
            Ok(Replay { identical: difference.is_none(), state_hash, inputs: flight.inputs, difference })
        }
    }
}

impl Replay {
    fn broken_off(inputs: u64, difference: Box<Difference>) -> Self {
        Self { identical: false, state_hash: None, inputs, difference: Some(difference) }
    }
}

impl Difference {
    fn of_file(file: &str, recorded: impl Into<String>, replayed: impl Into<String>) -> Box<Self> {
        let (file, recorded, replayed) = (file.to_owned(), recorded.into(), replayed.into());
        Box::new(Self { file, asset: None, input: None, mission_s: None, recorded, replayed })
    }

    fn of_asset(asset: &AssetId, recorded: impl Into<String>, replayed: impl Into<String>) -> Box<Self> {
        let mut difference = Self::of_file(&recording_name(asset), recorded, replayed);
        difference.asset = Some(asset.clone());
        difference
    }
}

/// Why a replay broke off.
#[derive(Debug)]
enum Parted {
    Difference(Box<Difference>),
    Machine(NodeError),
}

/// A host that takes every answer from the recordings and compares everything else with them.
struct Reflight {
    tracks: BTreeMap<AssetId, Track>,
    inputs: u64,
    /// How often the clock moved on before somebody stopped the mission; none if it came to its end.
    ticks_left: Option<u64>,
}

/// The recording of one asset.
struct Track {
    reader: RecordingReader,
    settings: Settings,
    key: PublicKey,
    /// The next recorded input.
    next: Option<RecordedInput>,
}

impl Reflight {
    fn open(
        run: &RunFolder,
        scenario: &Scenario,
        report: &Report,
        fleet: Option<&FleetFile>,
    ) -> Result<Result<Self, Box<Difference>>, NodeError> {
        let mut tracks = BTreeMap::new();
        for asset in scenario.contract().members {
            let path = run.recording(&asset);
            let reader = match damage(&asset, RecordingReader::open(&path))? {
                Ok(reader) => reader,
                Err(difference) => return Ok(Err(difference)),
            };
            match Track::begin(&asset, reader, report, fleet) {
                Ok(track) => {
                    tracks.insert(asset, track);
                }
                Err(difference) => return Ok(Err(difference)),
            }
        }
        for (asset, track) in &mut tracks {
            if let Err(difference) = track.advance(asset)? {
                return Ok(Err(difference));
            }
        }
        let ticks_left = report.interrupted.then_some(report.ticks);
        Ok(Ok(Self { tracks, inputs: 0, ticks_left }))
    }

    /// The settings that the scenario gives, which must be the recorded ones.
    fn settings(&self, scenario: &Scenario, almanac: &Almanac) -> Result<Vec<Settings>, Box<Difference>> {
        let Some(first) = self.tracks.values().next() else { return Ok(vec![]) };
        let expected = fleet::settings(scenario, almanac, first.settings.mission, &first.settings.keys);
        for settings in &expected {
            if self.tracks.get(&settings.me).is_none_or(|track| track.settings != *settings) {
                let same = "the settings that scenario.toml gives and all others were given";
                return Err(Difference::of_asset(&settings.me, "other settings", same));
            }
        }
        Ok(expected)
    }

    /// What is left of the recordings after the last input: nothing, and sound to the last byte.
    fn remaining(&mut self) -> Result<Option<Box<Difference>>, NodeError> {
        for (asset, track) in &mut self.tracks {
            if let Some(left) = &track.next {
                return Ok(Some(at(asset, left, format!("{} more", left.bytes.len()), "the end of the mission")));
            }
            if let Err(difference) = track.advance(asset)? {
                return Ok(Some(difference));
            }
        }
        Ok(None)
    }

    fn track(&mut self, asset: &AssetId) -> &mut Track {
        self.tracks.get_mut(asset).expect("the fleet has the members whose recordings were opened")
    }
}

impl Track {
    fn begin(
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
        Ok(Self { reader, settings, key, next: None })
    }

    fn advance(&mut self, asset: &AssetId) -> Result<Result<(), Box<Difference>>, NodeError> {
        Ok(damage(asset, self.reader.next_input())?.map(|next| self.next = next))
    }
}

impl Host for Reflight {
    type Error = Parted;

    fn sign(&mut self, asset: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], Parted> {
        let track = self.track(asset);
        let Some(next) = &track.next else {
            return Err(Difference::of_asset(asset, "nothing more", "a request for a signature").into());
        };
        match Input::decode(&next.bytes) {
            Ok(Input::Signed { signature, .. }) if track.key.accepts(unsigned, &signature) => Ok(signature),
            Ok(Input::Signed { .. }) => {
                let request = format!("bytes to sign with SHA-256 {}", Hash::of(unsigned));
                Err(at(asset, next, "a signature that is not valid for them", request).into())
            }
            Ok(other) => Err(at(asset, next, described(&other), "a request for a signature").into()),
            Err(why) => Err(at(asset, next, why.to_string(), "a request for a signature").into()),
        }
    }

    fn persist(&mut self, _: &AssetId, _: &SignedEnvelope) -> Result<(), Parted> {
        Ok(())
    }

    fn record(&mut self, asset: &AssetId, now: MissionTime, input: &Input) -> Result<(), Parted> {
        let track = self.track(asset);
        let Some(next) = &track.next else {
            return Err(Difference::of_asset(asset, "nothing more", described(input)).into());
        };
        if next.now != now {
            let replayed = format!("{} at {now}", described(input));
            return Err(at(asset, next, format!("an input at {}", next.now), replayed).into());
        }
        if next.bytes != input.encode() {
            let recorded = Input::decode(&next.bytes).map_or_else(|why| why.to_string(), |input| described(&input));
            return Err(at(asset, next, recorded, described(input)).into());
        }
        track.advance(asset).map_err(Parted::Machine)?.map_err(Parted::from)?;
        self.inputs += 1;
        Ok(())
    }

    fn observe(&mut self, _: MissionTime, _: &FleetEvent<'_>) {}

    fn stop_requested(&mut self) -> bool {
        match &mut self.ticks_left {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            None => false,
        }
    }
}

impl From<Box<Difference>> for Parted {
    fn from(difference: Box<Difference>) -> Self {
        Self::Difference(difference)
    }
}

/// After the flight: its outcome against the report, the plan file and the figures of the recordings.
fn compare(
    run: &RunFolder,
    scenario: &Scenario,
    report: &Report,
    outcome: &FleetOutcome,
) -> Result<Option<Box<Difference>>, NodeError> {
    const REPORT: &str = "report.json";
    for state in &outcome.states {
        let recorded = report.asset(&state.asset).map(|figures| figures.state);
        if recorded != Some(state.hash()) {
            let recorded = recorded.map_or("no state".to_owned(), |hash| format!("final state {hash}"));
            let mut difference = Difference::of_file(REPORT, recorded, state.hash().to_string());
            difference.asset = Some(state.asset.clone());
            return Ok(Some(difference));
        }
    }
    if report.state_hash != outcome.state_hash {
        let (recorded, replayed) = (format!("state hash {}", report.state_hash), outcome.state_hash.to_string());
        return Ok(Some(Difference::of_file(REPORT, recorded, replayed)));
    }
    let plans = plan_file(scenario.name.as_str(), report.seed, &outcome.journal.plans);
    if durable::read_text(&run.plan())? != plans {
        return Ok(Some(Difference::of_file("plan.json", "other plans", "the plans that were certified")));
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

/// A damaged or missing recording is an answer, not an obstacle; what the machine refuses is one.
fn damage<T>(asset: &AssetId, read: Result<T, NodeError>) -> Result<Result<T, Box<Difference>>, NodeError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(NodeError::Unfit { fault, .. }) => {
            Ok(Err(Difference::of_asset(asset, format!("a damaged file ({fault})"), "nothing beyond that")))
        }
        Err(NodeError::Refused { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(Err(Difference::of_asset(asset, "no such file", "a recording is needed")))
        }
        Err(other) => Err(other),
    }
}

fn at(
    asset: &AssetId,
    input: &RecordedInput,
    recorded: impl Into<String>,
    replayed: impl Into<String>,
) -> Box<Difference> {
    let mut difference = Difference::of_asset(asset, recorded, replayed);
    (difference.input, difference.mission_s) = (Some(input.number), Some(input.now.as_s()));
    difference
}

/// An input in a few words. Long ones are named by their hash.
fn described(input: &Input) -> String {
    match input {
        Input::Tick => "a tick".to_owned(),
        Input::Telemetry(telemetry) => format!("{telemetry:?}"),
        Input::Message { from, bytes } => {
            format!("a message of {} bytes from {from}, SHA-256 {}", bytes.len(), Hash::of(bytes))
        }
        Input::Link { peer, up } => format!("contact with {peer} {}", if *up { "made" } else { "lost" }),
        Input::Signed { id, signature } => format!("signature {id}, SHA-256 {}", Hash::of(signature)),
        Input::Persisted { id } => format!("persisted {id}"),
        Input::Close => "the end of the mission".to_owned(),
    }
}

fn recording_name(asset: &AssetId) -> String {
    format!("rec/{asset}.mcap")
}
