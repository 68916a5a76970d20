//! Where the interface files are.

use super::{File, Kind, Package, Refusal};
use std::path::{Path, PathBuf};

/// The packages of the crate in the folder `here`: the project's own and those of ROS 2 itself.
pub fn read_packages(here: &Path) -> Result<Vec<Package>, Refusal> {
    let mut packages = vec![read_package("cosmosmesh_msgs", &here.join("../../msg"))?];
    for folder in sorted(&here.join("interfaces"))? {
        packages.push(read_package(&stem(&folder)?, &folder)?);
    }
    Ok(packages)
}

/// The package of the crate's tests.
pub fn read_test_package(here: &Path) -> Result<Package, Refusal> {
    read_package("test_interfaces", &here.join("tests/interfaces/test_interfaces"))
}

fn read_package(name: &str, folder: &Path) -> Result<Package, Refusal> {
    let mut files = Vec::new();
    for (kind, ending) in [(Kind::Message, "msg"), (Kind::Service, "srv")] {
        let folder = folder.join(ending);
        if !folder.is_dir() {
            continue;
        }
        let paths = sorted(&folder)?.into_iter().filter(|path| path.extension().is_some_and(|found| found == ending));
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|why| unreadable(&path, &why))?;
            files.push(File { kind, name: stem(&path)?, text });
        }
    }
    Ok(Package { name: name.to_owned(), files })
}

/// What is in a folder, in the order of names: the generated code depends on it.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Refusal> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries = entries.map_err(|why| unreadable(folder, &why))?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> Result<String, Refusal> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.map(str::to_owned).ok_or_else(|| Refusal::new(path.display().to_string(), "its name is not UTF-8"))
}

fn unreadable(path: &Path, why: &std::io::Error) -> Refusal {
    Refusal::new(path.display().to_string(), why.to_string())
}
