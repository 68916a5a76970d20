//! One mission flown by the program under test, and what it left.

use crate::START_MAX;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where the missions of one test are.
pub struct Folder {
    path: TempDir,
}

/// Who is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// A member with a vehicle, any of the three.
    Asset,
    /// The member with the planner role.
    Planner,
    /// The world.
    Simulator,
    /// `run` is asked to end, as by Ctrl-C.
    Interrupt,
    /// `run` is killed.
    Supervisor,
}

/// A mission under way.
pub struct Flight {
    child: Child,
    run: PathBuf,
    home: PathBuf,
    began: Instant,
}

/// A mission that is over.
pub struct Ended {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// What was written for people.
    pub stderr: String,
    /// The report, if there is one.
    pub report: Value,
    /// How long it was flown.
    pub flight: Duration,
    run: PathBuf,
    home: PathBuf,
    pids: BTreeMap<u64, String>,
}

impl Folder {
    pub fn new() -> Self {
        Self { path: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.path.path()
    }

    /// Nothing failed, so nobody wants to look at it. Dropped by a panic it goes as well, unless COSMOSMESH_KEEP is set.
    pub fn close(self) {
        self.path.close().expect("is removed");
    }
}

impl Flight {
    /// Starts a mission.
    pub fn begin(folder: &Folder, name: &str) -> Self {
        Self::begin_with(folder, name, Path::new(SCENARIO), &[])
    }

