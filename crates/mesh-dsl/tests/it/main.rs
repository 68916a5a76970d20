//! Documents in both forms: nothing is lost, nothing makes the reader fall over, and what is wrong is found.

#[path = "../../../mesh-model/tests/it/generate.rs"]
mod generate;

mod diagnostics;
mod example;
mod hostile;
mod round_trip;
