//! Publishers and subscribers in different processes, and what the graph shows of them.

use crate::network::{FarRouter, Heard, Network, PATIENCE, numbered, patient};
use mesh_ros::graph::Role;
use mesh_ros::interfaces::cosmosmesh_msgs::msg::Epoch;
use mesh_ros::interfaces::rcl_interfaces::msg::Log;
use mesh_ros::interfaces::rosgraph_msgs::msg::Clock;
use mesh_ros::interfaces::std_msgs::msg::Header;
use mesh_ros::rmw_zenoh::{Settings, ZenohBackend};
use mesh_ros::{History, Message, Node, PAYLOAD_LENGTH_MAX, Qos, RosError, Severity};
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn messages_arrive_in_order_and_are_counted() {
    let network = Network::new();
    let (talker, listener) = (network.node("talker"), network.node("listener"));
    let heard = Heard::new();
    let _subscription = listener.subscribe("chatter", Qos::reliable(10), heard.ear()).expect("subscribes");
    let publisher = talker.publisher("/base/chatter", Qos { history: History::KeepAll, ..Qos::reliable(10) });
    let publisher = publisher.expect("publishes");
    assert!(publisher.wait_for_subscribers(1, PATIENCE));
    for number in 0..500 {
        publisher.publish(&numbered(number)).expect("goes out");
    }
    assert_eq!((0..500).map(|_| heard.next()).collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
    let bytes: usize = (0..500).map(|number| numbered(number).to_cdr().expect("fits").len()).sum();
    assert_eq!((talker.counters().sent, talker.counters().sent_bytes), (500, bytes as u64));
    let counts = listener.counters();
    assert_eq!((counts.received, counts.received_bytes, counts.dropped()), (500, bytes as u64, 0));
}

#[test]
fn who_comes_late_hears_what_was_kept() {
    let network = Network::new();
    let (talker, early) = (network.node("talker"), network.node("early"));
    let kept = talker.publisher("kept", Qos::reliable(3).kept()).expect("publishes");
    let gone = talker.publisher("gone", Qos::reliable(3)).expect("publishes");
    let heard_early = Heard::new();
    let witness = early.subscribe("gone", Qos::reliable(3), heard_early.ear()).expect("subscribes");
    assert!(gone.wait_for_subscribers(1, PATIENCE));
    for number in 0..10 {
        kept.publish(&numbered(number)).expect("goes out");
        gone.publish(&numbered(number)).expect("goes out");
    }
    while heard_early.next() != 9 {}
    drop((witness, early));
    let late = network.node("late");
    let (heard_kept, heard_gone) = (Heard::new(), Heard::new());
    let _gone = late.subscribe("gone", Qos::reliable(3).kept(), heard_gone.ear()).expect("subscribes");
    let _kept = late.subscribe("kept", Qos::reliable(3).kept(), heard_kept.ear()).expect("subscribes");
    assert_eq!([(); 3].map(|()| heard_kept.next()), [7, 8, 9]);
    assert!(kept.wait_for_subscribers(1, PATIENCE) && gone.wait_for_subscribers(1, PATIENCE));
    kept.publish(&numbered(10)).expect("goes out");
    gone.publish(&numbered(11)).expect("goes out");
    assert_eq!((heard_kept.next(), heard_gone.next()), (10, 11));
    assert!(heard_kept.is_silent() && heard_gone.is_silent());
}

#[test]
fn a_publisher_that_comes_late_is_heard_from_its_first_message_on() {
    let network = Network::new();
    let listener = network.node("listener");
    let heard = Heard::new();
    let _subscription = listener.subscribe("plan", Qos::PLAN, heard.ear()).expect("subscribes");
    let talker = network.node("talker");
    let publisher = talker.publisher("plan", Qos::PLAN).expect("publishes");
    publisher.publish(&numbered(1)).expect("goes out");
    assert_eq!(heard.next(), 1);
}

#[test]
fn the_graph_shows_everybody_until_they_leave() {
    let network = Network::new();
    let (talker, watcher) = (network.node("talker"), network.node("watcher"));
    let publisher = talker.publisher::<Header>("chatter", Qos::reliable(10)).expect("publishes");
    let subscription = watcher.subscribe("chatter", Qos::reliable(10), |_: Header| ()).expect("subscribes");
    let graph = watcher.graph();
    assert!(graph.wait_for(Role::Publisher, publisher.topic(), Header::TYPE.hash, 1, PATIENCE));
    assert!(publisher.wait_for_subscribers(1, PATIENCE));
    assert_eq!(graph.nodes(), ["/base/talker", "/base/watcher"]);
    let topic = |name: &str, of: &str| (name.to_owned(), of.to_owned());
    let chatter = topic("/base/chatter", "std_msgs/msg/Header");
    assert_eq!(graph.topics(), [chatter, topic("/rosout", "rcl_interfaces/msg/Log")]);
    drop(subscription);
    let topic = publisher.topic().clone();
    crate::network::eventually("the subscriber leaves", || talker.graph().count(Role::Subscriber, &topic) == 0);
    drop(publisher);
    drop(talker);
    crate::network::eventually("the node leaves", || graph.nodes() == ["/base/watcher"]);
    assert!(!graph.wait_for(Role::Publisher, &topic, Header::TYPE.hash, 1, Duration::ZERO));
}

#[test]
fn a_type_that_does_not_fit_is_not_heard_but_named() {
    let network = Network::new();
    let (talker, listener) = (network.node("talker"), network.node("listener"));
    let publisher = talker.publisher::<Epoch>("chatter", Qos::PLAN).expect("publishes");
    publisher.publish(&Epoch::default()).expect("goes out");
    let heard = Heard::new();
    let subscription = listener.subscribe("chatter", Qos::PLAN, heard.ear()).expect("subscribes");
    let fitting = talker.publisher("chatter", Qos::PLAN).expect("publishes");
    fitting.publish(&numbered(1)).expect("goes out");
    assert_eq!((heard.next(), listener.counters().dropped()), (1, 0));
    assert!(listener.graph().wait_for(Role::Publisher, subscription.topic(), Epoch::TYPE.hash, 1, PATIENCE));
    let [mismatch] = listener.graph().mismatches().try_into().expect("one mismatch");
    let types: Vec<&str> = mismatch.entities.iter().map(|entity| entity.dds_type.as_str()).collect();
    assert_eq!((mismatch.name.as_str(), types), ("/base/chatter", vec![Epoch::TYPE.dds, Header::TYPE.dds]));
}

#[test]
fn domains_do_not_hear_each_other() {
    let network = Network::new();
    let other = Settings { domain: 7, ..patient(network.router.port()) };
    let backend = ZenohBackend::connect(&other).expect("the router is there");
    let stranger = Node::new(backend, "/base", "stranger").expect("a node");
    let (talker, heard, strange) = (network.node("talker"), Heard::new(), Heard::new());
    let _here = talker.subscribe("/clock", Qos::reliable(1), heard.ear()).expect("subscribes");
    let _there = stranger.subscribe("/clock", Qos::reliable(1), strange.ear()).expect("subscribes");
    let publisher = talker.publisher("/clock", Qos::reliable(1)).expect("publishes");
    assert!(publisher.wait_for_subscribers(1, PATIENCE));
    publisher.publish(&numbered(1)).expect("goes out");
    assert_eq!(heard.next(), 1);
    assert!(strange.is_silent());
    assert_eq!(stranger.graph().nodes(), ["/base/stranger"]);
}

#[test]
fn what_no_reader_would_take_is_not_sent() {
    let network = FarRouter::new();
    let node = network.node("talker");
    let publisher =
        node.publisher("chatter", Qos { history: History::KeepAll, ..Qos::reliable(1) }).expect("publishes");
    let long = |length| Header { frame_id: "x".repeat(length), ..Header::default() };
    let found = publisher.publish(&long(PAYLOAD_LENGTH_MAX));
    assert!(found.as_ref().is_err_and(|error| error.to_string().contains("more than the limit")), "{found:?}");
    let found = publisher.publish(&Header { frame_id: "a\0b".to_owned(), ..Header::default() });
    assert!(matches!(found, Err(RosError::Encode { type_name: "std_msgs/msg/Header", .. })), "{found:?}");
    assert_eq!((node.counters().sent, node.counters().unsent), (0, 2));
    let listener = network.node("listener");
    let (sender, receiver) = channel();
    let _subscription = listener.subscribe("chatter", Qos::reliable(1), move |message: Header| {
        sender.send(message.frame_id.len()).expect("the test listens");
    });
    assert!(publisher.wait_for_subscribers(1, PATIENCE));
    publisher.publish(&long(PAYLOAD_LENGTH_MAX - 20)).expect("goes out");
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(PAYLOAD_LENGTH_MAX - 20));
}

#[test]
fn bad_names_are_refused() {
    let network = Network::new();
    let node = network.node("talker");
    let found = node.publisher::<Clock>("/clock/", Qos::CLOCK).err();
    assert!(matches!(found, Some(RosError::Name(_))), "{found:?}");
    let found = node.subscribe("a b", Qos::CLOCK, |_: Clock| ()).err();
    assert!(found.is_some_and(|error| error.to_string().starts_with("\"a b\" cannot be the name of a topic")));
}

#[test]
fn a_line_of_the_log_is_on_rosout_for_who_comes_late() {
    let network = Network::new();
    let node = network.node("talker");
    let stamp = numbered(5).stamp;
    node.log(stamp.clone(), Severity::Warn, "the \0 battery is low").expect("goes out");
    let (sender, receiver) = channel();
    let late = network.node("late");
    let subscription =
        late.subscribe("/rosout", Qos::LOG, move |line: Log| sender.send(line).expect("the test listens"));
    let line = receiver.recv_timeout(PATIENCE).expect("a line");
    assert_eq!((line.stamp, line.level, &*line.name), (stamp, Log::WARN, "base.talker"));
    assert_eq!(line.msg, "the \u{fffd} battery is low");
    drop(subscription);
}
