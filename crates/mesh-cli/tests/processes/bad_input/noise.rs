//! Strangers on the local plane and at the doors of the mesh plane who say whatever they like while a mission flies.

use super::Place;
use crate::flight::Ended;
use mesh_ros::graph::{Entity, Role};
use mesh_ros::interfaces::cosmosmesh_msgs::msg::AssetStatus;
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{GetAuditEntries, GetPlan, Step, StepRequest};
use mesh_ros::interfaces::rosgraph_msgs::msg::Clock;
use mesh_ros::rmw_zenoh::{Settings, ZenohBackend};
use mesh_ros::{CallError, Node, PAYLOAD_LENGTH_MAX, Qos, Service, zenoh_config};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use zenoh::qos::CongestionControl;
use zenoh::{Session, Wait};

#[test]
fn whatever_strangers_say_the_mission_is_the_same_and_what_was_dropped_is_counted() {
    let place = Place::with_hours(8);
    place.flown("quiet", &[]).check(0, &[]);
    let flight = place.begin("noisy", &[]);
    let (over, said) = (AtomicBool::new(false), AtomicU64::new(0));
    let ended = std::thread::scope(|scope| {
        let endpoint = value_in_mission(&place, "router = ");
        let doors: Vec<String> = values_in_mission(&place, "endpoint = ");
        let (over, said) = (&over, &said);
        let callers = scope.spawn({
            let endpoint = endpoint.clone();
            move || call_steps(&endpoint, over, said)
        });
        let shouter = scope.spawn(move || shout(&endpoint, over, said));
        let knocker = scope.spawn(move || knock(&doors, over));
        let ended = flight.ended();
        over.store(true, Ordering::SeqCst);
        callers.join().expect("a caller gets its answers");
        shouter.join().expect("a shouter goes on");
        knocker.join().expect("a knocker goes on");
        ended
    });
    ended.check_good();
    assert_eq!(ended.report["state_hash"], place.report("quiet")["state_hash"], "another mission: {}", ended.place());
    for member in super::MEMBERS {
        assert_eq!(ended.restarts(member), 0, "{member} died of it: {}", ended.stderr);
        assert!(!ended.is_lost(member), "{member}: {}", ended.stderr);
    }
    // Messages to topics on which nobody listens are nobody's to count; each of these was a member's.
    let said = said.load(Ordering::SeqCst);
    assert!(said > 0, "nothing was said while it flew");
    let dropped: u64 = super::MEMBERS.iter().map(|member| dropped(&ended, member)).sum();
    // What is refused while a member goes is refused, and not counted any more.
    assert!(dropped * 20 >= said * 19, "{said} pieces of nonsense, {dropped} counted");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.said("replay"), (Some(0), true), "see {}", ended.place());
    ended.check_no_orphans();
    place.close();
}

/// Asks members to step, as somebody who is not the simulator: with times long gone and far ahead, and with nonsense.
/// Counts what was refused by a member.
fn call_steps(endpoint: &str, over: &AtomicBool, refused: &AtomicU64) {
    let backend = ZenohBackend::connect(&local(endpoint)).expect("the router is there");
    let node = Node::new(backend, "/stranger", "caller").expect("a node");
    let clients = super::MEMBERS.map(|member| node.client::<Step>(&format!("/{member}/step")).expect("a client"));
    let hello = [&[1][..], &[0; 16], &[0]].concat();
    // A grant begins with its time: one in the past, one at the end of time, and a word that ends the mission.
    let step = |now: u64| [&[1][..], &[7; 16], &[1], &now.to_le_bytes(), &[0; 64]].concat();
    let end = [&[1][..], &[9; 16], &[3]].concat();
    let nonsense = [vec![], vec![1], vec![9; 40], vec![255; 100_000], hello, step(0), step(u64::MAX), end];
    while !over.load(Ordering::SeqCst) {
        for client in &clients {
            for grant in &nonsense {
                match client.call_and_wait(&StepRequest { grant: grant.clone() }, Duration::from_secs(2)) {
                    Ok(answer) => panic!("{} steps for a stranger: {answer:?}", client.service()),
                    Err(CallError::Refused { .. }) => drop(refused.fetch_add(1, Ordering::SeqCst)),
                    // Not there yet, or gone.
                    Err(_) => {}
                }
            }
        }
    }
}

