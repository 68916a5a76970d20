//! The supervisor with real processes: this test program, started again in a role of [`role`].

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod role;

use fixture::{Family, kill_9, role_program, wait_until_gone};
use mesh_node::supervisor::{Ended, Event, LINE_BYTES_MAX, RestartPolicy, StartError, Stdout, Stream, Surrender};
use std::io::Read;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A busy machine may take longer now and then; a supervisor that looks too seldom takes longer every time.
#[test]
fn a_killed_process_is_back_within_half_a_second() {
    let mut latencies = Vec::new();
    let is_soon = (0..ATTEMPTS).any(|_| {
        latencies.push(latency_of_a_restart());
        latencies.last() < Some(&Duration::from_millis(500))
    });
    println!("killed and back within {latencies:?}");
    assert!(is_soon, "{latencies:?}");
}

fn latency_of_a_restart() -> Duration {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "steady");
    let first = family.started("rover");
    let killed_at = Instant::now();
    kill_9(first.pid);
    let (ended, restarting_in) = family.exited("rover");
    assert_eq!((ended, restarting_in), (Ended::Signal(9), Some(Duration::from_millis(50))));
    let second = family.started("rover");
    let latency = killed_at.elapsed();
    assert_eq!((first.incarnation, second.incarnation), (1, 2));
    assert_ne!(first.pid, second.pid);
    assert_eq!(family.supervisor.pid("rover"), Some(second.pid));
    family.says("rover", "ready");
    latency
}

#[test]
fn a_process_that_hangs_can_be_killed_and_comes_back() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "deaf");
    family.says("rover", "ready");
    family.supervisor.kill("rover");
    assert_eq!(family.exited("rover").0, Ended::Signal(9));
    assert_eq!(family.started("rover").incarnation, 2);
}

#[test]
fn each_restart_waits_twice_as_long_and_then_it_is_given_up() {
    let mut family = Family::new(QUICK);
    let begin = Instant::now();
    family.start("rover", "code 3");
    let mut delays = Vec::new();
    loop {
        family.started("rover");
        let (ended, restarting_in) = family.exited("rover");
        assert_eq!(ended, Ended::Code(3));
        let Some(delay) = restarting_in else { break };
        delays.push(delay);
    }
    let took = begin.elapsed();
    assert!(took >= delays.iter().sum::<Duration>(), "{took:?} with delays of {delays:?}");
    assert_eq!(delays, [20, 40, 80].map(Duration::from_millis));
    let (why, last_words) = family.gave_up("rover");
    assert_eq!(why, Surrender::RestartsSpent { last: Ended::Code(3), restarts: 3, span: QUICK.span });
    assert_eq!(last_words, ["line 1 of 1"]);
    assert_eq!(family.supervisor.pid("rover"), None);
}

#[test]
fn a_process_that_cannot_work_is_given_up_with_its_last_words() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "code 2 60");
    assert_eq!(family.exited("rover"), (Ended::Code(2), None));
    let (why, last_words) = family.gave_up("rover");
    assert_eq!(why.to_string(), "ended with code 2, and a restart would change nothing");
    let expect: Vec<String> = (11..=60).map(|number| format!("line {number} of 60")).collect();
    assert_eq!(last_words, expect);
}

#[test]
fn a_process_can_have_a_policy_of_its_own() {
    let mut family = Family::new(RestartPolicy::default());
    let policy = RestartPolicy { restarts_max: 0, ..RestartPolicy::default() };
    family.supervisor.start_with_policy("simulator", role_program("code 3"), policy).expect("is taken on");
    assert_eq!(family.exited("simulator"), (Ended::Code(3), None));
    assert_eq!(family.gave_up("simulator").0.to_string(), "ended with code 3, and is not to be started again");
}

#[test]
fn a_program_that_is_not_there_is_given_up() {
    let mut family = Family::new(RestartPolicy::default());
    let program = mesh_node::supervisor::Program { path: PathBuf::from("./no-such-program"), ..role_program("steady") };
    family.supervisor.start("rover", program).expect("is taken on");
    let (ended, restarting_in) = family.exited("rover");
    assert!(matches!(ended, Ended::NotStarted(_)) && restarting_in.is_none(), "{ended}");
    assert!(matches!(family.gave_up("rover").0, Surrender::Hopeless(_)));
}

