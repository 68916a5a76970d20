//! Who talks to whom about what: a network cut into seats, one a member, with every junction as edges between two.
//!
//! At a junction of several members the one with the lowest index is the hub, and each other member has one edge with it
//! (a star, which is a spanning tree of the junction). A consensus is one copy at either end of each edge. Of an exchange
//! or a budget the hub holds a copy of each other share as a variable of its own, and what the shares add up to is a row
//! of its problem: only the copies travel, and the price of a budget has its sign from the hub's own solve.
//!
//! A share that is not a variable as it stands gets one, tied to it by an equation. So an edge always couples one
//! variable at its source, which is the member with the lower index, with one at its sink.

use crate::{Junction, Malformed, Member, Network, QpProblem, QpRow};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What one member knows of the network: its own problem, and whom it meets.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Its index.
    pub member: usize,
    /// Its problem; the variables of its own first, then those that shares needed.
    pub problem: QpProblem,
    /// How many variables are of its own.
    pub own_variables: usize,
    /// Its neighbours, ascending.
    pub links: Vec<Bond>,
    /// Next member towards the lowest index of its component, over which sums travel; none at that one.
    pub parent: Option<usize>,
    /// The members that have this one as parent, ascending.
    pub children: Vec<usize>,
}

/// All edges with one neighbour.
#[derive(Debug, Clone, PartialEq)]
pub struct Bond {
    /// The other member.
    pub neighbour: usize,
    /// The variable at this end of each edge, edges in the same order at both ends.
    pub variables: Vec<usize>,
    /// Where each of them is expected at first; what is beyond its bounds counts as at these.
    pub start: Vec<f64>,
    /// Neighbours of both, ascending: who may pass a message on.
    pub relays: Vec<usize>,
}

/// Why a network has no layout.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LayoutError {
    /// A member's share names a junction or variable that does not exist.
    #[error("member {member} shares what does not exist at junction {junction}")]
    NoSuchShare {
        /// The member.
        member: usize,
        /// The junction.
        junction: usize,
    },
    /// A member's problem grew past what a problem may be.
    #[error("member {member}: {why}")]
    Problem {
        /// The member.
        member: usize,
        /// What is wrong with it.
        why: Malformed,
    },
}

impl Seat {
    /// The seats of all members of a network, in their order.
    pub fn all(network: &Network) -> Result<Vec<Self>, LayoutError> {
        let mut drafts: Vec<Draft> = network.members.iter().map(Draft::new).collect();
        let mut edges: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
        let mut meeting: Vec<Vec<(usize, usize)>> = vec![Vec::new(); network.junctions.len()];
        for (index, member) in network.members.iter().enumerate() {
            for share in &member.shares {
                let known = share.terms.iter().all(|(variable, _)| *variable < member.problem.variables());
                match meeting.get_mut(share.junction) {
                    Some(meeting) if known => meeting.push((index, drafts[index].variable_of(&share.terms))),
                    _ => return Err(LayoutError::NoSuchShare { member: index, junction: share.junction }),
                }
            }
        }
        for (junction, shares) in network.junctions.iter().zip(meeting) {
            let Some(((hub, at_hub), others)) = shares.split_first() else { continue };
            let mut terms = vec![(*at_hub, 1.0)];
            for (other, at_other) in others {
                let source = match junction {
                    Junction::Consensus => *at_hub,
                    Junction::Exchange(_) | Junction::Budget(_) => {
                        let (lower, upper) = (drafts[*other].lower[*at_other], drafts[*other].upper[*at_other]);
                        let copy = drafts[*hub].add_variable(lower, upper);
                        terms.push((copy, 1.0));
                        copy
                    }
                };
                edges.entry((*hub, *other)).or_default().push((source, *at_other));
            }
            match junction {
                Junction::Consensus => {}
                Junction::Exchange(sum) => drafts[*hub].rows.push(QpRow { terms, lower: *sum, upper: *sum }),
                Junction::Budget(most) => {
                    drafts[*hub].rows.push(QpRow { terms, lower: f64::NEG_INFINITY, upper: *most });
                }
            }
        }
        seats(drafts, &edges)
    }
}

