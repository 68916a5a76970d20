//! A scenario file: read, parsed, and what is wrong with it shown.

use crate::failure::{Failure, rendered_diagnostic};
use crate::feasibility::{self, NoPlan};
use crate::output;
use mesh_node::durable;
use mesh_sim::Scenario;
use mesh_sim::scenario::{self, Diagnostic, Severity};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A scenario file and what the parser made of it.
#[derive(Debug)]
pub struct ScenarioFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What was found, errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// The planning that is known to fail, once [`Self::check_feasible`] has found one.
    pub no_plan: Option<NoPlan>,
    scenario: Option<Scenario>,
}

/// A diagnostic as JSON.
#[derive(Debug, Serialize)]
pub struct DiagnosticJson<'a> {
    severity: &'static str,
    message: &'a str,
    line: usize,
    column: usize,
    expected: &'a str,
    hint: Option<&'a str>,
}

impl ScenarioFile {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = durable::read_text(path)?;
        let (scenario, diagnostics) = if text.trim().is_empty() {
            // Otherwise the parser would complain about each of its tables.
            (None, vec![empty()])
        } else {
            scenario::check(&text)
        };
        Ok(Self { path: path.to_owned(), text, diagnostics, no_plan: None, scenario })
    }

    /// The scenario with the file that it came from; warnings are shown.
    pub fn into_scenario(mut self) -> Result<(Scenario, String), Failure> {
        match self.scenario.take() {
            Some(scenario) => {
                self.show_diagnostics();
                Ok((scenario, self.text))
            }
            None => Err(Failure::Scenario(Box::new(self))),
        }
    }

    /// If it is a scenario, yet one that no fleet can fly, it counts as none from here on, with the reason among its
    /// diagnostics.
    pub fn check_feasible(&mut self) -> Result<(), Failure> {
        let Some(scenario) = &self.scenario else {
            self.no_plan = feasibility::no_first_plan(&self.text);
            return Ok(());
        };
        if let Some((diagnostic, no_plan)) = feasibility::check(scenario, &self.text)? {
            self.diagnostics.push(diagnostic);
            self.no_plan = no_plan;
            self.scenario = None;
        }
        Ok(())
    }

    /// Whether it is a scenario.
    pub fn is_valid(&self) -> bool {
        self.scenario.is_some()
    }

    /// The scenario, if it is one.
    pub fn scenario(&self) -> Option<&Scenario> {
        self.scenario.as_ref()
    }

    /// Shows all that was found on stderr.
    pub fn show_diagnostics(&self) {
        let name = self.path.display().to_string();
        for diagnostic in &self.diagnostics {
            output::note(rendered_diagnostic(&name, &self.text, diagnostic).trim_end());
        }
        if let Some(no_plan) = &self.no_plan
            && let Some(refutation) = &no_plan.refutation
        {
            let from = no_plan.from;
            output::note(format_args!(
                "no plan from {from} on meets every constraint, which is proved by what each can do:"
            ));
            let words = refutation.in_words_with(&no_plan.diagram);
            words.iter().for_each(|sentence| output::note(format_args!("  {sentence}")));
        }
        let errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        if errors > 0 {
            output::note(format_args!(
                "{name} is not a scenario that can be flown: {}",
                output::counted(errors, "error")
            ));
        }
    }

    /// All that was found, for programs.
    pub fn diagnostics_json(&self) -> Vec<DiagnosticJson<'_>> {
        self.diagnostics.iter().map(|diagnostic| DiagnosticJson::of(diagnostic, &self.text)).collect()
    }
}

fn empty() -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        message: "the file is empty".to_owned(),
        span: 0..0,
        expected: "a scenario".to_owned(),
        hint: Some("start from scenarios/lunar_base.toml".to_owned()),
    }
}

impl<'a> DiagnosticJson<'a> {
    fn of(diagnostic: &'a Diagnostic, text: &str) -> Self {
        let place = diagnostic.position(text);
        Self {
            severity: if diagnostic.is_error() { "error" } else { "warning" },
            message: &diagnostic.message,
            line: place.line,
            column: place.column,
            expected: &diagnostic.expected,
            hint: diagnostic.hint.as_deref(),
        }
    }
}
