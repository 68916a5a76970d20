//! The proof that near a plan there is one that keeps to every equation exactly, whatever shares are agreed.
//!
//! A plan in numbers of the machine satisfies an equation up to rounding only, and so do the shares that follow from
//! others; a cost of such a plan bounds nothing. The equations of the member and those of its shares, in as many of the
//! variables, are proved to have a solution for whatever the shares are ([`Solvable`]). It is so near that every bound
//! that the plan keeps to with room it keeps to as well, and what it costs at most is the upper bound.

use super::affine::Equation;
use super::solvable::Solvable;
use crate::QpProblem;
use crate::bound::cost_rounded_up;
use crate::interval::Interval;
use crate::network::Share;

/// What is proved once about a member's equations.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// The equations, then those of the shares, over all variables.
    equations: Vec<Equation>,
    /// The variables that they are solved for.
    unknowns: Vec<usize>,
    solvable: Solvable,
    shares: usize,
}

impl Proof {
    /// Proves that the equations of `problem` and any values of `shares` can be met by changing `unknowns` alone, which
    /// are as many. A variable between equal bounds stays where it is.
    pub(crate) fn of<'a>(
        problem: &QpProblem,
        shares: impl Iterator<Item = &'a Share>,
        unknowns: Vec<usize>,
    ) -> Option<Self> {
        let is_unknown = |variable: usize| unknowns.binary_search(&variable).ok();
        let mut equations: Vec<Equation> = Vec::new();
        for row in problem.rows().iter().filter(|row| row.lower == row.upper) {
            // What has no terms is true or not, and holds no unknown.
            if row.terms.iter().any(|(_, entry)| *entry != 0.0) {
                equations.push((row.terms.clone(), row.lower));
            } else if row.lower != 0.0 {
                return None;
            }
        }
        let own = equations.len();
        equations.extend(shares.map(|share| (share.terms.clone(), 0.0)));
        if equations.len() != unknowns.len() {
            return None;
        }
        let square: Vec<Equation> = equations
            .iter()
            .map(|(terms, _)| (terms.iter().filter_map(|(j, entry)| Some((is_unknown(*j)?, *entry))).collect(), 0.0))
            .collect();
        let solvable = Solvable::prove(&square)?;
        Some(Self { shares: equations.len() - own, equations, unknowns, solvable })
    }

    /// An upper bound on what a plan near `x` costs that satisfies all constraints exactly and has shares within `radii` of
    /// `values`, whichever these are; none if that takes it too near to a bound.
    pub(crate) fn cost(&self, problem: &QpProblem, x: &[f64], values: &[f64], radii: &[f64]) -> Option<f64> {
        let own = self.equations.len() - self.shares;
        let missed = |(place, (terms, value)): (usize, &Equation)| {
            let of_share = place.checked_sub(own);
            let wanted = Interval::point(of_share.map_or(*value, |share| values[share]));
            let away = sum(terms, x).minus(wanted);
            let radius = of_share.map_or(0.0, |share| radii[share]);
            (away.high.max(-away.low) + radius).next_up()
        };
        let missed: Vec<f64> = self.equations.iter().enumerate().map(missed).collect();
        let mut reach = vec![0.0; x.len()];
        self.unknowns.iter().zip(self.solvable.reach(&missed)).for_each(|(j, within)| reach[*j] = within);
        let inside = |value: Interval, lower: f64, upper: f64| lower <= value.low && value.high <= upper;
        let variables = (0..x.len()).all(|j| {
            let around = if reach[j] == 0.0 { Interval::point(x[j]) } else { widened(Interval::point(x[j]), reach[j]) };
            inside(around, problem.lower()[j], problem.upper()[j])
        });
        let rows = problem.rows().iter().filter(|row| row.lower != row.upper).all(|row| {
            let moved = row
                .terms
                .iter()
                .fold(0.0, |sum: f64, (j, entry)| (sum + (entry.abs() * reach[*j]).next_up()).next_up());
            inside(widened(sum(&row.terms, x), moved), row.lower, row.upper)
        });
        let cost = cost_rounded_up(problem, x) + dearer(problem, x, &reach);
        (variables && rows && cost.is_finite()).then_some(cost.next_up())
    }
}

/// By how much the cost may rise within `reach` of `x`.
fn dearer(problem: &QpProblem, x: &[f64], reach: &[f64]) -> f64 {
    let mut sum = 0.0f64;
    for (j, within) in reach.iter().enumerate().filter(|(_, within)| **within > 0.0) {
        let mut slope = problem.linear()[j].abs();
        for (k, entry) in problem.hessian_row(j) {
            slope = (slope + (entry.abs() * (x[*k].abs() + reach[*k]).next_up()).next_up()).next_up();
        }
        sum = (sum + (slope * within).next_up()).next_up();
    }
    sum
}

fn sum(terms: &[(usize, f64)], x: &[f64]) -> Interval {
    terms.iter().fold(Interval::ZERO, |sum, (j, entry)| sum.plus(Interval::point(*entry).times(x[*j])))
}

fn widened(value: Interval, by: f64) -> Interval {
    value.plus(Interval { low: -by, high: by })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QpRow;

    /// x + y = 1 and x - 2z <= 0.5 over a unit box; y is shared; costs 3x + z^2.
    fn problem() -> (QpProblem, Share) {
        let rows = vec![
            QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 1.0, upper: 1.0 },
            QpRow { terms: vec![(0, 1.0), (2, -2.0)], lower: f64::NEG_INFINITY, upper: 0.5 },
        ];
        let problem =
            QpProblem::new(&[(2, 2, 2.0)], vec![3.0, 0.0, 0.0], 0.0, rows, vec![0.0; 3], vec![1.0; 3]).unwrap();
        (problem, Share { junction: 0, terms: vec![(1, 1.0)] })
    }

    #[test]
    fn a_plan_that_is_off_by_rounding_stands_for_one_that_is_not() {
        let (problem, share) = problem();
        let proof = Proof::of(&problem, [&share].into_iter(), vec![0, 1]).unwrap();
        let check = |x: [f64; 3], value: f64, radius: f64| proof.cost(&problem, &x, &[value], &[radius]);
        let cost = check([0.7, 0.3 + 1e-13, 0.2], 0.3, 0.0).unwrap();
        assert!((3.0 * 0.7 + 0.04..2.14 + 1e-11).contains(&cost), "{cost}");
        let wider = check([0.7, 0.3, 0.2], 0.3, 1e-6).unwrap();
        assert!((2.14 + 3e-6..2.14 + 7e-6).contains(&wider), "{wider}");
        assert_eq!(check([0.7, 0.3, 0.1], 0.3, 0.0), None, "the row is full, and rounding may be on the wrong side");
        assert_eq!(check([0.7, 0.3, 1.1], 0.3, 0.0), None, "beyond a bound");
        assert_eq!(check([1.0, 0.0, 0.5], 0.0, 0.0), None, "at bounds that the solution might be beyond");
        assert_eq!(check([0.7, 0.3, f64::NAN], 0.3, 0.0), None);
    }

    #[test]
    fn equations_that_cannot_be_met_have_no_proof() {
        let (problem, share) = problem();
        assert!(Proof::of(&problem, [&share].into_iter(), vec![1, 2]).is_none(), "z is in no equation");
        assert!(Proof::of(&problem, [&share, &share].into_iter(), vec![0, 1, 2]).is_none(), "two equal shares");
    }
}
