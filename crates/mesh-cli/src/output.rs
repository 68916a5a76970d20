//! Standard output and standard error. A reader that goes away (`| head`) is no reason to fail.

use indicatif::MultiProgress;
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    note_bytes(format!("{text}\n").as_bytes());
}

/// Prints whole lines for whoever watches, on standard error, above those that stay in place.
pub fn note_bytes(lines: &[u8]) {
    let print = || {
        let _ = std::io::stderr().lock().write_all(lines);
    };
    match &*screen() {
        Some(screen) => screen.suspend(print),
        None => print(),
    }
}

/// While it lives, some lines stay in place on the terminal and [`note`] prints above them.
#[derive(Debug)]
pub struct InPlace(());

impl InPlace {
    /// Prints above the lines of `lines` from here on.
    pub fn new(lines: &MultiProgress) -> Self {
        *screen() = Some(lines.clone());
        Self(())
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        *screen() = None;
    }
}

fn screen() -> MutexGuard<'static, Option<MultiProgress>> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines that stay in place. There is one terminal.
static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// `1 seed`, `2 seeds`.
pub fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
