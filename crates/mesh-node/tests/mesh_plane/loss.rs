//! Members that die, hang and come back.

use crate::child::Process;
use crate::room::{Member, PATIENCE, Room, habitat_epoch, heartbeat, ids, long, parcel};
use mesh_model::Payload;
use mesh_node::mesh_plane::BLOCKED_MAX;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

#[test]
fn a_killed_member_is_met_again_soon_when_it_is_back() {
    // The one dials, the other is dialled: either end may be the one that dies.
    for (stays, dies) in [("habitat", "rover"), ("rover", "habitat")] {
        // A busy machine may take longer now and then.
        let is_soon = (0..ATTEMPTS).any(|_| time_to_meet_again(stays, dies) < Duration::from_secs(3));
        assert!(is_soon, "{dies} was never met within three seconds after it was up again");
    }
}

fn time_to_meet_again(stays: &str, dies: &str) -> Duration {
    let room = Room::new();
    let stays_on = room.member(stays);
    let first = Process::start(&room, dies);
    stays_on.meets(&[dies]);
    echoes(&stays_on, stays, dies, 1);
    first.kill();
    gone(&stays_on, dies);
    let began = Instant::now();
    let _again = Process::start(&room, dies);
    let up = began.elapsed();
    stays_on.meets(&[dies]);
    let met = began.elapsed();
    echoes(&stays_on, stays, dies, 9);
    println!("{dies} was up after {up:?}, met after {met:?}, had answered after {:?}", began.elapsed());
    met.saturating_sub(up)
}

#[test]
fn a_member_that_hangs_holds_a_sender_up_for_a_bounded_time_and_the_others_hear_on() {
    let room = Room::new();
    let (habitat, relay) = (room.member("habitat"), room.member("relay"));
    let rover = Process::start(&room, "rover");
    habitat.meets(&["relay", "rover"]);
    echoes(&habitat, "habitat", "rover", 1);
    rover.signal("-STOP");
    let (mut longest, mut frame) = (Duration::ZERO, 0);
    let began = Instant::now();
    // More than fits into any buffer on the way.
    while frame < 400 {
        let at = Instant::now();
        habitat.says(&long("habitat", "relay", frame, 100_000));
        longest = longest.max(at.elapsed());
        frame += 1;
    }
    println!("{frame} messages in {:?}, the longest hold-up {longest:?}", began.elapsed());
    for frame in 0..frame {
        assert_eq!(relay.hears().frame, frame, "what is for a healthy member arrives, all and in order");
    }
    assert!(longest < PATIENCE, "held up for {longest:?}");
    assert!(longest > BLOCKED_MAX / 2, "the one that hangs was never felt: {longest:?}");
    rover.signal("-CONT");
    let began = Instant::now();
    while !answers(&habitat, "habitat", "rover", 7_000 + frame) {
        assert!(began.elapsed() < PATIENCE, "it is not met again");
        frame += 1;
    }
    println!("heard again {:?} after it went on", began.elapsed());
}

#[test]
fn heavy_traffic_both_ways_loses_nothing_and_breaks_no_link() {
    let room = Room::new();
    let habitat = room.patient_member("habitat");
    let _rover = Process::start(&room, "rover");
    habitat.meets(&["rover"]);
    let (rounds, plane) = (500, &habitat.plane);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for frame in 0..rounds {
                plane.send(&long("habitat", "rover", frame, 100_000)).expect("sends");
            }
        });
        for frame in 0..rounds {
            assert_eq!(habitat.hears().frame, frame);
        }
    });
    assert_eq!(habitat.plane.counters().unheard, 0, "the link was never away");
}

#[test]
fn a_plan_overtakes_rounds_on_a_congested_link() {
    let room = Room::new();
    let habitat = room.patient_member("habitat");
    let rover = Process::start(&room, "rover");
    habitat.meets(&["rover"]);
    echoes(&habitat, "habitat", "rover", 0);
    rover.signal("-STOP");
    let sent = AtomicU64::new(0);
    let (rounds, plane) = (300, &habitat.plane);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for frame in 1..=rounds {
                plane.send(&long("habitat", "rover", frame, 100_000)).expect("sends");
                sent.store(frame, Relaxed);
            }
        });
        until_it_stands_still(&sent);
        let left = sent.load(Relaxed);
        assert!(left < rounds, "the link was never congested");
        habitat.says(&parcel("habitat", "rover", PLAN, Payload::Proposal(habitat_epoch(), 4)));
        rover.signal("-CONT");
        let order: Vec<_> = (0..=rounds).map(|_| habitat.hears().frame).collect();
        let place = order.iter().position(|frame| *frame == PLAN).expect("it arrives");
        println!("of {rounds} rounds, {left} had left when the plan did; it arrived as number {}", place + 1);
        assert!(place < order.len() - 1, "it arrived last");
        let others: Vec<_> = order.iter().filter(|frame| **frame != PLAN).copied().collect();
        assert_eq!(others, (1..=rounds).collect::<Vec<_>>(), "rounds arrive all and in order");
    });
}

const PLAN: u64 = 1_000_000;
/// How often something is tried again that a busy machine may spoil.
const ATTEMPTS: usize = 5;

/// Waits until nothing more leaves.
fn until_it_stands_still(sent: &AtomicU64) {
    let (mut last, mut since) = (0, Instant::now());
    while since.elapsed() < BLOCKED_MAX {
        let count = sent.load(Relaxed);
        if count != last {
            (last, since) = (count, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_message_and_its_answer_take_little_time_and_memory() {
    let room = Room::new();
    let habitat = room.member("habitat");
    let (relay, rover) = (Process::start(&room, "relay"), Process::start(&room, "rover"));
    habitat.meets(&["relay", "rover"]);
    let mut times: Vec<_> = (0..2_000)
        .map(|frame| {
            let began = Instant::now();
            echoes(&habitat, "habitat", if frame % 2 == 0 { "relay" } else { "rover" }, frame);
            began.elapsed()
        })
        .collect();
    times.sort();
    let resident = relay.resident_kib().max(rover.resident_kib());
    println!("there and back: median {:?}, p99 {:?}; resident {resident} KiB", times[1_000], times[1_980]);
    assert!(resident < 40 << 10, "a process has 40 MiB for everything, the plane took {resident} KiB");
}

fn echoes(member: &Member, me: &str, other: &str, frame: u64) {
    member.says(&heartbeat(me, other, frame));
    let answer = member.hears();
    assert_eq!((answer.from.as_str(), answer.frame), (other, frame));
}

fn answers(member: &Member, me: &str, other: &str, frame: u64) -> bool {
    member.says(&heartbeat(me, other, frame));
    member.inbox.recv_timeout(Duration::from_millis(50)).is_ok()
}

fn gone(member: &Member, other: &str) {
    let began = Instant::now();
    while !member.plane.peers().is_disjoint(&ids(&[other])) {
        assert!(began.elapsed() < PATIENCE, "its end is not noticed");
        std::thread::sleep(Duration::from_millis(5));
    }
}
