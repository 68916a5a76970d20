//! From the text of a scenario file to a [`Scenario`], or to everything that is wrong with it.
//!
//! This file reads the document and the tables that stand once; `vehicles` reads the assets, `couplings` the junctions
//! and links. Nothing here knows where the text comes from or how diagnostics are shown.

use super::couplings::{junctions, links, report_unheard_assets, report_unlinked_junctions};
use super::diagnostic::{Diagnostic, Problems, quoted};
use super::model::{Disturbances, Limits, Planner, Scenario, Sky, Timing};
use super::quantity::{ANGLE, ANGULAR_RATE, Bounds};
use super::roster::{Roster, report_reserved};
use super::table::{At, Table, duration};
use super::vehicles::assets;
use mesh_model::{AssetId, FleetId};
use toml::de::DeTable;

/// Longest scenario file, in bytes.
pub const FILE_LENGTH_MAX: usize = 1 << 20;
/// Most mistakes of syntax that are shown; a file with more is probably something else.
const SYNTAX_ERRORS_MAX: usize = 8;
/// Longest mission.
pub const DURATION_S_MAX: u32 = 31 * 86_400;
/// Shortest planning step.
pub const STEP_S_MIN: u32 = 60;
/// Longest planning step.
pub const STEP_S_MAX: u32 = 6 * 3600;
/// Longest horizon, in steps.
pub const HORIZON_STEPS_MAX: u64 = 96;
/// Most steps of a mission and its last horizon together.
pub const STEPS_MAX: u32 = 2000;
/// Most rounds that a planning may take.
pub const ROUNDS_MAX: u64 = 100_000;

/// Reads a scenario. There is one exactly if no diagnostic is an error; all problems are reported, in the order of the
/// file.
pub fn parse(text: &str) -> (Option<Scenario>, Vec<Diagnostic>) {
    let problems = Problems::default();
    let scenario = document(text, &problems).filter(|_| !problems.any_error());
    (scenario, problems.into_diagnostics(text))
}

fn document(text: &str, problems: &Problems) -> Option<Scenario> {
    if text.len() > FILE_LENGTH_MAX {
        let message = format!("the file has {} bytes", text.len());
        problems.error(0..0, message, format!("at most {FILE_LENGTH_MAX} bytes"), None);
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What the parser recovered is full of holes; complaints about those would only mislead.
        report_syntax(&errors, text, problems);
        return None;
    }
    let first_line = 0..text.find('\n').unwrap_or(text.len());
    problems.table(root.get_ref(), first_line, "the file".to_owned(), scenario)
}

fn report_syntax(errors: &[toml::de::Error], text: &str, problems: &Problems) {
    let mut structure_lost = false;
    let left_out = errors.len().saturating_sub(SYNTAX_ERRORS_MAX);
    let flood = || format!("{left_out} more mistakes like these follow: is this file a scenario at all?");
    for (index, error) in errors.iter().take(SYNTAX_ERRORS_MAX).enumerate() {
        let hint = (left_out > 0 && index + 1 == SYNTAX_ERRORS_MAX).then(flood);
        let span = error.span().unwrap_or(text.len()..text.len());
        if error.message() != "duplicate key" {
            // What the TOML parser expected stands behind a comma in its message.
            let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), "TOML"));
            problems.error(span, format!("not TOML: {message}"), expected, hint);
            structure_lost = true;
        } else if !structure_lost {
            // Behind another mistake the parser no longer knows which table a key belongs to.
            let name = quoted(text.get(span.clone()).unwrap_or_default());
            problems.error(span, format!("{name} stands twice in its table"), "each key and each [table] once", hint);
        }
    }
}

