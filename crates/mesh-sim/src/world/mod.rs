//! The physical world: vehicles that fly the schedules they hold, disturbed by chance, step after step.
//!
//! Within a planning step every rate is constant, so the state at any time is exact. Nothing here knows a plan's prices,
//! a message or who talks to whom: vehicles meet only in power and data that really flow.

mod physics;
mod record;
mod rover;
#[cfg(test)]
mod tests;

pub use record::{AssetScore, AssetStep, Flows, Score, StepRecord};

use crate::almanac::Almanac;
use crate::chance::normal;
use crate::scenario::{Disturbances, Scenario};
use borsh::{BorshDeserialize, BorshSerialize};
use mesh_adapters::{
    AdapterSettings, CommandSchedule, HabitatTelemetry, RoverTelemetry, SatelliteTelemetry, Setpoint, Telemetry,
};
use mesh_model::{AssetId, Canonical, Junction, MissionTime, Real};
use physics::Step;
use std::collections::BTreeMap;

/// All vehicles of a scenario.
#[derive(Debug, Clone)]
pub struct World {
    seed: u64,
    step_s: u32,
    /// Figures and true geometry of each vehicle.
    vehicles: BTreeMap<AssetId, AdapterSettings>,
    junctions: Vec<Junction>,
    disturbances: Disturbances,
    /// Steps that the almanac covers; the world stands still after them.
    steps: usize,
    now: MissionTime,
    /// The step that holds `now`.
    step: usize,
    /// The state when that step began.
    bodies: BTreeMap<AssetId, Body>,
    /// What happens in that step; found when time first moves on in it, so that a command given at its very beginning
    /// still counts.
    flows: Option<Step>,
    held: BTreeMap<AssetId, Held>,
    history: Vec<StepRecord>,
}

/// What changes in a vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Body {
    pub(crate) soc_kwh: f64,
    pub(crate) buffer_gbit: f64,
    pub(crate) odometer_km: f64,
}

/// How fast a [`Body`] changes, per hour.
pub(crate) type Rates = Body;

/// The schedules of a vehicle.
#[derive(Debug, Clone, Default)]
struct Held {
    current: Option<CommandSchedule>,
    /// The newest one, once its window has not begun yet.
    next: Option<CommandSchedule>,
}

/// The state of the world at one time, for hashing.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct WorldState {
    /// The time.
    pub time: MissionTime,
    /// Energy, data and distance of each vehicle.
    pub vehicles: BTreeMap<AssetId, [Real; 3]>,
    /// Energy used, cost, data sent to Earth and life support missed so far, of each vehicle.
    pub totals: BTreeMap<AssetId, [Real; 4]>,
}

impl World {
    /// The vehicles at the start of the mission; they fly idle setpoints until they are told otherwise.
    pub fn new(scenario: &Scenario, almanac: &Almanac, seed: u64) -> Self {
        let vehicles = almanac.all_settings().clone();
        let bodies = scenario.assets.iter().map(|asset| {
            let soc_kwh = asset.kind.battery().initial_kwh;
            (asset.id.clone(), Body { soc_kwh, ..Body::default() })
        });
        Self {
            seed,
            step_s: scenario.timing.step_s,
            bodies: bodies.collect(),
            held: vehicles.keys().map(|id| (id.clone(), Held::default())).collect(),
            vehicles,
            junctions: scenario.junctions.clone(),
            disturbances: scenario.disturbances.clone(),
            steps: almanac.steps(),
            now: MissionTime::ZERO,
            step: 0,
            flows: None,
            history: Vec::new(),
        }
    }

    /// Gives a vehicle a schedule in place of the one it holds. It takes effect when its window begins, or with the
    /// next step if that is past. A schedule for an unknown vehicle is dropped.
    pub fn command(&mut self, asset: &AssetId, schedule: CommandSchedule) {
        if let Some(held) = self.held.get_mut(asset) {
            held.next = Some(schedule);
        }
    }

    /// Lets the time go on until `to`.
    pub fn advance(&mut self, to: MissionTime) {
        while self.now < to {
            if self.flows.is_none() {
                self.flows = Some(self.step_flows());
                self.take_up_schedules();
            }
            let end = self.step_start().plus_s(u64::from(self.step_s));
            self.now = to.min(end);
            if self.now == end {
                self.finish_step();
            }
        }
    }

    /// The present time.
    pub fn now(&self) -> MissionTime {
        self.now
    }

    /// What the sensors of a vehicle say; `None` for an unknown vehicle.
    pub fn telemetry(&self, asset: &AssetId) -> Option<Telemetry> {
        let body = self.body(asset)?;
        // At a boundary nothing flows yet: the sensors see what the held schedules will do.
        let rates = match &self.flows {
            Some(step) => *step.rates.get(asset)?,
            None => self.step_flows().rates.get(asset).copied().unwrap_or_default(),
        };
        let time = self.now;
        Some(match self.vehicles.get(asset)? {
            AdapterSettings::Habitat(..) => Telemetry::Habitat(HabitatTelemetry {
                time,
                soc_kwh: reading(body.soc_kwh),
                soc_kw: reading(rates.soc_kwh),
            }),
            AdapterSettings::Rover(..) => Telemetry::Rover(RoverTelemetry {
                time,
                soc_kwh: reading(body.soc_kwh),
                soc_kw: reading(rates.soc_kwh),
                buffer_gbit: reading(body.buffer_gbit),
                buffer_gbit_h: reading(rates.buffer_gbit),
                odometer_km: reading(body.odometer_km),
                speed_km_h: reading(rates.odometer_km),
            }),
            AdapterSettings::Satellite(..) => Telemetry::Satellite(SatelliteTelemetry {
                time,
                soc_kwh: reading(body.soc_kwh),
                soc_kw: reading(rates.soc_kwh),
                buffer_gbit: reading(body.buffer_gbit),
                buffer_gbit_h: reading(rates.buffer_gbit),
            }),
        })
    }