fn seats(drafts: Vec<Draft>, edges: &BTreeMap<(usize, usize), Vec<(usize, usize)>>) -> Result<Vec<Seat>, LayoutError> {
    let mut neighbours = vec![BTreeSet::new(); drafts.len()];
    for (source, sink) in edges.keys() {
        neighbours[*source].insert(*sink);
        neighbours[*sink].insert(*source);
    }
    let parents = parents(&neighbours);
    let mut seats = Vec::with_capacity(drafts.len());
    for (member, draft) in drafts.into_iter().enumerate() {
        let bond = |other: &usize| {
            let pair = (member.min(*other), member.max(*other));
            let ends = edges[&pair].iter();
            Bond {
                neighbour: *other,
                start: vec![0.0; ends.len()],
                variables: ends.map(|(source, sink)| if member == pair.0 { *source } else { *sink }).collect(),
                relays: neighbours[member].intersection(&neighbours[*other]).copied().collect(),
            }
        };
        let own_variables = draft.own_variables;
        seats.push(Seat {
            member,
            problem: draft.problem().map_err(|why| LayoutError::Problem { member, why })?,
            own_variables,
            links: neighbours[member].iter().map(bond).collect(),
            parent: parents[member],
            children: (0..parents.len()).filter(|child| parents[*child] == Some(member)).collect(),
        });
    }
    Ok(seats)
}

/// A breadth-first tree of each component, from its lowest index.
fn parents(neighbours: &[BTreeSet<usize>]) -> Vec<Option<usize>> {
    let mut parents = vec![None; neighbours.len()];
    let mut seen = vec![false; neighbours.len()];
    for root in 0..neighbours.len() {
        let mut waiting = VecDeque::new();
        if !seen[root] {
            seen[root] = true;
            waiting.push_back(root);
        }
        while let Some(member) = waiting.pop_front() {
            for other in &neighbours[member] {
                if !seen[*other] {
                    seen[*other] = true;
                    parents[*other] = Some(member);
                    waiting.push_back(*other);
                }
            }
        }
    }
    parents
}

/// A member's problem while shares are added to it.
struct Draft {
    quadratic: Vec<(usize, usize, f64)>,
    linear: Vec<f64>,
    constant: f64,
    rows: Vec<QpRow>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    own_variables: usize,
}

impl Draft {
    fn new(member: &Member) -> Self {
        let problem = &member.problem;
        // What is proved rests on bounds of all variables.
        let (lower, upper) = problem.derived_bounds();
        let mut quadratic = Vec::new();
        for i in 0..problem.variables() {
            let upper_part = problem.hessian_row(i).iter().filter(|(j, _)| *j >= i);
            quadratic.extend(upper_part.map(|(j, value)| (i, *j, *value)));
        }
        Self {
            quadratic,
            linear: problem.linear().to_vec(),
            constant: problem.constant(),
            rows: problem.rows().to_vec(),
            lower,
            upper,
            own_variables: problem.variables(),
        }
    }

    fn add_variable(&mut self, lower: f64, upper: f64) -> usize {
        self.linear.push(0.0);
        self.lower.push(lower);
        self.upper.push(upper);
        self.linear.len() - 1
    }

    /// The variable that is the linear form.
    fn variable_of(&mut self, terms: &[(usize, f64)]) -> usize {
        if let [(variable, 1.0)] = terms {
            return *variable;
        }
        let (mut lower, mut upper) = (0.0, 0.0);
        for (variable, coefficient) in terms.iter().filter(|(_, coefficient)| *coefficient != 0.0) {
            let (a, b) = (coefficient * self.lower[*variable], coefficient * self.upper[*variable]);
            lower += a.min(b);
            upper += a.max(b);
        }
        let added = self.add_variable(lower, upper);
        let mut terms = terms.to_vec();
        terms.push((added, -1.0));
        self.rows.push(QpRow { terms, lower: 0.0, upper: 0.0 });
        added
    }

    fn problem(self) -> Result<QpProblem, Malformed> {
        QpProblem::new(&self.quadratic, self.linear, self.constant, self.rows, self.lower, self.upper)
    }
}
