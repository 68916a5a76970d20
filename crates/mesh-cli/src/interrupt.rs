//! Ctrl-C: the first asks the flight to end after its tick, the second ends the process.

use crate::failure::{Failure, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C and for termination from here on.
    pub fn listen() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let requested = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || {
            if requested.swap(true, Ordering::SeqCst) {
                std::process::exit(Verdict::Interrupted.code().into());
            }
        })?;
        Ok(interrupt)
    }

    /// Whether somebody did.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
