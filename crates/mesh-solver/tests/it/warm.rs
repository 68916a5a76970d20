//! Many solves of one problem: costs drift, variables are fixed and freed.

use crate::generate::{self, Dice, Kind};
use crate::random::{check_optimal, check_proved};
use crate::referee::{Verdict, judge};
use mesh_solver::{QpError, QpProblem, QpSolver, Settings};
use proptest::prelude::*;
use std::time::Instant;

fn with_box(problem: &QpProblem, lower: &[f64], upper: &[f64]) -> QpProblem {
    let mut quadratic = Vec::new();
    for i in 0..problem.variables() {
        quadratic.extend(problem.hessian_row(i).iter().filter(|(j, _)| *j >= i).map(|(j, value)| (i, *j, *value)));
    }
    QpProblem::new(
        &quadratic,
        problem.linear().to_vec(),
        problem.constant(),
        problem.rows().to_vec(),
        lower.to_vec(),
        upper.to_vec(),
    )
    .expect("the box is in order")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_warm_solve_is_as_good_as_a_cold_one(seed: u64, kind in 0usize..4) {
        let kind = [Kind::Curved, Kind::Flat, Kind::Degenerate, Kind::BadlyScaled][kind];
        let problem = generate::feasible(kind, seed);
        let n = problem.variables();
        let mut dice = Dice::new(seed ^ 1);
        let mut solver = QpSolver::new(&problem, &vec![0.0; n], Settings::default()).expect("a feasible problem");
        let mut linear = problem.linear().to_vec();
        for _ in 0..12 {
            let (mut lower, mut upper) = (problem.lower().to_vec(), problem.upper().to_vec());
            for j in 0..n {
                linear[j] += 0.3 * dice.signed() * problem.linear()[j];
                if dice.chance(0.15) {
                    let at = lower[j] + dice.unit() * (upper[j] - lower[j]);
                    (lower[j], upper[j]) = (at, at);
                }
            }
            let boxed = with_box(&problem, &lower, &upper);
            match (solver.solve(&linear, &lower, &upper), judge(&boxed, &linear)) {
                (Ok(solution), verdict) => {
                    check_optimal(&boxed, &linear, &solution, 1e-8);
                    check_proved(&boxed, &linear, &solution, 1e-7);
                    match verdict {
                        // With bad units the referee itself is off.
                        Verdict::Optimal { cost } if kind != Kind::BadlyScaled => {
                            let off = (solution.objective + problem.constant() - cost).abs() / cost.abs().max(1.0);
                            prop_assert!(off < 1e-7, "{kind:?} seed {seed}: {} against {cost}", solution.objective);
                        }
                        _ => {}
                    }
                    prop_assert!(!matches!(verdict, Verdict::Infeasible), "{kind:?} seed {seed}");
                }
                (Err(QpError::Infeasible(proof)), _) => {
                    prop_assert!(proof.holds(boxed.rows(), boxed.lower(), boxed.upper()));
                }
                (Err(error), verdict) => panic!("{kind:?} seed {seed}: {error}, the referee says {verdict:?}"),
            }
        }
    }
}

#[test]
fn the_same_calls_give_the_same_bits() {
    let (problem, _) = generate::mission_like(24, 3);
    let run = || {
        let mut solver =
            QpSolver::new(&problem, &vec![0.1; problem.variables()], Settings::default()).expect("feasible");
        let mut bits = Vec::new();
        for round in 0..5 {
            let linear: Vec<f64> = problem.linear().iter().map(|q| q + 0.01 * f64::from(round)).collect();
            let solution = solver.solve(&linear, problem.lower(), problem.upper()).expect("feasible");
            bits.extend(solution.x.iter().chain(&solution.row_multipliers).map(|value| value.to_bits()));
        }
        bits
    };
    assert_eq!(run(), run());
}

#[test]
fn an_infeasible_solve_leaves_the_solver_usable() {
    let (problem, flows) = generate::mission_like(12, 2);
    let n = problem.variables();
    let mut solver = QpSolver::new(&problem, &vec![0.0; n], Settings::default()).expect("feasible");
    let before = solver.solve_as_given().expect("feasible");
    // More flow than the array and the battery can give.
    let mut lower = problem.lower().to_vec();
    flows.iter().for_each(|j| lower[*j] = problem.upper()[*j]);
    match solver.solve(problem.linear(), &lower, problem.upper()) {
        Err(QpError::Infeasible(proof)) => assert!(proof.holds(problem.rows(), &lower, problem.upper())),
        other => panic!("{other:?}"),
    }
    let after = solver.solve_as_given().expect("feasible");
    assert!((before.objective - after.objective).abs() < 1e-9);
}

