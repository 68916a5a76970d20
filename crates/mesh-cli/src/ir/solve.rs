//! `ir check --solve`: what the optimiser makes of a document, all members in one process.

use crate::failure::Failure;
use crate::no_plan::{self, Keeping};
use crate::output;
use mesh_dsl::Document;
use mesh_node::proof::{Refutation, Refuted};
use mesh_solver::together::{Outcome, Settings, solve};
use mesh_solver::{NamedNetwork, NotSolvable};
use serde::Serialize;

/// What came of a document.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Solved {
    /// There is a plan.
    Plan {
        /// No plan costs less.
        lower_bound: f64,
        /// This one costs no more.
        cost: f64,
        /// Their relative distance.
        gap: f64,
        /// What found it.
        path: String,
    },
    /// There is none.
    NoPlan(Refuted),
    /// Neither was found within the limits.
    Unsettled,
}

/// Solves a document. A proof that there is no plan is kept as asked.
pub fn solved(document: &Document, keeping: &Keeping) -> Result<Result<Solved, NotSolvable>, Failure> {
    let named = match NamedNetwork::of(&document.diagram) {
        Ok(named) => named,
        Err(why) => return Ok(Err(why)),
    };
    let proof = match solve(&named.network, &Settings::default()) {
        Outcome::Converged(plan) => {
            let (lower_bound, cost, gap) = (plan.lower, plan.upper, plan.gap());
            let path = format!("{:?}", plan.path).to_lowercase();
            return Ok(Ok(Solved::Plan { lower_bound, cost, gap, path }));
        }
        Outcome::Unsettled => return Ok(Ok(Solved::Unsettled)),
        Outcome::Infeasible(proof) => proof,
    };
    let mut refutation = match Refutation::plainest(&document.diagram, &named, proof) {
        Ok(refutation) => refutation,
        Err(why) => return Ok(Err(why)),
    };
    keeping.keep(&mut refutation)?;
    Ok(Ok(Solved::NoPlan(refutation.check(None, Some(&document.diagram)))))
}

impl Solved {
    /// Whether there is a plan.
    pub fn is_plan(&self) -> bool {
        matches!(self, Self::Plan { .. })
    }

    /// For people.
    pub fn show(&self, keeping: &Keeping) {
        match self {
            Self::Plan { lower_bound, cost, gap, path } => output::line(&format!(
                "solved by {path}: a plan for {cost:.6}, none below {lower_bound:.6}, gap {gap:.2e}"
            )),
            Self::NoPlan(refuted) => {
                output::line("there is no plan, which these numbers prove, each of one box:");
                no_plan::show(refuted);
                if let Some(path) = keeping.path() {
                    output::line(&format!("{}: the proof, hash {}", path.display(), refuted.hash));
                }
            }
            Self::Unsettled => {
                output::line("unsettled: neither a plan with a tight bound nor a proof that there is none was found");
            }
        }
    }
}
