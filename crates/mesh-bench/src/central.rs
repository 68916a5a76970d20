//! Solves the problems of all assets as one, with every coupling as an equation, by an interior-point method.
//!
//! This is the optimum that the distributed plan is measured against. It sees what no asset shows to another.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverError, SolverStatus, SupportedConeT};
use mesh_model::{AssetId, Edge, LocalProblem};
use std::collections::BTreeMap;

/// Solves problems centrally.
#[derive(Debug, Clone, Copy, Default)]
pub struct CentralPlanner;

/// The optimum of problems that are coupled at their ports.
#[derive(Debug, Clone, PartialEq)]
pub struct CentralPlan {
    /// The values of each asset's variables, in its problem's order.
    pub values: BTreeMap<AssetId, Vec<f64>>,
    /// Sum of the assets' costs.
    pub cost: f64,
    /// Flow over each edge with both ends among the problems, one a step.
    pub flows: BTreeMap<Edge, Vec<f64>>,
    /// Price of each such flow: what one more unit costs its source. Zero where an end allows no flow.
    pub prices: BTreeMap<Edge, Vec<f64>>,
}

/// Why there is no optimum.
#[derive(Debug, thiserror::Error)]
pub enum CentralError {
    /// The solver stopped without an optimum.
    #[error("the central planner stopped as {status:?}")]
    NotSolved {
        /// How it stopped.
        status: SolverStatus,
    },
    /// The solver did not take the problem.
    #[error("the central planner refused the problem: {0}")]
    Refused(SolverError),
}

impl CentralPlanner {
    /// The optimum of `problems`, of different assets over one window. An edge whose other end is not among them is left
    /// out: its flow is free within its own asset's bounds.
    pub fn plan(&self, problems: &[LocalProblem]) -> Result<CentralPlan, CentralError> {
        let composite = Composite::new(problems);
        let settings = DefaultSettingsBuilder::default()
            .verbose(false)
            .tol_gap_abs(1e-9)
            .tol_gap_rel(1e-9)
            .tol_feas(1e-9)
            .max_iter(200)
            .build()
            .expect("the tolerances are positive");
        let mut solver = DefaultSolver::new(
            &composite.quadratic(),
            &composite.linear,
            &composite.constraints.matrix(composite.linear.len()),
            &composite.constraints.limits,
            &composite.cones(),
            settings,
        )
        .map_err(CentralError::Refused)?;
        solver.solve();
        match solver.solution.status {
            SolverStatus::Solved | SolverStatus::AlmostSolved => {}
            status => return Err(CentralError::NotSolved { status }),
        }
        Ok(composite.plan(problems, &solver.solution.x, &solver.solution.z))
    }
}

/// The value of a problem's objective.
pub fn cost(problem: &LocalProblem, values: &[f64]) -> f64 {
    let quadratic = problem.objective.quadratic.iter().map(|(row, column, entry)| {
        let twice = if row == column { 0.5 } else { 1.0 };
        twice * entry.value() * values[*row as usize] * values[*column as usize]
    });
    let linear = problem.objective.linear.iter().zip(values).map(|(slope, value)| slope.value() * value);
    quadratic.sum::<f64>() + linear.sum::<f64>() + problem.objective.constant.value()
}

/// All problems in one: equations first, then inequalities `row <= limit`.
struct Composite {
    /// Where the variables of each problem begin.
    offsets: Vec<usize>,
    entries: Vec<(usize, usize, f64)>,
    linear: Vec<f64>,
    constraints: Constraints,
    equations: usize,
    /// Edge, step, variable at the source and number of the equation.
    couplings: Vec<(Edge, usize, usize, usize)>,
    /// Steps of the window, for edges without any flow.
    steps: usize,
}

/// Where an asset's variables begin, and which of them flow over an edge.
type End<'a> = (usize, &'a [Option<u32>]);

/// Rows in the making.
#[derive(Default)]
struct Constraints {
    entries: Vec<(usize, usize, f64)>,
    limits: Vec<f64>,
}

impl Constraints {
    fn add(&mut self, terms: impl IntoIterator<Item = (usize, f64)>, limit: f64) -> usize {
        let row = self.limits.len();
        self.entries.extend(terms.into_iter().map(|(column, factor)| (row, column, factor)));
        self.limits.push(limit);
        row
    }

    fn matrix(&self, columns: usize) -> CscMatrix<f64> {
        sparse(self.limits.len(), columns, &self.entries)
    }
}

