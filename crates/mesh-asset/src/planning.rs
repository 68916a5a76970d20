//! One epoch as the planner sees it: who was heard when, which rounds are reported, and what became of the pick.

use crate::certificate::{Part, assemble, is_tight, relative_gap};
use crate::member::Effect;
use mesh_model::{
    AssetId, Certificate, Edge, Epoch, FleetContract, Hash, MissionTime, Opening, Payload, PlanDelta, RoundReport,
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Planning {
    pub(crate) opening: Opening,
    /// When the first epoch of this re-planning was opened.
    pub(crate) began: MissionTime,
    /// What is known of each member.
    members: BTreeMap<AssetId, Heard>,
    /// The newest round that every member has reported.
    pub(crate) rounds: u32,
    pick: Option<Pick>,
    /// When to say again what may have been lost.
    pub(crate) repeat: MissionTime,
}

/// What the planner heard from one member.
struct Heard {
    /// When it was heard last.
    at: MissionTime,
    /// Whether it has said anything, so that it knows of the epoch.
    started: bool,
    /// Its edges to other members, in edge order.
    edges: Vec<Edge>,
    /// Its reports by round, the newest [`REPORTS_KEPT`]. What a lying member invents displaces only its own.
    reports: BTreeMap<u32, RoundReport>,
}

/// The candidate that was picked, with the members' logged parts as they come in.
struct Pick {
    verdict: Verdict,
    parts: BTreeMap<AssetId, Part>,
}

/// What one round amounts to, once every member has reported it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) round: u32,
    pub(crate) primal: f64,
    pub(crate) dual: f64,
    /// Certified relative gap; none if the two ends of an edge name different candidates.
    pub(crate) gap: Option<f64>,
}

impl Planning {
    pub(crate) fn new(now: MissionTime, began: MissionTime, opening: Opening, contract: &FleetContract) -> Self {
        let heard = |member: &AssetId| {
            let mut edges = contract.edges_of(member);
            edges.retain(|edge| edge.other_end(member).is_some_and(|other| opening.members.contains(other)));
            Heard { at: now, started: false, edges, reports: BTreeMap::new() }
        };
        let members = opening.members.iter().map(|member| (member.clone(), heard(member))).collect();
        Self { opening, began, members, rounds: 0, pick: None, repeat: now }
    }

    /// A member's numbers for a round. Returns what the round amounts to if they complete it.
    pub(crate) fn report(
        &mut self,
        now: MissionTime,
        from: &AssetId,
        report: RoundReport,
        rounds_max: u32,
    ) -> Option<Verdict> {
        let heard = self.members.get_mut(from).filter(|heard| heard.takes(&report))?;
        heard.at = now;
        heard.started = true;
        let round = report.round;
        if self.pick.is_some() || !(1..=rounds_max).contains(&round) {
            return None;
        }
        // Said again: what it amounts to has been seen.
        if heard.reports.insert(round, report).is_some() {
            return None;
        }
        while heard.reports.len() > REPORTS_KEPT {
            heard.reports.pop_first();
        }
        let round = if heard.edges.is_empty() { self.newest_round_of_others().unwrap_or(round) } else { round };
        let verdict = self.verdict(round)?;
        self.rounds = self.rounds.max(round);
        Some(verdict)
    }

    /// Picks the round of `verdict`.
    pub(crate) fn pick(&mut self, verdict: Verdict) {
        self.pick = Some(Pick { verdict, parts: BTreeMap::new() });
    }

    /// A member's logged part. One that differs from what the member reported is no answer.
    pub(crate) fn part(&mut self, now: MissionTime, sequence: u64, entry: Hash, delta: &PlanDelta) {
        let from = &delta.attestation.asset;
        let (Some(heard), Some(pick)) = (self.members.get_mut(from), &mut self.pick) else { return };
        let round = pick.verdict.round;
        let reported = heard.report_of(round).is_some_and(|report| answers(delta, report));
        if reported && delta.round == round && delta.window == self.opening.window {
            heard.at = now;
            pick.parts.entry(from.clone()).or_insert_with(|| (sequence, entry, delta.clone()));
        }
    }

    pub(crate) fn is_picked(&self) -> bool {
        self.pick.is_some()
    }

    /// Whether every member has logged its part of the pick.
    pub(crate) fn is_complete(&self) -> bool {
        self.pick.as_ref().is_some_and(|pick| pick.parts.len() == self.members.len())
    }

