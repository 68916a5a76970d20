//! A proof that a network has no plan at all (Farkas), made of one number from each member.
//!
//! Every member has a price for each of its shares, such that the prices at a junction say something about any shares
//! that are in order there:
//!
//! ```text
//! consensus    the prices add up to nothing            sum of price * share  = 0
//! exchange b   all prices are equal                    sum of price * share  = price * b
//! budget b     all prices are equal and none negative  sum of price * share <= price * b
//! ```
//!
//! A member knows the least value of its own sum of price * share over its rows and box, or a number that is safely
//! below. If these together are more than the junctions allow, the members' problems exclude each other. Where a
//! member's own constraints exclude each other, what it says at prices of zero is already more than nothing.
//!
//! Nothing is rounded to the good: the members' numbers and their sum are rounded outwards, and prices that should
//! cancel do, to the last bit, because [`NetworkInfeasibility::prove`] makes them multiples of one power of two.
//!
//! - [`find_infeasibility`]: looks for such prices, with nothing but members' answers to prices.

mod nearest;
mod search;

use crate::areas::Wiring;
use crate::bound::least_over;
use crate::interval::Interval;
use crate::network::{Junction, Member, Network};
use crate::{QpError, QpProblem, QpSolver};
pub use search::{Limits, find_infeasibility};

/// What one member adds to a proof: what it would sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// One price for each of its shares, in their order.
    pub prices: Vec<f64>,
    /// No point of the member's problem has a smaller sum of price times share.
    pub least: f64,
}

/// A proof that the members' problems exclude each other.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkInfeasibility {
    /// One entry a member.
    pub contributions: Vec<Contribution>,
    /// By how much the members together demand more than the junctions allow; positive.
    pub excess: f64,
}

impl NetworkInfeasibility {
    /// Accepts `prices`, for each member one a share, as a proof if they are one. Prices at one junction that differ by
    /// rounding are made to fit first.
    pub fn prove(network: &Network, prices: &[Vec<f64>]) -> Option<Self> {
        let wiring = Wiring::of(network);
        let prices = fitted(&wiring, prices)?;
        Self::signed(network, &wiring, prices)
    }

    /// The proof at prices that fit together, each contribution as whoever has the problem computes it again.
    fn signed(network: &Network, wiring: &Wiring, prices: Vec<Vec<f64>>) -> Option<Self> {
        let answers = network.members.iter().zip(&prices);
        let least: Vec<f64> = answers.map(|(member, prices)| Answerer::new(member).answer(prices).least).collect();
        Self::of(wiring, prices, least)
    }

    /// The proof of whatever members contributed, if it is one.
    pub fn of(wiring: &Wiring, prices: Vec<Vec<f64>>, least: Vec<f64>) -> Option<Self> {
        let pairs = prices.into_iter().zip(least);
        let contributions: Vec<Contribution> = pairs.map(|(prices, least)| Contribution { prices, least }).collect();
        let excess = excess(wiring, &contributions)?;
        (excess > 0.0).then_some(Self { contributions, excess })
    }

    /// Whether the contributions are a proof, if each is what its member says: for whoever has the messages alone.
    pub fn check(&self, wiring: &Wiring) -> bool {
        excess(wiring, &self.contributions).is_some_and(|excess| excess > 0.0 && self.excess <= excess)
    }

    /// Whether this is a proof for `network`, every contribution computed again.
    pub fn holds(&self, network: &Network) -> bool {
        self.check(&Wiring::of(network))
            && network.members.iter().zip(&self.contributions).all(|(member, said)| said.holds(member))
    }
}

impl Contribution {
    /// What a member contributes at these prices; none if it has another number of shares.
    pub fn of(member: &Member, prices: Vec<f64>) -> Option<Self> {
        let fits = prices.len() == member.shares.len() && prices.iter().all(|price| price.is_finite());
        fits.then(|| Self { least: Answerer::new(member).answer(&prices).least, prices })
    }

    /// Whether the member may say so: for whoever is given its problem.
    pub fn holds(&self, member: &Member) -> bool {
        Self::of(member, self.prices.clone()).is_some_and(|again| self.least <= again.least)
    }
}

