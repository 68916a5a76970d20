//! How the price search grows with the number of agents: CPU time and price evaluations, as powers of it.

use super::exchange::case::Fleet;
use super::exchange::{search, seconds};
use super::{Curve, Row, Sense, SuiteError, SuiteReport, SuiteSettings};

/// Runs the suite.
pub fn run(
    _settings: &SuiteSettings,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<SuiteReport, SuiteError> {
    let mut report = SuiteReport::default();
    let (mut seconds, mut evaluations, mut rounds) = (Vec::new(), Vec::new(), Vec::new());
    for agents in AGENTS {
        progress(&format!("scale: {agents} agents"))?;
        let mut sums = (0.0, 0.0);
        let mut depth = 0;
        for seed in 0..SEEDS {
            let fleet = Fleet::new(agents, 1000 + seed);
            let run = search(&fleet, GAP)?;
            sums.0 += time_of(&fleet)? / SEEDS as f64;
            sums.1 += f64::from(run.solved.evaluations) / SEEDS as f64;
            depth = run.depth;
        }
        let x = agents as f64;
        seconds.push((x, sums.0));
        evaluations.push((x, sums.1));
        rounds.push((x, sums.1 * 2.0 * f64::from(depth)));
        report.notes.push(format!(
            "N = {agents}: {:.2e} s, {:.1} evaluations, depth {depth}, {:.0} rounds (evaluations x 2 x depth), mean of \
             {SEEDS} seeds to a gap of {GAP:e}.",
            sums.0,
            sums.1,
            sums.1 * 2.0 * f64::from(depth)
        ));
    }
    let row = |measure: &str, points: &[(f64, f64)], must: f64, reach: f64| {
        Row::new((6, "scale"), "N = 10 to 10,000", (measure, "1"), exponent(points), (Sense::AtMost, must))
            .reaching_for(reach)
    };
    report.rows.push(row("exponent of CPU time", &seconds, 1.05, 1.02));
    report.rows.push(row("exponent of price evaluations", &evaluations, 0.03, 0.02));
    report.curves.push(Curve {
        name: "scale".to_owned(),
        title: "Growth of the price search".to_owned(),
        x: "agents".to_owned(),
        y: "seconds, evaluations, rounds".to_owned(),
        series: vec![
            ("CPU time in seconds".to_owned(), seconds),
            ("price evaluations".to_owned(), evaluations),
            ("rounds".to_owned(), rounds),
        ],
    });
    Ok(report)
}

/// The least of a few means: what others do to the caches only ever adds.
fn time_of(fleet: &Fleet) -> Result<f64, SuiteError> {
    let repeats = (RUNS_OF_AGENTS / fleet.vehicles.len()).max(1);
    let mut least = f64::INFINITY;
    for _ in 0..REPEATS {
        least = least.min(seconds(fleet, GAP, repeats)?);
    }
    Ok(least)
}

/// Slope of the line through the logarithms with the least squares.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (libm::log(*x), libm::log(*y))).collect();
    let count = logs.len() as f64;
    let (x_mean, y_mean) = logs.iter().fold((0.0, 0.0), |sums, (x, y)| (sums.0 + x / count, sums.1 + y / count));
    let (mut both, mut square) = (0.0, 0.0);
    for (x, y) in logs {
        both += (x - x_mean) * (y - y_mean);
        square += (x - x_mean) * (x - x_mean);
    }
    both / square
}

const AGENTS: [usize; 7] = [10, 32, 100, 316, 1_000, 3_162, 10_000];
const SEEDS: u64 = 10;
const REPEATS: usize = 3;
/// Agents of all runs that are timed as one.
const RUNS_OF_AGENTS: usize = 20_000;
const GAP: f64 = 1e-7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_has_its_exponent() {
        let points: Vec<(f64, f64)> = [1.0, 10.0, 100.0].iter().map(|x| (*x, 3.0 * libm::pow(*x, 1.5))).collect();
        assert!((exponent(&points) - 1.5).abs() < 1e-12);
    }
}
