//! A peer in Python, made of other people's code, reads what a node says and is read by it: `tests/interop/peer.py`.
//! Without Python or the two packages from PyPI there is nothing to compare with; then a line says so.

use mesh_ros::interfaces::cosmosmesh_msgs::msg::{AssetStatus, DualVariables, Edge, Epoch};
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{Step, StepRequest, StepResponse};
use mesh_ros::interfaces::rosgraph_msgs::msg::Clock;
use mesh_ros::interfaces::std_msgs::msg::Header;
use mesh_ros::rmw_zenoh::{Router, Settings, ZenohBackend};
use mesh_ros::{Counts, Node, Publisher, Qos, interfaces};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);
/// What getting the two packages may take; on a network that is slower the test is skipped.
const GETTING_MAX: Duration = Duration::from_secs(240);

#[test]
fn an_independent_peer_understands_and_is_understood() {
    let python = match prepared() {
        Ok(python) => python,
        Err(why) => return println!("skipped: no independent ROS 2 decoder: {why}"),
    };
    let router = Router::open(0).expect("a free port");
    let settings = Settings { connect_timeout: PATIENCE, ..Settings::local(router.port()) };
    let backend = ZenohBackend::connect(&settings).expect("the router is there");
    let node = Node::new(backend, "/base", "habitat").expect("a node");
    let _kept = say(&node);
    let clock = node.publisher::<Clock>("/clock", Qos::CLOCK).expect("publishes");
    let (sender, receiver) = channel();
    let _ear = node.subscribe("peer/says", Qos::reliable(10), move |header: Header| {
        sender.send(header).expect("the test listens");
    });
    let _server = node.serve::<Step>("~/step", |StepRequest { mut grant }, responder| {
        grant.reverse();
        responder.answer(&StepResponse { answer: grant }).expect("fits");
    });
    let client = node.client::<Step>("/base/peer/step").expect("calls");

    let mut peer = Peer::start(&python, &router.endpoint());
    // The peer says in the graph when it listens and when it serves.
    let listens = peer.comes_to(|slice| clock.wait_for_subscribers(1, slice));
    for second in 1..=5 {
        let mut time = Clock::default();
        (time.clock.sec, time.clock.nanosec) = (second, second as u32 * 1000);
        clock.publish(&time).expect("goes out");
    }
    let serves = peer.comes_to(|slice| client.wait_for_server(slice));
    let answer = client.call_and_wait(&StepRequest { grant: vec![100, 100, 60] }, PATIENCE);
    let said = peer.finish();
    assert!(listens && serves, "the peer ended too soon: {said}");
    assert_eq!(answer, Ok(StepResponse { answer: vec![4] }), "{said}");
    let header = receiver.recv_timeout(PATIENCE).expect("a message");
    assert_eq!((header.stamp.sec, header.stamp.nanosec, &*header.frame_id), (-5, 999, "grüße"));
    let Counts { received, undecodable, unattached, requests, requests_refused, .. } = node.counters();
    assert_eq!((received, undecodable, unattached, requests, requests_refused), (1, 1, 1, 1, 3));
    let checks = said.lines().filter(|line| line.starts_with("good: ")).count();
    assert!(checks >= 100, "only {checks} checks");
    println!("{checks} checks by an independent peer");
}

/// What the peer expects to hear although it comes late.
fn say(node: &Node) -> (Publisher<AssetStatus>, Publisher<DualVariables>) {
    let status = node.publisher("~/status", Qos::PLAN).expect("publishes");
    let mut message = AssetStatus {
        asset: "habitat".to_owned(),
        domain: "habitat".to_owned(),
        mode: AssetStatus::SAFE,
        planner: true,
        peers: vec!["rover".to_owned(), "satellite".to_owned()],
        soc_kwh: 41.5,
        buffer_gbit: f64::NAN,
        refused: u64::MAX,
        ..AssetStatus::default()
    };
    (message.window.step_s, message.window.steps) = (1800, 24);
    (message.stamp.sec, message.stamp.nanosec) = (3600, 5);
    status.publish(&message).expect("goes out");
    status.publish(&AssetStatus { mode: AssetStatus::NOMINAL, ..message }).expect("goes out");

    let dual = node.publisher("~/dual", Qos::DUAL.kept()).expect("publishes");
    for round in 1..=3 {
        let message = DualVariables {
            sender: "habitat".to_owned(),
            epoch: Epoch { plan: 7, number: 2, opener: "planner".to_owned() },
            edge: Edge { junction: "power".to_owned(), source: "habitat".to_owned(), sink: "rover".to_owned() },
            round,
            weight: 1,
            reflected: vec![f64::from(round) / 4.0, -2.5],
            offered: vec![],
            rescale: -1,
            awaits: true,
        };
        dual.publish(&message).expect("goes out");
    }
    (status, dual)
}

