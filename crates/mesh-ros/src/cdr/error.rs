//! Why a message cannot be written, which is a mistake of this program, or read, which is one of the peer.

use super::MESSAGE_LENGTH_MAX;

/// A message of our own that has no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More bytes than [`MESSAGE_LENGTH_MAX`].
    #[error("the message takes {length} bytes, more than the limit of {MESSAGE_LENGTH_MAX}")]
    TooLong {
        /// How many it takes.
        length: usize,
    },
    /// A bounded text or sequence is longer than its interface allows.
    #[error("{count} elements where the interface allows {bound}")]
    OutOfBound {
        /// How many there are.
        count: usize,
        /// How many there may be.
        bound: usize,
    },
    /// A text contains NUL, which ends a text in CDR.
    #[error("a text contains NUL")]
    NulInText,
}

/// Bytes that are no message of the expected type. Offsets count from the start of the bytes, header included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than [`MESSAGE_LENGTH_MAX`].
    #[error("{length} bytes are more than the limit of {MESSAGE_LENGTH_MAX}")]
    TooLong {
        /// How many there were.
        length: usize,
    },
    /// The header is not that of plain CDR.
    #[error("the header {header:02x?} is not that of plain CDR")]
    Encapsulation {
        /// The first bytes, up to four.
        header: Vec<u8>,
    },
    /// The bytes end within a value.
    #[error("{needed} bytes are needed at {offset}, but {left} are left")]
    Truncated {
        /// Where the value or its padding begins.
        offset: usize,
        /// Bytes that it needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A sequence claims more elements than can be in the bytes that are left.
    #[error("the sequence at {offset} claims {count} elements, but only {left} bytes are left")]
    CountTooLarge {
        /// Where its elements begin.
        offset: usize,
        /// What it claims.
        count: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A bounded text or sequence is longer than its interface allows.
    #[error("{count} elements at {offset} where the interface allows {bound}")]
    OutOfBound {
        /// Where its elements begin.
        offset: usize,
        /// How many there are.
        count: usize,
        /// How many there may be.
        bound: usize,
    },
    /// A truth value is neither 0 nor 1.
    #[error("the truth value at {offset} is {value}, neither 0 nor 1")]
    NotBool {
        /// Where it is.
        offset: usize,
        /// What it is.
        value: u8,
    },
    /// A text is malformed.
    #[error("the text at {offset} {fault}")]
    Text {
        /// Where its characters begin.
        offset: usize,
        /// What is wrong with it.
        fault: TextFault,
    },
    /// There are bytes after the message.
    #[error("{left} bytes follow the message")]
    Trailing {
        /// How many.
        left: usize,
    },
}

/// What can be wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// It does not end with NUL.
    #[error("does not end with NUL")]
    Unterminated,
    /// It contains a NUL before its end.
    #[error("contains NUL")]
    ContainsNul,
    /// It is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
}
