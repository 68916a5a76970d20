//! One member's problem with its equations eliminated, and what can be proved about its points.
//!
//! The equations are eliminated once, x = x0 + N w. What remains are rows `lower <= Cw <= upper`, among them the bounds of
//! the variables, and the cost as a function of w: a [`Smooth`] problem.

use super::affine::{Affine, Equation};
use super::iterate::Iterate;
use super::message::Relation;
use super::smooth::Smooth;
use crate::QpProblem;
use crate::bound::lower_bound;
use crate::dense::{Matrix, add_scaled, dot, largest};
use crate::interval::Interval;
use crate::network::Share;

/// A member's problem with its equations eliminated.
#[derive(Debug, Clone)]
pub(crate) struct Reduced {
    problem: QpProblem,
    /// Rows of the problem that are equations, in the order of the elimination.
    equations: Vec<usize>,
    space: Affine,
    /// N'PN, N'(q + P x0), C and B, one row a basic share.
    pub(crate) smooth: Smooth,
    /// What each row of C is of.
    origins: Vec<Origin>,
    /// What the member's cost ranges over, roughly.
    pub(crate) cost_size: f64,
}

/// What a row of C bounds.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Variable(usize),
    /// A row of the problem, multiplied by `unit`.
    Row {
        row: usize,
        unit: f64,
    },
}

/// The problem has no point that satisfies its equations, or a row without room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Empty;

/// Which shares of a member are coordinates of all, and how the others follow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharePlan {
    /// Places of the shares that the equations leave independent.
    pub(crate) basic: Vec<usize>,
    pub(crate) relations: Vec<ShareRelation>,
}

/// An equation among shares that the member's own equations imply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShareRelation {
    /// One factor a share.
    pub(crate) factors: Vec<f64>,
    /// What the sum always is.
    value: f64,
    /// By how much it may be something else, proved.
    within: f64,
}

impl SharePlan {
    /// The relations as others hear of them.
    pub(crate) fn told(&self) -> Vec<Relation> {
        let told = |relation: &ShareRelation| Relation {
            factors: self.basic.iter().map(|place| relation.factors[*place]).collect(),
            value: relation.value,
            within: if relation.within == 0.0 { 0.0 } else { (relation.within as f32).next_up() },
        };
        self.relations.iter().map(told).collect()
    }
}

impl Reduced {
    /// Eliminates the equations of `problem`.
    pub(crate) fn new(problem: &QpProblem) -> Result<Self, Empty> {
        let n = problem.variables();
        let mut equations = Vec::new();
        let mut system: Vec<Equation> = Vec::new();
        for (place, row) in problem.rows().iter().enumerate() {
            if row.lower == row.upper {
                equations.push(place);
                system.push((row.terms.clone(), row.lower));
            }
        }
        let fixed = (0..n).filter(|j| problem.lower()[*j] == problem.upper()[*j]);
        system.extend(fixed.map(|j| (vec![(j, 1.0)], problem.lower()[j])));
        let space = Affine::solve(&system, n, DEPENDENT).map_err(|_| Empty)?;
        let free = space.free.len();
        let mut hessian = Matrix::zeros(free, free);
        let mut gradient = problem.linear().to_vec();
        for (j, gradient) in gradient.iter_mut().enumerate() {
            let mut product = vec![0.0; free];
            for (k, entry) in problem.hessian_row(j) {
                *gradient += entry * space.origin[*k];
                add_scaled(&mut product, *entry, space.directions.row(*k));
            }
            for (place, factor) in space.directions.row(j).iter().enumerate() {
                if *factor != 0.0 && !problem.hessian_row(j).is_empty() {
                    add_scaled(hessian.row_mut(place), *factor, &product);
                }
            }
        }
        let linear = space.directions.transposed_product(&gradient);
        let smooth = Smooth {
            hessian,
            linear,
            rows: Matrix::zeros(0, 0),
            lower: Vec::new(),
            upper: Vec::new(),
            shares: Matrix::zeros(0, free),
            shares_origin: Vec::new(),
        };
        let (problem, cost_size) = (problem.clone(), cost_size(problem));
        let mut reduced = Self { problem, equations, space, smooth, origins: Vec::new(), cost_size };
        reduced.collect_rows()?;
        Ok(reduced)
    }

