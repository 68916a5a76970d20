//! A scenario file: read, parsed, and what is wrong with it shown.

use crate::failure::{Failure, rendered_diagnostic};
use mesh_node::durable;
use mesh_sim::Scenario;
use mesh_sim::scenario::{self, Diagnostic};
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
        let (scenario, diagnostics) = scenario::check(&text);
        Ok(Self { path: path.to_owned(), text, diagnostics, scenario })
    }

    /// The scenario with the file that it came from; warnings are shown unless `quiet`.
    pub fn into_scenario(mut self) -> Result<(Scenario, String), Failure> {
        match self.scenario.take() {
            Some(scenario) => {
                self.show_diagnostics();
                Ok((scenario, self.text))
            }
            None => Err(Failure::Scenario(Box::new(self))),
        }
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
            eprint!("{}", rendered_diagnostic(&name, &self.text, diagnostic));
        }
    }

    /// All that was found, for programs.
    pub fn diagnostics_json(&self) -> Vec<DiagnosticJson<'_>> {
        self.diagnostics.iter().map(|diagnostic| DiagnosticJson::of(diagnostic, &self.text)).collect()
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
