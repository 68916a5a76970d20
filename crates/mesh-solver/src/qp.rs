//! The local QP: a dual active-set method on the minimum-norm form, from a factorisation made once an epoch.
//!
//! [`QpSolver::new`] does what depends on P, A and the rows' bounds only. [`QpSolver::solve`] takes the linear cost and
//! the variable bounds, which may change from one solve to the next, and starts from the constraints and multipliers of
//! the solve before: multipliers of the right signs are feasible for the dual whatever the bounds are. The method is that
//! of Goldfarb and Idnani (1983) in the form of Arnstroem, Bemporad and Axehill (2022):
//!
//! ```text
//! repeat
//!   mu* <- the multipliers that hold the working set exactly
//!   if some mu* has the wrong sign: go towards mu* until the first multiplier is zero, drop its constraint
//!   else: mu <- mu*; if no constraint is violated: done; else take in the most violated one
//!   (a constraint that depends on the working set drives multipliers without end, which proves infeasibility,
//!   or until one of them is zero and its constraint makes room)
//! ```
//!
//! A cost that is flat in some direction is made curved by eps/2 |x - centre|^2, and the centre moved to the solution
//! until it stays (proximal point). At the end one step of iterative refinement on the final working set.
//!
//! The multipliers belong to the Lagrangian f(x) - y'(Ax) - z'x: positive where a lower side presses, negative where an
//! upper side does; Px + q = A'y + z.

use crate::dense::{largest, norm};
use crate::infeasible::Infeasibility;
use crate::problem::{Malformed, QpProblem, check_box, check_linear, check_vector};
use crate::reduction::{Obstacle, Reduction};
use crate::working_set::{Appended, Member, Side, WorkingSet};
use std::sync::Arc;

/// Tolerances and limits of a solver, relative to the sizes of boxes, rows and costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// By how much a constraint may be violated.
    pub feasibility: f64,
    /// How far the gradient may be from balance where the cost is flat.
    pub optimality: f64,
    /// Curvature that is added where the cost is flat.
    pub proximal: f64,
    /// Most changes of the working set in one solve.
    pub iterations_max: u32,
    /// Most proximal steps in one solve.
    pub proximal_steps_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { feasibility: 1e-9, optimality: 1e-11, proximal: 1e-5, iterations_max: 10_000, proximal_steps_max: 1_000 }
    }
}

/// A solution.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The variables; within their bounds exactly, within the rows up to the tolerance.
    pub x: Vec<f64>,
    /// One multiplier a row, positive where its lower side presses.
    pub row_multipliers: Vec<f64>,
    /// One multiplier a variable, positive where its lower bound presses.
    pub bound_multipliers: Vec<f64>,
    /// `1/2 x'Px + linear'x` with the extra diagonal, without the problem's constant.
    pub objective: f64,
    /// Changes of the working set.
    pub iterations: u32,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QpError {
    /// The caller's problem or argument is not well formed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Nothing satisfies the constraints; with proof.
    #[error("the constraints exclude each other: together they demand {} more than the box allows", .0.excess)]
    Infeasible(Infeasibility),
    /// The numbers are too far apart for the arithmetic; nothing is proved.
    #[error("no solution after {iterations} iterations: a constraint is off by {violation} of its size")]
    Unfinished {
        /// Changes of the working set.
        iterations: u32,
        /// Largest violation at the end, relative to the constraint's size.
        violation: f64,
    },
}

/// A solver for one problem and one extra diagonal. A clone shares the factorisation and has a working set of its own:
/// take one for each family of similar solves.
#[derive(Debug, Clone)]
pub struct QpSolver {
    problem: Arc<QpProblem>,
    extra: Arc<Vec<f64>>,
    reduction: Arc<Reduction>,
    settings: Settings,
    active: WorkingSet,
    /// The newest solution, scaled; the proximal centre of the next solve.
    centre: Vec<f64>,
}

