//! The whole way from rows that only their agents know to an assignment with a certificate, over a set of links.
//!
//! This drives all agents in one process and counts what they say to each other; what it does with an agent's problem is
//! only what that agent would do itself. While the prices fall into place an auction is held every few steps, each
//! improved by exchanges, and the best assignment is kept: prices that are a little off suggest other bundles, which
//! makes the attempts different from each other without any dice.

use super::auction::{Bidder, Win};
use super::certificate::{AssignmentCertificate, Contribution, ImpossibilityProof};
use super::exchange::improve;
use super::knapsack::{Profits, advantages, best_bundle};
use super::links::{Links, Traffic};
use super::prices::{Demand, PriceSearch, bound_at};
use super::problem::{AgentProblem, AssignmentError, AssignmentProblem, Choice, common_divisor};
use super::worth::Worth;

/// How much talk an assignment may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssignmentSettings {
    /// Most price steps.
    pub steps_max: u32,
    /// Most auctions.
    pub attempts_max: u32,
    /// Most rounds of one auction.
    pub auction_rounds_max: u64,
}

impl Default for AssignmentSettings {
    fn default() -> Self {
        Self { steps_max: 240, attempts_max: 24, auction_rounds_max: 2_000 }
    }
}

/// How a search for an assignment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every required task is done.
    Assigned(AssignmentReport),
    /// Not all required tasks can be done, whatever the assignment.
    Impossible {
        /// Why.
        proof: ImpossibilityProof,
        /// What finding out took.
        traffic: Traffic,
    },
    /// Some required tasks found nobody, and nothing shows that this must be so.
    Unfinished {
        /// Who does each task, as far as anybody does; feasible for everybody.
        holders: Vec<Option<usize>>,
        /// Required tasks that nobody does.
        left: Vec<usize>,
        /// What it took.
        traffic: Traffic,
    },
}

/// An assignment and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentReport {
    /// The assignment, its value and its bound.
    pub certificate: AssignmentCertificate,
    /// Rounds, messages and bytes of everything.
    pub traffic: Traffic,
    /// Those of the price search alone.
    pub prices_traffic: Traffic,
    /// Price steps.
    pub steps: u32,
    /// Auctions.
    pub attempts: u32,
}

/// Finds an assignment. `lost` says whether the bulletin of an auction that goes from one agent to another in a round is
/// lost; sums and offers are taken to be repeated until they arrive.
pub fn solve(
    problem: &AssignmentProblem,
    links: &Links,
    settings: AssignmentSettings,
    lost: &mut dyn FnMut(u64, usize, usize) -> bool,
) -> Result<Outcome, AssignmentError> {
    check_links(problem, links)?;
    let mut run = Run::new(problem, links, settings);
    let mut prices_traffic = Traffic::default();
    let mut search = PriceSearch::new(problem.tasks(), &most_earned(problem, links, &mut prices_traffic));
    let mut steps = 0;
    while steps < settings.steps_max && !search.is_exhausted() && !run.is_proved(&search) {
        let demand = ask(problem, search.prices(), Profits::Own);
        count_step(links, problem, &mut prices_traffic);
        if steps >= FIRST_ATTEMPT && (steps - FIRST_ATTEMPT).is_multiple_of(STEPS_PER_ATTEMPT) {
            run.attempt(search.prices(), lost);
        }
        search.learn(&demand, run.best_value());
        steps += 1;
    }
    let prices = search.best().map_or_else(|| search.prices().to_vec(), |(_, prices)| prices.to_vec());
    while run.attempts < settings.attempts_max && (run.attempts == 0 || run.best_value().is_none()) {
        run.attempt(&prices, lost);
    }
    run.traffic.add(prices_traffic);
    let left: Vec<usize> = run.left(&run.holders).collect();
    if !left.is_empty() {
        let mut traffic = run.traffic;
        return Ok(match impossible(problem, links, settings.steps_max, &mut traffic) {
            Some(proof) => Outcome::Impossible { proof, traffic },
            None => Outcome::Unfinished { holders: run.holders, left, traffic },
        });
    }
    let contributions = contributions(problem, &prices, &run.holders);
    let certificate = AssignmentCertificate::of(run.holders, prices, contributions);
    let (traffic, attempts) = (run.traffic, run.attempts);
    Ok(Outcome::Assigned(AssignmentReport { certificate, traffic, prices_traffic, steps, attempts }))
}

/// What an agent bids for a task when there are no prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainBid {
    /// Its profit.
    Profit,
    /// Its profit per part of the resources that it uses: greedy by density.
    Density,
}

