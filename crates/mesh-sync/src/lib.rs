//! Signed per-author logs: how they are kept on a disk, and how assets that meet now and then come to hold the same.
//!
//! [`LogStore`] keeps one author's log over a small [`Disk`] trait; [`read_log`] and [`audit_log`] judge its bytes.
//! [`Sync`] is the state machine that exchanges entries with peers. It takes only verified messages, and knows
//! neither keys nor transports nor what an entry means.

pub mod audit;
pub mod disk;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod log;
mod peer;
mod record;
mod replica;
pub mod settings;
pub mod sync;

pub use audit::{AuditFailure, AuditedLog, audit_log};
pub use disk::{Disk, DiskError, MemoryDisk};
pub use error::{Misbehaviour, Misuse, PeerError};
pub use log::{LogError, LogStore, Opened};
pub use record::{LogDamage, LogFault, read_log};
pub use settings::Settings;
pub use sync::{Input, Output, Sync};
