//! One agent of a consensus-based bundle auction (Choi, Brunet and How, IEEE T-RO 2009), as a state machine.
//!
//! Every agent adds tasks to its bundle as long as it outbids what it believes to be the winner, and tells its
//! neighbours what it believes: for every task who wins it at what bid, and how new its knowledge of every agent is. The
//! rules of Table I of that paper settle who believes whom. A bid of an agent for a task is a constant of the auction
//! and only ceases when the task no longer fits, so marginal gains diminish and the auction ends on any connected
//! links. A lost bulletin is made good by the next one.
//!
//! The agent's stamps are counts of its own bulletins instead of times: they order what is known of one author, and need
//! no clock. Bids are whole numbers of the grain, so there is none that is not a number.

use super::problem::AgentProblem;
use super::worth::Worth;

/// What an agent believes and tells its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulletin {
    /// Per task who wins it, and the bid.
    pub winners: Vec<Option<Win>>,
    /// Per agent how many bulletins of its are known of, directly or by hearsay; its own count for the author.
    pub stamps: Vec<u32>,
}

/// A task is won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Win {
    /// By this agent.
    pub agent: usize,
    /// At this bid.
    pub bid: Worth,
}

/// One agent of the auction.
#[derive(Debug, Clone)]
pub struct Bidder<'a> {
    agent: usize,
    problem: &'a AgentProblem,
    /// What each task is worth to it; none for a task that it cannot do.
    bids: Vec<Option<Worth>>,
    winners: Vec<Option<Win>>,
    stamps: Vec<u32>,
    /// Last stamp heard from each agent itself.
    heard: Vec<u32>,
    /// Tasks that it believes to have won, in the order in which they were added.
    bundle: Vec<usize>,
    room: Vec<i64>,
}

/// What is wrong with a bulletin: the fault of whoever sent it, or of the link. It has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuctionPeerError {
    /// The sender is not another agent of this auction.
    #[error("a bulletin from agent {from} of {agents}")]
    UnknownSender {
        /// Who it claims to be.
        from: usize,
        /// The number of agents.
        agents: usize,
    },
    /// It speaks of another number of tasks or agents.
    #[error("agent {from} speaks of {given} {what} where there are {expected}")]
    Dimension {
        /// The sender.
        from: usize,
        /// Tasks or agents.
        what: &'static str,
        /// How many it speaks of.
        given: usize,
        /// How many there are.
        expected: usize,
    },
    /// It is not newer than what its sender sent before.
    #[error("agent {from} sent bulletin {stamp} after {known}")]
    Stale {
        /// The sender.
        from: usize,
        /// The stamp of the bulletin.
        stamp: u32,
        /// The newest that had come.
        known: u32,
    },
    /// It names a winner that does not exist.
    #[error("agent {from} says that agent {winner} wins task {task}")]
    UnknownWinner {
        /// The sender.
        from: usize,
        /// The task.
        task: usize,
        /// The winner.
        winner: usize,
    },
    /// A bid is beyond every price.
    #[error("agent {from} tells of a bid of {} for task {task}", bid.value())]
    BidOutOfRange {
        /// The sender.
        from: usize,
        /// The task.
        task: usize,
        /// The bid.
        bid: Worth,
    },
    /// It tells of a bid of the receiver that the receiver never made.
    #[error("agent {from} says that the receiver bids {} for task {task}", bid.value())]
    ForgedBid {
        /// The sender.
        from: usize,
        /// The task.
        task: usize,
        /// The bid.
        bid: Worth,
    },
    /// It claims to know bulletins that the receiver has yet to write.
    #[error("agent {from} knows of bulletin {stamp} of the receiver, which wrote {written}")]
    ForgedStamp {
        /// The sender.
        from: usize,
        /// The stamp it claims.
        stamp: u32,
        /// How many the receiver wrote.
        written: u32,
    },
}

