//! One end of all edges with one neighbour: states, copies, and the weights that both ends agree on.
//!
//! **Weights have a number.** What one end says under a number belongs to the weights of that number; under any other it
//! is neither taken in nor compared. The source offers a change when its watches ask for one, the sink takes it up, and
//! the source does when it knows that the sink has. The prices that the states stand for stay what they are.
//!
//! When a round is over, whose word is late and what is sent as which bytes is for those who hold a terminal.

use super::stride::Stride;
use super::weights::{self, Watch};
use super::{End, Pull, Residuals, candidate, from_plan, pull, receive, reflect, residuals};

/// This end of the edges.
#[derive(Debug, Clone)]
pub struct Terminal {
    end: End,
    /// What this end takes for the right weights.
    guess: Vec<Option<f64>>,
    weights: Vec<f64>,
    /// Number of the weights; 0 while they are this end's guess only.
    number: u32,
    offer: Offer,
    /// Round of the last change, and how many there were by offers.
    changed_at: u64,
    changes: u32,
    watches: Vec<Watch>,
    stride: Stride,
    /// What this end holds of each edge.
    state: Vec<f64>,
    /// The newest solve, and the states that it was pulled to.
    copies: Vec<f64>,
    solved: Vec<f64>,
    /// What was said of it; empty before there is anything, and when the weights became others since.
    said: Vec<f64>,
}

/// What one end wants of the weights.
#[derive(Debug, Clone, PartialEq)]
pub enum Offer {
    /// Nothing.
    Keep,
    /// Its guess of each, before there are any; positive.
    Guess(Vec<Option<f64>>),
    /// The source's wish: each times two to this power, from the next number on.
    Scale(Vec<i8>),
}

/// Why an offer is none. Nothing changes by it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum OfferError {
    /// It is for another number of edges.
    #[error("an offer for {length} edges where there are {expected}")]
    Dimension {
        /// For how many it is.
        length: usize,
        /// How many there are.
        expected: usize,
    },
    /// A guess that is not a number.
    #[error("an offer of what is not a number")]
    NotANumber,
    /// A weight or a power beyond what is agreed to.
    #[error("an offer of {value}, beyond {limit}")]
    BeyondBounds {
        /// The number.
        value: f64,
        /// Its largest absolute value; a guess is above zero besides.
        limit: f64,
    },
}

/// When the source of edges may ask for other weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Least rounds between changes.
    pub every: u64,
    /// Most changes.
    pub changes_max: u32,
}

/// Which weights change by their own watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Each for itself: where edges differ in what flows over them.
    Each,
    /// All by one factor: where edges are alike and what each sees is mostly accident.
    Together,
}

/// The states of a terminal as they were.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    state: Vec<f64>,
    copies: Vec<f64>,
    weights: Vec<f64>,
}

impl Terminal {
    /// An end that starts from `start` and takes `guess` for the right weights.
    pub fn new(end: End, guess: Vec<Option<f64>>, start: Vec<f64>) -> Self {
        Self {
            end,
            weights: guess.iter().map(|guess| weights::agreed(*guess, None)).collect(),
            number: 0,
            offer: Offer::Guess(guess.clone()),
            changed_at: 0,
            changes: 0,
            watches: vec![Watch::default(); guess.len()],
            stride: Stride::default(),
            guess,
            state: start.clone(),
            solved: start.clone(),
            copies: start,
            said: Vec::new(),
        }
    }

    /// Takes up the weights that the neighbour shows or asks for; whether they are others. The offer must have passed
    /// [`Offer::check`].
    pub fn reweigh(&mut self, number: u32, offer: &Offer, round: u64) -> bool {
        if self.number == 0 {
            let Offer::Guess(theirs) = offer else { return false };
            let agreed: Vec<f64> = self.guess.iter().zip(theirs).map(|(a, b)| weights::agreed(*a, *b)).collect();
            self.set_weights(agreed, round);
            return true;
        }
        if number > 0 {
            self.forget_guess();
        }
        let powers = match (self.end, &self.offer, offer) {
            (End::Source, Offer::Scale(powers), _) if number == self.number + 1 => powers.clone(),
            (End::Sink, _, Offer::Scale(powers)) if number == self.number => powers.clone(),
            _ => return false,
        };
        self.rescale(&powers, round);
        true
    }

