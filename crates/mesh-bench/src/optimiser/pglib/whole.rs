//! A case in one piece, solved by the referee: the optimum that every other figure is measured against.

use super::{Case, decomposition::angle_bounds};
use crate::optimiser::SuiteError;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};

/// What the referee found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimum {
    /// Dollars an hour.
    pub cost: f64,
}

/// Solves a case with the referee, to a relative gap of `tolerance`; None if it proves that nothing is feasible.
pub fn solve(case: &Case, tolerance: f64) -> Result<Option<Optimum>, SuiteError> {
    Whole::of(case).minimise(case, tolerance)
}

/// All angles, then all outputs; equations, then inequalities `row <= limit`.
pub struct Whole {
    quadratic: CscMatrix<f64>,
    linear: Vec<f64>,
    constraints: CscMatrix<f64>,
    limits: Vec<f64>,
    equations: usize,
}

impl Whole {
    /// Writes a case down.
    pub fn of(case: &Case) -> Self {
        let (buses, unit) = (case.buses.len(), case.cost_unit());
        let variables = buses + case.generators.len();
        let mut rows = Rows::default();
        for (bus, branches) in case.branches_at().iter().enumerate() {
            let outputs = case.generators.iter().enumerate().filter(|(_, generator)| generator.bus == bus);
            let mut terms: Vec<(usize, f64)> = outputs.map(|(index, _)| (buses + index, 1.0)).collect();
            for branch in branches.iter().map(|branch| &case.branches[*branch]) {
                let there = if branch.from == bus { branch.to } else { branch.from };
                terms.extend([(bus, -branch.susceptance), (there, branch.susceptance)]);
            }
            rows.add(&terms, 1.0, case.buses[bus].demand);
        }
        // Where the derived bounds leave nothing else the bus is a reference, of the file or of its own part.
        for (bus, bounds) in angle_bounds(case).into_iter().enumerate().filter(|(_, bounds)| *bounds == (0.0, 0.0)) {
            rows.add(&[(bus, 1.0)], 1.0, bounds.0);
        }
        let equations = rows.limits.len();
        for ((a, b), (lower, upper)) in case.spans() {
            rows.add(&[(a, 1.0), (b, -1.0)], 1.0, upper);
            rows.add(&[(a, 1.0), (b, -1.0)], -1.0, -lower);
        }
        for (index, generator) in case.generators.iter().enumerate() {
            rows.add(&[(buses + index, 1.0)], 1.0, generator.upper);
            rows.add(&[(buses + index, 1.0)], -1.0, -generator.lower);
        }
        let mut linear = vec![0.0; buses];
        linear.extend(case.generators.iter().map(|generator| generator.linear / unit));
        let curved = case.generators.iter().enumerate().filter(|(_, generator)| generator.quadratic > 0.0);
        let (places, curvatures): (Vec<usize>, Vec<f64>) =
            curved.map(|(index, generator)| (buses + index, 2.0 * generator.quadratic / unit)).unzip();
        let quadratic = CscMatrix::new_from_triplets(variables, variables, places.clone(), places, curvatures);
        Self { quadratic, linear, constraints: rows.matrix(variables), limits: rows.limits, equations }
    }

    /// Sets the referee up and solves.
    pub fn minimise(&self, case: &Case, tolerance: f64) -> Result<Option<Optimum>, SuiteError> {
        let refused = |why: String| SuiteError::Referee(format!("{}: {why}", case.name));
        let settings = DefaultSettingsBuilder::default()
            .verbose(false)
            .tol_gap_abs(tolerance)
            .tol_gap_rel(tolerance)
            .tol_feas(tolerance.min(1e-8))
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let cones = [SupportedConeT::ZeroConeT(self.equations), SupportedConeT::NonnegativeConeT(self.inequalities())];
        let mut solver =
            DefaultSolver::new(&self.quadratic, &self.linear, &self.constraints, &self.limits, &cones, settings)
                .map_err(|error| refused(error.to_string()))?;
        solver.solve();
        match solver.solution.status {
            SolverStatus::Solved | SolverStatus::AlmostSolved => {}
            SolverStatus::PrimalInfeasible | SolverStatus::AlmostPrimalInfeasible => return Ok(None),
            status => return Err(refused(format!("stopped as {status:?}"))),
        }
        let outputs = &solver.solution.x[case.buses.len()..];
        let cost = case.generators.iter().zip(outputs).map(|(generator, output)| generator.cost(*output)).sum();
        Ok(Some(Optimum { cost }))
    }

    fn inequalities(&self) -> usize {
        self.limits.len() - self.equations
    }
}

/// Rows in the making.
#[derive(Default)]
struct Rows {
    rows: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<f64>,
    limits: Vec<f64>,
}

impl Rows {
    fn add(&mut self, terms: &[(usize, f64)], factor: f64, limit: f64) {
        for (column, value) in terms {
            self.rows.push(self.limits.len());
            self.columns.push(*column);
            self.values.push(factor * value);
        }
        self.limits.push(limit);
    }

    fn matrix(&self, columns: usize) -> CscMatrix<f64> {
        let (rows, places, values) = (self.rows.clone(), self.columns.clone(), self.values.clone());
        CscMatrix::new_from_triplets(self.limits.len(), columns, rows, places, values)
    }
}
