//! A point within the constraints, and a direction from there along which the cost falls for ever and none is met.
//!
//! From a feasible point x all x + t d with t >= 0 are feasible, and their costs have no lower bound, if
//!
//! ```text
//! P d = 0,  q'd < 0,  (Ad)_i >= 0 where row i has a lower bound, <= 0 where it has an upper one, and so for d_j.
//! ```
//!
//! Without the point a direction would prove no more than that there is no best point, for there may be none at all.
//!
//! The bounds of x and the signs of d_j hold exactly, and q'd is rounded outwards. The rows of both and P d are only as
//! exact as numbers of the format allow, to parts of their largest terms: a multiple of a rounded direction hardly ever
//! satisfies an equation.

use crate::dense::largest;
use crate::interval::Interval;
use crate::problem::QpProblem;

/// A direction of unbounded gain.
#[derive(Debug, Clone, PartialEq)]
pub struct Ray {
    /// A point within the constraints: exactly within the bounds, and within the rows as far as a solver goes.
    pub from: Vec<f64>,
    /// One entry a variable, the largest of size 1.
    pub direction: Vec<f64>,
    /// What a step of length one along the direction costs at most; negative.
    pub slope: f64,
}

impl Ray {
    /// Accepts `direction` if the cost of `problem`, with `linear` in place of its linear cost and `extra` on the
    /// diagonal of P, falls along it for ever within the rows and the given bounds, and `from` is within these.
    pub fn prove(
        problem: &QpProblem,
        extra: &[f64],
        linear: &[f64],
        (lower, upper): (&[f64], &[f64]),
        from: &[f64],
        direction: &[f64],
    ) -> Option<Self> {
        let (n, size) = (problem.variables(), largest(direction));
        let lengths_fit = [extra, linear, lower, upper, from, direction].iter().all(|values| values.len() == n);
        if !(lengths_fit && size > 0.0 && size.is_finite() && is_within(problem, (lower, upper), from)) {
            return None;
        }
        let mut d: Vec<f64> = direction.iter().map(|entry| entry / size).collect();
        for (j, entry) in d.iter_mut().enumerate() {
            let least = if lower[j].is_finite() { 0.0 } else { f64::NEG_INFINITY };
            let most = if upper[j].is_finite() { 0.0 } else { f64::INFINITY };
            let allowed = entry.clamp(least, most);
            if (*entry - allowed).abs() > PARTS {
                return None;
            }
            *entry = allowed;
        }
        let is_flat = (0..n).all(|j| {
            let own = [(j, extra[j])];
            let (value, terms) = form(problem.hessian_row(j).iter().chain(&own), &d);
            value.abs() <= PARTS * terms
        });
        let is_free = problem.rows().iter().all(|row| {
            let (value, terms) = form(row.terms.iter(), &d);
            (row.lower == f64::NEG_INFINITY || value >= -PARTS * terms)
                && (row.upper == f64::INFINITY || value <= PARTS * terms)
        });
        let mut slope = Interval::ZERO;
        linear.iter().zip(&d).for_each(|(q, entry)| slope = slope.plus(Interval::point(*q).times(*entry)));
        let steepest = linear.iter().zip(&d).fold(0.0, |sum, (q, entry)| sum + (q * entry).abs());
        let falls = slope.high < -SLOPE_MIN * steepest;
        (is_flat && is_free && falls).then(|| Self { from: from.to_vec(), direction: d, slope: slope.high })
    }

    /// Whether this proves that `problem` as it stands has no best point.
    pub fn holds(&self, problem: &QpProblem) -> bool {
        let extra = vec![0.0; problem.variables()];
        let bounds = (problem.lower(), problem.upper());
        Self::prove(problem, &extra, problem.linear(), bounds, &self.from, &self.direction).is_some()
    }
}

