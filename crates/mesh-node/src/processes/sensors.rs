//! What the sensors of the vehicles say, on the local plane, as ROS 2 knows it: battery and movement in its standard
//! messages, all of it in the units of planning besides.
//!
//! These are for people and tools. A member's asset gets its readings with the grant of its tick, bit by bit as they are.

use super::views::publish;
use mesh_adapters::Telemetry;
use mesh_model::{AssetId, MissionTime};
use mesh_ros::interfaces::cosmosmesh_msgs::msg::VehicleState;
use mesh_ros::interfaces::nav_msgs::msg::Odometry;
use mesh_ros::interfaces::sensor_msgs::msg::BatteryState;
use mesh_ros::{Node, Publisher, Qos, RosError};
use mesh_sim::{Scenario, World};
use std::collections::BTreeMap;

/// The sensors of all vehicles.
pub(super) struct Sensors {
    vehicles: BTreeMap<AssetId, Vehicle>,
    /// When they are read next.
    next: MissionTime,
}

struct Vehicle {
    capacity_kwh: f64,
    battery: Publisher<BatteryState>,
    state: Publisher<VehicleState>,
    odometry: Publisher<Odometry>,
}

impl Sensors {
    pub(super) fn advertise(node: &Node, scenario: &Scenario) -> Result<Self, RosError> {
        let mut vehicles = BTreeMap::new();
        for asset in &scenario.assets {
            let topic = |name: &str| format!("/{}/{name}", asset.id);
            let vehicle = Vehicle {
                capacity_kwh: asset.kind.battery().capacity_kwh,
                battery: node.publisher(&topic("battery_state"), Qos::SENSOR)?,
                state: node.publisher(&topic("vehicle_state"), Qos::SENSOR)?,
                odometry: node.publisher(&topic("odom"), Qos::SENSOR)?,
            };
            vehicles.insert(asset.id.clone(), vehicle);
        }
        Ok(Self { vehicles, next: MissionTime::ZERO })
    }

    /// Shows what they say, unless they were shown a moment ago.
    pub(super) fn show(&mut self, now: MissionTime, world: &World) {
        if now < self.next {
            return;
        }
        self.next = now.plus_s(PERIOD_S);
        for (id, vehicle) in &self.vehicles {
            if let Some(telemetry) = world.telemetry(id) {
                vehicle.show(now, id, &telemetry);
            }
        }
    }
}

impl Vehicle {
    fn show(&self, now: MissionTime, id: &AssetId, telemetry: &Telemetry) {
        let state = state(now, id, telemetry);
        publish(&self.battery, &battery(now, id, &state, self.capacity_kwh));
        if !state.odometer_km.is_nan() {
            publish(&self.odometry, &odometry(now, id, &state));
        }
        publish(&self.state, &state);
    }
}

fn state(now: MissionTime, id: &AssetId, telemetry: &Telemetry) -> VehicleState {
    let nothing = VehicleState {
        stamp: now.into(),
        asset: id.to_string(),
        buffer_gbit: f64::NAN,
        buffer_gbit_h: f64::NAN,
        odometer_km: f64::NAN,
        speed_km_h: f64::NAN,
        ..VehicleState::default()
    };
    match telemetry {
        Telemetry::Habitat(habitat) => VehicleState {
            domain: "habitat".to_owned(),
            soc_kwh: habitat.soc_kwh.value(),
            soc_kw: habitat.soc_kw.value(),
            ..nothing
        },
        Telemetry::Rover(rover) => VehicleState {
            domain: "rover".to_owned(),
            soc_kwh: rover.soc_kwh.value(),
            soc_kw: rover.soc_kw.value(),
            buffer_gbit: rover.buffer_gbit.value(),
            buffer_gbit_h: rover.buffer_gbit_h.value(),
            odometer_km: rover.odometer_km.value(),
            speed_km_h: rover.speed_km_h.value(),
            ..nothing
        },
        Telemetry::Satellite(satellite) => VehicleState {
            domain: "satellite".to_owned(),
            soc_kwh: satellite.soc_kwh.value(),
            soc_kw: satellite.soc_kw.value(),
            buffer_gbit: satellite.buffer_gbit.value(),
            buffer_gbit_h: satellite.buffer_gbit_h.value(),
            ..nothing
        },
    }
}

