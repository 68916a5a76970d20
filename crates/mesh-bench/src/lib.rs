//! The referee: what a central planner that knows everything would have done. It never feeds an asset.

pub mod central;
pub mod mission;
pub mod optimiser;

pub use central::{CentralError, CentralPlan, CentralPlanner};
pub use mission::{CentralReport, FlightError, fly};
