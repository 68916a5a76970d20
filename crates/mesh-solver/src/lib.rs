//! The pure mathematics of the fleet: one local QP, one edge between two of them, and proofs about both.
//!
//! - [`problem`]: a convex QP over a box, checked on the way in.
//! - [`qp`]: solves it, many times an epoch, from a factorisation that is made once.
//! - [`bound`]: a number that is below the optimal value whatever the rounding did.
//! - [`derived`]: bounds of variables that follow from the rows.
//! - [`infeasible`]: a proof, in the same arithmetic, that nothing satisfies the constraints.
//! - [`unbounded`]: a direction along which the cost falls for ever.
//! - [`assignment`]: whole tasks that are given to agents, and a bound on how well that can be done.
//! - [`formation`]: vehicles in a row under one thrust budget, over a receding horizon.
//! - [`network`]: problems that meet at junctions.
//! - [`compile`]: a wiring diagram of open problems as such a network.
//! - [`prices`]: many agents that meet at few junctions, over a tree.
//! - [`rounds`]: members of a network that agree edge by edge, over links that lose and delay.
//! - [`areas`]: few members with problems of some size, by Newton steps on what they share.
//! - [`separation`]: a proof that members' problems exclude each other.
//! - [`together`]: one entry for a whole network, which goes the way that suits its shape.
//! - [`edge`]: what two ends of an edge do with their solutions to agree on a flow and a price.
//!
//! Nothing here knows an asset, a message or a clock. Every result is a function of the arguments of the calls so far,
//! bit for bit, on every machine: plain loops in a fixed order, no fused multiply-add, no transcendental function.

pub mod areas;
pub mod assignment;
pub mod bound;
pub mod compile;
pub mod derived;
pub mod edge;
pub mod formation;
pub mod infeasible;
pub mod network;
pub mod prices;
pub mod problem;
pub mod qp;
pub mod rounds;
pub mod separation;
pub mod together;
pub mod unbounded;

mod active_set;
mod convexity;
mod dense;
mod elimination;
mod interval;
mod orthogonal;
mod reduction;
mod working_set;

pub use compile::{NamedNetwork, NotSolvable, refused_problems};
pub use derived::{Bound, MissingBound};
pub use infeasible::Infeasibility;
pub use network::{Junction, Member, Network, Share};
pub use problem::{Malformed, QpProblem, QpRow};
pub use qp::{QpError, QpSolver, Settings, Solution};
pub use separation::{NetworkInfeasibility, find_infeasibility};
pub use unbounded::Ray;
