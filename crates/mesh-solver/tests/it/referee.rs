//! Clarabel, asked the same question.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, SupportedConeT, ZeroConeT,
};
use mesh_solver::QpProblem;

/// What the referee says.
#[derive(Debug)]
pub enum Verdict {
    Optimal { cost: f64 },
    Infeasible,
    Unknown,
}

type Terms<'a> = &'a [(usize, f64)];

/// Rows in the form the referee takes: `terms x (+ s) = value`, s = 0 or s >= 0.
#[derive(Default)]
struct Rows {
    triplets: Vec<(usize, usize, f64)>,
    values: Vec<f64>,
}

impl Rows {
    fn push(&mut self, terms: &[(usize, f64)], sign: f64, value: f64) {
        let row = self.values.len();
        self.triplets.extend(terms.iter().map(|(j, a)| (row, *j, sign * a)));
        self.values.push(sign * value);
    }
}

/// Solves `problem` with `linear` in place of its linear cost.
pub fn judge(problem: &QpProblem, linear: &[f64]) -> Verdict {
    let n = problem.variables();
    let mut rows = Rows::default();
    let equal = |low: f64, high: f64| low == high;
    let singles: Vec<Vec<(usize, f64)>> = (0..n).map(|j| vec![(j, 1.0)]).collect();
    let all: Vec<(Terms, f64, f64)> = problem
        .rows()
        .iter()
        .map(|row| (row.terms.as_slice(), row.lower, row.upper))
        .chain((0..n).map(|j| (singles[j].as_slice(), problem.lower()[j], problem.upper()[j])))
        .collect();
    all.iter().filter(|(_, low, high)| equal(*low, *high)).for_each(|(terms, low, _)| rows.push(terms, 1.0, *low));
    let equations = rows.values.len();
    for (terms, low, high) in all.iter().filter(|(_, low, high)| !equal(*low, *high)) {
        if high.is_finite() {
            rows.push(terms, 1.0, *high);
        }
        if low.is_finite() {
            rows.push(terms, -1.0, *low);
        }
    }
    let m = rows.values.len();
    let mut upper_triangle = Vec::new();
    for i in 0..n {
        upper_triangle.extend(problem.hessian_row(i).iter().filter(|(j, _)| *j >= i).map(|(j, value)| (i, *j, *value)));
    }
    let p = compressed(n, n, upper_triangle);
    let a = compressed(m, n, rows.triplets);
    let cones: Vec<SupportedConeT<f64>> = vec![ZeroConeT(equations), NonnegativeConeT(m - equations)];
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .tol_gap_abs(1e-10)
        .tol_gap_rel(1e-10)
        .tol_feas(1e-10)
        .build()
        .expect("valid settings");
    let mut solver = DefaultSolver::new(&p, linear, &a, &rows.values, &cones, settings).expect("a valid problem");
    solver.solve();
    let solution = &solver.solution;
    match solution.status {
        SolverStatus::Solved => Verdict::Optimal { cost: solution.obj_val + problem.constant() },
        SolverStatus::PrimalInfeasible => Verdict::Infeasible,
        _ => Verdict::Unknown,
    }
}

fn compressed(rows: usize, columns: usize, mut triplets: Vec<(usize, usize, f64)>) -> CscMatrix<f64> {
    triplets.sort_by_key(|(i, j, _)| (*j, *i));
    let mut starts = vec![0; columns + 1];
    triplets.iter().for_each(|(_, j, _)| starts[j + 1] += 1);
    (0..columns).for_each(|j| starts[j + 1] += starts[j]);
    let (places, values) = triplets.iter().map(|(i, _, value)| (*i, *value)).unzip();
    CscMatrix::new(rows, columns, starts, places, values)
}
