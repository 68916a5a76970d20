//! What the unit tests share: a small fleet, its contract, and nouns with plausible content.

use crate::certificate::plan_window;
use crate::settings::Settings;
use mesh_identity::SecretKey;
use mesh_model::{
    AssetId, Attestation, Edge, EdgeAgreement, Epoch, FleetContract, FleetId, Hash, Junction, JunctionId, LocalProblem,
    MissionId, Objective, Opening, Port, Real, Variable,
};
use std::collections::BTreeMap;

pub(crate) const STEPS: usize = 3;

pub(crate) fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a good name")
}

pub(crate) fn real(value: f64) -> Real {
    Real::new(value).expect("finite")
}

pub(crate) fn edge(junction: &str, source: &str, sink: &str) -> Edge {
    Edge { junction: JunctionId::new(junction).expect("a good name"), source: id(source), sink: id(sink) }
}

/// A habitat that gives power to a rover, a satellite that gives bandwidth to both, and a planner.
pub(crate) fn contract() -> FleetContract {
    let junction = |name: &str, source: &str, sinks: &[&str]| Junction {
        id: JunctionId::new(name).expect("a good name"),
        source: id(source),
        sinks: sinks.iter().map(|sink| id(sink)).collect(),
        unit: "kW".to_owned(),
        weight: real(0.7),
        tolerance: real(1e-3),
    };
    FleetContract {
        version: 1,
        fleet: FleetId::new("moon").expect("a good name"),
        members: ["habitat", "planner", "rover", "satellite"].map(id).to_vec(),
        planner: id("planner"),
        junctions: vec![junction("bus", "habitat", &["rover"]), junction("relay", "satellite", &["habitat", "rover"])],
        step_s: 3600,
        steps: STEPS as u16,
        lead_s: 600,
        gap_max: real(1e-4),
        residual_max: real(1e-4),
        rounds_max: 200,
    }
}

pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(*Hash::of(name.as_bytes()).as_bytes())
}

/// The settings of a member without a vehicle.
pub(crate) fn settings(me: &str) -> Settings {
    let contract = contract();
    let keys: BTreeMap<_, _> =
        contract.members.iter().map(|member| (member.clone(), key(member.as_str()).public().did())).collect();
    Settings { me: id(me), contract, mission: MissionId([7; 16]), keys, vehicle: None, tick_s: 1 }
}

pub(crate) fn opening(plan: u64, number: u32, members: &[&str]) -> Opening {
    Opening {
        epoch: Epoch { plan, number, opener: id("planner") },
        window: plan_window(&contract(), plan),
        members: members.iter().map(|member| id(member)).collect(),
    }
}

/// What habitat and rover could agree on.
pub(crate) fn agreement() -> EdgeAgreement {
    EdgeAgreement {
        edge: edge("bus", "habitat", "rover"),
        flow: vec![real(1.0); STEPS],
        price: vec![real(0.25); STEPS],
    }
}

pub(crate) fn attestation(name: &str) -> Attestation {
    Attestation { asset: id(name), problem: Hash::of(name.as_bytes()), upper: real(-3.0), lower: real(-3.00001) }
}

/// One flow variable a step and edge, from 0 to 4: a source pays `x^2 / 2` for it, a sink earns `3x - x^2`. Between one
/// source and one sink the optimum is a flow of 1 at a price of 1.
pub(crate) fn problem(me: &str, opening: &Opening) -> LocalProblem {
    let mut problem = LocalProblem {
        asset: id(me),
        domain: "test".to_owned(),
        version: 1,
        window: opening.window,
        variables: Vec::new(),
        objective: Objective::default(),
        rows: Vec::new(),
        ports: Vec::new(),
    };
    for edge in contract().edges_of(&id(me)) {
        let (curvature, slope) = if edge.source == id(me) { (1.0, 0.0) } else { (2.0, -3.0) };
        let first = problem.variables.len() as u32;
        for variable in first..first + STEPS as u32 {
            problem.variables.push(Variable { name: format!("flow[{variable}]"), lower: real(0.0), upper: real(4.0) });
            problem.objective.quadratic.push((variable, variable, real(curvature)));
            problem.objective.linear.push(real(slope));
        }
        problem.ports.push(Port { edge, flow: (0..STEPS as u32).map(|step| Some(first + step)).collect() });
    }
    problem
}
