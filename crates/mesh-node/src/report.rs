//! What a mission amounted to: report.json, and the figures that the page for people is drawn from.

use crate::durable;
use crate::error::{Fault, MISSING_REPORT, NodeError};
use crate::report_page::GAP_ASSERTION;
use mesh_model::{AssetId, FleetId, Hash, MissionId};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// report.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format.
    pub version: u32,
    /// Version of the program that flew the mission.
    pub program: String,
    /// The scenario's name.
    pub scenario: FleetId,
    /// The scenario's line for people.
    pub title: String,
    /// SHA-256 of the scenario file as it was flown.
    pub scenario_hash: Hash,
    /// The seed.
    pub seed: u64,
    /// Whether every assertion holds and the mission ran to its end.
    pub status: Status,
    /// Names the run in every envelope; drawn anew for each.
    #[serde(with = "crate::mission_text")]
    pub mission: MissionId,
    /// The mission was stopped before its end.
    pub interrupted: bool,
    /// How often the clock moved on.
    pub ticks: u64,
    /// What was to hold, and whether it does.
    pub assertions: Vec<Assertion>,
    /// The plans in figures.
    pub plan: PlanFigures,
    /// The islanding in figures.
    pub blackout: BlackoutFigures,
    /// Most bytes that any one asset handed to its links.
    pub bytes_per_asset_max: u64,
    /// Largest resident memory of the process up to the end of the flight; 0 where the system does not tell.
    pub rss_bytes_max: u64,
    /// The audit of the logs, from the files as they were written.
    pub audit: AuditFigures,
    /// SHA-256 over all adopted plans, final states and the world's state.
    pub state_hash: Hash,
    /// How long the flight took by the clock on the wall.
    pub wall_s: f64,
    /// How long it took in mission time.
    pub mission_s: f64,
    /// The assets in id order.
    pub assets: Vec<AssetFigures>,
    /// The certified plans in order.
    pub plans: Vec<PlanRow>,
    /// The recordings in id order.
    pub recordings: Vec<RecordingFigures>,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Pass,
    /// Something is not.
    Fail,
}

/// One thing that was to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assertion {
    /// What.
    pub name: String,
    /// Whether it does.
    pub holds: bool,
    /// What was measured; none when there was nothing to measure, which never holds.
    pub value: Option<f64>,
    /// What the value is compared with.
    pub limit: f64,
    /// How: `>=` or `<=`.
    pub relation: Relation,
    /// Unit of both; empty for a bare number.
    pub unit: String,
}

/// How a value is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// The value must reach the limit.
    #[serde(rename = ">=")]
    AtLeast,
    /// The value must not pass the limit.
    #[serde(rename = "<=")]
    AtMost,
}

impl Assertion {
    /// Compares `value` with `limit`. No value, or one that is no number, does not hold.
    pub fn compare(name: &str, value: Option<f64>, relation: Relation, limit: f64, unit: &str) -> Self {
        let value = value.filter(|value| value.is_finite());
        let holds = value.is_some_and(|value| match relation {
            Relation::AtLeast => value >= limit,
            Relation::AtMost => value <= limit,
        });
        Self { name: name.to_owned(), holds, value, limit, relation, unit: unit.to_owned() }
    }

    /// How far the value may still move before it passes the limit; negative when it has.
    pub fn room(&self) -> f64 {
        match (self.value, self.relation) {
            (None, _) => f64::NEG_INFINITY,
            (Some(value), Relation::AtLeast) => value - self.limit,
            (Some(value), Relation::AtMost) => self.limit - value,
        }
    }
}

