//! The planner role: a state machine without private data.
//!
//! Before each planning step it opens an epoch among the members that it can reach, sums the norms and bounds that they
//! report, picks the first candidate that is good enough, and certifies it when every member has logged its part. It
//! never sees a LocalProblem, and of the flows and prices only those that were agreed.

use crate::member::Effect;
use crate::ports::Event;
use crate::settings::Settings;
use crate::state::{Adopted, AdoptedPlan};
use mesh_model::problem::Window;
use mesh_model::{
    AssetId, Certificate, EdgeAgreement, Epoch, FleetContract, Hash, MissionTime, Opening, Payload, PlanDelta, Real,
    RoundReport, Schedule,
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Planner {
    settings: Settings,
    /// Members in contact with the holder of this role.
    reachable: BTreeSet<AssetId>,
    /// The re-planning that comes next, counted from 1; it covers the window that starts with step number `next_plan`.
    next_plan: u64,
    current: Option<Planning>,
    adopted: Adopted,
}

/// One epoch as the planner sees it.
struct Planning {
    opening: Opening,
    /// When the first epoch of this re-planning was opened.
    began: MissionTime,
    /// Reports by round and member, the newest [`ROUNDS_KEPT`] rounds.
    reports: BTreeMap<u32, BTreeMap<AssetId, RoundReport>>,
    /// When each member was heard last.
    heard: BTreeMap<AssetId, MissionTime>,
    /// Members that have reported at all.
    started: BTreeSet<AssetId>,
    /// The newest round that every member has reported.
    rounds: u32,
    pick: Option<Pick>,
    /// When to say again what may have been lost.
    repeat: MissionTime,
}

/// The candidate that was picked, with the members' logged parts as they come in.
struct Pick {
    round: u32,
    primal: f64,
    dual: f64,
    deltas: BTreeMap<AssetId, (u64, Hash, PlanDelta)>,
}

/// What one round amounts to, once every member has reported it.
struct Verdict {
    primal: f64,
    dual: f64,
    /// Certified relative gap; none if the two ends of an edge name different candidates.
    gap: Option<f64>,
}

impl Planner {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            reachable: BTreeSet::new(),
            next_plan: 1,
            current: None,
            adopted: Adopted::none(),
        }
    }

    /// Contact with a member was made or lost. A negotiation goes on without a member that is lost.
    pub(crate) fn link(&mut self, now: MissionTime, peer: &AssetId, up: bool, effects: &mut Vec<Effect>) {
        if up {
            self.reachable.insert(peer.clone());
        } else {
            self.reachable.remove(peer);
            if self.current.as_ref().is_some_and(|planning| planning.opening.members.contains(peer)) {
                self.reopen(now, effects);
            }
        }
    }

    pub(crate) fn tick(&mut self, now: MissionTime, effects: &mut Vec<Effect>) {
        self.skip_missed(now);
        let Some(planning) = &mut self.current else {
            if now >= self.opening_time() {
                self.open(now, now, 0, effects);
            }
            return;
        };
        let silent = planning.silent(now, self.settings.silence_s());
        if now >= planning.opening.window.start || planning.rounds >= self.settings.contract.rounds_max {
            self.abandon(effects);
        } else if !silent.is_empty() {
            // Silent members are left out of this re-planning only; contact decides about the next.
            for member in &silent {
                planning.opening.members.retain(|m| m != member);
            }
            self.reopen(now, effects);
        } else if now >= planning.repeat {
            planning.repeat = now.plus_s(self.settings.patience_s());
            planning.say_again(effects);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<MissionTime> {
        match &self.current {
            None => Some(self.opening_time()),
            Some(planning) => {
                let silent = planning.silent_at(self.settings.silence_s());
                let soonest = planning.repeat.min(planning.opening.window.start);
                Some(silent.map_or(soonest, |silent| silent.min(soonest)))
            }
        }
    }

    /// A member's numbers for a round.
    pub(crate) fn report(&mut self, now: MissionTime, from: &AssetId, report: RoundReport, effects: &mut Vec<Effect>) {
        let contract = &self.settings.contract;
        let Some(planning) = self.current.as_mut().filter(|p| p.accepts(from, &report.epoch)) else { return };
        planning.heard.insert(from.clone(), now);
        planning.started.insert(from.clone());
        let round = report.round;
        if round > contract.rounds_max || planning.pick.is_some() {
            return;
        }
        planning.reports.entry(round).or_default().insert(from.clone(), report);
        while planning.reports.len() > ROUNDS_KEPT {
            planning.reports.pop_first();
        }
        let Some(verdict) = planning.verdict(round) else { return };
        planning.rounds = planning.rounds.max(round);
        let Verdict { primal, dual, gap } = verdict;
        effects.push(Effect::Event(Event::Round { epoch: planning.opening.epoch.clone(), round, primal, dual, gap }));
        let residual_max = contract.residual_max.value();
        let good = primal <= residual_max && dual <= residual_max && gap.is_some_and(|g| g <= contract.gap_max.value());
        if good {
            planning.pick = Some(Pick { round, primal, dual, deltas: BTreeMap::new() });
            planning.repeat = now.plus_s(self.settings.patience_s());
            planning.say_again(effects);
        }
    }

    /// A member's logged part of the plan, as entry number `sequence` of its log.
    pub(crate) fn delta(
        &mut self,
        now: MissionTime,
        sequence: u64,
        entry: Hash,
        delta: &PlanDelta,
        effects: &mut Vec<Effect>,
    ) {
        let from = &delta.attestation.asset;
        let Some(planning) = self.current.as_mut().filter(|p| p.accepts(from, &delta.epoch)) else { return };
        planning.heard.insert(from.clone(), now);
        let members = planning.opening.members.len();
        let Some(pick) = planning.pick.as_mut().filter(|pick| pick.round == delta.round) else { return };
        pick.deltas.insert(from.clone(), (sequence, entry, delta.clone()));
        if pick.deltas.len() == members {
            self.certify(effects);
        }
    }

    pub(crate) fn adopted(&self) -> &Adopted {
        &self.adopted
    }

    /// The window of re-planning number `plan` starts with that step.
    fn window(&self, plan: u64) -> Window {
        let contract = &self.settings.contract;
        let start = MissionTime::from_s(plan.saturating_mul(u64::from(contract.step_s)));
        Window { start, step_s: contract.step_s, steps: contract.steps }
    }

    fn opening_time(&self) -> MissionTime {
        if self.next_plan == 1 {
            return MissionTime::ZERO;
        }
        self.window(self.next_plan).start.minus_s(u64::from(self.settings.contract.lead_s))
    }

    /// A holder that was away opens no window that has already begun.
    fn skip_missed(&mut self, now: MissionTime) {
        while self.current.is_none() && self.window(self.next_plan).start <= now {
            self.next_plan += 1;
        }
    }

    fn open(&mut self, now: MissionTime, began: MissionTime, number: u32, effects: &mut Vec<Effect>) {
        let members: Vec<AssetId> = self.reachable.iter().cloned().collect();
        self.open_with(now, began, number, members, effects);
    }

    fn open_with(
        &mut self,
        now: MissionTime,
        began: MissionTime,
        number: u32,
        mut members: Vec<AssetId>,
        effects: &mut Vec<Effect>,
    ) {
        let Settings { me, contract, vehicle, .. } = &self.settings;
        if vehicle.is_some() && !members.contains(me) {
            members.push(me.clone());
        }
        members.retain(|member| contract.members.contains(member) && (member != me || vehicle.is_some()));
        members.sort();
        let window = self.window(self.next_plan);
        let epoch = Epoch { plan: self.next_plan, number, opener: me.clone() };
        if members.is_empty() || number > EPOCHS_MAX {
            self.current = None;
            self.next_plan += 1;
            return;
        }
        effects.push(Effect::Enter(epoch.clone()));
        effects.push(Effect::Event(Event::Opened { epoch: epoch.clone(), members: members.clone() }));
        let planning = Planning {
            opening: Opening { epoch, window, members: members.clone() },
            began,
            reports: BTreeMap::new(),
            heard: members.into_iter().map(|member| (member, now)).collect(),
            started: BTreeSet::new(),
            rounds: 0,
            pick: None,
            repeat: now.plus_s(self.settings.patience_s()),
        };
        planning.say_opening(effects);
        self.current = Some(planning);
    }

    /// The same re-planning in a new epoch, among the members that are still there.
    fn reopen(&mut self, now: MissionTime, effects: &mut Vec<Effect>) {
        let Some(planning) = self.current.take() else { return };
        let number = planning.opening.epoch.number + 1;
        let members = planning
            .opening
            .members
            .into_iter()
            .filter(|member| self.reachable.contains(member) || *member == self.settings.me);
        self.open_with(now, planning.began, number, members.collect(), effects);
    }

    fn abandon(&mut self, effects: &mut Vec<Effect>) {
        let Some(planning) = self.current.take() else { return };
        let epoch = planning.opening.epoch.clone();
        for to in planning.opening.members {
            effects.push(Effect::Say { to, payload: Payload::Abandon(epoch.clone()) });
        }
        effects.push(Effect::GiveUp { epoch, rounds: planning.rounds });
        self.next_plan += 1;
    }

    /// Every member has logged its part: check that the parts fit and put the proof on record.
    fn certify(&mut self, effects: &mut Vec<Effect>) {
        let Some(planning) = self.current.take() else { return };
        let certificate = planning.certificate();
        match certificate {
            Some(certificate) if check_certificate(&certificate, &self.settings.contract).is_ok() => {
                effects.push(Effect::Certify(certificate.clone()));
                self.adopted.push(AdoptedPlan {
                    epoch: certificate.epoch.clone(),
                    members: planning.opening.members.clone(),
                    round: certificate.round,
                    window: certificate.window,
                    schedule: Schedule { window: certificate.window, values: Vec::new() },
                    agreements: certificate.agreements.clone(),
                    upper: certificate.upper,
                    lower: certificate.lower,
                });
                let opened = planning.began;
                effects.push(Effect::Event(Event::Certified { certificate: Box::new(certificate), opened }));
                self.next_plan += 1;
            }
            _ => {
                self.current = Some(planning);
                self.abandon(effects);
            }
        }
    }
}

impl Planning {
    fn accepts(&self, from: &AssetId, epoch: &Epoch) -> bool {
        self.opening.epoch == *epoch && self.opening.members.contains(from)
    }

    /// How long a member may be silent: longer once its log entry is awaited, which may have to be repaired first.
    fn patience_s(&self, silence_s: u64) -> u64 {
        if self.pick.is_some() { REPAIRS * silence_s } else { silence_s }
    }

    /// The members whose part is still to come and that have been silent for too long.
    fn silent(&self, now: MissionTime, silence_s: u64) -> Vec<AssetId> {
        let patience_s = self.patience_s(silence_s) as f64;
        let silent = self.awaited().filter(|(_, at)| now.since_s(**at) >= patience_s);
        silent.map(|(member, _)| member.clone()).collect()
    }

    /// When the first of them will have been.
    fn silent_at(&self, silence_s: u64) -> Option<MissionTime> {
        self.awaited().map(|(_, at)| at.plus_s(self.patience_s(silence_s))).min()
    }

    /// The members whose part is still to come, and when each was heard last.
    fn awaited(&self) -> impl Iterator<Item = (&AssetId, &MissionTime)> {
        let done = |member: &AssetId| self.pick.as_ref().is_some_and(|pick| pick.deltas.contains_key(member));
        self.heard.iter().filter(move |(member, _)| !done(member))
    }

    fn say_opening(&self, effects: &mut Vec<Effect>) {
        for to in self.opening.members.iter().filter(|member| !self.started.contains(*member)) {
            effects.push(Effect::Say { to: to.clone(), payload: Payload::Opening(self.opening.clone()) });
        }
    }

    /// Live messages are never repaired; what matters is said again until it is answered.
    fn say_again(&self, effects: &mut Vec<Effect>) {
        match &self.pick {
            None => self.say_opening(effects),
            Some(pick) => {
                let epoch = &self.opening.epoch;
                for to in self.opening.members.iter().filter(|member| !pick.deltas.contains_key(*member)) {
                    let payload = Payload::Proposal(epoch.clone(), pick.round);
                    effects.push(Effect::Say { to: to.clone(), payload });
                }
            }
        }
    }

    /// Sums in id order; `None` until every member has reported the round. There is a gap only if both ends of
    /// every edge name the same candidate.
    fn verdict(&self, round: u32) -> Option<Verdict> {
        let reports = self.reports.get(&round)?;
        if reports.len() < self.opening.members.len() {
            return None;
        }
        let (mut primal, mut dual, mut scale) = (0.0, 0.0, 0.0);
        let (mut upper, mut lower, mut alike) = (0.0, 0.0, true);
        let mut named: BTreeMap<_, Hash> = BTreeMap::new();
        for report in reports.values() {
            primal += report.primal_squared.value();
            dual += report.dual_squared.value();
            scale += report.scale_squared.value();
            let evaluation = &report.evaluation;
            upper += evaluation.upper.value();
            lower += evaluation.lower.value();
            for (edge, hash) in &evaluation.candidate {
                alike &= named.insert(edge.clone(), *hash).is_none_or(|other| other == *hash);
            }
        }
        let relative = |sum: f64| if scale > 0.0 { (sum / scale).sqrt() } else { 0.0 };
        let gap = alike.then(|| relative_gap(upper, lower));
        Some(Verdict { primal: relative(primal), dual: relative(dual), gap })
    }

    fn certificate(&self) -> Option<Certificate> {
        let pick = self.pick.as_ref()?;
        let mut agreements: BTreeMap<_, EdgeAgreement> = BTreeMap::new();
        let mut residual: f64 = 0.0;
        let (mut upper, mut lower) = (0.0, 0.0);
        for (_, _, delta) in pick.deltas.values() {
            upper += delta.attestation.upper.value();
            lower += delta.attestation.lower.value();
            for agreement in &delta.agreements {
                match agreements.get(&agreement.edge) {
                    Some(other) => residual = residual.max(difference(agreement, other)),
                    None => {
                        agreements.insert(agreement.edge.clone(), agreement.clone());
                    }
                }
            }
        }
        let deltas = pick.deltas.iter().map(|(author, (sequence, entry, _))| (author.clone(), *sequence, *entry));
        Some(Certificate {
            epoch: self.opening.epoch.clone(),
            round: pick.round,
            window: self.opening.window,
            deltas: deltas.collect(),
            attestations: pick.deltas.values().map(|(_, _, delta)| delta.attestation.clone()).collect(),
            agreements: agreements.into_values().collect(),
            junction_residual: Real::new(residual).ok()?,
            primal: Real::new(pick.primal).ok()?,
            dual: Real::new(pick.dual).ok()?,
            upper: Real::new(upper).ok()?,
            lower: Real::new(lower).ok()?,
            gap: Real::new(relative_gap(upper, lower)).ok()?,
        })
    }
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CertificateFault {
    /// Members, attestations and deltas do not name the same assets in id order.
    #[error("the certificate's deltas and attestations name different assets")]
    Members,
    /// A sum or the gap is not what its parts give.
    #[error("{what} is {found}, its parts give {expected}")]
    Sum {
        /// Which number.
        what: &'static str,
        /// As certified.
        found: f64,
        /// As recomputed.
        expected: f64,
    },
    /// A limit of the contract is exceeded.
    #[error("{what} is {found}, the contract allows {limit}")]
    Limit {
        /// Which number.
        what: &'static str,
        /// As certified.
        found: f64,
        /// As agreed.
        limit: f64,
    },
    /// An edge between two members is missing, or one that is not in the contract is there.
    #[error("the certificate's edges are not those between its members")]
    Edges,
    /// The window is not one that the contract knows.
    #[error("the certificate's window is not that of its plan number")]
    Window,
}

/// Checks everything about a certificate that can be checked without a LocalProblem and without the members' logs.
pub fn check_certificate(certificate: &Certificate, contract: &FleetContract) -> Result<(), CertificateFault> {
    let assets: Vec<&AssetId> = certificate.attestations.iter().map(|attestation| &attestation.asset).collect();
    let authors: Vec<&AssetId> = certificate.deltas.iter().map(|(author, _, _)| author).collect();
    if assets != authors || assets.is_empty() || !assets.is_sorted_by(|a, b| a < b) {
        return Err(CertificateFault::Members);
    }
    let start = MissionTime::from_s(certificate.epoch.plan.saturating_mul(u64::from(contract.step_s)));
    let window = Window { start, step_s: contract.step_s, steps: contract.steps };
    if certificate.window != window {
        return Err(CertificateFault::Window);
    }
    let between = contract.edges().into_iter().filter(|e| assets.contains(&&e.source) && assets.contains(&&e.sink));
    if !between.eq(certificate.agreements.iter().map(|agreement| agreement.edge.clone())) {
        return Err(CertificateFault::Edges);
    }
    let upper = certificate.attestations.iter().map(|a| a.upper.value()).fold(0.0, |sum, value| sum + value);
    let lower = certificate.attestations.iter().map(|a| a.lower.value()).fold(0.0, |sum, value| sum + value);
    for (what, found, expected) in [
        ("the cost", certificate.upper.value(), upper),
        ("the lower bound", certificate.lower.value(), lower),
        ("the gap", certificate.gap.value(), relative_gap(upper, lower)),
    ] {
        if found != expected {
            return Err(CertificateFault::Sum { what, found, expected });
        }
    }
    for (what, found, limit) in [
        ("the junction residual", certificate.junction_residual.value(), 0.0),
        ("the gap", certificate.gap.value(), contract.gap_max.value()),
        ("the primal residual", certificate.primal.value(), contract.residual_max.value()),
        ("the dual residual", certificate.dual.value(), contract.residual_max.value()),
    ] {
        if found > limit {
            return Err(CertificateFault::Limit { what, found, limit });
        }
    }
    Ok(())
}

/// (upper - lower) / max(1, |upper|).
fn relative_gap(upper: f64, lower: f64) -> f64 {
    (upper - lower) / upper.abs().max(1.0)
}

fn difference(a: &EdgeAgreement, b: &EdgeAgreement) -> f64 {
    let apart =
        |a: &[Real], b: &[Real]| a.iter().zip(b).map(|(a, b)| (a.value() - b.value()).abs()).fold(0.0f64, f64::max);
    if a.flow.len() != b.flow.len() || a.price.len() != b.price.len() {
        return f64::MAX;
    }
    apart(&a.flow, &b.flow).max(apart(&a.price, &b.price))
}

/// Members are at most a few rounds apart; bounds what reports can store.
const ROUNDS_KEPT: usize = 16;
/// An entry that was lost is asked for again and repaired within some multiples of the usual silence.
const REPAIRS: u64 = 4;
/// Epochs of one re-planning after which it is given up.
const EPOCHS_MAX: u32 = 8;
