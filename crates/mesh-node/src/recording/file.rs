//! An MCAP file as the recordings use it: metadata first, then messages on a few known channels, in order of arrival.
//!
//! What is flushed is in whole chunks, each with its own checksum, and in the hands of the operating system: a process
//! that is killed loses nothing of it. What a kill leaves is a file that ends too early, called torn; anything else
//! that is wrong with a file is damage. Nothing here knows what the messages say.

use crate::error::{Fault, NodeError};
use mcap::records::{MessageHeader, Metadata, Record};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use mcap::write::NoSeek;
use mcap::{McapError, WriteOptions, Writer};
use mesh_model::MissionTime;
use mesh_model::canonical::ENCODED_LENGTH_MAX;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// A recording that is being written.
pub(super) struct Sheet {
    path: PathBuf,
    mcap: Writer<NoSeek<BufWriter<Sink>>>,
    /// The same open file once more, to make it durable.
    handle: File,
    /// Something is in the buffer.
    is_dirty: bool,
}

impl Sheet {
    /// Begins a recording in `file`, which is empty and stands at `path`.
    pub(super) fn begin(path: &Path, file: File, metadata: &Metadata) -> Result<Self, NodeError> {
        let handle = file.try_clone().map_err(NodeError::refused("write", path))?;
        let options = WriteOptions::new()
            .compression(None)
            .profile("cosmosmesh")
            .library(concat!("cosmosmesh ", env!("CARGO_PKG_VERSION")))
            .chunk_size(Some(CHUNK_LENGTH))
            .disable_seeking(true);
        let sink = Sink { file, has_failed: false };
        let begun = Writer::with_options(NoSeek::new(BufWriter::new(sink)), options)
            .and_then(|mut mcap| mcap.write_metadata(metadata).map(|()| mcap));
        let mcap = begun.map_err(|why| cannot_write(path, why))?;
        Ok(Self { path: path.to_owned(), mcap, handle, is_dirty: true })
    }

    /// Adds a channel for messages that are canonical bytes of `schema`, and gives its number.
    pub(super) fn channel(&mut self, topic: &str, schema: &str) -> Result<u16, NodeError> {
        let schema = self.mcap.add_schema(schema, ENCODING, SCHEMA_TEXT.as_bytes());
        let added = schema.and_then(|schema| self.mcap.add_channel(schema, topic, ENCODING, &BTreeMap::new()));
        added.map_err(|why| cannot_write(&self.path, why))
    }

    /// Adds a message. The number is for people and wraps; the order in the file is what counts.
    pub(super) fn message(
        &mut self,
        channel: u16,
        number: u64,
        now: MissionTime,
        bytes: &[u8],
    ) -> Result<(), NodeError> {
        let time = now.as_ns();
        let header = MessageHeader { channel_id: channel, sequence: number as u32, log_time: time, publish_time: time };
        self.is_dirty = true;
        self.mcap.write_to_known_channel(&header, bytes).map_err(|why| cannot_write(&self.path, why))
    }

    /// Hands everything so far to the operating system, in whole chunks.
    pub(super) fn flush(&mut self) -> Result<(), NodeError> {
        if self.is_dirty {
            self.mcap.flush().map_err(|why| cannot_write(&self.path, why))?;
            self.is_dirty = false;
        }
        Ok(())
    }

