//! What the generator refuses instead of guessing.

use crate::generator::{File, Kind, Package, generate};

fn check(kind: Kind, text: &str, expect: &str) {
    let file = File { kind, name: "Subject".to_owned(), text: text.to_owned() };
    let package = Package { name: "subjects".to_owned(), files: vec![file] };
    let refusal = generate(&[package], &[]).expect_err(text).to_string();
    assert!(refusal.starts_with("subjects/") && refusal.contains(expect), "{text}: {refusal}");
}

#[test]
fn what_would_be_wrong_on_the_wire_is_refused() {
    let message = |text: &str, expect: &str| check(Kind::Message, text, expect);
    message("wstring name # x", "wstring is not supported");
    message("string<=3[] names # x", "only a single string may be bounded");
    message("Missing field # x", "subjects/Missing is not defined");
    message("Subject field # x", "subjects/Subject is not defined, or nests this type");
    message("other/Thing field # x", "other/Thing is not defined");
}

#[test]
fn every_line_is_understood_or_named() {
    let message = |text: &str, expect: &str| check(Kind::Message, text, expect);
    message("uint8 bare", "line 1: `uint8 bare` is not explained");
    message("# About the file.\n\nuint8 bare", "line 3: `uint8 bare` is not explained");
    message("uint8 # x", "line 1: `uint8` declares nothing");
    message("uint8 = 3 # x", "line 1: `uint8 = 3` declares nothing");
    message("uint8[ field # x", "Invalid array syntax");
}

#[test]
fn names_are_those_that_ros_takes() {
    let message = |text: &str, expect: &str| check(Kind::Message, text, expect);
    for name in ["Field", "2nd", "field_", "two__lines", "_field"] {
        message(&format!("uint8 {name} # x"), "is no name here: lower-case letters");
    }
    for name in ["limit", "LIMIT_", "TWO__LINES", "2ND"] {
        message(&format!("uint8 {name} = 3 # x"), "is no name here: upper-case letters");
    }
}

#[test]
fn values_fit_their_types() {
    let message = |text: &str, expect: &str| check(Kind::Message, text, expect);
    message("uint8 X = 256 # x", "`256` is no uint8: write a whole number from 0 to 255");
    message("int8 field -129 # x", "`-129` is no int8");
    message("uint8 X = # x", "`` is no uint8");
    message("bool field yes # x", "`yes` is no truth value");
    message("float64 field nan # x", "`nan` is no finite number");
    message("string TEXT = bare # x", "`bare` is no text: put it into quotes");
    message("string field \"a\\n\" # x", "not supported");
    message("uint8[3] field [1, 2] # x", "the default has not the length of the array");
    message("uint8[<=1] field [1, 2] # x", "the default has not the length of the array");
    message("uint8[] X = 3 # x", "a uint8[] has no default or constant value");
    message("Subject field 3 # x", "only numbers, truth values and texts have defaults");
}

#[test]
fn a_service_has_two_sides_and_no_name_of_an_action() {
    check(Kind::Service, "uint8 field # x", "exactly one line `---`");
    check(Kind::Service, "---\n---\n", "exactly one line `---`");
    check(Kind::Service, "---\n", "service_msgs/ServiceEventInfo is part of every service");
    let file = File { kind: Kind::Service, name: "GetResultOf".to_owned(), text: "---\n".to_owned() };
    let package = Package { name: "subjects".to_owned(), files: vec![file] };
    assert!(
        generate(&[package], &[]).is_err_and(|refusal| refusal.to_string().contains("for the services of actions"))
    );
}
