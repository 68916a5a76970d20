//! Whether the assets of a scenario can do what it asks of them: each one's first plan, made alone.
//!
//! Alone means that flows are free within what the asset itself could take or give, so what is impossible here is
//! impossible for every plan. The reverse does not hold: what each can do alone may still be too much together.

use super::diagnostic::{Diagnostic, Problems, Severity, has_error};
use super::model::{Asset, Scenario};
use super::parse::parse;
use super::table::duration;
use crate::almanac::Almanac;
use crate::world::World;
use mesh_adapters::{Adapter, AdapterError, AdapterSettings, Battery, Shortfall};
use mesh_model::{LocalProblem, MissionTime, Window};
use mesh_solver::{QpError, QpProblem, QpSolver, Settings};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Reads a scenario like [`parse`] and then tries whether its assets can do what it asks of them. There is a scenario
/// exactly if no diagnostic is an error.
pub fn check(text: &str) -> (Option<Scenario>, Vec<Diagnostic>) {
    let (scenario, mut diagnostics) = parse(text);
    let Some(scenario) = scenario else { return (None, diagnostics) };
    diagnostics.extend(infeasibilities(&scenario, text));
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    let usable = !has_error(&diagnostics);
    (usable.then_some(scenario), diagnostics)
}

/// What no first plan can meet, pointing at the asset's table in `text`, the file of `scenario`. Less than a full margin
/// over the reserve is a warning; everything else is an error.
fn infeasibilities(scenario: &Scenario, text: &str) -> Vec<Diagnostic> {
    let almanac = Almanac::new(scenario);
    let world = World::new(scenario, &almanac, scenario.seed);
    let problems = Problems::default();
    for asset in &scenario.assets {
        let attempt = Attempt { scenario, almanac: &almanac, world: &world, asset };
        let span = table_of(asset, text);
        let without_margin = attempt.shortfall(Margin::None);
        let all_met = matches!(without_margin, Ok(None));
        report(without_margin, Severity::Error, &attempt, span.clone(), &problems);
        if all_met {
            report(attempt.shortfall(Margin::Full), Severity::Warning, &attempt, span, &problems);
        }
    }
    report_short_blackout(scenario, &almanac, text, &problems);
    problems.into_diagnostics(text)
}

/// One asset's first plan, tried alone.
struct Attempt<'a> {
    scenario: &'a Scenario,
    almanac: &'a Almanac,
    world: &'a World,
    asset: &'a Asset,
}

/// How far a plan is to stay above the battery's reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Margin {
    None,
    Full,
}

/// Why an asset could not be judged.
#[derive(Debug, thiserror::Error)]
enum Unjudged {
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    #[error(transparent)]
    Solver(#[from] QpError),
}

impl Attempt<'_> {
    /// What the first plan lacks, if anything.
    fn shortfall(&self, margin: Margin) -> Result<Option<Shortfall>, Unjudged> {
        let id = &self.asset.id;
        let (Some(settings), Some(telemetry)) = (self.almanac.settings(id), self.world.telemetry(id)) else {
            return Ok(None);
        };
        let mut settings = settings.clone();
        if margin == Margin::None {
            battery(&mut settings).margin_kwh = 0.0;
        }
        let timing = &self.scenario.timing;
        let window = Window { start: MissionTime::ZERO, step_s: timing.step_s, steps: timing.horizon_steps };
        let edges = self.scenario.contract().edges_of(id);
        let problem = Adapter::new(id.clone(), settings, edges).problem(&telemetry, window)?;
        let programme = without_temptation(&problem)?;
        let no_extra = vec![0.0; programme.variables()];
        let plan = QpSolver::new(&programme, &no_extra, Settings::default())?.solve_as_given()?;
        Ok(Adapter::shortfall(&problem, &plan.x))
    }
}

/// `problem`, in which what must not happen costs so much more that nothing is worth it. In the problem itself it has a
/// price that may be worth paying.
fn without_temptation(problem: &LocalProblem) -> Result<QpProblem, QpError> {
    let quadratic = problem.objective.quadratic.iter();
    let quadratic: Vec<_> = quadratic.map(|(i, j, value)| (*i as usize, *j as usize, value.value())).collect();
    let given = QpProblem::from_local(problem)?;
    let factors = problem.variables.iter().map(|variable| if Adapter::is_slack(variable) { DETERRENT } else { 1.0 });
    let linear = given.linear().iter().zip(factors).map(|(cost, factor)| cost * factor).collect();
    let (rows, lower, upper) = (given.rows().to_vec(), given.lower().to_vec(), given.upper().to_vec());
    Ok(QpProblem::new(&quadratic, linear, given.constant(), rows, lower, upper)?)
}

