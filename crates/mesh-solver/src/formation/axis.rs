//! One coordinate of one vehicle: what is held, what is free, and the elimination of what is free.
//!
//! Held inputs tie velocities to each other, held velocities tie them to a number. A stretch of velocities that are tied
//! to each other is anchored if one of them is known, and otherwise has one free number: that of its first velocity.

mod judgement;

use super::model::Model;
use super::prices::PriceSums;

pub(super) use judgement::Judgement;

/// What is held of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// At the largest input backwards.
    Lowest,
    /// Anything backwards.
    Negative,
    /// No thrust.
    Zero,
    /// Anything forwards.
    Positive,
    /// At the largest input forwards.
    Highest,
}

/// What is taken in among the constraints that are held, or let go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// The input of a step.
    Input { step: usize, input: Input },
    /// The velocity after a step: at its largest forwards (1) or backwards (-1), or free (0).
    Wall { velocity: usize, side: i8 },
}

/// What an agent tells its neighbour to the right about one coordinate; the reduced Schur block is response' response.
#[derive(Debug, Clone, Default)]
pub(super) struct Reduced {
    /// Rows of the two tables below: free numbers.
    pub(super) free: usize,
    /// How positions of the neighbour move the free numbers, scaled by the factor: `steps` a row.
    response: Vec<f64>,
    /// At no price and the neighbour at zero, then by each price: `steps + 1` a row.
    answers: Vec<f64>,
    /// Positions with all free numbers at zero.
    base: Vec<f64>,
}

#[derive(Debug, Clone)]
pub(super) struct Axis {
    start: f64,
    goal: f64,
    spacing: f64,
    /// Velocities 0..=steps; the first is given.
    velocities: Vec<f64>,
    inputs: Vec<f64>,
    positions: Vec<f64>,
    held: Vec<Input>,
    /// Sides of velocities 0..=steps; the first is always 0.
    walls: Vec<i8>,
    stretches: Vec<Stretch>,
    /// First and last velocity of the stretches without anchor.
    free: Vec<(usize, usize)>,
    base: Vec<f64>,
    /// Lower triangle, `free.len()` a row.
    factor: Vec<f64>,
    target: Vec<f64>,
    target_positions: Vec<f64>,
    slopes: Vec<f64>,
    pulled: Vec<f64>,
    sums: Vec<f64>,
    /// The free numbers of the newest target.
    numbers: Vec<f64>,
    /// Multipliers of the walls; positive forwards.
    pressures: Vec<f64>,
    /// How each free number here moves each of the neighbour to the left; a row is one of the neighbour's.
    block: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: usize,
    last: usize,
    anchor: Option<usize>,
}

impl Input {
    /// The input as a share of the largest one, if it is fixed.
    fn fixed(self) -> Option<f64> {
        match self {
            Self::Lowest => Some(-1.0),
            Self::Zero => Some(0.0),
            Self::Highest => Some(1.0),
            Self::Negative | Self::Positive => None,
        }
    }

    /// Which way it thrusts.
    fn sign(self) -> f64 {
        match self {
            Self::Lowest | Self::Negative => -1.0,
            Self::Zero => 0.0,
            Self::Positive | Self::Highest => 1.0,
        }
    }

    /// What holds an input of this value, as a share of the largest.
    fn at(share: f64) -> Self {
        if share <= -1.0 {
            Self::Lowest
        } else if share < 0.0 {
            Self::Negative
        } else if share == 0.0 {
            Self::Zero
        } else if share < 1.0 {
            Self::Positive
        } else {
            Self::Highest
        }
    }
}

impl Axis {
    /// Drifts without thrust.
    pub(super) fn new(model: &Model, goal: f64, spacing: f64) -> Self {
        let steps = model.steps();
        Self {
            start: 0.0,
            goal,
            spacing,
            velocities: vec![0.0; steps + 1],
            inputs: vec![0.0; steps],
            positions: vec![0.0; steps],
            held: vec![Input::Zero; steps],
            walls: vec![0; steps + 1],
            stretches: Vec::with_capacity(steps + 1),
            free: Vec::with_capacity(steps),
            base: vec![0.0; steps + 1],
            factor: Vec::with_capacity(steps * steps),
            target: vec![0.0; steps + 1],
            target_positions: vec![0.0; steps],
            slopes: vec![0.0; steps],
            pulled: vec![0.0; steps],
            sums: vec![0.0; steps + 1],
            numbers: Vec::with_capacity(steps),
            pressures: vec![0.0; steps + 1],
            block: Vec::with_capacity(steps * steps),
        }
    }

