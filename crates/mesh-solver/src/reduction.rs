//! What is made once an epoch: the problem scaled, its equations eliminated, its curvature turned into a unit sphere.
//!
//! 1. Scaling by powers of two, which is exact: variables to boxes of about unit size, rows to unit size, the cost to
//!    unit size.
//! 2. Equations E x = e are eliminated, so that x = x0 + N z. Dependent equations are left out, or prove infeasibility.
//! 3. N'HN = L L' and T = N L'^-1. With x = x_unconstrained + T w the cost is |w|^2 / 2 up to a constant: the QP is to
//!    find the shortest w within the constraints. Row i of C T is M_i.
//!
//! If N'HN is (nearly) singular, a diagonal is added to H, and [`Reduction::proximal`] says which: the solver then
//! iterates towards the solution of the problem as given.

use crate::dense::{Matrix, SparseRows, add_scaled, cholesky, dot, norm, power_of_two};
use crate::elimination::Elimination;
use crate::infeasible::Infeasibility;
use crate::problem::QpProblem;
use std::collections::BTreeMap;

/// The once-an-epoch part of a solver. Everything in here is scaled.
#[derive(Debug)]
pub(crate) struct Reduction {
    /// x in the problem's units is this times x here; powers of two.
    pub(crate) variable_scale: Vec<f64>,
    /// A row here is this times the row of the problem.
    pub(crate) row_scale: Vec<f64>,
    /// The cost here is this times the cost of the problem.
    pub(crate) cost_scale: f64,
    /// H: P and the extra diagonal, without the proximal one.
    pub(crate) hessian: SparseRows,
    /// What was added to the diagonal of H to make it definite; empty if nothing was.
    pub(crate) proximal: Vec<f64>,
    /// The size of cost that counts as one, a variable.
    pub(crate) natural: Vec<f64>,
    /// All rows of A.
    pub(crate) rows: SparseRows,
    /// Rows with equal bounds that are independent, with their value; the other equations follow from them.
    equations: Vec<(usize, f64)>,
    /// Rows with room between their bounds: constraint n + i is row inequalities[i], constraint j < n is variable j.
    pub(crate) inequalities: Vec<usize>,
    elimination: Elimination,
    /// T: one row a variable.
    pub(crate) directions: Matrix,
    /// Length of M_i of every constraint; 0 where the equations fix its value.
    pub(crate) lengths: Vec<f64>,
    /// Sum of the sizes of a constraint's coefficients.
    pub(crate) sizes: Vec<f64>,
}

/// Why there is no reduction.
pub(crate) enum Obstacle {
    /// The equations exclude each other within the box.
    Infeasible(Infeasibility),
    /// Numbers are too large or small to be factorised.
    Numbers,
}

impl Reduction {
    pub(crate) fn new(problem: &QpProblem, extra: &[f64], proximal: f64) -> Result<Self, Obstacle> {
        let n = problem.variables();
        let variable_scale: Vec<f64> = (0..n).map(|j| unit_of(problem.lower()[j], problem.upper()[j])).collect();
        let (hessian, natural, cost_scale) = scaled_cost(problem, extra, &variable_scale);
        let (rows, row_scale) = scaled_rows(problem, &variable_scale);
        let is_equation = |row: &usize| problem.rows()[*row].lower == problem.rows()[*row].upper;
        let (all_equations, inequalities): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(is_equation);
        let values: BTreeMap<usize, f64> =
            all_equations.iter().map(|row| (*row, problem.rows()[*row].lower * row_scale[*row])).collect();
        let (elimination, null) = Elimination::of(&rows, &all_equations, n);
        let mut reduction = Self {
            equations: elimination.kept().iter().map(|row| (*row, values[row])).collect(),
            elimination,
            variable_scale,
            row_scale,
            cost_scale,
            hessian,
            proximal: Vec::new(),
            natural,
            rows,
            inequalities,
            directions: Matrix::zeros(0, 0),
            lengths: Vec::new(),
            sizes: Vec::new(),
        };
        reduction.check_dependent(problem, values).map_err(Obstacle::Infeasible)?;
        reduction.make_directions(&null, proximal)?;
        reduction.measure(&null);
        Ok(reduction)
    }

    pub(crate) fn variables(&self) -> usize {
        self.variable_scale.len()
    }

    pub(crate) fn constraints(&self) -> usize {
        self.lengths.len()
    }

    /// M_i.
    pub(crate) fn row(&self, constraint: usize) -> Vec<f64> {
        let mut row = vec![0.0; self.directions.columns()];
        match constraint.checked_sub(self.variables()) {
            _ if self.lengths[constraint] == 0.0 => {}
            None => row.copy_from_slice(self.directions.row(constraint)),
            Some(inequality) => {
                for (variable, value) in self.rows.row(self.inequalities[inequality]) {
                    add_scaled(&mut row, *value, self.directions.row(*variable));
                }
            }
        }
        row
    }

    /// The value of a constraint at x.
    pub(crate) fn value(&self, constraint: usize, x: &[f64]) -> f64 {
        match constraint.checked_sub(self.variables()) {
            None => x[constraint],
            Some(inequality) => self.rows.dot_row(self.inequalities[inequality], x),
        }
    }

