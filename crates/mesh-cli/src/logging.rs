//! What the program notes while it works: short lines on standard error for people, and all of it as JSON lines in a
//! file of the run folder.
//!
//! A process started by `run` does the same for itself: its lines for people reach the terminal through `run`, by
//! [`forward`] and not as events, so that none stands in two files; its JSON lines go into a file of its own.

use crate::output;
use crate::trace_file::TraceFile;
use mesh_node::NodeError;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::str::FromStr;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt};
use tracing_subscriber::fmt::{Layer, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Which events people are shown: a level, or `RUST_LOG`'s `target=level,...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    directives: String,
}

/// Why the notes cannot be kept as asked.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The environment asks for something that is no filter.
    #[error("RUST_LOG is no filter: {0}")]
    Environment(FilterError),
    /// Somebody else keeps them.
    #[error("events are noted elsewhere already")]
    Taken,
}

/// What is wrong with a filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A word that stands alone is no level.
    #[error("{word:?} is no level; expected {LEVELS}, or target=level")]
    NoLevel {
        /// The word.
        word: String,
    },
    /// It cannot be read.
    #[error("{text:?}: {why}; expected a level ({LEVELS}) or target=level,target=level")]
    Unreadable {
        /// What was given.
        text: String,
        /// What the parser says.
        why: String,
    },
}

/// The notes of this process.
#[derive(Debug, Clone)]
pub struct Logging {
    trace: TraceFile,
    option: Option<Filter>,
}

impl Logging {
    /// Takes notes from here on. `option` is the filter of the command line, which wins over `RUST_LOG`.
    pub fn start(option: Option<Filter>) -> Result<Self, LoggingError> {
        let filter = match &option {
            Some(filter) => filter.clone(),
            None => Filter::from_environment()?,
        };
        let trace = TraceFile::default();
        let with_colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        tracing_subscriber::registry()
            .with(for_people(&filter, Screen, with_colour))
            .with(for_programs(&filter, trace.clone()))
            .try_init()
            .map_err(|_| LoggingError::Taken)?;
        note_panics();
        Ok(Self { trace, option })
    }

    /// Writes the JSON lines to `path` from here on, and those so far. What is in the file stays: a process that was
    /// killed goes on in it.
    pub fn write_trace(&self, path: &Path) -> Result<(), NodeError> {
        self.trace.open(path)
    }

    /// The arguments that make another process of this program show the same.
    pub fn arguments(&self) -> Vec<OsString> {
        let option = self.option.iter();
        option.flat_map(|filter| ["--log-level".into(), filter.directives.clone().into()]).collect()
    }
}

/// Shows a line that another process has written for people, with its name. Its level is in it.
pub fn forward(name: &str, text: &str) {
    let with_colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    output::note(forwarded(name, text, with_colour));
}

fn forwarded(name: &str, text: &str, with_colour: bool) -> String {
    let coloured = || {
        let trimmed = text.trim_start();
        let (level, colour) = LEVEL_COLOURS.iter().find(|(level, _)| trimmed.starts_with(level))?;
        let rest = trimmed.strip_prefix(level).filter(|rest| rest.starts_with(' '))?;
        Some(format!("{name}: \x1b[{colour}m{level:>5}\x1b[0m{rest}"))
    };
    with_colour.then(coloured).flatten().unwrap_or_else(|| format!("{name}: {text}"))
}

impl Filter {
    fn from_environment() -> Result<Self, LoggingError> {
        let Some(value) = std::env::var_os("RUST_LOG").filter(|value| !value.is_empty()) else {
            return Ok(Self { directives: DEFAULT.to_owned() });
        };
        let text = value.to_string_lossy();
        readable(&text).map_err(LoggingError::Environment)?;
        Ok(Self { directives: text.into_owned() })
    }

    /// For people. Zenoh warns whenever a connection is lost, which is what this program is made for; whoever wants to
    /// read that names its target.
    fn for_people(&self) -> EnvFilter {
        let is_silent = self.directives.trim().eq_ignore_ascii_case("off");
        let quiet = if is_silent { QUIET_OFF } else { QUIET };
        lenient(&format!("{quiet},{}", self.directives))
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Stricter than `RUST_LOG`, where a misspelt level is a target that does not exist.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        for word in &words {
            if !word.contains('=') && !LEVELS.split(", ").any(|level| level.eq_ignore_ascii_case(word)) {
                return Err(FilterError::NoLevel { word: (*word).to_owned() });
            }
        }
        let directives = words.join(",");
        readable(&directives)?;
        Ok(Self { directives })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.directives)
    }
}

fn readable(text: &str) -> Result<(), FilterError> {
    let unreadable = |why: tracing_subscriber::filter::ParseError| FilterError::Unreadable {
        text: text.to_owned(),
        why: why.to_string(),
    };
    EnvFilter::builder().parse(text).map(drop).map_err(unreadable)
}

/// A filter that was read before, with additions of this file.
fn lenient(directives: &str) -> EnvFilter {
    EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).parse_lossy(directives)
}

fn for_people<S>(
    filter: &Filter,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
    with_colour: bool,
) -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let layer = Layer::default().without_time().with_ansi(with_colour).log_internal_errors(false);
    layer.with_writer(writer).with_filter(filter.for_people())
}

/// At least what an hour later answers what happened, whatever people were shown.
fn for_programs<S>(
    filter: &Filter,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let layer = Layer::default().json().with_span_list(false).with_ansi(false).log_internal_errors(false);
    layer.with_writer(writer).with_filter(lenient(TRACED).or(filter.for_people()))
}

