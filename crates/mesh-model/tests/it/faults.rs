//! What is refused, and what is only odd.

use crate::generate::{label, real};
use mesh_model::diagram::{
    DEPTH_MAX, Diagram, DiagramJunction, End, Fault, Inside, JunctionKind, Label, OpenPort, OpenProblem, ProblemFault,
    Warning, compose, composite,
};
use mesh_model::problem::{LocalProblem, Objective, Row, Variable, Window};
use mesh_model::{AssetId, Canonical, MissionTime, Real};
use std::collections::BTreeMap;

/// Two variables between 0 and 1; port `p` shares the first.
fn problem(name: &str) -> OpenProblem {
    let bounds = |i: usize| Variable { name: format!("x[{i}]"), lower: Real::ZERO, upper: Real::ONE };
    let problem = LocalProblem {
        asset: AssetId::new(name).expect("a good name"),
        domain: "test".to_owned(),
        version: 1,
        window: Window { start: MissionTime::ZERO, step_s: 60, steps: 1 },
        variables: (0..2).map(bounds).collect(),
        objective: Objective { quadratic: Vec::new(), linear: vec![Real::ONE; 2], constant: Real::ZERO },
        rows: Vec::new(),
        ports: Vec::new(),
    };
    OpenProblem::new(problem, BTreeMap::from([(label("p"), OpenPort::of_variables(&[0]))]))
}

fn inside(name: &str) -> Inside {
    Inside::Problem(Box::new(problem(name)))
}

/// Boxes `a` and `b` at one junction `j`.
fn pair() -> Diagram {
    let mut pair = Diagram::new();
    pair.add_junction(label("j"), DiagramJunction::consensus(1)).expect("new");
    for name in ["a", "b"] {
        pair.add_box(label(name), inside(name)).expect("new");
        pair.wire(&label(name), label("p"), label("j")).expect("new");
    }
    pair
}

fn port(of: &str) -> End {
    End::Port { of: label(of), port: label("p") }
}

/// The pair, changed, has these faults and no others.
fn check(change: impl FnOnce(&mut Diagram), expect: &[Fault]) {
    let mut diagram = pair();
    change(&mut diagram);
    assert_eq!(diagram.review().faults, expect);
    assert_eq!(diagram.flattened().err().as_ref(), expect.first());
    assert_eq!(composite(&diagram).err().as_ref(), expect.first());
    assert_eq!(compose(&diagram, &BTreeMap::new()).err().as_ref(), expect.first());
}

fn problem_of<'a>(diagram: &'a mut Diagram, name: &str) -> &'a mut OpenProblem {
    match &mut diagram.boxes.get_mut(&label(name)).expect("a box").inside {
        Inside::Problem(problem) => problem,
        Inside::Open | Inside::Diagram(_) => unreachable!("these boxes hold problems"),
    }
}

#[test]
fn a_sound_pair_has_no_faults() {
    check(|_| {}, &[]);
}

#[test]
fn wires_join_what_is_there_and_has_one_width() {
    let width = Fault::Width { end: port("a"), port: 2, junction: label("j"), width: 1 };
    let wide = |diagram: &mut Diagram| problem_of(diagram, "a").ports[&label("p")].clone();
    check(
        |diagram| {
            let mut port = wide(diagram);
            port.forms.push(Vec::new());
            problem_of(diagram, "a").ports.insert(label("p"), port);
        },
        &[width],
    );
    let unwired = Fault::Unwired { end: port("b") };
    check(|diagram| diagram.boxes.get_mut(&label("b")).expect("a box").wires.clear(), &[unwired]);
    let stray = Fault::NoSuchPort { end: End::Port { of: label("a"), port: label("q") } };
    check(|diagram| diagram.wire(&label("a"), label("q"), label("j")).expect("new"), &[stray]);
    let idle = Fault::Idle { junction: label("k") };
    check(|diagram| diagram.add_junction(label("k"), DiagramJunction::consensus(1)).expect("new"), &[idle]);
    let nowhere = Fault::NoSuchJunction { by: port("a"), junction: label("k") };
    check(
        |diagram| {
            diagram.boxes.get_mut(&label("a")).expect("a box").wires.insert(label("p"), label("k"));
        },
        &[nowhere],
    );
}

#[test]
fn what_is_added_twice_is_refused_at_once() {
    let mut diagram = pair();
    let twice = |what, name: &str| Err(Fault::DuplicateName { what, name: label(name) });
    assert_eq!(diagram.add_box(label("a"), Inside::Open), twice("boxes", "a"));
    assert_eq!(diagram.add_junction(label("j"), DiagramJunction::consensus(1)), twice("junctions", "j"));
    let wired = Fault::WiredTwice { end: port("a"), first: label("j"), second: label("j") };
    assert_eq!(diagram.wire(&label("a"), label("p"), label("j")), Err(wired));
    assert_eq!(diagram.wire(&label("c"), label("p"), label("j")), Err(Fault::NoSuchBox { name: label("c") }));
    diagram.expose(label("out"), label("j")).expect("new");
    assert_eq!(diagram.expose(label("out"), label("j")), twice("outer ports", "out"));
}

