//! report.html: the report for people, one file that needs nothing else and runs no script.

use crate::chart::{Axis, FULL_WIDTH, HALF_WIDTH, LineChart, Series, Timeline, escaped};
use crate::report::{Courses, FlightMode, NegotiationCourse, PlanRow, Report, RoundCourse, Status};
use crate::wording::{against_central, clock, grouped, limit, meaning, measured, mebibytes, number};
use mesh_model::AssetId;
use std::fmt::Write;

/// The page.
pub fn page(report: &Report, courses: &Courses) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{} · seed {}</title><style>{STYLE}</style></head><body>\n",
        escaped(report.scenario.as_str()),
        report.seed
    );
    header(report, &mut html);
    assertions(report, &mut html);
    assets(report, &mut html);
    processes(report, &mut html);
    batteries(report, courses, &mut html);
    links(report, courses, &mut html);
    blackout(report, &mut html);
    for negotiation in &courses.negotiations {
        convergence(report, negotiation, &mut html);
    }
    plans(report, &mut html);
    audit(report, &mut html);
    html.push_str("</body></html>\n");
    html
}

fn header(report: &Report, html: &mut String) {
    let (class, verdict) = match (report.status, report.interrupted) {
        (Status::Pass, _) => ("good", "pass"),
        (Status::Fail, false) => ("bad", "fail"),
        (Status::Fail, true) => ("bad", "interrupted"),
    };
    let optimum = report.plan.optimum.map_or("not flown".to_owned(), |optimum| number(optimum, 3));
    let _ = write!(
        html,
        "<header><h1>{} <span class=\"badge {class}\">{verdict}</span></h1><p class=\"sub\">{} · seed {} · \
         CosmosMesh {}</p><p class=\"verdict\">{}</p></header><dl class=\"figures\">",
        escaped(report.scenario.as_str()),
        escaped(&report.title),
        report.seed,
        escaped(&report.program),
        escaped(&summary(report))
    );
    let plan = &report.plan;
    for (name, value, note) in [
        ("mission time", clock(report.mission_s), "hours, minutes, seconds".to_owned()),
        ("cost as flown", number(plan.cost, 3), "value earned counts as negative".to_owned()),
        ("central planner's cost", optimum, against_central(report).unwrap_or("no flight to compare".to_owned())),
        (
            "plans agreed",
            plan.adopted.to_string(),
            format!("in {} rounds together; {} given up", plan.rounds_total, plan.given_up),
        ),
        ("worst certified gap", format!("{:.1e}", plan.certified_gap), "of a plan to its optimum".to_owned()),
        ("first plan", format!("{} rounds", plan.rounds), format!("{} s of mission time", plan.first_plan_mission_s)),
        ("most bytes sent", grouped(report.bytes_per_asset_max), "by any one asset".to_owned()),
        ("computed in", format!("{:.1} s", report.wall_s), format!("at most {}", mebibytes(report.rss_bytes_max))),
    ] {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd><dd class=\"gloss\">{note}</dd></div>");
    }
    html.push_str("</dl>\n");
}

/// The verdict in a sentence.
fn summary(report: &Report) -> String {
    let failed: Vec<String> =
        report.assertions.iter().filter(|one| !one.holds).map(|one| one.name.replace('_', " ")).collect();
    let held = report.assertions.len() - failed.len();
    let held = format!("{held} of {} assertions hold", report.assertions.len());
    match (report.interrupted, failed.is_empty()) {
        (true, _) => format!("Stopped at {}, before its end; {held}.", clock(report.mission_s)),
        (false, true) => format!("{held}, and the mission flew to its end."),
        (false, false) => format!("{held}. Not held: {}.", failed.join(", ")),
    }
}

