//! A convex quadratic cost with `-mu log` of every distance to a bound, and the way to where it is least.
//!
//! The bounds are on rows `lower <= Cw <= upper`. A primal-dual interior-point method keeps slacks s and multipliers y of
//! both sides with s y = mu and may start anywhere. Shares B w of the point earn prices or are drawn somewhere. With
//! M = P + C'(y/s)C the shares answer a change of their prices by K = B M^-1 B', so that K^-1 is the curvature of the
//! least cost as a function of the shares: the reduced Schur block of a coupled problem. What w stands for is not known
//! here.

use super::factor::{Triangle, cholesky, triangle_of};
use super::iterate::{CENTRED, Iterate, Side, Step};
use crate::dense::{Matrix, add_scaled, dot, largest};

/// `1/2 w'Pw + q'w` over `lower <= Cw <= upper`.
#[derive(Debug, Clone)]
pub(crate) struct Smooth {
    /// P, in full.
    pub(crate) hessian: Matrix,
    /// q.
    pub(crate) linear: Vec<f64>,
    /// C, rows of unit size.
    pub(crate) rows: Matrix,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    /// B and what the shares are at w = 0.
    pub(crate) shares: Matrix,
    pub(crate) shares_origin: Vec<f64>,
}

/// What to do about the shares.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pull<'a> {
    /// They earn these prices.
    Priced(&'a [f64]),
    /// They earn `prices` and are drawn to `to` with the curvature F'F.
    Proximal { prices: &'a [f64], to: &'a [f64], factor: &'a Triangle },
}

/// What the least cost is as a function of the shares, near the end of a solve.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) shares: Vec<f64>,
    /// F with F'F the curvature.
    pub(crate) factor: Triangle,
    /// How the shares move with mu at constant prices.
    pub(crate) drift: Vec<f64>,
}

impl Smooth {
    /// A point to start from, at or near `w`.
    pub(crate) fn start(&self, w: Vec<f64>, mu: f64) -> Iterate {
        let values = self.values(&w);
        let side = |row: usize, distance: f64| {
            let width = self.upper[row] - self.lower[row];
            let least = if width.is_finite() { START * width } else { START * (1.0 + largest(self.rows.row(row))) };
            let slack = distance.max(least);
            if distance.is_finite() { Side { slack, multiplier: mu / slack, exists: true } } else { Side::NONE }
        };
        let rows = 0..values.len();
        let below = rows.clone().map(|row| side(row, values[row] - self.lower[row])).collect();
        let above = rows.map(|row| side(row, self.upper[row] - values[row])).collect();
        Iterate { w, below, above }
    }

    /// Brings `iterate` to the centre for `mu`. False if it did not get there.
    pub(crate) fn centre(&self, iterate: &mut Iterate, mu: f64, pull: Pull, steps_max: u32) -> bool {
        for _ in 0..steps_max {
            let Some((step, length)) = self.newton(iterate, mu, pull) else { return false };
            let whole = iterate.advance(&step);
            if whole && length <= CENTRED * CENTRED * mu && self.is_centred(iterate, mu) {
                return true;
            }
        }
        false
    }

    /// What `iterate`, which is at a centre, says about the cost as a function of the shares.
    pub(crate) fn response(&self, iterate: &Iterate) -> Option<Response> {
        let factor = cholesky(self.curvature(iterate, None), PIVOT_MIN)?;
        let mut drift = vec![0.0; self.linear.len()];
        for (row, (below, above)) in iterate.below.iter().zip(&iterate.above).enumerate() {
            let force = below.inverse() - above.inverse();
            add_scaled(&mut drift, force, self.rows.row(row));
        }
        factor.solve(&mut drift);
        let answers = (0..self.shares.rows()).map(|share| {
            let mut column = self.shares.row(share).to_vec();
            factor.solve_lower(&mut column);
            column
        });
        let compliance = triangle_of(answers.collect())?;
        let mut moved = vec![0.0; self.shares.rows()];
        self.shares.add_product(&drift, &mut moved);
        Some(Response { shares: self.share_values(&iterate.w), factor: compliance.inverse(), drift: moved })
    }

