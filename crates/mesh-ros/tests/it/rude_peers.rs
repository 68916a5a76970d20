//! Peers that send what nobody asked for, on Zenoh itself, and peers that take nothing.

use crate::network::{FarRouter, Heard, Network, PATIENCE, eventually, numbered};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{Step, StepResponse};
use mesh_ros::interfaces::std_msgs::msg::Header;
use mesh_ros::rmw_zenoh::Settings;
use mesh_ros::{CallError, History, Message, PAYLOAD_LENGTH_MAX, Qos, Service, zenoh_config};
use std::time::{Duration, Instant};
use zenoh::{Session, Wait};

fn raw_session(port: u16) -> Session {
    let config = zenoh_config::client(&Settings::local(port).router, PATIENCE);
    zenoh::open(config).wait().expect("the router is there")
}

/// What rmw_zenoh attaches.
fn attachment() -> Vec<u8> {
    [&[0; 16][..], &[16], &[7; 16]].concat()
}

fn key_of(name: &str, id: mesh_ros::TypeId) -> String {
    format!("0{name}/{}/{}", id.dds, id.hash)
}

#[test]
fn garbage_on_a_topic_is_dropped_and_counted() {
    let network = FarRouter::new();
    let (node, talker, heard) = (network.node("listener"), network.node("talker"), Heard::new());
    let subscription = node.subscribe("chatter", Qos::reliable(10), heard.ear()).expect("subscribes");
    // What is sent before the router knows of the subscription is heard by nobody.
    let publisher = talker.publisher::<Header>("chatter", Qos::reliable(10)).expect("publishes");
    assert!(publisher.wait_for_subscribers(1, PATIENCE));
    let peer = raw_session(network.port);
    let key = key_of(subscription.topic().as_str(), Header::TYPE);
    let good = numbered(1).to_cdr().expect("fits");
    let put = |bytes: Vec<u8>, attached: Option<Vec<u8>>| {
        peer.put(&key, bytes).attachment(attached).congestion_control(zenoh::qos::CongestionControl::Block)
    };
    put(vec![], Some(attachment())).wait().expect("goes out");
    put(vec![255; 100], Some(attachment())).wait().expect("goes out");
    put(good[..good.len() - 1].to_vec(), Some(attachment())).wait().expect("goes out");
    put(good.clone(), None).wait().expect("goes out");
    put(good.clone(), Some(attachment()[1..].to_vec())).wait().expect("goes out");
    put(good.clone(), Some(vec![0; 100_000])).wait().expect("goes out");
    put(vec![0; PAYLOAD_LENGTH_MAX + 1], Some(attachment())).wait().expect("goes out");
    peer.delete(&key).congestion_control(zenoh::qos::CongestionControl::Block).wait().expect("goes out");
    put(good, Some(attachment())).wait().expect("goes out");
    assert_eq!(heard.next(), 1);
    let counts = node.counters();
    assert_eq!((counts.received, counts.undecodable, counts.unattached, counts.oversized), (1, 4, 3, 1));
}

#[test]
fn a_peer_that_sends_more_than_transports_take_harms_only_itself() {
    let network = Network::new();
    let (node, talker, heard) = (network.node("listener"), network.node("talker"), Heard::new());
    let subscription = node.subscribe("chatter", Qos::reliable(10), heard.ear()).expect("subscribes");
    let publisher = talker.publisher("chatter", Qos::reliable(10)).expect("publishes");
    assert!(publisher.wait_for_subscribers(1, PATIENCE));
    let peer = raw_session(network.router.port());
    let key = key_of(subscription.topic().as_str(), Header::TYPE);
    let huge = vec![0; 4 * PAYLOAD_LENGTH_MAX];
    let sent = peer.put(&key, huge).congestion_control(zenoh::qos::CongestionControl::Block).wait();
    drop(sent);
    drop(peer);
    publisher.publish(&numbered(2)).expect("goes out");
    assert_eq!(heard.next(), 2);
    assert_eq!(node.counters().received, 1);
}

#[test]
fn garbage_to_a_service_is_refused_and_counted() {
    let network = FarRouter::new();
    let node = network.node("rover");
    let server = node.serve::<Step>("step", |request, responder| {
        responder.answer(&StepResponse { answer: request.grant }).expect("fits");
    });
    let server = server.expect("serves");
    let peer = raw_session(network.port);
    let key = key_of(server.service().as_str(), Step::TYPE);
    let ask = |key: &str, payload: Option<Vec<u8>>, attached: Option<Vec<u8>>| -> Result<Vec<u8>, String> {
        let query = peer.get(key).attachment(attached).timeout(PATIENCE);
        let query = match payload {
            Some(payload) => query.payload(payload),
            None => query,
        };
        let query = query.wait().expect("goes out");
        let reply = query.recv().expect("an answer");
        let text = |bytes: &zenoh::bytes::ZBytes| String::from_utf8_lossy(&bytes.to_bytes()).into_owned();
        let answer = reply.result().map(|sample| sample.payload().to_bytes().into_owned());
        answer.map_err(|error| text(error.payload()))
    };
    let client = network.node("simulator").client::<Step>("step").expect("calls");
    assert!(client.wait_for_server(PATIENCE));
    let good = [&[0, 1, 0, 0, 1, 0, 0, 0][..], &[9]].concat();
    let answer = ask(&key, Some(good.clone()), Some(attachment()));
    assert_eq!(answer, Ok(good.clone()));
    let refused = |answer: Result<Vec<u8>, String>, expect: &str| {
        assert!(answer.as_ref().is_err_and(|reason| reason.contains(expect)), "{answer:?}, not {expect:?}");
    };
    refused(ask(&key, None, Some(attachment())), "has a payload");
    refused(ask(&key, Some(good.clone()), None), "attachment");
    refused(ask(&key, Some(good.clone()), Some(vec![1; 5])), "attachment");
    refused(ask(&key, Some(vec![255; 40]), Some(attachment())), "is no cosmosmesh_msgs/srv/Step_Request");
    refused(ask(&key, Some(vec![0; PAYLOAD_LENGTH_MAX + 1]), Some(attachment())), "too long");
    refused(ask("0/**", Some(good), Some(attachment())), "exactly one service");
    assert_eq!((node.counters().requests, node.counters().requests_refused), (1, 6));
}

