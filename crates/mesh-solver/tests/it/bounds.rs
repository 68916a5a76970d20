//! Safe bounds: never above the optimum, close to it with good multipliers.

use crate::generate::{self, Dice, Kind};
use crate::referee::{Verdict, judge};
use mesh_solver::bound::{cost_rounded_up, lower_bound};
use mesh_solver::{QpSolver, Settings};
use proptest::prelude::*;

const KINDS: [Kind; 5] = [Kind::Curved, Kind::Flat, Kind::Linear, Kind::Degenerate, Kind::BadlyScaled];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn below_the_referee_whatever_the_multipliers(seed: u64, kind in 0usize..5) {
        let problem = generate::feasible(KINDS[kind], seed);
        let (plain, larger) = generate::in_good_units(KINDS[kind], seed);
        let Verdict::Optimal { cost } = judge(&plain, plain.linear()) else { return Ok(()) };
        let cost = cost * larger;
        // The referee's own cost is only so exact.
        let exact_to = 1e-8 * cost.abs().max(larger);
        let mut dice = Dice::new(seed);
        for size in [0.0, 1e-3, 1.0, 1e6, 1e200] {
            let point: Vec<f64> = (0..problem.variables()).map(|_| size * dice.signed()).collect();
            let multipliers: Vec<f64> = problem.rows().iter().map(|_| size * dice.signed()).collect();
            let bound = lower_bound(&problem, &[], &point, &multipliers);
            prop_assert!(bound <= cost + exact_to, "seed {seed}: {bound} above {cost}");
        }
    }

    #[test]
    fn tight_with_the_multipliers_of_the_solver(seed: u64, kind in 0usize..5) {
        let problem = generate::feasible(KINDS[kind], seed);
        let mut solver = QpSolver::new(&problem, &vec![0.0; problem.variables()], Settings::default())
            .expect("a feasible problem");
        let solution = solver.solve_as_given().expect("a feasible problem");
        let bound = lower_bound(&problem, &[], &solution.x, &solution.row_multipliers);
        let cost = cost_rounded_up(&problem, &solution.x);
        let gap = (cost - bound) / cost.abs().max(1.0);
        // A violated row can make the cost smaller than the optimum, by as little as it is violated.
        prop_assert!(gap > -1e-7 && gap < 1e-7, "{:?} seed {seed}: gap {gap:e}", KINDS[kind]);
    }
}
