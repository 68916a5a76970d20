//! One member's problem as a smooth function of its shares: the cost plus `-mu log` of every distance to a bound.
//!
//! The equations are eliminated once, x = x0 + N w. What remains are rows `lower <= Cw <= upper`, among them the bounds of
//! the variables. A primal-dual interior-point method keeps slacks s and multipliers y of both sides with s y = mu and may
//! start anywhere. With M = N'PN + C'(y/s)C the shares answer a change of their prices by K = B M^-1 B', so that K^-1 is
//! the curvature of the least cost as a function of the shares: the reduced Schur block of the coupled problem.

use super::affine::{Affine, Equation};
use super::factor::{Triangle, cholesky};
use crate::QpProblem;
use crate::bound::{cost_rounded_up, lower_bound};
use crate::dense::{Matrix, add_scaled, dot, largest};
use crate::network::Share;

/// A member's problem with its equations eliminated.
#[derive(Debug, Clone)]
pub(crate) struct Barrier {
    problem: QpProblem,
    /// Rows of the problem that are equations, in the order of the elimination.
    equations: Vec<usize>,
    space: Affine,
    /// N'PN.
    hessian: Matrix,
    /// N'(q + P x0).
    linear: Vec<f64>,
    /// C, with what each row is of.
    rows: Matrix,
    origins: Vec<Origin>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// B and what the shares are at w = 0: one row a basic share.
    shares: Matrix,
    shares_origin: Vec<f64>,
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

/// A point between the bounds, with its multipliers.
#[derive(Debug, Clone)]
pub(crate) struct Iterate {
    w: Vec<f64>,
    below: Vec<Side>,
    above: Vec<Side>,
}

/// The distance to one bound and its multiplier; both one and zero where there is no bound.
#[derive(Debug, Clone, Copy)]
struct Side {
    slack: f64,
    multiplier: f64,
    exists: bool,
}

/// What to do about the shares.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pull<'a> {
    /// They earn these prices.
    Priced(&'a [f64]),
    /// They earn `prices` and are drawn to `to` with the curvature F'F.
    Proximal { prices: &'a [f64], to: &'a [f64], factor: &'a Triangle },
    /// They have these values.
    Fixed(&'a [f64]),
}

/// What a member tells about its cost function near the end of a solve.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Basic shares.
    pub(crate) shares: Vec<f64>,
    /// F with F'F its curvature.
    pub(crate) factor: Triangle,
    /// How the shares move with mu at constant prices.
    pub(crate) drift: Vec<f64>,
    /// The cost without the logarithms.
    pub(crate) cost: f64,
}

/// The problem has no point that satisfies its equations, or a row without room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Empty;

/// A Newton step of an iterate.
struct Step {
    w: Vec<f64>,
    below: Vec<(f64, f64)>,
    above: Vec<(f64, f64)>,
}

impl Barrier {
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
        let mut barrier = Self {
            problem: problem.clone(),
            equations,
            space,
            hessian,
            linear,
            rows: Matrix::zeros(0, 0),
            origins: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            shares: Matrix::zeros(0, free),
            shares_origin: Vec::new(),
            cost_size: cost_size(problem),
        };
        barrier.collect_rows()?;
        Ok(barrier)
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
                let factors: Vec<f64> = (0..shares.len()).map(|place| kernel.directions.row(place)[k]).collect();
                let value = dot(&factors, &origins);
                (factors, value)
            })
            .collect();
        SharePlan { basic, relations }
    }

    /// Chooses the shares that are priced and drawn.
    pub(crate) fn take_shares<'a>(&mut self, shares: impl Iterator<Item = &'a Share>) {
        let (rows, origins): (Vec<Vec<f64>>, Vec<f64>) = shares.map(|share| self.form(&share.terms)).unzip();
        self.shares = Matrix::zeros(rows.len(), self.space.free.len());
        for (place, row) in rows.iter().enumerate() {
            self.shares.row_mut(place).copy_from_slice(row);
        }
        self.shares_origin = origins;
    }

    /// The number of bounds.
    pub(crate) fn sides(&self) -> usize {
        self.lower.iter().chain(&self.upper).filter(|bound| bound.is_finite()).count()
    }

    /// A point to start from.
    pub(crate) fn start(&self, mu: f64) -> Iterate {
        let middle = |j: &usize| 0.5 * self.problem.lower()[*j] + 0.5 * self.problem.upper()[*j];
        let w: Vec<f64> = self.space.free.iter().map(middle).collect();
        let side = |row: usize, distance: f64, width: f64| {
            let least = if width.is_finite() { START * width } else { START * (1.0 + largest(self.rows.row(row))) };
            let slack = distance.max(least);
            if distance.is_finite() {
                Side { slack, multiplier: mu / slack, exists: true }
            } else {
                Side { slack: 1.0, multiplier: 0.0, exists: false }
            }
        };
        let values = self.values(&w);
        let sides = |distance: &dyn Fn(usize) -> f64| {
            (0..values.len()).map(|row| side(row, distance(row), self.upper[row] - self.lower[row])).collect()
        };
        Iterate {
            below: sides(&|row| values[row] - self.lower[row]),
            above: sides(&|row| self.upper[row] - values[row]),
            w,
        }
    }

    /// Brings `iterate` to the centre for `mu`. False if it did not get there.
    pub(crate) fn centre(&self, iterate: &mut Iterate, mu: f64, pull: Pull, steps_max: u32) -> bool {
        for _ in 0..steps_max {
            let (step, length) = match self.newton(iterate, mu, pull) {
                Some(found) => found,
                None => return false,
            };
            let whole = iterate.advance(&step);
            if whole && length <= CENTRED * CENTRED * mu && self.is_centred(iterate, mu, pull) {
                return true;
            }
        }
        false
    }

    /// What `iterate`, which is at a centre for `mu`, says about the cost as a function of the shares.
    pub(crate) fn reply(&self, iterate: &Iterate) -> Option<Reply> {
        let free = self.space.free.len();
        let factor = cholesky(self.curvature(iterate, None), PIVOT_MIN)?;
        let mut drift = vec![0.0; free];
        for (row, (below, above)) in iterate.below.iter().zip(&iterate.above).enumerate() {
            let force = below.inverse() - above.inverse();
            add_scaled(&mut drift, force, self.rows.row(row));
        }
        factor.solve(&mut drift);
        let answers: Vec<Vec<f64>> = (0..self.shares.rows())
            .map(|share| {
                let mut column = self.shares.row(share).to_vec();
                factor.solve_lower(&mut column);
                column
            })
            .collect();
        let mut compliance = Matrix::zeros(answers.len(), answers.len());
        for (i, a) in answers.iter().enumerate() {
            for (j, b) in answers[..=i].iter().enumerate() {
                compliance.row_mut(i)[j] = dot(a, b);
            }
        }
        let shares = self.share_values(iterate);
        let mut moved = vec![0.0; shares.len()];
        self.shares.add_product(&drift, &mut moved);
        Some(Reply {
            shares,
            factor: cholesky(compliance, PIVOT_MIN)?.inverse(),
            drift: moved,
            cost: self.problem.cost(&self.space.point(&iterate.w)),
        })
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

    /// The variables at `iterate` and an upper bound on their cost, if they satisfy all constraints.
    pub(crate) fn feasible_point(&self, iterate: &Iterate) -> Option<(Vec<f64>, f64)> {
        let mut x = self.space.point(&iterate.w);
        for (j, x) in x.iter_mut().enumerate() {
            let (lower, upper) = (self.problem.lower()[j], self.problem.upper()[j]);
            if *x < lower - tolerance(lower) || *x > upper + tolerance(upper) {
                return None;
            }
            *x = x.clamp(lower, upper);
        }
        for row in self.problem.rows() {
            let mut value = 0.0;
            row.terms.iter().for_each(|(j, entry)| value += entry * x[*j]);
            if value < row.lower - tolerance(row.lower) || value > row.upper + tolerance(row.upper) {
                return None;
            }
        }
        let cost = cost_rounded_up(&self.problem, &x);
        Some((x, cost))
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
            self.lower.push((lower - value) * unit);
            self.upper.push((upper - value) * unit);
        }
        self.rows = Matrix::zeros(rows.len(), self.space.free.len());
        for (place, row) in rows.iter().enumerate() {
            self.rows.row_mut(place).copy_from_slice(row);
        }
        Ok(())
    }

    /// A linear form of the variables as one of w, and its value at w = 0.
    fn form(&self, terms: &[(usize, f64)]) -> (Vec<f64>, f64) {
        let mut form = vec![0.0; self.space.free.len()];
        let mut value = 0.0;
        for (variable, coefficient) in terms {
            add_scaled(&mut form, *coefficient, self.space.directions.row(*variable));
            value += coefficient * self.space.origin[*variable];
        }
        (form, value)
    }

    fn values(&self, w: &[f64]) -> Vec<f64> {
        (0..self.rows.rows()).map(|row| dot(self.rows.row(row), w)).collect()
    }

    fn share_values(&self, iterate: &Iterate) -> Vec<f64> {
        let mut values = self.shares_origin.clone();
        self.shares.add_product(&iterate.w, &mut values);
        values
    }

    /// The gradient of cost and pull without the multipliers of the bounds.
    fn gradient(&self, iterate: &Iterate, pull: Pull) -> Vec<f64> {
        let mut gradient = self.linear.clone();
        self.hessian.add_product(&iterate.w, &mut gradient);
        let force = match pull {
            Pull::Priced(prices) => prices.to_vec(),
            Pull::Proximal { prices, to, factor } => {
                let away: Vec<f64> = self.share_values(iterate).iter().zip(to).map(|(share, to)| share - to).collect();
                let back = factor.curvature_times(&away);
                prices.iter().zip(back).map(|(price, back)| price - back).collect()
            }
            Pull::Fixed(_) => return gradient,
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
        let mut w = force;
        if let Pull::Fixed(to) = pull {
            self.meet(&factor, iterate, to, &mut w)?;
        }
        let moved = self.values(&w);
        let below =
            iterate.below.iter().enumerate().map(|(row, side)| side.step(mu, moved[row], miss_below(row, side)));
        let above =
            iterate.above.iter().enumerate().map(|(row, side)| side.step(mu, -moved[row], miss_above(row, side)));
        let (below, above) = (below.collect(), above.collect());
        let length = factor.length_squared(&w);
        Some((Step { w, below, above }, length))
    }

    /// Adds to the step `w` the least further one after which the shares have the values `to`.
    fn meet(&self, factor: &Triangle, iterate: &Iterate, to: &[f64], w: &mut [f64]) -> Option<()> {
        let answers: Vec<Vec<f64>> = (0..self.shares.rows())
            .map(|share| {
                let mut column = self.shares.row(share).to_vec();
                factor.solve_lower(&mut column);
                column
            })
            .collect();
        let mut compliance = Matrix::zeros(answers.len(), answers.len());
        for (i, a) in answers.iter().enumerate() {
            for (j, b) in answers[..=i].iter().enumerate() {
                compliance.row_mut(i)[j] = dot(a, b);
            }
        }
        let compliance = cholesky(compliance, PIVOT_MIN)?;
        let mut missing: Vec<f64> = self.share_values(iterate).iter().zip(to).map(|(value, to)| to - value).collect();
        for (share, missing) in missing.iter_mut().enumerate() {
            *missing -= dot(self.shares.row(share), w);
        }
        compliance.solve(&mut missing);
        let mut more = vec![0.0; w.len()];
        missing.iter().zip(&answers).for_each(|(part, answer)| add_scaled(&mut more, *part, answer));
        factor.solve_upper(&mut more);
        add_scaled(w, 1.0, &more);
        Some(())
    }

    fn is_centred(&self, iterate: &Iterate, mu: f64, pull: Pull) -> bool {
        let values = self.values(&iterate.w);
        let near = |side: &Side, distance: f64| {
            !side.exists
                || ((side.slack * side.multiplier - mu).abs() <= CENTRED * mu
                    && (distance - side.slack).abs() <= MISSED * side.slack)
        };
        let rows = values.iter().enumerate().all(|(row, value)| {
            near(&iterate.below[row], value - self.lower[row]) && near(&iterate.above[row], self.upper[row] - value)
        });
        let met = match pull {
            Pull::Fixed(to) => {
                self.share_values(iterate).iter().zip(to).all(|(value, to)| (value - to).abs() <= tolerance(*to))
            }
            _ => true,
        };
        rows && met
    }
}

