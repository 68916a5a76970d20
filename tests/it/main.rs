//! Tests that need more than one crate.

mod golden;
mod hardship;
mod interop;
mod lying_peer;
mod mission;
mod referee;
mod takeover;
