//! The peer: plain consensus ADMM with one fixed penalty for all shared numbers (Boyd 2011, 7.1; the scheme of
//! PowerModelsADA).
//!
//! ```text
//! solve    x_i    = argmin f_i(x_i) + sum over its junctions of lambda_ij s_ij(x_i) + rho/2 (s_ij(x_i) - z_j)^2
//! send     s_ij   to every neighbour that is at junction j as well, 8 bytes a number
//! receive  z_j    = mean of the shares at j, lambda_ij += rho (s_ij - z_j)
//! ```
//!
//! It gets for nothing what ours has to pay for: its lower bound ([`dual_bound`]) is computed by somebody who sees
//! everything, out of band, every round, and the best one so far counts; its upper bound is given to it, as if every
//! disagreement could be repaired without loss; and its best penalty is searched over [`GRID`] for every case.

pub mod dual_bound;

#[cfg(test)]
mod tests;

use crate::optimiser::SuiteError;
use dual_bound::DualBound;
use mesh_solver::{Junction, Network, QpError, QpSolver, Settings};

/// The penalties that are tried, in units of cost per square of a shared number: quarters of a decade.
pub const GRID: [f64; 29] = [
    0.1, 0.178, 0.316, 0.562, 1.0, 1.78, 3.16, 5.62, 10.0, 17.8, 31.6, 56.2, 100.0, 178.0, 316.0, 562.0, 1000.0,
    1780.0, 3160.0, 5620.0, 1e4, 1.78e4, 3.16e4, 5.62e4, 1e5, 1.78e5, 3.16e5, 5.62e5, 1e6,
];

/// Most rounds of a run; one that does not arrive counts as this many.
pub const ROUNDS_MAX: u32 = 2000;
/// Bytes of a shared number in a message.
pub const NUMBER_BYTES: u64 = 8;

/// When a run has arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Most rounds.
    pub rounds_max: u32,
    /// Largest disagreement of shared copies.
    pub mismatch_max: f64,
    /// Largest relative gap between the lower bound and [`Self::cost`].
    pub gap_max: f64,
    /// What the best plan costs, which the peer is told.
    pub cost: f64,
}

impl Goal {
    /// What ours must reach as well: mismatch and gap 1e-4 within [`ROUNDS_MAX`].
    pub fn usual(cost: f64) -> Self {
        Self { rounds_max: ROUNDS_MAX, mismatch_max: 1e-4, gap_max: 1e-4, cost }
    }
}

/// How a run went.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The penalty.
    pub rho: f64,
    /// Whether it arrived.
    pub arrived: bool,
    /// Rounds until it arrived, or that it was given.
    pub rounds: u32,
    /// Bytes of all messages that were sent, without envelopes.
    pub payload_bytes: u64,
    /// Disagreement of copies at the end.
    pub mismatch: f64,
    /// Relative gap at the end, of the best lower bound so far; infinite where none was computed.
    pub gap: f64,
    /// Mismatch and gap of every round.
    pub curve: Vec<(f64, f64)>,
}

/// The runs of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Every penalty of the grid, the rounds it was given, and whether it arrived in the last of them.
    pub tried: Vec<(f64, u32, bool)>,
    /// The run with the fewest rounds; if none arrived, the one that came nearest.
    pub best: Run,
}

/// Plain ADMM on one network.
pub struct PlainAdmm<'a> {
    network: &'a Network,
    rho: f64,
    agents: Vec<Agent>,
    /// For each junction its members and which of their shares it is.
    ends: Vec<Vec<(usize, usize)>>,
    /// For each agent its neighbours and how many numbers it sends to each.
    messages: Vec<Vec<(usize, u64)>>,
}

/// What one agent knows.
struct Agent {
    solver: QpSolver,
    /// One a share.
    shares: Vec<Held>,
    x: Vec<f64>,
}

/// One agent's side of a junction.
struct Held {
    variable: usize,
    own: f64,
    mean: f64,
    price: f64,
    /// The newest number of every other member of the junction, in their order.
    heard: Vec<f64>,
}

