//! What is reported can be read by people.

use crate::mission::Mission;
use mesh_node::report::{Assertion, Relation};
use mesh_node::wording;

#[test]
fn every_assertion_is_put_in_words() {
    let report = Mission::fly_until(40).report;
    assert!(report.assertions.len() >= 9);
    // A mission this short has no blackout to converge after, so that assertion is added by hand.
    let reconverged = Assertion::compare("reconverged", Some(21.0), Relation::AtMost, 29.0, "rounds");
    for assertion in report.assertions.iter().chain([&reconverged]) {
        let words = wording::meaning(assertion);
        assert_ne!(words, assertion.name.replace('_', " "), "{} has no words of its own", assertion.name);
    }
    assert_eq!(report.contradiction(), None);
}
