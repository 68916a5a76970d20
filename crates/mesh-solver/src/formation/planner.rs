//! The rounds of a row of agents: who tells whom what, and when a plan is good enough.
//!
//! ```text
//! repeat
//!   sweep right    agents whose constraints or left neighbours changed eliminate their free numbers
//!   at the end     prices of thrust from the sums
//!   sweep left     each aims at the best plan with what is held
//!   all            go there, or to where the first constraint is met: hold that one
//!   all there      sweep the gap together; small: done; otherwise each axis lets go its most costly constraint
//! ```
//!
//! A round is one hop: a sweep over M agents takes M - 1. What is passed in between is counted in bytes of 8 a number.

use super::agent::{Agent, AxisChange};
use super::model::Model;
use super::{Formation, FormationError, State, VEHICLES_MAX};
use crate::bound::relative_gap;
use crate::interval::Interval;

/// What a plan took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Sweeps to the right and back.
    pub sweeps: u32,
    /// Messages in a row.
    pub rounds: u64,
    /// Payload of all messages.
    pub bytes: u64,
}

/// A plan that can be flown, with proof of how good it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its cost.
    pub upper: f64,
    /// No plan costs less.
    pub lower: f64,
    /// By how much, of the constraint's limit, it breaks a constraint: rounding only.
    pub violation: f64,
    /// Price of thrust at each step.
    pub prices: Vec<f64>,
    /// What it took.
    pub effort: Effort,
}

/// A row of agents in one process, each behind its messages.
#[derive(Debug, Clone)]
pub struct Planner {
    model: Model,
    agents: Vec<Agent>,
    /// Whether the thrust of a step is held at its largest.
    exhausted: Vec<bool>,
    prices: Vec<f64>,
    thrust: Vec<f64>,
    thrust_change: Vec<f64>,
    /// The first agent whose message to the right is out of date.
    stale_from: usize,
    gap_max: f64,
    gap: f64,
    effort: Effort,
}

/// What is met first on the way to the target.
enum Obstacle {
    Budget(usize),
    Own(usize, AxisChange),
}

/// A multiplier of the wrong sign, and whose.
enum Release {
    Budget(usize),
    Own(usize, AxisChange),
}

impl Planner {
    /// A row of vehicles at rest in the plan, each with its goal; a plan is good when its certified relative gap is at
    /// most `gap_max`.
    pub fn new(
        formation: &Formation,
        goals: &[[f64; 2]],
        states: &[State],
        gap_max: f64,
    ) -> Result<Self, FormationError> {
        formation.check()?;
        if goals.is_empty() || goals.len() > VEHICLES_MAX {
            return Err(FormationError::Count { what: "vehicles", count: goals.len(), expected: VEHICLES_MAX });
        }
        for (vehicle, goal) in goals.iter().enumerate() {
            super::check_place("the goal", vehicle, *goal)?;
        }
        if gap_max.is_nan() || gap_max < GAP_LEAST {
            return Err(FormationError::Setting { what: "the gap", value: gap_max });
        }
        let model = Model::new(formation, goals.len());
        let steps = formation.steps;
        let mut planner = Self {
            agents: goals.iter().map(|goal| Agent::new(&model, *goal)).collect(),
            exhausted: vec![false; steps],
            prices: vec![0.0; steps],
            thrust: vec![0.0; steps],
            thrust_change: vec![0.0; steps],
            stale_from: 0,
            gap_max,
            gap: f64::INFINITY,
            effort: Effort::default(),
            model,
        };
        planner.start(states)?;
        Ok(planner)
    }

    /// Leaves the first step of the plan behind and goes on from these states, wherever the vehicles were meant to be.
    pub fn advance(&mut self, states: &[State]) -> Result<(), FormationError> {
        self.check_states(states)?;
        self.agents.iter_mut().for_each(Agent::shift);
        self.exhausted.rotate_left(1);
        if let Some(last) = self.exhausted.last_mut() {
            *last = false;
        }
        self.start(states)
    }

    /// Improves the plan until it is certified to be good enough.
    pub fn solve(&mut self) -> Result<Plan, FormationError> {
        self.effort = Effort::default();
        self.gap = f64::INFINITY;
        let sweeps_max = SWEEPS_MAX + SWEEPS_MAX_PER_VEHICLE * self.agents.len() as u32;
        // Whether anything moved since constraints were let go: if not, several hinder each other.
        let mut moved = true;
        while self.effort.sweeps < sweeps_max {
            self.sweep();
            let (length, obstacle) = self.first_obstacle();
            self.agents.iter_mut().for_each(|agent| agent.advance(&self.model, length));
            moved |= length > 0.0;
            match obstacle {
                Some(Obstacle::Budget(step)) => self.exhausted[step] = true,
                Some(Obstacle::Own(vehicle, change)) => self.change(vehicle, change),
                None => {
                    let (upper, lower, releases) = self.judge();
                    self.gap = relative_gap(lower, upper);
                    if self.gap <= self.gap_max || releases.is_empty() {
                        let (upper, lower) = self.certify();
                        self.gap = relative_gap(lower, upper);
                        if self.gap <= self.gap_max || releases.is_empty() {
                            return self.plan(upper, lower);
                        }
                    }
                    self.release(releases, moved);
                    moved = false;
                }
            }
        }
        Err(FormationError::Unfinished { sweeps: self.effort.sweeps, gap: self.gap })
    }

