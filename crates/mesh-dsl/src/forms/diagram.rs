//! Diagrams, boxes, junctions and the problems in them.

use super::Form;
use super::plain::entries;
use super::reader::{Part, Reader};
use super::record::{Fields, record};
use crate::json::{Json, Tree};
use mesh_model::diagram::{
    Diagram, DiagramBox, DiagramJunction, End, Inside, JunctionKind, Label, OpenPort, OpenProblem,
};
use mesh_model::problem::{LocalProblem, Objective, Port, Row, Variable, Window};
use std::collections::BTreeMap;

impl Form for Diagram {
    fn tree(&self) -> Tree {
        let Self { version, boxes, junctions, outer } = self;
        Tree::Object(vec![
            ("version".to_owned(), version.tree()),
            ("boxes".to_owned(), boxes.tree()),
            ("junctions".to_owned(), junctions.tree()),
            ("outer".to_owned(), outer.tree()),
        ])
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let fields = Fields::open(json, reader, "a diagram", &["version", "boxes", "junctions", "outer"])?;
        let version = fields.take(reader, "version");
        let boxes = fields.take::<Boxes>(reader, "boxes");
        let junctions = fields.take::<Junctions>(reader, "junctions");
        let outer = fields.take::<Outer>(reader, "outer");
        Some(Self { version: version?, boxes: boxes?.0, junctions: junctions?.0, outer: outer?.0 })
    }
}

/// Maps whose entries are remembered with their places.
struct Boxes(BTreeMap<Label, DiagramBox>);
struct Junctions(BTreeMap<Label, DiagramJunction>);
struct Outer(BTreeMap<Label, Label>);

impl Form for Boxes {
    fn tree(&self) -> Tree {
        self.0.tree()
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let boxes = entries(json, reader, |name, at, value, reader| {
            let path = reader.outside(name);
            reader.keep(Part::Box(path.clone()), at);
            let around = std::mem::replace(&mut reader.path, path);
            let read = DiagramBox::read(value, reader);
            reader.path = around;
            read
        });
        boxes.map(Self)
    }
}

impl Form for Junctions {
    fn tree(&self) -> Tree {
        self.0.tree()
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let junctions = entries(json, reader, |name, at, value, reader| {
            reader.keep(Part::Junction(reader.outside(name)), at);
            DiagramJunction::read(value, reader)
        });
        junctions.map(Self)
    }
}

impl Form for Outer {
    fn tree(&self) -> Tree {
        self.0.tree()
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let outer = entries(json, reader, |port, at, value, reader| {
            reader.keep(Part::End(End::Outer { of: reader.path.clone(), port: port.clone() }), at);
            Label::read(value, reader)
        });
        outer.map(Self)
    }
}

impl Form for DiagramBox {
    /// A problem stands here with its ports beside it; an open box has neither a problem nor a diagram.
    fn tree(&self) -> Tree {
        let mut fields = match &self.inside {
            Inside::Open => Vec::new(),
            Inside::Problem(open) => {
                vec![("problem".to_owned(), open.problem.tree()), ("ports".to_owned(), open.ports.tree())]
            }
            Inside::Diagram(diagram) => vec![("diagram".to_owned(), diagram.tree())],
        };
        fields.push(("wires".to_owned(), self.wires.tree()));
        Tree::Object(fields)
    }

    /// The reader's path is the box's own.
    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let fields = Fields::open(json, reader, "a box", &["problem", "ports", "diagram", "wires"])?;
        let inside = match (fields.json("problem"), fields.json("diagram")) {
            (None, None) => match fields.json("ports") {
                None => Some(Inside::Open),
                Some(_) => fields.take::<LocalProblem>(reader, "problem").map(|_| Inside::Open),
            },
            (None, Some(diagram)) => {
                if let Some(ports) = fields.json("ports") {
                    reader.unexpected::<()>(ports, "no ports: those of a diagram are its outer ports");
                }
                Diagram::read(diagram, reader).map(|diagram| Inside::Diagram(Box::new(diagram)))
            }
            (Some(problem), None) => {
                let problem = LocalProblem::read(problem, reader);
                let ports = fields.take(reader, "ports");
                problem.zip(ports).map(|(problem, ports)| Inside::Problem(Box::new(OpenProblem::new(problem, ports))))
            }
            (Some(_), Some(diagram)) => reader.unexpected(diagram, "either a problem or a diagram"),
        };
        let wires = fields.take::<Wires>(reader, "wires");
        Some(Self { inside: inside?, wires: wires?.0 })
    }
}

struct Wires(BTreeMap<Label, Label>);

impl Form for Wires {
    fn tree(&self) -> Tree {
        self.0.tree()
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let wires = entries(json, reader, |port, at, value, reader| {
            reader.keep(Part::End(End::Port { of: reader.path.clone(), port: port.clone() }), at);
            Label::read(value, reader)
        });
        wires.map(Self)
    }
}

impl Form for DiagramJunction {
    /// No totals are no field.
    fn tree(&self) -> Tree {
        let Self { kind, width, totals } = self;
        let mut fields = vec![("kind".to_owned(), kind.tree()), ("width".to_owned(), width.tree())];
        if !totals.is_empty() {
            fields.push(("totals".to_owned(), totals.tree()));
        }
        Tree::Object(fields)
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let fields = Fields::open(json, reader, "a junction", &["kind", "width", "totals"])?;
        let kind: Option<JunctionKind> = fields.take(reader, "kind");
        let width = fields.take(reader, "width");
        let totals = fields.take_or_empty(reader, "totals");
        Some(Self { kind: kind?, width: width?, totals: totals? })
    }
}

impl Form for OpenPort {
    fn tree(&self) -> Tree {
        self.forms.tree()
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        Vec::read(json, reader).map(|forms| Self { forms })
    }
}

record!(LocalProblem, "a problem",
    asset => "asset", domain => "domain", version => "version", window => "window", variables => "variables",
    objective => "objective", rows => "rows", ports => "edges");
record!(Window, "a window", start => "start_ns", step_s => "step_s", steps => "steps");
record!(Variable, "a variable", name => "name", lower => "lower", upper => "upper");
record!(Objective, "a cost", quadratic => "quadratic", linear => "linear", constant => "constant");
record!(Row, "a row", name => "name", terms => "terms", lower => "lower", upper => "upper");
record!(Port, "an edge's end", edge => "edge", flow => "flow");