    /// Which of `shares` the equations leave independent of each other, and the equations among their values.
    pub(crate) fn share_space(&self, shares: &[Share]) -> SharePlan {
        let (rows, origins): (Vec<Vec<f64>>, Vec<f64>) = shares.iter().map(|share| self.form(&share.terms)).unzip();
        // The combinations of shares that no w within the box moves are the solutions u of (B N)'u = 0.
        let mut system: Vec<Equation> = Vec::new();
        let mut widths: Vec<f64> = Vec::new();
        for (place, j) in self.space.free.iter().enumerate() {
            system.push((rows.iter().enumerate().map(|(share, row)| (share, row[place])).collect(), 0.0));
            widths.push(self.problem.upper()[*j] - self.problem.lower()[*j]);
        }
        let size =
            |(terms, _): &Equation, width: &f64| largest(&terms.iter().map(|(_, c)| c * width).collect::<Vec<_>>());
        let most = system.iter().zip(&widths).fold(0.0, |most: f64, (terms, width)| most.max(size(terms, width)));
        let unit = if most > 0.0 { 1.0 / most } else { 1.0 };
        let scale = widths.iter().map(|width| width * unit).collect();
        let kernel = Affine::solve_scaled(&system, scale, shares.len(), SHARES_DEPENDENT)
            .expect("homogeneous equations have a solution");
        let basic = (0..shares.len()).filter(|place| !kernel.free.contains(place)).collect();
        let relations = (0..kernel.free.len())
            .map(|k| {
                let mut factors: Vec<f64> = (0..shares.len()).map(|place| kernel.directions.row(place)[k]).collect();
                if let Some(value) = self.fixed(&shares[kernel.free[k]]) {
                    factors.fill(0.0);
                    factors[kernel.free[k]] = 1.0;
                    return ShareRelation { factors, value, within: 0.0 };
                }
                let value = dot(&factors, &origins);
                let within = self.off(shares, &factors, value);
                ShareRelation { factors, value, within }
            })
            .collect();
        SharePlan { basic, relations }
    }

    /// The value of a share that is a variable between equal bounds.
    fn fixed(&self, share: &Share) -> Option<f64> {
        match share.terms[..] {
            [(j, factor)] if factor.abs() == 1.0 && self.problem.lower()[j] == self.problem.upper()[j] => {
                Some(factor * self.problem.lower()[j])
            }
            _ => None,
        }
    }

    /// By how much the sum of `factors` times `shares` may differ from `value` at any point that satisfies the equations:
    /// it is a combination of these but for what is left over, which the variables' bounds absorb.
    fn off(&self, shares: &[Share], factors: &[f64], value: f64) -> f64 {
        let mut left = vec![Interval::ZERO; self.problem.variables()];
        for (share, factor) in shares.iter().zip(factors) {
            for (variable, coefficient) in &share.terms {
                left[*variable] = left[*variable].plus(Interval::point(*coefficient).times(*factor));
            }
        }
        let middle: Vec<f64> = left.iter().map(|left| 0.5 * left.low + 0.5 * left.high).collect();
        let mut sum = Interval::point(-value);
        for (row, multiplier) in self.equations.iter().zip(self.space.multipliers(&middle)) {
            let row = &self.problem.rows()[*row];
            sum = sum.plus(Interval::point(row.lower).times(multiplier));
            for (variable, coefficient) in &row.terms {
                left[*variable] = left[*variable].minus(Interval::point(*coefficient).times(multiplier));
            }
        }
        for (j, left) in left.into_iter().enumerate() {
            let (a, b) = (left.times(self.problem.lower()[j]), left.times(self.problem.upper()[j]));
            sum = sum.plus(Interval { low: a.low.min(b.low), high: a.high.max(b.high) });
        }
        sum.high.max(-sum.low)
    }

