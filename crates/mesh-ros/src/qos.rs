//! Quality of service: what a publisher keeps and how hard it tries.

/// Whether messages may be lost under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reliability {
    /// The middleware tries; with [`History::KeepAll`] the publisher waits, for a bounded time, rather than lose one.
    Reliable,
    /// Newer messages are worth more than lost ones.
    BestEffort,
}

/// Whether subscribers that come late hear what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// They do not.
    Volatile,
    /// The publisher keeps its last messages for them, as many as its history says.
    TransientLocal,
}

/// How many messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum History {
    /// The last ones, at least 1.
    KeepLast(u32),
    /// All, as far as the middleware can. A publisher keeps at most [`KEPT_MAX`] for late subscribers.
    KeepAll,
}

/// The three together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qos {
    /// Whether messages may be lost under load.
    pub reliability: Reliability,
    /// Whether late subscribers hear what was said before.
    pub durability: Durability,
    /// How many messages are kept.
    pub history: History,
}

/// What a publisher keeps for late subscribers at most, whatever its history says.
pub const KEPT_MAX: u32 = 1000;

impl Qos {
    /// Of plans and other states: late subscribers hear the last one.
    pub const PLAN: Self = Self::reliable(1).kept();
    /// Of dual and shared variables, reports and other rounds: only the present matters, and there are many.
    pub const DUAL: Self = Self::reliable(100);
    /// Of entries on record: late subscribers hear all that is kept, and repair what is missing by other ways.
    pub const AUDIT: Self = Self::reliable(KEPT_MAX).kept();
    /// Of telemetry: the newest value counts.
    pub const SENSOR: Self = Self { reliability: Reliability::BestEffort, ..Self::reliable(5) };
    /// Of `/clock`, as rclcpp subscribes to it.
    pub const CLOCK: Self = Self { reliability: Reliability::BestEffort, ..Self::reliable(1) };
    /// Of services.
    pub const SERVICES: Self = Self::reliable(10);
    /// Of `/rosout`.
    pub const LOG: Self = Self::reliable(100).kept();

    /// Reliable, for those that are there, the last `depth` messages: what ROS takes by default, with 10.
    pub const fn reliable(depth: u32) -> Self {
        Self { reliability: Reliability::Reliable, durability: Durability::Volatile, history: History::KeepLast(depth) }
    }

    /// The same for late subscribers, too.
    pub const fn kept(self) -> Self {
        Self { durability: Durability::TransientLocal, ..self }
    }

    /// Messages that are kept for late subscribers, if any are.
    pub fn depth(&self) -> u32 {
        match self.history {
            History::KeepLast(depth) => depth.clamp(1, KEPT_MAX),
            History::KeepAll => KEPT_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_limited_on_both_sides() {
        assert_eq!(Qos::reliable(0).depth(), 1);
        assert_eq!(Qos::reliable(7).depth(), 7);
        assert_eq!(Qos::reliable(u32::MAX).depth(), KEPT_MAX);
        assert_eq!(Qos { history: History::KeepAll, ..Qos::PLAN }.depth(), KEPT_MAX);
    }

    #[test]
    fn the_presets_are_those_of_the_conventions() {
        assert_eq!((Qos::PLAN.durability, Qos::PLAN.history), (Durability::TransientLocal, History::KeepLast(1)));
        assert_eq!((Qos::DUAL.durability, Qos::AUDIT.durability), (Durability::Volatile, Durability::TransientLocal));
        assert_eq!([Qos::SENSOR, Qos::CLOCK].map(|qos| qos.reliability), [Reliability::BestEffort; 2]);
    }
}
