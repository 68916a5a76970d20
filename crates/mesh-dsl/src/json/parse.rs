//! Text to values: RFC 8259, and nothing beside it.

use super::{Json, Key, Stretch, Value};
use crate::diagnostic::{END_OF_TEXT, What, shortened};
use std::collections::BTreeSet;

/// Deepest lists and objects.
const DEPTH_MAX: usize = 128;
/// Most values of one document.
const VALUES_MAX: usize = 10_000_000;

type Refused = (Stretch, What);

/// The one value that a text holds.
pub(super) fn parse(text: &str) -> Result<Json, Refused> {
    let mut parser = Parser { text, at: 0, depth: 0, values: 0 };
    parser.skip_blank();
    let json = parser.value()?;
    parser.skip_blank();
    if parser.at < text.len() { Err(parser.expected("the end of the document")) } else { Ok(json) }
}

struct Parser<'a> {
    text: &'a str,
    /// Always between two characters.
    at: usize,
    depth: usize,
    values: usize,
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Json, Refused> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err((self.here(), What::TooMany { what: "values", limit: VALUES_MAX }));
        }
        let begin = self.at;
        let value = match self.peek() {
            Some(b'{') => self.deeper(Self::object)?,
            Some(b'[') => self.deeper(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            _ => return Err(self.expected("a value")),
        };
        Ok(Json { at: self.since(begin), value })
    }

    fn deeper(&mut self, inner: fn(&mut Self) -> Result<Value, Refused>) -> Result<Value, Refused> {
        if self.depth == DEPTH_MAX {
            return Err((self.here(), What::TooMany { what: "levels of lists and objects", limit: DEPTH_MAX }));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_blank();
        let value = inner(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, Refused> {
        let mut fields: Vec<(Key, Json)> = Vec::new();
        let mut names = BTreeSet::new();
        if self.take(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            let begin = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a name in quotes"));
            }
            let text = self.string()?;
            let key = Key { at: self.since(begin), text };
            if !names.insert(key.text.clone()) {
                return Err((key.at, What::DuplicateKey { key: shortened(&key.text) }));
            }
            self.skip_blank();
            if !self.take(b':') {
                return Err(self.expected("`:`"));
            }
            self.skip_blank();
            fields.push((key, self.value()?));
            self.skip_blank();
            if self.take(b'}') {
                return Ok(Value::Object(fields));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
            self.skip_blank();
        }
    }

    fn list(&mut self) -> Result<Value, Refused> {
        let mut values = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(values));
        }
        loop {
            values.push(self.value()?);
            self.skip_blank();
            if self.take(b']') {
                return Ok(Value::List(values));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
            self.skip_blank();
        }
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, Refused> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<Value, Refused> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Value::Number)
    }

    fn digits(&mut self) -> Result<(), Refused> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == begin { Err(self.expected("a digit")) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, Refused> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let plain = self.text[self.at..].find(|c: char| c == '"' || c == '\\' || c < ' ');
            let end = plain.map_or(self.text.len(), |length| self.at + length);
            string.push_str(&self.text[self.at..end]);
            self.at = end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    self.at += 1;
                    string.push(self.escaped()?);
                }
                _ => return Err(self.expected("`\"` at the end of a text")),
            }
        }
    }

    /// What follows a backslash.
    fn escaped(&mut self) -> Result<char, Refused> {
        let plain = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.expected("one of `\"\\/bfnrtu` after a backslash")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// Four hexadecimal digits, or twice four with `\u` between them for what needs two.
    fn unicode(&mut self) -> Result<char, Refused> {
        let begin = self.at;
        let first = self.four_digits()?;
        let code = match first {
            0xd800..=0xdbff if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                match self.four_digits()? {
                    second @ 0xdc00..=0xdfff => 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => first,
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| {
            let found = "half of a character".to_owned();
            (self.since(begin), What::Syntax { expected: "a character", found })
        })
    }

    fn four_digits(&mut self) -> Result<u32, Refused> {
        let digits = self.text.get(self.at..self.at + 4).filter(|four| four.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|four| u32::from_str_radix(four, 16).ok());
        let code = code.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }

    fn skip_blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> Refused {
        let left = &self.text[self.at..];
        let word = left.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(left.len());
        let found = match left.chars().next() {
            None => END_OF_TEXT.to_owned(),
            Some(_) if word > 1 => format!("`{}`", shortened(&left[..word])),
            Some(other) => format!("{other:?}"),
        };
        (self.here(), What::Syntax { expected, found })
    }

    fn here(&self) -> Stretch {
        let length = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        stretch(self.at, self.at + length)
    }

    fn since(&self, begin: usize) -> Stretch {
        stretch(begin, self.at)
    }
}

/// Documents are shorter than 4 GiB.
fn stretch(begin: usize, end: usize) -> Stretch {
    let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Stretch { begin: short(begin), end: short(end) }
}