#[test]
fn a_process_that_has_done_its_work_is_left_in_peace() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("simulator", "code 0");
    assert_eq!(family.exited("simulator"), (Ended::Code(0), None));
    family.supervisor.stop(&[], GRACE);
    assert_eq!(family.events.next_now(), None);
}

#[test]
fn a_name_belongs_to_one_process() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "steady");
    let again = family.supervisor.start("rover", role_program("steady"));
    assert!(matches!(again, Err(StartError::NameTaken { name }) if name == "rover"));
}

#[test]
fn processes_are_stopped_in_the_order_that_was_asked_for() {
    let mut family = Family::new(RestartPolicy::default());
    for name in ["a", "b", "c", "d"] {
        family.start(name, "steady");
        family.says(name, "ready");
    }
    family.supervisor.stop(&[&["c"], &["d", "a"]], GRACE);
    let mut ends = Vec::new();
    while let Some(event) = family.next_now() {
        match event {
            Event::Exited { name, ended, restarting_in, .. } => {
                assert_eq!((ended, restarting_in), (Ended::Code(0), None), "{name}");
                ends.push(name);
            }
            Event::Line { stream: Stream::Stderr, name, text } => assert_eq!(text, "ending: Requested", "{name}"),
            _ => {}
        }
    }
    ends[1..3].sort();
    assert_eq!(ends, ["c", "a", "d", "b"], "a and d were stopped together");
}

#[test]
fn who_does_not_listen_is_killed_after_the_grace_period() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "deaf");
    family.says("rover", "ready");
    let asked_at = Instant::now();
    let grace = Duration::from_millis(300);
    family.supervisor.stop(&[], grace);
    let took = asked_at.elapsed();
    assert_eq!(family.exited("rover"), (Ended::Signal(9), None));
    assert!(took >= grace && took < grace + BOUND, "{took:?}");
}

#[test]
fn who_listens_but_does_not_end_ends_itself_hard() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "stubborn");
    family.says("rover", "ready");
    family.supervisor.stop(&[], BOUND);
    assert_eq!(family.exited("rover"), (Ended::Code(130), None));
}

#[test]
fn a_process_that_waits_for_its_restart_is_stopped_without_one() {
    let delay = Duration::from_secs(30);
    let mut family = Family::new(RestartPolicy { delay_min: delay, delay_max: delay, ..RestartPolicy::default() });
    family.start("rover", "code 3");
    assert_eq!(family.exited("rover"), (Ended::Code(3), Some(delay)));
    family.supervisor.stop(&[], GRACE);
    assert_eq!(family.events.next_now(), None);
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_is_left_when_the_supervisor_is_killed() {
    let mut family = Family::new(RestartPolicy { restarts_max: 0, ..RestartPolicy::default() });
    family.start("supervisor", "supervisor");
    let pid = family.started("supervisor").pid;
    let mut children = Vec::new();
    while children.len() < 3 {
        let line = family.line("supervisor");
        children.extend(line.strip_prefix("child ").map(|pid| pid.parse::<u32>().expect("a number")));
    }
    assert!(children.iter().all(|pid| fixture::is_alive(*pid)), "{children:?}");
    kill_9(pid);
    assert_eq!(family.exited("supervisor").0, Ended::Signal(9));
    // One of them hangs when it is told, and is ended by its own grace period.
    let took = wait_until_gone(&children, BOUND);
    println!("all gone {took:?} after their supervisor was killed");
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_is_left_when_the_supervisor_is_dropped() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("a", "deaf");
    family.start("b", "steady");
    let pids = [family.started("a").pid, family.started("b").pid];
    drop(family);
    assert!(!pids.iter().any(|pid| fixture::is_alive(*pid)));
}

/// The terminal's Ctrl-C goes to the group of the supervisor.
#[cfg(target_os = "linux")]
#[test]
fn each_process_is_a_group_of_its_own() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "steady");
    let pid = family.started("rover").pid;
    assert_eq!(fixture::process_group(pid), Some(pid));
}

