//! What a supervised process does in these tests. The test program is started again with a role in its environment and
//! only [`plays_its_role`] to run; without a role that does nothing.

use mesh_node::supervisor::{Event, Program, RestartPolicy, Supervisor, lifeline};
use std::io::Write;
use std::process::exit;
use std::thread;
use std::time::Duration;

/// The variable that holds the role.
pub const VARIABLE: &str = "SUPERVISOR_TEST_ROLE";
/// The name of the test that plays it.
pub const TEST: &str = "role::plays_its_role";
/// How long a process may run on that hangs when it was told to end.
const GRACE: Duration = Duration::from_millis(500);
/// How long one may run on that does end, on a machine that is busy.
const GRACE_OF_WILLING: Duration = Duration::from_secs(60);
/// Nobody plays for longer than this.
const LIFE_MAX: Duration = Duration::from_secs(300);
/// Bytes that the hungry process fills.
pub const MEMORY_BYTES: usize = 64 << 20;
/// Bytes of the longest line that is shouted.
pub const LONG_LINE_BYTES: usize = 1_000_000;
/// Lines of a flood.
pub const FLOOD_LINES: u64 = 50_000;
/// Bytes of the frames that the simulator's stand-in writes.
pub const FRAME_BYTES: usize = 300_000;

#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var(VARIABLE) else { return };
    // Whatever goes wrong above, no process stays behind.
    thread::spawn(|| {
        thread::sleep(LIFE_MAX);
        std::process::abort();
    });
    let words: Vec<&str> = role.split_whitespace().collect();
    match words.as_slice() {
        ["steady"] => steady(),
        ["deaf"] => say_and_hang("ready"),
        ["stubborn"] => stubborn(),
        ["code", code] => end_with(code, "1"),
        ["code", code, lines] => end_with(code, lines),
        ["shout"] => shout(),
        ["flood"] => flood(),
        ["frames"] => frames(),
        ["hungry"] => hungry(None),
        ["hungry", life_ms] => hungry(Some(Duration::from_millis(life_ms.parse().expect("a number")))),
        ["supervisor"] => supervisor(),
        other => panic!("there is no role {other:?}"),
    }
}

/// Ends when it is told.
fn steady() {
    listen();
    say_and_hang("ready");
}

/// Hears that it shall end, and hangs.
fn stubborn() {
    lifeline::watch(GRACE, |_| hang()).expect("a thread");
    say_and_hang("ready");
}

fn end_with(code: &str, lines: &str) {
    for number in 1..=lines.parse().expect("a number") {
        eprintln!("line {number} of {lines}");
    }
    exit(code.parse().expect("a number"));
}

fn shout() {
    let mut stderr = std::io::stderr().lock();
    let long = [vec![b'x'; LONG_LINE_BYTES], b"\n".to_vec()].concat();
    for bytes in [&long[..], b"no \xff\xfe text\n", b"\x1b[2J\n", b"without a newline"] {
        stderr.write_all(bytes).expect("writes");
    }
    exit(0);
}

fn flood() {
    for number in 0..FLOOD_LINES {
        eprintln!("{number}");
    }
    exit(0);
}

fn frames() {
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(FRAME_BYTES).collect();
    std::io::stdout().lock().write_all(&bytes).expect("writes");
    std::io::stdout().lock().flush().expect("writes");
    exit(1);
}

/// Fills memory and dies of it, or waits until it is told to end.
fn hungry(life: Option<Duration>) {
    let memory = std::hint::black_box(vec![1u8; MEMORY_BYTES]);
    listen();
    eprintln!("full");
    if let Some(life) = life {
        thread::sleep(life);
        exit(3);
    }
    hang();
    drop(memory);
}

/// Starts three more and tells their numbers. One of them hangs when it is told to end.
fn supervisor() {
    let (mut supervisor, events) = Supervisor::new(RestartPolicy::default());
    for (name, role) in [("a", "steady"), ("b", "stubborn"), ("c", "steady")] {
        let program = crate::fixture::role_program(role);
        let program = Program { environment: vec![(VARIABLE.into(), role.into())], ..program };
        supervisor.start(name, program).expect("is taken on");
    }
    let mut pids = std::collections::BTreeMap::new();
    loop {
        match events.next_within(Duration::from_secs(20)) {
            Some(Event::Started { name, pid, .. }) => drop(pids.insert(name, pid)),
            Some(Event::Line { name, text, .. }) if text == "ready" => eprintln!("child {}", pids[&name]),
            _ => {}
        }
    }
}

fn listen() {
    let is_watched = lifeline::watch(GRACE_OF_WILLING, |ending| {
        // When the supervisor is gone, nobody reads.
        let _ = writeln!(std::io::stderr(), "ending: {ending:?}");
        exit(0);
    });
    assert!(is_watched.expect("a thread"));
}

fn say_and_hang(text: &str) {
    eprintln!("{text}");
    hang();
}

fn hang() {
    loop {
        thread::park();
    }
}