    /// Takes up what the source offered, where both ends know that both have it; whether the weights are others. Asked
    /// for more changes than there may be, it keeps them. The offer must have passed [`Offer::check`].
    pub fn take_up(&mut self, offer: &Offer, round: u64, patience: Patience) -> bool {
        let Offer::Scale(powers) = offer else { return false };
        let may = self.number > 0 && self.changes < patience.changes_max;
        if may {
            self.rescale(powers, round);
        }
        may
    }

    /// Starts from a flow and a price: if both come true, from where it ends.
    pub fn start_from(&mut self, flow: &[f64], price: &[f64]) {
        self.copies = flow.to_vec();
        self.state = from_plan(flow, price, &self.weights[..], self.end);
        self.interrupt();
    }

    /// Takes in what the neighbour said under the weights of `number`; whether it did. The step is Halpern's where an
    /// anchor was dropped, and the part `theta` of the way where none was.
    pub fn receive(&mut self, number: u32, reflected: &[f64], theta: f64) -> bool {
        if number != self.number || self.number == 0 || reflected.is_empty() {
            return false;
        }
        self.forget_guess();
        if !self.stride.step(&mut self.state, reflected) {
            receive(&mut self.state, reflected, theta);
        }
        if self.said.len() == reflected.len() {
            let (flow, price) = self.candidate(reflected);
            for (k, watch) in self.watches.iter_mut().enumerate() {
                watch.observe(flow[k], price[k], self.weights[k]);
            }
            self.stride.note(flow, price);
        }
        true
    }

    /// Offers other weights if this is the source and the watches ask for them.
    pub fn propose(&mut self, round: u64, patience: Patience, scaling: Scaling) {
        let settled = round - self.changed_at >= patience.every;
        let may = self.end == End::Source && self.offer == Offer::Keep && self.changes < patience.changes_max;
        if !may || !settled {
            return;
        }
        let powers: Vec<i8> = match scaling {
            Scaling::Each => self.watches.iter().map(Watch::verdict).collect(),
            Scaling::Together => vec![Watch::verdict_of_all(&self.watches, &self.weights); self.watches.len()],
        };
        if powers.iter().any(|power| *power != 0) {
            self.offer = Offer::Scale(powers);
        }
    }

    /// Offers other weights if this is the source and what was agreed since the anchor was dropped asks for them.
    pub fn propose_of_stretch(&mut self, changes_max: u32) {
        if self.end != End::Source || self.offer != Offer::Keep || self.changes >= changes_max {
            return;
        }
        if let Some(powers) = self.stride.imbalance(&self.weights).filter(|powers| powers.iter().any(|p| *p != 0)) {
            self.offer = Offer::Scale(powers);
        }
    }

    /// Begins a stretch of Halpern's steps from the states as they are. The neighbour must begin one in the same round.
    pub fn drop_anchor(&mut self) {
        self.stride.drop_anchor(&self.state);
    }

    /// Ends such a stretch: the next steps are plain ones.
    pub fn weigh_anchor(&mut self) {
        self.stride.weigh_anchor();
    }

    /// Takes the copies from a solve.
    pub fn solved(&mut self, copies: Vec<f64>) {
        self.copies = copies;
    }

    /// What is to be said of the newest solve; empty before there are weights.
    pub fn say(&mut self) -> &[f64] {
        self.solved.clone_from(&self.state);
        if self.number > 0 {
            self.said = reflect(&self.copies, &self.state);
        }
        &self.said
    }

    /// Takes what was said for what the neighbour will understand of it.
    pub fn is_understood_as(&mut self, said: Vec<f64>) {
        self.said = said;
    }

    /// Forgets how the edges moved, and what was said.
    pub fn interrupt(&mut self) {
        self.watches.fill_with(Watch::default);
        self.said.clear();
        self.stride.weigh_anchor();
    }

    /// Goes back to where it was; the prices of then hold whatever the weights have become.
    pub fn resume(&mut self, from: &Snapshot) {
        self.copies.clone_from(&from.copies);
        for (k, state) in self.state.iter_mut().enumerate() {
            let away = from.state[k] - from.copies[k];
            *state = from.copies[k] + away * (from.weights[k] / self.weights[k]);
        }
    }