/// What a single solve is to reach; scaled.
struct Goal {
    linear: Vec<f64>,
    /// Bounds of every constraint.
    lower: Vec<f64>,
    upper: Vec<f64>,
}

/// The way of one solve so far.
#[derive(Default)]
struct Progress {
    iterations: u32,
    /// Removals in a row that did not move the multipliers.
    stalled: usize,
    /// Constraints that depend on others which contradict them by less than can be proved.
    ignored: Vec<usize>,
}

/// Why an attempt ended early.
enum Stop {
    Infeasible(Infeasibility),
    Stuck { violation: f64 },
}

impl QpSolver {
    /// Factorises `problem` with `extra_diagonal` added to the diagonal of P, one entry a variable, none negative.
    pub fn new(problem: &QpProblem, extra_diagonal: &[f64], settings: Settings) -> Result<Self, QpError> {
        let n = problem.variables();
        check_vector("the extra diagonal", extra_diagonal, n)?;
        if let Some(variable) = extra_diagonal.iter().position(|entry| *entry < 0.0) {
            return Err(Malformed::NotConvex { variable, curvature: extra_diagonal[variable] }.into());
        }
        let reduction =
            Reduction::new(problem, extra_diagonal, settings.proximal).map_err(|obstacle| match obstacle {
                Obstacle::Infeasible(proof) => QpError::Infeasible(proof),
                Obstacle::Numbers => QpError::Unfinished { iterations: 0, violation: 0.0 },
            })?;
        let middle = |j: usize| (0.5 * problem.lower()[j] + 0.5 * problem.upper()[j]) / reduction.variable_scale[j];
        Ok(Self {
            centre: (0..n).map(middle).collect(),
            active: WorkingSet::new(reduction.constraints()),
            problem: Arc::new(problem.clone()),
            extra: Arc::new(extra_diagonal.to_vec()),
            reduction: Arc::new(reduction),
            settings,
        })
    }

    /// Solves with this linear cost and these variable bounds, which replace those of the problem.
    pub fn solve(&mut self, linear: &[f64], lower: &[f64], upper: &[f64]) -> Result<Solution, QpError> {
        let n = self.problem.variables();
        check_linear(linear, n)?;
        check_box(lower, upper, n)?;
        let goal = self.goal(linear, lower, upper);
        let mut progress = Progress::default();
        let mut outcome = self.attempt(&goal, lower, upper, &mut progress);
        if let Err(Stop::Stuck { .. }) = outcome {
            // Once more without the past, which may hold an ill-conditioned working set.
            self.active.clear();
            let spent = progress.iterations;
            progress = Progress::default();
            outcome = self.attempt(&goal, lower, upper, &mut progress);
            progress.iterations += spent;
        }
        match outcome {
            Ok(()) => Ok(self.solution(&goal, linear, lower, upper, progress.iterations)),
            Err(stop) => {
                self.active.clear();
                Err(match stop {
                    Stop::Infeasible(proof) => QpError::Infeasible(proof),
                    Stop::Stuck { violation } => QpError::Unfinished { iterations: progress.iterations, violation },
                })
            }
        }
    }

    /// Solves with the problem's own linear cost and bounds.
    pub fn solve_as_given(&mut self) -> Result<Solution, QpError> {
        let problem = Arc::clone(&self.problem);
        self.solve(problem.linear(), problem.lower(), problem.upper())
    }

    /// The problem that is solved, without the extra diagonal.
    pub fn problem(&self) -> &QpProblem {
        &self.problem
    }

