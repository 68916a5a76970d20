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

use crate::active_set::{Goal, Question, Search, Stop};
use crate::infeasible::Infeasibility;
use crate::problem::{Malformed, QpProblem, check_box, check_linear, check_vector};
use crate::reduction::{Obstacle, Reduction};
use crate::unbounded::Ray;
use crate::working_set::WorkingSet;
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
    /// Nothing satisfies the constraints; with proof, and how far that reaches.
    #[error(transparent)]
    Infeasible(#[from] Infeasibility),
    /// Nothing limits how good a solution can be; with proof, a point within the constraints included.
    #[error(
        "the cost falls for ever: by {} a unit from a point within the constraints along a direction that meets none",
        -.0.slope
    )]
    Unbounded(Ray),
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

impl QpSolver {
    /// Factorises `problem` with `extra_diagonal` added to the diagonal of P, one entry a variable, none negative.
    pub fn new(problem: &QpProblem, extra_diagonal: &[f64], settings: Settings) -> Result<Self, QpError> {
        let n = problem.variables();
        check_vector("the extra diagonal", extra_diagonal, n)?;
        if let Some(variable) = extra_diagonal.iter().position(|entry| *entry < 0.0) {
            return Err(Malformed::NotConvex { variable, eigenvalue: extra_diagonal[variable] }.into());
        }
        let reduction =
            Reduction::new(problem, extra_diagonal, settings.proximal).map_err(|obstacle| match obstacle {
                Obstacle::Infeasible(proof) => QpError::Infeasible(proof),
                Obstacle::Numbers => QpError::Unfinished { iterations: 0, violation: 0.0 },
            })?;
        Ok(Self {
            centre: middle(problem, &reduction),
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
        let (problem, extra) = (Arc::clone(&self.problem), Arc::clone(&self.extra));
        let question = Question { problem: &problem, extra: &extra, linear, lower, upper };
        let reduction = Arc::clone(&self.reduction);
        let goal = Goal::new(&question, &reduction);
        let mut search = self.search(question, &goal, &reduction);
        let mut outcome = search.run();
        let mut iterations = search.iterations;
        if let Err(Stop::Stuck { .. }) = outcome {
            // Once more without the past, which may hold an ill-conditioned working set.
            self.start_anew();
            search = self.search(question, &goal, &reduction);
            outcome = search.run();
            iterations += search.iterations;
        }
        match outcome {
            Ok(()) => {
                let imbalance = search.imbalance();
                Ok(self.solution(&question, &imbalance, iterations))
            }
            Err(stop) => {
                self.start_anew();
                Err(match stop {
                    Stop::Infeasible(proof) => QpError::Infeasible(proof),
                    Stop::Unbounded(ray) => QpError::Unbounded(ray),
                    Stop::Stuck { violation } => QpError::Unfinished { iterations, violation },
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

    fn search<'a>(&'a mut self, question: Question<'a>, goal: &'a Goal, reduction: &'a Reduction) -> Search<'a> {
        Search::new(question, goal, reduction, &self.settings, (&mut self.active, &mut self.centre))
    }

    /// Forgets what earlier solves left behind.
    fn start_anew(&mut self) {
        self.active.clear();
        self.centre = middle(&self.problem, &self.reduction);
    }

    /// The solution in the problem's units.
    fn solution(&self, question: &Question<'_>, imbalance: &[f64], iterations: u32) -> Solution {
        let reduction = &self.reduction;
        let n = self.problem.variables();
        let Question { linear, lower, upper, .. } = *question;
        let x: Vec<f64> =
            (0..n).map(|j| (self.centre[j] * reduction.variable_scale[j]).clamp(lower[j], upper[j])).collect();
        let mut row_multipliers = vec![0.0; self.problem.rows().len()];
        reduction.equation_multipliers(imbalance, &mut row_multipliers);
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

/// The middle of the box, scaled; where a side is open, the point nearest to zero.
fn middle(problem: &QpProblem, reduction: &Reduction) -> Vec<f64> {
    let of = |lower: f64, upper: f64| {
        let middle = 0.5 * lower + 0.5 * upper;
        if middle.is_finite() { middle } else { 0.0_f64.clamp(lower, upper) }
    };
    let scaled = |(j, unit): (usize, &f64)| of(problem.lower()[j], problem.upper()[j]) / unit;
    reduction.variable_scale.iter().enumerate().map(scaled).collect()
}
