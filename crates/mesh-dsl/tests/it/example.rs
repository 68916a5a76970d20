//! The example in docs/diagrams.md is what it claims to be.

use mesh_dsl::{Document, Summary, check, write_json};

const PAGE: &str = include_str!("../../../../docs/diagrams.md");

/// What stands between the first fence of `language` and its end.
fn fenced<'a>(page: &'a str, language: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("the page has an example");
    rest.split_once("\n```").expect("the example ends").0
}

#[test]
fn the_example_is_a_sound_document_as_it_would_be_written() {
    let example = fenced(PAGE, "json");
    let (reading, summary) = check(example.as_bytes());
    assert_eq!(reading.diagnostics, []);
    let document = reading.accepted().expect("nothing is wrong");
    assert_eq!(write_json(document).trim_end(), example);
    let summary = summary.expect("it is sound");
    assert_eq!((summary.problems, summary.open, summary.outer), (3, 0, 1));
    assert!(PAGE.contains(&summary.document.to_string()), "the page says {}", summary.document);
    assert!(PAGE.contains(&summary.canonical.to_string()), "the page says {}", summary.canonical);
    let flat = Document::of(document.diagram.flattened().expect("it is sound"));
    let names: Vec<&str> = flat.diagram.boxes.keys().map(mesh_model::diagram::Label::as_str).collect();
    assert_eq!(names, ["habitat", "rovers.one", "rovers.two"]);
    assert_eq!(Summary::of(&flat).expect("it is sound").canonical, summary.canonical);
}
