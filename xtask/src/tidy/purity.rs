//! What code must not say. In the pure crates: nothing that a second run could answer differently. Anywhere: nothing
//! that hides unfinished work.
//!
//! A textual scan: it sees names, not what they resolve to. Clippy's lists of disallowed methods and types see the rest.

use super::findings::Finding;
use super::source;
use super::tree::Tree;

/// The crates below the shell.
const PURE: [&str; 9] = [
    "mesh-model",
    "mesh-dsl",
    "mesh-solver",
    "mesh-identity",
    "mesh-ledger",
    "mesh-sync",
    "mesh-adapters",
    "mesh-asset",
    "mesh-sim",
];

const IMPURE: [(&str, &str); 12] = [
    ("Instant::now", "take the time as an argument"),
    ("SystemTime::now", "take the time as an argument"),
    ("thread_rng", "take a seed as an argument"),
    ("rand::rng", "take a seed as an argument"),
    ("OsRng", "let the shell draw it and pass it in"),
    ("std::fs", "ask for the effect with an output; the shell has the disk"),
    ("std::net", "ask for the effect with an output; the shell has the sockets"),
    ("std::thread", "one state machine, one caller: the shell decides who runs where"),
    ("std::process", "ask for the effect with an output; the shell has the processes"),
    ("std::env", "take settings as an argument"),
    ("HashMap", "use a BTreeMap: its order is the same in every run"),
    ("HashSet", "use a BTreeSet: its order is the same in every run"),
];

/// The same names where one `use std::{...}` brings in several.
const IMPURE_MODULES: [&str; 5] = ["fs", "net", "thread", "process", "env"];

/// Beginnings of attributes that switch a check off.
const SWITCHED_OFF: [(&str, &str); 3] = [
    ("#![allow(unused", "take out what is unused"),
    ("#![allow(dead_code", "take out what is unused"),
    ("#[ignore", "mend the test or take it out; one that needs more than this machine says why it is skipped"),
];

/// Macros that stand where work is missing.
const UNFINISHED: [(&str, &str); 3] =
    [("todo!", "finish it"), ("unimplemented!", "finish it"), ("dbg!", "take it out")];

/// Checks the pure crates, tests aside.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let pure: Vec<(&str, String)> = tree
        .texts(".rs")
        .filter(|(path, _)| is_pure(path))
        .map(|(path, text)| (path, source::code_only(text)))
        .collect();
    let tests: Vec<String> = pure.iter().flat_map(|(path, code)| test_modules(path, code)).collect();
    let is_test = |path: &str| {
        tests
            .iter()
            .any(|module| path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    };
    let shipped = pure.iter().filter(|(path, _)| !is_test(path));
    shipped.flat_map(|(path, code)| impurities(path, &source::without_tests(code))).collect()
}

/// Checks all Rust files, tests included.
pub fn check_unfinished(tree: &Tree) -> Vec<Finding> {
    tree.texts(".rs").flat_map(|(path, text)| unfinished(path, &source::code_only(text))).collect()
}

fn is_pure(path: &str) -> bool {
    PURE.iter().any(|name| {
        path.strip_prefix("crates/")
            .and_then(|path| path.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with("/src/"))
    })
}

/// The modules in files of their own that `path` declares under `#[cfg(test)]`, as paths without an ending.
fn test_modules(path: &str, code: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let folder = ["/lib", "/main", "/mod"].iter().find_map(|root| stem.strip_suffix(root)).unwrap_or(stem);
    let items = code.split("#[cfg(test)]").skip(1);
    let declared = items.filter_map(|item| item.trim_start().strip_prefix("mod ")?.split_once(';'));
    let named =
        declared.map(|(name, _)| name.trim()).filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    named.map(|name| format!("{folder}/{name}")).collect()
}

fn impurities(path: &str, code: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = IMPURE.iter().flat_map(|word| found(path, code, word)).collect();
    for (start, _) in code.match_indices("std::{") {
        let group = &code[start + "std::{".len()..];
        let group = &group[..group.find(';').unwrap_or(group.len())];
        let line = code[..start].lines().count().max(1);
        let names = names_of_group(group);
        findings.extend(IMPURE_MODULES.iter().filter(|module| names.contains(module)).map(|module| {
            Finding::new(path, format!("`std::{module}` in a pure crate"), "ask for the effect with an output").at(line)
        }));
    }
    findings
}

