//! What a supervisor tells about its processes, and the queue through which it does.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something that happened to a process. All lines of an incarnation come between its start and its end, unless it left
/// a process behind that goes on writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It runs.
    Started {
        /// Which.
        name: String,
        /// The operating system's number of it.
        pid: u32,
        /// Counts its starts from 1.
        incarnation: u32,
    },
    /// It wrote a line.
    Line {
        /// Which.
        name: String,
        /// Where to.
        stream: Stream,
        /// The line: text without control characters, cut at [`super::LINE_BYTES_MAX`].
        text: String,
    },
    /// It wrote faster than the lines were taken.
    Missed {
        /// Which.
        name: String,
        /// How many lines were dropped here.
        lines: u64,
    },
    /// It ended.
    Exited {
        /// Which.
        name: String,
        /// The incarnation that ended.
        incarnation: u32,
        /// How.
        ended: Ended,
        /// When it is started again. None if it has done its work, was asked to end, or is given up.
        restarting_in: Option<Duration>,
    },
    /// It will not be started again although it should run.
    GaveUp {
        /// Which.
        name: String,
        /// Why.
        why: Surrender,
        /// The last lines that its last incarnation wrote to standard error.
        last_words: Vec<String>,
    },
}

/// Where a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// The system tells neither.
    Unknown,
    /// It could not be started, and why.
    NotStarted(String),
    /// It was killed and does not go away.
    Stuck,
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        #[cfg(not(unix))]
        let signal = None;
        match (status.code(), signal) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with code {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::Unknown => f.write_str("ended"),
            Self::NotStarted(why) => write!(f, "could not be started: {why}"),
            Self::Stuck => f.write_str("does not end although it was killed"),
        }
    }
}

/// Why a process is given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Surrender {
    /// It says itself that it cannot work, or there is no such program: a restart would end the same way.
    #[error("{0}, and a restart would change nothing")]
    Hopeless(Ended),
    /// Its policy knows no restarts.
    #[error("{0}, and is not to be started again")]
    NoRestarts(Ended),
    /// It ended too often.
    #[error("{last} after {restarts} restarts within {:.0} s", span.as_secs_f64())]
    RestartsSpent {
        /// How it ended at last.
        last: Ended,
        /// Restarts within the span.
        restarts: u32,
        /// The span.
        span: Duration,
    },
}

/// The events of all processes of a supervisor, in the order in which they happened.
#[derive(Debug, Clone, Default)]
pub struct Events {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    content: Mutex<Content>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Content {
    events: VecDeque<Event>,
    /// Lines among the events, at most [`LINES_MAX`].
    lines: usize,
    /// Lines of each process that found no place and were not told of yet.
    missed: BTreeMap<String, u64>,
}

impl Events {
    /// The next event, for which it waits no longer than `timeout`.
    pub fn next_within(&self, timeout: Duration) -> Option<Event> {
        let deadline = Instant::now().checked_add(timeout);
        let mut content = self.content();
        loop {
            if let Some(event) = content.take() {
                return Some(event);
            }
            let left = deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            content = self.queue.arrived.wait_timeout(content, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The next event if there is one.
    pub fn next_now(&self) -> Option<Event> {
        self.content().take()
    }

    /// Never blocks: a supervisor does not stop watching because nobody takes its news. Lines beyond the limit are
    /// dropped and counted; of the other events a restart policy allows few.
    pub(super) fn push(&self, event: Event) {
        self.content().put(event);
        self.queue.arrived.notify_one();
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.queue.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn put(&mut self, event: Event) {
        let (Event::Line { name, .. } | Event::Exited { name, .. }) = &event else {
            self.events.push_back(event);
            return;
        };
        let is_line = matches!(event, Event::Line { .. });
        if is_line && self.lines >= LINES_MAX {
            let missed = self.missed.entry(name.clone()).or_default();
            *missed = missed.saturating_add(1);
            return;
        }
        if let Some((name, lines)) = self.missed.remove_entry(name) {
            self.events.push_back(Event::Missed { name, lines });
        }
        self.lines += usize::from(is_line);
        self.events.push_back(event);
    }

    fn take(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.lines -= usize::from(matches!(event, Event::Line { .. }));
        Some(event)
    }
}

/// Lines that wait to be taken.
const LINES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> Event {
        Event::Line { name: "rover".to_owned(), stream: Stream::Stderr, text: number.to_string() }
    }

    fn exited() -> Event {
        Event::Exited { name: "rover".to_owned(), incarnation: 1, ended: Ended::Signal(9), restarting_in: None }
    }

    #[test]
    fn events_come_in_order_and_the_wait_ends() {
        let events = Events::default();
        assert_eq!(events.next_within(Duration::from_millis(1)), None);
        events.push(line(1));
        events.push(exited());
        assert_eq!(events.next_within(Duration::MAX), Some(line(1)));
        assert_eq!((events.next_now(), events.next_now()), (Some(exited()), None));
    }

    #[test]
    fn a_flood_of_lines_is_dropped_and_counted_but_no_end_is() {
        let events = Events::default();
        (0..LINES_MAX + 7).for_each(|number| events.push(line(number)));
        events.push(exited());
        for number in 0..LINES_MAX {
            assert_eq!(events.next_now(), Some(line(number)));
        }
        assert_eq!(events.next_now(), Some(Event::Missed { name: "rover".to_owned(), lines: 7 }));
        assert_eq!((events.next_now(), events.next_now()), (Some(exited()), None));
        events.push(line(1));
        assert_eq!(events.next_now(), Some(line(1)));
    }

    #[test]
    fn an_end_is_told_in_words() {
        let words: Vec<String> = [Ended::Code(3), Ended::Signal(9), Ended::NotStarted("no such file".to_owned())]
            .iter()
            .map(Ended::to_string)
            .collect();
        assert_eq!(words, ["ended with code 3", "killed by signal 9", "could not be started: no such file"]);
        let spent = Surrender::RestartsSpent { last: Ended::Signal(11), restarts: 8, span: Duration::from_secs(60) };
        assert_eq!(spent.to_string(), "killed by signal 11 after 8 restarts within 60 s");
    }
}
