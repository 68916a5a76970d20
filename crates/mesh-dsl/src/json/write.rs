//! Values to text that a person can read: what fits on a line stands on one, and lists of plain values fill lines.

use std::fmt::Write;

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// A number, a word or a text, as it stands in JSON.
    Plain(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// Longest line that is filled; one with a single long value may be longer.
const WIDTH_MAX: usize = 118;
const INDENT: usize = 2;

impl Tree {
    pub(crate) fn text(text: &str) -> Self {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('"');
        for c in text.chars() {
            match c {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                c if c < ' ' => push(&mut quoted, format_args!("\\u{:04x}", u32::from(c))),
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        Self::Plain(quoted)
    }

    /// The shortest digits that are read as the same number again.
    pub(crate) fn number(value: f64) -> Self {
        const WHOLE_MAX: f64 = 1e15;
        let whole = value.abs() < WHOLE_MAX && value == value.trunc();
        Self::Plain(if whole { format!("{value}") } else { format!("{value:?}") })
    }

    /// Characters on one line.
    fn length(&self) -> usize {
        match self {
            Self::Plain(text) => text.chars().count(),
            Self::List(values) => 2 * values.len().max(1) + values.iter().map(Self::length).sum::<usize>(),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| name.len() + 6 + value.length());
                2 + fields.sum::<usize>()
            }
        }
    }
}

/// The text of a document, with a line break at its end.
pub(crate) fn write(tree: &Tree) -> String {
    let mut text = String::new();
    put(&mut text, tree, 0, 0);
    text.push('\n');
    text
}

/// Writes `tree` behind `column` characters of a line that is indented by `indent`.
fn put(text: &mut String, tree: &Tree, indent: usize, column: usize) {
    match tree {
        Tree::Plain(plain) => text.push_str(plain),
        Tree::List(values) if values.is_empty() => text.push_str("[]"),
        Tree::Object(fields) if fields.is_empty() => text.push_str("{}"),
        _ if column + tree.length() <= WIDTH_MAX => put_inline(text, tree),
        Tree::List(values) if values.iter().all(|value| matches!(value, Tree::Plain(_))) => fill(text, values, indent),
        Tree::List(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                new_line(text, place > 0, indent + INDENT);
                put(text, value, indent + INDENT, indent + INDENT);
            }
            new_line(text, false, indent);
            text.push(']');
        }
        Tree::Object(fields) => {
            text.push('{');
            for (place, (name, value)) in fields.iter().enumerate() {
                new_line(text, place > 0, indent + INDENT);
                push(text, format_args!("\"{name}\": "));
                put(text, value, indent + INDENT, indent + INDENT + name.len() + 4);
            }
            new_line(text, false, indent);
            text.push('}');
        }
    }
}

/// As many values on a line as fit.
fn fill(text: &mut String, values: &[Tree], indent: usize) {
    text.push('[');
    let mut column = WIDTH_MAX;
    for (place, value) in values.iter().enumerate() {
        let length = value.length() + 2;
        if column + length > WIDTH_MAX {
            new_line(text, place > 0, indent + INDENT);
            column = indent + INDENT;
        } else {
            text.push_str(", ");
        }
        put_inline(text, value);
        column += length;
    }
    new_line(text, false, indent);
    text.push(']');
}

fn put_inline(text: &mut String, tree: &Tree) {
    match tree {
        Tree::Plain(plain) => text.push_str(plain),
        Tree::List(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                text.push_str(if place > 0 { ", " } else { "" });
                put_inline(text, value);
            }
            text.push(']');
        }
        Tree::Object(fields) => {
            text.push('{');
            for (place, (name, value)) in fields.iter().enumerate() {
                push(text, format_args!("{}\"{name}\": ", if place > 0 { ", " } else { "" }));
                put_inline(text, value);
            }
            text.push('}');
        }
    }
}

fn new_line(text: &mut String, comma: bool, indent: usize) {
    text.push_str(if comma { ",\n" } else { "\n" });
    text.extend(std::iter::repeat_n(' ', indent));
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes what is written");
}
