//! A flight: a scenario, a seed and a fleet folder go in; logs, recordings and the outcome come out.

use crate::error::NodeError;
use crate::fleet_folder::FleetFolder;
use crate::host::{NodeHost, Observer, Written, peak_memory};
use crate::report::{FlightMode, ProcessFigures};
use crate::run_folder::RunFolder;
use mesh_asset::Misuse;
use mesh_model::{AssetId, MissionId};
use mesh_sim::Scenario;
use mesh_sim::almanac::Almanac;
use mesh_sim::fleet::{self, Fleet, FleetOutcome};
use std::collections::BTreeMap;
use std::time::Instant;

/// What is flown, and where it is written down.
pub struct Flight<'a> {
    /// The mission.
    pub scenario: &'a Scenario,
    /// Its seed.
    pub seed: u64,
    /// Whose keys sign.
    pub fleet: &'a FleetFolder,
    /// Where logs and recordings go.
    pub run: &'a RunFolder,
}

/// A flight that is over.
#[derive(Debug)]
pub struct Flown {
    /// How it went.
    pub outcome: FleetOutcome,
    /// What was written.
    pub written: Written,
    /// The run's name in every envelope.
    pub mission: MissionId,
    /// How long it took by the clock on the wall.
    pub wall_s: f64,
    /// Largest resident memory of the process up to its end, in bytes; with a process for each member, of any of those.
    pub rss_bytes_max: u64,
    /// How it was flown.
    pub mode: FlightMode,
    /// The processes that were started for it.
    pub processes: Vec<ProcessFigures>,
    /// Where its recordings do not hold everything, and why.
    pub not_replayable: Option<String>,
}

/// Why a flight did not take place or broke off.
#[derive(Debug, thiserror::Error)]
pub enum FlightError {
    /// The machine is in the way.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The scenario gives an asset nothing to do: a mistake in this program, since the parser accepted it.
    #[error("the scenario's settings contradict themselves: {0}")]
    Misuse(#[from] Misuse),
}

impl Flight<'_> {
    /// Flies it.
    pub fn fly(&self, observer: &mut dyn Observer) -> Result<Flown, FlightError> {
        let began = Instant::now();
        let almanac = Almanac::new(self.scenario);
        let mission = drawn_mission()?;
        let settings = fleet::settings(self.scenario, &almanac, mission, &self.public_keys());
        let mut host = NodeHost::new(self.fleet, self.run, self.seed, &settings, observer)?;
        let outcome = Fleet::new(self.scenario, &almanac, self.seed, settings, &mut host)?.fly()?;
        let written = host.finish()?;
        let wall_s = began.elapsed().as_secs_f64();
        Ok(Flown {
            outcome,
            written,
            mission,
            wall_s,
            rss_bytes_max: peak_memory(),
            mode: FlightMode::InProcess,
            processes: Vec::new(),
            not_replayable: None,
        })
    }

    fn public_keys(&self) -> BTreeMap<AssetId, String> {
        self.fleet.file().roster().iter().map(|(asset, key)| (asset.clone(), key.did())).collect()
    }
}

/// A name for a run.
pub(crate) fn drawn_mission() -> Result<MissionId, NodeError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|why| NodeError::NoEntropy { why: why.to_string() })?;
    Ok(MissionId(id))
}
