//! The recording of one asset: everything that it was told, in order, as an MCAP file.
//!
//! First a metadata record says what the file is, then one message on `settings` holds the canonical bytes of the
//! asset's settings, then one message on `input` holds the canonical bytes of each input; log time is mission time. The
//! format's checksums cover every byte. Recordings are not compressed: signatures do not shrink.
//!
//! Inputs wait in a buffer of one chunk before they reach the file. That is sound while all assets share one process:
//! nothing that an asset released can outlive what made it do so.

use crate::error::{Fault, NodeError};
use mcap::records::{MessageHeader, Metadata, Record};
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use mcap::write::NoSeek;
use mcap::{McapError, WriteOptions, Writer};
use mesh_model::canonical::ENCODED_LENGTH_MAX;
use mesh_model::{AssetId, Hash, MissionTime};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

/// What a recording says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The version of the program that wrote it.
    pub program: String,
    /// Whose recording it is.
    pub asset: AssetId,
    /// The seed that the asset was given.
    pub seed: u64,
    /// When the asset came to be.
    pub start: MissionTime,
}

/// The figures of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Number of inputs.
    pub inputs: u64,
    /// SHA-256 chain over the settings and every input with its time.
    pub digest: Hash,
}

/// Writes a recording.
pub struct RecordingWriter {
    path: PathBuf,
    mcap: McapWriter,
    input_channel: u16,
    totals: Totals,
}

impl RecordingWriter {
    /// Begins a new recording at `path`, where nothing may be yet.
    pub fn create(path: &Path, heading: &Heading, settings: &[u8]) -> Result<Self, NodeError> {
        let file = File::create_new(path).map_err(NodeError::refused("create", path))?;
        let begun = begin(file, heading, settings).map_err(|why| cannot_write(path, why));
        begun.map(|(mcap, input_channel)| Self {
            path: path.to_owned(),
            mcap,
            input_channel,
            totals: Totals::begin(settings),
        })
    }

    /// Adds one input, as it is handed to the asset at `now`.
    pub fn input(&mut self, now: MissionTime, input: &[u8]) -> Result<(), NodeError> {
        // The sequence number is for people and wraps; the order in the file is what counts.
        let header = message(self.input_channel, self.totals.inputs as u32, now);
        self.mcap.write_to_known_channel(&header, input).map_err(|why| cannot_write(&self.path, why))?;
        self.totals.add(now, input);
        Ok(())
    }

    /// Ends the recording.
    pub fn finish(mut self) -> Result<Totals, NodeError> {
        self.mcap.finish().map_err(|why| cannot_write(&self.path, why))?;
        Ok(self.totals)
    }
}

/// One input as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedInput {
    /// Counts the inputs from 0.
    pub number: u64,
    /// When it was handed to the asset.
    pub now: MissionTime,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

/// Reads a recording from its beginning, checking all its checksums on the way.
///
/// An input comes out only after its chunk was checked; the file as a whole is checked when the last one is out.
pub struct RecordingReader {
    source: Source,
    heading: Heading,
    settings: Vec<u8>,
    totals: Totals,
}

impl RecordingReader {
    /// Opens the recording at `path` and reads its beginning.
    pub fn open(path: &Path) -> Result<Self, NodeError> {
        let mut source = Source::open(path)?;
        let mut heading = None;
        let mut settings = None;
        while settings.is_none() {
            match source.next()? {
                Some(Item::Heading(found)) if heading.is_none() => heading = Some(found),
                Some(Item::Settings(bytes)) => settings = Some(bytes),
                Some(_) => return Err(source.damaged("expected the metadata, then the settings".to_owned())),
                None => return Err(source.damaged("the file ends before the settings".to_owned())),
            }
        }
        let (Some(heading), Some(settings)) = (heading, settings) else {
            return Err(source.damaged("the settings come before the metadata".to_owned()));
        };
        let totals = Totals::begin(&settings);
        Ok(Self { source, heading, settings, totals })
    }

