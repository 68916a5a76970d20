//! `cargo xtask licences`: every dependency's licence must be on the list in deny.toml.
//!
//! cargo-deny does it when it is installed. Otherwise the expressions that `cargo metadata` reports are evaluated here
//! against the same list, so that the rule holds on a machine that has nothing but a toolchain.

use crate::failure::Failure;
use crate::metadata::{Metadata, Package};
use crate::{process, spdx};
use std::path::Path;

/// So many packages in Cargo.lock are too many to answer for.
const PACKAGES_TOO_MANY: usize = 500;

/// Runs the chore.
pub fn run(root: &Path) -> Result<String, Failure> {
    let locked = count_locked(&read(root, "Cargo.lock")?);
    println!("{locked} packages in Cargo.lock, fewer than {PACKAGES_TOO_MANY}");
    if locked >= PACKAGES_TOO_MANY {
        return Err(Failure::finding(
            format!("Cargo.lock has {locked} packages, not fewer than {PACKAGES_TOO_MANY}"),
            "drop a dependency, or the feature of one that pulls in the most (`cargo tree --edges features`)",
        ));
    }
    if deny_is_installed(root) {
        process::succeed(process::cargo(root).args(["deny", "check", "licenses", "bans", "sources"]), REMEDY)?;
        return Ok(format!("licences: {locked} packages, accepted by cargo-deny"));
    }
    println!("cargo-deny is not installed: its list in deny.toml is applied here");
    let allowed = allow_list(&read(root, "deny.toml")?)?;
    let metadata = Metadata::read(root, true)?;
    let refused: Vec<String> = metadata.packages.iter().filter_map(|package| refusal(package, &allowed)).collect();
    if !refused.is_empty() {
        return Err(Failure::finding(refused.join("\n"), REMEDY));
    }
    Ok(format!("licences: {} packages, all on the list", metadata.packages.len()))
}

fn deny_is_installed(root: &Path) -> bool {
    let probe = process::capture(process::cargo(root).args(["deny", "--version"]));
    probe.is_ok_and(|output| output.status.success())
}

fn refusal(package: &Package, allowed: &[String]) -> Option<String> {
    let Package { name, version, licence, .. } = package;
    let Some(expression) = licence else {
        return Some(format!("{name} {version} states no licence"));
    };
    match spdx::satisfied(expression, allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!("{name} {version}: `{expression}` needs a licence that is not on the list")),
        Err(why) => Some(format!("{name} {version}: `{expression}` cannot be read: {why}")),
    }
}

/// The strings of `allow = [...]` in section `[licenses]`.
fn allow_list(deny: &str) -> Result<Vec<String>, Failure> {
    let unreadable = |problem: &str| {
        Failure::could_not_run(
            format!("deny.toml: {problem}"),
            "give it a section [licenses] with `allow = [ \"MIT\", ... ]`, one licence a string",
        )
    };
    let lines = deny.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    let section = lines.skip_while(|line| *line != "[licenses]").skip(1).take_while(|line| !line.starts_with('['));
    let text = section.collect::<Vec<_>>().join("\n");
    let start = text.find("allow = [").ok_or_else(|| unreadable("no list of allowed licences"))?;
    let list = &text[start..];
    let end = list.find(']').ok_or_else(|| unreadable("the list of allowed licences does not end"))?;
    let licences: Vec<String> = list[..end].split('"').skip(1).step_by(2).map(str::to_owned).collect();
    if licences.is_empty() { Err(unreadable("the list of allowed licences is empty")) } else { Ok(licences) }
}

fn count_locked(lock: &str) -> usize {
    lock.lines().filter(|line| *line == "[[package]]").count()
}

fn read(root: &Path, name: &str) -> Result<String, Failure> {
    std::fs::read_to_string(root.join(name))
        .map_err(|why| Failure::could_not_run(format!("{name}: {why}"), "restore the file from version control"))
}

const REMEDY: &str = "use another package or another version; only when the licence is permissive or file-level, \
                      add it to [licenses] in deny.toml";

#[cfg(test)]
mod tests {
    use super::*;

    fn package(licence: Option<&str>) -> Package {
        Package {
            name: "p".to_owned(),
            version: "1.0.0".to_owned(),
            folder: "p".into(),
            licence: licence.map(str::to_owned),
            member: false,
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn a_package_is_refused_by_name() {
        let allowed = ["MIT".to_owned()];
        assert_eq!(refusal(&package(Some("MIT OR GPL-3.0")), &allowed), None);
        for bad in [Some("GPL-3.0"), Some("MIT AND"), None] {
            assert!(refusal(&package(bad), &allowed).is_some_and(|why| why.contains("p 1.0.0")), "{bad:?}");
        }
    }

    #[test]
    fn the_list_is_the_one_of_its_section() {
        let deny = "[bans]\nallow = [\"wrong\"]\n[licenses] # ours\n";
        assert!(allow_list(deny).is_err());
        let deny = "[bans]\nallow = [\"wrong\"]\n[licenses]\nallow = [\n  \"MIT\", # ours\n  \"ISC\",\n]\n[sources]\n";
        assert_eq!(allow_list(deny), Ok(vec!["MIT".to_owned(), "ISC".to_owned()]));
        assert!(allow_list("[licenses]\nallow = [\n").is_err());
        assert!(allow_list("[licenses]\nallow = []\n").is_err());
    }

    #[test]
    fn locked_packages_are_counted() {
        assert_eq!(count_locked("version = 4\n\n[[package]]\nname = \"a\"\n\n[[package]]\nname = \"b\"\n"), 2);
    }
}
