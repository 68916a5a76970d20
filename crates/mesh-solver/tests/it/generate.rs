//! Random problems from a seed, and the mission-like one that times are measured on.

use mesh_solver::{QpProblem, QpRow};

/// SplitMix64: small, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Uniform in -1..1.
    pub fn signed(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// What a random problem is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// P definite.
    Curved,
    /// P of low rank.
    Flat,
    /// No P at all.
    Linear,
    /// Duplicate rows, dependent equations, zero-width bounds, many constraints active at one point.
    Degenerate,
    /// Columns, rows and costs of very different sizes.
    BadlyScaled,
}

/// A feasible random problem: rows and bounds are put around a point.
pub fn feasible(kind: Kind, seed: u64) -> QpProblem {
    let (mut parts, mut dice) = parts(kind, seed);
    if kind == Kind::BadlyScaled {
        parts.distort(&mut dice);
    }
    parts.build()
}

/// The same problem in units that suit it, and how many times larger [`feasible`] has its cost.
pub fn in_good_units(kind: Kind, seed: u64) -> (QpProblem, f64) {
    let (mut parts, mut dice) = parts(kind, seed);
    let plain = parts.clone().build();
    (plain, if kind == Kind::BadlyScaled { parts.distort(&mut dice) } else { 1.0 })
}

fn parts(kind: Kind, seed: u64) -> (Parts, Dice) {
    let mut dice = Dice::new(seed);
    let n = 1 + dice.below(30);
    let mut parts = Parts::around_a_point(&mut dice, kind, n);
    parts.add_rows(&mut dice, kind);
    parts.add_cost(&mut dice, kind);
    (parts, dice)
}

/// A feasible problem to which rows are added that contradict the others.
pub fn infeasible(seed: u64) -> QpProblem {
    let mut dice = Dice::new(seed);
    let n = 2 + dice.below(20);
    let mut parts = Parts::around_a_point(&mut dice, Kind::Degenerate, n);
    parts.add_rows(&mut dice, Kind::Degenerate);
    parts.add_cost(&mut dice, Kind::Flat);
    match dice.below(3) {
        // A sum beyond what the box gives.
        0 => {
            let terms: Vec<(usize, f64)> = (0..n).map(|j| (j, dice.signed())).collect();
            let most: f64 = terms.iter().map(|(j, a)| (a * parts.lower[*j]).max(a * parts.upper[*j])).sum();
            parts.rows.push(QpRow { terms, lower: most + 0.01, upper: most + 1.0 });
        }
        // A combination of two rows beyond what the two give.
        1 => {
            let (a, b) = (parts.random_row(&mut dice, 0.0), parts.random_row(&mut dice, 0.0));
            let (u, v) = (0.5 + dice.unit(), 0.5 + dice.unit());
            let mut sum = vec![0.0; n];
            a.terms.iter().for_each(|(j, value)| sum[*j] += u * value);
            b.terms.iter().for_each(|(j, value)| sum[*j] += v * value);
            let most = u * a.upper + v * b.upper;
            let terms = sum.into_iter().enumerate().collect();
            parts.rows.extend([a, b, QpRow { terms, lower: most + 0.01, upper: f64::INFINITY }]);
        }
        // An equation twice, with two values.
        _ => {
            let mut a = parts.random_row(&mut dice, 0.0);
            a.upper = a.lower;
            let mut b = a.clone();
            b.lower += 0.01;
            b.upper = b.lower;
            parts.rows.extend([a, b]);
        }
    }
    parts.build()
}

