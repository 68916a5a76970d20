//! One asset, input by input.

use super::*;
use crate::fixture::{Fleet, Writer, asset, names};
use mesh_model::Payload;
use proptest::prelude::*;

const ME: &str = "a0";

/// An asset `a0` among three, and the writers of all logs.
fn three() -> (Fleet, Sync, Vec<Writer>) {
    let members = names(3);
    let sync = Sync::new(Settings::new(asset(ME), members.clone()), 1, MissionTime::ZERO);
    (Fleet::new(&members), sync, members.iter().map(Writer::new).collect())
}

fn at(seconds: u64) -> MissionTime {
    MissionTime::from_s(seconds)
}

fn drain(sync: &mut Sync) -> Vec<Output> {
    std::iter::from_fn(|| sync.poll_output()).collect()
}

fn up(sync: &mut Sync, now: u64, peer: &str) -> Vec<Output> {
    sync.handle(at(now), Input::Link { peer: asset(peer), up: true }).expect("a member");
    drain(sync)
}

fn heads(counts: [u64; 3]) -> BTreeMap<AssetId, u64> {
    names(3).into_iter().zip(counts).collect()
}

fn tell(sync: &mut Sync, now: u64, from: &str, counts: [u64; 3]) -> Vec<Output> {
    sync.handle(at(now), Input::Heads { from: asset(from), heads: heads(counts) }).expect("good heads");
    drain(sync)
}

fn receive(sync: &mut Sync, now: u64, from: &str, entry: &Verified) -> Vec<Output> {
    sync.handle(at(now), Input::Received { from: asset(from), entry: entry.clone() }).expect("a good entry");
    drain(sync)
}

fn tick(sync: &mut Sync, now: u64) -> Vec<Output> {
    sync.handle(at(now), Input::Tick).expect("a tick");
    drain(sync)
}

fn send(to: &str, entry: &Verified) -> Output {
    Output::Send { to: asset(to), entry: entry.signed().clone() }
}

fn want(to: &str, author: &str, first: u64) -> Output {
    Output::SendWant { to: asset(to), author: asset(author), first }
}

#[test]
fn a_contact_begins_with_heads_and_has_a_heartbeat() {
    let (_, mut sync, _) = three();
    assert_eq!(sync.next_deadline(), None);
    let told = |to: &str| vec![Output::SendHeads { to: asset(to), heads: heads([0, 0, 0]) }];
    assert_eq!(up(&mut sync, 10, "a1"), told("a1"));
    let first = sync.next_deadline().expect("a heartbeat").whole_s();
    assert!((10 + 60..=10 + 120).contains(&first), "{first}");
    assert_eq!(tick(&mut sync, first - 1), []);
    assert_eq!(tick(&mut sync, first), told("a1"));
    assert_eq!(sync.next_deadline(), Some(at(first + 120)));
    sync.handle(at(first + 1), Input::Link { peer: asset("a1"), up: false }).expect("a member");
    assert_eq!((sync.next_deadline(), drain(&mut sync)), (None, vec![]));
}

#[test]
fn an_own_entry_goes_to_every_peer_in_contact() {
    let (fleet, mut sync, mut writers) = three();
    up(&mut sync, 0, "a1");
    let entry = writers[0].write(&fleet, 10);
    sync.handle(at(1), Input::Appended(entry.clone())).expect("the first entry");
    assert_eq!(drain(&mut sync), [send("a1", &entry), Output::Deliver(entry.clone())]);
    // a2 comes later and gets it once its heads are known; not again while its next heads may have crossed it.
    up(&mut sync, 2, "a2");
    assert_eq!(tell(&mut sync, 3, "a2", [0, 0, 0]), [send("a2", &entry)]);
    assert_eq!(tell(&mut sync, 4, "a2", [0, 0, 0]), []);
    assert_eq!(tell(&mut sync, 30, "a2", [0, 0, 0]), [send("a2", &entry)], "it was lost");
    assert_eq!(tell(&mut sync, 60, "a2", [1, 0, 0]), []);
}

