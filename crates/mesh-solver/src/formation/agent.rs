//! One vehicle: what it does with its own problem and its neighbours' messages. It sees nothing else.

use super::axis::{Axis, Change, Judgement, Reduced};
use super::model::Model;
use super::prices::PriceSums;
use super::{Formation, State};
use crate::interval::Interval;

/// What an agent tells its neighbour to the right.
#[derive(Debug, Clone)]
pub(super) struct Rightward {
    axes: [Reduced; 2],
    /// Of all agents up to this one.
    pub(super) prices: PriceSums,
}

/// One number a step: along x, along y.
pub(super) type Trajectory<'a> = [&'a [f64]; 2];

/// A constraint of one vehicle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AxisChange {
    pub(super) axis: usize,
    pub(super) change: Change,
}

/// What an agent says about a plan that nothing held keeps from moving.
pub(super) struct Verdict {
    pub(super) cost: f64,
    pub(super) gap: f64,
    /// For each axis the constraint to let go, and what it costs.
    pub(super) releases: [Option<(f64, AxisChange)>; 2],
}

#[derive(Debug, Clone)]
pub(super) struct Agent {
    axes: [Axis; 2],
    rightward: Rightward,
}

impl Agent {
    pub(super) fn new(model: &Model, goal: [f64; 2]) -> Self {
        let spacing = model.formation.spacing;
        Self {
            axes: [Axis::new(model, goal[0], spacing[0]), Axis::new(model, goal[1], spacing[1])],
            rightward: Rightward { axes: Default::default(), prices: PriceSums::new(model.steps()) },
        }
    }

    pub(super) fn start(&mut self, model: &Model, state: &State) {
        for (place, axis) in self.axes.iter_mut().enumerate() {
            axis.start(model, state.position[place], state.velocity[place]);
        }
    }

    pub(super) fn shift(&mut self) {
        self.axes.iter_mut().for_each(Axis::shift);
    }

    pub(super) fn change(&mut self, model: &Model, change: AxisChange) {
        self.axes[change.axis].change(model, change.change);
    }

    /// Works out what to tell the neighbour to the right, who is there if `right`.
    pub(super) fn eliminate(&mut self, model: &Model, left: Option<&Rightward>, right: bool) {
        let Rightward { axes, prices } = &mut self.rightward;
        prices.start_from(left.map(|left| &left.prices));
        for (place, (axis, out)) in self.axes.iter_mut().zip(axes).enumerate() {
            axis.eliminate(model, (left.map(|left| &left.axes[place]), right), out, prices);
        }
    }

    /// Aims at the best plan with what is held, given the prices and where the neighbour to the right aims.
    pub(super) fn substitute(&mut self, model: &Model, prices: &[f64], right: Option<Trajectory>) {
        for (place, (axis, reduced)) in self.axes.iter_mut().zip(&self.rightward.axes).enumerate() {
            axis.substitute(model, reduced, prices, right.map(|right| right[place]));
        }
    }

    pub(super) fn advance(&mut self, model: &Model, length: f64) {
        self.axes.iter_mut().for_each(|axis| axis.advance(model, length));
    }

    pub(super) fn judge(
        &mut self,
        model: &Model,
        prices: &[f64],
        (left, right): (Option<Trajectory>, Option<Trajectory>),
    ) -> Verdict {
        let mut verdict = Verdict { cost: 0.0, gap: 0.0, releases: [None; 2] };
        for (place, axis) in self.axes.iter_mut().enumerate() {
            let sides = (left.map(|left| left[place]), right.map(|right| right[place]));
            let Judgement { cost, gap, release } = axis.judge(model, prices, sides);
            verdict.cost += cost;
            verdict.gap += gap;
            verdict.releases[place] = release.map(|(excess, change)| (excess, AxisChange { axis: place, change }));
        }
        verdict
    }

    /// What it adds to the cost of the plan, and to a bound below the cost of every plan; prices of the newest judgement.
    pub(super) fn certify(
        &self,
        model: &Model,
        prices: &[f64],
        (left, right): (Option<Trajectory>, Option<Trajectory>),
    ) -> (Interval, Interval) {
        let (mut upper, mut lower) = (Interval::ZERO, Interval::ZERO);
        for (place, axis) in self.axes.iter().enumerate() {
            let sides = (left.map(|left| left[place]), right.map(|right| right[place]));
            let (cost, least) = axis.certify(model, prices, sides);
            (upper, lower) = (upper.plus(cost), lower.plus(least));
        }
        (upper, lower)
    }

    /// Shortens `length` to where the first own constraint is met on the way to the target.
    pub(super) fn first_obstacle(&self, model: &Model, length: &mut f64) -> Option<AxisChange> {
        let mut first = None;
        for (place, axis) in self.axes.iter().enumerate() {
            if let Some(change) = axis.first_obstacle(model, length) {
                first = Some(AxisChange { axis: place, change });
            }
        }
        first
    }

    pub(super) fn add_thrust(&self, thrust: &mut [f64]) {
        self.axes.iter().for_each(|axis| axis.add_thrust(thrust));
    }

    pub(super) fn add_thrust_change(&self, model: &Model, change: &mut [f64]) {
        self.axes.iter().for_each(|axis| axis.add_thrust_change(model, change));
    }

    pub(super) fn rightward(&self) -> &Rightward {
        &self.rightward
    }

    /// Where it aims to be after each step.
    pub(super) fn target_positions(&self) -> Trajectory<'_> {
        [self.axes[0].target_positions(), self.axes[1].target_positions()]
    }

    /// Where it is after each step of the plan.
    pub(super) fn positions(&self) -> Trajectory<'_> {
        [self.axes[0].positions(), self.axes[1].positions()]
    }

    pub(super) fn inputs(&self) -> Trajectory<'_> {
        [self.axes[0].inputs(), self.axes[1].inputs()]
    }

    /// Where it is after one step of the plan.
    pub(super) fn after_one_step(&self) -> State {
        let [x, y] = &self.axes;
        State { position: [x.positions()[0], y.positions()[0]], velocity: [x.velocities()[1], y.velocities()[1]] }
    }

    /// By how much, of the limit, a limit of its own is overrun.
    pub(super) fn violation(&self, formation: &Formation) -> f64 {
        let mut worst: f64 = 0.0;
        for axis in &self.axes {
            for (input, pair) in axis.inputs().iter().zip(axis.velocities().windows(2)) {
                worst = worst.max(input.abs() / formation.input_max - 1.0);
                worst = worst.max(pair[1].abs() / formation.velocity_max - 1.0);
                let off = pair[0] + formation.step_s * input - pair[1];
                worst = worst.max(off.abs() / formation.velocity_max);
                if input.is_nan() || off.is_nan() {
                    return f64::INFINITY;
                }
            }
        }
        worst
    }

    /// How many inputs stand at their largest, how many are none, how many velocities stand at their largest.
    pub(super) fn count_held(&self) -> [usize; 3] {
        let (x, y) = (self.axes[0].count_held(), self.axes[1].count_held());
        [x.0 + y.0, x.1 + y.1, x.2 + y.2]
    }
}

impl Rightward {
    /// Numbers in it: the two tables and the base of each axis, the sums with half of the symmetric part.
    pub(super) fn numbers(&self, steps: usize) -> usize {
        let tables: usize = self.axes.iter().map(|axis| axis.free * (2 * steps + 1) + steps).sum();
        tables + steps * (steps + 1) / 2 + steps
    }
}