    /// Adds `factor` times the gradient of a constraint to `gradient`.
    pub(crate) fn add_gradient(&self, constraint: usize, factor: f64, gradient: &mut [f64]) {
        match constraint.checked_sub(self.variables()) {
            None => gradient[constraint] += factor,
            Some(inequality) => self.rows.add_row(self.inequalities[inequality], factor, gradient),
        }
    }

    /// H x, with the proximal diagonal if `regularised`.
    pub(crate) fn curvature(&self, x: &[f64], regularised: bool) -> Vec<f64> {
        let mut product: Vec<f64> = (0..x.len()).map(|row| self.hessian.dot_row(row, x)).collect();
        if regularised {
            for ((product, x), diagonal) in product.iter_mut().zip(x).zip(&self.proximal) {
                *product += diagonal * x;
            }
        }
        product
    }

    /// A step after which every equation holds that `x` misses.
    pub(crate) fn step_to_equations(&self, x: &[f64]) -> Vec<f64> {
        let missing = |(row, value): &(usize, f64)| value - self.rows.dot_row(*row, x);
        self.step_by(self.equations.iter().map(missing).collect())
    }

    /// A step after which no equation sees anything of the direction `d`.
    pub(crate) fn step_along_equations(&self, d: &[f64]) -> Vec<f64> {
        self.step_by(self.equations.iter().map(|(row, _)| -self.rows.dot_row(*row, d)).collect())
    }

    fn step_by(&self, mut missing: Vec<f64>) -> Vec<f64> {
        let mut step = vec![0.0; self.variables()];
        self.elimination.add_step(&mut missing, &mut step);
        step
    }

    /// Writes the multipliers of the equations that leave nothing of `gradient` in their range.
    pub(crate) fn equation_multipliers(&self, gradient: &[f64], multipliers: &mut [f64]) {
        let parts = self.elimination.multipliers(gradient);
        self.equations.iter().zip(parts).for_each(|((row, _), part)| multipliers[*row] = part);
    }

    /// Measures the rows M_i. One that hardly sees the null space counts as zero: the equations fix its value, and what
    /// is left of it is rounding.
    fn measure(&mut self, null: &Matrix) {
        let n = self.variables();
        let spread: Vec<f64> = (0..n).map(|j| norm(null.row(j))).collect();
        self.sizes = vec![1.0; n];
        self.lengths = (0..n).map(|j| if spread[j] > CONSTANT { norm(self.directions.row(j)) } else { 0.0 }).collect();
        let (mut seen, mut row) = (vec![0.0; null.columns()], vec![0.0; null.columns()]);
        for inequality in &self.inequalities {
            seen.fill(0.0);
            row.fill(0.0);
            let (mut size, mut most) = (0.0, 0.0);
            for (variable, value) in self.rows.row(*inequality) {
                size += value.abs();
                most += value.abs() * spread[*variable].max(1.0);
                add_scaled(&mut seen, *value, null.row(*variable));
                add_scaled(&mut row, *value, self.directions.row(*variable));
            }
            self.sizes.push(size);
            self.lengths.push(if norm(&seen) > CONSTANT * most { norm(&row) } else { 0.0 });
        }
    }

    /// An equation that is left out follows from the others, or contradicts them.
    fn check_dependent(&self, problem: &QpProblem, mut left_out: BTreeMap<usize, f64>) -> Result<(), Infeasibility> {
        for (kept, _) in &self.equations {
            left_out.remove(kept);
        }
        if left_out.is_empty() {
            return Ok(());
        }
        let x = self.step_to_equations(&vec![0.0; self.variables()]);
        for (row, value) in left_out {
            let missing = value - self.rows.dot_row(row, &x);
            if missing.abs() <= CONSISTENT * (1.0 + value.abs()) {
                continue;
            }
            let mut gradient = vec![0.0; self.variables()];
            self.rows.add_row(row, -missing.signum(), &mut gradient);
            let mut multipliers = vec![0.0; self.rows.len()];
            self.equation_multipliers(&gradient, &mut multipliers);
            multipliers[row] = missing.signum();
            let unscaled: Vec<f64> = multipliers.iter().zip(&self.row_scale).map(|(y, scale)| y * scale).collect();
            if let Some(proof) = Infeasibility::prove(problem.rows(), problem.lower(), problem.upper(), &unscaled) {
                return Err(proof);
            }
        }
        Ok(())
    }

