//! What every kind of problem must be: small numbers, bounded, bent, and feasible whatever flows over its edges.

use crate::*;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};
use mesh_model::{AssetId, Edge, JunctionId, LocalProblem, MissionTime, Real, Window};
use mesh_solver::{QpError, QpProblem, QpSolver, Settings};
use proptest::prelude::*;

const STEPS: usize = 24;

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a name")
}

fn edge(junction: &str, source: &str, sink: &str) -> Edge {
    Edge { junction: JunctionId::new(junction).expect("a name"), source: id(source), sink: id(sink) }
}

fn edges() -> Vec<Edge> {
    vec![edge("bus", "base", "rover"), edge("relay", "sat", "base"), edge("relay", "sat", "rover")]
}

fn battery(capacity_kwh: f64, initial_kwh: f64, reserve_kwh: f64) -> Battery {
    Battery {
        capacity_kwh,
        initial_kwh,
        reserve_kwh,
        margin_kwh: 1.0,
        power_kw_max: 0.2 * capacity_kwh,
        efficiency: 0.95,
        wear_per_kwh: 0.05,
        value_per_kwh: 1.0,
    }
}

fn habitat() -> Adapter {
    let settings = HabitatSettings {
        battery: battery(60.0, 40.0, 12.0),
        solar_kw_peak: 12.0,
        life_support_kw: 4.0,
        isru_kw_max: 8.0,
        isru_value_per_kwh: 1.0,
        charger_kw_max: 4.0,
        uplink_gbit_h_max: 4.0,
        uplink_kwh_per_gbit: 0.05,
        uplink_value_per_gbit: 1.5,
    };
    let sun_share = (0..48).map(|step| if (9..15).contains(&(step % 24)) { 0.0 } else { 1.0 }).collect();
    let forecast = HabitatForecast { sun_share, relay_share: relay_share() };
    Adapter::new(id("base"), AdapterSettings::Habitat(settings, forecast), edges())
}

