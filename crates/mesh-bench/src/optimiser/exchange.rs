//! Many vehicles that charge from one supply: the price search against the referee on the whole problem.
//!
//! Speed to a gap of 1e-7, payload to a gap of 1e-4. Ours is timed with all that comes with it: the local solvers' set-up,
//! the messages' quantisation, the certificate. The referee is timed from its matrices to its solution. One thread each.

pub mod case;

mod central;

use super::{Row, Sense, SuiteError, SuiteReport, SuiteSettings};
use case::Fleet;
use mesh_solver::prices::{Outcome, Settings, Solved, Tree};
use std::time::{Duration, Instant};

/// A run of the price search.
#[derive(Debug, Clone)]
pub struct Run {
    /// The certified end.
    pub solved: Solved,
    /// Payload bytes sent and received, mean over the agents.
    pub mean_bytes: f64,
    /// Edges between the root and the agent furthest from it.
    pub depth: u32,
    /// From the agents' problems to the certificate.
    pub time: Duration,
}

/// Runs the suite.
pub fn run(
    _settings: &SuiteSettings,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<SuiteReport, SuiteError> {
    let mut report = SuiteReport::default();
    for (row, agents, must, reach) in [(4, 10_000, 50.0, 100.0), (5, 1_000, 20.0, 40.0)] {
        progress(&format!("exchange: {agents} agents to a gap of 1e-7"))?;
        speed(&mut report, row, agents, (must, reach), progress)?;
    }
    for agents in [100, 1_000, 10_000] {
        progress(&format!("exchange: payload of {agents} agents"))?;
        payload(&mut report, agents)?;
    }
    report.notes.push(format!(
        "The referee takes the fastest of these forms of the problem: {}. A sum is one more variable.",
        central::FORMS.map(central::Form::name).join("; ")
    ));
    Ok(report)
}

/// Solves `fleet` to `gap` over a tree of fan-out 16.
pub fn search(fleet: &Fleet, gap: f64) -> Result<Run, SuiteError> {
    let failed = |why: String| SuiteError::Failed { case: fleet.name(), why };
    let (members, markets) = (fleet.members(), fleet.markets());
    let start = Instant::now();
    let mut tree =
        Tree::new(members, markets, FAN_OUT, Settings::to_gap(gap)).map_err(|why| failed(why.to_string()))?;
    let outcome = tree.solve().map_err(|why| failed(why.to_string()))?;
    let time = start.elapsed();
    match outcome {
        Outcome::Solved(solved) => Ok(Run { solved, mean_bytes: tree.mean_bytes(), depth: tree.depth(), time }),
        Outcome::Unsolved(unsolved) => {
            Err(failed(format!("no certificate of {gap:e} in {} evaluations", unsolved.evaluations)))
        }
    }
}

/// Rows 4 and 5.
fn speed(
    report: &mut SuiteReport,
    row: u8,
    agents: usize,
    (must, reach): (f64, f64),
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<(), SuiteError> {
    let (mut ours, mut referee) = (Vec::new(), Vec::new());
    let mut evaluations = Vec::new();
    for seed in 0..SPEED_SEEDS {
        let fleet = Fleet::new(agents, seed);
        let (mut fastest, mut central) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..OUR_REPEATS {
            let run = search(&fleet, 1e-7)?;
            fastest = fastest.min(run.time.as_secs_f64());
            evaluations.push(run.solved.evaluations);
            check_gap(&fleet, &run, 1e-7)?;
        }
        for form in central::FORMS {
            progress(&format!("exchange: the referee on {agents} agents, {}", form.name()))?;
            let solution = central::solve(&fleet, form)?;
            central = central.min(solution.time.as_secs_f64());
            let run = search(&fleet, 1e-7)?;
            agrees(&fleet, &run, solution.cost)?;
        }
        ours.push(fastest);
        referee.push(central);
    }
    let ratio = |k: usize| referee[k] / ours[k];
    let mut ratios: Vec<f64> = (0..ours.len()).map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let (sum_ours, sum_referee): (f64, f64) = (ours.iter().sum(), referee.iter().sum());
    let seeds = ours.len() as f64;
    report.rows.push(
        Row::new(
            (row, "exchange"),
            format!("N = {agents}"),
            ("speed over Clarabel", "1"),
            sum_referee / sum_ours,
            (Sense::AtLeast, must),
        )
        .against(format!("Clarabel {:.3} s, ours in seconds", sum_referee / seeds), sum_ours / seeds)
        .reaching_for(reach),
    );
    let mean = f64::from(evaluations.iter().sum::<u32>()) / evaluations.len() as f64;
    report.notes.push(format!(
        "N = {agents}: {mean:.1} price evaluations on average, speed by seed {:.1} to {:.1}.",
        ratios[0],
        ratios[ratios.len() - 1]
    ));
    Ok(())
}

/// Row 7.
fn payload(report: &mut SuiteReport, agents: usize) -> Result<(), SuiteError> {
    let (mut bytes, mut evaluations, mut depth) = (0.0, 0.0, 0);
    for seed in 0..PAYLOAD_SEEDS {
        let fleet = Fleet::new(agents, seed);
        let run = search(&fleet, 1e-4)?;
        check_gap(&fleet, &run, 1e-4)?;
        bytes += run.mean_bytes / PAYLOAD_SEEDS as f64;
        evaluations += f64::from(run.solved.evaluations) / PAYLOAD_SEEDS as f64;
        depth = run.depth;
    }
    report.rows.push(
        Row::new(
            (7, "exchange"),
            format!("N = {agents}"),
            ("payload to a gap of 1e-4", "byte"),
            bytes,
            (Sense::AtMost, 1600.0),
        )
        .reaching_for(800.0),
    );
    report.notes.push(format!(
        "N = {agents} to a gap of 1e-4: {evaluations:.1} price evaluations, {:.0} rounds, mean of {PAYLOAD_SEEDS} seeds.",
        evaluations * 2.0 * f64::from(depth)
    ));
    Ok(())
}

/// The certificate of a run, held against the agents' own problems.
fn check_gap(fleet: &Fleet, run: &Run, gap: f64) -> Result<(), SuiteError> {
    let found = run.solved.verdict.gap();
    if found <= gap {
        Ok(())
    } else {
        Err(SuiteError::Failed { case: fleet.name(), why: format!("a gap of {found:e} where {gap:e} was certified") })
    }
}

/// The referee's optimum lies between the bounds, up to its own accuracy.
fn agrees(fleet: &Fleet, run: &Run, optimum: f64) -> Result<(), SuiteError> {
    let (lower, upper) = (run.solved.verdict.lower, run.solved.verdict.upper);
    let room = 1e-6 * optimum.abs().max(1.0);
    if lower <= optimum + room && optimum - room <= upper {
        Ok(())
    } else {
        Err(SuiteError::Failed {
            case: fleet.name(),
            why: format!("certified between {lower} and {upper}, the referee says {optimum}"),
        })
    }
}

/// Fan-out of the trees.
pub const FAN_OUT: usize = 16;
const SPEED_SEEDS: u64 = 2;
const OUR_REPEATS: usize = 3;
const PAYLOAD_SEEDS: u64 = 5;
