//! The whole fleet in one process under the virtual clock: the world moves, links come and go, and every asset gets its
//! inputs in one fixed order: contact, sensors, messages by (time, sender, frame), timers.
//!
//! What needs a disk, a key or a person is left to a [`Host`]; the assets are the ones that ship.

use crate::almanac::Almanac;
use crate::journal::{Journal, LinkChange};
use crate::links::LinkBook;
use crate::scenario::Scenario;
use crate::world::World;
use mesh_asset::{Asset, AssetState, Event, Input, Misuse, Output, PeerError, Settings};
use mesh_model::{AssetId, Canonical, Hash, MissionId, MissionTime, SignedEnvelope};
use std::collections::{BTreeMap, BTreeSet};

/// What the fleet needs from outside. Every call is answered before the next input.
pub trait Host {
    /// Why it cannot go on: a full disk, a folder that has vanished.
    type Error;
    /// Signs with the asset's key.
    fn sign(&mut self, asset: &AssetId, unsigned: &[u8]) -> Result<[u8; 64], Self::Error>;
    /// Puts an entry at the end of the asset's log, durably.
    fn persist(&mut self, asset: &AssetId, entry: &SignedEnvelope) -> Result<(), Self::Error>;
    /// Records an input, before anything that it causes is released.
    fn record(&mut self, asset: &AssetId, now: MissionTime, input: &Input) -> Result<(), Self::Error>;
    /// Shows what happens.
    fn observe(&mut self, now: MissionTime, event: &FleetEvent<'_>);
    /// Whether somebody wants the mission to stop here.
    fn stop_requested(&mut self) -> bool;
}

/// Something worth showing.
#[derive(Debug)]
pub enum FleetEvent<'a> {
    /// An asset has something to show.
    Asset(&'a AssetId, &'a Event),
    /// A link came up or went down.
    Link(&'a LinkChange),
    /// An asset refused an input.
    Refused(&'a AssetId, &'a PeerError),
    /// The clock moved on to a planning step or to a sensor reading.
    Clock(&'a World),
}

/// How a mission went.
#[derive(Debug)]
pub struct FleetOutcome {
    /// Final state of every member, in id order.
    pub states: Vec<AssetState>,
    /// The world at the end.
    pub world: World,
    /// SHA-256 over, in id order, each asset's adopted plans and final state, then the world's state.
    pub state_hash: Hash,
    /// What happened on the way.
    pub journal: Journal,
    /// How far the clock came.
    pub ended: MissionTime,
    /// Whether somebody stopped it before its end.
    pub interrupted: bool,
}

/// The settings of every member of a scenario.
pub fn settings(
    scenario: &Scenario,
    almanac: &Almanac,
    mission: MissionId,
    keys: &BTreeMap<AssetId, String>,
) -> Vec<Settings> {
    let contract = scenario.contract();
    let of = |me: &AssetId| Settings {
        me: me.clone(),
        contract: contract.clone(),
        mission,
        keys: keys.clone(),
        vehicle: almanac.settings(me).cloned(),
        tick_s: scenario.timing.tick_s,
    };
    contract.members.iter().map(of).collect()
}

/// The hash over the adopted plans and final states, given in id order, and the world.
pub fn state_hash(states: &[AssetState], world: &World) -> Hash {
    let assets = states.iter().fold(Hash::ZERO, |hash, state| hash.then(&state.encode()));
    assets.then(&world.state_bytes())
}

/// A fleet on its mission.
pub struct Fleet<'a, H: Host> {
    scenario: &'a Scenario,
    host: &'a mut H,
    assets: BTreeMap<AssetId, Asset>,
    world: World,
    links: LinkBook,
    seed: u64,
    now: MissionTime,
    /// Links that are up, by their place in the scenario.
    up: BTreeSet<usize>,
    /// A stretch without a planner: whoever holds that role is cut off.
    unplanned: Option<(MissionTime, MissionTime)>,
    /// Messages under way, in the order in which they will be handled.
    under_way: BTreeMap<Delivery, Vec<u8>>,
    journal: Journal,
}

/// When, to whom and from whom a message comes, and which of the sender's transmissions to that neighbour it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Delivery {
    at: MissionTime,
    to: AssetId,
    from: AssetId,
    frame: u64,
}

