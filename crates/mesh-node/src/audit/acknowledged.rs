//! Entries that somebody was shown to hold, against the logs of their authors.
//!
//! An entry is acknowledged when its author was told that it is on the disk, or when anybody else has received it: from
//! then on it may not go away, whoever is killed. Recordings say both. They are read as far as they go; what is wrong
//! with them is for `replay` to tell.

use super::{LOG_LENGTH_MAX, sound_part};
use crate::durable;
use crate::error::NodeError;
use crate::fleet_folder::FleetFile;
use crate::recording::RecordingReader;
use crate::run_folder::RunFolder;
use mesh_asset::{Input, Settings};
use mesh_model::{AssetId, Canonical, Hash, MissionId, SignedEnvelope};
use mesh_sync::read_log;
use std::collections::BTreeMap;

/// An entry that was acknowledged and is not in its author's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostEntry {
    /// Whose log lacks it.
    pub author: AssetId,
    /// Its place in that log, counted from 0.
    pub sequence: u64,
    /// Whose recording shows it: the author's own, or that of a member which received it.
    pub shown_by: AssetId,
}

impl std::fmt::Display for LostEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.author == self.shown_by {
            f.write_str("the log lacks the entry that its author was told is on the disk")
        } else {
            write!(f, "the log lacks the entry that {} received", self.shown_by)
        }
    }
}

/// All entries of the members in `fleet` that were acknowledged and are not in their authors' logs, by author and place.
/// A log that is missing or damaged holds what comes before the damage.
pub fn acknowledged_entries_lost(run: &RunFolder, fleet: &FleetFile) -> Result<Vec<LostEntry>, NodeError> {
    let mut logs = BTreeMap::new();
    for author in fleet.members.keys() {
        logs.insert(author.clone(), hashes(run, author)?);
    }
    let mut search = Search { logs, fleet, lost: BTreeMap::new() };
    for holder in fleet.members.keys() {
        search.read(run, holder)?;
    }
    let lost = |((author, sequence), shown_by)| LostEntry { author, sequence, shown_by };
    Ok(search.lost.into_iter().map(lost).collect())
}

struct Search<'a> {
    /// The hashes of all entries of each log.
    logs: BTreeMap<AssetId, Vec<Hash>>,
    fleet: &'a FleetFile,
    /// Who shows an entry that is not there, by author and place.
    lost: BTreeMap<(AssetId, u64), AssetId>,
}

impl Search<'_> {
    /// Goes through what `holder` was told.
    fn read(&mut self, run: &RunFolder, holder: &AssetId) -> Result<(), NodeError> {
        let Some(mut reader) = known(RecordingReader::open_torn(&run.recording(holder)))?.flatten() else {
            return Ok(());
        };
        let Ok(settings) = Settings::decode(reader.settings()) else { return Ok(()) };
        let mut persisted = 0;
        while let Some(recorded) = known(reader.next_input())?.flatten() {
            match Input::decode(&recorded.bytes) {
                Ok(Input::Persisted { .. }) => {
                    if self.logs.get(holder).is_none_or(|log| log.len() as u64 <= persisted) {
                        self.lost.entry((holder.clone(), persisted)).or_insert_with(|| holder.clone());
                    }
                    persisted += 1;
                }
                Ok(Input::Message { bytes, .. }) => self.received(holder, settings.mission, &bytes),
                Ok(_) => {}
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// A message that `holder` received; if it is a logged entry of this run it must be in its author's log.
    fn received(&mut self, holder: &AssetId, mission: MissionId, bytes: &[u8]) {
        let Ok(signed) = SignedEnvelope::decode(bytes) else { return };
        let Ok(envelope) = signed.peek() else { return };
        if envelope.previous.is_none() || envelope.mission != mission {
            return;
        }
        let (Some(log), Some(member)) = (self.logs.get(&envelope.author), self.fleet.members.get(&envelope.author))
        else {
            return;
        };
        let there = usize::try_from(envelope.sequence).ok().and_then(|place| log.get(place));
        // What its author never signed says nothing about the author's log.
        if there != Some(&signed.unsigned_hash()) && member.public_key.accepts(&signed.unsigned, &signed.signature) {
            self.lost.entry((envelope.author, envelope.sequence)).or_insert_with(|| holder.clone());
        }
    }
}

fn hashes(run: &RunFolder, author: &AssetId) -> Result<Vec<Hash>, NodeError> {
    let bytes = known(durable::read_bytes(&run.log(author), LOG_LENGTH_MAX))?.unwrap_or_default();
    let bytes = sound_part(&bytes);
    let entries = read_log(bytes).or_else(|damage| read_log(&bytes[..damage.offset as usize]));
    Ok(entries.map_or(Vec::new(), |entries| entries.iter().map(SignedEnvelope::unsigned_hash).collect()))
}

/// What can be read; nothing of what is missing or damaged.
fn known<T>(read: Result<T, NodeError>) -> Result<Option<T>, NodeError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(NodeError::Unfit { .. }) => Ok(None),
        Err(NodeError::Refused { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}
