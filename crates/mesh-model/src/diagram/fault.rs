//! What can be wrong with a diagram, and what is merely odd.

use super::label::{Label, LabelError};
use super::{BOXES_MAX, DEPTH_MAX, DIAGRAM_VERSION, JUNCTIONS_MAX, JunctionKind, PARTS_MAX, VALUES_MAX, WIDTH_MAX};

/// Why a diagram means nothing, or two do not fit together: the fault of whoever wrote them. Labels are seen from the
/// diagram that was checked; a box inside a box is `outer.inner`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Written for other software.
    #[error("version {version} of diagrams, where {DIAGRAM_VERSION} is known")]
    Version {
        /// The version that it names.
        version: u32,
    },
    /// A name is given twice.
    #[error("there are two {what} called `{name}`")]
    DuplicateName {
        /// `boxes`, `junctions`, `ports` or `outer ports`.
        what: &'static str,
        /// The name.
        name: Label,
    },
    /// A name is empty where only that of a lone box may be.
    #[error("a {what} has an empty name")]
    NoName {
        /// `junction`, `port` or `outer port`.
        what: &'static str,
    },
    /// A box stands where by its name it would be inside another.
    #[error("by its name, box `{inner}` lies inside box `{outer}`")]
    NameInside {
        /// The shorter name.
        outer: Label,
        /// The longer one.
        inner: Label,
    },
    /// A name became too long.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A wire or a filling names a box that does not exist.
    #[error("there is no box `{name}`")]
    NoSuchBox {
        /// The name.
        name: Label,
    },
    /// A wire or an outer port names a junction that does not exist.
    #[error("{by} is wired to junction `{junction}`, which does not exist")]
    NoSuchJunction {
        /// What is wired to it.
        by: End,
        /// The name.
        junction: Label,
    },
    /// A wire begins at a port that its box does not have.
    #[error("{end} is wired, but the box has no such port")]
    NoSuchPort {
        /// The port.
        end: End,
    },
    /// A port is wired to nothing.
    #[error("{end} is not wired to any junction")]
    Unwired {
        /// The port.
        end: End,
    },
    /// A port is wired a second time.
    #[error("{end} is wired to `{first}` already, and again to `{second}`")]
    WiredTwice {
        /// The port.
        end: End,
        /// The first junction.
        first: Label,
        /// The second one.
        second: Label,
    },
    /// Nothing is wired to a junction.
    #[error("nothing is wired to junction `{junction}`")]
    Idle {
        /// The junction.
        junction: Label,
    },
    /// A port is wired to a junction of another width.
    #[error("{end} has width {port}, and junction `{junction}`, to which it is wired, has {width}")]
    Width {
        /// The port.
        end: End,
        /// Its width.
        port: u32,
        /// The junction.
        junction: Label,
        /// The junction's width.
        width: u32,
    },
    /// What a box exposes and what it is wired to are junctions of different kinds. They do not merge: what would a sum
    /// be that is equal to its parts?
    #[error("{end} exposes a junction of kind {inside} to junction `{junction}` of kind {outside}")]
    Kind {
        /// The port.
        end: End,
        /// The kind inside the box.
        inside: JunctionKind,
        /// The junction outside.
        junction: Label,
        /// Its kind.
        outside: JunctionKind,
    },
    /// A total that no junction of its kind and width can have.
    #[error("junction `{junction}` of kind {kind} and width {width} has a total of {length} numbers")]
    Total {
        /// The junction.
        junction: Label,
        /// Its kind.
        kind: JunctionKind,
        /// Its width.
        width: u32,
        /// The length of the part of the total that does not fit.
        length: usize,
    },
    /// Something is to be put into a box that holds something already.
    #[error("box `{name}` is not open: it holds a {holds}")]
    Occupied {
        /// The box.
        name: Label,
        /// `problem` or `diagram`.
        holds: &'static str,
    },
    /// A diagram is to be solved, and one of its boxes is open.
    #[error("box `{name}` is open: nothing is inside")]
    Open {
        /// The box.
        name: Label,
    },
    /// A problem contradicts itself.
    #[error("the problem in box `{name}`: {fault}")]
    Problem {
        /// The box.
        name: Label,
        /// What is wrong.
        fault: ProblemFault,
    },
    /// Numbers whose sum is none.
    #[error("the {what} add up to more than a number can hold")]
    Overflow {
        /// Which numbers.
        what: &'static str,
    },
    /// More of something than is dealt with.
    #[error("{count} {what} are more than the limit of {limit}")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// What is wrong with a problem, whoever is to solve it. Whether its cost is convex is the solver's question.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProblemFault {
    /// The linear cost has not one entry a variable.
    #[error("the linear cost has {length} entries for {variables} variables")]
    Length {
        /// Its entries.
        length: usize,
        /// The variables.
        variables: usize,
    },
    /// A term names a variable that does not exist.
    #[error("{what} {place} names variable {variable} of {variables}")]
    NoSuchVariable {
        /// `row`, `quadratic entry`, `port` or `edge`.
        what: &'static str,
        /// Which one.
        place: usize,
        /// The variable that is named.
        variable: u32,
        /// How many there are.
        variables: usize,
    },
    /// A variable stands twice in one sum, or a place of the quadratic cost is given twice or below the diagonal.
    #[error("{what} {place} gives variable {variable} twice or out of order")]
    Repeated {
        /// `row`, `quadratic entry` or `port`.
        what: &'static str,
        /// Which one.
        place: usize,
        /// The variable.
        variable: u32,
    },
    /// A lower bound above its upper bound.
    #[error("{what} {place} is at least {lower} and at most {upper}")]
    Crossed {
        /// `variable` or `row`.
        what: &'static str,
        /// Which one.
        place: usize,
        /// The lower bound.
        lower: f64,
        /// The upper bound.
        upper: f64,
    },
}

