//! The whole fleet as one problem for the referee.

use super::super::SuiteError;
use super::super::cpu::Stopwatch;
use super::case::{Fleet, STEPS};
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};

/// How the sum of a step and the box are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `s = sum of u`, cost on s.
    OneSum,
    /// A running sum from agent to agent, so that no row is long.
    RunningSum,
}

/// What is tried; the fastest counts.
pub(super) const FORMS: [Form; 2] = [Form::OneSum, Form::RunningSum];

impl Form {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneSum => "one long row for each sum",
            Self::RunningSum => "running sums from agent to agent",
        }
    }
}

/// What the referee found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Central {
    /// The least cost.
    pub(super) cost: f64,
    /// Seconds on a processor from its matrices to its solution.
    pub(super) seconds: f64,
}

/// Solves the whole fleet.
pub(super) fn solve(fleet: &Fleet, form: Form) -> Result<Central, SuiteError> {
    let written = Written::new(fleet, form);
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .max_threads(1)
        .build()
        .map_err(|error| SuiteError::Referee(error.to_string()))?;
    let watch = Stopwatch::start();
    let mut solver = DefaultSolver::new(
        &written.quadratic,
        &written.linear,
        &written.rows,
        &written.limits,
        &written.cones,
        settings,
    )
    .map_err(|error| SuiteError::Referee(error.to_string()))?;
    solver.solve();
    let seconds = watch.seconds();
    if solver.solution.status != SolverStatus::Solved {
        return Err(SuiteError::Referee(format!("{}: {:?}", fleet.name(), solver.solution.status)));
    }
    let constant: f64 = fleet.demand.iter().map(|demand| 0.5 * fleet.beta * demand * demand).sum();
    Ok(Central { cost: solver.solution.obj_val + constant, seconds })
}

/// The matrices.
struct Written {
    quadratic: CscMatrix<f64>,
    linear: Vec<f64>,
    rows: CscMatrix<f64>,
    limits: Vec<f64>,
    cones: Vec<SupportedConeT<f64>>,
}

impl Written {
    /// Variables: agent by agent its steps, then the sums. Rows: sums, energies, upper and lower bounds.
    fn new(fleet: &Fleet, form: Form) -> Self {
        let agents = fleet.vehicles.len();
        let own = agents * STEPS;
        let sums = match form {
            Form::OneSum => STEPS,
            Form::RunningSum => own,
        };
        let n = own + sums;
        let mut diagonal = vec![0.0; n];
        let mut linear = vec![0.0; n];
        for (i, vehicle) in fleet.vehicles.iter().enumerate() {
            for t in 0..STEPS {
                diagonal[i * STEPS + t] = vehicle.gamma;
                linear[i * STEPS + t] = vehicle.price[t];
            }
        }
        for t in 0..STEPS {
            let total = n - STEPS + t;
            diagonal[total] = fleet.beta;
            linear[total] = fleet.beta * fleet.demand[t];
        }
        let mut entries: Vec<(usize, usize, f64)> = Vec::new();
        for k in 0..sums {
            entries.push((k, own + k, -1.0));
        }
        for k in 0..own {
            match form {
                Form::OneSum => entries.push((k % STEPS, k, 1.0)),
                Form::RunningSum => {
                    entries.push((k, k, 1.0));
                    if k >= STEPS {
                        entries.push((k, own + k - STEPS, 1.0));
                    }
                }
            }
        }
        let mut limits = vec![0.0; sums];
        for (i, vehicle) in fleet.vehicles.iter().enumerate() {
            entries.extend((0..STEPS).map(|t| (limits.len(), i * STEPS + t, 1.0)));
            limits.push(vehicle.energy);
        }
        let equations = limits.len();
        for (i, vehicle) in fleet.vehicles.iter().enumerate() {
            for t in 0..STEPS {
                entries.push((limits.len(), i * STEPS + t, 1.0));
                limits.push(vehicle.power_max);
                entries.push((limits.len(), i * STEPS + t, -1.0));
                limits.push(0.0);
            }
        }
        let cones =
            vec![SupportedConeT::ZeroConeT(equations), SupportedConeT::NonnegativeConeT(limits.len() - equations)];
        let (rows_of, columns): (Vec<_>, Vec<_>) = entries.iter().map(|(row, column, _)| (*row, *column)).unzip();
        let values = entries.iter().map(|entry| entry.2).collect();
        let rows = CscMatrix::new_from_triplets(limits.len(), n, rows_of, columns, values);
        let places: Vec<usize> = (0..n).filter(|k| diagonal[*k] != 0.0).collect();
        let entries = places.iter().map(|k| diagonal[*k]).collect();
        let quadratic = CscMatrix::new_from_triplets(n, n, places.clone(), places, entries);
        Self { quadratic, linear, rows, limits, cones }
    }
}
