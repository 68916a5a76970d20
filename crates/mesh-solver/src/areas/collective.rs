//! What all members compute alike from the same findings: the next trial point, and whether the last one is good enough.
//!
//! Member i's least cost with logarithms is a smooth convex function V_i of its basic shares y_i. A finding is a point of
//! its graph: y_i, the gradient p_i and the curvature F'F. With y_i = S_i v for the common values v, which lie in the
//! affine space of all relations between shares (`ties`), a Newton step for the sum of the V_i is taken (`newton`), aimed
//! along the path of centres at a smaller weight mu of the logarithms (`pace`).
//!
//! What a member's problem is, is not known here, nor who computes this.

use super::factor::Triangle;
use super::message::{Finding, Profile};
use super::newton::{Models, Part};
use super::pace::Pace;
use super::prices::SharePrices;
use super::relative::{Absolute, Base};
use super::ties::Ties;
use super::wiring::Wiring;
use super::{Gap, Settings, Unsettled};

/// The common state of one connected part of a network.
#[derive(Debug, Clone)]
pub(crate) struct Collective {
    settings: Settings,
    ties: Ties,
    /// Bounds of all members and budgets.
    sides: f64,
    trial: Trial,
    pace: Pace,
    /// The best bounds so far.
    best: Gap,
}

/// A point to be evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) evaluation: u32,
    /// The weight of the logarithms.
    pub(crate) mu: f64,
    /// v.
    slots: Vec<f64>,
    /// Prices of basic shares, member by member, then of what is left of budgets.
    prices: Vec<Vec<f64>>,
    /// The curvature with which shares are drawn to v; none in a damped step of the prices.
    pulls: Option<Vec<Triangle>>,
    certificate: Option<Certificate>,
    /// What the whole costs, roughly.
    cost: f64,
}

/// What bounds are asked of.
#[derive(Debug, Clone)]
struct Certificate {
    prices: SharePrices,
    /// The points whose cost is asked for: one that is likely to be feasible, and one that is likely to be better.
    candidates: [Option<Candidate>; 2],
}

/// Values to agree on.
#[derive(Debug, Clone)]
struct Candidate {
    /// v.
    slots: Vec<f64>,
    /// Within so much of it are values that satisfy all relations exactly.
    radii: Vec<f64>,
}

/// What one member is asked.
pub(crate) struct Question<'a> {
    pub(crate) prices: &'a [f64],
    pub(crate) shares: Vec<f64>,
    pub(crate) pull: Option<&'a Triangle>,
    pub(crate) bounds: Option<BoundsQuestion<'a>>,
}

/// What bounds a member is asked for.
pub(crate) struct BoundsQuestion<'a> {
    /// The prices of all its shares.
    pub(crate) prices: &'a [f64],
    /// The values of the basic shares at the candidates, and how far around them each is to be possible.
    pub(crate) candidates: [Option<(Vec<f64>, Vec<f64>)>; 2],
}

/// What follows from the findings of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Progress {
    /// There is a next trial point.
    Onwards,
    /// The bounds of the last trial point meet.
    Arrived(Gap),
    /// There is none.
    Lost(Unsettled),
}

impl Collective {
    /// The state before the first trial point.
    pub(crate) fn new(
        settings: &Settings,
        wiring: &Wiring,
        members: &[usize],
        profiles: &[&Profile],
    ) -> Result<Self, Unsettled> {
        let ties = Ties::of(wiring, members, profiles)?;
        let sides =
            profiles.iter().map(|profile| f64::from(profile.sides)).sum::<f64>() + ties.budgets().count() as f64;
        let cost_size: f64 = profiles.iter().map(|profile| f64::from(profile.cost_size)).sum();
        let trial = Trial {
            evaluation: 0,
            mu: start_weight(settings, cost_size, sides),
            slots: Vec::new(),
            prices: Vec::new(),
            pulls: None,
            certificate: None,
            cost: 0.0,
        };
        let best = Gap { lower: f64::NEG_INFINITY, upper: None };
        Ok(Self { settings: settings.clone(), ties, sides, trial, pace: Pace::new(settings.shrink), best })
    }

    /// Takes the findings of all members about the trial point, in the order of the members.
    pub(crate) fn next(&mut self, findings: &[&Finding]) -> Progress {
        if let Some(gap) = self.gap(findings) {
            let (lower, upper) = (gap.lower.max(self.best.lower), gap.upper);
            self.best.lower = lower;
            if upper.is_some_and(|upper| self.best.upper.is_none_or(|best| upper < best)) {
                self.best.upper = upper;
            }
            if self.best.relative() <= self.settings.gap {
                return Progress::Arrived(self.best);
            }
        }
        if self.trial.evaluation + 1 >= self.settings.evaluations_max {
            return Progress::Lost(Unsettled::Evaluations);
        }
        if self.pace.is_over() {
            return Progress::Lost(Unsettled::NoProof);
        }
        match self.next_trial(findings) {
            Some(trial) => {
                self.trial = trial;
                Progress::Onwards
            }
            None => Progress::Lost(Unsettled::Numbers),
        }
    }