impl<'a> PlainAdmm<'a> {
    /// Everything at zero. Shares must be single variables and junctions consensus.
    pub fn new(network: &'a Network, rho: f64) -> Result<Self, SuiteError> {
        let mut ends = vec![Vec::new(); network.junctions.len()];
        for (agent, member) in network.members.iter().enumerate() {
            for (place, share) in member.shares.iter().enumerate() {
                ends[share.junction].push((agent, place));
            }
        }
        if network.junctions.iter().any(|junction| *junction != Junction::Consensus) {
            return Err(failed("plain ADMM: only consensus is written"));
        }
        let mut agents = Vec::with_capacity(network.members.len());
        for member in &network.members {
            let mut extra = vec![0.0; member.problem.variables()];
            let mut shares = Vec::with_capacity(member.shares.len());
            for share in &member.shares {
                let [(variable, 1.0)] = share.terms[..] else {
                    return Err(failed("plain ADMM: a share must be one variable"));
                };
                extra[variable] += rho;
                let others = ends[share.junction].len() - 1;
                shares.push(Held { variable, own: 0.0, mean: 0.0, price: 0.0, heard: vec![0.0; others] });
            }
            let solver = QpSolver::new(&member.problem, &extra, Settings::default()).map_err(no_solution)?;
            agents.push(Agent { solver, shares, x: vec![0.0; member.problem.variables()] });
        }
        let messages = messages(network, &ends);
        Ok(Self { network, rho, agents, ends, messages })
    }

    /// One round. `delivered` says of a sender and a receiver whether the message between them arrives. Returns the
    /// bytes of all messages that were sent, each once.
    pub fn round(&mut self, delivered: &mut dyn FnMut(usize, usize) -> bool) -> Result<u64, SuiteError> {
        for (agent, member) in self.agents.iter_mut().zip(&self.network.members) {
            agent.solve(self.rho, member.problem.linear()).map_err(no_solution)?;
        }
        let mut bytes = 0;
        let mut arrives = vec![vec![false; self.agents.len()]; self.agents.len()];
        for (sender, messages) in self.messages.iter().enumerate() {
            for (receiver, numbers) in messages {
                arrives[sender][*receiver] = delivered(sender, *receiver);
                bytes += numbers * NUMBER_BYTES;
            }
        }
        for ends in &self.ends {
            let sent: Vec<f64> = ends.iter().map(|(agent, place)| self.agents[*agent].shares[*place].own).collect();
            for (receiver, (agent, place)) in ends.iter().enumerate() {
                let held = &mut self.agents[*agent].shares[*place];
                let others = (0..ends.len()).filter(|sender| *sender != receiver);
                for (heard, sender) in held.heard.iter_mut().zip(others) {
                    if arrives[ends[sender].0][*agent] {
                        *heard = sent[sender];
                    }
                }
                // The same sum in the same order at every member.
                let (before, after) = held.heard.split_at(receiver);
                let sum: f64 = before.iter().chain([&held.own]).chain(after).sum();
                held.mean = sum / ends.len() as f64;
                held.price += self.rho * (held.own - held.mean);
            }
        }
        Ok(bytes)
    }

    /// The shares of every junction, in the order of its members.
    pub fn copies(&self) -> Vec<Vec<f64>> {
        self.of_shares(|held| held.own)
    }

    /// The prices of every junction, in the order of its members; they add up to zero but for rounding and losses.
    pub fn prices(&self) -> Vec<Vec<f64>> {
        self.of_shares(|held| held.price)
    }

    /// Each agent's newest plan.
    pub fn plans(&self) -> Vec<Vec<f64>> {
        self.agents.iter().map(|agent| agent.x.clone()).collect()
    }

    fn of_shares(&self, of: impl Fn(&Held) -> f64) -> Vec<Vec<f64>> {
        let at = |(agent, place): &(usize, usize)| of(&self.agents[*agent].shares[*place]);
        self.ends.iter().map(|ends| ends.iter().map(at).collect()).collect()
    }
}

impl Agent {
    fn solve(&mut self, rho: f64, linear: &[f64]) -> Result<(), QpError> {
        let mut cost = linear.to_vec();
        for held in &self.shares {
            cost[held.variable] += held.price - rho * held.mean;
        }
        let problem = self.solver.problem();
        let (lower, upper) = (problem.lower().to_vec(), problem.upper().to_vec());
        self.x = self.solver.solve(&cost, &lower, &upper)?.x;
        self.shares.iter_mut().for_each(|held| held.own = self.x[held.variable]);
        Ok(())
    }
}

