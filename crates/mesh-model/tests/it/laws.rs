//! What composing promises, for any diagrams.

use crate::generate::{self, Numbers, label};
use mesh_model::Canonical;
use mesh_model::diagram::{Diagram, Inside, Label, compose, composite};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A diagram with one open box, one with an open box for it, and one without for that.
fn three(seed: u64) -> [Diagram; 3] {
    let mut numbers = Numbers(seed);
    let interface = generate::interface(&mut numbers, 3);
    let a = generate::diagram(&mut numbers, &interface, 1);
    let b = generate::diagram(&mut numbers, &a.interface_of(&hole()).expect("a box"), 1);
    let c = generate::diagram(&mut numbers, &b.interface_of(&hole()).expect("a box"), 0);
    [a, b, c]
}

fn hole() -> Label {
    label("hole_0")
}

fn put(outer: &Diagram, name: &Label, inner: &Diagram) -> Diagram {
    compose(outer, &BTreeMap::from([(name.clone(), inner.clone())])).expect("the ports fit")
}

fn bytes(diagram: &Diagram) -> Vec<u8> {
    diagram.canonical().expect("sound").encode()
}

proptest! {
    #[test]
    fn it_does_not_matter_which_two_of_three_are_composed_first(seed: u64) {
        let [a, b, c] = three(seed);
        let outside_in = put(&put(&a, &hole(), &b), &hole().join(&hole()).expect("short"), &c);
        let inside_out = put(&a, &hole(), &put(&b, &hole(), &c));
        prop_assert_eq!(bytes(&outside_in), bytes(&inside_out));
    }

    #[test]
    fn the_identity_changes_nothing_on_either_side(seed: u64) {
        let [a, ..] = three(seed);
        prop_assert_eq!(bytes(&put(&Diagram::identity(&a.interface()), &Label::default(), &a)), bytes(&a));
        let inside = Diagram::identity(&a.interface_of(&hole()).expect("a box"));
        prop_assert_eq!(bytes(&put(&a, &hole(), &inside)), bytes(&a));
    }

    #[test]
    fn a_problem_in_the_unit_is_that_problem_in_the_box(seed: u64) {
        let whole = generate::nested(&mut Numbers(seed), &BTreeMap::new(), 0);
        let mut opened = whole.clone();
        let mut fillings = BTreeMap::new();
        for (name, of) in &mut opened.boxes {
            let kinds = of.wires.iter().map(|(port, at)| (port.clone(), whole.junctions[at].kind)).collect();
            let problem = of.problem().expect("nothing else is generated").clone();
            fillings.insert(name.clone(), Diagram::of_problem(problem, &kinds).expect("every port has a kind"));
            of.inside = Inside::Open;
        }
        prop_assert_eq!(compose(&opened, &fillings), Ok(whole));
    }

    #[test]
    fn boxes_are_filled_at_once_or_one_by_one(seed: u64) {
        let mut numbers = Numbers(seed);
        let interface = generate::interface(&mut numbers, 3);
        let outer = generate::diagram(&mut numbers, &interface, 2);
        let names = [label("hole_0"), label("hole_1")];
        let inner = names.clone().map(|name| {
            generate::diagram(&mut numbers, &outer.interface_of(&name).expect("a box"), 0)
        });
        let at_once = compose(&outer, &names.clone().into_iter().zip(inner.clone()).collect()).expect("the ports fit");
        let first_first = put(&put(&outer, &names[0], &inner[0]), &names[1], &inner[1]);
        let last_first = put(&put(&outer, &names[1], &inner[1]), &names[0], &inner[0]);
        prop_assert_eq!(bytes(&at_once), bytes(&first_first));
        prop_assert_eq!(bytes(&at_once), bytes(&last_first));
    }

    #[test]
    fn boxes_in_boxes_flatten_to_what_composing_gives(seed: u64) {
        let [a, b, c] = three(seed);
        let within = |outer: &Diagram, inner: Diagram| {
            let mut outer = outer.clone();
            outer.boxes.get_mut(&hole()).expect("a box").inside = Inside::Diagram(Box::new(inner));
            outer
        };
        let nested = within(&a, within(&b, c.clone()));
        prop_assert_eq!(bytes(&nested), bytes(&put(&a, &hole(), &put(&b, &hole(), &c))));
        let flat = nested.flattened().expect("sound");
        prop_assert_eq!(flat.flattened(), Ok(flat.clone()));
        prop_assert_eq!(bytes(&flat), bytes(&nested));
    }

    #[test]
    fn names_of_junctions_and_the_order_of_totals_mean_nothing(seed: u64) {
        let plain = generate::nested(&mut Numbers(seed), &BTreeMap::new(), 2);
        let mut other = plain.flattened().expect("sound");
        // Reversed, so that the order of names is another one as well.
        let count = other.junctions.len();
        let names: BTreeMap<Label, Label> = other.junctions.keys().enumerate()
            .map(|(place, name)| (name.clone(), label(&format!("other_{:04}", count - place)))).collect();
        other.junctions = other.junctions.into_iter().map(|(name, mut junction)| {
            junction.totals.reverse();
            (names[&name].clone(), junction)
        }).collect();
        other.boxes.values_mut().flat_map(|of| of.wires.values_mut()).for_each(|at| *at = names[at].clone());
        prop_assert_eq!(bytes(&other), bytes(&plain));
    }

    #[test]
    fn a_diagram_survives_its_bytes_and_its_canonical_form_is_its_own(seed: u64) {
        let nested = generate::nested(&mut Numbers(seed), &BTreeMap::new(), 2);
        prop_assert_eq!(Diagram::decode(&nested.encode()), Ok(nested.clone()));
        let canonical = nested.canonical().expect("sound");
        prop_assert_eq!(canonical.canonical(), Ok(canonical.clone()));
        prop_assert_eq!(nested.review().faults, vec![]);
    }

    #[test]
    fn other_names_of_boxes_give_the_same_composite_in_another_order(seed: u64) {
        let flat = generate::nested(&mut Numbers(seed), &BTreeMap::new(), 1).flattened().expect("sound");
        let mut other = flat.clone();
        let count = other.boxes.len();
        let renamed = |place: usize| label(&format!("renamed_{:04}", count - place));
        other.boxes = other.boxes.into_values().enumerate().map(|(place, of)| (renamed(place), of)).collect();
        let (one, two) = (composite(&flat).expect("closed"), composite(&other).expect("closed"));
        for (place, name) in flat.boxes.keys().enumerate() {
            let values: Vec<f64> = (0..one.problem.variables.len()).map(|i| i as f64).collect();
            let (mine, theirs) = (one.part(&values, name).expect("a box"), two.part(&values, &renamed(place)));
            prop_assert_eq!(mine.len(), theirs.expect("a box").len());
        }
        prop_assert_eq!(one.problem.rows.len(), two.problem.rows.len());
        prop_assert_eq!(one.problem.variables.len(), two.problem.variables.len());
    }
}
