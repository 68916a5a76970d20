//! `replay`: every asset once more, from its recording.
//!
//! Each asset is executed again from its own recording alone (see `retrace`); no planner of this machine has a say. Then
//! the recordings are held against each other and against the world: a message that was received must have been sent,
//! a contact must be one that geometry gives, and the world, flown with the commands that the assets gave again, must
//! show their sensors what is recorded. Of all differences the first in mission time is told. At last the files beside
//! them are compared with what came out: logs entry by entry, plans, and what the report says of the end.
//!
//! A process that was killed and started again leaves no difference. One that was lost for good leaves a recording that
//! breaks off, and contacts that others lost with it.

mod compare;
mod difference;

pub use difference::Difference;
pub(crate) use difference::{damage, world_damage};

use crate::durable;
use crate::error::NodeError;
use crate::fleet_folder::FleetFile;
use crate::report::{Report, SIMULATOR};
use crate::retrace::{Opening, Place, Retraced, Voyage, open, readings, retrace};
use crate::run_folder::RunFolder;
use compare::compare;
use mesh_model::{AssetId, Hash, MissionTime};
use mesh_sim::almanac::Almanac;
use mesh_sim::{LinkBook, Scenario, World, fleet};
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
    /// From when on the run cannot be replayed, and why, if a recording lacks something. Then it is not identical, and
    /// the difference is the first before that time, if there is one.
    pub not_replayable: Option<String>,
}

/// Replays the run in `run`. With `fleet` the recorded public keys must be those.
pub fn replay(run: &RunFolder, fleet: Option<&FleetFile>) -> Result<Replay, NodeError> {
    let report = Report::read(&run.report())?;
    let scenario = match scenario_of(run, &report)? {
        Ok(scenario) => scenario,
        Err(difference) => return Ok(Replay::broken_off(0, difference)),
    };
    if let Some(fleet) = fleet {
        fleet.check_serves(run.path(), &scenario.name, &scenario.contract().members)?;
    }
    let almanac = Almanac::new(&scenario);
    // Nobody but the report says which recordings may break off: a cut in any other is a difference.
    let may_be_torn = |asset: &AssetId| report.recording(asset).is_some_and(|figures| !figures.finished);
    let seed = report.seed;
    let opening = Opening { run, scenario: &scenario, almanac: &almanac, seed, fleet, may_be_torn: &may_be_torn };
    let opened = match open(&opening)? {
        Ok(opened) => opened,
        Err(difference) => return Ok(Replay::broken_off(0, difference)),
    };
    let end = MissionTime::from_s(u64::from(scenario.timing.duration_s));
    let mut retraced = BTreeMap::new();
    for (id, opened) in opened {
        match retrace(&id, opened, end)? {
            Ok(asset) => retraced.insert(id, asset),
            Err(difference) => return Ok(Replay::broken_off(0, difference)),
        };
    }
    let broken = break_off(&report, &mut retraced);
    let inputs = retraced.values().map(|asset| asset.totals.inputs).sum();
    let voyage = match Voyage::of(run, seed, &retraced)? {
        Ok(voyage) => voyage,
        Err(difference) => return Ok(Replay::broken_off(inputs, difference)),
    };
    let mut world = World::new(&scenario, &almanac, seed);
    let first = first_difference(&scenario, &almanac, &report, &retraced, &voyage, &mut world);
    if let Some(difference) = first {
        let mut replay = Replay::broken_off(inputs, Box::new(difference));
        replay.not_replayable = broken;
        return Ok(replay);
    }
    let states: Vec<_> = retraced.values().map(|asset| asset.state.clone()).collect();
    let state_hash = fleet::state_hash(&states, &world);
    let difference = compare(run, &scenario, &report, &retraced, &voyage, state_hash)?;
    let not_replayable = broken.or_else(|| report.not_replayable.clone());
    let identical = difference.is_none() && not_replayable.is_none();
    Ok(Replay { identical, state_hash: Some(state_hash), inputs, difference, not_replayable })
}

