//! Small networks whose proofs can be checked by hand, and proofs that lie.

use super::*;
use crate::{QpRow, Share};

/// Two members with one variable each.
fn pair(boxes: [(f64, f64); 2], junction: Junction) -> Network {
    let member = |(lower, upper): (f64, f64)| {
        let problem = QpProblem::new(&[(0, 0, 1.0)], vec![0.3], 0.0, Vec::new(), vec![lower], vec![upper]);
        Member { problem: problem.unwrap(), shares: vec![Share { junction: 0, terms: vec![(0, 1.0)] }] }
    };
    Network { members: boxes.into_iter().map(member).collect(), junctions: vec![junction] }
}

fn check(boxes: [(f64, f64); 2], junction: Junction, prices: [f64; 2], expect: Option<f64>) {
    let network = pair(boxes, junction);
    let proof = NetworkInfeasibility::prove(&network, &prices.map(|price| vec![price]));
    match (&proof, expect) {
        (Some(proof), Some(excess)) => {
            assert!(proof.excess <= excess && proof.excess > excess - 1e-9, "{proof:?}, expected {excess}");
            assert!(proof.check(&Wiring::of(&network)) && proof.holds(&network));
        }
        (None, None) => {}
        _ => panic!("{proof:?}, expected {expect:?}"),
    }
    let found = find_infeasibility(&network, Limits::default());
    if expect.is_some() {
        assert!(found.unwrap().holds(&network));
    }
}

#[test]
fn each_kind_of_junction_has_its_inequality() {
    check([(0.0, 1.0), (1.5, 2.0)], Junction::Consensus, [-1.0, 1.0], Some(0.5));
    check([(0.0, 1.0), (1.5, 2.0)], Junction::Consensus, [1.0, -1.0], None);
    check([(0.0, 1.0), (1.0, 2.0)], Junction::Consensus, [-1.0, 1.0], None);
    check([(0.0, 1.0), (0.0, 2.0)], Junction::Exchange(3.25), [-1.0, -1.0], Some(0.25));
    check([(0.0, 1.0), (0.0, 2.0)], Junction::Exchange(-0.25), [4.0, 4.0], Some(0.25));
    check([(1.0, 2.0), (1.0, 2.0)], Junction::Budget(1.5), [1.0, 1.0], Some(0.5));
    check([(1.0, 2.0), (1.0, 2.0)], Junction::Budget(4.5), [-1.0, -1.0], None);
}

#[test]
fn prices_that_do_not_fit_together_prove_nothing() {
    let network = pair([(1.0, 2.0), (1.0, 2.0)], Junction::Consensus);
    let wiring = Wiring::of(&network);
    let prices = vec![vec![1.0], vec![1.0]];
    assert_eq!(NetworkInfeasibility::of(&wiring, prices, vec![1.0, 1.0]), None);
    // They add up to less than any rounding would show.
    let nearly = vec![vec![1.0], vec![-1.0 + f64::EPSILON]];
    assert_eq!(NetworkInfeasibility::of(&wiring, nearly, vec![1.0, 1.0]), None);
    let budget = Wiring::of(&pair([(1.0, 2.0), (1.0, 2.0)], Junction::Budget(9.0)));
    assert_eq!(NetworkInfeasibility::of(&budget, vec![vec![-1.0], vec![-1.0]], vec![0.0, 0.0]), None);
    assert_eq!(NetworkInfeasibility::of(&budget, vec![vec![1.0]], vec![100.0]), None, "a member is left out");
    assert_eq!(NetworkInfeasibility::of(&budget, vec![vec![1.0], vec![1.0]], vec![100.0, f64::NAN]), None);
}

#[test]
fn a_member_that_claims_too_much_is_found_out_by_whoever_has_its_problem() {
    let network = pair([(0.0, 1.0), (0.5, 2.0)], Junction::Consensus);
    let wiring = Wiring::of(&network);
    let lie = NetworkInfeasibility::of(&wiring, vec![vec![-1.0], vec![1.0]], vec![-1.0, 1.5]).unwrap();
    assert!(lie.check(&wiring), "from messages alone it stands");
    assert!(!lie.holds(&network));
    assert!(!lie.contributions[1].holds(&network.members[1]));
    let honest =
        NetworkInfeasibility::prove(&pair([(0.0, 1.0), (1.5, 2.0)], Junction::Consensus), &[vec![-1.0], vec![1.0]]);
    let inflated = NetworkInfeasibility { excess: 0.7, ..honest.unwrap() };
    assert!(!inflated.check(&wiring));
}

#[test]
fn a_member_whose_own_rows_exclude_each_other_is_a_proof_by_itself() {
    let mut network = pair([(0.0, 1.0), (0.0, 1.0)], Junction::Consensus);
    let row = QpRow { terms: vec![(0, 1.0)], lower: 3.0, upper: 4.0 };
    let problem = QpProblem::new(&[], vec![0.0], 0.0, vec![row], vec![0.0], vec![1.0]).unwrap();
    network.members[1].problem = problem;
    let proof = find_infeasibility(&network, Limits::default()).unwrap();
    assert!(proof.holds(&network) && proof.contributions[0].prices == [0.0]);
}

#[test]
fn rounded_prices_cancel_exactly() {
    for count in 1..40_u32 {
        let mut prices: Vec<f64> = (0..count).map(|k| 1.0 / f64::from(3 + k) - 0.1).collect();
        cancel(&mut prices);
        assert!(cancels(&prices), "{prices:?}");
    }
}
