//! Clarabel, asked about one problem.

use crate::optimiser::SuiteError;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, SupportedConeT, ZeroConeT,
};
use mesh_solver::QpProblem;

/// What the referee says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    Optimal { cost: f64 },
    Infeasible,
    Unbounded,
    Unknown,
}

/// Rows as the referee takes them: `terms x (+ s) = value`, s = 0 or s >= 0.
#[derive(Default)]
struct Rows {
    places: Vec<usize>,
    columns: Vec<usize>,
    factors: Vec<f64>,
    values: Vec<f64>,
}

impl Rows {
    fn push(&mut self, terms: &[(usize, f64)], sign: f64, value: f64) {
        for (j, a) in terms {
            self.places.push(self.values.len());
            self.columns.push(*j);
            self.factors.push(sign * a);
        }
        self.values.push(sign * value);
    }
}

/// The terms of a row or a bound, and its sides.
type Sides = (Vec<(usize, f64)>, f64, f64);

/// Solves a problem.
pub(super) fn judge(problem: &QpProblem) -> Result<Verdict, SuiteError> {
    let n = problem.variables();
    let boxes = (0..n).map(|j| (vec![(j, 1.0)], problem.lower()[j], problem.upper()[j]));
    let all: Vec<Sides> =
        problem.rows().iter().map(|row| (row.terms.clone(), row.lower, row.upper)).chain(boxes).collect();
    let mut rows = Rows::default();
    all.iter().filter(|(_, low, high)| low == high).for_each(|(terms, low, _)| rows.push(terms, 1.0, *low));
    let equations = rows.values.len();
    for (terms, low, high) in all.iter().filter(|(_, low, high)| low != high) {
        if high.is_finite() {
            rows.push(terms, 1.0, *high);
        }
        if low.is_finite() {
            rows.push(terms, -1.0, *low);
        }
    }
    let m = rows.values.len();
    let (mut at, mut columns, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..n {
        for (j, value) in problem.hessian_row(i).iter().filter(|(j, _)| *j >= i) {
            at.push(i);
            columns.push(*j);
            entries.push(*value);
        }
    }
    let quadratic = CscMatrix::new_from_triplets(n, n, at, columns, entries);
    let matrix = CscMatrix::new_from_triplets(m, n, rows.places, rows.columns, rows.factors);
    let cones: Vec<SupportedConeT<f64>> = vec![ZeroConeT(equations), NonnegativeConeT(m - equations)];
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .tol_gap_abs(1e-9)
        .tol_gap_rel(1e-9)
        .tol_feas(1e-9)
        .build()
        .map_err(|why| SuiteError::Referee(why.to_string()))?;
    let mut solver = DefaultSolver::new(&quadratic, problem.linear(), &matrix, &rows.values, &cones, settings)
        .map_err(|why| SuiteError::Referee(why.to_string()))?;
    solver.solve();
    Ok(match solver.solution.status {
        SolverStatus::Solved => Verdict::Optimal { cost: solver.solution.obj_val + problem.constant() },
        SolverStatus::PrimalInfeasible => Verdict::Infeasible,
        SolverStatus::DualInfeasible => Verdict::Unbounded,
        _ => Verdict::Unknown,
    })
}
