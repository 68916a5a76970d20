//! What one agent would take at given prices, and how much better off it is with a task than without.
//!
//! One resource of moderate size is a dynamic programme over its capacity (Martello and Toth 1990, 2.6); everything else
//! is branch and bound under a surrogate constraint, with a limit on its nodes. At the limit the taken tasks are the
//! best that were met, and the ceiling is still above everything that was not.

use super::problem::AgentProblem;
use super::worth::Worth;

/// Tasks that an agent would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// The tasks, ascending; they fit together.
    pub(crate) tasks: Vec<usize>,
    /// At least what any tasks that fit together are worth beyond their prices; not negative.
    pub(crate) ceiling: Worth,
}

/// What a task is worth to its agent before its price is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profits {
    /// What the agent earns by it, rounded up.
    Own,
    /// Nothing: only what fits together counts, as in a proof that not everything does.
    None,
}

/// The tasks that `agent` would take at these prices, one a task.
pub(crate) fn best_bundle(agent: &AgentProblem, prices: &[Worth], profits: Profits) -> Bundle {
    let items: Vec<Item> = items(agent, prices, profits).filter(|item| item.surplus > 0).collect();
    if let Some(capacity) = tabulated(agent, items.len()) {
        let table = forward(&items, capacity);
        return Bundle { tasks: picked(&items, &table, capacity), ceiling: Worth(table[items.len()][capacity]) };
    }
    let search = Search::run(items, agent.capacities(), NODES_MAX);
    let mut tasks = search.best_tasks();
    tasks.sort_unstable();
    Bundle { tasks, ceiling: Worth(search.ceiling()) }
}

/// For every task that `agent` can do how much better off it is with it than without, at these prices.
pub(crate) fn advantages(agent: &AgentProblem, prices: &[Worth]) -> Vec<Option<Worth>> {
    let mut advantages = vec![None; prices.len()];
    let all: Vec<Item> = items(agent, prices, Profits::Own).collect();
    let (wanted, unwanted): (Vec<Item>, Vec<Item>) = all.into_iter().partition(|item| item.surplus > 0);
    let Some(capacity) = tabulated(agent, wanted.len()) else {
        for item in wanted.iter().chain(&unwanted) {
            let others = || wanted.iter().filter(|other| other.task != item.task).cloned().collect::<Vec<_>>();
            let room: Vec<i64> = agent.capacities().iter().zip(item.weights).map(|(room, used)| room - used).collect();
            let with = item.surplus + Search::run(others(), &room, BID_NODES_MAX).best;
            let without = Search::run(others(), agent.capacities(), BID_NODES_MAX).best;
            advantages[item.task] = Some(Worth(with - without));
        }
        return advantages;
    };
    let before = forward(&wanted, capacity);
    let reversed: Vec<Item> = wanted.iter().rev().cloned().collect();
    let after = forward(&reversed, capacity);
    let count = wanted.len();
    for (place, item) in wanted.iter().enumerate() {
        let (left, right) = (&before[place], &after[count - 1 - place]);
        let best = |room: usize| (0..=room).map(|used| left[used] + right[room - used]).max().unwrap_or(0);
        let with = item.surplus + best(capacity - item.weight());
        advantages[item.task] = Some(Worth(with - best(capacity)));
    }
    for item in &unwanted {
        let with = item.surplus + before[count][capacity - item.weight()];
        advantages[item.task] = Some(Worth(with - before[count][capacity]));
    }
    advantages
}

/// A task in the eyes of its agent.
#[derive(Debug, Clone)]
struct Item<'a> {
    task: usize,
    /// Worth beyond the price, in grains.
    surplus: i64,
    weights: &'a [i64],
}

impl Item<'_> {
    /// What it uses of the only resource, which is at most its capacity.
    fn weight(&self) -> usize {
        self.weights.first().map_or(0, |weight| *weight as usize)
    }
}

fn items<'a>(agent: &'a AgentProblem, prices: &'a [Worth], profits: Profits) -> impl Iterator<Item = Item<'a>> {
    agent.choices().map(move |(task, choice)| {
        let worth = if profits == Profits::Own { choice.ceiling } else { Worth::ZERO };
        Item { task, surplus: (worth - prices[task]).0, weights: &choice.weights }
    })
}

