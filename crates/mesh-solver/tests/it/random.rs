//! One solve of every kind of random problem.

use crate::generate::{self, Dice, Kind};
use crate::referee::{Verdict, judge};
use mesh_solver::bound::lower_bound;
use mesh_solver::problem::{ROWS_MAX, VARIABLES_MAX};
use mesh_solver::{QpError, QpProblem, QpRow, QpSolver, Settings, Solution};
use proptest::prelude::*;

/// Proves the solution: no better one exists by more than `tolerance`, and what the rows are violated by is worth no
/// more than that either, unless the multipliers are so large that rounding alone is.
pub fn check_proved(problem: &QpProblem, linear: &[f64], solution: &Solution, tolerance: f64) {
    let extra: Vec<(usize, f64)> =
        linear.iter().zip(problem.linear()).map(|(to, from)| to - from).enumerate().collect();
    let bound = lower_bound(problem, &extra, &solution.x, &solution.row_multipliers) - problem.constant();
    let (mut worth, mut rounding) = (0.0, 0.0);
    for (row, y) in problem.rows().iter().zip(&solution.row_multipliers) {
        let value: f64 = row.terms.iter().map(|(j, a)| a * solution.x[*j]).sum();
        worth += y.abs() * (row.lower - value).max(value - row.upper).max(0.0);
        rounding += 1e-10 * y.abs() * row.terms.iter().map(|(j, a)| (a * solution.x[*j]).abs()).sum::<f64>();
    }
    let size = tolerance * solution.objective.abs().max(1.0);
    assert!(solution.objective - bound <= size, "{} is not near its bound {bound}", solution.objective);
    assert!(worth <= size + rounding, "{} owes {worth} to violated rows", solution.objective);
}

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
    let width = |j: usize| problem.upper()[j] - problem.lower()[j];
    let costs: f64 = (0..n).map(|j| size[j] * width(j)).fold(0.0, f64::max);
    // Where all of them vanish, what is left is how finely a place in the box can be told, in the units of the problem.
    let curved = |j: usize| problem.hessian_row(j).iter().map(|(k, p)| p.abs() * width(*k)).sum::<f64>() * width(j);
    let floor = 1e-6 * (0..n).map(curved).fold(1.0, f64::max);
    for j in 0..n {
        assert!(x[j] >= problem.lower()[j] && x[j] <= problem.upper()[j]);
        assert!(
            gradient[j].abs() * width(j) <= tolerance * (costs + floor),
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
    let solution = match solve(&problem) {
        Ok(solution) => solution,
        Err(error) => panic!("{kind:?} seed {seed}: {error}"),
    };
    check_optimal(&problem, problem.linear(), &solution, 1e-8);
    check_proved(&problem, problem.linear(), &solution, 1e-7);
    // The referee gets the problem in good units: it is no better with bad ones.
    let (plain, larger) = generate::in_good_units(kind, seed);
    let cost = solution.objective / larger;
    match judge(&plain, plain.linear()) {
        Verdict::Optimal { cost: optimum } => {
            // That nobody does better is proved above; where equations all but depend on each other the referee does worse.
            let off = (cost - optimum) / optimum.abs().max(1.0);
            assert!(off < 1e-7 && off > -1e-4, "{kind:?} seed {seed}: {cost} against {optimum}");
        }
        Verdict::Infeasible => panic!("{kind:?} seed {seed}: the referee finds a feasible problem infeasible"),
        // The conditions of optimality have been checked above.
        Verdict::Unknown => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

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

/// Equations that all but depend on each other: the solver once trusted the little that was left of one. And a cost that
/// is nothing at its best place, in units in which a place next to it costs a lot.
#[test]
fn seeds_that_failed() {
    check_against_referee(Kind::Degenerate, 16_316_654_745_891_007_599);
    check_against_referee(Kind::BadlyScaled, 4_552_915_156_943_856_280);
    check_against_referee(Kind::Degenerate, 5_187_852_540_822_158_407);
    check_against_referee(Kind::Degenerate, 1_744_973_974_932_367_461);
    check_against_referee(Kind::Degenerate, 13_584_336_896_174_012_216);
}

/// Nothing is free once the equations hold.
#[test]
fn equations_may_leave_no_freedom() {
    let row = |terms: &[(usize, f64)], value| QpRow { terms: terms.to_vec(), lower: value, upper: value };
    let rows = vec![row(&[(0, 1.0), (1, 1.0)], 1.0), row(&[(0, 1.0), (1, -1.0)], 0.0), row(&[(0, 2.0)], 1.0)];
    let problem = |upper| QpProblem::new(&[], vec![1.0, 2.0], 0.0, rows.clone(), vec![0.0; 2], vec![upper; 2]);
    let solution = solve(&problem(1.0).expect("well formed")).expect("feasible");
    assert!(solution.x.iter().all(|x| (x - 0.5).abs() < 1e-15));
    assert!(matches!(solve(&problem(0.4).expect("well formed")), Err(QpError::Infeasible(_))));
}

/// The largest problem that is taken, with every fifth row an equation.
#[test]
fn the_limits_are_within_reach() {
    let mut dice = Dice::new(11);
    let (n, m) = (VARIABLES_MAX, ROWS_MAX);
    let point: Vec<f64> = (0..n).map(|_| dice.signed()).collect();
    let mut rows = Vec::new();
    for i in 0..m {
        let first = dice.below(n - 6);
        let terms: Vec<(usize, f64)> = (first..first + 6).map(|j| (j, dice.signed())).collect();
        let value: f64 = terms.iter().map(|(j, a)| a * point[*j]).sum();
        let room = if i % 5 == 0 { 0.0 } else { 0.2 * dice.unit() };
        rows.push(QpRow { terms, lower: value - room, upper: value + room });
    }
    let quadratic: Vec<(usize, usize, f64)> = (0..n).map(|j| (j, j, if j % 3 == 0 { 0.0 } else { 0.1 })).collect();
    let linear: Vec<f64> = (0..n).map(|_| dice.signed()).collect();
    let lower = point.iter().map(|x| x - 0.5).collect();
    let upper = point.iter().map(|x| x + 0.5).collect();
    let problem = QpProblem::new(&quadratic, linear, 0.0, rows, lower, upper).expect("well formed");
    let solution = solve(&problem).expect("feasible");
    check_optimal(&problem, problem.linear(), &solution, 1e-8);
    check_proved(&problem, problem.linear(), &solution, 1e-7);
}
