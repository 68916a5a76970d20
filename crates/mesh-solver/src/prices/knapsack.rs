//! The continuous quadratic knapsack: a separable cost over a box and at most one weighted sum.
//!
//! ```text
//! minimise  sum_j 1/2 p_j x_j^2 + c_j x_j   over  low <= sum_j a_j x_j <= high  and a box,  p_j > 0
//! ```
//!
//! With y = a x, w = a^2/p and g = c/a, the answer to the multiplier m of the sum is y_j = (m - g_j) w_j, cut at its
//! bounds, and the sum of these is a rising, piecewise linear function of m. Newton's method on it, kept within a
//! bracket, is exact after a few passes over the variables. Nothing is allocated.

use crate::problem::QpProblem;

/// A problem of this shape, with the multiplier of its newest solution.
#[derive(Debug, Clone)]
pub struct Knapsack {
    terms: Terms,
    /// 1/a, if not all of them are one.
    inverse: Option<Vec<f64>>,
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
    /// All variables alike, and no block with room left.
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
        let mut weights = vec![if row.is_some() { 0.0 } else { 1.0 }; variables];
        row.iter().flat_map(|row| &row.terms).for_each(|(j, weight)| weights[*j] = *weight);
        let mut terms = vec![[[0.0; LANES]; 3]; variables.div_ceil(LANES).max(1)];
        let (mut least, mut most, mut size) = (0.0, 0.0, 0.0);
        for (j, weight) in weights.iter().enumerate() {
            let &[(column, curvature)] = problem.hessian_row(j) else { return None };
            // A variable outside the sum would need a pass of its own.
            if column != j || curvature <= 0.0 || *weight == 0.0 {
                return None;
            }
            let (a, b) = (weight * problem.lower()[j], weight * problem.upper()[j]);
            let response = weight * weight / curvature;
            if !((1.0 / weight).is_finite() && response.is_finite() && response > 0.0) {
                return None;
            }
            let (low, high) = (a.min(b), a.max(b));
            for (slot, value) in terms[j / LANES].iter_mut().zip([response, low, high]) {
                slot[j % LANES] = value;
            }
            (least, most) = (least + low, most + high);
            size += a.abs().max(b.abs());
        }
        let (low, high) = row.map_or((f64::NEG_INFINITY, f64::INFINITY), |row| (row.lower, row.upper));
        let room = least <= high && most >= low;
        let terms = Terms::of(terms);
        let inverse = weights.iter().any(|weight| *weight != 1.0);
        let inverse = inverse.then(|| weights.iter().map(|weight| 1.0 / weight).collect());
        room.then_some(Self { terms, inverse, variables, low, high, accuracy: ACCURACY * size, multiplier: 0.0 })
    }

    /// Solves for the linear cost in `room`, writes the solution there, and returns the multiplier of the sum, positive
    /// where its lower limit presses.
    pub fn solve(&mut self, room: &mut [f64]) -> f64 {
        self.divide(room);
        let free = self.low < self.high;
        let at_zero = if free { self.sum(0.0, room).0 } else { 0.0 };
        self.multiplier = if free && at_zero >= self.low && at_zero <= self.high {
            0.0
        } else {
            let target = if free && at_zero > self.high { self.high } else { self.low };
            self.reach(target, room)
        };
        self.replace_by_answers(self.multiplier, room);
        self.divide(room);
        self.multiplier
    }

    /// Writes the answer to a multiplier over the linear cost in `room`: the solution, where it is that of the solution.
    pub(super) fn answer(&self, multiplier: f64, room: &mut [f64]) {
        self.divide(room);
        self.replace_by_answers(multiplier, room);
        self.divide(room);
    }

    /// Takes back what a division by the weights may have put out of the box.
    pub(super) fn keep_within(&self, problem: &QpProblem, x: &mut [f64]) {
        if self.inverse.is_some() {
            for ((x, lower), upper) in x.iter_mut().zip(problem.lower()).zip(problem.upper()) {
                *x = x.max(*lower).min(*upper);
            }
        }
    }

    /// Costs c to g, and parts of the sum y to x.
    fn divide(&self, values: &mut [f64]) {
        if let Some(inverse) = &self.inverse {
            values.iter_mut().zip(inverse).for_each(|(value, inverse)| *value *= inverse);
        }
    }

    /// The multiplier at which the sum is `target`, which lies between its extremes up to rounding.
    fn reach(&self, target: f64, costs: &[f64]) -> f64 {
        let (mut below, mut above) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut multiplier = self.multiplier;
        let mut bracketed = false;
        for pass in 0..PASSES_MAX {
            let (sum, slope) = self.sum(multiplier, costs);
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
            let next = if slope > 0.0 && newton > below && newton < above && pass % 8 != 7 {
                newton
            } else {
                if !bracketed {
                    bracketed = true;
                    let (least, most) = self.breakpoints(costs);
                    (below, above) = (below.max(least), above.min(most));
                }
                0.5 * below + 0.5 * above
            };
            if next == multiplier || !next.is_finite() {
                break;
            }
            multiplier = next;
        }
        multiplier
    }

    /// The sum of the answers to a multiplier, and by how much it rises with it.
    fn sum(&self, multiplier: f64, costs: &[f64]) -> (f64, f64) {
        let (mut sum, mut slope) = ([0.0; LANES], [0.0; LANES]);
        let (full, rest) = costs.as_chunks::<LANES>();
        match &self.terms {
            Terms::Alike(terms) => {
                let terms = &terms.map(|term| [term; LANES]);
                for costs in full {
                    add_lanes(terms, multiplier, costs, &mut sum, &mut slope);
                }
            }
            Terms::Varied(terms) => {
                for (terms, costs) in terms.iter().zip(full) {
                    add_lanes(terms, multiplier, costs, &mut sum, &mut slope);
                }
            }
        }
        if !rest.is_empty() {
            let mut costs = [0.0; LANES];
            costs[..rest.len()].copy_from_slice(rest);
            add_lanes(&self.terms.last(), multiplier, &costs, &mut sum, &mut slope);
        }
        ((sum[0] + sum[1]) + (sum[2] + sum[3]), (slope[0] + slope[1]) + (slope[2] + slope[3]))
    }

    fn replace_by_answers(&self, multiplier: f64, room: &mut [f64]) {
        let (full, rest) = room.as_chunks_mut::<LANES>();
        for (block, costs) in full.iter_mut().enumerate() {
            let [response, low, high] = self.terms.block(block);
            for lane in 0..LANES {
                costs[lane] = cut((multiplier - costs[lane]) * response[lane], low[lane], high[lane]);
            }
        }
        let [response, low, high] = self.terms.last();
        for (lane, cost) in rest.iter_mut().enumerate() {
            *cost = cut((multiplier - *cost) * response[lane], low[lane], high[lane]);
        }
    }

    /// Multipliers beyond which the sum does not change.
    fn breakpoints(&self, costs: &[f64]) -> (f64, f64) {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (j, cost) in costs.iter().enumerate().take(self.variables) {
            let last = j / LANES == self.variables / LANES;
            let [response, low, high] = if last { self.terms.last() } else { self.terms.block(j / LANES) };
            least = least.min(cost + low[j % LANES] / response[j % LANES]);
            most = most.max(cost + high[j % LANES] / response[j % LANES]);
        }
        (least, most)
    }
}

