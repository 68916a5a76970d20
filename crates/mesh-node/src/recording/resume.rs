//! Taking a recording up again after the process that wrote it was killed.

use super::{Broken, Heading, RecordedInput, RecordingReader, RecordingWriter, Restart};
use crate::durable;
use crate::error::{Fault, NodeError};
use mesh_model::MissionTime;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A recording that goes on.
pub struct Resumed {
    /// Writes on where the recording ends.
    pub writer: RecordingWriter,
    /// Everything that was recorded, in order.
    pub inputs: Vec<RecordedInput>,
    /// Counts the processes of this asset: 0 for one that begins its recording, n after the nth restart.
    pub incarnation: u32,
}

impl RecordingWriter {
    /// Goes on with the recording at `path`, which a killed process may have left torn, or begins it if there is none.
    ///
    /// The inputs are written to a new file beside the old one, with a mark of this restart at its end; when that is on
    /// the disk it takes the old one's place. Whoever is killed on the way leaves the old file as it was. A file of
    /// which not even the settings are whole was never flushed, so nothing that it recorded ever got out: it counts as
    /// one without inputs. One of another asset, seed or settings, a damaged one, and one that broke off before its
    /// process was killed are refused: an asset that goes on from less than it had said would contradict itself.
    pub fn resume(path: &Path, heading: &Heading, settings: &[u8]) -> Result<Resumed, NodeError> {
        let old = match RecordingReader::open_torn(path) {
            Ok(old) => old,
            Err(NodeError::Refused { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let mut writer = Self::create(path, heading, settings)?;
                writer.flush()?;
                return Ok(Resumed { writer, inputs: Vec::new(), incarnation: 0 });
            }
            Err(why) => return Err(why),
        };
        if let Some(broken) = Broken::read(path)? {
            let why = broken.to_string();
            return Err(NodeError::unfit(path, Fault::Malformed { expected: "a whole recording", why }));
        }
        let (inputs, restarts) = match old {
            None => (Vec::new(), Vec::new()),
            Some(reader) => taken(path, reader, heading, settings)?,
        };
        let fresh = fresh_path(path);
        let file = File::create(&fresh).map_err(NodeError::refused("create", &fresh))?;
        let mut writer = Self::begin(&fresh, file, heading, settings, true)?;
        let incarnation = copy(&mut writer, heading.start, &inputs, &restarts)?;
        writer.sheet().sync()?;
        let refused = |why| NodeError::refused("write", path)(why);
        fs::rename(&fresh, path).map_err(refused)?;
        durable::sync_folder(durable::parent(path)).map_err(refused)?;
        writer.sheet().renamed(path);
        writer.flush()?;
        Ok(Resumed { writer, inputs, incarnation })
    }
}

/// What an old recording holds, once it is the one that is meant.
fn taken(
    path: &Path,
    mut reader: RecordingReader,
    heading: &Heading,
    settings: &[u8],
) -> Result<(Vec<RecordedInput>, Vec<Restart>), NodeError> {
    let own = (&heading.asset, heading.seed, heading.start);
    let found = reader.heading();
    if (&found.asset, found.seed, found.start) != own || reader.settings() != settings {
        let why = format!("it is a recording of {} with other settings or another seed", found.asset);
        return Err(NodeError::unfit(path, Fault::Malformed { expected: "the recording to go on with", why }));
    }
    let mut inputs = Vec::new();
    while let Some(input) = reader.next_input()? {
        inputs.push(input);
    }
    Ok((inputs, reader.restarts().to_vec()))
}

/// Writes everything once more, each restart in its place, and the new one at the end. Gives its number.
fn copy(
    writer: &mut RecordingWriter,
    start: MissionTime,
    inputs: &[RecordedInput],
    restarts: &[Restart],
) -> Result<u32, NodeError> {
    let mut restarts_left = restarts.iter().peekable();
    for input in inputs {
        while let Some(restart) = restarts_left.next_if(|restart| restart.input <= input.number) {
            writer.restart(restart.now, restart.incarnation)?;
        }
        writer.input(input.now, &input.bytes)?;
    }
    for restart in restarts_left {
        writer.restart(restart.now, restart.incarnation)?;
    }
    let incarnation = restarts.len() as u32 + 1;
    writer.restart(inputs.last().map_or(start, |input| input.now), incarnation)?;
    Ok(incarnation)
}

/// Where the new file grows. The name is always the same, so that a kill leaves at most one behind, until the next
/// restart.
fn fresh_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}
