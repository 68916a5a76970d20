//! SPDX licence expressions: `MIT OR (Apache-2.0 WITH LLVM-exception AND ISC)`, and the old `MIT/Apache-2.0`.
//!
//! Knows the grammar, not the list of licences: a licence is whatever word stands where one is expected.

/// Whether an expression can be met with the licences in `allowed` alone; `Err` says what is wrong with its grammar.
pub fn satisfied(expression: &str, allowed: &[String]) -> Result<bool, String> {
    let mut reader = Reader { words: words(expression), position: 0, allowed };
    let verdict = reader.alternatives(0)?;
    match reader.next() {
        None => Ok(verdict),
        Some(extra) => Err(format!("`{extra}` stands where the expression should end")),
    }
}

struct Reader<'a> {
    words: Vec<String>,
    /// Index in `words` of the word to read next.
    position: usize,
    allowed: &'a [String],
}

impl Reader<'_> {
    /// AND binds tighter than OR. Both sides are always read, so that the grammar is checked to the end.
    fn alternatives(&mut self, depth: usize) -> Result<bool, String> {
        let mut verdict = self.conjunction(depth)?;
        while self.accept("OR") || self.accept("/") {
            verdict |= self.conjunction(depth)?;
        }
        Ok(verdict)
    }

    fn conjunction(&mut self, depth: usize) -> Result<bool, String> {
        let mut verdict = self.operand(depth)?;
        while self.accept("AND") {
            verdict &= self.operand(depth)?;
        }
        Ok(verdict)
    }

    fn operand(&mut self, depth: usize) -> Result<bool, String> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} parentheses inside each other"));
        }
        if self.accept("(") {
            let verdict = self.alternatives(depth + 1)?;
            return if self.accept(")") { Ok(verdict) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let mut licence = self.licence()?;
        if self.accept("WITH") {
            licence = format!("{licence} WITH {}", self.licence()?);
        }
        Ok(self.allowed.contains(&licence))
    }

    fn licence(&mut self) -> Result<String, String> {
        match self.next() {
            Some(word) if !["OR", "AND", "WITH", "(", ")", "/"].contains(&word.as_str()) => Ok(word),
            Some(word) => Err(format!("`{word}` stands where a licence is expected")),
            None => Err("it ends where a licence is expected".to_owned()),
        }
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.words.get(self.position).is_some_and(|next| next == word);
        self.position += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.position).cloned();
        self.position += usize::from(word.is_some());
        word
    }
}

fn words(expression: &str) -> Vec<String> {
    let mut spaced = expression.to_owned();
    for mark in ["(", ")", "/"] {
        spaced = spaced.replace(mark, &format!(" {mark} "));
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expect: Result<bool, ()>) {
        let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        assert_eq!(satisfied(expression, &allowed).map_err(|_| ()), expect, "{expression}");
    }

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        check("MIT", Ok(true));
        check("GPL-3.0", Ok(false));
        check("MIT OR GPL-3.0", Ok(true));
        check("MIT AND GPL-3.0", Ok(false));
        check("MIT/GPL-3.0", Ok(true));
        check("MIT AND ISC", Ok(true));
    }

    #[test]
    fn and_binds_tighter_than_or_unless_parentheses_say_otherwise() {
        check("MIT OR ISC AND GPL-3.0", Ok(true));
        check("(MIT OR ISC) AND GPL-3.0", Ok(false));
        check("(MIT OR GPL-3.0) AND (ISC)", Ok(true));
    }

    #[test]
    fn an_exception_makes_another_licence_of_it() {
        check("Apache-2.0 WITH LLVM-exception", Ok(true));
        check("MIT WITH LLVM-exception", Ok(false));
    }

    #[test]
    fn broken_grammar_is_neither_yes_nor_no() {
        for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT ISC", "AND MIT", "MIT WITH OR ISC"] {
            check(broken, Err(()));
        }
        check(&format!("{}MIT{}", "(".repeat(100), ")".repeat(100)), Err(()));
    }
}