/// One member's answers to prices.
pub(crate) struct Answerer<'a> {
    member: &'a Member,
    /// With the bounds that follow from its rows, and without its cost.
    feasible: QpProblem,
    /// None if the constraints exclude each other or the numbers are too far apart.
    solver: Option<QpSolver>,
    /// Multipliers that prove that the constraints exclude each other.
    excluded: Option<Vec<f64>>,
}

/// An answer.
pub(crate) struct Answer {
    /// Safely below every sum of price times share.
    pub(crate) least: f64,
    /// Shares whose sum is about the least, if there are any.
    pub(crate) shares: Option<Vec<f64>>,
}

impl<'a> Answerer<'a> {
    pub(crate) fn new(member: &'a Member) -> Self {
        let problem = &member.problem;
        let (lower, upper) = problem.derived_bounds();
        let n = problem.variables();
        let made = QpProblem::new(&[], vec![0.0; n], 0.0, problem.rows().to_vec(), lower, upper);
        // Derived bounds of constraints that exclude each other may cross; the given ones do not.
        let feasible = made.unwrap_or_else(|_| problem.clone());
        let (solver, excluded) = match QpSolver::new(&feasible, &vec![0.0; n], crate::Settings::default()) {
            Ok(solver) => (Some(solver), None),
            Err(QpError::Infeasible(proof)) => (None, Some(proof.row_multipliers)),
            Err(_) => (None, None),
        };
        Self { member, feasible, solver, excluded }
    }

    /// Least sum of price times share, one price a share.
    pub(crate) fn answer(&mut self, prices: &[f64]) -> Answer {
        let mut cost = vec![Interval::ZERO; self.feasible.variables()];
        for (share, price) in self.member.shares.iter().zip(prices) {
            for (variable, coefficient) in &share.terms {
                let Some(cost) = cost.get_mut(*variable) else {
                    return Answer { least: f64::NEG_INFINITY, shares: None };
                };
                if *price != 0.0 {
                    *cost = cost.plus(Interval::point(*coefficient).times(*price));
                }
            }
        }
        let middle: Vec<f64> = cost.iter().map(|cost| 0.5 * cost.low + 0.5 * cost.high).collect();
        let (multipliers, shares) = self.solve(&middle);
        let (lower, upper) = (self.feasible.lower(), self.feasible.upper());
        let least = least_over(self.feasible.rows(), lower, upper, cost, &multipliers).low;
        Answer { least: if least.is_nan() { f64::NEG_INFINITY } else { least }, shares }
    }

    /// Multipliers that may be of use, and the shares of a solution.
    fn solve(&mut self, linear: &[f64]) -> (Vec<f64>, Option<Vec<f64>>) {
        let Some(solver) = &mut self.solver else { return (self.excluded.clone().unwrap_or_default(), None) };
        match solver.solve(linear, self.feasible.lower(), self.feasible.upper()) {
            Ok(solution) => {
                let shares = self.member.shares.iter().map(|share| share.of(&solution.x)).collect();
                (solution.row_multipliers, Some(shares))
            }
            Err(QpError::Infeasible(proof)) => (proof.row_multipliers, None),
            Err(_) => (Vec::new(), None),
        }
    }
}

/// By how much contributions exceed what the junctions allow, rounded down; none if the prices do not fit together.
fn excess(wiring: &Wiring, contributions: &[Contribution]) -> Option<f64> {
    if contributions.len() != wiring.members() {
        return None;
    }
    let mut sum = Interval::ZERO;
    let mut met: Vec<Vec<f64>> = vec![Vec::new(); wiring.junctions().len()];
    for (member, contribution) in contributions.iter().enumerate() {
        let touches = wiring.touches(member);
        if touches.len() != contribution.prices.len() || !contribution.least.is_finite() {
            return None;
        }
        sum = sum.plus(Interval::point(contribution.least));
        for (junction, price) in touches.iter().zip(&contribution.prices) {
            met.get_mut(*junction)?.push(*price);
        }
    }
    for (junction, prices) in wiring.junctions().iter().zip(&met) {
        if prices.iter().any(|price| !price.is_finite()) {
            return None;
        }
        let Some(first) = prices.first() else {
            // Where nobody is, nobody can be at fault.
            continue;
        };
        let allowed = match junction {
            Junction::Consensus if cancels(prices) => continue,
            Junction::Exchange(total) if prices.iter().all(|price| price == first) => total,
            Junction::Budget(total) if *first >= 0.0 && prices.iter().all(|price| price == first) => total,
            _ => return None,
        };
        sum = sum.minus(Interval::point(*allowed).times(*first));
    }
    Some(sum.low)
}

