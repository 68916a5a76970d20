//! A fleet of honest assets, at most one liar, and a network that loses, doubles and reorders. Every test has a safety
//! phase, in which anything may fail, and a liveness phase, in which all links are good and all logs must become equal.
//! The reference model is the list of what each author wrote.

use super::*;
use crate::fixture::{Fleet, Writer, names};
use mesh_model::{Canonical, Payload};
use std::collections::BTreeSet;

#[derive(Clone)]
enum Message {
    Entry(SignedEnvelope),
    Heads(BTreeMap<AssetId, u64>),
    Want(AssetId, u64),
}

#[derive(Default, Clone, Copy)]
struct Faults {
    loss_percent: u64,
    double_percent: u64,
    /// Deliveries take 1 s and up to this many more.
    delay_s: u64,
}

#[derive(Default, Debug, Clone, Copy, PartialEq)]
struct Traffic {
    messages: usize,
    entries: usize,
    bytes: usize,
}

struct Node {
    sync: Sync,
    delivered: BTreeMap<AssetId, Vec<Hash>>,
    evidence: Vec<AssetId>,
}

struct World {
    fleet: Fleet,
    nodes: BTreeMap<AssetId, Node>,
    writers: BTreeMap<AssetId, Writer>,
    /// The reference model: what each honest author wrote.
    written: BTreeMap<AssetId, Vec<Hash>>,
    /// Every entry that was ever verified, so that a delivery need not do it again.
    verified: BTreeMap<SignedBytes, Verified>,
    links: BTreeSet<(AssetId, AssetId)>,
    under_way: BTreeMap<(MissionTime, u64), (AssetId, AssetId, Message)>,
    liar: Option<AssetId>,
    /// What the liar wrote, twice over.
    histories: Vec<(Writer, Vec<SignedEnvelope>)>,
    faults: Faults,
    random: Random,
    messages: u64,
    traffic: Traffic,
    now: MissionTime,
    seed: u64,
}

type SignedBytes = Vec<u8>;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }
}

impl World {
    fn new(count: usize, seed: u64) -> Self {
        let members = names(count);
        let node = |id: &AssetId| Node {
            sync: Sync::new(Settings::new(id.clone(), members.clone()), seed, MissionTime::ZERO),
            delivered: BTreeMap::new(),
            evidence: Vec::new(),
        };
        Self {
            fleet: Fleet::new(&members),
            nodes: members.iter().map(|id| (id.clone(), node(id))).collect(),
            writers: members.iter().map(|id| (id.clone(), Writer::new(id))).collect(),
            written: members.iter().map(|id| (id.clone(), Vec::new())).collect(),
            verified: BTreeMap::new(),
            links: BTreeSet::new(),
            under_way: BTreeMap::new(),
            liar: None,
            histories: Vec::new(),
            faults: Faults::default(),
            random: Random(seed),
            messages: 0,
            traffic: Traffic::default(),
            now: MissionTime::ZERO,
            seed,
        }
    }

    /// Takes the last member out of the honest ones.
    fn with_liar(mut self) -> Self {
        let (liar, _) = self.nodes.pop_last().expect("a member");
        self.written.remove(&liar);
        self.histories = vec![(Writer::new(&liar), Vec::new()); 2];
        self.liar = Some(liar);
        self
    }

    fn members(&self) -> Vec<AssetId> {
        self.nodes.keys().chain(&self.liar).cloned().collect()
    }

    fn write(&mut self, author: &AssetId, length: usize) {
        let entry = self.writers.get_mut(author).expect("a member").write(&self.fleet, length);
        self.written.get_mut(author).expect("honest").push(entry.unsigned_hash());
        self.verified.insert(entry.signed().encode(), entry.clone());
        self.input(author, Input::Appended(entry)).expect("the next entry");
    }

