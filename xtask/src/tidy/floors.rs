//! The floors of the house: a crate depends only on crates of lower floors. ARCHITECTURE.md says what each floor is for.

use super::findings::Finding;
use crate::metadata::{Metadata, Package};
use std::collections::{BTreeMap, BTreeSet};

/// Floor and room of every crate. Crates of one floor never depend on each other, except that the command line stands
/// above the other shell crates.
const FLOORS: [(&str, Place); 15] = [
    ("mesh-model", Place::Floor(0, 0)),
    ("mesh-dsl", Place::Floor(1, 0)),
    ("mesh-solver", Place::Floor(1, 0)),
    ("mesh-identity", Place::Floor(1, 0)),
    ("mesh-ledger", Place::Floor(1, 0)),
    ("mesh-sync", Place::Floor(2, 0)),
    ("mesh-adapters", Place::Floor(2, 0)),
    ("mesh-asset", Place::Floor(3, 0)),
    ("mesh-sim", Place::Floor(4, 0)),
    ("mesh-ros", Place::Floor(5, 0)),
    ("mesh-node", Place::Floor(6, 0)),
    ("mesh-bench", Place::Floor(6, 0)),
    ("mesh-cli", Place::Floor(6, 1)),
    ("xtask", Place::Outside),
    ("cosmosmesh-tests", Place::Outside),
];

/// Where a crate stands. The order is the order of floors: what stands outside is above all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Floor, and height within it.
    Floor(u8, u8),
    /// May depend on everything; nothing may depend on it.
    Outside,
}

/// Checks the workspace.
pub fn check(metadata: &Metadata) -> Vec<Finding> {
    let members: Vec<&Package> = metadata.members().collect();
    let names: BTreeSet<&str> = members.iter().map(|package| package.name.as_str()).collect();
    let unplaced = names.iter().filter(|name| place(name).is_none()).map(|name| {
        Finding::new(*name, "has no floor", "add it to FLOORS in xtask/src/tidy/floors.rs and to ARCHITECTURE.md")
    });
    let gone = FLOORS
        .iter()
        .filter(|(name, _)| !names.contains(name))
        .map(|(name, _)| Finding::new(*name, "has a floor but is no member of the workspace", "take it out of FLOORS"));
    let mut findings: Vec<Finding> = unplaced.chain(gone).collect();
    let graph = members.iter().map(|package| (package.name.as_str(), needs(package, &names))).collect();
    for package in &members {
        findings.extend(upward(package, &names));
        findings.extend(test_cycles(package, &names, &graph));
    }
    findings
}

fn place(name: &str) -> Option<Place> {
    FLOORS.iter().find(|(other, _)| *other == name).map(|(_, place)| *place)
}

/// The members that `package` cannot be built without.
fn needs<'a>(package: &'a Package, members: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let built = package.dependencies.iter().filter(|dependency| !dependency.dev);
    built.map(|dependency| dependency.name.as_str()).filter(|name| members.contains(name)).collect()
}

fn upward(package: &Package, members: &BTreeSet<&str>) -> Vec<Finding> {
    let Some(own) = place(&package.name) else { return Vec::new() };
    let allowed = |other: Place| other < own;
    let wrong = needs(package, members).into_iter().filter(|name| place(name).is_some_and(|other| !allowed(other)));
    wrong
        .map(|name| {
            let problem = format!("depends on {name}, which does not stand on a lower floor");
            Finding::new(&package.name, problem, "move what both need to a lower floor, or pass it in from above")
        })
        .collect()
}

/// Tests may use any crate, except one that needs the crate under test: it would meet two copies of each type.
fn test_cycles(package: &Package, members: &BTreeSet<&str>, graph: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Finding> {
    let used = package.dependencies.iter().filter(|dependency| dependency.dev && members.contains(&*dependency.name));
    let wrong = used.filter(|dependency| reaches(graph, &dependency.name, &package.name));
    wrong
        .map(|dependency| {
            let problem = format!("its tests use {}, which is built from it", dependency.name);
            Finding::new(&package.name, problem, "move those tests to tests/it")
        })
        .collect()
}

fn reaches(graph: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(name) = waiting.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            waiting.extend(graph.get(name).into_iter().flatten());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    /// Every crate of the table, and these dependencies (from, to, whether for tests only).
    fn workspace(edges: &[(&str, &str, bool)]) -> Metadata {
        let dependencies = |name: &str| {
            let own = edges.iter().filter(|(from, ..)| *from == name);
            own.map(|(_, to, dev)| Dependency { name: (*to).to_owned(), dev: *dev }).collect()
        };
        let names: BTreeSet<&str> =
            FLOORS.iter().map(|(name, _)| *name).chain(edges.iter().map(|edge| edge.0)).collect();
        let packages = names.into_iter().map(|name| Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            folder: name.into(),
            licence: None,
            member: true,
            dependencies: dependencies(name),
        });
        Metadata { target: "target".into(), packages: packages.collect() }
    }

    fn check_edges(edges: &[(&str, &str, bool)], expect: &[&str]) {
        let findings = check(&workspace(edges));
        let places: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(places, expect, "{edges:?}: {findings:?}");
    }

    #[test]
    fn arrows_point_down() {
        check_edges(&[("mesh-sync", "mesh-model", false), ("mesh-cli", "mesh-node", false)], &[]);
        check_edges(&[("mesh-cli", "mesh-bench", false), ("xtask", "mesh-sim", false)], &[]);
        check_edges(&[("mesh-model", "mesh-solver", false)], &["mesh-model"]);
        check_edges(&[("mesh-asset", "mesh-sim", false)], &["mesh-asset"]);
    }

    #[test]
    fn neighbours_do_not_know_each_other() {
        check_edges(&[("mesh-sync", "mesh-adapters", false)], &["mesh-sync"]);
        check_edges(&[("mesh-node", "mesh-bench", false)], &["mesh-node"]);
        check_edges(&[("mesh-cli", "xtask", false)], &["mesh-cli"]);
    }

    #[test]
    fn tests_may_look_sideways_but_not_at_what_is_built_from_them() {
        check_edges(&[("mesh-solver", "mesh-adapters", true)], &[]);
        let cycle = [
            ("mesh-solver", "mesh-bench", true),
            ("mesh-bench", "mesh-sim", false),
            ("mesh-sim", "mesh-asset", false),
            ("mesh-asset", "mesh-solver", false),
        ];
        check_edges(&cycle, &["mesh-solver"]);
    }

    #[test]
    fn table_and_workspace_agree() {
        check_edges(&[("mesh-new", "mesh-model", false)], &["mesh-new"]);
        let mut smaller = workspace(&[]);
        smaller.packages.retain(|package| package.name != "mesh-ledger");
        assert_eq!(check(&smaller).len(), 1);
    }
}
