//! The law that ties the algebra to the fleet: solving the composite in one place gives what the members reach among
//! themselves, whichever way they go.

use crate::generate::{self, Numbers};
use mesh_bench::CentralPlanner;
use mesh_model::diagram::{Diagram, composite};
use mesh_solver::network::{Junction, Network};
use mesh_solver::together::{Outcome, Path, Plan, Settings, solve};
use std::collections::BTreeMap;

/// Both sides are solved to more than this, in parts of the cost.
const AGREEMENT: f64 = 1e-4;

/// What a planner that sees everything pays.
fn central(diagram: &Diagram) -> f64 {
    let whole = composite(diagram).expect("sound and closed").problem;
    CentralPlanner.plan(&[whole]).expect("what is generated has an optimum").cost
}

/// The members' plan; the settings leave only `path` as a fast one, and the edge core behind it.
fn distributed(network: &Network, path: Path, seed: u64) -> Plan {
    let (crowd, sparse, blocks) = match path {
        Path::Prices => (0, 0, false),
        Path::Areas => (MANY, MANY, true),
        Path::Rounds => (MANY, 0, false),
    };
    let settings = Settings { crowd, sparse, blocks, ..Settings::default() };
    match solve(network, &settings) {
        Outcome::Converged(plan) => plan,
        other => unreachable!("seed {seed}, {path:?}: {other:?}"),
    }
}

/// A diagram with diagrams in its boxes, and one whose members meet at sums only, which is what prices are for.
fn diagrams(seed: u64) -> [(&'static str, Diagram); 2] {
    let mut numbers = Numbers(seed);
    // Nobody is at the outer ports, and so they change nothing.
    let interface = generate::interface(&mut numbers, 2);
    let nested = generate::nested(&mut numbers, &interface, 1 + (seed % 2) as usize);
    let candidates = (0..).map(|attempt| generate::nested(&mut Numbers(1000 * seed + attempt), &BTreeMap::new(), 1));
    let market = candidates.into_iter().find(is_market).expect("one in a few is one");
    [("nested", nested), ("market", market)]
}

fn is_market(diagram: &Diagram) -> bool {
    let network = Network::from_diagram(diagram).expect("what is generated can be solved");
    !network.junctions.is_empty() && !network.junctions.contains(&Junction::Consensus)
}

#[test]
fn the_composite_solved_centrally_costs_what_the_members_reach_among_themselves_on_every_way() {
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..SEEDS {
        for (kind, diagram) in diagrams(seed) {
            let optimum = central(&diagram);
            let network = Network::from_diagram(&diagram).expect("what is generated can be solved");
            for path in [Path::Areas, Path::Rounds, Path::Prices] {
                let plan = distributed(&network, path, seed);
                let size = optimum.abs().max(1.0);
                assert!(
                    plan.lower <= optimum + AGREEMENT * size && optimum <= plan.upper + AGREEMENT * size,
                    "seed {seed}, {kind}, {path:?}: {optimum} is not between {} and {}",
                    plan.lower,
                    plan.upper
                );
                *reached.entry(format!("{:?}", plan.path)).or_default() += 1;
            }
        }
    }
    // Each way was gone, and not only what is behind it.
    for path in [Path::Areas, Path::Rounds, Path::Prices] {
        let times = reached.get(&format!("{path:?}")).copied().unwrap_or(0);
        assert!(times >= SEEDS as usize / 3, "{path:?} was gone {times} times: {reached:?}");
    }
}

#[test]
fn what_is_put_into_boxes_costs_the_same_as_what_is_laid_beside_them() {
    for seed in 100..100 + SEEDS / 2 {
        let nested = generate::nested(&mut Numbers(seed), &BTreeMap::new(), 2);
        let flat = nested.flattened().expect("sound");
        let [a, b] = [&nested, &flat].map(|diagram| Network::from_diagram(diagram).expect("it can be solved"));
        let [a, b] = [a, b].map(|network| distributed(&network, Path::Areas, seed));
        // The same network member by member, so the same numbers bit by bit.
        assert_eq!((a.lower.to_bits(), a.upper.to_bits()), (b.lower.to_bits(), b.upper.to_bits()), "seed {seed}");
    }
}

const SEEDS: u64 = 12;
/// More than any network here has of anything.
const MANY: usize = 10_000;
