//! Prices from gradients: climbs a concave dual of which nothing but the slope can be had.
//!
//! ```text
//! B:    what BFGS makes of all steps so far and the changes of the slope along them, from c D; D is what the markets'
//!       softness suggests, c the median of what the steps say of it, so that no early step is taken for the whole
//! step: the best one of the model  g's - 1/2 s'Bs  within the price limits
//! keep the newest prices if the slope there does not point back too much, else step again from the ones before
//! ```
//!
//! The agents' answers are piecewise linear in the prices, so the secants settle where the pieces do. Where they do not
//! get on, plain ascent takes over: its step is the inverse of the largest curvature met, which is doubled whenever the
//! slope points back, so that every step it keeps climbs (a concave function lies below its tangents). It hands over
//! again when the slope is less than ever.
//!
//! Sums come in coarse numbers that become exact where the prices stay. So a slope that contradicts what follows it may
//! itself be what is wrong: where step after step is taken back, the prices before them are asked for once more, and what
//! is heard then takes the place of what was heard first.

use super::market::excess_at_most;
use super::{Bounds, Market};
use crate::bound::relative_gap;
use crate::interval::Interval;

/// What a search is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Relative gap to be certified: (upper - lower) / max(1, |upper|).
    pub gap: f64,
    /// Bits of each price, and of each sum of an agent with children, 2 to 16.
    pub bits: u8,
    /// Bits of each sum of an agent without, 2 to 16: fewer, as there are many of these and their errors mostly cancel.
    pub leaf_bits: u8,
    /// Most prices that are tried.
    pub evaluations_max: u32,
    /// Rounds after which an unanswered message is sent again.
    pub resend_after: u32,
    /// Rounds after which who does not answer is lost.
    pub lost_after: u32,
}

impl Settings {
    /// What suits a gap: numbers as coarse as it allows.
    pub fn to_gap(gap: f64) -> Self {
        let (bits, leaf_bits) = if gap >= 1e-5 { (5, 3) } else { (8, 6) };
        Self { gap, bits, leaf_bits, evaluations_max: 2000, resend_after: 4, lost_after: 64 }
    }
}

/// What is proved at one vector of prices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// No solution costs less.
    pub lower: f64,
    /// The agents' answers cost at most this, what the markets charge for their sums included.
    pub upper: f64,
}

impl Verdict {
    /// [`relative_gap`] of the two.
    pub fn gap(&self) -> f64 {
        relative_gap(self.lower, self.upper)
    }
}

/// The search of one root.
#[derive(Debug, Clone)]
pub struct Search {
    markets: Vec<Market>,
    /// The best prices so far and the slope there.
    best: Option<Point>,
    /// The prices with the least slope, from which plain ascent starts.
    steepest_left: Option<Point>,
    /// D, its diagonal.
    softness: Vec<f64>,
    /// What is known of B, oldest first.
    pairs: Vec<Pair>,
    /// How many of them start from the best prices.
    pairs_here: usize,
    /// The largest curvature met.
    largest: f64,
    /// The largest curvature expected at first.
    gentlest: f64,
    /// Steps from the best prices that were taken back, one after the other.
    rejected: u32,
    /// Whether the best prices are to be asked for again.
    again: bool,
    /// Evaluations since the slope was less than ever.
    idle: u32,
    plain: bool,
    /// Least slope of all evaluations.
    least: f64,
}

/// A step and what came of it.
#[derive(Debug, Clone)]
struct Pair {
    step: Vec<f64>,
    /// By how much the slope fell along the step.
    bend: Vec<f64>,
    /// The product of the two, positive.
    across: f64,
    /// How many times D the curvature is.
    factor: f64,
}

#[derive(Debug, Clone)]
struct Point {
    prices: Vec<f64>,
    slope: Vec<f64>,
}

impl Search {
    /// A search over the prices of `markets`.
    pub fn new(markets: Vec<Market>) -> Self {
        let softest = markets.iter().fold(0.0, |most: f64, market| most.max(market.softness));
        let expected = |market: &Market| FIRST * if market.softness > 0.0 { market.softness } else { softest };
        Self {
            softness: markets.iter().map(expected).collect(),
            pairs: Vec::new(),
            pairs_here: 0,
            markets,
            best: None,
            steepest_left: None,
            largest: 0.0,
            gentlest: 0.0,
            rejected: 0,
            again: false,
            idle: 0,
            plain: false,
            least: f64::INFINITY,
        }
    }

