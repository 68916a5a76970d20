//! Prices that prove that there is no plan, from members' answers to prices.
//!
//! ```text
//! point  = the mixture of the answers so far whose shares are nearest to being in order
//! prices = the direction from order to that point
//! answer = each member's shares that are worth least at these prices; with them the proof, if it is one
//! ```
//!
//! If there is no plan, the shares that members can have are at a distance from any that are in order; every round
//! comes nearer to the shortest way between the two, and the prices along that way are a proof. The answers are corners
//! of what members can do, of which there are finitely many, and the distance falls with each that is new, so that the
//! rounds end (von Hohenbalken 1977, Wolfe 1976). The plain synchronous step of the edge core drifts along the same way,
//! but needs many more rounds to show it.

use super::nearest::{Coordinates, Mixture, dot};
use super::{Answer, Answerer, NetworkInfeasibility, fitted};
use crate::areas::Wiring;
use crate::network::{Member, Network};

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most vectors of prices that are tried.
    pub evaluations_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { evaluations_max: 100 }
    }
}

/// Looks for a proof that `network` has no plan; none if it has one, or if the limits come first.
///
/// Every variable of a share needs bounds, given or derived from its member's rows. Given up where a mixture needs more
/// answers than one local problem has room for.
pub fn find_infeasibility(network: &Network, limits: Limits) -> Option<NetworkInfeasibility> {
    let shares_exist = network.members.iter().all(|member| {
        member.shares.iter().all(|share| {
            share.junction < network.junctions.len()
                && share.terms.iter().all(|(variable, _)| *variable < member.problem.variables())
        })
    });
    if !shares_exist || network.members.is_empty() {
        return None;
    }
    let wiring = Wiring::of(network);
    let mut answerers: Vec<Answerer> = network.members.iter().map(Answerer::new).collect();
    let nothing: Vec<Vec<f64>> = network.members.iter().map(|member| vec![0.0; member.shares.len()]).collect();
    let mut answers = ask(&mut answerers, &nothing);
    if let Some(proof) = proved(network, &wiring, nothing, &answers) {
        return Some(proof);
    }
    let reach: Vec<Vec<(f64, f64)>> =
        network.members.iter().zip(&answerers).map(|(member, answerer)| reach(member, answerer)).collect();
    if reach.iter().flatten().any(|(low, high)| !(low.is_finite() && high.is_finite())) {
        return None;
    }
    let coordinates = Coordinates::new(&wiring, &reach);
    let groups = answerers.len().min(GROUPS_MAX);
    let mut mixture = Mixture::new(&coordinates, groups);
    let group_of = |member: usize| member * groups / wiring.members();
    for (group, answer) in grouped(&coordinates, answers, groups, group_of)?.into_iter().enumerate() {
        mixture.add(group, answer);
    }
    for _ in 0..limits.evaluations_max {
        let (point, parts) = mixture.nearest()?;
        if dot(&point, &point) <= TOUCHING * TOUCHING {
            return None;
        }
        let prices = fitted(&wiring, &coordinates.prices(&point, &reach))?;
        answers = ask(&mut answerers, &prices);
        if let Some(proof) = proved(network, &wiring, prices, &answers) {
            return Some(proof);
        }
        let mut any = false;
        for (group, answer) in grouped(&coordinates, answers, groups, group_of)?.into_iter().enumerate() {
            let gain = dot(&point, &parts[group]) - dot(&point, &answer);
            if gain > GAIN * dot(&point, &point) / groups as f64 {
                mixture.add(group, answer);
                any = true;
            }
        }
        if !any {
            return None;
        }
    }
    None
}

fn ask(answerers: &mut [Answerer], prices: &[Vec<f64>]) -> Vec<Answer> {
    answerers.iter_mut().zip(prices).map(|(answerer, prices)| answerer.answer(prices)).collect()
}

/// The proof, if the answers make one. They depend in their last bits on the answers before, so each is asked for anew.
fn proved(
    network: &Network,
    wiring: &Wiring,
    prices: Vec<Vec<f64>>,
    answers: &[Answer],
) -> Option<NetworkInfeasibility> {
    let least = answers.iter().map(|answer| answer.least).collect();
    NetworkInfeasibility::of(wiring, prices.clone(), least)?;
    NetworkInfeasibility::signed(network, wiring, prices)
}

/// What the answers of each group add to the coordinates; none if a member has no answer.
fn grouped(
    coordinates: &Coordinates,
    answers: Vec<Answer>,
    groups: usize,
    group_of: impl Fn(usize) -> usize,
) -> Option<Vec<Vec<f64>>> {
    let mut shares = vec![vec![None; answers.len()]; groups];
    for (member, answer) in answers.into_iter().enumerate() {
        shares[group_of(member)][member] = Some(answer.shares?);
    }
    Some(shares.iter().map(|shares| coordinates.of(shares)).collect())
}

/// The smallest and largest values that the box of a member leaves its shares.
fn reach(member: &Member, answerer: &Answerer) -> Vec<(f64, f64)> {
    let (lower, upper) = (answerer.feasible.lower(), answerer.feasible.upper());
    let ends = member.shares.iter().map(|share| {
        let (mut low, mut high) = (0.0, 0.0);
        for (variable, coefficient) in share.terms.iter().filter(|(_, coefficient)| *coefficient != 0.0) {
            let (a, b) = (coefficient * lower[*variable], coefficient * upper[*variable]);
            low += a.min(b);
            high += a.max(b);
        }
        (low, high)
    });
    ends.collect()
}

/// Most groups of members that are mixed each by itself: more of them mean fewer rounds, and larger mixtures.
const GROUPS_MAX: usize = 90;
/// A distance, in parts of what shares reach, at which there may as well be a plan.
const TOUCHING: f64 = 1e-9;
/// Least gain that is worth an answer, in parts of what is to be gained at all.
const GAIN: f64 = 1e-7;