    /// Where it is.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { state: self.state.clone(), copies: self.copies.clone(), weights: self.weights.clone() }
    }

    /// Which end it is.
    pub fn end(&self) -> End {
        self.end
    }

    /// Number of the weights; 0 before they are agreed.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What it asks for.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// One weight an edge.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The copies of the newest solve.
    pub fn copies(&self) -> &[f64] {
        &self.copies
    }

    /// What adds to the owner's cost of the variable of `edge`.
    pub fn pull(&self, edge: usize) -> Pull {
        pull(self.state[edge], self.weights[edge])
    }

    /// Whether anything was said under the weights that hold.
    pub fn has_said(&self) -> bool {
        !self.said.is_empty()
    }

    /// Flow and price of what was said here and what was heard.
    pub fn candidate(&self, heard: &[f64]) -> (Vec<f64>, Vec<f64>) {
        match self.end {
            End::Source => candidate(&self.said, heard, &self.weights[..]),
            End::Sink => candidate(heard, &self.said, &self.weights[..]),
        }
    }

    /// The prices that the states stand for: they hold the neighbour's words as they were taken in over the rounds, so
    /// they stand for its newest when that was lost.
    pub fn standing_price(&self) -> Vec<f64> {
        self.candidate(&self.state).1
    }

    /// Whether it is in a stretch of Halpern's steps.
    pub fn is_anchored(&self) -> bool {
        self.stride.is_anchored()
    }

    /// How far what the neighbour said is from the states that it would replace, squared and weighted.
    pub fn distance_squared(&self, reflected: &[f64]) -> f64 {
        let ends = self.state.iter().zip(reflected).zip(&self.weights);
        ends.map(|((s, q), weight)| weight * (q - s) * (q - s)).sum()
    }

    /// How far the newest solve that was spoken of is from a flow and a price.
    pub fn residuals(&self, flow: &[f64], price: &[f64]) -> Residuals {
        residuals(&self.copies, &self.solved, flow, price, &self.weights[..], self.end)
    }

    /// The neighbour has agreed weights, so it has heard the guess.
    fn forget_guess(&mut self) {
        if matches!(self.offer, Offer::Guess(_)) {
            self.offer = Offer::Keep;
        }
    }

    fn rescale(&mut self, powers: &[i8], round: u64) {
        let scaled = self.weights.iter().zip(powers).map(|(weight, power)| weight * factor(*power)).collect();
        self.set_weights(scaled, round);
        self.offer = Offer::Keep;
        self.changes += 1;
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
        self.interrupt();
    }
}

impl Offer {
    /// Whether a neighbour's offer can be taken up by a terminal of so many edges.
    pub fn check(&self, edges: usize) -> Result<(), OfferError> {
        let of_length = |length: usize| match length == edges {
            true => Ok(()),
            false => Err(OfferError::Dimension { length, expected: edges }),
        };
        match self {
            Self::Keep => Ok(()),
            Self::Guess(guesses) => {
                of_length(guesses.len())?;
                guesses.iter().flatten().try_for_each(|guess| check_guess(*guess))
            }
            Self::Scale(powers) => {
                of_length(powers.len())?;
                match powers.iter().find(|power| power.unsigned_abs() > 1) {
                    Some(power) => Err(OfferError::BeyondBounds { value: f64::from(*power), limit: 1.0 }),
                    None => Ok(()),
                }
            }
        }
    }
}

fn check_guess(guess: f64) -> Result<(), OfferError> {
    if guess.is_nan() {
        Err(OfferError::NotANumber)
    } else if guess > 0.0 && guess <= WEIGHT_MAX {
        Ok(())
    } else {
        Err(OfferError::BeyondBounds { value: guess, limit: WEIGHT_MAX })
    }
}

fn factor(power: i8) -> f64 {
    match power {
        1.. => 2.0,
        0 => 1.0,
        _ => 0.5,
    }
}

/// Largest weight, and one over the smallest.
const WEIGHT_MAX: f64 = 1e15;

#[cfg(test)]
mod tests {
    use super::*;

    /// Source cost x^2/2, sink worth 3x - x^2: optimum at x = 1, price 1.
    fn solve(terminal: &mut Terminal) {
        let pull = terminal.pull(0);
        let copy = match terminal.end() {
            End::Source => -pull.linear / (1.0 + pull.diagonal),
            End::Sink => (3.0 - pull.linear) / (2.0 + pull.diagonal),
        };
        terminal.solved(vec![copy]);
    }

