//! One member's part in one epoch: tell the neighbours what it can take, go through rounds with them, and hold the
//! candidates that it has evaluated until the planner picks one.
//!
//! Round 0 is the exchange of ranges. In round r every end solves, says its reflected state and waits for its
//! neighbours' messages of the same round; the pairs define the candidate of r. A neighbour that stays silent past the
//! patience is skipped for that round: the edge core converges all the same. Only in a [checked](is_checked) round, whose
//! candidate everybody evaluates, a missing message is asked for by saying one's own again, and answered in kind. While
//! a member waits for another it tells the planner that it is there, so that only who is silent is taken for lost.

use crate::edge_state::{Agreed, Candidate, EdgeEnd, Word, candidate_hash, edge_ends};
use crate::local::LocalSolve;
use mesh_model::{
    AssetId, Attestation, Canonical, DualVariables, Edge, EdgeAgreement, Evaluation, FleetContract, Hash, LocalProblem,
    MissionTime, Opening, Payload, PlanDelta, Real, RoundReport, Schedule, SharedVariables,
};
use mesh_solver::edge::Residuals;
use mesh_solver::{Malformed, QpError};
use std::collections::{BTreeMap, VecDeque};

#[cfg(test)]
mod tests;

/// A live message to be sent.
pub(crate) type Saying = (AssetId, Payload);

pub(crate) struct Negotiation {
    pub(crate) opening: Opening,
    me: AssetId,
    patience_s: u64,
    rounds_max: u32,
    /// What this member negotiates; once every range is known its flows are within both ends' ranges, and what is
    /// attested is attested of this.
    problem: LocalProblem,
    /// The edges to other members, in edge order.
    edges: Vec<EdgeEnd>,
    /// Exists once every neighbour's range is known.
    local: Option<LocalSolve>,
    /// The round that this member is in; 0 until every range is known.
    round: u32,
    /// Whether its last round is over: there is no further one to be had, and the pick is the planner's.
    at_end: bool,
    /// Evaluated candidates, newest last.
    held: VecDeque<Held>,
    /// The newest report to the planner; of round 0 before the first.
    report: RoundReport,
    /// When to go on without the neighbours that are silent, or to say again what may be lost; none after the offer.
    deadline: Option<MissionTime>,
}

/// A candidate with this member's answer to it.
struct Held {
    round: u32,
    agreements: Vec<EdgeAgreement>,
    schedule: Schedule,
    upper: Real,
    lower: Real,
}

