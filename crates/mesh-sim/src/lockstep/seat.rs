//! One asset in lock-step: its inputs in order, its side of the link model, and what it sent for as long as that may be
//! asked for again.
//!
//! A seat can be taken up where it was left: [`Seat::take_up`] gives the asset its recorded inputs again. An asset is a
//! function of those, so it stands where it stood, with what it sent at hand; and a tick that was broken off is finished
//! when it is granted again.

use super::{Answer, Channel, Grant, Parcel, Sent, Shell};
use crate::journal::Traffic;
use crate::links;
use mesh_asset::{Asset, Event, Input, Misuse, Output, Settings};
use mesh_model::{AssetId, MissionTime, SignedEnvelope};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An asset with what lies between it and the fleet.
pub struct Seat {
    asset: Asset,
    /// Seed of the mission, for the losses.
    seed: u64,
    tick_s: u64,
    /// Members in contact, as the asset was told.
    contacts: BTreeSet<AssetId>,
    /// Messages that have arrived and wait for their tick.
    inbox: BTreeMap<(MissionTime, AssetId, u64), Vec<u8>>,
    /// Messages that were not taken: too many from one sender, or too late.
    turned_away: u64,
    /// The tick under way, or the one before.
    tick: Tick,
    /// What was sent lately, by receiver and frame.
    sent: BTreeMap<(AssetId, u64), Vec<u8>>,
    sent_order: VecDeque<(AssetId, u64)>,
    sent_bytes: usize,
}

/// Inputs that an asset was given before.
pub type Past = VecDeque<(MissionTime, Input)>;

/// What came of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Stepped {
    /// The tick is done: the answer, and the messages that it tells of.
    Done(Box<Answer>, Vec<Parcel>),
    /// These messages are due and have not arrived, by sender and frame; nothing was done.
    Missing(Vec<(AssetId, u64)>),
}

/// What has happened in one tick.
#[derive(Default)]
struct Tick {
    now: MissionTime,
    /// Inputs other than answers of the shell, by kind.
    given: Given,
    out: Vec<Outgoing>,
    commands: Vec<mesh_adapters::CommandSchedule>,
    events: Vec<Event>,
    refused: Vec<String>,
    /// The result, once it is done.
    done: Option<(Box<Answer>, Vec<Parcel>)>,
}

#[derive(Default)]
struct Given {
    contacts: usize,
    telemetry: bool,
    /// Messages by sender: of each the first ones, in the order of their frames.
    messages: BTreeMap<AssetId, usize>,
    time: bool,
    end: bool,
}

/// A message that the asset wants sent.
struct Outgoing {
    to: AssetId,
    frame: u64,
    bytes: Vec<u8>,
    /// Whether the asset had contact with the receiver at that moment.
    in_contact: bool,
}

impl Seat {
    /// An asset at the start of its mission; `seed` is the mission's. It must be [taken up](Self::take_up) first.
    pub fn new(settings: Settings, asset_seed: u64, seed: u64) -> Result<Self, Misuse> {
        Ok(Self {
            tick_s: u64::from(settings.tick_s),
            asset: Asset::new(settings, asset_seed, MissionTime::ZERO)?,
            seed,
            contacts: BTreeSet::new(),
            inbox: BTreeMap::new(),
            turned_away: 0,
            tick: Tick::default(),
            sent: BTreeMap::new(),
            sent_order: VecDeque::new(),
            sent_bytes: 0,
        })
    }

    /// Brings the asset to where it stood after these recorded inputs, none of them at the start of a mission. Requests
    /// that the record does not answer any more are answered by the shell.
    pub fn take_up<S: Shell>(&mut self, mut past: Past, shell: &mut S) -> Result<(), S::Error> {
        self.drain(&mut past, shell)?;
        while let Some((now, input)) = past.pop_front() {
            if now > self.tick.now {
                self.begin(now);
            }
            self.handle(input, &mut past, shell)?;
        }
        Ok(())
    }

    /// The asset.
    pub fn asset(&self) -> &Asset {
        &self.asset
    }

