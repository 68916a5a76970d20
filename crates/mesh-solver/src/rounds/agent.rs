//! One member of the rounds.

use super::Settings;
use super::error::PeerError;
use super::islands::Memory;
use super::layout::Seat;
use super::ledger::{Ledger, keep_newest};
use super::link::Link;
use super::message::{Epoch, Frame, Message, Verdict};
use super::pace::Pacer;
use crate::edge::{self, End, Terminal};
use crate::{QpError, QpProblem, QpSolver};
use std::collections::{BTreeMap, VecDeque};

/// One member: what it is told and how often it is asked for a round is all that its messages depend on.
///
/// ```text
/// handle(from, message)   any number of times, in any order
/// next_round()            takes in the newest of each neighbour, solves, and has one message for each
/// poll()                  until there is none
/// ```
#[derive(Debug, Clone)]
pub struct Agent {
    pub(super) settings: Settings,
    pub(super) member: usize,
    parent: Option<usize>,
    problem: QpProblem,
    own_variables: usize,
    pub(super) links: Vec<Link>,
    solver: QpSolver,
    solver_settings: crate::Settings,
    solution: Vec<f64>,
    ledger: Ledger,
    pacer: Pacer,
    pub(super) epoch: Epoch,
    pub(super) memory: Memory,
    round: u64,
    outbox: VecDeque<(usize, Message)>,
}

impl Agent {
    /// A member at the beginning, without a message for anybody.
    pub fn new(settings: Settings, seat: Seat) -> Result<Self, QpError> {
        let Seat { member, problem, own_variables, links: bonds, parent, children } = seat;
        let links: Vec<Link> = bonds
            .into_iter()
            .map(|bond| {
                let end = if member < bond.neighbour { End::Source } else { End::Sink };
                let guess = edge::guess(&problem, &bond.variables);
                let start = bond.variables.iter().zip(&bond.start);
                let start = start.map(|(j, start)| start.clamp(problem.lower()[*j], problem.upper()[*j])).collect();
                Link::new(bond, Terminal::new(end, guess, start))
            })
            .collect();
        let solver_settings = crate::Settings::default();
        let plain = QpSolver::new(&problem, &vec![0.0; problem.variables()], solver_settings.clone())?;
        let ledger = Ledger::new(plain, &children, settings.agreement);
        let solver = QpSolver::new(&problem, &pulls(&problem, &links), solver_settings.clone())?;
        Ok(Self {
            settings,
            member,
            parent,
            own_variables,
            solution: Vec::new(),
            links,
            solver,
            solver_settings,
            ledger,
            pacer: Pacer::new(&children),
            epoch: Epoch::default(),
            memory: Memory::default(),
            round: 0,
            outbox: VecDeque::new(),
            problem,
        })
    }

    /// Takes what a neighbour sent. If what it says itself, or what it may pass on, cannot be believed, nothing changes.
    /// What somebody else says in a frame that is passed on is refused alone: it is not the fault of who carries it.
    pub fn handle(&mut self, from: usize, message: Message) -> Result<(), PeerError> {
        let Message { frame, relayed } = message;
        if frame.author != from || frame.reader != self.member {
            return Err(PeerError::Stranger { author: frame.author });
        }
        if relayed.len() > self.links.len() * RELAYED_PER_LINK {
            let limit = self.links.len() * RELAYED_PER_LINK;
            return Err(PeerError::TooMuch { author: from, frames: relayed.len(), limit });
        }
        self.check(&frame)?;
        for frame in &relayed {
            frame.check_lengths()?;
            if frame.reader == self.member {
                let may_relay = self.link(frame.author).is_some_and(|link| link.bond.relays.contains(&from));
                if !may_relay {
                    return Err(PeerError::Stranger { author: frame.author });
                }
            } else if frame.author != from || self.link(frame.reader).is_none() {
                return Err(PeerError::Stranger { author: frame.author });
            }
        }
        self.keep(frame);
        let mut refused = Ok(());
        for frame in relayed {
            if frame.reader == self.member {
                match self.check(&frame) {
                    Ok(()) => self.keep(frame),
                    Err(why) => refused = Err(why),
                }
            } else if let Some(link) = self.links.iter_mut().find(|link| link.bond.neighbour == frame.reader) {
                link.pass_on(frame);
            }
        }
        refused
    }

    /// Takes in what was heard, solves, and puts one message for each neighbour up for [`Agent::poll`]. What was not
    /// polled since the round before is dropped: it says less than what replaces it.
    pub fn next_round(&mut self) -> Result<(), QpError> {
        self.round += 1;
        let mut reweighted = self.choose_epoch();
        reweighted |= self.take_in();
        if self.round.is_multiple_of(self.settings.claim_every) {
            let version = self.round / self.settings.claim_every;
            for link in self.links.iter_mut().filter(|link| link.terminal.end() == End::Source) {
                link.claim(version, self.epoch);
                keep_newest(&mut link.claims);
            }
        }
        self.ledger.step(&self.problem, &self.links, self.epoch);
        if self.parent.is_none() {
            self.ledger.judge(&self.settings);
        }
        if reweighted {
            self.solver =
                QpSolver::new(&self.problem, &pulls(&self.problem, &self.links), self.solver_settings.clone())?;
        }
        self.solve()?;
        self.remember();
        self.send();
        Ok(())
    }

    /// The next message and whom it is for.
    pub fn poll(&mut self) -> Option<(usize, Message)> {
        self.outbox.pop_front()
    }

