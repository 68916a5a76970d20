//! One agent in the tree: takes prices from its parent, passes them on, adds up what comes back.
//!
//! ```text
//! prices from the parent   apply, pass on to the children, answer for oneself
//! sums from a child        apply; once all children have answered: add up, answer the parent
//! the same prices again    answer again, apply nothing
//! time                     send again what was not answered; hold the last sums of a child that stays silent
//! ```
//!
//! Nothing here sends: [`Node::poll_output`] says to whom [`Node::prices`] or [`Node::sums`] are to go. A lost child's
//! last sums stay in the total as a constant, which costs what they cost, so the bounds of the rest stay right.

use super::message::{BITS_MAX, BITS_MIN, EVALUATIONS_MODULO, Prices, ShortBounds, Sums};
use super::responder::{Bounds, Responder};
use super::{JUNCTIONS_MAX, Market, PRICE_MAX, Settings};
use crate::derived::MissingBound;
use crate::interval::Interval;
use crate::network::Member;
use crate::problem::Malformed;
use crate::qp::QpError;

/// Most children of a node.
pub const FAN_OUT_MAX: usize = 16;
/// Largest absolute sum of a subtree.
const SUM_MAX: f64 = 1e18;
/// A node's own vectors: prices, total, what was told.
const VECTORS: usize = 3;

/// What a neighbour did wrong. The message is dropped, and nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PeerError {
    /// The bytes are no message.
    #[error("{found} bytes that are no message of this tree")]
    Bytes {
        /// How many.
        found: usize,
    },
    /// Another number of junctions.
    #[error("{found} entries for {expected} junctions")]
    Length {
        /// The tree's junctions.
        expected: usize,
        /// The message's entries.
        found: usize,
    },
    /// Steps beyond all measure, or of no number of bits that there is.
    #[error("{bits} bits in steps of {scale} are no change")]
    Scale {
        /// One step.
        scale: f64,
        /// Bits of a level.
        bits: u8,
    },
    /// A vector beyond its limits.
    #[error("entry {place} would be {value}, beyond {limit}")]
    Beyond {
        /// Which entry.
        place: usize,
        /// What it would become.
        value: f64,
        /// The limit.
        limit: f64,
    },
    /// Bounds that cannot be.
    #[error("bounds of {lower}, {slack}, {drift} cannot be")]
    Bounds {
        /// The lower bound.
        lower: f64,
        /// The slack.
        slack: f64,
        /// The drift.
        drift: f64,
    },
    /// An answer without the bounds that were asked for.
    #[error("an answer without the bounds that were asked for")]
    NoBounds,
    /// A message of another evaluation.
    #[error("a message of evaluation {found} while {current} is under way")]
    Stale {
        /// Which it is of.
        found: u8,
        /// Which is under way.
        current: u8,
    },
    /// Sums from somebody who is no child, or was given up.
    #[error("sums from place {place}, where no child is")]
    NoChild {
        /// The place.
        place: usize,
    },
}

/// Why an input was not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NodeError {
    /// The neighbour's fault.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The own problem could not be solved at these prices; the node is silent about this evaluation.
    #[error(transparent)]
    Local(#[from] QpError),
    /// A certificate needs a bound that the own problem does not have.
    #[error(transparent)]
    Open(#[from] MissingBound),
    /// The caller asks for more than a tree can have.
    #[error("{what} {found} is beyond the limit of {limit}")]
    Misuse {
        /// What was asked for.
        what: &'static str,
        /// How much of it.
        found: usize,
        /// How much there can be.
        limit: usize,
    },
}

/// What a node wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Send [`Node::prices`] to the child at this place.
    Forward(usize),
    /// Send [`Node::sums`] to the parent.
    Answer,
    /// The root's totals are complete.
    Complete,
    /// The child at this place is held at its last sums.
    Lost(usize),
}

/// One agent of a tree.
#[derive(Debug, Clone)]
pub struct Node {
    responder: Responder,
    settings: Settings,
    root: bool,
    /// Evaluations opened so far.
    evaluation: u32,
    vectors: Vectors,
    children: Vec<Child>,
    /// Children that have not answered the evaluation under way.
    missing: usize,
    answered: bool,
    bounds: Bounds,
    down: Prices,
    up: Sums,
    pending: Pending,
}