    /// Leaves the scaled solution in `centre` and its working set in `active`.
    fn attempt(&mut self, goal: &Goal, lower: &[f64], upper: &[f64], progress: &mut Progress) -> Result<(), Stop> {
        self.renew();
        let mut steps = 0;
        loop {
            let x = self.active_set(goal, lower, upper, progress)?;
            let moved = self.proximal_imbalance(&x);
            self.centre = x;
            steps += 1;
            if moved <= self.settings.optimality || steps >= self.settings.proximal_steps_max {
                break;
            }
        }
        self.polish(goal);
        let violation = self.settings.feasibility * self.worst(goal, &self.centre);
        if violation <= FINAL * self.settings.feasibility { Ok(()) } else { Err(Stop::Stuck { violation }) }
    }

    /// The solution of the problem with the proximal term around the centre.
    fn active_set(
        &mut self,
        goal: &Goal,
        lower: &[f64],
        upper: &[f64],
        progress: &mut Progress,
    ) -> Result<Vec<f64>, Stop> {
        let reduction = Arc::clone(&self.reduction);
        let (free, noise) = self.unconstrained(goal);
        loop {
            let missing = self.missing(goal, &free);
            let y = self.active.coordinates(&missing);
            let wished = self.active.multipliers(y.clone());
            if let Some(position) = self.towards(goal, &wished, progress) {
                self.active.remove(position);
            } else {
                let mut w = vec![0.0; reduction.directions.columns()];
                self.active.add_point(&y, &mut w);
                let mut x = free.clone();
                reduction.directions.add_product(&w, &mut x);
                match self.most_violated(goal, &x, noise, progress) {
                    None => return Ok(x),
                    Some((constraint, side)) => match self.take_in(goal, constraint, side) {
                        Ok(()) => {}
                        Err(ray) => match self.prove_infeasible(&ray, lower, upper) {
                            Some(proof) => return Err(Stop::Infeasible(proof)),
                            None => progress.ignored.push(constraint),
                        },
                    },
                }
            }
            progress.iterations += 1;
            if progress.iterations >= self.settings.iterations_max {
                return Err(Stop::Stuck { violation: f64::INFINITY });
            }
        }
    }

    /// Moves the multipliers to `wished`, or until the first of the wrong sign is zero: its position is returned.
    fn towards(&mut self, goal: &Goal, wished: &[f64], progress: &mut Progress) -> Option<usize> {
        let mut first: Option<(f64, usize, usize)> = None;
        for (position, (member, wish)) in self.active.members.iter().zip(wished).enumerate() {
            if goal.is_fixed(member.constraint) || member.side.sign() * wish >= 0.0 {
                continue;
            }
            let fraction = (member.multiplier / (member.multiplier - wish)).clamp(0.0, 1.0);
            if first.is_none_or(|(best, constraint, _)| (fraction, member.constraint) < (best, constraint)) {
                first = Some((fraction, member.constraint, position));
            }
        }
        let fraction = first.map_or(1.0, |(fraction, ..)| fraction);
        for (member, wish) in self.active.members.iter_mut().zip(wished) {
            member.multiplier =
                if fraction < 1.0 { member.multiplier + fraction * (wish - member.multiplier) } else { *wish };
        }
        match first {
            Some((0.0, ..)) => progress.stalled += 1,
            Some(_) => progress.stalled = 0,
            None => {}
        }
        first.map(|(.., position)| position)
    }