fn assertions(report: &Report, html: &mut String) {
    html.push_str("<section><h2>What had to hold</h2>");
    let rows = report.assertions.iter().map(|assertion| {
        let verdict = if assertion.holds { "<td class=\"good\">holds</td>" } else { "<td class=\"bad\">fails</td>" };
        format!(
            "{verdict}<td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"gloss\">{}</td>",
            escaped(&assertion.name.replace('_', " ")),
            escaped(&measured(assertion)),
            escaped(&limit(assertion)),
            escaped(&meaning(assertion))
        )
    });
    table(&["", "assertion", "measured|n", "limit|n", "which is"], rows.map(plain), html);
    html.push_str("</section>\n");
}

fn assets(report: &Report, html: &mut String) {
    html.push_str("<section><h2>Assets</h2>");
    let optional = |value: Option<f64>| value.map_or("–".to_owned(), |value| number(value, 2));
    let rows = report.assets.iter().map(|asset| {
        format!(
            "<td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            asset.id,
            escaped(&asset.kind),
            optional(asset.energy_kwh),
            optional(asset.soc_kwh_min),
            optional(asset.reserve_kwh),
            asset.plans_adopted,
            clock(asset.outage_s_max),
            grouped(asset.bytes_sent),
            asset.log_entries
        )
    });
    let columns = [
        "asset",
        "kind",
        "energy used, kWh|n",
        "lowest charge, kWh|n",
        "reserve, kWh|n",
        "plans adopted|n",
        "longest outage, h:m:s|n",
        "bytes sent|n",
        "log entries|n",
    ];
    table(&columns, rows.map(plain), html);
    html.push_str("</section>\n");
}

fn processes(report: &Report, html: &mut String) {
    if report.processes.is_empty() {
        return;
    }
    html.push_str("<section><h2>Processes</h2><p>");
    html.push_str(match report.mode {
        FlightMode::Realtime => "Every member was a process of its own, and the clock waited for nobody.",
        _ => "Every member was a process of its own; they advanced in lock-step.",
    });
    html.push_str("</p>");
    let rows = report.processes.iter().map(|process| {
        let (class, fate) = if process.lost { ("bad", "given up for a while, or to the end") } else { ("good", "no") };
        format!(
            "<td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"{class}\">{fate}</td>",
            escaped(&process.name),
            mebibytes(process.rss_bytes),
            grouped(process.bytes_sent),
            grouped(process.dropped),
            process.restarts,
        )
    });
    table(&["process", "memory at most|n", "bytes sent|n", "dropped|n", "restarts|n", "lost"], rows.map(plain), html);
    html.push_str("</section>\n");
}

fn batteries(report: &Report, courses: &Courses, html: &mut String) {
    html.push_str("<section><h2>Batteries</h2><div class=\"charts\">");
    for battery in &courses.batteries {
        let chart = LineChart {
            width: HALF_WIDTH,
            title: &format!("Energy in the battery of {}", battery.asset),
            x_label: "mission time, h",
            y_label: &format!("{}: charge, kWh", battery.asset),
            x_range: (0.0, hours(report.mission_s)),
            y_axis: Axis::Linear(0.0, battery.capacity_kwh),
            series: vec![Series { name: "energy", points: battery.points.clone(), dots: false }],
            limit: Some((battery.reserve_kwh, "reserve")),
            shade: shade(report),
        };
        let _ = write!(html, "<figure>{}</figure>", chart.to_svg());
    }
    html.push_str("</div></section>\n");
}

fn links(report: &Report, courses: &Courses, html: &mut String) {
    if courses.links.is_empty() {
        return;
    }
    let timeline = Timeline {
        title: "When each link was up",
        end_h: hours(report.mission_s),
        rows: courses.links.iter().map(|link| (link.name.as_str(), link.up.as_slice())).collect(),
        shade: shade(report),
    };
    let _ = writeln!(html, "<section><h2>Links</h2><figure>{}</figure></section>", timeline.to_svg());
}

