//! One entry for a whole network: what suits its shape first, what always works where that does not get there.
//!
//! ```text
//! few junctions that are sums, many members   prices over a tree    [`crate::prices`]
//! a sparse graph of members                   areas                 [`crate::areas`], unless blocks are forbidden
//! what ended unsettled, or is neither         is there a plan?      [`crate::separation`]
//!                                             the edge core         [`crate::rounds`]
//!                                             the paths above that were not tried and are possible
//! ```
//!
//! Nothing is taken over unseen. A path's plans count only if every member's plan satisfies its own rows and box, the
//! shares are in order at every junction, and the safe bounds of both sides meet; a network without a plan is called so
//! only with a proof. What is left is called unsettled.
//!
//! The members run in one process, in lockstep and without loss; over links that lose, their agents are run by whoever
//! has the links. Without a clock, a result is a function of the network and the settings.

mod merit;
mod paths;

use crate::NetworkInfeasibility;
use crate::bound::relative_gap;
use crate::network::{Junction, Network};
use crate::separation::{Limits, find_infeasibility};

/// What a run is to reach, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Relative gap to be certified: (upper - lower) / max(1, |upper|).
    pub gap: f64,
    /// By how much shares may be off at a junction, and a plan off its own rows, in parts of what they reach.
    pub agreement: f64,
    /// Whether members may tell each other reduced Schur blocks, which say something of their problems.
    pub blocks: bool,
    /// Least number of members, for each junction, at which prices over a tree are tried.
    pub crowd: usize,
    /// Most neighbours of a member, on average, at which a graph is sparse.
    pub sparse: usize,
    /// Most rounds of the edge core.
    pub rounds_max: u32,
    /// How far a proof that there is no plan is looked for.
    pub infeasibility: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gap: 1e-4,
            agreement: 1e-4,
            blocks: true,
            crowd: 8,
            sparse: 12,
            rounds_max: 2000,
            infeasibility: Limits::default(),
        }
    }
}

/// What came of a network.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The members have plans that fit together.
    Converged(Plan),
    /// There is no plan, and this proves it.
    Infeasible(NetworkInfeasibility),
    /// The limits came first. Nothing is claimed.
    Unsettled,
}

/// Plans of all members, and what is certified of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Every member's variables.
    pub plans: Vec<Vec<f64>>,
    /// No plan of the whole costs less.
    pub lower: f64,
    /// The plans cost no more, what is still to be settled at junctions included.
    pub upper: f64,
    /// What found them.
    pub path: Path,
}

/// A way to plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Prices over a tree.
    Prices,
    /// Newton steps on what areas share.
    Areas,
    /// The edge core.
    Rounds,
}

impl Plan {
    /// [`relative_gap`] of the bounds.
    pub fn gap(&self) -> f64 {
        relative_gap(self.lower, self.upper)
    }
}

/// Solves a network as its shape suggests.
pub fn solve(network: &Network, settings: &Settings) -> Outcome {
    let go = |path: Path| {
        let plan = match path {
            Path::Prices => paths::prices(network, settings),
            Path::Areas => paths::areas(network, settings),
            Path::Rounds => paths::rounds(network, settings),
        };
        plan.filter(|plan| merit::holds(network, plan, settings))
    };
    let fast = fast_path(network, settings);
    if let Some(plan) = fast.and_then(go) {
        return Outcome::Converged(plan);
    }
    if let Some(proof) = find_infeasibility(network, settings.infeasibility) {
        return Outcome::Infeasible(proof);
    }
    let left = [Path::Rounds, Path::Prices, Path::Areas].into_iter();
    let mut left = left.filter(|path| Some(*path) != fast && is_possible(*path, network, settings));
    left.find_map(go).map_or(Outcome::Unsettled, Outcome::Converged)
}

/// The fast path that suits the shape of a network, if there is one.
pub fn fast_path(network: &Network, settings: &Settings) -> Option<Path> {
    let (members, junctions) = (network.members.len(), network.junctions.len());
    if is_possible(Path::Prices, network, settings) && members >= settings.crowd * junctions {
        return Some(Path::Prices);
    }
    let meetings: usize = network.neighbours().iter().map(Vec::len).sum();
    let is_sparse = meetings <= settings.sparse * members;
    (is_sparse && is_possible(Path::Areas, network, settings)).then_some(Path::Areas)
}

/// Whether a path is allowed, and the network one that it can take at all.
fn is_possible(path: Path, network: &Network, settings: &Settings) -> bool {
    let (members, junctions) = (network.members.len(), network.junctions.len());
    let is_sum = |junction: &Junction| !matches!(junction, Junction::Consensus);
    members > 0
        && match path {
            Path::Prices => {
                (1..=crate::prices::JUNCTIONS_MAX).contains(&junctions) && network.junctions.iter().all(is_sum)
            }
            Path::Areas => settings.blocks && members <= AREAS_MAX,
            Path::Rounds => true,
        }
}

/// Most members that compute the common step of all each by itself.
const AREAS_MAX: usize = 256;
