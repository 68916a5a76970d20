//! Who meets whom at which junction: what all members know of the network, and the ways along which they tell each other.

use crate::network::{Junction, Network};
use std::collections::VecDeque;

/// The public part of a network: junctions, and which of them each member touches. No member's problem is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wiring {
    junctions: Vec<Junction>,
    /// For each member the junctions that it touches, ascending.
    touches: Vec<Vec<usize>>,
    neighbours: Vec<Vec<usize>>,
    /// For each origin and member the neighbour from which the member hears of the origin, if there is a way.
    parents: Vec<Vec<Option<usize>>>,
    /// Hops between the two members that are farthest apart in each member's part of the network.
    diameters: Vec<u32>,
}

impl Wiring {
    /// The wiring of a network.
    pub fn of(network: &Network) -> Self {
        let touches =
            network.members.iter().map(|member| member.shares.iter().map(|share| share.junction).collect()).collect();
        let neighbours = network.neighbours();
        let count = neighbours.len();
        let (parents, reach): (Vec<_>, Vec<u32>) = (0..count).map(|origin| breadth_first(&neighbours, origin)).unzip();
        let mut wiring =
            Self { junctions: network.junctions.clone(), touches, neighbours, parents, diameters: Vec::new() };
        wiring.diameters =
            (0..count).map(|a| wiring.connected(a).iter().map(|b| reach[*b]).max().unwrap_or(0)).collect();
        wiring
    }

    /// The number of members.
    pub fn members(&self) -> usize {
        self.touches.len()
    }

    /// The junctions.
    pub fn junctions(&self) -> &[Junction] {
        &self.junctions
    }

    /// The junctions that a member touches, ascending.
    pub fn touches(&self, member: usize) -> &[usize] {
        &self.touches[member]
    }

    /// Who a member may send to, ascending.
    pub fn neighbours(&self, member: usize) -> &[usize] {
        &self.neighbours[member]
    }

    /// Most hops between two members of the part of the network that `member` is in.
    pub fn diameter(&self, member: usize) -> u32 {
        self.diameters[member]
    }

    /// The members that `member` can reach, itself included, ascending.
    pub fn connected(&self, member: usize) -> Vec<usize> {
        (0..self.members()).filter(|other| *other == member || self.parents[member][*other].is_some()).collect()
    }

    /// Whether `member` hears of `origin` from its neighbour `from`.
    pub(crate) fn is_way(&self, origin: usize, from: usize, member: usize) -> bool {
        self.parents[origin][member] == Some(from)
    }

    /// Those to whom `member` passes on what it hears of `origin`: every member hears everything once.
    pub(crate) fn children(&self, origin: usize, member: usize) -> impl Iterator<Item = usize> + '_ {
        self.neighbours[member].iter().copied().filter(move |other| self.parents[origin][*other] == Some(member))
    }
}

/// Each member's predecessor on a shortest way from `origin`, and the length of the longest such way.
fn breadth_first(neighbours: &[Vec<usize>], origin: usize) -> (Vec<Option<usize>>, u32) {
    let mut parents = vec![None; neighbours.len()];
    let mut distances = vec![None; neighbours.len()];
    distances[origin] = Some(0);
    let mut waiting = VecDeque::from([(origin, 0)]);
    let mut farthest = 0;
    while let Some((member, distance)) = waiting.pop_front() {
        farthest = distance;
        for other in &neighbours[member] {
            if distances[*other].is_none() {
                distances[*other] = Some(distance + 1);
                parents[*other] = Some(member);
                waiting.push_back((*other, distance + 1));
            }
        }
    }
    (parents, farthest)
}
