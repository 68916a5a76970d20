//! The world: virtual clock, orbits, terrain, vehicles, links. Everything is a function of a scenario and a seed.

pub mod scenario;

pub use scenario::Scenario;
