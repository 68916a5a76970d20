//! Rows of vehicles drawn from a seed.

use mesh_solver::formation::{Formation, State};

/// A row of vehicles and where they should go.
pub(super) struct Scenario {
    pub(super) formation: Formation,
    pub(super) goals: Vec<[f64; 2]>,
    pub(super) states: Vec<State>,
}

/// The same weights and limits for every case: `vehicles` scattered over a square, on their way to a slanted row.
pub(super) fn scenario(vehicles: usize, seed: u64) -> Scenario {
    let formation = Formation {
        steps: 20,
        step_s: 0.25,
        position: 1.0,
        velocity: 0.1,
        input: 0.1,
        formation: 2.0,
        spacing: [1.0, 0.5],
        input_max: 1.0,
        velocity_max: 2.0,
        thrust_share: 0.6,
    };
    let mut random = Random(seed.wrapping_mul(1000).wrapping_add(vehicles as u64));
    let middle = 0.5 * (vehicles as f64 - 1.0);
    let goals = (0..vehicles).map(|place| formation.spacing.map(|gap| (place as f64 - middle) * gap)).collect();
    let states = (0..vehicles)
        .map(|_| State {
            position: [random.between(-10.0, 10.0), random.between(-10.0, 10.0)],
            velocity: [random.between(-1.5, 1.5), random.between(-1.5, 1.5)],
        })
        .collect();
    Scenario { formation, goals, states }
}

/// The state after a step at these inputs: the plant, which is the model without its rounding.
pub(super) fn fly(formation: &Formation, state: &State, inputs: [f64; 2]) -> State {
    let dt = formation.step_s;
    let mut after = *state;
    for (axis, input) in inputs.into_iter().enumerate() {
        after.position[axis] += dt * (state.velocity[axis] + 0.5 * dt * input);
        after.velocity[axis] =
            (state.velocity[axis] + dt * input).clamp(-formation.velocity_max, formation.velocity_max);
    }
    after
}

/// Steele, Lea and Flood 2014: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }
}
