//! One solve of every kind of random problem.

use crate::generate::{self, Kind};
use crate::referee::{Verdict, judge};
use mesh_solver::{QpError, QpProblem, QpSolver, Settings, Solution};
use proptest::prelude::*;

/// Rows and bounds hold, and gradient, multipliers and sides balance, all relative to the sizes met.
pub fn check_optimal(problem: &QpProblem, linear: &[f64], solution: &Solution, tolerance: f64) {
    let x = &solution.x;
    let n = problem.variables();
    let mut gradient: Vec<f64> = (0..n)
        .map(|j| {
            linear[j] - solution.bound_multipliers[j]
                + problem.hessian_row(j).iter().map(|(k, p)| p * x[*k]).sum::<f64>()
        })
        .collect();
    let mut size: Vec<f64> = (0..n)
        .map(|j| linear[j].abs() + problem.hessian_row(j).iter().map(|(k, p)| (p * x[*k]).abs()).sum::<f64>())
        .collect();
    for (row, y) in problem.rows().iter().zip(&solution.row_multipliers) {
        let value: f64 = row.terms.iter().map(|(j, a)| a * x[*j]).sum();
        let scale = row.terms.iter().map(|(j, a)| (a * x[*j]).abs()).sum::<f64>()
            + row.terms.iter().map(|(j, a)| a.abs() * (problem.upper()[*j] - problem.lower()[*j])).fold(0.0, f64::max);
        assert!(value >= row.lower - tolerance * scale && value <= row.upper + tolerance * scale, "{row:?}: {value}");
        for (j, a) in &row.terms {
            gradient[*j] -= a * y;
            size[*j] += (a * y).abs();
        }
    }
    let costs: f64 = (0..n).map(|j| size[j] * (problem.upper()[j] - problem.lower()[j])).fold(0.0, f64::max);
    for j in 0..n {
        let width = problem.upper()[j] - problem.lower()[j];
        assert!(x[j] >= problem.lower()[j] && x[j] <= problem.upper()[j]);
        assert!(
            gradient[j].abs() * width <= tolerance * (costs + 1e-12),
            "gradient {j}: {} of {}",
            gradient[j],
            size[j]
        );
    }
}

fn solve(problem: &QpProblem) -> Result<Solution, QpError> {
    QpSolver::new(problem, &vec![0.0; problem.variables()], Settings::default())?.solve_as_given()
}

fn check_against_referee(kind: Kind, seed: u64) {
    let problem = generate::feasible(kind, seed);
    let solution = solve(&problem).unwrap_or_else(|error| panic!("{kind:?} seed {seed}: {error}"));
    check_optimal(&problem, problem.linear(), &solution, 1e-8);
    // The referee gets the problem in good units: it is no better with bad ones.
    let (plain, larger) = generate::in_good_units(kind, seed);
    let cost = solution.objective / larger;
    match judge(&plain, plain.linear()) {
        Verdict::Optimal { cost: optimum } => {
            let off = (cost - optimum).abs() / optimum.abs().max(1.0);
            assert!(off < 1e-7, "{kind:?} seed {seed}: {cost} against {optimum}");
        }
        Verdict::Infeasible => panic!("{kind:?} seed {seed}: the referee finds a feasible problem infeasible"),
        // The conditions of optimality have been checked above.
        Verdict::Unknown => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn curved(seed: u64) {
        check_against_referee(Kind::Curved, seed);
    }

    #[test]
    fn flat(seed: u64) {
        check_against_referee(Kind::Flat, seed);
    }

    #[test]
    fn linear(seed: u64) {
        check_against_referee(Kind::Linear, seed);
    }

    #[test]
    fn degenerate(seed: u64) {
        check_against_referee(Kind::Degenerate, seed);
    }

    #[test]
    fn badly_scaled(seed: u64) {
        check_against_referee(Kind::BadlyScaled, seed);
    }

    #[test]
    fn infeasible(seed: u64) {
        let problem = generate::infeasible(seed);
        match solve(&problem) {
            Err(QpError::Infeasible(proof)) => {
                prop_assert!(proof.excess > 0.0);
                prop_assert!(proof.holds(problem.rows(), problem.lower(), problem.upper()));
            }
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}