#[test]
fn garbage_from_a_server_is_no_answer() {
    let network = Network::new();
    let client = network.node("simulator").client::<Step>("step").expect("calls");
    let peer = raw_session(network.router.port());
    let key = key_of(client.service().as_str(), Step::TYPE);
    let own = key.clone();
    let call = |reply: fn(&zenoh::query::Query, &str)| {
        let own = own.clone();
        let queryable = peer.declare_queryable(&key).complete(true).callback(move |query| reply(&query, &own));
        let queryable = queryable.wait().expect("serves");
        let deadline = Instant::now() + PATIENCE;
        let answer = loop {
            match client.call_and_wait(&Default::default(), PATIENCE) {
                // The router has not heard of the server yet.
                Err(CallError::Unanswered { .. }) if Instant::now() < deadline => {}
                answer => break answer.expect_err("no answer").to_string(),
            }
        };
        queryable.undeclare().wait().expect("ends");
        answer
    };
    let garbled =
        call(|query, key| query.reply(key, [255; 40]).attachment(query.attachment().cloned()).wait().expect("sent"));
    assert!(garbled.contains("cannot be read"), "{garbled}");
    let unattached = call(|query, key| query.reply(key, [0, 1, 0, 0, 0, 0, 0, 0]).wait().expect("sent"));
    assert!(unattached.contains("attachment is missing"), "{unattached}");
    let other = call(|query, key| {
        let other = [&[9; 16][..], &[16], &[7; 16]].concat();
        query.reply(key, [0, 1, 0, 0, 0, 0, 0, 0]).attachment(other).wait().expect("sent");
    });
    assert!(other.contains("another request"), "{other}");
    let long = call(|query, _| query.reply_err("ö".repeat(1000)).wait().expect("sent"));
    assert!(long.len() < 350 && long.contains("refused: ööö"), "{long}");
}

#[test]
fn strange_tokens_do_not_disturb_the_graph() {
    let network = Network::new();
    let node = network.node("watcher");
    let peer = raw_session(network.router.port());
    let tokens = ["@ros2_lv/0/x", "@ros2_lv/0/a/b/c/d/e/f/g/h/i/j/k/l/m/n", "@ros2_lv/0/a/0/0/NN/%/%/stranger"];
    let _declared = tokens.map(|token| peer.liveliness().declare_token(token).wait().expect("declared"));
    assert!(node.graph().wait_for_node("/stranger", PATIENCE));
    assert_eq!(node.graph().nodes(), ["/base/watcher", "/stranger"]);
}

#[test]
fn a_subscriber_that_takes_nothing_does_not_hold_up_the_others() {
    let network = Network::new();
    let (talker, listener, stuck) = (network.node("talker"), network.node("listener"), network.node("stuck"));
    for (topic, qos) in [("drops", Qos::reliable(10)), ("blocks", Qos { history: History::KeepAll, ..Qos::DUAL })] {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = std::sync::Mutex::new(released);
        let heard = Heard::new();
        let stuck = stuck.subscribe(topic, qos, move |_: Header| {
            // Ends when the other side is dropped.
            let _ = released.lock().map(|released| released.recv());
        });
        let _subscription = listener.subscribe(topic, qos, heard.ear()).expect("subscribes");
        let publisher = talker.publisher(topic, qos).expect("publishes");
        assert!(publisher.wait_for_subscribers(2, PATIENCE));
        let message = Header { frame_id: "x".repeat(10_000), ..Header::default() };
        let started = Instant::now();
        let mut times: Vec<Duration> = (0..3000)
            .map(|_| {
                let before = Instant::now();
                publisher.publish(&message).expect("goes out");
                before.elapsed()
            })
            .collect();
        times.sort();
        let (usual, longest) = (times[2700], times[2999]);
        println!("{topic}: 3000 messages of 10 kB in {:?}, the slowest {longest:?}", started.elapsed());
        // A busy machine holds up a few of them; who waited for the one that takes nothing would be held up by most.
        assert!(usual < zenoh_config::BLOCK_MAX, "{topic}: one publish in ten took more than {usual:?}");
        assert!(longest < PATIENCE, "{topic}: one publish took {longest:?}");
        eventually("the other one hears", || listener.counters().received > 0);
        publisher.publish(&numbered(-1)).expect("goes out");
        drop(release);
        drop(stuck);
    }
}
