//! Processes under test, and waiting for what they do. Every wait has an end.

use crate::role;
use mesh_node::supervisor::{Ended, Event, Events, Program, RestartPolicy, Stdout, Stream, Supervisor, Surrender};
use std::collections::VecDeque;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A supervisor, and the events that were looked at but not yet asked for. Dropping it leaves no process.
pub struct Family {
    pub supervisor: Supervisor,
    pub events: Events,
    seen: VecDeque<Event>,
}

pub struct Start {
    pub pid: u32,
    pub incarnation: u32,
}

impl Family {
    pub fn new(policy: RestartPolicy) -> Self {
        let (supervisor, events) = Supervisor::new(policy);
        Self { supervisor, events, seen: VecDeque::new() }
    }

    pub fn start(&mut self, name: &str, role: &str) {
        self.supervisor.start(name, role_program(role)).expect("is taken on");
    }

    /// The next event, whatever it is.
    pub fn next(&mut self) -> Event {
        self.seen.pop_front().or_else(|| self.events.next_within(BOUND)).expect("an event in time")
    }

    /// The next event if there is one.
    pub fn next_now(&mut self) -> Option<Event> {
        self.seen.pop_front().or_else(|| self.events.next_now())
    }

    pub fn started(&mut self, name: &str) -> Start {
        self.find(name, |event| match event {
            Event::Started { pid, incarnation, .. } => Some(Start { pid: *pid, incarnation: *incarnation }),
            _ => None,
        })
    }

    pub fn exited(&mut self, name: &str) -> (Ended, Option<Duration>) {
        self.find(name, |event| match event {
            Event::Exited { ended, restarting_in, .. } => Some((ended.clone(), *restarting_in)),
            _ => None,
        })
    }

    pub fn gave_up(&mut self, name: &str) -> (Surrender, Vec<String>) {
        self.find(name, |event| match event {
            Event::GaveUp { why, last_words, .. } => Some((why.clone(), last_words.clone())),
            _ => None,
        })
    }

    /// The next line on standard error.
    pub fn line(&mut self, name: &str) -> String {
        self.find(name, |event| match event {
            Event::Line { stream: Stream::Stderr, text, .. } => Some(text.clone()),
            _ => None,
        })
    }

    pub fn says(&mut self, name: &str, text: &str) {
        while self.line(name) != text {}
    }

    /// Passes over what else this process does until something is found, and leaves what others do.
    fn find<T>(&mut self, name: &str, found: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + BOUND;
        let mut of_others = VecDeque::new();
        let found = loop {
            assert!(Instant::now() < deadline, "what was waited for has not come");
            let event = self.next();
            if subject(&event) != name {
                of_others.push_back(event);
            } else if let Some(found) = found(&event) {
                break found;
            }
        };
        of_others.append(&mut self.seen);
        self.seen = of_others;
        found
    }
}

/// Whom it happened to.
fn subject(event: &Event) -> &str {
    match event {
        Event::Started { name, .. }
        | Event::Line { name, .. }
        | Event::Missed { name, .. }
        | Event::Exited { name, .. }
        | Event::GaveUp { name, .. } => name,
    }
}

/// This test program in a role.
pub fn role_program(role: &str) -> Program {
    Program {
        path: std::env::current_exe().expect("a program knows its path"),
        arguments: [role::TEST, "--exact", "--nocapture"].map(Into::into).to_vec(),
        environment: vec![(role::VARIABLE.into(), role.into())],
        folder: None,
        stdout: Stdout::Lines,
    }
}

pub fn kill_9(pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().expect("there is a shell");
    assert!(status.success(), "kill -9 {pid}");
}

/// Waits until the processes, which are nobody's here, are gone; returns how long that took.
#[cfg(target_os = "linux")]
pub fn wait_until_gone(pids: &[u32], bound: Duration) -> Duration {
    let begin = Instant::now();
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(begin.elapsed() < bound, "of {pids:?} some are still there after {bound:?}");
        // Nothing tells of the end of a process that is not a child: look again.
        thread::sleep(Duration::from_millis(2));
    }
    begin.elapsed()
}

/// Whether there is such a process, and it has not ended.
#[cfg(target_os = "linux")]
pub fn is_alive(pid: u32) -> bool {
    fields(pid).is_some_and(|fields| !["Z", "X"].contains(&fields[0].as_str()))
}

#[cfg(target_os = "linux")]
pub fn process_group(pid: u32) -> Option<u32> {
    fields(pid)?.get(2)?.parse().ok()
}

/// State, parent, group and so on: the fields behind the name in parentheses (proc_pid_stat(5)).
#[cfg(target_os = "linux")]
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// How long an event is waited for, on a machine that is busy.
const BOUND: Duration = Duration::from_secs(90);