    /// Starts from a measured state with the inputs there are, each as far as no velocity leaves its limits.
    pub(super) fn start(&mut self, model: &Model, position: f64, velocity: f64) {
        let formation = &model.formation;
        self.start = position;
        self.velocities[0] = velocity;
        for k in 0..self.inputs.len() {
            let now = self.velocities[k];
            let least = (-formation.velocity_max - now) / formation.step_s;
            let most = (formation.velocity_max - now) / formation.step_s;
            let input = self.inputs[k].clamp(least.min(0.0), most.max(0.0));
            if input != self.inputs[k] {
                self.inputs[k] = input;
                self.held[k] = Input::at(input / formation.input_max);
            }
            let reached = now + formation.step_s * input;
            self.velocities[k + 1] = reached.clamp(-formation.velocity_max, formation.velocity_max);
            let side = f64::from(self.walls[k + 1]);
            if (side * formation.velocity_max - self.velocities[k + 1]).abs() > TOUCHING * formation.velocity_max {
                self.walls[k + 1] = 0;
            }
        }
        model.positions(self.start, &self.velocities, &mut self.positions);
    }

    /// Leaves the first step behind; the new last one is without thrust.
    pub(super) fn shift(&mut self) {
        self.inputs.rotate_left(1);
        self.held.rotate_left(1);
        self.walls.rotate_left(1);
        let last = self.inputs.len() - 1;
        self.inputs[last] = 0.0;
        self.held[last] = Input::Zero;
        self.walls[0] = 0;
        self.walls[last + 1] = 0;
    }

    /// Takes in or lets go a constraint.
    pub(super) fn change(&mut self, model: &Model, change: Change) {
        match change {
            Change::Input { step, input } => {
                self.held[step] = input;
                if let Some(share) = input.fixed() {
                    self.inputs[step] = share * model.formation.input_max;
                }
            }
            Change::Wall { velocity, side } => {
                self.walls[velocity] = side;
                if side != 0 {
                    self.velocities[velocity] = f64::from(side) * model.formation.velocity_max;
                }
            }
        }
    }

    /// Eliminates the free numbers: what the neighbour to the left said in, what the one to the right needs out.
    pub(super) fn eliminate(
        &mut self,
        model: &Model,
        (left, right): (Option<&Reduced>, bool),
        out: &mut Reduced,
        sums: &mut PriceSums,
    ) {
        let steps = model.steps();
        self.lay_out(model);
        model.positions(self.start, &self.base, &mut self.target_positions);
        out.base.clear();
        out.base.extend_from_slice(&self.target_positions);
        self.slopes_at_base(model, left, right);
        self.add_base_thrust(model, &mut sums.wanted);
        let neighbours = usize::from(left.is_some()) + usize::from(right);
        let free = self.free.len();
        out.free = free;
        out.answers.clear();
        out.answers.resize(free * (steps + 1), 0.0);
        out.response.clear();
        out.response.resize(free * steps, 0.0);
        self.factor.clear();
        self.factor.resize(free * free, 0.0);
        for (row, stretch) in self.free.iter().enumerate() {
            let answer = &mut out.answers[row * (steps + 1)..(row + 1) * (steps + 1)];
            answer[0] = self.sums[stretch.0 - 1] - self.sums[stretch.1];
            answer[stretch.0] += self.held[stretch.0 - 1].sign() / model.formation.step_s;
            if stretch.1 < steps {
                answer[stretch.1 + 1] -= self.held[stretch.1].sign() / model.formation.step_s;
            }
            model.response(*stretch, model.formation.formation, &mut out.response[row * steps..(row + 1) * steps]);
            for (column, other) in self.free[..=row].iter().enumerate() {
                self.factor[row * free + column] = model.curvature(neighbours, *stretch, *other);
            }
        }
        if let Some(left) = left {
            self.take_in(model, left, out, sums);
        }
        self.factorise(steps, out);
        for answer in out.answers.chunks_exact(steps + 1) {
            sums.add_square(&answer[1..]);
            if !right {
                sums.wanted.iter_mut().zip(&answer[1..]).for_each(|(sum, slope)| *sum += answer[0] * slope);
            }
        }
    }

