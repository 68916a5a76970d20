//! What a coordinate's multipliers say of a plan: how much better another could be at most, and what to let go for it.

use super::{Axis, Change, Input};
use crate::formation::model::Model;
use crate::interval::Interval;

/// What one coordinate says about the plan where nothing that is held keeps it from moving.
pub(in crate::formation) struct Judgement {
    pub(in crate::formation) cost: f64,
    /// By how much the cost could be lower as far as the multipliers know; not negative.
    pub(in crate::formation) gap: f64,
    /// The constraint that costs most, and how much a unit.
    pub(in crate::formation) release: Option<(f64, Change)>,
}

impl Axis {
    /// Cost, gap and the constraint to let go, at the target with the neighbours there.
    pub(in crate::formation) fn judge(
        &mut self,
        model: &Model,
        prices: &[f64],
        (left, right): (Option<&[f64]>, Option<&[f64]>),
    ) -> Judgement {
        let formation = &model.formation;
        let mut cost = self.slopes_at_plan(model, left, right);
        let inputs = self.inputs.iter().map(|input| input * input).sum::<f64>();
        let velocities = self.velocities[1..].iter().map(|velocity| velocity * velocity).sum::<f64>();
        cost += 0.5 * (formation.input * inputs + formation.velocity * velocities);
        let release = self.multipliers(model, prices);
        Judgement { cost, gap: self.gap(model, prices), release }
    }

    /// Encloses what this coordinate adds to the cost of the plan, and a number that it adds to one below the cost of every
    /// plan, whatever the rounding did so far.
    ///
    /// The cost is above its tangent at the plan. The tangent's slopes by positions and velocities are pulled back to the
    /// inputs along the dynamics; to these come the pressures of walls, for which |v| is at most so much, and each input is
    /// worth at least what it is at the end of its range that is best at the price of thrust.
    pub(in crate::formation) fn certify(
        &self,
        model: &Model,
        prices: &[f64],
        (left, right): (Option<&[f64]>, Option<&[f64]>),
    ) -> (Interval, Interval) {
        let formation = &model.formation;
        let (mut cost, mut tangent) = (Interval::ZERO, Interval::ZERO);
        let charge = |cost: &mut Interval, weight: f64, off: Interval| {
            *cost = cost.plus(off.square().times(0.5).times(weight));
            off.times(weight)
        };
        let mut slopes = Vec::with_capacity(self.positions.len());
        for (k, position) in self.positions.iter().enumerate() {
            let here = Interval::point(*position);
            let apart = |from: Interval, to: Interval| to.minus(from).minus(Interval::point(self.spacing));
            let mut slope = charge(&mut cost, formation.position, here.minus(Interval::point(self.goal)));
            if let Some(left) = left {
                let off = apart(Interval::point(left[k]), here);
                slope = slope.plus(charge(&mut cost, formation.formation, off));
            }
            if let Some(right) = right {
                slope = slope.minus(apart(here, Interval::point(right[k])).times(formation.formation));
            }
            let (velocity, input) = (self.velocities[k + 1], self.inputs[k]);
            let by_velocity = charge(&mut cost, formation.velocity, Interval::point(velocity));
            let by_input = charge(&mut cost, formation.input, Interval::point(input));
            tangent = tangent.minus(slope.times(*position)).minus(by_velocity.times(velocity));
            tangent = tangent.minus(by_input.times(input));
            slopes.push((slope, by_velocity, by_input));
        }
        let half = 0.5 * formation.step_s;
        // By all positions from here on, and by all velocities.
        let (mut ahead, mut push) = (Interval::ZERO, Interval::ZERO);
        for (k, (slope, by_velocity, by_input)) in slopes.into_iter().enumerate().rev() {
            let with_this = ahead.plus(slope);
            let pressure = self.pressure(k + 1);
            push = push.plus(by_velocity).plus(with_this.plus(ahead).times(half)).plus(Interval::point(pressure));
            tangent = tangent.minus(Interval::point(pressure.abs()).times(formation.velocity_max));
            let worth = push.times(formation.step_s).plus(by_input);
            let most = worth.low.abs().max(worth.high.abs());
            let excess = (most - prices[k].max(0.0)).next_up().max(0.0);
            tangent = tangent.minus(Interval::point(excess).times(formation.input_max));
            ahead = with_this;
        }
        let start = ahead.times(self.start).plus(ahead.times(half).plus(push).times(self.velocities[0]));
        (cost, cost.plus(tangent).plus(start))
    }

