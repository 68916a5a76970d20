//! The figures that a report holds.

use crate::durable;
use crate::error::NodeError;
use crate::recording::Broken;
use crate::run_folder::RunFolder;
use mesh_model::{AssetId, Hash};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;

/// The plans in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFigures {
    /// What the mission cost as it was flown; value earned counts as negative cost.
    pub cost: f64,
    /// What it would have cost under a central planner with unbroken links; none when there was no such flight.
    pub optimum: Option<f64>,
    /// Largest certified relative gap of all adopted plans.
    pub certified_gap: f64,
    /// Rounds of the first re-planning, which began cold.
    pub rounds: u32,
    /// Rounds of all re-plannings together.
    pub rounds_total: u64,
    /// Time by the clock on the wall from the start of the flight until the first plan was certified; none when there
    /// was none.
    pub first_plan_s: Option<f64>,
    /// Mission time that this took.
    pub first_plan_mission_s: f64,
    /// Number of plans adopted.
    pub adopted: u32,
    /// Re-plannings that ended without a plan, so that the plan before was flown on.
    pub given_up: u32,
}

/// The islanding in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlackoutFigures {
    /// Which asset was islanded longest.
    pub asset: Option<AssetId>,
    /// When it began.
    pub from_s: f64,
    /// How long it lasted.
    pub mission_s: f64,
    /// Time within it during which another asset still saw the relay.
    pub overlap_s: f64,
    /// Rounds of the first negotiation that all took part in after it; none when there was none.
    pub reconverge_rounds: Option<u32>,
    /// Plans adopted by the others while it lasted.
    pub plans_within: u32,
    /// What going on with planning changed.
    pub comparison: Vec<BlackoutComparison>,
}

/// One figure of the whole mission: as flown, with planning during the blackout, and as it would have been without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlackoutComparison {
    /// Of what.
    pub figure: String,
    /// When the others went on planning, as they did.
    pub planning: f64,
    /// Had everybody held the last plan from before the blackout until its end.
    pub holding: f64,
    /// Unit of both.
    pub unit: String,
}

/// The audit in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFigures {
    /// Entries checked.
    pub entries: u64,
    /// Whether all of them are what they should be.
    pub verified: bool,
}

/// One asset in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetFigures {
    /// Which.
    pub id: AssetId,
    /// What it is.
    pub kind: String,
    /// Energy taken from its battery and sources; none without a vehicle.
    pub energy_kwh: Option<f64>,
    /// Lowest energy in its battery.
    pub soc_kwh_min: Option<f64>,
    /// Energy that may not be undercut.
    pub reserve_kwh: Option<f64>,
    /// Bytes handed to its links.
    pub bytes_sent: u64,
    /// Entries in its log.
    pub log_entries: u64,
    /// Plans that it adopted.
    pub plans_adopted: u32,
    /// Longest time without contact to anybody that it survived.
    pub outage_s_max: f64,
    /// Hash of its final state.
    pub state: Hash,
}

/// One certified plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRow {
    /// Counts the re-plannings.
    pub plan: u64,
    /// Epoch of that re-planning.
    pub epoch: u32,
    /// When it was certified.
    pub time_s: f64,
    /// Who agreed.
    pub members: Vec<AssetId>,
    /// Rounds it took.
    pub rounds: u32,
    /// Its cost over its horizon.
    pub cost: f64,
    /// Its certified relative gap.
    pub gap: f64,
    /// Relative primal residual.
    pub primal: f64,
    /// Relative dual residual.
    pub dual: f64,
    /// Edge and step pairs with a price that is not zero.
    pub prices: u32,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingFigures {
    /// Of which asset.
    pub asset: AssetId,
    /// Number of inputs.
    pub inputs: u64,
    /// SHA-256 chain over the settings and all inputs with their times.
    pub inputs_hash: Hash,
    /// SHA-256 of the file; zero if there is none.
    pub file_hash: Hash,
    /// Whether the asset ended it. The recording of one whose process was lost goes as far as it goes.
    #[serde(default = "super::holds_by_default")]
    pub finished: bool,
    /// From when on something is missing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
}

impl RecordingFigures {
    /// SHA-256 of the recording of `asset`; zero if there is none.
    pub(crate) fn hash_of_file(run: &RunFolder, asset: &AssetId) -> Result<Hash, NodeError> {
        match durable::file_hash(&run.recording(asset)) {
            Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Hash::ZERO),
            hashed => hashed,
        }
    }
}

/// One process that was started for the mission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFigures {
    /// The asset's id, or `simulator`.
    pub name: String,
    /// Largest resident memory of any process of this name; 0 where the system does not tell.
    pub rss_bytes: u64,
    /// Bytes that it handed to its links; 0 for the simulator, which has none.
    pub bytes_sent: u64,
    /// Messages and requests on both planes that it dropped: they were none, or not for it to hear; 0 for the simulator.
    #[serde(default)]
    pub dropped: u64,
    /// How often it was started again.
    pub restarts: u32,
    /// Whether the fleet had to go on without it for a while, or to the end.
    pub lost: bool,
}
