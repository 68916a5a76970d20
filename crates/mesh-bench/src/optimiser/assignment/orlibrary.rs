//! The OR-Library's files of generalised assignment problems, `gap1.txt` to `gap12.txt`.
//!
//! Numbers between white space: how many problems there are; for each the numbers of agents and tasks, the profits and
//! then the weights, agent by agent, and the capacities. Lines carry no meaning but tell where a mistake is. The
//! library's `gapa.txt` to `gapd.txt` are minimised and are left alone.

use super::{Instance, published};
use crate::optimiser::SuiteError;
use mesh_solver::assignment::problem::{AGENTS_MAX, TASKS_MAX, WEIGHT_MAX};
use mesh_solver::assignment::worth::PROFIT_MAX;
use std::path::{Path, PathBuf};

/// All instances in the files of a folder and of the folders in it, in the order of the files' numbers.
pub fn read_folder(folder: &Path) -> Result<Vec<Instance>, SuiteError> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    list(folder, &mut files, Some(&mut folders))?;
    folders.sort();
    for folder in folders {
        list(&folder, &mut files, None)?;
    }
    files.sort();
    let mut instances = Vec::new();
    for (number, path) in files {
        instances.extend(read(&path, number)?);
    }
    Ok(instances)
}

/// The instances in one file.
pub fn read(path: &Path, file: u32) -> Result<Vec<Instance>, SuiteError> {
    let unreadable = |why| SuiteError::Unreadable { path: path.to_owned(), why };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    let bad = |line, reason| SuiteError::BadFile { path: path.to_owned(), line, reason };
    if size > BYTES_MAX {
        return Err(bad(1, format!("{size} bytes are more than the limit of {BYTES_MAX}")));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            return Err(bad(line, "this is not text".to_string()));
        }
    };
    parse(text, file).map_err(|mistake| bad(mistake.line, mistake.reason))
}

/// The instances in the text of file `gap<file>.txt`.
pub fn parse(text: &str, file: u32) -> Result<Vec<Instance>, Mistake> {
    let mut numbers = Numbers::of(text);
    let count = numbers.whole("the number of problems", 1..=PROBLEMS_MAX as i64)? as usize;
    let mut instances = Vec::new();
    for number in 1..=count {
        let agents = numbers.whole(&format!("problem {number}: the number of agents"), 1..=AGENTS_MAX as i64)? as usize;
        let tasks = numbers.whole(&format!("problem {number}: the number of tasks"), 1..=TASKS_MAX as i64)? as usize;
        let place = |what, agent, task| format!("problem {number}: the {what} of agent {agent} with task {task}");
        let mut profits = Vec::new();
        for agent in 1..=agents {
            let profit = |task| numbers.real(&place("profit", agent, task));
            profits.push((1..=tasks).map(profit).collect::<Result<Vec<f64>, Mistake>>()?);
        }
        let mut weights = Vec::new();
        for agent in 1..=agents {
            let weight = |task| numbers.whole(&place("weight", agent, task), 0..=WEIGHT_MAX);
            weights.push((1..=tasks).map(weight).collect::<Result<Vec<i64>, Mistake>>()?);
        }
        let capacity =
            |agent| numbers.whole(&format!("problem {number}: the capacity of agent {agent}"), 0..=WEIGHT_MAX);
        let capacities = (1..=agents).map(capacity).collect::<Result<Vec<i64>, Mistake>>()?;
        let name = format!("c{agents}{tasks}-{number}");
        let published = published::optimum(file, number, (agents, tasks));
        instances.push(Instance { name, profits, weights, capacities, published });
    }
    numbers.end(count)?;
    Ok(instances)
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what was expected.
    pub reason: String,
}

/// The numbers of a text one by one, each with its line.
struct Numbers<'a> {
    words: Box<dyn Iterator<Item = (usize, &'a str)> + 'a>,
    /// Where the last word stood.
    line: usize,
}

impl<'a> Numbers<'a> {
    fn of(text: &'a str) -> Self {
        let lines = text.lines().enumerate();
        let words = lines.flat_map(|(line, words)| words.split_whitespace().map(move |word| (line + 1, word)));
        Self { words: Box::new(words), line: 1 }
    }

    fn whole(&mut self, what: &str, within: std::ops::RangeInclusive<i64>) -> Result<i64, Mistake> {
        let word = self.word(what)?;
        let value = word.parse::<i64>().ok().filter(|value| within.contains(value));
        value.ok_or_else(|| {
            let (low, high) = (within.start(), within.end());
            self.mistake(format!("{what} is a whole number from {low} to {high}, not {}", shown(word)))
        })
    }

