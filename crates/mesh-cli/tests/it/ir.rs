//! Diagrams as documents.

use super::SCENARIO;
use super::place::Place;

#[test]
fn a_scenario_alone_has_a_first_planning_that_can_be_solved() {
    let place = Place::empty();
    let (text, bytes) = (place.text("first.json"), place.text("first.bin"));
    let (code, written) = place.json(&["ir", "export", SCENARIO, "--out", &text, "--json"]);
    assert_eq!((code, &written["problems"], &written["said"]), (Some(0), &3.into(), &0.into()), "{written}");
    assert_eq!(place.said(&["ir", "export", SCENARIO, "--out", &text]).0, Some(2), "it overwrote a file");
    assert_eq!(place.json(&["ir", "import", &text, "--out", &bytes, "--json"]).1["hash"], written["hash"]);
    let (code, solved) = place.json(&["ir", "check", &bytes, "--solve", "--json"]);
    assert_eq!((code, &solved["solved"]["outcome"]), (Some(0), &"plan".into()), "{solved}");
    assert!(solved["solved"]["gap"].as_f64().is_some_and(|gap| gap <= 1e-4), "{solved}");
    for (option, value) in [("--plan", "1"), ("--fleet", ".")] {
        let (code, said) = place.said(&["ir", "export", SCENARIO, option, value, "--out", &place.text("x.json")]);
        assert!(code == Some(2) && said.contains(option) && said.contains("leave it out"), "{said}");
    }
}

#[test]
fn a_run_says_what_went_over_its_wires_and_what_was_agreed() {
    let place = Place::with_a_run();
    let (run, fleet) = (place.text("run"), place.text("fleet"));
    let (json, bytes, again) = (place.text("plan.json"), place.text("plan.bin"), place.text("again.json"));
    let export = |plan: &str, out: &str| {
        place.json(&["ir", "export", &run, "--fleet", &fleet, "--plan", plan, "--out", out, "--json"])
    };
    let (code, written) = export("1", &json);
    assert_eq!((code, &written["problems"], &written["deltas"]), (Some(0), &3.into(), &3.into()), "{written}");
    let document: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).expect("reads")).expect("JSON");
    let said = document["said"].as_array().expect("a list");
    let of =
        |kind: &str, name: &str| said.iter().filter(|word| word["box"] == name && word.get(kind).is_some()).count();
    for name in ["habitat", "rover", "satellite"] {
        // Each says its range over each of its wires, and at least a round of it.
        assert!(of("shared", name) >= 2 && of("dual", name) >= 2, "{name}");
    }
    assert!(said.iter().all(|word| word["shared"]["epoch"]["plan"] == 1 || word["dual"]["epoch"]["plan"] == 1));
    // The deltas rest on the very problems that are in the boxes: otherwise it would be odd.
    let (code, checked) = place.json(&["ir", "check", &json, "--json"]);
    assert_eq!((code, &checked["diagnostics"]), (Some(0), &serde_json::json!([])), "{checked}");
    // Nothing is lost on the way into the other form and back.
    assert_eq!(place.json(&["ir", "import", &json, "--out", &bytes, "--json"]).1["hash"], written["hash"]);
    assert_eq!(place.json(&["ir", "import", &bytes, "--out", &again, "--json"]).1["hash"], written["hash"]);
    assert_eq!(std::fs::read(&json).expect("reads"), std::fs::read(&again).expect("reads"));

    let (code, said) =
        place.said(&["ir", "export", &run, "--fleet", &fleet, "--plan", "77", "--out", &place.text("x")]);
    assert!(code == Some(2) && said.contains("negotiated a plan 77") && said.contains("plan.json"), "{said}");
    let (code, said) = place.said(&["ir", "export", &run, "--seed", "3", "--out", &place.text("x")]);
    assert!(code == Some(2) && said.contains("--seed"), "{said}");
}

/// The sound document with `from` replaced by `to` is refused with all of `words`.
#[track_caller]
fn refused(place: &Place, from: &str, to: &str, words: &[&str]) {
    assert!(SOUND.contains(from), "{from}");
    let file = place.put("bad.json", &SOUND.replacen(from, to, 1));
    let (code, said) = place.said(&["ir", "check", &file]);
    assert_eq!(code, Some(1), "{to}: {said}");
    for word in words {
        assert!(said.contains(word), "{to}: {word:?} is missing in {said}");
    }
    let (code, told) = place.json(&["ir", "check", &file, "--json"]);
    assert!(code == Some(1) && told["sound"] == false, "{told}");
}

