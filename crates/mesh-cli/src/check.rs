//! `check`: whether a scenario is one.

use crate::failure::{Failure, Verdict};
use crate::feasibility::NoPlan;
use crate::no_plan::Keeping;
use crate::scenario_file::{DiagnosticJson, ScenarioFile};
use crate::{ir, output};
use mesh_dsl::Document;
use mesh_node::proof::Refuted;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Checks a scenario without flying it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The scenario file.
    file: PathBuf,
    #[command(flatten)]
    keeping: Keeping,
    /// If some planning has no plan that meets every constraint: writes its problems into this file, all that is private to
    /// the assets, in the form that `ir check --solve` and `certificate verify --open` read.
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
    /// Prints the findings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Findings<'a> {
    file: &'a Path,
    valid: bool,
    diagnostics: Vec<DiagnosticJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_plan: Option<Refuted>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let mut file = ScenarioFile::read(&arguments.file)?;
    file.check_feasible()?;
    let refuted = file.no_plan.as_mut().map(|no_plan| keep(arguments, no_plan)).transpose()?.flatten();
    if arguments.json {
        let diagnostics = file.diagnostics_json();
        output::json(&Findings { file: &arguments.file, valid: file.is_valid(), diagnostics, no_plan: refuted });
    } else {
        file.show_diagnostics();
        let written = [arguments.keeping.path().filter(|_| refuted.is_some()), arguments.problems.as_deref()];
        for path in written.into_iter().flatten().filter(|_| file.no_plan.is_some()) {
            output::line(&format!("{} is written", path.display()));
        }
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

/// Writes down what was asked for of a planning that has no plan, and says what its proof amounts to.
fn keep(arguments: &Arguments, no_plan: &mut NoPlan) -> Result<Option<Refuted>, Failure> {
    if let Some(path) = &arguments.problems {
        ir::write_private(&Document::of(no_plan.diagram.clone()), path)?;
    }
    let Some(refutation) = &mut no_plan.refutation else { return Ok(None) };
    arguments.keeping.keep(refutation)?;
    Ok(Some(refutation.check(None, Some(&no_plan.diagram))))
}
