//! Repair and improvement: agents pass tasks around in chains and rings.
//!
//! An offer is one agent's step: it takes a task, gives up a task, or both, and says what it gains. It judges that from
//! its own row alone, and an offer stands on its own: whatever the others do, the agent can carry it out. So every
//! closed sequence of offers of different agents, in which each task that is given up is taken by the next one, is
//! feasible (cyclic exchange: Thompson and Psaraftis 1993; ejection chains: Yagiura, Ibaraki and Glover 2006). A task
//! that nobody holds is held by an agent beyond the last, whose profit for it is a large loss if it must be done.
//!
//! Gains are stated beyond the prices of the tasks. A closed sequence gives every price as often as it takes it, so that
//! its gain is the true one, but each single step then says how good it is, and a sequence that gains in total can be
//! entered where all its partial sums are positive (Lin and Kernighan 1973): the others need not be tried.

use super::links::{Links, Traffic};
use super::problem::{AgentProblem, AssignmentProblem, Task};
use super::worth::Worth;

/// One agent's step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The task that it takes.
    pub takes: Option<usize>,
    /// The task that it gives up.
    pub gives: Option<usize>,
    /// What it gains beyond the prices.
    pub gain: Worth,
}

impl Offer {
    /// Its payload: two tasks and a gain.
    pub const BYTES: u64 = 12;
}

/// What `agent`, which holds `held`, offers at these prices: all single tasks that it could give up or take without
/// giving one up, and the best [`SWAPS_MAX`] swaps.
pub fn offers(agent: &AgentProblem, held: &[usize], prices: &[Worth]) -> Vec<Offer> {
    let mut room = agent.capacities().to_vec();
    for choice in held.iter().filter_map(|task| agent.choice(*task)) {
        for (room, weight) in room.iter_mut().zip(&choice.weights) {
            *room -= weight;
        }
    }
    let mut offers = Vec::new();
    let mut swaps = Vec::new();
    for task in held {
        if let Some(choice) = agent.choice(*task) {
            offers.push(Offer { takes: None, gives: Some(*task), gain: prices[*task] - choice.profit });
        }
    }
    for (task, choice) in agent.choices().filter(|(task, _)| !held.contains(task)) {
        let surplus = choice.profit - prices[task];
        if choice.weights.iter().zip(&room).all(|(weight, room)| weight <= room) {
            offers.push(Offer { takes: Some(task), gives: None, gain: surplus });
        }
        for given in held {
            let Some(freed) = agent.choice(*given) else { continue };
            let mut sides = choice.weights.iter().zip(&room).zip(&freed.weights);
            if sides.all(|((weight, room), freed)| weight - freed <= *room) {
                let gain = surplus - (freed.profit - prices[*given]);
                swaps.push(Offer { takes: Some(task), gives: Some(*given), gain });
            }
        }
    }
    swaps.sort_by_key(|swap| (-swap.gain, swap.takes, swap.gives));
    swaps.truncate(SWAPS_MAX);
    offers.extend(swaps);
    offers
}

/// Improves `holders` until no sequence of offers gains, or [`PASSES_MAX`] passes have been made.
///
/// Every agent must be able to do what it holds. Offers are gathered over the links; the sequences are chosen where
/// they meet, and anybody who has heard the offers chooses the same.
pub fn improve(
    problem: &AssignmentProblem,
    links: &Links,
    prices: &[Worth],
    holders: &mut [Option<usize>],
    traffic: &mut Traffic,
) {
    for _ in 0..PASSES_MAX {
        let mut all = Vec::new();
        for (place, agent) in problem.agents().iter().enumerate() {
            let held: Vec<usize> = (0..holders.len()).filter(|task| holders[*task] == Some(place)).collect();
            all.extend(offers(agent, &held, prices).into_iter().map(|offer| Step { agent: place, offer }));
        }
        let said = all.len() as u64;
        all.extend(nobodys_offers(problem.tasks(), holders, prices, problem.agents().len()));
        let chosen = Sequences::search(&all, problem.tasks().len(), problem.agents().len() + 1);
        let steps: usize = chosen.iter().map(Vec::len).sum();
        links.count_gathering(traffic, said * Offer::BYTES, 1 + steps as u64 * 6);
        if chosen.is_empty() {
            return;
        }
        for step in chosen.into_iter().flatten() {
            if let Some(task) = step.offer.takes {
                holders[task] = (step.agent < problem.agents().len()).then_some(step.agent);
            }
        }
    }
}

/// An offer and whose it is.
#[derive(Debug, Clone, Copy)]
struct Step {
    agent: usize,
    offer: Offer,
}

