//! The links: when each is up, what is lost on it, how long a message takes.
//!
//! The state of a link is geometry and so the same for everybody; loss is a hash of the message's place in its stream.
//! Nothing here keeps a message.

use crate::almanac::views::holds;
use crate::almanac::{Almanac, Contact};
use crate::chance::uniform;
use crate::scenario::{Link, Scenario};
use mesh_model::{AssetId, MissionTime};

/// All links of a scenario with the times in which they are up.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkBook {
    /// In the order of the scenario, which is that of their ends.
    links: Vec<(Link, Vec<Contact>)>,
    almanac: Almanac,
    tick_s: u32,
}

impl LinkBook {
    /// The links of a scenario.
    pub fn new(scenario: &Scenario, almanac: &Almanac) -> Self {
        let links = scenario.links.iter().map(|link| (link.clone(), almanac.contacts(link))).collect();
        Self { links, almanac: almanac.clone(), tick_s: scenario.timing.tick_s.max(1) }
    }

    /// The links with the times in which they are up.
    pub fn links(&self) -> &[(Link, Vec<Contact>)] {
        &self.links
    }

    /// The link between two members, whichever way round; its number counts in the order of [`LinkBook::links`].
    pub fn between(&self, a: &AssetId, b: &AssetId) -> Option<usize> {
        let joins = |link: &Link| (link.a == *a && link.b == *b) || (link.a == *b && link.b == *a);
        self.links.iter().position(|(link, _)| joins(link))
    }

    /// Whether link number `link` is up. A link that is not there is down.
    pub fn up(&self, link: usize, time: MissionTime) -> bool {
        self.links.get(link).is_some_and(|(_, contacts)| holds(contacts, time.whole_s()))
    }

    /// The members that `member` has a link to which is up, in id order.
    pub fn peers(&self, member: &AssetId, time: MissionTime) -> Vec<AssetId> {
        let up = self.links.iter().filter(|(_, contacts)| holds(contacts, time.whole_s()));
        let mut peers: Vec<AssetId> = up.filter_map(|(link, _)| link.other_end(member).cloned()).collect();
        peers.sort();
        peers.dedup();
        peers
    }

    /// The first time after `time` at which a link goes up or down.
    pub fn next_change(&self, time: MissionTime) -> Option<MissionTime> {
        let end_s = self.almanac.end_s();
        let contacts = self.links.iter().flat_map(|(_, contacts)| contacts);
        let changes = contacts.flat_map(|contact| [contact.from_s, contact.until_s]).filter(|s| (1..end_s).contains(s));
        changes.map(MissionTime::from_s).filter(|change| *change > time).min()
    }

    /// Whether a transmission is lost on link number `link`; `frame` counts those of the sender over this link, so that a
    /// message that is sent again has a new chance.
    pub fn lost(&self, seed: u64, link: usize, sender: &AssetId, frame: u64) -> bool {
        self.links.get(link).is_none_or(|(link, _)| {
            link.other_end(sender).is_none_or(|receiver| lost(seed, sender, receiver, link.loss, frame))
        })
    }

    /// Ticks that a message sent at `time` over link number `link` is under way; at least 1.
    pub fn delay_ticks(&self, link: usize, time: MissionTime) -> u32 {
        let distance_km = self.links.get(link).map_or(0.0, |(link, _)| self.almanac.distance_km(link, time.whole_s()));
        let ticks = distance_km / LIGHT_KM_S / f64::from(self.tick_s);
        (ticks.ceil() as u32).max(1)
    }
}

/// Whether a transmission is lost on an open link: a hash of its place, never a running generator.
pub fn lost(seed: u64, sender: &AssetId, receiver: &AssetId, loss: f64, frame: u64) -> bool {
    let (a, b) = (sender.min(receiver), sender.max(receiver));
    let parts = [a.as_str().as_bytes(), b.as_str().as_bytes(), sender.as_str().as_bytes(), &frame.to_le_bytes()];
    uniform(seed, "loss", &parts) < loss
}

/// Speed of light.
const LIGHT_KM_S: f64 = 299_792.458;
