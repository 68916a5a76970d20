//! One member: evaluates, tells its neighbours, passes on what it hears, and goes on when it has heard of everyone.

use super::barrier::{Barrier, Iterate, Pull, Reply, SharePlan};
use super::collective::{Collective, Progress, start_weight};
use super::message::{Finding, Message, PeerError, Profile};
use super::relative::{Base, Relative};
use super::wiring::Wiring;
use super::{Settings, Verdict};
use crate::network::{Member, Share};
use std::collections::{BTreeMap, BTreeSet};

/// The state machine of one member.
#[derive(Debug, Clone)]
pub struct Agent {
    settings: Settings,
    wiring: Wiring,
    index: usize,
    /// The members that this one can reach, itself included.
    connected: Vec<usize>,
    local: Option<Local>,
    collective: Option<Collective>,
    /// The number of basic shares of each member that has been heard of.
    basic: BTreeMap<usize, usize>,
    /// What was heard of the evaluation under way, the one before and the one after.
    heard: BTreeMap<(u32, usize), Finding>,
    evaluation: u32,
    /// Findings that are to be sent to a neighbour.
    outbox: BTreeMap<usize, BTreeSet<(u32, usize)>>,
    /// Rounds since anything new was heard.
    silent: u32,
    verdict: Option<Verdict>,
    plan: Option<Vec<f64>>,
    newest: Option<(f64, Option<f64>)>,
}

/// What only this member knows.
#[derive(Debug, Clone)]
struct Local {
    barrier: Barrier,
    iterate: Iterate,
    shares: Vec<Share>,
    plan: SharePlan,
    cost: f64,
    /// The repaired points of the newest candidates.
    repaired: [Option<(Vec<f64>, f64)>; 2],
    /// That of the best candidate so far.
    best: Option<Vec<f64>>,
}

impl Agent {
    /// Member `index` of a network with this wiring.
    pub fn new(settings: Settings, wiring: Wiring, index: usize, member: &Member) -> Self {
        let connected = wiring.connected(index);
        let mut agent = Self {
            settings,
            connected,
            index,
            local: None,
            collective: None,
            basic: BTreeMap::new(),
            heard: BTreeMap::new(),
            evaluation: 0,
            outbox: wiring.neighbours(index).iter().map(|other| (*other, BTreeSet::new())).collect(),
            wiring,
            silent: 0,
            verdict: None,
            plan: None,
            newest: None,
        };
        match agent.first(member) {
            Some(finding) => {
                agent.take(finding);
                agent.go_on();
            }
            None => agent.verdict = Some(Verdict::Unsettled),
        }
        agent
    }

    /// Takes in what a neighbour sent. After an error nothing of the faulty finding is kept; the others are.
    pub fn handle(&mut self, from: usize, message: Message) -> Result<(), PeerError> {
        if !self.wiring.neighbours(self.index).contains(&from) {
            return Err(PeerError::Stranger { from });
        }
        let mut outcome = Ok(());
        for finding in message.findings {
            match self.check(&finding) {
                Ok(true) => {
                    self.take(finding);
                    self.silent = 0;
                }
                Ok(false) => {}
                Err(error) => outcome = Err(error),
            }
        }
        if let Some((evaluation, members)) = message.lacking {
            for member in members {
                if self.heard.contains_key(&(evaluation, usize::from(member))) {
                    self.outbox.entry(from).or_default().insert((evaluation, usize::from(member)));
                }
            }
        }
        self.go_on();
        outcome
    }

    /// What is to be sent in this round: one message at most to each neighbour.
    pub fn messages_of_round(&mut self) -> Vec<(usize, Message)> {
        let lacking = self.lacking();
        let mut messages = Vec::new();
        for (to, waiting) in &mut self.outbox {
            let findings: Vec<Finding> =
                std::mem::take(waiting).iter().filter_map(|place| self.heard.get(place).cloned()).collect();
            if !findings.is_empty() || lacking.is_some() {
                messages.push((*to, Message { findings, lacking: lacking.clone() }));
            }
        }
        messages
    }

