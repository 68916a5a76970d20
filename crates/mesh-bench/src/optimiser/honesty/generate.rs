//! Random problems of which it is known from the start whether they have a solution.

use mesh_solver::{QpProblem, QpRow};

/// SplitMix64: small, and the same everywhere.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Uniform in 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in -1..1.
    pub(super) fn signed(&mut self) -> f64 {
        2.0 * self.unit() - 1.0
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// What a problem is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Every coefficient is there.
    Dense,
    /// A few terms a row, up to the limits of a problem.
    Sparse,
    /// No rows.
    BoxOnly,
    /// Nearly as many equations as variables.
    EquationRich,
    /// Duplicate and redundant rows, bounds of no width, many constraints through one point.
    Degenerate,
    /// P of low rank.
    Singular,
    /// No P.
    Linear,
    /// Units from 1e-6 to 1e6.
    BadlyScaled,
    /// Rows and their doubles turned by next to nothing, all of them tight.
    NearlyParallel,
    /// No bounds on variables, and a best point.
    Open,
    /// Rows that exclude each other.
    Infeasible,
    /// Rows whose sides cross by so little that it might be rounding.
    NearlyInfeasible,
    /// A ray along which the cost falls.
    Unbounded,
}

impl Kind {
    pub(super) const ALL: [Self; 13] = [
        Self::Dense,
        Self::Sparse,
        Self::BoxOnly,
        Self::EquationRich,
        Self::Degenerate,
        Self::Singular,
        Self::Linear,
        Self::BadlyScaled,
        Self::NearlyParallel,
        Self::Open,
        Self::Infeasible,
        Self::NearlyInfeasible,
        Self::Unbounded,
    ];
}

/// Powers of ten that units may differ by.
pub(super) const TEN: [f64; 13] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Angles between rows, and distances between sides, that are next to nothing.
const NEARLY: [f64; 4] = [1e-4, 1e-5, 1e-6, 1e-7];

/// What is so by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Solvable,
    Infeasible,
    Unbounded,
}

/// A problem, what is known of it, and the same in units that suit the referee.
pub(super) struct Case {
    pub(super) problem: QpProblem,
    pub(super) plain: QpProblem,
    /// A cost of one of the plain problem, in the units of the other.
    pub(super) cost_unit: f64,
    pub(super) truth: Truth,
}

/// The case of a kind and seed.
pub(super) fn case(kind: Kind, seed: u64) -> Case {
    let mut dice = Dice::new(seed * 64 + kind as u64);
    let n = match kind {
        // One in twenty is large.
        Kind::Sparse | Kind::Linear | Kind::BoxOnly if seed % 20 == 7 => 200 + dice.below(201),
        Kind::Dense => 1 + dice.below(60),
        _ => 2 + dice.below(50),
    };
    let mut draft = Draft::new(&mut dice, kind, n);
    draft.add_rows(&mut dice, kind);
    draft.add_cost(&mut dice, kind);
    let truth = match kind {
        Kind::Infeasible | Kind::NearlyInfeasible => {
            let by = if kind == Kind::Infeasible { 0.01 } else { NEARLY[dice.below(3)] };
            draft.contradict(&mut dice, by);
            Truth::Infeasible
        }
        Kind::Unbounded => {
            draft.open_along_a_ray(&mut dice);
            Truth::Unbounded
        }
        _ => Truth::Solvable,
    };
    if kind == Kind::Open {
        draft.open_around_the_best(&mut dice);
    }
    let plain = draft.clone().build();
    let cost_unit = if kind == Kind::BadlyScaled { draft.distort(&mut dice) } else { 1.0 };
    Case { problem: draft.build(), plain, cost_unit, truth }
}

