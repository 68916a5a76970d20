//! Open problems, wired: an undirected wiring diagram whose boxes hold problems and whose junctions hold what they share.
//!
//! A box has named ports; a port is a vector of linear forms of the variables inside. Every port is wired to one
//! junction, and all ports at a junction agree on something: that they are equal (consensus), what they add up to
//! (exchange) or what they add up to at most (budget). A diagram is itself open: each of its outer ports exposes one of
//! its junctions, so that it can be put into a box of another diagram. That is the one way of composing
//! ([`compose`]); what it does to junctions is said there. See "A Compositional Framework for First-Order Optimization"
//! (arXiv 2403.05711) for the algebra.
//!
//! Nothing here solves anything, and nobody in a fleet needs a whole diagram: each member holds its own box.

mod check;
mod codec;
mod compose;
mod composite;
mod fault;
mod label;
mod merge;
mod mission;

pub use compose::{Interface, PortType, compose};
pub use composite::{Composite, composite};
pub use fault::{End, Fault, ProblemFault, Review, Warning};
pub use label::{LABEL_LENGTH_MAX, Label, LabelError};

use crate::problem::{LocalProblem, Term};
use crate::{AssetId, Real};
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;
use std::fmt;

/// The version of diagrams that this software reads and writes.
pub const DIAGRAM_VERSION: u32 = 1;
/// Most boxes in boxes in boxes.
pub const DEPTH_MAX: usize = 16;
/// Most boxes of a diagram, those inside boxes included.
pub const BOXES_MAX: usize = 20_000;
/// Most junctions of a diagram, those inside boxes included.
pub const JUNCTIONS_MAX: usize = 100_000;
/// Most numbers that are shared at one junction.
pub const WIDTH_MAX: usize = 4_096;
/// Most parts of one total.
pub const PARTS_MAX: usize = 4_096;
/// Most variables, rows or ports of one problem.
pub const VALUES_MAX: usize = 100_000;

/// A wiring diagram. Names tell boxes, junctions and ports apart, so no order has a meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagram {
    /// [`DIAGRAM_VERSION`].
    pub version: u32,
    /// The boxes. No name is the beginning of another, word by word; the empty name is for a box that is alone.
    pub boxes: BTreeMap<Label, DiagramBox>,
    /// Where the boxes meet. The names are for people: what a junction is, is told by what is wired to it.
    pub junctions: BTreeMap<Label, DiagramJunction>,
    /// The outer ports, each with the junction that it exposes.
    pub outer: BTreeMap<Label, Label>,
}

/// A box and its wires.
#[derive(Debug, Clone, PartialEq)]
pub struct DiagramBox {
    /// What is in it.
    pub inside: Inside,
    /// Each port with the junction that it is wired to. An open box has exactly these ports.
    pub wires: BTreeMap<Label, Label>,
}

/// What a box holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Inside {
    /// Nothing yet.
    Open,
    /// A problem.
    Problem(Box<OpenProblem>),
    /// Another diagram, whose outer ports are the box's ports.
    Diagram(Box<Diagram>),
}

/// A problem that only its owner knows, and what of it is shared.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct OpenProblem {
    /// The problem; its hash is the one that certificates name. Its own `ports` tie it to a mission's edges and say
    /// nothing about the diagram.
    pub problem: LocalProblem,
    /// The ports.
    pub ports: BTreeMap<Label, OpenPort>,
}

/// A vector of linear forms of a problem's variables.
#[derive(Debug, Clone, Default, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct OpenPort {
    /// The forms, each variable at most once in each; a form without terms is zero.
    pub forms: Vec<Vec<Term>>,
}

/// Where ports meet.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct DiagramJunction {
    /// What is agreed on.
    pub kind: JunctionKind,
    /// How many numbers each port shares here.
    pub width: u32,
    /// What the shares add up to, in parts that are added number by number; no parts mean zero. A consensus has none.
    /// When junctions merge each brings its parts, because the sum of rounded sums would depend on who merged first.
    pub totals: Vec<Vec<Real>>,
}

/// What ports agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum JunctionKind {
    /// All shares are equal.
    Consensus,
    /// The shares add up to the total.
    Exchange,
    /// The shares add up to the total at most.
    Budget,
}