    /// The plan that is best with what is held, at these prices and with the neighbour to the right there.
    pub(super) fn substitute(&mut self, model: &Model, reduced: &Reduced, prices: &[f64], right: Option<&[f64]>) {
        let (steps, free) = (model.steps(), reduced.free);
        self.target.copy_from_slice(&self.base);
        self.numbers.clear();
        for row in 0..free {
            let answer = &reduced.answers[row * (steps + 1)..(row + 1) * (steps + 1)];
            let mut value = answer[0] - dot(&answer[1..], prices);
            if let Some(right) = right {
                value += dot(&reduced.response[row * steps..(row + 1) * steps], right);
            }
            self.numbers.push(value);
        }
        for row in (0..free).rev() {
            let mut value = self.numbers[row];
            for later in row + 1..free {
                value -= self.factor[later * free + row] * self.numbers[later];
            }
            value /= self.factor[row * free + row];
            self.numbers[row] = value;
            let (first, last) = self.free[row];
            self.target[first..=last].iter_mut().for_each(|velocity| *velocity += value);
        }
        model.positions(self.start, &self.target, &mut self.target_positions);
    }

    /// Shortens `length`, of which 1 is the way to the target, to where the first constraint is met.
    pub(super) fn first_obstacle(&self, model: &Model, length: &mut f64) -> Option<Change> {
        let (dt, input_max, velocity_max) =
            (model.formation.step_s, model.formation.input_max, model.formation.velocity_max);
        let mut first = None;
        let mut meet = |value: f64, way: f64, least: f64, most: f64, least_at: Change, most_at: Change| {
            let (limit, change) = if way > 0.0 { (most, most_at) } else { (least, least_at) };
            let slack = TOUCHING * velocity_max.max(input_max);
            if way.abs() > slack && (value + *length * way - limit) * way.signum() > slack {
                *length = ((limit - value) / way).max(0.0);
                first = Some(change);
            }
        };
        for step in 0..self.held.len() {
            let velocity = step + 1;
            if self.held[step].fixed().is_none() {
                let (least, most) = match self.held[step] {
                    Input::Negative => (Input::Lowest, Input::Zero),
                    _ => (Input::Zero, Input::Highest),
                };
                let value = self.inputs[step];
                let way = (self.target[velocity] - self.target[step]) / dt - value;
                let at = |input: Input| input.fixed().map_or(0.0, |share| share * input_max);
                let change = |input| Change::Input { step, input };
                meet(value, way, at(least), at(most), change(least), change(most));
            }
            if self.walls[velocity] == 0 {
                let value = self.velocities[velocity];
                let change = |side| Change::Wall { velocity, side };
                meet(value, self.target[velocity] - value, -velocity_max, velocity_max, change(-1), change(1));
            }
        }
        first
    }

    /// Goes this part of the way to the target.
    pub(super) fn advance(&mut self, model: &Model, length: f64) {
        let formation = &model.formation;
        if length < 1.0 {
            for (velocity, target) in self.velocities.iter_mut().zip(&self.target) {
                *velocity += length * (target - *velocity);
            }
            model.positions(self.start, &self.velocities, &mut self.positions);
        } else {
            self.velocities.copy_from_slice(&self.target);
            self.positions.copy_from_slice(&self.target_positions);
        }
        for (step, pair) in self.velocities.windows(2).enumerate() {
            let (least, most) = match self.held[step] {
                Input::Negative => (-formation.input_max, 0.0),
                Input::Positive => (0.0, formation.input_max),
                _ => continue,
            };
            self.inputs[step] = ((pair[1] - pair[0]) / formation.step_s).clamp(least, most);
        }
    }

