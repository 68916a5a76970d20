//! The continuous quadratic knapsack: a separable cost over a box and at most one weighted sum.
//!
//! ```text
//! minimise  sum_j 1/2 p_j x_j^2 + c_j x_j   over  low <= sum_j a_j x_j <= high  and a box,  p_j > 0
//! ```
//!
//! With y = a x, w = a^2/p and g = c/a, the answer to the multiplier m of the sum is y_j = (m - g_j) w_j, cut at its
//! bounds, and the sum of these is a rising, piecewise linear function of m. Newton's method on it, kept within a
//! bracket, is exact after a few passes over the variables. Every pass leaves its answers behind, so the last one is the
//! solution. With weights of one nothing is allocated.

use crate::problem::{QpProblem, QpRow};

/// A problem of this shape, with the multiplier of its newest solution.
#[derive(Debug, Clone)]
pub struct Knapsack {
    terms: Terms,
    /// a and 1/a, if not all of them are one.
    weights: Option<(Vec<f64>, Vec<f64>)>,
    variables: usize,
    /// Limits of the sum; infinite where there is none.
    low: f64,
    high: f64,
    /// By how much the sum may be off.
    accuracy: f64,
    multiplier: f64,
}

/// For each variable: w, then the bounds of y, [`LANES`] variables at a time. What is beyond the last variable has no
/// room and no weight.
#[derive(Debug, Clone)]
enum Terms {
    /// All variables alike, and no block with room left: one term for each of them.
    Alike([f64; 3]),
    /// Each as it is.
    Varied(Vec<Block>),
}

type Block = [[f64; LANES]; 3];

impl Knapsack {
    /// The problem's shape, if it is this one and its limits leave room.
    pub fn of(problem: &QpProblem) -> Option<Self> {
        let variables = problem.variables();
        let row = match problem.rows() {
            [] => None,
            [row] => Some(row),
            _ => return None,
        };
        let is_one = |row: &QpRow| {
            row.terms.len() == variables && row.terms.iter().enumerate().all(|(j, term)| *term == (j, 1.0))
        };
        let weights = match row {
            Some(row) if !is_one(row) => {
                let mut weights = vec![0.0; variables];
                row.terms.iter().for_each(|(j, weight)| weights[*j] = *weight);
                let inverse = weights.iter().map(|weight| 1.0 / weight).collect();
                Some((weights, inverse))
            }
            _ => None,
        };
        let weight = |j: usize| weights.as_ref().map_or(1.0, |(weights, _)| weights[j]);
        let first = (variables > 0).then(|| term_of(problem, 0, weight(0))).flatten();
        let (mut alike, mut least, mut most, mut size) = (variables.is_multiple_of(LANES), 0.0, 0.0, 0.0);
        for j in 0..variables {
            let term = term_of(problem, j, weight(j))?;
            let [_, low, high] = term;
            alike &= first == Some(term);
            (least, most) = (least + low, most + high);
            size += low.abs().max(high.abs());
        }
        let (low, high) = row.map_or((f64::NEG_INFINITY, f64::INFINITY), |row| (row.lower, row.upper));
        if least > high || most < low {
            return None;
        }
        let terms = match first {
            Some(term) if alike => Terms::Alike(term),
            _ => {
                let mut blocks = vec![[[0.0; LANES]; 3]; variables.div_ceil(LANES).max(1)];
                for j in 0..variables {
                    for (slot, value) in blocks[j / LANES].iter_mut().zip(term_of(problem, j, weight(j))?) {
                        slot[j % LANES] = value;
                    }
                }
                Terms::Varied(blocks)
            }
        };
        Some(Self { terms, weights, variables, low, high, accuracy: ACCURACY * size, multiplier: 0.0 })
    }

    /// Solves for the linear cost `own + prices`, writes the solution to `x`, and returns the multiplier of the sum,
    /// positive where its lower limit presses.
    pub fn solve(&mut self, own: &[f64], prices: &[f64], x: &mut [f64]) -> f64 {
        self.multiplier = match &self.weights {
            None => self.search(own, prices, x),
            Some((_, inverse)) => {
                let multiplier = self.search(&weighed(own, prices, inverse), &vec![0.0; own.len()], x);
                x.iter_mut().zip(inverse).for_each(|(value, inverse)| *value *= inverse);
                multiplier
            }
        };
        self.multiplier
    }

    /// Writes the answer to a multiplier to `x`: the solution, where it is that of the solution.
    pub(super) fn answer(&self, multiplier: f64, own: &[f64], prices: &[f64], x: &mut [f64]) {
        match &self.weights {
            None => drop(self.pass(multiplier, own, prices, x)),
            Some((_, inverse)) => {
                self.pass(multiplier, &weighed(own, prices, inverse), &vec![0.0; own.len()], x);
                x.iter_mut().zip(inverse).for_each(|(value, inverse)| *value *= inverse);
            }
        }
    }