fn rover() -> Adapter {
    let settings = RoverSettings {
        battery: battery(20.0, 14.0, 3.0),
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
    let during = |spans: &[(usize, usize)]| {
        let holds = |step: usize| spans.iter().any(|(from, until)| (*from..*until).contains(&step));
        (0..48).map(|step| if holds(step) { 1.0 } else { 0.0 }).collect()
    };
    let forecast = RoverForecast {
        dock: id("base"),
        docked_share: during(&[(0, 3), (17, 48)]),
        site_share: during(&[(5, 15)]),
        legs: vec![Leg { from: 3, until: 5, km: 8.0 }, Leg { from: 15, until: 17, km: 8.0 }],
        relay_share: relay_share(),
    };
    Adapter::new(id("rover"), AdapterSettings::Rover(settings, forecast), edges())
}

fn satellite() -> Adapter {
    let settings = SatelliteSettings {
        battery: battery(4.0, 3.0, 0.8),
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
    let sun_share = (0..48).map(|step| if step % 12 == 10 { 0.3 } else { 1.0 }).collect();
    let forecast = SatelliteForecast { sun_share, earth_share: relay_share() };
    Adapter::new(id("sat"), AdapterSettings::Satellite(settings, forecast), edges())
}

/// Out of view in two of twelve steps, and partly in view before and after.
fn relay_share() -> Vec<f64> {
    (0..48).map(|step| [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 0.0, 0.0, 0.3, 1.0][step % 12]).collect()
}

fn real(value: f64) -> Real {
    Real::new(value).expect("finite")
}

fn window(first: u64) -> Window {
    Window { start: MissionTime::from_s(3600 * first), step_s: 3600, steps: STEPS as u16 }
}

/// Sensors ten minutes before the window, with a battery and a buffer filled to a share of what they hold.
fn telemetry(adapter: &Adapter, first: u64, fill: f64, odometer_km: f64) -> Telemetry {
    let time = MissionTime::from_s(3600 * first - 600);
    match adapter.settings() {
        AdapterSettings::Habitat(settings, _) => Telemetry::Habitat(HabitatTelemetry {
            time,
            soc_kwh: real(fill * settings.battery.capacity_kwh),
            soc_kw: real(0.6),
        }),
        AdapterSettings::Rover(settings, _) => Telemetry::Rover(RoverTelemetry {
            time,
            soc_kwh: real(fill * settings.battery.capacity_kwh),
            soc_kw: real(-0.6),
            buffer_gbit: real(fill * settings.buffer_gbit),
            buffer_gbit_h: real(0.6),
            odometer_km: real(odometer_km),
            speed_km_h: real(0.0),
        }),
        AdapterSettings::Satellite(settings, _) => Telemetry::Satellite(SatelliteTelemetry {
            time,
            soc_kwh: real(fill * settings.battery.capacity_kwh),
            soc_kw: real(-0.06),
            buffer_gbit: real(fill * settings.buffer_gbit),
            buffer_gbit_h: real(0.6),
        }),
    }
}

fn all() -> [Adapter; 3] {
    [habitat(), rover(), satellite()]
}

fn problem(adapter: &Adapter, first: u64, fill: f64) -> LocalProblem {
    adapter.problem(&telemetry(adapter, first, fill, 0.0), window(first)).expect("a problem")
}

/// The optimum with some variables held, or none if there is no feasible point.
fn solve(problem: &LocalProblem, held: &[(u32, f64)]) -> Option<Vec<f64>> {
    let (mut rows, mut limits) = (Vec::<(usize, usize, f64)>::new(), Vec::new());
    for (variable, value) in held {
        rows.push((limits.len(), *variable as usize, 1.0));
        limits.push(*value);
    }
    for row in problem.rows.iter().filter(|row| row.lower == row.upper) {
        rows.extend(row.terms.iter().map(|(i, factor)| (limits.len(), *i as usize, factor.value())));
        limits.push(row.upper.value());
    }
    let equations = limits.len();
    for row in problem.rows.iter().filter(|row| row.lower != row.upper) {
        for (sign, limit) in [(1.0, row.upper.value()), (-1.0, -row.lower.value())] {
            rows.extend(row.terms.iter().map(|(i, factor)| (limits.len(), *i as usize, sign * factor.value())));
            limits.push(limit);
        }
    }
    for (i, variable) in problem.variables.iter().enumerate() {
        rows.push((limits.len(), i, 1.0));
        limits.push(variable.upper.value());
        rows.push((limits.len(), i, -1.0));
        limits.push(-variable.lower.value());
    }
    let count = problem.variables.len();
    let sparse = |rows_count: usize, entries: &[(usize, usize, f64)]| {
        let part = |which: fn(&(usize, usize, f64)) -> usize| entries.iter().map(which).collect();
        let values = entries.iter().map(|entry| entry.2).collect();
        CscMatrix::new_from_triplets(rows_count, count, part(|e| e.0), part(|e| e.1), values)
    };
    let quadratic: Vec<(usize, usize, f64)> =
        problem.objective.quadratic.iter().map(|(i, j, entry)| (*i as usize, *j as usize, entry.value())).collect();
    let linear = Real::values(&problem.objective.linear);
    let cones = [SupportedConeT::ZeroConeT(equations), SupportedConeT::NonnegativeConeT(limits.len() - equations)];
    let settings = DefaultSettingsBuilder::default().verbose(false).build().expect("valid settings");
    let (p, a) = (sparse(count, &quadratic), sparse(limits.len(), &rows));
    let mut solver = DefaultSolver::new(&p, &linear, &a, &limits, &cones, settings).expect("taken");
    solver.solve();
    let solved = matches!(solver.solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved);
    solved.then(|| solver.solution.x.clone())
}

/// Whether some plan holds these variables at these values, by the solver that the members use: an interior-point method
/// gives up at some corners.
fn meet(problem: &LocalProblem, held: &[(u32, f64)]) -> Result<(), QpError> {
    let problem = QpProblem::from_local(problem)?;
    let mut solver = QpSolver::new(&problem, &vec![0.0; problem.variables()], Settings::default())?;
    let (mut lower, mut upper) = (problem.lower().to_vec(), problem.upper().to_vec());
    for (variable, value) in held {
        (lower[*variable as usize], upper[*variable as usize]) = (*value, *value);
    }
    solver.solve(problem.linear(), &lower, &upper).map(|_| ())
}

#[test]
fn problems_are_bounded_bent_and_of_the_promised_size() {
    let mut count = 0;
    for adapter in all() {
        let problem = problem(&adapter, 1, 0.6);
        count += problem.variables.len();
        for (i, variable) in problem.variables.iter().enumerate() {
            assert!(variable.lower < variable.upper, "{}", variable.name);
            assert!(variable.upper.value() < 1000.0 && variable.lower.value() > -1000.0, "{}", variable.name);
            let bend = problem.objective.quadratic.iter().find(|entry| entry.0 as usize == i && entry.1 == entry.0);
            let is_bent = bend.is_some_and(|entry| entry.2.value() > 0.0);
            assert!(is_bent != variable.name.contains("granted"), "{}: only grants are free", variable.name);
        }
        assert!(problem.objective.quadratic.iter().all(|(i, j, _)| i == j), "diagonal, so positive definite");
        for row in &problem.rows {
            assert!(row.lower <= row.upper, "{}", row.name);
            let mut seen: Vec<u32> = row.terms.iter().map(|term| term.0).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), row.terms.len(), "{} names a variable twice", row.name);
        }
        let port_edges: Vec<&Edge> = problem.ports.iter().map(|port| &port.edge).collect();
        assert!(port_edges.is_sorted() && problem.ports.iter().all(|port| port.flow.len() == STEPS));
    }
    assert!(count >= 200, "{count} variables");
}

