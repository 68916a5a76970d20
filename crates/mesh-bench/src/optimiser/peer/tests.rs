//! Two and three agents whose optimum is known by heart.

use super::*;
use mesh_solver::{Member, QpProblem, Share};

/// Agents that want a common number to be near `wishes`, each with a curvature; all within -10..10.
fn quarrel(wishes: &[(f64, f64)]) -> Network {
    let member = |(wish, curvature): &(f64, f64)| {
        let constant = 0.5 * curvature * wish * wish;
        let problem = QpProblem::new(
            &[(0, 0, *curvature)],
            vec![-curvature * wish],
            constant,
            Vec::new(),
            vec![-10.0],
            vec![10.0],
        );
        Member { problem: problem.expect("well formed"), shares: vec![Share { junction: 0, terms: vec![(0, 1.0)] }] }
    };
    Network { members: wishes.iter().map(member).collect(), junctions: vec![Junction::Consensus] }
}

/// Curvatures 1 and 3 meet at -1/2, where 1/2 (3/2)^2 + 3/2 (1/2)^2 is 3/2.
fn pair() -> Network {
    quarrel(&[(1.0, 1.0), (-1.0, 3.0)])
}

fn goal(cost: f64) -> Goal {
    Goal { mismatch_max: 1e-9, gap_max: 1e-9, ..Goal::usual(cost) }
}

#[test]
fn agents_meet_at_the_optimum() {
    let network = pair();
    let mut admm = PlainAdmm::new(&network, 1.0).expect("consensus of single variables");
    for _ in 0..200 {
        assert_eq!(admm.round(&mut |_, _| true).expect("solved"), 16, "two messages of one number");
    }
    for copy in &admm.copies()[0] {
        assert!((copy + 0.5).abs() < 1e-9, "{copy}");
    }
    let prices = &admm.prices()[0];
    assert!((prices[0] - 1.5).abs() < 1e-8 && (prices[0] + prices[1]).abs() < 1e-12, "{prices:?}");
    let found = run(&network, 1.0, goal(1.5), false, &mut || Ok(())).expect("runs");
    assert!(found.arrived && found.rounds < 200 && found.gap <= 1e-9);
    assert_eq!(found.payload_bytes, 16 * u64::from(found.rounds));
    assert_eq!(found.curve.len(), found.rounds as usize);
}

#[test]
fn a_lost_message_leaves_the_number_before() {
    let network = quarrel(&[(1.0, 1.0), (-1.0, 3.0), (4.0, 1.0)]);
    let mut admm = PlainAdmm::new(&network, 1.0).expect("consensus of single variables");
    let mut count = 0_u32;
    let mut sometimes = |_: usize, _: usize| {
        count += 1;
        !count.is_multiple_of(7)
    };
    let mut bytes = 0;
    for _ in 0..400 {
        bytes += admm.round(&mut sometimes).expect("solved");
    }
    assert_eq!(bytes, 400 * 6 * 8, "what is lost was sent");
    // Members that missed different messages hold different means; without losses they come together again.
    for _ in 0..400 {
        admm.round(&mut |_, _| true).expect("solved");
    }
    let copies = admm.copies();
    assert!(mismatch(&copies) < 1e-9, "{copies:?}");
}

#[test]
fn no_price_proves_more_than_the_optimum() {
    let network = pair();
    let mut bound = DualBound::new(&network).expect("well formed");
    let at_optimum = bound.at(&[vec![1.5, -1.5]]);
    assert!(at_optimum <= 1.5 && at_optimum > 1.5 - 1e-9, "{at_optimum}");
    for prices in [[0.0, 0.0], [1.5, 4.0], [f64::MAX, -1e300], [-3.0, 2.0]] {
        assert!(bound.at(&[prices.to_vec()]) <= 1.5, "{prices:?}");
    }
}

#[test]
fn the_search_finds_the_best_of_the_grid() {
    let network = pair();
    let search = search(&network, goal(1.5), &GRID, &mut || Ok(())).expect("runs");
    let alone = |rho: &f64| run(&network, *rho, goal(1.5), false, &mut || Ok(())).expect("runs");
    let fewest = GRID.iter().map(alone).filter(|run| run.arrived).map(|run| run.rounds).min();
    assert!(search.best.arrived);
    assert_eq!(Some(search.best.rounds), fewest);
    assert_eq!(search.tried.len(), GRID.len());
    assert!(search.tried.iter().all(|(_, rounds, arrived)| *arrived || *rounds <= 2000));
}

#[test]
fn what_does_not_arrive_counts_all_rounds() {
    let few = Goal { rounds_max: 3, ..goal(1.5) };
    let found = run(&pair(), 1.0, few, true, &mut || Ok(())).expect("runs");
    assert!(!found.arrived && found.rounds == 3 && found.curve.iter().all(|(_, gap)| gap.is_finite()));
    // A cost below the optimum is reached with a negative gap, one far above it never.
    let above = Goal { rounds_max: 100, ..goal(2.5) };
    assert!(!run(&pair(), 1.0, above, false, &mut || Ok(())).expect("runs").arrived);
}

#[test]
fn what_it_cannot_do_is_refused() {
    let mut network = pair();
    network.junctions[0] = Junction::Budget(1.0);
    assert!(matches!(PlainAdmm::new(&network, 1.0), Err(SuiteError::Failed { .. })));
    let mut network = pair();
    network.members[0].shares[0].terms[0].1 = 2.0;
    assert!(matches!(PlainAdmm::new(&network, 1.0), Err(SuiteError::Failed { .. })));
}

#[test]
fn whoever_asks_can_stop_it() {
    let stopped = run(&pair(), 1.0, goal(1.5), false, &mut || Err(SuiteError::Interrupted));
    assert!(matches!(stopped, Err(SuiteError::Interrupted)));
}