/// Odd, but it has a meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The diagram falls apart: no wire leads from some boxes to others.
    #[error("the diagram falls into {} parts that share nothing; they begin with {}", first.len(), names(first))]
    Disconnected {
        /// The first box of each part.
        first: Vec<Label>,
    },
    /// A consensus of one: it says nothing.
    #[error("junction `{junction}` is a consensus of one port with itself")]
    Alone {
        /// The junction.
        junction: Label,
    },
    /// A box is open: the diagram has a shape but no meaning yet.
    #[error("box `{name}` is open")]
    Open {
        /// The box.
        name: Label,
    },
    /// There are no boxes.
    #[error("the diagram has no boxes")]
    Empty,
}

/// Where a wire ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// At a port of a box.
    Port {
        /// The box.
        of: Label,
        /// The port.
        port: Label,
    },
    /// At an outer port of the diagram in question.
    Outer {
        /// The box that holds that diagram; empty for the diagram that was checked.
        of: Label,
        /// The outer port.
        port: Label,
    },
}

/// What [`super::Diagram::review`] found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Review {
    /// Everything that keeps the diagram from having a meaning.
    pub faults: Vec<Fault>,
    /// What is odd.
    pub warnings: Vec<Warning>,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port { of, port } => write!(f, "port `{port}` of box `{of}`"),
            Self::Outer { of, port } if of.is_empty() => write!(f, "outer port `{port}`"),
            Self::Outer { of, port } => write!(f, "outer port `{port}` of the diagram in box `{of}`"),
        }
    }
}

impl Fault {
    pub(super) fn depth() -> Self {
        Self::TooMany { what: "levels of boxes in boxes", count: DEPTH_MAX + 1, limit: DEPTH_MAX }
    }

    pub(super) fn boxes(count: usize) -> Option<Self> {
        too_many("boxes", count, BOXES_MAX)
    }

    pub(super) fn junctions(count: usize) -> Option<Self> {
        too_many("junctions", count, JUNCTIONS_MAX)
    }

    pub(super) fn width(count: usize) -> Option<Self> {
        too_many("numbers at one junction", count, WIDTH_MAX)
    }

    pub(super) fn parts(count: usize) -> Option<Self> {
        too_many("parts of one total", count, PARTS_MAX)
    }

    pub(super) fn values(count: usize) -> Option<Self> {
        too_many("variables, rows or ports of one problem", count, VALUES_MAX)
    }
}

fn too_many(what: &'static str, count: usize, limit: usize) -> Option<Fault> {
    (count > limit).then_some(Fault::TooMany { what, count, limit })
}

fn names(labels: &[Label]) -> String {
    let shown: Vec<String> = labels.iter().take(5).map(|label| format!("`{label}`")).collect();
    shown.join(", ")
}
