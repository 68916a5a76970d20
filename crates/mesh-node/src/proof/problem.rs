//! A member's problem, for whoever it is shown to: found by executing the member's recording again, which only its owner
//! has, and kept in a file of its canonical bytes.

use super::malformed;
use crate::durable;
use crate::error::{Fault, NodeError};
use crate::replay::Difference;
use crate::retrace::{Opening, negotiated, open};
use crate::run_folder::RunFolder;
use mesh_model::{AssetId, Canonical, LocalProblem, MissionTime};
use mesh_sim::Scenario;
use mesh_sim::almanac::Almanac;
use std::path::Path;

/// A problem that a member negotiated, and in which epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Number of the epoch.
    pub epoch: u32,
    /// The problem, as it is attested.
    pub problem: LocalProblem,
}

/// The problem that `asset` negotiated last for plan number `plan`.
pub fn open_problem(
    run: &RunFolder,
    scenario: &Scenario,
    seed: u64,
    asset: &AssetId,
    plan: u64,
) -> Result<Opened, NodeError> {
    let almanac = Almanac::new(scenario);
    let unfit = |difference: Box<Difference>| malformed(run.path(), "the recordings of this scenario", &difference);
    let opening = Opening { run, scenario, almanac: &almanac, seed, fleet: None, may_be_torn: &|_| true };
    let mut opened = open(&opening)?.map_err(unfit)?;
    let Some(recording) = opened.remove(asset) else {
        return Err(NodeError::unfit(run.path(), Fault::Missing { what: "member in this run" }));
    };
    let end = MissionTime::from_s(u64::from(scenario.timing.duration_s));
    let found = negotiated(asset, recording, end, plan)?.map_err(unfit)?;
    let why = format!("{asset} negotiated no plan {plan}");
    found.ok_or_else(|| malformed(&run.recording(asset), "a recording with such a plan", &why))
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
    let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
    Err(NodeError::refused("create", path)(exists))
}

/// A problem at every limit is smaller.
const LENGTH_MAX: u64 = 64 << 20;
