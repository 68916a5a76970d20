//! The prices at which lower bounds are asked for: they cancel at every junction exactly, so that the members' bounds add
//! up to one of the whole.

use super::ties::Ties;
use crate::dense::{add_scaled, largest};

/// The prices of all shares, and what the sums add to the lower bound.
#[derive(Debug, Clone)]
pub(crate) struct SharePrices {
    /// For each member one price a share.
    pub(crate) of_members: Vec<Vec<f64>>,
    pub(crate) constant: f64,
}

impl SharePrices {
    /// Prices of all shares from those of basic shares, member by member, then of what is left of budgets: plus, for each
    /// relation, whatever makes the rest cancel. None if they are beyond all numbers.
    pub(crate) fn of(ties: &Ties, prices: &[Vec<f64>]) -> Option<Self> {
        let members = ties.slots.len();
        let mut rest = vec![0.0; ties.space.origin.len()];
        for (prices, slots) in prices.iter().zip(&ties.basic) {
            prices.iter().zip(slots).for_each(|(price, slot)| rest[*slot] -= price);
        }
        for ((slot, _), price) in ties.budgets().zip(&prices[members..]) {
            rest[slot] -= price[0];
        }
        let multipliers = ties.space.multipliers(&rest);
        let mut of_equation = multipliers.iter();
        let mut of_members: Vec<Vec<f64>> = Vec::with_capacity(members);
        for (place, own) in ties.relations.iter().enumerate() {
            let mut all = vec![0.0; ties.slots[place].len()];
            for (share, slot) in ties.slots[place].iter().enumerate() {
                if let Some(basic) = ties.basic[place].iter().position(|other| other == slot) {
                    all[share] = prices[place][basic];
                }
            }
            for (factors, multiplier) in own.iter().zip(of_equation.by_ref()) {
                add_scaled(&mut all, *multiplier, factors);
            }
            of_members.push(all);
        }
        let mut constant = 0.0f64;
        let mut of_slot: Vec<Option<f64>> = vec![None; ties.space.origin.len()];
        for (sum, multiplier) in ties.sums.iter().zip(of_equation) {
            let price = if sum.left.is_some() { (-multiplier).min(0.0) } else { -multiplier };
            sum.slots.iter().for_each(|slot| of_slot[*slot] = Some(price));
            constant = (constant + (price * sum.value).next_down()).next_down();
        }
        cancel(&mut of_members, &ties.slots, &of_slot);
        let most = of_members.iter().fold(0.0, |most: f64, prices| most.max(largest(prices)));
        let finite = of_members.iter().flatten().all(|price| price.is_finite());
        (finite && constant.is_finite() && most <= PRICE_MAX).then_some(Self { of_members, constant })
    }
}

/// Makes the prices at every junction of equals add up to zero, and those at a sum, which are given, equal.
///
/// At a junction of c prices all are rounded to multiples of a power of two g of which the largest price is less than
/// 2^(52 - log2 c) g: c of these and their sums are whole multiples of g below 2^53 g, and no addition rounds.
fn cancel(prices: &mut [Vec<f64>], slots: &[Vec<usize>], of_slot: &[Option<f64>]) {
    let mut largest = vec![0.0f64; of_slot.len()];
    let mut count = vec![0u32; of_slot.len()];
    for (prices, own) in prices.iter().zip(slots) {
        for (price, slot) in prices.iter().zip(own) {
            largest[*slot] = largest[*slot].max(price.abs());
            count[*slot] += 1;
        }
    }
    let grids: Vec<f64> = largest.iter().zip(&count).map(|(largest, count)| grid(*largest, *count)).collect();
    let mut sum = vec![0.0; of_slot.len()];
    for (prices, own) in prices.iter_mut().zip(slots) {
        for (price, slot) in prices.iter_mut().zip(own) {
            count[*slot] -= 1;
            *price = match (of_slot[*slot], count[*slot]) {
                (Some(price), _) => price,
                (None, 0) => -sum[*slot],
                (None, _) => (*price / grids[*slot]).round() * grids[*slot],
            };
            sum[*slot] += *price;
        }
    }
}

/// The step of `count` prices of which none is larger than `largest`.
fn grid(largest: f64, count: u32) -> f64 {
    // The power of two that is not above it; below the least that leaves room for steps every price is rounded to zero.
    let power = f64::from_bits(largest.max(SMALLEST).to_bits() & 0x7FF0_0000_0000_0000);
    power * (f64::from(count.max(1).next_power_of_two()) / STEPS)
}

/// So many steps of sums are whole numbers, less one bit for the largest price and one for rounding it upwards.
const STEPS: f64 = (1u64 << 51) as f64;
/// Prices below this are none.
const SMALLEST: f64 = 1e-200;
/// Beyond this no price is of use.
const PRICE_MAX: f64 = 1e100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_of_very_many_members_cancel_to_the_last_bit() {
        for (members, scale) in [(1, 1.0), (2, 1e-30), (3, 1e70), (300, 1.0), (65_536, 1e25), (65_536, 0.0)] {
            let mut seed = 7_u64;
            let mut draw = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // All of one sign, so that sums grow as large as they can.
                ((seed >> 11) as f64 / (1u64 << 53) as f64 + 1.0) * scale
            };
            let before: Vec<Vec<f64>> = (0..members).map(|_| vec![draw()]).collect();
            let mut prices = before.clone();
            cancel(&mut prices, &vec![vec![0]; members], &[None]);
            // Twice as exact as the numbers themselves: a sum with its error (Knuth).
            let (mut high, mut low) = (0.0f64, 0.0f64);
            for price in prices.iter().flatten() {
                let sum = high + price;
                let part = sum - high;
                low += (high - (sum - part)) + (price - part);
                high = sum;
            }
            assert_eq!((high, low), (0.0, 0.0), "{members} members");
            for (before, after) in before.iter().zip(&prices).take(members - 1) {
                assert!((before[0] - after[0]).abs() <= 1e-9 * scale, "{members}: {before:?} {after:?}");
            }
        }
    }
}
