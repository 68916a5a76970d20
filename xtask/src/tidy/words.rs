//! What no file of the repository may say: that it is not finished, and how one person's machine is laid out.

use super::findings::Finding;
use super::tree::Tree;

const SELF: &str = "xtask/src/tidy/words.rs";

/// Marks of unfinished work, as whole words.
const MARKS: [(&str, &str); 7] = [
    ("TODO", "do it, or open an issue and take the mark out"),
    ("FIXME", "mend it, or open an issue and take the mark out"),
    ("XXX", "say what is meant"),
    ("HACK", "say why it has to be so"),
    ("TBD", "decide it, or leave it out"),
    ("WIP", "finish it, or leave it out"),
    ("lorem", "write the text"),
];

/// Beginnings of absolute paths that exist on one machine only.
const FOLDERS: [&str; 5] = ["/home/", "/root/", "/work/", "/var/tmp/", "/Users/"];

/// Texts that are not written by this project.
const NOT_OURS: [&str; 3] = ["Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT"];

/// Checks every text file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let ours = tree.texts("").filter(|(path, _)| *path != SELF && !NOT_OURS.contains(path));
    ours.flat_map(|(path, text)| text.lines().enumerate().flat_map(move |(index, line)| of_line(path, index + 1, line)))
        .collect()
}

fn of_line(path: &str, number: usize, line: &str) -> Vec<Finding> {
    let marks = MARKS
        .iter()
        .filter(|(mark, _)| has_word(line, mark))
        .map(|(mark, remedy)| Finding::new(path, format!("says {mark}"), *remedy).at(number));
    let folders = FOLDERS.iter().filter(|folder| has_root(line, folder)).map(|folder| {
        Finding::new(path, format!("names a folder below {folder}"), "use a relative path or a variable").at(number)
    });
    marks.chain(folders).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|character: char| !(character.is_alphanumeric() || character == '_')).any(|other| other == word)
}

/// Whether `folder` stands in `line` as the beginning of a path.
fn has_root(line: &str, folder: &str) -> bool {
    let inside_path = |character: char| character.is_alphanumeric() || "_-./~}*)".contains(character);
    line.match_indices(folder).any(|(at, _)| !line[..at].chars().next_back().is_some_and(inside_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_line(line: &str, expect: usize) {
        assert_eq!(check(&Tree::of(&[("a.md", line)])).len(), expect, "{line}");
    }

    #[test]
    fn unfinished_marks_are_found_as_words() {
        check_line("all is done", 0);
        check_line("// TODO: more", 1);
        check_line("TODOs and mastodons", 0);
        check_line("FIXME, TBD", 2);
    }

    #[test]
    fn folders_of_one_machine_are_found_and_relative_ones_are_not() {
        check_line("see `/home/ada/mesh`", 1);
        check_line("$HOME/.local and docs/home/a.md and https://host/work/x", 0);
        check_line("path=/work/main", 1);
    }

    #[test]
    fn the_lists_themselves_and_licence_texts_are_left_out() {
        assert_eq!(check(&Tree::of(&[(SELF, "TODO"), ("LICENSE-MIT", "TODO")])), []);
    }
}
