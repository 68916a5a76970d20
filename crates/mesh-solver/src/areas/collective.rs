//! What all members compute alike from the same findings: the next trial point, and whether the last one is good enough.
//!
//! Member i's least cost with logarithms is a smooth convex function V_i of its basic shares y_i. A finding is a point of
//! its graph: y_i, the gradient p_i and the curvature H_i = F'F. With y_i = S_i v for the junctions' values v, which lie in
//! the affine space of all relations between shares, v = v0 + Z u, Newton's step for the sum of the V_i is
//!
//! ```text
//! (sum Z'S_i'H_i S_i Z) u = sum Z'S_i' (H_i (y_i - S_i v0) - p_i),    p_i <- p_i + H_i (S_i v - y_i)
//! ```
//!
//! after which the prices balance: sum Z'S_i'p_i = 0. Its length in the metric of H, in units of mu, says how near the
//! findings are to the path of centres. Near it, mu shrinks and the step aims along the path; far from it, mu stays; and
//! if that does not help, the step is taken again from the last point near the path, with a smaller change of mu, which
//! always ends near it. Before there is such a point, prices alone are moved, by a damped step of the dual that cannot
//! fail.
//!
//! What a member's problem is, is not known here, nor who computes this.

use super::affine::Affine;
use super::factor::{Triangle, cholesky};
use super::layout::Layout;
use super::message::{Finding, Profile};
use super::relative::{Absolute, Base};
use super::wiring::Wiring;
use super::{Gap, Settings};
use crate::dense::{Matrix, add_scaled, dot};
use crate::network::Junction;

/// The common state of one connected part of a network.
#[derive(Debug, Clone)]
pub(crate) struct Collective {
    settings: Settings,
    /// Members of this part, ascending; what follows has one entry each.
    members: Vec<usize>,
    /// For each share the slot of v that it is.
    slots: Vec<Vec<usize>>,
    /// The slots of the basic shares.
    basic: Vec<Vec<usize>>,
    /// Junctions that are sums, in the order of their equations, which follow those of the relations.
    sums: Vec<Sum>,
    /// For each member and each of its relations the factors of all its shares.
    relations: Vec<Vec<Vec<f64>>>,
    space: Affine,
    sides: f64,
    trial: Trial,
    pace: Pace,
    /// The best bounds so far.
    best: Gap,
}

/// A junction whose shares add up.
#[derive(Debug, Clone)]
struct Sum {
    value: f64,
    /// The slots of its shares.
    slots: Vec<usize>,
    /// The slot of what is left of a budget.
    left: Option<usize>,
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
}

/// What bounds are asked of.
#[derive(Debug, Clone)]
struct Certificate {
    /// The prices of all shares.
    prices: Vec<Vec<f64>>,
    /// What the sums add to the lower bound.
    constant: f64,
    /// v of the points whose cost is asked for: one that is likely to be feasible, and one that is likely to be better.
    candidates: [Vec<f64>; 2],
}

/// What one member is asked.
pub(crate) struct Question<'a> {
    pub(crate) prices: &'a [f64],
    pub(crate) shares: Vec<f64>,
    pub(crate) pull: Option<&'a Triangle>,
    /// Prices of all shares and all their values at the candidates, if bounds are asked for.
    pub(crate) certificate: Option<(&'a [f64], [Vec<f64>; 2])>,
}

/// What follows from the findings of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Progress {
    /// There is a next trial point.
    Onwards,
    /// The bounds of the last trial point meet.
    Arrived(Gap),
    /// There is none; with the newest bounds.
    Lost,
}

/// How fast mu shrinks, and where to return to.
#[derive(Debug, Clone)]
struct Pace {
    shrink: f64,
    /// The newest findings near the path.
    near: Option<(f64, Vec<Part>)>,
    /// Length of the last step and how many did not get shorter in a row.
    length: f64,
    worse: u32,
    damped: bool,
    /// Returns in a row without a point near the path in between.
    returns: u32,
}

