//! The proof of a plan as a file of its own.

use super::place::Place;
use std::fs;

#[test]
fn a_plan_is_proved_by_a_file_alone_and_opened_by_whoever_holds_a_problem() {
    let place = Place::with_a_run();
    let proof = place.path("proof.json");
    let (code, said) = place.verified(&proof, &["--fleet", &place.text("fleet")]);
    assert!(code == Some(0) && said.contains("verified:") && said.contains("gap"), "{said}");

    let (run, rover) = (place.text("run"), place.text("rover.problem"));
    let plan = said.split("plan ").nth(1).and_then(|rest| rest.split('.').next()).expect("the plan has a number");
    let open = ["certificate", "open", &run, "--asset", "rover", "--plan", plan, "--out", &rover];
    assert_eq!(place.said(&open).0, Some(0));
    assert_eq!(place.said(&open).0, Some(2), "it overwrote a file");
    let (code, said) = place.verified(&proof, &["--open", &rover]);
    assert!(code == Some(0) && said.contains("recomputed"), "{said}");

    // The problem of another plan is not the one that was attested.
    let other = place.text("other.problem");
    let opened = place.said(&["certificate", "open", &run, "--asset", "rover", "--plan", "1", "--out", &other]);
    assert_eq!(opened.0, Some(0), "{}", opened.1);
    let (code, said) = place.verified(&proof, &["--open", &other]);
    assert!(code == Some(1) && said.contains("what is attested is of"), "{said}");
}

#[test]
fn whatever_is_changed_in_a_proof_is_found() {
    let place = Place::with_a_run();
    let sound = fs::read(place.path("proof.json")).expect("reads");
    let changed = place.path("changed.json");
    let digits: Vec<usize> = (0..sound.len()).filter(|at| sound[*at].is_ascii_hexdigit()).collect();
    // Spread over keys, contract, certificate and parts.
    for step in 0..60 {
        let mut bytes = sound.clone();
        let at = digits[digits.len() * step / 60];
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        fs::write(&changed, &bytes).expect("writes");
        let (code, said) = place.verified(&changed, &["--fleet", &place.text("fleet")]);
        assert!(matches!(code, Some(1 | 2)), "digit {at} of {}: {said}", sound.len());
        assert!(!said.contains("panicked"), "{said}");
    }
    fs::write(&changed, &sound[..sound.len() / 2]).expect("writes");
    let (code, said) = place.verified(&changed, &[]);
    assert!(code == Some(2) && said.contains("not a proof"), "{said}");
}

#[test]
fn what_is_no_proof_of_this_fleet_is_told_apart() {
    let place = Place::with_a_run();
    let proof = fs::read_to_string(place.path("proof.json")).expect("reads");
    let check = |text: &str, arguments: &[&str], code: i32, words: &str| {
        place.put("changed.json", text);
        let (found, said) = place.verified(&place.path("changed.json"), arguments);
        assert!(found == Some(code) && said.contains(words), "{words}: {found:?} {said}");
    };
    check("", &[], 2, "not a proof");
    check("[]", &[], 2, "not a proof");
    check(&proof.replacen("\"version\": 1", "\"version\": 7", 1), &[], 2, "version 7, this program reads version 1");
    check(&proof.replacen("\"version\": 1", "\"version\": 1, \"kind\": \"x\"", 1), &[], 2, "kind \"x\"");
    check(&proof, &["--open", &place.text("short.toml")], 2, "not a problem in canonical bytes");
    check(&proof, &["--fleet", &place.text("nowhere")], 2, "fleet.toml");

    // Another fleet of the same name signs with other keys.
    let (scenario, other, run) = (place.text("short.toml"), place.text("other"), place.text("other_run"));
    let flown = place.said(&["run", &scenario, "--in-process", "--fleet", &other, "--out", &run, "--json"]);
    assert!(matches!(flown.0, Some(0 | 1)), "{}", flown.1);
    check(&proof, &["--fleet", &other], 1, "is not the key of habitat in the fleet");
    let opened = place.text("rover.problem");
    let open = ["certificate", "open", &run, "--asset", "rover", "--plan", "77", "--out", &opened];
    let (code, said) = place.said(&open);
    assert!(code == Some(2) && said.contains("rover negotiated no plan 77"), "{said}");
    let exported = ["certificate", "export", &run, "--plan", "77", "--fleet", &other, "--out", &opened];
    let (code, said) = place.said(&exported);
    assert!(code == Some(2) && said.contains("no certificate of plan 77"), "{said}");
}
