//! Who gets nothing in and nothing out. Beside each refusal a member passes in the same way: it is the certificate that
//! makes the difference.

use crate::room::{Member, PATIENCE, Room, SILENCE, dials, foreign, heartbeat, ids, joins, member, puts};
use mesh_node::certificates::Identity;
use mesh_node::mesh_plane::MeshSettings;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zenoh::pubsub::Subscriber;
use zenoh::sample::{Locality, Sample};
use zenoh::{Session, Wait};

/// A room with two members who have met.
fn met() -> (Room, Member, Member) {
    let room = Room::new();
    let (habitat, rover) = (room.member("habitat"), room.member("rover"));
    habitat.meets(&["rover"]);
    rover.meets(&["habitat"]);
    (room, habitat, rover)
}

/// That a member who dials as the refused one did is let in, and that those who are there still hear each other.
fn members_pass(room: &Room, habitat: &Member, rover: &Member) {
    let relay = joins(room.port("rover"), &room.files("relay"));
    puts(&relay, "mesh/lunar_base/dual/relay", "relay", "rover", 1);
    assert_eq!(rover.hears(), heartbeat("relay", "rover", 1));
    habitat.says(&heartbeat("habitat", "rover", 2));
    assert_eq!(rover.hears(), heartbeat("habitat", "rover", 2));
}

fn is_refused(protocol: &str, files: impl FnOnce(&Room) -> Option<Identity>) {
    let (room, habitat, rover) = met();
    let began = Instant::now();
    assert!(dials(protocol, room.port("rover"), files(&room).as_ref()).is_none(), "it was let in");
    assert!(began.elapsed() < PATIENCE, "the refusal took {:?}", began.elapsed());
    members_pass(&room, &habitat, &rover);
}

#[test]
fn a_plaintext_client_is_refused() {
    is_refused("tcp", |_| None);
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let (room, habitat, rover) = met();
    let authority = room.path.join("ca/ca.pem");
    let config = serde_json::json!({
        "mode": "client",
        "connect": { "endpoints": [format!("tls/127.0.0.1:{}", room.port("rover"))], "timeout_ms": 0 },
        "scouting": { "multicast": { "enabled": false } },
        "transport": { "link": { "tls": { "root_ca_certificate": authority } } },
    });
    let config = zenoh::Config::from_json5(&config.to_string()).expect("is a configuration");
    assert!(zenoh::open(config).wait().is_err(), "it was let in");
    members_pass(&room, &habitat, &rover);
}

#[test]
fn a_client_of_a_foreign_authority_is_refused() {
    is_refused("tls", |room| Some(foreign(room, "relay")));
}

#[test]
fn a_client_with_an_expired_certificate_is_refused() {
    is_refused("tls", |room| Some(room.certified("relay", -7200, -60)));
}

#[test]
fn a_client_whose_certificate_is_not_yet_valid_is_refused() {
    is_refused("tls", |room| Some(room.certified("relay", 3600, 7200)));
}

#[test]
fn a_certificate_made_as_those_above_is_let_in_if_it_is_good() {
    let (room, _habitat, rover) = met();
    let relay = joins(room.port("rover"), &room.certified("relay", -60, 3600));
    puts(&relay, "mesh/lunar_base/dual/relay", "relay", "rover", 1);
    assert_eq!(rover.hears(), heartbeat("relay", "rover", 1));
}

