//! What is wrong is found, where it is, and with what to do.

use mesh_dsl::{Place, Severity, What, read};
use mesh_model::diagram::{End, Fault, Label, Warning};

const SOUND: &str = r#"{
  "cosmosmesh_ir": 1,
  "diagram": {
    "version": 1,
    "boxes": {
      "a": {
        "problem": {
          "asset": "rover", "domain": "rover", "version": 1,
          "window": {"start_ns": 0, "step_s": 60, "steps": 1},
          "variables": [{"name": "x", "lower": 0, "upper": 1}],
          "objective": {"quadratic": [[0, 0, 1]], "linear": [0.5], "constant": 0},
          "rows": [],
          "edges": []
        },
        "ports": {"p": [[[0, 1]]]},
        "wires": {"p": "j"}
      },
      "b": {"wires": {"q": "j"}}
    },
    "junctions": {"j": {"kind": "consensus", "width": 1}},
    "outer": {}
  }
}"#;

fn label(text: &str) -> Label {
    Label::new(text).expect("a good label")
}

/// The sound document with `from` replaced by `to` has exactly one error, `what`, at line and column.
fn check(from: &str, to: &str, place: (u32, u32), what: impl FnOnce(&What) -> bool) {
    assert!(SOUND.contains(from), "{from}");
    let reading = read(SOUND.replacen(from, to, 1).as_bytes());
    let wrong: Vec<_> = reading.diagnostics.iter().filter(|one| one.severity() == Severity::Error).collect();
    assert!(reading.accepted().is_none(), "{to}");
    let [only] = wrong[..] else { unreachable!("{to}: {wrong:?}") };
    assert!(what(&only.what), "{to}: {only:?}");
    let Place::Text { line, column, .. } = only.place else { unreachable!("{to}: {only:?}") };
    assert_eq!((line, column), place, "{to}: {only}");
}

#[test]
fn the_document_is_sound_and_its_open_box_is_only_odd() {
    let reading = read(SOUND.as_bytes());
    assert!(reading.accepted().is_some());
    let [only] = &reading.diagnostics[..] else { unreachable!("{:?}", reading.diagnostics) };
    assert_eq!(only.what, What::Warning(Warning::Open { name: label("b") }));
    assert_eq!(only.place, Place::Text { line: 18, column: 7, length: 3 });
    assert_eq!(only.to_string(), "18:7: box `b` is open");
}

#[test]
fn text_that_is_not_json() {
    check("\"rows\": [],", "\"rows\": [,", (12, 20), |what| matches!(what, What::Syntax { expected: "a value", .. }));
    check("0.5", ".5", (11, 62), |what| matches!(what, What::Syntax { .. }));
    check("0.5", "0.", (11, 64), |what| matches!(what, What::Syntax { expected: "a digit", .. }));
    check("0.5", "NaN", (11, 62), |what| matches!(what, What::Syntax { .. }));
    check("\"b\": {", "\"a\": {", (18, 7), |what| matches!(what, What::DuplicateKey { key } if key == "a"));
    check("\"p\": [[[0, 1]]]", "\"p\": [], \"p\": []", (15, 28), |what| matches!(what, What::DuplicateKey { .. }));
    check("\"x\"", "\"\\ud800\"", (10, 37), |what| matches!(what, What::Syntax { .. }));
}

#[test]
fn versions_fields_and_values() {
    check("\"cosmosmesh_ir\": 1", "\"cosmosmesh_ir\": 2", (2, 20), |what| *what == What::Version { version: 2 });
    check("\"version\": 1,\n    \"boxes\"", "\"version\": 3,\n    \"boxes\"", (1, 1), |what| {
        *what == What::Fault(Fault::Version { version: 3 })
    });
    check("\"rows\": [],", "", (7, 20), |what| matches!(what, What::MissingField { field: "rows", .. }));
    check("\"edges\": []", "\"edges\": [], \"colour\": 3", (13, 24), |what| matches!(what, What::UnknownField { .. }));
    check("\"x\"", "7", (10, 34), |what| matches!(what, What::Kind { expected: "text", found: "a number" }));
    check("\"steps\": 1", "\"steps\": 70000", (9, 60), |what| matches!(what, What::Number { .. }));
    check("\"steps\": 1", "\"steps\": 1.5", (9, 60), |what| matches!(what, What::Number { .. }));
    check("0.5", "1e999", (11, 62), |what| matches!(what, What::Number { .. }));
    check("\"consensus\"", "\"consent\"", (20, 33), |what| matches!(what, What::Word { .. }));
    check("\"rover\"", "\"Rover\"", (8, 20), |what| matches!(what, What::Name(_)));
    check("\"b\": {", "\"b c\": {", (18, 7), |what| matches!(what, What::Label(_)));
}