    fn make_directions(&mut self, null: &Matrix, proximal: f64) -> Result<(), Obstacle> {
        let free = null.columns();
        let mut natural_diagonal = vec![0.0; free];
        for (j, natural) in self.natural.iter().enumerate() {
            natural_diagonal.iter_mut().zip(null.row(j)).for_each(|(sum, entry)| *sum += natural * entry * entry);
        }
        let plain = congruence(null, |j, out| out.extend_from_slice(self.hessian.row(j)));
        let factor = match cholesky(plain, &natural_diagonal, SINGULAR) {
            Some(factor) => factor,
            None => {
                self.proximal = self.natural.iter().map(|natural| proximal * natural).collect();
                let regularised = congruence(null, |j, out| {
                    out.extend_from_slice(self.hessian.row(j));
                    out.push((j, self.proximal[j]));
                });
                cholesky(regularised, &natural_diagonal, 0.0).ok_or(Obstacle::Numbers)?
            }
        };
        // Row by row T = N L'^-1, that is L t' = n'.
        let mut directions = null.clone();
        for row in 0..self.variables() {
            let t = directions.row_mut(row);
            for i in 0..free {
                let (done, rest) = t.split_at_mut(i);
                rest[0] = (rest[0] - dot(&factor.row(i)[..i], done)) / factor.row(i)[i];
            }
        }
        self.directions = directions;
        Ok(())
    }
}

/// A box of this size has about unit size once divided by the result. One that is open has the size of the bound that
/// it has.
fn unit_of(lower: f64, upper: f64) -> f64 {
    let width = upper - lower;
    let size = match (width.is_finite(), lower.is_finite(), upper.is_finite()) {
        (true, ..) if width > 0.0 => width,
        (true, ..) | (_, false, true) => upper.abs(),
        (_, true, false) => lower.abs(),
        _ => 0.0,
    };
    if size > 0.0 { power_of_two(size) } else { 1.0 }
}

/// H scaled, the natural size of each variable's cost, and the scale of the cost.
fn scaled_cost(problem: &QpProblem, extra: &[f64], unit: &[f64]) -> (SparseRows, Vec<f64>, f64) {
    let n = problem.variables();
    let mut rows: Vec<Vec<(usize, f64)>> = Vec::with_capacity(n);
    for i in 0..n {
        let mut row: Vec<(usize, f64)> = problem.hessian_row(i).to_vec();
        if extra[i] != 0.0 {
            match row.iter_mut().find(|(column, _)| *column == i) {
                Some((_, value)) => *value += extra[i],
                None => row.push((i, extra[i])),
            }
        }
        row.iter_mut().for_each(|(column, value)| *value *= unit[i] * unit[*column]);
        row.retain(|(_, value)| *value != 0.0);
        rows.push(row);
    }
    let own: Vec<f64> = (0..n)
        .map(|j| {
            let diagonal = rows[j].iter().find(|(column, _)| *column == j).map_or(0.0, |(_, value)| *value);
            diagonal.max(problem.linear()[j].abs() * unit[j])
        })
        .collect();
    // Variables without a cost of their own get the middle one of the others.
    let mut sizes: Vec<f64> = own.iter().copied().filter(|size| *size > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    let middle = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
    let cost_scale = 1.0 / power_of_two(middle);
    rows.iter_mut().flatten().for_each(|(_, value)| *value *= cost_scale);
    let natural = own
        .iter()
        .map(|size| if *size > 0.0 { size * cost_scale } else { middle * cost_scale })
        .map(|size| size.clamp(NATURAL_MIN, 1.0 / NATURAL_MIN))
        .collect();
    (SparseRows::of(rows.iter().map(Vec::as_slice)), natural, cost_scale)
}

fn scaled_rows(problem: &QpProblem, unit: &[f64]) -> (SparseRows, Vec<f64>) {
    let mut scales = Vec::with_capacity(problem.rows().len());
    let mut rows: Vec<Vec<(usize, f64)>> = Vec::with_capacity(problem.rows().len());
    for row in problem.rows() {
        let mut terms: Vec<(usize, f64)> = row.terms.iter().map(|(j, value)| (*j, value * unit[*j])).collect();
        let size = terms.iter().fold(0.0, |size: f64, (_, value)| size.max(value.abs()));
        let scale = if size > 0.0 { 1.0 / power_of_two(size) } else { 1.0 };
        terms.iter_mut().for_each(|(_, value)| *value *= scale);
        scales.push(scale);
        rows.push(terms);
    }
    (SparseRows::of(rows.iter().map(Vec::as_slice)), scales)
}

/// N'SN for a symmetric sparse S whose row j `row_of` writes.
fn congruence(null: &Matrix, row_of: impl Fn(usize, &mut Vec<(usize, f64)>)) -> Matrix {
    let free = null.columns();
    let mut product = Matrix::zeros(free, free);
    let mut entries = Vec::new();
    for j in 0..null.rows() {
        entries.clear();
        row_of(j, &mut entries);
        let mut row = vec![0.0; free];
        for (column, value) in &entries {
            add_scaled(&mut row, *value, null.row(*column));
        }
        for (i, factor) in null.row(j).iter().enumerate() {
            if *factor != 0.0 {
                add_scaled(&mut product.row_mut(i)[..=i], *factor, &row[..=i]);
            }
        }
    }
    product
}

/// A dependent equation that misses by less counts as consistent.
const CONSISTENT: f64 = 1e-9;
/// A direction with less than this part of the natural curvature counts as flat.
const SINGULAR: f64 = 1e-7;
/// A constraint of which the null space sees less than this part is fixed by the equations.
const CONSTANT: f64 = 1e-9;
/// Natural cost sizes are kept within this and its inverse, so that the proximal diagonal stays a number.
const NATURAL_MIN: f64 = 1e-9;
