//! What geometry alone decides: when the sun shines where, who sees the relay when, where the rover is planned to be.
//!
//! A function of the scenario. It feeds the adapters' forecasts, the link book and the world, so that all three agree.

mod frame;
mod orbit;
mod sun;
mod terrain;
#[cfg(test)]
mod tests;
pub(crate) mod views;

pub use views::Contact;

pub(crate) use frame::MOON_RADIUS_KM;
pub(crate) use orbit::semi_major_km;

use crate::scenario::{Asset, AssetKind, Link, LinkVia, Orbit, Place, Scenario, Site, Stay};
use frame::{Direction, Stand};
use mesh_adapters::{AdapterSettings, HabitatForecast, Leg, RoverForecast, SatelliteForecast};
use mesh_model::AssetId;
use std::collections::BTreeMap;
use views::{both, contacts, either, gaps, shares};

/// The almanac of a scenario, from the start of the mission to one horizon past its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Almanac {
    /// What each adapter knows beforehand.
    settings: BTreeMap<AssetId, AdapterSettings>,
    /// When each asset on the ground sees each satellite, by (ground, satellite).
    sights: BTreeMap<(AssetId, AssetId), Vec<Contact>>,
    /// When each rover stands at its dock.
    docked: BTreeMap<AssetId, Vec<Contact>>,
    /// The scenario that everything else was computed from.
    scenario: Scenario,
    steps: usize,
}

impl Almanac {
    /// Computes the almanac of a scenario.
    pub fn new(scenario: &Scenario) -> Self {
        let timing = &scenario.timing;
        let steps = timing.duration_s.div_ceil(timing.step_s) as usize + usize::from(timing.horizon_steps) + 1;
        let mut almanac = Self {
            settings: BTreeMap::new(),
            sights: BTreeMap::new(),
            docked: BTreeMap::new(),
            scenario: scenario.clone(),
            steps,
        };
        for asset in &scenario.assets {
            if let AssetKind::Rover { itinerary, .. } = &asset.kind {
                almanac.docked.insert(asset.id.clone(), docked(itinerary, almanac.end_s()));
            }
        }
        almanac.find_sights();
        let settings = scenario.assets.iter().map(|asset| (asset.id.clone(), almanac.forecast(asset)));
        almanac.settings = settings.collect();
        almanac
    }

    /// The figures of a vehicle with its forecasts, ready for its adapter.
    pub fn settings(&self, asset: &AssetId) -> Option<&AdapterSettings> {
        self.settings.get(asset)
    }

    /// The figures and forecasts of all vehicles.
    pub fn all_settings(&self) -> &BTreeMap<AssetId, AdapterSettings> {
        &self.settings
    }

    /// Steps that the forecasts cover.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Where the almanac ends.
    pub fn end_s(&self) -> u64 {
        self.steps as u64 * u64::from(self.scenario.timing.step_s)
    }

    /// When an asset on the ground sees a satellite. A rover at its dock has the dock's skyline, at its site and under
    /// way that of the site, which is the worse one.
    pub fn sights(&self, ground: &AssetId, satellite: &AssetId) -> &[Contact] {
        self.sights.get(&(ground.clone(), satellite.clone())).map_or(&[], Vec::as_slice)
    }

    /// When an asset on the ground sees a satellite that it takes bandwidth from.
    pub fn relay_sights(&self, ground: &AssetId) -> Vec<Contact> {
        let from = self.scenario.junctions.iter().filter(|junction| junction.sinks.contains(ground));
        from.fold(Vec::new(), |all, junction| either(&all, self.sights(ground, &junction.source)))
    }

    /// When a rover stands at its dock.
    pub fn docked(&self, rover: &AssetId) -> &[Contact] {
        self.docked.get(rover).map_or(&[], Vec::as_slice)
    }

    /// When a link is up.
    pub fn contacts(&self, link: &Link) -> Vec<Contact> {
        self.contacts_via(self.place_of(&link.a), self.place_of(&link.b), &link.via)
    }

    /// How far a signal travels over a link at `time_s`; 0 where the distance does not matter.
    pub fn distance_km(&self, link: &Link, time_s: u64) -> f64 {
        let (a, b) = (self.place_of(&link.a), self.place_of(&link.b));
        self.distance_via(a, b, &link.via, time_s)
    }

