//! JSON, with the place of every value.
//!
//! Written by hand because what is wrong with a diagram is mostly wrong with its meaning, and a place in the text has to
//! be given for that, too.

mod parse;
mod write;

pub(crate) use write::{Tree, write};

use crate::check::found_in;
use crate::diagnostic::{Diagnostic, Place, What};
use crate::forms::Reader;
use crate::{DOCUMENT_LENGTH_MAX, Format, Reading};
use std::collections::BTreeMap;

/// A stretch of the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stretch {
    pub(crate) begin: u32,
    pub(crate) end: u32,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json {
    pub(crate) at: Stretch,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// Its digits stand in the text.
    Number,
    Text(String),
    List(Vec<Json>),
    /// Names are unique.
    Object(Vec<(Key, Json)>),
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) at: Stretch,
    pub(crate) text: String,
}

impl Value {
    /// What it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a document from text.
pub(crate) fn read(bytes: &[u8]) -> Reading {
    let failed = |place, what| {
        let diagnostics = vec![Diagnostic { place, what }];
        Reading { format: Format::Json, document: None, diagnostics, boxes: BTreeMap::new() }
    };
    if bytes.len() > DOCUMENT_LENGTH_MAX {
        return failed(Place::Whole, What::TooLong { length: bytes.len() });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(why) => return failed(Place::Byte(why.valid_up_to() as u64), What::NotText),
    };
    let lines = Lines::of(text);
    let json = match parse::parse(text) {
        Ok(json) => json,
        Err((at, what)) => return failed(lines.place(at), what),
    };
    let mut reader = Reader::new(text);
    let document = reader.document(&json);
    let mut found: Vec<(Stretch, What)> = std::mem::take(&mut reader.found);
    if let Some(document) = document.as_ref().filter(|_| found.is_empty()) {
        found.extend(found_in(document).into_iter().map(|what| (reader.place_of(&what).unwrap_or(json.at), what)));
    }
    found.sort_by_key(|(at, _)| *at);
    let diagnostics = found.into_iter().map(|(at, what)| Diagnostic { place: lines.place(at), what }).collect();
    let boxes = reader.boxes().map(|(name, at)| (name.clone(), lines.place(at))).collect();
    Reading { format: Format::Json, document, diagnostics, boxes }
}

/// Where lines begin.
struct Lines<'a> {
    text: &'a str,
    begins: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let begins = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, begins }
    }

    fn place(&self, at: Stretch) -> Place {
        let (begin, end) = (at.begin as usize, at.end as usize);
        let line = self.begins.partition_point(|line| *line <= begin);
        let start = self.begins[line - 1];
        let characters = |from: usize, to: usize| self.text.get(from..to).map_or(0, |part| part.chars().count());
        let line_end = self.begins.get(line).map_or(self.text.len(), |next| next - 1);
        let length = characters(begin, end.min(line_end).max(begin));
        let whole = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Place::Text { line: whole(line), column: whole(characters(start, begin) + 1), length: whole(length) }
    }
}
