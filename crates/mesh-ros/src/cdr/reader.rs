//! Takes values out of bytes that anybody may have sent.

use super::error::{DecodeError, TextFault};
use super::{Cdr, MESSAGE_LENGTH_MAX};

/// A message that is being read.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The values, without the header.
    values: &'a [u8],
    /// Values read so far; at most `values.len()`.
    position: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MESSAGE_LENGTH_MAX {
            return Err(DecodeError::TooLong { length: bytes.len() });
        }
        // The last two bytes are options, which plain CDR does not define.
        match bytes {
            [0, order @ (0 | 1), _, _, values @ ..] => Ok(Self { values, position: 0, big_endian: *order == 0 }),
            _ => Err(DecodeError::Encapsulation { header: bytes.iter().take(HEADER_LENGTH).copied().collect() }),
        }
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        let rest = &self.values[self.position..];
        let padding = self.position.next_multiple_of(4) - self.position;
        if rest.is_empty() || (rest.len() == padding && rest.iter().all(|byte| *byte == 0)) {
            Ok(())
        } else {
            Err(DecodeError::Trailing { left: rest.len() })
        }
    }

    /// Takes a text of at most `bound` bytes.
    pub fn text(&mut self, bound: usize) -> Result<String, DecodeError> {
        let count = u32::read(self)? as usize;
        let offset = self.offset();
        let refuse = |fault| DecodeError::Text { offset, fault };
        let text = match self.take(count)?.split_last() {
            None => return Ok(String::new()),
            Some((0, text)) => text,
            Some(_) => return Err(refuse(TextFault::Unterminated)),
        };
        if text.len() > bound {
            return Err(DecodeError::OutOfBound { offset, count: text.len(), bound });
        }
        if text.contains(&0) {
            return Err(refuse(TextFault::ContainsNul));
        }
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| refuse(TextFault::NotUtf8))
    }

    /// Takes a sequence of at most `bound` elements.
    pub fn sequence<T: Cdr>(&mut self, bound: usize) -> Result<Vec<T>, DecodeError> {
        let count = u32::read(self)? as usize;
        let (offset, left) = (self.offset(), self.left());
        if count > bound {
            return Err(DecodeError::OutOfBound { offset, count, bound });
        }
        if count > left / T::LENGTH_MIN {
            return Err(DecodeError::CountTooLarge { offset, count, left });
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::read(self)?);
        }
        Ok(items)
    }

    /// Bytes from the start of the message, header included.
    pub(super) fn offset(&self) -> usize {
        HEADER_LENGTH + self.position
    }

    /// Takes the bytes of a number after its padding; in little-endian order, whatever the order of the message.
    pub(super) fn number<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let padding = self.position.next_multiple_of(N) - self.position;
        let bytes = &self.take(padding + N)?[padding..];
        let mut number = [0; N];
        number.copy_from_slice(bytes);
        if self.big_endian {
            number.reverse();
        }
        Ok(number)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let left = self.left();
        if count > left {
            return Err(DecodeError::Truncated { offset: self.offset(), needed: count, left });
        }
        let taken = &self.values[self.position..self.position + count];
        self.position += count;
        Ok(taken)
    }

    fn left(&self) -> usize {
        self.values.len() - self.position
    }
}

const HEADER_LENGTH: usize = 4;
