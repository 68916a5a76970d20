//! `run`: flies a mission and writes a run folder.

use crate::failure::{Failure, Verdict};
use crate::flown::FlownMission;
use crate::interrupt::Interrupt;
use crate::logging::Logging;
use crate::output;
use crate::progress::{Mode, Progress};
use crate::scenario_file::ScenarioFile;
use crate::table::Table;
use crate::threads;
use mesh_model::AssetId;
use mesh_node::processes::{Pace, ProcessFlight, ProcessRun};
use mesh_node::report::{PlanFigures, Status};
use mesh_node::{Fault, FleetFolder, NodeError, Report, RunFolder, fleet_folder, program_version, wording};
use mesh_ros::rmw_zenoh;
use mesh_ros::zenoh_config::ROUTER_RUNTIME;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Flies a mission and writes a run folder.
#[derive(clap::Args)]
pub struct Arguments {
    /// The scenario file.
    file: PathBuf,
    /// The run folder; new or empty. Without it: `runs/NAME-TIME`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The seed, in place of the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Flies the whole fleet in this process, instead of one process a member.
    #[arg(long, conflicts_with_all = ["realtime", "ros_port", "external"])]
    in_process: bool,
    /// Lets mission time go RATE times as fast as the clock on the wall, whether the members keep up or not; without it
    /// time waits for them, and a seed always gives the same mission.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    realtime: Option<f64>,
    /// Port of this machine on which ROS 2 finds the fleet, 7447 for its own tools; without it a free one. The domain is
    /// $ROS_DOMAIN_ID.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    ros_port: u16,
    /// A member that somebody else starts, by the command that is then shown. May be given more than once.
    #[arg(long, value_name = "ID", value_parser = crate::node::parse_asset)]
    external: Vec<AssetId>,
    /// Prints the report as JSON, and nothing else.
    #[arg(long)]
    json: bool,
    /// The fleet folder with the members' keys; made if there is none. Without it: below $COSMOSMESH_HOME/fleets.
    #[arg(long, value_name = "DIR")]
    fleet: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, logging: &Logging) -> Result<Verdict, Failure> {
    if !arguments.in_process {
        threads::begin_with(ROUTER_RUNTIME)?;
    }
    let interrupt = Interrupt::listen()?;
    let mut file = ScenarioFile::read(&arguments.file)?;
    file.check_feasible()?;
    let (scenario, text) = file.into_scenario()?;
    let seed = arguments.seed.unwrap_or(scenario.seed);
    let fleet_path = fleet_folder::location(arguments.fleet.as_deref(), &scenario.name)?;
    let fleet = FleetFolder::open_or_create(&fleet_path, &scenario.name, &scenario.contract().members)?;
    if let Some(stranger) = arguments.external.iter().find(|id| !fleet.file().members.contains_key(id)) {
        return Err(NodeError::unfit(&fleet_path, Fault::NotAMember { asset: stranger.clone() }).into());
    }
    let domain = domain()?;
    interrupt.await_requests();
    let run = match &arguments.out {
        Some(path) => RunFolder::create(path, &text)?,
        None => RunFolder::create_default(&scenario.name, SystemTime::now(), &text)?,
    };
    logging.write_trace(&run.trace("run"))?;
    tracing::info!(version = program_version(), scenario = %scenario.name, seed, fleet = %fleet_path.display(), "run begins");
    let mode = if arguments.json { Mode::Silent } else { Mode::Lines };
    let mut progress = Progress::new(&scenario, mode, interrupt.clone());
    let mission = if arguments.in_process {
        FlownMission::fly(&scenario, seed, &fleet, &run, &mut progress)
    } else {
        let flight = ProcessFlight {
            scenario: &scenario,
            seed,
            fleet: &fleet,
            run: &run,
            pace: arguments.realtime.map_or(Pace::LockStep, Pace::Realtime),
            program: std::env::current_exe().map_err(NodeError::refused("find", Path::new("this program")))?,
            arguments: logging.arguments(),
            ros_port: arguments.ros_port,
            domain,
            external: arguments.external.iter().cloned().collect(),
        };
        by_processes(&flight, &mut progress)
    };
    progress.finish();
    let mission = mission.and_then(|mission| mission.write(&run).map(|()| mission)).inspect_err(|_| {
        output::note(format_args!("the run broke off; what there is of it is in {}", run.path().display()));
    })?;
    tracing::info!(verdict = verdict(&mission.report), state_hash = %mission.report.state_hash, "run ends");
    if arguments.json {
        output::json(&mission.report);
    } else {
        show(&mission.report, &run);
        for finding in &mission.audit.findings {
            output::note(finding);
        }
    }
    Ok(if interrupt.is_requested() {
        Verdict::Interrupted
    } else {
        Verdict::good_if(mission.report.status == Status::Pass)
    })
}

/// Flies the mission by a process for each member, and one for the world.
fn by_processes(flight: &ProcessFlight<'_>, progress: &mut Progress) -> Result<FlownMission, Failure> {
    let ProcessRun { flown, broken_off } = flight.fly(progress)?;
    if let Some(why) = broken_off {
        output::note(why);
    }
    FlownMission::assess(flight.scenario, flight.seed, flight.fleet, flight.run, &flown)
}