    /// The next input; `None` after the last one, when the whole file proved sound.
    pub fn next_input(&mut self) -> Result<Option<RecordedInput>, NodeError> {
        match self.source.next()? {
            Some(Item::Input(now, bytes)) => {
                let number = self.totals.inputs;
                self.totals.add(now, &bytes);
                Ok(Some(RecordedInput { number, now, bytes }))
            }
            Some(_) => Err(self.source.damaged("expected nothing but inputs here".to_owned())),
            None => Ok(None),
        }
    }

    /// What the recording says about itself.
    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    /// The canonical bytes of the asset's settings.
    pub fn settings(&self) -> &[u8] {
        &self.settings
    }

    /// The figures of what was read so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

/// What a recording's records amount to.
enum Item {
    Heading(Heading),
    Settings(Vec<u8>),
    Input(MissionTime, Vec<u8>),
}

/// The records of an MCAP file, one by one.
struct Source {
    path: PathBuf,
    file: File,
    reader: LinearReader,
    /// Number of the next record.
    record: u64,
    /// Topics by channel id.
    topics: BTreeMap<u16, String>,
}

impl Source {
    fn open(path: &Path) -> Result<Self, NodeError> {
        let file = File::open(path).map_err(NodeError::refused("read", path))?;
        let options = LinearReaderOptions::default()
            .with_check_finishes_after_end_magic(true)
            .with_prevalidate_chunk_crcs(true)
            .with_validate_data_section_crc(true)
            .with_validate_summary_section_crc(true)
            .with_record_length_limit(RECORD_LENGTH_MAX);
        let reader = LinearReader::new_with_options(options);
        Ok(Self { path: path.to_owned(), file, reader, record: 0, topics: BTreeMap::new() })
    }

    fn next(&mut self) -> Result<Option<Item>, NodeError> {
        loop {
            let found = match self.reader.next_event() {
                None => return Ok(None),
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let space = self.reader.insert(wanted.min(READ_LENGTH_MAX));
                    let length = self.file.read(space).map_err(NodeError::refused("read", &self.path))?;
                    self.reader.notify_read(length);
                    continue;
                }
                Some(Ok(LinearReadEvent::Record { opcode, data })) => interpret(opcode, data, &mut self.topics),
                Some(Err(why)) => Err(why.to_string()),
            };
            match found {
                Ok(item) => {
                    self.record += 1;
                    if item.is_some() {
                        return Ok(item);
                    }
                }
                Err(why) => return Err(self.damaged(why)),
            }
        }
    }

    fn damaged(&self, why: String) -> NodeError {
        NodeError::unfit(&self.path, Fault::DamagedRecord { record: self.record, why })
    }
}

/// What one record amounts to, if anything. Only kinds that the writer makes are parsed: the parser of others
/// (attachments) trusts their lengths.
fn interpret(opcode: u8, data: &[u8], topics: &mut BTreeMap<u16, String>) -> Result<Option<Item>, String> {
    use mcap::records::op;
    match opcode {
        op::METADATA | op::CHANNEL | op::MESSAGE => {}
        op::ATTACHMENT => return Err("a recording has no attachments".to_owned()),
        _ => return Ok(None),
    }
    match mcap::parse_record(opcode, data).map_err(|why| why.to_string())? {
        Record::Metadata(metadata) => heading_from(&metadata).map(|heading| Some(Item::Heading(heading))),
        Record::Channel(channel) => {
            topics.insert(channel.id, channel.topic);
            Ok(None)
        }
        Record::Message { header, data } => match topics.get(&header.channel_id).map(String::as_str) {
            Some(SETTINGS_TOPIC) => Ok(Some(Item::Settings(data.into_owned()))),
            Some(INPUT_TOPIC) => Ok(Some(Item::Input(MissionTime::from_ns(header.log_time), data.into_owned()))),
            _ => Err(format!("a message on the unknown channel {}", header.channel_id)),
        },
        _ => Ok(None),
    }
}

