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
    terms: Vec<Term>,
    /// Limits of the sum; infinite where there is none.
    low: f64,
    high: f64,
    multiplier: f64,
}

/// One variable, as its part of the sum.
#[derive(Debug, Clone, Copy)]
struct Term {
    /// 1/a.
    inverse: f64,
    /// w.
    response: f64,
    /// Bounds of y.
    low: f64,
    high: f64,
}

impl Knapsack {
    /// The problem's shape, if it is this one and its limits leave room.
    pub fn of(problem: &QpProblem) -> Option<Self> {
        let n = problem.variables();
        let row = match problem.rows() {
            [] => None,
            [row] => Some(row),
            _ => return None,
        };
        let mut weights = vec![0.0; n];
        row.iter().flat_map(|row| &row.terms).for_each(|(j, weight)| weights[*j] = *weight);
        let mut terms = Vec::with_capacity(n);
        for (j, weight) in weights.iter().enumerate() {
            let &[(column, curvature)] = problem.hessian_row(j) else { return None };
            // A variable outside the sum would need a pass of its own.
            if column != j || curvature <= 0.0 || (row.is_some() && *weight == 0.0) {
                return None;
            }
            let weight = if row.is_some() { *weight } else { 1.0 };
            let (a, b) = (weight * problem.lower()[j], weight * problem.upper()[j]);
            let response = weight * weight / curvature;
            let term = Term { inverse: 1.0 / weight, response, low: a.min(b), high: a.max(b) };
            if !(term.inverse.is_finite() && response.is_finite() && response > 0.0) {
                return None;
            }
            terms.push(term);
        }
        let (low, high) = row.map_or((f64::NEG_INFINITY, f64::INFINITY), |row| (row.lower, row.upper));
        let (mut least, mut most) = (0.0, 0.0);
        terms.iter().for_each(|term| (least, most) = (least + term.low, most + term.high));
        let room = least <= high && most >= low;
        room.then_some(Self { terms, low, high, multiplier: 0.0 })
    }

    /// Solves for the linear cost `linear`, writes the solution to `x`, and returns the multiplier of the sum, positive
    /// where its lower limit presses.
    pub fn solve(&mut self, linear: &[f64], x: &mut [f64]) -> f64 {
        let free = self.low < self.high;
        let at_zero = if free { self.sum(0.0, linear).0 } else { 0.0 };
        let multiplier = if free && at_zero >= self.low && at_zero <= self.high {
            0.0
        } else {
            let target = if free && at_zero > self.high { self.high } else { self.low };
            self.reach(target, linear)
        };
        self.multiplier = multiplier;
        for ((x, term), cost) in x.iter_mut().zip(&self.terms).zip(linear) {
            *x = term.at(multiplier, *cost) * term.inverse;
        }
        multiplier
    }

    /// The multiplier at which the sum is `target`, which lies between its extremes up to rounding.
    fn reach(&self, target: f64, linear: &[f64]) -> f64 {
        let (mut below, mut above) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut multiplier = self.multiplier;
        let mut bracketed = false;
        for pass in 0..PASSES_MAX {
            let (sum, slope) = self.sum(multiplier, linear);
            let missing = target - sum;
            if missing.abs() <= ACCURACY * target.abs() {
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
                    let (least, most) = self.breakpoints(linear);
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

    /// Sum of the answers to a multiplier, and by how much it rises with it.
    fn sum(&self, multiplier: f64, linear: &[f64]) -> (f64, f64) {
        let (mut sum, mut slope) = (0.0, 0.0);
        for (term, cost) in self.terms.iter().zip(linear) {
            let wish = term.wish(multiplier, *cost);
            sum += term.cut(wish);
            slope += if wish > term.low && wish < term.high { term.response } else { 0.0 };
        }
        (sum, slope)
    }

    /// Multipliers beyond which the sum does not change.
    fn breakpoints(&self, linear: &[f64]) -> (f64, f64) {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (term, cost) in self.terms.iter().zip(linear) {
            least = least.min(cost * term.inverse + term.low / term.response);
            most = most.max(cost * term.inverse + term.high / term.response);
        }
        (least, most)
    }
}

impl Term {
    fn wish(&self, multiplier: f64, cost: f64) -> f64 {
        (multiplier - cost * self.inverse) * self.response
    }

    fn cut(&self, wish: f64) -> f64 {
        let raised = if wish > self.low { wish } else { self.low };
        if raised < self.high { raised } else { self.high }
    }

    fn at(&self, multiplier: f64, cost: f64) -> f64 {
        self.cut(self.wish(multiplier, cost))
    }
}

/// Passes after which an answer is as good as it gets; bisection alone needs no more for any two numbers of a box.
const PASSES_MAX: u32 = 200;
/// Part of the sum that may be missing.
const ACCURACY: f64 = 1e-15;

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
        let mut x = vec![0.0; linear.len()];
        Knapsack::of(problem).expect("the shape").solve(linear, &mut x);
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