    fn real(&mut self, what: &str) -> Result<f64, Mistake> {
        let word = self.word(what)?;
        let value = word.parse::<f64>().ok().filter(|value| value.abs() <= PROFIT_MAX);
        value.ok_or_else(|| self.mistake(format!("{what} is a number within {PROFIT_MAX:e}, not {}", shown(word))))
    }

    fn end(&mut self, problems: usize) -> Result<(), Mistake> {
        match self.words.next() {
            Some((line, word)) => {
                let reason = format!("the file ends after {problems} problems, but {} follows", shown(word));
                Err(Mistake { line, reason })
            }
            None => Ok(()),
        }
    }

    fn word(&mut self, what: &str) -> Result<&'a str, Mistake> {
        match self.words.next() {
            Some((line, word)) => {
                self.line = line;
                Ok(word)
            }
            None => Err(self.mistake(format!("the file ends where {what} is expected"))),
        }
    }

    fn mistake(&self, reason: String) -> Mistake {
        Mistake { line: self.line, reason }
    }
}

/// A word as it stands in a message, cut if it is long.
fn shown(word: &str) -> String {
    let cut: String = word.chars().take(WORD_SHOWN_MAX).collect();
    if cut.len() < word.len() { format!("{cut:?}...") } else { format!("{cut:?}") }
}

/// Adds the numbered files of a folder, and the folders in it if they are asked for.
fn list(
    folder: &Path,
    files: &mut Vec<(u32, PathBuf)>,
    mut folders: Option<&mut Vec<PathBuf>>,
) -> Result<(), SuiteError> {
    let unreadable = |why| SuiteError::Unreadable { path: folder.to_owned(), why };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            if let Some(folders) = &mut folders {
                folders.push(path);
            }
        } else if let Some(number) = number_of(&path) {
            files.push((number, path));
        }
    }
    Ok(())
}

/// 7 for `gap7.txt`.
fn number_of(path: &Path) -> Option<u32> {
    let digits = path.file_name()?.to_str()?.strip_prefix("gap")?.strip_suffix(".txt")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Largest file that is read; the library's are below 20 kB.
const BYTES_MAX: u64 = 4 << 20;
/// Most problems in a file.
const PROBLEMS_MAX: usize = 100;
/// Most characters of a wrong word in a message.
const WORD_SHOWN_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: usize, reason: &str) {
        let mistake = parse(text, 1).unwrap_err();
        assert!(mistake.line == line && mistake.reason.contains(reason), "{mistake:?}");
    }

    #[test]
    fn a_file_is_read_whatever_its_lines() {
        let instances = parse("2\n2 3 1 2 3\n4 5 6 7 8 9\n10 11 12\n20 21\n1 1 2.5 3 4\n", 1).unwrap();
        assert_eq!(instances[0].profits, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(instances[0].weights, [[7, 8, 9], [10, 11, 12]]);
        assert_eq!(instances[0].capacities, [20, 21]);
        assert_eq!((instances[1].profits[0][0], instances[1].name.as_str()), (2.5, "c11-2"));
    }

    #[test]
    fn mistakes_have_their_line() {
        check("", 1, "the file ends where the number of problems is expected");
        check("0", 1, "the number of problems is a whole number from 1");
        check("1\n2 x", 2, "the number of tasks is a whole number from 1 to 512, not \"x\"");
        check("1\n300 3", 2, "the number of agents is a whole number from 1 to 255");
        check("1\n1 2\n3 nan\n1 1\n5", 3, "the profit of agent 1 with task 2 is a number");
        check("1\n1 2\n3 3\n1 -1\n5", 4, "the weight of agent 1 with task 2 is a whole number from 0");
        check("1\n1 2\n3 3\n1 1\n", 4, "the file ends where problem 1: the capacity of agent 1 is expected");
        check("1\n1 1\n3\n1\n5\n6", 6, "the file ends after 1 problems, but \"6\" follows");
        check(&format!("1\n{}", "9".repeat(10_000)), 2, "not \"99999999999999999999\"...");
    }

    #[test]
    fn only_numbered_files_are_read() {
        let numbers = ["gap7.txt", "gap12.txt", "gapa.txt", "gap.txt", "gap1.txt.bak", "gap-1.txt", "gap+1.txt"]
            .map(|name| number_of(Path::new(name)));
        assert_eq!(numbers, [Some(7), Some(12), None, None, None, None, None]);
    }
}