fn report(
    outcome: Result<Option<Shortfall>, Unjudged>,
    severity: Severity,
    attempt: &Attempt<'_>,
    span: Range<usize>,
    problems: &Problems,
) {
    let id = &attempt.asset.id;
    match outcome {
        Ok(None) => {}
        Ok(Some(shortfall)) => {
            let lack = Lack::of(&shortfall, attempt);
            let message = format!("`{id}` cannot meet `{}`{}: {}", shortfall.row, lack.when, lack.what);
            match severity {
                Severity::Error => problems.error(span, message, FEASIBLE, Some(lack.hint.to_owned())),
                Severity::Warning => {
                    let hint = Some("the reserve itself is kept, but disturbances may eat into it".to_owned());
                    problems.warning(span, message, "a first plan that keeps the full margin", hint);
                }
            }
        }
        Err(Unjudged::Solver(QpError::Infeasible(proof))) => {
            let message = format!("`{id}` has constraints that exclude each other, by {:.3}", proof.excess);
            problems.error(span, message, FEASIBLE, None);
        }
        Err(why @ (Unjudged::Adapter(_) | Unjudged::Solver(QpError::Malformed(_)))) => {
            let message = format!("`{id}` could never plan: {why}");
            problems.error(span, message, "fewer steps or fewer neighbours", None);
        }
        Err(why) => {
            let message = format!("whether `{id}` can do what it is asked could not be found out: {why}");
            problems.warning(span, message, FEASIBLE, None);
        }
    }
}

/// Warns of an assertion about the blackout that geometry alone decides, to the worse.
fn report_short_blackout(scenario: &Scenario, almanac: &Almanac, text: &str, problems: &Problems) {
    let limits = &scenario.limits;
    let longest = scenario.assets.iter().filter_map(|asset| almanac.blackout(&asset.id));
    let longest = longest.map(|(gap, seen_s)| ((gap.until_s - gap.from_s) as f64, seen_s as f64));
    let (blackout_s, seen_s) = longest.fold((0.0, 0.0), |one, other| if other.0 > one.0 { other } else { one });
    let told = [
        ("blackout_min", "the longest blackout of a rover lasts", blackout_s, limits.blackout_s_min),
        (
            "blackout_overlap_min",
            "in its blackout the rover's habitat sees the relay for",
            seen_s,
            limits.blackout_overlap_s_min,
        ),
    ];
    for (key, sentence, found_s, least_s) in told.into_iter().filter(|(_, _, found_s, least_s)| found_s < least_s) {
        let message =
            format!("{sentence} {} h, so the assertion on {key} cannot hold", (found_s / 36.0).round() / 100.0);
        let hint = Some("the orbit, the skyline of the rover's site and its itinerary decide it".to_owned());
        problems.warning(header(text, "assertions"), message, format!("at least {} h", least_s / 3600.0), hint);
    }
}

/// A shortfall in words.
struct Lack {
    when: String,
    what: String,
    hint: &'static str,
}

impl Lack {
    fn of(shortfall: &Shortfall, attempt: &Attempt<'_>) -> Self {
        let amount = shortfall.amount;
        let slack = shortfall.slack.split(' ').next().unwrap_or_default();
        let (what, hint) = match slack {
            "shed" => (format!("{amount:.3} kW are missing"), "more solar_peak or battery, or less life_support"),
            "low" => (format!("{amount:.3} kWh are missing"), "a larger or fuller battery, more power, or less to do"),
            "over" => (format!("{amount:.3} are too much"), "a larger limit, or fewer sinks"),
            "fill" => (format!("{amount:.3} Gbit are missing"), "a higher survey_rate"),
            "spill" => (format!("{amount:.3} Gbit are too much"), "a larger buffer or a faster downlink"),
            "late" => {
                (format!("{amount:.3} km are left over"), "a longer drive in the itinerary, or a higher drive_max")
            }
            _ => (format!("it is off by {amount:.3}"), "a scenario that asks for less"),
        };
        let step = shortfall.row.split_once('[').and_then(|(_, rest)| rest.trim_end_matches(']').parse::<u32>().ok());
        let when = step.map(|step| step.saturating_mul(attempt.scenario.timing.step_s));
        let when = when.map_or(String::new(), |start_s| format!(" in the step from {}", duration(start_s)));
        Self { when, what, hint }
    }
}