    /// What is proved so far.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.ledger.verdict()
    }

    /// The plan of the verdict for this member's own variables.
    pub fn plan(&self) -> Option<&[f64]> {
        self.ledger.plan().and_then(|plan| plan.get(..self.own_variables))
    }

    /// The newest solution for this member's own variables; shared ones may still differ from the neighbours'.
    pub fn copies(&self) -> &[f64] {
        &self.solution[..self.own_variables.min(self.solution.len())]
    }

    /// The stretch of rounds that it is in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Rounds so far.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// Takes in what neighbours said, by the step that is due; whether weights are others for it.
    fn take_in(&mut self) -> bool {
        let paced = self.settings.accelerate && !self.epoch.is_island() && self.pacer.is_live(self.round);
        let (mut reweighted, mut residual) = (false, Some(0.0));
        for link in &mut self.links {
            if paced && self.pacer.begins(self.round) {
                link.terminal.drop_anchor();
            }
            let taken = link.take_in(self.round, self.epoch, paced, &self.settings);
            reweighted |= taken.reweighted;
            residual = residual.zip(taken.residual).map(|(sum, part)| sum + part);
        }
        if let Some(residual) = residual.filter(|_| !self.epoch.is_island()) {
            self.pacer.observe(self.round - 1, residual);
        }
        if self.parent.is_none() && self.settings.accelerate {
            self.pacer.conduct(self.round);
        }
        if self.pacer.is_time_to_reweigh(self.round) && paced {
            self.links.iter_mut().for_each(|link| link.terminal.propose_of_stretch(self.settings.reweigh_max));
        }
        reweighted
    }

    fn solve(&mut self) -> Result<(), QpError> {
        let mut linear = self.problem.linear().to_vec();
        for link in &self.links {
            for (k, variable) in link.bond.variables.iter().enumerate() {
                linear[*variable] += link.pull(k).linear;
            }
        }
        self.solution = self.solver.solve(&linear, self.problem.lower(), self.problem.upper())?.x;
        for link in &mut self.links {
            link.terminal.solved(link.bond.variables.iter().map(|variable| self.solution[*variable]).collect());
        }
        Ok(())
    }

    fn send(&mut self) {
        let mut frames = BTreeMap::new();
        for link in &mut self.links {
            let mut frame = link.frame(self.member, self.round, self.epoch);
            if self.parent == Some(frame.reader) {
                frame.sums = link.untold_sums(self.ledger.newest(), self.round);
                frame.report = self.pacer.report(self.round).filter(|_| self.settings.accelerate);
            } else {
                frame.verdict = self.ledger.verdict().copied().filter(|verdict| link.is_untold(verdict, self.round));
                frame.pace = self.pacer.news(self.round);
            }
            frames.insert(frame.reader, frame);
        }
        self.outbox.clear();
        for k in 0..self.links.len() {
            let neighbour = self.links[k].bond.neighbour;
            let mut relayed = self.links[k].forwarded();
            for other in &self.links {
                if other.bond.relays.contains(&neighbour) && other.is_unreliable() && self.settings.relay {
                    relayed.push(frames[&other.bond.neighbour].clone());
                }
            }
            self.outbox.push_back((neighbour, Message { frame: frames[&neighbour].clone(), relayed }));
        }
    }

    fn check(&self, frame: &Frame) -> Result<(), PeerError> {
        let link = self.link(frame.author).ok_or(PeerError::Stranger { author: frame.author })?;
        let reach = |j: &usize| self.problem.lower()[*j].abs().max(self.problem.upper()[*j].abs());
        link.check(frame, &link.bond.variables.iter().map(reach).collect::<Vec<f64>>())?;
        let author = frame.author;
        // Each epoch but the first takes a long silence or ends one. Rounds that do not begin together are allowed for.
        let silences = self.round / u64::from(self.settings.silence_max.max(1));
        let limit = u32::try_from(4 * silences + 2).unwrap_or(u32::MAX);
        if frame.epoch.number > limit.max(self.epoch.number) {
            return Err(PeerError::EpochAhead { author, epoch: frame.epoch, limit });
        }
        let newest = self.ledger.newest_version();
        match frame.verdict.filter(|verdict| self.parent == Some(author) && verdict.version > newest) {
            Some(Verdict { version, .. }) => Err(PeerError::VerdictAhead { author, version, newest }),
            None => Ok(()),
        }
    }

    /// A frame whose author was checked.
    fn keep(&mut self, mut frame: Frame) {
        let author = frame.author;
        self.ledger.hear_sums(author, &std::mem::take(&mut frame.sums));
        if let Some(verdict) = frame.verdict.take().filter(|_| self.parent == Some(author)) {
            self.ledger.hear_verdict(verdict);
        }
        if let Some(report) = frame.report.take() {
            self.pacer.hear_report(author, report);
        }
        if let Some(pace) = frame.pace.take().filter(|_| self.parent == Some(author)) {
            self.pacer.hear_pace(pace);
        }
        let Some(link) = self.links.iter_mut().find(|link| link.bond.neighbour == author) else { return };
        if let Some(claim) = frame.claim.take().filter(|_| link.terminal.end() == End::Sink) {
            link.claims.entry(claim.version).or_insert(claim);
            keep_newest(&mut link.claims);
        }
        link.keep(frame);
    }

    fn link(&self, neighbour: usize) -> Option<&Link> {
        self.links.iter().find(|link| link.bond.neighbour == neighbour)
    }
}

/// What the edges add to the diagonal of the problem.
fn pulls(problem: &QpProblem, links: &[Link]) -> Vec<f64> {
    let mut diagonal = vec![0.0; problem.variables()];
    for link in links {
        for (k, variable) in link.bond.variables.iter().enumerate() {
            diagonal[*variable] += link.pull(k).diagonal;
        }
    }
    diagonal
}

/// Most frames that are passed on in one message, for each neighbour of its reader.
pub(super) const RELAYED_PER_LINK: usize = 2;