    /// The longest stretch of the mission in which a rover sees no relay, and for how many of its seconds the habitat
    /// where it docks sees one.
    pub fn blackout(&self, rover: &AssetId) -> Option<(Contact, u64)> {
        let duration_s = u64::from(self.scenario.timing.duration_s);
        let AssetKind::Rover { dock, .. } = &self.asset(rover)?.kind else { return None };
        let longest = gaps(&self.relay_sights(rover), duration_s)
            .into_iter()
            .max_by_key(|gap| (gap.until_s - gap.from_s, u64::MAX - gap.from_s))?;
        let seen = both(&self.relay_sights(dock), &[longest]);
        Some((longest, seen.iter().map(|part| part.until_s - part.from_s).sum()))
    }

    fn find_sights(&mut self) {
        let end_s = self.end_s();
        let mut sights = BTreeMap::new();
        for satellite in &self.scenario.assets {
            let AssetKind::Satellite { orbit, .. } = &satellite.kind else { continue };
            for ground in &self.scenario.assets {
                let seen = match &ground.kind {
                    AssetKind::Habitat { site, .. } => passes(site, orbit, end_s),
                    AssetKind::Rover { dock, site, .. } => {
                        let docked = self.docked(&ground.id);
                        let there = both(&passes(site, orbit, end_s), &gaps(docked, end_s));
                        let dock = self.asset(dock).and_then(site_of);
                        either(&there, &dock.map_or(Vec::new(), |dock| both(&passes(dock, orbit, end_s), docked)))
                    }
                    AssetKind::Satellite { .. } => continue,
                };
                sights.insert((ground.id.clone(), satellite.id.clone()), seen);
            }
        }
        self.sights = sights;
    }

    fn forecast(&self, asset: &Asset) -> AdapterSettings {
        let step_s = self.scenario.timing.step_s;
        let relay_share = shares(&self.relay_sights(&asset.id), step_s, self.steps);
        match &asset.kind {
            AssetKind::Habitat { settings, site } => {
                let sky = &self.scenario.sky;
                let (first, own) = (self.first_habitat(), Stand::new(site));
                // The sky is described as the first habitat sees it; from another place the sun stands elsewhere.
                let seen = |sun: Direction| if own == first { sun } else { own.direction_of(first.towards(sun)) };
                let sun_share = self.averages(|time_s| terrain::disc_share(site, seen(sun::sun(sky, time_s))));
                AdapterSettings::Habitat(settings.clone(), HabitatForecast { sun_share, relay_share })
            }
            AssetKind::Rover { settings, dock, itinerary, .. } => {
                let at_site = at(itinerary, Place::Site, self.end_s());
                let forecast = RoverForecast {
                    dock: dock.clone(),
                    docked_share: shares(self.docked(&asset.id), step_s, self.steps),
                    site_share: shares(&at_site, step_s, self.steps),
                    legs: legs(itinerary, step_s),
                    relay_share,
                };
                AdapterSettings::Rover(settings.clone(), forecast)
            }
            AssetKind::Satellite { settings, orbit } => {
                let stand = self.first_habitat();
                let sky = &self.scenario.sky;
                let sun_share = self.averages(|time_s| {
                    sun::sunlight(orbit::position_km(orbit, time_s), stand.towards(sun::sun(sky, time_s)))
                });
                let earth = stand.towards(sun::earth(sky));
                let earth_seen = contacts(self.end_s(), |s| sun::in_view(orbit::position_km(orbit, s as f64), earth));
                let earth_share = shares(&earth_seen, step_s, self.steps);
                AdapterSettings::Satellite(settings.clone(), SatelliteForecast { sun_share, earth_share })
            }
        }
    }

    /// The average of `share` over each step, from one sample in the middle of every minute.
    fn averages(&self, share: impl Fn(f64) -> f64) -> Vec<f64> {
        let step_s = f64::from(self.scenario.timing.step_s);
        let samples = self.scenario.timing.step_s.div_ceil(60);
        let average = |step: usize| {
            let sample = |i: u32| share(step_s * (step as f64 + (f64::from(i) + 0.5) / f64::from(samples)));
            (0..samples).map(sample).sum::<f64>() / f64::from(samples)
        };
        (0..self.steps).map(average).collect()
    }

