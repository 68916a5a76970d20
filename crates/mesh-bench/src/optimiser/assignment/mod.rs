//! Who does what: generalised assignment of the OR-Library class, 5 to 8 agents and 15 to 48 tasks.
//!
//! Sixty instances come from seeds ([`generate`]); when the data folder holds the OR-Library's own files
//! ([`orlibrary`]) these are solved as well, and compared with the optima that were published for them ([`published`]).

pub mod generate;
pub mod orlibrary;
pub mod published;

use super::{Progress, Row, Sense, SuiteError, SuiteReport, SuiteSettings};
use mesh_solver::assignment::exchange::improve;
use mesh_solver::assignment::{
    AgentProblem, AssignmentError, AssignmentProblem, AssignmentReport, AssignmentSettings, Job, Links, Outcome,
    PlainBid, Task, Worth, plain_auction, solve,
};
use mesh_solver::bound::relative_gap;

/// An instance in the terms of the OR-Library: every task is done by exactly one agent, the profit is maximised.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// What it is called: `c515-1`.
    pub name: String,
    /// Profit of each agent with each task.
    pub profits: Vec<Vec<f64>>,
    /// What each task takes of each agent.
    pub weights: Vec<Vec<i64>>,
    /// What each agent has.
    pub capacities: Vec<i64>,
    /// The published optimum.
    pub published: Option<f64>,
}

/// Runs the suite.
pub fn run(settings: &SuiteSettings, progress: &mut Progress<'_>) -> Result<SuiteReport, SuiteError> {
    let mut report = SuiteReport::default();
    report.notes.push(
        "assignment: one setting for all; profits are rows of their agents, links are complete, value and bound are \
         whole numbers of 2^-20, and the bound of whole profits is rounded down to a whole number"
            .to_string(),
    );
    let generated = measure(&generate::all(), &mut report.notes, progress)?;
    report_gaps("60 generated", &generated, &mut report);
    let given = match &settings.data {
        Some(folder) => orlibrary::read_folder(folder)?,
        None => Vec::new(),
    };
    if given.is_empty() {
        let why = "no OR-Library files (gap1.txt to gap12.txt) among the data: no row about published optima";
        report.notes.push(format!("assignment: {why}"));
        return Ok(report);
    }
    let given = measure(&given, &mut report.notes, progress)?;
    report_gaps(&format!("{} given", given.len()), &given, &mut report);
    report_published(&given, &mut report);
    Ok(report)
}

/// What became of one instance.
#[derive(Debug, Clone, PartialEq)]
struct Measured {
    name: String,
    published: Option<f64>,
    bound: f64,
    value: f64,
    gap: f64,
    /// Gap of the better one of two auctions without prices, what they leave earning nothing.
    plain_gap: f64,
    /// Tasks that the better one leaves.
    plain_left: usize,
    /// Gap of the same exchanges after an auction without prices; 1 if they leave something.
    unpriced_gap: f64,
    rounds: f64,
    bytes: f64,
}

fn measure(
    instances: &[Instance],
    notes: &mut Vec<String>,
    progress: &mut Progress<'_>,
) -> Result<Vec<Measured>, SuiteError> {
    let mut measured = Vec::with_capacity(instances.len());
    for instance in instances {
        progress(&format!("assignment {}", instance.name))?;
        match measure_one(instance)? {
            Some(one) => measured.push(one),
            None => notes.push(format!("assignment: {} has no assignment, which is proved", instance.name)),
        }
    }
    Ok(measured)
}

/// None if there provably is no assignment.
fn measure_one(instance: &Instance) -> Result<Option<Measured>, SuiteError> {
    let failed = |why: String| SuiteError::Failed { case: instance.name.clone(), why };
    let problem = problem(instance).map_err(|error| failed(error.to_string()))?;
    let links = Links::complete(problem.agents().len()).map_err(|error| failed(error.to_string()))?;
    let outcome = solve(&problem, &links, AssignmentSettings::default(), &mut |_, _, _| false);
    let report = match outcome.map_err(|error| failed(error.to_string()))? {
        Outcome::Assigned(report) => report,
        Outcome::Impossible { .. } => return Ok(None),
        Outcome::Unfinished { left, .. } => return Err(failed(format!("nobody was found for tasks {left:?}"))),
    };
    check(&problem, &report).map_err(failed)?;
    let certificate = &report.certificate;
    let bound = certificate.bound.value();
    let gap_of = |value: f64| relative_gap(value, bound);
    let peer = without_prices(&problem, &links).map_err(failed)?;
    Ok(Some(Measured {
        name: instance.name.clone(),
        published: instance.published,
        bound,
        value: certificate.value.value(),
        gap: certificate.gap(),
        plain_gap: gap_of(peer.value.value()),
        plain_left: peer.left,
        unpriced_gap: peer.exchanged.map_or(1.0, |value| gap_of(value.value())),
        rounds: report.traffic.rounds as f64,
        bytes: report.traffic.bytes as f64,
    }))
}

/// What can be had without prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct WithoutPrices {
    /// What the better auction earns.
    value: Worth,
    /// Tasks that it leaves.
    left: usize,
    /// What the same exchanges as ours make of it; none if they leave something.
    exchanged: Option<Worth>,
}

