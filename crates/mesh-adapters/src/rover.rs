//! A rover: it charges only at its dock, surveys only at its site, drives its legs and hands data to the relay.
//!
//! Its problem is feasible for every flow within the bounds of its ports: it may leave unused what it is granted, and
//! `low` covers energy that is missing. A leg that was begun and not finished in its steps is finished by the vehicle
//! itself, so the problem knows only the legs of the itinerary. A leg that goes on beyond the window need be driven in
//! it only as far as the steps that follow cannot make up for. The battery gives every power that the loads together can
//! ask for.

use crate::AdapterError;
use crate::settings::{RoverForecast, RoverSettings};
use crate::vehicle::{RoverSetpoint, RoverTelemetry};
use crate::writer::{PerStep, Variables, Writer, lead_h, ports, setpoint, term, within};
use mesh_model::{AssetId, Edge, LocalProblem, Window};

/// Where each of the problem's variables stands.
struct Layout {
    variables: Variables,
    /// Energy at the end of the step. Below zero it is energy that `low` has to bring.
    soc: Vec<u32>,
    /// Data stored at the end of the step.
    buffer: Vec<u32>,
    /// Power taken from each source of the power bus, in edge order, and what is granted of it.
    charge: Vec<PerStep>,
    charge_granted: Vec<PerStep>,
    /// Rate of the instruments.
    survey: PerStep,
    /// Speed.
    drive: PerStep,
    /// Amount sent to each relay in the step, in edge order, and what is granted of it.
    transmit: Vec<PerStep>,
    transmit_granted: Vec<PerStep>,
    /// Distance that is missing on each leg that has steps in the window: number of the leg and variable.
    late: Vec<(usize, u32)>,
    /// Energy that is missing to the floor in the worst step.
    low: u32,
}

impl Layout {
    fn new(
        settings: &RoverSettings,
        forecast: &RoverForecast,
        edges: &Edges,
        first: usize,
        window: Window,
    ) -> Result<Self, AdapterError> {
        let (steps, hours, count) = (usize::from(window.steps), window.step_h(), f64::from(window.steps));
        let docked = within(&forecast.docked_share, first, steps)?;
        let at_site = within(&forecast.site_share, first, steps)?;
        let in_view = within(&forecast.relay_share, first, steps)?;
        let charge_kw_max = settings.charge_kw_max.min(settings.battery.power_kw_max);
        let charge_max: Vec<f64> = docked.iter().map(|share| share * charge_kw_max).collect();
        let transmit_max: Vec<f64> = in_view.iter().map(|share| settings.transmit_gbit_h_max * share * hours).collect();
        let driving = |step: usize| forecast.legs.iter().any(|leg| leg.holds(first + step));
        let drive_max: Vec<f64> =
            (0..steps).map(|step| if driving(step) { settings.drive_km_h_max } else { 0.0 }).collect();
        let drain_kw = settings.hotel_kw
            + settings.survey_kw
            + settings.drive_km_h_max * settings.drive_kwh_per_km
            + settings.transmit_gbit_h_max * settings.transmit_kwh_per_gbit * edges.relay.len() as f64;
        let drain_kwh = drain_kw * hours * count / settings.battery.efficiency;

        let mut variables = Variables::default();
        let soc = variables.every_step("soc", steps, -drain_kwh, settings.battery.capacity_kwh);
        let buffer = variables.every_step("buffer", steps, 0.0, settings.buffer_gbit);
        let charge = variables.per_edge("charge", &edges.bus, &charge_max);
        let charge_granted = variables.per_edge("charge granted", &edges.bus, &charge_max);
        let survey = variables.per_step("survey", at_site);
        let drive = variables.per_step("drive", &drive_max);
        let transmit = variables.per_edge("transmit", &edges.relay, &transmit_max);
        let transmit_granted = variables.per_edge("transmit granted", &edges.relay, &transmit_max);
        let legs = forecast.legs.iter().enumerate();
        let legs = legs.filter(|(_, leg)| (0..steps).any(|step| leg.holds(first + step)));
        let late =
            legs.map(|(number, leg)| (number, variables.add(&format!("late leg {number}"), 0.0, leg.km))).collect();
        let low = variables.add("low", 0.0, drain_kwh + settings.battery.capacity_kwh);
        Ok(Self {
            variables,
            soc,
            buffer,
            charge,
            charge_granted,
            survey,
            drive,
            transmit,
            transmit_granted,
            late,
            low,
        })
    }
}

/// The rover's edges by what they are to it.
struct Edges {
    bus: Vec<Edge>,
    relay: Vec<Edge>,
}

impl Edges {
    fn new(forecast: &RoverForecast, edges: &[Edge]) -> Self {
        let (bus, relay) = edges.iter().cloned().partition(|edge| edge.source == forecast.dock);
        Self { bus, relay }
    }
}

/// The state of the rover when the window begins.
struct Start {
    soc_kwh: f64,
    buffer_gbit: f64,
    odometer_km: f64,
}

