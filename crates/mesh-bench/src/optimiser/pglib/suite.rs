//! Rows 1 to 3: rounds and bytes of the areas against plain ADMM, and their work against the referee's.

use super::whole::{self, Whole};
use super::{AreaNetwork, Case, matpower, network, verdict};
use crate::optimiser::peer::{self, Goal, Search};
use crate::optimiser::{Curve, Progress, Row, Sense, SuiteError, SuiteReport, SuiteSettings};
use mesh_solver::areas::{self, Outcome, Verdict};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SUITE: &str = "pglib";
/// Where cases are looked for if no folder is given.
pub(crate) const DATA: &str = "../shared/data";
/// The cases that the requirement names, and most rounds of each.
const NAMED: [(&str, f64); 5] =
    [("24_ieee_rts", 80.0), ("39_epri", 80.0), ("73_ieee_rts", 80.0), ("179_goc", 200.0), ("588_sdet", 500.0)];
/// Most rounds of any other case.
const ROUNDS_OTHER: f64 = 500.0;
/// Most of the geometric mean of rounds.
const ROUNDS_MEAN: f64 = 120.0;
/// The case whose work is compared with the referee's.
const WORK_CASE: &str = "588_sdet";
/// Times are the least of so many runs.
const REPETITIONS: usize = 15;
/// Grids of more buses than this are searched in whole decades for the peer's best penalty.
const LARGE: usize = 700;
/// Grids of more buses than this are not put to the peer, which would take hours.
const VERY_LARGE: usize = 1500;
/// Most points of a line in a picture.
const POINTS_MAX: usize = 400;

/// Runs every case file of the folder.
pub fn run(settings: &SuiteSettings, progress: &mut Progress<'_>) -> Result<SuiteReport, SuiteError> {
    let mut report = SuiteReport::default();
    let mut cases = Vec::new();
    for path in case_files(settings.data.as_deref())? {
        cases.push(matpower::read(&path)?);
    }
    cases.sort_by_key(|case| case.buses.len());
    let mut rounds = Vec::new();
    for case in &cases {
        let name = short(&case.name);
        progress(&format!("{name}: the whole problem"))?;
        let found = whole::solve(case, REFEREE_GAP).and_then(|optimum| {
            let refused =
                |why: mesh_solver::Malformed| SuiteError::Failed { case: case.name.clone(), why: why.to_string() };
            Ok((optimum, network(case).map_err(refused)?))
        });
        match found {
            Ok((Some(optimum), areas)) => {
                report.notes.extend(areas.notes.iter().cloned());
                rounds.push((name.to_owned(), one_case(name, case, &areas, optimum.cost, &mut report, progress)?));
            }
            Ok((None, _)) => {
                report.notes.push(format!("{name}: left out, the referee proves that it has no feasible plan"));
            }
            Err(why) if must_of(name).is_none() => report.notes.push(format!("{name}: left out: {why}")),
            Err(why) => return Err(why),
        }
    }
    means(&rounds, &mut report);
    report.notes.push(
        "Mismatch is the 2-norm of the distances of all shared angles, in radians, from what they agree on; the gap is \
         that of the safe bounds, and both were looked at by the referee. Bytes are those of all messages that were sent, \
         before the envelope, in either scheme."
            .to_owned(),
    );
    report.notes.push(format!(
        "Plain ADMM gets for nothing: a lower bound every round, of which the best counts, and the optimum as its upper \
         bound. A run that does not arrive counts as {} rounds.",
        peer::ROUNDS_MAX
    ));
    Ok(report)
}

/// Relative gap that the referee is asked for.
const REFEREE_GAP: f64 = 1e-8;

/// Most rounds of a case that the requirement names.
fn must_of(name: &str) -> Option<f64> {
    NAMED.iter().find(|(named, _)| *named == name).map(|(_, must)| *must)
}

