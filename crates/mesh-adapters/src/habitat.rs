//! A habitat: life support first, an oxygen plant that can wait, a charger on the power bus, an uplink.
//!
//! Its problem is feasible for every flow within the bounds of its ports: `shed` covers whatever power is missing, and
//! granted bandwidth may be left unused.

use crate::AdapterError;
use crate::settings::{HabitatForecast, HabitatSettings};
use crate::vehicle::{HabitatSetpoint, HabitatTelemetry};
use crate::writer::{PerStep, Variables, Writer, lead_h, ports, setpoint, term, within};
use mesh_model::{AssetId, Edge, LocalProblem, Window};

/// Where each of the problem's variables stands.
struct Layout {
    variables: Variables,
    /// Energy at the end of the step.
    soc: Vec<u32>,
    charge: Vec<u32>,
    discharge: Vec<u32>,
    isru: PerStep,
    /// Power to each sink of the power bus, in edge order.
    supply: Vec<PerStep>,
    /// Amount sent to each relay in the step, in edge order, and what is granted of it.
    uplink: Vec<PerStep>,
    uplink_granted: Vec<PerStep>,
    /// Power that is missing in the worst step.
    shed: u32,
    /// Energy that is missing to the floor in the worst step.
    low: u32,
    /// Power that the charger is over its limit in the worst step; there only with several sinks.
    over: Option<u32>,
}

impl Layout {
    fn new(
        settings: &HabitatSettings,
        forecast: &HabitatForecast,
        edges: &Edges,
        first: usize,
        window: Window,
    ) -> Result<Self, AdapterError> {
        let (steps, hours) = (usize::from(window.steps), window.step_h());
        let in_view = within(&forecast.relay_share, first, steps)?;
        let uplink_max: Vec<f64> = in_view.iter().map(|share| settings.uplink_gbit_h_max * share * hours).collect();
        let battery = &settings.battery;
        let mut variables = Variables::default();
        let soc = variables.every_step("soc", steps, 0.0, battery.capacity_kwh);
        let charge = variables.every_step("charge", steps, 0.0, battery.power_kw_max);
        let discharge = variables.every_step("discharge", steps, 0.0, battery.power_kw_max);
        let isru = variables.per_step("isru", &vec![settings.isru_kw_max; steps]);
        let supply = variables.per_edge("supply", &edges.bus, &vec![settings.charger_kw_max; steps]);
        let uplink = variables.per_edge("uplink", &edges.relay, &uplink_max);
        let uplink_granted = variables.per_edge("uplink granted", &edges.relay, &uplink_max);
        let uplink_kw = settings.uplink_gbit_h_max * settings.uplink_kwh_per_gbit;
        let load_kw = settings.life_support_kw
            + settings.charger_kw_max * edges.bus.len() as f64
            + uplink_kw * edges.relay.len() as f64;
        let shed = variables.add("shed", 0.0, load_kw);
        let low = variables.add("low", 0.0, battery.capacity_kwh);
        let over_max = settings.charger_kw_max * edges.bus.len() as f64;
        let over = (edges.bus.len() > 1).then(|| variables.add("over", 0.0, over_max));
        Ok(Self { variables, soc, charge, discharge, isru, supply, uplink, uplink_granted, shed, low, over })
    }
}

/// The habitat's edges by what they are to it.
struct Edges {
    bus: Vec<Edge>,
    relay: Vec<Edge>,
}

impl Edges {
    fn new(asset: &AssetId, edges: &[Edge]) -> Self {
        let (bus, relay) = edges.iter().cloned().partition(|edge| edge.source == *asset);
        Self { bus, relay }
    }
}

