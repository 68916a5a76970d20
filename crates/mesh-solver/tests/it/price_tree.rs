//! The nodes of a price tree as protocol machines: lost messages, lost nodes, lying neighbours.

use crate::generate::Dice;
use mesh_solver::prices::message::{Change, Prices, Scale, Short, ShortBounds, Sums};
use mesh_solver::prices::{Market, Node, NodeError, Output, PeerError, Settings};
use mesh_solver::{Member, QpProblem, QpRow, Share};

const JUNCTIONS: usize = 3;
const MARKETS: [Market; JUNCTIONS] = [Market { offset: 0.0, softness: 0.0, lowest: -9.0, highest: 9.0 }; JUNCTIONS];

fn member(seed: u64) -> Member {
    let mut dice = Dice::new(seed);
    let quadratic: Vec<_> = (0..JUNCTIONS).map(|t| (t, t, 0.5)).collect();
    let linear = (0..JUNCTIONS).map(|_| dice.unit()).collect();
    let row = QpRow { terms: (0..JUNCTIONS).map(|t| (t, 1.0)).collect(), lower: 1.0, upper: 1.0 };
    let problem = QpProblem::new(&quadratic, linear, 0.0, vec![row], vec![0.0; JUNCTIONS], vec![1.0; JUNCTIONS])
        .expect("well formed");
    Member { problem, shares: (0..JUNCTIONS).map(|t| Share { junction: t, terms: vec![(t, 1.0)] }).collect() }
}

/// A root with two children.
fn family() -> Vec<Node> {
    let settings = Settings { bits: 8, leaf_bits: 8, ..Settings::to_gap(1e-6) };
    let node = |agent: usize, children: usize| {
        Node::new(member(agent as u64), JUNCTIONS, children, agent == 0, settings).expect("a node")
    };
    vec![node(0, 2), node(1, 0), node(2, 0)]
}

/// Runs one evaluation round by round; `lost` says whether a message is. Returns the rounds, or None if it never ends.
fn evaluate(nodes: &mut [Node], wanted: &[f64], now: &mut u32, mut lost: impl FnMut(usize) -> bool) -> Option<u32> {
    nodes[0].open(*now, wanted, &MARKETS, true).expect("prices within limits");
    let start = *now;
    while *now < start + 500 {
        let mut complete = false;
        while let Some(output) = nodes[0].poll_output() {
            match output {
                Output::Forward(place) if !lost(place) => {
                    let message = Prices::decode(&nodes[0].prices().encode(), JUNCTIONS).expect("as encoded");
                    nodes[place + 1].handle_prices(*now, &message).expect("an honest parent");
                }
                Output::Complete => complete = true,
                _ => {}
            }
        }
        if complete {
            return Some(*now - start);
        }
        for place in 0..nodes.len() - 1 {
            while let Some(output) = nodes[place + 1].poll_output() {
                if output == Output::Answer && !lost(place) {
                    let message = Sums::decode(&nodes[place + 1].sums().encode(), JUNCTIONS).expect("as encoded");
                    nodes[0].handle_sums(place, &message).expect("an honest child");
                }
            }
        }
        *now += 1;
        nodes[0].tick(*now);
    }
    None
}

#[test]
fn lost_messages_change_nothing_but_the_time() {
    let (mut calm, mut stormy) = (family(), family());
    let (mut calm_now, mut stormy_now) = (0, 0);
    let mut dice = Dice::new(5);
    for k in 0..30_u32 {
        let wanted: Vec<f64> = (0..JUNCTIONS).map(|t| f64::from((7 * k + 3 * t as u32) % 11) / 5.0 - 1.0).collect();
        evaluate(&mut calm, &wanted, &mut calm_now, |_| false).expect("ends");
        evaluate(&mut stormy, &wanted, &mut stormy_now, |_| dice.chance(0.4)).expect("ends");
        assert_eq!(calm[0].totals(), stormy[0].totals(), "evaluation {k}");
        assert_eq!(calm[0].bounds(), stormy[0].bounds());
        for node in &calm {
            assert_eq!(node.price_vector(), calm[0].price_vector());
        }
    }
    assert!(stormy_now > calm_now);
}

