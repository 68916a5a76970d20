//! The composition: what comes in is verified and handed to the role that it concerns; what the roles want is sealed,
//! persisted and sent.

use crate::member::{Effect, Member};
use crate::planner::Planner;
use crate::ports::{Event, Input, Output, PeerError};
use crate::seal::{Sealed, Sealer};
use crate::settings::{Misuse, Settings};
use crate::state::AssetState;
use mesh_identity::{Expectation, Incompatibility, PublicKey, Refusal, Roster, Verified, verify};
use mesh_model::{
    AssetId, AuditRecord, AuditSubject, Canonical, Epoch, LocalProblem, MissionTime, Payload, PayloadKind, PlanDelta,
    SignedEnvelope, Stream,
};
use mesh_sync::Sync;
use std::collections::{BTreeMap, VecDeque};

#[cfg(test)]
mod takeover;
#[cfg(test)]
mod tests;

/// One asset. See the crate's page for the rules.
pub struct Asset {
    settings: Settings,
    roster: Roster,
    expectation: Expectation,
    sealer: Sealer,
    sync: Sync,
    member: Option<Member>,
    planner: Planner,
    /// The epoch that the asset is in; names what it says.
    epoch: Epoch,
    /// The newest live message of each author and kind: older ones change nothing.
    live_newest: BTreeMap<(AssetId, PayloadKind), u64>,
    /// Transmissions to each neighbour so far.
    frames: BTreeMap<AssetId, u64>,
    /// The epoch that was put on record as given up last: its holder may also be a member of it.
    given_up: Option<Epoch>,
    /// Refusals that went on record, at most [`REFUSALS_RECORDED_MAX`].
    refusals: u32,
    outputs: VecDeque<Output>,
}

impl Asset {
    /// An asset at the start of a mission. The first thing it asks for is to put on record that it joined.
    pub fn new(settings: Settings, seed: u64, now: MissionTime) -> Result<Self, Misuse> {
        let Settings { me, contract, mission, keys, vehicle, .. } = &settings;
        if !contract.members.contains(me) {
            return Err(Misuse::NotAMember(me.clone()));
        }
        if vehicle.is_none() && contract.planner != *me {
            return Err(Misuse::Idle(me.clone()));
        }
        let (steps, step_s, tick_s) = (contract.steps, contract.step_s, settings.tick_s);
        if steps == 0 || step_s == 0 || tick_s == 0 {
            return Err(Misuse::Timing { steps, step_s, tick_s });
        }
        let mut roster = BTreeMap::new();
        for member in &contract.members {
            let key = keys.get(member).ok_or_else(|| Misuse::Key { member: member.clone(), why: None })?;
            let key = PublicKey::from_did(key).map_err(|why| Misuse::Key { member: member.clone(), why: Some(why) })?;
            roster.insert(member.clone(), key);
        }
        let contract_hash = contract.hash();
        let mut asset = Self {
            roster: roster.into_iter().collect(),
            expectation: Expectation { fleet: contract.fleet.clone(), mission: *mission, contract: contract_hash },
            sealer: Sealer::new(contract.fleet.clone(), *mission, contract_hash, me.clone(), keys[me].clone()),
            sync: Sync::new(settings.sync(), seed, now),
            member: vehicle.clone().map(|vehicle| Member::new(&settings, vehicle)),
            planner: Planner::new(&settings),
            epoch: Epoch { plan: 0, number: 0, opener: contract.planner.clone() },
            live_newest: BTreeMap::new(),
            frames: BTreeMap::new(),
            given_up: None,
            refusals: 0,
            outputs: VecDeque::new(),
            settings,
        };
        asset.carry_out(now, vec![Effect::Record(AuditSubject::Joined { contract: contract_hash })]);
        Ok(asset)
    }

    /// Takes one input. A refused one changes nothing, but for a counter and a record.
    pub fn handle(&mut self, now: MissionTime, input: Input) -> Result<(), PeerError> {
        let mut effects = Vec::new();
        let result = match input {
            Input::Tick => {
                self.tick(now, &mut effects);
                self.sync.handle(now, mesh_sync::Input::Tick).map_err(PeerError::Log)
            }
            Input::Telemetry(telemetry) => {
                if let Some(member) = &mut self.member {
                    member.sense(telemetry);
                }
                Ok(())
            }
            Input::Message { from, bytes } => self.message(now, &from, &bytes, &mut effects),
            Input::Link { peer, up } => self.link(now, peer, up, &mut effects),
            Input::Signed { id, signature } => self.signed(id, signature),
            Input::Persisted { id } => self.persisted(now, id),
            Input::Close => {
                effects.push(Effect::Record(AuditSubject::Closed { state: self.state().hash() }));
                Ok(())
            }
        };
        self.carry_out(now, effects);
        self.drain_sync(now);
        result
    }

