//! Proofs that a network has no plan, against the referee on the whole.

use crate::networks::{KINDS, Kind, network};
use crate::referee::{Verdict, judge};
use mesh_solver::find_infeasibility;
use mesh_solver::separation::Limits;

/// How many networks the referee calls infeasible, how many of them are proved, and how many it calls feasible.
fn check(kind: Kind, seeds: std::ops::Range<u64>, off: f64) -> (u32, u32, u32) {
    let (mut infeasible, mut proved, mut feasible) = (0, 0, 0);
    for seed in seeds {
        let network = network(kind, seed, 2 + (seed % 7) as usize, off);
        let whole = network.whole().expect("well formed");
        let proof = find_infeasibility(&network, Limits::default());
        match judge(&whole, whole.linear()) {
            Verdict::Optimal { .. } => {
                assert!(proof.is_none(), "{kind:?} {seed} has a plan, and {proof:?}");
                feasible += 1;
            }
            Verdict::Infeasible => {
                infeasible += 1;
                proved += u32::from(proof.as_ref().is_some_and(|proof| proof.holds(&network)));
            }
            Verdict::Unknown => {}
        }
    }
    (infeasible, proved, feasible)
}

#[test]
fn what_the_referee_calls_infeasible_is_proved_and_nothing_else_is() {
    for kind in KINDS {
        for off in [0.3, 1.0] {
            let (infeasible, proved, _) = check(kind, 0..100, off);
            assert!(infeasible >= 5, "{kind:?} {off}: nothing is tested");
            assert_eq!(infeasible, proved, "{kind:?} {off}");
        }
    }
}

#[test]
fn where_there_is_a_plan_nothing_is_proved() {
    for kind in KINDS {
        let (infeasible, _, feasible) = check(kind, 100..130, 0.0);
        assert!(infeasible == 0 && feasible > 20, "{kind:?}: {infeasible} infeasible, {feasible} feasible");
    }
}

#[test]
fn the_same_network_has_the_same_proof() {
    let network = network(Kind::Mixed, 3, 6, 2.0);
    let proof = find_infeasibility(&network, Limits::default());
    assert!(proof.is_some());
    assert_eq!(proof, find_infeasibility(&network, Limits::default()));
}
