//! The suites by name, and what is said of all of them together.

use super::{
    Row, Sense, SuiteError, SuiteReport, SuiteSettings, assignment, exchange, honesty, lossy, mpc, pglib, scale,
};

/// Told often what is being done; its error, an interruption, ends the suite.
pub type Progress<'a> = dyn FnMut(&str) -> Result<(), SuiteError> + 'a;

/// A suite of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Power flow over areas.
    Pglib,
    /// Many agents, few shared prices.
    Exchange,
    /// The edge core under loss, delay and cuts.
    Lossy,
    /// Rows of vehicles over a receding horizon.
    Mpc,
    /// Whole tasks.
    Assignment,
    /// How the price search grows.
    Scale,
    /// A thousand random problems, and whether what is said of them is true.
    Honesty,
}

impl Suite {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 7] =
        [Self::Pglib, Self::Exchange, Self::Lossy, Self::Mpc, Self::Assignment, Self::Scale, Self::Honesty];

    /// As the command line calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pglib => "pglib",
            Self::Exchange => "exchange",
            Self::Lossy => "lossy",
            Self::Mpc => "mpc",
            Self::Assignment => "assignment",
            Self::Scale => "scale",
            Self::Honesty => "honesty",
        }
    }

    fn run(self, settings: &SuiteSettings, progress: &mut Progress<'_>) -> Result<SuiteReport, SuiteError> {
        match self {
            Self::Pglib => pglib::run(settings, progress),
            Self::Exchange => exchange::run(settings, progress),
            Self::Lossy => lossy::run(settings, progress),
            Self::Mpc => mpc::run(settings, progress),
            Self::Assignment => assignment::run(settings, progress),
            Self::Scale => scale::run(settings, progress),
            Self::Honesty => honesty::run(settings, progress),
        }
    }
}

/// Runs suites one after the other and hands on the report of each when it is there. The last one is about what all of
/// them together said.
pub fn run(
    suites: &[Suite],
    settings: &SuiteSettings,
    progress: &mut Progress<'_>,
    done: &mut dyn FnMut(&'static str, SuiteReport),
) -> Result<(), SuiteError> {
    let (mut verdicts, mut verdicts_false) = (0, 0);
    for suite in suites {
        let report = suite.run(settings, progress)?;
        verdicts += report.verdicts;
        verdicts_false += report.verdicts_false;
        done(suite.name(), report);
    }
    let case = format!("{verdicts} verdicts of these suites");
    let row = Row::new((12, "all"), case, ("false verdicts", "runs"), verdicts_false as f64, (Sense::AtMost, 0.0));
    done("all", SuiteReport { rows: vec![row], ..SuiteReport::default() });
    Ok(())
}
