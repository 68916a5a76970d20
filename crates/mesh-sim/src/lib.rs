//! The world: virtual clock, orbits, terrain, vehicles, links. Everything is a function of a scenario and a seed.

pub mod almanac;
mod chance;
pub mod first_plan;
pub mod fleet;
pub mod journal;
pub mod links;
pub mod lockstep;
pub mod partition;
pub mod rehearsal;
pub mod scenario;
pub mod world;

pub use almanac::{Almanac, Contact};
pub use first_plan::first_plan;
pub use fleet::{Fleet, FleetEvent, FleetOutcome, Host};
pub use journal::Journal;
pub use links::LinkBook;
pub use partition::Partition;
pub use scenario::Scenario;
pub use world::World;
