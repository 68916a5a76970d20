//! One neighbour: the states that are held for it, the weights agreed with it, and how well it is heard.

use super::Settings;
use super::error::PeerError;
use super::islands::Snapshot;
use super::layout::Bond;
use super::message::{Claim, Epoch, Frame, Offer, Sums};
use super::weights::{self, Watch};
use crate::edge::{self, End};
use crate::problem::MAGNITUDE_MAX;
use std::collections::BTreeMap;

/// This member's end of all edges with one neighbour.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) bond: Bond,
    pub(super) end: End,
    /// What this member takes for the right weights.
    guess: Vec<Option<f64>>,
    pub(super) weights: Vec<f64>,
    /// Number of the weights; 0 while they are this member's guess only.
    number: u32,
    offer: Offer,
    /// Round of the last change, and how many there were.
    changed_at: u64,
    changes: u32,
    watches: Vec<Watch>,
    /// What this end holds of each edge.
    pub(super) state: Vec<f64>,
    /// The states and copies of the newest solve, and what was sent of it.
    pub(super) solved: Vec<f64>,
    pub(super) copies: Vec<f64>,
    sent: Vec<f64>,
    /// Newest frame that was not taken in yet.
    waiting: Option<Frame>,
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
    /// Claims on these edges by version.
    pub(super) claims: BTreeMap<u64, Claim>,
}

/// What taking in a round's frame did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// The weights are others.
    pub(super) reweighted: bool,
    /// What both ends sent in one round.
    pub(super) fresh: bool,
}

