//! Rust source without what is not code: comments, the insides of strings, tests. Line numbers stay as they are.

/// `source` with comments and the insides of strings and characters turned into blanks.
pub fn code_only(source: &str) -> String {
    let mut reader = Reader { rest: source, code: String::with_capacity(source.len()) };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.code
}

/// `code` (of [`code_only`]) with every item under `#[cfg(test)]` turned into blanks.
pub fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(start);
        let (item, after) = item.split_at(item_length(item));
        kept.push_str(before);
        kept.extend(item.chars().map(blank));
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The places in `code` where `word` stands between characters that cannot belong to a name, as lines from 1.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let holds = |line: &&str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            ends_a_name(before, word.chars().next()) && ends_a_name(word.chars().next_back(), after)
        })
    };
    code.lines().enumerate().filter(|(_, line)| holds(line)).map(|(index, _)| index + 1).collect()
}

/// Up to the end of the first block, or to the first `;` before any block; an attribute's brackets are passed over.
fn item_length(item: &str) -> usize {
    let mut depth = 0usize;
    let mut brackets = 0usize;
    for (at, character) in item.char_indices() {
        match character {
            '[' | '(' => brackets += 1,
            ']' | ')' => brackets = brackets.saturating_sub(1),
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 && brackets == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

fn ends_a_name(left: Option<char>, right: Option<char>) -> bool {
    let in_name = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !(in_name(left) && in_name(right))
}

fn blank(character: char) -> char {
    if character == '\n' { '\n' } else { ' ' }
}

struct Reader<'a> {
    rest: &'a str,
    code: String,
}

impl Reader<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.hide(end);
        } else if self.rest.starts_with("/*") {
            self.hide(block_comment_length(self.rest));
        } else if let Some(hashes) = raw_string_hashes(self.rest, self.code.chars().next_back()) {
            let closing = format!("\"{}", "#".repeat(hashes));
            let opening = hashes + 2;
            let inside = self.rest.get(opening..).and_then(|text| text.find(&closing));
            self.hide(inside.map_or(self.rest.len(), |length| opening + length + closing.len()));
        } else if self.rest.starts_with('"') {
            self.hide(quoted_length(self.rest));
        } else if let Some(length) = character_length(self.rest) {
            self.hide(length);
        } else {
            let character = self.rest.chars().next().unwrap_or(' ');
            self.code.push(character);
            self.rest = &self.rest[character.len_utf8()..];
        }
    }

    fn hide(&mut self, length: usize) {
        let (hidden, rest) = self.rest.split_at(length);
        self.code.extend(hidden.chars().map(blank));
        self.rest = rest;
    }
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The number of `#` of a raw string that starts here.
fn raw_string_hashes(text: &str, before: Option<char>) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
    // In `br"..."` the letter before is the string's own; after any other letter the `r` ends a name.
    let own = matches!(before, Some('b' | 'c')) || ends_a_name(before, Some('r'));
    (own && rest[hashes..].starts_with('"')).then_some(hashes)
}

fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; none for a lifetime.
fn character_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        let escaped = inside.chars().nth(1)?.len_utf8();
        return inside[1 + escaped..].find('\'').map(|more| 1 + 1 + escaped + more + 1);
    }
    inside[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expect: &str) {
        let code = code_only(source);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expect, "{source}");
        assert_eq!(code.lines().count(), source.lines().count(), "{source}");
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d\n */ e", "a e");
        check(r#"let x = "todo!()"; y"#, "let x = ; y");
        check(r#"f("a\"b", g)"#, "f( , g)");
        check("r#\"a \" b\"# c", "c");
        check("br\"\\\" d", "b d");
        check("for\"x\"", "for");
    }

    #[test]
    fn characters_are_hidden_and_lifetimes_stay() {
        check("'\"' a '\\'' b '\\u{1F}' c", "a b c");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    }

    #[test]
    fn tests_are_left_out_and_the_rest_stays() {
        let code = "a\n#[cfg(test)]\nmod tests {\n fn f() { b }\n}\nc\n#[cfg(test)]\nmod more;\nd";
        let kept = without_tests(code);
        assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), ["a", "c", "d"]);
        assert_eq!(kept.lines().count(), code.lines().count());
    }

    #[test]
    fn words_are_found_whole() {
        assert_eq!(lines_with("x\nHashMap::new()\nMyHashMap\nHashMaps", "HashMap"), [2]);
        assert_eq!(lines_with("todo!()\nmy_todo!()", "todo!"), [1]);
    }
}