impl Diagram {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { version: DIAGRAM_VERSION, boxes: BTreeMap::new(), junctions: BTreeMap::new(), outer: BTreeMap::new() }
    }

    /// A box without wires.
    pub fn add_box(&mut self, name: Label, inside: Inside) -> Result<(), Fault> {
        if self.boxes.contains_key(&name) {
            return Err(Fault::DuplicateName { what: "boxes", name });
        }
        self.boxes.insert(name, DiagramBox { inside, wires: BTreeMap::new() });
        Ok(())
    }

    /// A junction without wires.
    pub fn add_junction(&mut self, name: Label, junction: DiagramJunction) -> Result<(), Fault> {
        if self.junctions.contains_key(&name) {
            return Err(Fault::DuplicateName { what: "junctions", name });
        }
        self.junctions.insert(name, junction);
        Ok(())
    }

    /// A wire from a port to a junction. Whether the two have one width is left to [`Diagram::review`].
    pub fn wire(&mut self, name: &Label, port: Label, junction: Label) -> Result<(), Fault> {
        let Some(of) = self.boxes.get_mut(name) else { return Err(Fault::NoSuchBox { name: name.clone() }) };
        let end = || End::Port { of: name.clone(), port: port.clone() };
        if !self.junctions.contains_key(&junction) {
            return Err(Fault::NoSuchJunction { by: end(), junction });
        }
        if let Some(first) = of.wires.get(&port) {
            return Err(Fault::WiredTwice { end: end(), first: first.clone(), second: junction });
        }
        of.wires.insert(port, junction);
        Ok(())
    }

    /// An outer port that exposes a junction.
    pub fn expose(&mut self, port: Label, junction: Label) -> Result<(), Fault> {
        if !self.junctions.contains_key(&junction) {
            return Err(Fault::NoSuchJunction { by: End::Outer { of: Label::default(), port }, junction });
        }
        if self.outer.contains_key(&port) {
            return Err(Fault::DuplicateName { what: "outer ports", name: port });
        }
        self.outer.insert(port, junction);
        Ok(())
    }

    /// What is wired to each junction: box and port, in order.
    pub fn ends(&self) -> BTreeMap<&Label, Vec<(&Label, &Label)>> {
        let mut ends: BTreeMap<&Label, Vec<(&Label, &Label)>> =
            self.junctions.keys().map(|junction| (junction, Vec::new())).collect();
        for (name, of) in &self.boxes {
            of.wires.iter().for_each(|(port, junction)| ends.entry(junction).or_default().push((name, port)));
        }
        ends
    }
}

impl Default for Diagram {
    fn default() -> Self {
        Self::new()
    }
}

impl DiagramBox {
    /// The problem, if there is one.
    pub fn problem(&self) -> Option<&OpenProblem> {
        match &self.inside {
            Inside::Problem(problem) => Some(problem),
            Inside::Open | Inside::Diagram(_) => None,
        }
    }
}

impl OpenProblem {
    /// A problem with these ports.
    pub fn new(problem: LocalProblem, ports: BTreeMap<Label, OpenPort>) -> Self {
        Self { problem, ports }
    }

    /// Whose problem it is.
    pub fn asset(&self) -> &AssetId {
        &self.problem.asset
    }
}

impl OpenPort {
    /// How many numbers it shares.
    pub fn width(&self) -> usize {
        self.forms.len()
    }

    /// A port that shares single variables as they are.
    pub fn of_variables(variables: &[u32]) -> Self {
        Self { forms: variables.iter().map(|variable| vec![(*variable, Real::ONE)]).collect() }
    }
}

impl DiagramJunction {
    /// All shares are equal.
    pub fn consensus(width: u32) -> Self {
        Self { kind: JunctionKind::Consensus, width, totals: Vec::new() }
    }

    /// The shares add up to `total`.
    pub fn exchange(total: Vec<Real>) -> Self {
        Self { kind: JunctionKind::Exchange, width: width_of(&total), totals: vec![total] }
    }

    /// The shares add up to `total` at most.
    pub fn budget(total: Vec<Real>) -> Self {
        Self { kind: JunctionKind::Budget, width: width_of(&total), totals: vec![total] }
    }

    /// Number `component` of the total, added up in ascending order whatever the order of the parts.
    pub fn total(&self, component: usize) -> f64 {
        let mut parts: Vec<f64> =
            self.totals.iter().filter_map(|part| part.get(component)).map(|r| r.value()).collect();
        parts.sort_by(f64::total_cmp);
        parts.into_iter().fold(0.0, |sum, part| sum + part)
    }
}

/// A vector that is too long is refused by its width later.
fn width_of(total: &[Real]) -> u32 {
    u32::try_from(total.len()).unwrap_or(u32::MAX)
}

impl fmt::Display for JunctionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consensus => "consensus",
            Self::Exchange => "exchange",
            Self::Budget => "budget",
        })
    }
}
