//! Nouns that are a list of fields.

use super::Form;
use super::reader::Reader;
use crate::diagnostic::{What, shortened};
use crate::json::{Json, Stretch, Value};

/// The fields of an object, taken one by one.
pub(super) struct Fields<'a> {
    of: &'static str,
    at: Stretch,
    fields: Vec<Option<&'a Json>>,
    known: &'static [&'static str],
}

impl<'a> Fields<'a> {
    /// Opens an object; what is in it beside `known` is wrong.
    pub(super) fn open(
        json: &'a Json,
        reader: &mut Reader<'_>,
        of: &'static str,
        known: &'static [&'static str],
    ) -> Option<Self> {
        let Value::Object(values) = &json.value else { return reader.unexpected(json, of) };
        let mut fields = vec![None; known.len()];
        for (key, value) in values {
            match known.iter().position(|name| *name == key.text) {
                Some(place) => fields[place] = Some(value),
                None => {
                    let field = shortened(&key.text);
                    reader.wrong::<()>(key.at, What::UnknownField { field, of, known });
                }
            }
        }
        Some(Self { of, at: json.at, fields, known })
    }

    /// A field that may be missing, unread.
    pub(super) fn json(&self, field: &str) -> Option<&'a Json> {
        let place = self.known.iter().position(|name| *name == field)?;
        self.fields[place]
    }

    /// A field that has to be there.
    pub(super) fn take<T: Form>(&self, reader: &mut Reader<'_>, field: &'static str) -> Option<T> {
        match self.json(field) {
            Some(json) => T::read(json, reader),
            None => {
                // One character of the object: its opening brace.
                let at = Stretch { begin: self.at.begin, end: self.at.begin + 1 };
                reader.wrong(at, What::MissingField { field, of: self.of })
            }
        }
    }

    /// A list or map that is empty if it is missing.
    pub(super) fn take_or_empty<T: Form + Default>(&self, reader: &mut Reader<'_>, field: &'static str) -> Option<T> {
        self.json(field).map_or_else(|| Some(T::default()), |json| T::read(json, reader))
    }
}

/// `record!(Noun, "a noun", field => "name", ...)`: an object with these fields, each of which has to be there. Every
/// field is read even if one before it is wrong, so that all that is wrong is said at once.
macro_rules! record {
    ($noun:ident, $what:literal, $($field:ident => $name:literal),+ $(,)?) => {
        impl $crate::forms::Form for $noun {
            fn tree(&self) -> $crate::json::Tree {
                let Self { $($field),+ } = self;
                $crate::json::Tree::Object(vec![$(($name.to_owned(), $crate::forms::Form::tree($field))),+])
            }

            fn read(json: &$crate::json::Json, reader: &mut $crate::forms::Reader<'_>) -> Option<Self> {
                let fields = $crate::forms::record::Fields::open(json, reader, $what, &[$($name),+])?;
                $(let $field = fields.take(reader, $name);)+
                Some(Self { $($field: $field?),+ })
            }
        }
    };
}

pub(super) use record;
