//! The part of an asset that has a vehicle: it states its problem, negotiates, adopts plans and commands the vehicle.
//!
//! It knows neither keys nor logs; what it hears here has been verified, and what it says is signed elsewhere.

use crate::certificate::{check_certificate, plan_window};
use crate::edge_state::Agreed;
use crate::negotiation::Negotiation;
use crate::ports::Event;
use crate::settings::Settings;
use crate::state::{Adopted, AdoptedPlan};
use mesh_adapters::{Adapter, AdapterSettings, CommandSchedule, Telemetry};
use mesh_model::{
    AssetId, AuditSubject, Canonical, Certificate, DualVariables, Edge, Epoch, Hash, LocalProblem, MissionTime,
    Opening, Payload, PlanDelta, Real, Schedule, SharedVariables,
};
use std::collections::BTreeMap;

/// What a role asks the asset around it to do.
pub(crate) enum Effect {
    /// Say this to a member, live.
    Say { to: AssetId, payload: Payload },
    /// Tell a member, live, how many entries of each log are held here.
    SayHeads { to: AssetId },
    /// A new epoch began: what is said from here on belongs to it.
    Enter(Epoch),
    /// Log the member's part of a plan; the digest of what was said is filled in on the way.
    Offer(PlanDelta),
    /// Log the planner's proof.
    Certify(Certificate),
    /// Log a record.
    Record(AuditSubject),
    /// Log that a negotiation was given up; the digest of what was said is filled in on the way.
    GiveUp { epoch: Epoch, rounds: u32 },
    /// Command the vehicle.
    Command(CommandSchedule),
    /// Show.
    Event(Event),
}

pub(crate) struct Member {
    settings: Settings,
    adapter: Adapter,
    telemetry: Option<Telemetry>,
    /// The last agreement of each edge.
    agreed: BTreeMap<Edge, Agreed>,
    adopted: Adopted,
    /// The newest epoch entered; older ones are over.
    epoch: Option<Epoch>,
    negotiation: Option<Negotiation>,
    offer: Option<Offer>,
}

/// The part of a plan that this member has put its signature to and holds until the certificate comes, or until it
/// offers something else: the certificate may be late.
struct Offer {
    delta: PlanDelta,
    schedule: Schedule,
    members: Vec<AssetId>,
    /// The weight of each edge at the end of it.
    weights: BTreeMap<Edge, f64>,
    /// Sequence number and hash of the log entry, once that is durable.
    entry: Option<(u64, Hash)>,
}

impl Member {
    pub(crate) fn new(settings: &Settings, vehicle: AdapterSettings) -> Self {
        let edges = settings.contract.edges_of(&settings.me);
        Self {
            adapter: Adapter::new(settings.me.clone(), vehicle, edges),
            settings: settings.clone(),
            telemetry: None,
            agreed: BTreeMap::new(),
            adopted: Adopted::none(),
            epoch: None,
            negotiation: None,
            offer: None,
        }
    }

    pub(crate) fn sense(&mut self, telemetry: Telemetry) {
        self.telemetry = Some(telemetry);
    }

    /// The holder of the planner role opens an epoch.
    pub(crate) fn open(&mut self, now: MissionTime, opening: Opening, effects: &mut Vec<Effect>) {
        if self.epoch.as_ref().is_some_and(|newest| opening.epoch <= *newest) {
            self.answer_opening(&opening, effects);
            return;
        }
        if !self.is_sound(&opening) || opening.window.start <= now || self.is_bound_against(&opening.epoch) {
            return;
        }
        // An earlier plan that was offered may be certified without this member having heard of it yet.
        let offered = self.offered_epoch().filter(|epoch| epoch.plan < opening.epoch.plan).cloned();
        self.negotiation.take_if(|negotiation| offered.as_ref() == Some(&negotiation.opening.epoch));
        self.close_unfinished(effects);
        self.epoch = Some(opening.epoch.clone());
        effects.push(Effect::Enter(opening.epoch.clone()));
        let Some(telemetry) = &self.telemetry else {
            effects.push(Effect::Event(Event::Unable { why: "the vehicle has sent no telemetry".to_owned() }));
            return;
        };
        let problem = match self.adapter.problem(telemetry, opening.window) {
            Ok(problem) => problem,
            Err(why) => {
                effects.push(Effect::Event(Event::Unable { why: why.to_string() }));
                return;
            }
        };
        let Settings { me, contract, .. } = &self.settings;
        let patience_s = self.settings.patience_s();
        let mut negotiation = Negotiation::begin(now, me, contract, opening, problem, &self.agreed, patience_s);
        let mut sayings = Vec::new();
        let started = negotiation.start(now, &mut sayings);
        self.negotiation = Some(negotiation);
        self.carry_on(started.map_err(|why| why.to_string()), sayings, effects);
    }

