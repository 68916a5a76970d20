//! `cargo xtask smoke`: a stranger's first minutes with the program, and a forger's.
//!
//! A release build checks the scenario, flies it, replays and verifies the run. Then a second run, and one by a debug
//! build, must end in the same state hash; a run that is stopped must leave what can be verified; what is wrong must be
//! refused, what does not hold denied, and a run with one altered byte found out, each with its exit code.

use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::process;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The scenario that is flown.
pub const SCENARIO: &str = "scenarios/lunar_base.toml";

/// What a mission may take.
const WALL_S_MAX: f64 = 20.0;
const RSS_BYTES_MAX: f64 = 64.0 * 1024.0 * 1024.0;

/// Runs the chore.
pub fn run(root: &Path) -> Result<String, Failure> {
    let release = build(root, Profile::Release)?;
    let debug = build(root, Profile::Debug)?;
    let room = Room::new(&release.target, "smoke")?;
    let first = room.folder.join("first");
    let mission = Mission { root, room: &room };

    mission.expect(&release, &["check", SCENARIO], 0, "the scenario is to be valid")?;
    mission.fly(&release, &first)?;
    let report = Report::read(&first)?;
    report.within_limits()?;
    mission.expect(&release, &["replay", text(&first)], 0, "the recording is to give the recorded state hash")?;
    mission.expect(&release, &["audit", "verify", text(&first)], 0, "the logs are to verify")?;

    for (program, name) in [(&release, "second"), (&debug, "debug")] {
        let folder = room.folder.join(name);
        mission.fly(program, &folder)?;
        report.same_state(&Report::read(&folder)?, name)?;
    }
    mission.stop(&release)?;
    mission.misuse(&release, &first)?;
    mission.fail(&release)?;
    mission.tamper(&release, &first)?;
    Ok(format!("smoke: {}", report.summary()))
}

