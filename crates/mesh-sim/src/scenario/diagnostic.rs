//! What is wrong with a scenario file: where, what was expected, and a hint. How it is shown is the shell's business.

use std::cell::RefCell;
use std::ops::Range;

/// One thing that is wrong with a scenario file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The part of the file that it is about, in bytes; within the file and on character boundaries.
    pub span: Range<usize>,
    /// What would have been right.
    pub expected: String,
    /// How to get there, where that can be guessed.
    pub hint: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not a scenario.
    Error,
    /// The file is a scenario, but probably not the one that was meant.
    Warning,
}

/// A place in a text, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Position {
    /// The place of byte `offset` in `text`; of the end if it lies beyond.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl Diagnostic {
    /// Where its span begins in `text`, the file that was parsed.
    pub fn position(&self, text: &str) -> Position {
        Position::of(text, self.span.start)
    }

    /// Whether it keeps the file from being a scenario.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Collects diagnostics while a file is read. Shared by all readers of one file, each of which only adds.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Diagnostic>>,
}

impl Problems {
    pub fn error(&self, span: Range<usize>, message: String, expected: impl Into<String>, hint: Option<String>) {
        self.add(Diagnostic { severity: Severity::Error, message, span, expected: expected.into(), hint });
    }

    pub fn warning(&self, span: Range<usize>, message: String, expected: impl Into<String>, hint: Option<String>) {
        self.add(Diagnostic { severity: Severity::Warning, message, span, expected: expected.into(), hint });
    }

    pub fn any_error(&self) -> bool {
        has_error(&self.found.borrow())
    }

    /// Everything found, in the order of the file, with spans that lie within `text`.
    pub fn into_diagnostics(self, text: &str) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        for diagnostic in &mut found {
            let end = char_boundary(text, diagnostic.span.end);
            diagnostic.span = char_boundary(text, diagnostic.span.start).min(end)..end;
        }
        found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
        found
    }

    fn add(&self, diagnostic: Diagnostic) {
        let mut found = self.found.borrow_mut();
        if found.len() < DIAGNOSTICS_MAX {
            found.push(diagnostic);
        }
    }
}

/// Whether any of `diagnostics` keeps the file from being a scenario.
pub(super) fn has_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// Shortens a piece of the file that a message quotes.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTE_LENGTH_MAX) {
        Some((end, _)) => format!("`{}...`", text[..end].escape_debug()),
        None => format!("`{}`", text.escape_debug()),
    }
}

/// The last character boundary at or before `offset`.
fn char_boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// Diagnostics beyond this many are dropped: nobody reads them.
pub const DIAGNOSTICS_MAX: usize = 256;

/// Longest quotation from the file in a message, in characters.
const QUOTE_LENGTH_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "ab\näöü x\n";
        let check = |offset, line, column| assert_eq!(Position::of(text, offset), Position { line, column });
        check(0, 1, 1);
        check(2, 1, 3);
        check(3, 2, 1);
        check(text.find('x').expect("it is there"), 2, 5);
        check(text.len(), 3, 1);
        check(text.len() + 9, 3, 1);
    }

    #[test]
    fn spans_are_pulled_into_the_text() {
        let problems = Problems::default();
        problems.error(4..99, "m".to_owned(), "e", None);
        problems.error(1..2, "m".to_owned(), "e", None);
        let spans: Vec<_> = problems.into_diagnostics("äöü").into_iter().map(|d| d.span).collect();
        assert_eq!(spans, [0..2, 4..6]);
    }

    #[test]
    fn long_quotations_are_shortened() {
        assert_eq!(quoted("kWh"), "`kWh`");
        assert_eq!(quoted(&"ö".repeat(41)), format!("`{}...`", "ö".repeat(40)));
    }
}