#[test]
fn flows_are_possible_only_where_geometry_and_itinerary_allow_them() {
    let problem = problem(&rover(), 1, 0.6);
    let open = |junction: &str| {
        let port = problem.ports.iter().find(|port| port.edge.junction.as_str() == junction).expect("a port");
        port.flow.iter().enumerate().filter_map(|(step, flow)| flow.map(|_| step + 1)).collect::<Vec<_>>()
    };
    assert_eq!(open("bus"), [1, 2, 17, 18, 19, 20, 21, 22, 23, 24]);
    assert!(!open("relay").contains(&8) && !open("relay").contains(&9) && open("relay").contains(&7));
}

#[test]
fn the_state_is_predicted_over_the_lead() {
    let problem = problem(&habitat(), 1, 0.5);
    let row = problem.rows.iter().find(|row| row.name == "battery[0]").expect("a row");
    assert!((row.upper.value() - 30.1).abs() < 1e-12, "30 kWh and ten minutes of 0.6 kW");
}

#[test]
fn a_begun_leg_needs_only_what_is_left_of_it() {
    let adapter = rover();
    for (odometer_km, left_km) in [(0.0, 8.0), (3.0, 5.0), (9.0, 0.0)] {
        let problem = adapter.problem(&telemetry(&adapter, 3, 0.6, odometer_km), window(3)).expect("a problem");
        let row = problem.rows.iter().find(|row| row.name == "leg 0").expect("the leg is in the window");
        assert_eq!(row.upper.value(), left_km);
    }
    let later = adapter.problem(&telemetry(&adapter, 6, 0.6, 8.0), window(6)).expect("a problem");
    assert!(later.rows.iter().all(|row| row.name != "leg 0"));
}

#[test]
fn a_leg_that_goes_on_beyond_the_window_may_be_finished_there() {
    let adapter = rover();
    // The leg of 8 km takes steps 3 and 4 at up to 5 km/h; what is driven in the first one is at least 3 km.
    let straddling = [(3, 1, 0.0, 3.0, 8.0), (3, 1, 6.0, 0.0, 2.0), (3, 2, 0.0, 8.0, 8.0), (4, 1, 5.0, 3.0, 3.0)];
    for (first, steps, odometer_km, least_km, most_km) in straddling {
        let window = Window { steps, ..window(first) };
        let problem = adapter.problem(&telemetry(&adapter, first, 0.6, odometer_km), window).expect("a problem");
        let row = problem.rows.iter().find(|row| row.name == "leg 0").expect("the leg is in the window");
        assert_eq!((row.lower.value(), row.upper.value()), (least_km, most_km), "{steps} steps from {first}");
        let values = solve(&problem, &[]).expect("feasible");
        assert_eq!(Adapter::shortfall(&problem, &values), None);
        let told = adapter.schedule(window, &values).expect("a schedule").setpoints;
        let told_km =
            told.iter().map(|told| if let Setpoint::Rover(told) = told { told.drive_km_h.value() } else { 0.0 });
        assert!((told_km.sum::<f64>() - least_km).abs() < 1e-4, "driving costs, so no more than must be");
    }
}

#[test]
fn typical_plans_need_no_slack_and_become_commands_within_limits() {
    for adapter in all() {
        let problem = problem(&adapter, 1, 0.6);
        let values = solve(&problem, &[]).expect("feasible");
        assert_eq!(Adapter::shortfall(&problem, &values), None);
        let schedule = adapter.schedule(problem.window, &values).expect("a schedule");
        assert_eq!(schedule.setpoints.len(), STEPS);
        for setpoint in schedule.setpoints {
            match setpoint {
                Setpoint::Habitat(told) => {
                    assert!(
                        (0.0..=8.0).contains(&told.isru_kw.value()) && (0.0..=4.0).contains(&told.supply_kw.value())
                    );
                }
                Setpoint::Rover(told) => {
                    assert!(
                        (0.0..=1.0).contains(&told.survey.value()) && (0.0..=5.0).contains(&told.drive_km_h.value())
                    );
                }
                Setpoint::Satellite(told) => {
                    assert_eq!(told.relay_gbit_h.len(), 2);
                    assert!((0.0..=10.0).contains(&told.downlink_gbit_h.value()));
                }
            }
        }
    }
}

