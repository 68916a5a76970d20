//! What a process pays for its place in the graph: memory, threads, and the time of a message and of a call.
//!
//!     cargo run --release -p mesh-ros --example footprint
//!
//! It starts itself three times more: as the process of the router, as that of a peer that sends everything back, and as
//! that which is measured. The latter two run Zenoh on one thread, as the processes of a fleet do.

use mesh_ros::interfaces::cosmosmesh_msgs::srv::{Step, StepRequest, StepResponse};
use mesh_ros::interfaces::std_msgs::msg::Header;
use mesh_ros::rmw_zenoh::{Router, Settings, ZenohBackend};
use mesh_ros::{History, Node, Publisher, Qos, Severity, zenoh_config};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    match &arguments[1..] {
        [] => start(),
        [part] if part == "router" => route(),
        [part, port] if part == "echo" => echo(port.parse()?),
        [part, port] if part == "measure" => measure(port.parse()?),
        _ => Err("no arguments, please".into()),
    }
}

/// Nothing is lost, so that all can be counted.
const QOS: Qos = Qos { history: History::KeepAll, ..Qos::reliable(10) };

const MESSAGES: u32 = 10_000;

const PATIENCE: Duration = Duration::from_secs(30);

fn start() -> Result<(), Box<dyn Error>> {
    let (_router, mut said) = part(&["router"])?;
    let mut port = String::new();
    said.read_line(&mut port)?;
    let port = port.trim();
    let _echo = part(&["echo", port])?;
    let (mut measure, said) = part(&["measure", port])?;
    for line in said.lines() {
        println!("{}", line?);
    }
    measure.0.wait()?;
    Ok(())
}

/// A process that ends with this one.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn part(arguments: &[&str]) -> Result<(Part, BufReader<ChildStdout>), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    match arguments {
        // It forwards, which does not go together with sending on one thread.
        ["router"] => command.env_remove(zenoh_config::RUNTIME_VARIABLE),
        _ => command.env(zenoh_config::RUNTIME_VARIABLE, zenoh_config::RUNTIME),
    };
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
    let said = child.stdout.take().ok_or("its output is piped")?;
    Ok((Part(child), BufReader::new(said)))
}

fn route() -> Result<(), Box<dyn Error>> {
    let router = Router::open(0)?;
    println!("{}", router.port());
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}

fn echo(port: u16) -> Result<(), Box<dyn Error>> {
    let node = Node::new(ZenohBackend::connect(&Settings::local(port))?, "/", "echo")?;
    let back = node.publisher("back", QOS)?;
    let _subscription = node.subscribe("forth", QOS, move |message: Header| {
        if let Err(why) = back.publish(&message) {
            eprintln!("{why}");
        }
    })?;
    let _server = node.serve::<Step>("step", |request, responder| {
        let answered = responder.answer(&StepResponse { answer: request.grant });
        if let Err(why) = answered {
            eprintln!("{why}");
        }
    })?;
    loop {
        std::thread::park();
    }
}

fn measure(port: u16) -> Result<(), Box<dyn Error>> {
    report("a process before its first session", Instant::now());
    let started = Instant::now();
    let node = Node::new(ZenohBackend::connect(&Settings::local(port))?, "/", "measure")?;
    report("with one session and a node", started);

    let started = Instant::now();
    let _publishers: Vec<Publisher<Header>> =
        (0..12).map(|i| node.publisher(&format!("kept_{i}"), Qos::PLAN)).collect::<Result<_, _>>()?;
    let (sender, receiver) = channel();
    let _subscription = node.subscribe("back", QOS, move |message: Header| {
        let _ = sender.send(message);
    })?;
    let forth = node.publisher("forth", QOS)?;
    let step = node.client::<Step>("step")?;
    let there = forth.wait_for_subscribers(1, PATIENCE) && step.wait_for_server(PATIENCE);
    report("with 14 publishers, a subscription and a client", started);
    assert!(there, "the other process is there");

    let message = Header { frame_id: "x".repeat(180), ..Header::default() };
    let mut delays: Vec<Duration> = Vec::with_capacity(1000);
    for _ in 0..1000 {
        let sent = Instant::now();
        forth.publish(&message)?;
        receiver.recv_timeout(PATIENCE)?;
        delays.push(sent.elapsed());
    }
    told("a message of 200 bytes to another process and back", delays);

    let started = Instant::now();
    for _ in 0..MESSAGES {
        forth.publish(&message)?;
    }
    for _ in 0..MESSAGES {
        receiver.recv_timeout(PATIENCE)?;
    }
    report("after 10 000 messages of 200 bytes sent and as many received", started);

    let request = StepRequest { grant: vec![0; 1000] };
    let mut delays: Vec<Duration> = Vec::with_capacity(MESSAGES as usize);
    let started = Instant::now();
    for _ in 0..MESSAGES {
        let sent = Instant::now();
        step.call_and_wait(&request, Duration::from_secs(5))?;
        delays.push(sent.elapsed());
    }
    report("after 10 000 calls of 1000 bytes, one after another", started);
    told("such a call", delays);

    let started = Instant::now();
    let large = Header { frame_id: "x".repeat(1_000_000), ..Header::default() };
    for _ in 0..20 {
        forth.publish(&large)?;
        receiver.recv_timeout(PATIENCE)?;
    }
    report("after 20 messages of 1 MB sent and received", started);

    let started = Instant::now();
    let second = Node::new(ZenohBackend::connect(&Settings::local(port))?, "/", "second")?;
    second.log(Default::default(), Severity::Info, "here")?;
    report("with a second session", started);
    Ok(())
}

fn report(what: &str, since: Instant) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let read = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let (resident, peak) = (read("VmRSS:") as f64 / 1024.0, read("VmHWM:") as f64 / 1024.0);
    let (threads, took) = (read("Threads:"), since.elapsed());
    println!("{resident:5.1} MiB resident, {peak:5.1} at most, {threads:2} threads, {took:8.1?}: {what}");
}

fn told(what: &str, mut delays: Vec<Duration>) {
    delays.sort();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!("{:7.1?} in the median, {:7.1?} for 99 of 100: {what}", at(0.5), at(0.99));
}