    /// The multiplier of what holds a velocity, cut to its right sign.
    fn pressure(&self, velocity: usize) -> f64 {
        let pressure = self.pressures[velocity];
        if f64::from(self.walls[velocity]) * pressure > 0.0 { pressure } else { 0.0 }
    }

    /// Leaves the slopes of the cost by velocities in `pulled`; returns the cost of positions.
    fn slopes_at_plan(&mut self, model: &Model, left: Option<&[f64]>, right: Option<&[f64]>) -> f64 {
        let formation = &model.formation;
        let mut cost = 0.0;
        for k in 0..self.positions.len() {
            let off = self.positions[k] - self.goal;
            let mut slope = formation.position * off;
            cost += 0.5 * slope * off;
            if let Some(left) = left {
                let off = self.positions[k] - left[k] - self.spacing;
                slope += formation.formation * off;
                cost += 0.5 * formation.formation * off * off;
            }
            if let Some(right) = right {
                slope -= formation.formation * (right[k] - self.positions[k] - self.spacing);
            }
            self.slopes[k] = slope;
        }
        model.pull_back(&self.slopes, &mut self.pulled);
        for k in 0..self.pulled.len() {
            let after = self.inputs.get(k + 1).copied().unwrap_or(0.0);
            self.pulled[k] += formation.velocity * self.velocities[k + 1]
                + formation.input * (self.inputs[k] - after) / formation.step_s;
        }
        cost
    }

    /// Multipliers of what is held: of inputs in `sums`, of walls in `pressures`. Returns the one of the worst sign.
    fn multipliers(&mut self, model: &Model, prices: &[f64]) -> Option<(f64, Change)> {
        let (steps, dt) = (model.steps(), model.formation.step_s);
        let push = &mut self.sums;
        push[steps] = 0.0;
        self.pressures.fill(0.0);
        let mut worst: Option<(f64, Change)> = None;
        let mut consider = |excess: f64, change: Change| {
            if excess > 0.0 && worst.is_none_or(|(most, _)| excess > most) {
                worst = Some((excess, change));
            }
        };
        for stretch in &self.stretches {
            if stretch.last < steps {
                push[stretch.last] = self.held[stretch.last].sign() * prices[stretch.last];
            }
            let pivot = stretch.anchor.unwrap_or(stretch.first);
            for node in (pivot + 1..=stretch.last).rev() {
                push[node - 1] = push[node] - dt * self.pulled[node - 1];
            }
            if let Some(anchor) = stretch.anchor.filter(|anchor| *anchor > 0) {
                if stretch.first > 0 {
                    push[stretch.first - 1] = self.held[stretch.first - 1].sign() * prices[stretch.first - 1];
                }
                for node in stretch.first.max(1)..anchor {
                    push[node] = push[node - 1] + dt * self.pulled[node - 1];
                }
                let pressure = (push[anchor] - push[anchor - 1]) / dt - self.pulled[anchor - 1];
                self.pressures[anchor] = pressure;
                consider(-dt * f64::from(self.walls[anchor]) * pressure, Change::Wall { velocity: anchor, side: 0 });
            }
        }
        for step in 0..steps {
            let (push, price) = (push[step], prices[step]);
            let positive = Change::Input { step, input: Input::Positive };
            let negative = Change::Input { step, input: Input::Negative };
            match self.held[step] {
                Input::Lowest => consider(push + price, negative),
                Input::Highest => consider(price - push, positive),
                Input::Zero if push > 0.0 => consider(push - price, positive),
                Input::Zero => consider(-push - price, negative),
                Input::Negative | Input::Positive => {}
            }
        }
        worst
    }

    /// By how much the cost could be lower, from multipliers that are cut to their right signs.
    fn gap(&mut self, model: &Model, prices: &[f64]) -> f64 {
        let formation = &model.formation;
        let mut gap = 0.0;
        let mut push = 0.0;
        for step in (0..model.steps()).rev() {
            let (side, pressure) = (f64::from(self.walls[step + 1]), self.pressure(step + 1));
            gap += pressure * (side * formation.velocity_max - self.velocities[step + 1]);
            push -= formation.step_s * (self.pulled[step] + pressure);
            let (price, input) = (prices[step].max(0.0), self.inputs[step]);
            gap += formation.input_max * (push.abs() - price).max(0.0) - push * input + price * input.abs();
        }
        gap
    }
}