#[test]
fn values_out_of_bounds_are_pulled_back_in() {
    for adapter in all() {
        let count = problem(&adapter, 1, 0.6).variables.len();
        let wild = adapter.schedule(window(1), &vec![1e9; count]).expect("a schedule");
        let tame = adapter.schedule(window(1), &vec![-1e9; count]).expect("a schedule");
        if let (Setpoint::Rover(wild), Setpoint::Rover(tame)) = (&wild.setpoints[0], &tame.setpoints[0]) {
            assert_eq!((wild.charge_kw.value(), tame.charge_kw.value(), wild.survey.value()), (3.0, 0.0, 0.0));
        }
        assert!(adapter.schedule(window(1), &[0.0]).is_err());
    }
}

#[test]
fn an_empty_battery_is_named_with_the_row_and_the_amount() {
    let problem = problem(&habitat(), 9, 0.2);
    let values = solve(&problem, &[]).expect("the slack makes it feasible");
    let shortfall = Adapter::shortfall(&problem, &values).expect("12 kWh do not last through the night");
    assert!(shortfall.row.starts_with("reserve") || shortfall.row.starts_with("energy balance"), "{shortfall:?}");
    assert!(shortfall.amount > 1.0, "{shortfall:?}");
}

#[test]
fn a_vehicle_without_a_capacity_still_has_a_plan() {
    fn without(adapter: &Adapter, figure: usize) -> Option<Adapter> {
        let mut settings = adapter.settings().clone();
        let figures: Vec<&mut f64> = match &mut settings {
            AdapterSettings::Habitat(habitat, _) => {
                vec![&mut habitat.isru_kw_max, &mut habitat.charger_kw_max, &mut habitat.uplink_gbit_h_max]
            }
            AdapterSettings::Rover(rover, _) => {
                vec![&mut rover.charge_kw_max, &mut rover.transmit_gbit_h_max, &mut rover.buffer_gbit]
            }
            AdapterSettings::Satellite(satellite, _) => {
                vec![&mut satellite.relay_gbit_h_max, &mut satellite.downlink_gbit_h_max, &mut satellite.buffer_gbit]
            }
        };
        *figures.into_iter().nth(figure)? = 0.0;
        Some(Adapter::new(adapter.asset().clone(), settings, edges()))
    }
    let mut tried = 0;
    for adapter in all() {
        for adapter in (0..).map_while(|figure| without(&adapter, figure)) {
            let problem = problem(&adapter, 1, 0.6);
            let values = solve(&problem, &[]).expect("feasible");
            let schedule = adapter.schedule(problem.window, &values).expect("a schedule");
            assert_eq!(schedule.setpoints.len(), STEPS);
            tried += 1;
        }
    }
    assert_eq!(tried, 9);
}

#[test]
fn misuse_is_refused() {
    let habitat = habitat();
    let reading = telemetry(&habitat, 1, 0.5, 0.0);
    let off = Window { start: MissionTime::from_s(1800), ..window(1) };
    assert!(matches!(habitat.problem(&reading, off), Err(AdapterError::WindowOffGrid { .. })));
    assert!(matches!(
        habitat.problem(&reading, window(40)),
        Err(AdapterError::ForecastTooShort { need: 64, have: 48 })
    ));
    let wrong = AdapterError::WrongTelemetry { expected: "rover", got: "habitat" };
    assert_eq!(rover().problem(&reading, window(1)), Err(wrong));
    let backwards = Adapter::new(id("rover"), rover().settings().clone(), vec![edge("bus", "rover", "base")]);
    let reading = telemetry(&backwards, 1, 0.5, 0.0);
    assert!(matches!(backwards.problem(&reading, window(1)), Err(AdapterError::UnusableEdge { .. })));
}

#[test]
fn idle_moves_nothing() {
    for adapter in all() {
        let schedule = adapter.idle(window(0));
        assert_eq!(schedule.setpoints, vec![adapter.settings().idle(); STEPS]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Relatively complete recourse: certificates and repair rest on it.
    #[test]
    fn every_flow_within_the_ports_can_be_met(
        first in 1u64..20,
        fill in 0.0f64..1.0,
        shares in proptest::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.0f64..1.0], 3 * STEPS),
    ) {
        for adapter in all() {
            let problem = problem(&adapter, first, fill);
            let ports = problem.ports.iter().flat_map(|port| port.flow.iter());
            let held: Vec<(u32, f64)> = ports.zip(&shares).filter_map(|(flow, share)| {
                let variable = &problem.variables[(*flow)? as usize];
                let (lower, upper) = (variable.lower.value(), variable.upper.value());
                Some(((*flow)?, lower + share * (upper - lower)))
            }).collect();
            let met = meet(&problem, &held);
            prop_assert!(met.is_ok(), "{} cannot meet its flows: {:?}", problem.domain, met);
        }
    }
}