#[test]
fn what_the_caller_gets_wrong_is_refused() {
    let (problem, _) = generate::mission_like(2, 2);
    let n = problem.variables();
    assert!(matches!(QpSolver::new(&problem, &vec![-1.0; n], Settings::default()), Err(QpError::Malformed(_))));
    assert!(matches!(QpSolver::new(&problem, &[], Settings::default()), Err(QpError::Malformed(_))));
    let mut solver = QpSolver::new(&problem, &vec![0.0; n], Settings::default()).expect("feasible");
    let wrong: [(&[f64], &[f64], &[f64]); 3] = [
        (&vec![f64::NAN; n], problem.lower(), problem.upper()),
        (&vec![0.0; n + 1], problem.lower(), problem.upper()),
        (problem.linear(), problem.upper(), problem.lower()),
    ];
    for (linear, lower, upper) in wrong {
        assert!(matches!(solver.solve(linear, lower, upper), Err(QpError::Malformed(_))));
    }
}

/// The bits of a solution are the same in every build and on every machine; a change of the method changes this number.
#[test]
fn the_bits_of_a_solution_are_known() {
    let (problem, _) = generate::mission_like(24, 4);
    let mut solver = QpSolver::new(&problem, &vec![0.1; problem.variables()], Settings::default()).expect("feasible");
    let solution = solver.solve_as_given().expect("feasible");
    let bytes: Vec<u8> = solution.x.iter().chain(&solution.row_multipliers).flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(
        mesh_model::Hash::of(&bytes).to_string(),
        "cdc6c901953145d25e508e14e73d09a34a27d8d3a6a1d86fdaa5728db1985d6f"
    );
}

/// The only clock here: it is printed, never acted upon.
#[allow(clippy::disallowed_methods)]
fn clock() -> Instant {
    Instant::now()
}

/// Prints what a mission-like problem costs: `cargo test --release -p mesh-solver -- --nocapture mission_like`.
#[test]
fn mission_like_times() {
    let (problem, flows) = generate::mission_like(24, 1);
    let n = problem.variables();
    let mut extra = vec![0.0; n];
    flows.iter().for_each(|j| extra[*j] = 0.5);
    let begin = clock();
    let mut solver = QpSolver::new(&problem, &extra, Settings::default()).expect("feasible");
    let built = begin.elapsed();
    let begin = clock();
    let cold = solver.solve_as_given().expect("feasible");
    println!(
        "n = {n}, {} rows: built in {built:?}; cold: {:?}, {} changes",
        problem.rows().len(),
        begin.elapsed(),
        cold.iterations
    );
    let mut dice = Dice::new(5);
    let mut linear = problem.linear().to_vec();
    for drift in [0.0, 1e-3, 1e-2, 1e-1] {
        let (begin, mut changes) = (clock(), 0);
        for _ in 0..100 {
            flows.iter().for_each(|j| linear[*j] += drift * dice.signed());
            changes += solver.solve(&linear, problem.lower(), problem.upper()).expect("feasible").iterations;
        }
        println!("warm, prices drift by {drift}: {:?} a solve, {} changes in 100", begin.elapsed() / 100, changes);
    }
    let mut repair = QpSolver::new(&problem, &vec![0.0; n], Settings::default()).expect("feasible");
    let (begin, mut changes) = (clock(), 0);
    for _ in 0..100 {
        let (mut lower, mut upper) = (problem.lower().to_vec(), problem.upper().to_vec());
        for j in &flows {
            let at = (cold.x[*j] + 0.01 * dice.signed()).clamp(lower[*j], upper[*j]);
            (lower[*j], upper[*j]) = (at, at);
        }
        changes += repair.solve(problem.linear(), &lower, &upper).expect("feasible").iterations;
    }
    println!("repair, flows fixed: {:?} a solve, {} changes in 100", begin.elapsed() / 100, changes);
}
