//! One neighbour: this member's end of the edges with it, and how well it is heard.

use super::Settings;
use super::error::PeerError;
use super::layout::Bond;
use super::message::{Claim, Epoch, Frame, Sums, Verdict, Words};
use super::words::Spoken;
use crate::edge::{self, End, OfferError, Patience, Pull, Scaling, Snapshot, Terminal};
use crate::problem::MAGNITUDE_MAX;
use std::collections::BTreeMap;

/// All that is between this member and a neighbour.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) bond: Bond,
    pub(super) terminal: Terminal,
    /// Newest frame that was not taken in yet, and what its words mean.
    waiting: Option<(Frame, Vec<f64>)>,
    /// Sequence, epoch and weights of the newest frame.
    heard: u64,
    pub(super) heard_epoch: Epoch,
    heard_weights: u32,
    /// Newest own sequence that the neighbour is known to have.
    acknowledged: u64,
    /// Rounds since anything new was heard.
    pub(super) silent: u32,
    /// Fading share of rounds in which nothing new was heard.
    loss: f64,
    /// Frames of other neighbours for this one; newest of each author.
    forward: BTreeMap<usize, Frame>,
    /// What was agreed last, while the neighbour is out of reach.
    frozen: Option<Vec<f64>>,
    /// What was said to the neighbour lately, and what it said.
    said: Spoken,
    understood: Spoken,
    claim_told: Told,
    verdict_told: Told,
    sums_told: BTreeMap<u64, Told>,
    /// Claims on these edges by version.
    pub(super) claims: BTreeMap<u64, Claim>,
}

/// Since when a version of something is told.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    version: u64,
    /// The first own frame that held it.
    since: u64,
}

impl Told {
    /// Whether frame `sequence` should hold this version for a reader who has frame `acknowledged`.
    fn is_news(&mut self, version: u64, sequence: u64, acknowledged: u64) -> bool {
        if self.version != version {
            *self = Self { version, since: sequence };
        }
        acknowledged < self.since
    }
}

/// What taking in a round's frame did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// The weights are others.
    pub(super) reweighted: bool,
    /// Squared distance from a fixed point in the round before, if the frame was of that.
    pub(super) residual: Option<f64>,
}

impl Link {
    pub(super) fn new(bond: Bond, terminal: Terminal) -> Self {
        Self {
            terminal,
            waiting: None,
            heard: 0,
            heard_epoch: Epoch::default(),
            heard_weights: 0,
            acknowledged: 0,
            silent: 0,
            loss: 0.0,
            forward: BTreeMap::new(),
            frozen: None,
            said: Spoken::default(),
            understood: Spoken::default(),
            claim_told: Told::default(),
            verdict_told: Told::default(),
            sums_told: BTreeMap::new(),
            claims: BTreeMap::new(),
            bond,
        }
    }

    /// Whether a frame of the neighbour can be believed; `reach` is the largest absolute value of each shared variable.
    pub(super) fn check(&self, frame: &Frame, reach: &[f64]) -> Result<(), PeerError> {
        let (author, expected) = (frame.author, self.bond.variables.len());
        let of_length = |length: usize| match length == expected {
            true => Ok(()),
            false => Err(PeerError::Dimension { author, length, expected }),
        };
        // An older frame is not taken in, and what it builds on may be forgotten.
        if frame.sequence > self.heard && frame.reflected != Words::Nothing {
            let meant = self.understood.understand(author, frame.sequence, &frame.reflected)?;
            of_length(meant.len())?;
            check_values(author, &meant, reach)?;
        }
        let sequence = frame.sequence;
        if let Some(report) = &frame.report {
            check_value(author, report.residual_squared, f64::MAX)?;
            if report.residual_squared < 0.0 {
                return Err(PeerError::BeyondBounds { author, value: report.residual_squared, limit: f64::MAX });
            }
        }
        let rounds = frame.report.map(|report| report.round).into_iter().chain(frame.pace.map(|pace| pace.complete));
        let points = frame.pace.map(|pace| pace.at.saturating_sub(POINT_AHEAD_MAX));
        if let Some(round) = rounds.chain(points).find(|round| *round > sequence) {
            return Err(PeerError::RoundAhead { author, round, sequence });
        }
        frame.offer.check(expected).map_err(|why| match why {
            OfferError::Dimension { length, expected } => PeerError::Dimension { author, length, expected },
            OfferError::NotANumber => PeerError::NotANumber { author },
            OfferError::BeyondBounds { value, limit } => PeerError::BeyondBounds { author, value, limit },
        })?;
        if let Some(claim) = &frame.claim {
            of_length(claim.flow.len())?;
            of_length(claim.price.len())?;
            check_values(author, &claim.flow, reach)?;
            claim.price.iter().try_for_each(|price| check_value(author, *price, PRICE_MAX))?;
        }
        frame.sums.iter().try_for_each(|sums| check_sums(author, sums))?;
        if let Some(verdict) = &frame.verdict {
            let numbers = [verdict.lower, verdict.upper, verdict.mismatch, verdict.residual];
            if numbers.iter().any(|number| number.is_nan()) {
                return Err(PeerError::NotANumber { author });
            }
        }
        if frame.epoch.number > EPOCH_MAX {
            let (value, limit) = (frame.epoch.number.into(), EPOCH_MAX.into());
            return Err(PeerError::BeyondBounds { author, value, limit });
        }
        if frame.weights > self.terminal.number() + 1 {
            return Err(PeerError::Ahead { author, weights: frame.weights });
        }
        let went_back = frame.epoch < self.heard_epoch || frame.weights < self.heard_weights;
        if frame.sequence > self.heard && went_back {
            return Err(PeerError::Stale { author, epoch: frame.epoch, weights: frame.weights });
        }
        Ok(())
    }

