//! What a suite says: figures with what they must reach, curves, and remarks.

use serde::Serialize;
use std::path::PathBuf;

/// Which side of the limit a figure must be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Sense {
    /// At most the limit.
    #[serde(rename = "<=")]
    AtMost,
    /// At least the limit.
    #[serde(rename = ">=")]
    AtLeast,
}

impl Sense {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
        }
    }

    /// Whether `value` is on the right side of `limit`; NaN is on neither.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::AtMost => value <= limit,
            Self::AtLeast => value >= limit,
        }
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Number of the requirement.
    pub row: u8,
    /// The suite that measured it.
    pub suite: &'static str,
    /// What it was measured on: `24_ieee_rts`.
    pub case: String,
    /// What was measured: `rounds`.
    pub measure: String,
    /// The figure.
    pub value: f64,
    /// Its unit; `1` for a ratio.
    pub unit: &'static str,
    /// What it is compared with, if anything: `plain ADMM, rho 100`.
    pub peer: Option<String>,
    /// The peer's figure.
    pub peer_value: Option<f64>,
    /// The limit.
    pub must: f64,
    /// Which side of the limit is good.
    pub sense: Sense,
    /// Whether the figure is on that side.
    pub holds: bool,
    /// A limit to reach for beyond that.
    #[serde(skip)]
    pub reach: Option<f64>,
}

impl Row {
    /// A figure against its limit.
    pub fn new(
        (row, suite): (u8, &'static str),
        case: impl Into<String>,
        (measure, unit): (impl Into<String>, &'static str),
        value: f64,
        (sense, must): (Sense, f64),
    ) -> Self {
        let holds = sense.holds(value, must);
        let (case, measure) = (case.into(), measure.into());
        Self { row, suite, case, measure, value, unit, peer: None, peer_value: None, must, sense, holds, reach: None }
    }

    /// Names what it is compared with, and that one's own figure.
    pub fn against(mut self, peer: impl Into<String>, value: f64) -> Self {
        (self.peer, self.peer_value) = (Some(peer.into()), Some(value));
        self
    }

    /// Adds the limit to reach for.
    pub fn reaching_for(mut self, reach: f64) -> Self {
        self.reach = Some(reach);
        self
    }
}

/// A picture: values over an axis, one line a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name of the file, without its ending: `pglib_24_gap`.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What the horizontal axis counts.
    pub x: String,
    /// What the vertical axis shows; logarithmic.
    pub y: String,
    /// Label and points of each line.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

/// All that a suite found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SuiteReport {
    /// The figures.
    pub rows: Vec<Row>,
    /// The pictures.
    pub curves: Vec<Curve>,
    /// What a reader of the figures should know: grids that were searched, cases that were left out.
    pub notes: Vec<String>,
    /// How often a run of ours said "converged" (or "infeasible", "unbounded") and the referee looked at it.
    pub verdicts: u64,
    /// How often that was false.
    pub verdicts_false: u64,
}

/// What a suite is run on.
#[derive(Debug, Clone, PartialEq)]
pub struct SuiteSettings {
    /// Where case files are; a suite that needs some and finds none says so.
    pub data: Option<PathBuf>,
}

/// Why a suite could not run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file could not be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A file does not say what it should.
    #[error("{}:{line}: {reason}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// There is nothing to run on.
    #[error("{suite}: {} does not hold {expected}", data.display())]
    NoCases {
        /// The suite.
        suite: &'static str,
        /// Where they were looked for.
        data: PathBuf,
        /// What they are called.
        expected: &'static str,
    },
    /// The referee did not take or solve a problem.
    #[error("the referee: {0}")]
    Referee(String),
    /// Our own solver failed where it must not.
    #[error("{case}: {why}")]
    Failed {
        /// The case.
        case: String,
        /// What happened.
        why: String,
    },
    /// Somebody wants it to stop.
    #[error("interrupted")]
    Interrupted,
}

impl SuiteError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCases { expected, .. } => Some(format!("name the folder that holds {expected} with --data")),
            Self::Unreadable { .. } => Some("check the path that --data names, and who may read it".to_owned()),
            Self::BadFile { .. } => Some("correct the file, or take it out of the folder".to_owned()),
            Self::Referee(_) | Self::Failed { .. } | Self::Interrupted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_no_number_reaches_nothing() {
        for sense in [Sense::AtMost, Sense::AtLeast] {
            assert!(sense.holds(1.0, 1.0));
            assert!(!sense.holds(f64::NAN, 1.0));
        }
        assert!(!Sense::AtMost.holds(2.0, 1.0) && !Sense::AtLeast.holds(0.5, 1.0));
    }

    #[test]
    fn a_row_is_written_as_the_reader_of_the_bench_expects_it() {
        let row =
            Row::new((2, "pglib"), "24", ("rounds", "1"), 4.0, (Sense::AtLeast, 3.0)).against("plain ADMM", 500.0);
        let json = serde_json::to_value(&row).expect("rows have a text form");
        let expected = serde_json::json!({
            "row": 2, "suite": "pglib", "case": "24", "measure": "rounds", "value": 4.0, "unit": "1",
            "peer": "plain ADMM", "peer_value": 500.0, "must": 3.0, "sense": ">=", "holds": true,
        });
        assert_eq!(json, expected);
    }
}
