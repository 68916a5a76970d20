//! When a process that ended is started again: at once after the first end, later and later if it keeps ending, and at
//! some point not at all.

use super::event::{Ended, Surrender};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often and how soon a process is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Restarts within [`Self::span`]; at the next end the process is given up.
    pub restarts_max: u32,
    /// How far back restarts are counted. An end before that is forgotten, also by the delay.
    pub span: Duration,
    /// How long the first restart waits. Each further one within the span waits twice as long as the one before.
    pub delay_min: Duration,
    /// The longest wait.
    pub delay_max: Duration,
}

impl Default for RestartPolicy {
    /// A killed process is back within a fraction of a second, and even the last delay is shorter than the five seconds
    /// that the simulator waits for it.
    fn default() -> Self {
        Self {
            restarts_max: 8,
            span: Duration::from_secs(60),
            delay_min: Duration::from_millis(50),
            delay_max: Duration::from_secs(2),
        }
    }
}

/// The restarts of one process.
#[derive(Debug)]
pub(super) struct Restarts {
    policy: RestartPolicy,
    /// When it ended and was started again, oldest first; at most `restarts_max`, none older than the span.
    ends: VecDeque<Instant>,
}

impl Restarts {
    pub(super) fn new(policy: RestartPolicy) -> Self {
        Self { policy, ends: VecDeque::new() }
    }

    /// How long to wait before the process that ended at `now` is started again; none if that was once too often.
    pub(super) fn delay_after(&mut self, now: Instant) -> Option<Duration> {
        let span = self.policy.span;
        self.ends.retain(|end| now.saturating_duration_since(*end) < span);
        let restarts = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        if restarts >= self.policy.restarts_max {
            return None;
        }
        self.ends.push_back(now);
        let doubled = self.policy.delay_min.saturating_mul(2u32.saturating_pow(restarts));
        Some(doubled.min(self.policy.delay_max))
    }

    /// Says that there is no restart after `last`.
    pub(super) fn spent(&self, last: Ended) -> Surrender {
        if self.policy.restarts_max == 0 {
            return Surrender::NoRestarts(last);
        }
        Surrender::RestartsSpent { last, restarts: self.policy.restarts_max, span: self.policy.span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RestartPolicy = RestartPolicy {
        restarts_max: 4,
        span: Duration::from_secs(10),
        delay_min: Duration::from_millis(50),
        delay_max: Duration::from_millis(300),
    };

    fn check(ends_s: &[u64], expect_ms: &[Option<u64>]) {
        let begin = Instant::now();
        let mut restarts = Restarts::new(POLICY);
        let delays: Vec<_> = ends_s.iter().map(|s| restarts.delay_after(begin + Duration::from_secs(*s))).collect();
        let expect: Vec<_> = expect_ms.iter().map(|ms| ms.map(Duration::from_millis)).collect();
        assert_eq!(delays, expect, "ends at {ends_s:?} s");
    }

    #[test]
    fn delays_double_up_to_the_longest_and_then_it_is_given_up() {
        check(&[0, 0, 1, 2, 3], &[Some(50), Some(100), Some(200), Some(300), None]);
    }

    #[test]
    fn what_lies_before_the_span_is_forgotten() {
        check(&[0, 10, 20, 30, 40, 50], &[Some(50); 6]);
        check(&[0, 0, 0, 9, 10, 11, 12], &[Some(50), Some(100), Some(200), Some(300), Some(100), Some(200), Some(300)]);
        check(&[0, 0, 0, 0, 1, 10], &[Some(50), Some(100), Some(200), Some(300), None, Some(50)]);
    }

    #[test]
    fn no_restart_at_all_can_be_asked_for() {
        let mut restarts = Restarts::new(RestartPolicy { restarts_max: 0, ..POLICY });
        assert_eq!(restarts.delay_after(Instant::now()), None);
    }

    #[test]
    fn a_policy_of_extremes_does_not_overflow() {
        let policy = RestartPolicy {
            restarts_max: 100,
            span: Duration::MAX,
            delay_min: Duration::MAX,
            delay_max: Duration::MAX,
        };
        let mut restarts = Restarts::new(policy);
        assert!((0..100).all(|_| restarts.delay_after(Instant::now()) == Some(Duration::MAX)));
    }
}
