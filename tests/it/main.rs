//! Tests that need more than one crate.

mod golden;
mod hardship;
mod lying_peer;
mod mission;
mod referee;
mod takeover;
