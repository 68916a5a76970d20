//! `audit verify`: checks what a fleet has signed.

use crate::failure::{Failure, Verdict};
use crate::flown_run::{FleetChoice, FlownRun};
use crate::output;
use mesh_node::audit::Claim;
use mesh_node::{FleetFile, Report, RunFolder, audit};
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
    #[command(flatten)]
    fleet: FleetChoice,
    /// Prints the findings as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let run = RunFolder::open(&arguments.run)?;
    let fleet_path = match arguments.fleet.named() {
        Some(path) => path.to_owned(),
        // Which fleet it was is written in the run's own scenario.
        None => arguments.fleet.location(&FlownRun::open(&arguments.run)?.scenario.name)?,
    };
    let fleet = FleetFile::read(&fleet_path)?;
    let report = if run.report().exists() { Some(Report::read(&run.report())?) } else { None };
    let audit = audit::verify(&run, &fleet, report.as_ref().map_or(Claim::Nothing, Claim::Report))?;
    if arguments.json {
        output::json(&audit);
    } else {
        for finding in &audit.findings {
            output::line(&finding.to_string());
        }
        if report.is_none() {
            output::note("there is no report.json, so the logs were checked without it");
        }
        if audit.entries == 0 {
            let (run, fleet) = (run.path().display(), fleet_path.display());
            output::note(format_args!(
                "not one entry stands: were the logs of {run} signed by the fleet in {fleet}? If not, name it with --fleet"
            ));
        }
        let verdict = if audit.verified { "verified" } else { "NOT verified" };
        let findings = output::counted(audit.findings.len(), "finding");
        output::line(&format!("{verdict}: {} entries in order, {findings}", audit.entries));
    }
    Ok(Verdict::good_if(audit.verified))
}
