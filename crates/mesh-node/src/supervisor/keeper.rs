//! The thread that keeps one process: starts it, watches it, starts it again, ends it. It owns the process, so nobody
//! else waits for it or kills it, and its number means no other process while somebody looks.

use super::event::{Ended, Event, Events, Stream, Surrender};
use super::lifeline;
use super::lines::next_line;
use super::restarts::Restarts;
use super::{Program, RawOutput, Stdout};
use crate::host;
use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a keeper is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Ask the process to end, kill it if it has not within the time, and do not start it again.
    Stop(Duration),
    /// Kill the process if this incarnation still runs; the policy decides what follows.
    Kill(u32),
    /// A pipe of this incarnation has been read to its end: it has probably ended.
    Drained(u32),
}

/// What is known of a process, for the keeper to write and others to read.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) incarnation: u32,
    /// None while it does not run.
    pub(super) pid: Option<u32>,
    peak_memory_bytes: u64,
}

impl Status {
    /// Largest resident memory of all incarnations so far, read just now if it runs.
    pub(super) fn peak_memory(&mut self) -> u64 {
        let read = self.pid.map_or(0, host::peak_memory_of);
        self.peak_memory_bytes = self.peak_memory_bytes.max(read);
        self.peak_memory_bytes
    }
}

/// The keeper of one process.
pub(super) struct Keeper {
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) restarts: Restarts,
    pub(super) status: Arc<Mutex<Status>>,
    pub(super) events: Events,
    pub(super) orders: Receiver<Order>,
    /// For the threads that read the pipes.
    pub(super) own_orders: Sender<Order>,
    /// When a process that was asked to end is killed. Set once, by the first order to stop.
    pub(super) stop_by: Option<Instant>,
}

/// A running process.
struct Life {
    child: Child,
    incarnation: u32,
    /// Dropped to ask for its end.
    stdin: Option<ChildStdin>,
    /// Pipes that are not yet read to their end.
    pipes_open: usize,
    last_words: Arc<Mutex<VecDeque<String>>>,
}

impl Keeper {
    /// Keeps the process until it has done its work, is given up, or was stopped.
    pub(super) fn run(mut self) {
        loop {
            let incarnation = locked(&self.status).incarnation + 1;
            let (ended, is_hopeless, last_words) = match self.start(incarnation) {
                Ok(mut life) => {
                    let ended = self.watch(&mut life);
                    let words = locked(&life.last_words).drain(..).collect();
                    (ended.clone(), ended == Ended::Code(CODE_HOPELESS), words)
                }
                Err(why) => {
                    locked(&self.status).incarnation = incarnation;
                    let is_hopeless = matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
                    (Ended::NotStarted(why.to_string()), is_hopeless, Vec::new())
                }
            };
            let Some(delay) = self.close(incarnation, ended, is_hopeless, last_words) else { return };
            if !self.wait(delay) {
                return;
            }
        }
    }

    /// Tells that the process ended; returns when to start it again.
    fn close(
        &mut self,
        incarnation: u32,
        ended: Ended,
        is_hopeless: bool,
        last_words: Vec<String>,
    ) -> Option<Duration> {
        let is_wanted = self.stop_by.is_none() && !matches!(ended, Ended::Code(0));
        let can_restart = is_wanted && !is_hopeless && ended != Ended::Stuck;
        let restarting_in = if can_restart { self.restarts.delay_after(Instant::now()) } else { None };
        tracing::info!(process = self.name, incarnation, ?restarting_in, "{ended}");
        let name = || self.name.clone();
        self.events.push(Event::Exited { name: name(), incarnation, ended: ended.clone(), restarting_in });
        if restarting_in.is_none() && (is_wanted || ended == Ended::Stuck) {
            let why = if can_restart { self.restarts.spent(ended) } else { Surrender::Hopeless(ended) };
            tracing::info!(process = self.name, "given up: {why}");
            self.events.push(Event::GaveUp { name: name(), why, last_words });
        }
        restarting_in
    }

