//! Mission time: nanoseconds since the mission began. An argument everywhere, never read from a clock.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Nanoseconds since the start of the mission.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    BorshSerialize,
    BorshDeserialize,
)]
#[serde(transparent)]
pub struct MissionTime(u64);

const NS_IN_S: u64 = 1_000_000_000;

impl MissionTime {
    /// The start of the mission.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// From whole nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// From whole seconds; saturates.
    pub const fn from_s(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NS_IN_S))
    }

    /// Whole nanoseconds.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// Seconds, for formulas and for people.
    pub fn as_s(self) -> f64 {
        (self.0 / NS_IN_S) as f64 + (self.0 % NS_IN_S) as f64 / NS_IN_S as f64
    }

    /// Whole seconds, rounded down.
    pub const fn whole_s(self) -> u64 {
        self.0 / NS_IN_S
    }

    /// Hours, for formulas and for people.
    pub fn as_h(self) -> f64 {
        self.as_s() / 3600.0
    }

    /// This time and `seconds` more; saturates.
    pub const fn plus_s(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(NS_IN_S)))
    }

    /// `seconds` before this time, or the start of the mission.
    pub const fn minus_s(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds.saturating_mul(NS_IN_S)))
    }

    /// Seconds since `earlier`; zero if that is later.
    pub fn since_s(self, earlier: Self) -> f64 {
        Self(self.0.saturating_sub(earlier.0)).as_s()
    }
}

impl fmt::Display for MissionTime {
    /// Hours, minutes and seconds: `07:30:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.whole_s();
        write!(f, "{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_clock_and_never_wraps() {
        assert_eq!(MissionTime::from_s(27_061).to_string(), "07:31:01");
        assert_eq!(MissionTime::MAX.plus_s(1), MissionTime::MAX);
        assert_eq!(MissionTime::from_s(1).minus_s(2), MissionTime::ZERO);
        assert_eq!(MissionTime::from_s(5400).as_h(), 1.5);
    }
}