impl Replay {
    fn broken_off(inputs: u64, difference: Box<Difference>) -> Self {
        Self { identical: false, state_hash: None, inputs, difference: Some(difference), not_replayable: None }
    }
}

/// The scenario that was flown.
fn scenario_of(run: &RunFolder, report: &Report) -> Result<Result<Scenario, Box<Difference>>, NodeError> {
    const FILE: &str = "scenario.toml";
    let found = durable::file_hash(&run.scenario())?;
    if found != report.scenario_hash {
        let recorded = format!("a file with SHA-256 {}", report.scenario_hash);
        return Ok(Err(Difference::of_file(FILE, recorded, found.to_string())));
    }
    let (scenario, diagnostics) = mesh_sim::scenario::parse(&durable::read_text(&run.scenario())?);
    Ok(scenario.ok_or_else(|| {
        let why = diagnostics.first().map_or(String::new(), |diagnostic| diagnostic.message.clone());
        Difference::of_file(FILE, "a scenario", why)
    }))
}

/// Takes what came after a recording broke for unknown, and gives the first such break in words.
fn break_off(report: &Report, retraced: &mut BTreeMap<AssetId, Retraced>) -> Option<String> {
    let mut breaks: Vec<_> = report.recordings.iter().filter_map(|figures| figures.broken.as_ref()).collect();
    breaks.sort_by_key(|broken| broken.from);
    for broken in &breaks {
        if let Some(asset) = retraced.get_mut(&broken.asset)
            && asset.parted.is_none()
        {
            let place = Place { now: broken.from.max(asset.ended), number: asset.totals.inputs };
            let recorded = format!("nothing more: {}", broken.why);
            asset.parted = Some(Difference::at(&broken.asset, place, recorded, "nothing beyond that"));
        }
    }
    breaks.first().map(ToString::to_string)
}

/// The first difference in mission time, within recordings, between them, and to the world, which is flown on the way.
fn first_difference(
    scenario: &Scenario,
    almanac: &Almanac,
    report: &Report,
    retraced: &BTreeMap<AssetId, Retraced>,
    voyage: &Voyage,
    world: &mut World,
) -> Option<Difference> {
    let is_lockstep = report.mode.is_lockstep();
    // Without the simulator nobody knows what was heard last.
    let is_excused = |asset: &AssetId| report.is_lost(asset.as_str()) || report.is_lost(SIMULATOR);
    let mut differences: Vec<Difference> =
        retraced.values().filter_map(|asset| asset.parted.as_deref().cloned()).collect();
    differences.extend(unsent(retraced));
    if is_lockstep {
        let links = LinkBook::new(scenario, almanac);
        differences.extend(retraced.iter().filter_map(|(id, asset)| strange_contact(id, asset, &links, report)));
    }
    differences.extend(voyage.differs(retraced, is_lockstep, &is_excused).map(|difference| *difference));
    differences.extend(voyage.fly(world, &readings(retraced, is_lockstep)).map(|difference| *difference));
    differences.into_iter().min_by(Difference::order)
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

/// The first contact that an asset is recorded to have made or lost against geometry, though neither end was given up.
fn strange_contact(id: &AssetId, asset: &Retraced, links: &LinkBook, report: &Report) -> Option<Difference> {
    let is_strange = |(place, peer, up): &&(Place, AssetId, bool)| {
        let given = links.between(id, peer).is_some_and(|link| links.up(link, place.now));
        given != *up && !report.is_lost(id.as_str()) && !report.is_lost(peer.as_str())
    };
    let (place, peer, up) = asset.contacts.iter().find(is_strange)?;
    let (recorded, replayed) = if *up { ("made", "no contact") } else { ("lost", "contact") };
    Some(*Difference::at(id, *place, format!("contact with {peer} {recorded}"), replayed))
}
