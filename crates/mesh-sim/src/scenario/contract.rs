//! What the members of a scenario agree on before the mission.

use super::model::Scenario;
use mesh_model::{FleetContract, Real};

/// Version of the nouns and of their encoding that contracts are made for.
pub const CONTRACT_VERSION: u32 = 2;

impl Scenario {
    /// The contract of the fleet. The same scenario always gives the same contract, so every member makes its own.
    pub fn contract(&self) -> FleetContract {
        let mut members: Vec<_> = self.assets.iter().map(|asset| asset.id.clone()).collect();
        members.push(self.planner.id.clone());
        members.sort();
        FleetContract {
            version: CONTRACT_VERSION,
            fleet: self.name.clone(),
            members,
            planner: self.planner.id.clone(),
            junctions: self.junctions.clone(),
            step_s: self.timing.step_s,
            steps: self.timing.horizon_steps,
            lead_s: self.timing.lead_s,
            gap_max: finite(self.timing.gap),
            residual_max: finite(self.timing.residual),
            rounds_max: self.timing.rounds_max,
        }
    }
}

fn finite(number: f64) -> Real {
    Real::new(number).expect("a scenario holds finite numbers only: its parser refuses all others")
}
