//! A proof that there is no plan, as people are shown it, and as it is signed and kept.

use crate::failure::Failure;
use crate::output;
use crate::table::Table;
use mesh_model::AssetId;
use mesh_node::FleetFolder;
use mesh_node::proof::{Refutation, Refuted};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where a proof that there is no plan is kept, and who signs it.
#[derive(clap::Args)]
pub struct Keeping {
    /// Writes the proof that there is no plan into this file, if there is one; `certificate verify` checks it.
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// A fleet folder with private keys: whose member owns a box signs what the box states. Needs --proof.
    #[arg(long, value_name = "DIR", requires = "proof")]
    sign_as: Option<PathBuf>,
}

/// Has the owners of boxes sign with the keys in the fleet folder at `fleet`.
pub fn sign(refutation: &mut Refutation, fleet: &Path) -> Result<(), Failure> {
    let owners: BTreeSet<AssetId> = refutation.witnesses.iter().map(|of| of.asset.clone()).collect();
    refutation.sign(&FleetFolder::open_to_sign(fleet, &owners)?);
    Ok(())
}

impl Keeping {
    /// Signs and writes a proof as asked.
    pub fn keep(&self, refutation: &mut Refutation) -> Result<(), Failure> {
        if let Some(fleet) = &self.sign_as {
            sign(refutation, fleet)?;
        }
        if let Some(path) = &self.proof {
            refutation.write(path)?;
        }
        Ok(())
    }

    /// Where it was written.
    pub fn path(&self) -> Option<&Path> {
        self.proof.as_deref()
    }
}

/// Shows what the boxes state, a sentence a box, and by how much that is too much.
pub fn show(refuted: &Refuted) {
    refuted.words.iter().for_each(|sentence| output::line(&format!("  {sentence}")));
    let mut table = Table::new(&["box", "states", "recomputed", ""], 1..3);
    for member in &refuted.members {
        table.row([
            member.name.clone(),
            figure(member.least),
            member.least_recomputed.map_or_else(String::new, figure),
            if member.signed { "signed" } else { "" }.to_owned(),
        ]);
    }
    output::line(table.to_text().trim_end());
    output::line(&format!("together that is {:.3e} more than the junctions allow", refuted.excess));
}

/// Nine digits, and no sign where all of them are zero.
fn figure(value: f64) -> String {
    const LEAST_SHOWN: f64 = 5e-10;
    format!("{:.9}", if value.abs() < LEAST_SHOWN { 0.0 } else { value })
}