fn blackout(report: &Report, html: &mut String) {
    let blackout = &report.blackout;
    html.push_str("<section><h2>Blackout</h2>");
    let Some(asset) = &blackout.asset else {
        html.push_str("<p>No asset was cut off from the others.</p></section>\n");
        return;
    };
    let rounds = match blackout.reconverge_rounds {
        Some(rounds) => format!(
            "After it the fleet re-converged in {rounds} rounds; the first, cold plan took {}.",
            report.plan.rounds
        ),
        None => "The fleet did not re-converge after it.".to_owned(),
    };
    let _ = write!(
        html,
        "<p><b>{asset}</b> was cut off from {} for {} (h:m:s) and flew its last agreed plan; for {} of that another asset \
         still saw the relay. The others adopted {} plans meanwhile. {rounds}</p>",
        clock(blackout.from_s),
        clock(blackout.mission_s),
        clock(blackout.overlap_s),
        blackout.plans_within
    );
    if !blackout.comparison.is_empty() {
        let rows = blackout.comparison.iter().map(|row| {
            format!(
                "<td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>",
                escaped(&row.figure),
                number(row.planning, 4),
                number(row.holding, 4),
                number(row.planning - row.holding, 4),
                escaped(&row.unit)
            )
        });
        html.push_str(
            "<p>Flown again with the same disturbances, but with nobody planning until the blackout was over, the mission \
             would have ended like this:</p>",
        );
        let columns = ["of the whole mission", "planning on|n", "holding the last plan|n", "difference|n", "unit"];
        table(&columns, rows.map(plain), html);
    }
    html.push_str("</section>\n");
}

fn convergence(report: &Report, negotiation: &NegotiationCourse, html: &mut String) {
    let pick = |value: fn(&RoundCourse) -> Option<f64>| -> Vec<(f64, f64)> {
        negotiation.rounds.iter().filter_map(|row| value(row).map(|value| (f64::from(row.round + 1), value))).collect()
    };
    let limit = report.assertions.iter().find(|assertion| assertion.name == GAP_ASSERTION).map(|gap| gap.limit);
    let chart = LineChart {
        width: FULL_WIDTH,
        title: &format!("{}: residuals and certified gap by round", negotiation.title),
        x_label: "round",
        y_label: "relative to flows and cost, log scale",
        x_range: (0.0, negotiation.rounds.last().map_or(1.0, |row| f64::from(row.round + 1))),
        y_axis: Axis::Logarithmic,
        series: vec![
            Series { name: "primal residual", points: pick(|row| Some(row.primal)), dots: false },
            Series { name: "dual residual", points: pick(|row| Some(row.dual)), dots: false },
            Series { name: "certified gap", points: pick(|row| row.gap), dots: true },
        ],
        limit: limit.map(|limit| (limit, "gap to certify")),
        shade: None,
    };
    let title = escaped(&negotiation.title);
    let _ = writeln!(html, "<section><h2>Convergence: {title}</h2><figure>{}</figure></section>", chart.to_svg());
}

fn plans(report: &Report, html: &mut String) {
    html.push_str(
        "<section><h2>Plans</h2><p>Each plan as it was certified, cost and gap over its horizon. Shaded: agreed during the \
         blackout. Gap: proved distance from the optimum. Residuals: how far the ends of the shared flows still differ \
         (primal), and how far they still move (dual).</p>",
    );
    let rows = report.plans.iter().map(|plan| {
        let members: Vec<&str> = plan.members.iter().map(AssetId::as_str).collect();
        let row = format!(
            "<td class=\"n\">{}.{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{:.1e}</td><td class=\"n\">{:.1e}</td><td class=\"n\">{:.1e}</td><td class=\"n\">{}</td>",
            plan.plan,
            plan.epoch,
            clock(plan.time_s),
            members.join(", "),
            plan.rounds,
            number(plan.cost, 3),
            plan.gap,
            plan.primal,
            plan.dual,
            plan.prices
        );
        (if is_within(report, plan) { "within" } else { "" }, row)
    });
    let columns = [
        "plan.epoch|n",
        "certified at|n",
        "agreed by",
        "rounds|n",
        "cost|n",
        "gap|n",
        "primal residual|n",
        "dual residual|n",
        "prices not 0|n",
    ];
    table(&columns, rows, html);
    html.push_str("</section>\n");
}