/// Puts panics into the trace. To people the standard library tells them by itself.
fn note_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!(target: PANIC, "{panic}");
        told(panic);
    }));
}

/// Standard error, past the lines that stay in place there. That it is gone is no reason to fail: the one who read it
/// may have been killed.
#[derive(Debug, Clone, Copy)]
struct Screen;

impl MakeWriter<'_> for Screen {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        output::note_bytes(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const LEVELS: &str = "off, error, warn, info, debug, trace";
/// What people are shown unless they ask for more: how a mission goes they see without it.
const DEFAULT: &str = "warn";
/// The target of panics, which only the trace listens to.
const PANIC: &str = "panic";
/// Before the directives of people, which win where they name the same target.
const QUIET: &str = "panic=off,zenoh=error,zenoh::api::session=off";
const QUIET_OFF: &str = "panic=off";
/// What the trace holds in any case. A directive is for all targets that begin so: this is all of Zenoh.
const TRACED: &str = "info,zenoh=warn";
/// As the layer for people colours them.
const LEVEL_COLOURS: [(&str, u8); 5] = [("ERROR", 31), ("WARN", 33), ("INFO", 32), ("DEBUG", 34), ("TRACE", 35)];

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Debug, Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        fn lines(&self) -> Vec<String> {
            let bytes = self.0.lock().expect("nobody panicked").clone();
            String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect()
        }
    }

    impl MakeWriter<'_> for Paper {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What people and programs are told of events of every kind under a filter.
    fn told(filter: &str) -> (Vec<String>, Vec<String>) {
        let filter: Filter = filter.parse().expect("a filter");
        let (people, programs) = (Paper::default(), Paper::default());
        let subscriber = tracing_subscriber::registry()
            .with(for_people(&filter, people.clone(), false))
            .with(for_programs(&filter, programs.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "zenoh_transport::unicast", "lost");
            tracing::warn!(target: "zenoh::net", "again");
            tracing::error!(target: PANIC, "at the disco");
            let span = tracing::info_span!(target: "mesh_node", "tick", number = 7);
            span.in_scope(|| tracing::warn!(target: "mesh_node::drain", peer = "rover", "late\x1b[2J"));
            tracing::info!(target: "mesh_node::drain", "connected");
            tracing::debug!(target: "mesh_node::drain", "polled");
        });
        (people.lines(), programs.lines())
    }

    fn check(filter: &str, people: &[&str], programs: &[&str]) {
        let found = told(filter);
        for (lines, expect) in [(found.0, people), (found.1, programs)] {
            assert_eq!(lines.len(), expect.len(), "{filter}: {lines:#?}");
            for (line, word) in lines.iter().zip(expect) {
                assert!(line.contains(word), "{filter}: {word} is missing in {line}");
            }
        }
    }

    #[test]
    fn people_are_told_what_they_ask_for_and_the_trace_has_more() {
        let traced = ["lost", "again", "disco", "late", "connected"];
        check("warn", &["lost", "late"], &traced);
        check("off", &[], &traced);
        check("error", &["lost"], &traced);
        check("INFO", &["lost", "late", "connected"], &traced);
        let all = ["lost", "again", "disco", "late", "connected", "polled"];
        check("debug", &["lost", "late", "connected", "polled"], &all);
        check("error,mesh_node=debug", &["lost", "late", "connected", "polled"], &all);
        check("info,zenoh=warn", &["lost", "again", "late", "connected"], &traced);
    }

    #[test]
    fn a_line_for_people_has_its_level_and_cannot_steer_the_terminal() {
        let (people, _) = told("info");
        assert_eq!(people[1], " WARN tick{number=7}: mesh_node::drain: late\\x1b[2J peer=\"rover\"");
    }

    #[test]
    fn a_line_for_programs_is_json_with_time_level_and_fields() {
        let (_, programs) = told("off");
        let line: serde_json::Value = serde_json::from_str(&programs[3]).expect("JSON");
        for (pointer, expect) in [
            ("/level", "WARN"),
            ("/target", "mesh_node::drain"),
            ("/fields/message", "late\x1b[2J"),
            ("/fields/peer", "rover"),
            ("/span/name", "tick"),
        ] {
            assert_eq!(line.pointer(pointer).and_then(|value| value.as_str()), Some(expect), "{line}");
        }
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    }

    #[test]
    fn a_filter_is_a_level_or_names_targets() {
        for good in ["warn", "TRACE", "off", "mesh_node=debug", "info,zenoh=warn", "info, zenoh=off"] {
            assert!(good.parse::<Filter>().is_ok(), "{good}");
        }
        for bad in ["", "louder", "warn,", "mesh_node", "mesh_node=louder", "warn;info", "=,="] {
            let why = bad.parse::<Filter>().expect_err(bad).to_string();
            assert!(why.contains("warn, info") && why.contains("target=level"), "{bad}: {why}");
        }
    }

    #[test]
    fn a_forwarded_line_has_name_and_level() {
        assert_eq!(forwarded("rover", " WARN mesh_node: late", false), "rover:  WARN mesh_node: late");
        assert_eq!(forwarded("rover", " WARN mesh_node: late", true), "rover: \x1b[33m WARN\x1b[0m mesh_node: late");
        assert_eq!(forwarded("rover", "ERRORS abound", true), "rover: ERRORS abound");
        assert_eq!(forwarded("rover", "", true), "rover: ");
    }
}
