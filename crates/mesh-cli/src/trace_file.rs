//! The file with everything that a process noted, as JSON lines. Its place is known only after the process has begun,
//! and its length has a limit.

use crate::output;
use mesh_node::NodeError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// Takes lines, keeps the first ones until there is a file for them, and then writes them there.
#[derive(Debug, Clone, Default)]
pub struct TraceFile {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum State {
    /// There is no file yet. At most [`WAITING_BYTES_MAX`].
    Waiting(Vec<u8>),
    Open {
        file: File,
        path: PathBuf,
        /// How much longer it may become, the last line that says so aside.
        bytes_left: u64,
    },
    /// The file is full or cannot be written.
    Closed,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl TraceFile {
    /// Goes on in the file at `path`, which is made together with its folder if there is none.
    pub fn open(&self, path: &Path) -> Result<(), NodeError> {
        self.open_limited(path, FILE_BYTES_MAX)
    }

    fn open_limited(&self, path: &Path, bytes_max: u64) -> Result<(), NodeError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(NodeError::refused("create", folder))?;
        }
        let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = opened.map_err(NodeError::refused("open", path))?;
        let length = end_line(&mut file).map_err(NodeError::refused("write", path))?;
        let open = match bytes_max.checked_sub(LAST_LINE_BYTES_MAX + length) {
            Some(bytes_left) => State::Open { file, path: path.to_owned(), bytes_left },
            None => State::Closed,
        };
        let mut state = self.state();
        if let State::Waiting(lines) = std::mem::replace(&mut *state, open) {
            lines.split_inclusive(|byte| *byte == b'\n').for_each(|line| state.write(line));
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes a line with its end.
    fn write(&mut self, line: &[u8]) {
        match self {
            Self::Waiting(lines) if lines.len() + line.len() <= WAITING_BYTES_MAX => lines.extend_from_slice(line),
            Self::Waiting(_) | Self::Closed => {}
            Self::Open { file, path, bytes_left } => {
                let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
                let left = bytes_left.checked_sub(length);
                // In one piece, so that a process that is killed leaves no half of it.
                let written = match left {
                    Some(_) => file.write_all(line),
                    None => file.write_all(&last_line()),
                };
                match (written, left) {
                    (Ok(()), Some(left)) => *bytes_left = left,
                    (Ok(()), None) => *self = Self::Closed,
                    (Err(why), _) => {
                        output::note(format_args!("cannot write {}, so no more is traced: {why}", path.display()));
                        *self = Self::Closed;
                    }
                }
            }
        }
    }
}

impl<'w> MakeWriter<'w> for TraceFile {
    type Writer = LineWriter<'w>;

    fn make_writer(&'w self) -> LineWriter<'w> {
        LineWriter(self.state())
    }
}

/// Writes one line, which it is given whole.
#[derive(Debug)]
pub struct LineWriter<'w>(MutexGuard<'w, State>);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends a line that was torn when the system went down; returns the file's length.
fn end_line(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(0);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(length);
    }
    file.write_all(b"\n")?;
    Ok(length + 1)
}

/// Says that the file is full.
fn last_line() -> Vec<u8> {
    let mut time = String::new();
    // Writing into a string cannot fail, and without its time the line says as much.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let message = "this file has reached its limit; nothing more is written";
    let fields = serde_json::json!({ "message": message, "bytes_max": FILE_BYTES_MAX });
    let target = module_path!();
    let line = serde_json::json!({ "timestamp": time, "level": "WARN", "fields": fields, "target": target });
    format!("{line}\n").into_bytes()
}

/// Longest trace file of a process.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Room for the last line.
const LAST_LINE_BYTES_MAX: u64 = 512;
/// Most that is kept until there is a file.
const WAITING_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn say(trace: &TraceFile, text: &str) {
        trace.make_writer().write_all(text.as_bytes()).expect("never fails");
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).expect("reads")
    }

    #[test]
    fn lines_from_before_the_file_was_known_are_in_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("trace/run.jsonl");
        let trace = TraceFile::default();
        say(&trace, "one\n");
        say(&trace, "two\n");
        trace.open(&path).expect("opens");
        say(&trace, "three\n");
        assert_eq!(read(&path), "one\ntwo\nthree\n");
    }

    #[test]
    fn without_a_file_only_the_first_lines_are_kept() {
        let trace = TraceFile::default();
        let line = format!("{}\n", "x".repeat(999));
        (0..100).for_each(|_| say(&trace, &line));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("run.jsonl");
        trace.open(&path).expect("opens");
        assert_eq!(read(&path), line.repeat(WAITING_BYTES_MAX / 1000));
    }

    #[test]
    fn a_later_process_goes_on_in_the_file_and_ends_a_torn_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rover.jsonl");
        fs::write(&path, "one\ntor").expect("writes");
        let trace = TraceFile::default();
        trace.open(&path).expect("opens");
        say(&trace, "two\n");
        assert_eq!(read(&path), "one\ntor\ntwo\n");
    }

    #[test]
    fn a_full_file_says_so_once_and_stays_within_its_limit() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rover.jsonl");
        let limit = LAST_LINE_BYTES_MAX + 10;
        for _ in 0..2 {
            let trace = TraceFile::default();
            trace.open_limited(&path, limit).expect("opens");
            (0..5).for_each(|_| say(&trace, "1234\n"));
        }
        let text = read(&path);
        let last = text.strip_prefix("1234\n1234\n").expect("what had room");
        assert_eq!(last.lines().count(), 1, "{text}");
        let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
        assert!(last["fields"]["message"].as_str().is_some_and(|message| message.contains("limit")), "{last}");
        assert!(text.len() as u64 <= limit, "{} bytes", text.len());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("trace"), "a file").expect("writes");
        assert!(TraceFile::default().open(&folder.path().join("trace/run.jsonl")).is_err());
    }
}
