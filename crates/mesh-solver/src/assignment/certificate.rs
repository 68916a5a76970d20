//! What is claimed about an assignment, in numbers that each agent can sign for itself.
//!
//! The bound needs nobody's row: it is the sum of the prices and of one number an agent. Whoever is given an agent's
//! problem recomputes that agent's number; the sums anybody can check.

use super::knapsack::{Profits, best_bundle};
use super::prices::bound_at;
use super::problem::{AGENTS_MAX, AgentProblem, Task, common_divisor};
use super::worth::Worth;
use crate::bound::relative_gap;

/// An assignment, what it earns, and what no assignment can exceed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentCertificate {
    /// Who does each task.
    pub holders: Vec<Option<usize>>,
    /// Price of each task.
    pub prices: Vec<Worth>,
    /// What each agent says, in the order of the agents.
    pub contributions: Vec<Contribution>,
    /// What the assignment earns.
    pub value: Worth,
    /// What no assignment exceeds.
    pub bound: Worth,
}

/// What one agent says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contribution {
    /// What it earns by the tasks that it holds.
    pub profit: Worth,
    /// At least what it would gain beyond the prices with whatever tasks.
    pub gain: Worth,
    /// All its profits are multiples of so many grains; 0 if it earns nothing anywhere.
    pub grain: u64,
}

/// Prices at which no assignment can pay for itself although nothing is earned or lost: not all required tasks can be
/// done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpossibilityProof {
    /// Price of each task.
    pub prices: Vec<Worth>,
    /// At least what each agent gains at these prices if it earns nothing by any task.
    pub gains: Vec<Worth>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// It speaks of another number of tasks or agents.
    #[error("{given} {what} where there are {expected}")]
    Dimension {
        /// Holders, prices or contributions.
        what: &'static str,
        /// How many there are in the certificate.
        given: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A task that may stay undone has a negative price, or a price is out of range.
    #[error("task {task} has a price of {}", price.value())]
    Price {
        /// The task.
        task: usize,
        /// Its price.
        price: Worth,
    },
    /// A required task has no holder.
    #[error("nobody does task {task}")]
    Undone {
        /// The task.
        task: usize,
    },
    /// A holder is none of the agents.
    #[error("task {task} is done by agent {holder} of {agents}")]
    UnknownHolder {
        /// The task.
        task: usize,
        /// Its holder.
        holder: usize,
        /// The number of agents.
        agents: usize,
    },
    /// The value is not what the contributions add up to.
    #[error("the contributions earn {} where {} is claimed", sum.value(), claimed.value())]
    Value {
        /// Their sum.
        sum: Worth,
        /// The claim.
        claimed: Worth,
    },
    /// The bound is lower than what prices and contributions prove.
    #[error("prices and contributions prove {} where {} is claimed", proved.value(), claimed.value())]
    Bound {
        /// What they prove.
        proved: Worth,
        /// The claim.
        claimed: Worth,
    },
    /// An agent claims more than any agent can earn or gain.
    #[error("agent {agent} says {said:?}, which is out of range")]
    OutOfRange {
        /// The agent.
        agent: usize,
        /// What it says.
        said: Contribution,
    },
    /// An agent's own numbers are not what its problem gives.
    #[error("agent {agent} says {said:?} where its problem gives {recomputed:?}")]
    Contribution {
        /// The agent.
        agent: usize,
        /// What it says.
        said: Contribution,
        /// What its problem gives; none if it cannot do what it holds.
        recomputed: Option<Contribution>,
    },
}

impl AssignmentCertificate {
    /// Adds up what the agents say.
    pub fn of(holders: Vec<Option<usize>>, prices: Vec<Worth>, contributions: Vec<Contribution>) -> Self {
        let value = contributions.iter().map(|one| one.profit).sum();
        let bound = proved(&prices, &contributions);
        Self { holders, prices, contributions, value, bound }
    }

    /// [`relative_gap`] of value and bound.
    pub fn gap(&self) -> f64 {
        relative_gap(self.value.value(), self.bound.value())
    }

