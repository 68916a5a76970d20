//! A scenario: everything about a mission that is decided before it begins.
//!
//! `model` is what the rest of the project reads; `parse` makes it from a TOML file and says what is wrong with the file.

pub mod model;

pub use model::*;