impl<'a> Bidder<'a> {
    /// An agent that knows nothing of the others yet; `bids` has one entry a task and is cut to what a price can be.
    pub fn new(agent: usize, agents: usize, problem: &'a AgentProblem, bids: Vec<Option<Worth>>) -> Self {
        let tasks = bids.len();
        let within = |bid: Worth| bid.clamp(-Worth::PRICE_MAX, Worth::PRICE_MAX);
        let possible = |(task, bid): (usize, Option<Worth>)| bid.filter(|_| problem.can(task)).map(within);
        let bids = bids.into_iter().enumerate().map(possible).collect();
        let mut bidder = Self {
            agent,
            problem,
            bids,
            winners: vec![None; tasks],
            stamps: vec![0; agents],
            heard: vec![0; agents],
            bundle: Vec::new(),
            room: problem.capacities().to_vec(),
        };
        bidder.extend_bundle();
        bidder
    }

    /// Takes a neighbour's bulletin.
    pub fn handle(&mut self, from: usize, bulletin: &Bulletin) -> Result<(), AuctionPeerError> {
        self.check(from, bulletin)?;
        for task in 0..self.winners.len() {
            match self.verdict(from, bulletin, task) {
                Verdict::Leave => {}
                Verdict::Update => self.winners[task] = bulletin.winners[task],
                Verdict::Reset => self.winners[task] = None,
            }
        }
        for (agent, stamp) in bulletin.stamps.iter().enumerate() {
            if agent != self.agent {
                self.stamps[agent] = self.stamps[agent].max(*stamp);
            }
        }
        // What an author says of itself ends all hearsay of it, also a lie that it were further on.
        self.heard[from] = bulletin.stamps[from];
        self.stamps[from] = bulletin.stamps[from];
        self.shorten_bundle();
        self.extend_bundle();
        Ok(())
    }

    /// Writes a bulletin for all neighbours.
    pub fn bulletin(&mut self) -> Bulletin {
        self.stamps[self.agent] = self.stamps[self.agent].saturating_add(1);
        Bulletin { winners: self.winners.clone(), stamps: self.stamps.clone() }
    }

    /// Who it believes wins each task.
    pub fn winners(&self) -> &[Option<Win>] {
        &self.winners
    }

    /// Tasks that it believes to have won.
    pub fn bundle(&self) -> &[usize] {
        &self.bundle
    }

    fn check(&self, from: usize, bulletin: &Bulletin) -> Result<(), AuctionPeerError> {
        let (agents, tasks) = (self.stamps.len(), self.winners.len());
        if from >= agents || from == self.agent {
            return Err(AuctionPeerError::UnknownSender { from, agents });
        }
        for (what, given, expected) in
            [("tasks", bulletin.winners.len(), tasks), ("agents", bulletin.stamps.len(), agents)]
        {
            if given != expected {
                return Err(AuctionPeerError::Dimension { from, what, given, expected });
            }
        }
        let (stamp, known) = (bulletin.stamps[from], self.heard[from]);
        if stamp <= known {
            return Err(AuctionPeerError::Stale { from, stamp, known });
        }
        let (stamp, written) = (bulletin.stamps[self.agent], self.stamps[self.agent]);
        if stamp > written {
            return Err(AuctionPeerError::ForgedStamp { from, stamp, written });
        }
        for (task, win) in bulletin.winners.iter().enumerate() {
            let Some(Win { agent: winner, bid }) = *win else { continue };
            if winner >= agents {
                return Err(AuctionPeerError::UnknownWinner { from, task, winner });
            }
            if !bid.is_price() {
                return Err(AuctionPeerError::BidOutOfRange { from, task, bid });
            }
            if winner == self.agent && self.bids[task] != Some(bid) {
                return Err(AuctionPeerError::ForgedBid { from, task, bid });
            }
        }
        Ok(())
    }

