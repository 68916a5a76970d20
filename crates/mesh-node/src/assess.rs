//! From a flight to its report: what was measured, what had to hold, and whether it does.

use crate::audit::Audit;
use crate::flight::Flown;
use crate::program_version;
use crate::report::{
    Assertion, AssetFigures, BatteryCourse, BlackoutComparison, BlackoutFigures, Courses, LinkCourse,
    NegotiationCourse, PlanFigures, PlanRow, REPORT_VERSION, Relation, Report, RoundCourse, Status,
};
use crate::report_page::GAP_ASSERTION;
use mesh_model::{AssetId, Canonical, MissionTime};
use mesh_sim::Scenario;
use mesh_sim::journal::{Certified, Islanding, Journal};
use mesh_sim::scenario::{AssetKind, Link};
use mesh_sim::world::Score;
use std::collections::BTreeSet;

/// How a central planner with unbroken links flew the same mission: same seed, same disturbances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CentralFlight {
    /// Cost minus value, what is left at the end counted.
    pub cost: f64,
    /// Rover data sent down to Earth.
    pub science_gbit: f64,
}

/// Everything that a report is made from.
pub struct Evidence<'a> {
    /// What was flown.
    pub scenario: &'a Scenario,
    /// With which seed.
    pub seed: u64,
    /// How it went.
    pub flown: &'a Flown,
    /// What the audit of its logs found.
    pub audit: &'a Audit,
    /// The yardstick; none if the central planner could not fly it.
    pub central: Option<CentralFlight>,
    /// The same mission had nobody planned during the blackout; none if there was no blackout.
    pub unplanned: Option<Score>,
}