    /// Takes back what a division by the weights may have put out of the box.
    pub(super) fn keep_within(&self, problem: &QpProblem, x: &mut [f64]) {
        if self.weights.is_some() {
            for ((x, lower), upper) in x.iter_mut().zip(problem.lower()).zip(problem.upper()) {
                *x = x.max(*lower).min(*upper);
            }
        }
    }

    /// A variable's coefficient in the sum; one where there is no sum.
    pub(super) fn weight(&self, variable: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |(weights, _)| weights[variable])
    }

    /// The multiplier of the solution, which is left in `x`.
    fn search(&self, own: &[f64], prices: &[f64], x: &mut [f64]) -> f64 {
        let mut target = self.low;
        if self.low < self.high {
            let (sum, _) = self.pass(0.0, own, prices, x);
            if sum >= self.low && sum <= self.high {
                return 0.0;
            }
            if sum > self.high {
                target = self.high;
            }
        }
        self.reach(target, own, prices, x)
    }

    /// The multiplier at which the sum is `target`, which lies between its extremes up to rounding.
    fn reach(&self, target: f64, own: &[f64], prices: &[f64], x: &mut [f64]) -> f64 {
        let (mut below, mut above) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut multiplier = self.multiplier;
        let mut bracketed = false;
        for pass in 1..=PASSES_MAX {
            let (sum, slope) = self.pass(multiplier, own, prices, x);
            let missing = target - sum;
            if missing.abs() <= self.accuracy {
                break;
            }
            if missing > 0.0 {
                below = multiplier
            } else {
                above = multiplier
            }
            let newton = multiplier + missing / slope;
            let next = if slope > 0.0 && newton > below && newton < above && pass % 8 != 0 {
                newton
            } else {
                if !bracketed {
                    bracketed = true;
                    let (least, most) = self.breakpoints(own, prices);
                    (below, above) = (below.max(least), above.min(most));
                }
                0.5 * below + 0.5 * above
            };
            if next == multiplier || !next.is_finite() || pass == PASSES_MAX {
                break;
            }
            multiplier = next;
        }
        multiplier
    }

    /// Writes the answers to a multiplier to `x`; gives their sum, and by how much it rises with the multiplier.
    fn pass(&self, multiplier: f64, own: &[f64], prices: &[f64], x: &mut [f64]) -> (f64, f64) {
        let (mut sum, mut slope) = ([0.0; LANES], [0.0; LANES]);
        let (own_full, own_rest) = own.as_chunks::<LANES>();
        let (prices_full, prices_rest) = prices.as_chunks::<LANES>();
        let (x_full, x_rest) = x.as_chunks_mut::<LANES>();
        let places = own_full.iter().zip(prices_full).zip(x_full);
        match &self.terms {
            Terms::Alike(term) => {
                let block = term.map(|value| [value; LANES]);
                for ((own, prices), x) in places {
                    answer_lanes(&block, multiplier, (own, prices), x, &mut sum, &mut slope);
                }
            }
            Terms::Varied(blocks) => {
                for (((own, prices), x), block) in places.zip(blocks) {
                    answer_lanes(block, multiplier, (own, prices), x, &mut sum, &mut slope);
                }
            }
        }
        if let (Terms::Varied(blocks), false) = (&self.terms, x_rest.is_empty()) {
            let (mut own, mut prices, mut x) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
            own[..own_rest.len()].copy_from_slice(own_rest);
            prices[..prices_rest.len()].copy_from_slice(prices_rest);
            answer_lanes(&blocks[blocks.len() - 1], multiplier, (&own, &prices), &mut x, &mut sum, &mut slope);
            x_rest.copy_from_slice(&x[..x_rest.len()]);
        }
        ((sum[0] + sum[1]) + (sum[2] + sum[3]), (slope[0] + slope[1]) + (slope[2] + slope[3]))
    }

    /// Multipliers beyond which the sum does not change.
    fn breakpoints(&self, own: &[f64], prices: &[f64]) -> (f64, f64) {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (j, (own, price)) in own.iter().zip(prices).enumerate().take(self.variables) {
            let [response, low, high] = match &self.terms {
                Terms::Alike(term) => *term,
                Terms::Varied(blocks) => blocks[j / LANES].map(|lanes| lanes[j % LANES]),
            };
            least = least.min(own + price + low / response);
            most = most.max(own + price + high / response);
        }
        (least, most)
    }
}

/// A variable's w and the bounds of its y, if it has a curvature of its own and a weight.
fn term_of(problem: &QpProblem, j: usize, weight: f64) -> Option<[f64; 3]> {
    let &[(column, curvature)] = problem.hessian_row(j) else { return None };
    // A variable outside the sum would need a pass of its own.
    if column != j || curvature <= 0.0 || weight == 0.0 {
        return None;
    }
    let (a, b) = (weight * problem.lower()[j], weight * problem.upper()[j]);
    let response = weight * weight / curvature;
    let usable = (1.0 / weight).is_finite() && response.is_finite() && response > 0.0;
    usable.then_some([response, a.min(b), a.max(b)])
}