    /// Table I, sender k = `from`, receiver i = `self`.
    fn verdict(&self, from: usize, bulletin: &Bulletin, task: usize) -> Verdict {
        let (theirs, ours) = (bulletin.winners[task], self.winners[task]);
        let newer = |agent: usize| bulletin.stamps[agent] > self.stamps[agent];
        let older = |agent: usize| bulletin.stamps[agent] < self.stamps[agent];
        let update_if = |condition| if condition { Verdict::Update } else { Verdict::Leave };
        let (Some(win), Some(held)) = (theirs, ours) else {
            return match (theirs, ours) {
                // The sender believes in the receiver, who does not.
                (Some(win), None) if win.agent == self.agent => Verdict::Leave,
                (Some(win), None) => update_if(win.agent == from || newer(win.agent)),
                (None, Some(held)) if held.agent == self.agent => Verdict::Leave,
                (None, Some(held)) => update_if(held.agent == from || newer(held.agent)),
                _ => Verdict::Leave,
            };
        };
        let outbids = beats(win, held);
        let (m, n) = (win.agent, held.agent);
        if m == from {
            return match n {
                n if n == self.agent => update_if(outbids),
                n if n == from => Verdict::Update,
                n => update_if(newer(n) || outbids),
            };
        }
        if m == self.agent {
            return match n {
                n if n == self.agent => Verdict::Leave,
                n if n == from => Verdict::Reset,
                n if newer(n) => Verdict::Reset,
                _ => Verdict::Leave,
            };
        }
        match n {
            n if n == self.agent => update_if(newer(m) && outbids),
            n if n == from && newer(m) => Verdict::Update,
            n if n == from => Verdict::Reset,
            n if n == m => update_if(newer(m)),
            n if newer(m) && (newer(n) || outbids) => Verdict::Update,
            n if newer(n) && older(m) => Verdict::Reset,
            _ => Verdict::Leave,
        }
    }

    /// Gives up the first task that it no longer wins and all that were added after it.
    fn shorten_bundle(&mut self) {
        let lost = |task: &usize| self.winners[*task].is_none_or(|win| win.agent != self.agent);
        let Some(first) = self.bundle.iter().position(lost) else { return };
        for task in self.bundle.split_off(first) {
            if self.winners[task].is_some_and(|win| win.agent == self.agent) {
                self.winners[task] = None;
            }
            self.occupy(task, -1);
        }
    }

    /// Adds the task with the highest winning bid that fits, as long as there is one.
    fn extend_bundle(&mut self) {
        while let Some((task, win)) = self.next_task() {
            self.winners[task] = Some(win);
            self.bundle.push(task);
            self.occupy(task, 1);
        }
    }

    fn next_task(&self) -> Option<(usize, Win)> {
        let mut next: Option<(usize, Win)> = None;
        for (task, bid) in self.bids.iter().enumerate() {
            let Some(bid) = *bid else { continue };
            let win = Win { agent: self.agent, bid };
            let wins = self.winners[task].is_none_or(|held| held.agent != self.agent && beats(win, held));
            if wins && self.fits(task) && next.is_none_or(|(_, best)| bid > best.bid) {
                next = Some((task, win));
            }
        }
        next
    }

    fn fits(&self, task: usize) -> bool {
        let choice = self.problem.choice(task);
        choice.is_some_and(|choice| choice.weights.iter().zip(&self.room).all(|(weight, room)| weight <= room))
    }

    fn occupy(&mut self, task: usize, sign: i64) {
        if let Some(choice) = self.problem.choice(task) {
            for (room, weight) in self.room.iter_mut().zip(&choice.weights) {
                *room -= sign * weight;
            }
        }
    }
}

impl Bulletin {
    /// Its payload: a presence bit, 2 bytes of agent and 8 of bid for each task that is won, 4 bytes a stamp.
    pub fn bytes(&self) -> u64 {
        let won = self.winners.iter().flatten().count() as u64;
        (self.winners.len() as u64).div_ceil(8) + 10 * won + 4 * self.stamps.len() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Leave,
    Update,
    Reset,
}

/// The higher bid wins, of equal ones that of the lower agent.
fn beats(one: Win, other: Win) -> bool {
    one.bid > other.bid || one.bid == other.bid && one.agent < other.agent
}

#[cfg(test)]
mod tests {
    use super::super::problem::Job;
    use super::*;