#[test]
fn a_silent_child_is_held_at_its_last_sums() {
    let mut nodes = family();
    let mut now = 0;
    for k in 0..8 {
        evaluate(&mut nodes, &[0.3, -0.2, 0.1 * f64::from(k)], &mut now, |_| false).expect("ends");
    }
    let told = nodes[2].totals().to_vec();
    let rounds = evaluate(&mut nodes, &[1.0, 1.0, -1.0], &mut now, |place| place == 1).expect("ends");
    assert!(rounds >= Settings::to_gap(1e-6).lost_after);
    let expected: Vec<f64> = (0..JUNCTIONS).map(|t| nodes[0].values()[t] + nodes[1].totals()[t] + told[t]).collect();
    for (total, expected) in nodes[0].totals().iter().zip(expected) {
        assert!((total - expected).abs() < 1e-12);
    }
    // The held child costs what its sums cost at the prices, exactly.
    let paid: f64 = told.iter().zip(nodes[0].price_vector()).map(|(sum, price)| sum * price).sum();
    let mut others = family();
    others.truncate(2);
    let bounds = *nodes[0].bounds();
    assert!(bounds.slack < 1e-6 && bounds.lower.is_finite() && paid.is_finite());
    let late = nodes[0].handle_sums(1, &Sums::default());
    assert_eq!(late, Err(NodeError::Peer(PeerError::NoChild { place: 1 })));
}

#[test]
fn a_lying_neighbour_is_refused_and_changes_nothing() {
    let mut nodes = family();
    let mut now = 0;
    evaluate(&mut nodes, &[0.3, -0.2, 0.1], &mut now, |_| false).expect("ends");
    nodes[0].open(now, &[0.4, 0.0, 0.0], &MARKETS, true).expect("prices within limits");
    let good = Change { scale: Scale::at_least(0.01), bits: 8, levels: vec![1; JUNCTIONS] };
    let bounds = Some(ShortBounds { lower: 0.0, slack: Short(0), drift: Short(0) });
    let sums = |change: &Change, bounds| Sums { evaluation: 2, change: change.clone(), bounds };
    let mut check = |message: &Sums, expected: fn(&PeerError) -> bool| {
        let before = format!("{:?}", nodes[0]);
        match nodes[0].handle_sums(0, message) {
            Err(NodeError::Peer(error)) => assert!(expected(&error), "{error:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(before, format!("{:?}", nodes[0]));
    };
    let short = Change { levels: vec![1; JUNCTIONS - 1], ..good.clone() };
    let vast = Change { scale: Scale::at_least(f64::INFINITY), ..good.clone() };
    let huge = Change { levels: vec![i16::MIN; JUNCTIONS], ..good.clone() };
    check(&sums(&short, bounds), |error| matches!(error, PeerError::Length { expected: 3, found: 2 }));
    check(&sums(&vast, bounds), |error| matches!(error, PeerError::Scale { .. }));
    check(&sums(&huge, bounds), |error| matches!(error, PeerError::Beyond { .. }));
    check(&sums(&good, None), |error| matches!(error, PeerError::NoBounds));
    let lie = Some(ShortBounds { lower: f64::NAN, slack: Short(0), drift: Short(0) });
    check(&sums(&good, lie), |error| matches!(error, PeerError::Bounds { .. }));
    check(&Sums { evaluation: 1, ..sums(&good, bounds) }, |error| matches!(error, PeerError::Stale { .. }));
    assert!(matches!(nodes[0].handle_sums(9, &sums(&good, bounds)), Err(NodeError::Peer(PeerError::NoChild { .. }))));
    let skipped = Prices { evaluation: 7, certify: false, change: good.clone() };
    let refused = nodes[1].handle_prices(now, &skipped);
    assert_eq!(refused, Err(NodeError::Peer(PeerError::Stale { found: 7, current: 1 })));
    let beyond = Prices { evaluation: 2, certify: false, change: Change { scale: Scale::at_least(1e13), ..good } };
    assert!(matches!(nodes[1].handle_prices(now, &beyond), Err(NodeError::Peer(PeerError::Beyond { .. }))));
}
