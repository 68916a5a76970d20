//! Processor time of this thread: what a computation costs, whoever else is on the machine.

use std::time::Instant;

/// Measures from its start.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    /// Nanoseconds on a processor so far, where the system says.
    processor: Option<u64>,
    wall: Instant,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self { processor: on_processor(), wall: Instant::now() }
    }

    /// Seconds on a processor since the start; seconds by the wall clock where the system does not say. The system counts
    /// in steps of a few milliseconds.
    pub fn seconds(&self) -> f64 {
        match (self.processor, on_processor()) {
            (Some(before), Some(after)) => after.saturating_sub(before) as f64 * 1e-9,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

fn on_processor() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_costs_nothing_and_work_does() {
        let watch = Stopwatch::start();
        let mut sum = 0_u64;
        while watch.wall.elapsed().as_secs_f64() < 0.05 || (watch.processor.is_some() && watch.seconds() < 0.02) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0 && watch.seconds() > 0.0);
    }
}
