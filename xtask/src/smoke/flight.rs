//! One flight of the mission, seen from outside: what it took, what it ended in, what it left.

use super::Mission;
use crate::failure::Failure;
use crate::process;
use crate::room::{Program, disk, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// How the mission is flown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a process a member, as `run` does it.
    Processes,
    /// All members in one process.
    InProcess,
    /// By processes, of which a random member's is killed at a random moment.
    Killed,
}

/// What was seen of a flight. What this system does not tell is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Flight {
    pub way: Way,
    pub code: Option<i32>,
    /// From the report.
    pub state_hash: Option<String>,
    /// The whole command, with its checks before the mission and its reports after it.
    pub wall_s: f64,
    /// From the start of the command to the line that tells of the first plan.
    pub first_plan_s: Option<f64>,
    /// The largest resident memory of a process that flies a member.
    pub rss_bytes: Option<f64>,
    /// Processes at the time of the first plan.
    pub at_work: Option<usize>,
    /// Processes after the command has ended.
    pub left: Option<usize>,
    /// Who was killed, and after which plan.
    pub killed: Option<(String, usize)>,
    /// How often the one that was killed was started again.
    pub restarts: u64,
    /// Exit code of `replay`.
    pub replay: Option<i32>,
    /// Exit code of `audit verify`.
    pub audit: Option<i32>,
}

impl Way {
    /// Whether every member has a process of its own.
    pub const fn is_by_processes(self) -> bool {
        matches!(self, Self::Processes | Self::Killed)
    }
}

impl Flight {
    /// Flies the mission into the folder `out`, then replays and audits it.
    pub fn fly(mission: &Mission, program: &Program, way: Way, out: &Path) -> Result<Self, Failure> {
        let mut command = mission.command(program, &["run", super::SCENARIO, "--out", text(out)]);
        if !way.is_by_processes() {
            command.arg("--in-process");
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        println!("  {}", process::spelled(&command));
        let kill_after = (way == Way::Killed).then(|| 1 + random(PLANS_BEFORE_KILL_MAX));
        let began = Instant::now();
        let mut child = process::start(&mut command)?;
        let stderr = child.stderr.take().expect("it is piped, a few lines above");
        let (mut said, mut plans) = (Vec::new(), 0);
        let (mut first_plan_s, mut at_work, mut killed) = (None, None, None);
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.contains(super::AGREED) {
                plans += 1;
                if plans == 1 {
                    first_plan_s = Some(began.elapsed().as_secs_f64());
                    at_work = mission.room.processes().map(|found| found.len());
                }
                if kill_after == Some(plans) {
                    killed = Some((kill_a_member(out)?, plans));
                }
            }
            said.push(line);
        }
        let code = process::end(&mut child, &command)?.code();
        let wall_s = began.elapsed().as_secs_f64();
        let left = mission.room.processes_left().map(|found| found.len());
        if code != Some(0) {
            println!("{}", said.join("\n"));
        }
        let report = fs::read(out.join("report.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let report: Value = report.unwrap_or_default();
        Ok(Self {
            way,
            code,
            state_hash: report["state_hash"].as_str().map(str::to_owned),
            wall_s,
            first_plan_s,
            rss_bytes: largest_member(&report),
            at_work,
            left,
            restarts: killed.as_ref().map_or(0, |(victim, _)| restarts(&report, victim)),
            killed,
            replay: mission.code(program, &["replay", text(out)])?,
            audit: mission.code(program, &["audit", "verify", text(out)])?,
        })
    }
}

/// Kills the process of a member of the mission in `out`; gives its name.
fn kill_a_member(out: &Path) -> Result<String, Failure> {
    let path = out.join("trace/run.jsonl");
    let trace = fs::read_to_string(&path).map_err(|why| disk(&path, &why))?;
    let members: BTreeMap<String, u64> = started(&trace).filter(|(name, _)| name != SIMULATOR).collect();
    let members: Vec<(String, u64)> = members.into_iter().collect();
    let Some((name, pid)) = members.get(random(members.len().max(1))) else {
        return Err(Failure::finding(
            format!("{} names no process of a member", path.display()),
            "let the supervisor trace what it starts, with name and number",
        ));
    };
    process::succeed(Command::new("kill").args(["-KILL", &pid.to_string()]), "install `kill`")?;
    Ok(name.clone())
}

/// Names and numbers of the processes that the trace of `run` tells of, in order.
fn started(trace: &str) -> impl Iterator<Item = (String, u64)> {
    let events = trace.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter_map(|event| {
        let fields = &event["fields"];
        let name = (fields["message"] == "started").then(|| fields["process"].as_str())??;
        Some((name.to_owned(), fields["pid"].as_u64()?))
    })
}

/// In one process that one, otherwise the largest of those that fly a member.
fn largest_member(report: &Value) -> Option<f64> {
    let processes = report["processes"].as_array().into_iter().flatten();
    let members = processes.filter(|process| process["name"] != SIMULATOR);
    let largest = members.filter_map(|process| process["rss_bytes"].as_f64()).reduce(f64::max);
    largest.or(report["rss_bytes_max"].as_f64()).filter(|bytes| *bytes > 0.0)
}

fn restarts(report: &Value, name: &str) -> u64 {
    let processes = report["processes"].as_array().into_iter().flatten();
    processes.filter(|process| process["name"] == name).filter_map(|process| process["restarts"].as_u64()).sum()
}

/// Below `limit`. What was drawn is printed.
fn random(limit: usize) -> usize {
    (RandomState::new().hash_one(limit) % limit as u64) as usize
}

/// The process of the world, by its name in report and trace.
const SIMULATOR: &str = "simulator";
/// The mission of one day has 24 plans. The kill is to come before its end, also if this program is late to hear of a plan.
const PLANS_BEFORE_KILL_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_largest_process_of_a_member_counts_and_the_world_does_not() {
        let process = |name: &str, rss: u64| json!({"name": name, "rss_bytes": rss, "restarts": 2});
        let report = json!({"processes": [process("rover", 5), process("planner", 7), process("simulator", 9)]});
        assert_eq!(largest_member(&report), Some(7.0));
        assert_eq!(restarts(&report, "rover"), 2);
        assert_eq!(largest_member(&json!({"processes": [], "rss_bytes_max": 4})), Some(4.0));
        assert_eq!(largest_member(&json!({"rss_bytes_max": 0})), None);
        assert_eq!(largest_member(&Value::Null), None);
    }

    #[test]
    fn started_processes_are_read_from_the_trace() {
        let trace = "no json\n{\"fields\":{\"message\":\"started\",\"process\":\"rover\",\"pid\":12}}\n\
                     {\"fields\":{\"message\":\"ended\",\"process\":\"rover\",\"pid\":12}}\n";
        assert_eq!(started(trace).collect::<Vec<_>>(), [("rover".to_owned(), 12)]);
    }

    #[test]
    fn what_is_drawn_is_below_the_limit() {
        assert!((0..100).all(|_| random(3) < 3));
        assert_eq!(random(1), 0);
    }
}