impl Evidence<'_> {
    /// The report.
    pub fn report(&self) -> Report {
        let outcome = &self.flown.outcome;
        let plan = self.plan_figures();
        let blackout = self.blackout_figures();
        let assertions = self.assertions(&plan, &blackout);
        // What was not recorded cannot be judged.
        let is_whole = !outcome.interrupted && self.flown.not_replayable.is_none();
        let is_passed = is_whole && assertions.iter().all(|assertion| assertion.holds);
        Report {
            version: REPORT_VERSION,
            program: program_version().to_owned(),
            scenario: self.scenario.name.clone(),
            title: self.scenario.title.clone(),
            scenario_hash: self.flown.written.scenario_hash,
            seed: self.seed,
            status: if is_passed { Status::Pass } else { Status::Fail },
            mission: self.flown.mission,
            interrupted: outcome.interrupted,
            ticks: self.flown.written.ticks,
            assertions,
            plan,
            blackout,
            bytes_per_asset_max: self.journal().traffic.values().map(|traffic| traffic.bytes).max().unwrap_or(0),
            rss_bytes_max: self.flown.rss_bytes_max,
            mode: self.flown.mode,
            processes: self.flown.processes.clone(),
            replayable: self.flown.not_replayable.is_none(),
            not_replayable: self.flown.not_replayable.clone(),
            audit: self.audit.figures(),
            state_hash: outcome.state_hash,
            wall_s: self.flown.wall_s,
            mission_s: outcome.ended.as_s(),
            assets: self.asset_figures(),
            plans: self.journal().plans.iter().map(|plan| self.plan_row(plan)).collect(),
            recordings: self.flown.written.recordings.clone(),
        }
    }

    /// What the page shows besides the report.
    pub fn courses(&self) -> Courses {
        let journal = self.journal();
        let mut negotiations = Vec::new();
        if let Some(first) = journal.plans.first() {
            negotiations.push(negotiation("the first plan", journal, first));
        }
        if let Some(healed) = self.blackout().and_then(|blackout| self.healed(blackout)) {
            negotiations.push(negotiation("after the blackout", journal, healed));
        }
        Courses { batteries: self.battery_courses(), negotiations, links: self.link_courses() }
    }

    fn assertions(&self, plan: &PlanFigures, blackout: &BlackoutFigures) -> Vec<Assertion> {
        use Relation::{AtLeast, AtMost};
        let score = self.score();
        let limits = &self.scenario.limits;
        let margin = score.assets.values().map(|asset| asset.battery_margin_kwh).reduce(f64::min);
        let missed = score.assets.values().map(|asset| asset.life_support_missed_kwh).sum();
        // As a part of what is tolerated; rounding is, even where nothing else is.
        let excess = self.scenario.junctions.iter().map(|junction| {
            let excess = score.excess_max.get(&junction.id).copied().unwrap_or(0.0);
            excess / junction.tolerance.value().max(EXCESS_ZERO)
        });
        // Where there is nothing to deliver, everything was delivered.
        let share = |central: f64| if central > 0.0 { score.science_gbit / central } else { 1.0 };
        let science = self.central.map(|central| share(central.science_gbit));
        let gap = (plan.adopted > 0).then_some(plan.certified_gap);
        let (first, healed) = (f64::from(plan.rounds), blackout.reconverge_rounds.map(f64::from));
        let mut assertions = vec![
            Assertion::compare("reserves_kept", margin, AtLeast, 0.0, "kWh"),
            Assertion::compare("life_support_met", Some(missed), AtMost, 0.0, "kWh"),
            Assertion::compare("couplings_kept", Some(excess.fold(0.0, f64::max)), AtMost, 1.0, "tolerances"),
            Assertion::compare("science_delivered", science, AtLeast, limits.science_share_min, ""),
            Assertion::compare(GAP_ASSERTION, gap, AtMost, limits.gap_max, ""),
            Assertion::compare("blackout_flown", Some(blackout.mission_s), AtLeast, limits.blackout_s_min, "s"),
            Assertion::compare(
                "blackout_overlap",
                Some(blackout.overlap_s),
                AtLeast,
                limits.blackout_overlap_s_min,
                "s",
            ),
        ];
        if self.is_healed() {
            assertions.push(Assertion::compare("reconverged", healed, AtMost, first, "rounds"));
        }
        if limits.prices_min > 0 {
            let prices_min = f64::from(limits.prices_min);
            assertions.push(Assertion::compare("prices_active", self.prices_min(), AtLeast, prices_min, ""));
        }
        let verified = Some(f64::from(u8::from(self.audit.verified)));
        assertions.push(Assertion::compare("audit_verified", verified, AtLeast, 1.0, ""));
        assertions
    }

    /// Whether a rover was on its own and came back before the end, so that there is something to agree on again.
    fn is_healed(&self) -> bool {
        self.blackout().is_some_and(|blackout| blackout.until < self.flown.outcome.ended)
    }

    fn plan_figures(&self) -> PlanFigures {
        let journal = self.journal();
        let first = journal.plans.first();
        let gaps = journal.plans.iter().map(|plan| plan.certificate.gap.value());
        let epochs: BTreeSet<(u64, u32)> = journal.rounds.iter().map(|round| (round.plan, round.epoch)).collect();
        PlanFigures {
            cost: cost_of(&self.score()),
            optimum: self.central.map(|central| central.cost),
            certified_gap: gaps.fold(0.0, f64::max),
            rounds: first.map_or(0, |first| rounds_of_plan(journal, first)),
            rounds_total: epochs
                .into_iter()
                .map(|(plan, epoch)| u64::from(rounds_of_epoch(journal, plan, epoch)))
                .sum(),
            first_plan_s: self.flown.written.first_plan.map(|wall| wall.as_secs_f64()),
            first_plan_mission_s: first.map_or(0.0, |first| first.agreed.since_s(first.opened)),
            adopted: u32::try_from(journal.plans.len()).unwrap_or(u32::MAX),
            given_up: given_up(journal),
        }
    }

    fn blackout_figures(&self) -> BlackoutFigures {
        let Some(blackout) = self.blackout() else {
            return BlackoutFigures {
                asset: None,
                from_s: 0.0,
                mission_s: 0.0,
                overlap_s: 0.0,
                reconverge_rounds: None,
                plans_within: 0,
                comparison: Vec::new(),
            };
        };
        let within = |plan: &&Certified| plan.opened >= blackout.from && plan.agreed < blackout.until;
        let healed = self.healed(blackout).map(|plan| rounds_of_plan(self.journal(), plan));
        BlackoutFigures {
            asset: Some(blackout.asset.clone()),
            from_s: blackout.from.as_s(),
            mission_s: blackout.duration_s(),
            overlap_s: self.relay_view_s(blackout),
            reconverge_rounds: healed,
            plans_within: self.journal().plans.iter().filter(within).count() as u32,
            comparison: self.unplanned.as_ref().map_or(Vec::new(), |unplanned| comparison(&self.score(), unplanned)),
        }
    }

    fn asset_figures(&self) -> Vec<AssetFigures> {
        let journal = self.journal();
        let score = self.score();
        let figures = |state: &mesh_asset::AssetState| {
            let id = &state.asset;
            let vehicle = self.scenario.assets.iter().find(|asset| asset.id == *id);
            let reserve_kwh = vehicle.map(|vehicle| vehicle.kind.battery().reserve_kwh);
            let own = score.assets.get(id);
            let outage = journal.longest_islanding(id).map_or(0.0, Islanding::duration_s);
            AssetFigures {
                id: id.clone(),
                kind: vehicle.map_or("planner", |vehicle| kind(&vehicle.kind)).to_owned(),
                energy_kwh: own.map(|own| own.energy_kwh),
                soc_kwh_min: own.zip(reserve_kwh).map(|(own, reserve)| own.battery_margin_kwh + reserve),
                reserve_kwh,
                bytes_sent: journal.traffic.get(id).map_or(0, |traffic| traffic.bytes),
                log_entries: self.flown.written.log_entries.get(id).copied().unwrap_or(0),
                plans_adopted: state.plans,
                outage_s_max: outage,
                state: state.hash(),
            }
        };
        self.flown.outcome.states.iter().map(figures).collect()
    }

    fn plan_row(&self, plan: &Certified) -> PlanRow {
        let certificate = &plan.certificate;
        PlanRow {
            plan: certificate.epoch.plan,
            epoch: certificate.epoch.number,
            time_s: plan.agreed.as_s(),
            members: certificate.attestations.iter().map(|attestation| attestation.asset.clone()).collect(),
            rounds: rounds_of_plan(self.journal(), plan),
            cost: certificate.upper.value(),
            gap: certificate.gap.value(),
            primal: certificate.primal.value(),
            dual: certificate.dual.value(),
            prices: prices(plan),
        }
    }

    /// Fewest prices that are not zero in any plan that all vehicles agreed.
    fn prices_min(&self) -> Option<f64> {
        let members = self.vehicles();
        let full = self.journal().plans.iter().filter(|plan| plan.is_of_all(&members));
        full.map(prices).min().map(f64::from)
    }

    fn blackout(&self) -> Option<&Islanding> {
        blackout(self.scenario, self.journal())
    }

    /// The first plan of all vehicles after it.
    fn healed(&self, blackout: &Islanding) -> Option<&Certified> {
        self.journal().first_plan_of_all(&self.vehicles(), blackout.until)
    }

    /// For how long within the blackout another vehicle had contact with a satellite.
    fn relay_view_s(&self, blackout: &Islanding) -> f64 {
        let is_satellite = |id: &AssetId| {
            let found = self.scenario.assets.iter().find(|asset| asset.id == *id);
            found.is_some_and(|asset| matches!(asset.kind, AssetKind::Satellite { .. }))
        };
        let vehicles = self.vehicles();
        let is_view = |link: &Link| {
            let ends = [&link.a, &link.b];
            ends.iter().all(|end| vehicles.contains(*end) && **end != blackout.asset)
                && is_satellite(&link.a) != is_satellite(&link.b)
        };
        let links = self.scenario.links.iter().filter(|link| is_view(link));
        let mut views: Vec<(f64, f64)> = links.flat_map(|link| self.spans_s(link)).collect();
        views.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut covered_until, mut total) = (blackout.from.as_s(), 0.0);
        for (from, until) in views {
            let (from, until) = (from.max(covered_until), until.min(blackout.until.as_s()));
            total += (until - from).max(0.0);
            covered_until = covered_until.max(until);
        }
        total
    }

    fn battery_courses(&self) -> Vec<BatteryCourse> {
        let step_h = f64::from(self.scenario.timing.step_s) / 3600.0;
        let course = |asset: &mesh_sim::scenario::Asset| {
            let battery = asset.kind.battery();
            let steps = self.flown.outcome.world.history().iter();
            let levels = steps.filter_map(|record| {
                record.assets.get(&asset.id).map(|own| ((record.step + 1) as f64 * step_h, own.soc_kwh))
            });
            BatteryCourse {
                asset: asset.id.clone(),
                capacity_kwh: battery.capacity_kwh,
                reserve_kwh: battery.reserve_kwh,
                points: std::iter::once((0.0, battery.initial_kwh)).chain(levels).collect(),
            }
        };
        self.scenario.assets.iter().map(course).collect()
    }

    fn link_courses(&self) -> Vec<LinkCourse> {
        let course = |link: &Link| LinkCourse {
            name: format!("{} – {}", link.a, link.b),
            up: self.spans_s(link).into_iter().map(|(from, until)| (from / 3600.0, until / 3600.0)).collect(),
        };
        self.scenario.links.iter().map(course).collect()
    }

    /// The seconds from and until which a link was up.
    fn spans_s(&self, link: &Link) -> Vec<(f64, f64)> {
        let mut spans = Vec::new();
        let mut since: Option<MissionTime> = None;
        for change in self.journal().links.iter().filter(|change| change.a == link.a && change.b == link.b) {
            match (change.up, since.take()) {
                (true, _) => since = Some(change.time),
                (false, Some(from)) => spans.push((from.as_s(), change.time.as_s())),
                (false, None) => {}
            }
        }
        spans.extend(since.map(|from| (from.as_s(), self.flown.outcome.ended.as_s())));
        spans
    }

    fn vehicles(&self) -> BTreeSet<AssetId> {
        self.scenario.assets.iter().map(|asset| asset.id.clone()).collect()
    }

    fn journal(&self) -> &Journal {
        &self.flown.outcome.journal
    }

    fn score(&self) -> Score {
        self.flown.outcome.world.score()
    }
}