    /// A neighbour says what it can take.
    pub(crate) fn hear_range(
        &mut self,
        now: MissionTime,
        from: &AssetId,
        shared: &SharedVariables,
        effects: &mut Vec<Effect>,
    ) {
        let Some(negotiation) = self.negotiation.as_mut().filter(|n| n.opening.epoch == shared.epoch) else { return };
        let mut sayings = Vec::new();
        let heard = negotiation.hear_range(now, from, shared, &mut sayings);
        self.carry_on(heard.map_err(|why| why.to_string()), sayings, effects);
    }

    /// A neighbour's round.
    pub(crate) fn hear_round(
        &mut self,
        now: MissionTime,
        from: &AssetId,
        dual: &DualVariables,
        effects: &mut Vec<Effect>,
    ) {
        let Some(negotiation) = self.negotiation.as_mut().filter(|n| n.opening.epoch == dual.epoch) else { return };
        let mut sayings = Vec::new();
        let heard = negotiation.hear_round(now, from, dual, &mut sayings);
        self.carry_on(heard.map_err(|why| why.to_string()), sayings, effects);
    }

    pub(crate) fn tick(&mut self, now: MissionTime, effects: &mut Vec<Effect>) {
        let offered = self.offered_epoch().cloned();
        let Some(negotiation) = self.negotiation.as_mut() else { return };
        if now >= negotiation.opening.window.start && offered.as_ref() != Some(&negotiation.opening.epoch) {
            // The planner has given it up as well, whether or not its word came through.
            self.close_unfinished(effects);
            return;
        }
        let mut sayings = Vec::new();
        let ticked = negotiation.tick(now, &mut sayings);
        self.carry_on(ticked.map_err(|why| why.to_string()), sayings, effects);
    }

    /// The planner picked a candidate: put this member's part of it on record.
    pub(crate) fn propose(&mut self, epoch: &Epoch, round: u32, effects: &mut Vec<Effect>) {
        if self.offered_epoch() == Some(epoch) {
            // The planner asks again, so the entry must have been lost: say what the log holds, to have it asked for.
            effects.push(Effect::SayHeads { to: epoch.opener.clone() });
            return;
        }
        let Some(negotiation) = self.negotiation.as_mut().filter(|n| n.opening.epoch == *epoch) else { return };
        if let Some((delta, schedule)) = negotiation.offer(round) {
            let members = negotiation.opening.members.clone();
            let weights = negotiation.weights();
            self.offer = Some(Offer { delta: delta.clone(), schedule, members, weights, entry: None });
            effects.push(Effect::Offer(delta));
        }
    }

    /// This member's own part is durable, as entry number `sequence` of its log.
    pub(crate) fn logged(&mut self, sequence: u64, entry: Hash, delta: &PlanDelta) {
        if let Some(offer) = self.offer.as_mut().filter(|offer| offer.delta.epoch == delta.epoch) {
            offer.entry = Some((sequence, entry));
        }
    }

    /// The planner gives an epoch up.
    pub(crate) fn abandon(&mut self, epoch: &Epoch, effects: &mut Vec<Effect>) {
        if self.epoch.as_ref() == Some(epoch) {
            self.close_unfinished(effects);
        }
    }

    /// The planner's proof. The plan is adopted if it is sound and names exactly what this member offered; any other
    /// proof is none of its concern.
    pub(crate) fn certify(&mut self, certificate: &Certificate, entry: Hash, effects: &mut Vec<Effect>) {
        let Self { settings: Settings { me, contract, .. }, .. } = self;
        let is_proof = |offer: &mut Offer| offer.is_certified_by(certificate, me);
        if check_certificate(certificate, contract).is_err() {
            return;
        }
        let Some(offer) = self.offer.take_if(is_proof) else { return };
        self.negotiation.take_if(|negotiation| negotiation.opening.epoch == offer.delta.epoch);
        self.adopt(offer, entry, effects);
    }

    pub(crate) fn next_deadline(&self) -> Option<MissionTime> {
        let negotiation = self.negotiation.as_ref()?;
        let end = negotiation.opening.window.start;
        negotiation.deadline().map(|deadline| deadline.min(end))
    }

    pub(crate) fn adopted(&self) -> &Adopted {
        &self.adopted
    }

    /// The epoch that this member is in, or was in last.
    pub(crate) fn entered(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }

    /// The problem of the negotiation under way, as it is negotiated, and its epoch.
    pub(crate) fn negotiated(&self) -> Option<(&Epoch, &LocalProblem)> {
        let negotiation = self.negotiation.as_ref()?;
        Some((&negotiation.opening.epoch, negotiation.problem()?))
    }

