//! An asset on its way through its recording.

use super::{Place, Retraced, described};
use crate::recording::{RecordedInput, Totals};
use crate::replay::Difference;
use mesh_adapters::{CommandSchedule, Telemetry};
use mesh_asset::{Asset, Event, Input, Output};
use mesh_identity::PublicKey;
use mesh_model::{AssetId, Canonical, Epoch, Hash, LocalProblem, MissionTime, Payload, PayloadKind, SignedEnvelope};
use mesh_sim::journal::Traffic;
use std::collections::{BTreeMap, BTreeSet};

/// The asset, what is asked of its recording next, and what came of it so far.
pub(super) struct Track<'a> {
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
    contacts: Vec<(Place, AssetId, bool)>,
    received: Vec<(Place, AssetId, Hash)>,
    sent: BTreeSet<(AssetId, Hash)>,
    traffic: Traffic,
    transmissions: Vec<(AssetId, u64)>,
    /// Whom it has contact with.
    peers: BTreeSet<AssetId>,
    commands: Vec<(MissionTime, CommandSchedule)>,
    events: Vec<(MissionTime, Event)>,
    entries: Vec<SignedEnvelope>,
    times: BTreeSet<MissionTime>,
    is_closed: bool,
    parted: Option<Box<Difference>>,
    /// The plan of which is kept what the asset says to its neighbours.
    listened_to: Option<u64>,
    said: Vec<(MissionTime, Payload)>,
}

impl<'a> Track<'a> {
    pub(super) fn new(id: &'a AssetId, asset: Asset, start: MissionTime, end: MissionTime) -> Self {
        let mut track = Self {
            id,
            asset,
            ended: start,
            end,
            to_sign: BTreeMap::new(),
            to_persist: BTreeMap::new(),
            readings: Vec::new(),
            contacts: Vec::new(),
            received: Vec::new(),
            sent: BTreeSet::new(),
            traffic: Traffic::default(),
            transmissions: Vec::new(),
            peers: BTreeSet::new(),
            commands: Vec::new(),
            events: Vec::new(),
            entries: Vec::new(),
            times: BTreeSet::new(),
            is_closed: false,
            parted: None,
            listened_to: None,
            said: Vec::new(),
        };
        track.drain(start);
        track
    }

    /// From here on what the asset says over its edges for plan number `plan` is kept.
    pub(super) fn listen_to(&mut self, plan: u64) {
        self.listened_to = Some(plan);
    }

    /// What was kept of what the asset said, in the order in which it did.
    pub(super) fn into_said(self) -> Vec<(MissionTime, Payload)> {
        self.said
    }

    /// The problem of the negotiation under way.
    pub(super) fn negotiated(&self) -> Option<(&Epoch, &LocalProblem)> {
        self.asset.negotiated()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.to_sign.is_empty() && self.to_persist.is_empty()
    }

    /// Gives the asset one recorded input, if it is one that can come here.
    pub(super) fn take(&mut self, recorded: &RecordedInput, key: &PublicKey) -> Result<(), Box<Difference>> {
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
            Input::Link { peer, up } => {
                self.contacts.push((place, peer.clone(), *up));
                if *up {
                    self.peers.insert(peer.clone());
                } else {
                    self.peers.remove(peer);
                }
            }
            Input::Tick => {}
            Input::Close => self.is_closed = true,
        }
        self.ended = recorded.now;
        self.times.insert(recorded.now);
        // A refused input is part of the recording like any other: the asset refuses it again.
        if self.asset.handle(recorded.now, input).is_err() {
            self.traffic.refused += 1;
        }
        self.drain(recorded.now);
        Ok(())
    }

    /// The recording and the asset part here.
    pub(super) fn part(&mut self, difference: Box<Difference>) {
        self.parted.get_or_insert(difference);
    }

    /// When the newest input came.
    pub(super) fn ended(&self) -> MissionTime {
        self.ended
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
                Output::Send { to, frame, bytes } => {
                    self.traffic.messages += 1;
                    self.traffic.bytes += bytes.len() as u64;
                    if self.peers.contains(&to) {
                        self.transmissions.push((to.clone(), frame));
                    } else {
                        self.traffic.dropped += 1;
                    }
                    self.sent.insert((to, Hash::of(&bytes)));
                    let said = self.listened_to.and_then(|plan| said_over_an_edge(&bytes, plan));
                    self.said.extend(said.map(|payload| (now, payload)));
                }
                Output::Command(schedule) => self.commands.push((now, schedule)),
                Output::Event(event) => self.events.push((now, event)),
            }
        }
    }

    pub(super) fn finish(self, totals: Totals) -> Retraced {
        Retraced {
            state: self.asset.state(),
            totals,
            ended: self.ended,
            readings: self.readings,
            contacts: self.contacts,
            received: self.received,
            sent: self.sent,
            traffic: self.traffic,
            transmissions: self.transmissions,
            commands: self.commands,
            events: self.events,
            entries: self.entries,
            pending: self.to_persist.into_values().next(),
            is_closed: self.is_closed,
            is_finished: false,
            times: self.times,
            restarts: Vec::new(),
            tear: None,
            parted: self.parted,
        }
    }
}

/// What a message says over an edge, if it does and is about plan number `plan`.
fn said_over_an_edge(bytes: &[u8], plan: u64) -> Option<Payload> {
    let message = SignedEnvelope::decode(bytes).ok()?;
    let kind = message.peek().ok()?.kind;
    if !matches!(kind, PayloadKind::Shared | PayloadKind::Dual) {
        return None;
    }
    let payload = Payload::decode(&message.payload).ok()?;
    let epoch = match &payload {
        Payload::Shared(shared) => &shared.epoch,
        Payload::Dual(dual) => &dual.epoch,
        _ => return None,
    };
    (epoch.plan == plan).then_some(payload)
}
