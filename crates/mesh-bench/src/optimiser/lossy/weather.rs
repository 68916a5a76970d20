//! Links that lose, delay and cut, as a function of a seed and of what is sent: no generator runs, so what happens to one
//! message does not depend on the others.

use mesh_solver::rounds::Message;
use std::collections::BTreeMap;

/// What happens to messages.
#[derive(Debug, Clone, PartialEq)]
pub enum Weather {
    /// All arrive before the next round.
    Clear,
    /// This share is lost, each by itself.
    Loss(f64),
    /// Each direction of each link is down for this share of stretches of so many rounds; where its stretches begin
    /// differs from direction to direction.
    Bursts(f64, u64),
    /// Each takes up to so many rounds longer, each by itself, so that they overtake each other.
    Delay(u64),
    /// From one round until before another nothing passes between those members and the others.
    Cut {
        /// First round of the cut.
        from: u64,
        /// First round after it.
        until: u64,
        /// The members on one side.
        island: Vec<usize>,
    },
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Who sent it.
    pub from: usize,
    /// Who gets it.
    pub to: usize,
    /// What is sent.
    pub message: Message,
}

/// All links between members.
#[derive(Debug, Clone)]
pub struct Sky {
    weather: Weather,
    seed: u64,
    /// By round of arrival and order of sending.
    on_the_way: BTreeMap<(u64, u64), Passage>,
    sent: u64,
}

impl Sky {
    /// Links with nothing on them.
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self { weather, seed, on_the_way: BTreeMap::new(), sent: 0 }
    }

    /// Takes a message that is sent in `round`.
    pub fn send(&mut self, round: u64, passage: Passage) {
        if let Some(delay) = self.delay(round, passage.from, passage.to) {
            self.sent += 1;
            self.on_the_way.insert((round + delay, self.sent), passage);
        }
    }

    /// All that arrives before the round after this one.
    pub fn arrivals(&mut self, round: u64) -> Vec<Passage> {
        let later = self.on_the_way.split_off(&(round + 1, 0));
        std::mem::replace(&mut self.on_the_way, later).into_values().collect()
    }

    /// Rounds until the next that a message is late; none if it is lost.
    fn delay(&self, round: u64, from: usize, to: usize) -> Option<u64> {
        let dice = |what: u64| uniform(&[self.seed, from as u64, to as u64, what]);
        match &self.weather {
            Weather::Clear => Some(0),
            Weather::Loss(share) => (dice(round) >= *share).then_some(0),
            Weather::Bursts(share, rounds) => {
                let phase = (dice(u64::MAX) * *rounds as f64) as u64;
                (dice((round + phase) / rounds) >= *share).then_some(0)
            }
            Weather::Delay(rounds) => Some((dice(round) * (*rounds + 1) as f64) as u64),
            Weather::Cut { from: first, until, island } => {
                let across = island.contains(&from) != island.contains(&to);
                (!across || round < *first || round >= *until).then_some(0)
            }
        }
    }
}

/// A number in [0, 1) that depends on all of `parts` (SplitMix64's finaliser over their chain).
pub fn uniform(parts: &[u64]) -> f64 {
    let mixed = parts.iter().fold(0, |state: u64, part| {
        let mut x = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    });
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// Whether what is sent in `round` never arrives.
pub fn is_lost(weather: &Weather, seed: u64, round: u64, from: usize, to: usize) -> bool {
    Sky::new(weather.clone(), seed).delay(round, from, to).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_is_lost_in_stretches_or_one_by_one() {
        for weather in [Weather::Loss(0.3), Weather::Bursts(0.3, 20)] {
            let lost: Vec<bool> = (0..20_000).map(|round| is_lost(&weather, 1, round, 0, 1)).collect();
            let share = lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64;
            assert!((share - 0.3).abs() < 0.03, "{weather:?}: {share}");
            let changes = lost.windows(2).filter(|pair| pair[0] != pair[1]).count();
            let few = lost.len() / 20;
            assert_eq!(changes < few, matches!(weather, Weather::Bursts(..)), "{changes} changes");
            assert!((0..20_000).any(|round| is_lost(&weather, 1, round, 1, 0) != lost[round as usize]));
        }
    }

    #[test]
    fn a_cut_ends() {
        let weather = Weather::Cut { from: 5, until: 8, island: vec![0, 1] };
        let lost = |round, from, to| is_lost(&weather, 0, round, from, to);
        assert_eq!([4, 5, 7, 8].map(|round| lost(round, 0, 2)), [false, true, true, false]);
        assert!(!lost(6, 0, 1) && !lost(6, 2, 3));
    }
}
