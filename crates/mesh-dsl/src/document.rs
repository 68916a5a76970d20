//! What a document holds.

use borsh::{BorshDeserialize, BorshSerialize};
use mesh_model::diagram::{DiagramBox, Inside, Label};
use mesh_model::{Diagram, DualVariables, Hash, PlanDelta, SharedVariables};

/// A diagram with what went over its wires and what came of it.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Document {
    /// Who solves what, and where it meets.
    pub diagram: Diagram,
    /// What was said over wires, in the order in which it was.
    pub said: Vec<Morphism>,
    /// What was agreed, in the order in which it was.
    pub deltas: Vec<PlanDelta>,
}

/// What one box said over one of its wires.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Morphism {
    /// The box; a box in a box is `outer.inner`.
    pub of: Label,
    /// The port.
    pub port: Label,
    /// What was said.
    pub said: Said,
}

/// The two kinds of things that are said over wires.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Said {
    /// The range of values that this end can take.
    Shared(SharedVariables),
    /// One round of the negotiation.
    Dual(DualVariables),
}

impl Document {
    /// A diagram, before anything was said.
    pub fn of(diagram: Diagram) -> Self {
        Self { diagram, said: Vec::new(), deltas: Vec::new() }
    }

    /// SHA-256 of the binary form.
    pub fn hash(&self) -> Hash {
        Hash::of(&crate::write_binary(self))
    }

    /// The box called `name` as it is called from outside.
    pub(crate) fn find(&self, name: &Label) -> Option<&DiagramBox> {
        let mut diagram = &self.diagram;
        let mut name = name.clone();
        loop {
            let (outer, of) = diagram.boxes.iter().find(|(outer, _)| outer.holds(&name))?;
            let inner = outer.rest(&name)?;
            match &of.inside {
                Inside::Diagram(nested) => diagram = nested,
                Inside::Open | Inside::Problem(_) => return inner.is_empty().then_some(of),
            }
            name = inner;
        }
    }
}
