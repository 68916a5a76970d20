//! `node`: flies one member of a mission, for `run`, for systemd or for a container.

use crate::failure::{Failure, Verdict};
use crate::logging::Logging;
use crate::threads;
use mesh_model::AssetId;
use mesh_node::RunFolder;
use mesh_node::processes::{Homecoming, MemberOptions, MissionFile, fly_member};
use mesh_node::supervisor::lifeline;
use mesh_ros::zenoh_config::RUNTIME;
use std::path::PathBuf;
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
    threads::begin_with(RUNTIME)?;
    let Arguments { asset, fleet, mission } = arguments;
    let path = match mission {
        Some(path) => path.clone(),
        None => MissionFile::newest_of(fleet)?,
    };
    let mission = MissionFile::read(&path)?;
    logging.write_trace(&RunFolder::open(&mission.run)?.trace(asset.as_str()))?;
    let options = MemberOptions { asset: asset.clone(), fleet: fleet.clone(), path, mission };
    let mut listening = Ok(());
    let homecoming = fly_member(&options, |end| {
        let on_signal = end.clone();
        listening = ctrlc::set_handler(move || on_signal()).map_err(Failure::from);
        if let Err(why) = lifeline::watch(GRACE, move |_| end()) {
            tracing::error!(%why, "would not notice the end of its supervisor");
        }
    })?;
    listening?;
    Ok(match homecoming {
        Homecoming::Over => Verdict::Good,
        Homecoming::Told => Verdict::Interrupted,
    })
}

/// An asset's name on the command line.
pub fn parse_asset(text: &str) -> Result<AssetId, String> {
    AssetId::new(text).map_err(|why| why.to_string())
}

/// How long a member may take to end.
const GRACE: Duration = Duration::from_secs(4);
