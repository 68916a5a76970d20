//! Decision records are `docs/decisions/NNNN-a-few-words.md`, numbered from 0001 without gaps, and begin with
//! `# NNNN. Title`.

use super::findings::Finding;
use super::tree::Tree;

const FOLDER: &str = "docs/decisions/";

/// The parts that a reader looks for.
const PARTS: [&str; 4] = ["## Context", "## Decision", "## Consequences", "## What would change our mind"];

/// Checks the records.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expected = 1;
    for (path, text) in tree.texts(".md").filter(|(path, _)| path.starts_with(FOLDER)) {
        let name = &path[FOLDER.len()..];
        let number = name.get(..4).filter(|_| name.as_bytes().get(4) == Some(&b'-'));
        let Some(number) = number.and_then(|digits| digits.parse::<usize>().ok()) else {
            findings.push(Finding::new(path, "has no number", "call it NNNN-a-few-words.md"));
            continue;
        };
        if number != expected {
            let problem = format!("is number {number:04} where {expected:04} is next");
            findings.push(Finding::new(path, problem, "numbers have no gaps and are given once"));
        }
        expected = number + 1;
        if !text.starts_with(&format!("# {number:04}. ")) {
            findings.push(Finding::new(
                path,
                "does not begin with its number",
                format!("begin with `# {number:04}. Title`"),
            ));
        }
        findings.extend(
            PARTS
                .iter()
                .filter(|part| !text.lines().any(|line| line == **part))
                .map(|part| Finding::new(path, format!("has no part `{part}`"), "write it: the reader looks for it")),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: &str) -> String {
        format!("# {number}. Title\n\n{}\n", PARTS.join("\n\ntext\n\n"))
    }

    fn check_names(names: &[(&str, &str)], expect: usize) {
        let files: Vec<(String, String)> =
            names.iter().map(|(name, number)| (format!("{FOLDER}{name}"), record(number))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(check(&Tree::of(&files)).len(), expect, "{names:?}");
    }

    #[test]
    fn numbers_have_no_gaps_and_no_twins() {
        check_names(&[("0001-a.md", "0001"), ("0002-b.md", "0002")], 0);
        check_names(&[("0001-a.md", "0001"), ("0003-b.md", "0003")], 1);
        check_names(&[("0001-a.md", "0001"), ("0001-b.md", "0001")], 1);
        check_names(&[("0002-a.md", "0002")], 1);
        check_names(&[("a.md", "0001")], 1);
    }

    #[test]
    fn a_record_has_its_number_and_its_parts() {
        check_names(&[("0001-a.md", "0002")], 1);
        assert_eq!(check(&Tree::of(&[("docs/decisions/0001-a.md", "# 0001. Title\n## Decision\n")])).len(), 3);
    }
}
