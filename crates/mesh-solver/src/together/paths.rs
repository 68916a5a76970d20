//! The paths, each as a driver of its agents that ends with plans and what they prove.

use super::{Path, Plan, Settings};
use crate::areas;
use crate::bound::{cost_rounded_up, lower_bound};
use crate::network::{Junction, Network};
use crate::prices::{self, Market, Outcome, Tree};
use crate::rounds::{self, Agent, Seat};
use crate::{QpProblem, QpSolver};

/// Newton steps on what areas share.
pub(super) fn areas(network: &Network, settings: &Settings) -> Option<Plan> {
    let outcome = areas::run(network, &areas::Settings { gap: settings.gap, ..areas::Settings::default() });
    match outcome.verdict {
        areas::Verdict::Converged(gap) => {
            Some(Plan { plans: outcome.plans, lower: gap.lower, upper: gap.upper?, path: Path::Areas })
        }
        areas::Verdict::Unsettled(_) => None,
    }
}

/// Prices over a tree. What a sum is off by is charged at a limit that no price needs; if one does, the sum stays off,
/// and the plans are refused.
pub(super) fn prices(network: &Network, settings: &Settings) -> Option<Plan> {
    let limits = price_limits(network);
    let market = |(junction, limit): (&Junction, f64)| match junction {
        Junction::Exchange(total) => Some(Market::exchange(*total, limit)),
        Junction::Budget(most) => Some(Market::budget(*most, limit)),
        Junction::Consensus => None,
    };
    let markets: Option<Vec<Market>> = network.junctions.iter().zip(limits).map(market).collect();
    let search = prices::Settings { evaluations_max: EVALUATIONS_MAX, ..prices::Settings::to_gap(settings.gap) };
    let mut tree = Tree::new(network.members.clone(), markets?, FAN_OUT, search).ok()?;
    match tree.solve().ok()? {
        Outcome::Solved(solved) => {
            let plans = tree.nodes().iter().map(prices::Node::values).collect();
            Some(Plan { plans, lower: solved.verdict.lower, upper: solved.verdict.upper, path: Path::Prices })
        }
        Outcome::Unsolved(_) => None,
    }
}

/// For each junction a price at which, to save it, the members would go from one end of their costs to the other many
/// times over.
fn price_limits(network: &Network) -> Vec<f64> {
    let mut limits = vec![1.0; network.junctions.len()];
    for member in &network.members {
        let problem = &member.problem;
        for share in &member.shares {
            for (variable, coefficient) in share.terms.iter().filter(|(_, coefficient)| *coefficient != 0.0) {
                let mut slope = problem.linear()[*variable].abs();
                for (other, entry) in problem.hessian_row(*variable) {
                    let reach = problem.lower()[*other].abs().max(problem.upper()[*other].abs());
                    slope += entry.abs() * reach;
                }
                let limit = (PRICE_ROOM * slope / coefficient.abs()).min(prices::PRICE_MAX);
                limits[share.junction] = limit.max(limits[share.junction]);
            }
        }
    }
    limits
}

/// The edge core, every member once a round.
pub(super) fn rounds(network: &Network, settings: &Settings) -> Option<Plan> {
    let core = rounds::Settings { gap_max: settings.gap, ..rounds::Settings::default() };
    let seats = Seat::all(network).ok()?;
    let mut alone = vec![None; seats.len()];
    let mut roots = Vec::new();
    let mut agents = Vec::with_capacity(seats.len());
    for seat in seats {
        if seat.links.is_empty() {
            alone[seat.member] = Some(alone_at(&seat.problem, seat.own_variables)?);
        }
        roots.push(seat.parent.is_none());
        agents.push(Agent::new(core.clone(), seat).ok()?);
    }
    for _ in 0..settings.rounds_max {
        let mut travelling = Vec::new();
        for (from, agent) in agents.iter_mut().enumerate().filter(|(member, _)| alone[*member].is_none()) {
            agent.next_round().ok()?;
            travelling.extend(std::iter::from_fn(|| agent.poll()).map(|(to, message)| (from, to, message)));
        }
        for (from, to, message) in travelling {
            // Members built from one network make no mistakes; what one refused would be lost, which the rounds bear.
            let _ = agents[to].handle(from, message);
        }
        let found = agreed(&agents, &alone, &roots).filter(|plan| plan.gap() <= settings.gap);
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The plans of all members, once those who hear each other know the same verdict.
fn agreed(agents: &[Agent], alone: &[Option<Alone>], roots: &[bool]) -> Option<Plan> {
    let mut plan = Plan { plans: Vec::new(), lower: 0.0, upper: 0.0, path: Path::Rounds };
    for ((agent, alone), root) in agents.iter().zip(alone).zip(roots) {
        let (lower, upper) = match alone {
            Some(alone) => {
                plan.plans.push(alone.x.clone());
                (alone.lower, alone.upper)
            }
            None => {
                let verdict = agent.verdict().filter(|verdict| verdict.converged)?;
                plan.plans.push(agent.plan()?.to_vec());
                (verdict.lower, verdict.upper)
            }
        };
        if *root {
            plan.lower = (plan.lower + lower).next_down();
            plan.upper = (plan.upper + upper).next_up();
        }
    }
    Some(plan)
}

/// What a member that meets nobody plans.
#[derive(Debug, Clone)]
struct Alone {
    x: Vec<f64>,
    lower: f64,
    upper: f64,
}

fn alone_at(problem: &QpProblem, own_variables: usize) -> Option<Alone> {
    let problem = problem.with_derived_bounds().ok()?;
    let mut solver = QpSolver::new(&problem, &vec![0.0; problem.variables()], crate::Settings::default()).ok()?;
    let solution = solver.solve_as_given().ok()?;
    let lower = lower_bound(&problem, &[], &solution.x, &solution.row_multipliers);
    let upper = cost_rounded_up(&problem, &solution.x);
    Some(Alone { x: solution.x.get(..own_variables)?.to_vec(), lower, upper })
}

/// How many times the steepest cost of a unit of share a price may be.
const PRICE_ROOM: f64 = 1e3;
/// Most prices that are tried before something else is.
const EVALUATIONS_MAX: u32 = 300;
/// Members below one in the tree.
const FAN_OUT: usize = 4;
