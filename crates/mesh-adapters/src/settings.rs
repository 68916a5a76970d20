//! What an adapter knows beforehand: the vehicle's figures and its almanac.
//!
//! A forecast has one entry a planning step, counted from the start of the mission, and reaches at least one horizon
//! past the mission's end. A share is the fraction of a step, from 0 to 1.

use borsh::{BorshDeserialize, BorshSerialize};
use mesh_model::AssetId;

/// The settings of one vehicle. Recorded with every run, so they have canonical bytes.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum AdapterSettings {
    /// A habitat.
    Habitat(HabitatSettings, HabitatForecast),
    /// A rover.
    Rover(RoverSettings, RoverForecast),
    /// A relay satellite.
    Satellite(SatelliteSettings, SatelliteForecast),
}

/// A battery.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Battery {
    /// Energy when full.
    pub capacity_kwh: f64,
    /// Energy at the start of the mission.
    pub initial_kwh: f64,
    /// Energy that must never be undercut.
    pub reserve_kwh: f64,
    /// Plans stay this far above the reserve, so that disturbances do not eat into it.
    pub margin_kwh: f64,
    /// Largest power in or out.
    pub power_kw_max: f64,
    /// Fraction of energy that survives going in, and again coming out.
    pub efficiency: f64,
    /// Cost of wear for one kWh in or out at full power; rises linearly from nothing at no power.
    pub wear_per_kwh: f64,
    /// Value of the first kWh left at the end of a horizon; falls linearly to half of it in a full battery.
    pub value_per_kwh: f64,
}

/// The figures of a habitat.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct HabitatSettings {
    /// Its battery.
    pub battery: Battery,
    /// Yield of the solar array in full sun.
    pub solar_kw_peak: f64,
    /// Power that life support must have at all times.
    pub life_support_kw: f64,
    /// Largest power of the oxygen plant, the load that can be moved.
    pub isru_kw_max: f64,
    /// Value of the first kWh given to the oxygen plant; falls linearly to half of it at full power.
    pub isru_value_per_kwh: f64,
    /// Largest power of the charger on the power bus.
    pub charger_kw_max: f64,
    /// Fastest uplink to the relay.
    pub uplink_gbit_h_max: f64,
    /// Energy for one Gbit of uplink.
    pub uplink_kwh_per_gbit: f64,
    /// Value of the first Gbit of an hour; falls linearly to half of it at the fastest uplink.
    pub uplink_value_per_gbit: f64,
}

/// The almanac of a habitat.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct HabitatForecast {
    /// Share of the array's peak yield: how much of the sun's disc stands above the terrain.
    pub sun_share: Vec<f64>,
    /// Share of the step in which the relay is in view.
    pub relay_share: Vec<f64>,
}

/// The figures of a rover.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct RoverSettings {
    /// Its battery.
    pub battery: Battery,
    /// Largest power it draws from the power bus when docked.
    pub charge_kw_max: f64,
    /// Power that keeps it warm and awake, always.
    pub hotel_kw: f64,
    /// Power of its instruments at full rate.
    pub survey_kw: f64,
    /// Data from its instruments at full rate.
    pub survey_gbit_h: f64,
    /// Data that it can store.
    pub buffer_gbit: f64,
    /// Fastest transmission to the relay.
    pub transmit_gbit_h_max: f64,
    /// Energy for one Gbit transmitted.
    pub transmit_kwh_per_gbit: f64,
    /// Value of the first Gbit of an hour handed to the relay; falls linearly to half of it at the fastest rate.
    pub science_value_per_gbit: f64,
    /// Energy for one km.
    pub drive_kwh_per_km: f64,
    /// Top speed.
    pub drive_km_h_max: f64,
    /// Cost of wear for one km at top speed; rises linearly from nothing at a standstill.
    pub drive_wear_per_km: f64,
}

/// The almanac and the itinerary of a rover.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct RoverForecast {
    /// The habitat where it docks: its edges from there are power, all others bandwidth.
    pub dock: AssetId,
    /// Share of the step in which it stands at the dock.
    pub docked_share: Vec<f64>,
    /// Share of the step in which it stands at the survey site.
    pub site_share: Vec<f64>,
    /// Its drives, in order.
    pub legs: Vec<Leg>,
    /// Share of the step in which the relay is in view from where it is planned to be.
    pub relay_share: Vec<f64>,
}

/// A drive between two places: `km` within the steps `from` (first) to `until` (the first one after it).
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Leg {
    /// First step of the drive.
    pub from: u32,
    /// First step after the drive.
    pub until: u32,
    /// Its length.
    pub km: f64,
}

impl Leg {
    /// Whether the drive may use step `step`.
    pub fn holds(&self, step: usize) -> bool {
        (self.from as usize..self.until as usize).contains(&step)
    }
}

impl RoverForecast {
    /// What is left of leg `number` once the odometer shows `odometer_km`.
    pub fn left_km(&self, number: usize, odometer_km: f64) -> f64 {
        let until_km: f64 = self.legs[..=number].iter().map(|leg| leg.km).sum();
        (until_km - odometer_km).max(0.0).min(self.legs[number].km)
    }
}

/// The figures of a relay satellite.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct SatelliteSettings {
    /// Its battery.
    pub battery: Battery,
    /// Yield of its solar panels in full sun.
    pub solar_kw_peak: f64,
    /// Power that keeps it alive, always.
    pub bus_kw: f64,
    /// Largest total rate that its transponder takes in.
    pub relay_gbit_h_max: f64,
    /// Energy for one Gbit taken in.
    pub relay_kwh_per_gbit: f64,
    /// Data that it can store.
    pub buffer_gbit: f64,
    /// Fastest downlink to Earth.
    pub downlink_gbit_h_max: f64,
    /// Energy for one Gbit sent down.
    pub downlink_kwh_per_gbit: f64,
    /// Cost of wear for the first Gbit of an hour taken in; doubles linearly towards the largest rate.
    pub relay_wear_per_gbit: f64,
    /// Value of the first Gbit of an hour sent down; falls linearly to half of it at the fastest rate.
    pub downlink_value_per_gbit: f64,
}

/// The almanac of a relay satellite.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct SatelliteForecast {
    /// Share of the step in sunlight.
    pub sun_share: Vec<f64>,
    /// Share of the step in which Earth is in view.
    pub earth_share: Vec<f64>,
}
