//! What an asset has adopted and where it stands: the part of it that the state hash covers. No key, signature,
//! envelope hash or mission id can reach it.

use borsh::{BorshDeserialize, BorshSerialize};
use mesh_adapters::Telemetry;
use mesh_model::{AssetId, Canonical, EdgeAgreement, Epoch, Hash, Real, Schedule, Window};

/// A plan as one asset adopted it.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct AdoptedPlan {
    /// Its epoch.
    pub epoch: Epoch,
    /// Who agreed it.
    pub members: Vec<AssetId>,
    /// The round whose candidate was agreed.
    pub round: u32,
    /// What it covers.
    pub window: Window,
    /// The asset's own variables; empty for a member without a vehicle.
    pub schedule: Schedule,
    /// Flows and prices: on its own edges, or on all of them for the holder of the planner role.
    pub agreements: Vec<EdgeAgreement>,
    /// Cost: its own, or the fleet's for the holder of the planner role.
    pub upper: Real,
    /// Lower bound on that cost.
    pub lower: Real,
}

/// The final state of an asset.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct AssetState {
    /// Who.
    pub asset: AssetId,
    /// Plans adopted.
    pub plans: u32,
    /// Hash chain over all of them in order.
    pub plans_hash: Hash,
    /// The plan that it flies.
    pub current: Option<AdoptedPlan>,
    /// What its sensors said last.
    pub telemetry: Option<Telemetry>,
}

/// The plans adopted so far.
#[derive(Debug, Clone)]
pub(crate) struct Adopted {
    count: u32,
    hash: Hash,
    current: Option<AdoptedPlan>,
}

impl Adopted {
    pub(crate) fn none() -> Self {
        Self { count: 0, hash: Hash::ZERO, current: None }
    }

    pub(crate) fn push(&mut self, plan: AdoptedPlan) {
        self.count += 1;
        self.hash = self.hash.then(&plan.encode());
        self.current = Some(plan);
    }

    /// The number of the plan that was adopted last; 0 if there is none.
    pub(crate) fn newest_plan(&self) -> u64 {
        self.current.as_ref().map_or(0, |plan| plan.epoch.plan)
    }

    pub(crate) fn state(&self, asset: &AssetId, telemetry: Option<&Telemetry>) -> AssetState {
        AssetState {
            asset: asset.clone(),
            plans: self.count,
            plans_hash: self.hash,
            current: self.current.clone(),
            telemetry: telemetry.cloned(),
        }
    }
}
