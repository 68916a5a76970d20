//! The recording of one asset: everything that it was told, in order, as an MCAP file.
//!
//! First a metadata record says what the file is, then one message on `settings` holds the canonical bytes of the
//! asset's settings, then one message on `input` holds the canonical bytes of each input; log time is mission time. The
//! format's checksums cover every byte. Recordings are not compressed: signatures do not shrink. Where a process was
//! killed and took its recording up again, a message on `restart` says so.
//!
//! Inputs wait in a buffer of one chunk before they reach the file, until they are flushed. While all assets share one
//! process nothing that an asset released can outlive what made it do so, and nothing is flushed; a process of its own
//! flushes before anything that its inputs caused gets out.

mod file;
mod reader;
mod recorder;
mod resume;
#[cfg(test)]
mod tests;
mod world;
mod writer;

pub use file::Tear;
pub use reader::RecordingReader;
pub use recorder::{Broken, Recorder};
pub use resume::Resumed;
pub use world::{WorldEvent, WorldHeading, WorldRecorder, WorldRecordingReader, WorldRecordingWriter};
pub use writer::RecordingWriter;

use crate::program_version;
use file::{Facts, metadata};
use mcap::records::Metadata;
use mesh_model::{AssetId, Hash, MissionTime};
use mesh_sim::fleet::asset_seed;

/// What a recording says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The version of the program that wrote it.
    pub program: String,
    /// Whose recording it is.
    pub asset: AssetId,
    /// The seed that the asset was given.
    pub seed: u64,
    /// When the asset came to be.
    pub start: MissionTime,
}

/// The figures of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Number of inputs.
    pub inputs: u64,
    /// SHA-256 chain over the settings and every input with its time. Restarts do not enter it: an asset that was
    /// executed again up to where it was is the asset that it was.
    pub digest: Hash,
}

/// One input as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedInput {
    /// Counts the inputs from 0.
    pub number: u64,
    /// When it was handed to the asset.
    pub now: MissionTime,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

/// A process took the recording up again after another one had been killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// Counts the processes of this asset; the first is 0, so that the first restart is 1.
    pub incarnation: u32,
    /// Number of the first input that the new process was given.
    pub input: u64,
    /// When the last input before it was given.
    pub now: MissionTime,
}

impl Heading {
    /// Of a recording that this program writes of `asset`, in a mission with this seed.
    pub fn of(asset: &AssetId, mission_seed: u64) -> Self {
        Self {
            program: program_version().to_owned(),
            asset: asset.clone(),
            seed: asset_seed(mission_seed, asset),
            start: MissionTime::ZERO,
        }
    }

    /// A file with restarts in it has a newer format: programs that know none would read past them.
    fn to_metadata(&self, has_restarts: bool) -> Metadata {
        let format = if has_restarts { FORMAT_VERSION } else { FORMAT_WITHOUT_RESTARTS };
        let entries = [
            ("format", format.to_string()),
            ("program", self.program.clone()),
            ("asset", self.asset.to_string()),
            ("seed", self.seed.to_string()),
            ("start_ns", self.start.as_ns().to_string()),
        ];
        metadata(METADATA_NAME, entries)
    }

    fn from_metadata(metadata: &Metadata) -> Result<Self, String> {
        let facts = Facts(metadata);
        facts.version(METADATA_NAME, FORMAT_VERSION)?;
        Ok(Self {
            program: facts.text("program")?.to_owned(),
            asset: AssetId::new(facts.text("asset")?).map_err(|why| format!("asset in the metadata: {why}"))?,
            seed: facts.number("seed")?,
            start: MissionTime::from_ns(facts.number("start_ns")?),
        })
    }
}

impl Totals {
    /// Of a recording of nothing.
    pub(crate) fn begin(settings: &[u8]) -> Self {
        Self { inputs: 0, digest: Hash::of(settings) }
    }

    fn add(&mut self, now: MissionTime, input: &[u8]) {
        self.inputs += 1;
        // The time has a fixed length, so no two sequences of inputs give the same bytes.
        self.digest = self.digest.then(&[&now.as_ns().to_le_bytes(), input].concat());
    }
}

const FORMAT_WITHOUT_RESTARTS: u32 = 1;
const FORMAT_VERSION: u32 = 2;
const METADATA_NAME: &str = "cosmosmesh recording";
const SETTINGS_TOPIC: &str = "settings";
const INPUT_TOPIC: &str = "input";
const RESTART_TOPIC: &str = "restart";