/// The Python to run the peer with, in an environment of its own below the target directory. Of two runs at once the second
/// waits for what the first gets.
fn prepared() -> Result<PathBuf, String> {
    let room = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(room.join("interop-venv.lock")).map_err(|why| format!("its lock: {why}"))?;
    lock.lock().map_err(|why| format!("its lock: {why}"))?;
    let folder = room.join("interop-venv");
    let python = folder.join("bin/python");
    let ready = |python: &Path| {
        let imports = Command::new(python).args(["-c", "import zenoh, zenoh.ext, rosbags.typesys"]).output();
        imports.is_ok_and(|imports| imports.status.success())
    };
    if !ready(&python) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let packages = ["install", "--quiet", "--no-input", "--timeout", "20", "--retries", "1"];
        run(Command::new(&python)
            .args(["-m", "pip"])
            .args(packages)
            .args(["eclipse-zenoh==1.10.2", "rosbags==0.11.9"]))?;
    }
    if ready(&python) { Ok(python) } else { Err("the packages are there but cannot be imported".to_owned()) }
}

/// The last line of what it says, if it fails or does not end.
fn run(command: &mut Command) -> Result<(), String> {
    let program = format!("{:?}", command.get_program());
    let failed = |why: std::io::Error| format!("{program}: {why}");
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(failed)?;
    let heard = [child.stderr.take().map(heard), child.stdout.take().map(heard)];
    let deadline = Instant::now() + GETTING_MAX;
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            None => {
                child.kill().and_then(|()| child.wait()).map_err(failed)?;
                return Err(format!("{program} had not ended after {GETTING_MAX:?}"));
            }
        }
    };
    let said: String = heard.into_iter().flatten().filter_map(|reader| reader.join().ok()).collect();
    match status.success() {
        true => Ok(()),
        false => Err(said.trim_end().lines().last().unwrap_or("it failed without a word").to_owned()),
    }
}

/// Reads what a process says, so that it never waits for a reader.
fn heard(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before it broke off is what there is.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The process of the peer; it ends with the test.
struct Peer(Child);

impl Peer {
    fn start(python: &Path, router: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this folder is in the repository");
        let hashes: BTreeMap<&str, &str> = interfaces::TYPES.iter().map(|found| (found.name, found.hash)).collect();
        let hashes: Vec<String> = hashes.iter().map(|(name, hash)| format!("{name:?}: {hash:?}")).collect();
        let mut command = Command::new(python);
        command.arg(root.join("tests/interop/peer.py")).arg(router).arg(root).arg(format!("{{{}}}", hashes.join(", ")));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        Self(piped.spawn().expect("python runs"))
    }

    /// Waits for something that it does, as long as it lives.
    fn comes_to(&mut self, happens: impl Fn(Duration) -> bool) -> bool {
        let mut ended = false;
        let deadline = Instant::now() + PATIENCE;
        while !ended && Instant::now() < deadline {
            ended = self.0.try_wait().expect("it was started").is_some();
            if happens(Duration::from_millis(100)) {
                return true;
            }
        }
        false
    }

    /// Lets it end, and gives what it said.
    fn finish(mut self) -> String {
        drop(self.0.stdin.take());
        let mut said = String::new();
        let mut output = self.0.stdout.take().expect("it is piped");
        output.read_to_string(&mut said).expect("text");
        let status = self.0.wait().expect("it was started");
        assert!(status.success(), "the peer found a fault: {}", said.lines().last().unwrap_or_default());
        said
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It has ended by itself if all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
