//! The solver against the referee, over everything that a diagram can say.

#[path = "../../../mesh-model/tests/it/generate.rs"]
mod generate;

mod composite;
