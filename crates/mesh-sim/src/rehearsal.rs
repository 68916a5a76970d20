//! A mission without a disk: logs in memory, keys drawn from the seed, nothing recorded. For tests and studies; a real
//! run has keys of its own and leaves a run folder.

use crate::almanac::Almanac;
use crate::fleet::{Fleet, FleetEvent, FleetOutcome, Host, asset_seed, settings};
use crate::lockstep::Shell;
use crate::partition::Partition;
use crate::scenario::Scenario;
use mesh_adapters::Telemetry;
use mesh_asset::{Event, Input, Misuse};
use mesh_identity::SecretKey;
use mesh_model::{AssetId, Epoch, Hash, MissionId, MissionTime, SignedEnvelope};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A host that remembers.
pub struct Rehearsal {
    keys: BTreeMap<AssetId, SecretKey>,
    /// The log entries of each member.
    pub logs: BTreeMap<AssetId, Vec<SignedEnvelope>>,
    /// What the sensors of each vehicle said, and when.
    pub telemetry: BTreeMap<(MissionTime, AssetId), Telemetry>,
    /// Which epochs were opened when, and among whom.
    pub openings: Vec<(MissionTime, Epoch, Vec<AssetId>)>,
    /// What was refused, as text, the first [`REFUSALS_KEPT`].
    pub refusals: Vec<(MissionTime, AssetId, String)>,
}

impl Rehearsal {
    /// Keys for every member, drawn from the seed.
    pub fn new(members: &[AssetId], seed: u64) -> Self {
        let key =
            |member: &AssetId| SecretKey::from_seed(*Hash::of(&asset_seed(seed, member).to_le_bytes()).as_bytes());
        Self {
            keys: members.iter().map(|member| (member.clone(), key(member))).collect(),
            logs: members.iter().map(|member| (member.clone(), Vec::new())).collect(),
            telemetry: BTreeMap::new(),
            openings: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// The public keys as did:key.
    pub fn public_keys(&self) -> BTreeMap<AssetId, String> {
        self.keys.iter().map(|(member, key)| (member.clone(), key.public().did())).collect()
    }
}

impl Shell for Rehearsal {
    type Error = Infallible;

    fn sign(&mut self, asset: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], Infallible> {
        Ok(self.keys[asset].sign(unsigned))
    }

    fn persist(&mut self, asset: &AssetId, entry: &SignedEnvelope) -> Result<(), Infallible> {
        self.logs.entry(asset.clone()).or_default().push(entry.clone());
        Ok(())
    }

    fn record(&mut self, asset: &AssetId, now: MissionTime, input: &Input) -> Result<(), Infallible> {
        if let Input::Telemetry(telemetry) = input {
            self.telemetry.insert((now, asset.clone()), telemetry.clone());
        }
        Ok(())
    }
}

impl Host for Rehearsal {
    fn observe(&mut self, now: MissionTime, event: &FleetEvent<'_>) {
        match event {
            FleetEvent::Refused(asset, why) if self.refusals.len() < REFUSALS_KEPT => {
                self.refusals.push((now, (*asset).clone(), (*why).to_owned()));
            }
            FleetEvent::Asset(_, Event::Opened { epoch, members }) => {
                self.openings.push((now, epoch.clone(), members.clone()));
            }
            _ => {}
        }
    }

    fn stop_requested(&mut self) -> bool {
        false
    }
}

/// Flies a mission in memory.
pub fn rehearse(scenario: &Scenario, seed: u64) -> Result<(FleetOutcome, Rehearsal), Misuse> {
    rehearse_with(scenario, seed, |fleet| fleet)
}

/// The same, with nobody to hold the planner role between two times: everybody is alone.
pub fn rehearse_without_planner(
    scenario: &Scenario,
    seed: u64,
    from: MissionTime,
    until: MissionTime,
) -> Result<(FleetOutcome, Rehearsal), Misuse> {
    rehearse_with(scenario, seed, |fleet| fleet.without_planner(from, until))
}

/// The same, with a fleet that falls apart for a while, or several times.
pub fn rehearse_partitioned(
    scenario: &Scenario,
    seed: u64,
    partitions: &[Partition],
) -> Result<(FleetOutcome, Rehearsal), Misuse> {
    rehearse_with(scenario, seed, |fleet| partitions.iter().cloned().fold(fleet, Fleet::with_partition))
}

fn rehearse_with(
    scenario: &Scenario,
    seed: u64,
    change: impl for<'a> FnOnce(Fleet<'a, Rehearsal>) -> Fleet<'a, Rehearsal>,
) -> Result<(FleetOutcome, Rehearsal), Misuse> {
    let almanac = Almanac::new(scenario);
    let members = scenario.contract().members;
    let mut host = Rehearsal::new(&members, seed);
    let mut mission = [0; 16];
    mission[..8].copy_from_slice(&seed.to_le_bytes());
    let settings = settings(scenario, &almanac, MissionId(mission), &host.public_keys());
    let flown = change(Fleet::new(scenario, &almanac, seed, settings, &mut host)?).fly();
    let outcome = match flown {
        Ok(outcome) => outcome,
        Err(never) => match never {},
    };
    Ok((outcome, host))
}

/// Refusals beyond this are only counted, in the journal.
pub const REFUSALS_KEPT: usize = 1000;