/// All figures of one case; returns its rounds.
fn one_case(
    name: &str,
    case: &Case,
    areas: &AreaNetwork,
    optimum: f64,
    report: &mut SuiteReport,
    progress: &mut Progress<'_>,
) -> Result<f64, SuiteError> {
    let goal = Goal::usual(optimum / areas.cost_unit);
    progress(&format!("{name}: the areas"))?;
    let start = Instant::now();
    let ours = areas::run(&areas.network, &areas::Settings::default());
    let first = start.elapsed();
    let rounds = f64::from(rounds_of(name, areas, &ours, &goal, report));
    let must = must_of(name).unwrap_or(ROUNDS_OTHER);
    report
        .rows
        .push(Row::new((1, SUITE), name, ("rounds", "rounds"), rounds, (Sense::AtMost, must)).reaching_for(60.0));

    if case.buses.len() > VERY_LARGE {
        report.notes.push(format!("{name}: plain ADMM is not run on grids of more than {VERY_LARGE} buses"));
        report.curves.push(picture(name, &ours, None, &[]));
    } else {
        beside_peer(name, areas, &ours, (rounds, goal, case.buses.len() > LARGE), report, progress)?;
    }
    let (work, referee) = times(case, areas, first, if name == WORK_CASE { REPETITIONS } else { 1 })?;
    let ratio = work.as_secs_f64() / referee.as_secs_f64();
    if name == WORK_CASE {
        report.rows.push(
            Row::new((3, SUITE), name, ("work of all areas over the referee's", "1"), ratio, (Sense::AtMost, 20.0))
                .against("Clarabel, whole problem, milliseconds", 1e3 * referee.as_secs_f64())
                .reaching_for(5.0),
        );
    }
    report.notes.push(format!(
        "{name}: {} areas, {} junctions, {} evaluations, {} bytes, {:.1} ms for all areas, {:.1} ms for the referee",
        areas.network.members.len(),
        areas.boundary.len(),
        ours.evaluations,
        ours.payload_bytes,
        1e3 * work.as_secs_f64(),
        1e3 * referee.as_secs_f64()
    ));
    Ok(rounds)
}

/// The rounds of a run, if it arrived and the referee agrees.
fn rounds_of(name: &str, areas: &AreaNetwork, ours: &Outcome, goal: &Goal, report: &mut SuiteReport) -> u32 {
    let Verdict::Converged(gap) = ours.verdict else {
        report.notes.push(format!("{name}: the areas did not arrive: {:?}", ours.verdict));
        return goal.rounds_max;
    };
    report.verdicts += 1;
    match verdict::fault(areas, &ours.plans, gap, goal, goal.cost) {
        None if verdict::gap_in_dollars(areas, gap) > goal.gap_max => {
            report.notes.push(format!("{name}: the gap is closed in units of {} dollars only", areas.cost_unit));
            goal.rounds_max
        }
        None => ours.rounds.min(goal.rounds_max),
        Some(fault) => {
            report.verdicts_false += 1;
            report.notes.push(format!("{name}: the areas say that they have converged, but {fault}"));
            goal.rounds_max
        }
    }
}

/// The search for the peer's best penalty, and its figures beside ours.
fn beside_peer(
    name: &str,
    areas: &AreaNetwork,
    ours: &Outcome,
    (rounds, goal, large): (f64, Goal, bool),
    report: &mut SuiteReport,
    progress: &mut Progress<'_>,
) -> Result<(), SuiteError> {
    let mut count = 0_u32;
    let doing = format!("{name}: plain ADMM");
    let mut keep_going = || {
        count += 1;
        if count.is_multiple_of(200) { progress(&doing) } else { Ok(()) }
    };
    let grid: Vec<f64> = peer::GRID.iter().copied().step_by(if large { 4 } else { 1 }).collect();
    let search = peer::search(&areas.network, goal, &grid, &mut keep_going)?;
    let best = &search.best;
    let goal = Goal { rounds_max: best.rounds, ..goal };
    let curve = peer::run(&areas.network, best.rho, goal, true, &mut keep_going)?;
    report.rows.extend(against_peer(name, rounds, ours.payload_bytes, &search));
    let coarse =
        if large { format!(" in whole decades, as for every grid of more than {LARGE} buses") } else { String::new() };
    report.notes.push(format!("{name}: plain ADMM, rounds by rho{coarse} (`>`: given up): {}", search.shown()));
    report.curves.push(picture(name, ours, Some(best.rho), &curve.curve));
    Ok(())
}

