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
    /// Data from rovers' instruments that satellites sent down to Earth.
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
    /// The problems of all assets if one of them could not meet a constraint.
    pub unmet: Vec<LocalProblem>,
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
        let unmet = if shortfalls.is_empty() { Vec::new() } else { problems };
        plans.push(PlannedWindow { made, window, plan, shortfalls, unmet });
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

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_adapters::AdapterSettings;
    use mesh_sim::scenario::Disturbances;
    use mesh_sim::world::Flows;

    #[test]
    fn the_lunar_base_is_flown_within_its_limits() {
        let scenario = Scenario::lunar_base();
        for seed in 1..=10 {
            let report = fly(&scenario, seed).expect("a flight");
            for (id, score) in &report.score.assets {
                assert!(score.battery_margin_kwh > 0.0, "seed {seed}: {id} undercut its reserve");
                assert_eq!(score.life_support_missed_kwh, 0.0, "seed {seed}: {id}");
            }
            for (junction, excess) in &report.score.excess_max {
                assert!(*excess < 1e-6, "seed {seed}: {junction} was over by {excess}");
            }
            assert!(report.science_gbit > 30.0, "seed {seed}: {} Gbit", report.science_gbit);
            for planned in &report.plans {
                assert_eq!(planned.shortfalls, [], "seed {seed}, plan for {}", planned.window.start);
                let largest = |junction: &str| {
                    let prices = planned.plan.prices.iter().filter(|(edge, _)| edge.junction.as_str() == junction);
                    prices.flat_map(|(_, prices)| prices).fold(0.0f64, |largest, price| largest.max(price.abs()))
                };
                assert!(largest("power_bus") > 0.1 && largest("relay_bandwidth") > 0.1, "seed {seed}");
            }
        }
    }

    /// Where nothing is disturbed the vehicles do what the plan says, so the models of plan and world are one.
    #[test]
    fn without_disturbances_the_world_follows_the_first_plan() {
        let mut scenario = Scenario::lunar_base();
        scenario.disturbances = Disturbances { solar: 0.0, load: 0.0, drive: 0.0 };
        let almanac = Almanac::new(&scenario);
        let adapters = adapters(&scenario, &almanac).expect("adapters");
        let mut world = World::new(&scenario, &almanac, 1);
        let window = Window { start: MissionTime::from_s(3600), step_s: 3600, steps: 24 };
        let problems = problems(&adapters, &world, window).expect("problems");
        let plan = CentralPlanner.plan(&problems).expect("a plan");
        for adapter in &adapters {
            let schedule = adapter.schedule(window, &plan.values[adapter.asset()]).expect("a schedule");
            world.command(adapter.asset(), schedule);
        }
        world.advance(window.end());
        for (problem, adapter) in problems.iter().zip(&adapters) {
            let planned = |name: &str| {
                let index = problem.variables.iter().position(|variable| variable.name == name)?;
                Some(plan.values[&problem.asset][index])
            };
            for record in &world.history()[1..] {
                let flown = &record.assets[&problem.asset];
                let soc_kwh = planned(&format!("soc[{}]", record.step - 1)).expect("every vehicle has a battery");
                let buffer_gbit = planned(&format!("buffer[{}]", record.step - 1)).unwrap_or(0.0);
                // A satellite's plan may leave sunlight unused that a real panel collects.
                let less = if matches!(adapter.settings(), AdapterSettings::Satellite(..)) { f64::MIN } else { -1e-3 };
                let difference = soc_kwh - flown.soc_kwh;
                assert!((less..1e-3).contains(&difference), "{} step {}: {difference}", problem.asset, record.step);
                let difference = (buffer_gbit - flown.buffer_gbit).abs();
                assert!(difference < 1e-3, "{} step {}: {difference}", problem.asset, record.step);
            }
        }
        let drove = world.history().iter().map(|record| match record.assets[&problems[1].asset].flows {
            Flows::Rover { drive_km_h, .. } => drive_km_h,
            _ => 0.0,
        });
        assert!((drove.sum::<f64>() - 16.0).abs() < 1e-3, "out and back");
    }
}