/// A program that was built.
pub struct Program {
    path: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

/// How a program is built.
#[derive(Clone, Copy)]
pub enum Profile {
    /// As it ships.
    Release,
    /// With overflow checks and debug assertions.
    Debug,
}

/// Builds the program.
pub fn build(root: &Path, profile: Profile) -> Result<Program, Failure> {
    let mut command = process::cargo(root);
    command.args(["build", "--locked", "--package", "mesh-cli"]);
    let folder = match profile {
        Profile::Release => {
            command.arg("--release");
            "release"
        }
        Profile::Debug => "debug",
    };
    process::succeed(&mut command, "mend what the compiler names")?;
    let target = Metadata::read(root, false)?.target;
    let path = target.join(folder).join(format!("cosmosmesh{}", std::env::consts::EXE_SUFFIX));
    Ok(Program { path, target })
}

/// A folder below the target folder that holds runs and fleet keys of one chore, and goes when it is dropped.
pub struct Room {
    folder: PathBuf,
}

impl Room {
    /// An empty folder.
    pub fn new(target: &Path, chore: &str) -> Result<Self, Failure> {
        let folder = target.join("xtask").join(format!("{chore}-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|why| disk(&folder, &why))?;
        Ok(Self { folder })
    }

    /// A call of `program` that keeps fleet keys in this room.
    pub fn command(&self, root: &Path, program: &Program) -> Command {
        let mut command = Command::new(&program.path);
        command.current_dir(root).env("COSMOSMESH_HOME", self.folder.join("home"));
        command
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What cannot be removed lies in the target folder, where `cargo clean` finds it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

struct Mission<'a> {
    root: &'a Path,
    room: &'a Room,
}

impl Mission<'_> {
    fn fly(&self, program: &Program, out: &Path) -> Result<(), Failure> {
        let arguments = ["run", SCENARIO, "--out", text(out)];
        self.expect(program, &arguments, 0, "every assertion of the scenario is to hold").map(drop)
    }

    /// Calls the program; its exit code is to be `expected`. Gives back all that it printed.
    fn expect(&self, program: &Program, arguments: &[&str], expected: i32, why: &str) -> Result<String, Failure> {
        let mut command = self.room.command(self.root, program);
        command.args(arguments);
        println!("  {}", process::spelled(&command));
        let output = process::capture(&mut command)?;
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.code() == Some(expected) {
            return Ok(printed);
        }
        Err(Failure::finding(
            format!("{printed}\n{} ended with {}, not exit code {expected}", process::spelled(&command), output.status),
            format!("{why}: run the command by hand"),
        ))
    }

    /// A copy of the scenario in which the first `from` is `to`.
    fn altered(&self, name: &str, from: &str, to: &str) -> Result<PathBuf, Failure> {
        let original = fs::read_to_string(self.root.join(SCENARIO)).map_err(|why| disk(Path::new(SCENARIO), &why))?;
        if !original.contains(from) {
            return Err(Failure::finding(
                format!("{SCENARIO} does not hold {from:?}"),
                "alter something that it holds",
            ));
        }
        let path = self.room.folder.join(name);
        fs::write(&path, original.replacen(from, to, 1)).map_err(|why| disk(&path, &why))?;
        Ok(path)
    }

    /// A mission that is stopped after its first plan says so, and what it left verifies and replays.
    fn stop(&self, program: &Program) -> Result<(), Failure> {
        if cfg!(not(unix)) {
            println!("  skipped: stopping a mission, for there is no `kill` on this system");
            return Ok(());
        }
        let folder = self.room.folder.join("stopped");
        let mut command = self.room.command(self.root, program);
        command.args(["run", SCENARIO, "--out", text(&folder)]).stdout(Stdio::null()).stderr(Stdio::piped());
        let spelled = process::spelled(&command);
        println!("  {spelled}, stopped");
        let mut child = process::start(&mut command)?;
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped, two lines above")).lines();
        let is_planned = lines.by_ref().map_while(Result::ok).any(|line| line.contains(" agreed by "));
        process::succeed(Command::new("kill").args(["-INT", &child.id().to_string()]), "install `kill`")?;
        lines.for_each(drop);
        let status = process::end(&mut child, &command)?;
        if !is_planned || status.code() != Some(130) {
            return Err(Failure::finding(
                format!("{spelled} ended with {status} when it was interrupted, not with exit code 130"),
                "run the command by hand and press Ctrl-C",
            ));
        }
        self.expect(program, &["audit", "verify", text(&folder)], 0, "the logs of a stopped mission verify")?;
        self.expect(program, &["replay", text(&folder)], 0, "a stopped mission replays to where it was stopped")
            .map(drop)
    }

    /// An assertion that does not hold is an answer, not an error.
    fn fail(&self, program: &Program) -> Result<(), Failure> {
        let scenario = self.altered("demanding.toml", "\nprices_min = 2", "\nprices_min = 1000000")?;
        let folder = self.room.folder.join("failed");
        let arguments = ["run", text(&scenario), "--out", text(&folder)];
        self.expect(program, &arguments, 1, "an assertion that does not hold fails the mission").map(drop)
    }

    /// What must be refused, with nothing lost.
    fn misuse(&self, program: &Program, run: &Path) -> Result<(), Failure> {
        self.expect(program, &["run"], 2, "a command without its file is refused")?;
        self.expect(program, &["run", SCENARIO, "--out", text(run)], 2, "a folder that is not empty is refused")?;
        let scenario = self.altered("misspelled.toml", "\nseed", "\nsede")?;
        let printed = self.expect(program, &["check", text(&scenario)], 2, "an unknown key is refused")?;
        if printed.contains("did you mean `seed`") {
            return Ok(());
        }
        Err(Failure::finding(
            format!("{printed}\nthe unknown key `sede` is refused without naming the nearest right one, `seed`"),
            "give the error for an unknown key its hint",
        ))
    }

    /// One altered byte in a log and in a recording must be found out.
    fn tamper(&self, program: &Program, run: &Path) -> Result<(), Failure> {
        let log = first_file(&run.join("logs"))?;
        flip_middle_byte(&log)?;
        let name = log.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for command in [["audit", "verify"].as_slice(), &["replay"]] {
            let arguments = [command, &[text(run)]].concat();
            let printed = self.expect(program, &arguments, 1, "an altered log is found out")?;
            if !printed.contains(&format!("{name}, entry ")) {
                return Err(Failure::finding(
                    format!("{printed}\nthe altered entry of {name} is not named"),
                    format!("name file and entry in the verdict of `{}`", command.join(" ")),
                ));
            }
        }
        flip_middle_byte(&log)?;
        self.expect(program, &["audit", "verify", text(run)], 0, "the mended log verifies again")?;
        flip_middle_byte(&first_file(&run.join("rec"))?)?;
        self.expect(program, &["replay", text(run)], 1, "an altered recording is found out").map(drop)
    }
}

/// The numbers of report.json that the chore looks at.
struct Report {
    json: Value,
}

impl Report {
    fn read(run: &Path) -> Result<Self, Failure> {
        let path = run.join("report.json");
        let text = fs::read_to_string(&path).map_err(|why| disk(&path, &why))?;
        let json = serde_json::from_str(&text)
            .map_err(|why| Failure::finding(format!("report.json is not JSON: {why}"), "mend the report's writer"))?;
        Ok(Self { json })
    }

    fn within_limits(&self) -> Result<(), Failure> {
        for (name, limit) in [("wall_s", WALL_S_MAX), ("rss_bytes_max", RSS_BYTES_MAX)] {
            let value = self.json[name].as_f64().unwrap_or(f64::INFINITY);
            if value > limit {
                return Err(Failure::finding(
                    format!("report.json: {name} is {value}, the limit is {limit}"),
                    "on an idle machine: profile the mission",
                ));
            }
        }
        Ok(())
    }

    fn same_state(&self, other: &Self, name: &str) -> Result<(), Failure> {
        let (ours, theirs) = (self.json["state_hash"].as_str(), other.json["state_hash"].as_str());
        if ours.is_some() && ours == theirs {
            return Ok(());
        }
        Err(Failure::finding(
            format!("state_hash of the {name} run is {theirs:?}, of the first run {ours:?}"),
            "something reads a clock, entropy or the order of a hash map: `cosmosmesh replay` names the first difference",
        ))
    }

    fn summary(&self) -> String {
        let field = |name: &str| self.json[name].to_string().trim_matches('"').to_owned();
        format!("state hash {}, {} s, {} bytes resident", field("state_hash"), field("wall_s"), field("rss_bytes_max"))
    }
}

fn first_file(folder: &Path) -> Result<PathBuf, Failure> {
    let entries = fs::read_dir(folder).map_err(|why| disk(folder, &why))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files.into_iter().next().ok_or_else(|| {
        Failure::finding(format!("{} holds no file", folder.display()), "see what `run` leaves in its folder")
    })
}

/// Twice gives the file back as it was.
fn flip_middle_byte(path: &Path) -> Result<(), Failure> {
    let mut bytes = fs::read(path).map_err(|why| disk(path, &why))?;
    let middle = bytes.len() / 2;
    match bytes.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => return Err(Failure::finding(format!("{} is empty", path.display()), "see what `run` writes there")),
    }
    fs::write(path, bytes).map_err(|why| disk(path, &why))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the room's folder lies below the target folder, which cargo reports as UTF-8")
}

fn disk(path: &Path, why: &std::io::Error) -> Failure {
    Failure::could_not_run(format!("{}: {why}", path.display()), "check that the file is there, and space and rights")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_over_a_limit_or_without_the_number_is_a_finding() {
        let report = |json| Report { json };
        assert_eq!(report(json!({"wall_s": 1.5, "rss_bytes_max": 1000})).within_limits(), Ok(()));
        assert!(report(json!({"wall_s": 20.5, "rss_bytes_max": 1000})).within_limits().is_err());
        assert!(report(json!({"wall_s": 1.5})).within_limits().is_err());
    }

    #[test]
    fn two_missing_hashes_are_not_the_same_state() {
        let report = |json| Report { json };
        assert_eq!(report(json!({"state_hash": "a"})).same_state(&report(json!({"state_hash": "a"})), "x"), Ok(()));
        assert!(report(json!({"state_hash": "a"})).same_state(&report(json!({"state_hash": "b"})), "x").is_err());
        assert!(report(json!({})).same_state(&report(json!({})), "x").is_err());
    }

    #[test]
    fn a_flipped_byte_is_flipped_back_and_the_room_is_cleared() {
        let room = Room::new(&std::env::temp_dir(), "flip").expect("a temporary folder");
        let path = room.folder.join("file");
        fs::write(&path, b"abc").expect("writes");
        flip_middle_byte(&path).expect("flips");
        assert_eq!(fs::read(&path).expect("reads"), b"acc");
        flip_middle_byte(&path).expect("flips");
        assert_eq!(fs::read(&path).expect("reads"), b"abc");
        assert_eq!(first_file(&room.folder), Ok(path));
        let folder = room.folder.clone();
        drop(room);
        assert!(!folder.exists());
    }
}