impl<'a, H: Host> Fleet<'a, H> {
    /// A fleet at the start of its mission.
    pub fn new(
        scenario: &'a Scenario,
        almanac: &Almanac,
        seed: u64,
        settings: Vec<Settings>,
        host: &'a mut H,
    ) -> Result<Self, Misuse> {
        let mut assets = BTreeMap::new();
        for settings in settings {
            let id = settings.me.clone();
            assets.insert(id.clone(), Asset::new(settings, asset_seed(seed, &id), MissionTime::ZERO)?);
        }
        let journal = Journal::new(assets.keys().cloned().collect(), scenario);
        Ok(Self {
            scenario,
            host,
            assets,
            world: World::new(scenario, almanac, seed),
            links: LinkBook::new(scenario, almanac),
            seed,
            now: MissionTime::ZERO,
            up: BTreeSet::new(),
            unplanned: None,
            under_way: BTreeMap::new(),
            journal,
        })
    }

    /// Cuts the planner off from everybody between two times: to see what planning in that stretch is worth.
    pub fn without_planner(mut self, from: MissionTime, until: MissionTime) -> Self {
        self.unplanned = Some((from, until));
        self
    }

    /// Flies the mission to its end, or until the host wants it to stop.
    pub fn fly(mut self) -> Result<FleetOutcome, H::Error> {
        let end = MissionTime::from_s(u64::from(self.scenario.timing.duration_s));
        for id in self.members() {
            self.drain(&id)?;
        }
        let mut interrupted = false;
        loop {
            self.tick()?;
            if self.now >= end {
                break;
            }
            if self.host.stop_requested() {
                interrupted = true;
                break;
            }
            self.now = self.next_tick().min(end);
        }
        if !interrupted {
            for id in self.members() {
                self.give(&id, Input::Close)?;
            }
        }
        self.journal.finish(self.now);
        let states: Vec<AssetState> = self.assets.values().map(Asset::state).collect();
        Ok(FleetOutcome {
            state_hash: state_hash(&states, &self.world),
            states,
            world: self.world,
            journal: self.journal,
            ended: self.now,
            interrupted,
        })
    }

    /// Everything that is due now.
    fn tick(&mut self) -> Result<(), H::Error> {
        self.world.advance(self.now);
        self.change_links()?;
        if self.is_sensor_time() {
            self.read_sensors()?;
        }
        self.deliver()?;
        for id in self.members() {
            if self.assets[&id].next_deadline().is_some_and(|deadline| deadline <= self.now) {
                self.give(&id, Input::Tick)?;
            }
        }
        Ok(())
    }

    fn change_links(&mut self) -> Result<(), H::Error> {
        for (index, link) in self.scenario.links.iter().enumerate() {
            let cut = self.unplanned.is_some_and(|(from, until)| (from..until).contains(&self.now));
            let planner = &self.scenario.planner.id;
            let up = self.links.up(index, self.now) && !(cut && (link.a == *planner || link.b == *planner));
            if up == self.up.contains(&index) {
                continue;
            }
            if up {
                self.up.insert(index)
            } else {
                self.up.remove(&index)
            };
            let change = LinkChange { time: self.now, a: link.a.clone(), b: link.b.clone(), up };
            self.host.observe(self.now, &FleetEvent::Link(&change));
            self.journal.link(change);
            self.give(&link.a, Input::Link { peer: link.b.clone(), up })?;
            self.give(&link.b, Input::Link { peer: link.a.clone(), up })?;
        }
        Ok(())
    }