/// One member's finding, or that of what is left of a budget.
#[derive(Debug, Clone)]
struct Part {
    slots: Vec<usize>,
    shares: Vec<f64>,
    prices: Vec<f64>,
    drift: Vec<f64>,
    factor: Triangle,
    mu: f64,
}

/// A Newton step's result.
struct Newton {
    slots: Vec<f64>,
    prices: Vec<Vec<f64>>,
    length: f64,
}

impl Collective {
    /// None if the relations of the members' shares contradict each other: the network has no feasible point.
    pub(crate) fn new(
        settings: &Settings,
        wiring: &Wiring,
        members: Vec<usize>,
        profiles: &[&Profile],
    ) -> Option<Self> {
        let mut layout = Layout::default();
        let slots: Vec<Vec<usize>> = members.iter().map(|member| layout.slots_of(wiring, *member)).collect();
        let mut equations = Vec::new();
        let mut relations = Vec::new();
        for (profile, slots) in profiles.iter().zip(&slots) {
            let own = relations_of(profile, slots.len());
            for (factors, (_, value)) in own.iter().zip(&profile.relations) {
                equations.push((slots.iter().copied().zip(factors.iter().copied()).collect(), *value));
            }
            relations.push(own);
        }
        let mut sums = Vec::new();
        for (junction, slots) in std::mem::take(&mut layout.sums) {
            let (value, left) = match junction {
                Junction::Budget(value) => (value, Some(layout.take())),
                Junction::Exchange(value) => (value, None),
                Junction::Consensus => continue,
            };
            equations.push((slots.iter().copied().chain(left).map(|slot| (slot, 1.0)).collect(), value));
            sums.push(Sum { value, slots, left });
        }
        let space = Affine::solve(&equations, layout.count, DEPENDENT).ok()?;
        let basic = profiles
            .iter()
            .zip(&slots)
            .map(|(profile, slots)| profile.basic.iter().map(|place| slots[usize::from(*place)]).collect())
            .collect();
        let budgets = sums.iter().filter(|sum| sum.left.is_some()).count();
        let sides = profiles.iter().map(|profile| f64::from(profile.sides)).sum::<f64>() + budgets as f64;
        let cost_size: f64 = profiles.iter().map(|profile| f64::from(profile.cost_size)).sum();
        let mu = start_weight(settings, cost_size, sides);
        let trial = Trial { evaluation: 0, mu, slots: Vec::new(), prices: Vec::new(), pulls: None, certificate: None };
        let pace =
            Pace { shrink: settings.shrink, near: None, length: f64::INFINITY, worse: 0, damped: false, returns: 0 };
        let best = Gap { lower: f64::NEG_INFINITY, upper: None };
        Some(Self {
            settings: settings.clone(),
            members,
            slots,
            basic,
            sums,
            relations,
            space,
            sides,
            trial,
            pace,
            best,
        })
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
            return Progress::Lost;
        }
        let mut parts = self.parts(findings);
        let Some(newton) = self.newton(&parts, self.trial.mu) else { return Progress::Lost };
        let cost: f64 = findings.iter().map(|finding| f64::from(finding.cost)).sum();
        let least = FLOOR * self.settings.gap * cost.abs().max(1.0) / self.sides.max(1.0);
        let mu = self.steer(&mut parts, newton.length).max(least.min(self.trial.mu));
        let Some(mut aimed) = self.newton(&parts, mu) else { return Progress::Lost };
        if self.pace.damped {
            let fraction = 1.0 / (1.0 + newton.length);
            for (next, part) in aimed.prices.iter_mut().zip(&parts) {
                next.iter_mut().zip(&part.prices).for_each(|(next, now)| *next = now + fraction * (*next - now));
            }
        }
        let close = self.sides * mu <= CLOSE * cost.abs().max(1.0);
        let certificate = close.then(|| {
            let (prices, constant) = self.certificate_prices(&aimed.prices);
            Certificate { prices, constant, candidates: [newton.slots, aimed.slots.clone()] }
        });
        self.trial = Trial {
            evaluation: self.trial.evaluation + 1,
            mu,
            slots: aimed.slots,
            prices: aimed.prices,
            pulls: (!self.pace.damped).then(|| parts.into_iter().map(|part| part.factor).collect()),
            certificate,
        };
        Progress::Onwards
    }

    /// What the member at `place` is asked about the trial point.
    pub(crate) fn question(&self, place: usize) -> Question<'_> {
        let trial = &self.trial;
        let values = |slots: &[usize]| slots.iter().map(|slot| trial.slots[*slot]).collect::<Vec<f64>>();
        Question {
            prices: &trial.prices[place],
            shares: values(&self.basic[place]),
            pull: trial.pulls.as_ref().map(|pulls| &pulls[place]),
            certificate: trial.certificate.as_ref().map(|asked| {
                let at = |v: &[f64]| self.slots[place].iter().map(|slot| v[*slot]).collect::<Vec<f64>>();
                (asked.prices[place].as_slice(), [at(&asked.candidates[0]), at(&asked.candidates[1])])
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
    pub(crate) fn mu_of_bounds(&self, cost: f64) -> f64 {
        self.trial.mu.min(BOUNDS * self.settings.gap * cost.abs().max(1.0) / self.sides.max(1.0))
    }

    /// How far the shares of one evaluation are from the trial point; squared.
    pub(crate) fn mismatch_squared(&self, findings: &[&Finding]) -> f64 {
        let mut sum = 0.0;
        if !self.trial.slots.is_empty() {
            for ((place, finding), slots) in findings.iter().enumerate().zip(&self.basic) {
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
        let mut lower = self.trial.certificate.as_ref()?.constant;
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

    /// Decides the weight of the next trial point, and from which findings to go there.
    fn steer(&mut self, parts: &mut Vec<Part>, length: f64) -> f64 {
        let pace = &mut self.pace;
        let mu = self.trial.mu;
        let shorter = length < SHORTER * pace.length;
        let last = std::mem::replace(&mut pace.length, length);
        if length <= NEAR {
            pace.near = Some((mu, parts.clone()));
            pace.damped = false;
            pace.worse = 0;
            pace.shrink =
                if pace.returns == 0 { (pace.shrink * pace.shrink).max(self.settings.shrink) } else { pace.shrink };
            pace.returns = 0;
            return mu * pace.shrink;
        }
        if pace.damped {
            return mu;
        }
        if length <= AROUND && last.is_finite() {
            return mu * pace.shrink.sqrt();
        }
        pace.worse = if shorter { 0 } else { pace.worse + 1 };
        if pace.worse < WORSE_MAX && length.is_finite() {
            return mu;
        }
        pace.worse = 0;
        pace.length = f64::INFINITY;
        match &pace.near {
            Some((near, findings)) => {
                pace.returns += 1;
                pace.shrink = pace.shrink.sqrt();
                *parts = findings.clone();
                near * pace.shrink
            }
            None => {
                pace.damped = true;
                mu
            }
        }
    }

    fn parts(&self, findings: &[&Finding]) -> Vec<Part> {
        let first = self.trial.evaluation == 0;
        let mu = self.trial.mu;
        let mut parts: Vec<Part> = findings
            .iter()
            .zip(&self.basic)
            .enumerate()
            .map(|(place, (finding, slots))| {
                let Absolute { shares, prices, drift, factor } = self.absolute(place, finding);
                // At first each member has a weight of its own; curvatures of the logarithms are proportional to it.
                let ratio = (mu / self.weight_of(finding)).sqrt();
                Part { slots: slots.clone(), shares, prices, drift, factor: factor.times(ratio), mu }
            })
            .collect();
        for (budget, (slot, value)) in self.budgets().enumerate() {
            let amount = if first { start_amount(value) } else { self.left_of_budget(slot, findings.len() + budget) };
            parts.push(part_of_budget(slot, amount, mu));
        }
        parts
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

    /// The slot of what is left of each budget, and the budget.
    fn budgets(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.sums.iter().filter_map(|sum| sum.left.map(|slot| (slot, sum.value)))
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

    /// Newton's step from the findings, aimed at the weight `mu`.
    fn newton(&self, parts: &[Part], mu: f64) -> Option<Newton> {
        let directions = &self.space.directions;
        let free = directions.columns();
        let mut curvature = Matrix::zeros(free, free);
        let mut force = vec![0.0; free];
        let mut targets = Vec::with_capacity(parts.len());
        for part in parts {
            let mut rows = Matrix::zeros(part.slots.len(), free);
            for (place, slot) in part.slots.iter().enumerate() {
                rows.row_mut(place).copy_from_slice(directions.row(*slot));
            }
            for row in part.factor.times_rows(&rows) {
                for (i, entry) in row.iter().enumerate() {
                    if *entry != 0.0 {
                        add_scaled(&mut curvature.row_mut(i)[..=i], *entry, &row[..=i]);
                    }
                }
            }
            let aim = mu - part.mu;
            let target: Vec<f64> =
                part.shares.iter().zip(&part.drift).map(|(share, drift)| share + drift * aim).collect();
            let away: Vec<f64> =
                target.iter().zip(&part.slots).map(|(share, slot)| share - self.space.origin[*slot]).collect();
            let pulls = part.factor.curvature_times(&away);
            for (place, (pull, price)) in pulls.iter().zip(&part.prices).enumerate() {
                add_scaled(&mut force, pull - price, rows.row(place));
            }
            targets.push(target);
        }
        cholesky(curvature, PIVOT_MIN)?.solve(&mut force);
        let slots = self.space.point(&force);
        let mut length = 0.0;
        let mut prices = Vec::with_capacity(parts.len());
        for (part, target) in parts.iter().zip(&targets) {
            let away: Vec<f64> = part.slots.iter().zip(target).map(|(slot, share)| slots[*slot] - share).collect();
            let change = part.factor.curvature_times(&away);
            length += dot(&away, &change);
            prices.push(part.prices.iter().zip(&change).map(|(price, change)| price + change).collect());
        }
        let length = (length.max(0.0) / mu).sqrt();
        (length.is_finite() && slots.iter().all(|value| value.is_finite())).then_some(Newton { slots, prices, length })
    }

    /// Prices of all shares that cancel at every junction exactly, and what the sums add to the lower bound: prices of
    /// basic shares plus, for each relation, whatever makes the rest cancel.
    fn certificate_prices(&self, prices: &[Vec<f64>]) -> (Vec<Vec<f64>>, f64) {
        let mut rest = vec![0.0; self.space.origin.len()];
        for (prices, slots) in prices.iter().zip(&self.basic) {
            prices.iter().zip(slots).for_each(|(price, slot)| rest[*slot] -= price);
        }
        for ((slot, _), price) in self.budgets().zip(&prices[self.members.len()..]) {
            rest[slot] -= price[0];
        }
        let multipliers = self.space.multipliers(&rest);
        let mut of_equation = multipliers.iter();
        let mut full: Vec<Vec<f64>> = Vec::with_capacity(self.members.len());
        for (place, own) in self.relations.iter().enumerate() {
            let mut all = vec![0.0; self.slots[place].len()];
            for (share, slot) in self.slots[place].iter().enumerate() {
                if let Some(basic) = self.basic[place].iter().position(|other| other == slot) {
                    all[share] = prices[place][basic];
                }
            }
            for (factors, multiplier) in own.iter().zip(of_equation.by_ref()) {
                add_scaled(&mut all, *multiplier, factors);
            }
            full.push(all);
        }
        let mut constant = 0.0f64;
        let mut of_slot: Vec<Option<f64>> = vec![None; self.space.origin.len()];
        for (sum, multiplier) in self.sums.iter().zip(of_equation) {
            let price = if sum.left.is_some() { (-multiplier).min(0.0) } else { -multiplier };
            sum.slots.iter().for_each(|slot| of_slot[*slot] = Some(price));
            constant = (constant + (price * sum.value).next_down()).next_down();
        }
        self.cancel(&mut full, &of_slot);
        (full, constant)
    }

    /// Makes the prices at every junction of equals add up to zero, and those at a sum equal.
    fn cancel(&self, full: &mut [Vec<f64>], of_slot: &[Option<f64>]) {
        let slots = of_slot.len();
        let mut largest = vec![0.0f64; slots];
        let mut count = vec![0u32; slots];
        for (prices, own) in full.iter().zip(&self.slots) {
            for (price, slot) in prices.iter().zip(own) {
                largest[*slot] = largest[*slot].max(price.abs());
                count[*slot] += 1;
            }
        }
        // On a grid of which the largest price is 2^44 steps, sums of up to 2^8 prices are exact.
        let grid = |slot: usize| crate::dense::power_of_two(largest[slot]) * GRID;
        let mut sum = vec![0.0; slots];
        for (prices, own) in full.iter_mut().zip(&self.slots) {
            for (price, slot) in prices.iter_mut().zip(own) {
                count[*slot] -= 1;
                *price = match (of_slot[*slot], count[*slot]) {
                    (Some(price), _) => price,
                    (None, 0) => -sum[*slot],
                    (None, _) => (*price / grid(*slot)).round() * grid(*slot),
                };
                sum[*slot] += *price;
            }
        }
    }
}

/// For each relation of a profile the factors of all `shares` shares.
fn relations_of(profile: &Profile, shares: usize) -> Vec<Vec<f64>> {
    let is_basic = |place: &usize| profile.basic.iter().any(|basic| usize::from(*basic) == *place);
    let others = (0..shares).filter(|place| !is_basic(place));
    let relation = |(other, (factors, _)): (usize, &(Vec<f64>, f64))| {
        let mut all = vec![0.0; shares];
        all[other] = 1.0;
        profile.basic.iter().zip(factors).for_each(|(basic, factor)| all[usize::from(*basic)] = *factor);
        all
    };
    others.zip(&profile.relations).map(relation).collect()
}

/// What `-mu log t` finds at `amount`.
fn part_of_budget(slot: usize, amount: f64, mu: f64) -> Part {
    let factor = Triangle::of(1, vec![mu.sqrt() / amount]).expect("a triangle of one row has one entry");
    Part { slots: vec![slot], shares: vec![amount], prices: vec![-mu / amount], drift: vec![amount / mu], factor, mu }
}

fn start_amount(value: f64) -> f64 {
    if value == 0.0 { 1.0 } else { START * value.abs() }
}

/// The weight of the logarithms at the start.
pub(crate) fn start_weight(settings: &Settings, cost_size: f64, sides: f64) -> f64 {
    settings.start * if cost_size > 0.0 { cost_size } else { 1.0 } / sides.max(1.0)
}

/// A relation counts as following from others when what they leave of it is smaller.
const DEPENDENT: f64 = 1e-8;
/// Steps up to this length, in units of the square root of mu, are near the path of centres.
const NEAR: f64 = 3.0;
/// Up to this length mu shrinks less.
const AROUND: f64 = 10.0;
/// A step that is not this part of the last one is no progress.
const SHORTER: f64 = 0.7;
/// So many steps without progress in a row are allowed.
const WORSE_MAX: u32 = 3;
/// Bounds are asked for when the logarithms weigh less than this part of the cost.
const CLOSE: f64 = 3e-3;
/// The logarithms need not weigh less than this part of the gap.
const FLOOR: f64 = 0.3;
/// The part of the gap that the logarithms may take of bounds.
const BOUNDS: f64 = 0.03;
/// What is left of a budget at first, in parts of it.
const START: f64 = 0.1;
/// A price of a budget is at least this part of the weight.
const PRICE_MIN: f64 = 1e-9;
/// A pivot below this part of its diagonal entry is rounding.
const PIVOT_MIN: f64 = 1e-13;
/// Steps of prices, in parts of the largest of a junction.
const GRID: f64 = 1.0 / (1u64 << 44) as f64;