fn scenario(table: &mut Table<'_>) -> Option<Scenario> {
    let name = table.name("name", FleetId::new);
    let title = table.text("title", "a line for people");
    let seed = table.whole("seed", 0, u64::MAX);
    let timing = table.table("timing", "[timing]".to_owned(), timing);
    let sky = table.table("sky", "[sky]".to_owned(), sky);
    let mut roster = Roster::default();
    let assets = assets(table, timing.as_ref(), &mut roster);
    let planner = table.table("planner", "[planner]".to_owned(), |table| planner(table, &mut roster));
    roster.incomplete |= planner.is_none() && roster.planner.is_none();
    let junctions = junctions(table, &roster);
    let links = links(table, &roster);
    let disturbances = table.table("disturbances", "[disturbances]".to_owned(), disturbances);
    let limits = table.table("assertions", "[assertions]".to_owned(), |table| limits(table, timing.as_ref()));
    if let (Some(junctions), Some(links)) = (&junctions, &links) {
        report_unlinked_junctions(junctions, links, table.problems());
    }
    if let (Some(planner), Some(assets), Some(links)) = (&planner, &assets, &links) {
        report_unheard_assets(planner, assets, links, table.problems());
    }
    Some(Scenario {
        name: name?.value,
        title: title?.value.to_owned(),
        seed: seed?.value,
        timing: timing?,
        sky: sky?,
        assets: assets?,
        planner: planner?.value,
        junctions: junctions?.into_iter().map(|junction| junction.value).collect(),
        links: links?,
        disturbances: disturbances?,
        limits: limits?,
    })
}

fn timing(table: &mut Table<'_>) -> Option<Timing> {
    let small = Bounds { least: 0.0, least_excluded: true, most: 0.1, most_excluded: false };
    let mission = table.duration("duration", STEP_S_MIN, DURATION_S_MAX);
    let step = table.duration("step", STEP_S_MIN, STEP_S_MAX);
    let horizon_steps = table.whole("horizon_steps", 1, HORIZON_STEPS_MAX);
    let lead = table.duration("lead", 1, STEP_S_MAX);
    let tick = table.duration("tick", 1, STEP_S_MAX);
    let rounds_max = table.whole("rounds_max", 1, ROUNDS_MAX);
    let gap = table.number("gap", small);
    let residual = table.number("residual", small);

    let step = step?;
    if let Some(mission) = &mission {
        whole_multiple("duration", mission, "step", step.value, table);
    }
    if let (Some(mission), Some(horizon)) = (&mission, &horizon_steps) {
        let steps = mission.value / step.value + horizon.value as u32;
        if steps > STEPS_MAX {
            let message = format!("the mission and its last horizon have {steps} steps");
            let hint = Some("make the steps longer or the mission shorter".to_owned());
            table.problems().error(mission.span.clone(), message, format!("at most {STEPS_MAX} steps"), hint);
        }
    }
    if let Some(lead) = lead.as_ref().filter(|lead| lead.value >= step.value) {
        let message =
            format!("lead is not below a step: {} is not less than {}", duration(lead.value), duration(step.value));
        let hint = Some("planning begins this long before the step that it is for, after the step before".to_owned());
        table.problems().error(lead.span.clone(), message, format!("less than {}", duration(step.value)), hint);
    }
    if let Some(tick) = &tick {
        whole_multiple("step", &step, "tick", tick.value, table);
        if let Some(lead) = &lead {
            whole_multiple("lead", lead, "tick", tick.value, table);
        }
    }
    Some(Timing {
        duration_s: mission?.value,
        step_s: step.value,
        horizon_steps: horizon_steps?.value as u16,
        lead_s: lead?.value,
        tick_s: tick?.value,
        rounds_max: rounds_max?.value as u32,
        gap: gap?.value,
        residual: residual?.value,
    })
}

fn whole_multiple(key: &str, value: &At<u32>, of: &str, unit_s: u32, table: &Table<'_>) {
    if value.value.is_multiple_of(unit_s) {
        return;
    }
    let message = format!("{key} is not a whole number of {of}s of {}", duration(unit_s));
    let below = value.value - value.value % unit_s;
    let candidates = match below {
        0 => duration(unit_s),
        _ => format!("{} or {}", duration(below), duration(below + unit_s)),
    };
    table.problems().error(
        value.span.clone(),
        message,
        format!("a multiple of {}", duration(unit_s)),
        Some(format!("take {candidates}")),
    );
}

