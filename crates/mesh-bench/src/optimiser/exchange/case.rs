//! The fleets of vehicles: random, from a seed.
//!
//! Each of N agents takes u with `0 <= u_t <= umax` and `sum_t u_t = E` over 24 steps and pays
//! `price'u + gamma/2 |u|^2`; all together pay `1/(2N) |sum_i u_i + D|^2`.

use mesh_solver::prices::Market;
use mesh_solver::{Member, QpProblem, QpRow, Share};

/// Steps.
pub const STEPS: usize = 24;

/// One vehicle.
#[derive(Debug, Clone)]
pub struct Vehicle {
    /// Largest power.
    pub power_max: f64,
    /// Energy to be taken.
    pub energy: f64,
    /// Price a step, as it is for this vehicle.
    pub price: Vec<f64>,
    /// Cost of power squared.
    pub gamma: f64,
}

/// A random fleet.
#[derive(Debug, Clone)]
pub struct Fleet {
    seed: u64,
    /// The vehicles.
    pub vehicles: Vec<Vehicle>,
    /// What others draw from the same supply, a step.
    pub demand: Vec<f64>,
    /// Weight of the square of the total draw.
    pub beta: f64,
}

impl Fleet {
    /// `agents` vehicles.
    pub fn new(agents: usize, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let steps = STEPS as f64;
        let common: Vec<f64> = (0..STEPS).map(|_| dice.within(1.0, 3.0)).collect();
        let vehicle = |_| {
            let power_max = dice.within(3.0, 5.0);
            let energy = dice.within(0.2, 0.6) * power_max * steps / 2.0;
            let gamma = dice.within(0.05, 0.15);
            let price = common.iter().map(|price| price + 0.05 * dice.normal()).collect();
            Vehicle { power_max, energy, price, gamma }
        };
        let vehicles = (0..agents).map(vehicle).collect();
        let wave = |t: usize| agents as f64 * (1.5 + libm::sin(2.0 * std::f64::consts::PI * t as f64 / steps));
        Self { seed, vehicles, demand: (0..STEPS).map(wave).collect(), beta: 1.0 / agents as f64 }
    }

    /// What to call it.
    pub fn name(&self) -> String {
        format!("exchange, {} agents, seed {}", self.vehicles.len(), self.seed)
    }

    /// The agents.
    pub fn members(&self) -> Vec<Member> {
        self.vehicles.iter().map(Vehicle::member).collect()
    }

    /// What the total draw of each step costs.
    pub fn markets(&self) -> Vec<Market> {
        self.demand.iter().map(|demand| Market::quadratic(self.beta, *demand)).collect()
    }
}

impl Vehicle {
    fn member(&self) -> Member {
        let quadratic: Vec<_> = (0..STEPS).map(|t| (t, t, self.gamma)).collect();
        let terms = (0..STEPS).map(|t| (t, 1.0)).collect();
        let row = QpRow { terms, lower: self.energy, upper: self.energy };
        let (lower, upper) = (vec![0.0; STEPS], vec![self.power_max; STEPS]);
        let problem = QpProblem::new(&quadratic, self.price.clone(), 0.0, vec![row], lower, upper)
            .expect("the dice give finite numbers in order");
        Member { problem, shares: (0..STEPS).map(|t| Share { junction: t, terms: vec![(t, 1.0)] }).collect() }
    }
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Box and Muller's.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit())
    }
}
