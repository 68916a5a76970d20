//! CDR, the encoding of ROS 2 messages: XCDR1 behind the four bytes of the encapsulation header.
//!
//! Written in little-endian order, read in both. Alignment counts from the end of the header. This module knows how
//! numbers, texts, arrays and sequences are encoded; which of them a message consists of is generated from the
//! interface files.
//!
//! Bytes come from anybody. Every count is held against the bytes that are left before anything is reserved for it, and
//! messages nest only as deep as their interface files do, which never nest in a circle.

mod error;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{DecodeError, EncodeError, TextFault};
pub use reader::Reader;
pub use writer::Writer;

/// The longest message that is written or read, header included, in bytes. Two canonical encodings fit with room to
/// spare.
pub const MESSAGE_LENGTH_MAX: usize = 4 << 20;

/// A value that can be part of a message.
pub trait Cdr: Sized {
    /// Fewest bytes that a value takes, padding not counted; at least 1.
    const LENGTH_MIN: usize;

    /// Appends the value.
    fn write(&self, writer: &mut Writer) -> Result<(), EncodeError>;

    /// Takes the value.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// Encodes a whole message.
pub fn encode<T: Cdr>(message: &T) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    message.write(&mut writer)?;
    writer.finish()
}

/// Decodes a whole message. Some middleware pads messages to a multiple of four bytes: up to three zeros are taken at
/// the end if they do that, and nothing else.
pub fn decode<T: Cdr>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes)?;
    let message = T::read(&mut reader)?;
    reader.finish()?;
    Ok(message)
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Cdr for $number {
            const LENGTH_MIN: usize = size_of::<Self>();

            fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
                writer.number(self.to_le_bytes());
                Ok(())
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.number().map(Self::from_le_bytes)
            }
        }
    )*};
}

numbers!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

impl Cdr for bool {
    const LENGTH_MIN: usize = 1;

    fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        u8::from(*self).write(writer)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        match u8::read(reader)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(DecodeError::NotBool { offset, value }),
        }
    }
}

impl Cdr for String {
    // The count alone: a reader takes the count 0 for an empty text, though a writer says 1 and a NUL.
    const LENGTH_MIN: usize = 4;

    fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.text(self)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.text(usize::MAX)
    }
}

impl<T: Cdr> Cdr for Vec<T> {
    const LENGTH_MIN: usize = 4;

    fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.count(self.len())?;
        self.iter().try_for_each(|item| item.write(writer))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.sequence(usize::MAX)
    }
}

impl<T: Cdr + Default, const N: usize> Cdr for [T; N] {
    const LENGTH_MIN: usize = N * T::LENGTH_MIN;

    fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        self.iter().try_for_each(|item| item.write(writer))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut items = std::array::from_fn(|_| T::default());
        items.iter_mut().try_for_each(|item| T::read(reader).map(|value| *item = value))?;
        Ok(items)
    }
}
