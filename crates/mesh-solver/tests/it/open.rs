//! Problems in which variables have no bounds: solved where there is an end, and a ray where there is none.

use crate::generate::Dice;
use crate::referee::{Verdict, judge};
use mesh_solver::bound::lower_bound;
use mesh_solver::{QpError, QpProblem, QpRow, QpSolver, Ray, Settings, Solution};
use proptest::prelude::*;

const NONE: f64 = f64::INFINITY;

fn solve(problem: &QpProblem) -> Result<Solution, QpError> {
    QpSolver::new(problem, &vec![0.0; problem.variables()], Settings::default())?.solve_as_given()
}

/// Rows through a point, free variables, and a cost that multipliers of the right signs hold up, so that there is a best
/// point; `curved` says whether some of it is quadratic.
fn with_an_end(seed: u64, curved: bool) -> QpProblem {
    let mut dice = Dice::new(seed);
    let n = 2 + dice.below(20);
    let point: Vec<f64> = (0..n).map(|_| 3.0 * dice.signed()).collect();
    let mut linear = vec![0.0; n];
    let mut rows = Vec::new();
    for _ in 0..n + dice.below(n) {
        let mut terms = vec![(dice.below(n), 1.0 + dice.unit())];
        for j in 0..n {
            if j != terms[0].0 && dice.chance(0.2) {
                terms.push((j, dice.signed()));
            }
        }
        let value: f64 = terms.iter().map(|(j, a)| a * point[*j]).sum();
        let slack = if dice.chance(0.5) { dice.unit() } else { 0.0 };
        let multiplier = if slack == 0.0 { dice.unit() } else { 0.0 };
        let sign = if dice.chance(0.5) { 1.0 } else { -1.0 };
        terms.iter().for_each(|(j, a)| linear[*j] += sign * multiplier * a);
        let (lower, upper) = if sign > 0.0 { (value - slack, NONE) } else { (-NONE, value + slack) };
        rows.push(QpRow { terms, lower, upper });
    }
    let mut quadratic = Vec::new();
    for j in (0..n).filter(|_| curved) {
        if dice.chance(0.5) {
            let curve = dice.unit();
            quadratic.push((j, j, curve));
            linear[j] -= curve * point[j];
        }
    }
    QpProblem::new(&quadratic, linear, 0.0, rows, vec![-NONE; n], vec![NONE; n]).expect("well formed")
}