#[test]
fn lines_of_any_kind_are_passed_on_in_order_before_the_end() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "shout");
    let mut lines = Vec::new();
    loop {
        match family.next() {
            Event::Line { stream: Stream::Stderr, text, .. } => lines.push(text),
            Event::Exited { .. } => break,
            _ => {}
        }
    }
    let long = format!("{} ... and {} bytes more", "x".repeat(LINE_BYTES_MAX), role::LONG_LINE_BYTES - LINE_BYTES_MAX);
    assert_eq!(lines, [long.as_str(), "no \u{fffd}\u{fffd} text", "\\u{1b}[2J", "without a newline"]);
}

#[test]
fn a_flood_that_nobody_reads_blocks_neither_process_nor_supervisor() {
    let mut family = Family::new(RestartPolicy::default());
    family.start("rover", "flood");
    family.supervisor.stop(&[], BOUND);
    let (mut lines, mut missed) = (0, 0);
    let ended = loop {
        match family.events.next_now().expect("the end is told") {
            Event::Line { stream: Stream::Stderr, .. } => lines += 1,
            Event::Missed { lines, .. } => missed += lines,
            Event::Exited { ended, .. } => break ended,
            _ => {}
        }
    };
    assert_eq!(ended, Ended::Code(0));
    assert!(lines > 0 && missed > 0, "{lines} taken, {missed} missed");
    // What libtest writes to standard output may be missed as well.
    assert!(lines + missed >= role::FLOOD_LINES, "{lines} taken, {missed} missed");
}

#[test]
fn standard_output_can_be_had_raw_from_every_incarnation() {
    let mut family = Family::new(RestartPolicy::default());
    let (sender, outputs) = channel();
    let stdout = Stdout::raw(move |incarnation, mut stdout| {
        let mut bytes = Vec::new();
        let _ = stdout.read_to_end(&mut bytes);
        let _ = sender.send((incarnation, bytes));
    });
    let program = mesh_node::supervisor::Program { stdout, ..role_program("frames") };
    family.supervisor.start("simulator", program).expect("is taken on");
    let frames: Vec<u8> = (0..=u8::MAX).cycle().take(role::FRAME_BYTES).collect();
    for expect in [1, 2] {
        assert_eq!(family.exited("simulator").0, Ended::Code(1));
        // It was read before the end was told.
        let (incarnation, bytes) = outputs.try_recv().expect("output");
        assert_eq!(incarnation, expect);
        // Libtest has said something before.
        assert!(bytes.ends_with(&frames), "{} bytes", bytes.len());
    }
    while let Some(event) = family.events.next_now() {
        assert!(!matches!(event, Event::Line { .. }), "{event:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_most_memory_is_kept_over_the_end_of_a_process() {
    let mut family = Family::new(QUICK);
    family.start("rover", "hungry");
    let pid = family.started("rover").pid;
    family.says("rover", "full");
    let peak = family.supervisor.peak_memory("rover");
    assert!((role::MEMORY_BYTES as u64..role::MEMORY_BYTES as u64 * 3).contains(&peak), "{peak}");
    kill_9(pid);
    family.exited("rover");
    assert!(family.supervisor.peak_memory("rover") >= peak);
    assert_eq!(family.supervisor.peak_memory("nobody"), 0);
}

/// It lives for five of the supervisor's looks, or longer where the supervisor does not come to look.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_read_though_nobody_asks_before_the_end() {
    let is_read = [1000, 5000, 20_000].into_iter().any(|life_ms| {
        let mut family = Family::new(RestartPolicy { restarts_max: 0, ..QUICK });
        family.start("rover", &format!("hungry {life_ms}"));
        family.exited("rover");
        family.supervisor.peak_memory("rover") >= role::MEMORY_BYTES as u64
    });
    assert!(is_read);
}

/// How often something is tried again that a busy machine may spoil.
const ATTEMPTS: usize = 20;
const QUICK: RestartPolicy = RestartPolicy {
    restarts_max: 3,
    span: Duration::from_secs(600),
    delay_min: Duration::from_millis(20),
    delay_max: Duration::from_secs(1),
};
/// For what should take no time at all, on a machine that is busy.
const BOUND: Duration = Duration::from_secs(90);
const GRACE: Duration = Duration::from_secs(60);
