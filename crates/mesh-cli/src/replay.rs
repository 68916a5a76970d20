//! `replay`: flies a recorded mission once more and compares.

use crate::failure::{Failure, Verdict};
use crate::output;
use mesh_node::{FleetFile, RunFolder, replay};
use std::path::PathBuf;

/// Flies a recorded mission once more and compares.
#[derive(clap::Args)]
pub struct Arguments {
    /// The run folder.
    run: PathBuf,
    /// Prints the outcome as JSON, and nothing else.
    #[arg(long)]
    json: bool,
    /// A fleet folder whose public keys the recorded ones must be. Without it the recorded ones are taken.
    #[arg(long, value_name = "DIR")]
    fleet: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let run = RunFolder::open(&arguments.run)?;
    let fleet = arguments.fleet.as_deref().map(FleetFile::read).transpose()?;
    let replay = replay::replay(&run, fleet.as_ref())?;
    if arguments.json {
        output::json(&replay);
    } else {
        if let Some(hash) = &replay.state_hash {
            output::line(&format!("state hash {hash}"));
        }
        if let Some(why) = &replay.not_replayable {
            output::line(why);
        }
        match &replay.difference {
            None if replay.not_replayable.is_some() => {
                output::line(&format!("until there {} inputs, every one as recorded", replay.inputs));
            }
            None => output::line(&format!("identical: {} inputs, every one as recorded", replay.inputs)),
            Some(difference) => {
                output::line(&format!("first difference, after {} inputs as recorded: {difference}", replay.inputs));
            }
        }
    }
    Ok(Verdict::good_if(replay.identical))
}
