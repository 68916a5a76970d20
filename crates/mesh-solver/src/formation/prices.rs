//! The prices of thrust, one a step of the horizon, from sums over all agents.

/// What the agents so far want at which prices: thrust at the free inputs is `wanted - slope * prices`.
#[derive(Debug, Clone)]
pub(super) struct PriceSums {
    /// Steps of the horizon, squared; row by row; only the part up to the diagonal is kept.
    pub(super) slope: Vec<f64>,
    /// One a step: at no price, less what the rest of the thrust leaves of the budget.
    pub(super) wanted: Vec<f64>,
}

impl PriceSums {
    pub(super) fn new(steps: usize) -> Self {
        Self { slope: vec![0.0; steps * steps], wanted: vec![0.0; steps] }
    }

    /// Takes over the sums of those before.
    pub(super) fn start_from(&mut self, before: Option<&Self>) {
        match before {
            Some(before) => {
                self.slope.copy_from_slice(&before.slope);
                self.wanted.copy_from_slice(&before.wanted);
            }
            None => {
                self.slope.fill(0.0);
                self.wanted.fill(0.0);
            }
        }
    }

    /// Adds the square of one row of an agent's answer to the prices.
    pub(super) fn add_square(&mut self, row: &[f64]) {
        let steps = row.len();
        for (k, factor) in row.iter().enumerate() {
            if *factor != 0.0 {
                let sums = &mut self.slope[k * steps..k * steps + k + 1];
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
            }
        }
    }

    /// Prices at which the thrust at the `exhausted` steps is just `budget`; zero at the others. A step at which no
    /// price can change the thrust any more without breaking another is struck from `exhausted`.
    pub(super) fn prices(&self, budget: f64, exhausted: &mut [bool], prices: &mut [f64]) {
        let steps = prices.len();
        prices.fill(0.0);
        let mut held: Vec<usize> = Vec::with_capacity(steps);
        // Row r of the factor belongs to step held[r].
        let mut factor = vec![0.0; steps * steps];
        for (k, exhausted) in exhausted.iter_mut().enumerate().filter(|(_, exhausted)| **exhausted) {
            let row = held.len();
            let (above, rest) = factor.split_at_mut(row * steps);
            let own = &mut rest[..row + 1];
            let diagonal = self.slope[k * steps + k];
            let mut pivot = diagonal;
            for (column, other) in held.iter().enumerate() {
                let entries = &above[column * steps..column * steps + column + 1];
                let mut entry = self.slope[k * steps + other];
                for (a, b) in own[..column].iter().zip(entries) {
                    entry -= a * b;
                }
                entry /= entries[column];
                own[column] = entry;
                pivot -= entry * entry;
            }
            if pivot <= DEPENDENT * diagonal.max(DEPENDENT) {
                *exhausted = false;
                continue;
            }
            own[row] = pivot.sqrt();
            held.push(k);
        }
        let mut solution: Vec<f64> = Vec::with_capacity(held.len());
        for (row, k) in held.iter().enumerate() {
            let entries = &factor[row * steps..row * steps + row + 1];
            let mut value = self.wanted[*k] - budget;
            for (a, b) in entries.iter().zip(&solution) {
                value -= a * b;
            }
            solution.push(value / entries[row]);
        }
        for row in (0..held.len()).rev() {
            let mut value = solution[row];
            for later in row + 1..held.len() {
                value -= factor[later * steps + row] * solution[later];
            }
            value /= factor[row * steps + row];
            solution[row] = value;
            prices[held[row]] = value;
        }
    }
}

/// A pivot that is smaller than this part of its diagonal is rounding.
const DEPENDENT: f64 = 1e-9;
