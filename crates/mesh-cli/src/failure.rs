//! How a command ends, and how its failure is shown: what, where, what was expected, and a hint.

use crate::logging::LoggingError;
use crate::output;
use crate::scenario_file::ScenarioFile;
#[cfg(feature = "bench")]
use mesh_bench::optimiser::page;
use mesh_node::{FlightError, NodeError};
use mesh_sim::scenario::{Diagnostic, Severity};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::fmt;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Good,
    /// It ran, and the answer is no.
    No,
    /// It could not run.
    CouldNotRun,
    /// Somebody stopped it.
    Interrupted,
}

impl Verdict {
    /// Good, or no.
    pub fn good_if(good: bool) -> Self {
        if good { Self::Good } else { Self::No }
    }

    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::No => 1,
            Self::CouldNotRun => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(verdict.code())
    }
}

/// Why a command could not run.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Disk, keys, folders.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The flight broke off.
    #[error(transparent)]
    Flight(#[from] FlightError),
    /// The scenario file is none.
    #[error("{} is not a scenario", .0.path.display())]
    Scenario(Box<ScenarioFile>),
    /// The central planner could not fly the mission, so there is nothing to compare with.
    #[error("the central planner could not fly the mission: {0}")]
    #[cfg_attr(not(feature = "bench"), expect(dead_code, reason = "only the referee finds this out"))]
    Central(String),
    /// The problems of a plan make no diagram.
    #[error("the problems of the plan do not fit together: {0}")]
    Diagram(String),
    /// An option that means nothing for what it is given with.
    #[error("{option} cannot be given with {}: {why}", path.display())]
    Misplaced {
        /// The option.
        option: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// What should be a document is none; it has been said why.
    #[error("{} is not a document that can be used", path.display())]
    NotADocument {
        /// Where it is.
        path: PathBuf,
    },
    /// Nobody negotiated such a plan.
    #[error("nobody in {} negotiated a plan {plan}", run.display())]
    NoSuchPlan {
        /// Its number.
        plan: u64,
        /// The run.
        run: PathBuf,
    },
    /// A suite of the bench could not be run.
    #[error(transparent)]
    #[cfg(feature = "bench")]
    Suite(#[from] mesh_bench::optimiser::SuiteError),
    /// There is no place for figures in a page.
    #[error("{} has no marks between which figures could stand", .0.display())]
    #[cfg(feature = "bench")]
    PageWithoutMarks(PathBuf),
    /// What happens cannot be noted as asked.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// The signal handler could not be set.
    #[error("cannot listen for Ctrl-C: {0}")]
    Signals(#[from] ctrlc::Error),
}

impl Failure {
    /// Shows it on stderr.
    pub fn show(&self) {
        match self {
            Self::Scenario(file) => file.show_diagnostics(),
            other => output::note(rendered(&Plain { message: other.to_string(), hint: other.hint() }).trim_end()),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Node(why) | Self::Flight(FlightError::Node(why)) => why.hint(),
            Self::Scenario(_) | Self::Flight(FlightError::Misuse(_)) | Self::Signals(_) | Self::Central(_) => None,
            Self::Logging(_) | Self::Diagram(_) => None,
            Self::NotADocument { .. } => Some("`cosmosmesh ir export` writes such documents".to_owned()),
            Self::Misplaced { .. } => Some("leave it out".to_owned()),
            Self::NoSuchPlan { .. } => Some("plan.json in the run's folder lists those that were agreed".to_owned()),
            #[cfg(feature = "bench")]
            Self::Suite(why) => why.hint(),
            #[cfg(feature = "bench")]
            Self::PageWithoutMarks(_) => {
                Some(format!("put these two lines where they shall stand:\n{}", page::marks()))
            }
        }
    }
}

/// A diagnostic of a scenario file as text, with the part of the file that it is about.
pub fn rendered_diagnostic(name: &str, text: &str, diagnostic: &Diagnostic) -> String {
    if !is_showable(text, diagnostic) {
        let place = diagnostic.position(text);
        let Diagnostic { message, expected, hint, .. } = diagnostic;
        let message = format!("{name}:{}:{}: {message}; expected {expected}", place.line, place.column);
        return rendered(&Plain { message, hint: hint.clone() });
    }
    let source = NamedSource::new(name, text.to_owned()).with_language("toml");
    rendered(&InFile { source, diagnostic })
}

/// Whether the lines around it fit on a screen. Of a file that is all one line nobody wants to see the line.
fn is_showable(text: &str, diagnostic: &Diagnostic) -> bool {
    let (before, after) = (&text[..diagnostic.span.start], &text[diagnostic.span.end..]);
    let above = before.rsplit('\n').take(2);
    let below = after.split('\n').take(2);
    let longest = above.chain(text[diagnostic.span.clone()].split('\n')).chain(below).map(str::len).max().unwrap_or(0);
    longest <= SHOWN_LENGTH_MAX && !text.is_empty() && !text.contains('\0')
}

fn rendered(diagnostic: &dyn miette::Diagnostic) -> String {
    let is_plain = !std::io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    let theme = if is_plain { GraphicalTheme::unicode_nocolor() } else { GraphicalTheme::unicode() };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(WIDTH);
    // Rendering fails only if the span lies outside the text, and then the message alone has to do.
    if handler.render_report(&mut text, diagnostic).is_err() {
        text = format!("{diagnostic}\n");
    }
    text
}

/// Something that went wrong outside a scenario file.
#[derive(Debug)]
struct Plain {
    message: String,
    hint: Option<String>,
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Plain {}

impl miette::Diagnostic for Plain {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }
}

/// Something that is wrong in a scenario file.
#[derive(Debug)]
struct InFile<'d> {
    source: NamedSource<String>,
    diagnostic: &'d Diagnostic,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for InFile<'_> {}

impl miette::Diagnostic for InFile<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let expected = format!("expected {}", self.diagnostic.expected);
        let label = LabeledSpan::new_with_span(Some(expected), self.diagnostic.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

const WIDTH: usize = 120;
/// Longest line of a file that is shown, in bytes.
const SHOWN_LENGTH_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_names_file_line_expectation_and_hint() {
        let text = "name = \"x\"\nsede = 1\n";
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            message: "unknown key `sede`".to_owned(),
            span: 11..15,
            expected: "one of name, seed".to_owned(),
            hint: Some("did you mean `seed`?".to_owned()),
        };
        let shown = rendered_diagnostic("base.toml", text, &diagnostic);
        for part in ["unknown key `sede`", "base.toml:2:1", "expected one of name, seed", "did you mean `seed`?"] {
            assert!(shown.contains(part), "{part} is missing in {shown}");
        }
    }

    #[test]
    fn a_diagnostic_in_an_endless_line_has_its_place_and_no_picture() {
        for text in ["\t".repeat(100_000) + "= 1", "x".repeat(500_000), String::new(), "\0 = 1".to_owned()] {
            let diagnostic = Diagnostic {
                severity: Severity::Error,
                message: "not TOML".to_owned(),
                span: text.len()..text.len(),
                expected: "a key".to_owned(),
                hint: None,
            };
            let shown = rendered_diagnostic("base.toml", &text, &diagnostic);
            let place = format!("base.toml:1:{}: not TOML; expected a key", text.chars().count() + 1);
            let words = |text: &str| text.replace("│", "").split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(shown.len() < 400 && words(&shown).contains(&place), "{shown}");
        }
    }

    #[test]
    fn the_exit_codes_are_those_of_the_manual() {
        let codes = [Verdict::Good, Verdict::No, Verdict::CouldNotRun, Verdict::Interrupted].map(Verdict::code);
        assert_eq!(codes, [0, 1, 2, 130]);
    }
}