/// Whether the sum is zero exactly: every partial sum is without rounding, and the last one is zero.
fn cancels(prices: &[f64]) -> bool {
    let mut sum = 0.0;
    for price in prices {
        // The rounding of a sum of two, which is a number of the format itself (Knuth 1969).
        let next = sum + price;
        let taken = next - sum;
        if (sum - (next - taken)) + (price - taken) != 0.0 {
            return false;
        }
        sum = next;
    }
    sum == 0.0
}

/// Prices that fit together at every junction, near to `prices`, the largest of size 1; none if there are not as many
/// as shares.
pub(crate) fn fitted(wiring: &Wiring, prices: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let complete = prices.len() == wiring.members()
        && prices.iter().enumerate().all(|(member, prices)| prices.len() == wiring.touches(member).len());
    let size = prices.iter().flatten().fold(0.0, |most: f64, price| most.max(price.abs()));
    if !complete || !size.is_finite() || prices.iter().flatten().any(|price| price.is_nan()) {
        return None;
    }
    let size = if size > 0.0 { size } else { 1.0 };
    let mut fitted = prices.to_vec();
    let mut places: Vec<Vec<(usize, usize)>> = vec![Vec::new(); wiring.junctions().len()];
    for member in 0..wiring.members() {
        for (share, junction) in wiring.touches(member).iter().enumerate() {
            places.get_mut(*junction)?.push((member, share));
        }
    }
    for (junction, places) in wiring.junctions().iter().zip(&places) {
        let mut met: Vec<f64> = places.iter().map(|(member, share)| prices[*member][*share] / size).collect();
        match junction {
            Junction::Consensus => cancel(&mut met),
            Junction::Exchange(_) => level(&mut met, f64::NEG_INFINITY),
            Junction::Budget(_) => level(&mut met, 0.0),
        }
        for ((member, share), price) in places.iter().zip(met) {
            fitted[*member][*share] = price;
        }
    }
    Some(fitted)
}

/// Makes all prices their mean, if that is not below `least`.
fn level(prices: &mut [f64], least: f64) {
    let mut sum = 0.0;
    prices.iter().for_each(|price| sum += price);
    let mean = (sum / prices.len().max(1) as f64).max(least);
    prices.fill(mean);
}

/// Takes away the mean, makes all prices multiples of one power of two, and the last one what cancels the others.
fn cancel(prices: &mut [f64]) {
    let mut sum = 0.0;
    prices.iter().for_each(|price| sum += price);
    let mean = sum / prices.len().max(1) as f64;
    prices.iter_mut().for_each(|price| *price -= mean);
    let largest = prices.iter().fold(0.0, |most: f64, price| most.max(price.abs()));
    // Less than this is nothing beside prices of size 1, and its multiples would leave the format.
    if largest < 1e-12 {
        prices.fill(0.0);
        return;
    }
    let power = f64::from_bits(largest.to_bits() & EXPONENT);
    let unit = power / GRID;
    let Some((last, others)) = prices.split_last_mut() else { return };
    let mut sum = 0.0;
    for price in others {
        *price = (*price / unit).round() * unit;
        sum += *price;
    }
    *last = -sum;
}

/// The bits of a number's exponent.
const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
/// Multiples of the unit up to the largest price: 2^40, so that sums of 2^12 of them are exact.
const GRID: f64 = (1_u64 << 40) as f64;

#[cfg(test)]
mod tests;