/// The plans in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFigures {
    /// What the mission cost as it was flown; value earned counts as negative cost.
    pub cost: f64,
    /// What it would have cost under a central planner with unbroken links; none when there was no such flight.
    pub optimum: Option<f64>,
    /// Largest certified relative gap of all adopted plans.
    pub certified_gap: f64,
    /// Rounds of the first re-planning, which began cold.
    pub rounds: u32,
    /// Rounds of all re-plannings together.
    pub rounds_total: u64,
    /// Time by the clock on the wall from the start of the flight until the first plan was certified; none when there
    /// was none.
    pub first_plan_s: Option<f64>,
    /// Mission time that this took.
    pub first_plan_mission_s: f64,
    /// Number of plans adopted.
    pub adopted: u32,
    /// Re-plannings that ended without a plan, so that the plan before was flown on.
    pub given_up: u32,
}

/// The islanding in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlackoutFigures {
    /// Which asset was islanded longest.
    pub asset: Option<AssetId>,
    /// When it began.
    pub from_s: f64,
    /// How long it lasted.
    pub mission_s: f64,
    /// Time within it during which another asset still saw the relay.
    pub overlap_s: f64,
    /// Rounds of the first negotiation that all took part in after it; none when there was none.
    pub reconverge_rounds: Option<u32>,
    /// Plans adopted by the others while it lasted.
    pub plans_within: u32,
    /// What going on with planning changed.
    pub comparison: Vec<BlackoutComparison>,
}

/// One figure of the whole mission: as flown, with planning during the blackout, and as it would have been without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlackoutComparison {
    /// Of what.
    pub figure: String,
    /// When the others went on planning, as they did.
    pub planning: f64,
    /// Had everybody held the last plan from before the blackout until its end.
    pub holding: f64,
    /// Unit of both.
    pub unit: String,
}

/// The audit in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFigures {
    /// Entries checked.
    pub entries: u64,
    /// Whether all of them are what they should be.
    pub verified: bool,
}

/// One asset in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetFigures {
    /// Which.
    pub id: AssetId,
    /// What it is.
    pub kind: String,
    /// Energy taken from its battery and sources; none without a vehicle.
    pub energy_kwh: Option<f64>,
    /// Lowest energy in its battery.
    pub soc_kwh_min: Option<f64>,
    /// Energy that may not be undercut.
    pub reserve_kwh: Option<f64>,
    /// Bytes handed to its links.
    pub bytes_sent: u64,
    /// Entries in its log.
    pub log_entries: u64,
    /// Plans that it adopted.
    pub plans_adopted: u32,
    /// Longest time without contact to anybody that it survived.
    pub outage_s_max: f64,
    /// Hash of its final state.
    pub state: Hash,
}

/// One certified plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRow {
    /// Counts the re-plannings.
    pub plan: u64,
    /// Epoch of that re-planning.
    pub epoch: u32,
    /// When it was certified.
    pub time_s: f64,
    /// Who agreed.
    pub members: Vec<AssetId>,
    /// Rounds it took.
    pub rounds: u32,
    /// Its cost over its horizon.
    pub cost: f64,
    /// Its certified relative gap.
    pub gap: f64,
    /// Relative primal residual.
    pub primal: f64,
    /// Relative dual residual.
    pub dual: f64,
    /// Edge and step pairs with a price that is not zero.
    pub prices: u32,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingFigures {
    /// Of which asset.
    pub asset: AssetId,
    /// Number of inputs.
    pub inputs: u64,
    /// SHA-256 chain over the settings and all inputs with their times.
    pub inputs_hash: Hash,
    /// SHA-256 of the file.
    pub file_hash: Hash,
}