    /// The newest re-planning that this member has adopted or offered its part of; 0 if there is none.
    pub(crate) fn settled(&self) -> u64 {
        let offered = self.offered_epoch().map_or(0, |epoch| epoch.plan);
        self.adopted.newest_plan().max(offered)
    }

    pub(crate) fn telemetry(&self) -> Option<&Telemetry> {
        self.telemetry.as_ref()
    }

    fn adopt(&mut self, offer: Offer, entry: Hash, effects: &mut Vec<Effect>) {
        let Offer { delta, schedule, members, weights, .. } = offer;
        for agreement in &delta.agreements {
            let Some(weight) = weights.get(&agreement.edge).copied() else { continue };
            let agreed = Agreed {
                window: delta.window,
                flow: Real::values(&agreement.flow),
                price: Real::values(&agreement.price),
                weight,
            };
            self.agreed.insert(agreement.edge.clone(), agreed);
        }
        match self.adapter.schedule(delta.window, &Real::values(&schedule.values)) {
            Ok(commands) => effects.push(Effect::Command(commands)),
            Err(why) => effects.push(Effect::Event(Event::Unable { why: why.to_string() })),
        }
        effects.push(Effect::Record(AuditSubject::Adopted {
            epoch: delta.epoch.clone(),
            certificate: entry,
            schedule: schedule.hash(),
        }));
        let plan = AdoptedPlan {
            epoch: delta.epoch,
            members,
            round: delta.round,
            window: delta.window,
            schedule,
            agreements: delta.agreements,
            upper: delta.attestation.upper,
            lower: delta.attestation.lower,
        };
        effects.push(Effect::Event(Event::Adopted(Box::new(plan.clone()))));
        self.adopted.push(plan);
    }

    /// Passes on what the negotiation wants said, or ends it if it cannot go on.
    fn carry_on(&mut self, went: Result<(), String>, sayings: Vec<(AssetId, Payload)>, effects: &mut Vec<Effect>) {
        effects.extend(sayings.into_iter().map(|(to, payload)| Effect::Say { to, payload }));
        if let Err(why) = went {
            effects.push(Effect::Event(Event::Unable { why }));
            self.close_unfinished(effects);
        }
    }

    /// The planner opens again what is open or over: it lacks an answer.
    fn answer_opening(&self, opening: &Opening, effects: &mut Vec<Effect>) {
        let mut sayings = Vec::new();
        if let Some(negotiation) = self.negotiation.as_ref().filter(|n| n.opening == *opening) {
            negotiation.say_report(&mut sayings);
        }
        effects.extend(sayings.into_iter().map(|(to, payload)| Effect::Say { to, payload }));
    }

    /// Whether the contract knows such an epoch, and this member is in it.
    fn is_sound(&self, opening: &Opening) -> bool {
        let Settings { me, contract, .. } = &self.settings;
        let Opening { epoch, window, members } = opening;
        let known = members.iter().all(|member| contract.members.contains(member));
        let in_order = members.is_sorted_by(|a, b| a < b);
        let planned = contract.allows(epoch, members) && *window == plan_window(contract, epoch.plan);
        planned && known && in_order && members.contains(me)
    }

    /// A member that has put its name to a part of a plan leaves what becomes of that to the one who asked for it: the
    /// others may be flying it already. Nobody else re-plans the same window with it.
    fn is_bound_against(&self, epoch: &Epoch) -> bool {
        self.offered_epoch().is_some_and(|offered| offered.plan == epoch.plan && offered.opener != epoch.opener)
    }

    fn offered_epoch(&self) -> Option<&Epoch> {
        self.offer.as_ref().map(|offer| &offer.delta.epoch)
    }

    /// A negotiation that ends without a plan goes on record, and what was offered in it is void.
    fn close_unfinished(&mut self, effects: &mut Vec<Effect>) {
        if let Some(negotiation) = self.negotiation.take() {
            self.offer.take_if(|offer| offer.delta.epoch == negotiation.opening.epoch);
            let epoch = negotiation.opening.epoch.clone();
            effects.push(Effect::GiveUp { epoch, rounds: negotiation.round() });
        }
    }
}

impl Offer {
    /// Whether `certificate` is the proof for this very plan: same epoch, round, members and numbers, and this entry.
    fn is_certified_by(&self, certificate: &Certificate, me: &AssetId) -> bool {
        let Self { delta, members, entry, .. } = self;
        let named = |(sequence, hash): &(u64, Hash)| certificate.deltas.contains(&(me.clone(), *sequence, *hash));
        delta.epoch == certificate.epoch
            && delta.round == certificate.round
            && delta.window == certificate.window
            && entry.as_ref().is_some_and(named)
            && members.iter().eq(certificate.attestations.iter().map(|attestation| &attestation.asset))
            && certificate.attestations.contains(&delta.attestation)
            && delta.agreements.iter().all(|mine| certificate.agreements.contains(mine))
    }
}