/// Whether it was agreed during the blackout.
fn is_within(report: &Report, plan: &PlanRow) -> bool {
    let blackout = &report.blackout;
    blackout.asset.is_some() && (blackout.from_s..blackout.from_s + blackout.mission_s).contains(&plan.time_s)
}

fn audit(report: &Report, html: &mut String) {
    let (class, verdict) = if report.audit.verified { ("good", "verified") } else { ("bad", "not verified") };
    let _ = writeln!(
        html,
        "<section><h2>Audit <span class=\"badge {class}\">{verdict}</span></h2><p>{} signed log entries were read back from \
         the files and checked: signatures, hash chains, and the arithmetic of every certificate. To check them again: \
         <code>cosmosmesh audit verify RUN</code>; to re-execute the mission from its recordings: <code>cosmosmesh replay \
         RUN</code>.</p>{}<p class=\"hash\">state hash {}</p></section>",
        report.audit.entries,
        report.not_replayable.as_ref().map_or(String::new(), |why| format!("<p class=\"bad\">{}.</p>", escaped(why))),
        report.state_hash
    );
}

/// A row without a class of its own.
fn plain(row: String) -> (&'static str, String) {
    ("", row)
}

/// A table of rows with their classes; `|n` at the end of a heading makes it one over numbers.
fn table(headings: &[&str], rows: impl Iterator<Item = (&'static str, String)>, html: &mut String) {
    html.push_str("<div class=\"scroll\"><table><thead><tr>");
    for heading in headings {
        let _ = match heading.strip_suffix("|n") {
            Some(text) => write!(html, "<th class=\"n\">{text}</th>"),
            None => write!(html, "<th>{heading}</th>"),
        };
    }
    html.push_str("</tr></thead><tbody>");
    for (class, row) in rows {
        let _ = match class {
            "" => write!(html, "<tr>{row}</tr>"),
            class => write!(html, "<tr class=\"{class}\">{row}</tr>"),
        };
    }
    html.push_str("</tbody></table></div>");
}

fn shade(report: &Report) -> Option<(f64, f64, &'static str)> {
    let blackout = &report.blackout;
    blackout.asset.as_ref().map(|_| {
        let from = hours(blackout.from_s);
        (from, from + hours(blackout.mission_s), "blackout")
    })
}

fn hours(seconds: f64) -> f64 {
    seconds / 3600.0
}

/// The assertion whose limit is drawn into the convergence charts.
pub const GAP_ASSERTION: &str = "gap_certified";

const STYLE: &str = include_str!("report_page.css");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_page_is_one_file_that_loads_nothing_and_escapes_all() {
        let html = page(&sample::report(), &sample::courses());
        for forbidden in ["<script", "http://", "https://", "src=", "<link", "@import", "url(", "<south>", "NaN"] {
            assert!(!html.contains(forbidden), "{forbidden} in the page");
        }
        for needed in [
            "&lt;south&gt;",
            "lunar_base",
            "rover",
            "gap certified",
            "1e-4",
            "verified",
            "re-converged in 22",
            "hold, and the mission flew",
            "<h2>Processes</h2>",
        ] {
            assert!(html.contains(needed), "{needed} is missing");
        }
        assert_eq!(html.matches("<svg").count(), 5);
        for element in ["table", "section", "svg", "figure", "div"] {
            let (open, close) = (format!("<{element}"), format!("</{element}>"));
            assert_eq!(html.matches(&open).count(), html.matches(&close).count(), "{element}");
        }
    }

    #[test]
    fn a_failed_mission_without_a_blackout_has_a_page_too() {
        let mut report = sample::report();
        report.status = Status::Fail;
        report.blackout.asset = None;
        report.plan.optimum = None;
        report.processes.clear();
        report.not_replayable = Some("not replayable from 01:00:00 on: <full>".to_owned());
        let html = page(&report, &Courses::default());
        assert!(
            html.contains(">fail<")
                && html.contains("no flight to compare")
                && html.contains("No asset was cut off")
                && html.contains("not flown")
                && html.contains("on: &lt;full&gt;")
                && !html.contains("Processes")
        );
    }
}