    fn start(&mut self, incarnation: u32) -> io::Result<Life> {
        let mut command = self.command();
        let mut child = {
            let mut status = locked(&self.status);
            let child = command.spawn()?;
            (status.incarnation, status.pid) = (incarnation, Some(child.id()));
            child
        };
        tracing::info!(process = self.name, incarnation, pid = child.id(), "started");
        self.events.push(Event::Started { name: self.name.clone(), pid: child.id(), incarnation });
        let stdin = child.stdin.take();
        let mut life = Life { child, incarnation, stdin, pipes_open: 0, last_words: Arc::default() };
        if let Err(why) = self.read_pipes(&mut life) {
            // Without its output the process would block at some point.
            let _ = life.child.kill();
            let _ = self.watch(&mut life);
            return Err(why);
        }
        Ok(life)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program.path);
        command.args(&self.program.arguments).envs(self.program.environment.iter().map(|(name, value)| (name, value)));
        command.env(lifeline::HELD, "1");
        if let Some(folder) = &self.program.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C in a terminal reaches the supervisor only, which then stops its processes in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    fn read_pipes(&self, life: &mut Life) -> io::Result<()> {
        let incarnation = life.incarnation;
        if let Some(stderr) = life.child.stderr.take() {
            self.forward(life, Stream::Stderr, stderr)?;
        }
        match (life.child.stdout.take(), &self.program.stdout) {
            (None, _) => {}
            (Some(stdout), Stdout::Lines) => self.forward(life, Stream::Stdout, stdout)?,
            (Some(stdout), Stdout::Raw(RawOutput(read))) => {
                let (read, orders) = (Arc::clone(read), self.own_orders.clone());
                self.thread("stdout", move || {
                    read(incarnation, stdout);
                    let _ = orders.send(Order::Drained(incarnation));
                })?;
                life.pipes_open += 1;
            }
        }
        Ok(())
    }

    /// Makes events of the lines from `pipe` until its end.
    fn forward(&self, life: &mut Life, stream: Stream, pipe: impl Read + Send + 'static) -> io::Result<()> {
        let (name, events, orders) = (self.name.clone(), self.events.clone(), self.own_orders.clone());
        let (incarnation, last_words) = (life.incarnation, Arc::clone(&life.last_words));
        let label = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        self.thread(label, move || {
            let mut pipe = BufReader::new(pipe);
            while let Ok(Some(text)) = next_line(&mut pipe) {
                if stream == Stream::Stderr {
                    remember(&mut locked(&last_words), &text);
                }
                events.push(Event::Line { name: name.clone(), stream, text });
            }
            // The keeper may have gone before.
            let _ = orders.send(Order::Drained(incarnation));
        })?;
        life.pipes_open += 1;
        Ok(())
    }

    fn thread(&self, stream: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        thread::Builder::new().name(format!("{}-{stream}", self.name)).spawn(work).map(drop)
    }

