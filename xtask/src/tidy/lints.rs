//! The workspace forbids unsafe code, and every package takes over the workspace's lints; without that line in its
//! manifest a package would be checked by nobody.

use super::findings::Finding;
use super::tree::Tree;

const WORKSPACE: &str = "Cargo.toml";

/// Checks all manifests.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let forbids = |text: &str| section(text, "[workspace.lints.rust]").any(|line| line == "unsafe_code = \"forbid\"");
    let lax = tree.text(WORKSPACE).filter(|text| !forbids(text)).map(|_| {
        Finding::new(WORKSPACE, "allows unsafe code", "put `unsafe_code = \"forbid\"` under [workspace.lints.rust]")
    });
    let packages =
        tree.texts("Cargo.toml").filter(|(_, text)| text.lines().any(|line| without_comment(line) == "[package]"));
    let unchecked = packages.filter(|(_, text)| !section(text, "[lints]").any(|line| line == "workspace = true"));
    lax.into_iter()
        .chain(unchecked.map(|(path, _)| {
            Finding::new(path, "does not take over the workspace's lints", "put `workspace = true` under [lints]")
        }))
        .collect()
}

/// The lines of one section, without comments.
fn section<'a>(manifest: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = manifest.lines().map(without_comment);
    lines.skip_while(move |line| *line != heading).skip(1).take_while(|line| !line.starts_with('['))
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: &str = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";

    fn check_manifests(workspace: &str, package: &str, expect: usize) {
        let findings = check(&Tree::of(&[("Cargo.toml", workspace), ("crates/a/Cargo.toml", package)]));
        assert_eq!(findings.len(), expect, "{workspace}\n{package}: {findings:?}");
    }

    #[test]
    fn every_package_takes_over_the_lints() {
        check_manifests(STRICT, "[package]\nname = \"a\"\n[lints]\nworkspace = true\n", 0);
        check_manifests(STRICT, "[package]\nname = \"a\"\n", 1);
        check_manifests(STRICT, "[package]\nname = \"a\"\n[lints]\n# workspace = true\n", 1);
        check_manifests(STRICT, "[package]\n[lints]\n[dependencies]\nworkspace = true\n", 1);
    }

    #[test]
    fn unsafe_code_is_forbidden_not_denied() {
        let sound = "[package]\n[lints]\nworkspace = true\n";
        check_manifests("[workspace.lints.rust]\nunsafe_code = \"deny\"\n", sound, 1);
        check_manifests("[workspace]\n", sound, 1);
    }
}
