//! What one asset wants and can do: a convex quadratic programme that only it knows.

use crate::contract::Edge;
use crate::{AssetId, MissionTime, NotFinite, Real};
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// The stretch of mission time that a plan covers: `steps` steps of `step_s` seconds from `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Window {
    /// When the first step begins.
    pub start: MissionTime,
    /// Length of a step.
    pub step_s: u32,
    /// Number of steps; at least 1.
    pub steps: u16,
}

impl Window {
    /// When step `step` begins; `steps` itself gives the end of the window.
    pub fn step_start(&self, step: usize) -> MissionTime {
        self.start.plus_s(u64::from(self.step_s) * step as u64)
    }

    /// When the last step ends.
    pub fn end(&self) -> MissionTime {
        self.step_start(usize::from(self.steps))
    }

    /// Length of a step in hours.
    pub fn step_h(&self) -> f64 {
        f64::from(self.step_s) / 3600.0
    }

    /// The step that holds `time`, if the window does.
    pub fn step_at(&self, time: MissionTime) -> Option<usize> {
        if time < self.start || time >= self.end() || self.step_s == 0 {
            return None;
        }
        Some(((time.as_ns() - self.start.as_ns()) / (u64::from(self.step_s) * 1_000_000_000)) as usize)
    }
}

/// `minimise 1/2 x'Px + q'x + c` over `lower <= Ax <= upper` and bounds on every variable.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct LocalProblem {
    /// Whose problem it is.
    pub asset: AssetId,
    /// What kind of asset: `habitat`, `rover`, `satellite`.
    pub domain: String,
    /// Version of the adapter that wrote it.
    pub version: u32,
    /// The time that it covers.
    pub window: Window,
    /// The variables, in the order in which everything else counts them.
    pub variables: Vec<Variable>,
    /// The cost.
    pub objective: Objective,
    /// The constraints.
    pub rows: Vec<Row>,
    /// Where the problem meets those of others, at most one port an edge.
    pub ports: Vec<Port>,
}

/// A variable and its bounds. Both are finite: certificates rest on them.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Variable {
    /// What it is, for a person: `soc[3]`.
    pub name: String,
    /// Smallest value.
    pub lower: Real,
    /// Largest value; never below `lower`.
    pub upper: Real,
}

/// `1/2 x'Px + q'x + c` with P positive semidefinite.
#[derive(Debug, Clone, Default, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Objective {
    /// Entries of P with row <= column, each place at most once; P is symmetric, so (i, j) stands for (j, i) too.
    pub quadratic: Vec<(u32, u32, Real)>,
    /// q, one entry a variable.
    pub linear: Vec<Real>,
    /// c.
    pub constant: Real,
}

/// One entry of a row: variable and coefficient.
pub type Term = (u32, Real);

/// `lower <= sum of terms <= upper`. A one-sided row has a finite other side as well, as wide as the bounds allow.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Row {
    /// What it says, for a person: `energy balance[3]`.
    pub name: String,
    /// The terms, each variable at most once.
    pub terms: Vec<Term>,
    /// Smallest value of the sum.
    pub lower: Real,
    /// Largest value; equal to `lower` for an equation.
    pub upper: Real,
}

/// The asset's end of an edge: for each step the variable that is the flow over the edge, or none where there is no flow.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Port {
    /// The edge.
    pub edge: Edge,
    /// The variable a step; `None` means that this end allows no flow then.
    pub flow: Vec<Option<u32>>,
}

impl Row {
    /// `sum of terms <= most`. The other side is below all that the bounds of `variables` allow, and so says nothing.
    pub fn at_most(name: String, terms: Vec<Term>, most: Real, variables: &[Variable]) -> Self {
        let (mut least, mut size) = (0.0, 1.0);
        for (variable, by) in &terms {
            let Some(Variable { lower, upper, .. }) = variables.get(*variable as usize) else { continue };
            let (low, high) = (by.value() * lower.value(), by.value() * upper.value());
            least += low.min(high);
            size += low.abs().max(high.abs());
        }
        // Wider than any rounding of the sum.
        let least = Real::new(least - 1e-6 * size).unwrap_or(Real::LEAST);
        let lower = if least.value() < most.value() { least } else { most };
        Self { name, terms, lower, upper: most }
    }
}

/// The sum of linear forms, variables ascending, each once; coefficients are added in the order of the forms.
pub fn sum_of<'a>(forms: impl IntoIterator<Item = &'a [Term]>) -> Result<Vec<Term>, NotFinite> {
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for (variable, by) in forms.into_iter().flatten() {
        *sums.entry(*variable).or_insert(0.0) += by.value();
    }
    sums.into_iter().map(|(variable, by)| Ok((variable, Real::new(by)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_starts_within_a_second_has_no_step_past_its_last() {
        let window = Window { start: MissionTime::from_ns(500_000_000), step_s: 1, steps: 2 };
        let step_at = |ns: u64| window.step_at(MissionTime::from_ns(ns));
        assert_eq!([step_at(499_999_999), step_at(500_000_000), step_at(1_499_999_999)], [None, Some(0), Some(0)]);
        assert_eq!([step_at(1_500_000_000), step_at(2_499_999_999), step_at(2_500_000_000)], [Some(1), Some(1), None]);
    }
}
