//! What a mission amounted to: report.json, and the figures that the page for people is drawn from.

mod assertion;
mod courses;
mod figures;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use assertion::{Assertion, Relation};
pub use courses::{BatteryCourse, Courses, LinkCourse, NegotiationCourse, RoundCourse};
pub use figures::{
    AssetFigures, AuditFigures, BlackoutComparison, BlackoutFigures, PlanFigures, PlanRow, ProcessFigures,
    RecordingFigures,
};

use crate::durable;
use crate::error::{Fault, MISSING_REPORT, NodeError};
use crate::report_page::GAP_ASSERTION;
use mesh_model::{AssetId, FleetId, Hash, MissionId};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// report.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format.
    pub version: u32,
    /// Version of the program that flew the mission.
    pub program: String,
    /// The scenario's name.
    pub scenario: FleetId,
    /// The scenario's line for people.
    pub title: String,
    /// SHA-256 of the scenario file as it was flown.
    pub scenario_hash: Hash,
    /// The seed.
    pub seed: u64,
    /// Whether every assertion holds and the mission ran to its end.
    pub status: Status,
    /// Names the run in every envelope; drawn anew for each.
    #[serde(with = "crate::mission_text")]
    pub mission: MissionId,
    /// The mission was stopped before its end.
    pub interrupted: bool,
    /// How often the clock moved on.
    pub ticks: u64,
    /// What was to hold, and whether it does.
    pub assertions: Vec<Assertion>,
    /// The plans in figures.
    pub plan: PlanFigures,
    /// The islanding in figures.
    pub blackout: BlackoutFigures,
    /// Most bytes that any one asset handed to its links.
    pub bytes_per_asset_max: u64,
    /// Largest resident memory of any process of an asset, or of the one process of all, up to the end of the flight; 0
    /// where the system does not tell.
    pub rss_bytes_max: u64,
    /// How it was flown.
    #[serde(default)]
    pub mode: FlightMode,
    /// The processes that were started for the mission; empty if all of it took place in one.
    #[serde(default)]
    pub processes: Vec<ProcessFigures>,
    /// Whether the recordings hold everything.
    #[serde(default = "holds_by_default")]
    pub replayable: bool,
    /// Where they do not, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_replayable: Option<String>,
    /// The audit of the logs, from the files as they were written.
    pub audit: AuditFigures,
    /// SHA-256 over all adopted plans, final states and the world's state.
    pub state_hash: Hash,
    /// How long the flight took by the clock on the wall.
    pub wall_s: f64,
    /// How long it took in mission time.
    pub mission_s: f64,
    /// The assets in id order.
    pub assets: Vec<AssetFigures>,
    /// The certified plans in order.
    pub plans: Vec<PlanRow>,
    /// The recordings in id order.
    pub recordings: Vec<RecordingFigures>,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Pass,
    /// Something is not.
    Fail,
}

/// How a mission is flown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlightMode {
    /// All assets and the world share one process.
    #[default]
    InProcess,
    /// Every member is a process, and so is the world; they advance in lock-step.
    Processes,
    /// The same, but the clock on the wall waits for nobody.
    Realtime,
}

impl FlightMode {
    /// Whether time waits until everybody has taken their step.
    pub fn is_lockstep(self) -> bool {
        self != Self::Realtime
    }
}

impl Report {
    /// Reads the report at `path`.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        if !path.try_exists().map_err(NodeError::refused("read", path))? {
            return Err(NodeError::unfit(path, Fault::Missing { what: MISSING_REPORT }));
        }
        let text = durable::read_text(path)?;
        let malformed = |why: String| NodeError::unfit(path, Fault::Malformed { expected: "a report", why });
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|why| malformed(why.to_string()))?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(REPORT_VERSION) => {}
            Some(version) => {
                let found = u32::try_from(version).unwrap_or(u32::MAX);
                return Err(NodeError::unfit(path, Fault::OtherVersion { found, expected: REPORT_VERSION }));
            }
            None => return Err(malformed("it has no version".to_owned())),
        }
        serde_json::from_value(value).map_err(|why| malformed(why.to_string()))
    }

    /// Writes the report to `path`.
    pub fn write(&self, path: &Path) -> Result<(), NodeError> {
        durable::replace_file(path, self.to_json().as_bytes())
    }

    /// The report as JSON, with a line break at its end.
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a report holds names and numbers, which JSON can hold");
        text.push('\n');
        text
    }

    /// Where it contradicts itself: a verdict that its own figures do not give.
    pub fn contradiction(&self) -> Option<String> {
        let is_wrong = |assertion: &&Assertion| {
            let Assertion { name, value, relation, limit, unit, .. } = assertion;
            Assertion::compare(name, *value, *relation, *limit, unit).holds != assertion.holds
        };
        if let Some(wrong) = self.assertions.iter().find(is_wrong) {
            return Some(format!("what it says of {} does not follow from value and limit", wrong.name));
        }
        let is_missing = |name: &&&str| !self.assertions.iter().any(|assertion| assertion.name == **name);
        if let Some(missing) = ALWAYS_ASSERTED.iter().find(is_missing) {
            return Some(format!("it does not say whether {missing} holds"));
        }
        let is_whole = !self.interrupted && self.replayable;
        let is_passed = is_whole && self.assertions.iter().all(|assertion| assertion.holds);
        (is_passed != (self.status == Status::Pass))
            .then(|| "its status does not follow from its assertions".to_owned())
    }

    /// Whether the process called `name` was given up.
    pub fn is_lost(&self, name: &str) -> bool {
        self.processes.iter().any(|process| process.name == name && process.lost)
    }

    /// Whether `asset` may not have come to the end of what it was at: its process was lost, or ended with the run.
    pub fn is_cut_off(&self, asset: &AssetId) -> bool {
        self.is_lost(asset.as_str()) || self.recording(asset).is_some_and(|figures| !figures.finished)
    }

    /// The figures of the recording of `asset`.
    pub fn recording(&self, asset: &AssetId) -> Option<&RecordingFigures> {
        self.recordings.iter().find(|figures| figures.asset == *asset)
    }

    /// The figures of `asset`.
    pub fn asset(&self, asset: &AssetId) -> Option<&AssetFigures> {
        self.assets.iter().find(|figures| figures.id == *asset)
    }
}

/// What every report answers, whatever the scenario asserts besides.
pub const ALWAYS_ASSERTED: [&str; 8] = [
    "reserves_kept",
    "life_support_met",
    "couplings_kept",
    "science_delivered",
    GAP_ASSERTION,
    "blackout_flown",
    "blackout_overlap",
    "audit_verified",
];

/// The version of report.json.
pub const REPORT_VERSION: u32 = 1;
/// The name of the process that has the world and the clock.
pub const SIMULATOR: &str = "simulator";

fn holds_by_default() -> bool {
    true
}
