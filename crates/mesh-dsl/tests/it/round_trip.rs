//! Property: a document survives both of its forms.

use crate::generate::{self, Numbers, label, real};
use mesh_dsl::{Document, Format, Morphism, Said, Summary, read, write_binary, write_json};
use mesh_model::diagram::{Diagram, Label};
use mesh_model::plan::{Attestation, EdgeAgreement};
use mesh_model::problem::Window;
use mesh_model::rounds::Epoch;
use mesh_model::{
    AssetId, Canonical, DualVariables, Edge, Hash, JunctionId, MissionTime, PlanDelta, Real, SharedVariables,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Numbers of every size, and those that are hard to write.
fn odd(numbers: &mut Numbers) -> Real {
    const HARD: [f64; 8] = [0.1, 1e15, 1e22, -5e-324, f64::MAX, f64::MIN_POSITIVE, 9_007_199_254_740_993.0, -0.0];
    match numbers.below(3) {
        0 => real(HARD[numbers.below(HARD.len())]),
        1 => real(numbers.signed()),
        _ => Real::new(f64::from_bits(numbers.bits())).unwrap_or(Real::ONE),
    }
}

fn odds(numbers: &mut Numbers, count: usize) -> Vec<Real> {
    (0..count).map(|_| odd(numbers)).collect()
}

fn asset(numbers: &mut Numbers) -> AssetId {
    AssetId::new(["rover", "habitat", "relay_2"][numbers.below(3)]).expect("a good name")
}

fn edge(numbers: &mut Numbers) -> Edge {
    let junction = JunctionId::new("bus").expect("a good name");
    Edge { junction, source: asset(numbers), sink: asset(numbers) }
}

fn epoch(numbers: &mut Numbers) -> Epoch {
    Epoch { plan: numbers.bits(), number: numbers.bits() as u32, opener: asset(numbers) }
}

fn said(numbers: &mut Numbers, width: usize) -> Said {
    let awaits = numbers.below(2) == 0;
    if numbers.below(2) == 0 {
        let (lower, upper) = (odds(numbers, width), odds(numbers, width));
        let (epoch, edge, weight) = (epoch(numbers), edge(numbers), odd(numbers));
        return Said::Shared(SharedVariables { epoch, edge, lower, upper, weight, awaits });
    }
    let offered = if numbers.below(2) == 0 { Vec::new() } else { odds(numbers, width) };
    let (epoch, edge, reflected) = (epoch(numbers), edge(numbers), odds(numbers, width));
    let (round, weight, rescale) = (numbers.bits() as u32, numbers.bits() as u32, numbers.bits() as i8);
    Said::Dual(DualVariables { epoch, edge, round, weight, reflected, offered, rescale, awaits })
}

fn delta(numbers: &mut Numbers, asset: AssetId, problem: Hash) -> PlanDelta {
    let agreement = EdgeAgreement { edge: edge(numbers), flow: odds(numbers, 3), price: odds(numbers, 2) };
    PlanDelta {
        epoch: epoch(numbers),
        round: numbers.bits() as u32,
        window: Window { start: MissionTime::from_ns(numbers.bits()), step_s: 7, steps: u16::MAX },
        agreements: vec![agreement],
        attestation: Attestation { asset, problem, upper: odd(numbers), lower: odd(numbers) },
        sent: Hash::of(&numbers.bits().to_le_bytes()),
    }
}

/// A sound document with everything that there can be in it.
pub fn document(seed: u64) -> Document {
    let mut numbers = Numbers(seed);
    let interface = generate::interface(&mut numbers, 3);
    let mut diagram = generate::nested(&mut numbers, &interface, 2);
    let texts = ["x", "\"\\\u{7}\n\t", "Ärger 🚀", "", "a/b:c"];
    for of in diagram.boxes.values_mut() {
        if let mesh_model::diagram::Inside::Problem(open) = &mut of.inside {
            open.problem.domain = texts[numbers.below(texts.len())].to_owned();
            open.problem.objective.linear.iter_mut().for_each(|value| *value = odd(&mut numbers));
            open.problem.variables[0].name = texts[numbers.below(texts.len())].to_owned();
            let flow = vec![None, Some(1), Some(0)];
            open.problem.ports.push(mesh_model::Port { edge: edge(&mut numbers), flow });
        }
    }
    let flat = diagram.flattened().expect("sound");
    let mut document = Document::of(diagram);
    for (name, of) in flat.boxes.iter().take(3) {
        let open = of.problem().expect("all boxes are filled");
        for (port, shared) in &open.ports {
            let said = said(&mut numbers, shared.width());
            document.said.push(Morphism { of: name.clone(), port: port.clone(), said });
        }
        document.deltas.push(delta(&mut numbers, open.asset().clone(), open.problem.hash()));
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_document_survives_both_forms(seed: u64) {
        let document = document(seed);
        let json = read(write_json(&document).as_bytes());
        prop_assert_eq!(json.accepted(), Some(&document), "{:?}", json.diagnostics);
        let binary = read(&write_binary(&document));
        prop_assert_eq!(binary.accepted(), Some(&document), "{:?}", binary.diagnostics);
        prop_assert_eq!((json.format, binary.format), (Format::Json, Format::Binary));
        prop_assert_eq!(write_json(binary.accepted().expect("accepted")), write_json(&document));
        prop_assert_eq!(write_binary(json.accepted().expect("accepted")), write_binary(&document));
    }

    #[test]
    fn the_text_is_json_as_others_know_it_whatever_the_order_of_fields_and_blanks(seed: u64) {
        let document = document(seed);
        let text = write_json(&document);
        // Another reader and writer: fields sorted by name, no line breaks, other digits of the same numbers.
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let other = read(serde_json::to_string(&value).expect("it is written").as_bytes());
        prop_assert_eq!(other.accepted(), Some(&document), "{:?}", other.diagnostics);
        prop_assert_eq!(other.accepted().expect("accepted").hash(), document.hash());
    }

    #[test]
    fn boxes_in_boxes_have_another_hash_and_the_same_canonical_one(seed: u64) {
        let nested = Document::of(generate::nested(&mut Numbers(seed), &BTreeMap::new(), 2));
        let flat = Document::of(nested.diagram.flattened().expect("sound"));
        let (one, other) = (Summary::of(&nested).expect("sound"), Summary::of(&flat).expect("sound"));
        prop_assert_eq!(one.document == other.document, nested == flat);
        prop_assert_eq!(Summary { document: one.document, ..other }, one);
    }
}

#[test]
fn an_open_box_and_the_box_without_a_name_survive_as_well() {
    let mut numbers = Numbers(3);
    let interface = generate::interface(&mut numbers, 3);
    for diagram in [Diagram::identity(&interface), generate::diagram(&mut numbers, &interface, 2), Diagram::new()] {
        let document = Document::of(diagram);
        assert_eq!(read(write_json(&document).as_bytes()).accepted(), Some(&document));
        assert_eq!(read(&write_binary(&document)).accepted(), Some(&document));
    }
    assert_eq!(Label::default(), label(""));
}
