//! A member's problem, for whoever it is shown to: found by executing the member's recording again, which only its owner
//! has, and kept in a file of its canonical bytes.

use super::malformed;
use crate::durable;
use crate::error::{Fault, NodeError};
use crate::replay::Difference;
use crate::retrace::{Opening, negotiated, open};
use crate::run_folder::RunFolder;
use mesh_model::{AssetId, Canonical, Epoch, LocalProblem, MissionTime, Payload};
use mesh_sim::Scenario;
use mesh_sim::almanac::Almanac;
use std::path::Path;

/// What a member negotiated.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The epoch in which it did.
    pub epoch: Epoch,
    /// Its problem, as it is attested.
    pub problem: LocalProblem,
    /// What it said over its edges in that epoch and when: its ranges ([`Payload::Shared`]) and rounds
    /// ([`Payload::Dual`]), repeats included.
    pub said: Vec<(MissionTime, Payload)>,
}

/// What `asset` negotiated last for plan number `plan`.
pub fn open_problem(
    run: &RunFolder,
    scenario: &Scenario,
    seed: u64,
    asset: &AssetId,
    plan: u64,
) -> Result<Opened, NodeError> {
    if !scenario.contract().members.contains(asset) {
        return Err(NodeError::unfit(run.path(), Fault::NotAMember { asset: asset.clone() }));
    }
    let opened = open_negotiations(run, scenario, seed, plan, |member| member == asset)?.pop();
    let asset = asset.clone();
    opened.ok_or_else(|| NodeError::unfit(&run.recording(&asset), Fault::NotNegotiated { asset, plan }))
}

/// What every member negotiated for plan number `plan` in `epoch`, in id order; without an epoch, in the last one of that
/// planning. Empty if nobody did.
pub fn open_planning(
    run: &RunFolder,
    scenario: &Scenario,
    seed: u64,
    plan: u64,
    epoch: Option<&Epoch>,
) -> Result<Vec<Opened>, NodeError> {
    let mut opened = open_negotiations(run, scenario, seed, plan, |_| true)?;
    let epoch = epoch.cloned().or_else(|| opened.iter().map(|opened| opened.epoch.clone()).max());
    opened.retain(|opened| Some(&opened.epoch) == epoch.as_ref());
    Ok(opened)
}

fn open_negotiations(
    run: &RunFolder,
    scenario: &Scenario,
    seed: u64,
    plan: u64,
    is_wanted: impl Fn(&AssetId) -> bool,
) -> Result<Vec<Opened>, NodeError> {
    let almanac = Almanac::new(scenario);
    let unfit = |difference: Box<Difference>| malformed(run.path(), "the recordings of this scenario", &difference);
    let opening = Opening { run, scenario, almanac: &almanac, seed, fleet: None, may_be_torn: &|_| true };
    let recordings = open(&opening)?.map_err(unfit)?;
    let end = MissionTime::from_s(u64::from(scenario.timing.duration_s));
    let mut opened = Vec::new();
    for (asset, recording) in recordings.into_iter().filter(|(asset, _)| is_wanted(asset)) {
        opened.extend(negotiated(&asset, recording, end, plan)?.map_err(unfit)?);
    }
    Ok(opened)
}

/// Reads a problem from a file.
pub fn read_problem(path: &Path) -> Result<LocalProblem, NodeError> {
    let bytes = durable::read_bytes(path, LENGTH_MAX)?;
    LocalProblem::decode(&bytes).map_err(|why| malformed(path, "a problem in canonical bytes", &why))
}

/// Puts a problem into a file that others may not read.
pub fn write_problem(path: &Path, problem: &LocalProblem) -> Result<(), NodeError> {
    if durable::create_private_file(path, &problem.encode())? {
        return Ok(());
    }
    Err(NodeError::unfit(path, Fault::Exists))
}

/// A problem at every limit is smaller.
const LENGTH_MAX: u64 = 64 << 20;
