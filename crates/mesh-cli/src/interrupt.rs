//! Ctrl-C: ends the process at once, unless a flight is under way. Then the first asks it to end after its tick, and the
//! second ends the process. A terminal that is closed asks more than once, so what follows at once is no second request.
//! After the flight the first only decides the exit code: what was flown is reported whole.

use crate::failure::{Failure, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whether somebody asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    /// Something is under way that ends by itself when it is asked to.
    is_awaited: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for Ctrl-C and for termination from here on.
    pub fn listen() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let Self { requested, is_awaited } = interrupt.clone();
        let mut first_at: Option<Instant> = None;
        ctrlc::set_handler(move || {
            requested.store(true, Ordering::SeqCst);
            let is_first = first_at.get_or_insert_with(Instant::now).elapsed() < SAME_REQUEST;
            if !(is_first && is_awaited.load(Ordering::SeqCst)) {
                std::process::exit(Verdict::Interrupted.code().into());
            }
        })?;
        Ok(interrupt)
    }

    /// From here on somebody looks whether it is requested.
    pub fn await_requests(&self) {
        self.is_awaited.store(true, Ordering::SeqCst);
    }

    /// Whether somebody did.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }
}

/// Signals within this time are one request.
const SAME_REQUEST: Duration = Duration::from_millis(500);
