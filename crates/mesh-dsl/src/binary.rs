//! The form for hashing: a mark, the version, and the borsh encoding of the document.

use crate::check::found_in;
use crate::diagnostic::{Diagnostic, Place, What};
use crate::document::Document;
use crate::{DOCUMENT_LENGTH_MAX, DOCUMENT_VERSION, Format, Reading};
use borsh::BorshDeserialize;
use std::collections::BTreeMap;
use std::io::Read;

/// What a document begins with; no text does.
pub(crate) const MAGIC: [u8; 14] = *b"cosmosmesh/ir\0";

/// The canonical bytes: what [`Document::hash`] is taken of. Equal documents have equal bytes.
pub fn write_binary(document: &Document) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(DOCUMENT_VERSION.to_le_bytes());
    borsh::to_writer(&mut bytes, document).expect("memory takes what is written, and no vector has 2^32 entries");
    bytes
}

pub(crate) fn read(bytes: &[u8]) -> Reading {
    match decoded(bytes) {
        Ok(document) => {
            let diagnostics = found_in(&document).into_iter().map(|what| Diagnostic { place: Place::Whole, what });
            let diagnostics = diagnostics.collect();
            Reading { format: Format::Binary, document: Some(document), diagnostics, boxes: BTreeMap::new() }
        }
        Err(diagnostic) => {
            let diagnostics = vec![diagnostic];
            Reading { format: Format::Binary, document: None, diagnostics, boxes: BTreeMap::new() }
        }
    }
}

fn decoded(bytes: &[u8]) -> Result<Document, Diagnostic> {
    if bytes.len() > DOCUMENT_LENGTH_MAX {
        return Err(Diagnostic { place: Place::Whole, what: What::TooLong { length: bytes.len() } });
    }
    let mut left = &bytes[MAGIC.len()..];
    let truncated = || Diagnostic { place: Place::Byte(bytes.len() as u64), what: What::Truncated };
    let mut version = [0; 4];
    left.read_exact(&mut version).map_err(|_| truncated())?;
    let version = u32::from_le_bytes(version);
    if version != DOCUMENT_VERSION {
        let what = What::Version { version: u64::from(version) };
        return Err(Diagnostic { place: Place::Byte(MAGIC.len() as u64), what });
    }
    let decoded = Document::deserialize_reader(&mut left);
    let place = Place::Byte((bytes.len() - left.len()) as u64);
    let document = decoded.map_err(|why| match left {
        [] => truncated(),
        _ => Diagnostic { place, what: What::Malformed { why: why.to_string() } },
    })?;
    match left.len() {
        0 => Ok(document),
        length => Err(Diagnostic { place, what: What::Trailing { length } }),
    }
}
