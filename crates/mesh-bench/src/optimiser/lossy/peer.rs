//! Plain ADMM in the same weather: what is lost is held at what was heard last.

use super::weather::{Weather, is_lost};
use crate::optimiser::SuiteError;
use crate::optimiser::peer::dual_bound::DualBound;
use crate::optimiser::peer::{GRID, Goal, PlainAdmm, mismatch};
use mesh_solver::Network;

/// The penalty that does best over all seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The penalty.
    pub rho: f64,
    /// Its rounds, one a seed; the cap where it did not arrive.
    pub rounds: Vec<u32>,
    /// Mean rounds of every penalty, to be read by people.
    pub tried: String,
    /// Penalties with which it arrived on any of the seeds they were compared on.
    pub arrived: usize,
}

/// Tries every penalty of the grid on a few seeds, and runs the best on all.
pub fn search(
    network: &Network,
    goal: Goal,
    weather: &Weather,
    seeds: u64,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<Found, SuiteError> {
    let mut best: Option<(u32, f64)> = None;
    let (mut tried, mut arrived) = (Vec::new(), 0);
    // Large penalties do best here, and the sooner one is found that does well, the sooner the others are given up.
    for rho in GRID.into_iter().rev() {
        progress(&format!("lossy: plain ADMM, rho {rho}"))?;
        let (mut sum, mut any) = (0, false);
        for seed in 0..SEARCH_SEEDS {
            // What cannot be the best any more is given up.
            let left = best.map_or(u32::MAX, |(least, _)| least.saturating_sub(sum));
            let rounds_max = goal.rounds_max.min(left);
            let rounds = run(network, rho, Goal { rounds_max, ..goal }, weather, seed)?;
            sum += rounds;
            any |= rounds < rounds_max;
        }
        arrived += usize::from(any);
        let given_up = best.is_some_and(|(least, _)| sum >= least);
        tried.push(format!("{rho}: {}{}", if given_up { "> " } else { "" }, sum / SEARCH_SEEDS as u32));
        if best.is_none_or(|(least, _)| sum < least) {
            best = Some((sum, rho));
        }
    }
    let rho = best.map_or(GRID[0], |(_, rho)| rho);
    let rounds = (0..seeds).map(|seed| run(network, rho, goal, weather, seed)).collect::<Result<_, _>>()?;
    Ok(Found { rho, rounds, tried: tried.join(", "), arrived })
}

fn run(network: &Network, rho: f64, goal: Goal, weather: &Weather, seed: u64) -> Result<u32, SuiteError> {
    let mut admm = PlainAdmm::new(network, rho)?;
    let mut bound = DualBound::new(network)?;
    let mut lower = f64::NEG_INFINITY;
    for round in 1..=goal.rounds_max {
        admm.round(&mut |from, to| !is_lost(weather, seed, u64::from(round), from, to))?;
        // The bound takes longer than the round: it is asked for now and then, where the plans' cost is near the optimum
        // already, and counted as if it had been earlier.
        let is_near = || {
            let cost: f64 = network.members.iter().zip(admm.plans()).map(|(member, x)| member.problem.cost(&x)).sum();
            (cost - goal.cost).abs() <= NEAR * goal.gap_max * goal.cost.abs().max(1.0)
        };
        if round.is_multiple_of(BOUND_EVERY) && mismatch(&admm.copies()) <= goal.mismatch_max && is_near() {
            lower = lower.max(bound.at(&admm.prices()));
            if goal.cost - lower <= goal.gap_max * goal.cost.abs().max(1.0) {
                return Ok(round - BOUND_EVERY + 1);
            }
        }
    }
    Ok(goal.rounds_max)
}

/// Rounds from one bound of the peer to the next.
const BOUND_EVERY: u32 = 8;
/// How many times the gap the plans' cost may be away from the optimum for a bound to be asked for.
const NEAR: f64 = 10.0;
/// Seeds on which penalties are compared.
const SEARCH_SEEDS: u64 = 5;
