//! A power grid as the direct-current model sees it: what is in service, per unit, angles in radians.
//!
//! The flow over a branch is `susceptance * (angle at from - angle at to)`. Taps, shifts and losses are ignored; a
//! thermal limit is one on the difference of angles.

use std::collections::BTreeMap;

/// A grid. Every index is in range, every number finite, every bound in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Name of the file without its ending.
    pub name: String,
    /// Power that counts as one, in MW.
    pub base_mva: f64,
    /// Nodes.
    pub buses: Vec<Bus>,
    /// Sources in service.
    pub generators: Vec<Generator>,
    /// Lines and transformers in service.
    pub branches: Vec<Branch>,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Bus {
    /// Its number in the file.
    pub id: u64,
    /// The area that the file puts it in.
    pub area: u64,
    /// Load and shunt conductance.
    pub demand: f64,
    /// Whether its angle is zero.
    pub reference: bool,
}

/// A source; one unit of power for an hour costs `quadratic * p^2 + linear * p + constant` dollars.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// Index of its bus.
    pub bus: usize,
    /// Least output.
    pub lower: f64,
    /// Most output.
    pub upper: f64,
    /// Not negative.
    pub quadratic: f64,
    /// Cost of the first unit.
    pub linear: f64,
    /// Cost of running at all.
    pub constant: f64,
}

/// A connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Index of one bus.
    pub from: usize,
    /// Index of another bus.
    pub to: usize,
    /// Flow for one radian; negative for a series capacitor, zero for one without reactance, which carries nothing.
    pub susceptance: f64,
    /// Least difference of angles, from what the file allows and the flow.
    pub lower: f64,
    /// Largest difference of angles.
    pub upper: f64,
}

impl Generator {
    /// Cost of one more unit in the middle between the least and the most.
    pub fn price(&self) -> f64 {
        self.linear + self.quadratic * (self.upper + self.lower)
    }

    /// Cost at an output.
    pub fn cost(&self, output: f64) -> f64 {
        (self.quadratic * output + self.linear) * output + self.constant
    }
}

impl Case {
    /// Dollars an hour that count as one: what one unit of power costs at the margin, as a mean over what the generators
    /// could give, or half of what the whole costs if that is less, so that a gap relative to the cost means the same in
    /// units and in dollars. A power of two, which changes no digit.
    pub fn cost_unit(&self) -> f64 {
        let (mut price, mut capacity) = (0.0, 0.0);
        for generator in &self.generators {
            let range = generator.upper - generator.lower;
            price += range * generator.price().abs();
            capacity += range;
        }
        let whole = self.cost_without_limits();
        let wanted = if whole > 0.0 { (price / capacity).min(0.5 * whole) } else { price / capacity };
        let mut unit: f64 = 1.0;
        while unit < wanted && unit < 1e9 {
            unit *= 2.0;
        }
        while 0.5 * unit > wanted && unit > 1e-6 {
            unit *= 0.5;
        }
        unit
    }

    /// What the grid costs if every branch can carry everything, roughly: generators run one after the other.
    fn cost_without_limits(&self) -> f64 {
        let mut cheapest: Vec<&Generator> = self.generators.iter().collect();
        cheapest.sort_by(|a, b| a.price().total_cmp(&b.price()));
        let demand: f64 = self.buses.iter().map(|bus| bus.demand).sum();
        let mut missing = demand - cheapest.iter().map(|generator| generator.lower).sum::<f64>();
        let mut cost = 0.0;
        for generator in cheapest {
            let more = missing.clamp(0.0, generator.upper - generator.lower);
            missing -= more;
            cost += generator.cost(generator.lower + more);
        }
        cost
    }

    /// The indices of each bus's branches, ascending.
    pub fn branches_at(&self) -> Vec<Vec<usize>> {
        let mut at = vec![Vec::new(); self.buses.len()];
        for (index, branch) in self.branches.iter().enumerate() {
            at[branch.from].push(index);
            at[branch.to].push(index);
        }
        at
    }

    /// The smallest and largest difference of angles between two buses that are connected, `first < second`, over all
    /// branches between them.
    pub fn spans(&self) -> BTreeMap<(usize, usize), (f64, f64)> {
        let mut spans = BTreeMap::new();
        for branch in &self.branches {
            let (pair, lower, upper) = if branch.from < branch.to {
                ((branch.from, branch.to), branch.lower, branch.upper)
            } else {
                ((branch.to, branch.from), -branch.upper, -branch.lower)
            };
            let span = spans.entry(pair).or_insert((lower, upper));
            *span = (span.0.max(lower), span.1.min(upper));
        }
        spans
    }
}