#[test]
fn heads_that_come_before_the_contact_is_noticed_are_answered_when_it_is() {
    let (fleet, mut sync, mut writers) = three();
    let entry = writers[0].write(&fleet, 10);
    sync.handle(at(1), Input::Appended(entry.clone())).expect("the first entry");
    drain(&mut sync);
    assert_eq!(tell(&mut sync, 2, "a1", [0, 0, 0]), []);
    assert!(up(&mut sync, 3, "a1").contains(&send("a1", &entry)));
}

#[test]
fn a_backlog_goes_out_in_batches() {
    let (fleet, mut sync, mut writers) = three();
    let entries: Vec<_> = (0..150).map(|_| writers[0].write(&fleet, 10)).collect();
    for entry in &entries {
        sync.handle(at(0), Input::Appended(entry.clone())).expect("the next entry");
    }
    drain(&mut sync);
    up(&mut sync, 1, "a1");
    let sends = |range: std::ops::Range<usize>| entries[range].iter().map(|e| send("a1", e)).collect::<Vec<_>>();
    assert_eq!(tell(&mut sync, 2, "a1", [0, 0, 0]), sends(0..64));
    let mut ask = |now: u64, first: u64| {
        sync.handle(at(now), Input::Want { from: asset("a1"), author: asset(ME), first }).expect("a good request");
        drain(&mut sync)
    };
    assert_eq!(ask(3, 64), sends(64..128));
    assert_eq!(ask(4, 128), sends(128..150));
    assert_eq!(ask(5, 150), []);
    assert_eq!(ask(6, 10), sends(10..14), "a gap is repaired with few entries");
    assert_eq!(ask(7, 14), [], "and not at any rate");
    assert_eq!(ask(12, 14), sends(14..22), "with more while the gap goes on");
}

#[test]
fn out_of_order_entries_wait_and_the_gap_is_asked_for() {
    let (fleet, mut sync, mut writers) = three();
    let entries: Vec<_> = (0..4).map(|_| writers[1].write(&fleet, 10)).collect();
    up(&mut sync, 0, "a1");
    assert_eq!(receive(&mut sync, 1, "a1", &entries[2]), []);
    assert_eq!(receive(&mut sync, 2, "a1", &entries[1]), []);
    assert_eq!(tick(&mut sync, 5), []);
    assert_eq!(tick(&mut sync, 6), [want("a1", "a1", 0)]);
    assert_eq!(tick(&mut sync, 35), []);
    assert_eq!(tick(&mut sync, 36), [want("a1", "a1", 0)], "repeated while it is missing");
    let delivered: Vec<_> = entries[..3].iter().cloned().map(Output::Deliver).collect();
    assert_eq!(receive(&mut sync, 37, "a1", &entries[0]), delivered);
    assert_eq!(receive(&mut sync, 38, "a1", &entries[1]), [], "exactly once");
    assert_eq!(sync.entries(&asset("a1")).len(), 3);
}

#[test]
fn a_third_partys_entries_are_asked_of_one_peer_and_then_of_the_next() {
    let (_, mut sync, _) = three();
    let members = names(4);
    let mut sync4 = Sync::new(Settings::new(asset(ME), members.clone()), 1, MissionTime::ZERO);
    let claim = |sync: &mut Sync, now, from: &str| {
        let heads = members.iter().cloned().zip([0, 0, 0, 5]).collect();
        sync.handle(at(now), Input::Heads { from: asset(from), heads }).expect("good heads");
        drain(sync)
    };
    up(&mut sync4, 0, "a1");
    up(&mut sync4, 0, "a2");
    assert_eq!(claim(&mut sync4, 1, "a1"), [want("a1", "a3", 0)], "at once: its author is not in contact");
    assert_eq!(claim(&mut sync4, 2, "a2"), []);
    assert_eq!(tick(&mut sync4, 31), [want("a2", "a3", 0)], "the first did not answer");
    assert_eq!(tick(&mut sync4, 61), [want("a1", "a3", 0)]);
    // The author itself pushes, so it gets time.
    up(&mut sync, 0, "a1");
    assert_eq!(tell(&mut sync, 1, "a1", [0, 5, 0]), []);
    assert_eq!(tick(&mut sync, 6), [want("a1", "a1", 0)]);
}

