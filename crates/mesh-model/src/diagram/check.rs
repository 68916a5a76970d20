//! Says everything that is wrong with a diagram, and what is odd.

use super::fault::{End, Fault, ProblemFault, Review, Warning};
use super::label::Label;
use super::{DEPTH_MAX, DIAGRAM_VERSION, Diagram, DiagramBox, DiagramJunction, Inside, JunctionKind, OpenProblem};
use crate::problem::{LocalProblem, Term};
use std::collections::{BTreeMap, BTreeSet};

impl Diagram {
    /// Everything that is wrong with this diagram and with those in its boxes.
    pub fn review(&self) -> Review {
        let mut review = Review::default();
        let mut count = Count::default();
        Reviewer { path: Label::default(), depth: 0, found: &mut review, count: &mut count }.diagram(self);
        review.faults.extend(Fault::boxes(count.boxes));
        review.faults.extend(Fault::junctions(count.junctions));
        if review.faults.is_empty() {
            self.connection(&mut review.warnings);
        }
        review
    }

    /// The first thing that is wrong, if anything is.
    pub fn sound(&self) -> Result<(), Fault> {
        self.review().faults.into_iter().next().map_or(Ok(()), Err)
    }

    /// Whether wires lead from every box to every other.
    fn connection(&self, warnings: &mut Vec<Warning>) {
        let Ok(flat) = self.flatten() else { return };
        if flat.boxes.is_empty() {
            warnings.push(Warning::Empty);
        }
        let ends = flat.ends();
        let mut seen: BTreeSet<&Label> = BTreeSet::new();
        let mut first = Vec::new();
        for start in flat.boxes.keys() {
            if !seen.insert(start) {
                continue;
            }
            first.push(start.clone());
            let mut waiting = vec![start];
            while let Some(name) = waiting.pop() {
                let junctions = flat.boxes[name].wires.values();
                let others = junctions.flat_map(|junction| ends[junction].iter().map(|(other, _)| *other));
                waiting.extend(others.filter(|other| seen.insert(other)));
            }
        }
        if first.len() > 1 {
            warnings.push(Warning::Disconnected { first });
        }
    }
}

/// What there is in all, boxes in boxes included.
#[derive(Default)]
struct Count {
    boxes: usize,
    junctions: usize,
}

/// Goes through a diagram that stands in the box called `path`.
struct Reviewer<'a> {
    path: Label,
    depth: usize,
    found: &'a mut Review,
    count: &'a mut Count,
}

impl Reviewer<'_> {
    fn fault(&mut self, fault: Fault) {
        self.found.faults.push(fault);
    }

    /// A name as it is seen from the diagram that was handed in.
    fn outside(&mut self, name: &Label) -> Label {
        self.path.join(name).unwrap_or_else(|why| {
            self.found.faults.push(Fault::Label(why));
            name.clone()
        })
    }

    fn end(&mut self, of: &Label, port: &Label) -> End {
        End::Port { of: self.outside(of), port: port.clone() }
    }

    fn diagram(&mut self, diagram: &Diagram) {
        if self.depth > DEPTH_MAX {
            return self.fault(Fault::depth());
        }
        if diagram.version != DIAGRAM_VERSION {
            self.fault(Fault::Version { version: diagram.version });
        }
        self.count.boxes += diagram.boxes.len();
        self.count.junctions += diagram.junctions.len();
        self.box_names(diagram);
        let ends = diagram.ends();
        let exposed: BTreeSet<&Label> = diagram.outer.values().collect();
        for (name, junction) in &diagram.junctions {
            self.junction(name, junction, ends.get(name).map_or(0, Vec::len), exposed.contains(name));
        }
        for (port, junction) in &diagram.outer {
            self.named("outer port", port);
            if !diagram.junctions.contains_key(junction) {
                let by = End::Outer { of: self.path.clone(), port: port.clone() };
                self.fault(Fault::NoSuchJunction { by, junction: junction.clone() });
            }
        }
        for (name, of) in &diagram.boxes {
            self.wires(name, of, &diagram.junctions);
            match &of.inside {
                Inside::Open => {
                    let name = self.outside(name);
                    self.found.warnings.push(Warning::Open { name });
                }
                Inside::Problem(problem) => self.problem(name, problem),
                Inside::Diagram(inner) => self.inner(name, inner),
            }
        }
    }

    fn inner(&mut self, name: &Label, inner: &Diagram) {
        let path = self.outside(name);
        Reviewer { path, depth: self.depth + 1, found: self.found, count: self.count }.diagram(inner);
    }

    fn named(&mut self, what: &'static str, name: &Label) {
        if name.is_empty() {
            self.fault(Fault::NoName { what });
        }
    }

    /// In the order of names a box comes right before those that would lie inside it, but for names that have a smaller
    /// character than `.` there, and labels have none.
    fn box_names(&mut self, diagram: &Diagram) {
        let names: Vec<&Label> = diagram.boxes.keys().collect();
        for pair in names.windows(2) {
            if pair[0].holds(pair[1]) {
                let (outer, inner) = (self.outside(pair[0]), self.outside(pair[1]));
                self.fault(Fault::NameInside { outer, inner });
            }
        }
    }

    fn junction(&mut self, name: &Label, junction: &DiagramJunction, ends: usize, exposed: bool) {
        self.named("junction", name);
        let DiagramJunction { kind, width, totals } = junction;
        if let Some(fault) = Fault::width(*width as usize).or(Fault::parts(totals.len())) {
            self.fault(fault);
        }
        let fits = |length: usize| *kind != JunctionKind::Consensus && length == *width as usize;
        if let Some(wrong) = totals.iter().find(|part| !fits(part.len())) {
            let (kind, width, length) = (*kind, *width, wrong.len());
            let junction = self.outside(name);
            self.fault(Fault::Total { junction, kind, width, length });
        }
        if ends == 0 {
            let junction = self.outside(name);
            self.fault(Fault::Idle { junction });
        }
        if ends == 1 && !exposed && *kind == JunctionKind::Consensus {
            let junction = self.outside(name);
            self.found.warnings.push(Warning::Alone { junction });
        }
    }

    fn wires(&mut self, name: &Label, of: &DiagramBox, junctions: &BTreeMap<Label, DiagramJunction>) {
        for (port, at) in &of.wires {
            self.named("port", port);
            let end = self.end(name, port);
            let Some(junction) = junctions.get(at) else {
                self.fault(Fault::NoSuchJunction { by: end, junction: at.clone() });
                continue;
            };
            match &of.inside {
                Inside::Open => {}
                Inside::Problem(problem) => match problem.ports.get(port) {
                    None => self.fault(Fault::NoSuchPort { end }),
                    Some(shared) if shared.width() != junction.width as usize => {
                        let port = u32::try_from(shared.width()).unwrap_or(u32::MAX);
                        self.fault(Fault::Width { end, port, junction: at.clone(), width: junction.width });
                    }
                    Some(_) => {}
                },
                Inside::Diagram(inner) => match inner.outer.get(port) {
                    None => self.fault(Fault::NoSuchPort { end }),
                    // That it does not exist is said where the inner diagram is gone through.
                    Some(exposed) => {
                        if let Some(inside) = inner.junctions.get(exposed) {
                            self.found.faults.extend(inside.mismatch(end, at, junction));
                        }
                    }
                },
            }
        }
        let ports: Vec<&Label> = match &of.inside {
            Inside::Open => Vec::new(),
            Inside::Problem(problem) => problem.ports.keys().collect(),
            Inside::Diagram(inner) => inner.outer.keys().collect(),
        };
        for port in ports.into_iter().filter(|port| !of.wires.contains_key(*port)) {
            let end = self.end(name, port);
            self.fault(Fault::Unwired { end });
        }
    }

    fn problem(&mut self, name: &Label, open: &OpenProblem) {
        let name = self.outside(name);
        let sizes = [open.problem.variables.len(), open.problem.rows.len(), open.ports.len()];
        if let Some(fault) = sizes.into_iter().find_map(Fault::values) {
            return self.fault(fault);
        }
        if let Err(fault) = sound(open) {
            self.fault(Fault::Problem { name, fault });
        }
    }
}

