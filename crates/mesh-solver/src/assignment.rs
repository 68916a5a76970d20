//! Who does what: tasks that are given to agents whole, with a certified bound on what any other way could earn.
//!
//! A generalised assignment problem: every task goes to one agent, every agent has so much of its resources, and what a
//! task earns and uses is known to the agent alone. Three steps, each of which moves bids and prices and never a row:
//!
//! 1. [`prices`]: every task gets a price, every agent says which tasks it would take at these. Whatever the prices, the
//!    sum of prices and of what the agents would earn beyond them is a bound on every assignment (Lagrangian
//!    relaxation, Fisher 1981). The search lowers it.
//! 2. [`auction`]: a conflict-free start by consensus (CBBA: Choi, Brunet and How 2009); what an agent bids for a task
//!    is how much better off it is with it than without it at the prices of the relaxation.
//! 3. [`exchange`]: what is left over finds an agent, and agents pass tasks around in chains and rings as long as that
//!    earns more; each agent judges only its own step.
//!
//! All sums are whole numbers of a fixed grain ([`worth`]), so a bound is a bound without any rounding to think of.
//! [`mission`] turns surveys and relays with their times into such a problem.
//! [`solve()`] runs the three over a set of links and counts rounds and bytes.

pub mod auction;
pub mod certificate;
pub mod exchange;
pub mod links;
pub mod mission;
pub mod prices;
pub mod problem;
pub mod solve;
pub mod worth;

mod knapsack;

pub use certificate::{AssignmentCertificate, CertificateFault, Contribution, ImpossibilityProof};
pub use links::{Links, Traffic};
pub use problem::{AgentProblem, AssignmentError, AssignmentProblem, Job, Task};
pub use solve::{AssignmentReport, AssignmentSettings, Outcome, PlainBid, plain_auction, solve};
pub use worth::Worth;

/// The examples of the page on tasks.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/assignment.md")]
mod page {}