    fn agent(name: &str, capacity: i64, weights: &[i64]) -> AgentProblem {
        let jobs = weights.iter().map(|weight| Some(Job { profit: 1.0, weights: vec![*weight] })).collect();
        AgentProblem::new(name, vec![capacity], jobs).unwrap()
    }

    fn bids(bids: &[i64]) -> Vec<Option<Worth>> {
        bids.iter().map(|bid| Some(Worth(*bid))).collect()
    }

    #[test]
    fn the_higher_bid_wins_and_the_loser_takes_something_else() {
        let (a, b) = (agent("a", 1, &[1, 1]), agent("b", 1, &[1, 1]));
        let mut first = Bidder::new(0, 2, &a, bids(&[5, 4]));
        let mut second = Bidder::new(1, 2, &b, bids(&[9, 1]));
        for _ in 0..3 {
            let (from_first, from_second) = (first.bulletin(), second.bulletin());
            first.handle(1, &from_second).unwrap();
            second.handle(0, &from_first).unwrap();
        }
        assert_eq!((first.bundle(), second.bundle()), (&[1][..], &[0][..]));
        assert_eq!(first.winners(), second.winners());
    }

    #[test]
    fn what_a_peer_may_not_say_has_no_effect() {
        let own = agent("a", 1, &[1, 1]);
        let mut bidder = Bidder::new(0, 2, &own, bids(&[5, 4]));
        let good = Bulletin { winners: vec![Some(Win { agent: 1, bid: Worth(9) }), None], stamps: vec![0, 3] };
        let before = bidder.winners().to_vec();
        let mut refuses = |from: usize, change: &dyn Fn(&mut Bulletin)| {
            let mut bulletin = good.clone();
            change(&mut bulletin);
            let error = bidder.handle(from, &bulletin).unwrap_err();
            assert_eq!(bidder.winners(), before);
            error
        };
        let win = |agent, bid| Some(Win { agent, bid: Worth(bid) });
        assert!(matches!(refuses(0, &|_| {}), AuctionPeerError::UnknownSender { .. }));
        assert!(matches!(refuses(2, &|_| {}), AuctionPeerError::UnknownSender { .. }));
        assert!(matches!(refuses(1, &|b| b.winners.push(None)), AuctionPeerError::Dimension { what: "tasks", .. }));
        assert!(matches!(refuses(1, &|b| b.stamps.push(0)), AuctionPeerError::Dimension { what: "agents", .. }));
        assert!(matches!(refuses(1, &|b| b.stamps[1] = 0), AuctionPeerError::Stale { stamp: 0, .. }));
        assert!(matches!(refuses(1, &|b| b.stamps[0] = 1), AuctionPeerError::ForgedStamp { stamp: 1, .. }));
        assert!(matches!(refuses(1, &|b| b.winners[1] = win(2, 1)), AuctionPeerError::UnknownWinner { .. }));
        assert!(matches!(refuses(1, &|b| b.winners[1] = win(1, i64::MIN)), AuctionPeerError::BidOutOfRange { .. }));
        assert!(matches!(refuses(1, &|b| b.winners[1] = win(0, 7)), AuctionPeerError::ForgedBid { .. }));
        bidder.handle(1, &good).unwrap();
        assert_eq!(bidder.bundle(), [1]);
        assert!(matches!(bidder.handle(1, &good), Err(AuctionPeerError::Stale { stamp: 3, known: 3, .. })));
    }