/// Costs of parts of the sum.
fn weighed(own: &[f64], prices: &[f64], inverse: &[f64]) -> Vec<f64> {
    own.iter().zip(prices).zip(inverse).map(|((own, price), inverse)| (own + price) * inverse).collect()
}

/// The answers of [`LANES`] variables at once, in sums of their own, so that no addition waits for the one before.
#[inline]
fn answer_lanes(
    [response, low, high]: &Block,
    multiplier: f64,
    (own, prices): (&[f64; LANES], &[f64; LANES]),
    x: &mut [f64; LANES],
    sum: &mut [f64; LANES],
    slope: &mut [f64; LANES],
) {
    for lane in 0..LANES {
        let wish = (multiplier - (own[lane] + prices[lane])) * response[lane];
        let answer = cut(wish, low[lane], high[lane]);
        x[lane] = answer;
        sum[lane] += answer;
        slope[lane] += if answer == wish { response[lane] } else { 0.0 };
    }
}

#[inline]
fn cut(wish: f64, low: f64, high: f64) -> f64 {
    let raised = if wish > low { wish } else { low };
    if raised < high { raised } else { high }
}

/// Variables that are handled at once.
const LANES: usize = 4;
/// Passes after which an answer is as good as it gets; bisection alone needs no more for any two numbers of a box.
const PASSES_MAX: u32 = 200;
/// Part of the largest sum that may be missing.
const ACCURACY: f64 = 1e-14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QpRow;

    fn problem(curvature: &[f64], bounds: &[(f64, f64)], row: Option<(&[f64], f64, f64)>) -> QpProblem {
        let n = curvature.len();
        let quadratic: Vec<_> = curvature.iter().enumerate().map(|(j, p)| (j, j, *p)).collect();
        let rows = row.map(|(weights, lower, upper)| QpRow {
            terms: weights.iter().copied().enumerate().collect(),
            lower,
            upper,
        });
        let (lower, upper) = bounds.iter().copied().unzip();
        QpProblem::new(&quadratic, vec![0.0; n], 0.0, rows.into_iter().collect(), lower, upper).expect("well formed")
    }

    fn check(problem: &QpProblem, linear: &[f64], expected: &[f64]) {
        let mut x = vec![f64::NAN; linear.len()];
        let prices = vec![0.25; linear.len()];
        let own: Vec<f64> = linear.iter().map(|cost| cost - 0.25).collect();
        Knapsack::of(problem).expect("the shape").solve(&own, &prices, &mut x);
        for (x, expected) in x.iter().zip(expected) {
            assert!((x - expected).abs() < 1e-12, "{x} {expected}");
        }
    }

    #[test]
    fn the_cheapest_fill_up_first() {
        let bounds = [(0.0, 1.0), (0.0, 1.0), (0.0, 1.0)];
        let half_full = problem(&[1.0; 3], &bounds, Some((&[1.0, 1.0, 1.0], 1.5, 1.5)));
        check(&half_full, &[0.0, 0.25, 9.0], &[0.875, 0.625, 0.0]);
        check(&half_full, &[0.0, 5.0, 9.0], &[1.0, 0.5, 0.0]);
        let budget = problem(&[1.0; 3], &bounds, Some((&[1.0, 2.0, -1.0], f64::NEG_INFINITY, 2.0)));
        check(&budget, &[-0.5, -0.25, 0.0], &[0.5, 0.25, 0.0]);
        check(&budget, &[-5.0, -5.0, 2.0], &[1.0, 0.6, 0.2]);
        check(&problem(&[2.0; 3], &bounds, None), &[-1.0, -4.0, 4.0], &[0.5, 1.0, 0.0]);
    }

    #[test]
    fn full_and_empty_are_answers_too() {
        let bounds = [(0.0, 3.0), (1.0, 2.0)];
        check(&problem(&[1.0; 2], &bounds, Some((&[1.0, 1.0], 1.0, 1.0))), &[-7.0, 3.0], &[0.0, 1.0]);
        check(&problem(&[1e-9; 2], &bounds, Some((&[1.0, 1.0], 5.0, 5.0))), &[-7.0, 3.0], &[3.0, 2.0]);
    }

    #[test]
    fn other_shapes_are_left_to_others() {
        let bounds = [(0.0, 1.0), (0.0, 1.0)];
        assert!(Knapsack::of(&problem(&[1.0, 0.0], &bounds, None)).is_none());
        assert!(Knapsack::of(&problem(&[1.0, 1.0], &bounds, Some((&[1.0, 1.0], 2.5, 3.0)))).is_none());
        assert!(Knapsack::of(&problem(&[1.0, 1.0], &bounds, Some((&[1.0, 0.0], 0.0, 3.0)))).is_none());
    }
}
