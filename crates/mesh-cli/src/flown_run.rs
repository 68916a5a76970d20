//! A run that was flown, and the fleet whose keys it is held against, as commands are given them.

use crate::failure::Failure;
use crate::scenario_file::ScenarioFile;
use mesh_model::FleetId;
use mesh_node::{FleetFile, Report, RunFolder, fleet_folder};
use mesh_sim::Scenario;
use std::path::{Path, PathBuf};

/// Which fleet flew a run.
#[derive(clap::Args)]
pub struct FleetChoice {
    /// The fleet folder; only its fleet.toml is read. Without it: the scenario's below $COSMOSMESH_HOME/fleets.
    #[arg(long, value_name = "DIR")]
    fleet: Option<PathBuf>,
}

/// A run folder and what was flown in it.
pub struct FlownRun {
    /// The folder.
    pub folder: RunFolder,
    /// The scenario as it was flown.
    pub scenario: Scenario,
}

impl FleetChoice {
    /// Where the fleet is that was named.
    pub fn named(&self) -> Option<&Path> {
        self.fleet.as_deref()
    }

    /// Where the fleet is: as it was named, else that of the scenario `name`.
    pub fn location(&self, name: &FleetId) -> Result<PathBuf, Failure> {
        Ok(fleet_folder::location(self.named(), name)?)
    }
}

impl FlownRun {
    /// Opens the run in the folder at `path`.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let folder = RunFolder::open(path)?;
        let (scenario, _) = ScenarioFile::read(&folder.scenario())?.into_scenario()?;
        Ok(Self { folder, scenario })
    }

    /// Its fleet: where it is, and its public keys.
    pub fn fleet(&self, choice: &FleetChoice) -> Result<(PathBuf, FleetFile), Failure> {
        let path = choice.location(&self.scenario.name)?;
        let file = FleetFile::read(&path)?;
        Ok((path, file))
    }

    /// The seed with which it was flown.
    pub fn seed(&self) -> Result<u64, Failure> {
        Ok(Report::read(&self.folder.report())?.seed)
    }
}