    /// The proof, if there is one.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        let Pick { verdict, parts } = self.pick.as_ref()?;
        assemble(&self.opening, verdict.round, [verdict.primal, verdict.dual], parts)
    }

    /// The members whose part is still to come and that have been silent for too long.
    pub(crate) fn silent(&self, now: MissionTime, silence_s: u64) -> BTreeSet<AssetId> {
        let patience_s = self.patience_s(silence_s);
        let silent = self.awaited().filter(|(_, heard)| now >= heard.at.plus_s(patience_s));
        silent.map(|(member, _)| member.clone()).collect()
    }

    /// When the first of them will have been.
    pub(crate) fn silent_at(&self, silence_s: u64) -> Option<MissionTime> {
        self.awaited().map(|(_, heard)| heard.at.plus_s(self.patience_s(silence_s))).min()
    }

    /// Live messages are never repaired; what matters is said again until it is answered.
    pub(crate) fn say(&self, effects: &mut Vec<Effect>) {
        for (to, heard) in self.awaited() {
            let payload = match &self.pick {
                Some(pick) => Payload::Proposal(self.opening.epoch.clone(), pick.verdict.round),
                None if !heard.started => Payload::Opening(self.opening.clone()),
                None => continue,
            };
            effects.push(Effect::Say { to: to.clone(), payload });
        }
    }

    pub(crate) fn accepts(&self, epoch: &Epoch) -> bool {
        self.opening.epoch == *epoch
    }

    /// How long a member may be silent: longer once its log entry is awaited, which may have to be repaired first.
    fn patience_s(&self, silence_s: u64) -> u64 {
        if self.pick.is_some() { REPAIRS * silence_s } else { silence_s }
    }

    fn awaited(&self) -> impl Iterator<Item = (&AssetId, &Heard)> {
        let done = |member: &AssetId| self.pick.as_ref().is_some_and(|pick| pick.parts.contains_key(member));
        self.members.iter().filter(move |(member, _)| !done(member))
    }

    fn newest_round_of_others(&self) -> Option<u32> {
        let with_edges = self.members.values().filter(|heard| !heard.edges.is_empty());
        with_edges.filter_map(|heard| heard.reports.last_key_value()).map(|(round, _)| *round).min()
    }

    /// Sums in id order; `None` until every member has reported the round. There is a gap only if both ends of
    /// every edge name the same candidate.
    fn verdict(&self, round: u32) -> Option<Verdict> {
        let (mut primal, mut dual, mut scale) = (0.0, 0.0, 0.0);
        let (mut upper, mut lower, mut alike) = (0.0, 0.0, true);
        let mut named: BTreeMap<&Edge, Hash> = BTreeMap::new();
        for heard in self.members.values() {
            let report = heard.report_of(round)?;
            primal += report.primal_squared.value();
            dual += report.dual_squared.value();
            scale += report.scale_squared.value();
            let evaluation = &report.evaluation;
            upper += evaluation.upper.value();
            lower += evaluation.lower.value();
            for (edge, hash) in &evaluation.candidate {
                alike &= named.insert(edge, *hash).is_none_or(|other| other == *hash);
            }
        }
        let relative = |sum: f64| if scale > 0.0 { (sum / scale).sqrt() } else { 0.0 };
        let gap = alike.then(|| relative_gap(upper, lower));
        Some(Verdict { round, primal: relative(primal), dual: relative(dual), gap })
    }
}

impl Heard {
    /// A report of round 0 is a sign of life; any other says something about exactly the member's edges.
    fn takes(&self, report: &RoundReport) -> bool {
        let squared = [report.primal_squared, report.dual_squared, report.scale_squared];
        let edges = report.evaluation.candidate.iter().map(|(edge, _)| edge);
        report.round == 0 || (edges.eq(&self.edges) && squared.iter().all(|sum| sum.value() >= 0.0))
    }

    /// The report for `round`. A member without edges has one plan, whatever the others' round.
    fn report_of(&self, round: u32) -> Option<&RoundReport> {
        if self.edges.is_empty() { self.reports.values().next_back() } else { self.reports.get(&round) }
    }
}

impl Verdict {
    /// Whether the round's candidate is good enough for a plan.
    pub(crate) fn is_good(&self, contract: &FleetContract) -> bool {
        let residual_max = contract.residual_max.value();
        self.primal <= residual_max && self.dual <= residual_max && self.gap.is_some_and(|gap| is_tight(gap, contract))
    }
}

/// Whether a logged part is what its author reported.
fn answers(delta: &PlanDelta, report: &RoundReport) -> bool {
    let agreed =
        delta.agreements.iter().map(|agreement| (agreement.edge.clone(), mesh_model::Canonical::hash(agreement)));
    let evaluation = &report.evaluation;
    agreed.eq(evaluation.candidate.iter().cloned())
        && delta.attestation.upper == evaluation.upper
        && delta.attestation.lower == evaluation.lower
}

/// Members are at most a few rounds apart; bounds what reports can store.
const REPORTS_KEPT: usize = 16;
/// An entry that was lost is asked for again and repaired within some multiples of the usual silence.
const REPAIRS: u64 = 4;