    /// Takes a violated constraint into the working set, with room made for it. Fails with the ray along which the dual
    /// grows without end: members' multipliers, then the constraint's own.
    fn take_in(&mut self, goal: &Goal, constraint: usize, side: Side) -> Result<(), Vec<(usize, f64)>> {
        let row = self.reduction.row(constraint);
        let mut member = Member { constraint, side, multiplier: 0.0 };
        loop {
            let parts = match self.active.append(member, &row) {
                Appended::Independent => return Ok(()),
                Appended::Dependent(parts) => parts,
            };
            // The constraint's multiplier grows by one unit, the members' change by -sign * part.
            let rates: Vec<f64> = parts.iter().map(|part| -side.sign() * part).collect();
            let significant = NEGLIGIBLE * largest(&rates);
            let mut first: Option<(f64, usize, usize)> = None;
            for (position, (held, rate)) in self.active.members.iter().zip(&rates).enumerate() {
                if goal.is_fixed(held.constraint) || held.side.sign() * rate >= -significant {
                    continue;
                }
                let length = (held.multiplier / rate).abs();
                if first.is_none_or(|(best, constraint, _)| (length, held.constraint) < (best, constraint)) {
                    first = Some((length, held.constraint, position));
                }
            }
            let Some((length, _, position)) = first else {
                let mut ray: Vec<(usize, f64)> =
                    self.active.members.iter().zip(rates).map(|(held, rate)| (held.constraint, rate)).collect();
                ray.push((constraint, side.sign()));
                return Err(ray);
            };
            for (held, rate) in self.active.members.iter_mut().zip(&rates) {
                held.multiplier += length * rate;
            }
            member.multiplier += side.sign() * length;
            self.active.remove(position);
        }
    }

    /// One or two steps of iterative refinement on the working set, kept if they make nothing worse.
    fn polish(&mut self, goal: &Goal) {
        let reduction = Arc::clone(&self.reduction);
        for _ in 0..REFINEMENTS {
            let imbalance: Vec<f64> = self.imbalance(goal).iter().map(|entry| -entry).collect();
            let mut step = reduction.step_to_equations(&self.centre);
            self.descend(&imbalance, &mut step);
            let moved: Vec<f64> = self.centre.iter().zip(&step).map(|(x, step)| x + step).collect();
            let y = self.active.coordinates(&self.missing(goal, &moved));
            let mut w = vec![0.0; reduction.directions.columns()];
            self.active.add_point(&y, &mut w);
            let changes = self.active.multipliers(y);
            let mut refined = moved;
            reduction.directions.add_product(&w, &mut refined);
            let signs_hold = self.active.members.iter().zip(&changes).all(|(member, change)| {
                goal.is_fixed(member.constraint) || member.side.sign() * (member.multiplier + change) >= 0.0
            });
            if !signs_hold || self.worst(goal, &refined) > self.worst(goal, &self.centre).max(1.0) {
                return;
            }
            self.centre = refined;
            self.active.members.iter_mut().zip(&changes).for_each(|(member, change)| member.multiplier += change);
        }
    }

    /// Makes the working set of the last solve fit for the next one: a variable that was fixed may be free and needs a
    /// side, and a factorisation worn by many changes is made anew.
    fn renew(&mut self) {
        if self.active.changes() > CHANGES_MAX {
            for member in self.active.clear() {
                // A member that has become dependent is left out; the signs of the others stay right.
                let _ = self.active.append(member, &self.reduction.row(member.constraint));
            }
        }
        for member in &mut self.active.members {
            member.side = if member.multiplier == 0.0 { member.side } else { Side::of(member.multiplier) };
        }
    }

    fn goal(&self, linear: &[f64], lower: &[f64], upper: &[f64]) -> Goal {
        let reduction = &self.reduction;
        let unit = &reduction.variable_scale;
        let rows = self.problem.rows();
        let row_bounds = |of: fn(&crate::QpRow) -> f64| {
            reduction.inequalities.iter().map(move |row| of(&rows[*row]) * reduction.row_scale[*row])
        };
        let scaled = |values: &[f64]| values.iter().zip(unit).map(|(value, unit)| value / unit).collect::<Vec<f64>>();
        Goal {
            linear: linear.iter().zip(unit).map(|(q, unit)| q * unit * reduction.cost_scale).collect(),
            lower: scaled(lower).into_iter().chain(row_bounds(|row| row.lower)).collect(),
            upper: scaled(upper).into_iter().chain(row_bounds(|row| row.upper)).collect(),
        }
    }

