//! Vehicles in a row that keep their distances under one shared thrust budget, planned over a receding horizon.
//!
//! Vehicle i = 0..M is a double integrator in the plane, each coordinate for itself, with the input held over a step:
//!
//! ```text
//! v[k+1] = v[k] + dt u[k]        p[k+1] = p[k] + dt (v[k] + v[k+1]) / 2        k = 0..T
//!
//! minimise   sum over i, k, x and y of
//!              position/2 (p[k+1] - goal)^2 + velocity/2 v[k+1]^2 + input/2 u[k]^2
//!              + formation/2 (p_i[k+1] - p_(i-1)[k+1] - spacing)^2        for i > 0
//! subject to |u[k]| <= input_max, |v[k+1]| <= velocity_max               each coordinate
//!            sum over i of |u_x[k]| + |u_y[k]| <= thrust_share M input_max    at each step k
//! ```
//!
//! Thrust is the sum over both coordinates because thrusters stand along the axes: that is the propellant they burn.
//!
//! The method is a primal active-set method over the whole row, in which an agent sees its own vehicle only. The
//! constraints that it holds tie neighbouring velocities to each other or to a number; what is left free is one number a
//! tied stretch, four or five of twenty a coordinate. A sweep to the right eliminates each agent's free numbers and hands
//! the neighbour the reduced Schur block as a factor, and what the prices of thrust do to it; the last agent knows the
//! sums and solves for the prices; a sweep to the left hands back trajectories. All stay within all constraints, so every
//! plan on the way can be flown; the cost falls from step to step and is the merit that lets a step pass.
//!
//! What it does not know: where states come from, and who carries its messages.

mod agent;
mod axis;
mod model;
mod planner;
mod prices;

pub use planner::{Effort, Plan, Planner};

/// Most steps of a horizon.
pub const STEPS_MAX: usize = 64;
/// Most vehicles of a row.
pub const VEHICLES_MAX: usize = 256;

/// What all vehicles of a row have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Formation {
    /// Steps of the horizon.
    pub steps: usize,
    /// Length of a step.
    pub step_s: f64,
    /// Cost of being away from the goal.
    pub position: f64,
    /// Cost of speed.
    pub velocity: f64,
    /// Cost of thrust, squared; positive.
    pub input: f64,
    /// Cost of a distance to the neighbour other than `spacing`.
    pub formation: f64,
    /// From each vehicle to the next.
    pub spacing: [f64; 2],
    /// Largest input, each way and coordinate.
    pub input_max: f64,
    /// Largest speed, each way and coordinate.
    pub velocity_max: f64,
    /// Thrust that all may burn together in one step, as a share of `input_max` times the number of vehicles.
    pub thrust_share: f64,
}

/// Where a vehicle is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// In the plane.
    pub position: [f64; 2],
    /// In the plane.
    pub velocity: [f64; 2],
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FormationError {
    /// A setting is out of its range.
    #[error("{what} is {value}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// What it is.
        value: f64,
    },
    /// There are not as many of something as there must be.
    #[error("{count} {what} for {expected}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there should be; the most that there may be if there are too many.
        expected: usize,
    },
    /// A vehicle's state or goal is not a number of reasonable size.
    #[error("{what} of vehicle {vehicle} is {value}")]
    Magnitude {
        /// Position, velocity or goal.
        what: &'static str,
        /// Whose.
        vehicle: usize,
        /// What it is.
        value: f64,
    },
    /// A vehicle is faster than allowed: no plan can start there.
    #[error("vehicle {vehicle} moves at {velocity} along one axis, which is more than {velocity_max}")]
    TooFast {
        /// Which one.
        vehicle: usize,
        /// How fast.
        velocity: f64,
        /// The limit.
        velocity_max: f64,
    },
    /// What was found breaks a constraint by more than rounding: the numbers are too far apart for the arithmetic.
    #[error("the plan breaks a constraint by {violation} of its limit")]
    Violated {
        /// By how much, of the constraint's limit.
        violation: f64,
    },
    /// The limit on sweeps was reached; the plan so far can be flown but is not shown to be good.
    #[error("no certified plan after {sweeps} sweeps: the gap is {gap}")]
    Unfinished {
        /// Sweeps that were made.
        sweeps: u32,
        /// The last certified relative gap; infinite if there was none.
        gap: f64,
    },
}

