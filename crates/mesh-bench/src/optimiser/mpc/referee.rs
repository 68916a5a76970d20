//! The whole row as one problem, asked of Clarabel without any past.
//!
//! Which of two sparse forms it solves faster depends on the number of vehicles, so both are built and the faster counts.

use super::super::SuiteError;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, SupportedConeT, ZeroConeT,
};
use mesh_solver::formation::{Formation, State};
use std::collections::BTreeMap;
use std::time::Instant;

/// What the referee found, and how long it took to set up and solve, without writing the problem down.
pub(super) struct Verdict {
    pub(super) cost: f64,
    pub(super) seconds: f64,
}

/// How the inputs are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Inputs are variables, velocities follow them by equations.
    Inputs,
    /// Inputs are differences of velocities.
    Velocities,
}

impl Form {
    pub(super) const ALL: [Self; 2] = [Self::Inputs, Self::Velocities];
}

/// Solves once, with the default tolerances.
pub(super) fn judge(
    form: Form,
    formation: &Formation,
    goals: &[[f64; 2]],
    states: &[State],
) -> Result<Verdict, SuiteError> {
    let problem = Problem::new(form, formation, goals, states);
    let variables = problem.linear.len();
    let quadratic = problem.quadratic.iter().map(|((row, column), value)| (*row, *column, *value));
    let quadratic = compressed(variables, variables, quadratic.collect());
    let (equations, inequalities) = (problem.equations.limits.len(), problem.inequalities.limits.len());
    let mut entries = problem.equations.entries;
    entries
        .extend(problem.inequalities.entries.into_iter().map(|(row, column, value)| (row + equations, column, value)));
    let constraints = compressed(equations + inequalities, variables, entries);
    let mut limits = problem.equations.limits;
    limits.extend(problem.inequalities.limits);
    let cones: Vec<SupportedConeT<f64>> = vec![ZeroConeT(equations), NonnegativeConeT(inequalities)];
    let settings = DefaultSettings { verbose: false, ..DefaultSettings::default() };
    let begin = Instant::now();
    let mut solver = DefaultSolver::new(&quadratic, &problem.linear, &constraints, &limits, &cones, settings)
        .map_err(|error| SuiteError::Referee(error.to_string()))?;
    solver.solve();
    let seconds = begin.elapsed().as_secs_f64();
    match solver.solution.status {
        SolverStatus::Solved => Ok(Verdict { cost: solver.solution.obj_val + problem.constant, seconds }),
        status => Err(SuiteError::Referee(format!("{form:?} of {} vehicles: {status:?}", goals.len()))),
    }
}

/// `terms x (+ s) = limit`, s = 0 or s >= 0.
#[derive(Default)]
struct Rows {
    entries: Vec<(usize, usize, f64)>,
    limits: Vec<f64>,
}

impl Rows {
    fn push(&mut self, terms: &[(usize, f64)], factor: f64, limit: f64) {
        let row = self.limits.len();
        self.entries.extend(terms.iter().map(|(column, value)| (row, *column, factor * value)));
        self.limits.push(limit);
    }
}

struct Problem {
    quadratic: BTreeMap<(usize, usize), f64>,
    linear: Vec<f64>,
    constant: f64,
    equations: Rows,
    inequalities: Rows,
    /// For each step all variables that are thrust.
    thrust: Vec<Vec<(usize, f64)>>,
}

/// Where the variables of one coordinate of one vehicle are.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    steps: usize,
}

impl Place {
    fn velocity(self, step: usize) -> usize {
        self.first + step
    }
    fn position(self, step: usize) -> usize {
        self.first + self.steps + step
    }
    fn thrust(self, step: usize) -> usize {
        self.first + 2 * self.steps + step
    }
    fn input(self, step: usize) -> usize {
        self.first + 3 * self.steps + step
    }
}

impl Problem {
    fn new(form: Form, formation: &Formation, goals: &[[f64; 2]], states: &[State]) -> Self {
        let steps = formation.steps;
        let kinds = match form {
            Form::Inputs => 4,
            Form::Velocities => 3,
        };
        let place = |vehicle: usize, axis: usize| Place { first: (2 * vehicle + axis) * kinds * steps, steps };
        let mut problem = Self {
            quadratic: BTreeMap::new(),
            linear: vec![0.0; 2 * goals.len() * kinds * steps],
            constant: 0.0,
            equations: Rows::default(),
            inequalities: Rows::default(),
            thrust: vec![Vec::new(); steps],
        };
        for (vehicle, (goal, state)) in goals.iter().zip(states).enumerate() {
            for (axis, goal) in goal.iter().enumerate() {
                let own = place(vehicle, axis);
                problem.add_dynamics(form, formation, own, (state.position[axis], state.velocity[axis]));
                problem.add_tracking(formation, own, *goal);
                if vehicle > 0 {
                    problem.add_link(formation, place(vehicle - 1, axis), own, formation.spacing[axis]);
                }
            }
        }
        let budget = formation.thrust_share * formation.input_max * goals.len() as f64;
        for terms in &problem.thrust {
            problem.inequalities.push(terms, 1.0, budget);
        }
        problem
    }

