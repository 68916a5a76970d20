//! Open problems that meet at junctions: what a diagram is compiled to, one junction a shared number.
//!
//! A [`Network`] is the whole composite and only tests, benches and whoever holds all problems build one. An agent holds
//! its own [`Member`] and the [`Junction`]s that it touches.

use crate::QpProblem;

/// What the members of a junction agree on; every share is a linear form of its member's variables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Junction {
    /// All shares are equal.
    Consensus,
    /// The shares add up to this number.
    Exchange(f64),
    /// The shares add up to this number at most.
    Budget(f64),
}

/// One agent's end of a junction.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Index of the junction in its network.
    pub junction: usize,
    /// Variable and coefficient, each variable at most once.
    pub terms: Vec<(usize, f64)>,
}

/// One agent: its problem, and what of it is shared.
#[derive(Debug, Clone)]
pub struct Member {
    /// The problem that only this agent knows.
    pub problem: QpProblem,
    /// Its ends of junctions, junctions ascending, each at most once.
    pub shares: Vec<Share>,
}

/// Problems that are coupled at junctions.
#[derive(Debug, Clone)]
pub struct Network {
    /// The agents, in the order of their ids.
    pub members: Vec<Member>,
    /// The junctions.
    pub junctions: Vec<Junction>,
}

impl Share {
    /// The value of the linear form.
    pub fn of(&self, x: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (variable, coefficient) in &self.terms {
            sum += coefficient * x[*variable];
        }
        sum
    }
}

impl Network {
    /// The members at a junction, ascending.
    pub fn members_at(&self, junction: usize) -> Vec<usize> {
        let touches = |member: &Member| member.shares.iter().any(|share| share.junction == junction);
        (0..self.members.len()).filter(|member| touches(&self.members[*member])).collect()
    }

    /// For each member the others that it meets at any junction, ascending: who may send it a message.
    pub fn neighbours(&self) -> Vec<Vec<usize>> {
        let mut neighbours = vec![std::collections::BTreeSet::new(); self.members.len()];
        for junction in 0..self.junctions.len() {
            let members = self.members_at(junction);
            for a in &members {
                neighbours[*a].extend(members.iter().copied().filter(|b| b != a));
            }
        }
        neighbours.into_iter().map(|set| set.into_iter().collect()).collect()
    }
}