/// Whether a point is within the bounds, and within the rows up to a part of what meets there.
fn is_within(problem: &QpProblem, (lower, upper): (&[f64], &[f64]), x: &[f64]) -> bool {
    let mut sides = x.iter().zip(lower).zip(upper);
    sides.all(|((x, lower), upper)| x.is_finite() && lower <= x && x <= upper)
        && problem.rows().iter().all(|row| {
            let (value, terms) = form(row.terms.iter(), x);
            let off = |side: f64| FEASIBLE * if side.is_finite() { terms.max(side.abs()) } else { terms };
            row.lower - off(row.lower) <= value && value <= row.upper + off(row.upper)
        })
}

/// The value of a linear form, and the largest of its terms in size.
fn form<'a>(terms: impl Iterator<Item = &'a (usize, f64)>, d: &[f64]) -> (f64, f64) {
    let (mut value, mut size) = (0.0, 0.0_f64);
    for (j, coefficient) in terms {
        value += coefficient * d[*j];
        size = size.max((coefficient * d[*j]).abs());
    }
    (value, size)
}

/// A form whose terms cancel to less than this part of the largest counts as zero.
const PARTS: f64 = 1e-9;
/// Part of the largest term or side of a row by which the point may be off it.
const FEASIBLE: f64 = 1e-8;
/// The cost falls if it does by more than this part of its terms.
const SLOPE_MIN: f64 = 1e-7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QpRow;

    /// min x^2 - y over x - y <= 1 and x, y >= 0: y grows for ever.
    fn problem(y_max: f64, slope: f64) -> QpProblem {
        let row = QpRow { terms: vec![(0, 1.0), (1, -1.0)], lower: f64::NEG_INFINITY, upper: 1.0 };
        QpProblem::new(&[(0, 0, 2.0)], vec![0.0, slope], 0.0, vec![row], vec![0.0; 2], vec![f64::INFINITY, y_max])
            .expect("well formed")
    }

    fn holds(direction: [f64; 2], problem: &QpProblem) -> bool {
        Ray { from: vec![0.5, 1.0], direction: direction.to_vec(), slope: 0.0 }.holds(problem)
    }

    #[test]
    fn only_what_falls_for_ever_is_a_ray() {
        let endless = problem(f64::INFINITY, -1.0);
        assert!(holds([0.0, 3.0], &endless));
        assert!(!holds([1.0, 1.0], &endless), "x is paid for");
        assert!(!holds([0.0, -1.0], &endless), "against the bound");
        assert!(!holds([0.0, 0.0], &endless) && !holds([0.0, f64::NAN], &endless));
        assert!(!holds([0.0, 1.0], &problem(9.0, -1.0)), "y has an end");
        assert!(!holds([0.0, 1.0], &problem(f64::INFINITY, 1.0)), "y costs");
    }

    #[test]
    fn a_ray_starts_within_the_constraints() {
        let holds = |from: [f64; 2]| {
            let ray = Ray { from: from.to_vec(), direction: vec![0.0, 1.0], slope: 0.0 };
            ray.holds(&problem(f64::INFINITY, -1.0))
        };
        assert!(holds([1.0, 0.0]) && holds([5.0, 4.0]));
        assert!(!holds([1.1, 0.0]), "x - y is more than 1");
        assert!(!holds([0.0, -1e-12]) && !holds([f64::NAN, 0.0]) && !holds([0.0, f64::INFINITY]));
        // Nothing is feasible, whatever the direction.
        let row = QpRow { terms: vec![(0, 1.0)], lower: 2.0, upper: f64::INFINITY };
        let none = QpProblem::new(&[], vec![0.0, -1.0], 0.0, vec![row], vec![0.0; 2], vec![1.0, f64::INFINITY]);
        let none = none.expect("well formed");
        for x in [0.0, 1.0, 2.0] {
            let ray = Ray { from: vec![x, 0.0], direction: vec![0.0, 1.0], slope: -1.0 };
            assert!(!ray.holds(&none), "from {x}");
        }
    }
}