/// All vectors of a node, in one piece of memory: a sweep over a large tree waits for little else.
#[derive(Debug, Clone)]
struct Vectors {
    junctions: usize,
    /// Prices under way; own shares at them, then the subtree's total; the total as the parent knows it, or as it is of a
    /// root; what each child told of its own.
    all: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Child {
    bounds: Bounds,
    answered: bool,
    lost: bool,
    /// Rounds at which it was first and last sent the prices under way.
    asked: u32,
    asked_last: u32,
}

/// What is to be done, a bit a child.
#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    lost: u16,
    forward: u16,
    answer: bool,
    complete: bool,
}

impl Node {
    /// A node with `children` children over `junctions` junctions, which holds `member`.
    pub fn new(
        member: Member,
        junctions: usize,
        children: usize,
        root: bool,
        settings: Settings,
    ) -> Result<Self, NodeError> {
        let limits = [
            ("the number of junctions", junctions, JUNCTIONS_MAX),
            ("the number of children", children, FAN_OUT_MAX),
            ("the number of bits", settings.bits.max(settings.leaf_bits).into(), BITS_MAX.into()),
            ("the number of bits below two,", BITS_MIN.saturating_sub(settings.bits.min(settings.leaf_bits)).into(), 0),
        ];
        if let Some((what, found, limit)) = limits.into_iter().find(|(_, found, limit)| found > limit) {
            return Err(NodeError::Misuse { what, found, limit });
        }
        check_shares(&member, junctions)?;
        let child = Child { bounds: Bounds::default(), answered: true, lost: false, asked: 0, asked_last: 0 };
        Ok(Self {
            responder: Responder::new(member)?,
            settings,
            root,
            evaluation: 0,
            vectors: Vectors { junctions, all: vec![0.0; junctions * (VECTORS + children)] },
            children: vec![child; children],
            missing: 0,
            answered: false,
            bounds: Bounds::default(),
            down: Prices::default(),
            up: Sums::default(),
            pending: Pending::default(),
        })
    }

    /// Opens an evaluation at the root, as near to `wanted` as a message and the limits of `markets` allow.
    pub fn open(&mut self, now: u32, wanted: &[f64], markets: &[Market], certify: bool) -> Result<(), NodeError> {
        let (expected, found) = (self.vectors.junctions, wanted.len().min(markets.len()));
        if found != expected {
            return Err(PeerError::Length { expected, found }.into());
        }
        if let Some(place) = wanted.iter().position(|price| price.is_nan() || price.abs() > PRICE_MAX) {
            return Err(PeerError::Beyond { place, value: wanted[place], limit: PRICE_MAX }.into());
        }
        self.down.change.towards_within(wanted, self.vectors.prices_mut(), self.settings.bits, markets);
        self.down.certify = certify;
        self.begin(now)
    }

    /// Takes the parent's prices.
    pub fn handle_prices(&mut self, now: u32, message: &Prices) -> Result<(), NodeError> {
        if message.evaluation == number(self.evaluation) && self.evaluation > 0 {
            self.pending.answer |= self.answered;
            return Ok(());
        }
        if message.evaluation != number(self.evaluation + 1) {
            return Err(self.stale(message.evaluation));
        }
        message.change.check(self.vectors.prices(), PRICE_MAX)?;
        message.change.apply(self.vectors.prices_mut());
        self.down.certify = message.certify;
        if !self.children.is_empty() {
            self.down.change.clone_from(&message.change);
        }
        self.begin(now)
    }