    /// The next thing that the asset asks of its shell.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the asset wants an [`Input::Tick`], at the latest.
    pub fn next_deadline(&self) -> Option<MissionTime> {
        let member = self.member.as_ref().and_then(Member::next_deadline);
        [member, self.planner.next_deadline(), self.sync.next_deadline()].into_iter().flatten().min()
    }

    /// What the asset has adopted and where it stands.
    pub fn state(&self) -> AssetState {
        let telemetry = self.member.as_ref().and_then(Member::telemetry);
        let adopted = self.member.as_ref().map_or(self.planner.adopted(), Member::adopted);
        adopted.state(&self.settings.me, telemetry)
    }

    /// Whether it holds the planner role.
    pub fn holds_planner_role(&self, now: MissionTime) -> bool {
        self.planner.is_held(now)
    }

    /// The problem of the negotiation under way and its epoch, once everybody concerned has met. It is for the asset's
    /// owner alone; nothing sends it.
    pub fn negotiated(&self) -> Option<(&Epoch, &LocalProblem)> {
        self.member.as_ref()?.negotiated()
    }

    /// The members of its fleet, in id order.
    pub fn members(&self) -> impl Iterator<Item = &AssetId> {
        self.settings.contract.members.iter()
    }

    /// The log of `author` as far as it is held here, from the first entry on.
    pub fn entries(&self, author: &AssetId) -> &[SignedEnvelope] {
        self.sync.entries(author)
    }

    /// Who it is.
    pub fn id(&self) -> &AssetId {
        &self.settings.me
    }

    fn tick(&mut self, now: MissionTime, effects: &mut Vec<Effect>) {
        if let Some(member) = &self.member {
            self.planner.heed(member.settled(), member.entered());
        }
        self.planner.tick(now, effects);
        if let Some(member) = &mut self.member {
            member.tick(now, effects);
        }
    }

    fn link(&mut self, now: MissionTime, peer: AssetId, up: bool, effects: &mut Vec<Effect>) -> Result<(), PeerError> {
        self.sync.handle(now, mesh_sync::Input::Link { peer: peer.clone(), up }).map_err(PeerError::Log)?;
        self.planner.link(now, &peer, up, effects);
        effects.push(Effect::Record(AuditSubject::Contact { peer, up }));
        Ok(())
    }

    fn signed(&mut self, id: u64, signature: [u8; 64]) -> Result<(), PeerError> {
        match self.sealer.signed(id, signature)? {
            Sealed::Live { to, message } => self.send(to, &message),
            Sealed::Logged { id, entry } => self.outputs.push_back(Output::Persist { id, entry }),
        }
        Ok(())
    }

    fn persisted(&mut self, now: MissionTime, id: u64) -> Result<(), PeerError> {
        let entry = self.sealer.persisted(id)?;
        let verified = verify(&entry, &self.roster, &self.expectation).map_err(PeerError::Refused)?;
        self.sync.handle(now, mesh_sync::Input::Appended(verified)).map_err(PeerError::Log)
    }