    /// Flushes, and returns when it is on the disk.
    pub(super) fn sync(&mut self) -> Result<(), NodeError> {
        self.flush()?;
        self.handle.sync_all().map_err(NodeError::refused("write", &self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file has a new name.
    pub(super) fn renamed(&mut self, path: &Path) {
        self.path = path.to_owned();
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Result<(), NodeError> {
        self.mcap.finish().map(drop).map_err(|why| cannot_write(&self.path, why))
    }
}

/// A file to which nothing is written once a write has failed: what is in it is always a beginning of what was meant.
struct Sink {
    file: File,
    has_failed: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        self.file.write(bytes).inspect_err(|why| self.has_failed = why.kind() != io::ErrorKind::Interrupted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// One record that means something.
pub(super) enum Entry {
    /// What the file says about itself.
    Metadata(Metadata),
    /// A message.
    Message {
        /// On which of the known topics.
        topic: &'static str,
        /// Its mission time.
        now: MissionTime,
        /// Its content.
        bytes: Vec<u8>,
    },
}

/// Where a file ends that was not ended by its writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tear {
    /// Number of the record that is not there as a whole, counted from 0.
    pub record: u64,
    /// Length of the file in bytes.
    pub length: u64,
}

impl std::fmt::Display for Tear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the file ends after {} bytes, inside record {}: its writer did not end it", self.length, self.record)
    }
}

/// The records of a recording, one by one. A chunk's checksum is checked before its first record comes out.
pub(super) struct Source {
    path: PathBuf,
    file: File,
    reader: LinearReader,
    /// What may be in the file.
    known: &'static [&'static str],
    /// Number of the next record.
    record: u64,
    /// Bytes read.
    length: u64,
    /// Topics by channel id; none for an unknown one.
    topics: BTreeMap<u16, Option<&'static str>>,
    /// Whether a file that ends too early is read as far as it goes.
    may_be_torn: bool,
    tear: Option<Tear>,
}

impl Source {
    pub(super) fn open(path: &Path, known: &'static [&'static str], may_be_torn: bool) -> Result<Self, NodeError> {
        let file = File::open(path).map_err(NodeError::refused("read", path))?;
        let options = LinearReaderOptions::default()
            .with_check_finishes_after_end_magic(true)
            .with_prevalidate_chunk_crcs(true)
            .with_validate_data_section_crc(true)
            .with_validate_summary_section_crc(true)
            .with_record_length_limit(RECORD_LENGTH_MAX);
        let reader = LinearReader::new_with_options(options);
        let path = path.to_owned();
        Ok(Self { path, file, reader, known, record: 0, length: 0, topics: BTreeMap::new(), may_be_torn, tear: None })
    }

    /// The next record; `None` after the last one, when the whole file proved sound or was torn as it may be.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, NodeError> {
        while self.tear.is_none() {
            let found = match self.reader.next_event() {
                None => return Ok(None),
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let space = self.reader.insert(wanted.min(READ_LENGTH_MAX));
                    let length = self.file.read(space).map_err(NodeError::refused("read", &self.path))?;
                    self.reader.notify_read(length);
                    self.length += length as u64;
                    continue;
                }
                Some(Ok(LinearReadEvent::Record { opcode, data })) => {
                    interpret(opcode, data, self.known, &mut self.topics)
                }
                Some(Err(McapError::UnexpectedEof)) if self.may_be_torn => {
                    self.tear = Some(Tear { record: self.record, length: self.length });
                    break;
                }
                Some(Err(why)) => Err(why.to_string()),
            };
            match found {
                Ok(entry) => {
                    self.record += 1;
                    if entry.is_some() {
                        return Ok(entry);
                    }
                }
                Err(why) => return Err(self.damaged(why)),
            }
        }
        Ok(None)
    }

    /// Where the file was torn; known once the last record is out.
    pub(super) fn tear(&self) -> Option<&Tear> {
        self.tear.as_ref()
    }

    pub(super) fn damaged(&self, why: impl Into<String>) -> NodeError {
        NodeError::unfit(&self.path, Fault::DamagedRecord { record: self.record, why: why.into() })
    }
}

/// What one record amounts to, if anything. Only kinds that the writer makes are parsed: the parser of others
/// (attachments) trusts their lengths.
fn interpret(
    opcode: u8,
    data: &[u8],
    known: &'static [&'static str],
    topics: &mut BTreeMap<u16, Option<&'static str>>,
) -> Result<Option<Entry>, String> {
    use mcap::records::op;
    match opcode {
        op::METADATA | op::CHANNEL | op::MESSAGE => {}
        op::ATTACHMENT => return Err("a recording has no attachments".to_owned()),
        _ => return Ok(None),
    }
    match mcap::parse_record(opcode, data).map_err(|why| why.to_string())? {
        Record::Metadata(metadata) => Ok(Some(Entry::Metadata(metadata))),
        Record::Channel(channel) => {
            topics.insert(channel.id, known.iter().copied().find(|topic| *topic == channel.topic));
            Ok(None)
        }
        Record::Message { header, data } => match topics.get(&header.channel_id) {
            Some(Some(topic)) => {
                let now = MissionTime::from_ns(header.log_time);
                Ok(Some(Entry::Message { topic, now, bytes: data.into_owned() }))
            }
            _ => Err(format!("a message on the unknown channel {}", header.channel_id)),
        },
        _ => Ok(None),
    }
}

/// What a file says about itself, read entry by entry.
pub(super) struct Facts<'a>(pub(super) &'a Metadata);

impl Facts<'_> {
    /// Checks the metadata's name and gives the version of the format, which is at most `newest`.
    pub(super) fn version(&self, name: &str, newest: u32) -> Result<u32, String> {
        if self.0.name != name {
            return Err(format!("the metadata is called {:?}, expected {name:?}", self.0.name));
        }
        match self.number("format")? {
            format if (1..=u64::from(newest)).contains(&format) => Ok(format as u32),
            format => Err(format!("format version {format}, this program knows {newest}")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<&str, String> {
        self.0.metadata.get(key).map(String::as_str).ok_or_else(|| format!("the metadata has no {key:?}"))
    }

    pub(super) fn number(&self, key: &str) -> Result<u64, String> {
        self.text(key)?.parse().map_err(|why| format!("{key} in the metadata: {why}"))
    }
}

/// The metadata record with these entries.
pub(super) fn metadata<const N: usize>(name: &str, entries: [(&str, String); N]) -> Metadata {
    let metadata = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Metadata { name: name.to_owned(), metadata }
}

fn cannot_write(path: &Path, why: McapError) -> NodeError {
    let source = match why {
        McapError::Io(source) => source,
        other => io::Error::other(other),
    };
    NodeError::refused("write", path)(source)
}

const ENCODING: &str = "borsh";
const SCHEMA_TEXT: &str = "Borsh encoding of the Rust type that the schema is named after, as defined by the version of \
                           cosmosmesh in this file's metadata";
/// Length at which a chunk is closed.
const CHUNK_LENGTH: u64 = 128 << 10;
/// A chunk holds at most its target length and one message more.
const RECORD_LENGTH_MAX: usize = CHUNK_LENGTH as usize + 2 * ENCODED_LENGTH_MAX;
const READ_LENGTH_MAX: usize = 64 << 10;
