//! The adapter of one vehicle, whatever it is.

use crate::settings::AdapterSettings;
use crate::vehicle::{CommandSchedule, HabitatSetpoint, RoverSetpoint, SatelliteSetpoint, Setpoint, Telemetry};
use crate::writer::kind;
use crate::{AdapterError, habitat, rover, satellite};
use mesh_model::{AssetId, Edge, LocalProblem, Variable, Window};

/// Turns the telemetry of one vehicle into its LocalProblem and a plan into its commands.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    asset: AssetId,
    settings: AdapterSettings,
    /// The edges that end at the asset, sorted.
    edges: Vec<Edge>,
}

/// A constraint that a plan can meet only by paying the penalty for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    /// The constraint that lacks most: `reserve[7]`.
    pub row: String,
    /// The slack that fills the gap: `low`.
    pub slack: String,
    /// How much is missing, in the constraint's unit.
    pub amount: f64,
}

impl Adapter {
    /// For `asset` with the edges of the contract that end at it; other edges are dropped.
    pub fn new(asset: AssetId, settings: AdapterSettings, mut edges: Vec<Edge>) -> Self {
        edges.retain(|edge| edge.touches(&asset));
        edges.sort();
        edges.dedup();
        Self { asset, settings, edges }
    }

    /// The problem of the vehicle over `window`, whose start is a whole number of steps into the mission. The state at
    /// that start is predicted from the last telemetry with the measured rates.
    pub fn problem(&self, telemetry: &Telemetry, window: Window) -> Result<LocalProblem, AdapterError> {
        let first = first_step(window)?;
        let (asset, edges) = (&self.asset, self.edges.as_slice());
        self.check_edges()?;
        match (&self.settings, telemetry) {
            (AdapterSettings::Habitat(settings, forecast), Telemetry::Habitat(telemetry)) => {
                habitat::problem(asset, settings, forecast, edges, telemetry, window, first)
            }
            (AdapterSettings::Rover(settings, forecast), Telemetry::Rover(telemetry)) => {
                rover::problem(asset, settings, forecast, edges, telemetry, window, first)
            }
            (AdapterSettings::Satellite(settings, forecast), Telemetry::Satellite(telemetry)) => {
                satellite::problem(asset, settings, forecast, edges, telemetry, window, first)
            }
            _ => Err(AdapterError::WrongTelemetry { expected: self.domain(), got: kind(telemetry) }),
        }
    }

    /// The commands that fly `values`, the values of the variables of [`Adapter::problem`] over the same window.
    pub fn schedule(&self, window: Window, values: &[f64]) -> Result<CommandSchedule, AdapterError> {
        let first = first_step(window)?;
        let edges = self.edges.as_slice();
        let setpoints = match &self.settings {
            AdapterSettings::Habitat(settings, forecast) => {
                let setpoints = habitat::setpoints(&self.asset, settings, forecast, edges, window, first, values)?;
                setpoints.into_iter().map(Setpoint::Habitat).collect()
            }
            AdapterSettings::Rover(settings, forecast) => {
                let setpoints = rover::setpoints(settings, forecast, edges, window, first, values)?;
                setpoints.into_iter().map(Setpoint::Rover).collect()
            }
            AdapterSettings::Satellite(settings, forecast) => {
                let setpoints = satellite::setpoints(settings, forecast, edges, window, first, values)?;
                setpoints.into_iter().map(Setpoint::Satellite).collect()
            }
        };
        Ok(CommandSchedule { window, setpoints })
    }

    /// What is safe before there is any plan: life support on, nothing moved, nothing shared.
    pub fn idle(&self, window: Window) -> CommandSchedule {
        CommandSchedule { window, setpoints: vec![self.settings.idle(); usize::from(window.steps)] }
    }

    /// `problem` without the slacks: its plans are those that meet every constraint, and there may be none.
    pub fn without_slacks(problem: &LocalProblem) -> LocalProblem {
        let mut strict = problem.clone();
        for slack in strict.variables.iter_mut().filter(|variable| Self::is_slack(variable)) {
            slack.upper = slack.lower;
        }
        strict
    }

    /// The constraint of `problem` that `values` meets only with the help of a slack, and by how much; the largest one.
    pub fn shortfall(problem: &LocalProblem, values: &[f64]) -> Option<Shortfall> {
        let mut worst: Option<Shortfall> = None;
        for row in &problem.rows {
            for (slack, factor) in row.terms.iter().filter(|term| is_slack(&problem.variables[term.0 as usize].name)) {
                let filled = factor.value() * values[*slack as usize];
                let sum: f64 = row.terms.iter().map(|(i, factor)| factor.value() * values[*i as usize]).sum();
                let amount =
                    if filled > 0.0 { row.lower.value() - (sum - filled) } else { sum - filled - row.upper.value() };
                if amount > SHORTFALL_MIN && worst.as_ref().is_none_or(|worst| amount > worst.amount + SHORTFALL_MIN) {
                    let slack = problem.variables[*slack as usize].name.clone();
                    worst = Some(Shortfall { row: row.name.clone(), slack, amount });
                }
            }
        }
        worst
    }

    /// Whether `variable` of a problem of any adapter stands for what must not happen.
    pub fn is_slack(variable: &Variable) -> bool {
        is_slack(&variable.name)
    }

    /// Whose adapter it is.
    pub fn asset(&self) -> &AssetId {
        &self.asset
    }

    /// The figures and the almanac that it was given.
    pub fn settings(&self) -> &AdapterSettings {
        &self.settings
    }

    /// What kind of vehicle it is for: `habitat`, `rover`, `satellite`.
    pub fn domain(&self) -> &'static str {
        match self.settings {
            AdapterSettings::Habitat(..) => "habitat",
            AdapterSettings::Rover(..) => "rover",
            AdapterSettings::Satellite(..) => "satellite",
        }
    }

    /// Rovers only take; satellites only give.
    fn check_edges(&self) -> Result<(), AdapterError> {
        let misplaced = |edge: &&Edge| match self.settings {
            AdapterSettings::Habitat(..) => false,
            AdapterSettings::Rover(..) => edge.source == self.asset,
            AdapterSettings::Satellite(..) => edge.sink == self.asset,
        };
        match self.edges.iter().find(misplaced) {
            Some(edge) => Err(AdapterError::UnusableEdge { edge: edge.clone(), domain: self.domain() }),
            None => Ok(()),
        }
    }
}

impl AdapterSettings {
    /// The setpoint that is safe without a plan.
    pub fn idle(&self) -> Setpoint {
        match self {
            Self::Habitat(..) => Setpoint::Habitat(HabitatSetpoint::default()),
            Self::Rover(..) => Setpoint::Rover(RoverSetpoint::default()),
            Self::Satellite(..) => Setpoint::Satellite(SatelliteSetpoint::default()),
        }
    }
}

fn first_step(window: Window) -> Result<usize, AdapterError> {
    let start_ns = window.start.as_ns();
    let step_ns = u64::from(window.step_s) * 1_000_000_000;
    if step_ns == 0 || window.steps == 0 || !start_ns.is_multiple_of(step_ns) {
        return Err(AdapterError::WindowOffGrid { window });
    }
    Ok((start_ns / step_ns) as usize)
}

fn is_slack(name: &str) -> bool {
    SLACKS.contains(&name.split(' ').next().unwrap_or(name))
}

/// First words of the names of the variables that stand for what must not happen.
const SLACKS: [&str; 5] = ["late", "low", "over", "shed", "spill"];

/// Less than this is rounding.
const SHORTFALL_MIN: f64 = 1e-5;
