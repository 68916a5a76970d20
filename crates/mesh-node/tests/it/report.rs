//! What is reported can be read by people.

use crate::mission::Mission;
use mesh_node::wording;

#[test]
fn every_assertion_is_put_in_words() {
    let report = Mission::fly_until(40).report;
    assert!(report.assertions.len() >= 10);
    for assertion in &report.assertions {
        let words = wording::meaning(assertion);
        assert_ne!(words, assertion.name.replace('_', " "), "{} has no words of its own", assertion.name);
    }
    assert_eq!(report.contradiction(), None);
}
