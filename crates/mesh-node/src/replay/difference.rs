//! Where recording and replay part, as it is told to people and programs.

use crate::error::NodeError;
use crate::retrace::{Place, WORLD_FILE};
use mesh_model::{AssetId, MissionTime};
use serde::Serialize;
use std::io::ErrorKind;

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

    pub(crate) fn of_world(now: MissionTime, recorded: impl Into<String>, replayed: impl Into<String>) -> Box<Self> {
        let mut difference = Self::of_file(WORLD_FILE, recorded, replayed);
        difference.mission_s = Some(now.as_s());
        difference
    }

    pub(crate) fn set_place(&mut self, place: Place) {
        (self.input, self.mission_s) = (Some(place.number), Some(place.now.as_s()));
    }

    /// What comes first is told first; what has no place in mission time comes last.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let time = |difference: &Self| difference.mission_s.unwrap_or(f64::INFINITY);
        time(self).total_cmp(&time(other)).then(self.input.cmp(&other.input))
    }
}

/// A damaged or missing recording is an answer, not an obstacle; what the machine refuses is one.
pub(crate) fn damage<T>(asset: &AssetId, read: Result<T, NodeError>) -> Result<Result<T, Box<Difference>>, NodeError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(NodeError::Unfit { fault, .. }) => {
            Ok(Err(Difference::of_asset(asset, format!("a damaged file ({fault})"), "nothing beyond that")))
        }
        Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Ok(Err(Difference::of_asset(asset, "nothing: the file is missing", format!("the inputs of {asset}"))))
        }
        Err(other) => Err(other),
    }
}

/// The same for the recording of the world.
pub(crate) fn world_damage<T>(read: Result<T, NodeError>) -> Result<Result<T, Box<Difference>>, NodeError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(NodeError::Unfit { fault, .. }) => {
            let recorded = format!("a damaged file ({fault})");
            Ok(Err(Difference::of_file(WORLD_FILE, recorded, "nothing beyond that")))
        }
        Err(other) => Err(other),
    }
}

fn recording_name(asset: &AssetId) -> String {
    format!("rec/{asset}.mcap")
}
