//! The published cases, if they are there, and grids of a few buses.

use super::*;
use std::path::{Path, PathBuf};

/// The published optima, in dollars an hour, to the digits that are published.
const OPTIMA: [(&str, f64, f64); 7] = [
    ("14_ieee", 2051.5, 0.1),
    ("24_ieee_rts", 61001.0, 1.0),
    ("39_epri", 136_890.0, 10.0),
    ("73_ieee_rts", 183_000.0, 10.0),
    ("118_ieee", 93101.0, 1.0),
    ("179_goc", 751_880.0, 10.0),
    ("588_sdet", 310_130.0, 10.0),
];

/// Where the shared case files are beside the project; None, said aloud, where there are none.
pub(crate) fn published(name: &str) -> Option<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pglib");
    let path: PathBuf = folder.join(format!("pglib_opf_case{name}.m"));
    if !path.exists() {
        eprintln!("skipped {name}: {} is not there", path.display());
        return None;
    }
    Some(matpower::read(&path).expect("a published case is well formed"))
}

#[test]
fn the_published_optima_are_reproduced() {
    for (name, optimum, digits) in OPTIMA {
        let Some(case) = published(name) else { continue };
        let found = whole::solve(&case, 1e-8).expect("the referee solves it");
        assert!((found.cost - optimum).abs() <= 0.5 * digits, "{name}: {} for {optimum}", found.cost);
    }
}
