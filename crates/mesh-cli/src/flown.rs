//! A mission from take-off to report: flight, audit of the files it left, the flights that it is compared with, the
//! figures.

use crate::failure::Failure;
#[cfg(feature = "bench")]
use crate::output;
use mesh_node::assess::{CentralFlight, Evidence, blackout};
use mesh_node::audit::Claim;
use mesh_node::plan_file::plan_file;
use mesh_node::report::Courses;
use mesh_node::report_page::page;
use mesh_node::{Audit, FleetFolder, Flight, FlightError, Flown, Observer, Report, RunFolder, audit, durable};
use mesh_sim::Scenario;
use mesh_sim::rehearsal::rehearse_without_planner;
use mesh_sim::world::Score;

/// A mission that was flown and assessed.
pub struct FlownMission {
    /// What happened.
    pub report: Report,
    /// What the audit found.
    pub audit: Audit,
    courses: Courses,
    plans: String,
}

impl FlownMission {
    /// Flies a mission into a new run folder and assesses it.
    pub fn fly(
        scenario: &Scenario,
        seed: u64,
        fleet: &FleetFolder,
        run: &RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<Self, Failure> {
        let flown = Flight { scenario, seed, fleet, run }.fly(observer)?;
        Self::assess(scenario, seed, fleet, run, &flown)
    }

    /// Assesses a mission that was flown into a run folder.
    pub fn assess(
        scenario: &Scenario,
        seed: u64,
        fleet: &FleetFolder,
        run: &RunFolder,
        flown: &Flown,
    ) -> Result<Self, Failure> {
        let interrupted = flown.outcome.interrupted;
        let audit = audit::verify(run, fleet.file(), Claim::Flown(flown))?;
        let central = if interrupted { None } else { central(scenario, seed) };
        let unplanned = unplanned(scenario, seed, flown)?;
        let evidence = Evidence { scenario, seed, flown, audit: &audit, central, unplanned };
        let plans = plan_file(scenario.name.as_str(), seed, &flown.outcome.journal.plans);
        Ok(Self { report: evidence.report(), courses: evidence.courses(), plans, audit })
    }

    /// Writes plan and reports into the run folder, report.json last: with it the run is complete.
    pub fn write(&self, run: &RunFolder) -> Result<(), Failure> {
        durable::replace_file(&run.plan(), self.plans.as_bytes())?;
        durable::replace_file(&run.report_page(), page(&self.report, &self.courses).as_bytes())?;
        self.report.write(&run.report())?;
        Ok(())
    }
}

/// The same mission, had nobody planned during the blackout.
fn unplanned(scenario: &Scenario, seed: u64, flown: &Flown) -> Result<Option<Score>, Failure> {
    let blackout = blackout(scenario, &flown.outcome.journal).filter(|_| !flown.outcome.interrupted);
    let Some(blackout) = blackout else { return Ok(None) };
    let held = rehearse_without_planner(scenario, seed, blackout.from, blackout.until).map_err(FlightError::Misuse)?;
    Ok(Some(held.0.world.score()))
}

/// The central planner's flight of the same mission. If it fails, the fleet's flight is reported all the same.
#[cfg(feature = "bench")]
fn central(scenario: &Scenario, seed: u64) -> Option<CentralFlight> {
    match mesh_bench::fly(scenario, seed) {
        Ok(flown) => Some(CentralFlight { cost: flown.cost, science_gbit: flown.science_gbit }),
        Err(why) => {
            output::note(format_args!("the central planner could not fly seed {seed}, so nothing is compared: {why}"));
            None
        }
    }
}

/// Without the referee nothing can be compared, and assertions that need it do not hold.
#[cfg(not(feature = "bench"))]
fn central(_: &Scenario, _: u64) -> Option<CentralFlight> {
    None
}
