//! Between a vehicle and the fleet: telemetry becomes a LocalProblem, an agreed plan becomes commands.
//!
//! One file a kind of vehicle. Nothing here knows how the problem is solved or who the neighbours are beyond the edges
//! that it is given. Powers are in kW, energies in kWh, data in Gbit, distances in km, rates per hour.

pub mod adapter;
pub mod economics;
mod error;
mod habitat;
mod rover;
mod satellite;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod vehicle;
mod writer;

pub use adapter::{Adapter, Shortfall};
pub use economics::Curve;
pub use error::AdapterError;
pub use settings::{
    AdapterSettings, Battery, HabitatForecast, HabitatSettings, Leg, RoverForecast, RoverSettings, SatelliteForecast,
    SatelliteSettings,
};
pub use vehicle::{
    CommandSchedule, HabitatSetpoint, HabitatTelemetry, RoverSetpoint, RoverTelemetry, SatelliteSetpoint,
    SatelliteTelemetry, Setpoint, Telemetry,
};

fn expect_count(expected: usize, values: &[f64]) -> Result<(), AdapterError> {
    if values.len() == expected { Ok(()) } else { Err(AdapterError::WrongValueCount { expected, got: values.len() }) }
}
