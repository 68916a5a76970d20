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
    /// Flow for one radian; negative for a series capacitor, never zero.
    pub susceptance: f64,
    /// Least difference of angles, from what the file allows and the flow.
    pub lower: f64,
    /// Largest difference of angles.
    pub upper: f64,
}

impl Generator {
    /// Cost at an output.
    pub fn cost(&self, output: f64) -> f64 {
        (self.quadratic * output + self.linear) * output + self.constant
    }
}

impl Case {
    /// Dollars an hour that count as one: the power of two next to what one unit of power costs at the margin, as a mean
    /// over what the generators could give. A power of two changes no digit.
    pub fn cost_unit(&self) -> f64 {
        let (mut price, mut capacity) = (0.0, 0.0);
        for generator in &self.generators {
            let range = generator.upper - generator.lower;
            price += range * (generator.linear + generator.quadratic * (generator.upper + generator.lower)).abs();
            capacity += range;
        }
        let mean = price / capacity;
        let mut unit: f64 = 1.0;
        while unit < mean && unit < 1e9 {
            unit *= 2.0;
        }
        unit
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