#[derive(Clone)]
struct Parts {
    point: Vec<f64>,
    quadratic: Vec<(usize, usize, f64)>,
    linear: Vec<f64>,
    rows: Vec<QpRow>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Parts {
    fn around_a_point(dice: &mut Dice, kind: Kind, n: usize) -> Self {
        let point: Vec<f64> = (0..n).map(|_| 2.0 * dice.signed()).collect();
        let degenerate = kind == Kind::Degenerate;
        let mut side = |sign: f64| -> Vec<f64> {
            point.iter().map(|x| if degenerate && dice.chance(0.4) { *x } else { x + sign * dice.unit() }).collect()
        };
        let (lower, upper) = (side(-1.0), side(1.0));
        Self { quadratic: Vec::new(), linear: vec![0.0; n], rows: Vec::new(), lower, upper, point }
    }

    fn random_row(&self, dice: &mut Dice, tight: f64) -> QpRow {
        let n = self.point.len();
        let density = (4.0 / n as f64).min(1.0);
        let mut terms: Vec<(usize, f64)> = Vec::new();
        for j in 0..n {
            if dice.chance(density) {
                terms.push((j, dice.signed()));
            }
        }
        if terms.is_empty() {
            terms.push((dice.below(n), 1.0));
        }
        let value: f64 = terms.iter().map(|(j, a)| a * self.point[*j]).sum();
        let slack = |dice: &mut Dice| if dice.chance(tight) { 0.0 } else { 0.3 * dice.unit() };
        let (below, above) = (slack(dice), slack(dice));
        QpRow { terms, lower: value - below, upper: value + above }
    }

    fn add_rows(&mut self, dice: &mut Dice, kind: Kind) {
        let n = self.point.len();
        let tight = if kind == Kind::Degenerate { 0.7 } else { 0.1 };
        for _ in 0..dice.below(2 * n) {
            let mut row = self.random_row(dice, tight);
            if dice.chance(0.2) {
                row.upper = f64::INFINITY;
            }
            self.rows.push(row);
        }
        for _ in 0..dice.below(1 + n / 2) {
            let mut row = self.random_row(dice, 1.0);
            row.upper = row.lower;
            self.rows.push(row);
        }
        if kind == Kind::Degenerate {
            for _ in 0..dice.below(1 + self.rows.len()) {
                let mut row = self.rows[dice.below(self.rows.len())].clone();
                let factor = if dice.chance(0.5) { 1.0 } else { -2.0 };
                row.terms.iter_mut().for_each(|(_, value)| *value *= factor);
                let (a, b) = (row.lower * factor, row.upper * factor);
                (row.lower, row.upper) = (a.min(b), a.max(b));
                self.rows.push(row);
            }
        }
    }

    fn add_cost(&mut self, dice: &mut Dice, kind: Kind) {
        let n = self.point.len();
        self.linear = (0..n).map(|_| if dice.chance(0.3) { 0.0 } else { 3.0 * dice.signed() }).collect();
        let rank = match kind {
            Kind::Linear => return,
            Kind::Flat | Kind::Degenerate => dice.below(1 + n / 2),
            Kind::Curved | Kind::BadlyScaled => n,
        };
        let factors: Vec<Vec<f64>> = (0..rank).map(|_| (0..n).map(|_| dice.signed()).collect()).collect();
        for i in 0..n {
            for j in i..n {
                let mut value: f64 = factors.iter().map(|factor| factor[i] * factor[j]).sum();
                if i == j && rank == n {
                    value += 0.01;
                }
                if value != 0.0 {
                    self.quadratic.push((i, j, value));
                }
            }
        }
    }

    /// Other units: variables by 1e-4..1e4, rows by 1e-4..1e4, the cost by 1e-3..1e3, which is returned.
    fn distort(&mut self, dice: &mut Dice) -> f64 {
        let ten = [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1e2, 1e3, 1e4];
        let unit: Vec<f64> = self.point.iter().map(|_| ten[dice.below(9)]).collect();
        let cost = ten[1 + dice.below(7)];
        self.quadratic.iter_mut().for_each(|(i, j, value)| *value *= cost / (unit[*i] * unit[*j]));
        for (j, unit) in unit.iter().enumerate() {
            self.linear[j] *= cost / unit;
            self.lower[j] *= unit;
            self.upper[j] *= unit;
        }
        for row in &mut self.rows {
            let scale = ten[dice.below(9)];
            row.terms.iter_mut().for_each(|(j, value)| *value *= scale / unit[*j]);
            row.lower *= scale;
            row.upper *= scale;
        }
        cost
    }

    fn build(self) -> QpProblem {
        QpProblem::new(&self.quadratic, self.linear, 0.0, self.rows, self.lower, self.upper)
            .expect("the generator writes well-formed problems")
    }
}

/// A day of a habitat in `steps` steps: array, loads, charger, battery, exported flow; about 7 variables a step.
/// Returns the problem and its flow variables.
pub fn mission_like(steps: usize, seed: u64) -> (QpProblem, Vec<usize>) {
    let mut dice = Dice::new(seed);
    let (mut quadratic, mut linear, mut rows, mut lower, mut upper) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut variable = |low: f64, high: f64, curve: f64, slope: f64| {
        let j = linear.len();
        linear.push(slope);
        lower.push(low);
        upper.push(high);
        if curve > 0.0 {
            quadratic.push((j, j, curve));
        }
        j
    };
    let mut flows = Vec::new();
    let mut soc_before = None;
    for t in 0..steps {
        let sun = (1.0 - ((t as f64 - 0.5 * steps as f64) / (0.35 * steps as f64)).abs()).max(0.0);
        let solar = variable(0.0, 8.0 * sun * (0.9 + 0.2 * dice.unit()), 0.01, -0.1);
        let load = variable(1.0 + 0.2 * dice.unit(), 4.0, 0.5, -2.0 - dice.unit());
        let charge = variable(0.0, 3.0, 0.05, 0.02);
        let discharge = variable(0.0, 3.0, 0.05, 0.02);
        let soc = variable(2.0, 20.0, 1e-4, 0.0);
        let flow = variable(0.0, 2.0, 0.02, 0.01);
        let heat = variable(0.0, 2.0, 0.2, -0.3);
        flows.push(flow);
        // Bus balance, one-sided: what is left over is not drawn from the array.
        rows.push(QpRow {
            terms: vec![(solar, 1.0), (discharge, 1.0), (load, -1.0), (charge, -1.0), (flow, -1.0), (heat, -1.0)],
            lower: 0.0,
            upper: 20.0,
        });
        let mut terms = vec![(soc, 1.0), (charge, -0.95), (discharge, 1.05)];
        let mut start = 10.0;
        if let Some(before) = soc_before {
            terms.push((before, -1.0));
            start = 0.0;
        }
        rows.push(QpRow { terms, lower: start, upper: start });
        rows.push(QpRow { terms: vec![(charge, 1.0), (discharge, 1.0)], lower: 0.0, upper: 3.0 });
        rows.push(QpRow { terms: vec![(load, 1.0), (heat, 0.5)], lower: 1.5, upper: 4.2 });
        rows.push(QpRow { terms: vec![(flow, 1.0), (load, 0.3), (heat, 0.1)], lower: 0.0, upper: 2.4 });
        soc_before = Some(soc);
    }
    let last = soc_before.expect("at least one step");
    rows.push(QpRow { terms: vec![(last, 1.0)], lower: 9.0, upper: 20.0 });
    let problem =
        QpProblem::new(&quadratic, linear, 0.0, rows, lower, upper).expect("the generator writes well-formed problems");
    (problem, flows)
}