    /// Chooses the shares that are priced and drawn.
    pub(crate) fn take_shares<'a>(&mut self, shares: impl Iterator<Item = &'a Share>) {
        let (rows, origins): (Vec<Vec<f64>>, Vec<f64>) = shares.map(|share| self.form(&share.terms)).unzip();
        self.smooth.shares = Matrix::zeros(rows.len(), self.space.free.len());
        for (place, row) in rows.iter().enumerate() {
            self.smooth.shares.row_mut(place).copy_from_slice(row);
        }
        self.smooth.shares_origin = origins;
    }

    /// A point to start from.
    pub(crate) fn start(&self, mu: f64) -> Iterate {
        let middle = |j: &usize| 0.5 * self.problem.lower()[*j] + 0.5 * self.problem.upper()[*j];
        self.smooth.start(self.space.free.iter().map(middle).collect(), mu)
    }

    /// What the variables at w cost.
    pub(crate) fn cost(&self, w: &[f64]) -> f64 {
        self.problem.cost(&self.space.point(w))
    }

    /// A lower bound on the cost minus what the shares earn, `extra` being the linear cost that the prices are to the
    /// variables, from the multipliers of `iterate`.
    pub(crate) fn lower_bound(&self, iterate: &Iterate, extra: &[(usize, f64)]) -> f64 {
        let x = self.space.point(&iterate.w);
        let mut gradient = self.problem.linear().to_vec();
        for (j, gradient) in gradient.iter_mut().enumerate() {
            self.problem.hessian_row(j).iter().for_each(|(k, entry)| *gradient += entry * x[*k]);
        }
        extra.iter().for_each(|(variable, cost)| gradient[*variable] += cost);
        let mut multipliers = vec![0.0; self.problem.rows().len()];
        for (origin, (below, above)) in self.origins.iter().zip(iterate.below.iter().zip(&iterate.above)) {
            let multiplier = below.multiplier - above.multiplier;
            match origin {
                Origin::Variable(j) => gradient[*j] -= multiplier,
                Origin::Row { row, unit } => {
                    let multiplier = multiplier * unit;
                    multipliers[*row] = multiplier;
                    self.problem.rows()[*row].terms.iter().for_each(|(j, entry)| gradient[*j] -= multiplier * entry);
                }
            }
        }
        let of_equations = self.space.multipliers(&gradient);
        self.equations.iter().zip(of_equations).for_each(|(row, multiplier)| multipliers[*row] = multiplier);
        lower_bound(&self.problem, extra, &x, &multipliers)
    }

    /// The variables that the equations and, of what these leave, the shares are solved for, ascending: none of them is
    /// between equal bounds.
    pub(crate) fn solved_for(&self, of_free: Vec<usize>) -> Vec<usize> {
        let is_free = |variable: usize| self.space.free.binary_search(&variable);
        let solved = |variable: &usize| match is_free(*variable) {
            Ok(place) => of_free.binary_search(&place).is_ok(),
            Err(_) => self.problem.lower()[*variable] != self.problem.upper()[*variable],
        };
        (0..self.problem.variables()).filter(solved).collect()
    }

    /// The problem itself.
    pub(crate) fn problem(&self) -> &QpProblem {
        &self.problem
    }

    /// The variables at w, within their bounds.
    pub(crate) fn boxed_point(&self, w: &[f64]) -> Vec<f64> {
        let bounds = self.problem.lower().iter().zip(self.problem.upper());
        self.space.point(w).iter().zip(bounds).map(|(x, (lower, upper))| x.clamp(*lower, *upper)).collect()
    }

    /// The largest size of a variable.
    pub(crate) fn reach(&self, variable: usize) -> f64 {
        self.problem.lower()[variable].abs().max(self.problem.upper()[variable].abs())
    }

    fn collect_rows(&mut self) -> Result<(), Empty> {
        let n = self.problem.variables();
        let mut rows = Vec::new();
        let size_of =
            |row: usize| self.problem.rows()[row].terms.iter().fold(0.0, |size: f64, (_, entry)| size.max(entry.abs()));
        let bounding = (0..self.problem.rows().len()).map(|row| Origin::Row { row, unit: 1.0 / size_of(row) });
        let candidates: Vec<Origin> = (0..n).map(Origin::Variable).chain(bounding).collect();
        for origin in candidates {
            let (terms, lower, upper) = match origin {
                Origin::Variable(j) => (vec![(j, 1.0)], self.problem.lower()[j], self.problem.upper()[j]),
                Origin::Row { row, .. } => {
                    let row = &self.problem.rows()[row];
                    (row.terms.clone(), row.lower, row.upper)
                }
            };
            if lower == upper {
                continue;
            }
            let (form, value) = self.form(&terms);
            let size = terms.iter().fold(0.0, |size: f64, (_, entry)| size.max(entry.abs()));
            if largest(&form) <= CONSTANT * size {
                if value < lower - tolerance(lower) || value > upper + tolerance(upper) {
                    return Err(Empty);
                }
                continue;
            }
            // Rows of unit size, so that slacks compare.
            let unit = 1.0 / size;
            rows.push(form.iter().map(|entry| entry * unit).collect::<Vec<f64>>());
            self.origins.push(origin);
            self.smooth.lower.push((lower - value) * unit);
            self.smooth.upper.push((upper - value) * unit);
        }
        self.smooth.rows = Matrix::zeros(rows.len(), self.space.free.len());
        for (place, row) in rows.iter().enumerate() {
            self.smooth.rows.row_mut(place).copy_from_slice(row);
        }
        Ok(())
    }

    /// A linear form of the variables as one of w, and its value at w = 0.
    fn form(&self, terms: &[(usize, f64)]) -> (Vec<f64>, f64) {
        let mut form = vec![0.0; self.space.free.len()];
        let mut value = 0.0;
        for (variable, coefficient) in terms {
            let (lower, upper) = (self.problem.lower()[*variable], self.problem.upper()[*variable]);
            if lower == upper {
                // What rounding left of its directions would make of the same number something else for each member.
                value += coefficient * lower;
                continue;
            }
            add_scaled(&mut form, *coefficient, self.space.directions.row(*variable));
            value += coefficient * self.space.origin[*variable];
        }
        (form, value)
    }
}

fn cost_size(problem: &QpProblem) -> f64 {
    let mut size = 0.0;
    for (j, q) in problem.linear().iter().enumerate() {
        let (lower, upper) = (problem.lower()[j], problem.upper()[j]);
        size += q.abs() * (upper - lower);
        for (k, entry) in problem.hessian_row(j) {
            let reach = |j: usize| problem.lower()[j].abs().max(problem.upper()[j].abs());
            size += 0.5 * entry.abs() * reach(j) * reach(*k);
        }
    }
    size
}

/// By how much a constraint with this bound may be missed.
fn tolerance(bound: f64) -> f64 {
    if bound.is_finite() { FEASIBLE * (1.0 + bound.abs()) } else { 0.0 }
}

/// What is left of an equation of unit size when others are taken off it and this is smaller is rounding.
const DEPENDENT: f64 = 1e-9;
/// Shares that move by less than this part when others are held follow from the others.
const SHARES_DEPENDENT: f64 = 1e-9;
/// A row that the equations leave less than this part to move is fixed by them.
const CONSTANT: f64 = 1e-9;
/// Constraints hold up to this, relative to one plus their bound.
const FEASIBLE: f64 = 1e-9;