    /// The best point of the equations alone, and how much rounding a row of unit length may have met on the way.
    fn unconstrained(&self, goal: &Goal) -> (Vec<f64>, f64) {
        let reduction = &self.reduction;
        let mut point = self.centre.clone();
        let step = reduction.step_to_equations(&point);
        point.iter_mut().zip(&step).for_each(|(x, step)| *x += step);
        let mut descent: Vec<f64> =
            reduction.curvature(&point, false).iter().zip(&goal.linear).map(|(curve, q)| -(curve + q)).collect();
        for ((descent, step), proximal) in descent.iter_mut().zip(&step).zip(&reduction.proximal) {
            *descent -= proximal * step;
        }
        let coordinates = reduction.directions.transposed_product(&descent);
        reduction.directions.add_product(&coordinates, &mut point);
        (point, ROUNDING * norm(&coordinates))
    }

    /// Extends `step` by the descent that balances `force` after it.
    fn descend(&self, force: &[f64], step: &mut [f64]) {
        let curvature = self.reduction.curvature(step, true);
        let rest: Vec<f64> = force.iter().zip(&curvature).map(|(force, curve)| force - curve).collect();
        let coordinates = self.reduction.directions.transposed_product(&rest);
        self.reduction.directions.add_product(&coordinates, step);
    }

    /// What the members' values at `x` are short of their bounds.
    fn missing(&self, goal: &Goal, x: &[f64]) -> Vec<f64> {
        let missing =
            |member: &Member| goal.bound(member.constraint, member.side) - self.reduction.value(member.constraint, x);
        self.active.members.iter().map(missing).collect()
    }

    /// The violated constraint that is farthest away, or the first one once the method has stalled (Bland 1977).
    fn most_violated(&self, goal: &Goal, x: &[f64], noise: f64, progress: &Progress) -> Option<(usize, Side)> {
        let stalled = progress.stalled > STALLED_MAX;
        let mut worst: Option<(f64, usize, Side)> = None;
        for constraint in 0..goal.lower.len() {
            let (violation, side) = goal.violation(constraint, self.reduction.value(constraint, x));
            let length = self.reduction.lengths[constraint];
            let tolerance = self.tolerance(goal, constraint, side) + noise * length;
            if violation <= tolerance || self.active.holds(constraint) || progress.ignored.contains(&constraint) {
                continue;
            }
            let distance = if length > 0.0 { violation / length } else { f64::INFINITY };
            if worst.is_none_or(|(farthest, ..)| distance > farthest) {
                worst = Some((distance, constraint, side));
                if stalled {
                    break;
                }
            }
        }
        worst.map(|(_, constraint, side)| (constraint, side))
    }

    fn tolerance(&self, goal: &Goal, constraint: usize, side: Side) -> f64 {
        self.settings.feasibility * (1.0 + goal.bound(constraint, side).abs())
    }

    /// The largest violation at `x` in multiples of its tolerance.
    fn worst(&self, goal: &Goal, x: &[f64]) -> f64 {
        let relative = |constraint: usize| {
            let (violation, side) = goal.violation(constraint, self.reduction.value(constraint, x));
            if violation > 0.0 { violation / self.tolerance(goal, constraint, side) } else { 0.0 }
        };
        (0..goal.lower.len()).map(relative).fold(0.0, f64::max)
    }

    /// By how much the proximal term keeps the gradient at `x` from balance, relative to the natural cost.
    fn proximal_imbalance(&self, x: &[f64]) -> f64 {
        let pull = |j: usize, proximal: f64| (proximal * (x[j] - self.centre[j]) / self.reduction.natural[j]).abs();
        self.reduction.proximal.iter().enumerate().map(|(j, proximal)| pull(j, *proximal)).fold(0.0, f64::max)
    }

    /// The gradient that neither the members' multipliers nor, but for a part in their range, the equations hold.
    fn imbalance(&self, goal: &Goal) -> Vec<f64> {
        let mut gradient = self.reduction.curvature(&self.centre, false);
        gradient.iter_mut().zip(&goal.linear).for_each(|(gradient, q)| *gradient += q);
        for member in &self.active.members {
            self.reduction.add_gradient(member.constraint, -member.multiplier, &mut gradient);
        }
        gradient
    }

