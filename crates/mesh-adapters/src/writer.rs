//! Writes LocalProblems: variables first, then their costs and the rows, each a line in the vehicle's file.

use crate::AdapterError;
use crate::economics::{Curve, PENALTY};
use crate::vehicle::Telemetry;
use mesh_model::{AssetId, Edge, LocalProblem, MissionTime, NotFinite, Objective, Port, Real, Row, Variable, Window};

/// The variables of a problem in the making. Costs and rows are written elsewhere, so that a schedule can be read with
/// the layout alone.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    list: Vec<(String, f64, f64)>,
}

/// One variable a step, `None` where it could only be zero.
pub(crate) type PerStep = Vec<Option<u32>>;

impl Variables {
    /// Adds a variable.
    pub(crate) fn add(&mut self, name: &str, lower: f64, upper: f64) -> u32 {
        self.list.push((name.to_owned(), lower, upper));
        (self.list.len() - 1) as u32
    }

    /// Adds one variable a step, from 0 to what `upper` says, except where that is nothing.
    pub(crate) fn per_step(&mut self, name: &str, upper: &[f64]) -> PerStep {
        let one = |(step, upper): (usize, &f64)| {
            (*upper > SMALLEST_RANGE).then(|| self.add(&format!("{name}[{step}]"), 0.0, *upper))
        };
        upper.iter().enumerate().map(one).collect()
    }

    /// Adds such variables for each edge, named after its ends.
    pub(crate) fn per_edge(&mut self, name: &str, edges: &[Edge], upper: &[f64]) -> Vec<PerStep> {
        edges.iter().map(|edge| self.per_step(&format!("{name} {} {}", edge.source, edge.sink), upper)).collect()
    }

    /// Adds a variable with the same bounds in every step.
    pub(crate) fn every_step(&mut self, name: &str, steps: usize, lower: f64, upper: f64) -> Vec<u32> {
        (0..steps).map(|step| self.add(&format!("{name}[{step}]"), lower, upper)).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// `value` of variable `index`, moved into its bounds; 0 where there is no variable.
    pub(crate) fn bounded(&self, values: &[f64], index: Option<u32>) -> f64 {
        index.map_or(0.0, |index| {
            let (_, lower, upper) = &self.list[index as usize];
            values[index as usize].max(*lower).min(*upper)
        })
    }
}

/// A problem in the making whose variables are fixed.
pub(crate) struct Writer {
    variables: Vec<(String, f64, f64)>,
    slope: Vec<f64>,
    bend: Vec<f64>,
    rows: Vec<Line>,
}

/// A row in the making.
struct Line {
    name: String,
    terms: Vec<(u32, f64)>,
    lower: f64,
    upper: f64,
}

impl Writer {
    pub(crate) fn new(variables: Variables) -> Self {
        let count = variables.count();
        Self { variables: variables.list, slope: vec![0.0; count], bend: vec![0.0; count], rows: Vec::new() }
    }

    /// Adds a cost on a variable.
    pub(crate) fn cost(&mut self, variable: u32, curve: Curve) {
        self.slope[variable as usize] += curve.slope;
        self.bend[variable as usize] += curve.bend;
    }

    /// Adds the same cost to every variable that there is.
    pub(crate) fn cost_all<'a>(&mut self, variables: impl IntoIterator<Item = &'a Option<u32>>, curve: Curve) {
        variables.into_iter().flatten().for_each(|variable| self.cost(*variable, curve));
    }

    /// Adds the penalty of a slack.
    pub(crate) fn penalise(&mut self, slack: u32) {
        self.cost(slack, PENALTY);
    }

    /// Adds `sum of terms = value`.
    pub(crate) fn equal(&mut self, name: String, terms: Vec<(u32, f64)>, value: f64) {
        self.rows.push(Line { name, terms, lower: value, upper: value });
    }

    /// Adds `least <= sum of terms <= most`.
    pub(crate) fn between(&mut self, name: String, terms: Vec<(u32, f64)>, least: f64, most: f64) {
        self.rows.push(Line { name, terms, lower: least, upper: most });
    }

    /// Adds `sum of terms >= value`.
    pub(crate) fn at_least(&mut self, name: String, terms: Vec<(u32, f64)>, value: f64) {
        let (_, most) = self.range(&terms);
        self.rows.push(Line { name, terms, lower: value, upper: most.max(value) + 1.0 });
    }

