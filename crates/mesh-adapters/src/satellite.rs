//! A relay satellite: it takes in what its sinks send, keeps it and sends it down to Earth.
//!
//! Its problem is feasible for every flow within the bounds of its ports: solar power that nothing needs is not
//! collected, `low` covers energy that is missing, `spill` data that does not fit and `over` what the sinks together
//! send too much. The battery gives every power that the loads together can ask for.

use crate::AdapterError;
use crate::settings::{SatelliteForecast, SatelliteSettings};
use crate::vehicle::{SatelliteSetpoint, SatelliteTelemetry};
use crate::writer::{PerStep, Variables, Writer, lead_h, ports, setpoint, term, within};
use mesh_model::{AssetId, Edge, LocalProblem, Real, Window};
use std::collections::BTreeMap;

/// Where each of the problem's variables stands.
struct Layout {
    variables: Variables,
    /// Energy at the end of the step. Below zero it is energy that `low` has to bring.
    soc: Vec<u32>,
    /// Data stored at the end of the step. Above the capacity it is data that `spill` has to take.
    buffer: Vec<u32>,
    /// Amount from each sink of the bandwidth in the step, in edge order.
    relay: Vec<PerStep>,
    /// Amount to Earth in the step.
    downlink: PerStep,
    /// Energy that is missing to the floor in the worst step.
    low: u32,
    /// Data that does not fit in the worst step.
    spill: u32,
    /// Amount that the sinks together are over the transponder's limit in the worst step; there only with several.
    over: Option<u32>,
}

impl Layout {
    fn new(
        settings: &SatelliteSettings,
        forecast: &SatelliteForecast,
        edges: &[Edge],
        first: usize,
        window: Window,
    ) -> Result<Self, AdapterError> {
        let (steps, hours, count) = (usize::from(window.steps), window.step_h(), f64::from(window.steps));
        let earth = within(&forecast.earth_share, first, steps)?;
        let downlink_max: Vec<f64> = earth.iter().map(|share| settings.downlink_gbit_h_max * share * hours).collect();
        let relay_max = settings.relay_gbit_h_max * hours;
        let taken_gbit_h = settings.relay_gbit_h_max * edges.len() as f64;
        let drain_kw = settings.bus_kw
            + taken_gbit_h * settings.relay_kwh_per_gbit
            + settings.downlink_gbit_h_max * settings.downlink_kwh_per_gbit;
        let drain_kwh = drain_kw * hours * count / settings.battery.efficiency;
        let taken_gbit = taken_gbit_h * hours * count;

        let mut variables = Variables::default();
        let soc = variables.every_step("soc", steps, -drain_kwh, settings.battery.capacity_kwh);
        let buffer = variables.every_step("buffer", steps, 0.0, settings.buffer_gbit + taken_gbit);
        let relay = edges.iter();
        let relay = relay.map(|edge| variables.per_step(&format!("relay {}", edge.sink), &vec![relay_max; steps]));
        let relay: Vec<PerStep> = relay.collect();
        let downlink = variables.per_step("downlink", &downlink_max);
        let low = variables.add("low", 0.0, drain_kwh + settings.battery.capacity_kwh);
        let spill = variables.add("spill", 0.0, taken_gbit);
        let over = (edges.len() > 1).then(|| variables.add("over", 0.0, relay_max * edges.len() as f64));
        Ok(Self { variables, soc, buffer, relay, downlink, low, spill, over })
    }
}