fn begin(file: File, heading: &Heading, settings: &[u8]) -> Result<(McapWriter, u16), McapError> {
    let options = WriteOptions::new()
        .compression(None)
        .profile("cosmosmesh")
        .library(concat!("cosmosmesh ", env!("CARGO_PKG_VERSION")))
        .chunk_size(Some(CHUNK_LENGTH))
        .disable_seeking(true);
    let mut mcap = Writer::with_options(NoSeek::new(BufWriter::new(file)), options)?;
    mcap.write_metadata(&metadata_from(heading))?;
    let settings_schema = mcap.add_schema("mesh_asset::Settings", ENCODING, SCHEMA_TEXT.as_bytes())?;
    let input_schema = mcap.add_schema("mesh_asset::Input", ENCODING, SCHEMA_TEXT.as_bytes())?;
    let none = BTreeMap::new();
    let settings_channel = mcap.add_channel(settings_schema, SETTINGS_TOPIC, ENCODING, &none)?;
    let input_channel = mcap.add_channel(input_schema, INPUT_TOPIC, ENCODING, &none)?;
    mcap.write_to_known_channel(&message(settings_channel, 0, heading.start), settings)?;
    Ok((mcap, input_channel))
}

fn message(channel_id: u16, sequence: u32, now: MissionTime) -> MessageHeader {
    MessageHeader { channel_id, sequence, log_time: now.as_ns(), publish_time: now.as_ns() }
}

fn metadata_from(heading: &Heading) -> Metadata {
    let entries = [
        ("format", FORMAT_VERSION.to_string()),
        ("program", heading.program.clone()),
        ("asset", heading.asset.to_string()),
        ("seed", heading.seed.to_string()),
        ("start_ns", heading.start.as_ns().to_string()),
    ];
    let metadata = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Metadata { name: METADATA_NAME.to_owned(), metadata }
}

fn heading_from(metadata: &Metadata) -> Result<Heading, String> {
    if metadata.name != METADATA_NAME {
        return Err(format!("the metadata is called {:?}, expected {METADATA_NAME:?}", metadata.name));
    }
    let text = |key: &str| metadata.metadata.get(key).ok_or_else(|| format!("the metadata has no {key:?}"));
    let number = |key: &str| text(key)?.parse::<u64>().map_err(|why| format!("{key} in the metadata: {why}"));
    let format = number("format")?;
    if format != u64::from(FORMAT_VERSION) {
        return Err(format!("format version {format}, this program knows {FORMAT_VERSION}"));
    }
    Ok(Heading {
        program: text("program")?.clone(),
        asset: AssetId::new(text("asset")?).map_err(|why| format!("asset in the metadata: {why}"))?,
        seed: number("seed")?,
        start: MissionTime::from_ns(number("start_ns")?),
    })
}

impl Totals {
    fn begin(settings: &[u8]) -> Self {
        Self { inputs: 0, digest: Hash::of(settings) }
    }

    fn add(&mut self, now: MissionTime, input: &[u8]) {
        self.inputs += 1;
        // The time has a fixed length, so no two sequences of inputs give the same bytes.
        self.digest = self.digest.then(&[&now.as_ns().to_le_bytes(), input].concat());
    }
}

fn cannot_write(path: &Path, why: McapError) -> NodeError {
    let source = match why {
        McapError::Io(source) => source,
        other => io::Error::other(other),
    };
    NodeError::refused("write", path)(source)
}

type McapWriter = Writer<NoSeek<BufWriter<File>>>;

const FORMAT_VERSION: u32 = 1;
const METADATA_NAME: &str = "cosmosmesh recording";
const SETTINGS_TOPIC: &str = "settings";
const INPUT_TOPIC: &str = "input";
const ENCODING: &str = "borsh";
const SCHEMA_TEXT: &str = "Borsh encoding of the Rust type that the schema is named after, as defined by the version of \
                           cosmosmesh in this file's metadata";