#[derive(Clone)]
struct Draft {
    point: Vec<f64>,
    quadratic: Vec<(usize, usize, f64)>,
    linear: Vec<f64>,
    rows: Vec<QpRow>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Draft {
    fn new(dice: &mut Dice, kind: Kind, n: usize) -> Self {
        let point: Vec<f64> = (0..n).map(|_| 2.0 * dice.signed()).collect();
        let pinned = if kind == Kind::Degenerate { 0.4 } else { 0.02 };
        let mut side = |sign: f64| -> Vec<f64> {
            point.iter().map(|x| if dice.chance(pinned) { *x } else { x + sign * dice.unit() }).collect()
        };
        let (lower, upper) = (side(-1.0), side(1.0));
        Self { quadratic: Vec::new(), linear: vec![0.0; n], rows: Vec::new(), lower, upper, point }
    }

    fn along(terms: &[(usize, f64)], x: &[f64]) -> f64 {
        terms.iter().map(|(j, a)| a * x[*j]).sum()
    }

    fn row(&self, dice: &mut Dice, density: f64, tight: f64) -> QpRow {
        let n = self.point.len();
        let mut terms: Vec<(usize, f64)> = (0..n).filter(|_| dice.chance(density)).map(|j| (j, 0.0)).collect();
        if terms.is_empty() {
            terms.push((dice.below(n), 0.0));
        }
        // No coefficient is next to nothing: then no row is, and nothing depends on its rounding.
        terms.iter_mut().for_each(|(_, a)| *a = (0.1 + 0.9 * dice.unit()) * if dice.chance(0.5) { 1.0 } else { -1.0 });
        let value = Self::along(&terms, &self.point);
        let slack = |dice: &mut Dice| if dice.chance(tight) { 0.0 } else { 0.3 * dice.unit() };
        let (below, above) = (slack(dice), slack(dice));
        let upper = if dice.chance(0.3) { f64::INFINITY } else { value + above };
        QpRow { terms, lower: value - below, upper }
    }

    fn add_rows(&mut self, dice: &mut Dice, kind: Kind) {
        let n = self.point.len();
        let density = if kind == Kind::Dense { 1.0 } else { (4.0 / n as f64).min(1.0) };
        let (inequalities, equations, tight) = match kind {
            Kind::BoxOnly | Kind::Open | Kind::Unbounded => return,
            Kind::Dense => (dice.below(2 * n), dice.below(1 + n / 3), 0.1),
            Kind::Sparse | Kind::Linear => (dice.below(2 * n), dice.below(1 + n / 3), 0.1),
            Kind::EquationRich => (dice.below(n), n * 4 / 5 + dice.below(1 + n / 5), 0.1),
            Kind::Degenerate => (n + dice.below(2 * n), dice.below(1 + n / 2), 0.7),
            Kind::NearlyParallel => (dice.below(n), dice.below(1 + n / 3), 0.5),
            Kind::Singular | Kind::BadlyScaled | Kind::Infeasible | Kind::NearlyInfeasible => {
                (dice.below(2 * n), dice.below(1 + n / 3), 0.2)
            }
        };
        for _ in 0..inequalities {
            let row = self.row(dice, density, tight);
            self.rows.push(row);
        }
        for _ in 0..equations {
            let mut row = self.row(dice, density, 1.0);
            row.upper = row.lower;
            self.rows.push(row);
        }
        match kind {
            Kind::Degenerate => self.repeat_rows(dice),
            Kind::NearlyParallel => self.turn_rows(dice),
            _ => {}
        }
    }

    /// Inequalities again, each turned a little, and tight at the point. Of equations that are nearly parallel nobody could
    /// say which point is the best: neither the referee's arithmetic nor a bound's goes that far.
    fn turn_rows(&mut self, dice: &mut Dice) {
        for place in
            (0..self.rows.len()).filter(|place| self.rows[*place].lower < self.rows[*place].upper).collect::<Vec<_>>()
        {
            let mut row = self.rows[place].clone();
            let turn = NEARLY[dice.below(NEARLY.len())];
            row.terms.iter_mut().for_each(|(_, a)| *a *= 1.0 + turn * dice.signed());
            let value = Self::along(&row.terms, &self.point);
            row.lower = value;
            row.upper = if row.upper.is_finite() {
                value + (self.rows[place].upper - self.rows[place].lower)
            } else {
                row.upper
            };
            self.rows.push(row);
        }
    }

    /// Rows again, twice as large and turned around or as they are, and sums of two.
    fn repeat_rows(&mut self, dice: &mut Dice) {
        let rows = self.rows.len();
        for _ in 0..rows / 2 {
            let mut row = self.rows[dice.below(rows)].clone();
            let factor = if dice.chance(0.5) { 1.0 } else { -2.0 };
            row.terms.iter_mut().for_each(|(_, value)| *value *= factor);
            let (a, b) = (row.lower * factor, row.upper * factor);
            (row.lower, row.upper) = (a.min(b), a.max(b));
            self.rows.push(row);
        }
    }

    fn add_cost(&mut self, dice: &mut Dice, kind: Kind) {
        let n = self.point.len();
        self.linear = (0..n).map(|_| if dice.chance(0.3) { 0.0 } else { 3.0 * dice.signed() }).collect();
        match kind {
            Kind::Linear | Kind::Open | Kind::Unbounded => {}
            Kind::Sparse | Kind::EquationRich | Kind::BoxOnly | Kind::Infeasible | Kind::NearlyInfeasible => {
                self.quadratic = (0..n).filter(|_| dice.chance(0.6)).map(|j| (j, j, 0.0)).collect();
                self.quadratic.iter_mut().for_each(|(_, _, value)| *value = 0.01 + dice.unit());
            }
            Kind::Dense | Kind::BadlyScaled | Kind::NearlyParallel => self.add_rank(dice, n, 0.01),
            Kind::Degenerate | Kind::Singular => self.add_rank(dice, 1 + n / 3, 0.0),
        }
    }

    fn add_rank(&mut self, dice: &mut Dice, rank: usize, diagonal: f64) {
        let n = self.point.len();
        let factors: Vec<Vec<f64>> = (0..rank).map(|_| (0..n).map(|_| dice.signed()).collect()).collect();
        for i in 0..n {
            for j in i..n {
                let value: f64 = factors.iter().map(|factor| factor[i] * factor[j]).sum();
                self.quadratic.push((i, j, if i == j { value + diagonal } else { value }));
            }
        }
    }

    /// Rows that cannot hold together: more than the box gives, a sum of two beyond both, or an equation twice, each by
    /// so much.
    fn contradict(&mut self, dice: &mut Dice, by: f64) {
        let mut first = self.row(dice, 0.3, 0.0);
        first.upper = first.upper.min(Self::along(&first.terms, &self.point) + 0.2);
        match dice.below(3) {
            0 => {
                let most: f64 = first.terms.iter().map(|(j, a)| (a * self.lower[*j]).max(a * self.upper[*j])).sum();
                self.rows.push(QpRow { terms: first.terms, lower: most + by, upper: most + 1.0 });
            }
            1 => {
                let mut second = self.row(dice, 0.3, 0.0);
                second.upper = second.upper.min(Self::along(&second.terms, &self.point) + 0.2);
                let mut sum = vec![0.0; self.point.len()];
                for row in [&first, &second] {
                    row.terms.iter().for_each(|(j, a)| sum[*j] += a);
                }
                let lower = first.upper + second.upper + by;
                let terms = sum.into_iter().enumerate().filter(|(_, a)| *a != 0.0).collect();
                self.rows.extend([first, second, QpRow { terms, lower, upper: f64::INFINITY }]);
            }
            _ => {
                first.upper = first.lower;
                let mut second = first.clone();
                second.lower += by;
                second.upper = second.lower;
                self.rows.extend([first, second]);
            }
        }
    }

    /// No bounds, and a cost that multipliers of the right signs hold up at the point, so that it is the best.
    fn open_around_the_best(&mut self, dice: &mut Dice) {
        let n = self.point.len();
        self.linear = vec![0.0; n];
        for _ in 0..n + dice.below(n) {
            let mut row = self.row(dice, (4.0 / n as f64).min(1.0), 0.5);
            let value = Self::along(&row.terms, &self.point);
            row.upper = f64::INFINITY;
            if row.lower == value {
                let multiplier = dice.unit();
                row.terms.iter().for_each(|(j, a)| self.linear[*j] += multiplier * a);
            }
            self.rows.push(row);
        }
        for j in (0..n).filter(|j| j % 2 == 0) {
            let curve = dice.unit();
            self.quadratic.push((j, j, curve));
            self.linear[j] -= curve * self.point[j];
        }
        (self.lower, self.upper) = (vec![f64::NEG_INFINITY; n], vec![f64::INFINITY; n]);
    }

    /// A direction that no row or bound ends and that the cost falls along, with curvature elsewhere only.
    fn open_along_a_ray(&mut self, dice: &mut Dice) {
        let n = self.point.len();
        let mut ray: Vec<f64> = (0..n).map(|_| if dice.chance(0.3) { 0.0 } else { dice.signed() }).collect();
        ray[0] = 1.0;
        for _ in 0..dice.below(2 * n) {
            let mut row = self.row(dice, (4.0 / n as f64).min(1.0), 0.2);
            let value = Self::along(&row.terms, &self.point);
            let grows = Self::along(&row.terms, &ray);
            (row.lower, row.upper) =
                if grows >= 0.0 { (row.lower, f64::INFINITY) } else { (f64::NEG_INFINITY, value + 0.2) };
            self.rows.push(row);
        }
        let slope: f64 = self.linear.iter().zip(&ray).map(|(q, d)| q * d).sum();
        let square: f64 = ray.iter().map(|d| d * d).sum();
        self.linear.iter_mut().zip(&ray).for_each(|(q, d)| *q -= (slope + 1.0) / square * d);
        for j in (0..n).filter(|j| ray[*j] == 0.0) {
            self.quadratic.push((j, j, dice.unit()));
        }
        for (j, d) in ray.iter().enumerate() {
            self.lower[j] = if *d < 0.0 { f64::NEG_INFINITY } else { self.lower[j] };
            self.upper[j] = if *d > 0.0 { f64::INFINITY } else { self.upper[j] };
        }
    }

    /// Other units: variables and rows by 1e-6..1e6, the cost by what is returned.
    fn distort(&mut self, dice: &mut Dice) -> f64 {
        let unit: Vec<f64> = self.point.iter().map(|_| TEN[dice.below(TEN.len())]).collect();
        let cost = TEN[3 + dice.below(5)];
        self.quadratic.iter_mut().for_each(|(i, j, value)| *value *= cost / (unit[*i] * unit[*j]));
        for (j, unit) in unit.iter().enumerate() {
            self.linear[j] *= cost / unit;
            self.lower[j] *= unit;
            self.upper[j] *= unit;
        }
        for row in &mut self.rows {
            let scale = TEN[dice.below(TEN.len())];
            row.terms.iter_mut().for_each(|(j, value)| *value *= scale / unit[*j]);
            row.lower *= scale;
            row.upper *= scale;
        }
        cost
    }

    fn build(self) -> QpProblem {
        QpProblem::new(&self.quadratic, self.linear, 0.0, self.rows, self.lower, self.upper)
            .expect("indices are in range, numbers finite, and a sum of squares is convex")
    }
}
