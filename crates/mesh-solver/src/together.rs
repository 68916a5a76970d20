//! One entry for a whole network: what suits its shape first, what always works where that does not get there.
//!
//! ```text
//! few junctions that are sums, many members   prices over a tree    [`crate::prices`]
//! a sparse graph of members                   areas                 [`crate::areas`], unless blocks are forbidden
//! whatever ended unsettled                    is there a plan?      [`crate::separation`]
//!                                             the edge core         [`crate::rounds`]
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
    /// The distance of the bounds relative to the upper one.
    pub fn gap(&self) -> f64 {
        (self.upper - self.lower) / self.upper.abs().max(1.0)
    }
}

/// Solves a network as its shape suggests.
pub fn solve(network: &Network, settings: &Settings) -> Outcome {
    let accepted = |plan: &Plan| merit::holds(network, plan, settings);
    let fast = match fast_path(network, settings) {
        Some(Path::Prices) => paths::prices(network, settings),
        Some(Path::Areas) => paths::areas(network, settings),
        _ => None,
    };
    if let Some(plan) = fast.filter(accepted) {
        return Outcome::Converged(plan);
    }
    if let Some(proof) = find_infeasibility(network, settings.infeasibility) {
        return Outcome::Infeasible(proof);
    }
    match paths::rounds(network, settings).filter(accepted) {
        Some(plan) => Outcome::Converged(plan),
        None => Outcome::Unsettled,
    }
}

/// The fast path that suits the shape of a network, if there is one.
pub fn fast_path(network: &Network, settings: &Settings) -> Option<Path> {
    let (members, junctions) = (network.members.len(), network.junctions.len());
    let sums = !network.junctions.iter().any(|junction| matches!(junction, Junction::Consensus));
    if sums && (1..=crate::prices::JUNCTIONS_MAX).contains(&junctions) && members >= settings.crowd * junctions {
        return Some(Path::Prices);
    }
    let meetings: usize = network.neighbours().iter().map(Vec::len).sum();
    let suits = settings.blocks && members <= AREAS_MAX && meetings <= settings.sparse * members;
    (suits && members > 0).then_some(Path::Areas)
}

/// Most members that compute the common step of all each by itself.
const AREAS_MAX: usize = 256;
