//! Proofs that there is no plan.

use super::SCENARIO;
use super::ir::SOUND;
use super::place::Place;
use std::fs;

#[test]
fn what_boxes_cannot_do_together_is_proved_by_a_number_each() {
    let place = Place::empty();
    // One gives five at most, the other takes two at most, and eight are to be had.
    let asked = SOUND.replacen("\"totals\": [[1]]", "\"totals\": [[8]]", 1);
    let (document, proof) = (place.put("asked.json", &asked), place.text("proof.json"));
    let (code, said) = place.said(&["ir", "check", &document, "--solve", "--proof", &proof]);
    assert!(code == Some(1) && said.contains("there is no plan"), "{said}");
    assert!(said.contains("a: j[0] at most 5") && said.contains("b: j[0] at most 2"), "{said}");

    // Nobody stands for the numbers but whoever has the problems.
    let path = place.path("proof.json");
    let (code, said) = place.verified(&path, &[]);
    assert!(code == Some(1) && said.contains("nobody stands for the number of a"), "{said}");
    let (code, said) = place.verified(&path, &["--open", &document]);
    assert!(code == Some(0) && said.contains("verified: "), "{said}");
    let sound = place.put("sound.json", SOUND);
    let (code, said) = place.verified(&path, &["--open", &sound]);
    assert!(code == Some(1) && said.contains("those of another diagram"), "{said}");
    let (code, said) = place.verified(&path, &["--open", &proof]);
    assert!(code == Some(2) && said.contains("not a document"), "{said}");

    // What is stated may not be more than the problem gives, nor less than the sum needs.
    let text = fs::read_to_string(&path).expect("reads");
    for (from, to, words) in [
        ("\"least\": -", "\"least\": -9", "do not add up"),
        ("\"least\": -", "\"least\": ", "states more than its problem gives"),
        ("\"rule\": \"exchange\"", "\"rule\": \"budget\"", "meet otherwise"),
        ("\"number\": 0", "\"number\": 1", "meet otherwise"),
        ("\"excess\": ", "\"excess\": 9", "do not add up"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = place.put("changed.json", &text.replacen(from, to, 1));
        let (code, said) = place.verified(&place.path("changed.json"), &["--open", &document]);
        assert!(code == Some(1) && said.contains(words), "{changed}: {to}: {said}");
    }
    let (code, said) = place.said(&["certificate", "verify", &place.put("cut.json", &text[..text.len() / 2])]);
    assert!(code == Some(2) && said.contains("not a proof"), "{said}");
}

#[test]
fn a_scenario_that_cannot_be_flown_is_told_with_a_proof_that_its_members_sign() {
    // A fleet with keys: one that flies the sound scenario of the same name.
    let place = Place::with_a_run();
    let (scenario, fleet, other) = (place.text("short.toml"), place.text("fleet"), place.text("other"));
    let other_run = place.text("other_run");
    let flown = place.said(&["run", &scenario, "--in-process", "--fleet", &other, "--out", &other_run, "--json"]);
    assert!(matches!(flown.0, Some(0 | 1)), "{}", flown.1);
    let sound = fs::read_to_string(SCENARIO).expect("reads");
    assert!(sound.contains("\"4 kW\""), "the scenario says in another way what life support takes");
    let hungry = place.put("hungry.toml", &sound.replacen("\"4 kW\"", "\"14 kW\"", 1));
    let (proof, problems) = (place.text("no_plan.json"), place.text("problems.json"));
    let asked = ["check", &hungry, "--proof", &proof, "--sign-as", &fleet, "--problems", &problems];
    let (code, said) = place.said(&asked);
    assert!(code == Some(2) && said.contains("no plan from 01:00:00 on meets every constraint"), "{said}");
    assert!(said.contains("habitat has constraints that exclude each other"), "{said}");
    assert!(said.contains("energy balance[") && said.contains("cannot hold together"), "{said}");

    // Signed by its owners, a number needs no problem.
    let path = place.path("no_plan.json");
    let (code, said) = place.verified(&path, &["--fleet", &fleet]);
    assert!(code == Some(0) && said.contains("signed") && said.contains("verified: "), "{said}");
    assert_eq!(place.verified(&path, &["--fleet", &fleet, "--open", &problems]).0, Some(0));
    let (code, said) = place.verified(&path, &["--fleet", &other]);
    assert!(code == Some(1) && said.contains("not that of its owner in the fleet"), "{said}");
    let text = fs::read_to_string(&path).expect("reads");
    place.put("changed.json", &text.replacen("\"least\": ", "\"least\": 1", 1));
    let (code, said) = place.verified(&place.path("changed.json"), &["--fleet", &fleet]);
    assert!(code == Some(1) && said.contains("signature is not valid"), "{said}");
}

#[test]
fn what_members_cannot_do_together_is_told_as_who_needs_what_and_who_can_give_what() {
    let place = Place::with_a_run();
    let mut text = fs::read_to_string(SCENARIO).expect("reads");
    // The rover alone could do it, and so could the habitat; but this charger is too small for the rover's needs.
    for (from, to) in [
        ("initial = \"15 kWh\"", "initial = \"14 kWh\""),
        ("hotel = \"0.15 kW\"", "hotel = \"0.4 kW\""),
        ("charger_max = \"4 kW\"", "charger_max = \"0.5 kW\""),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let (scenario, proof, fleet) = (place.put("joint.toml", &text), place.text("joint.json"), place.text("fleet"));
    if cfg!(feature = "bench") {
        let export = ["certificate", "export", &scenario, "--fleet", &fleet, "--out", &proof];
        let (code, said) = place.said(&export);
        assert!(code == Some(0) && said.contains("satellite has no part in it"), "{said}");
        let sentence = |name: &str, words: &str| {
            let wanted = format!("{name}: power_bus.habitat.rover[");
            said.lines().any(|line| line.trim().starts_with(&wanted) && line.contains(words))
        };
        assert!(sentence("habitat", "at most 0.5") && sentence("rover", "at least 1."), "{said}");
        assert_eq!(place.verified(&place.path("joint.json"), &["--fleet", &fleet]).0, Some(0));
    }
    let sound = ["certificate", "export", SCENARIO, "--fleet", &fleet, "--out", &place.text("x.json")];
    let (code, said) = place.said(&sound);
    assert!(code == Some(1) && said.contains("could not be proved"), "{said}");
}