    fn prove_infeasible(&self, ray: &[(usize, f64)], lower: &[f64], upper: &[f64]) -> Option<Infeasibility> {
        let n = self.problem.variables();
        let mut gradient = vec![0.0; n];
        for (constraint, rate) in ray {
            self.reduction.add_gradient(*constraint, -rate, &mut gradient);
        }
        let mut multipliers = vec![0.0; self.problem.rows().len()];
        self.reduction.equation_multipliers(&gradient, &mut multipliers);
        for (constraint, rate) in ray {
            if let Some(inequality) = constraint.checked_sub(n) {
                multipliers[self.reduction.inequalities[inequality]] = *rate;
            }
        }
        multipliers.iter_mut().zip(&self.reduction.row_scale).for_each(|(y, scale)| *y *= scale);
        Infeasibility::prove(self.problem.rows(), lower, upper, &multipliers)
    }

    /// The solution in the problem's units.
    fn solution(&self, goal: &Goal, linear: &[f64], lower: &[f64], upper: &[f64], iterations: u32) -> Solution {
        let reduction = &self.reduction;
        let n = self.problem.variables();
        let x: Vec<f64> =
            (0..n).map(|j| (self.centre[j] * reduction.variable_scale[j]).clamp(lower[j], upper[j])).collect();
        let mut row_multipliers = vec![0.0; self.problem.rows().len()];
        reduction.equation_multipliers(&self.imbalance(goal), &mut row_multipliers);
        let mut bound_multipliers = vec![0.0; n];
        for member in &self.active.members {
            match member.constraint.checked_sub(n) {
                None => bound_multipliers[member.constraint] = member.multiplier,
                Some(inequality) => row_multipliers[reduction.inequalities[inequality]] = member.multiplier,
            }
        }
        for (y, scale) in row_multipliers.iter_mut().zip(&reduction.row_scale) {
            *y *= scale / reduction.cost_scale;
        }
        for (z, unit) in bound_multipliers.iter_mut().zip(&reduction.variable_scale) {
            *z /= unit * reduction.cost_scale;
        }
        let mut objective = 0.0;
        for j in 0..n {
            let mut curve = self.extra[j] * x[j];
            for (k, entry) in self.problem.hessian_row(j) {
                curve += entry * x[*k];
            }
            objective += x[j] * (0.5 * curve + linear[j]);
        }
        Solution { x, row_multipliers, bound_multipliers, objective, iterations }
    }
}

impl Goal {
    fn is_fixed(&self, constraint: usize) -> bool {
        self.lower[constraint] == self.upper[constraint]
    }

    fn bound(&self, constraint: usize, side: Side) -> f64 {
        match side {
            Side::Lower => self.lower[constraint],
            Side::Upper => self.upper[constraint],
        }
    }

    /// By how much a constraint is violated at `value`, and on which side; negative if it holds.
    fn violation(&self, constraint: usize, value: f64) -> (f64, Side) {
        let (below, above) = (self.lower[constraint] - value, value - self.upper[constraint]);
        if below >= above { (below, Side::Lower) } else { (above, Side::Upper) }
    }
}

/// At the end a constraint may be violated by so many times its tolerance.
const FINAL: f64 = 100.0;
/// Part of a length that rounding may have added on the way to it.
const ROUNDING: f64 = 1e-15;
/// A part of a combination this much smaller than the largest is rounding.
const NEGLIGIBLE: f64 = 1e-11;
/// Steps of iterative refinement.
const REFINEMENTS: u32 = 1;
/// Removals in a row without progress after which constraints are taken in by number.
const STALLED_MAX: usize = 50;
/// Changes of a working set after which its factorisation is made anew.
const CHANGES_MAX: u32 = 400;
