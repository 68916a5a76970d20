//! What happened, step by step, and what it amounts to. Costs are those that plans are made with.

use super::Body;
use super::physics::Step;
use mesh_adapters::AdapterSettings;
use mesh_model::{AssetId, JunctionId};
use std::collections::BTreeMap;

/// One finished step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Which step of the mission.
    pub step: usize,
    /// Each vehicle in it.
    pub assets: BTreeMap<AssetId, AssetStep>,
    /// By how much the sinks of each junction would have taken more than its source gave, in the junction's unit (kW,
    /// or Gbit a step).
    pub excess: BTreeMap<JunctionId, f64>,
}

/// One vehicle in one finished step.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetStep {
    /// Energy in the battery at the end.
    pub soc_kwh: f64,
    /// Data stored at the end.
    pub buffer_gbit: f64,
    /// What it did, on average over the step.
    pub flows: Flows,
    /// Cost minus value of it.
    pub cost: f64,
}

/// What a vehicle really did, on average over a step.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the fields are named as in the setpoints and figures")]
pub enum Flows {
    /// A habitat.
    Habitat {
        solar_kw: f64,
        life_support_kw: f64,
        life_support_missed_kw: f64,
        isru_kw: f64,
        supply_kw: f64,
        uplink_gbit_h: f64,
        charge_kw: f64,
        discharge_kw: f64,
    },
    /// A rover.
    Rover { load_kw: f64, charge_kw: f64, survey: f64, drive_km_h: f64, transmit_gbit_h: f64, spilled_gbit_h: f64 },
    /// A satellite; `relay_gbit_h` is what each sink sent, in id order.
    Satellite {
        solar_kw: f64,
        load_kw: f64,
        relay_gbit_h: Vec<(AssetId, f64)>,
        downlink_gbit_h: f64,
        spilled_gbit_h: f64,
    },
}

/// What the finished steps amount to.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Each vehicle.
    pub assets: BTreeMap<AssetId, AssetScore>,
    /// Cost minus value of everything that was done.
    pub cost: f64,
    /// Minus the value of what is left in batteries and stores.
    pub leftover_cost: f64,
    /// Data from rovers' instruments that a satellite sent down to Earth.
    pub science_gbit: f64,
    /// Largest amount in one step by which the sinks of each junction would have taken more than its source gave.
    pub excess_max: BTreeMap<JunctionId, f64>,
}

/// What one vehicle amounts to.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetScore {
    /// Energy used by its own loads.
    pub energy_kwh: f64,
    /// Cost minus value of what it did.
    pub cost: f64,
    /// Smallest energy over the reserve; negative if it was undercut.
    pub battery_margin_kwh: f64,
    /// Energy that life support lacked.
    pub life_support_missed_kwh: f64,
    /// Data handed to a relay.
    pub handed_gbit: f64,
    /// Data sent down to Earth.
    pub downlinked_gbit: f64,
    /// Data lost for want of room.
    pub spilled_gbit: f64,
}

impl StepRecord {
    pub(super) fn new(
        number: usize,
        vehicles: &BTreeMap<AssetId, AdapterSettings>,
        bodies: &BTreeMap<AssetId, Body>,
        step: Step,
        hours: f64,
    ) -> Self {
        let asset = |(id, flows): (AssetId, Flows)| {
            let body = bodies[&id];
            let cost = flows.cost(&vehicles[&id], &body, hours);
            (id, AssetStep { soc_kwh: body.soc_kwh, buffer_gbit: body.buffer_gbit, flows, cost })
        };
        Self { step: number, assets: step.flows.into_iter().map(asset).collect(), excess: step.excess }
    }
}

impl Flows {
    /// Power of the vehicle's own loads.
    pub fn load_kw(&self, vehicle: &AdapterSettings) -> f64 {
        match (self, vehicle) {
            (
                Self::Habitat { life_support_kw, life_support_missed_kw, isru_kw, uplink_gbit_h, .. },
                AdapterSettings::Habitat(settings, _),
            ) => life_support_kw - life_support_missed_kw + isru_kw + uplink_gbit_h * settings.uplink_kwh_per_gbit,
            (Self::Rover { load_kw, .. } | Self::Satellite { load_kw, .. }, _) => *load_kw,
            _ => 0.0,
        }
    }

    /// Cost minus value, by the curves that the adapters plan with; `body` is the state at the end of the step.
    fn cost(&self, vehicle: &AdapterSettings, body: &Body, hours: f64) -> f64 {
        let per_hour = match (self, vehicle) {
            (
                Self::Habitat { isru_kw, supply_kw, uplink_gbit_h, charge_kw, discharge_kw, .. },
                AdapterSettings::Habitat(settings, _),
            ) => {
                let wear = settings.battery.wear();
                settings.isru().at(*isru_kw)
                    + settings.supply().at(*supply_kw)
                    + settings.uplink().at(*uplink_gbit_h)
                    + wear.at(*charge_kw)
                    + wear.at(*discharge_kw)
                    + settings.battery.ageing().at(body.soc_kwh)
            }
            (
                Self::Rover { charge_kw, survey, drive_km_h, transmit_gbit_h, .. },
                AdapterSettings::Rover(settings, _),
            ) => {
                settings.battery.wear().at(*charge_kw)
                    + settings.survey().at(*survey)
                    + settings.drive().at(*drive_km_h)
                    + settings.transmit().at(*transmit_gbit_h)
                    + settings.battery.ageing().at(body.soc_kwh)
                    + settings.holding().at(body.buffer_gbit)
            }
            (Self::Satellite { relay_gbit_h, downlink_gbit_h, .. }, AdapterSettings::Satellite(settings, _)) => {
                relay_gbit_h.iter().map(|(_, rate)| settings.relay().at(*rate)).sum::<f64>()
                    + settings.downlink().at(*downlink_gbit_h)
                    + settings.battery.ageing().at(body.soc_kwh)
                    + settings.holding().at(body.buffer_gbit)
            }
            _ => 0.0,
        };
        per_hour * hours
    }
}

