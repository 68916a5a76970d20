//! The figures as a part of a page in Markdown, kept between two marks of its own so that the same command can renew it.

use super::{Row, SuiteReport};
use std::fmt::Write;

/// The part of the page: a table a suite with its remarks, then the pictures by their place relative to the page.
pub fn markdown(reports: &[(&'static str, SuiteReport)], pictures: &str) -> String {
    let mut page = format!("{BEGIN}\n");
    for (suite, report) in reports {
        let _ = write!(page, "\n### {suite}\n\n");
        page.push_str("| row | case | measure | value | must | reach for | peer | peer's value |\n");
        page.push_str("|---|---|---|---|---|---|---|---|\n");
        for row in &report.rows {
            page.push_str(&line(row));
        }
        if !report.notes.is_empty() {
            page.push('\n');
        }
        for note in &report.notes {
            let _ = writeln!(page, "- {note}");
        }
        for curve in &report.curves {
            let _ = write!(page, "\n![{}]({pictures}/{}.svg)\n", curve.title, curve.name);
        }
    }
    page.push_str(END);
    page
}

/// The page with its old part replaced by `part`, or none if it has no marks to put it between.
pub fn replaced(page: &str, part: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{part}{after}"))
}

/// The two lines between which the part stands.
pub fn marks() -> String {
    format!("{BEGIN}\n{END}")
}

/// A number as a reader wants it: four digits that count.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || value.fract() == 0.0 && size < 1e7 {
        format!("{value:.0}")
    } else if !(1e-3..1e7).contains(&size) {
        format!("{value:.2e}")
    } else if size < 10.0 {
        format!("{value:.3}")
    } else if size < 1000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A value with its unit, which a ratio has none of.
pub fn measured(value: f64, unit: &str) -> String {
    let figure = figure(value);
    if unit == "1" { figure } else { format!("{figure} {unit}") }
}

/// `<= 80`, with the verdict where it does not hold.
pub fn limit(row: &Row) -> String {
    let verdict = if row.holds { "" } else { ", **missed**" };
    format!("{} {}{verdict}", row.sense.symbol(), figure(row.must))
}

fn line(row: &Row) -> String {
    let reach = row.reach.map_or_else(String::new, |reach| format!("{} {}", row.sense.symbol(), figure(reach)));
    let peer_value = row.peer_value.map_or_else(String::new, figure);
    format!(
        "| {} | {} | {} | {} | {} | {reach} | {} | {peer_value} |\n",
        row.row,
        row.case,
        row.measure,
        measured(row.value, row.unit),
        limit(row),
        row.peer.as_deref().unwrap_or_default()
    )
}

/// Where the part begins.
const BEGIN: &str = "<!-- written by `cosmosmesh bench optimiser --page`; do not edit by hand -->";
/// Where it ends.
const END: &str = "<!-- end of what is written by `cosmosmesh bench optimiser` -->";

#[cfg(test)]
mod tests {
    use super::super::Sense;
    use super::*;

    #[test]
    fn a_part_replaces_the_one_before_and_nothing_else() {
        let row = Row::new((1, "pglib"), "24", ("rounds", "rounds"), 81.0, (Sense::AtMost, 80.0));
        let report = SuiteReport { rows: vec![row], ..SuiteReport::default() };
        let part = markdown(&[("pglib", report)], "images");
        assert!(part.contains("| 1 | 24 | rounds | 81 rounds | <= 80, **missed** |"), "{part}");
        let page = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(replaced(&page, &part), Some(format!("above\n{part}\nbelow\n")));
        assert_eq!(replaced("no marks", &part), None);
    }

    #[test]
    fn figures_keep_what_counts() {
        let figures = [0.0, 16.0, 0.000_012_34, 1.234_56, 56.78, 1234.5, 2.5e9].map(figure);
        assert_eq!(figures, ["0", "16", "1.23e-5", "1.235", "56.8", "1234", "2.50e9"]);
    }
}