#[test]
fn a_problem_fits_itself() {
    let fault = |fault| vec![Fault::Problem { name: label("a"), fault }];
    let length = fault(ProblemFault::Length { length: 1, variables: 2 });
    check(|diagram| problem_of(diagram, "a").problem.objective.linear.truncate(1), &length);
    let crossed = fault(ProblemFault::Crossed { what: "variable", place: 1, lower: 2.0, upper: 1.0 });
    check(|diagram| problem_of(diagram, "a").problem.variables[1].lower = real(2.0), &crossed);
    let beyond = fault(ProblemFault::NoSuchVariable { what: "port", place: 0, variable: 7, variables: 2 });
    check(
        |diagram| {
            problem_of(diagram, "a").ports.insert(label("p"), OpenPort::of_variables(&[7]));
        },
        &beyond,
    );
    let twice = fault(ProblemFault::Repeated { what: "row", place: 0, variable: 1 });
    let terms = vec![(1, Real::ONE), (1, Real::ONE)];
    let row = Row { name: "row".to_owned(), terms, lower: Real::ZERO, upper: Real::ONE };
    check(|diagram| problem_of(diagram, "a").problem.rows.push(row), &twice);
}

#[test]
fn names_and_totals_are_checked() {
    check(|diagram| diagram.version = 2, &[Fault::Version { version: 2 }]);
    let within = Fault::NameInside { outer: label("a"), inner: label("a.b") };
    check(
        |diagram| {
            diagram.add_box(label("a.b"), inside("c")).expect("new");
            diagram.wire(&label("a.b"), label("p"), label("j")).expect("new");
        },
        &[within],
    );
    let total = Fault::Total { junction: label("j"), kind: JunctionKind::Consensus, width: 1, length: 1 };
    check(|diagram| diagram.junctions.values_mut().for_each(|j| j.totals.push(vec![Real::ONE])), &[total]);
    let total = Fault::Total { junction: label("j"), kind: JunctionKind::Exchange, width: 1, length: 2 };
    let long = DiagramJunction { totals: vec![vec![Real::ONE; 2]], ..DiagramJunction::exchange(vec![Real::ONE]) };
    check(
        |diagram| {
            diagram.junctions.insert(label("j"), long);
        },
        &[total],
    );
}

#[test]
fn only_fitting_diagrams_go_into_open_boxes() {
    let put = |outer: &Diagram, inner: Diagram| compose(outer, &BTreeMap::from([(label("a"), inner)]));
    let mut inner = Diagram::of_problem(problem("x"), &BTreeMap::from([(label("p"), JunctionKind::Consensus)]))
        .expect("every port has a kind");
    assert_eq!(put(&pair(), inner.clone()), Err(Fault::Occupied { name: label("a"), holds: "problem" }));
    let mut open = pair();
    open.boxes.get_mut(&label("a")).expect("a box").inside = Inside::Open;
    assert!(put(&open, inner.clone()).is_ok());
    let of = |kind| Diagram::of_problem(problem("x"), &BTreeMap::from([(label("p"), kind)])).expect("a kind");
    let (inside, outside) = (JunctionKind::Budget, JunctionKind::Consensus);
    let kind = Fault::Kind { end: port("a"), inside, junction: label("j"), outside };
    assert_eq!(put(&open, of(JunctionKind::Budget)), Err(kind));
    inner.outer.clear();
    assert_eq!(put(&open, inner), Err(Fault::NoSuchPort { end: port("a") }));
    assert_eq!(composite(&open).err(), Some(Fault::Open { name: label("a") }));
}

#[test]
fn what_falls_apart_or_is_open_or_alone_is_only_odd() {
    let mut apart = pair();
    apart.add_junction(label("k"), DiagramJunction::consensus(1)).expect("new");
    apart.add_box(label("c"), inside("c")).expect("new");
    apart.wire(&label("c"), label("p"), label("k")).expect("new");
    let review = apart.review();
    assert_eq!(review.faults, []);
    let alone = Warning::Alone { junction: label("k") };
    assert_eq!(review.warnings, [alone, Warning::Disconnected { first: vec![label("a"), label("c")] }]);
    apart.boxes.get_mut(&label("c")).expect("a box").inside = Inside::Open;
    assert!(apart.review().warnings.contains(&Warning::Open { name: label("c") }));
    assert_eq!(Diagram::new().review().warnings, [Warning::Empty]);
    assert_eq!(pair().review().warnings, []);
}

#[test]
fn no_diagram_is_deeper_than_the_limit_neither_in_memory_nor_from_bytes() {
    let wrapped = |inner: Diagram| {
        let mut outer = Diagram::new();
        outer.add_box(label("in"), Inside::Diagram(Box::new(inner))).expect("new");
        outer
    };
    let mut deep = pair();
    for _ in 0..DEPTH_MAX {
        deep = wrapped(deep);
    }
    assert_eq!(deep.review().faults, []);
    assert_eq!(Diagram::decode(&deep.encode()), Ok(deep.clone()));
    let deeper = wrapped(deep);
    assert!(matches!(deeper.review().faults[..], [Fault::TooMany { .. }]));
    assert!(Diagram::decode(&deeper.encode()).is_err());
    assert_eq!(deeper.flattened().err(), deeper.review().faults.first().cloned());
    assert!(Diagram::decode(&[&[1, 0, 0, 0][..], &[1, 0, 0, 0, 0, 0, 0, 0, 2].repeat(100_000)].concat()).is_err());
}

#[test]
fn pooled_totals_are_added_whatever_the_order() {
    let mut one = DiagramJunction::exchange(vec![real(0.1)]);
    one.totals.extend([vec![real(0.2)], vec![real(1e17)], vec![real(-1e17)]]);
    let mut other = one.clone();
    other.totals.reverse();
    assert_eq!(one.total(0).to_bits(), other.total(0).to_bits());
    assert_eq!(Label::default().words(), 0);
}
