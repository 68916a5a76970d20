//! Property: whatever is read, there is an answer, and a changed document is not taken for the old one.

use crate::round_trip::document;
use mesh_dsl::{DIAGNOSTICS_MAX, Document, check, read, write_binary, write_json};
use proptest::prelude::*;

/// Every answer is whole: something was read, or something is said.
fn answered(bytes: &[u8]) -> Option<Document> {
    let (reading, summary) = check(bytes);
    assert!(reading.document.is_some() || !reading.diagnostics.is_empty());
    assert!(reading.diagnostics.len() <= DIAGNOSTICS_MAX);
    assert_eq!(summary.is_some(), reading.accepted().is_some());
    for diagnostic in &reading.diagnostics {
        assert!(!diagnostic.to_string().is_empty() && diagnostic.to_string().len() < 2_000);
        assert!(diagnostic.hint().is_none_or(|hint| !hint.is_empty()));
    }
    reading.accepted().cloned()
}

/// Changes bytes here and there: one flipped, a stretch taken out, doubled, or replaced by something that is known to
/// be trouble.
fn changed(bytes: &[u8], changes: &[(usize, u8, u8)]) -> Vec<u8> {
    const TROUBLE: [&[u8]; 10] =
        [b"1e999", b"-0", b"\"\"", b"null", b"{", b"[[[[", b"\xff\xff\xff\xff", b"\\ud800", b"1e-999999999", b","];
    let mut bytes = bytes.to_vec();
    for (at, kind, byte) in changes {
        let at = at % bytes.len().max(1);
        let end = (at + 1 + usize::from(*byte) / 8).min(bytes.len());
        match kind % 4 {
            0 => bytes.get_mut(at).into_iter().for_each(|old| *old ^= byte),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let doubled = bytes[at..end].to_vec();
                bytes.splice(at..at, doubled);
            }
            _ => drop(bytes.splice(at..end, TROUBLE[usize::from(*byte) % TROUBLE.len()].iter().copied())),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn changed_bytes_are_refused_or_mean_something_else(
        seed in 0u64..16, changes in prop::collection::vec((any::<usize>(), any::<u8>(), 1u8..), 1..4),
    ) {
        let document = document(seed);
        let bytes = write_binary(&document);
        let other = changed(&bytes, &changes);
        if let Some(read) = answered(&other) {
            prop_assert_eq!(write_binary(&read) == other, true, "two forms of one document");
        }
    }

    #[test]
    fn changed_text_is_refused_or_read(
        seed in 0u64..16, changes in prop::collection::vec((any::<usize>(), any::<u8>(), 1u8..), 1..4),
    ) {
        let text = write_json(&document(seed));
        if let Some(read) = answered(&changed(text.as_bytes(), &changes)) {
            prop_assert_eq!(answered(write_json(&read).as_bytes()), Some(read));
        }
    }

    #[test]
    fn the_beginning_of_a_document_is_none(seed in 0u64..4, length: usize) {
        let document = document(seed);
        let (bytes, text) = (write_binary(&document), write_json(&document));
        prop_assert_eq!(answered(&bytes[..length % bytes.len()]), None);
        // Without the line break at its end a text is whole.
        prop_assert_eq!(answered(&text.as_bytes()[..length % (text.len() - 1)]), None);
    }

    #[test]
    fn anything_at_all_is_answered(bytes: Vec<u8>, text: String) {
        answered(&bytes);
        answered(text.as_bytes());
        answered(&[&b"cosmosmesh/ir\0\x01\0\0\0"[..], &bytes].concat());
    }
}

#[test]
fn nothing_is_too_deep_or_too_long_to_be_refused() {
    assert_eq!(answered("[".repeat(1_000_000).as_bytes()), None);
    assert_eq!(answered("{\"a\":".repeat(1_000_000).as_bytes()), None);
    let deep = [&b"cosmosmesh/ir\0\x01\0\0\0"[..], &[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2].repeat(100_000)].concat();
    assert_eq!(answered(&deep), None);
    assert!(read(&vec![b' '; mesh_dsl::DOCUMENT_LENGTH_MAX + 1]).document.is_none());
    // A length that no bytes follow.
    assert_eq!(answered(b"cosmosmesh/ir\0\x01\0\0\0\x01\0\0\0\xff\xff\xff\xff"), None);
}