/// On a busy machine a certificate of a few seconds may end before anything was said under it; then one that lives longer
/// is tried.
#[test]
fn a_link_is_closed_when_its_certificate_ends() {
    let (room, _habitat, rover) = met();
    let linked = [3, 12, 48].into_iter().find_map(|life_s| {
        let relay = dials("tls", room.port("rover"), Some(&room.certified("relay", -60, life_s)))?;
        puts(&relay, "mesh/lunar_base/dual/relay", "relay", "rover", 1);
        let heard = rover.inbox.recv_timeout(Duration::from_secs(life_s.unsigned_abs())).ok()?;
        assert_eq!(heard, heartbeat("relay", "rover", 1));
        Some(relay)
    });
    let relay = linked.expect("is let in");
    let began = Instant::now();
    while relay.info().peers_zid().wait().count() > 0 {
        assert!(began.elapsed() < PATIENCE, "the link is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn somebody_not_in_the_fleet_gets_nothing_in_or_out_and_a_reader_only_out() {
    let (room, habitat, rover) = met();
    // The authority certified it, so the link may stand. Nothing passes.
    let stranger = joins(room.port("habitat"), &room.certified("stranger", -60, 3600));
    let reader = joins(room.port("habitat"), &room.files("ground"));
    let (_first, to_stranger) = listens(&stranger);
    let (_second, to_reader) = listens(&reader);
    for (session, name) in [(&stranger, "stranger"), (&reader, "ground")] {
        for author in [name, "relay", "rover"] {
            puts(session, &format!("mesh/lunar_base/dual/{author}"), author, "habitat", 0);
        }
    }
    habitat.hears_nothing();
    assert!(habitat.plane.counters().dropped.is_empty(), "{:?}", habitat.plane.counters());

    // A reader's subscription takes its time to arrive; until it hears, the member goes on.
    let heard = (1..1800).find_map(|frame| {
        habitat.says(&heartbeat("habitat", "rover", frame));
        to_reader.recv_timeout(Duration::from_millis(50)).ok()
    });
    assert_eq!(heard.as_deref(), Some("mesh/lunar_base/dual/habitat"));
    let heard = to_stranger.recv_timeout(SILENCE);
    assert!(heard.is_err(), "{heard:?}");
    assert_eq!(rover.hears().frame, 1);
    assert_eq!(habitat.plane.peers(), ids(&["rover"]), "neither is taken for a member");
}

#[test]
fn a_member_publishes_under_its_own_name_only() {
    let (room, _habitat, rover) = met();
    let relay = joins(room.port("rover"), &room.files("relay"));
    puts(&relay, "mesh/lunar_base/dual/habitat", "habitat", "rover", 1);
    puts(&relay, "mesh/lunar_base/dual/*", "habitat", "rover", 2);
    puts(&relay, "mesh/lunar_base/**", "habitat", "rover", 3);
    // On one link, with one priority, what is sent last arrives last.
    puts(&relay, "mesh/lunar_base/dual/relay", "relay", "rover", 4);
    assert_eq!(rover.hears(), heartbeat("relay", "rover", 4));
    rover.hears_nothing();
    assert!(rover.plane.counters().dropped.is_empty(), "{:?}", rover.plane.counters());
}

#[test]
fn a_sign_of_life_under_another_name_is_not_believed() {
    let (room, _habitat, rover) = met();
    let relay = joins(room.port("rover"), &room.files("relay"));
    let _ghost = relay.liveliness().declare_token("mesh/lunar_base/here/ghost").wait().expect("declares");
    let _own = relay.liveliness().declare_token("mesh/lunar_base/here/relay").wait().expect("declares");
    rover.meets(&["relay"]);
    assert_eq!(rover.plane.peers(), ids(&["habitat", "relay"]));
}

#[test]
fn a_member_that_is_dialled_must_be_who_it_should_be() {
    let room = Room::new();
    let habitat = room.member("habitat");
    let impostors = [
        foreign(&room, "rover"),
        room.certified("rover", -7200, -60),
        room.certified("rover", 3600, 7200),
        room.certified("stranger", -60, 3600),
    ];
    for identity in impostors {
        let settings = MeshSettings { identity, ..room.settings("rover") };
        let impostor = member(settings);
        let met = habitat.plane.wait_connected(&ids(&["rover"]), 2 * SILENCE);
        assert_eq!(met, Err(ids(&["rover"])));
        impostor.plane.close().expect("closes");
    }
    let rover = room.member("rover");
    habitat.meets(&["rover"]);
    habitat.says(&heartbeat("habitat", "rover", 1));
    assert_eq!(rover.hears(), heartbeat("habitat", "rover", 1));
}

#[test]
fn who_connects_and_says_nothing_is_sent_away_and_keeps_nobody_out() {
    let (room, habitat, rover) = met();
    let address = ("127.0.0.1", room.port("rover"));
    let mut silent: Vec<_> = (0..100).map(|_| TcpStream::connect(address).expect("connects")).collect();
    let mut noisy = TcpStream::connect(address).expect("connects");
    noisy.write_all(&[7; 4096]).expect("writes");
    members_pass(&room, &habitat, &rover);
    for stream in silent.iter_mut().chain([&mut noisy]) {
        stream.set_read_timeout(Some(PATIENCE)).expect("sets");
        let end = stream.read_to_end(&mut Vec::new());
        let still_open = end.is_err_and(|why| why.kind() == ErrorKind::WouldBlock);
        assert!(!still_open, "the connection is still open");
    }
}

/// What a session hears of everything that others say.
fn listens(session: &Session) -> (Vec<Subscriber<()>>, Receiver<String>) {
    let (sender, inbox) = channel();
    let listen = |key: &str| {
        let sender = sender.clone();
        let heard = move |sample: Sample| sender.send(sample.key_expr().to_string()).unwrap_or_default();
        session
            .declare_subscriber(key.to_owned())
            .allowed_origin(Locality::Remote)
            .callback(heard)
            .wait()
            .expect("subscribes")
    };
    (vec![listen("mesh/lunar_base/**"), listen("mesh/lunar_base/*/habitat")], inbox)
}
