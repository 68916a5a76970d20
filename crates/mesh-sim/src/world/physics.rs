//! What happens in one step, given the state at its beginning and what the vehicles are told.
//!
//! Vehicles protect themselves as real ones do. Life support comes first. When a battery would end the step below its
//! reserve, loads that can wait are shed: the oxygen plant, the instruments, the radios. A source cuts what it gives
//! only when nothing else is left to shed. A full battery turns power away. Nobody takes what is not given, and nobody
//! sends what is not there. An empty battery gives nothing: a rover without energy stands, a satellite's bus goes dark.

use super::record::Flows;
use super::rover::{Whereabouts, whereabouts};
use super::{Body, Rates};
use mesh_adapters::{
    AdapterSettings, Battery, HabitatForecast, HabitatSetpoint, HabitatSettings, RoverForecast, RoverSetpoint,
    RoverSettings, SatelliteForecast, SatelliteSetpoint, SatelliteSettings, Setpoint,
};
use mesh_model::{AssetId, Junction, JunctionId};
use std::collections::BTreeMap;

/// Everything that decides what happens in a step.
pub(crate) struct Scene<'a> {
    pub(crate) vehicles: &'a BTreeMap<AssetId, AdapterSettings>,
    pub(crate) junctions: &'a [Junction],
    pub(crate) bodies: &'a BTreeMap<AssetId, Body>,
    pub(crate) setpoints: BTreeMap<AssetId, Setpoint>,
    pub(crate) chance: BTreeMap<AssetId, Factors>,
    pub(crate) step: usize,
    pub(crate) hours: f64,
}

/// How far reality strays from the forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factors {
    pub(crate) solar: f64,
    pub(crate) load: f64,
    pub(crate) drive: f64,
}

/// What happens in a step.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Step {
    pub(crate) rates: BTreeMap<AssetId, Rates>,
    pub(crate) flows: BTreeMap<AssetId, Flows>,
    /// By how much the sinks of each junction would have taken more than its source gave, in the junction's unit.
    pub(crate) excess: BTreeMap<JunctionId, f64>,
}

/// A flow between two vehicles: power in kW or data in Gbit per hour.
struct Exchange<'a> {
    junction: &'a Junction,
    sink: &'a AssetId,
    /// What the sink would take.
    asked: f64,
    /// What the source is ready to give.
    offered: f64,
}

impl Exchange<'_> {
    fn flow(&self) -> f64 {
        self.asked.min(self.offered)
    }
}