fn battery(settings: &mut AdapterSettings) -> &mut Battery {
    match settings {
        AdapterSettings::Habitat(settings, _) => &mut settings.battery,
        AdapterSettings::Rover(settings, _) => &mut settings.battery,
        AdapterSettings::Satellite(settings, _) => &mut settings.battery,
    }
}

/// The header of the table of `asset`.
fn table_of(asset: &Asset, text: &str) -> Range<usize> {
    let (root, _) = DeTable::parse_recoverable(text);
    let tables = root.get_ref().get("asset").and_then(|assets| assets.get_ref().as_array());
    let found = tables.into_iter().flat_map(|tables| tables.iter()).find(|table| {
        let id = table.get_ref().as_table().and_then(|table| table.get("id"));
        matches!(id.map(|id| id.get_ref()), Some(DeValue::String(id)) if *id == asset.id.as_str())
    });
    found.map_or(0..0, |table| table.span())
}

/// The header of a table that stands once.
fn header(text: &str, key: &str) -> Range<usize> {
    let (root, _) = DeTable::parse_recoverable(text);
    root.get_ref().get(key).map_or(0..0, |table| table.span())
}

/// By how much what must not happen is made dearer.
const DETERRENT: f64 = 10.0;

const FEASIBLE: &str = "a first plan that meets every constraint";

#[cfg(test)]
mod tests {
    use super::super::LUNAR_BASE;
    use super::*;

    const FIXTURE: &str = include_str!("bad_input/fixture.toml");

    /// Replaces `from` in the fixture by `to` and expects one complaint: its line, severity and message.
    #[track_caller]
    fn expect(from: &str, to: &str, line: usize, severity: Severity, message: &str) {
        assert!(FIXTURE.contains(from), "{from:?} is not in the fixture");
        let text = FIXTURE.replacen(from, to, 1);
        let (scenario, diagnostics) = check(&text);
        assert_eq!(scenario.is_none(), has_error(&diagnostics));
        let [diagnostic] = diagnostics.as_slice() else { panic!("not one complaint: {diagnostics:#?}") };
        assert_eq!((diagnostic.position(&text).line, diagnostic.severity), (line, severity));
        assert!(diagnostic.message.starts_with(message), "{}", diagnostic.message);
        assert!(diagnostic.hint.is_some());
    }

    #[test]
    fn what_can_be_flown_is_not_complained_about() {
        assert_eq!(check(LUNAR_BASE).1, []);
        assert_eq!(check(FIXTURE).1, []);
        assert_eq!(check(LUNAR_BASE).0, parse(LUNAR_BASE).0);
    }

    #[test]
    fn life_support_without_power_is_named_with_what_is_missing() {
        // In the dark the battery gives (80 - 24) kWh * 0.95 in 24 h, which is 2.217 kW of the 5 kW.
        let message = "`habitat` cannot meet `energy balance[0]` in the step from 0 h: 2.783 kW are missing";
        expect("solar_peak = \"20 kW\"", "solar_peak = \"0 kW\"", 22, Severity::Error, message);
    }

    #[test]
    fn a_battery_that_runs_out_is_named_with_the_step() {
        let message = "`rover` cannot meet `reserve[16]` in the step from 16 h: ";
        expect("hotel = \"0.15 kW\"", "hotel = \"1.5 kW\"", 49, Severity::Error, message);
        let message = "`satellite` cannot meet `reserve[23]` in the step from 23 h: ";
        expect("bus = \"0.3 kW\"", "bus = \"3 kW\"", 84, Severity::Error, message);
    }

    #[test]
    fn a_drive_without_energy_is_named_with_what_is_left_of_it() {
        let message = "`rover` cannot meet `leg 0`: ";
        expect("drive_energy = \"0.4 kWh/km\"", "drive_energy = \"2 kWh/km\"", 49, Severity::Error, message);
    }

    #[test]
    fn a_margin_that_cannot_be_kept_is_a_warning() {
        let message = "`rover` cannot meet `reserve[";
        expect("margin = \"1 kWh\"", "margin = \"9 kWh\"", 49, Severity::Warning, message);
    }

    #[test]
    fn a_blackout_that_geometry_does_not_give_is_a_warning() {
        let message = "the longest blackout of a rover lasts ";
        expect("blackout_min = \"4 h\"", "blackout_min = \"20 h\"", 168, Severity::Warning, message);
    }
}
