//! The bench, as far as it goes without measuring anything.

use super::place::Place;
use super::program;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn what_cannot_be_measured_is_told_with_file_line_and_what_to_do() {
    let place = Place::empty();
    let told = |arguments: &[&str], words: &[&str]| {
        let (code, said) = place.said(&[&["bench", "optimiser"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {word:?} is missing in {said}");
        }
    };
    let nowhere = place.text("nowhere");
    for suite in ["pglib", "lossy"] {
        told(&["--suite", suite, "--data", &nowhere], &["cannot read", "nowhere", "help:", "--data"]);
    }
    told(&["--suite", "opera"], &["opera", "pglib, exchange, lossy"]);
    told(&["--page", &nowhere], &["cannot read", "nowhere"]);
    let page = place.put("page.md", "# A page\n");
    told(&["--page", &page], &["no marks", "help:"]);
    std::fs::create_dir(place.path("data")).expect("makes it");
    let data = place.text("data");
    told(&["--suite", "pglib", "--data", &data], &["does not hold MATPOWER files", "help:"]);
    told(&["--suite", "lossy", "--data", &data], &["does not hold", "help:"]);
    place.put("data/pglib_opf_case24_ieee_rts.m", "mpc.baseMVA = 100;\nmpc.bus = [\n 1 2 x;\n];\n");
    told(&["--suite", "pglib", "--data", &data], &["case24_ieee_rts.m:3:", "help:"]);
    let (code, figures) = place.json(&["bench", "optimiser", "--suite", "pglib", "--data", &data, "--json"]);
    assert_eq!((code, figures), (Some(2), serde_json::json!({"rows": []})));
}

#[test]
fn a_bench_that_is_interrupted_ends_as_such() {
    let mut bench = program(&["bench", "optimiser", "--suite", "honesty", "--json"]);
    let mut child = bench.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    // It has begun to listen before it says anything.
    let mut said = String::new();
    BufReader::new(child.stderr.take().expect("a pipe")).read_line(&mut said).expect("reads");
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(asked.success());
    assert_eq!(child.wait().expect("ends").code(), Some(130), "{said}");
}
