//! The solver against an independent one, over random problems of every unpleasant kind.

#![allow(clippy::panic, reason = "a test says which seed failed")]

mod assignment;
mod bounds;
mod composition;
mod coupled;
#[path = "../../../mesh-model/tests/it/generate.rs"]
mod diagrams;
mod generate;
mod networks;
mod open;
mod price_cases;
mod price_tree;
mod prices;
mod random;
mod referee;
mod separation;
mod together;
mod warm;
