//! `simulator`: flies the world of a mission. Started by `run`, which reads what it says.

use crate::failure::{Failure, Verdict};
use crate::logging::Logging;
use mesh_node::RunFolder;
use mesh_node::processes::{MissionFile, SimulatorOptions, simulate};
use mesh_node::supervisor::lifeline;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Flies the world of a mission that `run` has begun.
#[derive(clap::Args)]
pub struct Arguments {
    /// The mission file.
    #[arg(long, value_name = "FILE")]
    mission: PathBuf,
}

/// Runs the command.
pub fn run(arguments: &Arguments, logging: &Logging) -> Result<Verdict, Failure> {
    let mission = MissionFile::read(&arguments.mission)?;
    logging.write_trace(&RunFolder::open(&mission.run)?.trace(mesh_node::report::SIMULATOR))?;
    let stop = Arc::<AtomicBool>::default();
    let (on_signal, on_end) = (stop.clone(), stop.clone());
    ctrlc::set_handler(move || on_signal.store(true, Ordering::SeqCst))?;
    if let Err(why) = lifeline::watch(GRACE, move |_| on_end.store(true, Ordering::SeqCst)) {
        tracing::error!(%why, "would not notice the end of its supervisor");
    }
    simulate(SimulatorOptions { mission: arguments.mission.clone(), news: io::stdout(), stop })?;
    Ok(Verdict::Good)
}

/// How long it may take to end.
const GRACE: Duration = Duration::from_secs(4);
