//! What the fleet plans first, as a diagram: for people who want to look at it, or to solve it elsewhere.

use crate::almanac::Almanac;
use crate::scenario::Scenario;
use crate::world::World;
use mesh_adapters::{Adapter, AdapterError};
use mesh_model::diagram::Fault;
use mesh_model::{AssetId, Diagram, LocalProblem, MissionTime, Window};

/// Why there is no first plan.
#[derive(Debug, thiserror::Error)]
pub enum NoFirstPlan {
    /// A vehicle's problem could not be written.
    #[error("the problem of {asset}: {why}")]
    Adapter {
        /// Whose problem.
        asset: AssetId,
        /// Why not.
        why: AdapterError,
    },
    /// The problems do not make a diagram.
    #[error(transparent)]
    Diagram(#[from] Fault),
}

/// The problems that the vehicles state at the start of the mission for its first planning, wired as the scenario's
/// contract has it. No asset is there to state them: in a flight each states its own, and nobody sees two.
pub fn first_plan(scenario: &Scenario, seed: u64) -> Result<Diagram, NoFirstPlan> {
    let contract = scenario.contract();
    let almanac = Almanac::new(scenario);
    let world = World::new(scenario, &almanac, seed);
    // The first plan is for the step after the one in which it is made.
    let start = MissionTime::from_s(u64::from(contract.step_s));
    let window = Window { start, step_s: contract.step_s, steps: contract.steps };
    let mut problems: Vec<LocalProblem> = Vec::new();
    for asset in &scenario.assets {
        let id = &asset.id;
        let (Some(settings), Some(telemetry)) = (almanac.settings(id), world.telemetry(id)) else { continue };
        let adapter = Adapter::new(id.clone(), settings.clone(), contract.edges_of(id));
        let problem = adapter.problem(&telemetry, window);
        problems.push(problem.map_err(|why| NoFirstPlan::Adapter { asset: id.clone(), why })?);
    }
    Ok(Diagram::of_plan(&contract, &problems)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_model::diagram::{DiagramBox, DiagramJunction, Inside, Label, compose};
    use std::collections::BTreeMap;

    #[test]
    fn it_has_a_box_for_each_vehicle_and_a_junction_for_each_edge() {
        let scenario = Scenario::lunar_base();
        let diagram = first_plan(&scenario, 1).expect("the shipped scenario can be planned");
        let names = |labels: Vec<String>| labels.join(" ");
        assert_eq!(names(diagram.boxes.keys().map(ToString::to_string).collect()), "habitat rover satellite");
        assert_eq!(diagram.junctions.len(), scenario.contract().edges().len());
        assert!(diagram.outer.is_empty());
        assert_eq!(diagram.review(), mesh_model::diagram::Review::default());
    }

    #[test]
    fn the_diagrams_of_two_islands_compose_to_that_of_the_fleet() {
        let scenario = Scenario::lunar_base();
        let contract = scenario.contract();
        let fleet = first_plan(&scenario, 1).expect("the shipped scenario can be planned");
        let problems = fleet.boxes.values().filter_map(DiagramBox::problem).map(|open| open.problem.clone());
        let (on_ground, above): (Vec<_>, Vec<_>) = problems.partition(|problem| problem.asset.as_str() != "satellite");
        let mut around = Diagram::new();
        let mut islands = BTreeMap::new();
        for (name, problems) in [("ground", on_ground), ("above", above)] {
            let name = Label::new(name).expect("a good label");
            let island = Diagram::of_plan(&contract, &problems).expect("an island is a fleet");
            around.add_box(name.clone(), Inside::Open).expect("new");
            for (port, kind) in island.interface() {
                let consensus = DiagramJunction::consensus(kind.width);
                around.junctions.entry(port.clone()).or_insert(consensus);
                around.wire(&name, port.clone(), port).expect("new");
            }
            islands.insert(name, island);
        }
        let mut composed = compose(&around, &islands).expect("each port is the other island's, too");
        let inside = |name: &Label| islands.keys().find_map(|island| island.rest(name)).expect("it is in an island");
        composed.boxes = composed.boxes.iter().map(|(name, of)| (inside(name), of.clone())).collect();
        assert_eq!(around.junctions.len(), 2);
        assert_eq!(composed.canonical(), fleet.canonical());
    }
}
