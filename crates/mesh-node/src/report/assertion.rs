//! What was to hold, and whether it does.

use serde::{Deserialize, Serialize};

/// One thing that was to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assertion {
    /// What.
    pub name: String,
    /// Whether it does.
    pub holds: bool,
    /// What was measured; none when there was nothing to measure, which never holds.
    pub value: Option<f64>,
    /// What the value is compared with.
    pub limit: f64,
    /// How: `>=` or `<=`.
    pub relation: Relation,
    /// Unit of both; empty for a bare number.
    pub unit: String,
}

/// How a value is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// The value must reach the limit.
    #[serde(rename = ">=")]
    AtLeast,
    /// The value must not pass the limit.
    #[serde(rename = "<=")]
    AtMost,
}

impl Assertion {
    /// Compares `value` with `limit`. No value, or one that is no number, does not hold.
    pub fn compare(name: &str, value: Option<f64>, relation: Relation, limit: f64, unit: &str) -> Self {
        let value = value.filter(|value| value.is_finite());
        let holds = value.is_some_and(|value| match relation {
            Relation::AtLeast => value >= limit,
            Relation::AtMost => value <= limit,
        });
        Self { name: name.to_owned(), holds, value, limit, relation, unit: unit.to_owned() }
    }

    /// How far the value may still move before it passes the limit; negative when it has.
    pub fn room(&self) -> f64 {
        match (self.value, self.relation) {
            (None, _) => f64::NEG_INFINITY,
            (Some(value), Relation::AtLeast) => value - self.limit,
            (Some(value), Relation::AtMost) => self.limit - value,
        }
    }
}
