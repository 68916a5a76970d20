//! A router and processes around it, in one process: every backend is a connection of its own.

use mesh_ros::interfaces::std_msgs::msg::Header;
use mesh_ros::rmw_zenoh::{Router, Settings, ZenohBackend};
use mesh_ros::{Node, zenoh_config};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than anything takes that is going to happen, on a machine that is slow and busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A router of its own for one test. One test at a time: all sessions of a process share Zenoh's few threads, so a test
/// that fills one connection would hold up the routers of all others.
pub struct Network {
    pub router: Router,
    pub turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Network {
    pub fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { router: Router::open(0).expect("a free port"), turn }
    }

    /// A node in a process of its own.
    pub fn node(&self, name: &str) -> Node {
        node(self.router.port(), name)
    }
}

/// A router that really is in another process, with threads of its own: what it passes on may be large.
pub struct FarRouter {
    process: Child,
    pub port: u16,
    _turn: MutexGuard<'static, ()>,
}

impl FarRouter {
    pub fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "network::far_router", "--nocapture"]);
        command.env(FAR_ROUTER, "1").env_remove(zenoh_config::RUNTIME_VARIABLE);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = piped.spawn().expect("it runs");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let port = lines.find_map(|line| line.ok()?.strip_prefix("port ")?.parse().ok()).expect("it says its port");
        Self { process, port, _turn: turn }
    }

    /// A node in a process of its own.
    pub fn node(&self, name: &str) -> Node {
        node(self.port, name)
    }
}

impl Drop for FarRouter {
    fn drop(&mut self) {
        // That its input ends is what it waits for.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The process of the router; among the tests it does nothing.
#[test]
fn far_router() {
    if std::env::var_os(FAR_ROUTER).is_some() {
        let router = Router::open(0).expect("a free port");
        println!("\nport {}", router.port());
        std::io::stdin().read_to_end(&mut Vec::new()).expect("a pipe");
    }
}

const FAR_ROUTER: &str = "MESH_ROS_TEST_FAR_ROUTER";

pub fn node(port: u16, name: &str) -> Node {
    let backend = ZenohBackend::connect(&patient(port)).expect("the router is there");
    Node::new(backend, "/base", name).expect("a node")
}

/// Settings of somebody who waits for a router that is slow.
pub fn patient(port: u16) -> Settings {
    Settings { connect_timeout: PATIENCE, ..Settings::local(port) }
}

/// Waits until it holds. Whatever it waits for is told by nobody, so it looks again and again, and leaves the machine to
/// those who make it hold in between.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
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