    fn add_square(&mut self, a: usize, b: usize, value: f64) {
        *self.quadratic.entry((a.min(b), a.max(b))).or_insert(0.0) += value;
    }

    fn add_dynamics(&mut self, form: Form, formation: &Formation, own: Place, (position, velocity): (f64, f64)) {
        let dt = formation.step_s;
        for step in 0..formation.steps {
            let (thrust, speed) = (own.thrust(step), own.velocity(step));
            self.thrust[step].push((thrust, 1.0));
            self.inequalities.push(&[(thrust, 1.0)], 1.0, formation.input_max);
            self.inequalities.push(&[(speed, 1.0)], 1.0, formation.velocity_max);
            self.inequalities.push(&[(speed, 1.0)], -1.0, formation.velocity_max);
            let mut way = vec![(own.position(step), 1.0), (speed, -0.5 * dt)];
            let mut rise = vec![(speed, 1.0)];
            if step > 0 {
                way.extend([(own.position(step - 1), -1.0), (own.velocity(step - 1), -0.5 * dt)]);
                rise.push((own.velocity(step - 1), -1.0));
            }
            let (begin, known) = if step > 0 { (0.0, 0.0) } else { (position + 0.5 * dt * velocity, velocity) };
            self.equations.push(&way, 1.0, begin);
            match form {
                Form::Inputs => {
                    let input = own.input(step);
                    self.add_square(input, input, formation.input);
                    self.inequalities.push(&[(input, 1.0), (thrust, -1.0)], 1.0, 0.0);
                    self.inequalities.push(&[(input, -1.0), (thrust, -1.0)], 1.0, 0.0);
                    rise.push((input, -dt));
                    self.equations.push(&rise, 1.0, known);
                }
                Form::Velocities => {
                    let by_rise = formation.input / (dt * dt);
                    self.add_square(speed, speed, by_rise);
                    if step > 0 {
                        let before = own.velocity(step - 1);
                        self.add_square(before, before, by_rise);
                        self.add_square(before, speed, -by_rise);
                    } else {
                        self.linear[speed] -= by_rise * velocity;
                        self.constant += 0.5 * by_rise * velocity * velocity;
                    }
                    for sign in [1.0, -1.0] {
                        let mut terms: Vec<(usize, f64)> =
                            rise.iter().map(|(column, value)| (*column, sign * value / dt)).collect();
                        terms.push((thrust, -1.0));
                        self.inequalities.push(&terms, 1.0, sign * known / dt);
                    }
                }
            }
        }
    }

    fn add_tracking(&mut self, formation: &Formation, own: Place, goal: f64) {
        for step in 0..formation.steps {
            let (speed, place) = (own.velocity(step), own.position(step));
            self.add_square(speed, speed, formation.velocity);
            self.add_square(place, place, formation.position);
            self.linear[place] -= formation.position * goal;
            self.constant += 0.5 * formation.position * goal * goal;
        }
    }

    fn add_link(&mut self, formation: &Formation, before: Place, own: Place, spacing: f64) {
        for step in 0..formation.steps {
            let (a, b) = (before.position(step), own.position(step));
            self.add_square(a, a, formation.formation);
            self.add_square(b, b, formation.formation);
            self.add_square(a, b, -formation.formation);
            self.linear[a] += formation.formation * spacing;
            self.linear[b] -= formation.formation * spacing;
            self.constant += 0.5 * formation.formation * spacing * spacing;
        }
    }
}

fn compressed(rows: usize, columns: usize, entries: Vec<(usize, usize, f64)>) -> CscMatrix<f64> {
    let row = entries.iter().map(|entry| entry.0).collect();
    let column = entries.iter().map(|entry| entry.1).collect();
    CscMatrix::new_from_triplets(rows, columns, row, column, entries.iter().map(|entry| entry.2).collect())
}
