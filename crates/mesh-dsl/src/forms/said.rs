//! The document, what was said and what was agreed.

use super::Form;
use super::reader::{Part, Reader};
use super::record::{Fields, record};
use crate::DOCUMENT_VERSION;
use crate::diagnostic::What;
use crate::document::{Document, Morphism, Said};
use crate::json::{Json, Tree, Value};
use mesh_model::plan::{Attestation, EdgeAgreement};
use mesh_model::{DualVariables, Edge, PlanDelta, SharedVariables, rounds::Epoch};

impl Form for Document {
    fn tree(&self) -> Tree {
        let Self { diagram, said, deltas } = self;
        Tree::Object(vec![
            ("cosmosmesh_ir".to_owned(), DOCUMENT_VERSION.tree()),
            ("diagram".to_owned(), diagram.tree()),
            ("said".to_owned(), said.tree()),
            ("deltas".to_owned(), deltas.tree()),
        ])
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        // The version first: what another version holds is not for this software to judge.
        if let Value::Object(fields) = &json.value
            && let Some((_, stated)) = fields.iter().find(|(key, _)| key.text == "cosmosmesh_ir")
        {
            let version = u64::read(stated, reader)?;
            if version != u64::from(DOCUMENT_VERSION) {
                return reader.wrong(stated.at, What::Version { version });
            }
        }
        let fields = Fields::open(json, reader, "a document", &["cosmosmesh_ir", "diagram", "said", "deltas"])?;
        let version = fields.take::<u32>(reader, "cosmosmesh_ir");
        let diagram = fields.take(reader, "diagram");
        let said = fields.take_or_empty(reader, "said");
        let deltas = fields.take_or_empty(reader, "deltas");
        version?;
        Some(Self { diagram: diagram?, said: said?, deltas: deltas? })
    }
}

impl Form for Morphism {
    fn tree(&self) -> Tree {
        let Self { of, port, said } = self;
        let said = match said {
            Said::Shared(shared) => ("shared".to_owned(), shared.tree()),
            Said::Dual(dual) => ("dual".to_owned(), dual.tree()),
        };
        Tree::Object(vec![("box".to_owned(), of.tree()), ("port".to_owned(), port.tree()), said])
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let fields = Fields::open(json, reader, "what was said", &["box", "port", "shared", "dual"])?;
        let of = fields.take(reader, "box");
        let port = fields.take(reader, "port");
        let said = match (fields.json("shared"), fields.json("dual")) {
            (Some(shared), None) => SharedVariables::read(shared, reader).map(Said::Shared),
            (None, Some(dual)) => DualVariables::read(dual, reader).map(Said::Dual),
            _ => reader.unexpected(json, "either `shared` or `dual`"),
        };
        let morphism = Self { of: of?, port: port?, said: said? };
        reader.keep(Part::Said(morphism.of.clone(), morphism.port.clone()), json.at);
        Some(morphism)
    }
}

impl Form for PlanDelta {
    fn tree(&self) -> Tree {
        let Self { epoch, round, window, agreements, attestation, sent } = self;
        Tree::Object(vec![
            ("epoch".to_owned(), epoch.tree()),
            ("round".to_owned(), round.tree()),
            ("window".to_owned(), window.tree()),
            ("agreements".to_owned(), agreements.tree()),
            ("attestation".to_owned(), attestation.tree()),
            ("sent".to_owned(), sent.tree()),
        ])
    }

    fn read(json: &Json, reader: &mut Reader<'_>) -> Option<Self> {
        let known = &["epoch", "round", "window", "agreements", "attestation", "sent"];
        let fields = Fields::open(json, reader, "a plan delta", known)?;
        let epoch = fields.take(reader, "epoch");
        let round = fields.take(reader, "round");
        let window = fields.take(reader, "window");
        let agreements = fields.take(reader, "agreements");
        let attestation: Option<Attestation> = fields.take(reader, "attestation");
        let sent = fields.take(reader, "sent");
        let attestation = attestation?;
        reader.keep(Part::Delta(attestation.asset.to_string()), json.at);
        Some(Self { epoch: epoch?, round: round?, window: window?, agreements: agreements?, attestation, sent: sent? })
    }
}

record!(Epoch, "an epoch", plan => "plan", number => "number", opener => "opener");
record!(Edge, "an edge", junction => "junction", source => "source", sink => "sink");
record!(SharedVariables, "shared variables",
    epoch => "epoch", edge => "edge", lower => "lower", upper => "upper", weight => "weight",
    awaits => "awaits");
record!(DualVariables, "dual variables",
    epoch => "epoch", edge => "edge", round => "round", weight => "weight", reflected => "reflected",
    offered => "offered", rescale => "rescale", awaits => "awaits");
record!(EdgeAgreement, "an agreement", edge => "edge", flow => "flow", price => "price");
record!(Attestation, "an attestation", asset => "asset", problem => "problem", upper => "upper", lower => "lower");
