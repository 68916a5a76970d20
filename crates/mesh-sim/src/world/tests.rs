//! What vehicles do with the schedules they hold, on the lunar base mission.

use super::*;
use mesh_adapters::{HabitatSetpoint, RoverSetpoint, SatelliteSetpoint};
use mesh_model::{JunctionId, Window};

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a name")
}

fn real(value: f64) -> Real {
    Real::new(value).expect("finite")
}

fn hour(hours: f64) -> MissionTime {
    MissionTime::from_s((hours * 3600.0) as u64)
}

/// The lunar base without disturbances, changed by `change`.
fn calm(change: impl FnOnce(&mut Scenario)) -> World {
    let mut scenario = Scenario::lunar_base();
    scenario.disturbances = Disturbances { solar: 0.0, load: 0.0, drive: 0.0 };
    change(&mut scenario);
    World::new(&scenario, &Almanac::new(&scenario), 1)
}

fn set_battery(scenario: &mut Scenario, asset: &str, initial_kwh: f64) {
    use crate::scenario::AssetKind;
    let found = scenario.assets.iter_mut().find(|other| other.id == id(asset)).expect("an asset");
    match &mut found.kind {
        AssetKind::Habitat { settings, .. } => settings.battery.initial_kwh = initial_kwh,
        AssetKind::Rover { settings, .. } => settings.battery.initial_kwh = initial_kwh,
        AssetKind::Satellite { settings, .. } => settings.battery.initial_kwh = initial_kwh,
    }
}

/// One setpoint from step `first` on, for a day.
fn always(first: u64, setpoint: Setpoint) -> CommandSchedule {
    let window = Window { start: MissionTime::from_s(3600 * first), step_s: 3600, steps: 24 };
    CommandSchedule { window, setpoints: vec![setpoint; 24] }
}

fn habitat(isru_kw: f64, supply_kw: f64, uplink_gbit_h: f64) -> Setpoint {
    Setpoint::Habitat(HabitatSetpoint {
        isru_kw: real(isru_kw),
        supply_kw: real(supply_kw),
        uplink_gbit_h: real(uplink_gbit_h),
    })
}

fn rover(charge_kw: f64, survey: f64, drive_km_h: f64, transmit_gbit_h: f64) -> Setpoint {
    Setpoint::Rover(RoverSetpoint {
        charge_kw: real(charge_kw),
        survey: real(survey),
        drive_km_h: real(drive_km_h),
        transmit_gbit_h: real(transmit_gbit_h),
    })
}

fn satellite(habitat_gbit_h: f64, rover_gbit_h: f64, downlink_gbit_h: f64) -> Setpoint {
    Setpoint::Satellite(SatelliteSetpoint {
        relay_gbit_h: vec![(id("habitat"), real(habitat_gbit_h)), (id("rover"), real(rover_gbit_h))],
        downlink_gbit_h: real(downlink_gbit_h),
    })
}

fn soc(world: &World, asset: &str) -> f64 {
    match world.telemetry(&id(asset)).expect("a vehicle") {
        Telemetry::Habitat(reading) => reading.soc_kwh.value(),
        Telemetry::Rover(reading) => reading.soc_kwh.value(),
        Telemetry::Satellite(reading) => reading.soc_kwh.value(),
    }
}

fn excess(world: &World, junction: &str) -> f64 {
    world.score().excess_max[&JunctionId::new(junction).expect("a name")]
}

#[test]
fn how_time_is_cut_does_not_matter() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    let fly = |stops_s: &[u64], seed: u64| {
        let mut world = World::new(&scenario, &almanac, seed);
        world.command(&id("habitat"), always(1, habitat(8.0, 2.0, 2.0)));
        world.command(&id("rover"), always(1, rover(2.0, 1.0, 4.0, 3.0)));
        world.command(&id("satellite"), always(1, satellite(2.0, 3.0, 4.0)));
        stops_s.iter().for_each(|stop| world.advance(MissionTime::from_s(*stop)));
        world.state_bytes()
    };
    let once = fly(&[86_400], 7);
    assert_eq!(once, fly(&(1..=864).map(|i| 100 * i).collect::<Vec<_>>(), 7));
    assert_ne!(once, fly(&[86_400], 8));
}

