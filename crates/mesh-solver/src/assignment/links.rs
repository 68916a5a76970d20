//! Who can talk to whom, the tree that sums travel over, and what all the talking came to.

use super::problem::{AGENTS_MAX, AssignmentError};
use std::collections::{BTreeSet, VecDeque};

/// The links between agents, connected, with a spanning tree rooted where it is least deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    neighbours: Vec<Vec<usize>>,
    /// Hops from the root to the farthest agent.
    depth: u64,
}

/// Rounds, messages and payload bytes so far. In a round every agent sends at most one message to each neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Rounds.
    pub rounds: u64,
    /// Messages, every hop counted.
    pub messages: u64,
    /// Their payload, every hop counted.
    pub bytes: u64,
}

impl Links {
    /// Links between pairs of `agents`; every agent must be reachable from every other.
    pub fn new(agents: usize, pairs: &[(usize, usize)]) -> Result<Self, AssignmentError> {
        if agents == 0 {
            return Err(AssignmentError::NoAgents);
        }
        if agents > AGENTS_MAX {
            return Err(AssignmentError::TooMany { what: "agents", count: agents, limit: AGENTS_MAX });
        }
        let mut neighbours = vec![BTreeSet::new(); agents];
        for (from, to) in pairs.iter().copied() {
            if from >= agents || to >= agents || from == to {
                return Err(AssignmentError::Link { from, to, agents });
            }
            neighbours[from].insert(to);
            neighbours[to].insert(from);
        }
        let neighbours: Vec<Vec<usize>> = neighbours.into_iter().map(|set| set.into_iter().collect()).collect();
        let hops = hops_from(0, &neighbours);
        if let Some(agent) = hops.iter().position(Option::is_none) {
            return Err(AssignmentError::Disconnected { agent });
        }
        let depth = |root| hops_from(root, &neighbours).into_iter().flatten().max().unwrap_or(0);
        let depth = (0..agents).map(depth).min().unwrap_or(0);
        Ok(Self { neighbours, depth })
    }

    /// Everybody with everybody.
    pub fn complete(agents: usize) -> Result<Self, AssignmentError> {
        let pairs: Vec<(usize, usize)> = (0..agents).flat_map(|a| (0..a).map(move |b| (b, a))).collect();
        Self::new(agents, &pairs)
    }

    /// The number of agents.
    pub fn agents(&self) -> usize {
        self.neighbours.len()
    }

    /// Whom `agent` can send to, ascending.
    pub fn neighbours(&self, agent: usize) -> &[usize] {
        &self.neighbours[agent]
    }

    /// Counts a sum over the tree whose parts are `up` bytes on every hop, and its result that comes back as `down`.
    pub(crate) fn count_sum(&self, traffic: &mut Traffic, up: u64, down: u64) {
        let hops = self.agents() as u64 - 1;
        traffic.rounds += 2 * self.depth;
        traffic.messages += 2 * hops;
        traffic.bytes += hops * (up + down);
    }

    /// Counts parts that stay apart on their way to the root, one an agent, and an answer that comes back as `down`.
    pub(crate) fn count_gathering(&self, traffic: &mut Traffic, parts: u64, down: u64) {
        let hops = self.agents() as u64 - 1;
        traffic.rounds += 2 * self.depth;
        traffic.messages += 2 * hops;
        // On average a part is carried over half the depth; the whole depth is charged.
        traffic.bytes += parts * self.depth + hops * down;
    }
}

fn hops_from(root: usize, neighbours: &[Vec<usize>]) -> Vec<Option<u64>> {
    let mut hops = vec![None; neighbours.len()];
    hops[root] = Some(0);
    let mut queue = VecDeque::from([(root, 0)]);
    while let Some((agent, distance)) = queue.pop_front() {
        for next in &neighbours[agent] {
            if hops[*next].is_none() {
                hops[*next] = Some(distance + 1);
                queue.push_back((*next, distance + 1));
            }
        }
    }
    hops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connected_agents_are_linked() {
        assert_eq!(Links::new(3, &[(0, 1)]), Err(AssignmentError::Disconnected { agent: 2 }));
        assert_eq!(Links::new(2, &[(0, 2)]), Err(AssignmentError::Link { from: 0, to: 2, agents: 2 }));
        assert_eq!(Links::new(2, &[(1, 1)]), Err(AssignmentError::Link { from: 1, to: 1, agents: 2 }));
        assert_eq!(Links::new(0, &[]), Err(AssignmentError::NoAgents));
    }

    #[test]
    fn a_sum_pays_for_every_hop() {
        let line = Links::new(5, &[(0, 1), (1, 2), (2, 3), (3, 4)]).unwrap();
        let mut traffic = Traffic::default();
        line.count_sum(&mut traffic, 10, 20);
        assert_eq!(traffic, Traffic { rounds: 4, messages: 8, bytes: 120 });
        let alone = Links::complete(1).unwrap();
        alone.count_sum(&mut traffic, 10, 20);
        assert_eq!(traffic.rounds, 4);
    }
}
