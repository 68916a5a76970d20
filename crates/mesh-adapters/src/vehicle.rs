//! What a vehicle says and what it is told. A vehicle holds a whole schedule of setpoints, so that it flies on when
//! nobody talks to it.

use borsh::{BorshDeserialize, BorshSerialize};
use mesh_model::problem::Window;
use mesh_model::{AssetId, MissionTime, Real};

/// What the sensors of a vehicle say.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Telemetry {
    /// From a habitat.
    Habitat(HabitatTelemetry),
    /// From a rover.
    Rover(RoverTelemetry),
    /// From a satellite.
    Satellite(SatelliteTelemetry),
}

/// The sensors of a habitat.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct HabitatTelemetry {
    /// When they were read.
    pub time: MissionTime,
    /// Energy in the battery.
    pub soc_kwh: Real,
    /// Rate at which that energy changes.
    pub soc_kw: Real,
}

/// The sensors of a rover.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct RoverTelemetry {
    /// When they were read.
    pub time: MissionTime,
    /// Energy in the battery.
    pub soc_kwh: Real,
    /// Rate at which that energy changes.
    pub soc_kw: Real,
    /// Data stored.
    pub buffer_gbit: Real,
    /// Rate at which it changes.
    pub buffer_gbit_h: Real,
    /// Distance driven since the start of the mission.
    pub odometer_km: Real,
    /// Speed.
    pub speed_km_h: Real,
}

/// The sensors of a satellite.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct SatelliteTelemetry {
    /// When they were read.
    pub time: MissionTime,
    /// Energy in the battery.
    pub soc_kwh: Real,
    /// Rate at which that energy changes.
    pub soc_kw: Real,
    /// Data stored.
    pub buffer_gbit: Real,
    /// Rate at which it changes.
    pub buffer_gbit_h: Real,
}

/// What a vehicle is to do in each step of a window.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct CommandSchedule {
    /// The time that it covers. Before it the vehicle flies what it held; after it the vehicle is on its own.
    pub window: Window,
    /// One setpoint a step.
    pub setpoints: Vec<Setpoint>,
}

/// What a vehicle is to do in one step.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Setpoint {
    /// For a habitat.
    Habitat(HabitatSetpoint),
    /// For a rover.
    Rover(RoverSetpoint),
    /// For a satellite.
    Satellite(SatelliteSetpoint),
}

/// What a habitat is to do; its battery takes up the rest. By default nothing but life support.
#[derive(Debug, Clone, Default, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct HabitatSetpoint {
    /// Power for the oxygen plant.
    pub isru_kw: Real,
    /// Power offered on the power bus.
    pub supply_kw: Real,
    /// Rate of the uplink.
    pub uplink_gbit_h: Real,
}

/// What a rover is to do. By default it stands still.
#[derive(Debug, Clone, Default, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct RoverSetpoint {
    /// Power drawn from the power bus.
    pub charge_kw: Real,
    /// Rate of the instruments, 0 to 1.
    pub survey: Real,
    /// Speed.
    pub drive_km_h: Real,
    /// Rate of the transmission.
    pub transmit_gbit_h: Real,
}

/// What a satellite is to do. By default it takes in nothing and sends nothing.
#[derive(Debug, Clone, Default, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct SatelliteSetpoint {
    /// Rate granted to each sink of its bandwidth, in id order.
    pub relay_gbit_h: Vec<(AssetId, Real)>,
    /// Rate of the downlink.
    pub downlink_gbit_h: Real,
}