impl Link {
    pub(super) fn new(bond: Bond, end: End, guess: Vec<Option<f64>>, start: Vec<f64>) -> Self {
        let edges = bond.variables.len();
        Self {
            end,
            weights: guess.iter().map(|guess| weights::agreed(*guess, None)).collect(),
            number: 0,
            offer: Offer::Guess(guess.clone()),
            guess,
            changed_at: 0,
            changes: 0,
            watches: vec![Watch::default(); edges],
            state: start.clone(),
            solved: start.clone(),
            copies: start,
            sent: Vec::new(),
            waiting: None,
            heard: 0,
            heard_epoch: Epoch::default(),
            heard_weights: 0,
            acknowledged: 0,
            silent: 0,
            loss: 0.0,
            forward: BTreeMap::new(),
            frozen: None,
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
        if !frame.reflected.is_empty() {
            of_length(frame.reflected.len())?;
            check_values(author, &frame.reflected, reach)?;
        }
        match &frame.offer {
            Offer::Keep => {}
            Offer::Guess(guesses) => {
                of_length(guesses.len())?;
                for guess in guesses.iter().flatten() {
                    check_value(author, *guess, WEIGHT_MAX)?;
                    if *guess <= 0.0 {
                        return Err(PeerError::BeyondBounds { author, value: *guess, limit: WEIGHT_MAX });
                    }
                }
            }
            Offer::Scale(powers) => {
                of_length(powers.len())?;
                if let Some(power) = powers.iter().find(|power| power.unsigned_abs() > 1) {
                    return Err(PeerError::BeyondBounds { author, value: f64::from(*power), limit: 1.0 });
                }
            }
        }
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
        if frame.weights > self.number + 1 {
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
        self.waiting = Some(frame);
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

    /// Takes in what was heard since the last round.
    pub(super) fn take_in(&mut self, round: u64, epoch: Epoch, settings: &Settings) -> Taken {
        let mut taken = Taken::default();
        let frame = self.waiting.take();
        let missed = if frame.is_some() { 0.0 } else { 1.0 };
        self.loss += (missed - self.loss) / LOSS_MEMORY;
        let Some(frame) = frame else {
            self.silent = self.silent.saturating_add(1);
            return taken;
        };
        self.silent = 0;
        taken.reweighted = self.reweigh(&frame, round);
        if frame.epoch == epoch && frame.weights == self.number && self.number > 0 && !frame.reflected.is_empty() {
            let theta = self.theta(round, settings);
            edge::receive(&mut self.state, &frame.reflected, theta);
            if self.sent.len() == frame.reflected.len() {
                taken.fresh = true;
                self.observe(&frame.reflected);
            }
            if self.end == End::Source && !epoch.is_island() {
                self.propose(round, settings);
            }
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

    /// Takes up the weights that the frame shows or asks for.
    fn reweigh(&mut self, frame: &Frame, round: u64) -> bool {
        if self.number == 0 {
            let Offer::Guess(theirs) = &frame.offer else { return false };
            let agreed: Vec<f64> = self.guess.iter().zip(theirs).map(|(a, b)| weights::agreed(*a, *b)).collect();
            self.set_weights(agreed, round);
            return true;
        }
        if frame.weights > 0 && matches!(self.offer, Offer::Guess(_)) {
            self.offer = Offer::Keep;
        }
        let powers = match (self.end, &self.offer, &frame.offer) {
            (End::Source, Offer::Scale(powers), _) if frame.weights == self.number + 1 => powers.clone(),
            (End::Sink, _, Offer::Scale(powers)) if frame.weights == self.number => powers.clone(),
            _ => return false,
        };
        let factor = |power: i8| {
            if power > 0 {
                2.0
            } else if power < 0 {
                0.5
            } else {
                1.0
            }
        };
        self.set_weights(self.weights.iter().zip(&powers).map(|(w, power)| w * factor(*power)).collect(), round);
        self.offer = Offer::Keep;
        self.changes += 1;
        true
    }

    /// Puts other weights in place; the prices that the states stand for stay what they are.
    fn set_weights(&mut self, mut weights: Vec<f64>, round: u64) {
        // Both ends hold the same numbers, so both come to the same limit, however often a neighbour asks for more.
        weights.iter_mut().for_each(|weight| *weight = weight.clamp(1.0 / WEIGHT_MAX, WEIGHT_MAX));
        for (k, weight) in weights.iter().enumerate() {
            let ratio = self.weights[k] / weight;
            self.state[k] = self.copies[k] + (self.state[k] - self.copies[k]) * ratio;
        }
        self.weights = weights;
        self.number += 1;
        self.changed_at = round;
        self.sent.clear();
        self.watches.fill_with(Watch::default);
    }

    fn observe(&mut self, heard: &[f64]) {
        let (flow, price) = self.candidate(heard);
        for (k, watch) in self.watches.iter_mut().enumerate() {
            watch.observe(flow[k], price[k], self.weights[k]);
        }
    }

    fn propose(&mut self, round: u64, settings: &Settings) {
        // What arrives late moves for other reasons than a wrong weight.
        let settled = round - self.changed_at >= settings.reweigh_every && self.is_prompt(round, settings);
        if self.offer != Offer::Keep || !settled || self.changes >= settings.reweigh_max {
            return;
        }
        let powers: Vec<i8> = self.watches.iter().map(Watch::verdict).collect();
        if powers.iter().any(|power| *power != 0) {
            self.offer = Offer::Scale(powers);
        }
    }

    fn candidate(&self, heard: &[f64]) -> (Vec<f64>, Vec<f64>) {
        match self.end {
            End::Source => edge::candidate(&self.sent, heard, &self.weights[..]),
            End::Sink => edge::candidate(heard, &self.sent, &self.weights[..]),
        }
    }

    /// Prices by the newest pair; the source's word counts.
    pub(super) fn claim(&mut self, version: u64, epoch: Epoch) {
        // The states hold the neighbour's reflection as it was taken in over the rounds, so they stand for it when the
        // newest one was lost.
        if self.number == 0 || self.sent.is_empty() || self.is_frozen() {
            return;
        }
        let (_, price) = self.candidate(&self.state);
        self.claims.insert(version, Claim { epoch, version, flow: self.copies.clone(), price });
    }

    /// Notes the newest solve and makes the frame of it.
    pub(super) fn frame(&mut self, author: usize, sequence: u64, epoch: Epoch) -> Frame {
        self.solved.clone_from(&self.state);
        if self.number > 0 {
            self.sent = edge::reflect(&self.copies, &self.state);
        }
        Frame {
            author,
            reader: self.bond.neighbour,
            sequence,
            heard: self.heard,
            epoch,
            weights: self.number,
            offer: self.offer.clone(),
            reflected: self.sent.clone(),
            claim: match self.end {
                End::Source => self.claims.last_key_value().map(|(_, claim)| claim.clone()),
                End::Sink => None,
            },
            sums: Vec::new(),
            verdict: None,
        }
    }

    /// State and weight that draw on the shared variable of an edge.
    pub(super) fn pull(&self, edge: usize) -> (f64, f64) {
        match &self.frozen {
            Some(agreed) => (agreed[edge], FROZEN * self.weights[edge]),
            None => (self.state[edge], self.weights[edge]),
        }
    }

    /// Holds what is shared at what was agreed last.
    pub(super) fn freeze(&mut self) {
        let claimed = self.claims.last_key_value().map(|(_, claim)| &claim.flow);
        self.frozen = Some(claimed.unwrap_or(&self.copies).clone());
    }

    /// Takes part with the neighbour again, from where it was left if that is known.
    pub(super) fn reopen(&mut self, from: Option<&Snapshot>) {
        self.frozen = None;
        (self.silent, self.loss) = (0, 0.0);
        self.watches.fill_with(Watch::default);
        self.sent.clear();
        let Some(from) = from else { return };
        self.copies.clone_from(&from.copies);
        for (k, state) in self.state.iter_mut().enumerate() {
            let away = from.state[k] - from.copies[k];
            *state = from.copies[k] + away * (from.weights[k] / self.weights[k]);
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { state: self.state.clone(), copies: self.copies.clone(), weights: self.weights.clone() }
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
const WEIGHT_MAX: f64 = 1e15;
/// Last number of an epoch, as wide as it is sent.
const EPOCH_MAX: u32 = u16::MAX as u32;
const PRICE_MAX: f64 = 1e15;
/// How many times its weight holds what is shared with a neighbour that is out of reach.
const FROZEN: f64 = 1e3;
/// Rounds over which the share of lost ones is taken.
const LOSS_MEMORY: f64 = 32.0;
/// Share of lost rounds from which neighbours are asked to pass frames on.
const RELAY_LOSS: f64 = 0.02;
