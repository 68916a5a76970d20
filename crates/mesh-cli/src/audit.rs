//! `audit verify`: checks what a fleet has signed.

use crate::failure::{Failure, Verdict};
use crate::output;
use crate::scenario_file::ScenarioFile;
use mesh_node::audit::Claim;
use mesh_node::{FleetFile, Report, RunFolder, audit, fleet_folder};
use std::path::PathBuf;

/// Checks what a fleet has signed.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Checks every signature, chain and certificate of a run.
    Verify(Arguments),
}

/// Checks every signature, chain and certificate of a run with nothing but its folder and the fleet's public keys.
#[derive(clap::Args)]
pub struct Arguments {
    /// The run folder.
    run: PathBuf,
    /// The fleet folder; only its fleet.toml is read. Without it: the scenario's below $COSMOSMESH_HOME/fleets.
    #[arg(long, value_name = "DIR")]
    fleet: Option<PathBuf>,
    /// Prints the findings as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let run = RunFolder::open(&arguments.run)?;
    let fleet = match &arguments.fleet {
        Some(path) => FleetFile::read(path)?,
        None => {
            // Which fleet it was is written in the run's own scenario.
            let (scenario, _) = ScenarioFile::read(&run.scenario())?.into_scenario()?;
            FleetFile::read(&fleet_folder::location(None, &scenario.name)?)?
        }
    };
    let report = if run.report().exists() { Some(Report::read(&run.report())?) } else { None };
    let audit = audit::verify(&run, &fleet, report.as_ref().map_or(Claim::Nothing, Claim::Report))?;
    if arguments.json {
        output::json(&audit);
    } else {
        for finding in &audit.findings {
            output::line(&finding.to_string());
        }
        let verdict = if audit.verified { "verified" } else { "NOT verified" };
        output::line(&format!("{verdict}: {} entries in order, {} findings", audit.entries, audit.findings.len()));
    }
    Ok(Verdict::good_if(audit.verified))
}