impl Scene<'_> {
    /// Plays the step: sinks ask, sources offer as much as they can afford, and what is both asked and offered flows.
    pub(crate) fn play(&self) -> Step {
        let mut exchanges = self.exchanges();
        let mut step = Step::default();
        for (id, vehicle) in self.vehicles {
            if let AdapterSettings::Satellite(settings, forecast) = vehicle {
                self.cut_relay(id, settings, forecast, &mut exchanges);
            }
        }
        for (id, vehicle) in self.vehicles {
            if let AdapterSettings::Habitat(settings, forecast) = vehicle {
                let (rates, flows) = self.habitat(id, settings, forecast, &mut exchanges);
                step.rates.insert(id.clone(), rates);
                step.flows.insert(id.clone(), flows);
            }
        }
        for (id, vehicle) in self.vehicles {
            if let AdapterSettings::Rover(settings, forecast) = vehicle {
                let (rates, flows) = self.rover(id, settings, forecast, &exchanges);
                step.rates.insert(id.clone(), rates);
                step.flows.insert(id.clone(), flows);
            }
        }
        for (id, vehicle) in self.vehicles {
            if let AdapterSettings::Satellite(settings, forecast) = vehicle {
                let taken = self.taken(id, &step.flows, &exchanges);
                let (rates, flows) = self.satellite(id, settings, forecast, taken);
                step.rates.insert(id.clone(), rates);
                step.flows.insert(id.clone(), flows);
            }
        }
        for exchange in &exchanges {
            let unit = if self.is_power(exchange.junction) { 1.0 } else { self.hours };
            let excess = (exchange.asked - exchange.offered).max(0.0) * unit;
            *step.excess.entry(exchange.junction.id.clone()).or_default() += excess;
        }
        step
    }

    /// One exchange a sink of each junction, as its two ends are told.
    fn exchanges(&self) -> Vec<Exchange<'_>> {
        let mut exchanges = Vec::new();
        for junction in self.junctions {
            let asked: Vec<f64> = junction.sinks.iter().map(|sink| self.asked(junction, sink)).collect();
            let total: f64 = asked.iter().sum();
            for (sink, asked) in junction.sinks.iter().zip(asked) {
                let offered = match self.setpoints.get(&junction.source) {
                    // Power is there for whoever takes it; several sinks share it as they ask.
                    Some(Setpoint::Habitat(told)) => {
                        told.supply_kw.value().max(0.0) * if total > 0.0 { asked / total } else { 1.0 }
                    }
                    Some(Setpoint::Satellite(told)) => {
                        let granted = told.relay_gbit_h.iter().find(|(to, _)| to == sink);
                        granted.map_or(0.0, |(_, rate)| rate.value().max(0.0))
                    }
                    _ => 0.0,
                };
                exchanges.push(Exchange { junction, sink, asked, offered });
            }
        }
        exchanges
    }

    /// What a sink would take out of a junction, were there enough.
    fn asked(&self, junction: &Junction, sink: &AssetId) -> f64 {
        let (Some(vehicle), Some(body)) = (self.vehicles.get(sink), self.bodies.get(sink)) else { return 0.0 };
        match (vehicle, &self.setpoints[sink]) {
            (AdapterSettings::Habitat(settings, forecast), Setpoint::Habitat(told)) if !self.is_power(junction) => {
                let in_view = self.share(&forecast.relay_share);
                told.uplink_gbit_h.value().max(0.0).min(settings.uplink_gbit_h_max * in_view)
            }
            (AdapterSettings::Rover(settings, forecast), Setpoint::Rover(told)) => {
                let wish = self.wish(sink, settings, forecast, told, body);
                if self.is_power(junction) { wish.charge_kw } else { wish.transmit_gbit_h }
            }
            _ => 0.0,
        }
    }

    /// Lowers a satellite's offers to what its battery can afford.
    fn cut_relay(
        &self,
        id: &AssetId,
        settings: &SatelliteSettings,
        forecast: &SatelliteForecast,
        exchanges: &mut [Exchange<'_>],
    ) {
        let power_kw = self.solar_kw(id, settings.solar_kw_peak, &forecast.sun_share);
        let afford_kw = power_kw + self.spare_kw(id, &settings.battery) - settings.bus_kw * self.chance[id].load;
        let mine = |exchange: &&mut Exchange<'_>| exchange.junction.source == *id;
        let taken: f64 = exchanges.iter_mut().filter(mine).map(|exchange| exchange.flow()).sum();
        let limit = (afford_kw.max(0.0) / settings.relay_kwh_per_gbit).min(settings.relay_gbit_h_max);
        if taken > limit {
            let part = limit / taken;
            exchanges.iter_mut().filter(mine).for_each(|exchange| exchange.offered = exchange.flow() * part);
        }
    }

    fn habitat(
        &self,
        id: &AssetId,
        settings: &HabitatSettings,
        forecast: &HabitatForecast,
        exchanges: &mut [Exchange<'_>],
    ) -> (Rates, Flows) {
        let told = match &self.setpoints[id] {
            Setpoint::Habitat(told) => told.clone(),
            _ => HabitatSetpoint::default(),
        };
        let (battery, body) = (&settings.battery, &self.bodies[id]);
        let solar_kw = self.solar_kw(id, settings.solar_kw_peak, &forecast.sun_share);
        let life_kw = settings.life_support_kw * self.chance[id].load;
        let asked_uplink: f64 = exchanges.iter().filter(|exchange| exchange.sink == id).map(Exchange::flow).sum();
        let asked_supply: f64 =
            exchanges.iter().filter(|exchange| exchange.junction.source == *id).map(Exchange::flow).sum();

        let mut loads = [
            told.isru_kw.value().max(0.0).min(settings.isru_kw_max),
            asked_uplink * settings.uplink_kwh_per_gbit,
            asked_supply.min(settings.charger_kw_max),
        ];
        shed(&mut loads, solar_kw + self.spare_kw(id, battery) - life_kw);
        let [isru_kw, uplink_kw, supply_kw] = loads;
        let uplink_gbit_h = asked_uplink * part(uplink_kw, asked_uplink * settings.uplink_kwh_per_gbit);
        if supply_kw < asked_supply {
            let kept = part(supply_kw, asked_supply);
            let mine = exchanges.iter_mut().filter(|exchange| exchange.junction.source == *id);
            mine.for_each(|exchange| exchange.offered = exchange.flow() * kept);
        }

        let net_kw = solar_kw - life_kw - isru_kw - uplink_kw - supply_kw;
        let room_kw = (battery.capacity_kwh - body.soc_kwh).max(0.0) / battery.efficiency / self.hours;
        let there_kw = body.soc_kwh * battery.efficiency / self.hours;
        let charge_kw = net_kw.max(0.0).min(battery.power_kw_max).min(room_kw);
        let discharge_kw = (-net_kw).max(0.0).min(battery.power_kw_max).min(there_kw);
        let rates =
            Rates { soc_kwh: charge_kw * battery.efficiency - discharge_kw / battery.efficiency, ..Rates::default() };
        let flows = Flows::Habitat {
            solar_kw,
            life_support_kw: life_kw,
            life_support_missed_kw: ((-net_kw).max(0.0) - discharge_kw).max(0.0),
            isru_kw,
            supply_kw,
            uplink_gbit_h,
            charge_kw,
            discharge_kw,
        };
        (rates, flows)
    }

    fn rover(
        &self,
        id: &AssetId,
        settings: &RoverSettings,
        forecast: &RoverForecast,
        exchanges: &[Exchange<'_>],
    ) -> (Rates, Flows) {
        let (battery, body) = (&settings.battery, &self.bodies[id]);
        let told = match &self.setpoints[id] {
            Setpoint::Rover(told) => told.clone(),
            _ => RoverSetpoint::default(),
        };
        let wish = self.wish(id, settings, forecast, &told, body);
        let flowing = |power: bool| {
            let mine = exchanges.iter().filter(|exchange| exchange.sink == id);
            mine.filter(|exchange| self.is_power(exchange.junction) == power).map(Exchange::flow).sum::<f64>()
        };
        let charge_kw = wish.charge_kw.min(flowing(true));
        let stored_kw = charge_kw * battery.efficiency * battery.efficiency;
        // Loads that cannot wait are limited by all the energy that there is; the drive goes before the heating.
        let mut fixed = [wish.drive_kw, wish.hotel_kw];
        shed(&mut fixed, stored_kw + body.soc_kwh * battery.efficiency / self.hours);
        let [drive_kw, hotel_kw] = fixed;
        let drive_km_h = wish.drive_km_h * part(drive_kw, wish.drive_kw);
        let fixed_kw = hotel_kw + drive_kw;
        let asked_gbit_h = wish.transmit_gbit_h.min(flowing(false));
        let mut loads = [wish.survey_kw, asked_gbit_h * settings.transmit_kwh_per_gbit];
        shed(&mut loads, stored_kw + self.spare_kw(id, battery) - fixed_kw);
        let survey = wish.survey * part(loads[0], wish.survey_kw);
        let sent_gbit_h = asked_gbit_h * part(loads[1], asked_gbit_h * settings.transmit_kwh_per_gbit);
        let there_gbit_h = body.buffer_gbit / self.hours + survey * settings.survey_gbit_h;
        let transmit_gbit_h = sent_gbit_h.min(there_gbit_h);
        // With a full store the instruments go on but nothing more is kept.
        let room_gbit_h = (settings.buffer_gbit - body.buffer_gbit).max(0.0) / self.hours;
        let left_gbit_h = survey * settings.survey_gbit_h - transmit_gbit_h;
        let kept_gbit_h = left_gbit_h.min(room_gbit_h);
        let spilled_gbit_h = left_gbit_h - kept_gbit_h;
        let load_kw = fixed_kw + loads[0] + transmit_gbit_h * settings.transmit_kwh_per_gbit;
        let rates = Rates {
            soc_kwh: (charge_kw * battery.efficiency - load_kw / battery.efficiency).max(-body.soc_kwh / self.hours),
            buffer_gbit: kept_gbit_h,
            odometer_km: drive_km_h,
        };
        (rates, Flows::Rover { load_kw, charge_kw, survey, drive_km_h, transmit_gbit_h, spilled_gbit_h })
    }

    /// What a rover would do, were power and bandwidth free.
    fn wish(
        &self,
        id: &AssetId,
        settings: &RoverSettings,
        forecast: &RoverForecast,
        told: &RoverSetpoint,
        body: &Body,
    ) -> Wish {
        let (battery, chance) = (&settings.battery, self.chance[id]);
        let place =
            whereabouts(forecast, body, self.step, self.hours, told.drive_km_h.value(), settings.drive_km_h_max);
        let survey = if place == Whereabouts::AtSite { told.survey.value().clamp(0.0, 1.0) } else { 0.0 };
        let drive_km_h = if let Whereabouts::Driving { speed_km_h } = place { speed_km_h } else { 0.0 };
        let there_gbit_h = body.buffer_gbit / self.hours + survey * settings.survey_gbit_h;
        let geometry_gbit_h = settings.transmit_gbit_h_max * self.share(&forecast.relay_share);
        let transmit_gbit_h = told.transmit_gbit_h.value().max(0.0).min(geometry_gbit_h).min(there_gbit_h);
        let hotel_kw = settings.hotel_kw * chance.load;
        let survey_kw = settings.survey_kw * survey * chance.load;
        let drive_kw = settings.drive_kwh_per_km * drive_km_h * chance.drive;
        let charge_kw = if place == Whereabouts::Docked {
            let load_kw = hotel_kw + transmit_gbit_h * settings.transmit_kwh_per_gbit;
            let room_kwh = battery.capacity_kwh - body.soc_kwh + load_kw / battery.efficiency * self.hours;
            let limit_kw = settings.charge_kw_max.min(battery.power_kw_max);
            told.charge_kw.value().max(0.0).min(limit_kw).min(room_kwh.max(0.0) / battery.efficiency / self.hours)
        } else {
            0.0
        };
        Wish { charge_kw, hotel_kw, survey, survey_kw, drive_km_h, drive_kw, transmit_gbit_h }
    }

    /// What each sink really sends to a satellite, in id order.
    fn taken(
        &self,
        id: &AssetId,
        flows: &BTreeMap<AssetId, Flows>,
        exchanges: &[Exchange<'_>],
    ) -> BTreeMap<AssetId, f64> {
        let mine = exchanges.iter().filter(|exchange| exchange.junction.source == *id);
        let sent = mine.map(|exchange| {
            let sent_gbit_h = match flows.get(exchange.sink) {
                Some(Flows::Habitat { uplink_gbit_h, .. }) => *uplink_gbit_h,
                Some(Flows::Rover { transmit_gbit_h, .. }) => *transmit_gbit_h,
                _ => 0.0,
            };
            (exchange.sink.clone(), sent_gbit_h.min(exchange.flow()))
        });
        sent.collect()
    }

    fn satellite(
        &self,
        id: &AssetId,
        settings: &SatelliteSettings,
        forecast: &SatelliteForecast,
        taken: BTreeMap<AssetId, f64>,
    ) -> (Rates, Flows) {
        let (battery, body) = (&settings.battery, &self.bodies[id]);
        let told = match &self.setpoints[id] {
            Setpoint::Satellite(told) => told.clone(),
            _ => SatelliteSetpoint::default(),
        };
        let taken_gbit_h: f64 = taken.values().sum();
        let solar_kw = self.solar_kw(id, settings.solar_kw_peak, &forecast.sun_share);
        let fixed_kw = settings.bus_kw * self.chance[id].load + taken_gbit_h * settings.relay_kwh_per_gbit;
        let geometry_gbit_h = settings.downlink_gbit_h_max * self.share(&forecast.earth_share);
        let there_gbit_h = body.buffer_gbit / self.hours + taken_gbit_h;
        let asked_gbit_h = told.downlink_gbit_h.value().max(0.0).min(geometry_gbit_h).min(there_gbit_h);
        let asked_kw = asked_gbit_h * settings.downlink_kwh_per_gbit;
        let mut loads = [asked_kw];
        shed(&mut loads, solar_kw + self.spare_kw(id, battery) - fixed_kw);
        let downlink_gbit_h = asked_gbit_h * part(loads[0], asked_kw);
        let there_kw = solar_kw + body.soc_kwh * battery.efficiency / self.hours;
        let load_kw = (fixed_kw + loads[0]).min(there_kw);

        let net_kw = solar_kw - load_kw;
        let room_kw = (battery.capacity_kwh - body.soc_kwh).max(0.0) / self.hours;
        let stored_kw = if net_kw > 0.0 { net_kw * battery.efficiency } else { net_kw / battery.efficiency };
        let room_gbit_h = (settings.buffer_gbit - body.buffer_gbit).max(0.0) / self.hours;
        let kept_gbit_h = (taken_gbit_h - downlink_gbit_h).min(room_gbit_h);
        let spilled_gbit_h = taken_gbit_h - downlink_gbit_h - kept_gbit_h;
        let rates = Rates {
            soc_kwh: stored_kw.min(room_kw).max(-body.soc_kwh / self.hours),
            buffer_gbit: kept_gbit_h,
            odometer_km: 0.0,
        };
        let relay_gbit_h = taken.into_iter().collect();
        (rates, Flows::Satellite { solar_kw, load_kw, relay_gbit_h, downlink_gbit_h, spilled_gbit_h })
    }

    fn solar_kw(&self, id: &AssetId, peak_kw: f64, sun_share: &[f64]) -> f64 {
        peak_kw * self.share(sun_share) * self.chance[id].solar
    }

    /// Power that the battery may give for loads that can wait: down to the reserve and a guard over it.
    fn spare_kw(&self, id: &AssetId, battery: &Battery) -> f64 {
        let floor_kwh = battery.reserve_kwh + GUARD * battery.capacity_kwh;
        let spare_kwh = (self.bodies[id].soc_kwh - floor_kwh) * battery.efficiency;
        (spare_kwh / self.hours).min(battery.power_kw_max)
    }

    fn share(&self, shares: &[f64]) -> f64 {
        shares.get(self.step).copied().unwrap_or(0.0)
    }

    /// Habitats give power; satellites give bandwidth.
    fn is_power(&self, junction: &Junction) -> bool {
        matches!(self.vehicles.get(&junction.source), Some(AdapterSettings::Habitat(..)))
    }
}

/// What a rover would do in a step.
struct Wish {
    charge_kw: f64,
    hotel_kw: f64,
    survey: f64,
    survey_kw: f64,
    drive_km_h: f64,
    drive_kw: f64,
    transmit_gbit_h: f64,
}

/// Lowers loads, the first one first, until together they are no more than `limit`.
fn shed(loads: &mut [f64], limit: f64) {
    let mut over = (loads.iter().sum::<f64>() - limit).max(0.0);
    for load in loads {
        let cut = over.min(*load);
        *load -= cut;
        over -= cut;
    }
}

/// What part of `whole` is left; all of nothing.
fn part(left: f64, whole: f64) -> f64 {
    if whole > 0.0 { (left / whole).min(1.0) } else { 1.0 }
}

/// Distance from the reserve, as a fraction of the capacity, at which loads are shed.
const GUARD: f64 = 0.002;