#[test]
fn a_peer_that_lags_gets_its_backlog_before_what_is_new() {
    let (fleet, mut sync, mut writers) = three();
    let entries: Vec<_> = (0..3).map(|_| writers[0].write(&fleet, 10)).collect();
    let append = |sync: &mut Sync, now: u64, entry: &Verified| {
        sync.handle(at(now), Input::Appended(entry.clone())).expect("the next entry");
        drain(sync)
    };
    append(&mut sync, 0, &entries[0]);
    up(&mut sync, 1, "a1");
    assert_eq!(append(&mut sync, 2, &entries[1]), [Output::Deliver(entries[1].clone())]);
    assert_eq!(tell(&mut sync, 3, "a1", [0, 0, 0]), [send("a1", &entries[0]), send("a1", &entries[1])]);
    assert!(append(&mut sync, 4, &entries[2]).contains(&send("a1", &entries[2])));
    // The contact breaks: what was under way counts for nothing, only what the peer itself tells.
    sync.handle(at(5), Input::Link { peer: asset("a1"), up: false }).expect("a member");
    up(&mut sync, 6, "a1");
    assert_eq!(tell(&mut sync, 7, "a1", [1, 0, 0]), [send("a1", &entries[1]), send("a1", &entries[2])]);
}

#[test]
fn the_next_batch_is_asked_for_as_soon_as_one_is_complete() {
    let (fleet, _, mut writers) = three();
    let settings = Settings { batch: 2, ..Settings::new(asset(ME), names(3)) };
    let mut sync = Sync::new(settings, 1, MissionTime::ZERO);
    let entries: Vec<_> = (0..4).map(|_| writers[1].write(&fleet, 10)).collect();
    up(&mut sync, 0, "a2");
    assert_eq!(tell(&mut sync, 1, "a2", [0, 4, 0]), [want("a2", "a1", 0)]);
    assert_eq!(receive(&mut sync, 2, "a2", &entries[0]), [Output::Deliver(entries[0].clone())]);
    let outputs = receive(&mut sync, 2, "a2", &entries[1]);
    assert_eq!(outputs, [Output::Deliver(entries[1].clone()), want("a2", "a1", 2)]);
}

#[test]
fn evidence_is_seen_even_far_ahead_of_a_gap() {
    let (fleet, mut sync, mut writers) = three();
    up(&mut sync, 0, "a1");
    writers[1].sequence = 1000;
    let mut twin = writers[1].clone();
    let (one, other) = (writers[1].write(&fleet, 1), twin.write(&fleet, 2));
    assert_eq!(receive(&mut sync, 1, "a1", &one), []);
    assert!(!sync.replicas[&asset("a1")].has_gap(), "too far ahead to keep");
    assert!(matches!(receive(&mut sync, 1, "a1", &other)[0], Output::Evidence(_)));
    assert!(tick(&mut sync, 40).iter().all(|output| !matches!(output, Output::SendWant { .. })), "nothing is wanted");
}

#[test]
fn the_bytes_ahead_of_a_gap_are_counted_in_and_out() {
    let (fleet, mut sync, mut writers) = three();
    let entries: Vec<_> = (0..5).map(|_| writers[1].write(&fleet, 100)).collect();
    entries.iter().rev().for_each(|entry| drop(receive(&mut sync, 0, "a1", entry)));
    let held = sync.bytes_held();
    let (_, mut in_order, _) = three();
    entries.iter().for_each(|entry| drop(receive(&mut in_order, 0, "a1", entry)));
    assert_eq!(held, in_order.bytes_held());
}