/// The capacity to tabulate over, if there is one resource and the table is small enough.
fn tabulated(agent: &AgentProblem, items: usize) -> Option<usize> {
    let [capacity] = agent.capacities() else { return None };
    let capacity = *capacity as usize;
    ((items + 1) * (capacity + 1) <= CELLS_MAX).then_some(capacity)
}

/// `table[k][c]`: the most that the first k items are worth within a capacity of c.
fn forward(items: &[Item], capacity: usize) -> Vec<Vec<i64>> {
    let mut table = Vec::with_capacity(items.len() + 1);
    table.push(vec![0; capacity + 1]);
    for (place, item) in items.iter().enumerate() {
        let mut row: Vec<i64> = table[place].clone();
        for room in item.weight()..=capacity {
            row[room] = row[room].max(item.surplus + table[place][room - item.weight()]);
        }
        table.push(row);
    }
    table
}

fn picked(items: &[Item], table: &[Vec<i64>], capacity: usize) -> Vec<usize> {
    let mut tasks = Vec::new();
    let mut room = capacity;
    for (place, item) in items.iter().enumerate().rev() {
        if table[place + 1][room] != table[place][room] {
            tasks.push(item.task);
            room -= item.weight();
        }
    }
    tasks.reverse();
    tasks
}

/// Depth-first branch and bound: take an item, or leave it.
struct Search<'a> {
    /// The most surplus per surrogate weight first.
    items: Vec<Item<'a>>,
    /// Weight of each item in the surrogate: resources weighted by one over their capacity, in whole numbers.
    surrogate: Vec<i128>,
    room: Vec<i64>,
    taken: Vec<usize>,
    best: i64,
    best_taken: Vec<usize>,
    /// Nothing that was cut off by the limit on nodes is worth more.
    unexplored: i64,
    nodes_left: usize,
}

impl<'a> Search<'a> {
    fn run(mut items: Vec<Item<'a>>, capacities: &[i64], nodes: usize) -> Self {
        items.retain(|item| item.weights.iter().zip(capacities).all(|(weight, room)| weight <= room));
        let scale: Vec<i128> = capacities.iter().map(|capacity| (1 << 30) / i128::from((*capacity).max(1))).collect();
        let surrogate = |weights: &[i64]| -> i128 {
            weights.iter().zip(&scale).map(|(weight, scale)| i128::from(*weight) * scale).sum()
        };
        // Cross-multiplied, so that the order is exact.
        items.sort_by(|a, b| {
            let left = i128::from(b.surplus) * surrogate(a.weights);
            let right = i128::from(a.surplus) * surrogate(b.weights);
            left.cmp(&right).then(a.task.cmp(&b.task))
        });
        let weights = items.iter().map(|item| surrogate(item.weights)).collect();
        let (taken, best_taken) = (Vec::new(), Vec::new());
        let room = capacities.to_vec();
        let mut search =
            Self { items, surrogate: weights, room, taken, best: 0, best_taken, unexplored: 0, nodes_left: nodes };
        search.branch(0, 0, surrogate(capacities));
        search
    }

    fn branch(&mut self, place: usize, worth: i64, surrogate_room: i128) {
        if worth > self.best {
            self.best = worth;
            self.best_taken.clone_from(&self.taken);
        }
        if place == self.items.len() {
            return;
        }
        let ceiling = worth + self.fractional(place, surrogate_room);
        if ceiling <= self.best {
            return;
        }
        if self.nodes_left == 0 {
            self.unexplored = self.unexplored.max(ceiling);
            return;
        }
        self.nodes_left -= 1;
        let (weights, surplus) = (self.items[place].weights, self.items[place].surplus);
        if weights.iter().zip(&self.room).all(|(weight, room)| weight <= room) {
            self.use_room(weights, -1);
            self.taken.push(place);
            self.branch(place + 1, worth + surplus, surrogate_room - self.surrogate[place]);
            self.taken.pop();
            self.use_room(weights, 1);
        }
        self.branch(place + 1, worth, surrogate_room);
    }

