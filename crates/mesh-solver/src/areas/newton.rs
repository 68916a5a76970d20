//! Newton's step for the sum of all members' cost functions, from what each found near one point.
//!
//! A [`Part`] is a point of the graph of one member's function V: shares y, the prices p that they follow, and F with F'F
//! the curvature. With the shares S v of the common values v = at + Z s the step is where
//!
//! ```text
//! sum 1/2 |F S Z s - F (y - S at)|^2 + p'S Z s
//! ```
//!
//! is least, after which the prices p + F'F (S v - y) balance. Members may be stiff in some direction by many orders of
//! magnitude more than in others, so that F'F is never formed (`least_squares`).

use super::affine::Affine;
use super::factor::Triangle;
use super::least_squares::LeastSquares;
use super::relative::Absolute;
use crate::dense::{Matrix, dot};

/// What all members found, told as seen from one point.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    /// A point that satisfies all relations.
    pub(crate) at: Vec<f64>,
    pub(crate) parts: Vec<Part>,
}

/// What one member found, or what is left of a budget.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    slots: Vec<usize>,
    /// F (y - S at).
    away: Vec<f64>,
    /// F times how y moves with the weight of the logarithms.
    moves: Vec<f64>,
    pub(crate) prices: Vec<f64>,
    pub(crate) factor: Triangle,
    /// That weight.
    mu: f64,
}

/// Where a step leads.
pub(crate) struct Step {
    pub(crate) slots: Vec<f64>,
    /// For each part.
    pub(crate) prices: Vec<Vec<f64>>,
    /// In the metric of the curvature, in units of the square root of the weight.
    pub(crate) length: f64,
}

impl Part {
    /// What was found about these slots at `mu`, as seen from `at`.
    pub(crate) fn new(slots: Vec<usize>, found: Absolute, mu: f64, at: &[f64]) -> Self {
        let Absolute { shares, prices, moves, factor } = found;
        let away: Vec<f64> = shares.iter().zip(&slots).map(|(share, slot)| share - at[*slot]).collect();
        Self { away: factor.times_vector(&away), slots, moves, prices, factor, mu }
    }

    /// F times how far y would be at weight `mu`.
    fn target(&self, mu: f64) -> impl Iterator<Item = f64> + '_ {
        let aim = mu - self.mu;
        self.away.iter().zip(&self.moves).map(move |(away, moves)| away + moves * aim)
    }
}

impl Models {
    /// The curvature of all together, to take steps with; none if the parts leave a direction open.
    pub(crate) fn factorise(&self, space: &Affine) -> Option<Curvature> {
        let columns = space.directions.columns();
        let count = self.parts.iter().map(|part| part.slots.len()).sum();
        let mut all = Matrix::zeros(count, columns);
        let mut next = 0;
        for part in &self.parts {
            let mut own = Matrix::zeros(part.slots.len(), columns);
            for (place, slot) in part.slots.iter().enumerate() {
                own.row_mut(place).copy_from_slice(space.directions.row(*slot));
            }
            for row in part.factor.times_rows(&own) {
                all.row_mut(next).copy_from_slice(&row);
                next += 1;
            }
        }
        Some(Curvature { factors: LeastSquares::of(&all)?, rows: all })
    }
}

/// The rows F S Z of all parts, and their factors.
pub(crate) struct Curvature {
    factors: LeastSquares,
    rows: Matrix,
}

impl Curvature {
    /// The step from the models that this is of, aimed at weight `mu`.
    pub(crate) fn step(&self, models: &Models, space: &Affine, mu: f64) -> Option<Step> {
        let targets: Vec<f64> = models.parts.iter().flat_map(|part| part.target(mu)).collect();
        let mut of_slots = vec![0.0; space.origin.len()];
        for part in &models.parts {
            part.slots.iter().zip(&part.prices).for_each(|(slot, price)| of_slots[*slot] += price);
        }
        let step = self.factors.solve(&targets, &space.directions.transposed_product(&of_slots));
        let mut slots = models.at.clone();
        space.directions.add_product(&step, &mut slots);
        let mut length = 0.0;
        let mut prices = Vec::with_capacity(models.parts.len());
        let mut next = 0;
        for part in &models.parts {
            let rows = next..next + part.slots.len();
            next = rows.end;
            let change: Vec<f64> = rows.map(|row| dot(self.rows.row(row), &step) - targets[row]).collect();
            length += dot(&change, &change);
            let force = part.factor.transposed_times(&change);
            prices.push(part.prices.iter().zip(&force).map(|(price, force)| price + force).collect());
        }
        let length = (length / mu).sqrt();
        (length.is_finite() && slots.iter().all(|value| value.is_finite())).then_some(Step { slots, prices, length })
    }
}
