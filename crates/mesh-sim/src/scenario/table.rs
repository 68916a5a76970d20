//! A typed reader of TOML tables that reports everything wrong with one and knows where it stands.
//!
//! A table is read inside [`Problems::table`]: each key is asked for once by its type; when the reader is done, what
//! nobody asked for is unknown. A key that is missing while a near one is unknown was misspelt: that is reported once.

use super::diagnostic::{Problems, quoted};
use super::nearest::{did_you_mean, nearest};
use super::quantity::{Bounds, PERCENTAGE, Quantity, TIME};
use mesh_model::IdError;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// A value as it stands in the file.
pub(super) type Raw<'t> = &'t Spanned<DeValue<'t>>;

/// A table that is being read.
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// Its header, or all of it if it is inline.
    span: Range<usize>,
    /// Its name in messages: `[timing]`.
    title: String,
    /// Keys that were asked for, in that order.
    known: Vec<&'static str>,
    /// Those of them that are required and not there, with what was expected.
    missing: BTreeMap<&'static str, String>,
    /// Whether the reader gave up, so that nothing can be said about the keys that it did not ask for.
    abandoned: bool,
    problems: &'t Problems,
}

impl Problems {
    /// Reads a table with `read`, then reports its missing and unknown keys.
    pub fn table<'t, T>(
        &'t self,
        entries: &'t DeTable<'t>,
        span: Range<usize>,
        title: String,
        read: impl FnOnce(&mut Table<'t>) -> Option<T>,
    ) -> Option<T> {
        let mut table = Table {
            entries,
            span,
            title,
            known: Vec::new(),
            missing: BTreeMap::new(),
            abandoned: false,
            problems: self,
        };
        let value = read(&mut table);
        if !table.abandoned {
            table.report_unknown();
        }
        table.report_missing();
        value
    }

    /// Reads a value that must be a table.
    pub fn table_value<'t, T>(
        &'t self,
        value: Raw<'t>,
        title: String,
        read: impl FnOnce(&mut Table<'t>) -> Option<T>,
    ) -> Option<T> {
        match value.get_ref() {
            DeValue::Table(entries) => self.table(entries, value.span(), title, read),
            other => {
                let is_header = title.starts_with('[') && matches!(other, DeValue::Array(_));
                let hint = is_header.then(|| format!("write the header as {title}, with one pair of brackets"));
                self.error(value.span(), format!("{title} is {}", kind_name(other)), "one table", hint);
                None
            }
        }
    }
}