/// Which shares of a member are coordinates of all, and how the others follow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharePlan {
    /// Places of the shares that the equations leave independent.
    pub(crate) basic: Vec<usize>,
    /// Factors of all shares and the value that their sum always has.
    pub(crate) relations: Vec<(Vec<f64>, f64)>,
}

impl Iterate {
    /// Goes along `step` as far as slacks and multipliers stay positive, and says whether that was the whole way.
    fn advance(&mut self, step: &Step) -> bool {
        let sides = |iterate: &Self| -> Vec<Side> { iterate.below.iter().chain(&iterate.above).copied().collect() };
        let (mut primal, mut dual) = (1.0f64, 1.0f64);
        for (side, (slack, multiplier)) in sides(self).iter().zip(step.below.iter().chain(&step.above)) {
            if side.exists {
                primal = if *slack < 0.0 { primal.min(BOUNDARY * side.slack / -slack) } else { primal };
                dual = if *multiplier < 0.0 { dual.min(BOUNDARY * side.multiplier / -multiplier) } else { dual };
            }
        }
        add_scaled(&mut self.w, primal, &step.w);
        for (side, (slack, multiplier)) in
            self.below.iter_mut().chain(&mut self.above).zip(step.below.iter().chain(&step.above))
        {
            if side.exists {
                side.slack += primal * slack;
                side.multiplier += dual * multiplier;
            }
        }
        primal == 1.0 && dual == 1.0
    }
}