/// What the agent beyond the last offers: to give up what nobody holds, and to take anything at a loss.
fn nobodys_offers<'a>(
    tasks: &'a [Task],
    holders: &'a [Option<usize>],
    prices: &'a [Worth],
    agent: usize,
) -> impl Iterator<Item = Step> + 'a {
    let surplus = |task: usize| -prices[task] - if tasks[task].required { Worth::LEFT } else { Worth::ZERO };
    let left = |task: &usize| holders[*task].is_none();
    let gives = (0..tasks.len()).filter(left).map(move |task| (None, Some(task), -surplus(task)));
    let takes = (0..tasks.len()).filter(move |task| !left(task)).map(move |task| (Some(task), None, surplus(task)));
    let swaps = (0..tasks.len()).filter(left).flat_map(move |given| {
        let taken = (0..tasks.len()).filter(move |task| !left(task));
        taken.map(move |task| (Some(task), Some(given), surplus(task) - surplus(given)))
    });
    let all = gives.chain(takes).chain(swaps);
    all.map(move |(takes, gives, gain)| Step { agent, offer: Offer { takes, gives, gain } })
}

/// The search for closed sequences that gain.
struct Sequences<'a> {
    /// For each task the steps that take it, and behind the last task those that take none; the best first.
    takers: Vec<Vec<&'a Step>>,
    visited: Vec<bool>,
    path: Vec<&'a Step>,
    found: Vec<(Worth, Vec<Step>)>,
    visits_left: usize,
}

impl<'a> Sequences<'a> {
    /// Sequences that gain and share no agent, the best first come.
    fn search(steps: &'a [Step], tasks: usize, agents: usize) -> Vec<Vec<Step>> {
        let mut takers = vec![Vec::new(); tasks + 1];
        for step in steps {
            takers[step.offer.takes.unwrap_or(tasks)].push(step);
        }
        let order = |step: &&Step| (-step.offer.gain, step.agent, step.offer.gives);
        for takers in &mut takers {
            takers.sort_by_key(order);
        }
        let mut starts: Vec<&Step> = steps.iter().filter(|step| step.offer.gain > Worth::ZERO).collect();
        starts.sort_by_key(|step| (order(step), step.offer.takes));
        let (path, found) = (Vec::new(), Vec::new());
        let mut search = Self { takers, visited: vec![false; agents], path, found, visits_left: VISITS_MAX };
        for start in starts {
            search.follow(start, Worth::ZERO);
        }
        search.choose()
    }

    /// Adds a step to the path and goes on from there.
    fn follow(&mut self, step: &'a Step, before: Worth) {
        if self.visits_left == 0 || self.found.len() == FOUND_MAX {
            return;
        }
        self.visits_left -= 1;
        self.visited[step.agent] = true;
        self.path.push(step);
        let gain = before + step.offer.gain;
        if step.offer.gives == self.path[0].offer.takes {
            self.found.push((gain, self.path.iter().map(|step| **step).collect()));
        } else if self.path.len() < STEPS_MAX && !self.meets_itself(step.offer.gives) {
            let open = step.offer.gives.unwrap_or(self.takers.len() - 1);
            for place in 0..self.takers[open].len() {
                let next = self.takers[open][place];
                if gain + next.offer.gain <= Worth::ZERO {
                    break;
                }
                if !self.visited[next.agent] {
                    self.follow(next, gain);
                }
            }
        }
        self.path.pop();
        self.visited[step.agent] = false;
    }

    /// Whether an inner step of the path has already taken what is given up: two sequences rather than one.
    fn meets_itself(&self, gives: Option<usize>) -> bool {
        self.path.iter().skip(1).any(|step| step.offer.takes == gives)
    }

    fn choose(mut self) -> Vec<Vec<Step>> {
        self.found.sort_by_key(|(gain, path)| (-*gain, path.len()));
        let mut used = vec![false; self.visited.len()];
        let mut chosen = Vec::new();
        for (_, path) in self.found {
            if path.iter().all(|step| !used[step.agent]) {
                path.iter().for_each(|step| used[step.agent] = true);
                chosen.push(path);
            }
        }
        chosen
    }
}

/// Most swaps that an agent offers in a pass.
pub const SWAPS_MAX: usize = 256;
/// Most passes of an improvement.
pub const PASSES_MAX: usize = 64;
/// Most steps of a sequence.
const STEPS_MAX: usize = 5;
/// Most steps that are tried in a pass.
const VISITS_MAX: usize = 20_000;
/// Most sequences that a pass chooses from.
const FOUND_MAX: usize = 2_000;