impl Formation {
    /// Checks every setting.
    pub fn check(&self) -> Result<(), FormationError> {
        if self.steps == 0 || self.steps > STEPS_MAX {
            return Err(FormationError::Count { what: "steps", count: self.steps, expected: STEPS_MAX });
        }
        let positive = [
            ("the length of a step", self.step_s),
            ("the cost of thrust", self.input),
            ("the largest input", self.input_max),
            ("the largest velocity", self.velocity_max),
            ("the thrust share", self.thrust_share),
        ];
        let costs = [
            ("the cost of position", self.position),
            ("the cost of velocity", self.velocity),
            ("the cost of the formation", self.formation),
        ];
        let limits = |(what, value): (&'static str, f64), least: f64| {
            if (least..=SETTING_MAX).contains(&value) { Ok(()) } else { Err(FormationError::Setting { what, value }) }
        };
        positive.into_iter().try_for_each(|setting| limits(setting, 1.0 / SETTING_MAX))?;
        costs.into_iter().try_for_each(|setting| limits(setting, 0.0))?;
        self.spacing.into_iter().try_for_each(|value| limits(("the spacing", value.abs()), 0.0))
    }

    /// Checks that a vehicle can start in `state`.
    fn check_state(&self, vehicle: usize, state: &State) -> Result<(), FormationError> {
        check_place("the position", vehicle, state.position)?;
        check_place("the velocity", vehicle, state.velocity)?;
        match state.velocity.into_iter().find(|velocity| velocity.abs() > self.velocity_max) {
            Some(velocity) => Err(FormationError::TooFast { vehicle, velocity, velocity_max: self.velocity_max }),
            None => Ok(()),
        }
    }
}

fn check_place(what: &'static str, vehicle: usize, place: [f64; 2]) -> Result<(), FormationError> {
    match place.into_iter().find(|value| value.is_nan() || value.abs() > SETTING_MAX) {
        Some(value) => Err(FormationError::Magnitude { what, vehicle, value }),
        None => Ok(()),
    }
}