    fn read_sensors(&mut self) -> Result<(), H::Error> {
        self.host.observe(self.now, &FleetEvent::Clock(&self.world));
        for asset in &self.scenario.assets {
            if let Some(telemetry) = self.world.telemetry(&asset.id) {
                self.give(&asset.id, Input::Telemetry(telemetry))?;
            }
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<(), H::Error> {
        while let Some(first) = self.under_way.first_entry() {
            if first.key().at > self.now {
                break;
            }
            let (Delivery { to, from, .. }, bytes) = first.remove_entry();
            self.give(&to, Input::Message { from, bytes })?;
        }
        Ok(())
    }

    /// Hands an asset an input and carries out all that it asks for.
    fn give(&mut self, id: &AssetId, input: Input) -> Result<(), H::Error> {
        self.host.record(id, self.now, &input)?;
        let asset = self.assets.get_mut(id).expect("the scenario names only members, and every member is here");
        if let Err(refused) = asset.handle(self.now, input) {
            self.journal.refused(id);
            self.host.observe(self.now, &FleetEvent::Refused(id, &refused));
        }
        self.drain(id)
    }

    fn drain(&mut self, id: &AssetId) -> Result<(), H::Error> {
        while let Some(output) = self.assets.get_mut(id).and_then(Asset::poll_output) {
            match output {
                Output::Sign { id: request, unsigned } => {
                    let signature = self.host.sign(id, &unsigned)?;
                    self.answer(id, Input::Signed { id: request, signature })?;
                }
                Output::Persist { id: request, entry } => {
                    self.host.persist(id, &entry)?;
                    self.answer(id, Input::Persisted { id: request })?;
                }
                Output::Send { to, frame, bytes } => self.send(id, to, frame, bytes),
                Output::Command(schedule) => self.world.command(id, schedule),
                Output::Event(event) => {
                    self.journal.event(self.now, id, &event);
                    self.host.observe(self.now, &FleetEvent::Asset(id, &event));
                }
            }
        }
        Ok(())
    }

    /// The shell's answer to a request; what it leads to stays in the queue that is being drained.
    fn answer(&mut self, id: &AssetId, input: Input) -> Result<(), H::Error> {
        self.host.record(id, self.now, &input)?;
        let asset = self.assets.get_mut(id).expect("only members ask");
        if let Err(refused) = asset.handle(self.now, input) {
            self.journal.refused(id);
            self.host.observe(self.now, &FleetEvent::Refused(id, &refused));
        }
        Ok(())
    }

    /// The link model: a message over a closed link is dropped, one over an open link may be lost, the rest arrive a
    /// whole number of ticks later.
    fn send(&mut self, from: &AssetId, to: AssetId, frame: u64, bytes: Vec<u8>) {
        self.journal.sent(from, bytes.len());
        let link = self.links.between(from, &to).filter(|index| self.up.contains(index));
        let Some(index) = link else {
            self.journal.dropped(from);
            return;
        };
        if self.links.lost(self.seed, index, from, frame) {
            self.journal.lost(from);
            return;
        }
        let ticks = u64::from(self.links.delay_ticks(index, self.now));
        let at = self.now.plus_s(ticks * u64::from(self.scenario.timing.tick_s));
        self.under_way.insert(Delivery { at, to, from: from.clone(), frame }, bytes);
    }

    /// Sensors are read at the start, and before each planning at the time it begins.
    fn is_sensor_time(&self) -> bool {
        let timing = &self.scenario.timing;
        let (now, step, lead) = (self.now.whole_s(), u64::from(timing.step_s), u64::from(timing.lead_s));
        now == 0 || (now + lead) % step == 0
    }

    /// The next time at which anything is due, on the grid of ticks.
    fn next_tick(&self) -> MissionTime {
        let timing = &self.scenario.timing;
        let (tick, step, lead) = (u64::from(timing.tick_s), u64::from(timing.step_s), u64::from(timing.lead_s));
        let sensors = MissionTime::from_s(((self.now.whole_s() + lead) / step + 1) * step - lead);
        let deadline = self.assets.values().filter_map(Asset::next_deadline).min();
        let delivery = self.under_way.first_key_value().map(|(delivery, _)| delivery.at);
        let link = self.links.next_change(self.now);
        let cut =
            self.unplanned.into_iter().flat_map(|(from, until)| [from, until]).filter(|cut| *cut > self.now).min();
        let due = [Some(sensors), deadline, delivery, link, cut].into_iter().flatten().min().unwrap_or(sensors);
        let ticks = due.as_ns().div_ceil(tick * 1_000_000_000);
        MissionTime::from_s(ticks * tick).max(self.now.plus_s(tick))
    }

    fn members(&self) -> Vec<AssetId> {
        self.assets.keys().cloned().collect()
    }
}

/// Every asset has a seed of its own.
pub fn asset_seed(seed: u64, asset: &AssetId) -> u64 {
    let hash = Hash::of(&seed.to_le_bytes()).then(asset.as_str().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
