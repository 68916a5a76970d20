//! A scenario: everything about a mission that is decided before it begins.
//!
//! `model` is what the rest of the project reads; `parse` makes it from a TOML file and says what is wrong with the file;
//! `contract` is what the fleet agrees on beforehand. docs/scenarios.md describes the file field by field.

#[cfg(test)]
mod bad_input;
pub mod contract;
mod couplings;
pub mod diagnostic;
pub mod feasibility;
mod itinerary;
pub mod model;
mod nearest;
pub mod parse;
mod quantity;
#[cfg(test)]
mod reading;
mod roster;
mod shipped;
mod table;
mod vehicles;

pub use contract::CONTRACT_VERSION;
pub use diagnostic::{Diagnostic, Position, Severity};
pub use feasibility::check;
pub use model::*;
pub use parse::parse;
pub use shipped::LUNAR_BASE;
