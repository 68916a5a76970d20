//! The lines of an interface file: what is declared and what is said about it. It knows no types.

use super::Refusal;

/// One field or constant as the file has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The comment above it, or behind it if there is none above.
    pub doc: Vec<String>,
    /// The type as written.
    pub type_text: String,
    /// The name.
    pub name: String,
    /// The value of a constant, the default of a field if there is one.
    pub value: Option<String>,
    /// Whether it is a constant.
    pub constant: bool,
}

/// One message: a whole `.msg` file, or one side of a service.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// The comment at the top, up to the first empty line.
    pub doc: Vec<String>,
    /// Fields and constants in their order.
    pub declarations: Vec<Declaration>,
}

/// Reads one message. Everything declared must be explained: the comments become documentation.
pub fn section(place: &str, text: &str) -> Result<Section, Refusal> {
    let mut section = Section { doc: Vec::new(), declarations: Vec::new() };
    let mut above: Vec<String> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{place}, line {}", number + 1);
        let (code, comment) = split_comment(line);
        if code.is_empty() {
            match comment {
                Some(comment) => above.push(comment.to_owned()),
                None if section.doc.is_empty() && section.declarations.is_empty() => {
                    section.doc = std::mem::take(&mut above)
                }
                None => above.clear(),
            }
            continue;
        }
        // A comment belongs to the declaration right below it.
        let mut doc = std::mem::take(&mut above);
        if doc.is_empty() {
            doc.extend(comment.map(str::to_owned));
        }
        if doc.is_empty() {
            return Err(Refusal::new(place, format!("`{code}` is not explained: write a comment above it")));
        }
        section.declarations.push(declaration(&place, code, doc)?);
    }
    if section.doc.is_empty() && section.declarations.is_empty() {
        section.doc = above;
    }
    Ok(section)
}

fn declaration(place: &str, code: &str, doc: Vec<String>) -> Result<Declaration, Refusal> {
    let malformed = || Refusal::new(place, format!("`{code}` declares nothing: write a type and a name"));
    let (type_text, rest) = code.split_once(char::is_whitespace).ok_or_else(malformed)?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, tail) = rest.split_at(end);
    if name.is_empty() {
        return Err(malformed());
    }
    let tail = tail.trim();
    let (constant, value) = match tail.strip_prefix('=') {
        Some(value) => (true, Some(value.trim())),
        None => (false, Some(tail).filter(|value| !value.is_empty())),
    };
    let value = value.map(str::to_owned);
    Ok(Declaration { doc, type_text: type_text.to_owned(), name: name.to_owned(), value, constant })
}

/// Code and comment of a line, both trimmed. A `#` between quotes begins no comment.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    let mut quote = None;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '#') => return (line[..at].trim(), Some(line[at + 1..].trim())),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    (line.trim(), None)
}
