//! The three solves of a member in an epoch, over one problem: the step of the edge core, the repaired plan that meets
//! a candidate's flows exactly, and the lower bound at its prices.

use crate::edge_state::{Candidate, EdgeEnd};
use crate::negotiation::Unable;
use mesh_model::LocalProblem;
use mesh_solver::bound::{cost_rounded_up, lower_bound};
use mesh_solver::{QpProblem, QpSolver, Settings};

pub(crate) struct LocalSolve {
    problem: QpProblem,
    /// The problem with the edges' pull on the diagonal.
    pulled: QpSolver,
    /// The problem as it is, for repaired plans; kept apart from `priced` so that each starts from its own last answer.
    fixed: QpSolver,
    /// The problem as it is, for lower bounds.
    priced: QpSolver,
}

impl LocalSolve {
    /// The bounds of the flows are those that the ends of each edge have in common.
    pub(crate) fn new(problem: &LocalProblem, edges: &[EdgeEnd]) -> Result<Self, Unable> {
        let problem = QpProblem::from_local(problem)?;
        let plain = vec![0.0; problem.variables()];
        Ok(Self {
            pulled: QpSolver::new(&problem, &pulls(&problem, edges), Settings::default())?,
            fixed: QpSolver::new(&problem, &plain, Settings::default())?,
            priced: QpSolver::new(&problem, &plain, Settings::default())?,
            problem,
        })
    }

    /// Takes up the edges' weights.
    pub(crate) fn reweigh(&mut self, edges: &[EdgeEnd]) -> Result<(), Unable> {
        self.pulled = QpSolver::new(&self.problem, &pulls(&self.problem, edges), Settings::default())?;
        Ok(())
    }

    /// argmin f + 1/2 |a - s|^2_W.
    pub(crate) fn step(&mut self, edges: &[EdgeEnd]) -> Result<Vec<f64>, Unable> {
        let mut linear = self.problem.linear().to_vec();
        for edge in edges {
            for (step, variable) in edge.open_variables() {
                linear[variable] += edge.pull(step).linear;
            }
        }
        Ok(self.pulled.solve(&linear, self.problem.lower(), self.problem.upper())?.x)
    }

    /// The best plan with exactly the candidate's flows, and its cost, rounded up.
    pub(crate) fn repaired(&mut self, edges: &[EdgeEnd], candidates: &[Candidate]) -> Result<(Vec<f64>, f64), Unable> {
        let (mut lower, mut upper) = (self.problem.lower().to_vec(), self.problem.upper().to_vec());
        for (edge, candidate) in edges.iter().zip(candidates) {
            for (step, variable) in edge.open_variables() {
                (lower[variable], upper[variable]) = (candidate.flow[step], candidate.flow[step]);
            }
        }
        let values = self.fixed.solve(self.problem.linear(), &lower, &upper)?.x;
        let cost = cost_rounded_up(&self.problem, &values);
        Ok((values, cost))
    }

    /// What no plan of this member can undercut at the candidate's prices.
    pub(crate) fn bound(&mut self, edges: &[EdgeEnd], candidates: &[Candidate]) -> Result<f64, Unable> {
        let mut linear = self.problem.linear().to_vec();
        let mut extra = Vec::new();
        for (edge, candidate) in edges.iter().zip(candidates) {
            for (step, variable) in edge.open_variables() {
                let cost = edge.cost_of_price(candidate.price[step]);
                linear[variable] += cost;
                extra.push((variable, cost));
            }
        }
        let solution = self.priced.solve(&linear, self.problem.lower(), self.problem.upper())?;
        Ok(lower_bound(&self.problem, &extra, &solution.x, &solution.row_multipliers))
    }
}

/// What the edges add to the diagonal of the problem.
fn pulls(problem: &QpProblem, edges: &[EdgeEnd]) -> Vec<f64> {
    let mut diagonal = vec![0.0; problem.variables()];
    for edge in edges {
        for (step, variable) in edge.open_variables() {
            diagonal[variable] += edge.pull(step).diagonal;
        }
    }
    diagonal
}
