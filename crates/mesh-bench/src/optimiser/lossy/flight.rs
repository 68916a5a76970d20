//! One run of the edge core in some weather.

use super::weather::{Passage, Sky, Weather};
use crate::optimiser::SuiteError;
use mesh_solver::Network;
use mesh_solver::rounds::{Agent, Seat, Settings, Verdict};

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Flight<'a> {
    /// The members.
    pub network: &'a Network,
    /// What all of them have the same.
    pub settings: Settings,
    /// What happens to their messages.
    pub weather: Weather,
    /// What decides which of them.
    pub seed: u64,
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
}

impl Flight<'_> {
    /// Runs it; `arrived` is told of every message that reaches a member, with the round after which it does.
    pub fn fly(&self, case: &str, arrived: &mut dyn FnMut(u64, &Passage)) -> Result<Landing, SuiteError> {
        let mut agents = agents(case, self.network, &self.settings)?;
        let mut sky = Sky::new(self.weather.clone(), self.seed);
        let mut landing = Landing { rounds: self.rounds_max, verdict: None, messages: 0 };
        for round in 1..=self.rounds_max {
            for (from, agent) in agents.iter_mut().enumerate() {
                agent.next_round().map_err(|why| failed(case, why))?;
                while let Some((to, message)) = agent.poll() {
                    landing.messages += 1;
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
    let seats = Seat::all(network).map_err(|why| failed(case, why))?;
    seats.into_iter().map(|seat| Agent::new(settings.clone(), seat).map_err(|why| failed(case, why))).collect()
}

fn failed(case: &str, why: impl ToString) -> SuiteError {
    SuiteError::Failed { case: case.to_owned(), why: why.to_string() }
}

/// By how much, of its size, the referee's cost may be off.
const REFEREE_SLACK: f64 = 1e-7;