impl DiagramJunction {
    /// Why this junction, exposed by `end`, cannot merge with `other`, to which that end is wired.
    pub(super) fn mismatch(&self, end: End, name: &Label, other: &Self) -> Option<Fault> {
        let junction = name.clone();
        if self.width != other.width {
            return Some(Fault::Width { end, port: self.width, junction, width: other.width });
        }
        (self.kind != other.kind).then_some(Fault::Kind { end, inside: self.kind, junction, outside: other.kind })
    }
}

/// Whether a problem and its ports fit together.
fn sound(open: &OpenProblem) -> Result<(), ProblemFault> {
    let LocalProblem { variables, objective, rows, ports, .. } = &open.problem;
    let count = variables.len();
    if objective.linear.len() != count {
        return Err(ProblemFault::Length { length: objective.linear.len(), variables: count });
    }
    for (place, variable) in variables.iter().enumerate() {
        ordered("variable", place, variable.lower.value(), variable.upper.value())?;
    }
    let mut places = BTreeSet::new();
    for (place, (row, column, _)) in objective.quadratic.iter().enumerate() {
        known("quadratic entry", place, *column, count)?;
        if row > column || !places.insert((row, column)) {
            return Err(ProblemFault::Repeated { what: "quadratic entry", place, variable: *row });
        }
    }
    for (place, row) in rows.iter().enumerate() {
        sum("row", place, &row.terms, count)?;
        ordered("row", place, row.lower.value(), row.upper.value())?;
    }
    for (place, port) in open.ports.values().enumerate() {
        port.forms.iter().try_for_each(|form| sum("port", place, form, count))?;
    }
    for (place, port) in ports.iter().enumerate() {
        port.flow.iter().flatten().try_for_each(|variable| known("edge", place, *variable, count))?;
    }
    Ok(())
}

fn ordered(what: &'static str, place: usize, lower: f64, upper: f64) -> Result<(), ProblemFault> {
    if lower > upper { Err(ProblemFault::Crossed { what, place, lower, upper }) } else { Ok(()) }
}

fn known(what: &'static str, place: usize, variable: u32, variables: usize) -> Result<(), ProblemFault> {
    let known = (variable as usize) < variables;
    if known { Ok(()) } else { Err(ProblemFault::NoSuchVariable { what, place, variable, variables }) }
}

fn sum(what: &'static str, place: usize, terms: &[Term], variables: usize) -> Result<(), ProblemFault> {
    let mut seen = BTreeSet::new();
    for (variable, _) in terms {
        known(what, place, *variable, variables)?;
        if !seen.insert(*variable) {
            return Err(ProblemFault::Repeated { what, place, variable: *variable });
        }
    }
    Ok(())
}