    /// How it ended, once it has.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// The member's variables, once the members have converged.
    pub fn plan(&self) -> Option<&[f64]> {
        self.plan.as_deref()
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> u32 {
        self.evaluation + 1
    }

    /// Mismatch and relative gap of the newest evaluation that this member has heard of completely.
    pub fn newest(&self) -> Option<(f64, Option<f64>)> {
        self.newest
    }

    /// Evaluation 0: at no prices, with a weight of its own.
    fn first(&mut self, member: &Member) -> Option<Finding> {
        let mut barrier = Barrier::new(&member.problem.with_derived_bounds().ok()?).ok()?;
        let plan = barrier.share_space(&member.shares);
        barrier.take_shares(plan.basic.iter().map(|place| &member.shares[*place]));
        let sides = barrier.sides();
        let cost_size = barrier.cost_size as f32;
        let weight = start_weight(&self.settings, f64::from(cost_size), sides as f64);
        let mut iterate = barrier.start(weight);
        let prices = vec![0.0; plan.basic.len()];
        let pull = Pull::Priced(&prices);
        barrier.centre(&mut iterate, weight, pull, self.settings.steps_max);
        let reply = barrier.reply(&iterate)?;
        let basic = plan.basic.iter().map(|place| *place as u16).collect();
        let relations = plan
            .relations
            .iter()
            .map(|(factors, value)| (plan.basic.iter().map(|place| factors[*place]).collect(), *value))
            .collect();
        let profile = Profile { basic, relations, sides: sides as u32, cost_size };
        let cost = reply.cost;
        self.local = Some(Local {
            barrier,
            iterate,
            shares: member.shares.clone(),
            plan,
            cost,
            repaired: [None, None],
            best: None,
        });
        let base = Base { prices: &prices, pull: None, mu: weight };
        Some(finding_of(self.index, self.evaluation, &reply, base, Some(profile)))
    }

    /// Whether a finding is news, if it is well formed.
    fn check(&self, finding: &Finding) -> Result<bool, PeerError> {
        let (origin, evaluation) = (finding.origin, finding.evaluation);
        let member = usize::from(origin);
        if !self.connected.contains(&member) {
            return Err(PeerError::NoSuchMember { origin });
        }
        if evaluation > self.evaluation + 1 || evaluation + 1 < self.evaluation {
            return Err(PeerError::OutOfTurn { origin, evaluation, current: self.evaluation });
        }
        match self.heard.get(&(evaluation, member)) {
            Some(known) if known == finding => return Ok(false),
            Some(_) => return Err(PeerError::Contradiction { origin, evaluation }),
            None => {}
        }
        let basic = if evaluation == 0 { None } else { self.basic.get(&member).copied() };
        if evaluation > 0 && basic.is_none() {
            // What it can be checked against has not arrived; it will be asked for when its turn comes.
            return Ok(false);
        }
        finding.check(basic, self.wiring.touches(member).len())?;
        Ok(true)
    }

    /// Keeps a finding and queues it for those who hear of it from here.
    fn take(&mut self, finding: Finding) {
        let origin = usize::from(finding.origin);
        let place = (finding.evaluation, origin);
        if finding.profile.is_some() {
            self.basic.insert(origin, finding.shares.len());
        }
        for to in self.wiring.children(origin, self.index) {
            self.outbox.entry(to).or_default().insert(place);
        }
        self.heard.insert(place, finding);
    }

    /// Evaluates trial points for as long as everything about the last one is known.
    fn go_on(&mut self) {
        while self.verdict.is_none() {
            let findings: Option<Vec<&Finding>> =
                self.connected.iter().map(|member| self.heard.get(&(self.evaluation, *member))).collect();
            let Some(findings) = findings else { return };
            if self.collective.is_none() {
                let profiles: Option<Vec<&Profile>> = findings.iter().map(|finding| finding.profile.as_ref()).collect();
                self.collective = profiles.and_then(|profiles| {
                    Collective::new(&self.settings, &self.wiring, self.connected.clone(), &profiles)
                });
            }
            let Some(collective) = &mut self.collective else {
                self.verdict = Some(Verdict::Unsettled);
                return;
            };
            let gap = collective.gap(&findings).map(|gap| gap.relative());
            let chosen = collective.improvement(&findings);
            if let (Some(local), Some(candidate)) = (&mut self.local, chosen) {
                local.best = local.repaired[candidate].take().map(|(x, _)| x);
            }
            self.newest = Some((collective.mismatch_squared(&findings).sqrt(), gap));
            match collective.next(&findings) {
                Progress::Onwards => self.evaluate(),
                Progress::Arrived(gap) => {
                    self.plan = self.local.as_mut().and_then(|local| local.best.take());
                    self.verdict = Some(Verdict::Converged(gap));
                }
                Progress::Lost => self.verdict = Some(Verdict::Unsettled),
            }
        }
    }

    /// Evaluates the trial point that the collective has chosen.
    fn evaluate(&mut self) {
        let (Some(collective), Some(local)) = (&self.collective, &mut self.local) else { return };
        self.evaluation = collective.evaluation();
        let question = collective.question(self.connected.iter().position(|member| *member == self.index).unwrap_or(0));
        let pull = match question.pull {
            Some(factor) => Pull::Proximal { prices: question.prices, to: &question.shares, factor },
            None => Pull::Priced(question.prices),
        };
        local.barrier.centre(&mut local.iterate, collective.mu(), pull, self.settings.steps_max);
        let reply = local.barrier.reply(&local.iterate);
        let told = question.pull.map(|factor| (question.shares.as_slice(), factor));
        let base = Base { prices: question.prices, pull: told, mu: collective.mu() };
        let bounds = question.certificate.map(|(prices, shares)| {
            let mu = collective.mu_of_bounds(local.cost);
            let steps_max = self.settings.bound_steps_max;
            let lower = local.lower(prices, mu, steps_max);
            local.repaired = shares.map(|shares| local.repaired(&shares, prices, mu, steps_max));
            let cost = |point: &Option<(Vec<f64>, f64)>| point.as_ref().map(|(_, cost)| *cost);
            (lower, [cost(&local.repaired[0]), cost(&local.repaired[1])])
        });
        let Some(reply) = reply else {
            self.verdict = Some(Verdict::Unsettled);
            return;
        };
        let mut finding = finding_of(self.index, self.evaluation, &reply, base, None);
        if let Some((lower, upper)) = bounds {
            (finding.lower, finding.upper) = (Some(lower), upper);
        }
        self.heard.retain(|(evaluation, _), _| evaluation + 1 >= self.evaluation);
        self.take(finding);
    }

    /// Counts a round, and says what is missing once it has been missing for long.
    fn lacking(&mut self) -> Option<(u32, Vec<u16>)> {
        self.silent += 1;
        if self.verdict.is_some() || self.silent <= self.wiring.diameter(self.index) + self.settings.patience {
            return None;
        }
        self.silent = 0;
        let unheard = self.connected.iter().filter(|member| !self.heard.contains_key(&(self.evaluation, **member)));
        Some((self.evaluation, unheard.map(|member| *member as u16).collect()))
    }
}

/// What a member tells about an evaluation that started from `base`.
fn finding_of(index: usize, evaluation: u32, reply: &Reply, base: Base<'_>, profile: Option<Profile>) -> Finding {
    let Relative { shares, drift, block } = base.relative(&reply.shares, &reply.drift, &reply.factor);
    let (origin, cost) = (index as u16, reply.cost as f32);
    Finding { origin, evaluation, profile, shares, drift, block, cost, lower: None, upper: [None, None] }
}

impl Local {
    /// The safe bound on the cost minus what all shares earn at `prices`.
    fn lower(&self, prices: &[f64], mu: f64, steps_max: u32) -> f64 {
        let mut earned: Vec<f64> = self.plan.basic.iter().map(|place| prices[*place]).collect();
        let dependent = (0..prices.len()).filter(|place| !self.plan.basic.contains(place));
        for (place, (factors, _)) in dependent.zip(&self.plan.relations) {
            for (earned, basic) in earned.iter_mut().zip(&self.plan.basic) {
                *earned -= prices[place] * factors[*basic];
            }
        }
        let mut iterate = self.iterate.clone();
        self.barrier.centre(&mut iterate, mu, Pull::Priced(&earned), steps_max);
        let mut extra = Vec::new();
        let mut allowance = 0.0f64;
        for (share, price) in self.shares.iter().zip(prices) {
            for (variable, coefficient) in &share.terms {
                let cost = -(price * coefficient);
                extra.push((*variable, cost));
                if coefficient.abs() != 1.0 {
                    allowance += cost.abs() * f64::EPSILON * self.barrier.reach(*variable);
                }
            }
        }
        (self.barrier.lower_bound(&iterate, &extra) - 2.0 * allowance).next_down()
    }

    /// A point whose shares have these values, and its cost. Shares that follow from others by the member's equations keep
    /// to them up to rounding in the factorisation only; what that could save is charged twice at the prices, so that
    /// copies which are apart by it prove nothing too good.
    fn repaired(&self, shares: &[f64], prices: &[f64], mu: f64, steps_max: u32) -> Option<(Vec<f64>, f64)> {
        let to: Vec<f64> = self.plan.basic.iter().map(|place| shares[*place]).collect();
        let mut iterate = self.iterate.clone();
        self.barrier.centre(&mut iterate, mu, Pull::Fixed(&to), steps_max);
        let (x, cost) = self.barrier.feasible_point(&iterate)?;
        let mut charge = 0.0;
        for ((share, value), price) in self.shares.iter().zip(shares).zip(prices) {
            let off = (share.of(&x) - value).abs();
            if off > AGREED * (1.0 + value.abs()) {
                return None;
            }
            charge += 2.0 * price.abs() * off;
        }
        Some((x, (cost + charge).next_up()))
    }
}

/// Shares are the same if they differ by less, relative to one plus their size.
const AGREED: f64 = 1e-6;