    fn next_trial(&mut self, findings: &[&Finding]) -> Option<Trial> {
        let space = &self.ties.space;
        let mut models = self.models(findings);
        let mut curvature = models.factorise(space)?;
        let newton = curvature.step(&models, space, self.trial.mu)?;
        let cost: f64 = findings.iter().map(|finding| f64::from(finding.cost)).sum();
        let least = FLOOR * self.settings.gap * cost.abs().max(1.0) / self.sides.max(1.0);
        let (mu, back) = self.pace.steer(&models, newton.length, self.trial.mu, least);
        if let Some(near) = back {
            models = near;
            curvature = models.factorise(space)?;
        }
        let mut aimed = curvature.step(&models, space, mu)?;
        if self.pace.damped {
            let fraction = 1.0 / (1.0 + newton.length);
            for (next, part) in aimed.prices.iter_mut().zip(&models.parts) {
                next.iter_mut().zip(&part.prices).for_each(|(next, now)| *next = now + fraction * (*next - now));
            }
        }
        let close = self.sides * mu <= CLOSE * self.settings.gap * cost.abs().max(1.0);
        let prices = if close { SharePrices::of(&self.ties, &aimed.prices) } else { None };
        let candidate = |slots: Vec<f64>| {
            let radii = self.ties.radii(&slots)?;
            Some(Candidate { slots, radii })
        };
        let certificate = prices.map(|prices| Certificate {
            prices,
            candidates: [candidate(newton.slots), candidate(aimed.slots.clone())],
        });
        let pulls = (!self.pace.damped).then(|| models.parts.into_iter().map(|part| part.factor).collect());
        let evaluation = self.trial.evaluation + 1;
        Some(Trial { evaluation, mu, slots: aimed.slots, prices: aimed.prices, pulls, certificate, cost })
    }

