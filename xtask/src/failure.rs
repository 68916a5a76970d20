//! Why a chore did not succeed, and what to do about it.

use std::fmt;
use std::process::ExitCode;

/// A chore that did not succeed.
#[derive(Debug, PartialEq)]
pub enum Failure {
    /// The repository breaks a rule.
    Finding {
        /// What was found; may have several lines.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The chore itself could not run.
    CouldNotRun {
        /// What stood in the way.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

impl Failure {
    /// The repository breaks a rule.
    pub fn finding(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Finding { problem: problem.into(), remedy: remedy.into() }
    }

    /// The chore itself could not run.
    pub fn could_not_run(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::CouldNotRun { problem: problem.into(), remedy: remedy.into() }
    }

    /// 1 when the answer is no, 2 when there is none.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Finding { .. } => ExitCode::from(1),
            Self::CouldNotRun { .. } => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Finding { problem, remedy } | Self::CouldNotRun { problem, remedy }) = self;
        write!(f, "{problem}\n  what to do: {remedy}")
    }
}