#[test]
fn a_diagram_that_means_nothing() {
    let end = || End::Port { of: label("a"), port: label("p") };
    check("\"width\": 1", "\"width\": 2", (16, 19), |what| {
        let width = Fault::Width { end: end(), port: 1, junction: label("j"), width: 2 };
        *what == What::Fault(width)
    });
    check("\"wires\": {\"p\": \"j\"}", "\"wires\": {}", (6, 7), |what| {
        *what == What::Fault(Fault::Unwired { end: end() })
    });
    check("{\"p\": \"j\"}", "{\"p\": \"k\"}", (16, 19), |what| {
        matches!(what, What::Fault(Fault::NoSuchJunction { .. }))
    });
    check("[[[0, 1]]]", "[[[5, 1]]]", (6, 7), |what| matches!(what, What::Fault(Fault::Problem { .. })));
    check("\"upper\": 1", "\"upper\": -1", (6, 7), |what| matches!(what, What::Fault(Fault::Problem { .. })));
}

#[test]
fn what_was_said_fits_the_wires() {
    let said = |of: &str, numbers: &str| {
        let edge = r#"{"junction": "j", "source": "rover", "sink": "rover"}"#;
        let epoch = r#"{"plan": 1, "number": 0, "opener": "rover"}"#;
        format!(
            "}},\n\"said\": [{{\"box\": \"{of}\", \"port\": \"p\", \"shared\": {{\"epoch\": {epoch}, \"edge\": {edge}, \
             \"lower\": {numbers}, \"upper\": {numbers}, \"weight\": 0.5, \"awaits\": true}}}}]\n}}"
        )
    };
    let end = "}\n}";
    assert!(read(SOUND.replace(end, &said("a", "[0.1]")).as_bytes()).accepted().is_some());
    check(end, &said("c", "[0.1]"), (23, 10), |what| matches!(what, What::NoSuchWire { .. }));
    check(end, &said("a", "[0.1, 1]"), (23, 10), |what| matches!(what, What::SaidWidth { width: 1, said: 2, .. }));
}

#[test]
fn there_is_a_hint_for_a_slip_of_the_pen() {
    let reading = read(SOUND.replace("\"consensus\"", "\"consensu\"").as_bytes());
    let hints: Vec<_> = reading.diagnostics.iter().filter_map(mesh_dsl::Diagnostic::hint).collect();
    assert_eq!(hints, ["did you mean `consensus`?"]);
    let reading = read(SOUND.replace("\"domain\"", "\"domian\"").as_bytes());
    assert!(reading.diagnostics.iter().any(|one| one.hint().is_some_and(|hint| hint == "did you mean `domain`?")));
}

#[test]
fn bytes_of_another_version_or_of_nothing() {
    let found = |bytes: &[u8]| read(bytes).diagnostics.into_iter().map(|one| (one.place, one.what)).collect::<Vec<_>>();
    assert_eq!(found(b"cosmosmesh/ir\0\x02\0\0\0"), [(Place::Byte(14), What::Version { version: 2 })]);
    assert_eq!(found(b"cosmosmesh/ir\0\x01\0"), [(Place::Byte(16), What::Truncated)]);
    assert_eq!(found(b"\xff\xfe"), [(Place::Byte(0), What::NotText)]);
    let document = mesh_dsl::Document::of(mesh_model::Diagram::new());
    let mut bytes = mesh_dsl::write_binary(&document);
    let length = bytes.len() as u64;
    bytes.extend([0; 3]);
    assert_eq!(found(&bytes), [(Place::Byte(length), What::Trailing { length: 3 })]);
}

#[test]
fn what_is_not_a_finite_number_is_told_with_what_to_do() {
    for (from, to, expect) in [
        ("0.5", "NaN", "neither NaN nor infinity"),
        ("\"upper\": 1", "\"upper\": Infinity", "neither NaN nor infinity"),
        ("\"lower\": 0", "\"lower\": -Infinity", "neither NaN nor infinity"),
        ("\"upper\": 1", "\"upper\": null", "certificates rest on it"),
        ("\"upper\": 1", "\"upper\": 1e999", "certificates rest on it"),
        (", \"upper\": 1}", "}", "certificates rest on it"),
    ] {
        assert!(SOUND.contains(from), "{from}");
        let reading = read(SOUND.replacen(from, to, 1).as_bytes());
        let wrong: Vec<_> = reading.diagnostics.iter().filter(|one| one.severity() == Severity::Error).collect();
        let [only] = wrong[..] else { unreachable!("{to}: {wrong:?}") };
        let hint = only.hint().unwrap_or_default();
        assert!(hint.contains(expect), "{to}: {only}; {hint}");
    }
}

#[test]
fn boxes_have_places_for_whoever_judges_what_is_in_them() {
    let reading = read(SOUND.as_bytes());
    assert_eq!(reading.place_of(&label("a")), Place::Text { line: 6, column: 7, length: 3 });
    assert_eq!(reading.place_of(&label("c")), Place::Whole);
}
