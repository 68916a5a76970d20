//! The shell of one machine: files, keys, the clock and entropy, around assets that know none of them.
//!
//! What is flown is decided below (mesh-sim drives the assets); this crate gives the flight its disk, its signatures and
//! its recording, and afterwards checks from those files alone that everything happened as claimed.

pub mod disk;
pub mod durable;
pub mod error;
pub mod fleet_folder;
pub mod recording;
pub mod run_folder;

pub use error::{Fault, NodeError};
pub use fleet_folder::{FleetFile, FleetFolder};
pub use run_folder::RunFolder;
