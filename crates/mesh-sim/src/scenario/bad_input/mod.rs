//! Every kind of mistake in a scenario file, with exactly what is said about it.
//!
//! `cases.txt` holds the cases: `-` lines are a piece of `fixture.toml`, the `+` lines stand there instead, and the `=`
//! lines are all the diagnostics that follow, one a line, as `line:column at -> message; expected; hint`.

use super::{Diagnostic, Severity, parse};

/// Replaces the first `from` in the fixture by `to` and expects these diagnostics, and no others.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(FIXTURE.contains(from), "{from:?} is not in the fixture");
    let text = FIXTURE.replacen(from, to, 1);
    let (scenario, diagnostics) = parse(&text);
    let found: Vec<String> = diagnostics.iter().map(|diagnostic| line(diagnostic, &text)).collect();
    assert_eq!(found, expected, "after replacing {from} by {to} this was found:\n= {}\n", found.join("\n= "));
    assert_eq!(scenario.is_none(), diagnostics.iter().any(Diagnostic::is_error));
}

fn line(diagnostic: &Diagnostic, text: &str) -> String {
    let position = diagnostic.position(text);
    let span = text[diagnostic.span.clone()].lines().next().unwrap_or_default();
    let severity = if diagnostic.severity == Severity::Warning { "warning: " } else { "" };
    let hint = diagnostic.hint.as_ref().map_or(String::new(), |hint| format!("; hint: {hint}"));
    let (line, column) = (position.line, position.column);
    format!("{line}:{column} {span} -> {severity}{}; expected {}{hint}", diagnostic.message, diagnostic.expected)
}

const FIXTURE: &str = include_str!("fixture.toml");
const CASES: &str = include_str!("cases.txt");

#[test]
fn every_mistake_is_named_where_it_is() {
    let mut cases = 0;
    for case in CASES.split("\n\n").filter(|case| !case.trim_start().starts_with('#')) {
        let lines = |mark: &str| case.lines().filter_map(|line| line.strip_prefix(mark)).collect::<Vec<_>>();
        check(&lines("- ").join("\n"), &lines("+ ").join("\n"), &lines("= "));
        cases += 1;
    }
    assert!(cases > 130, "only {cases} cases were found");
}

#[test]
fn the_fixture_has_nothing_wrong_with_it() {
    check("seed = 7", "seed = 7", &[]);
}

#[test]
fn too_much_of_anything() {
    let many = |before: &str, what: &str, count: usize, expected: &str| {
        check(before, &(what.repeat(count) + before), &[expected]);
    };
    let comment = format!("# {}\n", "x".repeat(1 << 20));
    let length = FIXTURE.len() + comment.len();
    many("name", &comment, 1, &format!("1:1  -> the file has {length} bytes; expected at most 1048576 bytes"));
    let expected = "22:1 [[asset]] -> the file has 65 assets; expected from 1 to 64 assets";
    many("[planner]", "[[asset]]\n", 62, expected);
    let expected = "117:1 [[junction]] -> the file has 65 junctions; expected at most 64 junctions";
    many("[disturbances]", "[[junction]]\n", 63, expected);
    let expected = "133:1 [[link]] -> the file has 1001 links; expected at most 1000 links";
    many("[disturbances]", "[[link]]\n", 995, expected);
    let ridges = format!("[{}]", "{},".repeat(361));
    let expected = format!("47:10 {ridges} -> the skyline has 361 ridges; expected at most 360 ridges");
    check(r#"[{ from = "350 deg", to = "20 deg", elevation = "1.4 deg" }]"#, &ridges, &[&expected]);
}

#[test]
fn something_else_altogether_is_not_told_line_by_line() {
    let (_, said) = parse(&"these are words and no scenario\n".repeat(100));
    assert_eq!(said.len(), 8);
    let hints: Vec<&str> = said.iter().filter_map(|diagnostic| diagnostic.hint.as_deref()).collect();
    assert_eq!(hints, ["92 more mistakes like these follow: is this file a scenario at all?"]);
}

#[test]
fn an_empty_file_lacks_everything_that_is_not_optional() {
    let (scenario, diagnostics) = parse("");
    assert_eq!(scenario, None);
    let missing: Vec<&str> = diagnostics.iter().filter_map(|diagnostic| diagnostic.message.split('`').nth(1)).collect();
    assert_eq!(missing, ["assertions", "asset", "disturbances", "name", "planner", "seed", "sky", "timing", "title"]);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let text = FIXTURE
        .replacen("seed = 7", "sead = 7", 1)
        .replacen("120 kWh", "-120 kWh", 1)
        .replacen("[\"habitat\", \"rover\"]\nvia", "[\"habitat\", \"rovr\"]\nvia", 1)
        .replacen("35 deg", "35 km", 1);
    let (_, diagnostics) = parse(&text);
    let lines: Vec<usize> = diagnostics.iter().map(|diagnostic| diagnostic.position(&text).line).collect();
    assert_eq!(lines, [3, 34, 82, 134]);
}