/// Puts nonsense on every topic and every service that the graph names, and asks every service for nonsense.
fn shout(endpoint: &str, over: &AtomicBool, refused: &AtomicU64) {
    let backend = ZenohBackend::connect(&local(endpoint)).expect("the router is there");
    let node = Node::new(backend, "/stranger", "shouter").expect("a node");
    // The right names with the wrong types.
    let clock = node.publisher::<AssetStatus>("/clock", Qos::PLAN).expect("publishes");
    let status = node.publisher::<Clock>("/rover/status", Qos::CLOCK).expect("publishes");
    let peer = zenoh::open(zenoh_config::client(endpoint, CONNECT_MAX)).wait().expect("the router is there");
    let lengths = [0, 1, 3, 100, 5000, PAYLOAD_LENGTH_MAX + 1];
    while !over.load(Ordering::SeqCst) {
        // Who cannot be reached any more has nothing to be told.
        let _ = (clock.publish(&AssetStatus::default()), status.publish(&Clock::default()));
        for entity in node.graph().entities().iter().filter(|entity| entity.role != Role::Node) {
            let key = format!("0{}/{}/{}", entity.name, entity.dds_type, entity.type_hash);
            let mistyped = format!("0{}/{}/RIHS01_{}", entity.name, entity.dds_type, "0".repeat(64));
            for length in lengths {
                put(&peer, &key, length);
                put(&peer, &mistyped, length);
            }
            if is_a_members(entity) {
                let asked = lengths.iter().filter(|length| is_refused(&peer, &key, **length)).count();
                refused.fetch_add(asked as u64, Ordering::SeqCst);
            }
            if over.load(Ordering::SeqCst) {
                break;
            }
        }
        let _ = is_refused(&peer, "0/**", 3);
    }
}

fn is_a_members(entity: &Entity) -> bool {
    let types = [Step::TYPE, GetPlan::TYPE, GetAuditEntries::TYPE];
    entity.role == Role::Server && types.iter().any(|known| known.dds == entity.dds_type)
}

fn put(peer: &Session, key: &str, length: usize) {
    let put = peer.put(key, vec![0xa5; length]).attachment(attachment());
    drop(put.congestion_control(CongestionControl::Drop).wait());
}

/// Whether a service says that this is no request.
fn is_refused(peer: &Session, key: &str, length: usize) -> bool {
    let query = peer.get(key).payload(vec![0xa5; length]).attachment(attachment()).timeout(Duration::from_secs(1));
    let Ok(replies) = query.wait() else { return false };
    // The last of a service that is gone is nothing at all.
    replies.recv().is_ok_and(|reply| match reply.result() {
        Ok(sample) => panic!("{key} answers nonsense with {sample:?}"),
        Err(why) => !String::from_utf8_lossy(&why.payload().to_bytes()).contains("Timeout"),
    })
}

/// What rmw_zenoh attaches.
fn attachment() -> Vec<u8> {
    [&[0; 16][..], &[16], &[7; 16]].concat()
}

/// Comes to the members' doors on the mesh plane without knowing how to speak.
fn knock(doors: &[String], over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        for door in doors {
            let address = door.trim_start_matches("tls/");
            if let Ok(mut stream) = TcpStream::connect(address) {
                // Whoever is sent away has nothing more to say.
                let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").and_then(|()| stream.write_all(&[0xff; 4096]));
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn dropped(ended: &Ended, member: &str) -> u64 {
    let processes = ended.report["processes"].as_array().into_iter().flatten();
    let own = processes.filter(|process| process["name"] == member);
    own.filter_map(|process| process["dropped"].as_u64()).sum()
}

fn local(endpoint: &str) -> Settings {
    Settings { router: endpoint.to_owned(), connect_timeout: CONNECT_MAX, ..Settings::local(0) }
}

fn value_in_mission(place: &Place, key: &str) -> String {
    values_in_mission(place, key).remove(0)
}

fn values_in_mission(place: &Place, key: &str) -> Vec<String> {
    let text = fs::read_to_string(place.mission("noisy")).expect("reads");
    text.lines().filter_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"').to_owned()).collect()
}

const CONNECT_MAX: Duration = Duration::from_secs(90);
