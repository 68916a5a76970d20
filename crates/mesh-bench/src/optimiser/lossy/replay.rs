//! The same arrivals once more: what a run sends is a function of what arrived, and when.

use super::flight::{Flight, agents};
use super::weather::{Passage, Weather, uniform};
use crate::optimiser::SuiteError;
use mesh_model::Hash;
use mesh_solver::rounds::Settings;
use mesh_solver::{Junction, Member, Network, QpProblem, QpRow, Share};

/// What replays gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Identical {
    /// Part of the messages that were bit for bit the same; 0 if the golden hash is another.
    pub percent: f64,
    /// How many messages were compared.
    pub messages: u64,
    /// In how many runs.
    pub recordings: u64,
    /// Whether the golden run has the golden hash.
    pub golden: bool,
}

/// What a run was told and what it said.
struct Recording {
    rounds: u64,
    /// What arrived, and after which round, in order.
    arrived: Vec<(u64, Passage)>,
    /// The hash of what arrived.
    hash: Hash,
}

/// Replays recordings of random networks, in changing weather, until there are a million messages.
pub fn identical_share(progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>) -> Result<Identical, SuiteError> {
    let (mut messages, mut same, mut recordings) = (0_u64, 0_u64, 0_u64);
    while messages < MESSAGES_MIN {
        let seed = recordings;
        let weather = match seed % 3 {
            0 => Weather::Delay(30),
            1 => Weather::Loss(0.3),
            _ => Weather::Bursts(0.3, 20),
        };
        progress(&format!("lossy: replay {seed}, {messages} messages so far"))?;
        let network = random_network(seed);
        let recording = record(&network, weather, seed, RECORDED_ROUNDS)?;
        let count = recording.arrived.len() as u64;
        messages += count;
        same += if replay(&network, &recording)? == recording.hash { count } else { 0 };
        recordings += 1;
    }
    let golden = golden_run()?.to_string() == GOLDEN;
    let percent = if golden { 100.0 * same as f64 / messages as f64 } else { 0.0 };
    Ok(Identical { percent, messages, recordings, golden })
}

/// The hash of all that arrives in a small run that is the same for ever.
pub fn golden_run() -> Result<Hash, SuiteError> {
    Ok(record(&random_network(2026), Weather::Loss(0.2), 7, 150)?.hash)
}

/// SHA-256 of [`golden_run`], in every build and on every machine. It changes when what members send is meant to change.
pub const GOLDEN: &str = "a24d430d81ff57b66e7098711a433f1373e3a3833b19763ec0956b5204a42874";

fn record(network: &Network, weather: Weather, seed: u64, rounds_max: u64) -> Result<Recording, SuiteError> {
    // Never done, so that every run has its full length.
    let settings = Settings { gap_max: -1.0, ..Settings::default() };
    let flight = Flight { network, settings, weather, seed, scatter: 0.0, rounds_max };
    let mut recording = Recording { rounds: rounds_max, arrived: Vec::new(), hash: Hash::ZERO };
    flight.fly("replay", &mut |round, passage| {
        recording.hash = recording.hash.then(&passage.message.bytes());
        recording.arrived.push((round, passage.clone()));
    })?;
    Ok(recording)
}

/// Gives new members what arrived, and finds among what they send what arrived: each must have sent it by then.
fn replay(network: &Network, recording: &Recording) -> Result<Hash, SuiteError> {
    let settings = Settings { gap_max: -1.0, ..Settings::default() };
    let mut agents = agents("replay", network, &settings)?;
    let mut sent = std::collections::BTreeMap::new();
    let mut arrived = recording.arrived.iter().peekable();
    let mut hash = Hash::ZERO;
    for round in 1..=recording.rounds {
        for (from, agent) in agents.iter_mut().enumerate() {
            agent.next_round().map_err(failed)?;
            while let Some((to, message)) = agent.poll() {
                sent.insert((from, to, message.frame.sequence), message);
            }
        }
        while let Some((_, passage)) = arrived.next_if(|(after, _)| *after == round) {
            let Passage { from, to, message } = passage;
            if let Some(again) = sent.remove(&(*from, *to, message.frame.sequence)) {
                hash = hash.then(&again.bytes());
            }
            agents[*to].handle(*from, message.clone()).map_err(failed)?;
        }
    }
    Ok(hash)
}

/// A few members that agree on numbers, exchange and share a budget.
fn random_network(seed: u64) -> Network {
    let dice = |member: u64, what: u64| uniform(&[seed, member, what]);
    let members = 3 + (dice(99, 0) * 4.0) as u64;
    let member = |index: u64| {
        let quadratic: Vec<(usize, usize, f64)> = (0..5).map(|j| (j, j, 2.0 * dice(index, j as u64))).collect();
        let linear = (0..5).map(|j| 4.0 * dice(index, 10 + j) - 3.0).collect();
        let row = QpRow { terms: vec![(0, 1.0), (3, 1.0), (4, -1.0)], lower: -1.0, upper: 1.0 };
        let problem = QpProblem::new(&quadratic, linear, 0.0, vec![row], vec![-2.0; 5], vec![2.0; 5]);
        let share = |junction, terms: &[(usize, f64)]| Share { junction, terms: terms.to_vec() };
        let mut shares = vec![share(0, &[(0, 1.0)])];
        if index < 2 || dice(index, 20) < 0.5 {
            shares.push(share(1, &[(1, 1.0)]));
        }
        if index > 0 {
            shares.push(share(2, &[(2, 1.0), (3, 0.5)]));
        }
        Member { problem: problem.expect("convex, and zero is within all bounds"), shares }
    };
    let junctions = vec![Junction::Consensus, Junction::Exchange(0.5), Junction::Budget(0.25)];
    Network { members: (0..members).map(member).collect(), junctions }
}

fn failed(why: impl ToString) -> SuiteError {
    SuiteError::Failed { case: "replay".to_owned(), why: why.to_string() }
}

const MESSAGES_MIN: u64 = 1_000_000;
const RECORDED_ROUNDS: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_run_is_that_of_the_repository() {
        assert_eq!(golden_run().expect("it runs").to_string(), GOLDEN);
    }

    #[test]
    fn a_replay_gives_the_same_bits_and_another_order_does_not() {
        let network = random_network(1);
        let mut recording = record(&network, Weather::Delay(9), 1, 60).expect("it runs");
        assert_eq!(replay(&network, &recording).expect("it runs"), recording.hash);
        recording.arrived.remove(40);
        assert_ne!(replay(&network, &recording).expect("it runs"), recording.hash);
    }
}
