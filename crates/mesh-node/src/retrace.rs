//! One asset executed again from its recording: nothing but its settings, its seed and its recorded inputs go in.
//!
//! Signatures cannot be made again without the private key: the recorded one is taken, once it verifies for the bytes
//! that the asset asks to have signed. What the asset does besides is collected, to be compared with the world and with
//! what the others recorded.

use crate::error::NodeError;
use crate::recording::{RecordedInput, RecordingReader, Totals};
use crate::replay::{Difference, damage};
use mesh_adapters::{CommandSchedule, Telemetry};
use mesh_asset::{Asset, AssetState, Event, Input, Output, Settings};
use mesh_identity::PublicKey;
use mesh_model::{AssetId, Canonical, Hash, MissionTime, SignedEnvelope};
use mesh_sim::journal::Certified;
use std::collections::{BTreeMap, BTreeSet};

/// An asset at the end of its recording, or where its recording and it part.
pub(crate) struct Retraced {
    pub(crate) state: AssetState,
    pub(crate) totals: Totals,
    /// When the last input came.
    pub(crate) ended: MissionTime,
    /// What its sensors are recorded to have said.
    pub(crate) readings: Vec<(Place, Telemetry)>,
    /// The messages that it is recorded to have received: from whom and their hash.
    pub(crate) received: Vec<(Place, AssetId, Hash)>,
    /// The messages that it sent: to whom and their hash.
    pub(crate) sent: BTreeSet<(AssetId, Hash)>,
    pub(crate) commands: Vec<(MissionTime, CommandSchedule)>,
    pub(crate) certified: Vec<Certified>,
    /// The log entries that it had persisted, signed as recorded.
    pub(crate) entries: Vec<SignedEnvelope>,
    /// Whether it was told that the mission is over.
    pub(crate) is_closed: bool,
    /// The first input that is not what the asset asked for.
    pub(crate) parted: Option<Box<Difference>>,
}

/// An input's place in mission time and in its recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) now: MissionTime,
    pub(crate) number: u64,
}

/// Executes an asset again. Fails only if the machine is in the way.
pub(crate) fn retrace(
    id: &AssetId,
    settings: Settings,
    key: &PublicKey,
    end: MissionTime,
    mut reader: RecordingReader,
) -> Result<Result<Retraced, Box<Difference>>, NodeError> {
    let heading = reader.heading();
    let (seed, start) = (heading.seed, heading.start);
    let asset = match Asset::new(settings, seed, start) {
        Ok(asset) => asset,
        Err(misuse) => return Ok(Err(Difference::of_asset(id, "settings", misuse.to_string()))),
    };
    let mut track = Track::new(id, asset, start, end);
    loop {
        let input = match damage(id, reader.next_input())? {
            Ok(Some(input)) => input,
            Ok(None) => break,
            Err(mut damaged) => {
                // From here on nothing is known: whatever differs elsewhere later on may be its doing.
                damaged.set_place(Place { now: track.ended, number: reader.totals().inputs });
                track.parted = Some(damaged);
                break;
            }
        };
        if let Err(parted) = track.take(&input, key) {
            track.parted = Some(parted);
            break;
        }
    }
    if track.parted.is_none() && !track.is_settled() {
        let place = Place { now: track.ended, number: reader.totals().inputs };
        track.parted = Some(Difference::at(id, place, "nothing more", "a request that was never answered"));
    }
    Ok(Ok(track.finish(reader.totals())))
}

/// An asset on its way through its recording.
struct Track<'a> {
    id: &'a AssetId,
    asset: Asset,
    /// When the newest input came.
    ended: MissionTime,
    /// When the mission ends; nothing comes after it.
    end: MissionTime,
    /// Requests that the recording must answer next: bytes to sign and entries to persist by request.
    to_sign: BTreeMap<u64, Vec<u8>>,
    to_persist: BTreeMap<u64, SignedEnvelope>,
    readings: Vec<(Place, Telemetry)>,
    received: Vec<(Place, AssetId, Hash)>,
    sent: BTreeSet<(AssetId, Hash)>,
    commands: Vec<(MissionTime, CommandSchedule)>,
    certified: Vec<Certified>,
    entries: Vec<SignedEnvelope>,
    is_closed: bool,
    parted: Option<Box<Difference>>,
}