#[test]
fn two_histories_are_evidence_once_and_the_first_stays() {
    let (fleet, mut sync, mut writers) = three();
    up(&mut sync, 0, "a1");
    up(&mut sync, 0, "a2");
    let mut twin = writers[1].clone();
    let (one, other) = (writers[1].write(&fleet, 1), twin.write(&fleet, 2));
    let next = twin.write(&fleet, 3);
    receive(&mut sync, 1, "a1", &one);
    let outputs = receive(&mut sync, 2, "a2", &other);
    let evidence = Equivocation::between(one.signed(), other.signed()).expect("evidence");
    let warning = |to: &str| [send(to, &one), send(to, &other)];
    assert_eq!(outputs[0], Output::Evidence(evidence.clone()));
    assert_eq!(outputs[1..], [warning("a1"), warning("a2")].concat());
    assert_eq!(receive(&mut sync, 3, "a2", &next), []);
    assert_eq!(sync.entries(&asset("a1")), [one.signed().clone()]);
    assert_eq!(sync.equivocation(&asset("a1")), Some(&evidence));
    assert!(!sync.heads().contains_key(&asset("a1")));
    // Whoever still counts its entries is told again, and who leaves it out knows.
    assert_eq!(tell(&mut sync, 30, "a2", [0, 2, 0]), warning("a2"));
    let heads = [(asset(ME), 0), (asset("a2"), 0)].into();
    sync.handle(at(60), Input::Heads { from: asset("a2"), heads }).expect("good heads");
    assert_eq!(drain(&mut sync), []);
}

#[test]
fn a_fork_that_shows_only_in_its_successor_is_evidence() {
    let (fleet, mut sync, mut writers) = three();
    let mut twin = writers[1].clone();
    let one = writers[1].write(&fleet, 1);
    twin.write(&fleet, 2);
    let next = twin.write(&fleet, 3);
    // The successor comes first and waits; the gap closes with the other history.
    receive(&mut sync, 1, "a1", &next);
    let outputs = receive(&mut sync, 2, "a1", &one);
    assert!(matches!(&outputs[..], [Output::Evidence(evidence)] if evidence.sequence() == 1), "{outputs:?}");
}

#[test]
fn what_no_honest_peer_says_is_refused() {
    let (fleet, mut sync, mut writers) = three();
    up(&mut sync, 0, "a1");
    let mut refuse = |input: Input, error: PeerError| {
        let before = sync.heads();
        assert_eq!(sync.handle(at(1), input), Err(error));
        assert_eq!((sync.heads(), drain(&mut sync)), (before, vec![]));
    };
    let stranger = asset("stranger");
    let peer = || asset("a1");
    let unknown = Misbehaviour::UnknownPeer { peer: stranger.clone() };
    refuse(Input::Link { peer: stranger.clone(), up: true }, unknown.clone().into());
    refuse(Input::Want { from: stranger.clone(), author: peer(), first: 0 }, unknown.into());
    let heads = BTreeMap::from([(stranger.clone(), 1)]);
    let unknown = Misbehaviour::UnknownAuthor { peer: peer(), author: stranger };
    refuse(Input::Heads { from: peer(), heads }, unknown.into());
    let beyond = |author: &str, sequence| Misbehaviour::BeyondLimit { peer: peer(), author: asset(author), sequence };
    let heads = BTreeMap::from([(asset("a2"), u64::MAX)]);
    refuse(Input::Heads { from: peer(), heads }, beyond("a2", u64::MAX - 1).into());
    let absurd = Input::Want { from: peer(), author: asset("a2"), first: u64::MAX };
    refuse(absurd, beyond("a2", u64::MAX).into());
    let unwritten = Misbehaviour::ClaimsUnwritten { peer: peer(), claimed: 1, written: 0 };
    refuse(Input::Heads { from: peer(), heads: BTreeMap::from([(asset(ME), 1)]) }, unwritten.into());
    writers[2].sequence = u64::MAX - 1;
    let entry = writers[2].write(&fleet, 1);
    refuse(Input::Received { from: peer(), entry }, beyond("a2", u64::MAX - 1).into());
}

