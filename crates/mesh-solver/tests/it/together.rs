//! Whole networks through the one entry, against the referee.

use crate::generate::Dice;
use crate::networks::{KINDS, Kind, network};
use crate::referee::{Verdict, judge};
use mesh_solver::separation::Limits;
use mesh_solver::together::{Outcome, Path, Settings, fast_path, solve};
use mesh_solver::{Junction, Member, Network, QpProblem, QpRow, Share};

/// How many ended how.
#[derive(Debug, Default, PartialEq)]
struct Count {
    converged: u32,
    by_rounds: u32,
    infeasible: u32,
    unsettled: u32,
}

/// Solves a network and checks the outcome against the referee.
fn check(what: &str, network: &Network, settings: &Settings, count: &mut Count) {
    let whole = network.whole().expect("well formed");
    let judged = judge(&whole, whole.linear());
    match (solve(network, settings), judged) {
        (Outcome::Converged(plan), Verdict::Optimal { cost }) => {
            let slack = 1e-4 * cost.abs().max(1.0);
            assert!(plan.lower <= cost + 1e-7 * cost.abs().max(1.0), "{what}: {plan:?} is above {cost}");
            assert!(plan.upper >= cost - slack && plan.gap() <= settings.gap, "{what}: {plan:?}, optimum {cost}");
            let paid: f64 = network.members.iter().zip(&plan.plans).map(|(m, x)| m.problem.cost(x)).sum();
            assert!((paid - cost).abs() <= 5.0 * slack, "{what}: the plans cost {paid}, optimum {cost}");
            count.converged += 1;
            count.by_rounds += u32::from(plan.path == Path::Rounds);
        }
        (Outcome::Infeasible(proof), Verdict::Infeasible) => {
            assert!(proof.holds(network), "{what}");
            count.infeasible += 1;
        }
        (Outcome::Unsettled, _) => count.unsettled += 1,
        (outcome, judged) => panic!("{what}: {outcome:?}, and the referee says {judged:?}"),
    }
}

fn check_all(settings: &Settings, seeds: std::ops::Range<u64>, off: f64) -> Count {
    let mut count = Count::default();
    for kind in KINDS {
        for seed in seeds.clone() {
            let network = network(kind, seed, 2 + (seed % 7) as usize, off);
            check(&format!("{kind:?} {seed}"), &network, settings, &mut count);
        }
    }
    count
}

#[test]
fn every_random_network_ends_with_plans_or_a_proof() {
    let count = check_all(&Settings::default(), 0..25, 0.0);
    assert_eq!((count.infeasible, count.unsettled), (0, 0), "{count:?}");
    let count = check_all(&Settings::default(), 0..25, 1.0);
    assert!(count.infeasible > 20 && count.converged > 20, "{count:?}");
    assert_eq!(count.unsettled, 0, "{count:?}");
}

#[test]
fn without_blocks_the_edge_core_gets_there() {
    let settings = Settings { blocks: false, ..Settings::default() };
    let count = check_all(&settings, 0..8, 0.0);
    assert_eq!(count.by_rounds, count.converged);
    assert_eq!((count.infeasible, count.unsettled), (0, 0), "{count:?}");
}

#[test]
fn limits_that_come_too_soon_leave_it_open() {
    let none = Limits { evaluations_max: 0 };
    let settings = Settings { blocks: false, rounds_max: 3, infeasibility: none, ..Settings::default() };
    for seed in 0..3 {
        assert_eq!(solve(&network(Kind::Consensus, seed, 6, 0.0), &settings), Outcome::Unsettled, "{seed}");
    }
}

/// Many members that share a power budget in each of two steps.
fn crowd(seed: u64, members: usize, most: f64) -> Network {
    let mut dice = Dice::new(seed);
    let member = |_| {
        let quadratic = [(0, 0, 0.5 + dice.unit()), (1, 1, 0.5 + dice.unit())];
        let linear = vec![-2.0 - dice.unit(), -1.0 - dice.unit()];
        let row = QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 0.5, upper: 2.5 };
        let problem = QpProblem::new(&quadratic, linear, 0.0, vec![row], vec![0.0; 2], vec![2.0; 2]);
        let shares = (0..2).map(|t| Share { junction: t, terms: vec![(t, 1.0)] }).collect();
        Member { problem: problem.expect("well formed"), shares }
    };
    let members: Vec<Member> = (0..members).map(member).collect();
    let most = most * members.len() as f64;
    Network { members, junctions: vec![Junction::Budget(most), Junction::Budget(most)] }
}

#[test]
fn a_crowd_goes_by_prices_and_is_refused_what_there_is_not() {
    for seed in 0..5 {
        let settings = Settings::default();
        let scarce = crowd(seed, 40, 0.6);
        assert_eq!(fast_path(&scarce, &settings), Some(Path::Prices));
        let mut count = Count::default();
        check("scarce", &scarce, &settings, &mut count);
        check("too little", &crowd(seed, 40, 0.2), &settings, &mut count);
        assert_eq!((count.converged, count.by_rounds, count.infeasible), (1, 0, 1), "{count:?}");
    }
}

/// Costs without curvature: whatever the price, the cheap want all and the dear nothing, so no price alone shares out what
/// lies between.
#[test]
fn where_prices_stall_another_path_gets_there() {
    for seed in 0..3 {
        let mut dice = Dice::new(seed);
        let member = |k: usize| {
            let linear = vec![[1.0, 1.5, 2.0][k % 3]];
            let problem = QpProblem::new(&[], linear, 0.0, Vec::new(), vec![0.0], vec![1.0 + dice.unit()]);
            let shares = vec![Share { junction: 0, terms: vec![(0, 1.0)] }];
            Member { problem: problem.expect("well formed"), shares }
        };
        let members: Vec<Member> = (0..12).map(member).collect();
        let network = Network { members, junctions: vec![Junction::Exchange(8.0)] };
        let settings = Settings::default();
        assert_eq!(fast_path(&network, &settings), Some(Path::Prices));
        let Outcome::Converged(plan) = solve(&network, &settings) else { panic!("seed {seed}: unsettled") };
        assert_ne!(plan.path, Path::Prices, "seed {seed}: prices did not stall");
        let mut count = Count::default();
        check("stalled", &network, &settings, &mut count);
        assert_eq!(count.converged, 1, "seed {seed}");
    }
}

#[test]
fn the_same_network_has_the_same_outcome() {
    for (seed, off) in [(1, 0.0), (4, 2.0)] {
        let network = network(Kind::Mixed, seed, 5, off);
        assert_eq!(solve(&network, &Settings::default()), solve(&network, &Settings::default()));
    }
}
