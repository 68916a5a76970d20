//! No Rust file is longer than [`LINES_MAX`], except those that xtask/ratchet.txt lists, which may only shrink.

use super::findings::Finding;
use super::tree::Tree;
use std::collections::BTreeMap;

/// Lines of a file that need no excuse.
pub const LINES_MAX: usize = 600;

const RATCHET: &str = "xtask/ratchet.txt";

/// Checks every Rust file and the list.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let (listed, mut findings) = parse(tree.text(RATCHET).unwrap_or_default());
    for (path, text) in tree.texts(".rs") {
        let lines = text.lines().count();
        findings.extend(verdict(path, lines, listed.get(path).copied()));
    }
    let gone = listed.keys().filter(|path| tree.text(path).is_none());
    findings.extend(gone.map(|path| Finding::new(RATCHET, format!("{path} is not there"), "take the line out")));
    findings
}

fn verdict(path: &str, lines: usize, listed: Option<usize>) -> Option<Finding> {
    match listed {
        None if lines > LINES_MAX => {
            Some(Finding::new(path, format!("{lines} lines are more than {LINES_MAX}"), "split it along its nouns"))
        }
        None => None,
        Some(limit) if lines > limit => Some(Finding::new(
            path,
            format!("{lines} lines where {RATCHET} allows {limit}"),
            "it may only shrink: split it",
        )),
        Some(_) if lines <= LINES_MAX => {
            Some(Finding::new(RATCHET, format!("{path} is short enough without an entry"), "take the line out"))
        }
        Some(limit) if lines < limit => {
            Some(Finding::new(RATCHET, format!("{path} has shrunk to {lines} lines"), "write that number"))
        }
        Some(_) => None,
    }
}

/// Lines of `PATH LENGTH`; `#` starts a comment.
fn parse(text: &str) -> (BTreeMap<&str, usize>, Vec<Finding>) {
    let mut listed = BTreeMap::new();
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [path, length] if length.parse::<usize>().is_ok() => {
                listed.insert(*path, length.parse().unwrap_or_default());
            }
            _ => findings.push(Finding::new(RATCHET, "not `PATH LENGTH`", "write a path and a number").at(index + 1)),
        }
    }
    (listed, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lengths(lines: usize, ratchet: &str, expect: usize) {
        let text = "x\n".repeat(lines);
        let tree = Tree::of(&[("a.rs", &text), (RATCHET, ratchet)]);
        assert_eq!(check(&tree).len(), expect, "{lines} lines, ratchet {ratchet:?}");
    }

    #[test]
    fn a_long_file_needs_an_entry() {
        check_lengths(600, "", 0);
        check_lengths(601, "", 1);
        check_lengths(700, "# long\na.rs 700 # one loop\n", 0);
    }

    #[test]
    fn an_entry_only_shrinks() {
        check_lengths(701, "a.rs 700", 1);
        check_lengths(699, "a.rs 700", 1);
        check_lengths(500, "a.rs 700", 1);
        check_lengths(10, "b.rs 700", 1);
        check_lengths(10, "a.rs long", 1);
    }
}