/// The longest stretch in which a rover was on its own.
pub fn blackout<'a>(scenario: &Scenario, journal: &'a Journal) -> Option<&'a Islanding> {
    let rovers = scenario.assets.iter().filter(|asset| matches!(asset.kind, AssetKind::Rover { .. }));
    let longest = rovers.filter_map(|rover| journal.longest_islanding(&rover.id));
    longest.max_by(|a, b| a.duration_s().total_cmp(&b.duration_s()))
}

/// What a mission cost, what is left at its end counted.
pub fn cost_of(score: &Score) -> f64 {
    score.cost + score.leftover_cost
}

/// Re-plannings of which no epoch led to a plan.
fn given_up(journal: &Journal) -> u32 {
    let agreed: BTreeSet<u64> = journal.plans.iter().map(|plan| plan.certificate.epoch.plan).collect();
    let given_up: BTreeSet<u64> = journal.given_up.iter().map(|(plan, _)| *plan).collect();
    given_up.difference(&agreed).count() as u32
}

fn negotiation(title: &str, journal: &Journal, plan: &Certified) -> NegotiationCourse {
    let epoch = &plan.certificate.epoch;
    let rounds = journal.rounds.iter().filter(|round| round.plan == epoch.plan && round.epoch == epoch.number);
    let rounds =
        rounds.map(|round| RoundCourse { round: round.round, primal: round.primal, dual: round.dual, gap: round.gap });
    let rounds = rounds.collect();
    NegotiationCourse { title: title.to_owned(), rounds }
}