/// Runs until it arrives or the rounds are over. `every_gap` asks for the gap of every round, for a curve; else it is
/// computed only where the mismatch is small enough already. `keep_going` is asked before each round.
pub fn run(
    network: &Network,
    rho: f64,
    goal: Goal,
    every_gap: bool,
    keep_going: &mut dyn FnMut() -> Result<(), SuiteError>,
) -> Result<Run, SuiteError> {
    let mut admm = PlainAdmm::new(network, rho)?;
    let mut bound = DualBound::new(network)?;
    let mut run = Run {
        rho,
        arrived: false,
        rounds: goal.rounds_max,
        payload_bytes: 0,
        mismatch: f64::INFINITY,
        gap: f64::INFINITY,
        curve: Vec::new(),
    };
    for round in 1..=goal.rounds_max {
        keep_going()?;
        run.payload_bytes += admm.round(&mut |_, _| true)?;
        run.mismatch = mismatch(&admm.copies());
        let agreed = run.mismatch <= goal.mismatch_max;
        if agreed || every_gap || round == goal.rounds_max {
            run.gap = run.gap.min((goal.cost - bound.at(&admm.prices())) / goal.cost.abs().max(1.0));
        }
        run.curve.push((run.mismatch, run.gap));
        if agreed && run.gap <= goal.gap_max {
            (run.arrived, run.rounds) = (true, round);
            break;
        }
    }
    Ok(run)
}

/// Tries every penalty of a grid, [`GRID`] for instance, from its middle outwards; one that takes as long as the best one so far is given up.
pub fn search(
    network: &Network,
    goal: Goal,
    grid: &[f64],
    keep_going: &mut dyn FnMut() -> Result<(), SuiteError>,
) -> Result<Search, SuiteError> {
    let mut order: Vec<usize> = (0..grid.len()).collect();
    order.sort_by_key(|place| (place.abs_diff(grid.len() / 2), *place));
    let mut tried = vec![(0.0, 0, false); grid.len()];
    let mut best: Option<Run> = None;
    for place in order {
        let rounds_max = match &best {
            Some(best) if best.arrived => best.rounds,
            _ => goal.rounds_max,
        };
        let found = run(network, grid[place], Goal { rounds_max, ..goal }, false, keep_going)?;
        tried[place] = (grid[place], found.rounds, found.arrived);
        if best.as_ref().is_none_or(|best| found.is_better_than(best, &goal)) {
            best = Some(found);
        }
    }
    best.map(|best| Search { tried, best }).ok_or_else(|| failed("plain ADMM: the grid is empty"))
}

impl Run {
    fn is_better_than(&self, other: &Self, goal: &Goal) -> bool {
        let distance = |run: &Self| (run.mismatch / goal.mismatch_max).max(run.gap / goal.gap_max);
        match (self.arrived, other.arrived) {
            (true, true) => self.rounds < other.rounds,
            (false, false) => distance(self) < distance(other),
            (arrived, _) => arrived,
        }
    }
}

impl Search {
    /// The grid with what became of each penalty, to be read by people: `100: 558, 316: > 558`.
    pub fn shown(&self) -> String {
        let shown =
            |(rho, rounds, arrived): &(f64, u32, bool)| format!("{rho}: {}{rounds}", if *arrived { "" } else { "> " });
        self.tried.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

/// How far the copies at all junctions are from agreement: the 2-norm of every copy's distance from the mean.
pub fn mismatch(copies: &[Vec<f64>]) -> f64 {
    let mut sum = 0.0;
    for copies in copies {
        let mean = copies.iter().sum::<f64>() / copies.len() as f64;
        for copy in copies {
            sum += (copy - mean) * (copy - mean);
        }
    }
    sum.sqrt()
}

fn messages(network: &Network, ends: &[Vec<(usize, usize)>]) -> Vec<Vec<(usize, u64)>> {
    let mut numbers = vec![std::collections::BTreeMap::new(); network.members.len()];
    for ends in ends {
        for (sender, _) in ends {
            for (receiver, _) in ends.iter().filter(|(receiver, _)| receiver != sender) {
                *numbers[*sender].entry(*receiver).or_insert(0) += 1;
            }
        }
    }
    numbers.into_iter().map(|numbers| numbers.into_iter().collect()).collect()
}

fn failed(why: &str) -> SuiteError {
    SuiteError::Failed { case: "peer".to_owned(), why: why.to_owned() }
}

fn no_solution(error: QpError) -> SuiteError {
    failed(&format!("plain ADMM: {error}"))
}
