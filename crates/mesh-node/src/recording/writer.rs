//! Writing a recording.

use super::file::Sheet;
use super::{Heading, INPUT_TOPIC, RESTART_TOPIC, SETTINGS_TOPIC, Totals};
use crate::error::NodeError;
use mesh_model::{AssetId, Canonical, MissionTime};
use std::fs::File;
use std::path::Path;

/// Writes a recording.
pub struct RecordingWriter {
    asset: AssetId,
    sheet: Sheet,
    input_channel: u16,
    /// Only a recording that was taken up again has one.
    restart_channel: Option<u16>,
    totals: Totals,
    /// When the oldest input was given that is not yet in the hands of the operating system.
    unflushed: Option<MissionTime>,
}

impl RecordingWriter {
    /// Begins a new recording at `path`, where nothing may be yet.
    pub fn create(path: &Path, heading: &Heading, settings: &[u8]) -> Result<Self, NodeError> {
        let file = File::create_new(path).map_err(NodeError::refused("create", path))?;
        Self::begin(path, file, heading, settings, false)
    }

    /// Begins a recording in `file`, which is empty and stands at `path`.
    pub(super) fn begin(
        path: &Path,
        file: File,
        heading: &Heading,
        settings: &[u8],
        has_restarts: bool,
    ) -> Result<Self, NodeError> {
        let mut sheet = Sheet::begin(path, file, &heading.to_metadata(has_restarts))?;
        let settings_channel = sheet.channel(SETTINGS_TOPIC, "mesh_asset::Settings")?;
        let input_channel = sheet.channel(INPUT_TOPIC, "mesh_asset::Input")?;
        let restart_channel = if has_restarts { Some(sheet.channel(RESTART_TOPIC, "u32")?) } else { None };
        sheet.message(settings_channel, 0, heading.start, settings)?;
        let totals = Totals::begin(settings);
        let asset = heading.asset.clone();
        Ok(Self { asset, sheet, input_channel, restart_channel, totals, unflushed: None })
    }

    /// Adds one input, as it is handed to the asset at `now`.
    pub fn input(&mut self, now: MissionTime, input: &[u8]) -> Result<(), NodeError> {
        self.unflushed.get_or_insert(now);
        self.sheet.message(self.input_channel, self.totals.inputs, now, input)?;
        self.totals.add(now, input);
        Ok(())
    }

    /// Hands everything recorded so far to the operating system: from here on a kill of this process loses nothing of
    /// it. It is not made to survive a loss of power.
    pub fn flush(&mut self) -> Result<(), NodeError> {
        self.sheet.flush()?;
        self.unflushed = None;
        Ok(())
    }

    /// Ends the recording.
    pub fn finish(self) -> Result<Totals, NodeError> {
        self.sheet.finish()?;
        Ok(self.totals)
    }

    /// Whose recording it is.
    pub fn asset(&self) -> &AssetId {
        &self.asset
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        self.sheet.path()
    }

    /// The figures of what was recorded so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// When the oldest input was given that a kill of this process would lose; none after a flush.
    pub fn unflushed(&self) -> Option<MissionTime> {
        self.unflushed
    }

    pub(super) fn restart(&mut self, now: MissionTime, incarnation: u32) -> Result<(), NodeError> {
        let channel = self.restart_channel.expect("a recording that is written anew after a kill has the channel");
        self.sheet.message(channel, u64::from(incarnation), now, &incarnation.encode())
    }

    pub(super) fn sheet(&mut self) -> &mut Sheet {
        &mut self.sheet
    }
}