    /// Checks all that can be checked without anybody's problem.
    pub fn verify(&self, tasks: &[Task]) -> Result<(), CertificateFault> {
        let agents = self.contributions.len();
        for (what, given) in [("holders", self.holders.len()), ("prices", self.prices.len())] {
            if given != tasks.len() {
                return Err(CertificateFault::Dimension { what, given, expected: tasks.len() });
            }
        }
        check_prices(&self.prices, tasks)?;
        if agents > AGENTS_MAX {
            return Err(CertificateFault::Dimension { what: "contributions", given: agents, expected: AGENTS_MAX });
        }
        for (agent, said) in self.contributions.iter().copied().enumerate() {
            if !said.profit.is_total() || !said.gain.is_total() {
                return Err(CertificateFault::OutOfRange { agent, said });
            }
        }
        for (task, holder) in self.holders.iter().enumerate() {
            match *holder {
                None if tasks[task].required => return Err(CertificateFault::Undone { task }),
                Some(holder) if holder >= agents => {
                    return Err(CertificateFault::UnknownHolder { task, holder, agents });
                }
                _ => {}
            }
        }
        let sum = self.contributions.iter().map(|one| one.profit).sum();
        if sum != self.value {
            return Err(CertificateFault::Value { sum, claimed: self.value });
        }
        let proved = proved(&self.prices, &self.contributions);
        if proved > self.bound {
            return Err(CertificateFault::Bound { proved, claimed: self.bound });
        }
        Ok(())
    }

    /// Recomputes what one agent says from its problem.
    pub fn open(&self, agent: usize, problem: &AgentProblem) -> Result<(), CertificateFault> {
        let expected = self.contributions.len();
        let Some(said) = self.contributions.get(agent).copied() else {
            return Err(CertificateFault::Dimension { what: "contributions", given: agent + 1, expected });
        };
        let recomputed = Contribution::of(agent, problem, &self.prices, &self.holders);
        let honest = recomputed.is_some_and(|true_one| {
            let divides = said.grain == true_one.grain || said.grain > 0 && true_one.grain.is_multiple_of(said.grain);
            said.profit == true_one.profit && said.gain >= true_one.gain && divides
        });
        if honest { Ok(()) } else { Err(CertificateFault::Contribution { agent, said, recomputed }) }
    }
}

impl Contribution {
    /// What `agent` says at these prices; none if it cannot do all that it holds.
    pub fn of(
        agent: usize,
        problem: &AgentProblem,
        prices: &[Worth],
        holders: &[Option<usize>],
    ) -> Option<Contribution> {
        let held: Vec<usize> = (0..holders.len()).filter(|task| holders[*task] == Some(agent)).collect();
        let profit = problem.profit_of(&held)?;
        let gain = best_bundle(problem, prices, Profits::Own).ceiling;
        Some(Self { profit, gain, grain: problem.grain() })
    }
}

impl ImpossibilityProof {
    /// Accepts `prices` if they prove that `agents` cannot do all required tasks.
    pub fn prove<'a>(
        tasks: &[Task],
        agents: impl Iterator<Item = &'a AgentProblem>,
        prices: Vec<Worth>,
    ) -> Option<Self> {
        let gains = agents.map(|agent| best_bundle(agent, &prices, Profits::None).ceiling).collect();
        let proof = Self { prices, gains };
        proof.holds(tasks).then_some(proof)
    }

    /// Whether the numbers prove what they claim, if every agent's is right.
    pub fn holds(&self, tasks: &[Task]) -> bool {
        let sized = self.prices.len() == tasks.len() && self.gains.len() <= AGENTS_MAX;
        sized
            && check_prices(&self.prices, tasks).is_ok()
            && self.gains.iter().all(|gain| gain.is_total())
            && bound_at(&self.prices, self.gains.iter().copied().sum()) < Worth::ZERO
    }
}

/// The bound by Lagrangian relaxation, rounded down to what an assignment can earn at all: a multiple of everybody's
/// grain.
fn proved(prices: &[Worth], contributions: &[Contribution]) -> Worth {
    let bound = bound_at(prices, contributions.iter().map(|one| one.gain).sum());
    let grain = contributions.iter().fold(0, |grain, one| common_divisor(grain, one.grain));
    match i64::try_from(grain) {
        Ok(grain) if grain > 0 => Worth(bound.0.div_euclid(grain) * grain),
        _ => bound,
    }
}

fn check_prices(prices: &[Worth], tasks: &[Task]) -> Result<(), CertificateFault> {
    for (task, price) in prices.iter().copied().enumerate() {
        if !price.is_price() || !tasks[task].required && price < Worth::ZERO {
            return Err(CertificateFault::Price { task, price });
        }
    }
    Ok(())
}