    /// Adds what is burnt at each step.
    pub(super) fn add_thrust(&self, thrust: &mut [f64]) {
        thrust.iter_mut().zip(&self.inputs).for_each(|(sum, input)| *sum += input.abs());
    }

    /// Adds by how much the thrust of each step changes on the way to the target.
    pub(super) fn add_thrust_change(&self, model: &Model, change: &mut [f64]) {
        for (step, sum) in change.iter_mut().enumerate() {
            if self.held[step].fixed().is_none() {
                let input = (self.target[step + 1] - self.target[step]) / model.formation.step_s;
                *sum += self.held[step].sign() * (input - self.inputs[step]);
            }
        }
    }

    /// Positions after each step of the best plan with what is held.
    pub(super) fn target_positions(&self) -> &[f64] {
        &self.target_positions
    }

    /// Positions after each step of the plan.
    pub(super) fn positions(&self) -> &[f64] {
        &self.positions
    }

    /// The inputs of the plan.
    pub(super) fn inputs(&self) -> &[f64] {
        &self.inputs
    }

    /// The velocities of the plan, that at the start first.
    pub(super) fn velocities(&self) -> &[f64] {
        &self.velocities
    }

    /// How many inputs stand at their largest, how many are none, how many velocities stand at their largest.
    pub(super) fn count_held(&self) -> (usize, usize, usize) {
        let count = |wanted: &[Input]| self.held.iter().filter(|held| wanted.contains(held)).count();
        let walls = self.walls.iter().filter(|side| **side != 0).count();
        (count(&[Input::Lowest, Input::Highest]), count(&[Input::Zero]), walls)
    }

    /// Stretches, and the velocities with every free number at zero.
    fn lay_out(&mut self, model: &Model) {
        let (dt, formation) = (model.formation.step_s, &model.formation);
        let steps = self.held.len();
        self.stretches.clear();
        self.free.clear();
        self.base[0] = self.velocities[0];
        let mut first = 0;
        let mut anchor = Some(0);
        for node in 0..=steps {
            if node > first && self.walls[node] != 0 {
                match anchor {
                    // Known already: holding it once more would leave its multiplier undetermined.
                    Some(_) => self.walls[node] = 0,
                    None => anchor = Some(node),
                }
            }
            let tie = self.held.get(node).and_then(|held| held.fixed());
            if let Some(share) = tie {
                self.base[node + 1] = self.base[node] + dt * share * formation.input_max;
                continue;
            }
            if let Some(known) = anchor.filter(|known| *known > 0) {
                let shift = f64::from(self.walls[known]) * formation.velocity_max - self.base[known];
                self.base[first..=node].iter_mut().for_each(|velocity| *velocity += shift);
            }
            self.stretches.push(Stretch { first, last: node, anchor });
            if anchor.is_none() {
                self.free.push((first, node));
            }
            if node < steps {
                first = node + 1;
                self.base[first] = 0.0;
                anchor = (self.walls[first] != 0).then_some(first);
            }
        }
    }

    /// Sums from the first velocity of the slopes of the cost, with every free number at zero and the neighbour to the
    /// left at its own base; the one to the right comes later.
    fn slopes_at_base(&mut self, model: &Model, left: Option<&Reduced>, right: bool) {
        let formation = &model.formation;
        let (with_left, with_right) = (f64::from(u8::from(left.is_some())), f64::from(u8::from(right)));
        let by_position = formation.position + formation.formation * (with_left + with_right);
        let constant = formation.formation * self.spacing * (with_right - with_left) - formation.position * self.goal;
        for (slope, position) in self.slopes.iter_mut().zip(&self.target_positions) {
            *slope = by_position * position + constant;
        }
        if let Some(left) = left {
            for (slope, position) in self.slopes.iter_mut().zip(&left.base) {
                *slope -= formation.formation * position;
            }
        }
        model.pull_back(&self.slopes, &mut self.pulled);
        let by_input = formation.input / (formation.step_s * formation.step_s);
        let mut sum = 0.0;
        self.sums[0] = 0.0;
        for node in 1..self.base.len() {
            let before = self.base[node] - self.base[node - 1];
            let after = self.base.get(node + 1).map_or(0.0, |next| next - self.base[node]);
            sum += self.pulled[node - 1] + formation.velocity * self.base[node] + by_input * (before - after);
            self.sums[node] = sum;
        }
    }