#[test]
fn misuse_is_refused() {
    let (fleet, mut sync, mut writers) = three();
    let heartbeat = fleet.verify(&fleet.sign(&asset("a1"), 0, Hash::ZERO, &Payload::Heartbeat(BTreeMap::new())));
    let not_logged = Misuse::NotLogged { author: asset("a1") };
    let received = Input::Received { from: asset("a1"), entry: heartbeat };
    assert_eq!(sync.handle(at(0), received), Err(not_logged.into()));
    let own = writers[0].write(&fleet, 1);
    let behind = Misuse::OwnLogBehind { sequence: 0, held: 0 };
    let received = Input::Received { from: asset("a1"), entry: own.clone() };
    assert_eq!(sync.handle(at(0), received), Err(behind.into()));
    sync.handle(at(0), Input::Appended(own.clone())).expect("the first entry");
    let again = sync.handle(at(0), Input::Appended(own));
    assert!(matches!(again, Err(PeerError::Misuse(Misuse::OutOfOrder(_)))));
}

#[test]
fn a_restarted_asset_goes_on_where_it_was() {
    let (fleet, mut sync, mut writers) = three();
    let own = writers[0].write(&fleet, 1);
    let others: Vec<_> = (0..3).map(|_| writers[1].write(&fleet, 1)).collect();
    for entry in others[..2].iter().chain([&own]) {
        sync.handle(at(0), Input::Restored(entry.clone())).expect("in order");
    }
    assert_eq!(drain(&mut sync), []);
    assert_eq!(sync.heads(), heads([1, 2, 0]));
    up(&mut sync, 0, "a1");
    assert_eq!(receive(&mut sync, 1, "a1", &others[1]), []);
    assert_eq!(receive(&mut sync, 1, "a1", &others[2]), [Output::Deliver(others[2].clone())]);
}

#[test]
fn a_log_has_a_written_limit() {
    let (fleet, _, mut writers) = three();
    let settings = Settings { entries_max: 3, ..Settings::new(asset(ME), names(3)) };
    let mut sync = Sync::new(settings.clone(), 1, MissionTime::ZERO);
    let entries: Vec<_> = (0..4).map(|_| writers[1].write(&fleet, 500)).collect();
    entries[..3].iter().for_each(|entry| drop(receive(&mut sync, 0, "a1", entry)));
    let full = sync.handle(at(0), Input::Received { from: asset("a1"), entry: entries[3].clone() });
    assert!(matches!(full, Err(PeerError::Misbehaved(Misbehaviour::BeyondLimit { .. }))));
    let mut sync = Sync::new(Settings { bytes_max: 1000, ..settings }, 1, MissionTime::ZERO);
    receive(&mut sync, 0, "a1", &entries[0]);
    let full = sync.handle(at(0), Input::Received { from: asset("a1"), entry: entries[1].clone() });
    assert_eq!(full, Err(Misbehaviour::LogTooLarge { author: asset("a1") }.into()));
}

proptest! {
    #[test]
    fn any_arrival_order_gives_the_same_log(
        order in Just((0..24usize).collect::<Vec<_>>()).prop_shuffle(),
        doubles in prop::collection::vec(0usize..24, 0..12),
    ) {
        let (fleet, mut sync, mut writers) = three();
        let entries: Vec<_> = (0..24).map(|i| writers[1 + i % 2].write(&fleet, 5)).collect();
        let mut delivered = Vec::new();
        for index in doubles.iter().chain(&order) {
            let from = if index % 3 == 0 { "a1" } else { "a2" };
            delivered.extend(receive(&mut sync, 0, from, &entries[*index]));
        }
        prop_assert_eq!(sync.heads(), heads([0, 12, 12]));
        prop_assert_eq!(delivered.len(), 24);
        for (author, first) in [("a1", 0), ("a2", 1)] {
            let of_author = |output: &&Output| matches!(output, Output::Deliver(entry) if *entry.author() == asset(author));
            let got: Vec<_> = delivered.iter().filter(of_author).cloned().collect();
            let written: Vec<_> = entries[first..].iter().step_by(2).cloned().map(Output::Deliver).collect();
            prop_assert_eq!(got, written);
        }
    }
}
