//! A number that is below the optimal value, whatever the rounding did (Neumaier and Shcherbina 2004).
//!
//! Let f(x) = 1/2 x'Px + q'x + c with P positive semidefinite, `p` any point and `y` any multipliers of the rows.
//! For every feasible x:
//!
//! 1. f is above its tangent: f(x) >= c - 1/2 p'Pp + g'x with g = q + Pp, because (x-p)'P(x-p) >= 0.
//! 2. g'x = (g - A'y)'x + y'(Ax), and y'(Ax) >= sum over rows of y_i times the lower bound if y_i > 0, the upper bound
//!    otherwise.
//! 3. x lies in its box: with d = g - A'y, d_j x_j >= min(d_j lower_j, d_j upper_j).
//!
//! The sum of the three is the bound. Steps 1 to 3 hold for any `p` and `y`, so these may come from anywhere and be
//! wrong; only how close the bound is depends on them. Every operation is done on intervals that are rounded outwards,
//! and the lower end is returned. A P that bends down by what rounding leaves of a zero passes [`QpProblem::new`], with a
//! diagonal D for which P + D is positive semidefinite for sure; then step 1 is short of 1/2 (x-p)'D(x-p), the most of
//! which over the box is taken off.

use crate::interval::Interval;
use crate::problem::{QpProblem, QpRow};

/// A lower bound on `f(x) + extra'x` over the feasible x of `problem`; minus infinity if nothing better can be said.
///
/// `extra` adds linear cost to single variables, prices for instance; a variable may occur several times, and the sums
/// are covered by the rounding. `point` has one entry a variable and `multipliers` one a row, positive where the lower
/// side of a row presses. Entries that are missing or not finite count as zero.
pub fn lower_bound(problem: &QpProblem, extra: &[(usize, f64)], point: &[f64], multipliers: &[f64]) -> f64 {
    let n = problem.variables();
    let point: Vec<f64> = (0..n).map(|j| finite(point, j)).collect();
    let mut reduced: Vec<Interval> = problem.linear().iter().map(|q| Interval::point(*q)).collect();
    for (variable, cost) in extra {
        match reduced.get_mut(*variable) {
            Some(reduced) if cost.is_finite() => *reduced = reduced.plus(Interval::point(*cost)),
            _ => return f64::NEG_INFINITY,
        }
    }
    let mut curvature = Interval::ZERO;
    for (j, value) in point.iter().enumerate() {
        let mut gradient = Interval::ZERO;
        for (k, entry) in problem.hessian_row(j) {
            gradient = gradient.plus(Interval::point(*entry).times(point[*k]));
        }
        curvature = curvature.plus(gradient.times(*value));
        reduced[j] = reduced[j].plus(gradient);
    }
    let mut tangent = Interval::point(problem.constant()).minus(curvature.times(0.5));
    for (j, lift) in problem.lift().iter().enumerate().filter(|(_, lift)| **lift > 0.0) {
        let away = |side: f64| Interval::point(side).minus(Interval::point(point[j])).square().high;
        let most = away(problem.lower()[j]).max(away(problem.upper()[j]));
        tangent = tangent.minus(Interval::point(most).times(0.5).times(*lift));
    }
    let least = least_over(problem.rows(), problem.lower(), problem.upper(), reduced, multipliers);
    let bound = tangent.plus(least).low;
    if bound.is_nan() { f64::NEG_INFINITY } else { bound }
}

/// An upper bound on the cost of `x`: f(x) rounded upwards; infinity where `x` is no point of the problem's space.
pub fn cost_rounded_up(problem: &QpProblem, x: &[f64]) -> f64 {
    if x.len() != problem.variables() || x.iter().any(|value| !value.is_finite()) {
        return f64::INFINITY;
    }
    let mut cost = Interval::point(problem.constant());
    for (j, value) in x.iter().enumerate() {
        let mut gradient = Interval::ZERO;
        for (k, entry) in problem.hessian_row(j) {
            gradient = gradient.plus(Interval::point(*entry).times(x[*k]));
        }
        let slope = gradient.times(0.5).plus(Interval::point(problem.linear()[j]));
        cost = cost.plus(slope.times(*value));
    }
    cost.high
}

/// How far two bounds on one optimum are apart, relative to the upper one where that is more than 1.
///
/// Infinity if they prove nothing: where one is missing or no number, and where they contradict each other, that is the
/// lower one is above the upper one by more than a plan may be off its constraints. Below that, bounds that crossed are as
/// far apart as others.
pub fn relative_gap(lower: f64, upper: f64) -> f64 {
    let gap = (upper - lower) / upper.abs().max(1.0);
    if (-CROSSED..f64::INFINITY).contains(&gap) { gap.abs() } else { f64::INFINITY }
}

