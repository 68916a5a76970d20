//! The files of facts beside the tests: a name and a value a line.

use std::collections::BTreeMap;

/// Type hashes in ROS 2 Jazzy.
pub fn jazzy() -> BTreeMap<&'static str, &'static str> {
    pairs(include_str!("../rihs01-jazzy.txt"))
}

/// Type hashes of this project's interfaces and of those of its tests.
pub fn own_hashes() -> BTreeMap<&'static str, &'static str> {
    pairs(include_str!("../golden/rihs01.txt"))
}

/// Every message as another encoder wrote it.
pub fn encoded() -> BTreeMap<&'static str, Vec<u8>> {
    let unhex = |text: &str| -> Vec<u8> {
        let digits = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
        digits.map(|digits| u8::from_str_radix(digits, 16).expect("hexadecimal digits")).collect()
    };
    pairs(include_str!("../golden/cdr.txt")).into_iter().map(|(name, text)| (name, unhex(text))).collect()
}

fn pairs(text: &'static str) -> BTreeMap<&'static str, &'static str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').expect("a name and a value")).collect()
}