    /// Starts the mission in the file `scenario`, with `more` arguments.
    pub fn begin_with(folder: &Folder, name: &str, scenario: &Path, more: &[&str]) -> Self {
        let (run, home) = (folder.path().join(name), home(folder));
        let stderr = fs::File::create(folder.path().join(format!("{name}.stderr"))).expect("creates");
        let mut command = program(&home);
        command.arg("run").arg(scenario).arg("--out").arg(&run).args(more).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().expect("starts");
        let flight = Self { child, run, home, began: Instant::now() };
        // The simulator is started last.
        let deadline = Instant::now() + START_MAX;
        while !flight.pids().values().any(|name| name == "simulator") {
            assert!(Instant::now() < deadline, "the processes do not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { began: Instant::now(), ..flight }
    }

    /// Strikes `victim` after `moment`; gives its name, unless the mission was over by then.
    pub fn strike(&mut self, victim: Victim, moment: Duration) -> Option<String> {
        std::thread::sleep(moment);
        let (signal, name) = match victim {
            Victim::Asset => {
                ("-KILL", ["habitat", "rover", "satellite"][self.began.elapsed().subsec_nanos() as usize % 3])
            }
            Victim::Planner => ("-KILL", "planner"),
            Victim::Simulator => ("-KILL", "simulator"),
            Victim::Interrupt => ("-INT", "interrupt"),
            Victim::Supervisor => ("-KILL", "supervisor"),
        };
        let own = u64::from(self.child.id());
        let pid = self.pids().iter().find(|(_, process)| *process == name).map_or(own, |(pid, _)| *pid);
        is_sent(signal, pid).then(|| name.to_owned())
    }

    /// Waits until this member has written a few entries down.
    pub fn until_it_has_logged(&self, name: &str) {
        self.until_its_log_has(name, 2000);
    }

    /// Waits until the log of this member has so many bytes.
    pub fn until_its_log_has(&self, name: &str, bytes: u64) {
        let deadline = Instant::now() + START_MAX;
        while fs::metadata(self.run.join(format!("logs/{name}.log"))).map_or(0, |file| file.len()) < bytes {
            assert!(Instant::now() < deadline, "{name} logs nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until every member has written something down: from here on the mission is under way.
    pub fn until_all_have_logged(&self) {
        MEMBERS.iter().for_each(|name| self.until_it_has_logged(name));
    }

    /// The number of `run`.
    pub fn pid(&self) -> u64 {
        u64::from(self.child.id())
    }

    /// The number of a process that it has started.
    pub fn pid_of(&self, name: &str) -> u64 {
        *self.pids().iter().find(|(_, process)| *process == name).unwrap_or_else(|| panic!("no {name} was started")).0
    }

    /// Whether `run` has not ended.
    pub fn is_under_way(&mut self) -> bool {
        self.child.try_wait().expect("can be waited for").is_none()
    }

    /// Asks `run` once more to end, unless it has.
    pub fn interrupt_again(&self) {
        is_sent("-INT", self.pid());
    }

    /// Waits until it is over.
    pub fn ended(mut self) -> Ended {
        let pids = self.pids();
        let status = self.child.wait().expect("ends");
        let stderr = fs::read(self.run.with_extension("stderr")).expect("reads");
        let report = fs::read(self.run.join("report.json")).ok();
        let report: Value = report.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).expect("a report"));
        let flight = report["wall_s"].as_f64().map_or(self.began.elapsed(), Duration::from_secs_f64);
        let pids = pids.into_iter().chain(started(&self.run)).collect();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Ended { code: status.code(), stderr, report, flight, run: self.run, home: self.home, pids }
    }

    /// The processes that were started so far.
    fn pids(&self) -> BTreeMap<u64, String> {
        started(&self.run)
    }
}

impl Ended {
    /// Whether the mission came to its end, with every assertion holding.
    pub fn check_good(&self) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        assert_eq!(self.report["status"], "pass", "{}", self.report);
        assert_eq!(self.report["replayable"], true, "{}", self.report);
    }

    /// Whether the mission was under way when `victim` was struck, whose name is `struck`. A process that has done its work
    /// can be struck, too, and nobody misses it.
    pub fn was_under_way(&self, victim: Victim, struck: &str) -> bool {
        match victim {
            Victim::Asset | Victim::Planner => self.pids.values().filter(|name| *name == struck).count() > 1,
            Victim::Simulator => self.code != Some(0),
            Victim::Interrupt => self.report["interrupted"] != false,
            Victim::Supervisor => self.report == Value::Null,
        }
    }

    /// Whether nobody missed what was struck: the mission is over, and is the one with the state hash `hash`.
    pub fn check_over(&self, victim: Victim, hash: &Value) {
        if !matches!(victim, Victim::Interrupt | Victim::Supervisor) {
            self.check_good();
        }
        assert_eq!(self.report["state_hash"], *hash, "another mission; see {}", self.place());
        assert!(MEMBERS.iter().all(|name| !self.is_lost(name)), "{}", self.report["processes"]);
    }

    /// Whether an audit finds nothing but that the logs were never closed.
    pub fn check_open_logs(&self) {
        let output = program(&self.home).args(["audit", "verify", "--json"]).arg(&self.run).output().expect("starts");
        let audit: Value = serde_json::from_slice(&output.stdout).expect("an audit");
        let findings = audit["findings"].as_array().expect("findings");
        let is_open =
            |finding: &&Value| finding["what"].as_str().is_some_and(|what| what.contains("without being closed"));
        assert_eq!(findings.iter().filter(is_open).count(), findings.len(), "{audit}");
        assert!(audit["entries"].as_u64() > Some(0), "{audit}");
    }

    /// The exit code of another command of the program on this run, and whether its answer is yes.
    pub fn said(&self, command: &str) -> (Option<i32>, bool) {
        let arguments: &[&str] = if command == "audit" { &["audit", "verify"] } else { &[command] };
        let output = program(&self.home).args(arguments).arg(&self.run).arg("--json").output().expect("starts");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.code() != Some(0) {
            println!("{command}: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        let is_same = answer["state_hash"] == self.report["state_hash"];
        (output.status.code(), is_same && answer["identical"] == true)
    }

    /// Whether all processes are gone that were ever started for it.
    pub fn check_no_orphans(&self) {
        let deadline = Instant::now() + ORPHANS_MAX;
        loop {
            let left: Vec<_> = self.pids.iter().filter(|(pid, _)| is_ours(**pid)).collect();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left behind: {left:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How often a process was started again.
    pub fn restarts(&self, name: &str) -> u64 {
        let processes = self.report["processes"].as_array().into_iter().flatten();
        processes.filter(|process| process["name"] == name).filter_map(|process| process["restarts"].as_u64()).sum()
    }

    /// Whether the mission went on without a process for a while.
    pub fn is_lost(&self, name: &str) -> bool {
        let mut processes = self.report["processes"].as_array().into_iter().flatten();
        processes.any(|process| process["name"] == name && process["lost"] == true)
    }

    /// Figures for the table.
    pub fn line(&self) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let processes = self.report["processes"].as_array().into_iter().flatten();
        let restarts: u64 = processes.filter_map(|process| process["restarts"].as_u64()).sum();
        format!("{code}, {:.1} s, {restarts}, {}", self.flight.as_secs_f64(), self.report["audit"]["entries"])
    }

    /// Where it is.
    pub fn place(&self) -> String {
        format!("{}\n{}", self.run.display(), self.stderr)
    }
}

/// The processes that the trace of a run names, with their numbers.
fn started(run: &Path) -> BTreeMap<u64, String> {
    let trace = fs::read_to_string(run.join("trace/run.jsonl")).unwrap_or_default();
    let events = trace.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let fields = events.map(|event| event["fields"].clone()).filter(|fields| fields["message"] == "started");
    let named = |fields: Value| Some((fields["pid"].as_u64()?, fields["process"].as_str()?.to_owned()));
    fields.filter_map(named).collect()
}

/// Whether a process of that number runs this program. Numbers are used again.
fn is_ours(pid: u64) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains("cosmosmesh")
}

/// Sends a signal to a process that is there.
pub fn signal(signal: &str, pid: u64) {
    assert!(is_sent(signal, pid), "process {pid} was gone before {signal}");
}

fn is_sent(signal: &str, pid: u64) -> bool {
    let mut kill = Command::new("kill");
    kill.arg(signal).arg(pid.to_string()).stderr(Stdio::null()).status().expect("kill is there").success()
}

/// Where the fleets of the missions in `folder` live.
pub fn home(folder: &Folder) -> PathBuf {
    folder.path().join("home")
}

/// The program, without settings of whoever runs the tests.
pub fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cosmosmesh"));
    command.env("COSMOSMESH_HOME", home).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

pub const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/lunar_base.toml");
pub const MEMBERS: [&str; 4] = ["habitat", "planner", "rover", "satellite"];
/// How long processes may live after the one that started them: more than the grace that they give themselves, on a machine
/// that is busy.
const ORPHANS_MAX: Duration = Duration::from_secs(60);