/// Why a member cannot take part.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Unable {
    #[error("the local problem is malformed: {0}")]
    Malformed(#[from] Malformed),
    #[error("the local problem cannot be solved: {0}")]
    Solve(#[from] QpError),
    #[error("{edge}: in step {step} the two ends' ranges miss each other by {amount}")]
    Ranges { edge: Edge, step: usize, amount: f64 },
    #[error("a number is not finite")]
    NotFinite,
}

impl Negotiation {
    /// Begins with a problem; `agreed` holds the last agreement of each edge. Edges to members that do not take part
    /// are fixed at what was agreed with them.
    pub(crate) fn begin(
        now: MissionTime,
        me: &AssetId,
        contract: &FleetContract,
        opening: Opening,
        mut problem: LocalProblem,
        agreed: &BTreeMap<Edge, Agreed>,
        patience_s: u64,
    ) -> Self {
        let edges = edge_ends(me, contract, &opening, &mut problem, agreed);
        Self {
            report: nothing_evaluated(&opening),
            opening,
            me: me.clone(),
            patience_s,
            rounds_max: contract.rounds_max,
            problem,
            edges,
            local: None,
            round: 0,
            at_end: false,
            held: VecDeque::new(),
            deadline: Some(now.plus_s(patience_s)),
        }
    }

    /// The first messages: this member's range on every edge. Without an edge, the whole negotiation.
    pub(crate) fn start(&mut self, now: MissionTime, out: &mut Vec<Saying>) -> Result<(), Unable> {
        for index in 0..self.edges.len() {
            self.say_range(index, out)?;
        }
        self.first_round_when_met(now, out)
    }

    /// A neighbour's range.
    pub(crate) fn hear_range(
        &mut self,
        now: MissionTime,
        from: &AssetId,
        shared: &SharedVariables,
        out: &mut Vec<Saying>,
    ) -> Result<(), Unable> {
        let steps = usize::from(self.opening.window.steps);
        let Some(index) = self.edge_with(from, &shared.edge) else { return Ok(()) };
        if shared.lower.len() != steps || shared.upper.len() != steps || !self.edges[index].is_guess(shared.weight) {
            return Ok(());
        }
        if self.edges[index].met {
            return if shared.awaits { self.say_range(index, out) } else { Ok(()) };
        }
        let edge = &mut self.edges[index];
        edge.meet(&shared.lower, &shared.upper, shared.weight).map_err(|(step, amount)| Unable::Ranges {
            edge: shared.edge.clone(),
            step,
            amount,
        })?;
        self.first_round_when_met(now, out)
    }

    /// A neighbour's round.
    pub(crate) fn hear_round(
        &mut self,
        now: MissionTime,
        from: &AssetId,
        dual: &DualVariables,
        out: &mut Vec<Saying>,
    ) -> Result<(), Unable> {
        let Some(index) = self.edge_with(from, &dual.edge) else { return Ok(()) };
        let newest_round = self.round.saturating_add(ROUNDS_AHEAD_MAX).min(self.rounds_max);
        if !(1..=newest_round).contains(&dual.round) {
            return Ok(());
        }
        let edge = &mut self.edges[index];
        if is_checked(dual.round) && edge.has_heard(dual.round) {
            return if dual.awaits { self.say_round(index, dual.round, out) } else { Ok(()) };
        }
        let word = Word {
            weight: dual.weight,
            reflected: Real::values(&dual.reflected),
            offered: Real::values(&dual.offered),
            rescale: dual.rescale,
        };
        if !edge.hear(dual.round, word) {
            return Ok(());
        }
        let goes_on = self.local.is_some() && self.deadline.is_some() && !self.at_end;
        if goes_on && self.all_heard() { self.close_round(now, out) } else { Ok(()) }
    }

    /// The patience is over: go on without whoever is silent, or say again what may be lost.
    pub(crate) fn tick(&mut self, now: MissionTime, out: &mut Vec<Saying>) -> Result<(), Unable> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.local.is_some() && !is_checked(self.round) && !self.at_end {
            return self.close_round(now, out);
        }
        self.deadline = Some(now.plus_s(self.patience_s));
        self.say_report(out);
        for index in 0..self.edges.len() {
            let edge = &self.edges[index];
            if self.local.is_none() {
                if !edge.met {
                    self.say_range(index, out)?;
                }
            } else if !edge.has_heard(self.round) {
                self.say_round(index, self.round, out)?;
            }
        }
        Ok(())
    }

    /// The planner picked the candidate of `round`: stop, and return this member's part of it.
    ///
    /// Without an edge there is but one candidate, which is everybody's.
    pub(crate) fn offer(&mut self, round: u32) -> Option<(PlanDelta, Schedule)> {
        let held = self.held.iter().find(|held| held.round == round || self.edges.is_empty())?;
        let delta = PlanDelta {
            epoch: self.opening.epoch.clone(),
            round,
            window: self.opening.window,
            agreements: held.agreements.clone(),
            attestation: Attestation {
                asset: self.me.clone(),
                problem: self.problem.hash(),
                upper: held.upper,
                lower: held.lower,
            },
            sent: Hash::ZERO,
        };
        let schedule = held.schedule.clone();
        self.deadline = None;
        Some((delta, schedule))
    }

    /// The newest numbers for the planner, who opened the epoch, or that there are none yet.
    pub(crate) fn say_report(&self, out: &mut Vec<Saying>) {
        out.push((self.opening.epoch.opener.clone(), Payload::Report(self.report.clone())));
    }

    /// The problem as it is negotiated, once every range is known.
    pub(crate) fn problem(&self) -> Option<&LocalProblem> {
        self.local.is_some().then_some(&self.problem)
    }

    /// The round that this member is in.
    pub(crate) fn round(&self) -> u32 {
        self.round
    }

    /// The weight of each edge.
    pub(crate) fn weights(&self) -> BTreeMap<Edge, f64> {
        self.edges.iter().map(|end| (end.edge.clone(), end.weight())).collect()
    }

    /// When to tick.
    pub(crate) fn deadline(&self) -> Option<MissionTime> {
        self.deadline
    }

    fn edge_with(&self, from: &AssetId, edge: &Edge) -> Option<usize> {
        self.edges.iter().position(|end| end.edge == *edge && end.neighbour == *from)
    }

    /// The newest round that every neighbour has reached; none while one of them has not begun.
    fn round_of_all(&self) -> Option<u32> {
        self.edges.iter().map(EdgeEnd::newest_heard).min().flatten()
    }

    fn all_heard(&self) -> bool {
        if is_checked(self.round) {
            return self.edges.iter().all(|edge| edge.has_heard(self.round));
        }
        self.edges.is_empty() || self.round_of_all() >= Some(self.round)
    }

    fn say_range(&self, index: usize, out: &mut Vec<Saying>) -> Result<(), Unable> {
        let edge = &self.edges[index];
        let shared = SharedVariables {
            epoch: self.opening.epoch.clone(),
            edge: edge.edge.clone(),
            lower: Real::all(&edge.lower).map_err(|_| Unable::NotFinite)?,
            upper: Real::all(&edge.upper).map_err(|_| Unable::NotFinite)?,
            weight: Real::new(edge.guessed_weight()).map_err(|_| Unable::NotFinite)?,
            awaits: !edge.met,
        };
        out.push((edge.neighbour.clone(), Payload::Shared(shared)));
        Ok(())
    }

    fn first_round_when_met(&mut self, now: MissionTime, out: &mut Vec<Saying>) -> Result<(), Unable> {
        if self.local.is_some() || !self.edges.iter().all(|edge| edge.met) {
            return Ok(());
        }
        for edge in &mut self.edges {
            edge.start();
            edge.narrow(&mut self.problem).map_err(|_| Unable::NotFinite)?;
        }
        self.local = Some(LocalSolve::new(&self.problem, &self.edges)?);
        self.round = 1;
        self.solve_round(now, out)?;
        if self.all_heard() { self.close_round(now, out) } else { Ok(()) }
    }

    /// Solves against what the neighbours said so far and tells them.
    fn solve_round(&mut self, now: MissionTime, out: &mut Vec<Saying>) -> Result<(), Unable> {
        let Some(local) = &mut self.local else { return Ok(()) };
        let values = local.step(&self.edges)?;
        for index in 0..self.edges.len() {
            self.edges[index].solved(self.round, is_checked(self.round), &values);
            self.say_round(index, self.round, out)?;
        }
        self.deadline = Some(now.plus_s(self.patience_s));
        Ok(())
    }

    /// Says the message of a round, for the first time or again.
    fn say_round(&self, index: usize, round: u32, out: &mut Vec<Saying>) -> Result<(), Unable> {
        let edge = &self.edges[index];
        if let Some(word) = edge.word(round) {
            let dual = DualVariables {
                epoch: self.opening.epoch.clone(),
                edge: edge.edge.clone(),
                round,
                weight: word.weight,
                reflected: Real::all(&word.reflected).map_err(|_| Unable::NotFinite)?,
                offered: Real::all(&word.offered).map_err(|_| Unable::NotFinite)?,
                rescale: word.rescale,
                awaits: !edge.has_heard(round),
            };
            out.push((edge.neighbour.clone(), Payload::Dual(dual)));
        }
        Ok(())
    }

    /// Ends the round with whatever was heard: absorb it and begin the next. The planner is told of a checked round, and
    /// told again a little later, for a report may be lost.
    fn close_round(&mut self, now: MissionTime, out: &mut Vec<Saying>) -> Result<(), Unable> {
        if is_checked(self.round) || self.edges.is_empty() {
            if let Some(report) = self.check_round()? {
                self.report = report;
                self.say_report(out);
            }
        } else if self.round % CHECK_EVERY == REPORT_AGAIN && self.report.round > 0 {
            self.say_report(out);
        }
        if self.edges.is_empty() || self.round >= self.rounds_max {
            self.at_end = true;
            self.deadline = Some(now.plus_s(self.patience_s));
            return Ok(());
        }
        let mut reweighted = false;
        for edge in &mut self.edges {
            edge.absorb();
            reweighted |= is_checked(self.round) && edge.settle(self.round);
        }
        if let Some(local) = self.local.as_mut().filter(|_| reweighted) {
            local.reweigh(&self.edges)?;
        }
        // Whoever fell behind through losses joins the others' round, so that rounds have candidates again; but nobody
        // passes a checked round by, for weights change there.
        let joined = self.round_of_all().unwrap_or(0).min(self.round - self.round % CHECK_EVERY + CHECK_EVERY);
        self.round = (self.round + 1).max(joined).min(self.rounds_max);
        self.solve_round(now, out)?;
        if self.all_heard() { self.close_round(now, out) } else { Ok(()) }
    }

    /// The numbers of a round for the planner; none if a neighbour's message of this round is missing after all.
    fn check_round(&mut self) -> Result<Option<RoundReport>, Unable> {
        let mut candidates = Vec::new();
        let mut sum = Residuals::default();
        for edge in &self.edges {
            let Some((candidate, residuals)) = edge.candidate(self.round) else { return Ok(None) };
            candidates.push(candidate);
            sum.primal_squared += residuals.primal_squared;
            sum.dual_squared += residuals.dual_squared;
            sum.scale_squared += residuals.scale_squared;
        }
        let real = |value: f64| Real::new(value).map_err(|_| Unable::NotFinite);
        Ok(Some(RoundReport {
            epoch: self.opening.epoch.clone(),
            round: self.round,
            primal_squared: real(sum.primal_squared)?,
            dual_squared: real(sum.dual_squared)?,
            scale_squared: real(sum.scale_squared)?,
            evaluation: self.evaluate(&candidates)?,
        }))
    }

    /// The two numbers for a candidate: what this member's best plan with exactly these flows costs, and what no plan
    /// can undercut at these prices.
    fn evaluate(&mut self, candidates: &[Candidate]) -> Result<Evaluation, Unable> {
        let local = self.local.as_mut().expect("rounds close only after the first has begun");
        let (values, cost) = local.repaired(&self.edges, candidates)?;
        let bound = local.bound(&self.edges, candidates)?;
        let agreements: Option<Vec<EdgeAgreement>> =
            self.edges.iter().zip(candidates).map(|(edge, candidate)| candidate.agreement(&edge.edge)).collect();
        let agreements = agreements.ok_or(Unable::NotFinite)?;
        let real = |value: f64| Real::new(value).map_err(|_| Unable::NotFinite);
        let held = Held {
            round: self.round,
            agreements,
            schedule: Schedule {
                window: self.opening.window,
                values: Real::all(&values).map_err(|_| Unable::NotFinite)?,
            },
            upper: real(cost)?,
            lower: real(bound)?,
        };
        let evaluation = Evaluation {
            candidate: held.agreements.iter().map(|a| (a.edge.clone(), candidate_hash(a))).collect(),
            upper: held.upper,
            lower: held.lower,
        };
        self.held.push_back(held);
        if self.held.len() > EVALUATIONS_HELD {
            self.held.pop_front();
        }
        Ok(evaluation)
    }
}

/// What a member has to report before it has evaluated a candidate.
fn nothing_evaluated(opening: &Opening) -> RoundReport {
    RoundReport {
        epoch: opening.epoch.clone(),
        round: 0,
        primal_squared: Real::ZERO,
        dual_squared: Real::ZERO,
        scale_squared: Real::ZERO,
        evaluation: Evaluation { candidate: Vec::new(), upper: Real::ZERO, lower: Real::ZERO },
    }
}

/// Whether the candidate of this round is evaluated by every member.
fn is_checked(round: u32) -> bool {
    round > 0 && round.is_multiple_of(CHECK_EVERY)
}

/// An evaluation costs two local solves, and a checked round waits for what is lost: one round in four is a fair price
/// for stopping at most three rounds late.
const CHECK_EVERY: u32 = 4;
/// Rounds after a checked one in which its report is said again.
const REPORT_AGAIN: u32 = 2;
/// The planner's pick comes two ticks after the reports; the rest is room for loss.
const EVALUATIONS_HELD: usize = 16;
/// Nobody can be further ahead while both ends wait for each other; bounds what a lying neighbour can store here.
const ROUNDS_AHEAD_MAX: u32 = 64;
