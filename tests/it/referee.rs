//! The certificates against the referee: of every plan that all agreed, the true optimum of the composed problem lies
//! between the two certified bounds, and the settings of the search are met.

use crate::mission::{flown, lunar_base};
use mesh_adapters::Adapter;
use mesh_bench::CentralPlanner;
use mesh_model::{LocalProblem, Real};
use mesh_sim::Almanac;

#[test]
fn the_optimum_lies_within_the_certified_bounds_of_every_plan_of_all() {
    let scenario = lunar_base();
    let contract = scenario.contract();
    let almanac = Almanac::new(&scenario);
    let (outcome, host) = flown();
    let mut checked = 0;
    for plan in &outcome.journal.plans {
        let certificate = &plan.certificate;
        if certificate.attestations.len() < scenario.assets.len() {
            continue;
        }
        let problem = |id: &mesh_model::AssetId| -> LocalProblem {
            let settings = almanac.settings(id).expect("every vehicle has settings").clone();
            let telemetry = &host.telemetry[&(plan.opened, id.clone())];
            let adapter = Adapter::new(id.clone(), settings, contract.edges_of(id));
            adapter.problem(telemetry, certificate.window).expect("the problem that the asset stated")
        };
        let mut problems: Vec<LocalProblem> = scenario.assets.iter().map(|asset| problem(&asset.id)).collect();
        narrow(&mut problems);
        for (problem, attestation) in problems.iter().zip(&certificate.attestations) {
            assert_eq!(mesh_model::Canonical::hash(problem), attestation.problem, "{} attested another", problem.asset);
        }
        let optimum = CentralPlanner.plan(&problems).expect("the composed problem has a solution").cost;
        let (lower, upper) = (certificate.lower.value(), certificate.upper.value());
        let slack = 1e-6 * upper.abs();
        assert!(lower <= optimum + slack && optimum <= upper + slack, "{lower} <= {optimum} <= {upper}");
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} plans of all");
}

/// Keeps the flows of every edge within what both of its ends can take: what is attested is attested of that.
fn narrow(problems: &mut [LocalProblem]) {
    let stated = problems.to_vec();
    for problem in problems {
        for port in &problem.ports {
            let other = stated.iter().find(|other| port.edge.other_end(&problem.asset) == Some(&other.asset));
            let Some(other) = other else { continue };
            let far = other.ports.iter().find(|far| far.edge == port.edge).expect("both ends of an edge have a port");
            for (near, far) in port.flow.iter().zip(&far.flow) {
                let Some(near) = near else { continue };
                let far = far.map(|far| &other.variables[far as usize]);
                let (lower, upper) = far.map_or((Real::ZERO, Real::ZERO), |far| (far.lower, far.upper));
                let near = &mut problem.variables[*near as usize];
                near.lower = if lower > near.lower { lower } else { near.lower };
                near.upper = if upper < near.upper { upper } else { near.upper };
            }
        }
    }
}
