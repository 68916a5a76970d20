//! Power flow over areas: the PGLib-OPF cases as direct-current problems, one agent an area.
//!
//! [`matpower`] reads a file, [`case`] is what it says in service and per unit, [`areas`] deals the buses out to agents,
//! [`decomposition`] makes a network of their problems and [`whole`] one problem for the referee. [`run`] measures.

pub mod areas;
pub mod case;
pub mod decomposition;
pub mod matpower;
pub mod whole;

mod statements;
mod suite;
mod verdict;

#[cfg(test)]
mod tests;

pub use case::Case;
pub use decomposition::{AreaNetwork, Quantity, network};
pub use suite::run;
pub(crate) use suite::{DATA, case_files};
