//! Instances of the OR-Library class from seeds.
//!
//! What a task takes is uniform over 5..=25, what it earns over 15..=25, and an agent has 0.8 times its share of what all
//! tasks would take of it.

use super::Instance;

/// Five instances of every size.
pub fn all() -> Vec<Instance> {
    let per_size = SIZES.iter().flat_map(|size| (1..=PER_SIZE).map(move |number| (*size, number)));
    per_size.map(|((agents, tasks), number)| instance(agents, tasks, number)).collect()
}

/// One instance; the same arguments give the same one on every machine.
pub fn instance(agents: usize, tasks: usize, number: u64) -> Instance {
    let mut dice = Dice(((agents as u64) << 32) + ((tasks as u64) << 16) + number);
    let mut table = |low: u64, high: u64| -> Vec<Vec<i64>> {
        (0..agents).map(|_| (0..tasks).map(|_| dice.within(low, high)).collect()).collect()
    };
    let (profits, weights) = (table(15, 25), table(5, 25));
    // 0.8 of the share, rounded down, in whole numbers.
    let capacities = weights.iter().map(|row| row.iter().sum::<i64>() * 8 / (10 * agents as i64)).collect();
    let profits = profits.iter().map(|row| row.iter().map(|profit| *profit as f64).collect()).collect();
    Instance { name: format!("generated {agents}x{tasks}-{number}"), profits, weights, capacities, published: None }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn within(&mut self, low: u64, high: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (low + (z ^ (z >> 31)) % (high - low + 1)) as i64
    }
}

/// Agents and tasks: the sizes of the OR-Library with up to 8 agents, and four between them.
pub const SIZES: [(usize, usize); 12] =
    [(5, 15), (5, 20), (5, 25), (5, 30), (6, 18), (6, 36), (7, 21), (7, 42), (8, 24), (8, 32), (8, 40), (8, 48)];
/// Instances of each size.
const PER_SIZE: u64 = 5;