impl Score {
    pub(super) fn of(
        vehicles: &BTreeMap<AssetId, AdapterSettings>,
        bodies: &BTreeMap<AssetId, Body>,
        history: &[StepRecord],
        hours: f64,
    ) -> Self {
        let assets: BTreeMap<AssetId, AssetScore> =
            vehicles.iter().map(|(id, vehicle)| (id.clone(), AssetScore::of(id, vehicle, history, hours))).collect();
        let mut excess_max: BTreeMap<JunctionId, f64> = BTreeMap::new();
        for (junction, excess) in history.iter().flat_map(|record| &record.excess) {
            let largest = excess_max.entry(junction.clone()).or_default();
            *largest = largest.max(*excess);
        }
        Self {
            cost: assets.values().map(|asset| asset.cost).sum(),
            leftover_cost: vehicles.iter().map(|(id, vehicle)| leftover_cost(vehicle, &bodies[id])).sum(),
            science_gbit: vehicles.keys().map(|id| science_gbit(id, vehicles, history, hours)).sum(),
            assets,
            excess_max,
        }
    }
}

impl AssetScore {
    fn of(id: &AssetId, vehicle: &AdapterSettings, history: &[StepRecord], hours: f64) -> Self {
        let battery = match vehicle {
            AdapterSettings::Habitat(settings, _) => &settings.battery,
            AdapterSettings::Rover(settings, _) => &settings.battery,
            AdapterSettings::Satellite(settings, _) => &settings.battery,
        };
        let mut score = Self {
            energy_kwh: 0.0,
            cost: 0.0,
            battery_margin_kwh: battery.initial_kwh - battery.reserve_kwh,
            life_support_missed_kwh: 0.0,
            handed_gbit: 0.0,
            downlinked_gbit: 0.0,
            spilled_gbit: 0.0,
        };
        for step in history.iter().filter_map(|record| record.assets.get(id)) {
            score.energy_kwh += step.flows.load_kw(vehicle) * hours;
            score.cost += step.cost;
            score.battery_margin_kwh = score.battery_margin_kwh.min(step.soc_kwh - battery.reserve_kwh);
            match &step.flows {
                Flows::Habitat { life_support_missed_kw, uplink_gbit_h, .. } => {
                    score.life_support_missed_kwh += life_support_missed_kw * hours;
                    score.handed_gbit += uplink_gbit_h * hours;
                }
                Flows::Rover { transmit_gbit_h, spilled_gbit_h, .. } => {
                    score.handed_gbit += transmit_gbit_h * hours;
                    score.spilled_gbit += spilled_gbit_h * hours;
                }
                Flows::Satellite { downlink_gbit_h, spilled_gbit_h, .. } => {
                    score.downlinked_gbit += downlink_gbit_h * hours;
                    score.spilled_gbit += spilled_gbit_h * hours;
                }
            }
        }
        score
    }
}

/// Rovers' data that satellite `id` sent down. Data of all senders mixes in its store, and what goes down or is lost is
/// taken from the mixture.
fn science_gbit(
    id: &AssetId,
    vehicles: &BTreeMap<AssetId, AdapterSettings>,
    history: &[StepRecord],
    hours: f64,
) -> f64 {
    let is_rover = |sender: &AssetId| matches!(vehicles.get(sender), Some(AdapterSettings::Rover(..)));
    let (mut stored, mut of_rovers, mut delivered) = (0.0, 0.0, 0.0);
    for step in history.iter().filter_map(|record| record.assets.get(id)) {
        let Flows::Satellite { relay_gbit_h, downlink_gbit_h, spilled_gbit_h, .. } = &step.flows else { continue };
        for (sender, rate) in relay_gbit_h {
            stored += rate * hours;
            of_rovers += if is_rover(sender) { rate * hours } else { 0.0 };
        }
        let share = if stored > 0.0 { of_rovers / stored } else { 0.0 };
        let down = downlink_gbit_h * hours;
        let gone = down + spilled_gbit_h * hours;
        delivered += down * share;
        of_rovers -= gone * share;
        stored = (stored - gone).max(0.0);
    }
    delivered
}

/// Minus the value of what is left, as at the end of a plan's horizon.
fn leftover_cost(vehicle: &AdapterSettings, body: &Body) -> f64 {
    match vehicle {
        AdapterSettings::Habitat(settings, _) => settings.battery.leftover().at(body.soc_kwh),
        AdapterSettings::Rover(settings, _) => {
            settings.battery.leftover().at(body.soc_kwh) + settings.stored().at(body.buffer_gbit)
        }
        AdapterSettings::Satellite(settings, _) => {
            settings.battery.leftover().at(body.soc_kwh) + settings.stored().at(body.buffer_gbit)
        }
    }
}
