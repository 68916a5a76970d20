//! One run of the edge core in some weather.

use super::weather::{Passage, Sky, Weather, uniform};
use crate::optimiser::SuiteError;
use mesh_solver::Network;
use mesh_solver::rounds::{Agent, Message, Seat, Settings, Verdict, Words};

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Flight<'a> {
    /// The members.
    pub network: &'a Network,
    /// What all of them have the same.
    pub settings: Settings,
    /// What happens to their messages.
    pub weather: Weather,
    /// What decides which of them, and where members start.
    pub seed: u64,
    /// Part of its width by which a shared variable starts away from the middle of where it would.
    pub scatter: f64,
    /// Most rounds.
    pub rounds_max: u64,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Landing {
    /// Rounds until every member knew that all was done, or that it was given.
    pub rounds: u64,
    /// What was proved, if it was enough.
    pub verdict: Option<Verdict>,
    /// Messages that members sent.
    pub messages: u64,
    /// What these were, before any envelope.
    pub payload: Payload,
}

/// Bytes of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payload {
    /// All of them.
    pub bytes: u64,
    /// Reflected states in them, and how many of these went as steps of two bytes.
    pub states: u64,
    /// See above.
    pub steps: u64,
}

impl Payload {
    fn add(&mut self, message: &Message) {
        self.bytes += message.bytes().len() as u64;
        for frame in std::iter::once(&message.frame).chain(&message.relayed) {
            match &frame.reflected {
                Words::Nothing => {}
                Words::Whole(numbers) => self.states += numbers.len() as u64,
                Words::Steps { steps, .. } => {
                    self.states += steps.len() as u64;
                    self.steps += steps.len() as u64;
                }
            }
        }
    }
}

impl Flight<'_> {
    /// Runs it; `arrived` is told of every message that reaches a member, with the round after which it does.
    pub fn fly(&self, case: &str, arrived: &mut dyn FnMut(u64, &Passage)) -> Result<Landing, SuiteError> {
        let mut agents = scattered(case, self.network, &self.settings, self.scatter, self.seed)?;
        let mut sky = Sky::new(self.weather.clone(), self.seed);
        let mut landing = Landing { rounds: self.rounds_max, verdict: None, messages: 0, payload: Payload::default() };
        for round in 1..=self.rounds_max {
            for (from, agent) in agents.iter_mut().enumerate() {
                agent.next_round().map_err(|why| failed(case, why))?;
                while let Some((to, message)) = agent.poll() {
                    landing.messages += 1;
                    landing.payload.add(&message);
                    sky.send(round, Passage { from, to, message });
                }
            }
            for passage in sky.arrivals(round) {
                arrived(round, &passage);
                let Passage { from, to, message } = passage;
                agents[to].handle(from, message).map_err(|why| failed(case, why))?;
            }
            if agents.iter().all(|agent| agent.verdict().is_some_and(|verdict| verdict.converged)) {
                (landing.rounds, landing.verdict) = (round, agents[0].verdict().copied());
                break;
            }
        }
        Ok(landing)
    }
}

impl Landing {
    /// Whether what was proved is true of the optimum that the referee found.
    pub fn is_right(&self, optimum: f64) -> bool {
        let slack = REFEREE_SLACK * optimum.abs().max(1.0);
        self.verdict.is_some_and(|verdict| verdict.lower <= optimum + slack && verdict.upper >= optimum - slack)
    }
}

/// All members of a network at the beginning.
pub fn agents(case: &str, network: &Network, settings: &Settings) -> Result<Vec<Agent>, SuiteError> {
    scattered(case, network, settings, 0.0, 0)
}

fn scattered(
    case: &str,
    network: &Network,
    settings: &Settings,
    scatter: f64,
    seed: u64,
) -> Result<Vec<Agent>, SuiteError> {
    let mut seats = Seat::all(network).map_err(|why| failed(case, why))?;
    for seat in &mut seats {
        for bond in &mut seat.links {
            for (k, variable) in bond.variables.iter().enumerate() {
                let width = seat.problem.upper()[*variable] - seat.problem.lower()[*variable];
                let parts = [seed, START, seat.member as u64, bond.neighbour as u64, k as u64];
                bond.start[k] += scatter * width * (uniform(&parts) - 0.5);
            }
        }
    }
    seats.into_iter().map(|seat| Agent::new(settings.clone(), seat).map_err(|why| failed(case, why))).collect()
}

fn failed(case: &str, why: impl ToString) -> SuiteError {
    SuiteError::Failed { case: case.to_owned(), why: why.to_string() }
}

/// Keeps what decides the start apart from what decides losses.
const START: u64 = 0x0053_5441_5254;
/// By how much, of its size, the referee's cost may be off.
const REFEREE_SLACK: f64 = 1e-7;
