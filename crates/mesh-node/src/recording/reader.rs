//! Reading a recording.

use super::file::{Entry, Source, Tear};
use super::{Heading, INPUT_TOPIC, RESTART_TOPIC, RecordedInput, Restart, SETTINGS_TOPIC, Totals};
use crate::error::NodeError;
use mesh_model::{Canonical, MissionTime};
use std::path::Path;

/// Reads a recording from its beginning, checking all its checksums on the way.
///
/// An input comes out only after its chunk was checked; the file as a whole is checked when the last one is out.
pub struct RecordingReader {
    source: Source,
    heading: Heading,
    settings: Vec<u8>,
    totals: Totals,
    restarts: Vec<Restart>,
    /// When the newest input was given.
    newest: MissionTime,
}

impl RecordingReader {
    /// Opens the recording at `path`, which its writer has ended, and reads its beginning.
    pub fn open(path: &Path) -> Result<Self, NodeError> {
        let mut source = Source::open(path, &TOPICS, false)?;
        match beginning(&mut source)? {
            Some((heading, settings)) => Ok(Self::new(source, heading, settings)),
            None => Err(source.damaged("the file ends before the settings")),
        }
    }

    /// Opens the recording at `path`, whose writer may have been killed: it is read as far as whole chunks go, and
    /// [`RecordingReader::tear`] says where it ends. Damage of any other kind is an error, as it is for
    /// [`RecordingReader::open`]. `None` if not even the settings are whole: then nothing was ever recorded.
    pub fn open_torn(path: &Path) -> Result<Option<Self>, NodeError> {
        let mut source = Source::open(path, &TOPICS, true)?;
        let begun = beginning(&mut source)?;
        Ok(begun.map(|(heading, settings)| Self::new(source, heading, settings)))
    }

    /// The next input; `None` after the last one, when the whole file proved sound, or was torn and may be.
    pub fn next_input(&mut self) -> Result<Option<RecordedInput>, NodeError> {
        loop {
            match self.source.next()? {
                Some(Entry::Message { topic: INPUT_TOPIC, now, bytes }) => {
                    let number = self.totals.inputs;
                    self.totals.add(now, &bytes);
                    self.newest = now;
                    return Ok(Some(RecordedInput { number, now, bytes }));
                }
                Some(Entry::Message { topic: RESTART_TOPIC, bytes, .. }) => self.take_restart(&bytes)?,
                Some(_) => return Err(self.source.damaged("expected nothing but inputs and restarts here")),
                None => return Ok(None),
            }
        }
    }

    /// What the recording says about itself.
    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    /// The canonical bytes of the asset's settings.
    pub fn settings(&self) -> &[u8] {
        &self.settings
    }

    /// The figures of what was read so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The restarts that were read so far.
    pub fn restarts(&self) -> &[Restart] {
        &self.restarts
    }

    /// Where the file breaks off, if it does; known once the last input is out.
    pub fn tear(&self) -> Option<&Tear> {
        self.source.tear()
    }

    fn new(source: Source, heading: Heading, settings: Vec<u8>) -> Self {
        let (totals, newest) = (Totals::begin(&settings), heading.start);
        Self { source, heading, settings, totals, restarts: Vec::new(), newest }
    }

    fn take_restart(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        let expected = self.restarts.len() as u32 + 1;
        match u32::decode(bytes) {
            Ok(incarnation) if incarnation == expected => {
                let restart = Restart { incarnation, input: self.totals.inputs, now: self.newest };
                self.restarts.push(restart);
                Ok(())
            }
            Ok(other) => Err(self.source.damaged(format!("restart {other} where restart {expected} comes next"))),
            Err(why) => Err(self.source.damaged(format!("a restart that cannot be read: {why}"))),
        }
    }
}

/// Metadata and settings; `None` if the file ends before they do.
fn beginning(source: &mut Source) -> Result<Option<(Heading, Vec<u8>)>, NodeError> {
    let mut heading = None;
    loop {
        heading = match (source.next()?, heading) {
            (Some(Entry::Metadata(metadata)), None) => {
                Some(Heading::from_metadata(&metadata).map_err(|why| source.damaged(why))?)
            }
            (Some(Entry::Message { topic: SETTINGS_TOPIC, bytes, .. }), Some(heading)) => {
                return Ok(Some((heading, bytes)));
            }
            (Some(_), _) => return Err(source.damaged("expected the metadata, then the settings")),
            (None, _) => return Ok(None),
        };
    }
}

const TOPICS: [&str; 3] = [SETTINGS_TOPIC, INPUT_TOPIC, RESTART_TOPIC];