/// Settings and states are between this and its inverse; beyond, the arithmetic means nothing.
const SETTING_MAX: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    fn formation() -> Formation {
        Formation {
            steps: 12,
            step_s: 0.25,
            position: 1.0,
            velocity: 0.1,
            input: 0.1,
            formation: 2.0,
            spacing: [1.0, 0.5],
            input_max: 1.0,
            velocity_max: 2.0,
            thrust_share: 0.6,
        }
    }

    fn scattered(vehicles: usize) -> (Vec<[f64; 2]>, Vec<State>) {
        let place = |i: usize, by: usize| ((i * by + 3) % 11) as f64 - 5.0;
        let goals = (0..vehicles).map(|i| [i as f64, 0.5 * i as f64]).collect();
        let state =
            |i| State { position: [place(i, 5), place(i, 7)], velocity: [place(i, 3) / 4.0, place(i, 4) / 4.0] };
        (goals, (0..vehicles).map(state).collect())
    }

    /// Plans over a closed loop that does not quite go as planned, each within its gap and its limits.
    fn fly(vehicles: usize, loops: usize) -> Vec<Plan> {
        let formation = formation();
        let (goals, states) = scattered(vehicles);
        let mut planner = Planner::new(&formation, &goals, &states, 1e-8).expect("states within limits");
        let mut plans = Vec::new();
        for step in 0..loops {
            let plan = planner.solve().expect("thrust can always be none");
            assert!(plan.lower <= plan.upper && plan.upper - plan.lower <= 1e-8 * plan.upper.max(1.0));
            assert!(plan.violation <= 1e-9, "{}", plan.violation);
            plans.push(plan);
            let mut states = planner.after_one_step();
            for (place, state) in states.iter_mut().enumerate() {
                let gust = if (place + step).is_multiple_of(2) { 0.03 } else { -0.03 };
                state.position[0] += gust;
                state.velocity[1] = (state.velocity[1] - gust).clamp(-2.0, 2.0);
            }
            planner.advance(&states).expect("gusts leave nobody too fast");
        }
        plans
    }

    #[test]
    fn plans_are_certified_from_step_to_step_whatever_the_gusts() {
        for vehicles in [1, 2, 5] {
            fly(vehicles, 6);
        }
    }

    /// Every bound is one on the same optimum, from wherever on the way to it.
    #[test]
    fn no_bound_is_on_the_wrong_side_of_another() {
        let (goals, states) = scattered(3);
        for (share, weight) in [(0.6, 2.0), (0.1, 2.0), (2.0, 0.0), (0.3, 50.0)] {
            let formation = Formation { thrust_share: share, formation: weight, ..formation() };
            let plan = |gap: f64| {
                let mut planner = Planner::new(&formation, &goals, &states, gap).expect("states within limits");
                planner.solve().expect("thrust can always be none")
            };
            let plans: Vec<Plan> = [1e9, 10.0, 1.0, 0.1, 1e-2, 1e-4, 1e-7, 1e-10].into_iter().map(plan).collect();
            for a in &plans {
                for b in &plans {
                    assert!(a.lower <= b.upper, "{share} {weight}: {} is above {}", a.lower, b.upper);
                }
            }
            let (first, last) = (&plans[0], &plans[7]);
            assert!(
                first.lower < first.upper && first.upper > last.upper,
                "{share} {weight}: nothing was left to gain"
            );
        }
    }

    #[test]
    fn the_same_calls_give_the_same_bits() {
        assert_eq!(fly(3, 4), fly(3, 4));
    }

    #[test]
    fn a_warm_plan_costs_what_a_cold_one_costs() {
        let formation = formation();
        let (goals, states) = scattered(4);
        let mut warm = Planner::new(&formation, &goals, &states, 1e-9).expect("states within limits");
        for _ in 0..4 {
            warm.solve().expect("thrust can always be none");
            let states = warm.after_one_step();
            warm.advance(&states).expect("states within limits");
            let mut cold = Planner::new(&formation, &goals, &states, 1e-9).expect("states within limits");
            let (warm, cold) = (warm.clone().solve(), cold.solve());
            let (warm, cold) = (warm.expect("a plan").upper, cold.expect("a plan").upper);
            assert!((warm - cold).abs() <= 1e-8 * cold, "{warm} and {cold}");
        }
    }

    /// Many limits are met at once and exactly: at their largest velocities, on one spot, with a budget in whole inputs.
    #[test]
    fn ties_between_limits_do_not_hold_a_plan_up() {
        let speeds = [[2.0, -2.0], [0.0, 0.0], [-2.0, 2.0], [2.0, 2.0], [0.5, -0.5]];
        for (share, spread, weight) in
            [(0.6, 6.0, 2.0), (0.2, 0.0, 2.0), (1.0, 40.0, 0.0), (2.0, 6.0, 2.0), (0.4, 8.0, 50.0)]
        {
            let formation = Formation { thrust_share: share, formation: weight, spacing: [0.0; 2], ..formation() };
            let goals = vec![[0.0; 2]; speeds.len()];
            let place = |i: usize| if i.is_multiple_of(2) { spread } else { -spread };
            let state = |(i, velocity)| State { position: [place(i), place(i / 2)], velocity };
            let states: Vec<State> = speeds.into_iter().enumerate().map(state).collect();
            let mut planner = Planner::new(&formation, &goals, &states, 1e-8).expect("states within limits");
            for _ in 0..5 {
                let plan = planner.solve();
                assert!(plan.as_ref().is_ok_and(|plan| plan.violation <= 1e-9), "{share} {spread} {weight}: {plan:?}");
                let states = planner.after_one_step();
                planner.advance(&states).expect("the plan keeps within limits");
            }
        }
    }

    #[test]
    fn nobody_starts_faster_than_allowed() {
        let (goals, mut states) = scattered(3);
        states[1].velocity[1] = -2.5;
        let refused = Planner::new(&formation(), &goals, &states, 1e-6).map(|_| ());
        assert_eq!(refused, Err(FormationError::TooFast { vehicle: 1, velocity: -2.5, velocity_max: 2.0 }));
        states[1].velocity[1] = f64::NAN;
        let refused = Planner::new(&formation(), &goals, &states, 1e-6).map(|_| ());
        assert!(matches!(refused, Err(FormationError::Magnitude { what: "the velocity", vehicle: 1, .. })));
    }

    #[test]
    fn a_setting_out_of_range_is_named() {
        let (goals, states) = scattered(2);
        let check = |change: &dyn Fn(&mut Formation), what: &str| {
            let mut formation = formation();
            change(&mut formation);
            match Planner::new(&formation, &goals, &states, 1e-6) {
                Err(FormationError::Setting { what: named, .. } | FormationError::Count { what: named, .. }) => {
                    assert_eq!(named, what);
                }
                other => panic!("{what}: {other:?}"),
            }
        };
        check(&|formation| formation.steps = 0, "steps");
        check(&|formation| formation.input = 0.0, "the cost of thrust");
        check(&|formation| formation.step_s = f64::NAN, "the length of a step");
        check(&|formation| formation.formation = -1.0, "the cost of the formation");
        check(&|formation| formation.thrust_share = f64::INFINITY, "the thrust share");
        let too_few = Planner::new(&formation(), &goals, &states[..1], 1e-6).map(|_| ());
        assert_eq!(too_few, Err(FormationError::Count { what: "states", count: 1, expected: 2 }));
    }
}
