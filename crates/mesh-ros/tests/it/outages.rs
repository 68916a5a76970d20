//! Routers that are not there, go away and come back.

use crate::network::{Heard, Network, PATIENCE, eventually, node, numbered};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{Step, StepResponse};
use mesh_ros::rmw_zenoh::{Router, Settings, ZenohBackend};
use mesh_ros::{CallError, Qos, RosError};
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn a_port_in_use_is_named() {
    let network = Network::new();
    let port = network.router.port();
    assert_eq!(Router::open(port).err(), Some(RosError::PortInUse { port }));
}

#[test]
fn no_router_is_waited_for_as_long_as_asked() {
    let _turn = Network::new();
    // Somebody listens but is no router: the connection is accepted and nothing is ever said.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("bound").port();
    for port in [port, 1] {
        let waited = Duration::from_millis(500);
        let settings = Settings { connect_timeout: waited, ..Settings::local(port) };
        let started = Instant::now();
        let found = ZenohBackend::connect(&settings).err();
        assert_eq!(found, Some(RosError::NoRouter { endpoint: settings.router, waited }));
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }
}

#[test]
fn a_router_that_is_late_is_found() {
    let Network { router, turn: _turn } = Network::new();
    let port = router.port();
    drop(router);
    let opened = std::thread::spawn(move || node(port, "early"));
    let router = Router::open(port).expect("the port is free again");
    let early = opened.join().expect("no panic");
    assert_eq!(early.graph().nodes(), ["/base/early"]);
    drop(router);
}

#[test]
fn all_goes_on_when_the_router_is_back() {
    let network = Network::new();
    let port = network.router.port();
    let (talker, listener) = (network.node("talker"), network.node("listener"));
    let heard = Heard::new();
    let subscription = listener.subscribe("plan", Qos::reliable(5).kept(), heard.ear()).expect("subscribes");
    let publisher = talker.publisher("plan", Qos::reliable(5).kept()).expect("publishes");
    let server = listener.serve::<Step>("step", |request, responder| {
        responder.answer(&StepResponse { answer: request.grant }).expect("fits");
    });
    let client = talker.client::<Step>("step").expect("calls");
    assert!(publisher.wait_for_subscribers(1, PATIENCE) && client.wait_for_server(PATIENCE));
    publisher.publish(&numbered(1)).expect("goes out");
    assert_eq!(heard.next(), 1);

    let Network { router, turn: _turn } = network;
    drop(router);
    eventually("the others are gone from the graph", || talker.graph().nodes() == ["/base/talker"]);
    let started = Instant::now();
    publisher.publish(&numbered(2)).expect("is kept");
    let unheard = client.call_and_wait(&Default::default(), PATIENCE);
    assert!(matches!(unheard, Err(CallError::Unanswered { .. })), "{unheard:?}");
    assert!(started.elapsed() < PATIENCE, "nothing waits for a router that is away: {:?}", started.elapsed());

    let _router = Router::open(port).expect("the port is free again");
    assert!(publisher.wait_for_subscribers(1, PATIENCE) && client.wait_for_server(PATIENCE));
    assert_eq!(heard.next(), 2, "what was said meanwhile is heard");
    publisher.publish(&numbered(3)).expect("goes out");
    assert_eq!(heard.next(), 3);
    eventually("calls are answered", || client.call_and_wait(&Default::default(), PATIENCE).is_ok());
    assert!(heard.is_silent(), "nothing is heard twice");
    let everybody = ["/base/listener", "/base/talker"];
    eventually("all are in the graph again, in whatever order", || talker.graph().nodes() == everybody);
    drop((subscription, server, listener));
    eventually("who leaves afterwards leaves the graph", || talker.graph().nodes() == ["/base/talker"]);
}
