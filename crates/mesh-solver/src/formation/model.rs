//! One coordinate's dynamics and curvature over the horizon, the same for every vehicle, worked out once.
//!
//! The variables are the velocities v[1..=T]; positions are sums of them, inputs differences.

use super::Formation;

/// Tables that every agent has.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) formation: Formation,
    pub(super) vehicles: usize,
    /// For 0, 1 and 2 neighbours: entry (a, b) is the sum of the curvature over velocities 1..=a and 1..=b.
    sums: [Vec<f64>; 3],
}

impl Model {
    pub(super) fn new(formation: &Formation, vehicles: usize) -> Self {
        let sums = [0.0, 1.0, 2.0].map(|neighbours| curvature_sums(formation, neighbours));
        Self { formation: formation.clone(), vehicles, sums }
    }

    pub(super) fn steps(&self) -> usize {
        self.formation.steps
    }

    /// What all may burn together in one step.
    pub(super) fn thrust_max(&self) -> f64 {
        self.formation.thrust_share * self.formation.input_max * self.vehicles as f64
    }

    /// Curvature between two stretches of velocities that move as one: first and last of each.
    pub(super) fn curvature(&self, neighbours: usize, a: (usize, usize), b: (usize, usize)) -> f64 {
        let sums = &self.sums[neighbours];
        let width = self.steps() + 1;
        let at = |i: usize, j: usize| sums[i * width + j];
        at(a.1, b.1) - at(a.0 - 1, b.1) - at(a.1, b.0 - 1) + at(a.0 - 1, b.0 - 1)
    }

    /// Positions after each step from `start` at these velocities, the first of which is that at the start.
    pub(super) fn positions(&self, start: f64, velocities: &[f64], positions: &mut [f64]) {
        let half = 0.5 * self.formation.step_s;
        let mut position = start;
        for (place, pair) in positions.iter_mut().zip(velocities.windows(2)) {
            position += half * (pair[0] + pair[1]);
            *place = position;
        }
    }

    /// Positions when velocities `first..=last` are one and the others zero, times `factor`.
    pub(super) fn response(&self, (first, last): (usize, usize), factor: f64, positions: &mut [f64]) {
        let step = factor * self.formation.step_s;
        for (place, k) in positions.iter_mut().zip(1..) {
            *place = if k < first {
                0.0
            } else if k <= last {
                step * ((k - first) as f64 + 0.5)
            } else {
                step * (last - first + 1) as f64
            };
        }
    }

    /// What a slope in positions is in velocities.
    pub(super) fn pull_back(&self, slopes: &[f64], pulled: &mut [f64]) {
        let half = 0.5 * self.formation.step_s;
        let mut later = 0.0;
        for (pulled, slope) in pulled.iter_mut().zip(slopes).rev() {
            *pulled = half * (slope + later + later);
            later += slope;
        }
    }
}

/// The second derivative of a coordinate's cost by its velocities, summed from the first corner.
fn curvature_sums(formation: &Formation, neighbours: f64) -> Vec<f64> {
    let (steps, dt) = (formation.steps, formation.step_s);
    let by_position = formation.position + neighbours * formation.formation;
    let by_input = formation.input / (dt * dt);
    let response = |velocity: usize, k: usize| match k.cmp(&velocity) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 0.5 * dt,
        std::cmp::Ordering::Greater => dt,
    };
    let width = steps + 1;
    let mut sums = vec![0.0; width * width];
    for i in 1..=steps {
        for j in 1..=steps {
            let mut entry = 0.0;
            for k in i.max(j)..=steps {
                entry += by_position * response(i, k) * response(j, k);
            }
            if i == j {
                entry += formation.velocity + if i < steps { 2.0 * by_input } else { by_input };
            } else if i.abs_diff(j) == 1 {
                entry -= by_input;
            }
            sums[i * width + j] =
                entry + sums[(i - 1) * width + j] + sums[i * width + j - 1] - sums[(i - 1) * width + j - 1];
        }
    }
    sums
}
