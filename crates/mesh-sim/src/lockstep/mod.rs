//! Lock-step: the fleet advances tick by tick, whether its assets share a process or not.
//!
//! The [`Conductor`] has the world and the links. For every tick it grants each asset that has anything to do its part:
//! contacts, sensors, which messages are due. A [`Seat`] holds one asset; it takes a grant, gives the asset its inputs in
//! a fixed order (contacts, sensors, messages by sender and frame, time, the end) and answers with what came of it. The
//! messages themselves go from seat to seat. The next tick is granted when all have answered.
//!
//! Nothing here knows how grants, answers and messages travel.

mod conductor;
mod seat;
#[cfg(test)]
mod tests;

pub use conductor::{Conductor, Tick};
pub use seat::{Past, Seat, Stepped};

use crate::journal::Traffic;
use borsh::{BorshDeserialize, BorshSerialize};
use mesh_adapters::{CommandSchedule, Telemetry};
use mesh_asset::{Event, Input};
use mesh_model::{AssetId, MissionTime, SignedEnvelope};

/// What an asset needs from outside to take a step. Every call is answered before the next input.
pub trait Shell {
    /// Why it cannot go on: a full disk, a folder that has vanished.
    type Error;
    /// Signs with the asset's key. The same bytes always get the same signature.
    fn sign(&mut self, asset: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], Self::Error>;
    /// Puts an entry at the end of the asset's log, durably. An entry that stands there already is not put there again:
    /// an asset that was killed in between asks twice.
    fn persist(&mut self, asset: &AssetId, entry: &SignedEnvelope) -> Result<(), Self::Error>;
    /// Records an input, before anything that it causes is released.
    fn record(&mut self, asset: &AssetId, now: MissionTime, input: &Input) -> Result<(), Self::Error>;
}

/// What an asset is to do at one tick.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Grant {
    /// The time of the tick. An asset gets at most one grant for each.
    pub now: MissionTime,
    /// Contacts made and lost, in the order of the scenario's links.
    pub contacts: Vec<Contact>,
    /// Its own links that are up, or go down now.
    pub channels: Vec<Channel>,
    /// What its sensors say, when they are read.
    pub telemetry: Option<Telemetry>,
    /// Messages that are due, by sender and frame.
    pub due: Vec<(AssetId, u64)>,
    /// Whether to wait for those. If not, whatever has arrived by now is due.
    pub is_strict: bool,
    /// Whether the mission is over with this tick.
    pub is_last: bool,
}

/// A contact that was made or lost.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Contact {
    /// With whom.
    pub peer: AssetId,
    /// Whether it was made.
    pub up: bool,
}

/// One direction of a link.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Channel {
    /// The other end.
    pub peer: AssetId,
    /// Ticks that a message sent now is under way.
    pub delay_ticks: u32,
    /// Probability that a message is lost.
    pub loss: f64,
}

/// What came of a grant.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Answer {
    /// The tick.
    pub now: MissionTime,
    /// When the asset wants to be granted a tick, at the latest.
    pub next_deadline: Option<MissionTime>,
    /// Messages that will arrive.
    pub sent: Vec<Sent>,
    /// What was said, arriving or not, and how many inputs were refused.
    pub traffic: Traffic,
    /// Schedules for the vehicle.
    pub commands: Vec<CommandSchedule>,
    /// What is worth showing.
    pub events: Vec<Event>,
    /// Inputs that the asset refused, as text.
    pub refused: Vec<String>,
}

impl Answer {
    /// Nothing was done.
    pub fn nothing(now: MissionTime, next_deadline: Option<MissionTime>) -> Self {
        let (sent, traffic, commands, events, refused) = Default::default();
        Self { now, next_deadline, sent, traffic, commands, events, refused }
    }
}

/// A message under way.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sent {
    /// To whom.
    pub to: AssetId,
    /// Which of the sender's transmissions to that asset it is.
    pub frame: u64,
    /// When it arrives.
    pub at: MissionTime,
}

/// A message on its way from seat to seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Who sends it, which need not be the author of what is in it.
    pub from: AssetId,
    /// To whom.
    pub to: AssetId,
    /// Which of the sender's transmissions to that asset it is.
    pub frame: u64,
    /// When it was sent.
    pub sent: MissionTime,
    /// When it arrives.
    pub at: MissionTime,
    /// A signed envelope.
    pub bytes: Vec<u8>,
}
