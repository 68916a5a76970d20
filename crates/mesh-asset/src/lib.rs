//! One asset as one state machine.
//!
//! [`Asset`] composes the protocol crates: it verifies what arrives, takes part in negotiations (`member`), holds the
//! planner role when its turn comes (`planner`, `succession`), keeps the fleet's logs in step, and turns agreed plans
//! into commands. It owns no clock, disk, socket or key: time comes with every input, and signing, persisting and sending are
//! outputs that the shell carries out. The same inputs in the same order give the same outputs, bit for bit.

mod asset;
mod attestation;
mod certificate;
mod edge_state;
#[cfg(test)]
mod fixture;
mod local;
mod member;
mod negotiation;
mod planner;
mod planning;
mod ports;
mod seal;
mod settings;
#[cfg(test)]
mod shuttle;
mod state;
mod succession;
#[cfg(test)]
mod vehicles;

pub use asset::Asset;
pub use attestation::{AttestationFault, Recomputed, recompute};
pub use certificate::{CertificateFault, check_certificate};
pub use ports::{Event, Input, Output, PeerError};
pub use settings::{Misuse, Settings};
pub use state::{AdoptedPlan, AssetState};