fn against_peer(name: &str, rounds: f64, bytes: u64, search: &Search) -> [Row; 2] {
    let best = &search.best;
    let peer = match best.arrived {
        true => format!("plain ADMM, rho {}", best.rho),
        false => "plain ADMM, which arrives with no rho".to_owned(),
    };
    let (peer_rounds, peer_bytes) = (f64::from(best.rounds), best.payload_bytes as f64);
    // What other cases show against the peer is said, and nothing is asked of it.
    let named = must_of(name).is_some();
    let must = |of_named: f64| (Sense::AtLeast, if named { of_named } else { 0.0 });
    [
        Row::new((2, SUITE), name, ("rounds of plain ADMM over ours", "1"), peer_rounds / rounds, must(3.0))
            .against(format!("{peer}, rounds"), peer_rounds)
            .reaching_for(5.0),
        Row::new(
            (2, SUITE),
            name,
            ("payload bytes of plain ADMM over ours", "1"),
            peer_bytes / bytes.max(1) as f64,
            must(4.0),
        )
        .against(format!("{peer}, bytes"), peer_bytes)
        .reaching_for(8.0),
    ]
}

/// The least time of all areas together, from their problems to the verdict, and of the referee.
fn times(
    case: &Case,
    areas: &AreaNetwork,
    first: Duration,
    repetitions: usize,
) -> Result<(Duration, Duration), SuiteError> {
    let whole = Whole::of(case);
    let (mut work, mut referee) = (first, Duration::MAX);
    for repetition in 0..repetitions {
        if repetition > 0 {
            let start = Instant::now();
            std::hint::black_box(areas::run(&areas.network, &areas::Settings::default()));
            work = work.min(start.elapsed());
        }
        let start = Instant::now();
        std::hint::black_box(whole.minimise(case, REFEREE_GAP)?);
        referee = referee.min(start.elapsed());
    }
    Ok((work, referee))
}

/// Geometric means of rounds: over the named cases that are there, and over all.
fn means(rounds: &[(String, f64)], report: &mut SuiteReport) {
    let mean = |of: &[f64]| {
        // The logarithm of a product, by parts so that it cannot overflow.
        let sum: f64 = of.iter().map(|rounds| rounds.max(1.0).ln()).sum();
        (sum / of.len() as f64).exp()
    };
    let named: Vec<f64> =
        rounds.iter().filter(|(name, _)| must_of(name).is_some()).map(|(_, rounds)| *rounds).collect();
    let all: Vec<f64> = rounds.iter().map(|(_, rounds)| *rounds).collect();
    for (what, of) in [("named cases", &named), ("all cases", &all)] {
        if !of.is_empty() && (what == "named cases" || of.len() > named.len()) {
            let case = format!("{} {what}", of.len());
            report.rows.push(
                Row::new(
                    (1, SUITE),
                    case,
                    ("geometric mean of rounds", "rounds"),
                    mean(of),
                    (Sense::AtMost, ROUNDS_MEAN),
                )
                .reaching_for(30.0),
            );
        }
    }
}

fn picture(name: &str, ours: &Outcome, rho: Option<f64>, peer: &[(f64, f64)]) -> Curve {
    let thin = peer.len().div_ceil(POINTS_MAX).max(1);
    let of_peer = |of: fn(&(f64, f64)) -> f64| {
        let points = peer.iter().enumerate().map(|(index, entry)| ((index + 1) as f64, of(entry)));
        points.filter(|(round, _)| (*round as usize).is_multiple_of(thin)).collect::<Vec<_>>()
    };
    let mismatch = ours.trace.iter().map(|entry| (f64::from(entry.round), entry.mismatch)).collect();
    let gap = ours.trace.iter().filter_map(|entry| Some((f64::from(entry.round), entry.gap?))).collect();
    let mut series: Vec<(String, Vec<(f64, f64)>)> =
        vec![("ours: mismatch".to_owned(), mismatch), ("ours: certified gap".to_owned(), gap)];
    if let Some(rho) = rho {
        series.push((format!("plain ADMM, rho {rho}: mismatch"), of_peer(|entry| entry.0)));
        series.push((format!("plain ADMM, rho {rho}: gap"), of_peer(|entry| entry.1)));
    }
    // A logarithmic axis shows neither zero nor infinity.
    series.iter_mut().for_each(|(_, points)| points.retain(|(_, value)| value.is_finite() && *value > 0.0));
    Curve {
        name: format!("pglib_{name}"),
        title: format!("{name}: mismatch and gap over rounds"),
        x: "rounds".to_owned(),
        y: "mismatch in radians, gap relative to the cost".to_owned(),
        series,
    }
}