pub(crate) fn problem(
    asset: &AssetId,
    settings: &SatelliteSettings,
    forecast: &SatelliteForecast,
    edges: &[Edge],
    telemetry: &SatelliteTelemetry,
    window: Window,
    first: usize,
) -> Result<LocalProblem, AdapterError> {
    let layout = Layout::new(settings, forecast, edges, first, window)?;
    let sun = within(&forecast.sun_share, first, usize::from(window.steps))?;
    let (steps, hours, battery) = (usize::from(window.steps), window.step_h(), &settings.battery);
    let lead = lead_h(telemetry.time, window);
    let soc_start = telemetry.soc_kwh.value() + telemetry.soc_kw.value() * lead;
    let soc_start = soc_start.max(0.0).min(battery.capacity_kwh);
    let buffer_start = telemetry.buffer_gbit.value() + telemetry.buffer_gbit_h.value() * lead;
    let buffer_start = buffer_start.max(0.0).min(settings.buffer_gbit);

    let Layout { variables, soc, buffer, relay, downlink, low, spill, over } = layout;
    let mut writer = Writer::new(variables);
    for step in 0..steps {
        let net_kw = settings.solar_kw_peak * sun[step] - settings.bus_kw;
        let soc_before = if step == 0 { soc_start } else { 0.0 };
        // What is stored is the smaller of the two: losses on the way in when power is left, on the way out when it is
        // missing.
        let ways = [("charging", hours * battery.efficiency), ("discharging", hours / battery.efficiency)];
        for (name, factor) in ways {
            let mut stored = vec![(soc[step], 1.0)];
            let relay_kwh = factor / hours * settings.relay_kwh_per_gbit;
            stored.extend(relay.iter().filter_map(|relay| term(relay[step], relay_kwh)));
            stored.extend(term(downlink[step], factor / hours * settings.downlink_kwh_per_gbit));
            if step > 0 {
                stored.push((soc[step - 1], -1.0));
            }
            writer.at_most(format!("battery {name}[{step}]"), stored, soc_before + factor * net_kw);
        }
        let mut data = vec![(buffer[step], 1.0)];
        data.extend(relay.iter().filter_map(|relay| term(relay[step], -1.0)));
        data.extend(term(downlink[step], 1.0));
        if step > 0 {
            data.push((buffer[step - 1], -1.0));
        }
        writer.equal(format!("data[{step}]"), data, if step == 0 { buffer_start } else { 0.0 });
        writer.at_least(format!("reserve[{step}]"), vec![(soc[step], 1.0), (low, 1.0)], battery.floor_kwh(step));
        writer.at_most(format!("storage[{step}]"), vec![(buffer[step], 1.0), (spill, -1.0)], settings.buffer_gbit);
        if let Some(over) = over {
            let mut total: Vec<(u32, f64)> = relay.iter().filter_map(|relay| term(relay[step], 1.0)).collect();
            total.push((over, -1.0));
            writer.at_most(format!("transponder[{step}]"), total, settings.relay_gbit_h_max * hours);
        }
        writer.cost(soc[step], battery.ageing().held_for(hours));
        writer.cost(buffer[step], settings.holding().held_for(hours));
    }
    writer.cost(soc[steps - 1], battery.leftover());
    writer.cost(buffer[steps - 1], settings.stored());
    writer.cost_all(relay.iter().flatten(), settings.relay().moved_within(hours));
    writer.cost_all(&downlink, settings.downlink().moved_within(hours));
    [Some(low), Some(spill), over].into_iter().flatten().for_each(|slack| writer.penalise(slack));
    let mut all = ports(edges, &relay);
    all.sort_by(|a, b| a.edge.cmp(&b.edge));
    writer.finish(asset, "satellite", window, all)
}

pub(crate) fn setpoints(
    settings: &SatelliteSettings,
    forecast: &SatelliteForecast,
    edges: &[Edge],
    window: Window,
    first: usize,
    values: &[f64],
) -> Result<Vec<SatelliteSetpoint>, AdapterError> {
    let layout = Layout::new(settings, forecast, edges, first, window)?;
    crate::expect_count(layout.variables.count(), values)?;
    let value = |index| layout.variables.bounded(values, index);
    let one = |step: usize| {
        let mut granted: BTreeMap<AssetId, f64> = BTreeMap::new();
        for (edge, flow) in edges.iter().zip(&layout.relay) {
            *granted.entry(edge.sink.clone()).or_default() += value(flow[step]) / window.step_h();
        }
        let granted = granted.into_iter().map(|(sink, rate)| Ok((sink, setpoint(rate, "relay")?)));
        Ok(SatelliteSetpoint {
            relay_gbit_h: granted.collect::<Result<Vec<(AssetId, Real)>, AdapterError>>()?,
            downlink_gbit_h: setpoint(value(layout.downlink[step]) / window.step_h(), "downlink")?,
        })
    };
    (0..usize::from(window.steps)).map(one).collect()
}
