//! What a rule says when it is broken.

use std::fmt;

/// A place where a rule is broken, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File or crate, relative to the repository.
    pub place: String,
    /// Line, from 1, if it is about one.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// About a whole file or crate.
    pub fn new(place: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: place.into(), line: None, problem: problem.into(), remedy: remedy.into() }
    }

    /// The same at a line, counted from 1.
    pub fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}: {}", self.place, self.problem, self.remedy),
            None => write!(f, "{}: {}: {}", self.place, self.problem, self.remedy),
        }
    }
}