    /// Takes the sums that answered `prices`.
    pub fn observe(&mut self, prices: &[f64], sums: &[f64]) {
        let slope = self.gradients(prices, sums);
        let point = Point { prices: prices.to_vec(), slope };
        let norm = self.slope_inside(&point);
        self.idle += 1;
        let at = |point: &Option<Point>| point.as_ref().map(|point| point.prices.clone());
        if self.again && at(&self.best) == at(&self.steepest_left) {
            (self.least, self.steepest_left) = (norm, Some(point.clone()));
        } else if norm < PROGRESS * self.least {
            (self.least, self.idle, self.plain) = (norm, 0, false);
            self.steepest_left = Some(point.clone());
        }
        let Some(best) = self.best.take().filter(|_| !self.again) else {
            if !self.again {
                self.scale_without_softness(&point);
            }
            (self.best, self.again) = (Some(point), false);
            return;
        };
        let step: Vec<f64> = point.prices.iter().zip(&best.prices).map(|(new, old)| new - old).collect();
        let bend: Vec<f64> = best.slope.iter().zip(&point.slope).map(|(old, new)| old - new).collect();
        self.learn(step.clone(), bend);
        let (before, after) = (dot(&best.slope, &step), dot(&point.slope, &step));
        let keep = if self.plain { after >= 0.0 } else { after >= -OVERSHOOT * before };
        if self.plain && !keep {
            self.largest *= 2.0;
        }
        self.best = Some(if keep { point } else { best });
        (self.rejected, self.pairs_here) = if keep { (0, 0) } else { (self.rejected + 1, self.pairs_here) };
        if !self.plain && self.idle >= PATIENCE {
            (self.plain, self.idle, self.largest) = (true, 0, self.gentlest);
            self.best.clone_from(&self.steepest_left);
            self.again = true;
        }
        if self.rejected >= REJECTED_MAX {
            // They rest on a slope that may be wrong.
            self.pairs.truncate(self.pairs.len() - self.pairs_here);
            self.again = true;
        }
        if self.again {
            (self.rejected, self.pairs_here) = (0, 0);
        }
    }

    /// The prices to try next.
    pub fn propose(&self) -> Vec<f64> {
        match &self.best {
            None => self.markets.iter().map(Market::opening_price).collect(),
            Some(best) if self.again => best.prices.clone(),
            Some(best) if self.plain => self.ascend(best),
            Some(best) => self.secant_step(best).unwrap_or_else(|| self.ascend(best)),
        }
    }

    /// By how much the cost of sums that are known up to `drift` is above what `prices` prove, without the agents' own
    /// slack.
    pub fn excess(&self, prices: &[f64], sums: &[f64], drift: f64) -> f64 {
        let slopes = self.gradients(prices, sums);
        excess_at_most(&self.markets, prices, &slopes, drift)
    }