impl Report {
    /// Reads the report at `path`.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        if !path.try_exists().map_err(NodeError::refused("read", path))? {
            return Err(NodeError::unfit(path, Fault::Missing { what: MISSING_REPORT }));
        }
        let text = durable::read_text(path)?;
        let malformed = |why: String| NodeError::unfit(path, Fault::Malformed { expected: "a report", why });
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|why| malformed(why.to_string()))?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(REPORT_VERSION) => {}
            Some(version) => {
                let found = u32::try_from(version).unwrap_or(u32::MAX);
                return Err(NodeError::unfit(path, Fault::OtherVersion { found, expected: REPORT_VERSION }));
            }
            None => return Err(malformed("it has no version".to_owned())),
        }
        serde_json::from_value(value).map_err(|why| malformed(why.to_string()))
    }

    /// Writes the report to `path`.
    pub fn write(&self, path: &Path) -> Result<(), NodeError> {
        durable::replace_file(path, self.to_json().as_bytes())
    }

    /// The report as JSON, with a line break at its end.
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a report holds names and numbers, which JSON can hold");
        text.push('\n');
        text
    }

    /// Where it contradicts itself: a verdict that its own figures do not give.
    pub fn contradiction(&self) -> Option<String> {
        let is_wrong = |assertion: &&Assertion| {
            let Assertion { name, value, relation, limit, unit, .. } = assertion;
            Assertion::compare(name, *value, *relation, *limit, unit).holds != assertion.holds
        };
        if let Some(wrong) = self.assertions.iter().find(is_wrong) {
            return Some(format!("what it says of {} does not follow from value and limit", wrong.name));
        }
        let is_missing = |name: &&&str| !self.assertions.iter().any(|assertion| assertion.name == **name);
        if let Some(missing) = ALWAYS_ASSERTED.iter().find(is_missing) {
            return Some(format!("it does not say whether {missing} holds"));
        }
        let is_passed = self.assertions.iter().all(|assertion| assertion.holds) && !self.interrupted;
        (is_passed != (self.status == Status::Pass))
            .then(|| "its status does not follow from its assertions".to_owned())
    }

    /// The figures of `asset`.
    pub fn asset(&self, asset: &AssetId) -> Option<&AssetFigures> {
        self.assets.iter().find(|figures| figures.id == *asset)
    }
}

/// What every report answers, whatever the scenario asserts besides.
pub const ALWAYS_ASSERTED: [&str; 8] = [
    "reserves_kept",
    "life_support_met",
    "couplings_kept",
    "science_delivered",
    GAP_ASSERTION,
    "blackout_flown",
    "blackout_overlap",
    "audit_verified",
];

/// What the page shows besides the report: courses over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Courses {
    /// Batteries in id order.
    pub batteries: Vec<BatteryCourse>,
    /// Negotiations worth showing: the first, and the one after the blackout.
    pub negotiations: Vec<NegotiationCourse>,
    /// Links, ordered by their ends.
    pub links: Vec<LinkCourse>,
}

/// A battery over time.
#[derive(Debug, Clone, PartialEq)]
pub struct BatteryCourse {
    /// Whose.
    pub asset: AssetId,
    /// Energy when full.
    pub capacity_kwh: f64,
    /// Energy that may not be undercut.
    pub reserve_kwh: f64,
    /// Hour of the mission and energy.
    pub points: Vec<(f64, f64)>,
}

/// A negotiation round by round.
#[derive(Debug, Clone, PartialEq)]
pub struct NegotiationCourse {
    /// What it was.
    pub title: String,
    /// Its rounds in order.
    pub rounds: Vec<RoundCourse>,
}

/// One round of a negotiation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundCourse {
    /// Which, from 0.
    pub round: u32,
    /// Relative primal residual.
    pub primal: f64,
    /// Relative dual residual.
    pub dual: f64,
    /// Certified relative gap, if the round's candidate was evaluated.
    pub gap: Option<f64>,
}

/// A link over time.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkCourse {
    /// Its ends.
    pub name: String,
    /// Hours of the mission from and until which it was up.
    pub up: Vec<(f64, f64)>,
}

/// The version of report.json.
pub const REPORT_VERSION: u32 = 1;

/// A made-up report for tests.
#[cfg(test)]
pub(crate) mod sample {
    use super::*;

