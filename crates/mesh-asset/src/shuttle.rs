//! A small fleet whose every message passes through the test's hands.

use crate::asset::Asset;
use crate::fixture::{contract, id, key, settings};
use crate::ports::{Event, Input, Output};
use crate::state::AdoptedPlan;
use crate::vehicles::{telemetry, vehicle};
use mesh_model::{AssetId, Canonical, Certificate, MissionTime, Payload, PayloadKind, SignedEnvelope};
use std::collections::{BTreeMap, VecDeque};

pub(crate) struct Shuttle {
    pub(crate) assets: BTreeMap<AssetId, Asset>,
    pub(crate) now: MissionTime,
    pub(crate) under_way: VecDeque<Message>,
    pub(crate) logs: BTreeMap<AssetId, Vec<SignedEnvelope>>,
    pub(crate) events: Vec<(AssetId, Event)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) from: AssetId,
    pub(crate) to: AssetId,
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    pub(crate) fn signed(&self) -> SignedEnvelope {
        SignedEnvelope::decode(&self.bytes).expect("what was sent")
    }

    pub(crate) fn kind(&self) -> PayloadKind {
        self.signed().peek().expect("an envelope").kind
    }
}

impl Shuttle {
    /// The whole fleet with fresh sensor readings for all but `blind`, everybody in contact with everybody.
    pub(crate) fn new(blind: &[&str]) -> Self {
        let mut shuttle = Self {
            assets: BTreeMap::new(),
            now: MissionTime::ZERO,
            under_way: VecDeque::new(),
            logs: BTreeMap::new(),
            events: Vec::new(),
        };
        let members = contract().members;
        for member in &members {
            let mut settings = settings(member.as_str());
            settings.vehicle = vehicle(member.as_str());
            let asset = Asset::new(settings, 1, MissionTime::ZERO).expect("sound settings");
            shuttle.assets.insert(member.clone(), asset);
            shuttle.drain(member);
        }
        for member in &members {
            for peer in members.iter().filter(|peer| *peer != member) {
                shuttle.give(member.as_str(), Input::Link { peer: peer.clone(), up: true });
            }
        }
        shuttle.sense(blind);
        shuttle
    }

    pub(crate) fn sense(&mut self, blind: &[&str]) {
        for member in contract().members.iter().filter(|member| !blind.contains(&member.as_str())) {
            if let Some(telemetry) = telemetry(member.as_str(), self.now) {
                self.give(member.as_str(), Input::Telemetry(telemetry));
            }
        }
    }

    /// Hands an asset an input and answers what it asks. What it refuses is its own affair.
    pub(crate) fn give(&mut self, to: &str, input: Input) {
        let to = id(to);
        let _ = self.assets.get_mut(&to).expect("a member").handle(self.now, input);
        self.drain(&to);
    }

    pub(crate) fn deliver(&mut self, Message { from, to, bytes }: Message) {
        self.give(to.as_str(), Input::Message { from, bytes });
    }

    /// Until `end`, whatever is due happens every second, and every message takes a second, but for those that `lost`
    /// names. Stretches in which nothing is due are skipped.
    pub(crate) fn fly(&mut self, end: u64, mut lost: impl FnMut(&Message) -> bool) {
        let end = MissionTime::from_s(end);
        while self.now < end {
            self.tick();
            let due = self.assets.values().filter_map(Asset::next_deadline).min().unwrap_or(end).min(end);
            let next = self.now.plus_s(1);
            self.now = if self.under_way.is_empty() { next.max(due) } else { next };
            for message in std::mem::take(&mut self.under_way) {
                if !lost(&message) {
                    self.deliver(message);
                }
            }
        }
    }

    pub(crate) fn tick(&mut self) {
        for member in contract().members {
            if self.assets[&member].next_deadline().is_some_and(|deadline| deadline <= self.now) {
                self.give(member.as_str(), Input::Tick);
            }
        }
    }

    pub(crate) fn certificates(&self) -> Vec<&Certificate> {
        let certified = self.events.iter().filter_map(|(_, event)| match event {
            Event::Certified { certificate, .. } => Some(&**certificate),
            _ => None,
        });
        certified.collect()
    }

    pub(crate) fn adopted(&self, name: &str) -> Vec<&AdoptedPlan> {
        let adopted = self.events.iter().filter_map(|(member, event)| match event {
            Event::Adopted(plan) if *member == id(name) => Some(&**plan),
            _ => None,
        });
        adopted.collect()
    }

    pub(crate) fn records(&self, name: &str) -> Vec<Payload> {
        let log = self.logs[&id(name)].iter();
        log.map(|entry| Payload::decode(&entry.payload).expect("own payloads decode")).collect()
    }

    fn drain(&mut self, member: &AssetId) {
        while let Some(output) = self.assets.get_mut(member).and_then(Asset::poll_output) {
            let answer = match output {
                Output::Sign { id, unsigned } => Input::Signed { id, signature: key(member.as_str()).sign(&unsigned) },
                Output::Persist { id, entry } => {
                    self.logs.entry(member.clone()).or_default().push(entry);
                    Input::Persisted { id }
                }
                Output::Send { to, bytes, .. } => {
                    self.under_way.push_back(Message { from: member.clone(), to, bytes });
                    continue;
                }
                Output::Event(event) => {
                    self.events.push((member.clone(), event));
                    continue;
                }
                Output::Command(_) => continue,
            };
            self.assets.get_mut(member).expect("a member").handle(self.now, answer).expect("an honest answer");
        }
    }
}