/// The domain of ROS 2 that the environment names.
fn domain() -> Result<u32, NodeError> {
    let set = std::env::var("ROS_DOMAIN_ID").ok();
    rmw_zenoh::Settings::domain_of(set.as_deref()).map_err(|source| NodeError::LocalPlane { source })
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (RATE_MIN..=RATE_MAX).contains(&rate) => Ok(rate),
        _ => Err(format!("expected a number from {RATE_MIN} to {RATE_MAX}")),
    }
}

/// Slower than this a day takes years.
const RATE_MIN: f64 = 1e-3;
/// Faster than this no member keeps up.
const RATE_MAX: f64 = 1e6;

/// The tables at the end of a mission.
fn show(report: &Report, run: &RunFolder) {
    output::line(&assets(report).to_text());
    if !report.processes.is_empty() {
        output::line(&processes(report).to_text());
    }
    output::line(&assertions(report).to_text());
    output::line(mission(report, run).to_text().trim_end());
}

fn assets(report: &Report) -> Table {
    let headings = [
        "asset",
        "energy used",
        "lowest charge",
        "reserve",
        "longest outage",
        "plans adopted",
        "bytes sent",
        "log entries",
    ];
    let mut table = Table::new(&headings, 1..headings.len());
    let energy = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2} kWh"));
    for asset in &report.assets {
        table.row([
            asset.id.to_string(),
            energy(asset.energy_kwh),
            energy(asset.soc_kwh_min),
            energy(asset.reserve_kwh),
            format!("{} h", wording::clock(asset.outage_s_max)),
            asset.plans_adopted.to_string(),
            asset.bytes_sent.to_string(),
            asset.log_entries.to_string(),
        ]);
    }
    table
}

fn processes(report: &Report) -> Table {
    let mut table = Table::new(&["process", "memory at most", "bytes sent", "dropped", "restarts", ""], 1..5);
    for process in &report.processes {
        table.row([
            process.name.clone(),
            wording::mebibytes(process.rss_bytes),
            process.bytes_sent.to_string(),
            process.dropped.to_string(),
            process.restarts.to_string(),
            if process.lost { "LOST" } else { "" }.to_owned(),
        ]);
    }
    table
}

fn assertions(report: &Report) -> Table {
    let mut table = Table::new(&["assertion", "", "measured", "limit", "which is"], 2..4);
    for assertion in &report.assertions {
        table.row([
            assertion.name.clone(),
            if assertion.holds { "holds" } else { "FAILS" }.to_owned(),
            wording::measured(assertion),
            wording::limit(assertion),
            wording::meaning(assertion),
        ]);
    }
    table
}

fn mission(report: &Report, run: &RunFolder) -> Table {
    let plan = &report.plan;
    let optimum = plan.optimum.map_or("not flown".to_owned(), |optimum| {
        let compared = wording::against_central(report).unwrap_or_default();
        format!("{} with links that never break: {compared}", wording::number(optimum, 3))
    });
    let mut table = Table::new(&["mission", ""], 0..0);
    for (name, value) in [
        ("cost as flown", format!("{} (value earned counts as negative)", wording::number(plan.cost, 3))),
        ("central planner's cost", optimum),
        ("plans agreed", plans_agreed(plan)),
        ("worst certified gap", format!("{:.1e} of a plan's cost", plan.certified_gap)),
        ("first plan", first_plan(plan)),
        ("blackout", blackout(report)),
        ("audit", format!("{} log entries, {}", report.audit.entries, verified(report.audit.verified))),
        ("flight computed in", format!("{:.1} s, {} at most", report.wall_s, wording::mebibytes(report.rss_bytes_max))),
        ("state hash", report.state_hash.to_string()),
        ("replay", report.not_replayable.clone().unwrap_or("`cosmosmesh replay` gives this state again".to_owned())),
        ("run folder", run.path().display().to_string()),
        ("verdict", verdict(report)),
    ] {
        table.row([name.to_owned(), value]);
    }
    table
}

fn plans_agreed(plan: &PlanFigures) -> String {
    let agreed = format!("{} in {} rounds together", plan.adopted, plan.rounds_total);
    match plan.given_up {
        0 => agreed,
        given_up => format!("{agreed}; {given_up} given up: try another `weight` at the junctions, or more rounds_max"),
    }
}

fn first_plan(plan: &PlanFigures) -> String {
    let Some(wall_s) = plan.first_plan_s else { return "none".to_owned() };
    let (rounds, mission_s) = (plan.rounds, plan.first_plan_mission_s);
    format!("{rounds} rounds, which took {mission_s:.0} s of mission time and {wall_s:.2} s to compute")
}

fn blackout(report: &Report) -> String {
    let blackout = &report.blackout;
    let Some(asset) = &blackout.asset else { return "none".to_owned() };
    let length = wording::clock(blackout.mission_s);
    let healed = match blackout.reconverge_rounds {
        Some(rounds) => format!("{rounds} rounds to agree with it again"),
        None => "no plan with it".to_owned(),
    };
    format!("{asset} on its own for {length} h; the others agreed {} plans, then {healed}", blackout.plans_within)
}

fn verified(verified: bool) -> &'static str {
    if verified { "verified" } else { "NOT verified" }
}

fn verdict(report: &Report) -> String {
    let held = report.assertions.iter().filter(|assertion| assertion.holds).count();
    let word = match (report.status, report.interrupted) {
        (Status::Pass, _) => "PASS",
        (Status::Fail, false) => "FAIL",
        (Status::Fail, true) => "INTERRUPTED",
    };
    format!("{word}: {held} of {} assertions hold", report.assertions.len())
}