impl Terms {
    /// Blocks, of which there is one at least; all but the last are full.
    fn of(blocks: Vec<Block>) -> Self {
        let first = blocks[0];
        let same = |lanes: &[f64; LANES]| lanes.iter().all(|value| *value == lanes[0]);
        let alike = first.iter().all(same) && blocks.iter().all(|block| *block == first);
        if alike { Self::Alike(first.map(|lanes| lanes[0])) } else { Self::Varied(blocks) }
    }

    fn block(&self, place: usize) -> Block {
        match self {
            Self::Alike(terms) => terms.map(|term| [term; LANES]),
            Self::Varied(blocks) => blocks[place],
        }
    }

    fn last(&self) -> Block {
        match self {
            Self::Alike(_) => self.block(0),
            Self::Varied(blocks) => self.block(blocks.len() - 1),
        }
    }
}

/// [`LANES`] variables at once, in sums of their own, so that no addition waits for the one before.
#[inline]
fn add_lanes(
    [response, low, high]: &Block,
    multiplier: f64,
    costs: &[f64; LANES],
    sum: &mut [f64; LANES],
    slope: &mut [f64; LANES],
) {
    for lane in 0..LANES {
        let wish = (multiplier - costs[lane]) * response[lane];
        let answer = cut(wish, low[lane], high[lane]);
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
        let mut x = linear.to_vec();
        Knapsack::of(problem).expect("the shape").solve(&mut x);
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