/// All `*.m` of a folder, or of the folder `pglib` in it; a single file is itself.
pub(crate) fn case_files(data: Option<&Path>) -> Result<Vec<PathBuf>, SuiteError> {
    let named = data;
    let data = data.unwrap_or(Path::new(DATA));
    if data.is_file() {
        return Ok(vec![data.to_owned()]);
    }
    if let (Some(path), Err(why)) = (named, std::fs::metadata(data)) {
        return Err(SuiteError::Unreadable { path: path.to_owned(), why });
    }
    let mut files = Vec::new();
    for folder in [data.to_owned(), data.join(SUITE)] {
        if !folder.is_dir() {
            continue;
        }
        let unreadable = |why| SuiteError::Unreadable { path: folder.clone(), why };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "m") && path.is_file() {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        return Err(SuiteError::NoCases { suite: SUITE, data: data.to_owned(), expected: "MATPOWER files, *.m" });
    }
    files.sort();
    Ok(files)
}

/// `24_ieee_rts` of `pglib_opf_case24_ieee_rts`.
fn short(name: &str) -> &str {
    name.strip_prefix("pglib_opf_case").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimiser::pglib::tests::SMALL;

    /// A folder of its own for one test, gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("mesh-bench-pglib-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("a temporary folder");
            Self(path)
        }

        fn run(&self) -> Result<SuiteReport, SuiteError> {
            run(&SuiteSettings { data: Some(self.0.clone()) }, &mut |_| Ok(()))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_case_of_a_folder_is_measured() {
        let folder = Folder::new("measured");
        assert!(matches!(folder.run(), Err(SuiteError::NoCases { suite: "pglib", .. })));
        std::fs::create_dir(folder.0.join("pglib")).expect("a folder");
        std::fs::write(folder.0.join("pglib/small.m"), SMALL).expect("written");
        // Nothing can bring 9000 MW to the bus at the end of a full line.
        std::fs::write(folder.0.join("dark.m"), SMALL.replacen("2\t1\t80", "2\t1\t9000", 1)).expect("written");
        let report = folder.run().expect("runs");
        assert!(report.notes.iter().any(|note| note.starts_with("dark: left out")), "{:?}", report.notes);
        let rows: Vec<(u8, &str, &str)> =
            report.rows.iter().map(|row| (row.row, row.case.as_str(), row.measure.as_str())).collect();
        assert_eq!(
            rows,
            [
                (1, "small", "rounds"),
                (2, "small", "rounds of plain ADMM over ours"),
                (2, "small", "payload bytes of plain ADMM over ours"),
                (1, "1 all cases", "geometric mean of rounds"),
            ]
        );
        assert!(report.rows[0].value < 100.0, "{:?}", report.rows[0]);
        assert!((report.rows[3].value - report.rows[0].value).abs() < 1e-9, "the mean of one is itself");
        assert_eq!((report.verdicts, report.verdicts_false, report.curves.len()), (1, 0, 1));
        let series = &report.curves[0].series;
        assert!(series.iter().all(|(name, points)| !points.is_empty() || name.contains("rho")), "{series:?}");
    }

    #[test]
    fn other_cases_than_those_named_are_shown_beside_the_peer_and_nothing_is_asked_of_it() {
        let best = peer::Run {
            rho: 1.0,
            arrived: true,
            rounds: 10,
            payload_bytes: 100,
            mismatch: 0.0,
            gap: 0.0,
            curve: Vec::new(),
        };
        let search = Search { tried: Vec::new(), best };
        assert!(against_peer("24_ieee_rts", 9.0, 90, &search).iter().all(|row| !row.holds));
        assert!(against_peer("small", 9.0, 90, &search).iter().all(|row| row.holds));
    }

    #[test]
    fn a_bad_file_ends_it_with_its_line() {
        let folder = Folder::new("bad");
        std::fs::write(folder.0.join("bad.m"), SMALL.replacen("1 2 0 0.1", "1 2 0 x", 1)).expect("written");
        match folder.run() {
            Err(SuiteError::BadFile { path, line, reason }) => {
                assert!(path.ends_with("bad.m") && line == 20 && reason.contains("`x`"), "{line}: {reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