    /// The inputs of a vehicle's plan: x and y, one a step.
    pub fn inputs(&self, vehicle: usize) -> [&[f64]; 2] {
        self.agents[vehicle].inputs()
    }

    /// Where each vehicle is after the first step of the plan.
    pub fn after_one_step(&self) -> Vec<State> {
        self.agents.iter().map(Agent::after_one_step).collect()
    }

    /// How many of the plan's inputs stand at their largest, how many are none, how many velocities stand at their
    /// largest, and at how many steps thrust has a price.
    pub fn count_held(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for agent in &self.agents {
            counts.iter_mut().zip(agent.count_held()).for_each(|(sum, count)| *sum += count);
        }
        counts[3] = self.prices.iter().filter(|price| **price > 0.0).count();
        counts
    }

    fn check_states(&self, states: &[State]) -> Result<(), FormationError> {
        if states.len() != self.agents.len() {
            let (count, expected) = (states.len(), self.agents.len());
            return Err(FormationError::Count { what: "states", count, expected });
        }
        states.iter().enumerate().try_for_each(|(vehicle, state)| self.model.formation.check_state(vehicle, state))
    }

    fn start(&mut self, states: &[State]) -> Result<(), FormationError> {
        self.check_states(states)?;
        for (agent, state) in self.agents.iter_mut().zip(states) {
            agent.start(&self.model, state);
        }
        self.stale_from = 0;
        // A vehicle that is not where it was meant to be may burn less than it had planned.
        self.add_thrust();
        let least = self.model.thrust_max() * (1.0 - TOUCHING);
        self.exhausted.iter_mut().zip(&self.thrust).for_each(|(exhausted, thrust)| *exhausted &= *thrust >= least);
        Ok(())
    }

    /// Everybody aims at the best plan with what is held.
    fn sweep(&mut self) {
        let (model, count) = (&self.model, self.agents.len());
        for vehicle in self.stale_from..count {
            let (before, rest) = self.agents.split_at_mut(vehicle);
            rest[0].eliminate(model, before.last().map(Agent::rightward), vehicle + 1 < count);
            if vehicle + 1 < count {
                self.effort.bytes += bytes(rest[0].rightward().numbers(model.steps()));
            }
        }
        self.stale_from = count;
        if let Some(last) = self.agents.last() {
            last.rightward().prices.prices(model.thrust_max(), &mut self.exhausted, &mut self.prices);
        }
        for vehicle in (0..count).rev() {
            let (before, after) = self.agents.split_at_mut(vehicle + 1);
            before[vehicle].substitute(model, &self.prices, after.first().map(Agent::target_positions));
        }
        // To the right the length of the step before and what it met; to the left prices, where the sender aims, how
        // thrust changes, and the length so far.
        let hops = count - 1;
        self.effort.bytes += bytes(hops * (3 + 4 * model.steps() + 2));
        self.effort.rounds += 2 * hops as u64;
        self.effort.sweeps += 1;
    }

    /// How far all can go towards the target, and what is in the way.
    fn first_obstacle(&mut self) -> (f64, Option<Obstacle>) {
        let mut length = 1.0;
        let mut first = None;
        for (vehicle, agent) in self.agents.iter().enumerate() {
            if let Some(change) = agent.first_obstacle(&self.model, &mut length) {
                first = Some(Obstacle::Own(vehicle, change));
            }
        }
        self.add_thrust();
        self.thrust_change.fill(0.0);
        self.agents.iter().for_each(|agent| agent.add_thrust_change(&self.model, &mut self.thrust_change));
        let most = self.model.thrust_max();
        let slack = TOUCHING * most;
        for step in 0..self.exhausted.len() {
            let (thrust, way) = (self.thrust[step], self.thrust_change[step]);
            if !self.exhausted[step] && way > slack && thrust + length * way > most + slack {
                length = ((most - thrust) / way).max(0.0);
                first = Some(Obstacle::Budget(step));
            }
        }
        (length, first)
    }

    /// Cost, what it could be as far as rounding lets one see, and all multipliers of the wrong sign; nothing held is in
    /// the way.
    fn judge(&mut self) -> (f64, f64, Vec<(f64, Release)>) {
        let (mut cost, mut gap) = (0.0, 0.0);
        let mut releases = Vec::new();
        for vehicle in 0..self.agents.len() {
            let (before, rest) = self.agents.split_at_mut(vehicle);
            let (own, after) = rest.split_at_mut(1);
            let sides = (before.last().map(Agent::positions), after.first().map(Agent::positions));
            let verdict = own[0].judge(&self.model, &self.prices, sides);
            cost += verdict.cost;
            gap += verdict.gap;
            for (excess, change) in verdict.releases.into_iter().flatten() {
                releases.push((excess, Release::Own(vehicle, change)));
            }
        }
        self.add_thrust();
        for (step, price) in self.prices.iter().enumerate() {
            gap += price.max(0.0) * (self.model.thrust_max() - self.thrust[step]);
            if *price < 0.0 {
                releases.push((-price, Release::Budget(step)));
            }
        }
        // Right: where the sender is, and cost, gap and thrust so far. Left: what was decided.
        let hops = self.agents.len() - 1;
        self.effort.bytes += bytes(hops * (3 * self.model.steps() + 2 + 2));
        self.effort.rounds += 2 * hops as u64;
        (cost, cost - gap, releases)
    }

