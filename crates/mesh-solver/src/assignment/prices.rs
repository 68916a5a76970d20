//! The search for prices of tasks at which the bound on all assignments is low.
//!
//! At given prices every agent takes the tasks that are worth most to it beyond them. The sum of prices plus what the
//! agents gain is an upper bound; one minus the number of takers is a slope of it in each price (Held, Wolfe and
//! Crowder 1974). Steps go along a direction that remembers the ones before, their length aims at a level a little below
//! the best bound (Goffin and Kiwiel 1999). A search is a function of sums only: every agent can run its own copy
//! on the same sums and has the same prices, bit for bit, without any being sent.

use super::problem::Task;
use super::worth::Worth;

/// A search for prices.
#[derive(Debug, Clone)]
pub struct PriceSearch {
    /// Whether each task must be done; if not, its price is never negative.
    required: Vec<bool>,
    prices: Vec<Worth>,
    best_prices: Vec<Worth>,
    best_bound: Option<Worth>,
    /// What the agents said to the best prices.
    best_takers: Vec<u32>,
    direction: Vec<f64>,
    /// How far below the best bound the steps aim; positive.
    ambition: f64,
    /// Steps since the bound last fell by a good part of the ambition.
    idle: u32,
}

/// What the agents say to prices, summed over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// How many agents would take each task.
    pub takers: Vec<u32>,
    /// What all agents gain beyond the prices, at least.
    pub gain: Worth,
}

impl PriceSearch {
    /// Starts at these prices, one a task, or the nearest that the tasks may have.
    pub fn new(tasks: &[Task], start: &[Worth]) -> Self {
        let required: Vec<bool> = tasks.iter().map(|task| task.required).collect();
        let start = start.iter().copied().chain(std::iter::repeat(Worth::ZERO));
        let prices: Vec<Worth> =
            required.iter().zip(start).map(|(required, price)| allowed(*required, price)).collect();
        let direction = vec![0.0; tasks.len()];
        let best_prices = prices.clone();
        let best_takers = vec![0; tasks.len()];
        Self { required, prices, best_prices, best_bound: None, best_takers, direction, ambition: 0.0, idle: 0 }
    }

    /// Takes the answer to [`Self::prices`] and moves on to other prices. `target` is a value that is known to be
    /// reached by some assignment: no bound is lower.
    pub fn learn(&mut self, demand: &Demand, target: Option<Worth>) {
        let asked = bound_at(&self.prices, demand.gain);
        let best = self.judge(asked, &demand.takers);
        let bound = if self.prices == self.best_prices { best } else { asked };
        let takers = if self.prices == self.best_prices { &self.best_takers } else { &demand.takers };
        let level = best.0 as f64 - self.ambition;
        let level = target.map_or(level, |target| level.max(target.0 as f64));
        let mut length = 0.0;
        for (task, takers) in takers.iter().enumerate() {
            let slope = 1.0 - f64::from(*takers);
            let memory = MEMORY * self.direction[task] + slope;
            let held = !self.required[task] && memory > 0.0 && self.prices[task] == Worth::ZERO;
            self.direction[task] = if held { 0.0 } else { memory };
            length += self.direction[task] * self.direction[task];
        }
        // Without an ambition there would be no step, and with nothing to change there is no direction.
        if length == 0.0 {
            return;
        }
        let step = STRIDE * (bound.0 as f64 - level).max(1.0) / length;
        for (task, price) in self.prices.iter_mut().enumerate() {
            let moved = Worth((price.0 as f64 - step * self.direction[task]).round() as i64);
            *price = allowed(self.required[task], moved);
        }
    }

    /// The prices to ask the agents about.
    pub fn prices(&self) -> &[Worth] {
        &self.prices
    }

    /// The lowest bound so far, if any demand has been learnt, and its prices.
    pub fn best(&self) -> Option<(Worth, &[Worth])> {
        Some((self.best_bound?, &self.best_prices))
    }

    /// Whether going on is not worth the talk.
    pub fn is_exhausted(&self) -> bool {
        let size = self.best_bound.map_or(0.0, |bound| (bound.0 as f64).abs());
        self.best_bound.is_some() && self.ambition <= AMBITION_LEAST * size.max(Worth::LEAST_SIZE)
    }

    /// Adjusts the ambition to how the last step went; after too many poor ones the search returns to the best prices.
    /// Says the best bound.
    fn judge(&mut self, bound: Worth, takers: &[u32]) -> Worth {
        let before = self.best_bound;
        if before.is_none_or(|best| bound < best) {
            self.best_bound = Some(bound);
            self.best_prices.clone_from(&self.prices);
            self.best_takers.clear();
            self.best_takers.extend(takers);
        }
        let Some(before) = before else {
            self.ambition = AMBITION_FIRST * (bound.0 as f64).abs().max(Worth::LEAST_SIZE);
            return bound;
        };
        let best = before.min(bound);
        let fallen = (before - bound).0 as f64;
        if fallen >= ENOUGH * self.ambition {
            // A level that is nearly reached in one step was not far enough.
            self.ambition *= if fallen >= PLENTY * self.ambition { 2.0 } else { 1.0 };
            self.idle = 0;
            return best;
        }
        self.idle += 1;
        if self.idle > IDLE_MAX {
            self.idle = 0;
            self.ambition *= 0.5;
            self.prices.clone_from(&self.best_prices);
            self.direction.fill(0.0);
        }
        best
    }
}

/// The bound that these prices and the agents' gains give.
pub fn bound_at(prices: &[Worth], gain: Worth) -> Worth {
    prices.iter().copied().sum::<Worth>() + gain
}

/// The nearest price that a task may have.
fn allowed(required: bool, price: Worth) -> Worth {
    price.clamp(if required { -Worth::PRICE_MAX } else { Worth::ZERO }, Worth::PRICE_MAX)
}

impl Worth {
    /// Bounds smaller than 1 are treated as 1: gaps are relative to that as well.
    const LEAST_SIZE: f64 = (1u64 << 20) as f64;
}

/// Part of the last direction that a direction keeps.
const MEMORY: f64 = 0.6;
/// Part of the way to the level that a step goes.
const STRIDE: f64 = 0.7;
/// First ambition relative to the first bound.
const AMBITION_FIRST: f64 = 0.2;
/// Ambition relative to the best bound at which a search ends.
const AMBITION_LEAST: f64 = 2e-5;
/// Part of the ambition that a good step reaches.
const ENOUGH: f64 = 0.1;
/// Part of the ambition that a step reaches when the ambition is too small.
const PLENTY: f64 = 0.5;
/// Poor steps until the ambition is halved.
const IDLE_MAX: u32 = 8;