impl<'a> Track<'a> {
    fn new(id: &'a AssetId, asset: Asset, start: MissionTime, end: MissionTime) -> Self {
        let mut track = Self {
            id,
            asset,
            ended: start,
            end,
            to_sign: BTreeMap::new(),
            to_persist: BTreeMap::new(),
            readings: Vec::new(),
            received: Vec::new(),
            sent: BTreeSet::new(),
            commands: Vec::new(),
            certified: Vec::new(),
            entries: Vec::new(),
            is_closed: false,
            parted: None,
        };
        track.drain(start);
        track
    }

    fn is_settled(&self) -> bool {
        self.to_sign.is_empty() && self.to_persist.is_empty()
    }

    /// Gives the asset one recorded input, if it is one that can come here.
    fn take(&mut self, recorded: &RecordedInput, key: &PublicKey) -> Result<(), Box<Difference>> {
        let place = Place { now: recorded.now, number: recorded.number };
        let part = |recorded: String, replayed: &str| Err(Difference::at(self.id, place, recorded, replayed));
        if !(self.ended..=self.end).contains(&recorded.now) {
            let possible = format!("an input between {} and {}", self.ended, self.end);
            return part(format!("an input at {}", recorded.now), &possible);
        }
        let input = match Input::decode(&recorded.bytes) {
            Ok(input) => input,
            Err(why) => return part(why.to_string(), "an input"),
        };
        match &input {
            Input::Signed { id, signature } => match self.to_sign.remove(id) {
                Some(unsigned) if key.accepts(&unsigned, signature) => {}
                Some(unsigned) => {
                    let asked = format!("bytes to sign with SHA-256 {}", Hash::of(&unsigned));
                    return part("a signature that is not valid for them".to_owned(), &asked);
                }
                None => return part(described(&input), "no such request for a signature"),
            },
            Input::Persisted { id } => match self.to_persist.remove(id) {
                Some(entry) => self.entries.push(entry),
                None => return part(described(&input), "no such log entry to persist"),
            },
            _ if !self.is_settled() => return part(described(&input), "a request that must be answered first"),
            Input::Telemetry(telemetry) => self.readings.push((place, telemetry.clone())),
            Input::Message { from, bytes } => self.received.push((place, from.clone(), Hash::of(bytes))),
            Input::Tick | Input::Link { .. } => {}
            Input::Close => self.is_closed = true,
        }
        self.ended = recorded.now;
        // A refused input is part of the recording like any other: the asset refuses it again.
        let _ = self.asset.handle(recorded.now, input);
        self.drain(recorded.now);
        Ok(())
    }

    fn drain(&mut self, now: MissionTime) {
        while let Some(output) = self.asset.poll_output() {
            match output {
                Output::Sign { id, unsigned } => {
                    self.to_sign.insert(id, unsigned);
                }
                Output::Persist { id, entry } => {
                    self.to_persist.insert(id, entry);
                }
                Output::Send { to, bytes, .. } => {
                    self.sent.insert((to, Hash::of(&bytes)));
                }
                Output::Command(schedule) => self.commands.push((now, schedule)),
                Output::Event(Event::Certified { certificate, opened }) => {
                    self.certified.push(Certified { opened, agreed: now, certificate: *certificate });
                }
                Output::Event(_) => {}
            }
        }
    }

    fn finish(self, totals: Totals) -> Retraced {
        Retraced {
            state: self.asset.state(),
            totals,
            ended: self.ended,
            readings: self.readings,
            received: self.received,
            sent: self.sent,
            commands: self.commands,
            certified: self.certified,
            entries: self.entries,
            is_closed: self.is_closed,
            parted: self.parted,
        }
    }
}

/// An input in a few words. Long ones are named by their hash.
pub(crate) fn described(input: &Input) -> String {
    match input {
        Input::Tick => "a tick".to_owned(),
        Input::Telemetry(telemetry) => format!("{telemetry:?}"),
        Input::Message { from, bytes } => {
            format!("a message of {} bytes from {from}, SHA-256 {}", bytes.len(), Hash::of(bytes))
        }
        Input::Link { peer, up } => format!("contact with {peer} {}", if *up { "made" } else { "lost" }),
        Input::Signed { id, signature } => format!("signature {id}, SHA-256 {}", Hash::of(signature)),
        Input::Persisted { id } => format!("persisted {id}"),
        Input::Close => "the end of the mission".to_owned(),
    }
}
