//! A short mission in a temporary folder, and what it leaves there.

use mesh_model::{AssetId, MissionTime};
use mesh_node::assess::Evidence;
use mesh_node::audit::{self, Audit, Claim};
use mesh_node::plan_file::plan_file;
use mesh_node::{FleetFolder, Flight, Flown, Observer, Replay, Report, RunFolder, durable, replay};
use mesh_sim::fleet::FleetEvent;
use mesh_sim::{Scenario, scenario};
use std::path::Path;
use tempfile::TempDir;

/// A mission that was flown, with all its files.
pub struct Mission {
    /// Holds everything, and goes when the mission does.
    _room: TempDir,
    /// Whose keys signed.
    pub fleet: FleetFolder,
    /// What was left.
    pub run: RunFolder,
    /// What was flown.
    pub scenario: Scenario,
    /// How it went.
    pub flown: Flown,
    /// What was reported.
    pub report: Report,
}

impl Mission {
    /// Flies the first three hours of the lunar day, in which three plans are agreed.
    pub fn fly() -> Self {
        Self::fly_until(u64::MAX)
    }

    /// Flies until somebody stops it after so many ticks.
    pub fn fly_until(ticks: u64) -> Self {
        Self::fly_with(ticks, 3, "0.5 %")
    }

    /// The same with a seed and a part of all messages that is lost.
    pub fn fly_with(ticks: u64, seed: u64, loss: &str) -> Self {
        Self::fly_by(seed, loss, |scenario, fleet, run| {
            Flight { scenario, seed, fleet, run }.fly(&mut Patience { ticks_left: ticks }).expect("flies")
        })
    }

    /// Flies those hours with a planner that has no link to anybody.
    pub fn fly_without_planner() -> Self {
        let (scenario, links) = scenario::LUNAR_BASE.split_once("[[link]]").expect("the scenario has links");
        let (links, rest) = links.split_once("\n# ---").expect("and something after them");
        let links = links.split("[[link]]").filter(|link| !link.contains("\"planner\""));
        let links: String = links.map(|link| format!("[[link]]{link}")).collect();
        let text = format!("{scenario}{links}\n# ---{rest}")
            .replace("duration = \"24 h\"", "duration = \"3 h\"")
            .replace("blackout_min = \"4 h\"", "blackout_min = \"1 h\"");
        Self::fly_text(3, &text, |scenario, fleet, run| {
            Flight { scenario, seed: 3, fleet, run }.fly(&mut Patience { ticks_left: u64::MAX }).expect("flies")
        })
    }

    /// Has the mission flown by somebody, and makes its report.
    pub fn fly_by(seed: u64, loss: &str, fly: impl FnOnce(&Scenario, &FleetFolder, &RunFolder) -> Flown) -> Self {
        let text = scenario::LUNAR_BASE
            .replace("duration = \"24 h\"", "duration = \"3 h\"")
            .replace("blackout_min = \"4 h\"", "blackout_min = \"1 h\"")
            .replace("loss = \"0.5 %\"", &format!("loss = \"{loss}\""));
        let (_, diagnostics) = scenario::parse(&text);
        assert_eq!(diagnostics, []);
        Self::fly_text(seed, &text, fly)
    }

    /// The same for a file that may have warnings.
    pub fn fly_text(seed: u64, text: &str, fly: impl FnOnce(&Scenario, &FleetFolder, &RunFolder) -> Flown) -> Self {
        let (scenario, _) = scenario::parse(text);
        let scenario = scenario.expect("a file without mistakes is a scenario");
        let room = tempfile::tempdir().expect("a temporary folder");
        let members = scenario.contract().members;
        let fleet = FleetFolder::open_or_create(&room.path().join("fleet"), &scenario.name, &members).expect("a fleet");
        let run = RunFolder::create(&room.path().join("run"), text).expect("a run folder");
        let flown = fly(&scenario, &fleet, &run);
        let audit = audit::verify(&run, fleet.file(), Claim::Flown(&flown)).expect("audits");
        let report =
            Evidence { scenario: &scenario, seed, flown: &flown, audit: &audit, central: None, unplanned: None }
                .report();
        let plans = plan_file(scenario.name.as_str(), seed, &flown.outcome.journal.plans);
        durable::replace_file(&run.plan(), plans.as_bytes()).expect("writes");
        report.write(&run.report()).expect("writes");
        Self { _room: room, fleet, run, scenario, flown, report }
    }

    pub fn audit(&self) -> Audit {
        let report = Report::read(&self.run.report()).expect("reads");
        audit::verify(&self.run, self.fleet.file(), Claim::Report(&report)).expect("audits")
    }

    pub fn replay(&self) -> Replay {
        replay::replay(&self.run, None).expect("replays")
    }

    /// Does something to a file; `check` looks at the consequences; then the file is as it was.
    pub fn with_altered(&self, path: &Path, alter: impl FnOnce(Vec<u8>) -> Vec<u8>, check: impl FnOnce(&Self)) {
        let sound = std::fs::read(path).expect("reads");
        std::fs::write(path, alter(sound.clone())).expect("writes");
        check(self);
        std::fs::write(path, sound).expect("writes");
    }
}

pub fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a good name")
}

/// Watches in silence and stops the flight after so many ticks.
pub struct Patience {
    ticks_left: u64,
}

impl Patience {
    pub fn endless() -> Self {
        Self { ticks_left: u64::MAX }
    }
}

impl Observer for Patience {
    fn observe(&mut self, _: MissionTime, _: &FleetEvent<'_>) {}

    fn stop_requested(&mut self) -> bool {
        self.ticks_left -= 1;
        self.ticks_left == 0
    }
}
