//! The files of the repository, read once.

use crate::failure::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// All files that belong to the repository, by path relative to it with `/` between folders.
#[derive(Debug, Default)]
pub struct Tree {
    /// The text, or none where a file is not UTF-8.
    files: BTreeMap<String, Option<String>>,
}

/// Larger files are data and are not read as text.
const TEXT_LENGTH_MAX: u64 = 4 << 20;

impl Tree {
    /// Reads what lies below `root`, except version control, build results and what `.gitignore` names at the top.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let ignored: Vec<&str> = ignored.lines().map(|line| line.trim().trim_matches('/')).collect();
        let mut tree = Self::default();
        tree.descend(root, "", &ignored).map_err(|why| {
            Failure::could_not_run(format!("the repository cannot be read: {why}"), "check the rights of its folders")
        })?;
        Ok(tree)
    }

    /// Every path, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Every text file whose path ends with `ending`, in order.
    pub fn texts<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let with_text = self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)));
        with_text.filter(move |(path, _)| path.ends_with(ending))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether there is a file or a folder of this path; the top folder is the empty path.
    pub fn holds(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.contains_key(path) || self.files().any(|file| file.starts_with(&folder))
    }

    fn descend(&mut self, folder: &Path, prefix: &str, ignored: &[&str]) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if name == ".git" || ignored.contains(&path.as_str()) {
                continue;
            }
            if kind.is_dir() {
                // Cargo marks every folder of build results so, wherever it was told to put it.
                if !entry.path().join("CACHEDIR.TAG").exists() {
                    self.descend(&entry.path(), &format!("{path}/"), ignored)?;
                }
            } else if kind.is_file() {
                let readable = entry.metadata()?.len() <= TEXT_LENGTH_MAX;
                let bytes = if readable { fs::read(entry.path())? } else { vec![0xff] };
                self.files.insert(path, String::from_utf8(bytes).ok());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl Tree {
    /// A tree of these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { files: files.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_their_folders_are_held() {
        let tree = Tree::of(&[("docs/a.md", "A"), ("b.rs", "B")]);
        assert!(tree.holds("docs") && tree.holds("docs/a.md") && tree.holds(""));
        assert!(!tree.holds("doc") && !tree.holds("a.md"));
        assert_eq!(tree.texts(".rs").collect::<Vec<_>>(), [("b.rs", "B")]);
    }
}