    /// Adds `sum of terms <= value`.
    pub(crate) fn at_most(&mut self, name: String, terms: Vec<(u32, f64)>, value: f64) {
        let (least, _) = self.range(&terms);
        self.rows.push(Line { name, terms, lower: least.min(value) - 1.0, upper: value });
    }

    /// Adds that no more is taken than granted, edge by edge and step by step.
    pub(crate) fn within_grant(&mut self, name: &str, taken: &[PerStep], granted: &[PerStep]) {
        for (taken, granted) in taken.iter().flatten().zip(granted.iter().flatten()) {
            if let (Some(taken), Some(granted)) = (taken, granted) {
                let name = format!("{name} within grant {taken}");
                self.at_most(name, vec![(*taken, 1.0), (*granted, -1.0)], 0.0);
            }
        }
    }

    /// The finished problem.
    pub(crate) fn finish(
        self,
        asset: &AssetId,
        domain: &str,
        window: Window,
        ports: Vec<Port>,
    ) -> Result<LocalProblem, AdapterError> {
        let number = |value: f64, what: &str| {
            Real::new(value).map_err(|NotFinite| AdapterError::NotFinite { what: what.to_owned() })
        };
        let mut variables = Vec::with_capacity(self.variables.len());
        for (name, lower, upper) in self.variables {
            variables.push(Variable { lower: number(lower, &name)?, upper: number(upper, &name)?, name });
        }
        let mut objective = Objective::default();
        for (index, (slope, bend)) in self.slope.iter().zip(&self.bend).enumerate() {
            objective.linear.push(number(*slope, &variables[index].name)?);
            if *bend != 0.0 {
                let bend = number(*bend, &variables[index].name)?;
                objective.quadratic.push((index as u32, index as u32, bend));
            }
        }
        let mut rows = Vec::with_capacity(self.rows.len());
        for Line { name, terms, lower, upper } in self.rows {
            let term = |&(variable, factor): &(u32, f64)| Ok((variable, number(factor, &name)?));
            let terms = terms.iter().map(term).collect::<Result<Vec<_>, AdapterError>>()?;
            rows.push(Row { terms, lower: number(lower, &name)?, upper: number(upper, &name)?, name });
        }
        let domain = domain.to_owned();
        Ok(LocalProblem { asset: asset.clone(), domain, version: VERSION, window, variables, objective, rows, ports })
    }

    /// Smallest and largest sum that the bounds allow.
    fn range(&self, terms: &[(u32, f64)]) -> (f64, f64) {
        terms.iter().fold((0.0, 0.0), |(least, most), (variable, factor)| {
            let (_, lower, upper) = &self.variables[*variable as usize];
            let (a, b) = (factor * lower, factor * upper);
            (least + a.min(b), most + a.max(b))
        })
    }
}

/// The terms of `factor` times a variable that may not be there.
pub(crate) fn term(variable: Option<u32>, factor: f64) -> Option<(u32, f64)> {
    variable.map(|variable| (variable, factor))
}

/// Ports for `edges`, whose flows are given in the same order.
pub(crate) fn ports(edges: &[Edge], flows: &[PerStep]) -> Vec<Port> {
    edges.iter().zip(flows).map(|(edge, flow)| Port { edge: edge.clone(), flow: flow.clone() }).collect()
}

/// The entries of a forecast for a window, or the refusal of a forecast that ends too early.
pub(crate) fn within(forecast: &[f64], first: usize, steps: usize) -> Result<&[f64], AdapterError> {
    forecast
        .get(first..first + steps)
        .ok_or(AdapterError::ForecastTooShort { need: first + steps, have: forecast.len() })
}

/// Hours from the reading of the sensors to the first step.
pub(crate) fn lead_h(read: MissionTime, window: Window) -> f64 {
    window.start.since_s(read) / 3600.0
}

/// A finite number for a setpoint.
pub(crate) fn setpoint(value: f64, what: &str) -> Result<Real, AdapterError> {
    Real::new(value).map_err(|NotFinite| AdapterError::NotFinite { what: what.to_owned() })
}

/// What kind of vehicle telemetry is from, for error messages.
pub(crate) fn kind(telemetry: &Telemetry) -> &'static str {
    match telemetry {
        Telemetry::Habitat(_) => "habitat",
        Telemetry::Rover(_) => "rover",
        Telemetry::Satellite(_) => "satellite",
    }
}

/// Version of the problems that this crate writes.
const VERSION: u32 = 1;

/// A variable with less room than this is left out.
const SMALLEST_RANGE: f64 = 1e-9;