    /// Watches the process until it has ended and its output is read.
    fn watch(&mut self, life: &mut Life) -> Ended {
        let mut killed_at: Option<Instant> = None;
        let mut drained_at: Option<Instant> = None;
        loop {
            if let Some(ended) = self.ended(life) {
                self.drain(life);
                return ended;
            }
            let now = Instant::now();
            if self.stop_by.is_some_and(|stop_by| stop_by <= now) && killed_at.is_none() {
                // It fails only if the process has ended, which the next look shows.
                let _ = life.child.kill();
                killed_at = Some(now);
            }
            if killed_at.is_some_and(|killed_at| now.saturating_duration_since(killed_at) > KILL_MAX) {
                locked(&self.status).pid = None;
                return Ended::Stuck;
            }
            // A process closes its pipes a moment before its end can be seen.
            let is_ending = killed_at.or(drained_at).is_some_and(|at| now.saturating_duration_since(at) < SOON);
            let mut look = if is_ending { LOOK_SOON } else { LOOK };
            if let Some(stop_by) = self.stop_by.filter(|_| killed_at.is_none()) {
                look = look.min(stop_by.saturating_duration_since(now));
            }
            match self.orders.recv_timeout(look) {
                Ok(Order::Drained(incarnation)) if incarnation == life.incarnation => {
                    life.pipes_open = life.pipes_open.saturating_sub(1);
                    drained_at = Some(Instant::now());
                }
                Ok(Order::Kill(incarnation)) if incarnation == life.incarnation => {
                    let _ = life.child.kill();
                    killed_at = Some(Instant::now());
                }
                Ok(Order::Stop(grace)) => self.ask(life, grace),
                Ok(Order::Drained(_) | Order::Kill(_))
                | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Asks the process to end.
    fn ask(&mut self, life: &mut Life, grace: Duration) {
        locked(&self.status).peak_memory();
        if let Some(mut stdin) = life.stdin.take() {
            // Nothing else is ever written, so that the line fits into the pipe and nobody is waited for. A process that
            // does not listen is killed later.
            let _ = writeln!(stdin, "{}", lifeline::STOP);
        }
        self.stop_within(grace);
    }

    fn stop_within(&mut self, grace: Duration) {
        let stop_by = Instant::now().checked_add(grace);
        self.stop_by = match (self.stop_by, stop_by) {
            (Some(earlier), Some(later)) => Some(earlier.min(later)),
            (one, other) => one.or(other),
        };
    }

    /// How the process ended, if it has.
    fn ended(&self, life: &mut Life) -> Option<Ended> {
        // Under the lock: from the moment when the system forgets the number, it means another process.
        let mut status = locked(&self.status);
        status.peak_memory();
        let ended = match life.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(exit)) => Ended::from(exit),
            Err(_) => Ended::Unknown,
        };
        status.pid = None;
        Some(ended)
    }

    /// Waits until the last output of a process that has ended is read. If it left a process behind that holds its
    /// pipes, or if the reader of its raw output takes its time, it is not waited for to the end.
    fn drain(&mut self, life: &mut Life) {
        let deadline = Instant::now() + DRAIN_MAX;
        while life.pipes_open > 0 {
            match self.orders.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Order::Drained(incarnation)) if incarnation == life.incarnation => life.pipes_open -= 1,
                Ok(Order::Stop(grace)) => self.stop_within(grace),
                Ok(Order::Drained(_) | Order::Kill(_)) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Waits before a restart; false if there shall be none.
    fn wait(&mut self, delay: Duration) -> bool {
        let until = Instant::now() + delay;
        while self.stop_by.is_none() {
            match self.orders.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Order::Stop(grace)) => self.stop_within(grace),
                Ok(Order::Drained(_) | Order::Kill(_)) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return true,
            }
        }
        false
    }
}

fn remember(last_words: &mut VecDeque<String>, text: &str) {
    if last_words.len() >= LAST_WORDS_MAX {
        last_words.pop_front();
    }
    last_words.push_back(text.to_owned());
}

/// A thread that panicked while it held the lock leaves values that are whole: each is written at one place at once.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Exit code of a process that cannot work, however often it is started: `could not run`, as of every command.
const CODE_HOPELESS: i32 = 2;
/// Lines of standard error that are kept for the case that the process is given up.
const LAST_WORDS_MAX: usize = 50;
/// How often a process is looked at that gives no reason to; also how often its memory is read.
const LOOK: Duration = Duration::from_millis(200);
/// How often a process is looked at that is about to end.
const LOOK_SOON: Duration = Duration::from_millis(1);
/// For how long a process that closed its pipes, or was killed, is taken to be about to end.
const SOON: Duration = Duration::from_millis(500);
/// How long the last output of a process is waited for. What reads it is a thread of this process, which a busy machine may
/// let wait.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long a killed process may take to go. The system can hold it, on a disk that does not answer.
const KILL_MAX: Duration = Duration::from_secs(20);
