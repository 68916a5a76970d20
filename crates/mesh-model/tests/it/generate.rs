//! Diagrams by seed: the same seed, the same diagram.
//!
//! Whatever is generated is feasible, also after composing: zero satisfies every row and every consensus, and at each
//! sum there is a box that can give or take whatever is missing.

use mesh_model::diagram::{
    Diagram, DiagramJunction, Inside, Interface, JunctionKind, Label, OpenPort, OpenProblem, PortType,
};
use mesh_model::problem::{LocalProblem, Objective, Row, Term, Variable, Window};
use mesh_model::{AssetId, MissionTime, Real};
use std::collections::BTreeMap;

/// Numbers that look random (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// Between -1 and 1.
    pub fn signed(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// A label that is known to be one.
pub fn label(text: &str) -> Label {
    Label::new(text).expect("a good label")
}

/// A number that is known to be one.
pub fn real(value: f64) -> Real {
    Real::new(value).expect("finite")
}

/// A diagram with these outer ports, some boxes with problems and `open` open ones called `hole_0`, `hole_1` and so on.
pub fn diagram(numbers: &mut Numbers, interface: &Interface, open: usize) -> Diagram {
    let mut diagram = Diagram::new();
    let mut junctions: Vec<(Label, PortType)> = Vec::new();
    for (port, kind) in interface {
        // Two outer ports of one type may expose one junction.
        let shared = junctions.iter().find(|(_, other)| other == kind && numbers.below(3) == 0).cloned();
        let (name, _) = shared.unwrap_or_else(|| new_junction(numbers, &mut diagram, &mut junctions, *kind));
        diagram.expose(port.clone(), name).expect("a new port");
    }
    for _ in 0..1 + numbers.below(3) {
        let kind = port_type(numbers);
        new_junction(numbers, &mut diagram, &mut junctions, kind);
    }
    for hole in 0..open {
        let name = label(&format!("hole_{hole}"));
        diagram.add_box(name.clone(), Inside::Open).expect("a new box");
        for port in 0..1 + numbers.below(3) {
            let (junction, _) = junctions[numbers.below(junctions.len())].clone();
            diagram.wire(&name, label(&format!("p{port}")), junction).expect("a new wire");
        }
    }
    for number in 0..1 + numbers.below(3) {
        let count = 1 + numbers.below(3);
        let ends: Vec<(Label, PortType)> =
            (0..count).map(|_| junctions[numbers.below(junctions.len())].clone()).collect();
        add_problem(numbers, &mut diagram, &format!("box_{number}"), &ends, 2.0);
    }
    for (place, end) in junctions.iter().enumerate() {
        let idle = diagram.ends()[&end.0].is_empty();
        if idle || end.1.kind != JunctionKind::Consensus {
            let range = if end.1.kind == JunctionKind::Consensus { 2.0 } else { 20.0 };
            add_problem(numbers, &mut diagram, &format!("grid_{place}"), std::slice::from_ref(end), range);
        }
    }
    diagram
}

/// A diagram with one more put into each of its open boxes, and so on: a tree of `depth` levels.
pub fn nested(numbers: &mut Numbers, interface: &Interface, depth: usize) -> Diagram {
    let open = if depth == 0 { 0 } else { 1 + numbers.below(2) };
    let mut outer = diagram(numbers, interface, open);
    for hole in 0..open {
        let name = label(&format!("hole_{hole}"));
        let interface = outer.interface_of(&name).expect("the box is there");
        let inner = nested(numbers, &interface, depth - 1);
        outer.boxes.get_mut(&name).expect("the box is there").inside = Inside::Diagram(Box::new(inner));
    }
    outer
}

/// Up to `most` outer ports.
pub fn interface(numbers: &mut Numbers, most: usize) -> Interface {
    (0..numbers.below(most + 1)).map(|port| (label(&format!("out_{port}")), port_type(numbers))).collect()
}

fn port_type(numbers: &mut Numbers) -> PortType {
    let kind = [JunctionKind::Consensus, JunctionKind::Exchange, JunctionKind::Budget][numbers.below(3)];
    PortType { kind, width: 1 + numbers.below(2) as u32 }
}

fn new_junction(
    numbers: &mut Numbers,
    diagram: &mut Diagram,
    junctions: &mut Vec<(Label, PortType)>,
    of: PortType,
) -> (Label, PortType) {
    let total: Vec<Real> = (0..of.width).map(|_| real(numbers.signed())).collect();
    let junction = match of.kind {
        JunctionKind::Consensus => DiagramJunction::consensus(of.width),
        JunctionKind::Exchange => DiagramJunction::exchange(total),
        JunctionKind::Budget => DiagramJunction::budget(total),
    };
    let name = label(&format!("j{}", junctions.len()));
    diagram.add_junction(name.clone(), junction).expect("a new junction");
    junctions.push((name.clone(), of));
    (name, of)
}

/// A box with a problem, one port at each of `ends`.
fn add_problem(numbers: &mut Numbers, diagram: &mut Diagram, name: &str, ends: &[(Label, PortType)], range: f64) {
    let variables = 2 + numbers.below(3);
    let mut ports = BTreeMap::new();
    for (port, (_, kind)) in ends.iter().enumerate() {
        let forms = (0..kind.width).map(|component| form(numbers, variables, component as usize)).collect();
        ports.insert(label(&format!("p{port}")), OpenPort { forms });
    }
    let open = OpenProblem::new(problem(numbers, name, variables, range), ports);
    diagram.add_box(label(name), Inside::Problem(Box::new(open))).expect("a new box");
    for (port, (junction, _)) in ends.iter().enumerate() {
        diagram.wire(&label(name), label(&format!("p{port}")), junction.clone()).expect("a new wire");
    }
}

fn form(numbers: &mut Numbers, variables: usize, first: usize) -> Vec<Term> {
    let mut form = vec![((first % variables) as u32, Real::ONE)];
    if numbers.below(2) == 0 {
        form.push((((first + 1) % variables) as u32, real(0.5 * numbers.signed())));
    }
    form
}

fn problem(numbers: &mut Numbers, name: &str, variables: usize, range: f64) -> LocalProblem {
    let scale = 1.0 / range;
    let bounds = |i: usize| Variable { name: format!("x[{i}]"), lower: real(-range), upper: real(range) };
    let curvature = (0..variables).map(|i| (i as u32, i as u32, real(scale * (0.5 + numbers.signed().abs()))));
    let quadratic = curvature.collect();
    let terms: Vec<Term> = (0..variables).map(|i| (i as u32, real(numbers.signed()))).collect();
    LocalProblem {
        asset: AssetId::new(name).expect("a good name"),
        domain: "generated".to_owned(),
        version: 1,
        window: Window { start: MissionTime::ZERO, step_s: 60, steps: 2 },
        variables: (0..variables).map(bounds).collect(),
        objective: Objective {
            quadratic,
            linear: (0..variables).map(|_| real(numbers.signed())).collect(),
            constant: real(numbers.signed()),
        },
        rows: vec![Row { name: "sum".to_owned(), terms, lower: real(-range), upper: real(range) }],
        ports: Vec::new(),
    }
}