fn sky(table: &mut Table<'_>) -> Option<Sky> {
    let azimuth = Bounds::closed(0.0, 360.0);
    let elevation = Bounds::closed(-90.0, 90.0);
    let sun_azimuth = table.quantity("sun_azimuth", &ANGLE, azimuth);
    let sun_elevation = table.quantity("sun_elevation", &ANGLE, elevation);
    let sun_azimuth_rate = table.quantity("sun_azimuth_rate", &ANGULAR_RATE, Bounds::closed(-360.0, 360.0));
    let earth_azimuth = table.quantity("earth_azimuth", &ANGLE, azimuth);
    let earth_elevation = table.quantity("earth_elevation", &ANGLE, elevation);
    Some(Sky {
        sun_azimuth_deg: sun_azimuth?.value,
        sun_elevation_deg: sun_elevation?.value,
        sun_azimuth_deg_per_h: sun_azimuth_rate?.value,
        earth_azimuth_deg: earth_azimuth?.value,
        earth_elevation_deg: earth_elevation?.value,
    })
}

fn planner(table: &mut Table<'_>, roster: &mut Roster) -> Option<At<Planner>> {
    let id = table.name("id", AssetId::new);
    let at = table.text("at", "the id of an asset");
    let at = at.and_then(|at| roster.asset(&at, table.problems()));
    let id = id?;
    report_reserved(&id, table.problems());
    if roster.assets.contains_key(&id.value) {
        let message = format!("duplicate id {}: an asset has it too", quoted(id.value.as_str()));
        let hint = Some("the planner is a member of its own, placed at an asset by `at`".to_owned());
        table.problems().error(id.span, message, "an id of its own", hint);
        return None;
    }
    roster.planner = Some(id.value.clone());
    roster.planner_at = at.clone();
    Some(At { value: Planner { id: id.value, at: at? }, span: table.span() })
}

fn disturbances(table: &mut Table<'_>) -> Option<Disturbances> {
    let share = Bounds::closed(0.0, 1.0);
    let solar = table.fraction("solar", share);
    let load = table.fraction("load", share);
    let drive = table.fraction("drive", share);
    Some(Disturbances { solar: solar?.value, load: load?.value, drive: drive?.value })
}

fn limits(table: &mut Table<'_>, timing: Option<&Timing>) -> Option<Limits> {
    let science_share_min = table.fraction("science_share_min", Bounds::closed(0.0, 1.0));
    let gap_max = table.number("gap_max", Bounds { least: 0.0, least_excluded: true, most: 1.0, most_excluded: false });
    let blackout_min = table.duration("blackout_min", 0, DURATION_S_MAX);
    let overlap_min = table.duration("blackout_overlap_min", 0, DURATION_S_MAX);
    let prices_min = table.whole("prices_min", 0, u64::from(u32::MAX));
    if let (Some(timing), Some(limit)) = (timing, &gap_max)
        && timing.gap > limit.value
    {
        let message =
            format!("plans are agreed at a gap of {}, so this assertion can fail for agreed plans", timing.gap);
        let expected = format!("at least {}, the gap in [timing]", timing.gap);
        table.problems().warning(limit.span.clone(), message, expected, None);
    }
    if let (Some(timing), Some(blackout)) = (timing, &blackout_min)
        && blackout.value > timing.duration_s
    {
        let message = format!("the mission lasts only {}", duration(timing.duration_s));
        let expected = format!("at most {}", duration(timing.duration_s));
        table.problems().error(blackout.span.clone(), message, expected, None);
    }
    if let (Some(blackout), Some(overlap)) = (&blackout_min, &overlap_min)
        && overlap.value > blackout.value
    {
        let message = "the overlap is a part of the blackout and cannot be longer".to_owned();
        table.problems().error(overlap.span.clone(), message, format!("at most {}", duration(blackout.value)), None);
    }
    Some(Limits {
        science_share_min: science_share_min?.value,
        gap_max: gap_max?.value,
        blackout_s_min: f64::from(blackout_min?.value),
        blackout_overlap_s_min: f64::from(overlap_min?.value),
        prices_min: prices_min?.value as u32,
    })
}
