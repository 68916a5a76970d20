//! Flies a mission under the central planner: unbroken links, the same seed and disturbances, plans at the same times.

use crate::central::{CentralError, CentralPlan, CentralPlanner};
use mesh_adapters::{Adapter, AdapterError, Shortfall};
use mesh_model::{AssetId, LocalProblem, MissionTime, Window};
use mesh_sim::world::{Score, StepRecord};
use mesh_sim::{Almanac, Scenario, World};

/// What the central planner achieves.
#[derive(Debug, Clone, PartialEq)]
pub struct CentralReport {
    /// Cost minus value of everything that was done, and of what is left at the end.
    pub cost: f64,
    /// Data sent down to Earth.
    pub science_gbit: f64,
    /// All figures of the flight.
    pub score: Score,
    /// The flight step by step.
    pub history: Vec<StepRecord>,
    /// The plans in the order in which they were made.
    pub plans: Vec<PlannedWindow>,
}

/// One plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedWindow {
    /// When it was made.
    pub made: MissionTime,
    /// What it covers.
    pub window: Window,
    /// The optimum.
    pub plan: CentralPlan,
    /// What an asset could not meet, if anything.
    pub shortfalls: Vec<(AssetId, Shortfall)>,
}

/// Why a mission could not be flown.
#[derive(Debug, thiserror::Error)]
pub enum FlightError {
    /// A vehicle's problem could not be written.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A window has no optimum.
    #[error("the window that starts at {start}: {why}")]
    Window {
        /// Start of the window.
        start: MissionTime,
        /// Why not.
        why: CentralError,
    },
    /// The scenario names a vehicle that the world does not have.
    #[error("the world has no vehicle {0}")]
    NoVehicle(AssetId),
}

/// Flies `scenario` with the disturbances of `seed` from its start to its end.
pub fn fly(scenario: &Scenario, seed: u64) -> Result<CentralReport, FlightError> {
    let almanac = Almanac::new(scenario);
    let adapters = adapters(scenario, &almanac)?;
    let mut world = World::new(scenario, &almanac, seed);
    let mut plans = Vec::new();
    let timing = &scenario.timing;
    for step in 1..timing.duration_s / timing.step_s {
        let start = MissionTime::from_s(u64::from(step) * u64::from(timing.step_s));
        let window = Window { start, step_s: timing.step_s, steps: timing.horizon_steps };
        // The first planning has a whole step to itself.
        let made = if step == 1 { MissionTime::ZERO } else { start.minus_s(u64::from(timing.lead_s)) };
        world.advance(made);
        let problems = problems(&adapters, &world, window)?;
        let plan = CentralPlanner.plan(&problems).map_err(|why| FlightError::Window { start, why })?;
        let mut shortfalls = Vec::new();
        for (adapter, problem) in adapters.iter().zip(&problems) {
            let values = &plan.values[adapter.asset()];
            world.command(adapter.asset(), adapter.schedule(window, values)?);
            let shortfall = Adapter::shortfall(problem, values);
            shortfalls.extend(shortfall.map(|shortfall| (adapter.asset().clone(), shortfall)));
        }
        plans.push(PlannedWindow { made, window, plan, shortfalls });
    }
    world.advance(MissionTime::from_s(u64::from(timing.duration_s)));
    let score = world.score();
    Ok(CentralReport {
        cost: score.cost + score.leftover_cost,
        science_gbit: score.science_gbit,
        score,
        history: world.history().to_vec(),
        plans,
    })
}

fn adapters(scenario: &Scenario, almanac: &Almanac) -> Result<Vec<Adapter>, FlightError> {
    let edges = scenario.contract().edges();
    let adapter = |asset: &mesh_sim::scenario::Asset| {
        let settings = almanac.settings(&asset.id).ok_or_else(|| FlightError::NoVehicle(asset.id.clone()))?;
        Ok(Adapter::new(asset.id.clone(), settings.clone(), edges.clone()))
    };
    scenario.assets.iter().map(adapter).collect()
}

fn problems(adapters: &[Adapter], world: &World, window: Window) -> Result<Vec<LocalProblem>, FlightError> {
    let problem = |adapter: &Adapter| {
        let id = adapter.asset();
        let telemetry = world.telemetry(id).ok_or_else(|| FlightError::NoVehicle(id.clone()))?;
        Ok(adapter.problem(&telemetry, window)?)
    };
    adapters.iter().map(problem).collect()
}
