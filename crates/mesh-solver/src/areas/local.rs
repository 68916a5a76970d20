//! What only the member itself knows and computes: its problem, the point that it is at, and its parts of the bounds.

use super::collective::{BoundsQuestion, Question, start_weight};
use super::held::Held;
use super::iterate::Iterate;
use super::message::{Finding, Profile};
use super::proof::Proof;
use super::reduced::{Reduced, SharePlan};
use super::relative::{Base, Relative};
use super::smooth::{Pull, Response};
use super::{Settings, Unsettled};
use crate::network::{Member, Share};

/// One member's own part.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    index: usize,
    settings: Settings,
    reduced: Reduced,
    held: Held,
    proof: Proof,
    iterate: Iterate,
    shares: Vec<Share>,
    plan: SharePlan,
    /// The repaired plans of the newest candidates.
    repaired: [Option<Vec<f64>>; 2],
    /// That of the best candidate so far.
    best: Option<Vec<f64>>,
}

impl Local {
    /// Takes a problem in; with the finding of evaluation 0, which is at no prices, with a weight of its own.
    pub(crate) fn new(index: usize, settings: &Settings, member: &Member) -> Result<(Self, Finding), Unsettled> {
        let problem = member.problem.with_derived_bounds().map_err(|_| Unsettled::Problem)?;
        let mut reduced = Reduced::new(&problem).map_err(|_| Unsettled::Problem)?;
        let plan = reduced.share_space(&member.shares);
        let basic = || plan.basic.iter().map(|place| &member.shares[*place]);
        reduced.take_shares(basic());
        let held = Held::new(&reduced.smooth).ok_or(Unsettled::Dependent)?;
        let unknowns = reduced.solved_for(held.solved_for());
        let proof = Proof::of(&problem, basic(), unknowns).ok_or(Unsettled::Dependent)?;
        let sides = reduced.smooth.sides();
        let profile = Profile {
            basic: plan.basic.iter().map(|place| *place as u16).collect(),
            relations: plan.told(),
            sides: sides as u32,
            cost_size: reduced.cost_size as f32,
        };
        let weight = start_weight(settings, f64::from(profile.cost_size), sides as f64);
        let mut iterate = reduced.start(weight);
        let prices = vec![0.0; plan.basic.len()];
        reduced.smooth.centre(&mut iterate, weight, Pull::Priced(&prices), settings.steps_max);
        let response = reduced.smooth.response(&iterate).ok_or(Unsettled::Numbers)?;
        let shares = member.shares.clone();
        let (settings, repaired) = (settings.clone(), [None, None]);
        let local = Self { index, settings, reduced, held, proof, iterate, shares, plan, repaired, best: None };
        let base = Base { prices: &prices, pull: None, mu: weight };
        let finding = local.finding(0, &response, base, Some(profile));
        Ok((local, finding))
    }

    /// What this member finds at a trial point; none if its numbers give out.
    pub(crate) fn evaluate(
        &mut self,
        evaluation: u32,
        question: &Question,
        mu: f64,
        mu_of_bounds: f64,
    ) -> Option<Finding> {
        let pull = match question.pull {
            Some(factor) => Pull::Proximal { prices: question.prices, to: &question.shares, factor },
            None => Pull::Priced(question.prices),
        };
        self.reduced.smooth.centre(&mut self.iterate, mu, pull, self.settings.steps_max);
        let response = self.reduced.smooth.response(&self.iterate)?;
        let told = question.pull.map(|factor| (question.shares.as_slice(), factor));
        let base = Base { prices: question.prices, pull: told, mu };
        let mut finding = self.finding(evaluation, &response, base, None);
        if let Some(BoundsQuestion { prices, candidates }) = &question.bounds {
            finding.lower = Some(self.lower(prices, mu_of_bounds));
            for (place, candidate) in candidates.iter().enumerate() {
                let repaired = candidate.as_ref().and_then(|(to, radii)| self.repaired(to, radii, mu_of_bounds));
                (self.repaired[place], finding.upper[place]) = repaired.unzip();
            }
        }
        Some(finding)
    }

    /// Keeps the plan for a candidate that is better than all before.
    pub(crate) fn keep(&mut self, candidate: usize) {
        self.best = self.repaired[candidate].take();
    }

    /// The plan for the best candidate.
    pub(crate) fn best(&self) -> Option<&[f64]> {
        self.best.as_deref()
    }

    /// What this member tells about an evaluation that started from `base`.
    fn finding(&self, evaluation: u32, response: &Response, base: Base<'_>, profile: Option<Profile>) -> Finding {
        let Relative { shares, drift, block } = base.relative(&response.shares, &response.drift, &response.factor);
        let (origin, cost) = (self.index as u16, self.reduced.cost(&self.iterate.w) as f32);
        Finding { origin, evaluation, profile, shares, drift, block, cost, lower: None, upper: [None, None] }
    }

    /// The safe bound on the cost minus what all shares earn at `prices`.
    fn lower(&self, prices: &[f64], mu: f64) -> f64 {
        let mut earned: Vec<f64> = self.plan.basic.iter().map(|place| prices[*place]).collect();
        let dependent = (0..prices.len()).filter(|place| !self.plan.basic.contains(place));
        for (place, relation) in dependent.zip(&self.plan.relations) {
            for (earned, basic) in earned.iter_mut().zip(&self.plan.basic) {
                *earned -= prices[place] * relation.factors[*basic];
            }
        }
        let mut iterate = self.iterate.clone();
        self.reduced.smooth.centre(&mut iterate, mu, Pull::Priced(&earned), self.settings.bound_steps_max);
        let mut extra = Vec::new();
        let mut allowance = 0.0f64;
        for (share, price) in self.shares.iter().zip(prices) {
            for (variable, coefficient) in &share.terms {
                let cost = -(price * coefficient);
                extra.push((*variable, cost));
                if coefficient.abs() != 1.0 {
                    allowance += cost.abs() * f64::EPSILON * self.reduced.reach(*variable);
                }
            }
        }
        (self.reduced.lower_bound(&iterate, &extra) - 2.0 * allowance).next_down()
    }

    /// A plan whose basic shares have the values `to`, and an upper bound on what one near it costs that keeps to all
    /// constraints and to whatever values within `radii` of these exactly.
    fn repaired(&self, to: &[f64], radii: &[f64], mu: f64) -> Option<(Vec<f64>, f64)> {
        let w = self.held.point(&self.reduced.smooth, &self.iterate, to, mu, self.settings.bound_steps_max);
        let x = self.reduced.boxed_point(&w);
        let cost = self.proof.cost(self.reduced.problem(), &x, to, radii)?;
        Some((x, cost))
    }
}
