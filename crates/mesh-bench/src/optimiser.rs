//! The bench of the optimiser: every figure that the project claims about it, each next to what it must reach.
//!
//! A suite runs our solver and its peers in the same process on the same work and returns [`Row`]s. What stands in
//! `docs/benchmarks.md` is written from these by the same command.

pub mod assignment;
pub mod cpu;
pub mod exchange;
pub mod honesty;
pub mod lossy;
pub mod mpc;
pub mod page;
pub mod peer;
pub mod pglib;
pub mod scale;

mod picture;
mod row;
mod suite;

pub use row::{Curve, Row, Sense, SuiteError, SuiteReport, SuiteSettings};
pub use suite::{Progress, Suite, run};