    /// The state for hashing.
    pub fn state(&self) -> WorldState {
        let score = self.score();
        let vehicle = |id: &AssetId| {
            let body = self.body(id).unwrap_or_default();
            (id.clone(), [body.soc_kwh, body.buffer_gbit, body.odometer_km].map(reading))
        };
        let total = |(id, score): (&AssetId, &AssetScore)| {
            let totals = [score.energy_kwh, score.cost, score.downlinked_gbit, score.life_support_missed_kwh];
            (id.clone(), totals.map(reading))
        };
        WorldState {
            time: self.now,
            vehicles: self.vehicles.keys().map(vehicle).collect(),
            totals: score.assets.iter().map(total).collect(),
        }
    }

    /// The canonical bytes of [`World::state`].
    pub fn state_bytes(&self) -> Vec<u8> {
        self.state().encode()
    }

    /// What happened, one record a finished step.
    pub fn history(&self) -> &[StepRecord] {
        &self.history
    }

    /// What the finished steps amount to.
    pub fn score(&self) -> Score {
        Score::of(&self.vehicles, &self.bodies, &self.history, f64::from(self.step_s) / 3600.0)
    }

    /// The state of a vehicle at the present time.
    fn body(&self, asset: &AssetId) -> Option<Body> {
        let hours = self.now.since_s(self.step_start()) / 3600.0;
        let start = *self.bodies.get(asset)?;
        let rates = self.flows.as_ref().and_then(|step| step.rates.get(asset).copied()).unwrap_or_default();
        Some(start.after(rates, hours))
    }

    fn step_start(&self) -> MissionTime {
        MissionTime::from_s(u64::from(self.step_s) * self.step as u64)
    }

    fn take_up_schedules(&mut self) {
        for held in self.held.values_mut() {
            if held.next.as_ref().is_some_and(|next| next.window.start <= self.now) {
                held.current = held.next.take();
            }
        }
    }

    fn finish_step(&mut self) {
        let hours = f64::from(self.step_s) / 3600.0;
        let step = self.flows.take().unwrap_or_default();
        for (id, body) in &mut self.bodies {
            *body = body.after(step.rates.get(id).copied().unwrap_or_default(), hours).settled(&self.vehicles[id]);
        }
        self.history.push(StepRecord::new(self.step, &self.vehicles, &self.bodies, step, hours));
        self.step += 1;
    }

    /// What happens in the present step.
    fn step_flows(&self) -> Step {
        if self.step >= self.steps {
            return Step::default();
        }
        let setpoints = self.vehicles.keys().map(|id| (id.clone(), self.setpoint(id))).collect();
        let chance = self.vehicles.keys().map(|id| (id.clone(), self.factors(id))).collect();
        let hours = f64::from(self.step_s) / 3600.0;
        let scene = physics::Scene {
            vehicles: &self.vehicles,
            junctions: &self.junctions,
            bodies: &self.bodies,
            setpoints,
            chance,
            step: self.step,
            hours,
        };
        scene.play()
    }

    /// What a vehicle is told to do in the present step.
    fn setpoint(&self, asset: &AssetId) -> Setpoint {
        let held = &self.held[asset];
        let schedule = held.next.as_ref().filter(|next| next.window.start <= self.now).or(held.current.as_ref());
        let idle = self.vehicles[asset].idle();
        let told = schedule.and_then(|schedule| {
            let step = schedule.window.step_at(self.step_start())?;
            schedule.setpoints.get(step).cloned()
        });
        // A setpoint for another kind of vehicle is no setpoint.
        told.filter(|told| std::mem::discriminant(told) == std::mem::discriminant(&idle)).unwrap_or(idle)
    }

    /// How far reality strays from the forecast in the present step.
    fn factors(&self, asset: &AssetId) -> physics::Factors {
        let step = (self.step as u64).to_le_bytes();
        let factor = |deviation: f64, kind: &str| {
            (1.0 + deviation * normal(self.seed, kind, &[asset.as_str().as_bytes(), &step])).max(0.0)
        };
        physics::Factors {
            solar: factor(self.disturbances.solar, "solar"),
            load: factor(self.disturbances.load, "load"),
            drive: factor(self.disturbances.drive, "drive"),
        }
    }
}

impl Body {
    fn after(self, rates: Rates, hours: f64) -> Self {
        Self {
            soc_kwh: self.soc_kwh + rates.soc_kwh * hours,
            buffer_gbit: self.buffer_gbit + rates.buffer_gbit * hours,
            odometer_km: self.odometer_km + rates.odometer_km * hours,
        }
    }

    /// Takes rounding off the limits.
    fn settled(self, vehicle: &AdapterSettings) -> Self {
        let (battery, buffer_gbit) = match vehicle {
            AdapterSettings::Habitat(settings, _) => (&settings.battery, 0.0),
            AdapterSettings::Rover(settings, _) => (&settings.battery, settings.buffer_gbit),
            AdapterSettings::Satellite(settings, _) => (&settings.battery, settings.buffer_gbit),
        };
        Self {
            soc_kwh: self.soc_kwh.max(0.0).min(battery.capacity_kwh),
            buffer_gbit: self.buffer_gbit.max(0.0).min(buffer_gbit),
            odometer_km: self.odometer_km,
        }
    }
}

/// A number that a sensor shows.
fn reading(value: f64) -> Real {
    Real::new(value).expect("valid figures and bounded setpoints keep the world's numbers finite")
}
