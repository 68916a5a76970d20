//! What is known while a text is read: what was wrong so far, and where the parts of the diagram stand.

use super::Form;
use crate::DIAGNOSTICS_MAX;
use crate::diagnostic::{What, shortened};
use crate::document::Document;
use crate::json::{Json, Stretch, Value};
use mesh_model::diagram::{End, Fault, Label, Warning};
use std::collections::BTreeMap;

/// Reads one document.
pub(crate) struct Reader<'a> {
    text: &'a str,
    /// What is wrong, at most [`DIAGNOSTICS_MAX`].
    pub(crate) found: Vec<(Stretch, What)>,
    places: BTreeMap<Part, Stretch>,
    /// The box whose diagram is being read.
    pub(super) path: Label,
}

/// A part of the diagram, by its name as it is seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Box(Label),
    Junction(Label),
    /// A wire, at its port, or an outer port.
    End(End),
    /// What a box says over its port, by number.
    Said(Label, Label),
    Delta(String),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new(), places: BTreeMap::new(), path: Label::default() }
    }

    pub(crate) fn document(&mut self, json: &Json) -> Option<Document> {
        Document::read(json, self)
    }

    /// Where in the text that stands which something is wrong with.
    pub(crate) fn place_of(&self, what: &What) -> Option<Stretch> {
        parts_of(what).iter().find_map(|part| self.places.get(part).copied())
    }

    /// Where each box stands.
    pub(crate) fn boxes(&self) -> impl Iterator<Item = (&Label, Stretch)> {
        self.places.iter().filter_map(|(part, at)| match part {
            Part::Box(name) => Some((name, *at)),
            _ => None,
        })
    }

    /// Remembers that something is wrong, and gives nothing.
    pub(super) fn wrong<T>(&mut self, at: Stretch, what: What) -> Option<T> {
        if self.found.len() < DIAGNOSTICS_MAX {
            self.found.push((at, what));
        }
        None
    }

    pub(super) fn unexpected<T>(&mut self, json: &Json, expected: &'static str) -> Option<T> {
        self.wrong(json.at, What::Kind { expected, found: json.value.kind() })
    }

    /// Remembers where a part stands.
    pub(super) fn keep(&mut self, part: Part, at: Stretch) {
        self.places.entry(part).or_insert(at);
    }

    /// A name inside the diagram that is being read, as it is called from outside.
    pub(super) fn outside(&self, name: &Label) -> Label {
        self.path.join(name).unwrap_or_default()
    }

    /// The digits of a number.
    pub(super) fn digits(&self, at: Stretch) -> &'a str {
        self.text.get(at.begin as usize..at.end as usize).unwrap_or_default()
    }

    pub(super) fn number<T>(&mut self, json: &Json, expected: &'static str, read: fn(&str) -> Option<T>) -> Option<T> {
        if json.value != Value::Number {
            return self.unexpected(json, expected);
        }
        let digits = self.digits(json.at);
        match read(digits) {
            Some(number) => Some(number),
            None => self.wrong(json.at, What::Number { text: shortened(digits), expected }),
        }
    }
}

/// What something is wrong with, the nearest part first.
fn parts_of(what: &What) -> Vec<Part> {
    match what {
        What::Fault(fault) => parts_of_fault(fault),
        What::Warning(Warning::Alone { junction }) => vec![Part::Junction(junction.clone())],
        What::Warning(Warning::Open { name }) => vec![Part::Box(name.clone())],
        What::Warning(Warning::Disconnected { first }) => {
            first.last().map(|name| Part::Box(name.clone())).into_iter().collect()
        }
        What::NoSuchWire { of, port } | What::SaidWidth { of, port, .. } => vec![Part::Said(of.clone(), port.clone())],
        What::DeltaOfNobody { asset } | What::DeltaOfAnother { asset } => vec![Part::Delta(asset.to_string())],
        _ => Vec::new(),
    }
}

fn parts_of_fault(fault: &Fault) -> Vec<Part> {
    let of_end = |end: &End| {
        let (End::Port { of, .. } | End::Outer { of, .. }) = end;
        vec![Part::End(end.clone()), Part::Box(of.clone())]
    };
    match fault {
        Fault::NoSuchJunction { by: end, .. }
        | Fault::NoSuchPort { end }
        | Fault::Unwired { end }
        | Fault::WiredTwice { end, .. }
        | Fault::Width { end, .. }
        | Fault::Kind { end, .. } => of_end(end),
        Fault::Idle { junction } | Fault::Total { junction, .. } => vec![Part::Junction(junction.clone())],
        Fault::NameInside { inner: name, .. }
        | Fault::DuplicateName { name, .. }
        | Fault::NoSuchBox { name }
        | Fault::Occupied { name, .. }
        | Fault::Open { name }
        | Fault::Problem { name, .. } => vec![Part::Box(name.clone())],
        Fault::Version { .. }
        | Fault::NoName { .. }
        | Fault::Label(_)
        | Fault::Overflow { .. }
        | Fault::TooMany { .. } => Vec::new(),
    }
}
