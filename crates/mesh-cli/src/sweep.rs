//! `sweep`: flies a mission under many seeds, each into a folder that goes away again.

use crate::failure::{Failure, Verdict};
use crate::flown::FlownMission;
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::{Mode, Progress};
use crate::scenario_file::ScenarioFile;
use mesh_model::Hash;
use mesh_node::report::{Assertion, Status};
use mesh_node::{FleetFolder, NodeError, Report, RunFolder, wording};
use serde::Serialize;
use std::path::PathBuf;

/// Flies a mission under many seeds.
#[derive(clap::Args)]
pub struct Arguments {
    /// The scenario file.
    file: PathBuf,
    /// First and last seed, `1-50`, or a single one.
    #[arg(long, value_name = "FROM-TO", value_parser = Seeds::parse)]
    seeds: Seeds,
    /// Prints one JSON object for all seeds, and nothing else.
    #[arg(long)]
    json: bool,
}

/// A range of seeds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seeds {
    first: u64,
    last: u64,
}

/// The sweep as JSON.
#[derive(Serialize)]
struct Sweep {
    scenario: String,
    status: Status,
    interrupted: bool,
    seeds: Vec<Seed>,
    /// The value of each assertion that came closest to its limit, or passed it furthest.
    worst: Vec<Worst>,
}

/// One seed.
#[derive(Serialize)]
struct Seed {
    seed: u64,
    status: Status,
    assertions: Vec<Assertion>,
    cost: f64,
    optimum: Option<f64>,
    wall_s: f64,
    state_hash: Hash,
}

/// The worst value of one assertion.
#[derive(Serialize)]
struct Worst {
    seed: u64,
    #[serde(flatten)]
    assertion: Assertion,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut file = ScenarioFile::read(&arguments.file)?;
    file.check_feasible()?;
    let (scenario, text) = file.into_scenario()?;
    interrupt.await_requests();
    let room = tempfile::tempdir().map_err(NodeError::refused("create", &std::env::temp_dir()))?;
    // Keys of its own: a sweep leaves nothing behind.
    let fleet = FleetFolder::open_or_create(&room.path().join("fleet"), &scenario.name, &scenario.contract().members)?;
    let mut seeds = Vec::new();
    for seed in arguments.seeds.first..=arguments.seeds.last {
        let folder = room.path().join(format!("seed-{seed}"));
        let run = RunFolder::create(&folder, &text)?;
        let mut progress = Progress::new(&scenario, Mode::Silent, interrupt.clone());
        let mission = FlownMission::fly(&scenario, seed, &fleet, &run, &mut progress)?;
        if mission.report.interrupted {
            break;
        }
        std::fs::remove_dir_all(&folder).map_err(NodeError::refused("remove", &folder))?;
        if !arguments.json {
            output::line(&line(&mission.report));
        }
        seeds.push(Seed::of(mission.report));
    }
    let is_passed = seeds.iter().all(|seed| seed.status == Status::Pass);
    let sweep = Sweep {
        scenario: scenario.name.to_string(),
        status: if is_passed && !interrupt.is_requested() { Status::Pass } else { Status::Fail },
        interrupted: interrupt.is_requested(),
        worst: worst(&seeds),
        seeds,
    };
    if arguments.json {
        output::json(&sweep);
    } else {
        show_worst(&sweep);
    }
    if sweep.interrupted {
        return Ok(Verdict::Interrupted);
    }
    Ok(Verdict::good_if(is_passed))
}

impl Seeds {
    fn parse(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            part.trim()
                .parse::<u64>()
                .map_err(|_| "one seed or a range of them was expected, like 7 or 1-50".to_owned())
        };
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(text)?, number(text)?),
        };
        if first > last {
            return Err(format!("the first seed, {first}, is larger than the last, {last}"));
        }
        if last - first >= SEEDS_MAX {
            return Err(format!("at most {SEEDS_MAX} seeds at once"));
        }
        Ok(Self { first, last })
    }
}

impl Seed {
    fn of(report: Report) -> Self {
        Self {
            seed: report.seed,
            status: report.status,
            cost: report.plan.cost,
            optimum: report.plan.optimum,
            wall_s: report.wall_s,
            state_hash: report.state_hash,
            assertions: report.assertions,
        }
    }
}

/// A seed in a line.
fn line(report: &Report) -> String {
    let verdict = if report.status == Status::Pass { "pass" } else { "FAIL" };
    let failed: Vec<String> = report
        .assertions
        .iter()
        .filter(|assertion| !assertion.holds)
        .map(|assertion| format!("{} {}", assertion.name, wording::measured(assertion)))
        .collect();
    let failed = if failed.is_empty() { String::new() } else { format!("  fails: {}", failed.join(", ")) };
    format!(
        "seed {:>4}  {verdict}  cost {:.3}  optimum {}  gap {:.1e}  {} plans  {} rounds  {:.1} s{failed}",
        report.seed,
        report.plan.cost,
        report.plan.optimum.map_or("-".to_owned(), |optimum| format!("{optimum:.3}")),
        report.plan.certified_gap,
        report.plan.adopted,
        report.plan.rounds_total,
        report.wall_s
    )
}

fn show_worst(sweep: &Sweep) {
    for Worst { seed, assertion } in &sweep.worst {
        let verdict = if assertion.holds { "holds" } else { "FAILS" };
        output::line(&format!(
            "{:<20} {verdict}, closest at seed {seed}: {}, limit {}",
            assertion.name,
            wording::measured(assertion),
            wording::limit(assertion)
        ));
    }
    let passed = sweep.seeds.iter().filter(|seed| seed.status == Status::Pass).count();
    let stopped = if sweep.interrupted { "; stopped before the last" } else { "" };
    output::line(&format!("{passed} of {} pass{stopped}", output::counted(sweep.seeds.len(), "seed")));
}

/// For each assertion the seed with the smallest room to its limit.
fn worst(seeds: &[Seed]) -> Vec<Worst> {
    let Some(first) = seeds.first() else { return Vec::new() };
    let worst_of = |place: usize| {
        let all = seeds.iter().filter_map(|seed| seed.assertions.get(place).map(|assertion| (seed.seed, assertion)));
        all.min_by(|a, b| a.1.room().total_cmp(&b.1.room()))
    };
    let found = (0..first.assertions.len()).filter_map(worst_of);
    found.map(|(seed, assertion)| Worst { seed, assertion: assertion.clone() }).collect()
}

const SEEDS_MAX: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_with_both_ends() {
        assert_eq!(Seeds::parse("1-50"), Ok(Seeds { first: 1, last: 50 }));
        assert_eq!(Seeds::parse("7"), Ok(Seeds { first: 7, last: 7 }));
        for wrong in ["", "a-b", "5-1", "-3", "1-", "0-99999"] {
            assert!(Seeds::parse(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