    /// Takes the sums of the child at `place`.
    pub fn handle_sums(&mut self, place: usize, message: &Sums) -> Result<(), NodeError> {
        let current = number(self.evaluation);
        let child = match self.children.get_mut(place) {
            Some(child) if !child.lost => child,
            _ => return Err(PeerError::NoChild { place }.into()),
        };
        if message.evaluation != current {
            return Err(PeerError::Stale { found: message.evaluation, current }.into());
        }
        if child.answered {
            return Ok(());
        }
        let sums = self.vectors.child_mut(place);
        message.change.check(sums, SUM_MAX)?;
        match &message.bounds {
            Some(bounds) => {
                bounds.check()?;
                child.bounds = bounds.long();
            }
            None if self.down.certify => return Err(PeerError::NoBounds.into()),
            None => {}
        }
        message.change.apply(sums);
        child.answered = true;
        self.missing -= 1;
        self.finish_if_complete();
        Ok(())
    }

    /// Tells the round: sends again what was not answered, and gives up who is silent for too long.
    pub fn tick(&mut self, now: u32) {
        for place in 0..self.children.len() {
            let child = &mut self.children[place];
            if child.answered {
                continue;
            }
            if now.saturating_sub(child.asked) >= self.settings.lost_after {
                self.lose(place);
            } else if now.saturating_sub(child.asked_last) >= self.settings.resend_after {
                child.asked_last = now;
                self.pending.forward |= 1 << place;
            }
        }
    }

    /// Holds the child at `place` at its last sums for good.
    pub fn lose(&mut self, place: usize) {
        let Some(child) = self.children.get_mut(place).filter(|child| !child.lost) else { return };
        child.lost = true;
        self.pending.lost |= 1 << place;
        self.pending.forward &= !(1 << place);
        if !child.answered {
            child.answered = true;
            self.missing -= 1;
            self.finish_if_complete();
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let pending = &mut self.pending;
        if let Some(place) = take_first(&mut pending.lost) {
            Some(Output::Lost(place))
        } else if let Some(place) = take_first(&mut pending.forward) {
            Some(Output::Forward(place))
        } else if std::mem::take(&mut pending.answer) {
            Some(Output::Answer)
        } else {
            std::mem::take(&mut pending.complete).then_some(Output::Complete)
        }
    }

    /// The next child to which prices are to be passed on.
    pub(super) fn poll_forward(&mut self) -> Option<usize> {
        take_first(&mut self.pending.forward)
    }

    /// Whether to answer.
    pub(super) fn poll_answer(&mut self) -> bool {
        std::mem::take(&mut self.pending.answer)
    }

    /// The message for the children.
    pub fn prices(&self) -> &Prices {
        &self.down
    }

    /// The message for the parent.
    pub fn sums(&self) -> &Sums {
        &self.up
    }

    /// The prices under way.
    pub fn price_vector(&self) -> &[f64] {
        self.vectors.prices()
    }

    /// The sums of the subtree: as the parent knows them, or the root's own totals.
    pub fn totals(&self) -> &[f64] {
        self.vectors.told()
    }

    /// What the subtree proves, if the evaluation under way asked for it.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The agent's variables at the prices under way.
    pub fn values(&self) -> Vec<f64> {
        self.responder.values(self.vectors.prices())
    }

    /// Applies the prices to oneself and passes them on.
    fn begin(&mut self, now: u32) -> Result<(), NodeError> {
        self.evaluation += 1;
        self.down.evaluation = number(self.evaluation);
        self.answered = false;
        self.missing = 0;
        self.pending = Pending { lost: self.pending.lost, ..Pending::default() };
        for (place, child) in self.children.iter_mut().enumerate() {
            child.answered = child.lost;
            (child.asked, child.asked_last) = (now, now);
            if !child.lost {
                self.missing += 1;
                self.pending.forward |= 1 << place;
            }
        }
        let [prices, own, ..] = self.vectors.parts();
        self.responder.respond(prices, own)?;
        self.finish_if_complete();
        Ok(())
    }

    fn finish_if_complete(&mut self) {
        if self.missing > 0 || self.answered {
            return;
        }
        self.answered = true;
        // The own shares are told as part of the sum only, so their place is free for it.
        let [_, total, told, children] = self.vectors.parts();
        for sums in children.chunks_exact(total.len()) {
            for (sum, part) in total.iter_mut().zip(sums) {
                *sum += part;
            }
        }
        if self.root {
            told.copy_from_slice(total);
            self.pending.complete = true;
        } else {
            let bits = if self.children.is_empty() { self.settings.leaf_bits } else { self.settings.bits };
            self.up.evaluation = number(self.evaluation);
            self.up.change.towards(total, told, bits);
            self.pending.answer = true;
        }
        if self.down.certify {
            self.certify();
            self.up.bounds = Some(ShortBounds::of(&self.bounds));
        } else {
            self.up.bounds = None;
        }
    }

    /// Adds up the bounds; what the parent knows differs from the sum by the rounding of both.
    fn certify(&mut self) {
        let [prices, totals, told, sums] = self.vectors.parts();
        let mut bounds = self.responder.bounds(prices);
        let (mut untold, mut size) = (0.0, 0.0);
        for (total, told) in totals.iter().zip(told.iter()) {
            untold += (total - told) * (total - told);
            size += total.abs();
        }
        for (child, sums) in self.children.iter().zip(sums.chunks_exact(totals.len())) {
            bounds = bounds.and(if child.lost { held(prices, sums) } else { child.bounds });
            size += sums.iter().fold(0.0, |sum, part| sum + part.abs());
        }
        let operations = (self.children.len() + prices.len() + 4) as f64;
        let rounding = operations * f64::EPSILON * size + f64::MIN_POSITIVE;
        let untold = untold.sqrt() * (1.0 + operations * f64::EPSILON) + rounding;
        self.bounds = bounds.and(Bounds { lower: 0.0, slack: 0.0, drift: untold });
    }

    fn stale(&self, found: u8) -> NodeError {
        PeerError::Stale { found, current: number(self.evaluation) }.into()
    }
}

impl Vectors {
    fn prices(&self) -> &[f64] {
        &self.all[..self.junctions]
    }

