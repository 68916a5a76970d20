//! What `cargo metadata` says about the workspace, as far as the chores ask.

use crate::failure::Failure;
use crate::process;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The workspace.
#[derive(Debug)]
pub struct Metadata {
    /// Where cargo puts what it builds.
    pub target: PathBuf,
    /// Every package, those of registries included.
    pub packages: Vec<Package>,
}

/// A package.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its SPDX expression, if it states one.
    pub licence: Option<String>,
    /// Whether it is a member of the workspace.
    pub member: bool,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// A dependency as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// Name of the package.
    pub name: String,
    /// Whether only tests, examples and benchmarks use it.
    pub dev: bool,
}

impl Metadata {
    /// Of the workspace at `root`, with all dependencies or with the members alone.
    pub fn read(root: &Path, with_dependencies: bool) -> Result<Self, Failure> {
        let mut command = process::cargo(root);
        command.args(["metadata", "--format-version", "1", "--locked"]);
        if !with_dependencies {
            command.arg("--no-deps");
        }
        let output = process::capture(&mut command)?;
        if !output.status.success() {
            return Err(Failure::could_not_run(
                format!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end()),
                "repair the manifests; if only Cargo.lock is out of date, run `cargo update --workspace` and commit it",
            ));
        }
        Self::parse(&output.stdout).ok_or_else(|| {
            Failure::could_not_run(
                "cargo metadata answered in an unknown form",
                "use the toolchain in rust-toolchain.toml",
            )
        })
    }

    /// The members of the workspace.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.member)
    }

    fn parse(json: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(json).ok()?;
        let members = value["workspace_members"].as_array()?;
        let packages = value["packages"].as_array()?.iter().map(|package| Package::parse(package, members));
        Some(Self { target: value["target_directory"].as_str()?.into(), packages: packages.collect::<Option<_>>()? })
    }
}

impl Package {
    fn parse(value: &Value, members: &[Value]) -> Option<Self> {
        let dependencies = value["dependencies"].as_array()?.iter().map(|dependency| {
            Some(Dependency { name: dependency["name"].as_str()?.to_owned(), dev: dependency["kind"] == "dev" })
        });
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            version: value["version"].as_str()?.to_owned(),
            folder: Path::new(value["manifest_path"].as_str()?).parent()?.to_owned(),
            licence: value["license"].as_str().map(str::to_owned),
            member: members.contains(&value["id"]),
            dependencies: dependencies.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_chores_ask() {
        let json = br#"{"target_directory": "t", "workspace_members": ["a-id"], "packages": [
            {"id": "a-id", "name": "a", "version": "1.0.0", "manifest_path": "f/a/Cargo.toml", "license": "MIT",
             "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]},
            {"id": "b-id", "name": "b", "version": "2.0.0", "manifest_path": "f/b/Cargo.toml", "license": null,
             "dependencies": []}]}"#;
        let metadata = Metadata::parse(json).expect("well formed");
        let members: Vec<_> = metadata.members().map(|package| package.name.as_str()).collect();
        assert_eq!(members, ["a"]);
        assert_eq!(metadata.packages[0].dependencies[1], Dependency { name: "c".to_owned(), dev: true });
        assert_eq!(metadata.packages[1].licence, None);
        assert!(Metadata::parse(b"{}").is_none());
    }
}
