//! Standard output and standard error. A reader that goes away (`| head`) is no reason to fail.

use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// Prints a line.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) {
    let text =
        serde_json::to_string_pretty(value).expect("what is printed has names and numbers only, which JSON can hold");
    line(&text);
}

/// Prints a line for whoever watches, on standard error.
pub fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// `1 seed`, `2 seeds`.
pub fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