    /// A number above the cost of the plan and one below that of every plan, rounded outwards throughout. The two travel
    /// with a judgement.
    fn certify(&mut self) -> (f64, f64) {
        let (mut upper, mut lower) = (Interval::ZERO, Interval::ZERO);
        for (vehicle, agent) in self.agents.iter().enumerate() {
            let left = vehicle.checked_sub(1).and_then(|left| self.agents.get(left));
            let sides = (left.map(Agent::positions), self.agents.get(vehicle + 1).map(Agent::positions));
            let (cost, least) = agent.certify(&self.model, &self.prices, sides);
            (upper, lower) = (upper.plus(cost), lower.plus(least));
        }
        let formation = &self.model.formation;
        let budget = Interval::point(formation.thrust_share).times(formation.input_max).times(self.agents.len() as f64);
        for price in &self.prices {
            lower = lower.minus(budget.times(price.max(0.0)));
        }
        self.effort.bytes += bytes((self.agents.len() - 1) * 2);
        (upper.high, lower.low)
    }

    /// Lets go what costs, one an axis; only the most costly one if nothing `moved` since the last time.
    fn release(&mut self, mut releases: Vec<(f64, Release)>, moved: bool) {
        if !moved {
            let most = releases.iter().map(|(excess, _)| *excess).fold(0.0, f64::max);
            let first = releases.iter().position(|(excess, _)| *excess >= most).unwrap_or(0);
            releases = vec![releases.swap_remove(first)];
        }
        for (_, release) in releases {
            match release {
                Release::Budget(step) => self.exhausted[step] = false,
                Release::Own(vehicle, change) => self.change(vehicle, change),
            }
        }
    }

    fn change(&mut self, vehicle: usize, change: AxisChange) {
        self.agents[vehicle].change(&self.model, change);
        self.stale_from = self.stale_from.min(vehicle);
    }

    fn add_thrust(&mut self) {
        self.thrust.fill(0.0);
        self.agents.iter().for_each(|agent| agent.add_thrust(&mut self.thrust));
    }

    fn plan(&self, upper: f64, lower: f64) -> Result<Plan, FormationError> {
        let own = self.agents.iter().map(|agent| agent.violation(&self.model.formation)).fold(0.0, f64::max);
        let shared = self.thrust.iter().map(|thrust| thrust / self.model.thrust_max() - 1.0).fold(0.0, f64::max);
        let violation = own.max(shared);
        if violation > VIOLATION_MAX {
            return Err(FormationError::Violated { violation });
        }
        if self.gap > self.gap_max {
            return Err(FormationError::Unfinished { sweeps: self.effort.sweeps, gap: self.gap });
        }
        let (prices, effort) = (self.prices.clone(), self.effort);
        Ok(Plan { upper, lower, violation, prices, effort })
    }
}

fn bytes(numbers: usize) -> u64 {
    8 * numbers as u64
}

/// Nearer than this part of its limit thrust is at the limit.
const TOUCHING: f64 = 1e-11;
/// By how much, of its limit, a constraint may be broken: what sums of touching constraints round to.
const VIOLATION_MAX: f64 = 1e-9;
/// The smallest gap that rounding lets a plan reach.
const GAP_LEAST: f64 = 1e-11;
/// Most sweeps of one plan, and as many more for every vehicle; cold starts were seen to take 60 a vehicle.
const SWEEPS_MAX: u32 = 1000;
const SWEEPS_MAX_PER_VEHICLE: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_limit_is_no_plan() {
        let formation = Formation {
            steps: 4,
            step_s: 0.5,
            position: 1.0,
            velocity: 0.1,
            input: 0.1,
            formation: 0.0,
            spacing: [0.0; 2],
            input_max: 1.0,
            velocity_max: 2.0,
            thrust_share: 0.5,
        };
        let states = [State { position: [3.0, -1.0], velocity: [0.5, 0.0] }];
        let mut planner = Planner::new(&formation, &[[0.0; 2]], &states, 1e-6).expect("within limits");
        let plan = planner.solve().expect("thrust can always be none");
        assert!(planner.plan(plan.upper, plan.lower).is_ok());
        planner.thrust[0] = planner.model.thrust_max() * (1.0 + 1e-8);
        let refused = planner.plan(plan.upper, plan.lower);
        assert!(matches!(refused, Err(FormationError::Violated { violation }) if violation > 5e-9), "{refused:?}");
    }
}
