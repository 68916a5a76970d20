//! Who is granted what, and when: the world, the links, and what is under way between the assets.

use super::{Answer, Channel, Contact, Grant, Sent};
use crate::almanac::Almanac;
use crate::journal::LinkChange;
use crate::links::LinkBook;
use crate::partition::Partition;
use crate::scenario::{Link, Scenario};
use crate::world::World;
use mesh_adapters::Telemetry;
use mesh_model::{AssetId, MissionTime};
use std::collections::{BTreeMap, BTreeSet};

/// The world and the clock of a fleet.
pub struct Conductor<'a> {
    scenario: &'a Scenario,
    world: World,
    links: LinkBook,
    now: MissionTime,
    end: MissionTime,
    assets: BTreeMap<AssetId, Place>,
    /// Links that are up, by their place in the scenario.
    up: BTreeSet<usize>,
    /// Grants of this tick that are not answered yet.
    open: BTreeMap<AssetId, Grant>,
    /// Stretches in which the fleet falls apart.
    partitions: Vec<Partition>,
    /// Whether assets wait for the messages that are due.
    is_strict: bool,
}

/// What is going on at a tick besides the grants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tick {
    /// Links that came up or went down.
    pub changes: Vec<LinkChange>,
    /// What all sensors say, if they are read.
    pub telemetry: Option<BTreeMap<AssetId, Telemetry>>,
    /// What each asset that has anything to do is granted, in id order.
    pub grants: Vec<(AssetId, Grant)>,
}

/// What the conductor knows of an asset.
#[derive(Default)]
struct Place {
    is_present: bool,
    /// It was away and must be told again whom it has contact with.
    has_returned: bool,
    /// Nothing was granted to it yet.
    is_new: bool,
    deadline: Option<MissionTime>,
    /// Members that it was told to have contact with.
    contacts: BTreeSet<AssetId>,
    /// Messages on their way to it, by when they arrive: from whom, which.
    due: BTreeMap<MissionTime, BTreeSet<(AssetId, u64)>>,
}

impl<'a> Conductor<'a> {
    /// A fleet at the start of its mission.
    pub fn new(scenario: &'a Scenario, almanac: &Almanac, seed: u64) -> Self {
        let place = |member: AssetId| (member, Place { is_present: true, is_new: true, ..Place::default() });
        Self {
            scenario,
            world: World::new(scenario, almanac, seed),
            links: LinkBook::new(scenario, almanac),
            now: MissionTime::ZERO,
            end: MissionTime::from_s(u64::from(scenario.timing.duration_s)),
            assets: scenario.contract().members.into_iter().map(place).collect(),
            up: BTreeSet::new(),
            open: BTreeMap::new(),
            partitions: Vec::new(),
            is_strict: true,
        }
    }

    /// Lets assets go on with whatever has arrived when their tick comes: for a clock that waits for nobody.
    pub fn without_waiting(mut self) -> Self {
        self.is_strict = false;
        self
    }

    /// Lets the fleet fall apart for a while.
    pub fn with_partition(mut self, partition: Partition) -> Self {
        self.partitions.push(partition);
        self
    }

    /// The time of the tick under way.
    pub fn now(&self) -> MissionTime {
        self.now
    }