    fn link(&mut self, a: &AssetId, b: &AssetId, up: bool) {
        let pair = if a < b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) };
        let changed = if up { self.links.insert(pair) } else { self.links.remove(&pair) };
        if changed {
            for (me, peer) in [(a, b), (b, a)] {
                if self.nodes.contains_key(me) {
                    self.input(me, Input::Link { peer: peer.clone(), up }).expect("a member");
                }
            }
        }
    }

    fn link_all(&mut self) {
        let members = self.members();
        for (i, a) in members.iter().enumerate() {
            members[i + 1..].iter().for_each(|b| self.link(a, b, true));
        }
    }

    /// Runs to `end`: deliveries and deadlines in order of time, deliveries first.
    fn run(&mut self, end: MissionTime) {
        for _ in 0..2_000_000 {
            let deadline = self.nodes.values().filter_map(|node| node.sync.next_deadline()).min();
            let delivery = self.under_way.keys().next().map(|(time, _)| *time);
            let next = [deadline, delivery].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if delivery == Some(next) {
                let (_, (from, to, message)) = self.under_way.pop_first().expect("its time was read");
                self.deliver(from, to, message);
            } else {
                let due = |node: &Node| node.sync.next_deadline().is_some_and(|due| due <= next);
                let due: Vec<_> = self.nodes.iter().filter(|(_, node)| due(node)).map(|(id, _)| id.clone()).collect();
                due.iter().for_each(|id| self.input(id, Input::Tick).expect("a tick is never refused"));
            }
        }
        panic!("seed {}: time stands still at {}", self.seed, self.now);
    }

    fn run_for(&mut self, seconds: u64) {
        self.run(self.now.plus_s(seconds));
    }

    fn deliver(&mut self, from: AssetId, to: AssetId, message: Message) {
        if !self.linked(&from, &to) || !self.nodes.contains_key(&to) {
            return;
        }
        let by_liar = self.liar.as_ref() == Some(&from);
        let input = match message {
            Message::Entry(signed) => {
                let bytes = signed.encode();
                let fleet = &self.fleet;
                let entry = self.verified.entry(bytes).or_insert_with(|| fleet.verify(&signed)).clone();
                Input::Received { from, entry }
            }
            Message::Heads(heads) => Input::Heads { from, heads },
            Message::Want(author, first) => Input::Want { from, author, first },
        };
        let result = self.input(&to, input);
        assert!(by_liar || result.is_ok(), "seed {}: an honest peer was refused: {result:?}", self.seed);
    }

    fn linked(&self, a: &AssetId, b: &AssetId) -> bool {
        self.links.contains(&if a < b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) })
    }

    /// Hands `id` an input and sends what comes of it; checks the model with everything that is delivered.
    fn input(&mut self, id: &AssetId, input: Input) -> Result<(), PeerError> {
        let seed = self.seed;
        let node = self.nodes.get_mut(id).expect("honest");
        let result = node.sync.handle(self.now, input);
        let mut sends = Vec::new();
        while let Some(output) = node.sync.poll_output() {
            match output {
                Output::Send { to, entry } => sends.push((to, Message::Entry(entry))),
                Output::SendHeads { to, heads } => sends.push((to, Message::Heads(heads))),
                Output::SendWant { to, author, first } => sends.push((to, Message::Want(author, first))),
                Output::Deliver(entry) => {
                    let log = node.delivered.entry(entry.author().clone()).or_default();
                    assert_eq!(entry.sequence(), log.len() as u64, "seed {seed}: {id} got a gap or a double");
                    log.push(entry.unsigned_hash());
                    if let Some(written) = self.written.get(entry.author()) {
                        assert_eq!(written.get(log.len() - 1), log.last(), "seed {seed}: not what was written");
                    }
                }
                Output::Evidence(evidence) => node.evidence.push(evidence.author().clone()),
            }
        }
        assert!(result.is_ok() || sends.is_empty(), "seed {seed}: a refused input had an effect");
        for (to, message) in sends {
            assert!(self.linked(id, &to), "seed {seed}: {id} sent to {to} without contact");
            self.send(id, to, message);
        }
        result
    }

    fn send(&mut self, from: &AssetId, to: AssetId, message: Message) {
        self.traffic.messages += 1;
        self.traffic.entries += usize::from(matches!(message, Message::Entry(_)));
        self.traffic.bytes += self.length(from, &message);
        let copies = 1 + u64::from(self.random.chance(self.faults.double_percent));
        for _ in 0..copies {
            if !self.random.chance(self.faults.loss_percent) {
                let time = self.now.plus_s(1 + self.random.below(self.faults.delay_s + 1));
                self.messages += 1;
                self.under_way.insert((time, self.messages), (from.clone(), to.clone(), message.clone()));
            }
        }
    }

    /// Bytes of the whole signed message.
    fn length(&self, from: &AssetId, message: &Message) -> usize {
        let payload = match message {
            Message::Entry(entry) => return entry.encode().len(),
            Message::Heads(heads) => Payload::Heartbeat(heads.clone()),
            Message::Want(author, first) => Payload::Want(author.clone(), *first),
        };
        self.fleet.sign(from, 0, Hash::ZERO, &payload).encode().len()
    }

    /// Bytes of the entries that honest nodes lack, each counted for each that lacks it.
    fn missing_bytes(&self) -> usize {
        let longest = |author: &AssetId| {
            let held = self.nodes.values().map(|node| node.sync.entries(author));
            held.max_by_key(|entries| entries.len()).expect("a node")
        };
        let lacks = |node: &Node, author: &AssetId| {
            let held = node.sync.entries(author).len();
            longest(author)[held..].iter().map(|entry| entry.encode().len()).sum::<usize>()
        };
        self.nodes.values().flat_map(|node| self.written.keys().map(move |author| lacks(node, author))).sum()
    }

    fn converged(&self) -> bool {
        let has_all = |node: &Node| {
            self.written.iter().all(|(author, log)| node.delivered.get(author).map_or(0, Vec::len) == log.len())
        };
        self.nodes.values().all(has_all)
    }

    /// The liveness phase: good links between all, and everything arrives.
    fn must_converge(&mut self, within_s: u64) {
        self.faults = Faults::default();
        self.link_all();
        let end = self.now.plus_s(within_s);
        while !self.converged() {
            assert!(self.now < end, "seed {}: not converged within {within_s} s", self.seed);
            self.run_for(10);
        }
        for node in self.nodes.values() {
            for (author, log) in &self.written {
                assert_eq!(node.delivered.get(author).cloned().unwrap_or_default(), *log, "seed {}", self.seed);
            }
        }
    }

    /// The safety phase: links come and go, authors write, a liar lies.
    fn storm(&mut self, steps: usize) {
        let members = self.members();
        let honest: Vec<_> = self.nodes.keys().cloned().collect();
        for _ in 0..steps {
            let (a, b) = (self.random.pick(&members), self.random.pick(&members));
            match self.random.below(4) {
                0 if a != b => self.link(&a, &b, true),
                1 if a != b => self.link(&a, &b, false),
                2 => {
                    let length = self.random.below(200) as usize;
                    let author = self.random.pick(&honest);
                    self.write(&author, length);
                }
                _ => self.lie(),
            }
            let pause = self.random.below(30);
            self.run_for(pause);
        }
    }

    /// One act of the liar against one honest asset: a second history, garbage heads, an absurd request, a flood.
    fn lie(&mut self) {
        let Some(liar) = self.liar.clone() else { return };
        let honest: Vec<_> = self.nodes.keys().cloned().collect();
        let members = self.members();
        let victim = self.random.pick(&honest);
        let about = self.random.pick(&members);
        let number = match self.random.below(3) {
            0 => self.random.below(10),
            1 => self.random.below(70_000),
            _ => self.random.next(),
        };
        match self.random.below(4) {
            0 => {
                // One of two histories, whole or in part, and sometimes one that begins nowhere.
                let history = self.random.below(2) as usize;
                let (writer, entries) = &mut self.histories[history];
                let mut nowhere = writer.clone();
                nowhere.sequence += self.random.below(300) + 2;
                entries.push(writer.write(&self.fleet, 100 + history).into_signed());
                let first = self.random.below(2 * entries.len() as u64) as usize;
                let mut sends = entries.get(first..).unwrap_or(entries).to_vec();
                if self.random.chance(20) {
                    sends.push(nowhere.write(&self.fleet, 300).into_signed());
                }
                sends.into_iter().for_each(|entry| self.send(&liar, victim.clone(), Message::Entry(entry)));
            }
            1 => {
                let heads = members.iter().map(|id| (id.clone(), self.random.below(number.max(2)))).collect();
                self.send(&liar, victim, Message::Heads(heads));
            }
            2 => self.send(&liar, victim, Message::Heads([(about, number)].into())),
            _ => self.send(&liar, victim, Message::Want(about, number)),
        }
    }
}