impl Start {
    fn predict(settings: &RoverSettings, telemetry: &RoverTelemetry, window: Window) -> Self {
        let hours = lead_h(telemetry.time, window);
        let soc = telemetry.soc_kwh.value() + telemetry.soc_kw.value() * hours;
        let buffer = telemetry.buffer_gbit.value() + telemetry.buffer_gbit_h.value() * hours;
        Self {
            soc_kwh: soc.max(0.0).min(settings.battery.capacity_kwh),
            buffer_gbit: buffer.max(0.0).min(settings.buffer_gbit),
            odometer_km: telemetry.odometer_km.value() + telemetry.speed_km_h.value() * hours,
        }
    }
}

pub(crate) fn problem(
    asset: &AssetId,
    settings: &RoverSettings,
    forecast: &RoverForecast,
    edges: &[Edge],
    telemetry: &RoverTelemetry,
    window: Window,
    first: usize,
) -> Result<LocalProblem, AdapterError> {
    let edges = Edges::new(forecast, edges);
    let layout = Layout::new(settings, forecast, &edges, first, window)?;
    let start = Start::predict(settings, telemetry, window);
    let (steps, hours, battery) = (usize::from(window.steps), window.step_h(), &settings.battery);
    let Layout { variables, soc, buffer, charge, charge_granted, survey, drive, transmit, transmit_granted, late, low } =
        layout;
    let mut writer = Writer::new(variables);
    for step in 0..steps {
        let drawn = hours / battery.efficiency;
        let mut stored = vec![(soc[step], 1.0)];
        stored.extend(charge.iter().filter_map(|charge| term(charge[step], -hours * battery.efficiency)));
        stored.extend(term(survey[step], drawn * settings.survey_kw));
        stored.extend(term(drive[step], drawn * settings.drive_kwh_per_km));
        let transmit_kwh = settings.transmit_kwh_per_gbit / battery.efficiency;
        stored.extend(transmit.iter().filter_map(|transmit| term(transmit[step], transmit_kwh)));
        let mut data = vec![(buffer[step], 1.0)];
        data.extend(term(survey[step], -hours * settings.survey_gbit_h));
        data.extend(transmit.iter().filter_map(|transmit| term(transmit[step], 1.0)));
        if step > 0 {
            stored.push((soc[step - 1], -1.0));
            data.push((buffer[step - 1], -1.0));
        }
        let (soc_before, data_before) = if step == 0 { (start.soc_kwh, start.buffer_gbit) } else { (0.0, 0.0) };
        writer.at_most(format!("battery[{step}]"), stored, soc_before - drawn * settings.hotel_kw);
        writer.equal(format!("data[{step}]"), data, data_before);
        writer.at_least(format!("reserve[{step}]"), vec![(soc[step], 1.0), (low, 1.0)], battery.floor_kwh(step));
        writer.cost(soc[step], battery.ageing().held_for(hours));
        writer.cost(buffer[step], settings.holding().held_for(hours));
    }
    for (number, slack) in &late {
        let leg = &forecast.legs[*number];
        let mut driven: Vec<(u32, f64)> =
            (0..steps).filter(|step| leg.holds(first + step)).filter_map(|step| term(drive[step], hours)).collect();
        driven.push((*slack, 1.0));
        let left_km = forecast.left_km(*number, start.odometer_km);
        let later_steps = (leg.until as usize).saturating_sub(first + steps);
        let later_km = settings.drive_km_h_max * hours * later_steps as f64;
        writer.between(format!("leg {number}"), driven, (left_km - later_km).max(0.0), left_km);
        writer.penalise(*slack);
    }
    writer.cost(soc[steps - 1], battery.leftover());
    writer.cost(buffer[steps - 1], settings.stored());
    writer.cost_all(charge.iter().flatten(), battery.wear().held_for(hours));
    writer.cost_all(&survey, settings.survey().held_for(hours));
    writer.cost_all(&drive, settings.drive().held_for(hours));
    writer.cost_all(transmit.iter().flatten(), settings.transmit().moved_within(hours));
    writer.penalise(low);
    writer.within_grant("charge", &charge, &charge_granted);
    writer.within_grant("transmit", &transmit, &transmit_granted);
    let mut all = ports(&edges.bus, &charge_granted);
    all.extend(ports(&edges.relay, &transmit_granted));
    all.sort_by(|a, b| a.edge.cmp(&b.edge));
    writer.finish(asset, "rover", window, all)
}

pub(crate) fn setpoints(
    settings: &RoverSettings,
    forecast: &RoverForecast,
    edges: &[Edge],
    window: Window,
    first: usize,
    values: &[f64],
) -> Result<Vec<RoverSetpoint>, AdapterError> {
    let layout = Layout::new(settings, forecast, &Edges::new(forecast, edges), first, window)?;
    crate::expect_count(layout.variables.count(), values)?;
    let value = |index| layout.variables.bounded(values, index);
    let total = |flows: &[PerStep], step: usize| flows.iter().map(|flow| value(flow[step])).sum::<f64>();
    let one = |step: usize| {
        Ok(RoverSetpoint {
            charge_kw: setpoint(total(&layout.charge, step), "charge")?,
            survey: setpoint(value(layout.survey[step]), "survey")?,
            drive_km_h: setpoint(value(layout.drive[step]), "drive")?,
            transmit_gbit_h: setpoint(total(&layout.transmit, step) / window.step_h(), "transmit")?,
        })
    };
    (0..usize::from(window.steps)).map(one).collect()
}
