//! The shell of one machine: files, keys, the clock and entropy, around assets that know none of them.
//!
//! What is flown is decided below (mesh-sim drives the assets); this crate gives the flight its disk, its signatures and
//! its recording, and afterwards checks from those files alone that everything happened as claimed.

pub mod assess;
pub mod audit;
pub mod certificates;
pub mod chart;
pub mod disk;
pub mod durable;
pub mod error;
pub mod fleet_folder;
pub mod flight;
pub mod host;
pub mod mesh_plane;
mod mission_text;
pub mod plan_file;
pub mod processes;
pub mod proof;
pub mod reconstruct;
pub mod recording;
pub mod replay;
pub mod report;
pub mod report_page;
mod retrace;
pub mod run_folder;
pub mod supervisor;
pub mod trace;
pub mod wording;

pub use audit::Audit;
pub use error::{Fault, NodeError};
pub use fleet_folder::{FleetFile, FleetFolder};
pub use flight::{Flight, FlightError, Flown};
pub use host::Observer;
pub use reconstruct::{Reconstructed, Watched, reconstruct};
pub use replay::Replay;
pub use report::Report;
pub use run_folder::RunFolder;

/// The version of this program.
pub const fn program_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