/// Rounds of all epochs of the re-planning that led to `plan`.
fn rounds_of_plan(journal: &Journal, plan: &Certified) -> u32 {
    let epoch = &plan.certificate.epoch;
    let earlier: u32 = (0..epoch.number).map(|number| rounds_of_epoch(journal, epoch.plan, number)).sum();
    earlier + rounds_of_epoch(journal, epoch.plan, epoch.number).max(plan.certificate.round + 1)
}

fn rounds_of_epoch(journal: &Journal, plan: u64, epoch: u32) -> u32 {
    let rounds = journal.rounds.iter().filter(|round| round.plan == plan && round.epoch == epoch);
    rounds.map(|round| round.round + 1).max().unwrap_or(0)
}

/// Pairs of edge and step with a flow whose price is not zero.
fn prices(plan: &Certified) -> u32 {
    let agreements = plan.certificate.agreements.iter();
    let pairs = agreements.flat_map(|agreement| agreement.flow.iter().zip(&agreement.price));
    pairs.filter(|(flow, price)| flow.value() > FLOW_ZERO && price.value().abs() > PRICE_ZERO).count() as u32
}

/// The mission with planning during the blackout and without.
fn comparison(planned: &Score, unplanned: &Score) -> Vec<BlackoutComparison> {
    let row = |figure: String, unit: &str, of: &dyn Fn(&Score) -> f64| BlackoutComparison {
        figure,
        planning: of(planned),
        holding: of(unplanned),
        unit: unit.to_owned(),
    };
    let mut rows = vec![
        row("cost of the fleet, what is left counted".to_owned(), "", &cost_of),
        row("rover data sent to Earth".to_owned(), "Gbit", &|score| score.science_gbit),
    ];
    for asset in planned.assets.keys() {
        let energy = |score: &Score| score.assets.get(asset).map_or(0.0, |own| own.energy_kwh);
        rows.push(row(format!("energy used by {asset}"), "kWh", &energy));
    }
    rows
}

fn kind(kind: &AssetKind) -> &'static str {
    match kind {
        AssetKind::Habitat { .. } => "habitat",
        AssetKind::Rover { .. } => "rover",
        AssetKind::Satellite { .. } => "satellite",
    }
}

/// Excess below this is rounding.
const EXCESS_ZERO: f64 = 1e-9;
/// Flows below this are rounding.
const FLOW_ZERO: f64 = 1e-6;
/// Prices below this are rounding, not scarcity.
const PRICE_ZERO: f64 = 1e-6;
