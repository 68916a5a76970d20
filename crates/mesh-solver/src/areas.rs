//! The fast path for sparse graphs of members with problems of some size, such as the areas of a grid.
//!
//! Every member describes its least cost, smoothed by logarithms, as a function of its shares: values, gradient and reduced
//! Schur block (`smooth`). Members flood these findings; as soon as one has heard of all, it computes the next trial
//! point by itself, the same bit for bit as everyone (`collective`), so that there is no coordinator. Bounds of both
//! sides travel with the findings, and the members stop together once they meet: the lower bound is the sum of safe
//! bounds at one vector of prices that cancel exactly, the upper one the sum of what plans cost that satisfy every
//! equation and every junction exactly. Such plans are not numbers of the machine; they are proved to exist within
//! rounding of those that are given out (`proof`, `ties`).
//!
//! A ROUND is one message at most from every member to each of its neighbours. An evaluation costs as many rounds as the
//! graph has hops from one end to the other.
//!
//! What travels is told relative to what everyone knows already, in as few bits as the path of centres allows
//! (`relative`); all go on with what was told, the sender included, so that rounding is nobody's secret and bounds hold.
//!
//! What a message is carried by, and how late it is, is not known here: an [`Agent`] waits for what is missing, and asks
//! for it after a while.

mod affine;
mod agent;
mod collective;
mod encoding;
mod factor;
mod held;
mod iterate;
mod layout;
mod least_squares;
mod local;
mod message;
mod newton;
mod numbers;
mod pace;
mod prices;
mod proof;
mod reduced;
mod relative;
mod smooth;
mod solvable;
#[cfg(test)]
mod tests;
mod ties;
mod wiring;

pub use agent::Agent;
pub use encoding::{BYTES_MAX, DecodeError};
pub use message::{Finding, Message, PeerError, Profile, Relation};
pub use numbers::Numbers;
pub use wiring::Wiring;

use crate::bound::relative_gap;
use crate::network::Network;

/// How the members go about it; the same for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The relative gap between the bounds at which the members stop.
    pub gap: f64,
    /// Most evaluations of one run.
    pub evaluations_max: u32,
    /// The weight of all logarithms at the start, in parts of what the cost ranges over.
    pub start: f64,
    /// What is left of the weight after a good step.
    pub shrink: f64,
    /// Most Newton steps of one member in one evaluation.
    pub steps_max: u32,
    /// Most Newton steps of one member for each bound that is asked for.
    pub bound_steps_max: u32,
    /// Rounds without news after which a member asks for what is missing, beyond the hops of the graph.
    pub patience: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gap: 1e-4,
            evaluations_max: 150,
            start: 10.0,
            shrink: 0.15,
            steps_max: 60,
            bound_steps_max: 25,
            patience: 3,
        }
    }
}

/// Bounds on the optimal cost of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Below the cost of every feasible point.
    pub lower: f64,
    /// The cost of a feasible point, if there is one yet.
    pub upper: Option<f64>,
}

impl Gap {
    /// [`relative_gap`] of the bounds; infinite without an upper one.
    pub fn relative(&self) -> f64 {
        relative_gap(self.lower, self.upper.unwrap_or(f64::INFINITY))
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The members hold feasible points that agree at every junction, with a certified gap.
    Converged(Gap),
    /// Nothing is claimed.
    Unsettled(Unsettled),
}

/// Why nothing is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsettled {
    /// A member's problem has a variable without bounds, equations that exclude each other, or a row without room.
    Problem,
    /// Equations follow from others, within a member or between members, so that rounding decides whether a plan satisfies
    /// them all: none can be proved to.
    Dependent,
    /// The equations of the members and the junctions exclude each other, as far as rounding lets one say.
    Contradiction,
    /// The path came to its end without a plan that is proved to be close enough to the bound.
    NoProof,
    /// The limit of evaluations came first.
    Evaluations,
    /// Numbers became too large or too small to go on.
    Numbers,
    /// Members still waited for each other, because one of them had given up.
    Silence,
}

