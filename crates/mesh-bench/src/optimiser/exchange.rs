//! Many vehicles that charge from one supply: the price search against the referee on the whole problem.
//!
//! Speed to a gap of 1e-7, payload to a gap of 1e-4. Ours is timed with all that comes with it: the local solvers' set-up,
//! the messages' quantisation, the certificate. The referee is timed from its matrices to its solution. Both run on one
//! thread, and what counts is its time on a processor, so that a busy machine slows down neither. Both are timed the same
//! number of times, in turns, over stretches of about the same length, and the least time of each counts.

pub mod case;

mod central;

use super::cpu::Stopwatch;
use super::{Row, Sense, SuiteError, SuiteReport, SuiteSettings};
use case::Fleet;
use mesh_solver::Member;
use mesh_solver::prices::{Outcome, Settings, Solved, Tree};

/// A run of the price search.
#[derive(Debug, Clone)]
pub struct Run {
    /// The certified end.
    pub solved: Solved,
    /// Payload bytes sent and received, mean over the agents.
    pub mean_bytes: f64,
    /// Edges between the root and the agent furthest from it.
    pub depth: u32,
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
    let (tree, outcome) = solve(fleet, gap, fleet.members())?;
    match outcome {
        Outcome::Solved(solved) => Ok(Run { solved, mean_bytes: tree.mean_bytes(), depth: tree.depth() }),
        Outcome::Unsolved(unsolved) => {
            Err(failed(fleet, format!("no certificate of {gap:e} in {} evaluations", unsolved.evaluations)))
        }
    }
}

/// Seconds on a processor from the agents' problems to the certificate, mean of `repeats` runs.
pub fn seconds(fleet: &Fleet, gap: f64, repeats: usize) -> Result<f64, SuiteError> {
    let copies: Vec<_> = (0..repeats).map(|_| fleet.members()).collect();
    // What is built is kept to the end: only the search is to be timed.
    let mut kept = Vec::with_capacity(repeats);
    let watch = Stopwatch::start();
    for members in copies {
        kept.push(solve(fleet, gap, members)?);
    }
    Ok(watch.seconds() / repeats as f64)
}

fn solve(fleet: &Fleet, gap: f64, members: Vec<Member>) -> Result<(Tree, Outcome), SuiteError> {
    let mut tree = Tree::new(members, fleet.markets(), FAN_OUT, Settings::to_gap(gap))
        .map_err(|why| failed(fleet, why.to_string()))?;
    let outcome = tree.solve().map_err(|why| failed(fleet, why.to_string()))?;
    Ok((tree, outcome))
}

fn failed(fleet: &Fleet, why: String) -> SuiteError {
    SuiteError::Failed { case: fleet.name(), why }
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
        let run = search(&fleet, 1e-7)?;
        evaluations.push(run.solved.evaluations);
        let mut forms = central::FORMS.to_vec();
        let (mut fastest, mut central) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..REPEATS {
            progress(&format!("exchange: {agents} agents, both in turns"))?;
            fastest = fastest.min(seconds(&fleet, 1e-7, RUNS_OF_AGENTS / agents)?);
            let mut times = Vec::new();
            for form in &forms {
                let solution = central::solve(&fleet, *form)?;
                times.push((solution.seconds, *form));
                central = central.min(solution.seconds);
                report.verdicts += 1;
                report.verdicts_false += u64::from(!agrees(&run, solution.cost));
            }
            // The slower form is out after its first time.
            times.sort_by(|a, b| a.0.total_cmp(&b.0));
            forms = times.first().map(|(_, form)| *form).into_iter().collect();
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
        "N = {agents}: {mean:.1} price evaluations on average, speed by seed {:.1} to {:.1}; ours {:.2} ms, Clarabel \
         {:.1} ms, the least of {REPEATS} times each, mean of {SPEED_SEEDS} seeds.",
        ratios[0],
        ratios[ratios.len() - 1],
        1e3 * sum_ours / seeds,
        1e3 * sum_referee / seeds
    ));
    Ok(())
}

/// Row 7.
fn payload(report: &mut SuiteReport, agents: usize) -> Result<(), SuiteError> {
    let (mut bytes, mut evaluations, mut depth) = (0.0, 0.0, 0);
    for seed in 0..PAYLOAD_SEEDS {
        let fleet = Fleet::new(agents, seed);
        let run = search(&fleet, 1e-4)?;
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

/// Whether the referee's optimum lies between the bounds, up to its own accuracy.
fn agrees(run: &Run, optimum: f64) -> bool {
    let (lower, upper) = (run.solved.verdict.lower, run.solved.verdict.upper);
    let room = 1e-6 * optimum.abs().max(1.0);
    lower <= optimum + room && optimum - room <= upper
}

/// Fan-out of the trees.
pub const FAN_OUT: usize = 16;
const SPEED_SEEDS: u64 = 2;
const REPEATS: usize = 3;
/// Agents of all runs that are timed as one.
const RUNS_OF_AGENTS: usize = 30_000;
const PAYLOAD_SEEDS: u64 = 5;