/// The auction alone, as it is held without any prices and with nothing done afterwards: the peer of the benchmarks.
/// Tasks may be left.
pub fn plain_auction(
    problem: &AssignmentProblem,
    links: &Links,
    bid: PlainBid,
    rounds_max: u64,
    lost: &mut dyn FnMut(u64, usize, usize) -> bool,
) -> Result<(Vec<Option<usize>>, Traffic), AssignmentError> {
    check_links(problem, links)?;
    let tasks = problem.tasks().len();
    let own = |agent: &AgentProblem| -> Vec<Option<Worth>> {
        (0..tasks).map(|task| agent.choice(task).map(|choice| plain_bid(agent, choice, bid))).collect()
    };
    let bids = problem.agents().iter().map(own).collect();
    let mut traffic = Traffic::default();
    let holders = auction(problem, links, bids, rounds_max, &mut traffic, lost);
    Ok((holders, traffic))
}

/// The best assignment so far, and what it took.
struct Run<'a> {
    problem: &'a AssignmentProblem,
    links: &'a Links,
    settings: AssignmentSettings,
    holders: Vec<Option<usize>>,
    /// Required tasks that are left, and the profit.
    standing: Option<(usize, Worth)>,
    /// How often each task was left: it is bid for more eagerly the next time.
    urgency: Vec<i64>,
    grain: i64,
    traffic: Traffic,
    attempts: u32,
}

impl<'a> Run<'a> {
    fn new(problem: &'a AssignmentProblem, links: &'a Links, settings: AssignmentSettings) -> Self {
        let tasks = problem.tasks().len();
        let agents = problem.agents().iter();
        let grain = agents.fold(0, |grain, agent| common_divisor(grain, agent.grain()));
        let grain = i64::try_from(grain).unwrap_or(1).max(1);
        let (holders, urgency, traffic) = (vec![None; tasks], vec![0; tasks], Traffic::default());
        Self { problem, links, settings, holders, standing: None, urgency, grain, traffic, attempts: 0 }
    }

    /// Holds an auction at these prices, improves what comes of it, and keeps it if it is the best so far.
    fn attempt(&mut self, prices: &[Worth], lost: &mut dyn FnMut(u64, usize, usize) -> bool) {
        if self.attempts >= self.settings.attempts_max {
            return;
        }
        self.attempts += 1;
        let mut bids: Vec<Vec<Option<Worth>>> =
            self.problem.agents().iter().map(|agent| advantages(agent, prices)).collect();
        for bids in &mut bids {
            for (bid, urgency) in bids.iter_mut().zip(&self.urgency) {
                *bid = bid.map(|bid| Worth(bid.0 + (*urgency).min(URGENCY_MAX) * URGENCY));
            }
        }
        let rounds_max = self.settings.auction_rounds_max;
        let mut holders = auction(self.problem, self.links, bids, rounds_max, &mut self.traffic, lost);
        improve(self.problem, self.links, prices, &mut holders, &mut self.traffic);
        let left: Vec<usize> = self.left(&holders).collect();
        for task in &left {
            self.urgency[*task] += 1;
        }
        let Some(value) = self.problem.value(&holders) else { return };
        let better = |(fewest, most): (usize, Worth)| (left.len(), -value) < (fewest, -most);
        if self.standing.is_none_or(better) {
            (self.standing, self.holders) = (Some((left.len(), value)), holders);
        }
    }

    /// Whether no assignment is better than the best so far.
    fn is_proved(&self, search: &PriceSearch) -> bool {
        let Some((bound, _)) = search.best() else { return false };
        self.best_value().is_some_and(|value| bound.0.div_euclid(self.grain) * self.grain <= value.0)
    }

    fn best_value(&self) -> Option<Worth> {
        self.standing.filter(|(left, _)| *left == 0).map(|(_, value)| value)
    }

    fn left<'b>(&'b self, holders: &'b [Option<usize>]) -> impl Iterator<Item = usize> + 'b {
        let tasks = self.problem.tasks();
        (0..tasks.len()).filter(move |task| tasks[*task].required && holders[*task].is_none())
    }
}