    /// The most that the items from `place` on are worth if the last of them may be taken in part (Dantzig 1957).
    fn fractional(&self, place: usize, surrogate_room: i128) -> i64 {
        let (mut worth, mut room) = (0, surrogate_room);
        for (item, weight) in self.items[place..].iter().zip(&self.surrogate[place..]) {
            if *weight > room {
                let part = (i128::from(item.surplus) * room + weight - 1) / weight;
                // At most the surplus, which is one of the numbers that fit.
                return worth + part as i64;
            }
            room -= weight;
            worth += item.surplus;
        }
        worth
    }

    fn use_room(&mut self, weights: &[i64], sign: i64) {
        for (room, weight) in self.room.iter_mut().zip(weights) {
            *room += sign * weight;
        }
    }

    fn best_tasks(&self) -> Vec<usize> {
        self.best_taken.iter().map(|place| self.items[*place].task).collect()
    }

    fn ceiling(&self) -> i64 {
        self.best.max(self.unexplored)
    }
}

/// Most cells of a table.
const CELLS_MAX: usize = 1 << 20;
/// Most nodes of a search for a bundle; its depth is at most the number of tasks.
const NODES_MAX: usize = 20_000;
/// Most nodes of each of the two searches behind one bid.
const BID_NODES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::super::problem::Job;
    use super::*;

    /// A small agent whose numbers come from a seed.
    fn agent(seed: u64, tasks: usize, resources: usize) -> (AgentProblem, Vec<Worth>) {
        let mut state = seed;
        let mut below = |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % limit
        };
        let jobs = (0..tasks)
            .map(|_| {
                let weights = (0..resources).map(|_| below(12) as i64).collect();
                (below(8) > 0).then_some(Job { profit: below(200) as f64 / 8.0 - 3.0, weights })
            })
            .collect();
        let capacities = (0..resources).map(|_| 5 + below(25) as i64).collect();
        let prices = (0..tasks).map(|_| Worth(below(20 << 20) as i64 - (3 << 20))).collect();
        (AgentProblem::new("rover", capacities, jobs).unwrap(), prices)
    }

    /// The best over all sets of tasks with `with` and without `without`.
    fn by_enumeration(agent: &AgentProblem, prices: &[Worth], with: u32, without: u32) -> Worth {
        let mut best = None;
        for set in (0..1u32 << prices.len()).filter(|set| set & with == with && set & without == 0) {
            let tasks: Vec<usize> = (0..prices.len()).filter(|task| set >> task & 1 == 1).collect();
            if let Some(profit) = agent.profit_of(&tasks) {
                best = best.max(Some(profit - tasks.iter().map(|task| prices[*task]).sum()));
            }
        }
        best.unwrap_or(Worth(i64::MIN))
    }

    #[test]
    fn bundles_and_bids_are_those_of_enumeration() {
        for seed in 0..120 {
            let (agent, prices) = agent(seed, 8, 1 + (seed % 3) as usize);
            let bundle = best_bundle(&agent, &prices, Profits::Own);
            let best = by_enumeration(&agent, &prices, 0, 0);
            let paid: Worth = bundle.tasks.iter().map(|task| prices[*task]).sum();
            assert_eq!(bundle.ceiling, best, "seed {seed}");
            assert_eq!(agent.profit_of(&bundle.tasks).unwrap() - paid, best, "seed {seed}");
            for (task, advantage) in advantages(&agent, &prices).into_iter().enumerate() {
                assert_eq!(advantage.is_some(), agent.can(task), "seed {seed}");
                if let Some(advantage) = advantage {
                    let bit = 1 << task;
                    let with = by_enumeration(&agent, &prices, bit, 0);
                    assert_eq!(advantage, with - by_enumeration(&agent, &prices, 0, bit), "seed {seed} task {task}");
                }
            }
        }
    }

    #[test]
    fn a_search_that_is_cut_short_still_bounds() {
        for seed in 0..60 {
            let (agent, prices) = agent(seed, 10, 2);
            let wanted: Vec<Item> = items(&agent, &prices, Profits::Own).filter(|item| item.surplus > 0).collect();
            let best = by_enumeration(&agent, &prices, 0, 0).0;
            for nodes in [0, 1, 3, 10] {
                let search = Search::run(wanted.clone(), agent.capacities(), nodes);
                assert!(search.best <= best && best <= search.ceiling(), "seed {seed}");
            }
        }
    }
}