    /// The tick under way, or the last one.
    pub fn now(&self) -> MissionTime {
        self.tick.now
    }

    /// Messages that were turned away so far.
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Members in contact.
    pub fn contacts(&self) -> &BTreeSet<AssetId> {
        &self.contacts
    }

    /// Keeps a message until its tick. What comes twice, or too late to be told apart from that, is of no use; and nobody
    /// can fill the inbox.
    pub fn receive(&mut self, parcel: Parcel) {
        let Parcel { from, frame, sent, at, bytes, .. } = parcel;
        let waiting = self.inbox.keys().filter(|(_, sender, _)| *sender == from).count();
        if waiting >= WAITING_MAX || at.as_ns() > sent.as_ns().saturating_add(AHEAD_NS_MAX) {
            self.turned_away += 1;
            return;
        }
        self.inbox.insert((at, from, frame), bytes);
    }

    /// Takes a step. The same grant again gives the same answer again.
    pub fn step<S: Shell>(&mut self, grant: &Grant, shell: &mut S) -> Result<Stepped, S::Error> {
        if grant.now < self.tick.now {
            // A grant that was overtaken: it is answered, so that nobody waits, and changes nothing.
            return Ok(Stepped::Done(Box::new(Answer::nothing(grant.now, self.asset.next_deadline())), Vec::new()));
        }
        if grant.now > self.tick.now {
            if let Some(missing) = self.missing(grant, &BTreeMap::new()) {
                return Ok(Stepped::Missing(missing));
            }
            self.begin(grant.now);
        } else if let Some((answer, parcels)) = self.tick.done.clone() {
            return Ok(Stepped::Done(answer, parcels));
        } else if let Some(missing) = self.missing(grant, &self.tick.given.messages) {
            return Ok(Stepped::Missing(missing));
        }
        self.give(grant, shell)?;
        let (parcels, traffic) = self.dispatch(grant);
        let sent = parcels.iter().map(|parcel| Sent { to: parcel.to.clone(), frame: parcel.frame, at: parcel.at });
        let answer = Box::new(self.answer(sent.collect(), traffic));
        self.tick.done = Some((answer.clone(), parcels.clone()));
        Ok(Stepped::Done(answer, parcels))
    }

    /// A message that was sent lately, once more.
    pub fn again(&self, sent: &Sent) -> Option<Parcel> {
        let bytes = self.sent.get(&(sent.to.clone(), sent.frame))?;
        Some(Parcel {
            from: self.asset.id().clone(),
            to: sent.to.clone(),
            frame: sent.frame,
            sent: self.tick.now,
            at: sent.at,
            bytes: bytes.clone(),
        })
    }

    fn begin(&mut self, now: MissionTime) {
        self.tick = Tick { now, ..Tick::default() };
    }

    /// The messages that a strict grant calls due and that are not here, but for the first `given`.
    fn missing(&self, grant: &Grant, given: &BTreeMap<AssetId, usize>) -> Option<Vec<(AssetId, u64)>> {
        if !grant.is_strict {
            return None;
        }
        let here: BTreeSet<_> = self.inbox.keys().map(|(_, from, frame)| (from, *frame)).collect();
        let is_here = |(from, frame): &&(AssetId, u64)| here.contains(&(from, *frame));
        let missing: Vec<_> = not_given(grant, given).filter(|due| !is_here(due)).cloned().collect();
        (!missing.is_empty()).then_some(missing)
    }

