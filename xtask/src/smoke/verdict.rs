//! The flights beside each other, held against what they must keep.

use super::flight::{Flight, Way};
use crate::failure::Failure;

/// What a mission by processes may take, from the command to its end. Like the two limits below it is for a machine that
/// is slow and busy: it finds what hangs. What an idle one takes stands in docs/benchmarks.md.
const WALL_S_MAX: f64 = 300.0;
/// What a mission in one process may take.
const WALL_IN_PROCESS_S_MAX: f64 = 100.0;
/// From the command to the first plan.
const FIRST_PLAN_S_MAX: f64 = 30.0;
/// What a process that flies one member may hold.
const RSS_MIB_MAX: f64 = 40.0;
/// What a process that flies all of them may hold.
const RSS_IN_PROCESS_MIB_MAX: f64 = 64.0;

/// A table of figures; a bad one is marked.
pub struct Verdict {
    rows: Vec<Row>,
}

struct Row {
    what: &'static str,
    must: String,
    cells: Vec<Cell>,
}

/// One figure of one flight.
struct Cell {
    text: String,
    is_good: bool,
}

impl Verdict {
    /// Judges `flights`; all are to end in the state hash `golden`.
    pub fn of(flights: &[Flight], golden: &str) -> Self {
        let row = |what, must: &str, cell: &dyn Fn(&Flight) -> Cell| Row {
            what,
            must: must.to_owned(),
            cells: flights.iter().map(cell).collect(),
        };
        let code =
            |code: Option<i32>| Cell::of(code.map_or("none".to_owned(), |code| code.to_string()), code == Some(0));
        let rows = vec![
            row("exit code of run", "0", &|flight| code(flight.code)),
            row("state hash", &format!("{}, the golden one", short(golden)), &|flight| {
                let hash = flight.state_hash.as_deref();
                Cell::of(short(hash.unwrap_or("none")), hash == Some(golden))
            }),
            row("run, s", &format!("<= {WALL_S_MAX}; in one process {WALL_IN_PROCESS_S_MAX}"), &|flight| {
                Cell::limited(Some(flight.wall_s), wall_s_max(flight.way), "nothing")
            }),
            row("first plan after, s", &format!("<= {FIRST_PLAN_S_MAX}"), &|flight| {
                // A flight without a plan is a bad one.
                Cell::limited(flight.first_plan_s.or(Some(f64::INFINITY)), FIRST_PLAN_S_MAX, "none")
            }),
            row(
                "largest member's process, MiB",
                &format!("<= {RSS_MIB_MAX}; in one process {RSS_IN_PROCESS_MIB_MAX}"),
                &|flight| {
                    let limit = if flight.way.is_by_processes() { RSS_MIB_MAX } else { RSS_IN_PROCESS_MIB_MAX };
                    Cell::limited(flight.rss_bytes.map(|bytes| bytes / f64::from(1 << 20)), limit, NOT_TOLD)
                },
            ),
            row("processes at work", &format!(">= {AT_WORK_MIN}; in one process 1"), &|flight| {
                let text = flight.at_work.map_or(NOT_TOLD.to_owned(), |count| count.to_string());
                let is_good = |count| if flight.way.is_by_processes() { count >= AT_WORK_MIN } else { count == 1 };
                Cell::of(text, flight.at_work.is_none_or(is_good))
            }),
            row("killed, after plan, restarts", "started again", &|flight| match &flight.killed {
                None => Cell::of("-".to_owned(), flight.way != Way::Killed),
                Some((name, plan)) => Cell::of(format!("{name}, {plan}, {}", flight.restarts), flight.restarts >= 1),
            }),
            row("processes left behind", "0", &|flight| {
                let text = flight.left.map_or(NOT_TOLD.to_owned(), |count| count.to_string());
                Cell::of(text, flight.left.is_none_or(|count| count == 0))
            }),
            row("exit code of replay", "0", &|flight| code(flight.replay)),
            row("exit code of audit verify", "0", &|flight| code(flight.audit)),
        ];
        Self { rows }
    }

