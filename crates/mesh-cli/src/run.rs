//! `run`: flies a mission and writes a run folder.

use crate::failure::{Failure, Verdict};
use crate::flown::{self, FlownMission};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::{Mode, Progress};
use crate::scenario_file::ScenarioFile;
use crate::table::Table;
use mesh_model::MissionTime;
use mesh_node::report::{PlanFigures, Relation, Status};
use mesh_node::{FleetFolder, Report, RunFolder, fleet_folder};
use std::path::PathBuf;
use std::time::SystemTime;

/// Flies a mission and writes a run folder.
#[derive(clap::Args)]
pub struct Arguments {
    /// The scenario file.
    file: PathBuf,
    /// The run folder; new or empty. Without it: runs/<scenario>-<time>.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The seed, in place of the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Flies the whole fleet in this process, which is also the default.
    #[arg(long)]
    in_process: bool,
    /// Prints the report as JSON, and nothing else.
    #[arg(long)]
    json: bool,
    /// The fleet folder with the members' keys; made if there is none. Without it: below $COSMOSMESH_HOME/fleets.
    #[arg(long, value_name = "DIR")]
    fleet: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut file = ScenarioFile::read(&arguments.file)?;
    file.check_feasible()?;
    let (scenario, text) = file.into_scenario()?;
    let seed = arguments.seed.unwrap_or(scenario.seed);
    let fleet_path = fleet_folder::location(arguments.fleet.as_deref(), &scenario.name)?;
    let fleet = FleetFolder::open_or_create(&fleet_path, &scenario.name, &scenario.contract().members)?;
    interrupt.await_requests();
    let run = match &arguments.out {
        Some(path) => RunFolder::create(path, &text)?,
        None => RunFolder::create_default(&scenario.name, SystemTime::now(), &text)?,
    };
    let mode = if arguments.json { Mode::Silent } else { Mode::Lines };
    let mut progress = Progress::new(&scenario, mode, interrupt);
    let mission = FlownMission::fly(&scenario, seed, &fleet, &run, &mut progress);
    progress.finish();
    let mission = mission.and_then(|mission| mission.write(&run).map(|()| mission)).inspect_err(|_| {
        output::note(format_args!("the run broke off; what there is of it is in {}", run.path().display()));
    })?;
    if arguments.json {
        output::json(&mission.report);
    } else {
        show(&mission.report, &run);
        for finding in &mission.audit.findings {
            output::note(finding);
        }
    }
    Ok(match (mission.report.interrupted, mission.report.status) {
        (true, _) => Verdict::Interrupted,
        (false, status) => Verdict::good_if(status == Status::Pass),
    })
}

/// The table at the end of a mission.
fn show(report: &Report, run: &RunFolder) {
    let mut assets =
        Table::of_figures(&["asset", "energy kWh", "lowest kWh", "reserve kWh", "longest outage", "bytes", "entries"]);
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    for asset in &report.assets {
        assets.row([
            asset.id.to_string(),
            number(asset.energy_kwh),
            number(asset.soc_kwh_min),
            number(asset.reserve_kwh),
            MissionTime::from_s(asset.outage_s_max as u64).to_string(),
            asset.bytes_sent.to_string(),
            asset.log_entries.to_string(),
        ]);
    }
    output::line(&assets.to_text());

    let mut assertions = Table::of_figures(&["assertion", "", "measured", "", "limit", "unit"]);
    for assertion in &report.assertions {
        assertions.row([
            assertion.name.clone(),
            if assertion.holds { "holds" } else { "FAILS" }.to_owned(),
            assertion.value.map_or("-".to_owned(), flown::figure),
            match assertion.relation {
                Relation::AtLeast => ">=".to_owned(),
                Relation::AtMost => "<=".to_owned(),
            },
            flown::figure(assertion.limit),
            assertion.unit.clone(),
        ]);
    }
    output::line(&assertions.to_text());

    let plan = &report.plan;
    let optimum = plan.optimum.map_or("not flown".to_owned(), |optimum| format!("{optimum:.3}"));
    let mut facts = Table::of_texts(&["mission", ""]);
    for (name, value) in [
        ("cost as flown", format!("{:.3}", plan.cost)),
        ("central optimum", optimum),
        ("plans, rounds", format!("{}, {}", plan.adopted, plan.rounds_total)),
        ("worst certified gap", format!("{:.1e}", plan.certified_gap)),
        ("first plan", first_plan(plan)),
        ("blackout", blackout(report)),
        ("audit", format!("{} entries, {}", report.audit.entries, verified(report.audit.verified))),
        (
            "wall time, memory",
            format!("{:.1} s, {:.1} MiB", report.wall_s, report.rss_bytes_max as f64 / f64::from(1 << 20)),
        ),
        ("state hash", report.state_hash.to_string()),
        ("run folder", run.path().display().to_string()),
        ("verdict", verdict(report).to_owned()),
    ] {
        facts.row([name.to_owned(), value]);
    }
    output::line(facts.to_text().trim_end());
}

fn first_plan(plan: &PlanFigures) -> String {
    let wall = plan.first_plan_s.map_or("none".to_owned(), |wall_s| format!("{wall_s:.2} s of wall time"));
    format!("{} rounds, {:.0} s of mission time, {wall}", plan.rounds, plan.first_plan_mission_s)
}

fn blackout(report: &Report) -> String {
    let blackout = &report.blackout;
    let Some(asset) = &blackout.asset else { return "none".to_owned() };
    let length = MissionTime::from_s(blackout.mission_s as u64);
    let rounds = blackout.reconverge_rounds.map_or("no".to_owned(), |rounds| rounds.to_string());
    format!("{asset} for {length}, {} plans without it, {rounds} rounds to re-converge", blackout.plans_within)
}

fn verified(verified: bool) -> &'static str {
    if verified { "verified" } else { "NOT verified" }
}

fn verdict(report: &Report) -> &'static str {
    match (report.status, report.interrupted) {
        (Status::Pass, _) => "pass",
        (Status::Fail, false) => "FAIL",
        (Status::Fail, true) => "interrupted",
    }
}