fn without_prices(problem: &AssignmentProblem, links: &Links) -> Result<WithoutPrices, String> {
    let mut best = None;
    for bid in [PlainBid::Profit, PlainBid::Density] {
        let rounds_max = AssignmentSettings::default().auction_rounds_max;
        let auction = plain_auction(problem, links, bid, rounds_max, &mut |_, _, _| false);
        let (mut holders, mut traffic) = auction.map_err(|error| error.to_string())?;
        let value = problem.value(&holders).ok_or("an auction overloads an agent")?;
        let left = holders.iter().filter(|holder| holder.is_none()).count();
        improve(problem, links, &vec![Worth::ZERO; holders.len()], &mut holders, &mut traffic);
        let complete = holders.iter().all(Option::is_some);
        let exchanged = problem.value(&holders).filter(|_| complete);
        best = best.max(Some(WithoutPrices { value, left, exchanged }));
    }
    best.ok_or_else(|| "no auction was held".to_string())
}

/// Everything that a certificate claims, from the messages and from every agent's own problem.
fn check(problem: &AssignmentProblem, report: &AssignmentReport) -> Result<(), String> {
    let certificate = &report.certificate;
    certificate.verify(problem.tasks()).map_err(|fault| fault.to_string())?;
    for (agent, own) in problem.agents().iter().enumerate() {
        certificate.open(agent, own).map_err(|fault| fault.to_string())?;
    }
    Ok(())
}

fn report_gaps(case: &str, measured: &[Measured], report: &mut SuiteReport) {
    let mean = |figure: fn(&Measured) -> f64| mean(measured.iter().map(figure));
    report.rows.push(
        Row::new(
            (13, "assignment"),
            case,
            ("mean gap to the certified bound", "1"),
            mean(|one| one.gap),
            (Sense::AtMost, 0.02),
        )
        .reaching_for(0.01)
        .against("auction without prices", mean(|one| one.plain_gap)),
    );
    let proved = measured.iter().filter(|one| one.gap == 0.0).count();
    let worst = measured.iter().map(|one| one.gap).fold(0.0, f64::max);
    let left: usize = measured.iter().map(|one| one.plain_left).sum();
    report.notes.push(format!(
        "assignment, {case}: {proved} of {} proved optimal, largest gap {worst:.5}; on average {:.0} rounds and {:.0} \
         bytes over all agents; auctions without prices (the better of bids by profit and by profit per resource) \
         leave {left} tasks in all, which earn nothing; an auction without prices followed by the same exchanges has a \
         mean gap of {:.5}",
        measured.len(),
        mean(|one| one.rounds),
        mean(|one| one.bytes),
        mean(|one| one.unpriced_gap),
    ));
}

/// The row about published optima, over the instances that can be the published ones: an optimum lies between value and
/// bound.
fn report_published(measured: &[Measured], report: &mut SuiteReport) {
    let mut gaps = Vec::new();
    let mut plain_gaps = Vec::new();
    for one in measured {
        let Some(published) = one.published else { continue };
        if published < one.value || published > one.bound {
            report.notes.push(format!(
                "assignment: {} is not the published instance: its optimum is proved to lie within {} and {}, not at \
                 {published}",
                one.name, one.value, one.bound
            ));
            continue;
        }
        gaps.push((published - one.value) / published.abs().max(1.0));
        // The plain auction's value, from its gap to the bound.
        let plain = one.bound - one.plain_gap * one.bound.abs().max(1.0);
        plain_gaps.push((published - plain) / published.abs().max(1.0));
    }
    if gaps.is_empty() {
        report.notes.push("assignment: none of the given instances has a published optimum here".to_string());
        return;
    }
    report.rows.push(
        Row::new(
            (13, "assignment"),
            format!("{} published", gaps.len()),
            ("mean gap to the published optimum", "1"),
            mean(gaps.into_iter()),
            (Sense::AtMost, 0.015),
        )
        .reaching_for(0.005)
        .against("auction without prices", mean(plain_gaps.into_iter())),
    );
}

fn mean(figures: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = figures.len() as f64;
    figures.sum::<f64>() / count
}

/// The instance as the solver takes it.
fn problem(instance: &Instance) -> Result<AssignmentProblem, AssignmentError> {
    let rows = instance.profits.iter().zip(&instance.weights).zip(&instance.capacities).enumerate();
    let mut agents = Vec::new();
    for (agent, ((profits, weights), capacity)) in rows {
        let job = |(profit, weight): (&f64, &i64)| Some(Job { profit: *profit, weights: vec![*weight] });
        let jobs = profits.iter().zip(weights).map(job).collect();
        agents.push(AgentProblem::new(&format!("agent {agent}"), vec![*capacity], jobs)?);
    }
    let tasks = instance.profits.first().map_or(0, Vec::len);
    let tasks = (0..tasks).map(|task| Task { name: format!("task {task}"), required: true }).collect();
    AssignmentProblem::new(tasks, agents)
}

#[cfg(test)]
mod tests;
