//! What the page shows besides the report: courses over time.

use mesh_model::AssetId;

/// All courses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Courses {
    /// Batteries in id order.
    pub batteries: Vec<BatteryCourse>,
    /// Negotiations worth showing: the first, and the one after the blackout.
    pub negotiations: Vec<NegotiationCourse>,
    /// Links, ordered by their ends.
    pub links: Vec<LinkCourse>,
}

/// A battery over time.
#[derive(Debug, Clone, PartialEq)]
pub struct BatteryCourse {
    /// Whose.
    pub asset: AssetId,
    /// Energy when full.
    pub capacity_kwh: f64,
    /// Energy that may not be undercut.
    pub reserve_kwh: f64,
    /// Hour of the mission and energy.
    pub points: Vec<(f64, f64)>,
}

/// A negotiation round by round.
#[derive(Debug, Clone, PartialEq)]
pub struct NegotiationCourse {
    /// What it was.
    pub title: String,
    /// Its rounds in order.
    pub rounds: Vec<RoundCourse>,
}

/// One round of a negotiation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundCourse {
    /// Which, from 0.
    pub round: u32,
    /// Relative primal residual.
    pub primal: f64,
    /// Relative dual residual.
    pub dual: f64,
    /// Certified relative gap, if the round's candidate was evaluated.
    pub gap: Option<f64>,
}

/// A link over time.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkCourse {
    /// Its ends.
    pub name: String,
    /// Hours of the mission from and until which it was up.
    pub up: Vec<(f64, f64)>,
}