/// One round of a run as an observer of all members sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trace {
    /// Rounds so far.
    pub round: u32,
    /// 2-norm of the distances of all shares from the values that the members last agreed on.
    pub mismatch: f64,
    /// The certified relative gap, if bounds were asked for.
    pub gap: Option<f64>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Rounds in which messages travelled.
    pub rounds: u32,
    /// Payload of all messages that were sent.
    pub payload_bytes: u64,
    /// The largest number of evaluations of a member.
    pub evaluations: u32,
    /// The verdict that all members came to.
    pub verdict: Verdict,
    /// Every member's variables, if the run converged.
    pub plans: Vec<Vec<f64>>,
    /// One entry an evaluation.
    pub trace: Vec<Trace>,
}

/// Runs all members of a network in one process, in lockstep and without loss.
pub fn run(network: &Network, settings: &Settings) -> Outcome {
    let wiring = Wiring::of(network);
    let mut agents: Vec<Agent> = network
        .members
        .iter()
        .enumerate()
        .map(|(index, member)| Agent::new(settings.clone(), wiring.clone(), index, member))
        .collect();
    let (mut rounds, mut payload_bytes) = (0, 0);
    let mut trace: Vec<Trace> = Vec::new();
    loop {
        let mut travelling = Vec::new();
        for (from, agent) in agents.iter_mut().enumerate() {
            for (to, message) in agent.messages_of_round() {
                let encoded = message.encode();
                payload_bytes += encoded.len() as u64;
                travelling.push((from, to, encoded));
            }
        }
        if travelling.is_empty() {
            break;
        }
        rounds += 1;
        for (from, to, encoded) in travelling {
            // Members built from one network make no mistakes; what one rejected would be missing below.
            if let Ok(message) = Message::decode(&encoded) {
                let _ = agents[to].handle(from, message);
            }
        }
        let newest = agents.first().and_then(Agent::newest);
        let known = trace.last().map(|last| (last.mismatch, last.gap));
        trace.extend(newest.filter(|newest| known != Some(*newest)).map(|(mismatch, gap)| Trace {
            round: rounds,
            mismatch,
            gap,
        }));
        if rounds >= ROUNDS_MAX {
            break;
        }
    }
    let verdicts: Vec<Option<Verdict>> = agents.iter().map(Agent::verdict).collect();
    let plans: Option<Vec<Vec<f64>>> = agents.iter().map(|agent| agent.plan().map(<[f64]>::to_vec)).collect();
    Outcome {
        rounds,
        payload_bytes,
        evaluations: agents.iter().map(Agent::evaluations).max().unwrap_or(0),
        verdict: joint(&wiring, &verdicts),
        plans: plans.unwrap_or_default(),
        trace,
    }
}

/// The verdict about all parts of a network: the bounds of its parts add up.
fn joint(wiring: &Wiring, verdicts: &[Option<Verdict>]) -> Verdict {
    let mut joint: Option<Gap> = None;
    for (member, verdict) in verdicts.iter().enumerate() {
        let gap = match verdict {
            Some(Verdict::Converged(gap)) => gap,
            Some(unsettled) => return *unsettled,
            None => return first_known(verdicts),
        };
        if wiring.connected(member).first() == Some(&member) {
            joint = Some(joint.map_or(*gap, |sum| Gap {
                lower: (sum.lower + gap.lower).next_down(),
                upper: sum.upper.zip(gap.upper).map(|(a, b)| (a + b).next_up()),
            }));
        }
    }
    joint.map_or(Verdict::Unsettled(Unsettled::Silence), Verdict::Converged)
}

/// Why the members wait, if one of them knows.
fn first_known(verdicts: &[Option<Verdict>]) -> Verdict {
    let known = verdicts.iter().flatten().find(|verdict| matches!(verdict, Verdict::Unsettled(_)));
    known.copied().unwrap_or(Verdict::Unsettled(Unsettled::Silence))
}

/// Lockstep without loss ends long before.
const ROUNDS_MAX: u32 = 100_000;