impl Side {
    fn inverse(&self) -> f64 {
        if self.exists { 1.0 / self.slack } else { 0.0 }
    }

    /// The force of the bound after a step that leaves the distance as it is.
    fn push(&self, mu: f64, missed: f64) -> f64 {
        if self.exists { (mu - self.multiplier * missed) / self.slack } else { 0.0 }
    }

    /// Changes of slack and multiplier if the distance grows by `moved`.
    fn step(&self, mu: f64, moved: f64, missed: f64) -> (f64, f64) {
        if !self.exists {
            return (0.0, 0.0);
        }
        let slack = moved + missed;
        (slack, (mu - self.slack * self.multiplier - self.multiplier * slack) / self.slack)
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
const SHARES_DEPENDENT: f64 = 1e-5;
/// A row that the equations leave less than this part to move is fixed by them.
const CONSTANT: f64 = 1e-9;
/// Constraints hold up to this, relative to one plus their bound.
const FEASIBLE: f64 = 1e-9;
/// Slack at the start, in parts of the width of the row.
const START: f64 = 0.1;
/// Part of the way to the nearest bound that a step may go.
const BOUNDARY: f64 = 0.99;
/// How near to the centre is near enough, in parts of mu.
const CENTRED: f64 = 0.1;
/// Part of a slack by which it may differ from the distance it stands for.
const MISSED: f64 = 1e-6;
/// A pivot below this part of its diagonal entry is rounding.
const PIVOT_MIN: f64 = 1e-13;
