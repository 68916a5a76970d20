//! What a document means: whether its diagram is sound, whether what was said fits it, and how large it is.

use crate::diagnostic::What;
use crate::document::{Document, Morphism, Said};
use crate::{Reading, read};
use mesh_model::diagram::{DiagramBox, Inside};
use mesh_model::{Canonical, Hash};
use std::collections::BTreeMap;

/// What a document holds, in numbers. Boxes in boxes are counted one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The hash of the document.
    pub document: Hash,
    /// The hash of the diagram's canonical form: the same for all diagrams that say the same.
    pub canonical: Hash,
    /// Boxes with a problem.
    pub problems: usize,
    /// Boxes without anything.
    pub open: usize,
    /// Junctions after flattening.
    pub junctions: usize,
    /// Numbers that are shared: the widths of those junctions.
    pub shared: usize,
    /// Outer ports.
    pub outer: usize,
    /// Variables of all problems.
    pub variables: usize,
    /// Rows of all problems.
    pub rows: usize,
    /// Things that were said.
    pub said: usize,
    /// Plan deltas.
    pub deltas: usize,
}

/// Reads a document and counts what it holds; nothing is counted in one that is wrong.
pub fn check(bytes: &[u8]) -> (Reading, Option<Summary>) {
    let reading = read(bytes);
    let summary = reading.accepted().and_then(Summary::of);
    (reading, summary)
}

impl Summary {
    /// Of a document whose diagram is sound; nothing otherwise.
    pub fn of(document: &Document) -> Option<Self> {
        let canonical = document.diagram.canonical().ok()?;
        let problems: Vec<_> = canonical.boxes.values().filter_map(DiagramBox::problem).collect();
        Some(Self {
            document: document.hash(),
            canonical: canonical.hash(),
            problems: problems.len(),
            open: canonical.boxes.values().filter(|of| of.inside == Inside::Open).count(),
            junctions: canonical.junctions.len(),
            shared: canonical.junctions.values().map(|junction| junction.width as usize).sum(),
            outer: canonical.outer.len(),
            variables: problems.iter().map(|open| open.problem.variables.len()).sum(),
            rows: problems.iter().map(|open| open.problem.rows.len()).sum(),
            said: document.said.len(),
            deltas: document.deltas.len(),
        })
    }
}

/// Everything that is wrong or odd with what a document means.
pub(crate) fn found_in(document: &Document) -> Vec<What> {
    let review = document.diagram.review();
    let sound = review.faults.is_empty();
    let faults = review.faults.into_iter().map(What::Fault);
    let mut found: Vec<What> = faults.chain(review.warnings.into_iter().map(What::Warning)).collect();
    if sound {
        found.extend(document.said.iter().filter_map(|morphism| misfit(document, morphism)));
        found.extend(foreign_deltas(document));
    }
    found
}

/// Whether the wire exists and has as many numbers as were said.
fn misfit(document: &Document, morphism: &Morphism) -> Option<What> {
    let Morphism { of, port, said } = morphism;
    let open = document.find(of).and_then(DiagramBox::problem);
    let Some(shared) = open.and_then(|open| open.ports.get(port)) else {
        return Some(What::NoSuchWire { of: of.clone(), port: port.clone() });
    };
    let width = shared.width();
    let lengths = match said {
        Said::Shared(shared) => vec![shared.lower.len(), shared.upper.len()],
        // What is offered is empty in most rounds.
        Said::Dual(dual) if dual.offered.is_empty() => vec![dual.reflected.len()],
        Said::Dual(dual) => vec![dual.reflected.len(), dual.offered.len()],
    };
    let said = lengths.into_iter().find(|length| *length != width)?;
    Some(What::SaidWidth { of: of.clone(), port: port.clone(), width, said })
}

/// Deltas that rest on no problem, or on another one. A diagram may well be of another planning than they are.
fn foreign_deltas(document: &Document) -> Vec<What> {
    if document.deltas.is_empty() {
        return Vec::new();
    }
    let Ok(flat) = document.diagram.flattened() else { return Vec::new() };
    let problems = flat.boxes.values().filter_map(DiagramBox::problem);
    let hashes: BTreeMap<_, _> = problems.map(|open| (open.asset().clone(), open.problem.hash())).collect();
    let attested = document.deltas.iter().map(|delta| &delta.attestation);
    let foreign = attested.filter_map(|attestation| match hashes.get(&attestation.asset) {
        None => Some(What::DeltaOfNobody { asset: attestation.asset.clone() }),
        Some(hash) if *hash != attestation.problem => Some(What::DeltaOfAnother { asset: attestation.asset.clone() }),
        Some(_) => None,
    });
    foreign.collect()
}
