//! Where things lie and what they are called.

use super::findings::Finding;
use super::tree::Tree;
use crate::metadata::Metadata;

/// A file of such a name gathers what has no place; it has one.
const NAMELESS: [&str; 6] = ["utils", "util", "helpers", "common", "manager", "misc"];

/// Files without which a stranger or CI cannot begin.
const ENTRY_POINTS: [&str; 9] = [
    ".ci/run",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "deny.toml",
];

/// Checks names and places.
pub fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let renamed =
        metadata.members().filter(|package| !["tests", "xtask"].iter().any(|name| package.folder.ends_with(name)));
    let renamed = renamed.filter(|package| !package.folder.ends_with(&package.name)).map(|package| {
        let problem = format!("lies in a folder of another name, {}", package.folder.display());
        Finding::new(&package.name, problem, "give folder and crate one name")
    });
    let foreign =
        tree.files().filter(|path| path.starts_with("crates/") && path.ends_with("/package.xml")).map(|path| {
            Finding::new(
                path,
                "colcon would take the crate for one of its packages",
                "packages for colcon go below ros_ws/src",
            )
        });
    let nameless = tree.files().filter(|path| stem(path).is_some_and(|stem| NAMELESS.contains(&stem))).map(|path| {
        Finding::new(path, "its name does not say what it holds", "name it after the noun that it is about")
    });
    renamed.chain(foreign).chain(nameless).collect()
}

/// Checks that everything that a person or a machine starts from is there.
pub fn check_entry_points(tree: &Tree) -> Vec<Finding> {
    let missing = ENTRY_POINTS.iter().filter(|path| tree.text(path).is_none_or(|text| text.trim().is_empty()));
    missing
        .map(|path| Finding::new(*path, "is missing or empty", "write it, or restore it from version control"))
        .collect()
}

/// Name of a Rust file without its ending, or of the folder of a `mod.rs`.
fn stem(path: &str) -> Option<&str> {
    let path = path.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Package;

    fn metadata(name: &str, folder: &str) -> Metadata {
        let package = Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            folder: folder.into(),
            licence: None,
            member: true,
            dependencies: Vec::new(),
        };
        Metadata { target: "target".into(), packages: vec![package] }
    }

    #[test]
    fn a_crate_has_the_name_of_its_folder() {
        assert_eq!(check(&metadata("mesh-model", "crates/mesh-model"), &Tree::of(&[])), []);
        assert_eq!(check(&metadata("mesh-model", "crates/model"), &Tree::of(&[])).len(), 1);
        assert_eq!(check(&metadata("cosmosmesh-tests", "tests"), &Tree::of(&[])), []);
    }

    #[test]
    fn no_foreign_packages_and_no_nameless_files() {
        let crates = metadata("mesh-model", "crates/mesh-model");
        let good = Tree::of(&[("crates/a/src/plan.rs", ""), ("ros_ws/src/a/package.xml", "")]);
        assert_eq!(check(&crates, &good), []);
        let bad = Tree::of(&[("crates/a/package.xml", ""), ("crates/a/src/utils.rs", ""), ("a/common/mod.rs", "")]);
        assert_eq!(check(&crates, &bad).len(), 3);
    }

    #[test]
    fn entry_points_are_there_and_not_empty() {
        let files: Vec<(&str, &str)> = ENTRY_POINTS.iter().map(|path| (*path, "text")).collect();
        assert_eq!(check_entry_points(&Tree::of(&files)), []);
        let mut emptied = files.clone();
        emptied[0].1 = "\n";
        assert_eq!(check_entry_points(&Tree::of(&emptied)).len(), 1);
        assert_eq!(check_entry_points(&Tree::of(&files[1..])).len(), 1);
    }
}
