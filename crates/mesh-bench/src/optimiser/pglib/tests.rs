//! The published cases, if they are there, and grids of a few buses.

use super::case::{Branch, Bus, Generator};
use super::*;
use crate::optimiser::SuiteError;
use mesh_solver::{QpSolver, Settings};
use std::path::{Path, PathBuf};

/// The published optima, in dollars an hour, to the digits that are published.
const OPTIMA: [(&str, f64, f64); 7] = [
    ("14_ieee", 2051.5, 0.1),
    ("24_ieee_rts", 61001.0, 1.0),
    ("39_epri", 136_890.0, 10.0),
    ("73_ieee_rts", 183_000.0, 10.0),
    ("118_ieee", 93101.0, 1.0),
    ("179_goc", 751_880.0, 10.0),
    ("588_sdet", 310_130.0, 10.0),
];

/// Where the shared case files are beside the project; None, said aloud, where there are none.
pub(crate) fn published(name: &str) -> Option<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pglib");
    let path: PathBuf = folder.join(format!("pglib_opf_case{name}.m"));
    if !path.exists() {
        eprintln!("skipped {name}: {} is not there", path.display());
        return None;
    }
    Some(matpower::read(&path).expect("a published case is well formed"))
}

#[test]
fn the_published_optima_are_reproduced() {
    for (name, optimum, digits) in OPTIMA {
        let Some(case) = published(name) else { continue };
        let found = whole::solve(&case, 1e-8).expect("the referee takes it").expect("it is feasible");
        assert!((found.cost - optimum).abs() <= 0.5 * digits, "{name}: {} for {optimum}", found.cost);
    }
}