    /// Adds what the neighbour to the left said about its free numbers.
    fn take_in(&mut self, model: &Model, left: &Reduced, out: &mut Reduced, sums: &mut PriceSums) {
        let (steps, free) = (model.steps(), self.free.len());
        // Row by row of the neighbour: how our free numbers move its own.
        self.block.clear();
        for row in 0..left.free {
            let response = &left.response[row * steps..(row + 1) * steps];
            let answer = &left.answers[row * (steps + 1)..(row + 1) * (steps + 1)];
            let there = answer[0] + dot(response, &out.base);
            sums.wanted.iter_mut().zip(&answer[1..]).for_each(|(sum, slope)| *sum += there * slope);
            model.pull_back(response, &mut self.pulled);
            let mut sum = 0.0;
            self.sums[0] = 0.0;
            for (place, pulled) in self.sums[1..].iter_mut().zip(&self.pulled) {
                sum += pulled;
                *place = sum;
            }
            for (own, stretch) in self.free.iter().enumerate() {
                let link = self.sums[stretch.1] - self.sums[stretch.0 - 1];
                self.block.push(link);
                let mine = &mut out.answers[own * (steps + 1)..(own + 1) * (steps + 1)];
                mine[0] += link * there;
                mine[1..].iter_mut().zip(&answer[1..]).for_each(|(mine, slope)| *mine += link * slope);
            }
        }
        for links in self.block.chunks_exact(free.max(1)) {
            for row in 0..free {
                let entries = &mut self.factor[row * free..row * free + row + 1];
                entries.iter_mut().zip(links).for_each(|(entry, link)| *entry -= links[row] * link);
            }
        }
    }

    /// Cholesky factor of the curvature of the free numbers, applied to all that is to be handed on.
    fn factorise(&mut self, steps: usize, out: &mut Reduced) {
        let free = self.free.len();
        for row in 0..free {
            let (above, rest) = self.factor.split_at_mut(row * free);
            let own = &mut rest[..row + 1];
            let (answers_above, answers) = out.answers.split_at_mut(row * (steps + 1));
            let (responses_above, responses) = out.response.split_at_mut(row * steps);
            let (answer, response) = (&mut answers[..steps + 1], &mut responses[..steps]);
            for column in 0..row {
                let entries = &above[column * free..column * free + column + 1];
                let entry = (own[column] - dot(&own[..column], &entries[..column])) / entries[column];
                own[column] = entry;
                subtract(entry, &answers_above[column * (steps + 1)..(column + 1) * (steps + 1)], answer);
                subtract(entry, &responses_above[column * steps..(column + 1) * steps], response);
            }
            // Positive as the cost of thrust is: rounding is far below it within the ranges of the settings.
            let pivot = (own[row] - dot(&own[..row], &own[..row])).max(f64::MIN_POSITIVE).sqrt();
            own[row] = pivot;
            answer.iter_mut().for_each(|value| *value /= pivot);
            response.iter_mut().for_each(|value| *value /= pivot);
        }
    }

    /// Thrust of all that is held, and of the free inputs with every free number at zero.
    fn add_base_thrust(&self, model: &Model, thrust: &mut [f64]) {
        for (step, sum) in thrust.iter_mut().enumerate() {
            *sum += match self.held[step].fixed() {
                Some(share) => share.abs() * model.formation.input_max,
                None => self.held[step].sign() * (self.base[step + 1] - self.base[step]) / model.formation.step_s,
            };
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        sum += a * b;
    }
    sum
}

fn subtract(factor: f64, from: &[f64], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to -= factor * from);
}

/// Nearer than this part of its limit a value is at the limit.
const TOUCHING: f64 = 1e-11;