    /// Whether this is the last tick.
    pub fn is_last(&self) -> bool {
        self.now >= self.end
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, at the end.
    pub fn into_world(self) -> World {
        self.world
    }

    /// What happens now. To be called once a tick.
    pub fn begin(&mut self) -> Tick {
        self.world.advance(self.now);
        let changes = self.change_links();
        let telemetry = self.is_sensor_time().then(|| self.read_sensors());
        // Who has not done an earlier tick yet, on a clock that waits for nobody, is told of this one with the next.
        let is_free = |member: &&AssetId| !self.open.contains_key(*member);
        let members: Vec<AssetId> = self.assets.keys().filter(is_free).cloned().collect();
        let mut grants = Vec::new();
        for member in members {
            let reading = telemetry.as_ref().and_then(|all| all.get(&member).cloned());
            if let Some(grant) = self.grant(&member, reading) {
                self.open.insert(member.clone(), grant.clone());
                grants.push((member, grant));
            }
        }
        Tick { changes, telemetry, grants }
    }

    /// An asset has done its part of the tick. What it commands takes effect at once. An answer that was not asked for
    /// changes nothing.
    pub fn answered(&mut self, member: &AssetId, answer: Answer) {
        if self.open.get(member).is_none_or(|grant| grant.now != answer.now) {
            return;
        }
        self.open.remove(member);
        let Some(place) = self.assets.get_mut(member) else { return };
        place.deadline = answer.next_deadline;
        for Sent { to, frame, at } in answer.sent {
            if let Some(receiver) = self.assets.get_mut(&to).filter(|receiver| receiver.is_present) {
                // What arrives in the present or the past could be waited for in vain.
                receiver.due.entry(at.max(self.now.plus_s(1))).or_default().insert((member.clone(), frame));
            }
        }
        for schedule in answer.commands {
            self.world.command(member, schedule);
        }
    }

    /// The grant of an asset that has not answered yet: what is due from one that was lost since is not asked for any more.
    pub fn open_grant(&self, member: &AssetId) -> Option<&Grant> {
        self.open.get(member)
    }

    /// When a message that is due now arrives, for asking its sender to send it again.
    pub fn sent(&self, to: &AssetId, frame: u64) -> Sent {
        Sent { to: to.clone(), frame, at: self.now }
    }

    /// The members that have not answered yet.
    pub fn open(&self) -> impl Iterator<Item = &AssetId> {
        self.open.keys()
    }

    /// Lets an asset go on without messages that are due and cannot be had any more, by sender and frame.
    pub fn forgive(&mut self, member: &AssetId, missing: &[(AssetId, u64)]) {
        if let Some(grant) = self.open.get_mut(member) {
            grant.due.retain(|due| !missing.contains(due));
        }
    }

    /// Whether all have answered.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Goes on without an asset: it counts as out of contact, nothing is sent to it, nobody waits for what it has sent.
    pub fn lose(&mut self, member: &AssetId) {
        self.open.remove(member);
        if let Some(place) = self.assets.get_mut(member) {
            place.is_present = false;
            place.due.clear();
        }
        for place in self.assets.values_mut() {
            for due in place.due.values_mut() {
                due.retain(|(from, _)| from != member);
            }
        }
        for grant in self.open.values_mut() {
            grant.due.retain(|(from, _)| from != member);
        }
    }

    /// An asset that was lost is back, and believes to have these contacts; it takes part from the next tick on.
    pub fn find(&mut self, member: &AssetId, contacts: BTreeSet<AssetId>) {
        if let Some(place) = self.assets.get_mut(member).filter(|place| !place.is_present) {
            place.is_present = true;
            place.has_returned = true;
            place.contacts = contacts;
        }
    }

    /// Whether an asset takes part.
    pub fn is_present(&self, member: &AssetId) -> bool {
        self.assets.get(member).is_some_and(|place| place.is_present)
    }

    /// Goes on to the next time at which anything is due, on the grid of ticks; by one tick while somebody has not
    /// answered, for nobody knows yet what that leads to.
    pub fn advance(&mut self) {
        let timing = &self.scenario.timing;
        let (tick, step, lead) = (u64::from(timing.tick_s), u64::from(timing.step_s), u64::from(timing.lead_s));
        let sensors = MissionTime::from_s(((self.now.whole_s() + lead) / step + 1) * step - lead);
        let present = self.assets.values().filter(|place| place.is_present);
        let asked = present.clone().filter_map(|place| place.deadline).min();
        let delivery = present.filter_map(|place| place.due.first_key_value()).map(|(at, _)| *at).min();
        let link = self.links.next_change(self.now);
        let cuts = self.partitions.iter().flat_map(|partition| [partition.from, partition.until]);
        let cut = cuts.filter(|time| *time > self.now).min();
        let unknown = (!self.is_settled()).then_some(self.now);
        let due = [Some(sensors), asked, delivery, link, cut, unknown].into_iter().flatten().min().unwrap_or(sensors);
        let ticks = due.as_ns().div_ceil(tick * 1_000_000_000);
        self.now = MissionTime::from_s(ticks * tick).max(self.now.plus_s(tick)).min(self.end);
    }

    /// What an asset is to do now; `None` if that is nothing.
    fn grant(&mut self, member: &AssetId, telemetry: Option<Telemetry>) -> Option<Grant> {
        let contacts = self.tell_contacts(member);
        let is_last = self.is_last();
        let place = self.assets.get_mut(member).filter(|place| place.is_present)?;
        let later = place.due.split_off(&self.now.plus_s(1));
        let due: BTreeSet<_> = std::mem::replace(&mut place.due, later).into_values().flatten().collect();
        let is_asked = place.deadline.is_some_and(|deadline| deadline <= self.now);
        let is_new = std::mem::take(&mut place.is_new);
        let nothing = contacts.is_empty() && telemetry.is_none() && due.is_empty() && !is_asked && !is_new && !is_last;
        if nothing {
            return None;
        }
        let due = due.into_iter().collect();
        let channels = self.channels(member, &contacts);
        Some(Grant { now: self.now, contacts, channels, telemetry, due, is_strict: self.is_strict, is_last })
    }

    /// The contacts that an asset has to be told of, in the order of the scenario's links.
    fn tell_contacts(&mut self, member: &AssetId) -> Vec<Contact> {
        let mut news = Vec::new();
        let Some(place) = self.assets.get_mut(member).filter(|place| place.is_present) else { return news };
        if std::mem::take(&mut place.has_returned) {
            // It missed that it lost everybody.
            news.extend(std::mem::take(&mut place.contacts).into_iter().map(|peer| Contact { peer, up: false }));
        }
        for (index, link) in self.scenario.links.iter().enumerate() {
            let Some(peer) = link.other_end(member) else { continue };
            let up = self.up.contains(&index);
            if up == place.contacts.contains(peer) {
                continue;
            }
            if up {
                place.contacts.insert(peer.clone());
            } else {
                place.contacts.remove(peer);
            }
            news.push(Contact { peer: peer.clone(), up });
        }
        news
    }

    /// An asset's links that are up, or go down now: what it says before it is told so still goes over them.
    fn channels(&self, member: &AssetId, news: &[Contact]) -> Vec<Channel> {
        let channel = |(index, link): (usize, &Link)| {
            let peer = link.other_end(member)?;
            let is_closing = news.iter().any(|contact| contact.peer == *peer && !contact.up);
            (is_closing || self.up.contains(&index)).then(|| Channel {
                peer: peer.clone(),
                delay_ticks: self.links.delay_ticks(index, self.now),
                loss: link.loss,
            })
        };
        self.scenario.links.iter().enumerate().filter_map(channel).collect()
    }

    fn change_links(&mut self) -> Vec<LinkChange> {
        let mut changes = Vec::new();
        for (index, link) in self.scenario.links.iter().enumerate() {
            let is_cut = self.partitions.iter().any(|partition| partition.cuts(link, self.now));
            let up = self.links.up(index, self.now)
                && !is_cut
                && [&link.a, &link.b].into_iter().all(|end| self.is_present(end));
            if up == self.up.contains(&index) {
                continue;
            }
            if up {
                self.up.insert(index);
            } else {
                self.up.remove(&index);
            }
            changes.push(LinkChange { time: self.now, a: link.a.clone(), b: link.b.clone(), up });
        }
        changes
    }

    fn read_sensors(&self) -> BTreeMap<AssetId, Telemetry> {
        let reading = |asset: &crate::scenario::Asset| Some((asset.id.clone(), self.world.telemetry(&asset.id)?));
        self.scenario.assets.iter().filter_map(reading).collect()
    }

    /// Sensors are read at the start, and before each planning at the time it begins.
    fn is_sensor_time(&self) -> bool {
        let timing = &self.scenario.timing;
        let (now, step, lead) = (self.now.whole_s(), u64::from(timing.step_s), u64::from(timing.lead_s));
        now == 0 || (now + lead) % step == 0
    }
}
