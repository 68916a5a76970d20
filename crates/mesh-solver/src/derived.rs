//! Bounds of variables that follow from the rows and the bounds of other variables.
//!
//! `a x + (the rest) <= upper` and the least value of the rest bound x on one side. The sums are rounded outwards, so what
//! is derived holds for every feasible point. Only missing bounds are filled in; those that are given stay as they are.

use crate::interval::Interval;
use crate::problem::{MAGNITUDE_MAX, QpProblem, QpRow};

/// A side of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// Its smallest value.
    Lower,
    /// Its largest value.
    Upper,
}

impl std::fmt::Display for Bound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
        })
    }
}

/// A certificate needs a bound that is neither given nor follows from the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "variable {variable} has no {side} bound, and none follows from the rows: no cost can be certified without one"
)]
pub struct MissingBound {
    /// The variable.
    pub variable: usize,
    /// Which of its bounds.
    pub side: Bound,
}

impl QpProblem {
    /// The smallest and largest values of all variables, with those that are missing derived from the rows where they
    /// follow from them; infinite where they do not.
    pub fn derived_bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let mut bounds = Bounds { lower: self.lower().to_vec(), upper: self.upper().to_vec(), work: 0 };
        for _ in 0..PASSES_MAX {
            let mut found = false;
            for row in self.rows() {
                found |= bounds.tighten(row);
            }
            if !found || bounds.work > WORK_MAX {
                break;
            }
        }
        (bounds.lower, bounds.upper)
    }

    /// The problem with every bound that a certificate needs: given, or derived from the rows.
    pub fn with_derived_bounds(&self) -> Result<Self, MissingBound> {
        let (lower, upper) = self.derived_bounds();
        let missing = |values: &[f64], side| {
            values.iter().position(|value| value.is_infinite()).map(|variable| MissingBound { variable, side })
        };
        match missing(&lower, Bound::Lower).or_else(|| missing(&upper, Bound::Upper)) {
            Some(missing) => Err(missing),
            None => Ok(self.in_box(lower, upper)),
        }
    }
}

/// What is known of the variables so far.
struct Bounds {
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// Terms that were added up.
    work: usize,
}

impl Bounds {
    /// Fills in what a row says about its variables; whether that was anything.
    fn tighten(&mut self, row: &QpRow) -> bool {
        let mut found = false;
        for (variable, coefficient) in &row.terms {
            let (open_below, open_above) = (self.lower[*variable].is_infinite(), self.upper[*variable].is_infinite());
            if *coefficient == 0.0 || !(open_below || open_above) {
                continue;
            }
            // From the row's upper side and the least of the rest, then from its lower side and the most of it.
            for (side, sign) in [(row.upper, 1.0), (-row.lower, -1.0)] {
                let bounds_above = *coefficient * sign > 0.0;
                let wanted = if bounds_above { open_above } else { open_below };
                if !wanted || side.is_infinite() {
                    continue;
                }
                let Some(least) = self.least_of_rest(row, *variable, sign) else { continue };
                let room = Interval::point(side).minus(least).high / (coefficient * sign).abs();
                if let Some(bound) = Some(room.next_up()).filter(|room| room.abs() <= MAGNITUDE_MAX) {
                    found |= self.accept(*variable, bounds_above, bound);
                }
            }
        }
        found
    }

    /// A bound that contradicts the one on the other side says that nothing is feasible, which is for others to prove.
    fn accept(&mut self, variable: usize, above: bool, bound: f64) -> bool {
        let fits = if above { bound >= self.lower[variable] } else { -bound <= self.upper[variable] };
        match (fits, above) {
            (false, _) => {}
            (true, true) => self.upper[variable] = self.upper[variable].min(bound),
            (true, false) => self.lower[variable] = self.lower[variable].max(-bound),
        }
        fits
    }

    /// The least value of `sign` times the other terms of a row; none if there is no least.
    fn least_of_rest(&mut self, row: &QpRow, without: usize, sign: f64) -> Option<Interval> {
        let mut least = Interval::ZERO;
        for (variable, coefficient) in row.terms.iter().filter(|(variable, _)| *variable != without) {
            self.work += 1;
            let factor = coefficient * sign;
            let end = if factor > 0.0 { self.lower[*variable] } else { self.upper[*variable] };
            if factor == 0.0 {
                continue;
            }
            if end.is_infinite() {
                return None;
            }
            least = least.plus(Interval::point(end).times(factor));
        }
        Some(least)
    }
}

/// Most passes over the rows; a bound found in one may give others in the next.
const PASSES_MAX: u32 = 16;
/// Most terms that are added up.
const WORK_MAX: usize = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: f64 = f64::INFINITY;

    /// Terms and sides of a row.
    type Terms<'a> = (&'a [(usize, f64)], f64, f64);

    fn problem(rows: &[Terms<'_>], boxes: &[(f64, f64)]) -> QpProblem {
        let rows =
            rows.iter().map(|(terms, lower, upper)| QpRow { terms: terms.to_vec(), lower: *lower, upper: *upper });
        let (lower, upper) = boxes.iter().copied().unzip();
        QpProblem::new(&[], vec![0.0; boxes.len()], 0.0, rows.collect(), lower, upper).expect("well formed")
    }

    #[test]
    fn a_chain_of_rows_bounds_a_chain_of_variables() {
        // x in 0..1, y - x in -1..1, z = 2 y.
        let rows: [Terms<'_>; 2] = [(&[(2, 1.0), (1, -2.0)], 0.0, 0.0), (&[(1, 1.0), (0, -1.0)], -1.0, 1.0)];
        let open = problem(&rows, &[(0.0, 1.0), (-NONE, NONE), (-NONE, NONE)]);
        let (lower, upper) = open.derived_bounds();
        for (j, (low, high)) in [(0.0, 1.0), (-1.0, 2.0), (-2.0, 4.0)].into_iter().enumerate() {
            assert!(lower[j] <= low && lower[j] > low - 1e-12, "{lower:?}");
            assert!(upper[j] >= high && upper[j] < high + 1e-12, "{upper:?}");
        }
        let closed = open.with_derived_bounds().expect("all bounds follow");
        assert_eq!((closed.lower(), closed.upper()), (lower.as_slice(), upper.as_slice()));
    }

    #[test]
    fn what_does_not_follow_is_named() {
        let rows: [Terms<'_>; 1] = [(&[(0, 1.0), (1, -1.0)], -NONE, 0.0)];
        // x <= y bounds x from above by y, and nothing bounds y.
        let open = problem(&rows, &[(0.0, NONE), (0.0, NONE)]);
        assert_eq!(open.with_derived_bounds().map(|_| ()), Err(MissingBound { variable: 0, side: Bound::Upper }));
        let half = problem(&rows, &[(-NONE, NONE), (0.0, 2.0)]);
        assert_eq!(half.with_derived_bounds().map(|_| ()), Err(MissingBound { variable: 0, side: Bound::Lower }));
        assert!(half.derived_bounds().1[0] >= 2.0);
    }
}