/// The first segments of the paths at the top of `group`, the inside of `{...}`.
fn names_of_group(group: &str) -> Vec<&str> {
    let mut depth = 0i32;
    let mut names = Vec::new();
    let mut start = 0;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 || (depth == 0 && character == ',') {
            names.push(group[start..at].split("::").next().unwrap_or_default().trim());
            start = at + 1;
        }
        if depth < 0 {
            break;
        }
    }
    names
}

fn unfinished(path: &str, code: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = UNFINISHED.iter().flat_map(|word| found(path, code, word)).collect();
    for (index, line) in code.lines().enumerate() {
        let off = SWITCHED_OFF.iter().filter(|(beginning, _)| line.contains(beginning));
        findings.extend(off.map(|(beginning, remedy)| finding(path, beginning, remedy).at(index + 1)));
    }
    findings
}

fn found(path: &str, code: &str, (word, remedy): &(&str, &str)) -> Vec<Finding> {
    let lines = source::lines_with(code, word).into_iter();
    lines.map(|line| finding(path, word, remedy).at(line)).collect()
}

fn finding(path: &str, word: &str, remedy: &str) -> Finding {
    Finding::new(path, format!("`{word}` must not stand here"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_pure(code: &str, expect: usize) {
        let findings = check(&Tree::of(&[("crates/mesh-sim/src/clock.rs", code)]));
        assert_eq!(findings.len(), expect, "{code}: {findings:?}");
    }

    #[test]
    fn a_pure_crate_has_no_effects() {
        check_pure("use std::collections::BTreeMap;\nfn f(now: MissionTime) {}", 0);
        check_pure("let t = std::time::Instant::now();", 1);
        check_pure("use std::collections::HashMap;", 1);
        check_pure("use std::fs::File;\nuse rand::rng;", 2);
        check_pure("use std::{collections::{BTreeMap, VecDeque}, fmt};", 0);
        check_pure("use std::{fmt, fs::File, io};", 1);
        check_pure("use std::{\n    fmt,\n    thread,\n    env,\n};", 2);
    }

    #[test]
    fn tests_comments_and_strings_are_free() {
        check_pure("// a HashMap would not do\n/// std::fs\nconst A: &str = \"Instant::now\";", 0);
        check_pure("#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n}\n", 0);
    }

    #[test]
    fn a_module_that_only_tests_see_is_free_wherever_it_lies() {
        let check = |parent: &str, child: &str| {
            let parent = ("crates/mesh-sim/src/edge.rs", parent);
            check(&Tree::of(&[parent, (child, "use std::fs;")])).len()
        };
        assert_eq!(check("#[cfg(test)]\nmod bad_input;", "crates/mesh-sim/src/edge/bad_input.rs"), 0);
        assert_eq!(check("#[cfg(test)]\nmod bad_input;", "crates/mesh-sim/src/edge/bad_input/mod.rs"), 0);
        assert_eq!(check("mod bad_input;", "crates/mesh-sim/src/edge/bad_input.rs"), 1);
        assert_eq!(check("#[cfg(test)]\nmod bad;", "crates/mesh-sim/src/edge/bad_input.rs"), 1);
    }

    #[test]
    fn the_shell_has_effects() {
        assert_eq!(check(&Tree::of(&[("crates/mesh-node/src/disk.rs", "use std::fs;")])), []);
        assert_eq!(check(&Tree::of(&[("crates/mesh-simulator/src/disk.rs", "use std::fs;")])), []);
    }

    #[test]
    fn nothing_unfinished_even_in_tests() {
        let check = |code| check_unfinished(&Tree::of(&[("crates/mesh-node/src/a.rs", code)])).len();
        assert_eq!(check("#[test]\nfn a() {}\n// todo!()"), 0);
        assert_eq!(check("#[cfg(test)]\nmod tests {\n    #[test]\n    #[ignore]\n    fn a() { todo!() }\n}"), 2);
        assert_eq!(check("#![allow(unused)]\n#![allow(unused_variables)]"), 2);
        assert_eq!(check("fn f() { unimplemented!(\"later\") }"), 1);
    }
}
