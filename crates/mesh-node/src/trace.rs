//! What happens in a flight as events of `tracing`. Who takes them is decided elsewhere. None is a warning: people see
//! what they must know of a flight in its progress.

use mesh_asset::Event;
use mesh_model::{AssetId, MissionTime};
use mesh_sim::fleet::FleetEvent;

/// Notes something that happened to the fleet.
pub fn fleet_event(now: MissionTime, event: &FleetEvent<'_>) {
    match event {
        FleetEvent::Asset(id, event) => asset_event(now, id, event),
        FleetEvent::Link(change) => {
            let state = if change.up { "link up" } else { "link down" };
            tracing::info!(mission = %now, a = %change.a, b = %change.b, "{state}");
        }
        FleetEvent::Refused(asset, why) => tracing::info!(mission = %now, %asset, why, "input refused"),
        FleetEvent::Clock(_) => {}
    }
}

/// Notes something that an asset has to show.
pub fn asset_event(now: MissionTime, asset: &AssetId, event: &Event) {
    match event {
        Event::Opened { epoch, members } => {
            let members = members.iter().map(AssetId::as_str).collect::<Vec<_>>().join(" ");
            tracing::info!(mission = %now, %asset, plan = epoch.plan, epoch = epoch.number, members, "epoch opened");
        }
        Event::Round { epoch, round, primal, dual, gap } => {
            let (plan, epoch) = (epoch.plan, epoch.number);
            tracing::debug!(mission = %now, %asset, plan, epoch, round, primal, dual, gap, "round");
        }
        Event::Certified { certificate, .. } => {
            let (plan, epoch) = (certificate.epoch.plan, certificate.epoch.number);
            let (rounds, gap) = (certificate.round + 1, certificate.gap.value());
            tracing::info!(mission = %now, %asset, plan, epoch, rounds, gap, "plan agreed");
        }
        Event::GivenUp { epoch, rounds } => {
            tracing::info!(mission = %now, %asset, plan = epoch.plan, epoch = epoch.number, rounds, "plan given up");
        }
        Event::Adopted(plan) => {
            tracing::info!(mission = %now, %asset, plan = plan.epoch.plan, epoch = plan.epoch.number, "plan adopted");
        }
        Event::Unable { why } => tracing::info!(mission = %now, %asset, why, "cannot take part"),
        Event::Equivocation { author, sequence } => {
            tracing::info!(mission = %now, %asset, %author, sequence, "author signed two entries with one number");
        }
    }
}
