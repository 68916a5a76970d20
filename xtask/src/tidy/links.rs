//! Links in Markdown files to files of the repository lead to files that are there.

use super::findings::Finding;
use super::tree::Tree;

/// Checks every Markdown file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(".md") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in targets(text) {
            let file = target.split('#').next().unwrap_or_default();
            let resolved = resolve(folder, file);
            if !file.is_empty() && !resolved.as_deref().is_some_and(|resolved| tree.holds(resolved)) {
                let problem = format!("the link to `{target}` leads nowhere");
                findings.push(Finding::new(path, problem, "write a path relative to this file").at(line));
            }
        }
    }
    findings
}

/// The targets of `[...](target)` outside code, with their lines from 1; those with a scheme are left out.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code || line.starts_with("    ") {
            continue;
        }
        // Every second piece between back-quotes is code.
        for piece in line.split('`').step_by(2) {
            let links = piece.match_indices("](").filter_map(|(at, _)| piece[at + 2..].split([')', ' ']).next());
            targets.extend(links.filter(|target| !target.contains(':')).map(|target| (index + 1, target)));
        }
    }
    targets
}

/// `file` seen from `folder`; `None` when it leads out of the repository.
fn resolve(folder: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str, expect: usize) {
        let tree = Tree::of(&[("docs/a.md", text), ("docs/b.md", ""), ("README.md", "")]);
        assert_eq!(check(&tree).len(), expect, "{text}");
    }

    #[test]
    fn links_lead_to_files_and_folders() {
        check_text("[b](b.md), [b](./b.md#part), [up](../README.md), [all](../docs/)", 0);
        check_text("[c](c.md)\n[out](../../x.md)", 2);
        check_text("![picture](missing.svg)", 1);
    }

    #[test]
    fn other_places_and_code_are_left_out() {
        check_text("[site](https://example.org/x.md) [part](#part)", 0);
        check_text("```\n[c](c.md)\n```\n`[c](c.md)`\n", 0);
    }
}
