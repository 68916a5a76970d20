//! `node`: flies one member of a mission, for `run`, for systemd or for a container.

use crate::failure::{Failure, Verdict};
use crate::logging::Logging;
use mesh_model::AssetId;
use mesh_node::processes::{MemberOptions, MissionFile, fly_member};
use mesh_node::supervisor::lifeline;
use mesh_node::{NodeError, RunFolder};
use mesh_ros::zenoh_config::{RUNTIME, RUNTIME_VARIABLE};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Flies one member of a mission that `run` has begun, until it is told to end.
#[derive(clap::Args)]
pub struct Arguments {
    /// The member.
    #[arg(long, value_name = "ID", value_parser = parse_asset)]
    asset: AssetId,
    /// The fleet folder; of private keys it need hold only the member's own.
    #[arg(long, value_name = "DIR")]
    fleet: PathBuf,
    /// The mission file. Without it: that of the fleet's newest run.
    #[arg(long, value_name = "FILE")]
    mission: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, logging: &Logging) -> Result<Verdict, Failure> {
    begin_again_on_one_thread()?;
    let Arguments { asset, fleet, mission } = arguments;
    let path = match mission {
        Some(path) => path.clone(),
        None => MissionFile::newest_of(fleet)?,
    };
    let mission = MissionFile::read(&path)?;
    logging.write_trace(&RunFolder::open(&mission.run)?.trace(asset.as_str()))?;
    let options = MemberOptions { asset: asset.clone(), fleet: fleet.clone(), path, mission };
    let mut listening = Ok(());
    fly_member(&options, |end| {
        let on_signal = end.clone();
        listening = ctrlc::set_handler(move || on_signal()).map_err(Failure::from);
        if let Err(why) = lifeline::watch(GRACE, move |_| end()) {
            tracing::error!(%why, "would not notice the end of its supervisor");
        }
    })?;
    listening?;
    Ok(Verdict::Good)
}

/// Zenoh learns which threads to run from the environment alone, and this process cannot change its own: it starts the
/// program anew in its place. `run` gives the variable to those that it starts.
#[cfg(unix)]
fn begin_again_on_one_thread() -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    if std::env::var_os(RUNTIME_VARIABLE).is_some() {
        return Ok(());
    }
    let refused = |why| NodeError::refused("start", Path::new("this program"))(why);
    let program = std::env::current_exe().map_err(refused)?;
    // It comes back only if it failed.
    Err(refused(Command::new(program).args(std::env::args_os().skip(1)).env(RUNTIME_VARIABLE, RUNTIME).exec()).into())
}

#[cfg(not(unix))]
fn begin_again_on_one_thread() -> Result<(), Failure> {
    Ok(())
}

/// An asset's name on the command line.
pub fn parse_asset(text: &str) -> Result<AssetId, String> {
    AssetId::new(text).map_err(|why| why.to_string())
}

/// How long a member may take to end.
const GRACE: Duration = Duration::from_secs(4);