    /// Gives the asset all inputs of the tick that it was not given before.
    fn give<S: Shell>(&mut self, grant: &Grant, shell: &mut S) -> Result<(), S::Error> {
        let mut none = Past::new();
        for contact in grant.contacts.iter().skip(self.tick.given.contacts) {
            let input = Input::Link { peer: contact.peer.clone(), up: contact.up };
            self.record_and_handle(input, &mut none, shell)?;
        }
        if let Some(telemetry) = grant.telemetry.clone().filter(|_| !self.tick.given.telemetry) {
            self.record_and_handle(Input::Telemetry(telemetry), &mut none, shell)?;
        }
        for (from, bytes) in self.due(grant) {
            self.record_and_handle(Input::Message { from, bytes }, &mut none, shell)?;
        }
        let is_due = self.asset.next_deadline().is_some_and(|deadline| deadline <= grant.now);
        if is_due && !self.tick.given.time {
            self.record_and_handle(Input::Tick, &mut none, shell)?;
        }
        if grant.is_last && !self.tick.given.end {
            self.record_and_handle(Input::Close, &mut none, shell)?;
        }
        Ok(())
    }

    /// Takes the messages of a tick out of the inbox, by sender and frame.
    fn due(&mut self, grant: &Grant) -> Vec<(AssetId, Vec<u8>)> {
        let mut due = BTreeMap::new();
        if grant.is_strict {
            let wanted: BTreeSet<_> = not_given(grant, &self.tick.given.messages).cloned().collect();
            self.inbox.retain(|(at, from, frame), bytes| {
                if wanted.contains(&(from.clone(), *frame)) {
                    due.insert((from.clone(), *frame), std::mem::take(bytes));
                    return false;
                }
                // What was due earlier and is still here came twice, or from one that was given up.
                *at > grant.now
            });
        } else {
            self.inbox.retain(|(at, from, frame), bytes| {
                if *at <= grant.now {
                    due.insert((from.clone(), *frame), std::mem::take(bytes));
                }
                *at > grant.now
            });
        }
        due.into_iter().map(|((from, _), bytes)| (from, bytes)).collect()
    }

    fn record_and_handle<S: Shell>(&mut self, input: Input, past: &mut Past, shell: &mut S) -> Result<(), S::Error> {
        shell.record(self.asset.id(), self.tick.now, &input)?;
        self.handle(input, past, shell)
    }

    /// Hands the asset an input that is on record, and carries out all that it asks for.
    fn handle<S: Shell>(&mut self, input: Input, past: &mut Past, shell: &mut S) -> Result<(), S::Error> {
        let given = &mut self.tick.given;
        match &input {
            Input::Link { peer, up } => {
                given.contacts += 1;
                if *up {
                    self.contacts.insert(peer.clone());
                } else {
                    self.contacts.remove(peer);
                }
            }
            Input::Telemetry(_) => given.telemetry = true,
            Input::Message { from, .. } => *given.messages.entry(from.clone()).or_default() += 1,
            Input::Tick => given.time = true,
            Input::Close => given.end = true,
            Input::Signed { .. } | Input::Persisted { .. } => {}
        }
        if let Err(refused) = self.asset.handle(self.tick.now, input) {
            self.tick.refused.push(refused.to_string());
        }
        self.drain(past, shell)
    }

    fn drain<S: Shell>(&mut self, past: &mut Past, shell: &mut S) -> Result<(), S::Error> {
        while let Some(output) = self.asset.poll_output() {
            match output {
                Output::Sign { id, unsigned } => {
                    if !self.was_answered(past, |input| matches!(input, Input::Signed { id: own, .. } if *own == id)) {
                        let signature = shell.sign(self.asset.id(), &unsigned)?;
                        self.answer_with(Input::Signed { id, signature }, shell)?;
                    }
                }
                Output::Persist { id, entry } => {
                    if !self.was_answered(past, |input| matches!(input, Input::Persisted { id: own } if *own == id)) {
                        self.persist(id, &entry, shell)?;
                    }
                }
                Output::Send { to, frame, bytes } => {
                    let in_contact = self.contacts.contains(&to);
                    if in_contact {
                        self.keep(&to, frame, &bytes);
                    }
                    self.tick.out.push(Outgoing { to, frame, bytes, in_contact });
                }
                Output::Command(schedule) => self.tick.commands.push(schedule),
                Output::Event(event) => self.tick.events.push(event),
            }
        }
        Ok(())
    }

