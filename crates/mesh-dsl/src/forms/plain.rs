//! Numbers, names, lists and maps.

use super::Form;
use super::reader::Reader;
use crate::diagnostic::{What, shortened};
use crate::json::{Json, Stretch, Tree, Value};
use mesh_model::diagram::{JunctionKind, Label};
use mesh_model::{AssetId, Hash, JunctionId, MissionTime, Real};
use std::collections::BTreeMap;

impl Form for bool {
    fn tree(&self) -> Tree {
        Tree::Plain(self.to_string())
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        match json.value {
            Value::Bool(value) => Some(value),
            _ => reader.unexpected(json, "true or false"),
        }
    }
}

macro_rules! whole_number {
    ($number:ty, $expected:literal) => {
        impl Form for $number {
            fn tree(&self) -> Tree {
                Tree::Plain(self.to_string())
            }

            fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
                reader.number(json, $expected, |digits| digits.parse().ok())
            }
        }
    };
}

whole_number!(i8, "a whole number from -128 to 127");
whole_number!(u16, "a whole number up to 65535");
whole_number!(u32, "a whole number up to 4294967295");
whole_number!(u64, "a whole number up to 18446744073709551615");

impl Form for Real {
    fn tree(&self) -> Tree {
        Tree::number(self.value())
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        reader.number(json, "a number of at most 1.7976931348623157e308", |digits| {
            digits.parse().ok().and_then(|value| Self::new(value).ok())
        })
    }
}

impl Form for MissionTime {
    fn tree(&self) -> Tree {
        self.as_ns().tree()
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        u64::read(json, reader).map(Self::from_ns)
    }
}

impl Form for String {
    fn tree(&self) -> Tree {
        Tree::text(self)
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        match &json.value {
            Value::Text(text) => Some(text.clone()),
            _ => reader.unexpected(json, "text"),
        }
    }
}

/// A name that is checked when it is made.
macro_rules! name {
    ($name:ty, $read:expr, $wrong:expr) => {
        impl Form for $name {
            fn tree(&self) -> Tree {
                Tree::text(&self.to_string())
            }

            fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
                let text = String::read(json, reader)?;
                $read(&text).map_or_else(|why| reader.wrong(json.at, $wrong(why)), Some)
            }
        }
    };
}

name!(Label, Label::new, What::Label);
name!(AssetId, AssetId::new, What::Name);
name!(JunctionId, JunctionId::new, What::Name);
name!(Hash, |text: &str| Hash::try_from(text.to_owned()), |_| What::Hash);

impl Form for JunctionKind {
    fn tree(&self) -> Tree {
        Tree::text(&self.to_string())
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        const KNOWN: [&str; 3] = ["consensus", "exchange", "budget"];
        let word = String::read(json, reader)?;
        match word.as_str() {
            "consensus" => Some(Self::Consensus),
            "exchange" => Some(Self::Exchange),
            "budget" => Some(Self::Budget),
            other => reader.wrong(json.at, What::Word { word: shortened(other), known: &KNOWN }),
        }
    }
}

impl<T: Form> Form for Option<T> {
    fn tree(&self) -> Tree {
        self.as_ref().map_or_else(|| Tree::Plain("null".to_owned()), T::tree)
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        if json.value == Value::Null { Some(None) } else { T::read(json, reader).map(Some) }
    }
}

impl<T: Form> Form for Vec<T> {
    fn tree(&self) -> Tree {
        Tree::List(self.iter().map(T::tree).collect())
    }

    /// Every entry is read even if one before it is wrong.
    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let Value::List(values) = &json.value else { return reader.unexpected(json, "a list") };
        let read: Vec<Option<T>> = values.iter().map(|value| T::read(value, reader)).collect();
        read.into_iter().collect()
    }
}

impl<T: Form> Form for BTreeMap<Label, T> {
    fn tree(&self) -> Tree {
        Tree::Object(self.iter().map(|(name, value)| (name.to_string(), value.tree())).collect())
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        entries(json, reader, |_, _, value, reader| T::read(value, reader))
    }
}

/// The entries of an object whose names are labels. Every one is read even if one before it is wrong.
pub(super) fn entries<T>(
    json: &Json,
    reader: &mut Reader<'_>,
    mut read: impl FnMut(&Label, Stretch, &Json, &mut Reader<'_>) -> Option<T>,
) -> Option<BTreeMap<Label, T>> {
    let Value::Object(fields) = &json.value else { return reader.unexpected(json, "an object of names") };
    let mut all = Some(BTreeMap::new());
    for (key, value) in fields {
        let name = Label::new(&key.text).map_or_else(|why| reader.wrong(key.at, What::Label(why)), Some);
        let read = name.and_then(|name| Some((name.clone(), read(&name, key.at, value, reader)?)));
        match (read, &mut all) {
            (Some((name, value)), Some(all)) => {
                all.insert(name, value);
            }
            _ => all = None,
        }
    }
    all
}

impl<A: Form, B: Form> Form for (A, B) {
    fn tree(&self) -> Tree {
        Tree::List(vec![self.0.tree(), self.1.tree()])
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        match &json.value {
            Value::List(values) if values.len() == 2 => {
                let (a, b) = (A::read(&values[0], reader), B::read(&values[1], reader));
                Some((a?, b?))
            }
            _ => reader.unexpected(json, "a list of two"),
        }
    }
}

impl<A: Form, B: Form, C: Form> Form for (A, B, C) {
    fn tree(&self) -> Tree {
        Tree::List(vec![self.0.tree(), self.1.tree(), self.2.tree()])
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        match &json.value {
            Value::List(values) if values.len() == 3 => {
                let (a, b) = (A::read(&values[0], reader), B::read(&values[1], reader));
                let c = C::read(&values[2], reader);
                Some((a?, b?, c?))
            }
            _ => reader.unexpected(json, "a list of three"),
        }
    }
}
