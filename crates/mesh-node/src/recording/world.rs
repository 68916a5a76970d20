//! The recording of the world: every command as it took effect, and who was away.
//!
//! A command takes effect at the tick at which the simulator heard it. In lock-step that is the tick at which the asset
//! gave it; a process that runs free, or was killed with a command on its lips, knows neither when it was heard nor
//! whether. So the simulator records it, and the world can be flown again from this file, a scenario and a seed. At one
//! tick the sensors are read first, then commands take effect.

use super::file::{Entry, Facts, Sheet, Source, Tear, metadata};
use crate::error::NodeError;
use borsh::{BorshDeserialize, BorshSerialize};
use mesh_adapters::CommandSchedule;
use mesh_model::{AssetId, Canonical, FleetId, MissionTime};
use std::fs::File;
use std::path::Path;

/// What a recording of the world says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldHeading {
    /// The version of the program that wrote it.
    pub program: String,
    /// The scenario's name.
    pub scenario: FleetId,
    /// The seed of the mission.
    pub seed: u64,
}

/// Something that happened in the world and that no asset decided alone.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum WorldEvent {
    /// A vehicle was given a schedule.
    Command {
        /// Which vehicle.
        asset: AssetId,
        /// What it is to fly.
        schedule: CommandSchedule,
    },
    /// A member was given up as gone, or came back: while it is away its links are down whatever geometry says.
    Away {
        /// Which member.
        asset: AssetId,
        /// Whether it is away from here on.
        away: bool,
    },
    /// The world came to this time.
    Reached,
}

/// Writes the recording of a world.
pub struct WorldRecordingWriter {
    sheet: Sheet,
    channel: u16,
    events: u64,
}

impl WorldRecordingWriter {
    /// Begins a new recording at `path`, where nothing may be yet.
    pub fn create(path: &Path, heading: &WorldHeading) -> Result<Self, NodeError> {
        let file = File::create_new(path).map_err(NodeError::refused("create", path))?;
        let mut begun = Self::begin(path, file, heading)?;
        begun.flush()?;
        Ok(begun)
    }

    /// Begins a recording in `file`, which is empty and stands at `path`.
    pub(super) fn begin(path: &Path, file: File, heading: &WorldHeading) -> Result<Self, NodeError> {
        let mut sheet = Sheet::begin(path, file, &heading.to_metadata())?;
        let channel = sheet.channel(EVENT_TOPIC, "mesh_node::recording::WorldEvent")?;
        Ok(Self { sheet, channel, events: 0 })
    }

    /// Adds an event at `now`.
    pub fn event(&mut self, now: MissionTime, event: &WorldEvent) -> Result<(), NodeError> {
        self.sheet.message(self.channel, self.events, now, &event.encode())?;
        self.events += 1;
        Ok(())
    }

    /// Hands everything so far to the operating system: from here on a kill of this process loses nothing of it.
    pub fn flush(&mut self) -> Result<(), NodeError> {
        self.sheet.flush()
    }

    /// Ends the recording: the world came to `now`.
    pub fn finish(mut self, now: MissionTime) -> Result<(), NodeError> {
        self.event(now, &WorldEvent::Reached)?;
        self.sheet.finish()
    }
}

/// Records a world as long as the machine lets it. After the first failure it records nothing more; the world goes on.
pub struct WorldRecorder {
    writer: Option<WorldRecordingWriter>,
}

impl WorldRecorder {
    /// Records with `writer`.
    pub fn new(writer: WorldRecordingWriter) -> Self {
        Self { writer: Some(writer) }
    }

    /// Adds an event at `now`. Says so once if that breaks the recording.
    pub fn event(&mut self, now: MissionTime, event: &WorldEvent) -> Result<(), NodeError> {
        self.attempt(|writer| writer.event(now, event))
    }

    /// Hands everything so far to the operating system. Says so once if that breaks the recording.
    pub fn flush(&mut self) -> Result<(), NodeError> {
        self.attempt(WorldRecordingWriter::flush)
    }

    /// Ends the recording, if there still is one.
    pub fn finish(self, now: MissionTime) -> Result<(), NodeError> {
        self.writer.map_or(Ok(()), |writer| writer.finish(now))
    }

    fn attempt(
        &mut self,
        act: impl FnOnce(&mut WorldRecordingWriter) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let done = self.writer.as_mut().map_or(Ok(()), act);
        if done.is_err() {
            self.writer = None;
        }
        done
    }
}

/// Reads the recording of a world, whose writer may have been killed.
pub struct WorldRecordingReader {
    source: Source,
    heading: WorldHeading,
    newest: MissionTime,
}

impl WorldRecordingReader {
    /// Opens the recording at `path`. `None` if it was torn before it said anything about itself.
    pub fn open_torn(path: &Path) -> Result<Option<Self>, NodeError> {
        let mut source = Source::open(path, &[EVENT_TOPIC], true)?;
        let heading = match source.next()? {
            Some(Entry::Metadata(metadata)) => WorldHeading::from_metadata(&metadata),
            Some(_) => Err("expected the metadata first".to_owned()),
            None => return Ok(None),
        };
        let heading = heading.map_err(|why| source.damaged(why))?;
        Ok(Some(Self { source, heading, newest: MissionTime::ZERO }))
    }

    /// The next event and its time, which is never before the one before.
    pub fn next_event(&mut self) -> Result<Option<(MissionTime, WorldEvent)>, NodeError> {
        match self.source.next()? {
            None => Ok(None),
            Some(Entry::Message { now, .. }) if now < self.newest => {
                Err(self.source.damaged(format!("an event at {now} after one at {}", self.newest)))
            }
            Some(Entry::Message { now, bytes, .. }) => {
                self.newest = now;
                let event = WorldEvent::decode(&bytes).map_err(|why| self.source.damaged(why.to_string()))?;
                Ok(Some((now, event)))
            }
            Some(Entry::Metadata(_)) => Err(self.source.damaged("expected nothing but events here")),
        }
    }

    /// What the recording says about itself.
    pub fn heading(&self) -> &WorldHeading {
        &self.heading
    }

    /// Where the file breaks off, if it does; known once the last event is out.
    pub fn tear(&self) -> Option<&Tear> {
        self.source.tear()
    }
}

impl WorldHeading {
    fn to_metadata(&self) -> mcap::records::Metadata {
        let entries = [
            ("format", FORMAT_VERSION.to_string()),
            ("program", self.program.clone()),
            ("scenario", self.scenario.to_string()),
            ("seed", self.seed.to_string()),
        ];
        metadata(METADATA_NAME, entries)
    }

    fn from_metadata(metadata: &mcap::records::Metadata) -> Result<Self, String> {
        let facts = Facts(metadata);
        facts.version(METADATA_NAME, FORMAT_VERSION)?;
        Ok(Self {
            program: facts.text("program")?.to_owned(),
            scenario: FleetId::new(facts.text("scenario")?)
                .map_err(|why| format!("scenario in the metadata: {why}"))?,
            seed: facts.number("seed")?,
        })
    }
}

const FORMAT_VERSION: u32 = 1;
const METADATA_NAME: &str = "cosmosmesh world recording";
const EVENT_TOPIC: &str = "event";