#[test]
fn disturbances_have_the_size_that_the_scenario_says() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    let mut squares = Vec::new();
    for seed in 0..40 {
        let mut world = World::new(&scenario, &almanac, seed);
        world.advance(hour(8.0));
        for record in world.history() {
            let Flows::Habitat { solar_kw, .. } = record.assets[&id("habitat")].flows else { unreachable!() };
            squares.push((solar_kw / 12.0 - 1.0) * (solar_kw / 12.0 - 1.0));
        }
    }
    let deviation = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    assert!((0.07..0.09).contains(&deviation), "8 % were asked for, {deviation} came");
}

#[test]
fn without_a_schedule_life_goes_on_and_nothing_else() {
    let mut world = calm(|_| {});
    world.advance(hour(24.0));
    let score = world.score();
    assert_eq!(score.assets[&id("habitat")].life_support_missed_kwh, 0.0);
    assert!((score.assets[&id("habitat")].energy_kwh - 96.0).abs() < 1e-9);
    assert_eq!(score.science_gbit, 0.0);
    assert!((soc(&world, "rover") - (15.0 - 24.0 * 0.15 / 0.95)).abs() < 1e-9);
}

#[test]
fn a_schedule_counts_from_its_window_on_and_a_late_one_from_the_next_step() {
    let mut world = calm(|_| {});
    world.advance(hour(0.5));
    world.command(&id("habitat"), always(1, habitat(2.0, 0.0, 0.0)));
    world.advance(hour(2.5));
    world.command(&id("habitat"), always(1, habitat(3.0, 0.0, 0.0)));
    // Given at the very moment in which its window begins.
    world.advance(hour(4.0));
    world.command(&id("habitat"), always(4, habitat(4.0, 0.0, 0.0)));
    world.advance(hour(5.0));
    let isru = |record: &StepRecord| match record.assets[&id("habitat")].flows {
        Flows::Habitat { isru_kw, .. } => isru_kw,
        _ => f64::NAN,
    };
    assert_eq!(world.history().iter().map(isru).collect::<Vec<_>>(), [0.0, 2.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_schedule_for_another_kind_of_vehicle_is_not_flown() {
    let mut world = calm(|_| {});
    world.command(&id("habitat"), always(0, rover(1.0, 1.0, 1.0, 1.0)));
    world.command(&id("nobody"), always(0, rover(1.0, 1.0, 1.0, 1.0)));
    world.advance(hour(2.0));
    assert_eq!(world.score().assets[&id("habitat")].energy_kwh, 8.0);
    assert_eq!(world.telemetry(&id("nobody")), None);
}

#[test]
fn loads_that_can_wait_are_shed_above_the_reserve_and_life_support_never() {
    let mut world = calm(|scenario| set_battery(scenario, "habitat", 30.0));
    world.command(&id("habitat"), always(9, habitat(8.0, 0.0, 4.0)));
    world.advance(hour(9.0));
    let before = soc(&world, "habitat");
    world.advance(hour(13.0));
    let score = &world.score().assets[&id("habitat")];
    assert!(before > 50.0, "the day filled it: {before}");
    assert!((0.0..0.2).contains(&score.battery_margin_kwh), "down to the guard: {}", score.battery_margin_kwh);
    assert_eq!(score.life_support_missed_kwh, 0.0);
}

#[test]
fn life_support_that_a_dead_battery_cannot_feed_is_counted() {
    let mut world = calm(|scenario| {
        set_battery(scenario, "habitat", 1.0);
        scenario.sky.sun_elevation_deg = -5.0;
    });
    world.advance(hour(2.0));
    let missed = world.score().assets[&id("habitat")].life_support_missed_kwh;
    assert!((missed - (8.0 - 0.95)).abs() < 1e-9, "{missed}");
    assert_eq!(soc(&world, "habitat"), 0.0);
}

#[test]
fn the_rover_draws_what_is_offered_and_the_rest_is_excess() {
    let mut world = calm(|scenario| set_battery(scenario, "rover", 10.0));
    world.command(&id("habitat"), always(0, habitat(0.0, 1.0, 0.0)));
    world.command(&id("rover"), always(0, rover(2.5, 0.0, 0.0, 0.0)));
    world.advance(hour(1.0));
    assert!((soc(&world, "rover") - (10.0 + 0.95 - 0.15 / 0.95)).abs() < 1e-12);
    assert!((excess(&world, "power_bus") - 1.5).abs() < 1e-12);
}

#[test]
fn a_full_rover_takes_no_more_than_it_can_store() {
    let mut world = calm(|scenario| set_battery(scenario, "rover", 19.5));
    world.command(&id("habitat"), always(0, habitat(0.0, 3.0, 0.0)));
    world.command(&id("rover"), always(0, rover(3.0, 0.0, 0.0, 0.0)));
    world.advance(hour(2.0));
    assert!((soc(&world, "rover") - 20.0).abs() < 1e-9);
    assert_eq!(excess(&world, "power_bus"), 0.0);
}

#[test]
fn data_flows_from_the_crater_to_earth_and_none_is_made_up() {
    let mut world = calm(|_| {});
    world.command(&id("rover"), always(0, rover(0.0, 1.0, 4.0, 5.0)));
    world.command(&id("satellite"), always(0, satellite(0.0, 4.0, 10.0)));
    world.advance(hour(8.0));
    let at_site: f64 = 3.0 * 6.0;
    let Telemetry::Rover(reading) = world.telemetry(&id("rover")).expect("the rover") else { unreachable!() };
    let score = world.score();
    assert!((score.assets[&id("rover")].handed_gbit + reading.buffer_gbit.value() - at_site).abs() < 1e-9);
    assert!((score.science_gbit - score.assets[&id("rover")].handed_gbit).abs() < 1e-9, "sent down at once");
    assert!((excess(&world, "relay_bandwidth") - 1.0).abs() < 1e-9, "5 Gbit asked, 4 granted");
    assert!((reading.odometer_km.value() - 8.0).abs() < 1e-9);
}

#[test]
fn data_that_a_full_store_loses_is_counted() {
    let mut world = calm(|scenario| {
        if let crate::scenario::AssetKind::Rover { settings, .. } = &mut scenario.assets[1].kind {
            settings.buffer_gbit = 10.0;
        }
    });
    world.command(&id("rover"), always(0, rover(0.0, 1.0, 4.0, 1.0)));
    world.command(&id("satellite"), always(0, satellite(0.0, 1.0, 10.0)));
    world.advance(hour(8.0));
    let Telemetry::Rover(reading) = world.telemetry(&id("rover")).expect("the rover") else { unreachable!() };
    let score = &world.score().assets[&id("rover")];
    let at_site: f64 = 3.0 * 6.0;
    assert!((reading.buffer_gbit.value() - 10.0).abs() < 1e-9);
    assert!(score.handed_gbit > 1.0 && score.spilled_gbit > 1.0, "{score:?}");
    assert!((score.handed_gbit + score.spilled_gbit + 10.0 - at_site).abs() < 1e-9, "{score:?}");
}

#[test]
fn a_satellite_cuts_what_it_gives_before_it_dies() {
    let mut world = calm(|scenario| {
        set_battery(scenario, "satellite", 0.9);
        if let crate::scenario::AssetKind::Satellite { settings, .. } = &mut scenario.assets[2].kind {
            settings.solar_kw_peak = 0.4;
        }
    });
    world.command(&id("habitat"), always(0, habitat(0.0, 0.0, 4.0)));
    world.command(&id("satellite"), always(0, satellite(4.0, 0.0, 10.0)));
    world.advance(hour(3.0));
    assert!(world.score().assets[&id("satellite")].battery_margin_kwh >= 0.0);
    assert!(excess(&world, "relay_bandwidth") > 1.0, "the cut is on record");
}

#[test]
fn a_capacity_of_zero_is_flown_like_any_other() {
    use crate::scenario::AssetKind;
    fn figures(kind: &mut AssetKind) -> Vec<&mut f64> {
        match kind {
            AssetKind::Habitat { settings, .. } => {
                vec![&mut settings.isru_kw_max, &mut settings.charger_kw_max, &mut settings.uplink_gbit_h_max]
            }
            AssetKind::Rover { settings, .. } => {
                vec![&mut settings.charge_kw_max, &mut settings.transmit_gbit_h_max, &mut settings.buffer_gbit]
            }
            AssetKind::Satellite { settings, .. } => {
                vec![&mut settings.relay_gbit_h_max, &mut settings.downlink_gbit_h_max, &mut settings.buffer_gbit]
            }
        }
    }
    for (asset, figure) in (0..3).flat_map(|asset| (0..3).map(move |figure| (asset, figure))) {
        let mut world = calm(|scenario| *figures(&mut scenario.assets[asset].kind)[figure] = 0.0);
        world.command(&id("habitat"), always(0, habitat(8.0, 3.0, 4.0)));
        world.command(&id("rover"), always(0, rover(3.0, 1.0, 4.0, 6.0)));
        world.command(&id("satellite"), always(0, satellite(4.0, 4.0, 10.0)));
        world.advance(hour(3.0));
        let score = world.score();
        assert!(score.cost.is_finite() && score.leftover_cost.is_finite(), "figure {figure} of asset {asset}");
        assert_eq!(world.state().time, hour(3.0));
    }
}

#[test]
fn a_rover_without_energy_stands() {
    let mut world = calm(|scenario| set_battery(scenario, "rover", 2.0));
    world.command(&id("rover"), always(0, rover(0.0, 1.0, 4.0, 0.0)));
    world.advance(hour(24.0));
    let rover = id("rover");
    let driven_km: f64 = world.history().iter().map(|record| record.assets[&rover].flows.clone()).fold(0.0, driven);
    let energy_kwh = world.score().assets[&rover].energy_kwh;
    assert_eq!(soc(&world, "rover"), 0.0);
    assert!((energy_kwh - 2.0 * 0.95).abs() < 1e-9, "all that the battery held and no more: {energy_kwh}");
    assert!((1.0..2.0 * 0.95 / 0.4).contains(&driven_km), "{driven_km} km");
    let Telemetry::Rover(reading) = world.telemetry(&rover).expect("the rover") else { unreachable!() };
    assert!((reading.odometer_km.value() - driven_km).abs() < 1e-9);
    assert_eq!(reading.speed_km_h.value(), 0.0);
}

fn driven(km: f64, flows: Flows) -> f64 {
    if let Flows::Rover { drive_km_h, .. } = flows { km + drive_km_h } else { km }
}

#[test]
fn a_satellite_in_the_dark_uses_what_it_holds_and_no_more() {
    let mut world = calm(|scenario| {
        set_battery(scenario, "satellite", 0.9);
        if let crate::scenario::AssetKind::Satellite { settings, .. } = &mut scenario.assets[2].kind {
            settings.solar_kw_peak = 0.0;
        }
    });
    world.advance(hour(24.0));
    let energy_kwh = world.score().assets[&id("satellite")].energy_kwh;
    assert_eq!(soc(&world, "satellite"), 0.0);
    assert!((energy_kwh - 0.9 * 0.95).abs() < 1e-9, "{energy_kwh} kWh");
}

#[test]
fn sensors_predict_the_end_of_the_step() {
    let mut world = calm(|_| {});
    world.command(&id("habitat"), always(0, habitat(8.0, 0.0, 0.0)));
    world.advance(hour(8.5));
    let Telemetry::Habitat(reading) = world.telemetry(&id("habitat")).expect("a vehicle") else { unreachable!() };
    let predicted = reading.soc_kwh.value() + 0.5 * reading.soc_kw.value();
    world.advance(hour(9.0));
    assert!((soc(&world, "habitat") - predicted).abs() < 1e-9);
}