    /// The table, a row a line.
    pub fn to_text(&self, headings: &[&str]) -> String {
        let heading = ["what", "must be"].iter().chain(headings).map(|heading| (*heading).to_owned()).collect();
        let lines = self.rows.iter().map(|row| {
            let cells = row.cells.iter().map(|cell| if cell.is_good { cell.text.clone() } else { cell.marked() });
            [row.what.to_owned(), row.must.clone()].into_iter().chain(cells).collect()
        });
        let lines: Vec<Vec<String>> = std::iter::once(heading).chain(lines).collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let lines = lines.iter().map(|line| {
            let cells = line.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
            format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A finding that names every row with a bad figure.
    pub fn check(&self) -> Result<(), Failure> {
        let bad = self.rows.iter().filter(|row| row.cells.iter().any(|cell| !cell.is_good));
        let bad: Vec<&str> = bad.map(|row| row.what).collect();
        if bad.is_empty() {
            return Ok(());
        }
        Err(Failure::finding(
            format!("what must be is not: {}", bad.join("; ")),
            "run the command of that flight by hand; another state hash: `cosmosmesh replay` names the first \
             difference; too slow or too large: measure again on an idle machine, then profile",
        ))
    }
}

impl Cell {
    fn of(text: String, is_good: bool) -> Self {
        Self { text, is_good }
    }

    /// What is not known breaks no limit.
    fn limited(value: Option<f64>, limit: f64, unknown: &str) -> Self {
        match value {
            None => Self::of(unknown.to_owned(), true),
            Some(value) if value.is_finite() => Self::of(format!("{value:.1}"), value <= limit),
            Some(_) => Self::of(unknown.to_owned(), false),
        }
    }

    fn marked(&self) -> String {
        format!("{} !", self.text)
    }
}

const fn wall_s_max(way: Way) -> f64 {
    match way {
        Way::Processes | Way::Killed => WALL_S_MAX,
        Way::InProcess => WALL_IN_PROCESS_S_MAX,
    }
}

/// Enough of a hash to tell it from others by eye.
fn short(hash: &str) -> String {
    hash.chars().take(8).collect()
}

/// The supervisor, four members and the world.
const AT_WORK_MIN: usize = 6;
const NOT_TOLD: &str = "not told by this system";

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(way: Way) -> Flight {
        Flight {
            way,
            code: Some(0),
            state_hash: Some("golden".to_owned()),
            wall_s: 6.5,
            first_plan_s: Some(0.5),
            rss_bytes: Some(30e6),
            at_work: Some(if way.is_by_processes() { 6 } else { 1 }),
            left: Some(0),
            killed: (way == Way::Killed).then(|| ("rover".to_owned(), 3)),
            restarts: u64::from(way == Way::Killed),
            replay: Some(0),
            audit: Some(0),
        }
    }

    fn check_one(flight: Flight, expect: &str) {
        let said = Verdict::of(std::slice::from_ref(&flight), "golden").check();
        match said {
            Ok(()) => assert_eq!(expect, "", "{flight:?}"),
            Err(failure) => assert!(!expect.is_empty() && failure.to_string().contains(expect), "{failure}"),
        }
    }

    #[test]
    fn a_good_flight_is_good_whichever_way() {
        for way in [Way::Processes, Way::InProcess, Way::Killed] {
            check_one(flight(way), "");
        }
    }

    #[test]
    fn every_figure_can_fail() {
        let sound = || flight(Way::Killed);
        check_one(Flight { code: Some(1), ..sound() }, "exit code of run");
        check_one(Flight { code: None, ..sound() }, "exit code of run");
        check_one(Flight { state_hash: Some("other".to_owned()), ..sound() }, "state hash");
        check_one(Flight { state_hash: None, ..sound() }, "state hash");
        check_one(Flight { wall_s: 300.1, ..sound() }, "run, s");
        check_one(Flight { wall_s: 100.1, ..flight(Way::InProcess) }, "run, s");
        check_one(Flight { first_plan_s: Some(30.1), ..sound() }, "first plan");
        check_one(Flight { first_plan_s: None, ..sound() }, "first plan");
        check_one(Flight { rss_bytes: Some(50e6), ..sound() }, "MiB");
        check_one(Flight { at_work: Some(1), ..sound() }, "processes at work");
        check_one(Flight { at_work: Some(6), ..flight(Way::InProcess) }, "processes at work");
        check_one(Flight { killed: None, ..sound() }, "killed");
        check_one(Flight { restarts: 0, ..sound() }, "killed");
        check_one(Flight { left: Some(1), ..sound() }, "left behind");
        check_one(Flight { replay: Some(1), ..sound() }, "replay");
        check_one(Flight { audit: Some(1), ..sound() }, "audit");
    }

    #[test]
    fn what_the_system_does_not_tell_breaks_no_limit_and_is_said() {
        let untold = Flight { rss_bytes: None, at_work: None, left: None, ..flight(Way::Processes) };
        check_one(untold.clone(), "");
        let text = Verdict::of(&[untold], "golden").to_text(&["processes"]);
        assert_eq!(text.matches(NOT_TOLD).count(), 3, "{text}");
    }

    #[test]
    fn a_bad_figure_is_marked() {
        let verdict = Verdict::of(&[Flight { left: Some(2), ..flight(Way::Processes) }], "golden");
        assert!(verdict.to_text(&["processes"]).contains("2 !"));
    }
}