pub(crate) fn problem(
    asset: &AssetId,
    settings: &HabitatSettings,
    forecast: &HabitatForecast,
    edges: &[Edge],
    telemetry: &HabitatTelemetry,
    window: Window,
    first: usize,
) -> Result<LocalProblem, AdapterError> {
    let edges = Edges::new(asset, edges);
    let layout = Layout::new(settings, forecast, &edges, first, window)?;
    let sun = within(&forecast.sun_share, first, usize::from(window.steps))?;
    let (hours, battery) = (window.step_h(), &settings.battery);
    let soc_start = telemetry.soc_kwh.value() + telemetry.soc_kw.value() * lead_h(telemetry.time, window);
    let soc_start = soc_start.max(0.0).min(battery.capacity_kwh);

    let Layout { variables, soc, charge, discharge, isru, supply, uplink, uplink_granted, shed, low, over } = layout;
    let mut writer = Writer::new(variables);
    for step in 0..usize::from(window.steps) {
        let mut balance = vec![(discharge[step], 1.0), (charge[step], -1.0), (shed, 1.0)];
        balance.extend(term(isru[step], -1.0));
        balance.extend(supply.iter().filter_map(|supply| term(supply[step], -1.0)));
        let uplink_kw = -settings.uplink_kwh_per_gbit / hours;
        balance.extend(uplink.iter().filter_map(|uplink| term(uplink[step], uplink_kw)));
        let missing_kw = settings.life_support_kw - settings.solar_kw_peak * sun[step];
        writer.at_least(format!("energy balance[{step}]"), balance, missing_kw);

        let mut stored = vec![(soc[step], 1.0)];
        stored.push((charge[step], -hours * battery.efficiency));
        stored.push((discharge[step], hours / battery.efficiency));
        if step > 0 {
            stored.push((soc[step - 1], -1.0));
        }
        writer.equal(format!("battery[{step}]"), stored, if step == 0 { soc_start } else { 0.0 });
        writer.at_least(format!("reserve[{step}]"), vec![(soc[step], 1.0), (low, 1.0)], battery.floor_kwh(step));
        if let Some(over) = over {
            let mut total: Vec<(u32, f64)> = supply.iter().filter_map(|supply| term(supply[step], 1.0)).collect();
            total.push((over, -1.0));
            writer.at_most(format!("charger[{step}]"), total, settings.charger_kw_max);
        }
        writer.cost(charge[step], battery.wear().held_for(hours));
        writer.cost(discharge[step], battery.wear().held_for(hours));
        writer.cost(soc[step], battery.ageing().held_for(hours));
    }
    if let Some(last) = soc.last() {
        writer.cost(*last, battery.leftover());
    }
    writer.cost_all(&isru, settings.isru().held_for(hours));
    writer.cost_all(supply.iter().flatten(), settings.supply().held_for(hours));
    writer.cost_all(uplink.iter().flatten(), settings.uplink().moved_within(hours));
    [Some(shed), Some(low), over].into_iter().flatten().for_each(|slack| writer.penalise(slack));
    writer.within_grant("uplink", &uplink, &uplink_granted);
    let mut all = ports(&edges.bus, &supply);
    all.extend(ports(&edges.relay, &uplink_granted));
    all.sort_by(|a, b| a.edge.cmp(&b.edge));
    writer.finish(asset, "habitat", window, all)
}

pub(crate) fn setpoints(
    asset: &AssetId,
    settings: &HabitatSettings,
    forecast: &HabitatForecast,
    edges: &[Edge],
    window: Window,
    first: usize,
    values: &[f64],
) -> Result<Vec<HabitatSetpoint>, AdapterError> {
    let layout = Layout::new(settings, forecast, &Edges::new(asset, edges), first, window)?;
    crate::expect_count(layout.variables.count(), values)?;
    let value = |index| layout.variables.bounded(values, index);
    let total = |flows: &[PerStep], step: usize| flows.iter().map(|flow| value(flow[step])).sum::<f64>();
    let one = |step: usize| {
        Ok(HabitatSetpoint {
            isru_kw: setpoint(value(layout.isru[step]), "isru")?,
            supply_kw: setpoint(total(&layout.supply, step).min(settings.charger_kw_max), "supply")?,
            uplink_gbit_h: setpoint(total(&layout.uplink, step) / window.step_h(), "uplink")?,
        })
    };
    (0..usize::from(window.steps)).map(one).collect()
}