/// Steps 2 and 3: encloses a lower bound on `cost'x` over rows and box.
pub(crate) fn least_over(
    rows: &[QpRow],
    lower: &[f64],
    upper: &[f64],
    cost: Vec<Interval>,
    multipliers: &[f64],
) -> Interval {
    let mut reduced = cost;
    let mut least = Interval::ZERO;
    for (i, row) in rows.iter().enumerate() {
        let y = finite(multipliers, i);
        let side = if y > 0.0 { row.lower } else { row.upper };
        if y == 0.0 || !side.is_finite() {
            continue;
        }
        for (variable, coefficient) in &row.terms {
            reduced[*variable] = reduced[*variable].minus(Interval::point(*coefficient).times(y));
        }
        least = least.plus(Interval::point(side).times(y));
    }
    for (j, reduced) in reduced.iter().enumerate() {
        let (a, b) = (reduced.times(lower[j]), reduced.times(upper[j]));
        least = least.plus(Interval { low: a.low.min(b.low), high: a.high.min(b.high) });
    }
    least
}

/// By how much, of their size, bounds may cross: plans satisfy their constraints up to a tolerance, and may cost less than
/// the best that satisfies them exactly.
const CROSSED: f64 = 1e-6;

fn finite(values: &[f64], place: usize) -> f64 {
    values.get(place).copied().filter(|value| value.is_finite()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// min x^2/2 + y over x + y >= 1 in the box 0..1: optimum 1/2 at (1, 0) with multiplier 1.
    fn problem() -> QpProblem {
        let row = QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 1.0, upper: f64::INFINITY };
        QpProblem::new(&[(0, 0, 1.0)], vec![0.0, 1.0], 0.0, vec![row], vec![0.0; 2], vec![1.0; 2])
            .expect("a well-formed problem")
    }

    #[test]
    fn tight_at_the_optimum_and_valid_everywhere() {
        let tight = lower_bound(&problem(), &[], &[1.0, 0.0], &[1.0]);
        assert!(tight < 0.5 && tight > 0.5 - 1e-13, "{tight}");
        for garbage in [f64::NAN, f64::INFINITY, -1e300, 1e300, 7.0] {
            assert!(lower_bound(&problem(), &[], &[garbage, garbage], &[garbage]) < 0.5);
        }
        assert!(lower_bound(&problem(), &[], &[], &[]) < 0.5);
    }

    #[test]
    fn prices_are_part_of_the_cost() {
        let shifted = lower_bound(&problem(), &[(1, 1.0), (1, 1.0)], &[1.0, 0.0], &[1.0]);
        assert!(shifted < 0.5 && shifted > 0.5 - 1e-13, "{shifted}");
        let paid = lower_bound(&problem(), &[(0, -3.0)], &[1.0, 0.0], &[0.0]);
        assert!(paid < -2.5 && paid > -2.5 - 1e-13, "{paid}");
        assert_eq!(lower_bound(&problem(), &[(2, 1.0)], &[1.0, 0.0], &[1.0]), f64::NEG_INFINITY);
    }

    /// P has the eigenvalue -1e-12, and where it bends down the box is large: the tangent at zero is above the cost.
    #[test]
    fn what_passes_for_convex_is_accounted_for() {
        let wide = 1e6;
        let problem = QpProblem::new(
            &[(0, 0, 1.0), (0, 1, 1.0 + 1e-12), (1, 1, 1.0)],
            vec![0.0; 2],
            0.0,
            Vec::new(),
            vec![-wide; 2],
            vec![wide; 2],
        )
        .expect("convex but for rounding");
        let there = cost_rounded_up(&problem, &[wide, -wide]);
        assert!(there < -0.9, "it bends down: {there}");
        for point in [vec![0.0, 0.0], vec![wide, -wide], vec![1.0, -1.0]] {
            let bound = lower_bound(&problem, &[], &point, &[]);
            assert!(bound <= there && bound > -1e3, "{bound} from {point:?}, it can cost {there}");
        }
    }

    #[test]
    fn costs_are_rounded_up() {
        let cost = cost_rounded_up(&problem(), &[0.1, 0.3]);
        assert!(cost > 0.305 && cost < 0.305 + 1e-14);
        for nowhere in [vec![0.1, f64::NAN], vec![f64::INFINITY, 0.3], vec![0.1], Vec::new()] {
            assert_eq!(cost_rounded_up(&problem(), &nowhere), f64::INFINITY);
        }
    }

    #[test]
    fn bounds_that_contradict_each_other_are_infinitely_far_apart() {
        let check = |lower: f64, upper: f64, expect: f64| assert_eq!(relative_gap(lower, upper), expect);
        check(0.5, 0.75, 0.25);
        check(3.0, 4.0, 0.25);
        check(-4.0, -3.0, 1.0 / 3.0);
        check(1.0 + 1e-9, 1.0, (1.0 + 1e-9) - 1.0);
        for (lower, upper) in [
            (1.0 + 2e-6, 1.0),
            (2.0, 1.0),
            (-3.0, -4.0),
            (f64::NEG_INFINITY, 1.0),
            (1.0, f64::INFINITY),
            (f64::NEG_INFINITY, f64::INFINITY),
            (f64::INFINITY, f64::INFINITY),
            (f64::INFINITY, 1.0),
            (f64::NAN, 1.0),
            (1.0, f64::NAN),
        ] {
            check(lower, upper, f64::INFINITY);
        }
    }
}
