//! A member's problem with its shares held at given values: where its repaired points come from.
//!
//! The shares are equations as the member's own are, and are eliminated as those were: w = w(y) + N z. What is left to
//! choose is z, of fewer dimensions, and the shares keep to their values up to rounding wherever z goes.

use super::affine::{Affine, Equation};
use super::iterate::Iterate;
use super::smooth::{Pull, Smooth};
use crate::dense::{Matrix, add_scaled, dot, largest};

/// A smooth problem whose shares are held.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    space: Affine,
    /// N'PN.
    hessian: Matrix,
    /// The rows that z moves, C N, with their places among those of the problem.
    rows: Matrix,
    places: Vec<usize>,
}

impl Held {
    /// Eliminates the shares of `smooth`; none if they depend on each other.
    pub(crate) fn new(smooth: &Smooth) -> Option<Self> {
        let free = smooth.linear.len();
        let row = |share: usize| smooth.shares.row(share).iter().copied().enumerate().collect();
        let system: Vec<Equation> = (0..smooth.shares.rows()).map(|share| (row(share), 0.0)).collect();
        let space = Affine::solve(&system, free, DEPENDENT).ok()?;
        if space.free.len() + system.len() != free {
            return None;
        }
        let left = space.free.len();
        let mut hessian = Matrix::zeros(left, left);
        for i in 0..free {
            let product = space.directions.transposed_product(smooth.hessian.row(i));
            for (place, factor) in space.directions.row(i).iter().enumerate() {
                if *factor != 0.0 {
                    add_scaled(hessian.row_mut(place), *factor, &product);
                }
            }
        }
        let (mut moved, mut places) = (Vec::new(), Vec::new());
        for place in 0..smooth.rows.rows() {
            let row = smooth.rows.row(place);
            let form = space.directions.transposed_product(row);
            if largest(&form) > CONSTANT * largest(row) {
                moved.push(form);
                places.push(place);
            }
        }
        let mut rows = Matrix::zeros(moved.len(), left);
        moved.iter().enumerate().for_each(|(place, row)| rows.row_mut(place).copy_from_slice(row));
        Some(Self { space, hessian, rows, places })
    }

    /// The entries of w that the shares are solved for, ascending.
    pub(crate) fn solved_for(&self) -> Vec<usize> {
        (0..self.space.origin.len()).filter(|column| self.space.free.binary_search(column).is_err()).collect()
    }

    /// A point whose shares are `to`, from `iterate` on as near to the centre for `mu` as it gets.
    pub(crate) fn point(&self, smooth: &Smooth, iterate: &Iterate, to: &[f64], mu: f64, steps_max: u32) -> Vec<f64> {
        let wanted: Vec<f64> = to.iter().zip(&smooth.shares_origin).map(|(to, origin)| to - origin).collect();
        let mut origin = self.space.point_with(&wanted);
        let missed = |w: &[f64]| -> Vec<f64> {
            wanted.iter().enumerate().map(|(share, wanted)| wanted - dot(smooth.shares.row(share), w)).collect()
        };
        // What rounding left of the way goes with a second step.
        let second = self.space.point_with(&missed(&origin));
        add_scaled(&mut origin, 1.0, &second);
        let values = smooth.values(&origin);
        let mut gradient = smooth.linear.clone();
        smooth.hessian.add_product(&origin, &mut gradient);
        let part = Smooth {
            hessian: self.hessian.clone(),
            linear: self.space.directions.transposed_product(&gradient),
            rows: self.rows.clone(),
            lower: self.places.iter().map(|row| smooth.lower[*row] - values[*row]).collect(),
            upper: self.places.iter().map(|row| smooth.upper[*row] - values[*row]).collect(),
            shares: Matrix::zeros(0, self.space.free.len()),
            shares_origin: Vec::new(),
        };
        let mut inner = Iterate {
            w: self.space.free.iter().map(|column| iterate.w[*column]).collect(),
            below: self.places.iter().map(|row| iterate.below[*row]).collect(),
            above: self.places.iter().map(|row| iterate.above[*row]).collect(),
        };
        part.centre(&mut inner, mu, Pull::Priced(&[]), steps_max);
        self.space.directions.add_product(&inner.w, &mut origin);
        origin
    }
}

/// Shares that leave less than this part of each other to move depend on each other.
const DEPENDENT: f64 = 1e-13;
/// A row that the shares leave less than this part to move is fixed by them.
const CONSTANT: f64 = 1e-9;