/// Three buses in two areas: a cheap source at 1, a dear one at 3, and lines 1-2 and 2-3 of which the first one is full.
pub(super) const SMALL: &str = "\
function mpc = small
% 'a comment [ with brackets'
mpc.version = '2';
mpc.baseMVA = 100;
mpc.areas = [ 1 1; 2 3 ];
mpc.bus = [
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t230\t1\t1.1\t0.9;
\t2\t1\t80\t0\t10\t0\t1\t1\t0\t230\t1\t1.1\t0.9; % the load
\t3\t2\t30\t0\t0\t0\t2\t1\t0\t230\t1\t1.1\t0.9;
\t9\t4\t70\t0\t0\t0\t2\t1\t0\t230\t1\t1.1\t0.9;
];
mpc.gen = [
1, 0, 0, 9, -9, 1, 100, 1, 200, 0, 0, 0
3 0 0 9 -9 1 100 1 200 ...
  0 0 0;
3 0 0 9 -9 1 100 0 200 0;
];
mpc.gencost = [ 2 0 0 3 0.02 10 100; 2 0 0 2 30 50 0; 2 0 0 2 0 0 ];
mpc.branch = [
1 2 0 0.1 0 60 0 0 0 0 1 -30 30;
2 3 0 0.1 0 0 0 0 0 0 1 0 0;
2 9 0 0.1 0 0 0 0 0 0 1 0 0;
1 3 0 0.1 0 0 0 0 0 0 0 0 0;
];
mpc.bus_name = { 'a}b'; \"c\"; };
";

fn parsed(text: &str) -> Result<Case, SuiteError> {
    matpower::parse(Path::new("small.m"), text)
}

#[test]
fn a_case_is_what_is_in_service() {
    let case = parsed(SMALL).expect("well formed");
    assert_eq!(case.name, "small");
    let ids: Vec<(u64, u64, f64)> = case.buses.iter().map(|bus| (bus.id, bus.area, bus.demand)).collect();
    assert_eq!(ids, [(1, 1, 0.0), (2, 1, 0.9), (3, 2, 0.3)]);
    assert_eq!(case.generators.len(), 2);
    let first = &case.generators[0];
    assert_eq!((first.bus, first.lower, first.upper), (0, 0.0, 2.0));
    assert_eq!((first.quadratic, first.linear, first.constant), (200.0, 1000.0, 100.0));
    assert_eq!(case.generators[1].cost(2.0), 6050.0);
    let ends: Vec<(usize, usize)> = case.branches.iter().map(|branch| (branch.from, branch.to)).collect();
    assert_eq!(ends, [(0, 1), (1, 2)]);
    let (limited, free) = (&case.branches[0], &case.branches[1]);
    assert!((limited.susceptance - 10.0).abs() < 1e-12 && (limited.upper - 0.06).abs() < 1e-12);
    assert_eq!((free.lower, free.upper), (-(60_f64.to_radians()), 60_f64.to_radians()));
}

#[test]
fn a_small_grid_costs_what_it_must() {
    // Of the 120 MW the full line brings 60, the rest is made at bus 3.
    let case = parsed(SMALL).expect("well formed");
    let optimum = whole::solve(&case, 1e-9).expect("solved").expect("feasible");
    let expected = 0.02 * 60.0 * 60.0 + 10.0 * 60.0 + 100.0 + 30.0 * 60.0 + 50.0;
    assert!((optimum.cost - expected).abs() < 1e-4, "{} for {expected}", optimum.cost);
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let check = |from: &str, to: &str, line: usize, words: &str| {
        assert!(SMALL.contains(from), "{from}");
        match parsed(&SMALL.replacen(from, to, 1)) {
            Err(SuiteError::BadFile { line: found, reason, .. }) => {
                assert!(found == line && reason.contains(words), "{to:?}: line {found}: {reason}");
            }
            other => panic!("{to:?}: {other:?}"),
        }
    };
    check("mpc.baseMVA = 100", "mpc.baseMVA = -100", 4, "at least");
    check("mpc.baseMVA = 100", "mpc.baseMVA = [1 2]", 4, "expected a number");
    check("mpc.baseMVA = 100;", "", 25, "without mpc.baseMVA");
    check("mpc.branch = [", "mpc.lines = [", 25, "without mpc.branch");
    check("mpc.branch = [", "mpc.gen = [", 19, "given twice, first in line 12");
    check("mpc.branch = [", "mpc.branch(:, 3) = [", 19, "expected `= ...`");
    check("mpc.branch = [", "x = 3;\nmpc.branch = [", 19, "`x`: expected `mpc.");
    check("mpc.areas = [ 1 1; 2 3 ]", "mpc.dcline = [ 1 1 ]", 5, "not part of the model");
    check("mpc.bus_name = {", "mpc.bus_name = [", 25, "closing ]");
    check("mpc.version = '2'", "mpc.version = '2", 3, "closing '");
    check("\t0.9; % the load", "; % the load", 8, "12 columns, expected at least 13");
    check("\t2\t1\t80", "\t2\t1\tNaN", 8, "expected a number");
    check("\t2\t1\t80", "\t2\t1\tInf", 8, "Pd is inf");
    check("\t2\t1\t80", "\t2.5\t1\t80", 8, "2.5 is not a bus number");
    check("\t2\t1\t80", "\t1\t1\t80", 8, "bus 1 is given twice");
    check("\t2\t1\t80", "\t2\t7\t80", 8, "type 7");
    check("\t1\t3\t0", "\t1\t1\t0", 6, "expected one of type 3");
    check("-9, 1, 100, 1, 200, 0", "-9, 1, 100, 1, 200, 300", 13, "Pmin is above its Pmax");
    check("\n3 0 0 9 -9 1 100 1", "\n8 0 0 9 -9 1 100 1", 14, "no bus 8");
    check("2 0 0 3 0.02", "1 0 0 3 0.02", 18, "expected 2, a polynomial");
    check("2 0 0 3 0.02 10 100", "2 0 0 3 -0.02 10 100", 18, "not convex");
    check("2 0 0 3 0.02 10 100", "2 0 0 4 1 0.02 10 100", 18, "degree 3: expected degree 2");
    check("2 0 0 3 0.02 10 100", "2 0 0 9 0.02 10 100", 18, "expected at least 13");
    check("2 0 0 3 0.02 10 100;", "", 18, "2 rows for 3 generators");
    check("1 2 0 0.1", "1 4 0 0.1", 20, "no bus 4");
    check("1 2 0 0.1", "2 2 0 0.1", 20, "ends where it begins");
    check("1 2 0 0.1", "1 2 0 0", 20, "no susceptance");
    check("1 2 0 0.1", "1 2 0 1e-40", 20, "no susceptance");
    check("0 60 0 0", "0 -60 0 0", 20, "expected at least 0");
    check("1 -30 30", "1 30 -30", 20, "which is nothing");
    check("1 -30 30", "1 20 30", 20, "exclude every flow");
    check("1 -30 30", "1 -30 3x", 20, "`3x` in mpc.branch");
    check("1 -30 30", "1 -30 'a'", 20, "a text in mpc.branch");
}

#[test]
fn no_text_makes_the_reader_panic() {
    let pieces =
        ["", " ", "[", "]", ";", "=", "'", "%", "...", "mpc.", "-", "1e999", "NaN", "9999999999", "\n", "\u{fe0f}"];
    let mut seed = 1_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let (mut good, mut bad) = (0, 0);
    for _ in 0..20_000 {
        let mut mutant = SMALL.to_owned();
        for _ in 0..=next(3) {
            let (start, length) = (next(mutant.len()), next(6));
            let end = (start + length).min(mutant.len());
            if mutant.is_char_boundary(start) && mutant.is_char_boundary(end) {
                mutant.replace_range(start..end, pieces[next(pieces.len())]);
            }
        }
        match parsed(&mutant) {
            Ok(case) => {
                good += 1;
                // What is read is also fit to be decomposed, or refused with a reason.
                let _ = network(&case);
            }
            Err(error) => {
                bad += 1;
                assert!(error.to_string().starts_with("small.m:"), "{error}");
            }
        }
    }
    assert!(good > 1000 && bad > 1000, "{good} good and {bad} bad: nothing was tested");
}

fn cost_of(areas: &AreaNetwork) -> f64 {
    let whole = areas.network.whole().expect("well formed");
    let mut solver =
        QpSolver::new(&whole, &vec![0.0; whole.variables()], Settings::default()).expect("can be factorised");
    let solution = solver.solve_as_given().expect("feasible");
    whole.cost(&solution.x) * areas.cost_unit
}

#[test]
fn the_areas_together_are_the_grid() {
    for (name, ..) in OPTIMA.iter().filter(|(name, ..)| *name != "588_sdet") {
        let Some(case) = published(name) else { continue };
        let areas = network(&case).expect("within the limits");
        let (found, expected) = (cost_of(&areas), whole::solve(&case, 1e-9).expect("solved").expect("feasible").cost);
        assert!((found - expected).abs() <= 1e-7 * expected, "{name}: {found} for {expected}");
    }
    let case = parsed(SMALL).expect("well formed");
    let areas = network(&case).expect("within the limits");
    assert_eq!(areas.network.members.len(), 2);
    assert_eq!(areas.boundary, [1, 2], "each end of the only tie");
    let expected = whole::solve(&case, 1e-9).expect("solved").expect("feasible").cost;
    assert!((cost_of(&areas) - expected).abs() < 1e-4);
}

#[test]
fn an_area_knows_its_own_buses_and_its_neighbours_angles() {
    for (name, agents) in [("24_ieee_rts", 4), ("39_epri", 3), ("73_ieee_rts", 3), ("179_goc", 3), ("588_sdet", 8)] {
        let Some(case) = published(name) else { continue };
        let areas = network(&case).expect("within the limits");
        assert_eq!(areas.network.members.len(), agents, "{name}");
        assert!(areas.notes.is_empty(), "{name}: nothing is cut");
        let own = |wanted: fn(&Quantity) -> bool| areas.quantities.iter().flatten().filter(|q| wanted(q)).count();
        assert_eq!(own(|quantity| matches!(quantity, Quantity::Angle(_))), case.buses.len());
        assert_eq!(own(|quantity| matches!(quantity, Quantity::Output(_))), case.generators.len());
        for (junction, bus) in areas.boundary.iter().enumerate() {
            let holders: Vec<Quantity> = (areas.network.members.iter().zip(&areas.quantities))
                .filter_map(|(member, quantities)| {
                    let share = member.shares.iter().find(|share| share.junction == junction)?;
                    Some(quantities[share.terms[0].0])
                })
                .collect();
            assert_eq!(holders.iter().filter(|holder| **holder == Quantity::Angle(*bus)).count(), 1, "{name}");
            assert!(
                holders.len() > 1
                    && holders.iter().all(|holder| { [Quantity::Angle(*bus), Quantity::Copy(*bus)].contains(holder) })
            );
        }
    }
}

#[test]
fn every_angle_is_bounded_by_the_constraints() {
    let case = parsed(SMALL).expect("well formed");
    let bounds = decomposition::angle_bounds(&case);
    let wider = 1.0 + decomposition::WIDER;
    let expected = [0.0, 0.06, 0.06 + 60_f64.to_radians()];
    for (bound, reach) in bounds.iter().zip(expected) {
        assert!((bound.0 + reach * wider).abs() < 1e-12 && (bound.1 - reach * wider).abs() < 1e-12, "{bounds:?}");
    }
    // A branch that forces a difference moves both bounds of what lies behind it.
    let forced = SMALL.replacen("1 -30 30", "1 1 2", 1);
    let bounds = decomposition::angle_bounds(&parsed(&forced).expect("well formed"));
    assert!(bounds[1].1 < 0.0 && bounds[1].0 < bounds[1].1, "{bounds:?}");
}

#[test]
fn a_grid_of_one_area_is_cut_and_no_part_is_too_large() {
    // A ladder of 700 buses, twice: in one area, and with one that is too large beside a small one.
    let bus = |id: usize, area: usize| Bus { id: id as u64, area: area as u64, demand: 0.01, reference: id == 0 };
    let branch = |from, to| Branch { from, to, susceptance: 10.0, lower: -0.1, upper: 0.1 };
    for large in [700, 690] {
        let buses = (0..700).map(|id| bus(id, usize::from(id >= large))).collect();
        let mut branches: Vec<Branch> = (2..700).map(|id| branch(id - 2, id)).collect();
        branches.extend((0..350).map(|rung| branch(2 * rung, 2 * rung + 1)));
        let generators = (0..700)
            .map(|bus| Generator { bus, lower: 0.0, upper: 0.02, quadratic: 0.0, linear: 1.0, constant: 0.0 })
            .collect();
        let case = Case { name: "ladder".to_owned(), base_mva: 100.0, buses, generators, branches };
        let areas = areas::Areas::of(&case);
        let mut all: Vec<usize> = areas.members.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..700).collect::<Vec<_>>());
        assert!(areas.members.iter().all(|members| (10..=150).contains(&members.len())));
        assert_eq!(areas.notes.len(), 1, "{:?}", areas.notes);
        // A ladder is cut across: two rails at each cut.
        let network = network(&case).expect("within the limits");
        assert!(network.boundary.len() <= 4 * (areas.members.len() - 1), "{}", network.boundary.len());
        assert_eq!(areas, areas::Areas::of(&case));
    }
    let Some(case) = published("14_ieee") else { return };
    let network = network(&case).expect("within the limits");
    assert_eq!((network.network.members.len(), network.notes.len()), (2, 1));
}