    fn message(
        &mut self,
        now: MissionTime,
        from: &AssetId,
        bytes: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Result<(), PeerError> {
        let verified = SignedEnvelope::decode(bytes)
            .map_err(|why| Refusal::PeerIncompatible(Incompatibility::MalformedEnvelope(why)))
            .and_then(|message| verify(&message, &self.roster, &self.expectation));
        let verified = match verified {
            Ok(verified) => verified,
            Err(refusal) => {
                self.record_refusal(from.as_str(), refusal.reason(), effects);
                return Err(PeerError::Refused(refusal));
            }
        };
        match verified.envelope().stream {
            Stream::Log => {
                let received = mesh_sync::Input::Received { from: from.clone(), entry: verified };
                self.sync.handle(now, received).map_err(PeerError::Log)
            }
            Stream::Live => self.live(now, from, verified, effects),
        }
    }

    /// A live message: the newest of its author and kind wins, and only for as long as it is current. What comes back
    /// to its author is never new.
    fn live(
        &mut self,
        now: MissionTime,
        from: &AssetId,
        verified: Verified,
        effects: &mut Vec<Effect>,
    ) -> Result<(), PeerError> {
        let envelope = verified.envelope();
        let author = envelope.author.clone();
        let stream = (author.clone(), envelope.kind);
        let newest = self.live_newest.get(&stream);
        let is_own = author == self.settings.me;
        if is_own || !verified.is_current(now) || newest.is_some_and(|newest| envelope.sequence <= *newest) {
            return Err(PeerError::Stale { author });
        }
        self.live_newest.insert(stream, envelope.sequence);
        if author == *from {
            self.planner.hear(now, &author);
        }
        self.act_live(now, &author, verified.payload().clone(), effects)
    }

    fn act_live(
        &mut self,
        now: MissionTime,
        author: &AssetId,
        payload: Payload,
        effects: &mut Vec<Effect>,
    ) -> Result<(), PeerError> {
        let out_of_role = |what| Err(PeerError::OutOfRole { author: author.clone(), what });
        match payload {
            Payload::Heartbeat(heads) => {
                let heads = mesh_sync::Input::Heads { from: author.clone(), heads };
                return self.sync.handle(now, heads).map_err(PeerError::Log);
            }
            Payload::Want(of, first) => {
                let want = mesh_sync::Input::Want { from: author.clone(), author: of, first };
                return self.sync.handle(now, want).map_err(PeerError::Log);
            }
            Payload::Opening(opening) if !self.may_lead(now, author, &opening.epoch) => {
                return out_of_role("open an epoch");
            }
            Payload::Proposal(epoch, _) if !self.may_lead(now, author, &epoch) => {
                return out_of_role("pick a candidate");
            }
            Payload::Abandon(epoch) if !self.may_lead(now, author, &epoch) => return out_of_role("give an epoch up"),
            Payload::Report(report) => self.planner.report(now, author, report, effects),
            Payload::Delta(_) | Payload::Certificate(_) | Payload::Audit(_) => {
                return out_of_role("say live what belongs into a log");
            }
            heard => {
                if let Some(member) = &mut self.member {
                    match heard {
                        Payload::Opening(opening) => member.open(now, opening, effects),
                        Payload::Shared(shared) => member.hear_range(now, author, &shared, effects),
                        Payload::Dual(dual) => member.hear_round(now, author, &dual, effects),
                        Payload::Proposal(epoch, round) => member.propose(&epoch, round, effects),
                        Payload::Abandon(epoch) => member.abandon(&epoch, effects),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether `author` may open `epoch`, and say how it goes on: it is its own; and either it holds the planner role as
    /// this asset sees it, or the epoch is one that this asset has entered, which whoever opened it may bring to its end.
    fn may_lead(&self, now: MissionTime, author: &AssetId, epoch: &Epoch) -> bool {
        let entered = || self.member.as_ref().and_then(Member::entered) == Some(epoch);
        let is_me = *author == self.settings.me;
        *author == epoch.opener && (is_me || self.planner.believes(now, author) || entered())
    }

    /// A log entry, exactly once and in its author's order. A stale one is kept, but not acted upon.
    fn act_logged(&mut self, now: MissionTime, entry: &Verified, effects: &mut Vec<Effect>) {
        if !entry.is_current(now) {
            return;
        }
        let envelope = entry.envelope();
        match entry.payload() {
            Payload::Delta(delta) if delta.attestation.asset == envelope.author => {
                let (sequence, hash) = (envelope.sequence, entry.unsigned_hash());
                if let Some(member) = self.member.as_mut().filter(|_| envelope.author == self.settings.me) {
                    member.logged(sequence, hash, delta);
                }
                self.planner.delta(now, sequence, hash, delta, effects);
            }
            Payload::Certificate(certificate) if envelope.author == certificate.epoch.opener => {
                if let Some(member) = &mut self.member {
                    member.certify(certificate, entry.unsigned_hash(), effects);
                }
            }
            _ => {}
        }
    }

    /// Does what the roles want, in order. What a role says to another role of the same asset is heard at once.
    fn carry_out(&mut self, now: MissionTime, effects: Vec<Effect>) {
        let mut pending: VecDeque<Effect> = effects.into();
        while let Some(effect) = pending.pop_front() {
            match effect {
                Effect::Say { to, payload } if to == self.settings.me => {
                    let mut more = Vec::new();
                    let me = self.settings.me.clone();
                    self.act_live(now, &me, payload, &mut more).expect("an asset stays within its own roles");
                    pending.extend(more);
                }
                Effect::Say { to, payload } => {
                    let expires = self.settings.live_expiry(now);
                    let draft = self.sealer.live(&self.epoch, expires, to, &payload);
                    self.outputs.push_back(draft);
                }
                Effect::SayHeads { to } if to == self.settings.me => {}
                Effect::SayHeads { to } => {
                    let payload = Payload::Heartbeat(self.sync.heads());
                    pending.push_front(Effect::Say { to, payload });
                }
                Effect::Enter(epoch) => {
                    if epoch != self.epoch {
                        self.sealer.restart_sent();
                        self.epoch = epoch;
                    }
                }
                Effect::Offer(delta) => {
                    let expires = delta.window.end();
                    let delta = PlanDelta { sent: self.sealer.sent(), ..delta };
                    self.log(expires, &Payload::Delta(delta));
                }
                Effect::Certify(certificate) => self.log(certificate.window.end(), &Payload::Certificate(certificate)),
                Effect::GiveUp { epoch, .. } if self.given_up.as_ref() == Some(&epoch) => {}
                Effect::GiveUp { epoch, rounds } => {
                    self.given_up = Some(epoch.clone());
                    let sent = self.sealer.sent();
                    self.record(now, AuditSubject::GivenUp { epoch: epoch.clone(), rounds, sent });
                    self.outputs.push_back(Output::Event(Event::GivenUp { epoch, rounds }));
                }
                Effect::Record(subject) => self.record(now, subject),
                Effect::Command(schedule) => self.outputs.push_back(Output::Command(schedule)),
                Effect::Event(event) => self.outputs.push_back(Output::Event(event)),
            }
        }
    }

    /// Hands on what the log protocol wants, and what it delivers to the roles.
    fn drain_sync(&mut self, now: MissionTime) {
        while let Some(output) = self.sync.poll_output() {
            match output {
                mesh_sync::Output::Send { to, entry } => self.send(to, &entry),
                mesh_sync::Output::SendHeads { to, heads } => {
                    self.carry_out(now, vec![Effect::Say { to, payload: Payload::Heartbeat(heads) }]);
                }
                mesh_sync::Output::SendWant { to, author, first } => {
                    self.carry_out(now, vec![Effect::Say { to, payload: Payload::Want(author, first) }]);
                }
                mesh_sync::Output::Deliver(entry) => {
                    let mut effects = Vec::new();
                    self.act_logged(now, &entry, &mut effects);
                    self.carry_out(now, effects);
                }
                mesh_sync::Output::Evidence(evidence) => {
                    let (author, sequence) = (evidence.author().clone(), evidence.sequence());
                    let mut effects = Vec::new();
                    self.record_refusal(author.as_str(), "equivocation", &mut effects);
                    effects.push(Effect::Event(Event::Equivocation { author, sequence }));
                    self.carry_out(now, effects);
                }
            }
        }
    }

    fn record_refusal(&mut self, claimed: &str, reason: &str, effects: &mut Vec<Effect>) {
        if self.refusals < REFUSALS_RECORDED_MAX {
            self.refusals += 1;
            let (claimed, reason) = (claimed.to_owned(), reason.to_owned());
            effects.push(Effect::Record(AuditSubject::Refused { claimed, reason }));
        }
    }

    fn record(&mut self, now: MissionTime, subject: AuditSubject) {
        self.log(MissionTime::MAX, &Payload::Audit(AuditRecord { time: now, subject }));
    }

    fn log(&mut self, expires: MissionTime, payload: &Payload) {
        let draft = self.sealer.logged(&self.epoch, expires, payload);
        self.outputs.push_back(draft);
    }

    fn send(&mut self, to: AssetId, message: &SignedEnvelope) {
        let frame = self.frames.entry(to.clone()).or_insert(0);
        let output = Output::Send { to, frame: *frame, bytes: message.encode() };
        *frame += 1;
        self.outputs.push_back(output);
    }
}

/// A flood of bad messages must not become a flood of records.
const REFUSALS_RECORDED_MAX: u32 = 256;