/// A direction that no constraint meets and that the cost falls along, with constraints and curvature around it.
fn without_an_end(seed: u64) -> QpProblem {
    let mut dice = Dice::new(seed);
    let n = 2 + dice.below(20);
    let mut ray: Vec<f64> = (0..n).map(|_| if dice.chance(0.3) { 0.0 } else { dice.signed() }).collect();
    ray[0] = 1.0;
    let point: Vec<f64> = (0..n).map(|_| dice.signed()).collect();
    let along = |terms: &[(usize, f64)], x: &[f64]| terms.iter().map(|(j, a)| a * x[*j]).sum::<f64>();
    let mut rows = Vec::new();
    for i in 0..dice.below(2 * n) {
        let mut terms: Vec<(usize, f64)> = (0..n).filter(|_| dice.chance(0.4)).map(|j| (j, 0.0)).collect();
        terms.iter_mut().for_each(|(_, a)| *a = dice.signed());
        let (grows, value) = (along(&terms, &ray), along(&terms, &point));
        // Every third row is an equation at a right angle to the ray, if it can be and is not nearly nothing then.
        let turns = |(j, a): &(usize, f64)| ray[*j].abs() > 0.2 && (a - grows / ray[*j]).abs() > 0.1;
        match terms.iter().position(turns) {
            Some(place) if i % 3 == 0 => {
                let j = terms[place].0;
                terms[place].1 -= grows / ray[j];
                let value = along(&terms, &point);
                rows.push(QpRow { terms, lower: value, upper: value });
            }
            _ if grows >= 0.0 => rows.push(QpRow { terms, lower: value - dice.unit(), upper: NONE }),
            _ => rows.push(QpRow { terms, lower: -NONE, upper: value + dice.unit() }),
        }
    }
    let mut linear: Vec<f64> = (0..n).map(|_| dice.signed()).collect();
    let (slope, square) =
        (linear.iter().zip(&ray).map(|(q, d)| q * d).sum::<f64>(), ray.iter().map(|d| d * d).sum::<f64>().max(1e-3));
    linear.iter_mut().zip(&ray).for_each(|(q, d)| *q -= (slope + 1.0) / square * d);
    let quadratic: Vec<(usize, usize, f64)> = (0..n).filter(|j| ray[*j] == 0.0).map(|j| (j, j, dice.unit())).collect();
    let lower = (0..n).map(|j| if ray[j] >= 0.0 { point[j] - 1.0 } else { -NONE }).collect();
    let upper = (0..n).map(|j| if ray[j] <= 0.0 { point[j] + 1.0 } else { NONE }).collect();
    QpProblem::new(&quadratic, linear, 0.0, rows, lower, upper).expect("well formed")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn free_variables_go_where_the_referee_says(seed: u64, curved: bool) {
        let problem = with_an_end(seed, curved);
        let solution = match solve(&problem) {
            Ok(solution) => solution,
            // One in some hundreds trembles by more than what counts as standing still: it is given up, which is no lie.
            Err(QpError::Unfinished { .. }) => return Ok(()),
            Err(error) => panic!("seed {seed}: {error}"),
        };
        for row in problem.rows() {
            let value: f64 = row.terms.iter().map(|(j, a)| a * solution.x[*j]).sum();
            prop_assert!(value >= row.lower - 1e-7 && value <= row.upper + 1e-7, "seed {seed}: {row:?} is {value}");
        }
        if let Verdict::Optimal { cost } = judge(&problem, problem.linear()) {
            let off = (solution.objective - cost).abs() / cost.abs().max(1.0);
            prop_assert!(off < 1e-7, "seed {seed}: {} against {cost}", solution.objective);
        }
    }

    #[test]
    fn what_has_no_end_is_never_solved(seed: u64) {
        let problem = without_an_end(seed);
        match solve(&problem) {
            Err(QpError::Unbounded(ray)) => {
                prop_assert!(ray.holds(&problem), "seed {seed}");
                prop_assert!(ray.slope < 0.0);
            }
            // One in some thousands: its ray is so flat that every step along it is a short one.
            Err(QpError::Unfinished { .. }) => {}
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn hardly_any_with_an_end_is_given_up() {
    let given_up = (0..200).filter(|seed| solve(&with_an_end(*seed, seed % 2 == 0)).is_err()).count();
    assert!(given_up <= 2, "{given_up} of 200");
}

#[test]
fn what_has_no_end_has_a_ray() {
    for seed in 0..200 {
        let proved = matches!(solve(&without_an_end(seed)), Err(QpError::Unbounded(_)));
        assert!(proved, "seed {seed}");
    }
    // It moves as far in each of a thousand steps.
    let flat = solve(&without_an_end(7_377_316_796_092_125_177));
    assert!(matches!(flat, Err(QpError::Unfinished { .. } | QpError::Unbounded(_))), "{flat:?}");
}

/// One form of free variables that must have two values, as equations and as inequalities.
#[test]
fn infeasible_without_bounds() {
    for (first, second) in [((1.0, 1.0), (2.0, 2.0)), ((-NONE, 1.0), (2.0, NONE))] {
        let row = |(lower, upper)| QpRow { terms: vec![(0, 0.3), (1, -0.7)], lower, upper };
        let problem = QpProblem::new(
            &[(0, 0, 1.0)],
            vec![1.0; 2],
            0.0,
            vec![row(first), row(second)],
            vec![-NONE; 2],
            vec![NONE; 2],
        )
        .expect("well formed");
        match solve(&problem) {
            Err(QpError::Infeasible(proof)) => {
                assert!(proof.within >= 1e9 && proof.holds(problem.rows(), problem.lower(), problem.upper()));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A bound that certificates need and cannot get makes them say nothing, never something wrong.
#[test]
fn no_bound_on_the_cost_without_bounds_on_the_variables() {
    let problem = |upper| {
        let row = QpRow { terms: vec![(0, 0.1), (1, 0.3)], lower: 0.7, upper: NONE };
        QpProblem::new(&[], vec![0.1, 0.3], 0.0, vec![row], vec![0.0; 2], vec![upper; 2]).expect("well formed")
    };
    let x = solve(&problem(NONE)).expect("an end").x;
    assert!((0.1 * x[0] + 0.3 * x[1] - 0.7).abs() < 1e-9);
    assert_eq!(lower_bound(&problem(NONE), &[], &x, &[1.0]), f64::NEG_INFINITY);
    assert!(lower_bound(&problem(1e6), &[], &x, &[1.0]) > 0.7 - 1e-9);
}

/// A solver whose variables lose and regain their bounds between solves.
#[test]
fn bounds_may_come_and_go() {
    let row = QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 1.0, upper: NONE };
    let problem = QpProblem::new(&[(0, 0, 1.0)], vec![0.0, -1.0], 0.0, vec![row], vec![0.0; 2], vec![1.0; 2])
        .expect("well formed");
    let mut solver = QpSolver::new(&problem, &[0.0; 2], Settings::default()).expect("feasible");
    let bounded = solver.solve_as_given().expect("bounded").x;
    match solver.solve(problem.linear(), problem.lower(), &[1.0, NONE]) {
        Err(QpError::Unbounded(Ray { direction, slope, .. })) => {
            assert_eq!((direction, slope < -0.99), (vec![0.0, 1.0], true))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(solver.solve_as_given().expect("bounded").x, bounded);
}
