//! Ctrl-C: ends the process at once, unless a flight is under way. Then the first asks it to end after its tick, and the
//! second ends the process. After the flight the first only decides the exit code: what was flown is reported whole.

use crate::failure::{Failure, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
        ctrlc::set_handler(move || {
            let is_first = !requested.swap(true, Ordering::SeqCst);
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