    pub(crate) fn report() -> Report {
        let id = |name: &str| AssetId::new(name).expect("a good name");
        let hash = Hash::of(b"sample");
        let asset = |name: &str, kind: &str, soc: Option<f64>| AssetFigures {
            id: id(name),
            kind: kind.to_owned(),
            energy_kwh: soc.map(|soc| soc * 3.0),
            soc_kwh_min: soc,
            reserve_kwh: soc.map(|soc| soc / 2.0),
            bytes_sent: 1_234_567,
            log_entries: 57,
            plans_adopted: 24,
            outage_s_max: 14_700.0,
            state: hash,
        };
        let row = |plan: u64, members: &[&str]| PlanRow {
            plan,
            epoch: 0,
            time_s: plan as f64 * 3600.0,
            members: members.iter().map(|name| id(name)).collect(),
            rounds: 60 - plan as u32,
            cost: -41.5 - plan as f64,
            gap: 3.2e-5,
            primal: 4e-7,
            dual: 8e-7,
            prices: 7,
        };
        Report {
            version: REPORT_VERSION,
            program: "0.1.0".to_owned(),
            scenario: FleetId::new("lunar_base").expect("a good name"),
            title: "A day at the <south> pole".to_owned(),
            scenario_hash: hash,
            seed: 1,
            status: Status::Pass,
            mission: MissionId([7; 16]),
            interrupted: false,
            ticks: 9_000,
            assertions: vec![
                Assertion::compare("reserves_kept", Some(1.25), Relation::AtLeast, 0.0, "kWh"),
                Assertion::compare("gap_certified", Some(3.2e-5), Relation::AtMost, 1e-4, ""),
                Assertion::compare("life_support_met", Some(0.0), Relation::AtMost, 0.0, "kWh"),
                Assertion::compare("couplings_kept", Some(0.0), Relation::AtMost, 1.0, "tolerances"),
                Assertion::compare("science_delivered", Some(1.0), Relation::AtLeast, 0.95, ""),
                Assertion::compare("blackout_flown", Some(14_700.0), Relation::AtLeast, 14_400.0, "s"),
                Assertion::compare("blackout_overlap", Some(5_400.0), Relation::AtLeast, 3_600.0, "s"),
                Assertion::compare("audit_verified", Some(1.0), Relation::AtLeast, 1.0, ""),
            ],
            plan: PlanFigures {
                cost: -40.0,
                optimum: Some(-41.0),
                certified_gap: 3.2e-5,
                rounds: 60,
                rounds_total: 812,
                first_plan_s: Some(0.5),
                first_plan_mission_s: 360.0,
                adopted: 24,
                given_up: 0,
            },
            blackout: BlackoutFigures {
                asset: Some(id("rover")),
                from_s: 28_800.0,
                mission_s: 14_700.0,
                overlap_s: 5_400.0,
                reconverge_rounds: Some(22),
                plans_within: 4,
                comparison: vec![BlackoutComparison {
                    figure: "habitat's cost".to_owned(),
                    planning: -10.0,
                    holding: -8.5,
                    unit: String::new(),
                }],
            },
            bytes_per_asset_max: 1_234_567,
            rss_bytes_max: 20 << 20,
            audit: AuditFigures { entries: 228, verified: true },
            state_hash: hash,
            wall_s: 4.2,
            mission_s: 86_400.0,
            assets: vec![
                asset("habitat", "habitat", Some(80.0)),
                asset("planner", "planner", None),
                asset("relay", "satellite", Some(2.0)),
                asset("rover", "rover", Some(5.0)),
            ],
            plans: vec![row(0, &["habitat", "relay", "rover"]), row(9, &["habitat", "relay"])],
            recordings: vec![RecordingFigures {
                asset: id("rover"),
                inputs: 9_000,
                inputs_hash: hash,
                file_hash: hash,
            }],
        }
    }