    fn contacts_via(&self, a: &AssetId, b: &AssetId, via: &LinkVia) -> Vec<Contact> {
        match via {
            LinkVia::Sight => either(self.sights(a, b), self.sights(b, a)),
            LinkVia::Relay(satellite) => both(self.sights(a, satellite), self.sights(b, satellite)),
            LinkVia::Dock => either(self.docked(a), self.docked(b)),
            LinkVia::Local => vec![Contact { from_s: 0, until_s: self.end_s() }],
            LinkVia::Either(ways) => {
                ways.iter().fold(Vec::new(), |all, way| either(&all, &self.contacts_via(a, b, way)))
            }
        }
    }

    fn distance_via(&self, a: &AssetId, b: &AssetId, via: &LinkVia, time_s: u64) -> f64 {
        match via {
            LinkVia::Sight => self.slant_km(a, b, time_s).max(self.slant_km(b, a, time_s)),
            LinkVia::Relay(satellite) => self.slant_km(a, satellite, time_s) + self.slant_km(b, satellite, time_s),
            LinkVia::Dock | LinkVia::Local => 0.0,
            // The first way that is up is the one that carries the message.
            LinkVia::Either(ways) => {
                let up = |way: &&LinkVia| views::holds(&self.contacts_via(a, b, way), time_s);
                ways.iter().find(up).map_or(0.0, |way| self.distance_via(a, b, way, time_s))
            }
        }
    }

    /// From an asset on the ground to a satellite; 0 for any other pair.
    fn slant_km(&self, ground: &AssetId, satellite: &AssetId, time_s: u64) -> f64 {
        let site = self.asset(ground).and_then(site_of);
        let orbit = self.asset(satellite).and_then(|asset| match &asset.kind {
            AssetKind::Satellite { orbit, .. } => Some(orbit),
            _ => None,
        });
        match (site, orbit) {
            (Some(site), Some(orbit)) => Stand::new(site).distance_km(orbit::position_km(orbit, time_s as f64)),
            _ => 0.0,
        }
    }

    /// The asset where a member is: the planner role is placed at one.
    fn place_of<'a>(&'a self, member: &'a AssetId) -> &'a AssetId {
        if *member == self.scenario.planner.id { &self.scenario.planner.at } else { member }
    }

    fn asset(&self, id: &AssetId) -> Option<&Asset> {
        self.scenario.assets.iter().find(|asset| asset.id == *id)
    }

    /// Where the directions of the sky are meant; the south pole if there is no habitat.
    fn first_habitat(&self) -> Stand {
        let mut habitats = self.scenario.assets.iter().filter(|asset| matches!(asset.kind, AssetKind::Habitat { .. }));
        let pole =
            Site { latitude_deg: -90.0, longitude_deg: 0.0, altitude_m: 0.0, horizon_deg: 0.0, ridges: Vec::new() };
        Stand::new(habitats.next().and_then(site_of).unwrap_or(&pole))
    }
}

/// When a satellite stands above the skyline of a site.
fn passes(site: &Site, orbit: &Orbit, end_s: u64) -> Vec<Contact> {
    let stand = Stand::new(site);
    contacts(end_s, |second| {
        let direction = stand.direction_to(orbit::position_km(orbit, second as f64));
        direction.elevation_deg > terrain::skyline_deg(site, direction.azimuth_deg)
    })
}

fn site_of(asset: &Asset) -> Option<&Site> {
    match &asset.kind {
        AssetKind::Habitat { site, .. } | AssetKind::Rover { site, .. } => Some(site),
        AssetKind::Satellite { .. } => None,
    }
}

fn docked(itinerary: &[Stay], end_s: u64) -> Vec<Contact> {
    at(itinerary, Place::Dock, end_s)
}

/// When the rover is planned to stay at a place. It does not leave the last one.
fn at(itinerary: &[Stay], place: Place, end_s: u64) -> Vec<Contact> {
    let mut stays = Vec::new();
    for (number, stay) in itinerary.iter().enumerate().filter(|(_, stay)| stay.place == place) {
        let until_s = if number + 1 == itinerary.len() { end_s } else { u64::from(stay.until_s).min(end_s) };
        stays = either(&stays, &[Contact { from_s: u64::from(stay.from_s), until_s }]);
    }
    stays
}

/// The drives between the stays.
fn legs(itinerary: &[Stay], step_s: u32) -> Vec<Leg> {
    let pairs = itinerary.windows(2).filter(|pair| pair[0].place != pair[1].place);
    pairs
        .map(|pair| Leg { from: pair[0].until_s / step_s, until: pair[1].from_s / step_s, km: pair[1].drive_km })
        .collect()
}
