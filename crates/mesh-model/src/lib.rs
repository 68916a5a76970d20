//! The nouns of the fleet, and the only bytes that are ever hashed or signed.
//!
//! Every type here is plain data with one canonical encoding (see [`canonical`]). Nothing in this crate knows how a
//! problem is solved, how a message travels or what a key is.

pub mod audit;
pub mod canonical;
pub mod contract;
pub mod diagram;
pub mod envelope;
pub mod id;
pub mod plan;
pub mod problem;
pub mod real;
pub mod rounds;
pub mod time;

#[cfg(test)]
mod round_trip;

pub use audit::{AuditRecord, AuditSubject};
pub use canonical::{Canonical, DecodeError, Hash};
pub use contract::{Edge, FleetContract, Junction};
pub use diagram::{Diagram, OpenProblem};
pub use envelope::{Envelope, MissionId, Payload, PayloadKind, SignedEnvelope, Stream};
pub use id::{AssetId, FleetId, IdError, JunctionId};
pub use plan::{Attestation, Certificate, EdgeAgreement, PlanDelta, Schedule};
pub use problem::{LocalProblem, Objective, Port, Row, Term, Variable, Window};
pub use real::{NotFinite, Real};
pub use rounds::{DualVariables, Epoch, Evaluation, Opening, RoundReport, SharedVariables};
pub use time::MissionTime;