    pub(crate) fn courses() -> Courses {
        let id = |name: &str| AssetId::new(name).expect("a good name");
        let battery = |name: &str, capacity_kwh: f64| BatteryCourse {
            asset: id(name),
            capacity_kwh,
            reserve_kwh: capacity_kwh * 0.2,
            points: (0..=96)
                .map(|i| (f64::from(i) / 4.0, capacity_kwh * (0.6 + 0.3 * (f64::from(i) / 14.0).sin())))
                .collect(),
        };
        let rounds = (0..60)
            .map(|i| {
                let shrink = 10f64.powf(-f64::from(i) / 10.0);
                let gap = (i % 5 == 4).then_some(shrink * 2.0);
                RoundCourse { round: i, primal: shrink, dual: shrink * 0.4, gap }
            })
            .collect();
        Courses {
            batteries: vec![battery("habitat", 120.0), battery("relay", 4.0), battery("rover", 12.0)],
            negotiations: vec![NegotiationCourse { title: "First plan".to_owned(), rounds }],
            links: vec![
                LinkCourse { name: "habitat, rover".to_owned(), up: vec![(0.0, 8.0), (12.1, 24.0)] },
                LinkCourse { name: "relay, rover".to_owned(), up: vec![] },
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("report.json");
        let report = sample::report();
        report.write(&path).expect("writes");
        assert_eq!(Report::read(&path).expect("reads"), report);
        let other = report.to_json().replace("\"version\": 1", "\"version\": 9");
        std::fs::write(&path, other).expect("writes");
        let why = Report::read(&path).expect_err("another version");
        assert!(matches!(why, NodeError::Unfit { fault: Fault::OtherVersion { found: 9, expected: 1 }, .. }));
    }

    #[test]
    fn a_report_that_contradicts_itself_is_noticed() {
        let sound = sample::report();
        assert_eq!(sound.contradiction(), None);
        let altered = |alter: &dyn Fn(&mut Report)| {
            let mut report = sample::report();
            alter(&mut report);
            report.contradiction().unwrap_or_default()
        };
        assert!(altered(&|report| report.assertions[1].value = Some(1.0)).contains("gap_certified"));
        assert!(altered(&|report| report.assertions[0].holds = false).contains("reserves_kept"));
        assert!(altered(&|report| report.status = Status::Fail).contains("status"));
        assert!(altered(&|report| report.interrupted = true).contains("status"));
        assert!(altered(&|report| report.assertions.clear()).contains("does not say"));
    }

    #[test]
    fn a_missing_report_is_told_apart_from_a_wrong_path() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let why = Report::read(&folder.path().join("report.json")).expect_err("there is none");
        assert!(why.hint().is_some_and(|hint| hint.contains("broke off")), "{why}");
    }

    #[test]
    fn the_names_that_scripts_read_are_there() {
        let value: serde_json::Value = serde_json::from_str(&sample::report().to_json()).expect("is JSON");
        for pointer in [
            "/scenario",
            "/seed",
            "/status",
            "/assertions/0/name",
            "/assertions/0/holds",
            "/assertions/0/value",
            "/assertions/0/limit",
            "/plan/cost",
            "/plan/optimum",
            "/plan/certified_gap",
            "/plan/rounds",
            "/plan/first_plan_s",
            "/blackout/mission_s",
            "/blackout/reconverge_rounds",
            "/bytes_per_asset_max",
            "/rss_bytes_max",
            "/audit/entries",
            "/audit/verified",
            "/state_hash",
            "/wall_s",
            "/mission_s",
        ] {
            assert!(value.pointer(pointer).is_some(), "{pointer} is missing");
        }
        assert_eq!(value["status"], "pass");
        assert_eq!(value["audit"]["verified"], true);
    }

    #[test]
    fn nothing_measured_never_holds() {
        for value in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert!(!Assertion::compare("x", value, Relation::AtLeast, -1.0, "").holds);
        }
        assert!(Assertion::compare("x", Some(1.0), Relation::AtMost, 1.0, "").holds);
        assert!(!Assertion::compare("x", Some(1.1), Relation::AtMost, 1.0, "").holds);
    }
}