    /// C w.
    pub(crate) fn values(&self, w: &[f64]) -> Vec<f64> {
        (0..self.rows.rows()).map(|row| dot(self.rows.row(row), w)).collect()
    }

    /// The number of bounds.
    pub(crate) fn sides(&self) -> usize {
        self.lower.iter().chain(&self.upper).filter(|bound| bound.is_finite()).count()
    }

    fn share_values(&self, w: &[f64]) -> Vec<f64> {
        let mut values = self.shares_origin.clone();
        self.shares.add_product(w, &mut values);
        values
    }

    /// The gradient of cost and pull without the multipliers of the bounds.
    fn gradient(&self, iterate: &Iterate, pull: Pull) -> Vec<f64> {
        let mut gradient = self.linear.clone();
        self.hessian.add_product(&iterate.w, &mut gradient);
        let force = match pull {
            Pull::Priced(prices) => prices.to_vec(),
            Pull::Proximal { prices, to, factor } => {
                let away: Vec<f64> =
                    self.share_values(&iterate.w).iter().zip(to).map(|(share, to)| share - to).collect();
                let back = factor.curvature_times(&away);
                prices.iter().zip(back).map(|(price, back)| price - back).collect()
            }
        };
        for (share, force) in force.iter().enumerate() {
            add_scaled(&mut gradient, -force, self.shares.row(share));
        }
        gradient
    }

    /// M, with the curvature of the pull if there is one; the lower half.
    fn curvature(&self, iterate: &Iterate, pull: Option<Pull>) -> Matrix {
        let mut curvature = self.hessian.clone();
        for (row, (below, above)) in iterate.below.iter().zip(&iterate.above).enumerate() {
            let stiffness = below.multiplier / below.slack + above.multiplier / above.slack;
            add_square(&mut curvature, stiffness, self.rows.row(row));
        }
        if let Some(Pull::Proximal { factor, .. }) = pull {
            for row in factor.times_rows(&self.shares) {
                add_square(&mut curvature, 1.0, &row);
            }
        }
        curvature
    }

    /// The Newton step, and its squared length in the metric of the curvature.
    fn newton(&self, iterate: &Iterate, mu: f64, pull: Pull) -> Option<(Step, f64)> {
        let values = self.values(&iterate.w);
        let factor = cholesky(self.curvature(iterate, Some(pull)), PIVOT_MIN)?;
        let mut force: Vec<f64> = self.gradient(iterate, pull).iter().map(|entry| -entry).collect();
        let miss_below = |row: usize, side: &Side| values[row] - self.lower[row] - side.slack;
        let miss_above = |row: usize, side: &Side| self.upper[row] - values[row] - side.slack;
        for (row, (below, above)) in iterate.below.iter().zip(&iterate.above).enumerate() {
            let push = below.push(mu, miss_below(row, below)) - above.push(mu, miss_above(row, above));
            add_scaled(&mut force, push, self.rows.row(row));
        }
        factor.solve(&mut force);
        let w = force;
        let moved = self.values(&w);
        let below =
            iterate.below.iter().enumerate().map(|(row, side)| side.step(mu, moved[row], miss_below(row, side)));
        let above =
            iterate.above.iter().enumerate().map(|(row, side)| side.step(mu, -moved[row], miss_above(row, side)));
        let (below, above) = (below.collect(), above.collect());
        let length = factor.length_squared(&w);
        Some((Step { w, below, above }, length))
    }

    fn is_centred(&self, iterate: &Iterate, mu: f64) -> bool {
        self.values(&iterate.w).iter().enumerate().all(|(row, value)| {
            iterate.below[row].is_near(mu, value - self.lower[row])
                && iterate.above[row].is_near(mu, self.upper[row] - value)
        })
    }
}

/// Adds `factor` times the square of `row` to the lower half of `matrix`.
fn add_square(matrix: &mut Matrix, factor: f64, row: &[f64]) {
    for (i, entry) in row.iter().enumerate() {
        if *entry != 0.0 {
            add_scaled(&mut matrix.row_mut(i)[..=i], factor * entry, &row[..=i]);
        }
    }
}

/// Slack at the start, in parts of the width of the row.
const START: f64 = 0.1;
/// A pivot below this part of its diagonal entry is rounding.
const PIVOT_MIN: f64 = 1e-13;
