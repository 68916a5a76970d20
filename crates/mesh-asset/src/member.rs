//! The part of an asset that has a vehicle: it states its problem, negotiates, adopts plans and commands the vehicle.
//!
//! It knows neither keys nor logs; what it hears here has been verified, and what it says is signed elsewhere.

use crate::edge_state::Agreed;
use crate::negotiation::Negotiation;
use crate::planner::check_certificate;
use crate::ports::Event;
use crate::settings::Settings;
use crate::state::{Adopted, AdoptedPlan};
use mesh_adapters::{Adapter, AdapterSettings, CommandSchedule, Telemetry};
use mesh_model::{
    AssetId, AuditSubject, Certificate, DualVariables, Edge, Epoch, MissionTime, Opening, Payload, PlanDelta, Real,
    Schedule, SharedVariables,
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

/// The part of a plan that this member has put its signature to and holds until the certificate comes.
struct Offer {
    delta: PlanDelta,
    schedule: Schedule,
    members: Vec<AssetId>,
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

    /// The planner opens an epoch.
    pub(crate) fn open(&mut self, now: MissionTime, opening: Opening, effects: &mut Vec<Effect>) {
        let old = self.epoch.as_ref().is_some_and(|newest| opening.epoch <= *newest);
        if old || !opening.members.contains(&self.settings.me) || opening.window.end() <= now {
            return;
        }
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
        let started = negotiation.start(now, &self.agreed, &mut sayings);
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
        let heard = negotiation.hear_range(now, from, shared, &self.agreed, &mut sayings);
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
        let Some(negotiation) = self.negotiation.as_mut() else { return };
        let mut sayings = Vec::new();
        let ticked = negotiation.tick(now, &mut sayings);
        self.carry_on(ticked.map_err(|why| why.to_string()), sayings, effects);
    }

    /// The planner picked a candidate: put this member's part of it on record.
    pub(crate) fn propose(&mut self, epoch: &Epoch, round: u32, effects: &mut Vec<Effect>) {
        if self.offer.as_ref().is_some_and(|offer| offer.delta.epoch == *epoch) {
            // The planner asks again, so the entry must have been lost: say what the log holds, to have it asked for.
            effects.push(Effect::SayHeads { to: self.settings.contract.planner.clone() });
            return;
        }
        let Some(negotiation) = self.negotiation.as_mut().filter(|n| n.opening.epoch == *epoch) else { return };
        if let Some((delta, schedule)) = negotiation.offer(round) {
            let members = negotiation.opening.members.clone();
            self.offer = Some(Offer { delta: delta.clone(), schedule, members });
            effects.push(Effect::Offer(delta));
        }
    }

    /// The planner gives an epoch up.
    pub(crate) fn abandon(&mut self, epoch: &Epoch, effects: &mut Vec<Effect>) {
        if self.epoch.as_ref() == Some(epoch) {
            self.close_unfinished(effects);
        }
    }

    /// The planner's proof. The plan is adopted if it is sound and names exactly what this member offered.
    pub(crate) fn certify(
        &mut self,
        now: MissionTime,
        certificate: &Certificate,
        entry: mesh_model::Hash,
        effects: &mut Vec<Effect>,
    ) {
        let Some(offer) = self.offer.take_if(|offer| {
            offer.delta.epoch == certificate.epoch
                && offer.delta.round == certificate.round
                && certificate.attestations.contains(&offer.delta.attestation)
                && offer.delta.agreements.iter().all(|mine| certificate.agreements.contains(mine))
        }) else {
            return;
        };
        self.negotiation = None;
        if certificate.window.end() <= now || check_certificate(certificate, &self.settings.contract).is_err() {
            effects.push(Effect::GiveUp { epoch: certificate.epoch.clone(), rounds: certificate.round });
            return;
        }
        self.adopt(offer, entry, effects);
    }

    pub(crate) fn next_deadline(&self) -> Option<MissionTime> {
        self.negotiation.as_ref().and_then(|negotiation| negotiation.deadline)
    }

    pub(crate) fn adopted(&self) -> &Adopted {
        &self.adopted
    }

    pub(crate) fn telemetry(&self) -> Option<&Telemetry> {
        self.telemetry.as_ref()
    }

    fn adopt(&mut self, offer: Offer, entry: mesh_model::Hash, effects: &mut Vec<Effect>) {
        let Offer { delta, schedule, members } = offer;
        for agreement in &delta.agreements {
            let agreed = Agreed {
                window: delta.window,
                flow: Real::values(&agreement.flow),
                price: Real::values(&agreement.price),
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
            schedule: mesh_model::Canonical::hash(&schedule),
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

    /// A negotiation that ends without a plan goes on record.
    fn close_unfinished(&mut self, effects: &mut Vec<Effect>) {
        self.offer = None;
        if let Some(negotiation) = self.negotiation.take() {
            let epoch = negotiation.opening.epoch.clone();
            effects.push(Effect::GiveUp { epoch, rounds: negotiation.round() });
        }
    }
}
