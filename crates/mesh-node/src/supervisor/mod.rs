//! Processes that belong together: started, watched, started again when they die, stopped in order, and never left
//! behind. What they do is not known here.
//!
//! Every process has a pipe as standard input whose end of file means that nobody is there any more (see [`lifeline`]):
//! so it ends, too, when its supervisor is killed without a chance to stop it.

mod event;
mod keeper;
pub mod lifeline;
mod lines;
mod restarts;

pub use event::{Ended, Event, Events, Stream, Surrender};
pub use lines::LINE_BYTES_MAX;
pub use restarts::RestartPolicy;

use keeper::{Keeper, Order, Status, locked};
use restarts::Restarts;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Keeps processes running until it is told to stop them. Dropping it kills those that still run.
#[derive(Debug)]
pub struct Supervisor {
    policy: RestartPolicy,
    events: Events,
    processes: BTreeMap<String, Process>,
}

/// What a process runs.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program file.
    pub path: PathBuf,
    /// Its arguments, without its name.
    pub arguments: Vec<OsString>,
    /// Variables set in addition to those of this process.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working folder; that of this process if none is given.
    pub folder: Option<PathBuf>,
    /// What becomes of its standard output. Standard error is always read in lines.
    pub stdout: Stdout,
}

/// What becomes of a process's standard output.
#[derive(Debug, Clone, Default)]
pub enum Stdout {
    /// It is read in lines.
    #[default]
    Lines,
    /// It is read by somebody who knows its format.
    Raw(RawOutput),
}

impl Stdout {
    /// Lets `read` have the output of each incarnation, which it is told with it, on a thread of its own. It has to read
    /// until the end, or the process blocks. That the process ended is told when `read` has returned, or five seconds
    /// later if it takes longer.
    pub fn raw(read: impl Fn(u32, ChildStdout) + Send + Sync + 'static) -> Self {
        Self::Raw(RawOutput(Arc::new(read)))
    }
}

/// Reads the standard output of a process. Made by [`Stdout::raw`].
#[derive(Clone)]
pub struct RawOutput(Arc<ReadRaw>);

type ReadRaw = dyn Fn(u32, ChildStdout) + Send + Sync;

impl fmt::Debug for RawOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawOutput")
    }
}

/// Why a process could not be taken on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is one of this name.
    #[error("there is a process {name:?} already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The system gave no thread for it.
    #[error("cannot start a thread for {name:?}: {source}")]
    NoThread {
        /// Its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug)]
struct Process {
    status: Arc<Mutex<Status>>,
    orders: Sender<Order>,
    /// None once it has been waited for.
    keeper: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// A supervisor without processes, and what it will tell about them.
    pub fn new(policy: RestartPolicy) -> (Self, Events) {
        let events = Events::default();
        (Self { policy, events: events.clone(), processes: BTreeMap::new() }, events)
    }

    /// Takes a process on and starts it. That it could not be started is told as an event. It is kept running until it
    /// ends with code 0, which says that its work is done, or with code 2, which says that it cannot work.
    pub fn start(&mut self, name: &str, program: Program) -> Result<(), StartError> {
        self.start_with_policy(name, program, self.policy)
    }

    /// The same for a process that is restarted by other rules than the rest.
    pub fn start_with_policy(&mut self, name: &str, program: Program, policy: RestartPolicy) -> Result<(), StartError> {
        if self.processes.contains_key(name) {
            return Err(StartError::NameTaken { name: name.to_owned() });
        }
        let (orders, received) = channel();
        let status = Arc::<Mutex<Status>>::default();
        let keeper = Keeper {
            name: name.to_owned(),
            program,
            restarts: Restarts::new(policy),
            status: Arc::clone(&status),
            events: self.events.clone(),
            orders: received,
            own_orders: orders.clone(),
            stop_by: None,
        };
        let thread = thread::Builder::new().name(format!("{name}-keeper")).spawn(move || keeper.run());
        let keeper = Some(thread.map_err(|source| StartError::NoThread { name: name.to_owned(), source })?);
        self.processes.insert(name.to_owned(), Process { status, orders, keeper });
        Ok(())
    }

    /// Stops the processes, one stage after the other; those of one stage together. Those of no stage come last, and a
    /// name of nobody is passed over. Each is asked to end by a line on its standard input and the end of that, and
    /// killed if it has not ended `grace` later. Returns when all have ended.
    pub fn stop(&mut self, stages: &[&[&str]], grace: Duration) {
        let rest: Vec<String> = self.processes.keys().cloned().collect();
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        for stage in stages.iter().copied().chain([rest.as_slice()]) {
            for name in stage {
                self.order(name, Order::Stop(grace));
            }
            for name in stage {
                self.join(name);
            }
        }
    }

    /// Kills a process that hangs. It is started again as if it had died by itself.
    pub fn kill(&self, name: &str) {
        if let Some(process) = self.processes.get(name) {
            let incarnation = locked(&process.status).incarnation;
            self.order(name, Order::Kill(incarnation));
        }
    }

    /// Kills a process that hangs, unless another incarnation of it runs by now.
    pub fn kill_incarnation(&self, name: &str, incarnation: u32) {
        self.order(name, Order::Kill(incarnation));
    }

    /// The number under which the operating system knows a process, while it runs.
    pub fn pid(&self, name: &str) -> Option<u32> {
        locked(&self.processes.get(name)?.status).pid
    }

    /// Largest resident memory of a process over all its incarnations, in bytes; 0 where the system does not tell. It is
    /// read as long as the process runs, also in between calls, since the system forgets it with the process.
    pub fn peak_memory(&self, name: &str) -> u64 {
        self.processes.get(name).map_or(0, |process| locked(&process.status).peak_memory())
    }

    /// The processes that were taken on, in the order of their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.processes.keys().map(String::as_str)
    }

    /// To a process that is not kept any more there is nothing to say.
    fn order(&self, name: &str, order: Order) {
        if let Some(process) = self.processes.get(name) {
            let _ = process.orders.send(order);
        }
    }

    fn join(&mut self, name: &str) {
        if let Some(keeper) = self.processes.get_mut(name).and_then(|process| process.keeper.take()) {
            // A keeper that panicked has told so by itself.
            let _ = keeper.join();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop(&[], Duration::ZERO);
    }
}