impl Composite {
    fn new(problems: &[LocalProblem]) -> Self {
        let mut composite = Self {
            offsets: Vec::new(),
            entries: Vec::new(),
            linear: Vec::new(),
            constraints: Constraints::default(),
            equations: 0,
            couplings: Vec::new(),
            steps: problems.first().map_or(0, |problem| usize::from(problem.window.steps)),
        };
        for problem in problems {
            let offset = composite.linear.len();
            composite.offsets.push(offset);
            let entry = |(row, column, entry): &(u32, u32, mesh_model::Real)| {
                (offset + *row as usize, offset + *column as usize, entry.value())
            };
            composite.entries.extend(problem.objective.quadratic.iter().map(entry));
            composite.linear.extend(problem.objective.linear.iter().map(|slope| slope.value()));
        }
        composite.couple(problems);
        for (problem, offset) in problems.iter().zip(composite.offsets.clone()) {
            for row in problem.rows.iter().filter(|row| row.lower == row.upper) {
                let terms = row.terms.iter().map(|(i, factor)| (offset + *i as usize, factor.value()));
                composite.constraints.add(terms, row.upper.value());
            }
        }
        composite.equations = composite.constraints.limits.len();
        for (problem, offset) in problems.iter().zip(composite.offsets.clone()) {
            for row in problem.rows.iter().filter(|row| row.lower != row.upper) {
                let terms =
                    |sign: f64| row.terms.iter().map(move |(i, factor)| (offset + *i as usize, sign * factor.value()));
                composite.constraints.add(terms(1.0), row.upper.value());
                composite.constraints.add(terms(-1.0), -row.lower.value());
            }
            for (i, variable) in problem.variables.iter().enumerate() {
                composite.constraints.add([(offset + i, 1.0)], variable.upper.value());
                composite.constraints.add([(offset + i, -1.0)], -variable.lower.value());
            }
        }
        composite
    }

    /// What the source gives is what the sink takes; where one end allows no flow the other end's is zero.
    fn couple(&mut self, problems: &[LocalProblem]) {
        let mut ends: BTreeMap<&Edge, [Option<End<'_>>; 2]> = BTreeMap::new();
        for (problem, offset) in problems.iter().zip(&self.offsets) {
            for port in &problem.ports {
                let side = usize::from(port.edge.source != problem.asset);
                ends.entry(&port.edge).or_default()[side] = Some((*offset, &port.flow));
            }
        }
        for (edge, ends) in ends {
            let [Some((source, gives)), Some((sink, takes))] = ends else { continue };
            for (step, pair) in gives.iter().zip(takes).enumerate() {
                match pair {
                    (Some(give), Some(take)) => {
                        let (give, take) = (source + *give as usize, sink + *take as usize);
                        let equation = self.constraints.add([(give, 1.0), (take, -1.0)], 0.0);
                        self.couplings.push((edge.clone(), step, give, equation));
                    }
                    (Some(give), None) => {
                        self.constraints.add([(source + *give as usize, 1.0)], 0.0);
                    }
                    (None, Some(take)) => {
                        self.constraints.add([(sink + *take as usize, 1.0)], 0.0);
                    }
                    (None, None) => {}
                }
            }
        }
    }

    fn quadratic(&self) -> CscMatrix<f64> {
        sparse(self.linear.len(), self.linear.len(), &self.entries)
    }

    fn cones(&self) -> Vec<SupportedConeT<f64>> {
        let inequalities = self.constraints.limits.len() - self.equations;
        vec![SupportedConeT::ZeroConeT(self.equations), SupportedConeT::NonnegativeConeT(inequalities)]
    }

    fn plan(&self, problems: &[LocalProblem], x: &[f64], z: &[f64]) -> CentralPlan {
        let mut plan =
            CentralPlan { values: BTreeMap::new(), cost: 0.0, flows: BTreeMap::new(), prices: BTreeMap::new() };
        for (problem, offset) in problems.iter().zip(&self.offsets) {
            let values = x[*offset..offset + problem.variables.len()].to_vec();
            plan.cost += cost(problem, &values);
            plan.values.insert(problem.asset.clone(), values);
        }
        for (edge, step, give, equation) in &self.couplings {
            plan.flows.entry(edge.clone()).or_insert_with(|| vec![0.0; self.steps])[*step] = x[*give];
            // The multiplier pulls the source's flow down; the price pays for pushing it up.
            plan.prices.entry(edge.clone()).or_insert_with(|| vec![0.0; self.steps])[*step] = -z[*equation];
        }
        plan
    }
}

fn sparse(rows: usize, columns: usize, entries: &[(usize, usize, f64)]) -> CscMatrix<f64> {
    let row = entries.iter().map(|entry| entry.0).collect();
    let column = entries.iter().map(|entry| entry.1).collect();
    CscMatrix::new_from_triplets(rows, columns, row, column, entries.iter().map(|entry| entry.2).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_model::diagram::{DiagramBox, composite};
    use mesh_sim::{Scenario, first_plan};

    #[test]
    fn a_mission_costs_the_same_as_coupled_problems_and_as_the_composite_of_their_diagram() {
        let diagram = first_plan(&Scenario::lunar_base(), 1).expect("the shipped scenario can be planned");
        let problems = diagram.boxes.values().filter_map(DiagramBox::problem);
        let problems: Vec<LocalProblem> = problems.map(|open| open.problem.clone()).collect();
        let coupled = CentralPlanner.plan(&problems).expect("it has an optimum").cost;
        let whole = composite(&diagram).expect("sound and closed").problem;
        let composed = CentralPlanner.plan(&[whole]).expect("it has an optimum").cost;
        assert!((coupled - composed).abs() <= 1e-6 * coupled.abs().max(1.0), "{coupled} and {composed}");
    }
}
