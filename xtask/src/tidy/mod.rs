//! `cargo xtask tidy`: the rules of the repository that no compiler knows. One file a rule; each rule is a function from
//! what it looks at to findings, and only this file reads the disk.

mod confined;
mod decisions;
mod findings;
mod floors;
mod layout;
mod length;
mod links;
mod lints;
mod purity;
mod source;
mod tree;
mod words;

use crate::failure::Failure;
use crate::metadata::Metadata;
use findings::Finding;
use std::path::Path;
use tree::Tree;

/// Runs the chore.
pub fn run(root: &Path) -> Result<String, Failure> {
    let metadata = Metadata::read(root, false)?;
    let tree = Tree::read(root)?;
    let rules: [(&str, Vec<Finding>); 11] = [
        ("crates depend on lower floors only", floors::check(&metadata)),
        (
            "sockets, entropy, certificates and signals stay with the crates that are for them",
            confined::check(&metadata),
        ),
        ("every package is linted; unsafe code is forbidden", lints::check(&tree)),
        ("a crate's folder has its name; no packages of other build systems", layout::check(&metadata, &tree)),
        ("source files are short", length::check(&tree)),
        ("pure crates have no clock, entropy, disk, threads or unordered maps", purity::check(&tree)),
        ("nothing is left undone or switched off", purity::check_unfinished(&tree)),
        ("no unfinished marks, no folders of one machine", words::check(&tree)),
        ("decisions are numbered without gaps", decisions::check(&tree)),
        ("links between documents lead somewhere", links::check(&tree)),
        ("every chore of CI is there", layout::check_entry_points(&tree)),
    ];
    let mut count = 0;
    for (rule, findings) in &rules {
        println!(
            "  {rule}: {}",
            if findings.is_empty() { "yes".to_owned() } else { format!("{} findings", findings.len()) }
        );
        findings.iter().for_each(|finding| println!("    {finding}"));
        count += findings.len();
    }
    if count == 0 {
        return Ok(format!("tidy: {} rules hold in {} files", rules.len(), tree.files().count()));
    }
    Err(Failure::finding(format!("tidy: {count} findings"), "each finding above ends with what to do"))
}
