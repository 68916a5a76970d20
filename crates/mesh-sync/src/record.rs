//! The bytes of a log file.
//!
//! A file is [`FILE_HEADER`] and then one record an entry, with nothing between them:
//!
//! | bytes | content |
//! |---|---|
//! | 4 | length of the body, little-endian |
//! | 4 | first bytes of SHA-256 over a tag, the record's offset in the file and the length |
//! | length | the borsh encoding of the SignedEnvelope |
//! | 8 | first bytes of SHA-256 over the body |
//!
//! The length has a check of its own so that a damaged length can never pass for a torn tail: recovery would cut off
//! entries that were acknowledged. The offset in it keeps a record from being read at another place. The checks find
//! accidents; against a forger stand the signatures and the chain.

use mesh_model::canonical::ENCODED_LENGTH_MAX;
use mesh_model::{Canonical, DecodeError, Hash, SignedEnvelope};

/// The first bytes of every log file: what it is, and the version of its format.
pub const FILE_HEADER: [u8; 16] = *b"cosmosmesh/log/1";

/// What is wrong with a log file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} at byte {offset}: {what}")]
pub struct LogDamage {
    /// Which entry, counted from 0.
    pub entry: u64,
    /// Where its record begins.
    pub offset: u64,
    /// What is wrong with it.
    pub what: LogFault,
}

/// What can be wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// The file does not begin as a log of this version does.
    #[error("not a log file of this version")]
    Header,
    /// The file ends inside the record.
    #[error("the file ends inside the entry: {present} bytes are there")]
    Torn {
        /// Bytes of the record that are there.
        present: u64,
    },
    /// The length does not agree with its check.
    #[error("the length of the entry is damaged")]
    Length,
    /// The body does not agree with its check.
    #[error("the entry is damaged")]
    Body,
    /// The body agrees with its check and is no signed envelope.
    #[error("the entry cannot be read: {0}")]
    Undecodable(DecodeError),
}

/// Reads a whole log and takes nothing but complete, undamaged records from the first byte to the last: a torn tail is
/// damage too. Says nothing about signatures or the chain.
pub fn read_log(bytes: &[u8]) -> Result<Vec<SignedEnvelope>, LogDamage> {
    let (entries, end) = scan(bytes);
    match end {
        None => Ok(entries),
        Some(damage) => Err(damage),
    }
}

/// All complete records up to the first thing wrong, and what that is.
pub(crate) fn scan(bytes: &[u8]) -> (Vec<SignedEnvelope>, Option<LogDamage>) {
    let mut entries = Vec::new();
    if !bytes.starts_with(&FILE_HEADER) {
        return (entries, Some(LogDamage { entry: 0, offset: 0, what: LogFault::Header }));
    }
    let mut offset = FILE_HEADER.len();
    while offset < bytes.len() {
        match decode(offset as u64, &bytes[offset..]) {
            Ok((entry, length)) => {
                entries.push(entry);
                offset += length;
            }
            Err(what) => {
                let damage = LogDamage { entry: entries.len() as u64, offset: offset as u64, what };
                return (entries, Some(damage));
            }
        }
    }
    (entries, None)
}

/// The record of `entry` at `offset` of its file; `None` if the entry is longer than any that would be read back.
pub(crate) fn encode(offset: u64, entry: &SignedEnvelope) -> Option<Vec<u8>> {
    let body = entry.encode();
    if body.len() > ENCODED_LENGTH_MAX {
        return None;
    }
    let length = (body.len() as u32).to_le_bytes();
    let mut record = Vec::with_capacity(HEAD_LENGTH + body.len() + BODY_CHECK_LENGTH);
    record.extend_from_slice(&length);
    record.extend_from_slice(&length_check(offset, length));
    record.extend_from_slice(&body);
    record.extend_from_slice(&body_check(&body));
    Some(record)
}

/// The entry in the record that `bytes` begin with, and the record's length.
fn decode(offset: u64, bytes: &[u8]) -> Result<(SignedEnvelope, usize), LogFault> {
    let torn = LogFault::Torn { present: bytes.len() as u64 };
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_LENGTH>() else {
        return Err(torn);
    };
    let (length, check) = head.split_first_chunk::<4>().expect("the head is longer than the length in it");
    if *check != length_check(offset, *length) {
        return Err(LogFault::Length);
    }
    let length = u32::from_le_bytes(*length) as usize;
    let Some((body, rest)) = rest.split_at_checked(length) else {
        return Err(torn);
    };
    let Some(check) = rest.first_chunk::<BODY_CHECK_LENGTH>() else {
        return Err(torn);
    };
    if *check != body_check(body) {
        return Err(LogFault::Body);
    }
    let entry = SignedEnvelope::decode(body).map_err(LogFault::Undecodable)?;
    Ok((entry, HEAD_LENGTH + length + BODY_CHECK_LENGTH))
}

fn length_check(offset: u64, length: [u8; 4]) -> [u8; 4] {
    let mut bytes = LENGTH_TAG.to_vec();
    bytes.extend_from_slice(&offset.to_le_bytes());
    bytes.extend_from_slice(&length);
    *Hash::of(&bytes).as_bytes().first_chunk().expect("a hash is longer than its first bytes")
}

fn body_check(body: &[u8]) -> [u8; BODY_CHECK_LENGTH] {
    *Hash::of(body).as_bytes().first_chunk().expect("a hash is longer than its first bytes")
}

const LENGTH_TAG: &[u8] = b"cosmosmesh/log/length";
/// The length and its check.
const HEAD_LENGTH: usize = 8;
const BODY_CHECK_LENGTH: usize = 8;