#[test]
fn whatever_is_wrong_with_a_document_is_told_with_its_place_and_what_to_do() {
    let place = Place::empty();
    let sound = place.put("sound.json", SOUND);
    let (code, said) = place.said(&["ir", "check", &sound, "--solve"]);
    assert!(code == Some(0) && said.contains("solved by"), "{said}");

    refused(&place, "[1, 1, 2]", "[1, 1, -2]", &["bad.json:6:7", "box `a`", "eigenvalue -2", "`y`", "help:"]);
    refused(&place, "[[0, 0, 1], [1, 1, 2]]", "[[0, 0, 1], [0, 1, 3], [1, 1, 2]]", &["6:7", "eigenvalue -1.", "`x`"]);
    refused(&place, "[0.5, 0]", "[NaN, 0]", &["12:73", "`NaN`", "every number is finite"]);
    refused(&place, "\"upper\": 4", "\"upper\": 1e999", &["1e999", "certificates rest on it"]);
    refused(&place, "\"upper\": 4", "\"upper\": 1e300", &["6:7", "upper bound", "`y`", "certificates rest on it"]);
    refused(&place, ", \"upper\": 4", "", &["11:", "`upper`", "certificates rest on it"]);
    refused(&place, "[0.5, 0]", "[0.5]", &["6:7", "1 entries for 2 variables", "one number a variable"]);
    refused(&place, "\"width\": 1", "\"width\": 2", &["port `p` of box `a` has width 1", "has 2", "help:"]);
    refused(&place, "\"b\": {", "\"a\": {", &["`a` stands here twice", "rename"]);
    refused(&place, "\"wires\": {\"p\": \"j\"}", "\"wires\": {\"p\": \"k\"}", &["`k`, which does not exist", "help:"]);
    refused(&place, "\"cosmosmesh_ir\": 1", "\"cosmosmesh_ir\": 9", &["2:20", "version 9", "help:"]);
    refused(&place, "\"outer\": {}", "\"outer\": {}}", &["expected"]);
}

#[test]
fn a_diagram_that_falls_apart_is_warned_of() {
    let place = Place::empty();
    let apart = SOUND.replacen("\"q\": \"j\"", "\"q\": \"k\"", 1);
    let apart = apart.replacen(
        "\"j\": {\"kind\": \"exchange\", \"width\": 1",
        "\"k\": {\"kind\": \"budget\", \"width\": 1}, \"j\": {\"kind\": \"exchange\", \"width\": 1",
        1,
    );
    let (code, said) = place.said(&["ir", "check", &place.put("apart.json", &apart)]);
    assert!(code == Some(0) && said.contains("warning") && said.contains("2 parts that share nothing"), "{said}");
}

#[test]
fn bytes_that_are_no_document_are_refused() {
    let place = Place::empty();
    let (sound, bytes) = (place.put("sound.json", SOUND), place.text("sound.bin"));
    assert_eq!(place.said(&["ir", "import", &sound, "--out", &bytes]).0, Some(0));
    let whole = std::fs::read(&bytes).expect("reads");
    let check = |content: &[u8], words: &str| {
        std::fs::write(place.path("cut.bin"), content).expect("writes");
        let (code, said) = place.said(&["ir", "import", &place.text("cut.bin"), "--out", &place.text("x.json")]);
        assert!(code == Some(1) && said.contains(words) && said.contains("help:"), "{code:?} {said}");
        assert!(!place.path("x.json").exists());
    };
    check(&whole[..whole.len() / 2], "ends in the middle");
    check(&[&whole[..], b"more"].concat(), "4 bytes follow");
    check(b"\xff\xfe\x00", "neither text nor");
    check(b"cosmosmesh/ir\0\x09\0\0\0", "version 9");
    let (code, said) = place.said(&["ir", "import", &place.text("nowhere"), "--out", &place.text("x.json")]);
    assert!(code == Some(2) && said.contains("nowhere") && said.contains("help:"), "{said}");
}

/// Two boxes: one takes, one gives, and the shares add up to one.
pub const SOUND: &str = r#"{
  "cosmosmesh_ir": 1,
  "diagram": {
    "version": 1,
    "boxes": {
      "a": {
        "problem": {
          "asset": "rover", "domain": "rover", "version": 1,
          "window": {"start_ns": 0, "step_s": 60, "steps": 1},
          "variables": [{"name": "x", "lower": 0, "upper": 1},
                        {"name": "y", "lower": 0, "upper": 4}],
          "objective": {"quadratic": [[0, 0, 1], [1, 1, 2]], "linear": [0.5, 0], "constant": 0},
          "rows": [],
          "edges": []
        },
        "ports": {"p": [[[0, 1], [1, 1]]]},
        "wires": {"p": "j"}
      },
      "b": {
        "problem": {
          "asset": "habitat", "domain": "habitat", "version": 1,
          "window": {"start_ns": 0, "step_s": 60, "steps": 1},
          "variables": [{"name": "z", "lower": -2, "upper": 2}],
          "objective": {"quadratic": [[0, 0, 1]], "linear": [0], "constant": 0},
          "rows": [],
          "edges": []
        },
        "ports": {"q": [[[0, 1]]]},
        "wires": {"q": "j"}
      }
    },
    "junctions": {"j": {"kind": "exchange", "width": 1, "totals": [[1]]}},
    "outer": {}
  }
}"#;
