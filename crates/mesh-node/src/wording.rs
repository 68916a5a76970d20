//! What figures are called for people, on the page and on a terminal alike.

use crate::report::{Assertion, Relation, Report};
use mesh_model::MissionTime;

/// What an assertion measures, in a few words; its name where nobody wrote any.
pub fn meaning(assertion: &Assertion) -> String {
    let words = match assertion.name.as_str() {
        "reserves_kept" => "how far every battery stayed above its reserve",
        "life_support_met" => "energy that life support lacked",
        "couplings_kept" => "most taken of a shared flow beyond what was granted",
        "science_delivered" => "rover data sent to Earth; 1 is the central planner's",
        "gap_certified" => "worst proved distance of a plan from its optimum",
        "blackout_flown" => "longest time that a rover was on its own",
        "blackout_overlap" => "of that, while another asset saw the relay",
        "reconverged" => "to agree again after it; the first plan is the limit",
        "prices_active" => "fewest prices that are not 0 in a plan of all",
        "audit_verified" => "logs and certificates verify (1 yes, 0 no)",
        other => return other.replace('_', " "),
    };
    words.to_owned()
}

/// What was measured, with its unit.
pub fn measured(assertion: &Assertion) -> String {
    assertion.value.map_or("nothing".to_owned(), |value| with_unit(value, &assertion.unit))
}

/// What it is compared with: `≥ 3 kWh`.
pub fn limit(assertion: &Assertion) -> String {
    let sign = match assertion.relation {
        Relation::AtLeast => "≥",
        Relation::AtMost => "≤",
    };
    format!("{sign} {}", with_unit(assertion.limit, &assertion.unit))
}

/// How the fleet's cost compares with the central planner's, in words; none without such a flight.
pub fn against_central(report: &Report) -> Option<String> {
    let optimum = report.plan.optimum?;
    let share = 100.0 * (report.plan.cost - optimum) / optimum.abs().max(1.0);
    // The central planner knows no more of the weather than the fleet does, so either may be the lucky one.
    let word = if share > 0.0 { "more" } else { "less" };
    Some(format!("the fleet's is {} % {word}", number(share.abs(), 3)))
}

/// A value with its unit; seconds as a clock.
pub fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "s" => format!("{} h", clock(value)),
        "" => figure(value),
        unit => format!("{} {unit}", figure(value)),
    }
}

/// A number in few characters, whatever its size.
pub fn figure(value: f64) -> String {
    if value != 0.0 && (value.abs() < 1e-3 || value.abs() >= 1e7) { format!("{value:.1e}") } else { number(value, 4) }
}

/// A number with at most so many decimals, without zeros at its end.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if trimmed == "-0" { "0".to_owned() } else { trimmed.replace('-', "−") }
}

/// A count with its digits in groups of three.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join("\u{202f}")
}

/// Seconds as hours, minutes and seconds.
pub fn clock(seconds: f64) -> String {
    // A negative or absurd number of seconds becomes the nearest that a clock can show.
    MissionTime::from_s(seconds as u64).to_string()
}

/// Memory in mebibytes.
pub fn mebibytes(bytes: u64) -> String {
    match bytes {
        0 => "unknown".to_owned(),
        bytes => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(-0.0001, 2), "0");
        assert_eq!(number(-1.5, 2), "−1.5");
        assert_eq!(number(1200.0, 0), "1200");
        assert_eq!(figure(3.2e-5), "3.2e-5");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(12), "12");
        assert_eq!(with_unit(18_768.0, "s"), "05:12:48 h");
        assert_eq!(with_unit(1.25, "kWh"), "1.25 kWh");
        assert_eq!(mebibytes(3 << 19), "1.5 MiB");
    }

    #[test]
    fn the_cost_is_set_against_the_central_planner() {
        let mut report = sample::report();
        report.plan = crate::report::PlanFigures { cost: -99.0, optimum: Some(-100.0), ..report.plan };
        assert_eq!(against_central(&report).as_deref(), Some("the fleet's is 1 % more"));
        report.plan.cost = -100.5;
        assert_eq!(against_central(&report).as_deref(), Some("the fleet's is 0.5 % less"));
        report.plan.optimum = None;
        assert_eq!(against_central(&report), None);
    }
}
