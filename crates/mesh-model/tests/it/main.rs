//! The laws of composing.

mod faults;
mod generate;
mod laws;
