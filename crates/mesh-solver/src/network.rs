//! Open problems that meet at junctions: what a diagram is compiled to, one junction a shared number.
//!
//! A [`Network`] is the whole composite and only tests, benches and whoever holds all problems build one. An agent holds
//! its own [`Member`] and the [`Junction`]s that it touches.

use crate::{Malformed, QpProblem, QpRow};

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
    /// All members in one problem, their variables in a row, with junctions as rows behind those of the members: what
    /// somebody who sees everything would solve. Every share must name what exists.
    pub fn whole(&self) -> Result<QpProblem, Malformed> {
        let (mut quadratic, mut linear, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lower, mut upper, mut constant) = (Vec::new(), Vec::new(), 0.0);
        let mut met: Vec<Vec<Vec<(usize, f64)>>> = vec![Vec::new(); self.junctions.len()];
        for Member { problem, shares } in &self.members {
            let first = linear.len();
            let moved = |terms: &[(usize, f64)]| terms.iter().map(|(j, a)| (first + j, *a)).collect::<Vec<_>>();
            for j in 0..problem.variables() {
                let upper_part = problem.hessian_row(j).iter().filter(|(k, _)| *k >= j);
                quadratic.extend(upper_part.map(|(k, value)| (first + j, first + k, *value)));
            }
            linear.extend_from_slice(problem.linear());
            lower.extend_from_slice(problem.lower());
            upper.extend_from_slice(problem.upper());
            constant += problem.constant();
            rows.extend(problem.rows().iter().map(|row| QpRow { terms: moved(&row.terms), ..row.clone() }));
            shares.iter().for_each(|share| met[share.junction].push(moved(&share.terms)));
        }
        for (junction, met) in self.junctions.iter().zip(met).filter(|(_, met)| !met.is_empty()) {
            match junction {
                Junction::Consensus => rows.extend(met.windows(2).map(|pair| {
                    let minus = pair[1].iter().map(|(j, a)| (*j, -a));
                    QpRow { terms: pair[0].iter().copied().chain(minus).collect(), lower: 0.0, upper: 0.0 }
                })),
                Junction::Exchange(total) => rows.push(QpRow { terms: met.concat(), lower: *total, upper: *total }),
                Junction::Budget(most) => {
                    rows.push(QpRow { terms: met.concat(), lower: f64::NEG_INFINITY, upper: *most });
                }
            }
        }
        QpProblem::new(&quadratic, linear, constant, rows, lower, upper)
    }

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