    /// What the member at `place` is asked about the trial point.
    pub(crate) fn question(&self, place: usize) -> Question<'_> {
        let trial = &self.trial;
        let own = |values: &[f64]| self.ties.basic[place].iter().map(|slot| values[*slot]).collect::<Vec<f64>>();
        let at = |candidate: &Candidate| (own(&candidate.slots), own(&candidate.radii));
        Question {
            prices: &trial.prices[place],
            shares: own(&trial.slots),
            pull: trial.pulls.as_ref().map(|pulls| &pulls[place]),
            bounds: trial.certificate.as_ref().map(|asked| BoundsQuestion {
                prices: &asked.prices.of_members[place],
                candidates: [asked.candidates[0].as_ref().map(at), asked.candidates[1].as_ref().map(at)],
            }),
        }
    }

    /// The number of the trial point.
    pub(crate) fn evaluation(&self) -> u32 {
        self.trial.evaluation
    }

    /// The weight of the logarithms at the trial point.
    pub(crate) fn mu(&self) -> f64 {
        self.trial.mu
    }

    /// A weight that is small enough for bounds that are to be compared with the settings' gap.
    pub(crate) fn mu_of_bounds(&self) -> f64 {
        self.trial.mu.min(BOUNDS * self.settings.gap * self.trial.cost.abs().max(1.0) / self.sides.max(1.0))
    }

    /// How far the shares of one evaluation are from the trial point; squared.
    pub(crate) fn mismatch_squared(&self, findings: &[&Finding]) -> f64 {
        let mut sum = 0.0;
        if !self.trial.slots.is_empty() {
            for ((place, finding), slots) in findings.iter().enumerate().zip(&self.ties.basic) {
                for (share, slot) in self.absolute(place, finding).shares.iter().zip(slots) {
                    let away = share - self.trial.slots[*slot];
                    sum += away * away;
                }
            }
        }
        sum
    }

    /// The bounds of the whole that were asked for with the trial point.
    pub(crate) fn gap(&self, findings: &[&Finding]) -> Option<Gap> {
        let mut lower = self.trial.certificate.as_ref()?.prices.constant;
        for finding in findings {
            lower = (lower + finding.lower?).next_down();
        }
        Some(Gap { lower, upper: self.best_candidate(findings).map(|(_, cost)| cost) })
    }

    /// The candidate that is better than all before, if there is one.
    pub(crate) fn improvement(&self, findings: &[&Finding]) -> Option<usize> {
        self.trial.certificate.as_ref()?;
        let (candidate, cost) = self.best_candidate(findings)?;
        self.best.upper.is_none_or(|best| cost < best).then_some(candidate)
    }

    /// The cheaper candidate of those that every member could repair, and its cost.
    fn best_candidate(&self, findings: &[&Finding]) -> Option<(usize, f64)> {
        let cost = |candidate: usize| {
            let sum = |sum: f64, finding: &&Finding| finding.upper[candidate].map(|cost| (sum + cost).next_up());
            findings.iter().try_fold(0.0, sum).map(|cost| (candidate, cost))
        };
        [cost(0), cost(1)].into_iter().flatten().min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn models(&self, findings: &[&Finding]) -> Models {
        let first = self.trial.evaluation == 0;
        let mu = self.trial.mu;
        let at = if first { self.ties.space.origin.clone() } else { self.trial.slots.clone() };
        let mut parts: Vec<Part> = findings
            .iter()
            .zip(&self.ties.basic)
            .enumerate()
            .map(|(place, (finding, slots))| {
                let mut found = self.absolute(place, finding);
                // At first each member has a weight of its own; curvatures of the logarithms are proportional to it.
                found.scale((mu / self.weight_of(finding)).sqrt());
                Part::new(slots.clone(), found, mu, &at)
            })
            .collect();
        for (budget, (slot, value)) in self.ties.budgets().enumerate() {
            let amount = if first { start_amount(value) } else { self.left_of_budget(slot, findings.len() + budget) };
            parts.push(Part::new(vec![slot], found_of_budget(amount, mu), mu, &at));
        }
        Models { at, parts }
    }

    /// The weight of the logarithms in a member's evaluation.
    fn weight_of(&self, finding: &Finding) -> f64 {
        finding.profile.as_ref().map_or(self.trial.mu, |profile| {
            start_weight(&self.settings, f64::from(profile.cost_size), f64::from(profile.sides))
        })
    }

    /// What the member at `place` found about the trial point.
    fn absolute(&self, place: usize, finding: &Finding) -> Absolute {
        let mu = self.weight_of(finding);
        if finding.profile.is_some() {
            let prices = vec![0.0; finding.shares.len()];
            return Base { prices: &prices, pull: None, mu }.absolute(&finding.shares, &finding.drift, &finding.block);
        }
        let asked = self.question(place);
        let pull = asked.pull.map(|factor| (asked.shares.as_slice(), factor));
        Base { prices: asked.prices, pull, mu }.absolute(&finding.shares, &finding.drift, &finding.block)
    }

    /// Where `-mu log t` with the trial's price and pull is least.
    fn left_of_budget(&self, slot: usize, place: usize) -> f64 {
        let (mu, price) = (self.trial.mu, self.trial.prices[place][0]);
        match &self.trial.pulls {
            Some(pulls) => {
                let pull = pulls[place].row(0)[0] * pulls[place].row(0)[0];
                let force = price + pull * self.trial.slots[slot];
                let root = (force * force + 4.0 * pull * mu).sqrt();
                if force > 0.0 { (force + root) / (2.0 * pull) } else { 2.0 * mu / (root - force) }
            }
            None => mu / (-price).max(PRICE_MIN * mu),
        }
    }
}

/// What `-mu log t` finds at `amount`.
fn found_of_budget(amount: f64, mu: f64) -> Absolute {
    let factor = Triangle::of(1, vec![mu.sqrt() / amount]).expect("a triangle of one row has one entry");
    Absolute { shares: vec![amount], prices: vec![-mu / amount], moves: vec![1.0 / mu.sqrt()], factor }
}

fn start_amount(value: f64) -> f64 {
    if value == 0.0 { 1.0 } else { START * value.abs() }
}

/// The weight of the logarithms at the start.
pub(crate) fn start_weight(settings: &Settings, cost_size: f64, sides: f64) -> f64 {
    settings.start * if cost_size > 0.0 { cost_size } else { 1.0 } / sides.max(1.0)
}

/// Bounds are asked for when the logarithms weigh less than this many gaps.
const CLOSE: f64 = 30.0;
/// The logarithms need not weigh less than this part of the gap.
const FLOOR: f64 = 0.3;
/// The part of the gap that the logarithms may take of bounds.
const BOUNDS: f64 = 0.03;
/// What is left of a budget at first, in parts of it.
const START: f64 = 0.1;
/// A price of a budget is at least this part of the weight.
const PRICE_MIN: f64 = 1e-9;
