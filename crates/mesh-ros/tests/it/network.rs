//! A router and processes around it, in one process: every backend is a connection of its own.

use mesh_ros::Node;
use mesh_ros::interfaces::std_msgs::msg::Header;
use mesh_ros::rmw_zenoh::{Router, Settings, ZenohBackend};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Longer than anything takes that is going to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A router of its own for one test.
pub struct Network {
    pub router: Router,
}

impl Network {
    pub fn new() -> Self {
        Self { router: Router::open(0).expect("a free port") }
    }

    /// A node in a process of its own.
    pub fn node(&self, name: &str) -> Node {
        node(self.router.port(), name)
    }
}

pub fn node(port: u16, name: &str) -> Node {
    let backend = ZenohBackend::connect(&Settings::local(port)).expect("the router is there");
    Node::new(backend, "/base", name).expect("a node")
}

/// Waits until it holds. Whatever it waits for is told by nobody.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// A message that can be told from others.
pub fn numbered(number: i32) -> Header {
    let mut header = Header { frame_id: format!("message {number}"), ..Header::default() };
    header.stamp.sec = number;
    header
}

/// What a subscription heard, in order.
pub struct Heard {
    sender: Sender<Header>,
    receiver: Receiver<Header>,
}

impl Heard {
    pub fn new() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver }
    }

    /// For the subscription.
    pub fn ear(&self) -> impl Fn(Header) + Send + Sync + 'static {
        let sender = self.sender.clone();
        move |message| sender.send(message).expect("the test listens")
    }

    /// The next message.
    pub fn next(&self) -> i32 {
        let message = self.receiver.recv_timeout(PATIENCE).expect("a message comes");
        assert_eq!(message, numbered(message.stamp.sec));
        message.stamp.sec
    }

    /// Whether nothing is left.
    pub fn is_silent(&self) -> bool {
        self.receiver.try_recv().is_err()
    }
}
