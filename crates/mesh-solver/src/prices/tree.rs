//! All agents of a tree in one process: node i hangs below node (i - 1) / fan-out, node 0 is the root.

use super::market::MarketError;
use super::node::{FAN_OUT_MAX, Node, NodeError};
use super::{JUNCTIONS_MAX, Market, Search, Settings, Verdict};
use crate::network::Member;

/// A tree of agents and the root's search.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<Node>,
    search: Search,
    settings: Settings,
    fan_out: usize,
    sent_bytes: u64,
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The gap is certified.
    Solved(Solved),
    /// It is not; nothing is claimed but what was proved.
    Unsolved(Unsolved),
}

/// A certified end.
#[derive(Debug, Clone, PartialEq)]
pub struct Solved {
    /// The prices, one a junction.
    pub prices: Vec<f64>,
    /// The sums of all shares, as the root knows them.
    pub sums: Vec<f64>,
    /// What is proved.
    pub verdict: Verdict,
    /// Prices that were tried.
    pub evaluations: u32,
}

/// An end without the gap that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsolved {
    /// What was proved last, if anything.
    pub verdict: Option<Verdict>,
    /// Prices that were tried.
    pub evaluations: u32,
}

/// Why a tree cannot be built or an agent fell out of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TreeError {
    /// A market that cannot be.
    #[error("junction {junction}: {error}")]
    Market {
        /// Its junction.
        junction: usize,
        /// What is wrong.
        error: MarketError,
    },
    /// An agent that cannot be.
    #[error("agent {agent}: {error}")]
    Agent {
        /// Its place.
        agent: usize,
        /// What is wrong.
        error: NodeError,
    },
    /// No agents, no junctions, or more of something than a tree can have.
    #[error("{what} {found} is not within 1 and {limit}")]
    Size {
        /// What there is.
        what: &'static str,
        /// How much of it.
        found: usize,
        /// How much there can be.
        limit: usize,
    },
}

impl Tree {
    /// Builds the tree of `members` over `markets`, one a junction.
    pub fn new(
        members: Vec<Member>,
        markets: Vec<Market>,
        fan_out: usize,
        settings: Settings,
    ) -> Result<Self, TreeError> {
        let (agents, junctions) = (members.len(), markets.len());
        let sizes = [
            ("the number of agents", agents, AGENTS_MAX),
            ("the number of junctions", junctions, JUNCTIONS_MAX),
            ("the fan-out", fan_out, FAN_OUT_MAX),
        ];
        if let Some((what, found, limit)) = sizes.into_iter().find(|(_, found, limit)| *found == 0 || found > limit) {
            return Err(TreeError::Size { what, found, limit });
        }
        for (junction, market) in markets.iter().enumerate() {
            market.check().map_err(|error| TreeError::Market { junction, error })?;
        }
        let mut nodes = Vec::with_capacity(agents);
        for (agent, member) in members.into_iter().enumerate() {
            let children = (agent * fan_out + 1..=agent * fan_out + fan_out).filter(|child| *child < agents).count();
            let node = Node::new(member, junctions, children, agent == 0, settings);
            nodes.push(node.map_err(|error| TreeError::Agent { agent, error })?);
        }
        Ok(Self { nodes, search: Search::new(markets), settings, fan_out, sent_bytes: 0 })
    }

    /// Searches until the gap is certified or the evaluations are used up.
    pub fn solve(&mut self) -> Result<Outcome, TreeError> {
        let mut last = None;
        let mut certify = false;
        for evaluations in 1..=self.settings.evaluations_max {
            let wanted = self.search.propose();
            self.evaluate(&wanted, certify)?;
            let root = &self.nodes[0];
            let (prices, sums) = (root.price_vector(), root.totals());
            if certify {
                let verdict = self.search.verdict(prices, sums, root.bounds());
                if verdict.gap() <= self.settings.gap {
                    let (prices, sums) = (prices.to_vec(), sums.to_vec());
                    return Ok(Outcome::Solved(Solved { prices, sums, verdict, evaluations }));
                }
                last = Some(verdict);
            }
            self.search.observe(prices, sums);
            certify = self.expects_the_end(prices, sums, last.as_ref());
        }
        Ok(Outcome::Unsolved(Unsolved { verdict: last, evaluations: self.settings.evaluations_max }))
    }

    /// Whether the next prices may be good enough, so that bounds are worth their bytes.
    fn expects_the_end(&self, prices: &[f64], sums: &[f64], last: Option<&Verdict>) -> bool {
        let mut worth = 0.0;
        for (price, sum) in prices.iter().zip(sums) {
            worth += (price * sum).abs();
        }
        let size = last.map_or(worth, |verdict| verdict.upper.abs()).max(1.0);
        self.search.excess(prices, sums, 0.0) <= EXPECTED_GAIN * self.settings.gap * size
    }

    /// One sweep down and up.
    fn evaluate(&mut self, wanted: &[f64], certify: bool) -> Result<(), TreeError> {
        let fault = |agent: usize| move |error| TreeError::Agent { agent, error };
        self.nodes[0].open(0, wanted, self.search.markets(), certify).map_err(fault(0))?;
        for agent in 0..(self.nodes.len() - 1).div_ceil(self.fan_out) {
            let (above, below) = self.nodes.split_at_mut(agent + 1);
            let node = &mut above[agent];
            let children = agent * self.fan_out + 1;
            while let Some(place) = node.poll_forward() {
                let child = &mut below[children + place - agent - 1];
                self.sent_bytes += node.prices().encoded_len() as u64;
                child.handle_prices(0, node.prices()).map_err(fault(children + place))?;
                // An agent without children has answered: taken at once, it need not be fetched from afar again.
                if child.poll_answer() {
                    self.sent_bytes += child.sums().encoded_len() as u64;
                    node.handle_sums(place, child.sums()).map_err(fault(agent))?;
                }
            }
        }
        let with_children = (self.nodes.len() - 1).div_ceil(self.fan_out);
        for agent in (1..with_children).rev() {
            let (above, below) = self.nodes.split_at_mut(agent);
            let (parent, node) = ((agent - 1) / self.fan_out, &mut below[0]);
            if node.poll_answer() {
                self.sent_bytes += node.sums().encoded_len() as u64;
                above[parent].handle_sums((agent - 1) % self.fan_out, node.sums()).map_err(fault(parent))?;
            }
        }
        while self.nodes[0].poll_output().is_some() {}
        Ok(())
    }

    /// The agents' nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Edges between the root and the agent furthest from it.
    pub fn depth(&self) -> u32 {
        let (mut agent, mut depth) = (self.nodes.len() - 1, 0);
        while agent > 0 {
            (agent, depth) = ((agent - 1) / self.fan_out, depth + 1);
        }
        depth
    }

    /// Payload bytes sent and received, mean over the agents.
    pub fn mean_bytes(&self) -> f64 {
        2.0 * self.sent_bytes as f64 / self.nodes.len() as f64
    }
}

/// Most agents of one tree.
const AGENTS_MAX: usize = 1_000_000;
/// By how much one evaluation may lessen the gap, when nothing goes wrong.
const EXPECTED_GAIN: f64 = 10.0;