/// Volts and amperes are not modelled: REP 107 and the message say that what is not measured is NaN.
fn battery(now: MissionTime, id: &AssetId, state: &VehicleState, capacity_kwh: f64) -> BatteryState {
    let mut battery = BatteryState {
        voltage: f32::NAN,
        temperature: f32::NAN,
        current: f32::NAN,
        charge: f32::NAN,
        capacity: f32::NAN,
        design_capacity: f32::NAN,
        percentage: (state.soc_kwh / capacity_kwh) as f32,
        power_supply_status: match state.soc_kw {
            rate if rate > 0.0 => BatteryState::POWER_SUPPLY_STATUS_CHARGING,
            rate if rate < 0.0 => BatteryState::POWER_SUPPLY_STATUS_DISCHARGING,
            _ => BatteryState::POWER_SUPPLY_STATUS_NOT_CHARGING,
        },
        present: true,
        location: id.to_string(),
        ..BatteryState::default()
    };
    battery.header.stamp = now.into();
    battery.header.frame_id = format!("{id}/base_link");
    battery
}

/// Along its track: the world knows how far a rover has driven, not around which stone. In metres, as REP 103 wants it.
fn odometry(now: MissionTime, id: &AssetId, state: &VehicleState) -> Odometry {
    let mut odometry = Odometry { child_frame_id: format!("{id}/base_link"), ..Odometry::default() };
    odometry.header.stamp = now.into();
    odometry.header.frame_id = format!("{id}/odom");
    odometry.pose.pose.position.x = 1000.0 * state.odometer_km;
    odometry.pose.pose.orientation.w = 1.0;
    odometry.twist.twist.linear.x = state.speed_km_h / 3.6;
    odometry
}

/// How often they are shown, in seconds of the mission.
const PERIOD_S: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_adapters::{HabitatTelemetry, RoverTelemetry};
    use mesh_model::Real;

    fn real(value: f64) -> Real {
        Real::new(value).expect("finite")
    }

    #[test]
    fn a_rover_shows_charge_and_movement_in_the_units_of_ros() {
        let (now, id) = (MissionTime::from_s(90), AssetId::new("rover").expect("a good name"));
        let telemetry = Telemetry::Rover(RoverTelemetry {
            time: now,
            soc_kwh: real(5.0),
            soc_kw: real(-0.5),
            buffer_gbit: real(3.0),
            buffer_gbit_h: real(6.0),
            odometer_km: real(1.25),
            speed_km_h: real(3.6),
        });
        let state = state(now, &id, &telemetry);
        let battery = battery(now, &id, &state, 20.0);
        assert_eq!((battery.percentage, battery.header.stamp.sec), (0.25, 90));
        assert_eq!(battery.power_supply_status, BatteryState::POWER_SUPPLY_STATUS_DISCHARGING);
        assert!(battery.voltage.is_nan());
        let odometry = odometry(now, &id, &state);
        assert_eq!((odometry.pose.pose.position.x, odometry.twist.twist.linear.x), (1250.0, 1.0));
        assert_eq!(
            (odometry.header.frame_id.as_str(), odometry.child_frame_id.as_str()),
            ("rover/odom", "rover/base_link")
        );
    }

    #[test]
    fn what_a_habitat_does_not_have_is_no_number() {
        let (now, id) = (MissionTime::ZERO, AssetId::new("habitat").expect("a good name"));
        let telemetry = Telemetry::Habitat(HabitatTelemetry { time: now, soc_kwh: real(30.0), soc_kw: real(0.0) });
        let state = state(now, &id, &telemetry);
        assert!(state.odometer_km.is_nan() && state.buffer_gbit.is_nan());
        assert_eq!(battery(now, &id, &state, 60.0).power_supply_status, BatteryState::POWER_SUPPLY_STATUS_NOT_CHARGING);
    }
}