/// Length at which a chunk is closed.
const CHUNK_LENGTH: u64 = 128 << 10;
/// A chunk holds at most its target length and one message more.
const RECORD_LENGTH_MAX: usize = CHUNK_LENGTH as usize + 2 * ENCODED_LENGTH_MAX;
const READ_LENGTH_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn heading() -> Heading {
        let asset = AssetId::new("rover").expect("a good name");
        Heading { program: "0.1.0".to_owned(), asset, seed: 7, start: MissionTime::from_s(3) }
    }

    fn recorded(inputs: &[&[u8]]) -> (tempfile::TempDir, PathBuf, Totals) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rover.mcap");
        let mut writer = RecordingWriter::create(&path, &heading(), b"settings").expect("creates");
        for (i, input) in inputs.iter().enumerate() {
            writer.input(MissionTime::from_s(10 + i as u64), input).expect("records");
        }
        let totals = writer.finish().expect("finishes");
        (folder, path, totals)
    }

    fn read_all(path: &Path) -> Result<(Heading, Vec<u8>, Vec<RecordedInput>, Totals), NodeError> {
        let mut reader = RecordingReader::open(path)?;
        let mut inputs = Vec::new();
        while let Some(input) = reader.next_input()? {
            inputs.push(input);
        }
        Ok((reader.heading().clone(), reader.settings().to_vec(), inputs, reader.totals()))
    }

    #[test]
    fn what_was_recorded_is_read_back() {
        let long = vec![9; 300 << 10];
        let (_folder, path, totals) = recorded(&[b"one", b"", &long, b"four"]);
        let (found, settings, inputs, read) = read_all(&path).expect("reads");
        assert_eq!((found, settings.as_slice()), (heading(), b"settings".as_slice()));
        assert_eq!(inputs.len(), 4);
        assert_eq!(inputs[2].bytes, long);
        assert_eq!((inputs[3].number, inputs[3].now), (3, MissionTime::from_s(13)));
        assert_eq!(read, totals);
    }

    #[test]
    fn an_input_and_its_time_change_the_digest() {
        let digest = |inputs: &[&[u8]]| recorded(inputs).2.digest;
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"a"]), digest(&[b"a", b""]));
    }

    /// Writes a new file in place of the old one: some file systems wait for the disk when an old one is shortened.
    fn put(path: &Path, bytes: &[u8]) {
        fs::remove_file(path).expect("removes");
        fs::write(path, bytes).expect("writes");
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let (_folder, path, _) = recorded(&[b"one", b"two", b"three"]);
        let sound = fs::read(&path).expect("reads");
        for i in 0..sound.len() {
            for bit in [0x01, 0x80, 0xff] {
                let mut altered = sound.clone();
                altered[i] ^= bit;
                put(&path, &altered);
                assert!(read_all(&path).is_err(), "byte {i} of {} xor {bit:#x} went unnoticed", sound.len());
            }
            put(&path, &sound[..i]);
            assert!(read_all(&path).is_err(), "a cut at {i} went unnoticed");
        }
        let mut longer = sound.clone();
        longer.push(0);
        fs::write(&path, &longer).expect("writes");
        assert!(read_all(&path).is_err());
    }

    #[test]
    fn damage_is_reported_with_its_place() {
        let (_folder, path, _) = recorded(&[b"one", b"two"]);
        let bytes = fs::read(&path).expect("reads");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
        let why = read_all(&path).expect_err("half a file is damaged").to_string();
        assert!(why.contains("rover.mcap") && why.contains("record "), "{why}");
    }

    #[test]
    fn a_recording_is_never_written_over() {
        let (_folder, path, _) = recorded(&[]);
        assert!(RecordingWriter::create(&path, &heading(), b"").is_err());
    }
}
