//! The canonical intermediate representation: a wiring diagram, what was said over its wires and what was agreed, as
//! JSON for people and as bytes for hashing.
//!
//! ```text
//! object    a box with its LocalProblem      diagram.boxes
//! morphism  what went over one wire          said: SharedVariables or DualVariables, with box and port
//! PlanDelta PlanDelta                        deltas
//! ```
//!
//! Both forms hold all of a [`Document`], and one document has one form of each kind. Reading gives a document and
//! everything that is wrong or odd about it, with the place; nothing here opens a file, and no text or bytes make it
//! panic, go deeper than a limit, or reserve memory for more than they hold.

mod binary;
mod check;
mod diagnostic;
mod document;
mod forms;
mod json;

pub use binary::write_binary;
pub use check::{Summary, check};
pub use diagnostic::{Diagnostic, Place, Severity, What};
pub use document::{Document, Morphism, Said};

use mesh_model::diagram::Label;
use std::collections::BTreeMap;

/// The version of documents that is read and written.
pub const DOCUMENT_VERSION: u32 = 1;
/// The longest document, in bytes of either form.
pub const DOCUMENT_LENGTH_MAX: usize = 64 << 20;
/// Most things that are said about one document.
pub const DIAGNOSTICS_MAX: usize = 100;

/// In which form a document came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Json,
    /// Bytes for hashing.
    Binary,
}

/// What reading gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The form that was recognised.
    pub format: Format,
    /// The document, as far as it could be understood. It may be wrong: see [`Reading::accepted`].
    pub document: Option<Document>,
    /// What is wrong or odd, in the order of places; at most [`DIAGNOSTICS_MAX`].
    pub diagnostics: Vec<Diagnostic>,
    /// Where each box stands, by its name as it is seen from outside; bytes have no such places.
    boxes: BTreeMap<Label, Place>,
}

impl Reading {
    /// Where a box stands, for whoever has something to say about what is in it.
    pub fn place_of(&self, name: &Label) -> Place {
        self.boxes.get(name).copied().unwrap_or(Place::Whole)
    }

    /// The document, if nothing is wrong with it.
    pub fn accepted(&self) -> Option<&Document> {
        let wrong = self.diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error);
        self.document.as_ref().filter(|_| !wrong)
    }
}

/// Reads either form, and checks what is said: a document in [`Reading::accepted`] is a sound diagram.
pub fn read(bytes: &[u8]) -> Reading {
    let mut reading = if bytes.starts_with(&binary::MAGIC) { binary::read(bytes) } else { json::read(bytes) };
    reading.diagnostics.truncate(DIAGNOSTICS_MAX);
    reading
}

/// The form for people: fields in a fixed order, names in theirs, each number in the shortest form that is read as the
/// same number again.
pub fn write_json(document: &Document) -> String {
    json::write(&forms::document(document))
}
