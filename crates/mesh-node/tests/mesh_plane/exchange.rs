//! What passes between members.

use crate::child::Process;
use crate::room::{Room, heartbeat, id, joins, long, on_the_wire, put_raw, puts};
use mesh_node::mesh_plane::{Dropped, Kind, MeshPlane, Parcel, SendError, WIRE_LENGTH_MAX};
use mesh_node::{FleetFolder, NodeError};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Instant, SystemTime};

#[test]
fn members_hear_what_is_for_them_whoever_starts_first() {
    for order in [["habitat", "relay", "rover"], ["rover", "relay", "habitat"]] {
        let room = Room::new();
        let members = BTreeMap::from(order.map(|name| (name, room.member(name))));
        members["habitat"].meets(&["relay", "rover"]);
        members["rover"].meets(&["habitat", "relay"]);
        let said =
            [heartbeat("habitat", "rover", 0), long("habitat", "rover", 1, 900_000), heartbeat("habitat", "relay", 0)];
        said.iter().for_each(|parcel| members["habitat"].says(parcel));
        assert_eq!(members["rover"].hears(), said[0]);
        assert_eq!(members["rover"].hears(), said[1]);
        assert_eq!(members["relay"].hears(), said[2]);
        assert_eq!(members["relay"].plane.counters().dropped[&Dropped::ForAnother], 2);
        let answer = heartbeat("rover", "habitat", 0);
        members["rover"].says(&answer);
        assert_eq!(members["habitat"].hears(), answer);
        let counters = members["habitat"].plane.counters();
        assert_eq!((counters.sent.messages, counters.received.messages, counters.unheard), (3, 1, 0));
        assert!(counters.sent.bytes > 900_000);
        assert_eq!(members["rover"].plane.counters().received.messages, 2);
    }
}

#[test]
fn many_messages_arrive_all_and_in_order() {
    let room = Room::new();
    let (habitat, rover) = (room.patient_member("habitat"), room.member("rover"));
    habitat.meets(&["rover"]);
    let began = Instant::now();
    for frame in 0..20_000 {
        habitat.says(&heartbeat("habitat", "rover", frame));
    }
    for frame in 0..20_000 {
        assert_eq!(rover.hears().frame, frame);
    }
    println!("20000 messages in {:?}", began.elapsed());
}

#[test]
fn what_a_member_sends_that_is_no_message_is_counted_and_harms_nobody() {
    let room = Room::new();
    let rover = room.member("rover");
    let relay = joins(room.port("rover"), &room.files("relay"));
    let (payload, attachment) = on_the_wire("relay", "rover", 0);
    let key = "mesh/lunar_base/dual/relay";
    put_raw(&relay, key, b"garbage".to_vec(), attachment.clone());
    put_raw(&relay, key, Vec::new(), Vec::new());
    put_raw(&relay, key, payload.clone(), b"garbage".to_vec());
    put_raw(&relay, "mesh/lunar_base/plan/relay", payload.clone(), attachment.clone());
    put_raw(&relay, "mesh/lunar_base/here/relay", payload.clone(), attachment.clone());
    put_raw(&relay, "mesh/lunar_base/*/relay", payload.clone(), attachment.clone());
    put_raw(&relay, key, vec![0; WIRE_LENGTH_MAX], attachment.clone());
    // So long that Zenoh does not put it together.
    put_raw(&relay, key, vec![0; 4 * WIRE_LENGTH_MAX], attachment);
    puts(&relay, key, "relay", "habitat", 0);
    puts(&relay, key, "relay", "rover", 7);
    assert_eq!(rover.hears(), heartbeat("relay", "rover", 7));
    let expected =
        [(Dropped::ForAnother, 1), (Dropped::Oversized, 1), (Dropped::Undecodable, 3), (Dropped::Mistyped, 3)];
    assert_eq!(rover.plane.counters().dropped, BTreeMap::from(expected));
}

#[test]
fn a_port_in_use_is_told() {
    let room = Room::new();
    let _other = TcpListener::bind(("127.0.0.1", room.port("rover"))).expect("listens");
    match MeshPlane::open(room.settings("rover"), |_| ()) {
        Err(NodeError::NotListening { endpoint, source }) => {
            assert_eq!(endpoint, format!("tls/127.0.0.1:{}", room.port("rover")));
            assert_eq!(source.kind(), ErrorKind::AddrInUse);
        }
        other => panic!("another outcome: {:?}", other.err()),
    }
    let habitat = room.member("habitat");
    let again = MeshPlane::open(room.settings("habitat"), |_| ());
    assert!(matches!(again, Err(NodeError::NotListening { .. })), "a plane does not share its port");
    drop(habitat);
}

#[test]
fn a_member_listens_on_its_port_of_loopback_and_nowhere_else() {
    let room = Room::new();
    let rover = Process::start(&room, "rover");
    assert_eq!(rover.listens_on(), [format!("127.0.0.1:{}", room.port("rover"))]);
}

#[test]
fn a_member_goes_on_with_a_renewed_certificate() {
    let room = Room::new();
    let (habitat, rover) = (room.member("habitat"), room.member("rover"));
    habitat.meets(&["rover"]);
    let folder = FleetFolder::open_for(&room.path, &id("rover")).expect("opens");
    let before = folder.identity(&id("rover"), SystemTime::now()).expect("is good");
    let renewed = folder.renew(SystemTime::now(), 7_200).expect("renews");
    assert!(renewed.contains(&id("rover")), "{renewed:?}");
    rover.plane.close().expect("closes");
    let rover = room.member("rover");
    assert!(room.settings("rover").identity.expires > before.expires);
    habitat.meets(&["rover"]);
    rover.meets(&["habitat"]);
    rover.says(&heartbeat("rover", "habitat", 1));
    assert_eq!(habitat.hears(), heartbeat("rover", "habitat", 1));
}

#[test]
fn mistakes_of_the_sender_are_told() {
    let room = Room::new();
    let habitat = room.member("habitat");
    let parcel = heartbeat("habitat", "rover", 0);
    let refused = |parcel: &Parcel| habitat.plane.send(parcel).expect_err("is refused");
    let from_other = Parcel { from: id("rover"), ..parcel.clone() };
    assert_eq!(refused(&from_other), SendError::OtherSender { found: id("rover") });
    let other_kind = Parcel { kind: Kind::Plan, ..parcel.clone() };
    assert_eq!(refused(&other_kind), SendError::OtherKind { said: Kind::Plan, held: Kind::Dual });
    assert!(matches!(refused(&Parcel { bytes: vec![1, 2, 3], ..parcel.clone() }), SendError::NotAMessage(_)));
    habitat.says(&parcel);
    assert_eq!(habitat.plane.counters().unheard, 1, "nobody is there");
}
