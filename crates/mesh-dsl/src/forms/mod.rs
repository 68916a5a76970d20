//! Every noun as JSON, one table a noun: its fields, in the order in which they are written.

mod diagram;
mod plain;
mod reader;
mod record;
mod said;

pub(crate) use reader::Reader;

use crate::document::Document;
use crate::json::{Json, Tree};

/// A noun that is written as JSON and read from it.
trait Form: Sized {
    /// What is written.
    fn tree(&self) -> Tree;

    /// What was written, or nothing; then the reader was told why.
    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self>;
}

/// The document as it is written.
pub(crate) fn document(document: &Document) -> Tree {
    document.tree()
}
