//! The statements of a MATPOWER file: its tables as numbers, each row with its line.
//!
//! A case file is a program; only plain assignments are understood. Other tables are skipped, any other statement is
//! refused, because it could change what the tables say. What the columns mean is not known here.

use std::collections::BTreeMap;

/// Most rows of a table.
pub const TABLE_ROWS_MAX: usize = 100_000;

/// The tables of a file that matter.
#[derive(Default)]
pub(super) struct Tables {
    /// `mpc.baseMVA`, one number.
    pub(super) base_mva: Option<TableRow>,
    named: BTreeMap<&'static str, (usize, Vec<TableRow>)>,
    /// Lines of the file.
    pub(super) lines: usize,
}

/// A row of a table with its line.
pub(super) struct TableRow {
    pub(super) line: usize,
    pub(super) values: Vec<f64>,
}

/// What is wrong, and where.
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) reason: String,
}

pub(super) fn mistake<T>(line: usize, reason: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake { line, reason: reason.into() })
}

impl Tables {
    /// Reads the statements of a text.
    pub(super) fn of(text: &str) -> Result<Self, Mistake> {
        let tokens = tokens(text)?;
        let mut tables = Self { lines: text.lines().count().max(1), ..Self::default() };
        let mut at = 0;
        while let Some((line, token)) = tokens.get(at) {
            at = match token {
                Token::LineEnd | Token::Symbol(';') => at + 1,
                Token::Word("function") => line_end(&tokens, at),
                Token::Word("define_constants" | "end" | "return") => at + 1,
                Token::Word(word) if word.starts_with("mpc.") => {
                    tables.assignment(*line, &word["mpc.".len()..], &tokens, at + 1)?
                }
                _ => return mistake(*line, format!("{}: expected `mpc.<table> = ...`", shown(*token))),
            };
        }
        Ok(tables)
    }