    /// What the agents' bounds prove: nothing at a price beyond its limit, which coarse numbers in a message can make of
    /// one that is at it. No market charges such a price.
    pub fn verdict(&self, prices: &[f64], sums: &[f64], bounds: &Bounds) -> Verdict {
        let mut pairs = self.markets.iter().zip(prices);
        if !pairs.all(|(market, price)| (market.lowest..=market.highest).contains(price)) {
            return Verdict { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        }
        let rounding = prices.len() as f64 * 4.0 * f64::EPSILON;
        let mut size = 0.0;
        for ((market, price), sum) in self.markets.iter().zip(prices).zip(sums) {
            size += market.offset.abs() + sum.abs() + (market.softness * price).abs();
        }
        let excess = self.excess(prices, sums, bounds.drift + rounding * size);
        let mut dual = Interval::ZERO;
        for (market, price) in self.markets.iter().zip(prices) {
            dual = dual.plus(market.dual(*price));
        }
        let lower = dual.plus(Interval::point(bounds.lower));
        let upper = lower.plus(Interval::point(bounds.slack)).plus(Interval::point(excess));
        Verdict { lower: lower.low, upper: upper.high }
    }

    /// The markets, one a junction.
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    fn gradients(&self, prices: &[f64], sums: &[f64]) -> Vec<f64> {
        let slope = |((market, price), sum): ((&Market, &f64), &f64)| market.gradient(*price, *sum);
        self.markets.iter().zip(prices).zip(sums).map(slope).collect()
    }

    /// 2-norm of the slope, without what points out of the price limits.
    fn slope_inside(&self, point: &Point) -> f64 {
        let mut sum = 0.0;
        for (t, slope) in point.slope.iter().enumerate() {
            if !self.blocked(point, t) {
                sum += slope * slope;
            }
        }
        sum.sqrt()
    }

    fn blocked(&self, point: &Point, t: usize) -> bool {
        let (price, slope) = (point.prices[t], point.slope[t]);
        (price <= self.markets[t].lowest && slope <= 0.0) || (price >= self.markets[t].highest && slope >= 0.0)
    }

    /// Where no market gives way, the first step changes no price by more than one.
    fn scale_without_softness(&mut self, first: &Point) {
        let most = first.slope.iter().fold(f64::MIN_POSITIVE, |most, slope| most.max(slope.abs()));
        for softness in self.softness.iter_mut().filter(|softness| **softness == 0.0) {
            *softness = most;
        }
        self.gentlest = self.softness.iter().fold(0.0, |largest, softness| softness.max(largest));
        self.largest = self.gentlest;
    }

    fn learn(&mut self, step: Vec<f64>, bend: Vec<f64>) {
        let (across, along) = (dot(&step, &bend), dot(&step, &step));
        let steep = dot(&bend, &bend);
        if across.is_nan() || across <= 1e-14 * along.sqrt() * steep.sqrt() || across < f64::MIN_POSITIVE {
            return;
        }
        self.largest = self.largest.max(steep / across);
        let mut factor = 0.0;
        for (bend, softness) in bend.iter().zip(&self.softness) {
            factor += bend * bend / softness / across;
        }
        if self.pairs.len() == PAIRS_MAX {
            self.pairs.remove(0);
        }
        self.pairs.push(Pair { step, bend, across, factor });
        self.pairs_here = (self.pairs_here + 1).min(self.pairs.len());
    }

    /// c.
    fn factor(&self) -> f64 {
        let mut factors: Vec<f64> = self.pairs.iter().map(|pair| pair.factor).collect();
        factors.sort_by(f64::total_cmp);
        let median = factors.get(factors.len() / 2).copied();
        median.filter(|factor| factor.is_finite() && *factor > 0.0).unwrap_or(1.0)
    }

    /// The best point of the model where no price is at its limit: the slope times the inverse of B (Nocedal 1980).
    fn climb(&self, slope: &[f64]) -> Vec<f64> {
        let mut step = slope.to_vec();
        let mut parts = vec![0.0; self.pairs.len()];
        for (pair, part) in self.pairs.iter().zip(&mut parts).rev() {
            *part = dot(&pair.step, &step) / pair.across;
            step.iter_mut().zip(&pair.bend).for_each(|(entry, bend)| *entry -= *part * bend);
        }
        let factor = self.factor();
        step.iter_mut().zip(&self.softness).for_each(|(entry, softness)| *entry /= factor * softness);
        for (pair, part) in self.pairs.iter().zip(parts) {
            let rest = part - dot(&pair.bend, &step) / pair.across;
            step.iter_mut().zip(&pair.step).for_each(|(entry, step)| *entry += rest * step);
        }
        step
    }

    /// B, row by row.
    fn curvature(&self) -> Vec<f64> {
        let n = self.markets.len();
        let mut curvature = vec![0.0; n * n];
        let factor = self.factor();
        for (t, softness) in self.softness.iter().enumerate() {
            curvature[t * n + t] = factor * softness;
        }
        for Pair { step, bend, across, .. } in &self.pairs {
            let image = product(&curvature, step);
            let expected = dot(step, &image);
            for i in 0..n {
                for j in 0..n {
                    curvature[i * n + j] += bend[i] * bend[j] / across - image[i] * image[j] / expected;
                }
            }
        }
        curvature
    }

    fn ascend(&self, from: &Point) -> Vec<f64> {
        let climb = |(t, price): (usize, &f64)| self.markets[t].clamp(price + from.slope[t] / self.largest);
        from.prices.iter().enumerate().map(climb).collect()
    }

    /// The best point of the model within the price limits, found by fixing what goes beyond; None if B is not definite.
    fn secant_step(&self, from: &Point) -> Option<Vec<f64>> {
        let n = self.markets.len();
        if !(0..n).any(|t| self.blocked(from, t)) {
            let step = self.climb(&from.slope);
            let prices: Vec<f64> = from.prices.iter().zip(step).map(|(price, step)| price + step).collect();
            let within = |(market, price): (&Market, &f64)| (market.lowest..=market.highest).contains(price);
            if self.markets.iter().zip(&prices).all(within) {
                return Some(prices);
            }
        }
        let curvature = self.curvature();
        let mut step = vec![0.0; n];
        let mut fixed: Vec<bool> = (0..n).map(|t| self.blocked(from, t)).collect();
        loop {
            let free: Vec<usize> = (0..n).filter(|t| !fixed[*t]).collect();
            let target = |t: &usize| {
                let held: f64 = (0..n).filter(|k| fixed[*k]).map(|k| curvature[t * n + k] * step[k]).sum();
                from.slope[*t] - held
            };
            let right: Vec<f64> = free.iter().map(target).collect();
            let solved = solve_part(&curvature, n, &free, right)?;
            let mut beyond = false;
            for (t, change) in free.iter().zip(solved) {
                let market = &self.markets[*t];
                let room = market.clamp(from.prices[*t] + change) - from.prices[*t];
                let outside = from.prices[*t] + change < market.lowest || from.prices[*t] + change > market.highest;
                step[*t] = if outside { room } else { change };
                fixed[*t] = outside;
                beyond |= outside;
            }
            if !beyond {
                break;
            }
        }
        Some((0..n).map(|t| self.markets[t].clamp(from.prices[t] + step[t])).collect())
    }
}

/// Solves with the rows and columns `free` of a matrix of n rows, by Cholesky.
fn solve_part(matrix: &[f64], n: usize, free: &[usize], mut right: Vec<f64>) -> Option<Vec<f64>> {
    let m = free.len();
    let mut factor = vec![0.0; m * m];
    for i in 0..m {
        for j in 0..=i {
            let mut entry = matrix[free[i] * n + free[j]];
            for k in 0..j {
                entry -= factor[i * m + k] * factor[j * m + k];
            }
            if i != j {
                factor[i * m + j] = entry / factor[j * m + j];
            } else if entry > 0.0 && entry.is_finite() {
                factor[i * m + i] = entry.sqrt();
            } else {
                return None;
            }
        }
    }
    for i in 0..m {
        for k in 0..i {
            right[i] -= factor[i * m + k] * right[k];
        }
        right[i] /= factor[i * m + i];
    }
    for i in (0..m).rev() {
        for k in i + 1..m {
            right[i] -= factor[k * m + i] * right[k];
        }
        right[i] /= factor[i * m + i];
    }
    Some(right)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        sum += a * b;
    }
    sum
}

fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect()
}

/// Curvature that is expected at first, in units of the markets' own softness.
const FIRST: f64 = 3.0;
/// Steps that are remembered.
const PAIRS_MAX: usize = 64;
/// Part of the slope that may point back where a secant step ends.
const OVERSHOOT: f64 = 0.5;
/// What counts as less slope than ever.
const PROGRESS: f64 = 0.95;
/// Secant steps without less slope than ever after which plain ascent takes over.
const PATIENCE: u32 = 12;
/// Steps taken back one after the other after which the prices before them are asked for again.
const REJECTED_MAX: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// The price is 4 of at most 10 where the sum is 2 too much, so that the market charges 12 more than is proved.
    #[test]
    fn slack_and_drift_are_charged() {
        let search = Search::new(vec![Market::exchange(3.0, 10.0)]);
        let check = |slack: f64, drift: f64, upper: f64| {
            let verdict = search.verdict(&[4.0], &[5.0], &Bounds { lower: 1.0, slack, drift });
            assert!(verdict.lower <= -11.0 && verdict.lower > -11.0 - 1e-9, "{verdict:?}");
            assert!(verdict.upper >= upper && verdict.upper < upper + 1e-9, "{verdict:?}, expected {upper}");
        };
        check(0.0, 0.0, 1.0);
        check(0.5, 0.0, 1.5);
        check(0.0, 0.25, 2.5);
    }

    #[test]
    fn a_price_beyond_its_limit_proves_nothing() {
        let search = Search::new(vec![Market::exchange(3.0, 10.0)]);
        let bounds = Bounds { lower: 1.0, slack: 0.0, drift: 0.0 };
        let at_limit = search.verdict(&[10.0], &[5.0], &bounds);
        assert!(at_limit.lower <= at_limit.upper && at_limit.gap() < 1e-9, "{at_limit:?}");
        let beyond = search.verdict(&[10.5], &[5.0], &bounds);
        assert_eq!((beyond.lower, beyond.upper), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