    /// One agent claims at random what it likes. The others never take on more than they can do, and agree among
    /// themselves or leave a task to nobody.
    #[test]
    fn a_liar_overloads_nobody() {
        for seed in 0..60u64 {
            let mut state = seed;
            let mut below = |limit: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % limit
            };
            let problems = [3, 5, 7, 6].map(|capacity| agent("a", capacity, &[2, 3, 1, 4, 2, 5]));
            let own: Vec<Vec<Option<Worth>>> =
                (0..4).map(|_| (0..6).map(|_| Some(Worth(below(9) as i64))).collect()).collect();
            let each = problems.iter().zip(&own).enumerate();
            let mut bidders: Vec<Bidder> =
                each.map(|(at, (problem, bids))| Bidder::new(at, 4, problem, bids.clone())).collect();
            for _ in 0..80 {
                let mut bulletins: Vec<Bulletin> = bidders.iter_mut().map(Bidder::bulletin).collect();
                for task in 0..6 {
                    let agent = below(5) as usize;
                    let bid = if below(4) == 0 { Worth(i64::MAX) } else { Worth(below(30) as i64) };
                    bulletins[3].winners[task] = (below(3) > 0).then_some(Win { agent, bid });
                }
                bulletins[3].stamps[below(4) as usize] = below(1 << 32) as u32;
                for (to, bidder) in bidders.iter_mut().enumerate().take(3) {
                    for from in (0..4).filter(|from| *from != to) {
                        let before = bidder.winners().to_vec();
                        if bidder.handle(from, &bulletins[from]).is_err() {
                            assert_eq!(bidder.winners(), before, "seed {seed}");
                        }
                    }
                    assert!(problems[to].profit_of(bidder.bundle()).is_some(), "seed {seed}");
                    for task in 0..6 {
                        let mine = bidder.winners()[task].is_some_and(|win| win.agent == to);
                        assert_eq!(mine, bidder.bundle().contains(&task), "seed {seed}");
                    }
                }
            }
        }
    }

    /// Everybody ends with the same winners, whatever is lost on the way, and nobody is left with a task that it would
    /// do for more than its winner.
    #[test]
    fn consensus_survives_loss_on_sparse_links() {
        for seed in 0..40u64 {
            let mut state = seed;
            let mut below = |limit: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % limit
            };
            let (agents, tasks) = (2 + below(5) as usize, 3 + below(9) as usize);
            let problems: Vec<AgentProblem> = (0..agents)
                .map(|at| {
                    let weights: Vec<i64> = (0..tasks).map(|_| 1 + below(5) as i64).collect();
                    agent(&at.to_string(), 4 + below(8) as i64, &weights)
                })
                .collect();
            let mut bidders: Vec<Bidder> = problems
                .iter()
                .enumerate()
                .map(|(at, problem)| {
                    let bids: Vec<i64> = (0..tasks).map(|_| below(20) as i64 - 5).collect();
                    Bidder::new(at, agents, problem, super::tests::bids(&bids))
                })
                .collect();
            let mut calm = 0;
            for round in 0..2_000 {
                let bulletins: Vec<Bulletin> = bidders.iter_mut().map(Bidder::bulletin).collect();
                for (to, bidder) in bidders.iter_mut().enumerate() {
                    for from in (0..agents).filter(|from| from.abs_diff(to) == 1) {
                        if below(10) >= 4 {
                            bidder.handle(from, &bulletins[from]).unwrap();
                        }
                    }
                }
                let agreed = bidders.iter().all(|bidder| bidder.winners() == bidders[0].winners());
                calm = if agreed { calm + 1 } else { 0 };
                assert!(round < 1_900, "seed {seed} does not settle");
                if calm > 60 {
                    break;
                }
            }
            for (at, bidder) in bidders.iter().enumerate() {
                assert!(problems[at].profit_of(bidder.bundle()).is_some(), "seed {seed}");
                for (task, win) in bidder.winners().iter().enumerate() {
                    let mine = win.is_some_and(|win| win.agent == at);
                    assert_eq!(mine, bidder.bundle().contains(&task), "seed {seed}");
                    let would = bidder.bids[task].is_some_and(|bid| {
                        win.is_none_or(|win| !mine && beats(Win { agent: at, bid }, win)) && bidder.fits(task)
                    });
                    assert!(!would, "seed {seed}: agent {at} would do task {task}");
                }
            }
        }
    }
}
