//! Three small vehicles for the unit tests: what they are, and what their sensors say.

use crate::fixture::{id, real};
use mesh_adapters::{
    AdapterSettings, Battery, HabitatForecast, HabitatSettings, HabitatTelemetry, RoverForecast, RoverSettings,
    RoverTelemetry, SatelliteForecast, SatelliteSettings, SatelliteTelemetry, Telemetry,
};
use mesh_model::{MissionTime, Real};

/// None for whoever is no vehicle.
pub(crate) fn vehicle(name: &str) -> Option<AdapterSettings> {
    match name {
        "habitat" => Some(habitat()),
        "rover" => Some(rover()),
        "satellite" => Some(satellite()),
        _ => None,
    }
}

pub(crate) fn telemetry(name: &str, time: MissionTime) -> Option<Telemetry> {
    let (soc_kw, buffer_gbit, buffer_gbit_h) = (Real::ZERO, real(5.0), Real::ZERO);
    match name {
        "habitat" => Some(Telemetry::Habitat(HabitatTelemetry { time, soc_kwh: real(40.0), soc_kw })),
        "rover" => Some(Telemetry::Rover(RoverTelemetry {
            time,
            soc_kwh: real(8.0),
            soc_kw,
            buffer_gbit,
            buffer_gbit_h,
            odometer_km: Real::ZERO,
            speed_km_h: Real::ZERO,
        })),
        "satellite" => Some(Telemetry::Satellite(SatelliteTelemetry {
            time,
            soc_kwh: real(3.0),
            soc_kw,
            buffer_gbit,
            buffer_gbit_h,
        })),
        _ => None,
    }
}

fn battery(capacity_kwh: f64, reserve_kwh: f64) -> Battery {
    Battery {
        capacity_kwh,
        initial_kwh: 0.7 * capacity_kwh,
        reserve_kwh,
        margin_kwh: 0.1 * reserve_kwh,
        power_kw_max: 0.2 * capacity_kwh,
        efficiency: 0.95,
        wear_per_kwh: 0.05,
        value_per_kwh: 1.0,
    }
}

fn habitat() -> AdapterSettings {
    let settings = HabitatSettings {
        battery: battery(60.0, 12.0),
        solar_kw_peak: 12.0,
        life_support_kw: 4.0,
        isru_kw_max: 8.0,
        isru_value_per_kwh: 1.0,
        charger_kw_max: 4.0,
        uplink_gbit_h_max: 4.0,
        uplink_kwh_per_gbit: 0.05,
        uplink_value_per_gbit: 1.5,
    };
    AdapterSettings::Habitat(settings, HabitatForecast { sun_share: always(), relay_share: always() })
}

fn rover() -> AdapterSettings {
    let settings = RoverSettings {
        battery: battery(20.0, 3.0),
        charge_kw_max: 3.0,
        hotel_kw: 0.15,
        survey_kw: 0.4,
        survey_gbit_h: 6.0,
        buffer_gbit: 40.0,
        transmit_gbit_h_max: 6.0,
        transmit_kwh_per_gbit: 0.06,
        science_value_per_gbit: 4.0,
        drive_kwh_per_km: 0.4,
        drive_km_h_max: 5.0,
        drive_wear_per_km: 0.05,
    };
    let forecast = RoverForecast {
        dock: id("habitat"),
        docked_share: always(),
        site_share: always(),
        legs: Vec::new(),
        relay_share: always(),
    };
    AdapterSettings::Rover(settings, forecast)
}

fn satellite() -> AdapterSettings {
    let settings = SatelliteSettings {
        battery: battery(4.0, 0.8),
        solar_kw_peak: 0.75,
        bus_kw: 0.35,
        relay_gbit_h_max: 8.0,
        relay_kwh_per_gbit: 0.03,
        buffer_gbit: 60.0,
        downlink_gbit_h_max: 10.0,
        downlink_kwh_per_gbit: 0.04,
        relay_wear_per_gbit: 0.5,
        downlink_value_per_gbit: 0.5,
    };
    AdapterSettings::Satellite(settings, SatelliteForecast { sun_share: always(), earth_share: always() })
}

/// A forecast of sun and contact without an end, as far as tests go.
fn always() -> Vec<f64> {
    vec![1.0; 24]
}
