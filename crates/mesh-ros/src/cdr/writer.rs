//! Appends values in little-endian order.

use super::error::EncodeError;
use super::{Cdr, MESSAGE_LENGTH_MAX};

/// A message that is being written.
#[derive(Debug)]
pub struct Writer {
    /// The header, then the values so far.
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { bytes: LITTLE_ENDIAN.to_vec() }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        let length = self.bytes.len();
        if length > MESSAGE_LENGTH_MAX { Err(EncodeError::TooLong { length }) } else { Ok(self.bytes) }
    }

    /// Refuses a text or sequence of more than `bound` bytes or elements.
    pub fn check_bound(&self, count: usize, bound: usize) -> Result<(), EncodeError> {
        if count > bound { Err(EncodeError::OutOfBound { count, bound }) } else { Ok(()) }
    }

    pub(super) fn number<const N: usize>(&mut self, little_endian: [u8; N]) {
        let values = self.bytes.len() - LITTLE_ENDIAN.len();
        self.bytes.resize(LITTLE_ENDIAN.len() + values.next_multiple_of(N), 0);
        self.bytes.extend_from_slice(&little_endian);
    }

    pub(super) fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        // No element is shorter than a byte, so such a count could not be finished anyway.
        let count = u32::try_from(count).map_err(|_| EncodeError::TooLong { length: count })?;
        count.write(self)
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        if text.contains('\0') {
            return Err(EncodeError::NulInText);
        }
        self.count(text.len() + 1)?;
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        Ok(())
    }
}

/// Header of plain CDR in little-endian order, without options.
const LITTLE_ENDIAN: [u8; 4] = [0, 1, 0, 0];