    /// Whether the next recorded input is the answer that `is_answer` knows; then the asset has it again.
    fn was_answered(&mut self, past: &mut Past, is_answer: impl Fn(&Input) -> bool) -> bool {
        let Some((_, input)) = past.pop_front_if(|(_, input)| is_answer(input)) else { return false };
        self.take_answer(input);
        true
    }

    fn persist<S: Shell>(&mut self, id: u64, entry: &SignedEnvelope, shell: &mut S) -> Result<(), S::Error> {
        shell.persist(self.asset.id(), entry)?;
        self.answer_with(Input::Persisted { id }, shell)
    }

    fn answer_with<S: Shell>(&mut self, input: Input, shell: &mut S) -> Result<(), S::Error> {
        shell.record(self.asset.id(), self.tick.now, &input)?;
        self.take_answer(input);
        Ok(())
    }

    /// What an answer leads to stays in the queue that is being drained.
    fn take_answer(&mut self, input: Input) {
        if let Err(refused) = self.asset.handle(self.tick.now, input) {
            self.tick.refused.push(refused.to_string());
        }
    }

    /// The link model: a message without contact is dropped, one over an open link may be lost, the rest arrive a whole
    /// number of ticks later.
    fn dispatch(&mut self, grant: &Grant) -> (Vec<Parcel>, Traffic) {
        let mut traffic = Traffic { refused: self.tick.refused.len() as u64, ..Traffic::default() };
        let mut parcels = Vec::new();
        let me = self.asset.id();
        for Outgoing { to, frame, bytes, in_contact } in std::mem::take(&mut self.tick.out) {
            traffic.messages += 1;
            traffic.bytes += bytes.len() as u64;
            let channel = grant.channels.iter().find(|channel| in_contact && channel.peer == to);
            let Some(Channel { delay_ticks, loss, .. }) = channel else {
                traffic.dropped += 1;
                continue;
            };
            if links::lost(self.seed, me, &to, *loss, frame) {
                traffic.lost += 1;
                continue;
            }
            let at = grant.now.plus_s(u64::from(*delay_ticks) * self.tick_s);
            parcels.push(Parcel { from: me.clone(), to, frame, sent: grant.now, at, bytes });
        }
        (parcels, traffic)
    }

    fn answer(&mut self, sent: Vec<Sent>, traffic: Traffic) -> Answer {
        Answer {
            sent,
            traffic,
            commands: std::mem::take(&mut self.tick.commands),
            events: std::mem::take(&mut self.tick.events),
            refused: std::mem::take(&mut self.tick.refused),
            ..Answer::nothing(self.tick.now, self.asset.next_deadline())
        }
    }

    fn keep(&mut self, to: &AssetId, frame: u64, bytes: &[u8]) {
        let name = (to.clone(), frame);
        self.sent_bytes += bytes.len();
        self.sent.insert(name.clone(), bytes.to_vec());
        self.sent_order.push_back(name);
        while self.sent_bytes > SENT_BYTES_MAX
            && let Some(oldest) = self.sent_order.pop_front()
        {
            self.sent_bytes -= self.sent.remove(&oldest).map_or(0, |bytes| bytes.len());
        }
    }
}

/// The messages that are due and were not given: of each sender all but the first so many. Others may have been given up
/// since, so the place in the whole list says nothing.
fn not_given<'a>(
    grant: &'a Grant,
    given: &BTreeMap<AssetId, usize>,
) -> impl Iterator<Item = &'a (AssetId, u64)> + use<'a> {
    let mut left = given.clone();
    grant.due.iter().filter(move |(from, _)| match left.get_mut(from) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    })
}

/// Messages of one sender that wait for their tick, at most.
const WAITING_MAX: usize = 4096;
/// How long a message may be on its way: the longest delay between planets is shorter. The receiver's own tick is no
/// measure: it lies far back for one that had nothing to do.
const AHEAD_NS_MAX: u64 = 3600 * 1_000_000_000;
/// Bytes of messages that are kept to be sent again.
const SENT_BYTES_MAX: usize = 4 << 20;