#[test]
fn logs_become_equal_after_any_storm() {
    for seed in 0..60 {
        let mut world = World::new(2 + seed as usize % 6, seed);
        world.faults = Faults { loss_percent: seed % 31, double_percent: (seed * 7) % 51, delay_s: (seed * 3) % 20 };
        world.storm(120);
        world.must_converge(600);
        assert!(world.nodes.values().all(|node| node.evidence.is_empty()), "seed {seed}: somebody was framed");
    }
}

#[test]
fn the_same_seed_gives_the_same_traffic() {
    let run = |seed| {
        let mut world = World::new(5, seed).with_liar();
        world.faults = Faults { loss_percent: 20, double_percent: 20, delay_s: 10 };
        world.storm(100);
        (world.traffic, world.now)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_liar_cannot_keep_the_honest_apart_nor_fill_their_memory() {
    let mut caught = 0;
    for seed in 0..60 {
        let mut world = World::new(3 + seed as usize % 5, seed).with_liar();
        world.faults = Faults { loss_percent: seed % 31, double_percent: seed % 20, delay_s: seed % 10 };
        world.link_all();
        world.storm(200);
        world.must_converge(900);
        let liar = world.liar.clone().expect("there is one");
        for node in world.nodes.values() {
            assert!(node.evidence.len() <= 1 && node.evidence.iter().all(|author| *author == liar), "seed {seed}");
            assert!(node.sync.wants.len() <= world.written.len() + 1, "seed {seed}");
        }
        // Who was caught by one is known to all after the next heads.
        let knows = |node: &Node| node.sync.equivocation(&liar).is_some();
        if world.nodes.values().any(knows) {
            caught += 1;
            world.run_for(300);
            assert!(world.nodes.values().all(knows), "seed {seed}: the evidence did not spread");
        }
        let logs: usize = world.nodes.values().map(|node| node.sync.entries(&liar).len()).sum();
        let traffic = world.traffic;
        world.run_for(1200);
        let later: usize = world.nodes.values().map(|node| node.sync.entries(&liar).len()).sum();
        assert!(logs <= later, "seed {seed}");
        // Ten heartbeats a link and direction, and a request every 30 s of each for logs that only the liar claims.
        let pairs = world.members().len() * world.members().len();
        let quiet = world.traffic.messages - traffic.messages;
        assert!(quiet <= pairs * 12 + world.nodes.len() * world.members().len() * 41, "seed {seed}: {quiet} messages");
    }
    assert!(caught > 20, "the liar was caught in {caught} of 60 storms");
}

#[test]
fn a_flood_from_a_liar_stays_within_the_limits() {
    let mut world = World::new(3, 1).with_liar();
    world.link_all();
    let liar = world.liar.clone().expect("there is one");
    let victim = names(1)[0].clone();
    let limits = &world.nodes[&victim].sync.settings;
    let bound = limits.ahead_bytes_max + 64 * 1024;
    let mut writer = Writer::new(&liar);
    writer.sequence = 1;
    for _ in 0..200 {
        let entry = writer.write(&world.fleet, 60_000).into_signed();
        world.deliver(liar.clone(), victim.clone(), Message::Entry(entry));
        let held = world.nodes[&victim].sync.bytes_held();
        assert!(held <= bound, "{held} bytes of entries that cannot be placed");
    }
    assert!(world.nodes[&victim].sync.bytes_held() > bound / 2, "the flood reached the limit");
}

/// Heals the partition of one of `count` assets and gives (bytes that were missing, bytes that were sent).
fn heal(count: usize, entries: usize, length: usize) -> (usize, usize) {
    let mut world = World::new(count, 7);
    world.link_all();
    let members = world.members();
    for author in &members {
        (0..5).for_each(|_| world.write(author, length));
    }
    world.run_for(130);
    assert!(world.converged());
    let lost = &members[count / 2];
    members.iter().filter(|id| *id != lost).for_each(|id| world.link(lost, id, false));
    for author in &members {
        (0..entries).for_each(|_| world.write(author, length));
    }
    world.run_for(600);
    // The others' heartbeats are not part of the heal: begin just after one of them.
    let others = world.nodes.iter().filter(|(id, _)| *id != lost);
    let heartbeat = others.filter_map(|(_, node)| node.sync.next_deadline()).max().expect("heartbeats");
    world.run(heartbeat.plus_s(5));
    let missing = world.missing_bytes();
    world.traffic = Traffic::default();
    members.iter().filter(|id| *id != lost).for_each(|id| world.link(lost, id, true));
    world.run_for(30);
    assert!(world.converged(), "{count} assets, {entries} entries");
    (missing, world.traffic.bytes)
}

#[test]
fn a_heal_sends_little_more_than_what_was_missing() {
    for (entries, length) in [(1, 10), (5, 300), (30, 300), (30, 2000), (200, 300)] {
        let (missing, sent) = heal(3, entries, length);
        println!("3 assets, {entries} entries of {length} and more: {missing} bytes missing, {sent} sent");
        assert!(sent <= missing + missing / 5 + 2048, "{entries} entries: {missing} missing, {sent} sent");
    }
}

#[test]
fn good_links_carry_every_entry_once() {
    let mut world = World::new(5, 3);
    world.link_all();
    for round in 0..20 {
        for author in world.members() {
            world.write(&author, 50 + round);
        }
        world.run_for(60);
    }
    assert!(world.converged());
    assert_eq!(world.traffic.entries, 5 * 20 * 4, "each entry to each of four others");
}

#[test]
fn entries_travel_with_whoever_holds_them() {
    // A chain of five: what one end writes reaches the other over three others, and well before three heartbeats.
    let mut world = World::new(5, 4);
    let members = world.members();
    members.windows(2).for_each(|pair| world.link(&pair[0], &pair[1], true));
    world.run_for(10);
    world.write(&members[0], 100);
    world.write(&members[4], 100);
    world.run_for(60);
    assert!(world.converged());
    // A ferry: a0 and a1 never meet, a2 meets one after the other.
    let mut world = World::new(3, 5);
    let [a, b, ferry] = [0, 1, 2].map(|i| world.members()[i].clone());
    (0..100).for_each(|_| world.write(&a, 100));
    world.link(&a, &ferry, true);
    world.run_for(60);
    world.link(&a, &ferry, false);
    world.link(&b, &ferry, true);
    world.run_for(60);
    assert!(world.converged());
    assert_eq!(world.traffic.entries, 200);
}
