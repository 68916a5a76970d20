//! From interface files to Rust: read the files, hash what they define, write structs and their encoding.
//!
//! `hiroz-codegen` parses field types and computes type hashes. Comments, defaults and constants are read here, because
//! it drops comments and the quotes of texts confuse it; the names of requests and responses are put right before
//! hashing.

pub mod definition;
pub mod files;
mod hash;
mod literal;
mod rust;
mod source;

use definition::{Service, Structure};
use std::collections::BTreeMap;
use std::fmt;

/// A package of interfaces.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its files, in the order in which their types are to appear.
    pub files: Vec<File>,
}

/// An interface file.
pub struct File {
    /// What it defines.
    pub kind: Kind,
    /// Its name without the ending, which is that of the type.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// What a file can define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message.
    Message,
    /// A service.
    Service,
}

/// Why the files cannot become Rust.
#[derive(Debug)]
pub struct Refusal {
    /// The type whose file it is, and the line if it is about one.
    place: String,
    /// What is wrong and what to do.
    why: String,
}

/// The Rust code for `packages`. Their types may nest those of `known`, which are code of the crate already.
pub fn generate(packages: &[Package], known: &[Package]) -> Result<String, Refusal> {
    let mut structures = BTreeMap::new();
    let mut services = Vec::new();
    for package in known.iter().chain(packages) {
        for file in &package.files {
            match file.kind {
                Kind::Message => {
                    let structure = definition::message(&package.name, file)?;
                    structures.insert(structure.ros_name(), structure);
                }
                Kind::Service => services.push(definition::service(&package.name, file)?),
            }
        }
    }
    let hashes = hash::hashes(&structures, &services)?;
    let texts = packages.iter().map(|package| {
        let own: Vec<&Structure> = structures.values().filter(|structure| structure.package == package.name).collect();
        let offered: Vec<&Service> = services.iter().filter(|service| service.package == package.name).collect();
        rust::package(&package.name, &own, &offered, &hashes)
    });
    let texts = texts.collect::<Result<Vec<String>, Refusal>>()?;
    let names: Vec<&String> = packages.iter().map(|package| &package.name).collect();
    Ok(format!("{}\n{}", texts.join("\n"), rust::catalogue(&hashes, &names)))
}

impl Refusal {
    fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl std::error::Error for Refusal {}