    fn prices_mut(&mut self) -> &mut [f64] {
        &mut self.all[..self.junctions]
    }

    fn told(&self) -> &[f64] {
        &self.all[2 * self.junctions..VECTORS * self.junctions]
    }

    fn child_mut(&mut self, place: usize) -> &mut [f64] {
        &mut self.all[(VECTORS + place) * self.junctions..][..self.junctions]
    }

    /// Prices, total, what was told, and the children's sums.
    fn parts(&mut self) -> [&mut [f64]; 4] {
        let (prices, rest) = self.all.split_at_mut(self.junctions);
        let (total, rest) = rest.split_at_mut(self.junctions);
        let (told, children) = rest.split_at_mut(self.junctions);
        [prices, total, told, children]
    }
}

/// Takes the lowest place out of a set.
fn take_first(set: &mut u16) -> Option<usize> {
    let place = set.trailing_zeros();
    *set &= set.wrapping_sub(1);
    (place < u16::BITS).then_some(place as usize)
}

/// The bounds of a subtree that stays where it is, without its constant cost.
fn held(prices: &[f64], sums: &[f64]) -> Bounds {
    let mut paid = Interval::ZERO;
    for (price, sum) in prices.iter().zip(sums) {
        paid = paid.plus(Interval::point(*price).times(*sum));
    }
    Bounds { lower: paid.low, slack: (paid.high - paid.low).next_up(), drift: 0.0 }
}

fn number(evaluation: u32) -> u8 {
    (evaluation % u32::from(EVALUATIONS_MODULO)) as u8
}

fn check_shares(member: &Member, junctions: usize) -> Result<(), NodeError> {
    let variables = member.problem.variables();
    for (place, share) in member.shares.iter().enumerate() {
        if share.junction >= junctions {
            return Err(NodeError::Misuse { what: "a share's junction", found: share.junction, limit: junctions });
        }
        for (variable, weight) in &share.terms {
            if *variable >= variables {
                let fault = Malformed::NoSuchVariable { what: "share", place, variable: *variable, variables };
                return Err(QpError::from(fault).into());
            }
            if weight.is_nan() || weight.abs() > crate::problem::MAGNITUDE_MAX {
                let fault = Malformed::Magnitude { what: "a term of share", place, value: *weight };
                return Err(QpError::from(fault).into());
            }
        }
    }
    Ok(())
}