impl Traffic {
    fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// Holds an auction until all agree or the rounds are used up. Who does each task, so that everybody agrees: what is
/// contested at the end is nobody's.
fn auction(
    problem: &AssignmentProblem,
    links: &Links,
    bids: Vec<Vec<Option<Worth>>>,
    rounds_max: u64,
    traffic: &mut Traffic,
    lost: &mut dyn FnMut(u64, usize, usize) -> bool,
) -> Vec<Option<usize>> {
    let agents = problem.agents();
    let mut bidders: Vec<Bidder> = bids
        .into_iter()
        .enumerate()
        .map(|(agent, bids)| Bidder::new(agent, agents.len(), &agents[agent], bids))
        .collect();
    for round in 0..rounds_max {
        if settled(&bidders) {
            break;
        }
        traffic.rounds += 1;
        let bulletins: Vec<_> = bidders.iter_mut().map(Bidder::bulletin).collect();
        for (to, bidder) in bidders.iter_mut().enumerate() {
            for from in links.neighbours(to).iter().copied() {
                traffic.messages += 1;
                traffic.bytes += bulletins[from].bytes();
                if !lost(round, from, to) {
                    // What cannot be used has no effect, and the next bulletin makes up for it.
                    let _ = bidder.handle(from, &bulletins[from]);
                }
            }
        }
    }
    let winner = |task: usize| {
        let win = bidders[0].winners()[task].map(|win| win.agent)?;
        let agreed = bidders.iter().all(|bidder| bidder.winners()[task].is_some_and(|other| other.agent == win));
        (agreed && bidders[win].bundle().contains(&task)).then_some(win)
    };
    (0..problem.tasks().len()).map(winner).collect()
}

/// Whether everybody believes the same, each of itself too: then no bulletin changes anything.
fn settled(bidders: &[Bidder]) -> bool {
    let believed: &[Option<Win>] = bidders[0].winners();
    bidders.iter().all(|bidder| bidder.winners() == believed)
}

fn plain_bid(agent: &AgentProblem, choice: &Choice, bid: PlainBid) -> Worth {
    if bid == PlainBid::Profit {
        return choice.profit;
    }
    let parts = choice.weights.iter().zip(agent.capacities());
    let used: f64 = parts.map(|(weight, capacity)| *weight as f64 / (*capacity).max(1) as f64).sum();
    Worth((choice.profit.0 as f64 / used.max(LEAST_PART)) as i64)
}

/// What each task earns with whom it earns most: prices at which nobody gains anything. Found over the tree like a sum.
fn most_earned(problem: &AssignmentProblem, links: &Links, traffic: &mut Traffic) -> Vec<Worth> {
    let payload = 8 * problem.tasks().len() as u64;
    links.count_sum(traffic, payload, payload);
    let ceilings = |task: usize| problem.agents().iter().filter_map(move |agent| Some(agent.choice(task)?.ceiling));
    (0..problem.tasks().len()).map(|task| ceilings(task).max().unwrap_or_default()).collect()
}

/// What all agents say to these prices, summed in their order.
fn ask(problem: &AssignmentProblem, prices: &[Worth], profits: Profits) -> Demand {
    let mut demand = Demand { takers: vec![0; prices.len()], gain: Worth::ZERO };
    for agent in problem.agents() {
        let bundle = best_bundle(agent, prices, profits);
        bundle.tasks.iter().for_each(|task| demand.takers[*task] += 1);
        demand.gain = demand.gain + bundle.ceiling;
    }
    demand
}

/// A byte a task and eight of gain go up the tree and come back: everybody makes the prices of them.
fn count_step(links: &Links, problem: &AssignmentProblem, traffic: &mut Traffic) {
    let payload = problem.tasks().len() as u64 + 8;
    links.count_sum(traffic, payload, payload);
}

/// Looks for prices that prove that not all required tasks can be done.
fn impossible(
    problem: &AssignmentProblem,
    links: &Links,
    steps_max: u32,
    traffic: &mut Traffic,
) -> Option<ImpossibilityProof> {
    let mut search = PriceSearch::new(problem.tasks(), &[]);
    for _ in 0..steps_max {
        let demand = ask(problem, search.prices(), Profits::None);
        count_step(links, problem, traffic);
        if bound_at(search.prices(), demand.gain) < Worth::ZERO {
            return ImpossibilityProof::prove(problem.tasks(), problem.agents().iter(), search.prices().to_vec());
        }
        search.learn(&demand, None);
    }
    None
}

fn contributions(problem: &AssignmentProblem, prices: &[Worth], holders: &[Option<usize>]) -> Vec<Contribution> {
    let agents = problem.agents().iter().enumerate();
    agents
        .map(|(agent, own)| {
            Contribution::of(agent, own, prices, holders).expect("nobody accepts what it cannot do at the same time")
        })
        .collect()
}

fn check_links(problem: &AssignmentProblem, links: &Links) -> Result<(), AssignmentError> {
    let (agents, linked) = (problem.agents().len(), links.agents());
    if agents == linked { Ok(()) } else { Err(AssignmentError::LinkedAgents { links: linked, agents }) }
}

/// Part of its resources that a task counts as using if it uses less.
const LEAST_PART: f64 = 1e-3;
/// Price steps before the first auction.
const FIRST_ATTEMPT: u32 = 16;
/// Price steps from one auction to the next.
const STEPS_PER_ATTEMPT: u32 = 8;
/// How much more a task is bid for each time that it was left: as much as any profit.
const URGENCY: i64 = 1 << 40;
/// How often that counts.
const URGENCY_MAX: i64 = 7;
