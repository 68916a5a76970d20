//! Small random networks whose members agree in rounds or over prices, against the whole in one problem.

use super::Finding;
use super::generate::Dice;
use super::referee::{Verdict, judge};
use crate::optimiser::SuiteError;
use mesh_solver::prices::{self, Market, Outcome, Tree};
use mesh_solver::rounds::{self, Agent, Seat};
use mesh_solver::{Junction, Member, Network, QpProblem, QpRow, Share};

/// Lets the members of a network agree and looks at what they say.
pub(super) fn examine(seed: u64) -> Result<Finding, SuiteError> {
    // Every fifth network asks for what its members cannot give, as far as it can ask for anything.
    let network = network(seed, seed % 5 == 4);
    if seed.is_multiple_of(2) { agree_in_rounds(&network) } else { agree_on_prices(&network) }
}

/// Two to six members with a few variables each. Networks with even seeds have all kinds of junctions, others only sums.
fn network(seed: u64, beyond: bool) -> Network {
    let mut dice = Dice::new(0xC0FFEE + seed);
    let members = 2 + dice.below(5);
    let mut junctions = vec![Junction::Exchange(dice.signed()), Junction::Budget(dice.signed())];
    if seed.is_multiple_of(2) {
        junctions.push(Junction::Consensus);
    }
    if beyond {
        // No member gives more than two.
        junctions[0] = Junction::Exchange(2.0 * members as f64 + 0.5);
    }
    let member = |_| {
        let n = 3 + dice.below(4);
        let quadratic: Vec<(usize, usize, f64)> =
            (0..n).map(|j| (j, j, if dice.chance(0.3) { 0.0 } else { 0.2 + 2.0 * dice.unit() })).collect();
        let linear = (0..n).map(|_| 3.0 * dice.signed()).collect();
        let rows = (0..dice.below(3)).map(|_| {
            let terms = (0..n).map(|j| (j, dice.signed())).collect();
            QpRow { terms, lower: -1.0, upper: if dice.chance(0.5) { 1.0 } else { f64::INFINITY } }
        });
        let rows = rows.collect();
        let problem = QpProblem::new(&quadratic, linear, dice.unit(), rows, vec![-2.0; n], vec![2.0; n])
            .expect("a diagonal without negative entries is convex, and zero is within rows and box");
        let shares = (0..junctions.len()).map(|junction| Share { junction, terms: vec![(junction, 1.0)] }).collect();
        Member { problem, shares }
    };
    let members = (0..members).map(member).collect();
    Network { members, junctions }
}

fn agree_in_rounds(network: &Network) -> Result<Finding, SuiteError> {
    let failed = |why: String| SuiteError::Failed { case: "network".to_owned(), why };
    let seats = Seat::all(network).map_err(|why| failed(why.to_string()))?;
    let mut agents = Vec::with_capacity(seats.len());
    for seat in seats {
        match Agent::new(rounds::Settings::default(), seat) {
            Ok(agent) => agents.push(agent),
            Err(_) => return Ok(Finding::GivenUp),
        }
    }
    for _ in 0..ROUNDS_MAX {
        let mut messages = Vec::new();
        for (from, agent) in agents.iter_mut().enumerate() {
            if agent.next_round().is_err() {
                return Ok(Finding::GivenUp);
            }
            while let Some((to, message)) = agent.poll() {
                messages.push((from, to, message));
            }
        }
        for (from, to, message) in messages {
            agents[to].handle(from, message).map_err(|why| failed(why.to_string()))?;
        }
        let converged = agents.iter().find_map(|agent| agent.verdict().filter(|verdict| verdict.converged));
        if let Some(verdict) = converged {
            return Ok(Finding::Solved(check(verdict.lower, verdict.upper, judged(network)?)));
        }
    }
    Ok(Finding::GivenUp)
}

fn agree_on_prices(network: &Network) -> Result<Finding, SuiteError> {
    let failed = |why: String| SuiteError::Failed { case: "network".to_owned(), why };
    let markets = network
        .junctions
        .iter()
        .map(|junction| match junction {
            Junction::Budget(total) => Market::budget(*total, PENALTY),
            Junction::Exchange(total) => Market::exchange(*total, PENALTY),
            Junction::Consensus => Market::exchange(0.0, PENALTY),
        })
        .collect();
    let settings = prices::Settings::to_gap(GAP);
    let mut tree =
        Tree::new(network.members.clone(), markets, FAN_OUT, settings).map_err(|why| failed(why.to_string()))?;
    Ok(match tree.solve().map_err(|why| failed(why.to_string()))? {
        Outcome::Unsolved(_) => Finding::GivenUp,
        Outcome::Solved(solved) => {
            Finding::Solved(check(solved.verdict.lower, solved.verdict.upper, judged(&forgiven(network, PENALTY))?))
        }
    })
}

/// What is certified must enclose the optimum, closely.
fn check(lower: f64, upper: f64, verdict: Verdict) -> Result<(), String> {
    match verdict {
        Verdict::Optimal { cost } => {
            let size = upper.abs().max(1.0);
            let encloses = lower <= cost + EXACT * size && upper >= cost - FEASIBLE * size;
            let is_close = upper - lower <= GAP * size && upper - cost <= (GAP + EXACT) * size;
            if encloses && is_close {
                Ok(())
            } else {
                Err(format!("certified {lower}..{upper}, the optimum is {cost}"))
            }
        }
        // A whole that the referee cannot judge is made feasible by its penalties or is infeasible by its sums.
        verdict => Err(format!("certified {lower}..{upper}, the referee says {verdict:?}")),
    }
}

/// The network in which sums may be missed, at that price a unit: who lacks or takes too much is one more member.
fn forgiven(network: &Network, penalty: f64) -> Network {
    let mut network = network.clone();
    for (junction, _) in network.junctions.iter().enumerate().filter(|(_, at)| **at != Junction::Consensus) {
        let problem = QpProblem::new(&[], vec![penalty; 2], 0.0, Vec::new(), vec![0.0; 2], vec![f64::INFINITY; 2])
            .expect("two variables without rows");
        let shares = vec![Share { junction, terms: vec![(0, 1.0), (1, -1.0)] }];
        network.members.push(Member { problem, shares });
    }
    network
}

/// The referee's verdict on the whole.
fn judged(network: &Network) -> Result<Verdict, SuiteError> {
    let whole = network.whole();
    judge(&whole.map_err(|why| SuiteError::Failed { case: "network".to_owned(), why: why.to_string() })?)
}

/// Rounds after which members give up.
const ROUNDS_MAX: u32 = 2000;
/// The gap that both ways certify.
const GAP: f64 = 1e-4;
/// To what a bound may be above the referee's optimum: that is no more exact.
const EXACT: f64 = 1e-6;
/// To what a plan may be below it, which may miss agreement by as little as rounds allow.
const FEASIBLE: f64 = 1e-4;
/// What a unit of a missed sum costs.
const PENALTY: f64 = 100.0;
/// Children of a node of the tree.
const FAN_OUT: usize = 3;