impl<'t> Table<'t> {
    /// Where complaints about the table as a whole point.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where complaints are collected.
    pub fn problems(&self) -> &'t Problems {
        self.problems
    }

    /// Changes the name in messages, once it is known better.
    pub fn rename(&mut self, title: String) {
        self.title = title;
    }

    /// Gives up on the table: keys that were not asked for are not judged.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// The value of a key that may be absent.
    pub fn optional(&mut self, key: &'static str) -> Option<Raw<'t>> {
        self.known.push(key);
        self.entries.get(key)
    }

    /// The value of a key that must be there.
    pub fn required(&mut self, key: &'static str, expected: impl Into<String>) -> Option<Raw<'t>> {
        let value = self.optional(key);
        if value.is_none() {
            self.missing.insert(key, expected.into());
        }
        value
    }

    /// A text.
    pub fn text(&mut self, key: &'static str, expected: &str) -> Option<At<&'t str>> {
        let value = self.required(key, expected)?;
        self.as_text(key, value, expected)
    }

    /// A name, such as an `AssetId`.
    pub fn name<T>(&mut self, key: &'static str, new: impl FnOnce(&str) -> Result<T, IdError>) -> Option<At<T>> {
        let text = self.text(key, NAME_EXPECTED)?;
        self.as_name(text, new)
    }

    /// A physical quantity within bounds, in the model's unit.
    pub fn quantity(&mut self, key: &'static str, quantity: &Quantity, bounds: Bounds) -> Option<At<f64>> {
        let value = self.required(key, quantity.expected())?;
        self.as_quantity(key, value, quantity, bounds)
    }

    /// A duration in whole seconds.
    pub fn duration(&mut self, key: &'static str, least_s: u32, most_s: u32) -> Option<At<u32>> {
        let value = self.required(key, TIME.expected())?;
        self.as_duration(key, value, least_s, most_s)
    }

    /// The same, for a key that may be absent.
    pub fn optional_duration(&mut self, key: &'static str, least_s: u32, most_s: u32) -> Option<At<u32>> {
        let value = self.optional(key)?;
        self.as_duration(key, value, least_s, most_s)
    }

    /// A plain number within bounds.
    pub fn number(&mut self, key: &'static str, bounds: Bounds) -> Option<At<f64>> {
        let value = self.required(key, format!("a number, {}", bounds.expected("")))?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => integer_value(integer).map(|integer| integer as f64),
            DeValue::Float(float) => float_value(float),
            other => return self.wrong_type(key, value, other, format!("a number, {}", bounds.expected("")), None),
        };
        self.within(key, number, value.span(), bounds, "")
    }

    /// A fraction within bounds, written as a plain number or as a percentage.
    pub fn fraction(&mut self, key: &'static str, bounds: Bounds) -> Option<At<f64>> {
        let expected = format!("a fraction like 0.05 or a percentage like \"5 %\", {}", bounds.expected(""));
        let value = self.required(key, expected.clone())?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => integer_value(integer).map(|integer| integer as f64),
            DeValue::Float(float) => float_value(float),
            DeValue::String(text) => match PERCENTAGE.read(text) {
                Ok(number) => Some(number),
                Err(misread) => {
                    self.problems.error(value.span(), format!("{key}: {}", misread.message), expected, misread.hint);
                    return None;
                }
            },
            other => return self.wrong_type(key, value, other, expected, None),
        };
        self.within(key, number, value.span(), bounds, "")
    }

    /// A whole number from `least` to `most`.
    pub fn whole(&mut self, key: &'static str, least: u64, most: u64) -> Option<At<u64>> {
        let expected = format!("a whole number from {least} to {most}");
        let value = self.required(key, expected.clone())?;
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(key, value, value.get_ref(), expected, None);
        };
        let number = integer_value(integer).and_then(|number| u64::try_from(number).ok());
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(At { value: number, span: value.span() }),
            None => {
                let message = format!("{key} is out of range: {}", integer_text(integer));
                self.problems.error(value.span(), message, expected, None);
                None
            }
        }
    }

    /// A table under `key`, read with `read`.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        title: String,
        read: impl FnOnce(&mut Table<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = self.required(key, format!("the table {title}"))?;
        self.problems.table_value(value, title, read)
    }

    /// The entries of a list that must be there.
    pub fn list(&mut self, key: &'static str, expected: &str) -> Option<At<&'t [Spanned<DeValue<'t>>]>> {
        let value = self.required(key, expected)?;
        self.as_list(key, value, expected)
    }

    /// The entries of a list that may be absent, which is the same as empty.
    pub fn optional_list(&mut self, key: &'static str, expected: &str) -> Option<At<&'t [Spanned<DeValue<'t>>]>> {
        match self.optional(key) {
            Some(value) => self.as_list(key, value, expected),
            None => Some(At { value: &[], span: self.span() }),
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &'static str, expected: &str) -> Option<At<Vec<At<&'t str>>>> {
        let list = self.list(key, expected)?;
        let texts: Vec<_> = list.value.iter().map(|value| self.as_text(key, value, expected)).collect();
        Some(At { value: texts.into_iter().collect::<Option<_>>()?, span: list.span })
    }

    /// Takes `text` for a name.
    pub fn as_name<T>(&self, text: At<&str>, new: impl FnOnce(&str) -> Result<T, IdError>) -> Option<At<T>> {
        match new(text.value) {
            Ok(name) => Some(At { value: name, span: text.span }),
            Err(why) => {
                let why = match why {
                    IdError::Character(character) => format!("{character:?} cannot stand there"),
                    other => other.to_string(),
                };
                let message = format!("{} is not a name: {why}", quoted(text.value));
                self.problems.error(text.span, message, NAME_EXPECTED, valid_name(text.value));
                None
            }
        }
    }

    /// Takes `value`, found under `key`, for a quantity.
    pub fn as_quantity(&self, key: &str, value: Raw<'t>, quantity: &Quantity, bounds: Bounds) -> Option<At<f64>> {
        let DeValue::String(text) = value.get_ref() else {
            let number = match value.get_ref() {
                DeValue::Integer(integer) => integer_text(integer),
                DeValue::Float(float) => float.as_str().to_owned(),
                other => return self.wrong_type(key, value, other, quantity.expected(), None),
            };
            let hint = Some(format!("write it with its unit and in quotes, like {:?}", quantity.example));
            self.problems.error(value.span(), format!("{key} is {number} without a unit"), quantity.expected(), hint);
            return None;
        };
        match quantity.read(text) {
            Ok(number) => self.within(key, Some(number), value.span(), bounds, quantity.unit()),
            Err(misread) => {
                let message = format!("{key}: {}", misread.message);
                self.problems.error(value.span(), message, quantity.expected(), misread.hint);
                None
            }
        }
    }

    fn as_duration(&self, key: &str, value: Raw<'t>, least_s: u32, most_s: u32) -> Option<At<u32>> {
        let At { value: seconds, span } = self.as_quantity(key, value, &TIME, ANY)?;
        let expected = || format!("a whole number of seconds, from {} to {}", duration(least_s), duration(most_s));
        if !seconds.is_finite() {
            self.problems.error(span, format!("{key} is not a finite number"), expected(), None);
            return None;
        }
        if seconds != seconds.trunc() {
            self.problems.error(span, format!("{key} is not a whole number of seconds"), expected(), None);
            return None;
        }
        if !(f64::from(least_s)..=f64::from(most_s)).contains(&seconds) {
            self.problems.error(span, format!("{key} is out of range"), expected(), None);
            return None;
        }
        // In range of u32 and whole: exact.
        Some(At { value: seconds as u32, span })
    }

    fn as_text(&self, key: &str, value: Raw<'t>, expected: &str) -> Option<At<&'t str>> {
        match value.get_ref() {
            DeValue::String(text) => Some(At { value: text, span: value.span() }),
            other => self.wrong_type(key, value, other, expected.to_owned(), None),
        }
    }

    fn as_list(&self, key: &str, value: Raw<'t>, expected: &str) -> Option<At<&'t [Spanned<DeValue<'t>>]>> {
        match value.get_ref() {
            DeValue::Array(entries) => Some(At { value: entries, span: value.span() }),
            DeValue::Table(_) if expected.starts_with("[[") => {
                let hint = Some(format!("write the header as [[{key}]], with two brackets: there can be several"));
                self.wrong_type(key, value, value.get_ref(), expected.to_owned(), hint)
            }
            DeValue::String(text) => {
                let hint =
                    Some(format!("write [\"{text}\"]")).filter(|_| text.len() <= mesh_model::id::NAME_LENGTH_MAX);
                self.wrong_type(key, value, value.get_ref(), expected.to_owned(), hint)
            }
            other => self.wrong_type(key, value, other, expected.to_owned(), None),
        }
    }

    fn within(
        &self,
        key: &str,
        number: Option<f64>,
        span: Range<usize>,
        bounds: Bounds,
        unit: &str,
    ) -> Option<At<f64>> {
        let expected = bounds.expected(unit);
        let Some(number) = number.filter(|number| number.is_finite() || bounds == ANY) else {
            self.problems.error(span, format!("{key} is not a finite number"), expected, None);
            return None;
        };
        if bounds.hold(number) || bounds == ANY {
            // Adding zero turns -0.0 into 0.0.
            return Some(At { value: number + 0.0, span });
        }
        let message = if number < 0.0 && bounds.least == 0.0 {
            format!("{key} is negative")
        } else {
            format!("{key} is out of range")
        };
        self.problems.error(span, message, expected, None);
        None
    }

    fn wrong_type<T>(
        &self,
        key: &str,
        value: Raw<'t>,
        found: &DeValue<'_>,
        expected: String,
        hint: Option<String>,
    ) -> Option<T> {
        self.problems.error(value.span(), format!("{key} is {}", kind_name(found)), expected, hint);
        None
    }

    fn report_unknown(&mut self) {
        for (key, _) in self.entries.iter() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let misspelt = nearest(name, self.missing.keys().copied());
            let hint = match misspelt {
                Some(meant) => Some(format!("did you mean `{meant}`?")),
                None => did_you_mean(name, self.known.iter().copied()),
            };
            if let Some(meant) = misspelt {
                self.missing.remove(meant);
            }
            let expected = format!("one of {}", self.known.join(", "));
            self.problems.error(key.span(), format!("unknown key {} in {}", quoted(name), self.title), expected, hint);
        }
    }

    fn report_missing(self) {
        for (key, expected) in self.missing {
            self.problems.error(self.span.clone(), format!("`{key}` is missing in {}", self.title), expected, None);
        }
    }
}

/// A duration for people: `90 min`.
pub(super) fn duration(seconds: u32) -> String {
    match seconds {
        0 => "0 h".to_owned(),
        _ if seconds.is_multiple_of(86_400) && seconds > 7 * 86_400 => format!("{} d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

fn integer_value(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn integer_text(integer: &DeInteger<'_>) -> String {
    integer_value(integer).map_or_else(|| "a number of many digits".to_owned(), |number| number.to_string())
}

fn float_value(float: &DeFloat<'_>) -> Option<f64> {
    float.as_str().parse().ok()
}

fn kind_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A valid name that looks like `text`, as a hint.
fn valid_name(text: &str) -> Option<String> {
    let name: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(mesh_model::id::NAME_LENGTH_MAX)
        .collect();
    (!name.is_empty()).then(|| format!("write it like `{name}`"))
}

const NAME_EXPECTED: &str = "a name: a lower-case letter, then lower-case letters, digits or _, at most 32";

/// For numbers that are judged afterwards; infinity and NaN get through.
const ANY: Bounds = Bounds::closed(f64::MIN, f64::MAX);
