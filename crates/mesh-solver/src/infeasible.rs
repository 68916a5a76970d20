//! A proof that no point satisfies rows and box at once (Farkas).
//!
//! Multipliers `y` of the rows prove it if the rows demand more of y'Ax than the box allows: the safe lower bound of a
//! problem without any cost is positive. The sum is done on intervals rounded outwards, so the proof stands in exact
//! arithmetic, and whoever holds the constraints can repeat it.

use crate::bound::least_over;
use crate::dense::largest;
use crate::interval::Interval;
use crate::problem::QpRow;

/// A proof that rows and box exclude each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Infeasibility {
    /// One multiplier a row, the largest of size 1: positive for a lower side, negative for an upper side. The rows with
    /// a multiplier and the bounds of their variables cannot hold together.
    pub row_multipliers: Vec<f64>,
    /// By how much the rows, added up with these multipliers, demand more than the box allows; positive.
    pub excess: f64,
    /// The proof is about the points whose variables without a bound stay within this distance of zero: infinity if no
    /// missing bound matters. Rounded multipliers hardly ever cancel exactly where a variable is free.
    pub within: f64,
}

impl std::fmt::Display for Infeasibility {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { excess, within, .. } = self;
        match within.is_finite() {
            false => write!(
                out,
                "the constraints exclude each other: together they demand {excess} more than the box allows"
            ),
            true => write!(
                out,
                "the constraints exclude each other for all points within {within:e} of zero, where together they \
                 demand {excess} more than is allowed; some variables have no bounds, and nothing is proved further out"
            ),
        }
    }
}

impl std::error::Error for Infeasibility {}

impl Infeasibility {
    /// Accepts `multipliers` as a proof if they are one.
    pub fn prove(rows: &[QpRow], lower: &[f64], upper: &[f64], multipliers: &[f64]) -> Option<Self> {
        let size = largest(multipliers);
        if !(size > 0.0 && size.is_finite()) {
            return None;
        }
        let row_multipliers: Vec<f64> = multipliers.iter().map(|y| y / size).collect();
        for within in WITHIN {
            let lower: Vec<f64> = lower.iter().map(|bound| bound.max(-within)).collect();
            let upper: Vec<f64> = upper.iter().map(|bound| bound.min(within)).collect();
            let cost = vec![Interval::ZERO; lower.len()];
            let excess = least_over(rows, &lower, &upper, cost, &row_multipliers).low;
            if excess > 0.0 {
                return Some(Self { row_multipliers, excess, within });
            }
        }
        None
    }

    /// Whether this is a proof for these constraints.
    pub fn holds(&self, rows: &[QpRow], lower: &[f64], upper: &[f64]) -> bool {
        Self::prove(rows, lower, upper, &self.row_multipliers).is_some()
    }
}

/// Distances from zero for which a proof is tried. The last ones are further than anything that a problem describes.
const WITHIN: [f64; 4] = [f64::INFINITY, 1e15, 1e12, 1e9];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proves_what_is_impossible_and_nothing_else() {
        let row = |lower| QpRow { terms: vec![(0, 1.0), (1, 2.0)], lower, upper: f64::INFINITY };
        let proof = Infeasibility::prove(&[row(3.5)], &[0.0; 2], &[1.0; 2], &[4.0]).expect("3.5 is more than 3");
        assert!(proof.excess > 0.499 && proof.excess <= 0.5);
        assert!(proof.holds(&[row(3.5)], &[0.0; 2], &[1.0; 2]));
        assert!(!proof.holds(&[row(3.0)], &[0.0; 2], &[1.0; 2]));
        assert_eq!(Infeasibility::prove(&[row(3.5)], &[0.0; 2], &[1.0; 2], &[-4.0]), None);
        assert_eq!(Infeasibility::prove(&[row(3.5)], &[0.0; 2], &[1.0; 2], &[f64::NAN]), None);
    }

    /// x + y / 3 >= 1 and 3 x + y <= 2 without bounds: no multiplier of a third cancels y to the last bit.
    #[test]
    fn a_proof_says_how_far_it_reaches() {
        let row = |x, y, lower, upper| QpRow { terms: vec![(0, x), (1, y)], lower, upper };
        let rows = [row(1.0, 1.0 / 3.0, 1.0, f64::INFINITY), row(3.0, 1.0, f64::NEG_INFINITY, 2.0)];
        let open = ([f64::NEG_INFINITY; 2], [f64::INFINITY; 2]);
        let proof = Infeasibility::prove(&rows, &open.0, &open.1, &[3.0, -1.0]).expect("2 is less than 3");
        assert!(proof.within.is_finite() && proof.to_string().contains("nothing is proved further out"), "{proof}");
        let closed = Infeasibility::prove(&rows, &[0.0; 2], &[1.0; 2], &[3.0, -1.0]).expect("2 is less than 3");
        assert_eq!(closed.within, f64::INFINITY);
        assert!(!closed.to_string().contains("further out"), "{closed}");
    }
}