    /// Reads what follows `mpc.<name>`; returns where the next statement begins.
    fn assignment(
        &mut self,
        line: usize,
        name: &str,
        tokens: &[(usize, Token<'_>)],
        at: usize,
    ) -> Result<usize, Mistake> {
        if tokens.get(at).map(|token| token.1) != Some(Token::Symbol('=')) {
            return mistake(line, format!("mpc.{name}: expected `= ...`; parts of tables cannot be assigned"));
        }
        let known = TABLES.iter().find(|known| **known == name);
        match (tokens.get(at + 1).map(|token| token.1), known) {
            (Some(Token::Symbol('[')), Some(known)) => {
                let (rows, next) = table(name, line, tokens, at + 2)?;
                if let Some((first, _)) = self.named.insert(known, (line, rows)) {
                    return mistake(line, format!("mpc.{name} is given twice, first in line {first}"));
                }
                Ok(next)
            }
            (_, Some(_)) => mistake(line, format!("mpc.{name}: expected a table in [ ]")),
            (Some(Token::Word(word)), None) if name == "baseMVA" => {
                if let Some(first) = &self.base_mva {
                    return mistake(line, format!("mpc.baseMVA is given twice, first in line {}", first.line));
                }
                self.base_mva = Some(TableRow { line, values: vec![number("mpc.baseMVA", line, word)?] });
                Ok(at + 2)
            }
            (_, None) if name == "baseMVA" => mistake(line, "mpc.baseMVA: expected a number"),
            (Some(Token::Symbol(open @ ('[' | '{'))), None) => {
                let (rows, next) = skipped(name, line, open, tokens, at + 2)?;
                if rows && REFUSED.contains(&name) {
                    return mistake(line, format!("mpc.{name} has entries, and these are not part of the model"));
                }
                Ok(next)
            }
            (Some(Token::Word(_) | Token::Quoted), None) => Ok(at + 2),
            _ => mistake(line, format!("mpc.{name}: expected a table, a number or a text")),
        }
    }

    /// The line and the rows of a table that must be there.
    pub(super) fn table(&self, name: &'static str) -> Result<(usize, &[TableRow]), Mistake> {
        match self.named.get(name) {
            Some((line, rows)) => Ok((*line, rows)),
            None => mistake(self.lines, format!("the file ends without mpc.{name}")),
        }
    }
}

const TABLES: [&str; 4] = ["bus", "gen", "branch", "gencost"];
/// Tables of things that carry power and are not modelled.
const REFUSED: [&str; 3] = ["dcline", "storage", "switch"];

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Quoted,
    Symbol(char),
    LineEnd,
}

/// Reads the rows of a table up to its closing bracket; returns where the next statement begins.
fn table(
    name: &str,
    start: usize,
    tokens: &[(usize, Token<'_>)],
    mut at: usize,
) -> Result<(Vec<TableRow>, usize), Mistake> {
    let mut rows: Vec<TableRow> = Vec::new();
    let mut open: Option<TableRow> = None;
    while let Some((line, token)) = tokens.get(at) {
        at += 1;
        match token {
            Token::Word(word) => {
                let value = number(&format!("mpc.{name}"), *line, word)?;
                open.get_or_insert(TableRow { line: *line, values: Vec::new() }).values.push(value);
            }
            Token::Symbol(',') => {}
            Token::Symbol(';') | Token::LineEnd => rows.extend(open.take()),
            Token::Symbol(']') => {
                rows.extend(open.take());
                return Ok((rows, at));
            }
            other => return mistake(*line, format!("{} in mpc.{name}: expected numbers", shown(*other))),
        }
        if rows.len() > TABLE_ROWS_MAX {
            return mistake(*line, format!("mpc.{name} has more than {TABLE_ROWS_MAX} rows"));
        }
    }
    mistake(start, format!("mpc.{name}: expected a closing ]"))
}

/// Passes over a table that is of no concern; whether it held anything, and where the next statement begins.
fn skipped(
    name: &str,
    start: usize,
    open: char,
    tokens: &[(usize, Token<'_>)],
    at: usize,
) -> Result<(bool, usize), Mistake> {
    let close = if open == '[' { ']' } else { '}' };
    let mut depth = 1_usize;
    let mut content = false;
    for (passed, (_, token)) in tokens[at..].iter().enumerate() {
        match token {
            Token::Symbol(symbol) if *symbol == open => depth += 1,
            Token::Symbol(symbol) if *symbol == close => depth -= 1,
            Token::Word(_) | Token::Quoted => content = true,
            _ => {}
        }
        if depth == 0 {
            return Ok((content, at + passed + 1));
        }
    }
    mistake(start, format!("mpc.{name}: expected a closing {close}"))
}

fn line_end(tokens: &[(usize, Token<'_>)], at: usize) -> usize {
    tokens[at..].iter().position(|token| token.1 == Token::LineEnd).map_or(tokens.len(), |passed| at + passed)
}

fn number(what: &str, line: usize, word: &str) -> Result<f64, Mistake> {
    match word.parse::<f64>() {
        Ok(value) if !value.is_nan() => Ok(value),
        _ => mistake(line, format!("`{}` in {what}: expected a number", clipped(word))),
    }
}

fn shown(token: Token<'_>) -> String {
    match token {
        Token::Word(word) => format!("`{}`", clipped(word)),
        Token::Quoted => "a text".to_owned(),
        Token::Symbol(symbol) => format!("`{}`", symbol.escape_default()),
        Token::LineEnd => "the end of a line".to_owned(),
    }
}

/// Enough of a word to find it again, without what could garble a terminal.
fn clipped(word: &str) -> String {
    word.chars().take(40).flat_map(char::escape_default).collect()
}

/// Splits a text; comments are gone, and a line that ends with `...` goes on in the next one.
fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, Mistake> {
    let mut tokens = Vec::new();
    for (index, content) in text.lines().enumerate() {
        let line = index + 1;
        let mut rest = content.trim_start_matches('\u{feff}');
        let mut goes_on = false;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '%' | '#' => break,
                '.' if rest.starts_with("...") => {
                    goes_on = true;
                    break;
                }
                '\'' | '"' => {
                    let Some(length) = rest[1..].find(first) else {
                        return mistake(line, format!("a text without its closing {first}"));
                    };
                    tokens.push((line, Token::Quoted));
                    length + 2
                }
                _ if first.is_whitespace() => first.len_utf8(),
                _ if in_word(first) => {
                    let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
                    let length = rest[..length].find("...").unwrap_or(length);
                    tokens.push((line, Token::Word(&rest[..length])));
                    length
                }
                _ => {
                    tokens.push((line, Token::Symbol(first)));
                    first.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        if !goes_on {
            tokens.push((line, Token::LineEnd));
        }
    }
    Ok(tokens)
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-')
}