    fn check_agree(guesses: [Option<f64>; 2], scaling: Scaling) -> u32 {
        let mut ends = [
            Terminal::new(End::Source, vec![guesses[0]], vec![0.0]),
            Terminal::new(End::Sink, vec![guesses[1]], vec![0.0]),
        ];
        for round in 1..400 {
            let said = ends.clone().map(|mut end| {
                solve(&mut end);
                (end.number(), end.offer().clone(), end.say().to_vec())
            });
            for (end, (number, offer, reflected)) in ends.iter_mut().zip([&said[1], &said[0]]) {
                solve(end);
                end.say();
                offer.check(1).expect("an honest offer");
                end.reweigh(*number, offer, round);
                end.receive(*number, reflected, 0.5);
                end.propose(round, Patience { every: 10, changes_max: 20 }, scaling);
            }
            assert!(ends[0].number().abs_diff(ends[1].number()) <= 1, "round {round}");
            assert!(ends[0].number() != ends[1].number() || ends[0].weights() == ends[1].weights(), "round {round}");
        }
        for end in &mut ends {
            solve(end);
            end.say();
            assert!((end.copies()[0] - 1.0).abs() < 1e-9, "{guesses:?}: {end:?}");
            let residuals = end.residuals(&[1.0], &[1.0]);
            assert!(residuals.primal_squared < 1e-16 && residuals.dual_squared < 1e-16, "{guesses:?}: {residuals:?}");
        }
        ends[0].changes
    }

    #[test]
    fn agrees_whatever_the_guesses_and_changes_only_what_is_wrong() {
        for scaling in [Scaling::Each, Scaling::Together] {
            assert!(check_agree([Some(1.0), Some(2.0)], scaling) <= 2);
            assert!(check_agree([None, None], scaling) <= 2);
            assert!(check_agree([Some(1e-3), None], scaling) >= 3);
            assert!(check_agree([Some(1e3), Some(1e4)], scaling) >= 3);
        }
    }

    #[test]
    fn a_change_keeps_the_price() {
        let mut sink = Terminal::new(End::Sink, vec![Some(4.0)], vec![0.0]);
        sink.reweigh(0, &Offer::Guess(vec![Some(4.0)]), 0);
        sink.receive(1, &[2.0], 0.5);
        solve(&mut sink);
        let price = |sink: &Terminal| sink.weights()[0] * (sink.copies[0] - sink.state[0]);
        let before = price(&sink);
        assert!(sink.reweigh(1, &Offer::Scale(vec![-1]), 30) && before != 0.0);
        assert_eq!((sink.number(), sink.weights(), price(&sink)), (2, &[2.0][..], before));
        assert!(!sink.receive(1, &[5.0], 0.5), "that belongs to the weights of before");
    }

    #[test]
    fn a_neighbour_that_asks_without_end_is_left_alone() {
        let patience = Patience { every: 1, changes_max: 3 };
        let mut sink = Terminal::new(End::Sink, vec![None], vec![0.0]);
        let wish = Offer::Scale(vec![1]);
        assert!(!sink.take_up(&wish, 0, patience), "there are no agreed weights to change");
        sink.reweigh(0, &Offer::Guess(vec![Some(1.0)]), 0);
        assert!(!sink.take_up(&Offer::Keep, 0, patience));
        assert_eq!((1..9).filter(|round| sink.take_up(&wish, *round, patience)).count(), 3);
        assert_eq!((sink.number(), sink.weights()), (4, &[8.0][..]));
    }

    #[test]
    fn a_start_from_the_optimum_stays_there() {
        for end in [End::Source, End::Sink] {
            let mut terminal = Terminal::new(end, vec![Some(4.0)], vec![0.0]);
            terminal.reweigh(0, &Offer::Guess(vec![Some(1.0)]), 0);
            terminal.start_from(&[1.0], &[1.0]);
            solve(&mut terminal);
            assert_eq!((terminal.weights(), terminal.copies()), (&[2.0][..], &[1.0][..]));
        }
    }

    #[test]
    fn what_is_no_offer_is_named() {
        let check = |offer: Offer, expect: &str| {
            assert_eq!(offer.check(2).expect_err("it is none").to_string(), expect);
        };
        check(Offer::Scale(vec![1]), "an offer for 1 edges where there are 2");
        check(Offer::Scale(vec![0, -2]), "an offer of -2, beyond 1");
        check(Offer::Guess(vec![None, Some(f64::NAN)]), "an offer of what is not a number");
        check(Offer::Guess(vec![None, Some(0.0)]), "an offer of 0, beyond 1000000000000000");
        check(Offer::Guess(vec![None, Some(f64::INFINITY)]), "an offer of inf, beyond 1000000000000000");
        assert_eq!(Offer::Guess(vec![None, Some(3.0)]).check(2), Ok(()));
    }
}
