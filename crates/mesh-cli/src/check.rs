//! `check`: whether a scenario is one.

use crate::failure::{Failure, Verdict};
use crate::output;
use crate::scenario_file::{DiagnosticJson, ScenarioFile};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Checks a scenario without flying it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The scenario file.
    file: PathBuf,
    /// Prints the findings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Findings<'a> {
    file: &'a Path,
    valid: bool,
    diagnostics: Vec<DiagnosticJson<'a>>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let mut file = ScenarioFile::read(&arguments.file)?;
    file.check_feasible()?;
    if arguments.json {
        let diagnostics = file.diagnostics_json();
        output::json(&Findings { file: &arguments.file, valid: file.is_valid(), diagnostics });
    } else {
        file.show_diagnostics();
    }
    let Some(scenario) = file.scenario() else { return Ok(Verdict::CouldNotRun) };
    if !arguments.json {
        let timing = &scenario.timing;
        output::line(&format!(
            "{} is a scenario: {}, {} members, {} h in steps of {} min",
            arguments.file.display(),
            scenario.name,
            scenario.contract().members.len(),
            timing.duration_s / 3600,
            timing.step_s / 60
        ));
    }
    Ok(Verdict::Good)
}
