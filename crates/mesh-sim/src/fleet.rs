//! The whole fleet in one process under the virtual clock: the conductor grants tick after tick, every seat takes its
//! step, and what it sends is put into the inbox of another one.
//!
//! What needs a disk, a key or a person is left to a [`Host`]; the assets are the ones that ship.

use crate::almanac::Almanac;
use crate::journal::{Journal, LinkChange};
use crate::lockstep::{Conductor, Grant, Seat, Shell, Stepped};
use crate::partition::Partition;
use crate::scenario::Scenario;
use crate::world::World;
use mesh_adapters::Telemetry;
use mesh_asset::{AssetState, Event, Misuse, Settings};
use mesh_model::{AssetId, Canonical, Hash, MissionId, MissionTime};
use std::collections::{BTreeMap, VecDeque};

/// What a fleet needs from outside.
pub trait Host: Shell {
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
    /// An asset refused an input, and why.
    Refused(&'a AssetId, &'a str),
    /// The clock moved on to a sensor reading.
    Clock(&'a BTreeMap<AssetId, Telemetry>),
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
    host: &'a mut H,
    conductor: Conductor<'a>,
    seats: BTreeMap<AssetId, Seat>,
    journal: Journal,
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
        let mut seats = BTreeMap::new();
        for settings in settings {
            let id = settings.me.clone();
            let own_seed = asset_seed(seed, &id);
            seats.insert(id, Seat::new(settings, own_seed, seed)?);
        }
        let journal = Journal::new(seats.keys().cloned().collect(), scenario);
        let conductor = Conductor::new(scenario, almanac, seed);
        Ok(Self { host, conductor, seats, journal })
    }

    /// Lets the fleet fall apart for a while.
    pub fn with_partition(mut self, partition: Partition) -> Self {
        self.conductor = self.conductor.with_partition(partition);
        self
    }

    /// Leaves everybody alone between two times, to see what planning in that stretch is worth: were only the planner cut
    /// off, another would take its role, and who is alone takes none.
    pub fn without_planner(self, from: MissionTime, until: MissionTime) -> Self {
        self.with_partition(Partition::of_all(from, until))
    }

    /// Flies the mission to its end, or until the host wants it to stop.
    pub fn fly(mut self) -> Result<FleetOutcome, H::Error> {
        for seat in self.seats.values_mut() {
            seat.take_up(VecDeque::new(), self.host)?;
        }
        let mut interrupted = false;
        loop {
            self.tick()?;
            if self.conductor.is_last() {
                break;
            }
            if self.host.stop_requested() {
                interrupted = true;
                break;
            }
            self.conductor.advance();
        }
        let ended = self.conductor.now();
        self.journal.finish(ended);
        let states: Vec<AssetState> = self.seats.values().map(|seat| seat.asset().state()).collect();
        let world = self.conductor.into_world();
        let state_hash = state_hash(&states, &world);
        Ok(FleetOutcome { states, world, state_hash, journal: self.journal, ended, interrupted })
    }

    /// Everything that is due now.
    fn tick(&mut self) -> Result<(), H::Error> {
        let now = self.conductor.now();
        let tick = self.conductor.begin();
        for change in tick.changes {
            self.host.observe(now, &FleetEvent::Link(&change));
            self.journal.link(change);
        }
        if let Some(telemetry) = &tick.telemetry {
            self.host.observe(now, &FleetEvent::Clock(telemetry));
        }
        for (id, grant) in tick.grants {
            self.step(&id, &grant)?;
        }
        Ok(())
    }

    fn step(&mut self, id: &AssetId, grant: &Grant) -> Result<(), H::Error> {
        let seat = self.seats.get_mut(id).expect("the conductor grants to members, and every member is here");
        let Stepped::Done(answer, parcels) = seat.step(grant, self.host)? else {
            unreachable!("what was sent in an earlier tick is in the inbox");
        };
        self.journal.add_traffic(id, &answer.traffic);
        for refused in &answer.refused {
            self.host.observe(grant.now, &FleetEvent::Refused(id, refused));
        }
        for event in &answer.events {
            self.journal.event(grant.now, id, event);
            self.host.observe(grant.now, &FleetEvent::Asset(id, event));
        }
        self.conductor.answered(id, *answer);
        for parcel in parcels {
            if let Some(receiver) = self.seats.get_mut(&parcel.to) {
                receiver.receive(parcel);
            }
        }
        Ok(())
    }
}

/// Every asset has a seed of its own.
pub fn asset_seed(seed: u64, asset: &AssetId) -> u64 {
    let hash = Hash::of(&seed.to_le_bytes()).then(asset.as_str().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
