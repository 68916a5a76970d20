//! A recording that may fail: the asset flies on without one, and everybody is told from when on.

use super::{RecordingWriter, Totals};
use crate::durable;
use crate::error::{Fault, NodeError};
use mesh_model::{AssetId, MissionTime};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Records as long as it can. After the first failure it records nothing more.
pub struct Recorder {
    /// What is left of the recording when it broke.
    state: Result<RecordingWriter, (Broken, Totals)>,
    note: PathBuf,
}

/// From when on a recording does not hold everything, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Whose recording it is.
    pub asset: AssetId,
    /// The mission time of the first input that may be missing.
    #[serde(rename = "from_ns")]
    pub from: MissionTime,
    /// What the machine said.
    pub why: String,
}

impl Recorder {
    /// Records with `writer`. If that breaks, a note is left beside the recording, as far as the machine lets it.
    pub fn new(writer: RecordingWriter) -> Self {
        let note = Broken::note(writer.path());
        Self { state: Ok(writer), note }
    }

    /// Adds one input. Says so once if that breaks the recording.
    pub fn input(&mut self, now: MissionTime, input: &[u8]) -> Result<(), Broken> {
        self.attempt(now, |writer| writer.input(now, input))
    }

    /// Hands everything so far to the operating system. Says so once if that breaks the recording.
    pub fn flush(&mut self, now: MissionTime) -> Result<(), Broken> {
        self.attempt(now, RecordingWriter::flush)
    }

    /// Ends the recording.
    pub fn finish(self, now: MissionTime) -> Result<Totals, Broken> {
        let writer = self.state.map_err(|(broken, _)| broken)?;
        let (asset, from) = (writer.asset().clone(), writer.unflushed().unwrap_or(now));
        writer.finish().map_err(|why| noted(Broken { asset, from, why: why.to_string() }, &self.note))
    }

    /// From when on nothing is recorded, if so.
    pub fn broken(&self) -> Option<&Broken> {
        self.state.as_ref().err().map(|(broken, _)| broken)
    }

    /// The figures of what was recorded.
    pub fn totals(&self) -> Totals {
        match &self.state {
            Ok(writer) => writer.totals(),
            Err((_, totals)) => *totals,
        }
    }

    fn attempt(
        &mut self,
        now: MissionTime,
        act: impl FnOnce(&mut RecordingWriter) -> Result<(), NodeError>,
    ) -> Result<(), Broken> {
        let Ok(writer) = &mut self.state else { return Ok(()) };
        let (from, totals) = (writer.unflushed().unwrap_or(now), writer.totals());
        let Err(why) = act(writer) else { return Ok(()) };
        let broken = noted(Broken { asset: writer.asset().clone(), from, why: why.to_string() }, &self.note);
        self.state = Err((broken.clone(), totals));
        Err(broken)
    }
}

impl Broken {
    /// Reads the note beside the recording at `recording`, if one was left.
    pub fn read(recording: &Path) -> Result<Option<Self>, NodeError> {
        let path = &Self::note(recording);
        let text = match durable::read_text(path) {
            Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let malformed = |why: serde_json::Error| {
            let expected = "a note about a broken recording";
            NodeError::unfit(path, Fault::Malformed { expected, why: why.to_string() })
        };
        serde_json::from_str(&text).map(Some).map_err(malformed)
    }

    /// `rec/ASSET.broken` beside `rec/ASSET.mcap`.
    fn note(recording: &Path) -> PathBuf {
        recording.with_extension("broken")
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not replayable from {} on: the recording of {} broke off: {}", self.from, self.asset, self.why)
    }
}

/// Leaves a note. A machine that takes no recording may well take no note either; then the report has to say it.
fn noted(broken: Broken, path: &Path) -> Broken {
    let text = serde_json::to_string(&broken).expect("a note holds a name, a number and a text");
    let _ = durable::replace_file(path, format!("{text}\n").as_bytes());
    broken
}
