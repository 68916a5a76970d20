//! What an asset is told before it starts. Recorded with every run, so it has canonical bytes.

use crate::succession;
use borsh::{BorshDeserialize, BorshSerialize};
use mesh_adapters::AdapterSettings;
use mesh_identity::DidError;
use mesh_model::{AssetId, FleetContract, MissionId, MissionTime};
use std::collections::BTreeMap;

/// The settings of one asset.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Settings {
    /// Who it is.
    pub me: AssetId,
    /// What the fleet agreed beforehand.
    pub contract: FleetContract,
    /// The run.
    pub mission: MissionId,
    /// The key of every member as did:key.
    pub keys: BTreeMap<AssetId, String>,
    /// Its vehicle; none for a member that only holds the planner role.
    pub vehicle: Option<AdapterSettings>,
    /// The grid on which messages are delivered.
    pub tick_s: u32,
}

impl Settings {
    /// How long to wait for a neighbour's message before going on without it.
    pub(crate) fn patience_s(&self) -> u64 {
        PATIENCE_TICKS * u64::from(self.tick_s)
    }

    /// How long a member may be silent in a negotiation before it goes on without that member.
    pub(crate) fn silence_s(&self) -> u64 {
        SILENCE_TICKS * u64::from(self.tick_s)
    }

    /// How the logs are kept in step, and how often members are heard.
    pub(crate) fn sync(&self) -> mesh_sync::Settings {
        let mut sync = mesh_sync::Settings::new(self.me.clone(), self.contract.members.clone());
        sync.heartbeat_s = succession::heartbeat_s(self.contract.step_s, sync.heartbeat_s);
        sync
    }

    /// When a live message sent at `now` is too old to act upon.
    pub(crate) fn live_expiry(&self, now: MissionTime) -> MissionTime {
        now.plus_s(LIVE_TICKS * u64::from(self.tick_s))
    }
}

/// The settings contradict themselves: the caller is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// The asset is not a member of its own contract.
    #[error("{0} is not a member of the fleet contract")]
    NotAMember(AssetId),
    /// A member has no key, or one that cannot be read.
    #[error("the key of {member} cannot be used: {why:?}")]
    Key {
        /// Whose key.
        member: AssetId,
        /// Why; none when there is no key.
        why: Option<DidError>,
    },
    /// A step, a tick or a plan without length: nothing would ever be over.
    #[error("{steps} steps of {step_s} s and ticks of {tick_s} s: none of them can be zero")]
    Timing {
        /// Steps of a plan.
        steps: u16,
        /// Length of a step.
        step_s: u32,
        /// Length of a tick.
        tick_s: u32,
    },
    /// Neither a vehicle nor the planner role: the asset would have nothing to do.
    #[error("{0} has neither a vehicle nor the planner role")]
    Idle(AssetId),
}

/// A message takes one tick, on a long path two.
const PATIENCE_TICKS: u64 = 3;
const SILENCE_TICKS: u64 = 40;
const LIVE_TICKS: u64 = 300;