    /// Keeps a checked frame, if it is the newest, until the round begins.
    pub(super) fn keep(&mut self, frame: Frame) {
        self.acknowledged = self.acknowledged.max(frame.heard);
        if frame.sequence <= self.heard {
            return;
        }
        (self.heard, self.heard_epoch, self.heard_weights) = (frame.sequence, frame.epoch, frame.weights);
        let meant = self.understood.understand(frame.author, frame.sequence, &frame.reflected).unwrap_or_default();
        self.understood.keep(frame.sequence, meant.clone());
        self.waiting = Some((frame, meant));
    }

    /// Keeps a frame of another neighbour for this one.
    pub(super) fn pass_on(&mut self, frame: Frame) {
        match self.forward.get(&frame.author) {
            Some(held) if held.sequence >= frame.sequence => {}
            _ => {
                self.forward.insert(frame.author, frame);
            }
        }
    }

    /// What is to be passed on to the neighbour this round.
    pub(super) fn forwarded(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.forward).into_values().collect()
    }

    /// Takes in what was heard since the last round. While all are `paced` weights change before points only.
    pub(super) fn take_in(&mut self, round: u64, epoch: Epoch, paced: bool, settings: &Settings) -> Taken {
        let frame = self.waiting.take();
        let is_in_step = frame.as_ref().is_some_and(|(frame, _)| frame.sequence == round - 1);
        if !is_in_step || !paced {
            self.terminal.weigh_anchor();
        }
        let missed = if frame.is_some() { 0.0 } else { 1.0 };
        self.loss += (missed - self.loss) / LOSS_MEMORY;
        let Some((frame, reflected)) = frame else {
            self.silent = self.silent.saturating_add(1);
            return Taken::default();
        };
        self.silent = 0;
        let mut taken = Taken { reweighted: self.terminal.reweigh(frame.weights, &frame.offer, round), residual: None };
        let distance_squared = self.terminal.distance_squared(&reflected);
        let theta = self.theta(round, settings);
        if frame.epoch == epoch && self.terminal.receive(frame.weights, &reflected, theta) {
            taken.residual = Some(distance_squared).filter(|_| is_in_step);
            // What arrives late moves for other reasons than a wrong weight.
            if !epoch.is_island() && !paced && self.is_prompt(round, settings) {
                let Settings { reweigh_every: every, reweigh_max: changes_max, .. } = *settings;
                self.terminal.propose(round, Patience { every, changes_max }, Scaling::Each);
            }
        } else {
            self.terminal.weigh_anchor();
        }
        taken
    }

    /// The step: as many lost rounds as there are, so much further goes one that is heard. Numbers that took long to come
    /// are taken in with the step that has a theorem for any delay.
    fn theta(&self, round: u64, settings: &Settings) -> f64 {
        if !self.is_prompt(round, settings) {
            return settings.theta;
        }
        (settings.theta / (1.0 - self.loss)).min(settings.theta_max.max(settings.theta))
    }

    /// Whether the neighbour has heard what was sent a few rounds ago.
    fn is_prompt(&self, round: u64, settings: &Settings) -> bool {
        round.saturating_sub(self.acknowledged) <= settings.prompt_max
    }

    /// Flow and price of the newest solve; the source's word counts.
    pub(super) fn claim(&mut self, version: u64, epoch: Epoch) {
        if !self.terminal.has_said() || self.is_frozen() {
            return;
        }
        let (flow, price) = (self.terminal.copies().to_vec(), self.terminal.standing_price());
        self.claims.insert(version, Claim { epoch, version, flow, price });
    }

    /// The frame of the newest solve.
    pub(super) fn frame(&mut self, author: usize, sequence: u64, epoch: Epoch) -> Frame {
        let (reflected, understood) = self.said.say(sequence, self.acknowledged, self.terminal.say());
        self.terminal.is_understood_as(understood);
        let newest = self.claims.last_key_value().map(|(_, claim)| claim);
        let (is_source, acknowledged) = (self.terminal.end() == End::Source, self.acknowledged);
        let claim = newest.filter(|_| is_source).cloned();
        let claim = claim.filter(|claim| self.claim_told.is_news(claim.version, sequence, acknowledged));
        Frame {
            author,
            reader: self.bond.neighbour,
            sequence,
            heard: self.heard,
            epoch,
            weights: self.terminal.number(),
            offer: self.terminal.offer().clone(),
            reflected,
            claim,
            sums: Vec::new(),
            verdict: None,
            report: None,
            pace: None,
        }
    }

    /// The sums that the neighbour is not known to have.
    pub(super) fn untold_sums(&mut self, mut sums: Vec<Sums>, sequence: u64) -> Vec<Sums> {
        let acknowledged = self.acknowledged;
        self.sums_told.retain(|version, _| sums.iter().any(|sums| sums.version == *version));
        sums.retain(|sums| {
            self.sums_told.entry(sums.version).or_default().is_news(sums.version, sequence, acknowledged)
        });
        sums
    }

    /// Whether the neighbour is not known to have the verdict.
    pub(super) fn is_untold(&mut self, verdict: &Verdict, sequence: u64) -> bool {
        self.verdict_told.is_news(verdict.version, sequence, self.acknowledged)
    }

    /// What draws on the shared variable of an edge.
    pub(super) fn pull(&self, edge: usize) -> Pull {
        match &self.frozen {
            Some(agreed) => edge::pull(agreed[edge], FROZEN * self.terminal.weights()[edge]),
            None => self.terminal.pull(edge),
        }
    }

    /// Holds what is shared at what was agreed last.
    pub(super) fn freeze(&mut self) {
        let claimed = self.claims.last_key_value().map(|(_, claim)| &claim.flow[..]);
        self.frozen = Some(claimed.unwrap_or(self.terminal.copies()).to_vec());
    }

    /// Takes part with the neighbour again, from where it was left if that is known.
    pub(super) fn reopen(&mut self, from: Option<&Snapshot>) {
        self.frozen = None;
        (self.silent, self.loss) = (0, 0.0);
        self.terminal.interrupt();
        if let Some(from) = from {
            self.terminal.resume(from);
        }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Whether anything was heard since the last round.
    pub(super) fn has_news(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether what is sent to the neighbour should go by others as well.
    pub(super) fn is_unreliable(&self) -> bool {
        self.loss > RELAY_LOSS
    }
}

fn check_values(author: usize, values: &[f64], reach: &[f64]) -> Result<(), PeerError> {
    values
        .iter()
        .zip(reach)
        .try_for_each(|(value, reach)| check_value(author, *value, REACH * (1.0 + reach.min(MAGNITUDE_MAX))))
}

fn check_value(author: usize, value: f64, limit: f64) -> Result<(), PeerError> {
    if value.is_nan() {
        return Err(PeerError::NotANumber { author });
    }
    if value.abs() > limit { Err(PeerError::BeyondBounds { author, value, limit }) } else { Ok(()) }
}

fn check_sums(author: usize, sums: &Sums) -> Result<(), PeerError> {
    let squares = [sums.mismatch_squared, sums.residual_squared, sums.scale_squared];
    if sums.lower.is_nan() || sums.upper.is_nan() || squares.iter().any(|square| square.is_nan()) {
        return Err(PeerError::NotANumber { author });
    }
    // Whoever found nothing says minus infinity below and infinity above; the other way round nothing can be.
    let endless = (sums.lower == f64::INFINITY).then_some(sums.lower);
    let endless = endless.or((sums.upper == f64::NEG_INFINITY).then_some(sums.upper));
    match endless.or(squares.into_iter().find(|square| *square < 0.0)) {
        Some(value) => Err(PeerError::BeyondBounds { author, value, limit: f64::MAX }),
        None => Ok(()),
    }
}

/// How many times the size of its box a reflected number may be.
const REACH: f64 = 1e6;
/// How far ahead of its author's round a point may be: as far as the highest tree is high.
const POINT_AHEAD_MAX: u64 = 256 + 8;
/// Last number of an epoch, as wide as it is sent.
const EPOCH_MAX: u32 = u16::MAX as u32;
const PRICE_MAX: f64 = 1e15;
/// How many times its weight holds what is shared with a neighbour that is out of reach.
const FROZEN: f64 = 1e3;
/// Rounds over which the share of lost ones is taken.
const LOSS_MEMORY: f64 = 32.0;
/// Share of lost rounds from which neighbours are asked to pass frames on.
const RELAY_LOSS: f64 = 0.02;
