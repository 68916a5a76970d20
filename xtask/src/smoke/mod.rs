//! `cargo xtask smoke`: a stranger's first minutes with the program, and a forger's.
//!
//! A release build flies the mission by processes, in one process, and by processes of which a random one is killed. All
//! must end in the golden state hash, to which the tests hold a debug build, be within their limits, replay, verify, and
//! leave no process behind: a table has them beside each other. Then a run that is stopped must leave what can be
//! verified; what is wrong must be refused, what does not hold denied, and a run with one altered byte found out, each
//! with its exit code.

mod flight;
mod verdict;

use crate::failure::Failure;
use crate::process;
use crate::room::{self, Program, Room, disk, text};
use flight::{Flight, Way};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use verdict::Verdict;

/// The scenario that is flown.
pub const SCENARIO: &str = "scenarios/lunar_base.toml";
/// The state hash that its own seed gives.
const GOLDEN: &str = "tests/golden/lunar_base_seed_1.txt";
/// What a line on standard error says when there is a plan.
const AGREED: &str = " agreed by ";

/// Runs the chore.
pub fn run(root: &Path) -> Result<String, Failure> {
    let program = room::build(root)?;
    let room = Room::new(&program.target, "smoke")?;
    let mission = Mission { root, room: &room };

    mission.expect(&program, &["check", SCENARIO], 0, "the scenario is to be valid")?;
    let first = room.join("by-processes");
    let summary = mission.compare(&program, &first)?;
    mission.stop(&program)?;
    mission.misuse(&program, &first)?;
    mission.fail(&program)?;
    mission.tamper(&program, &first)?;
    Ok(format!("smoke: {summary}"))
}

struct Mission<'a> {
    root: &'a Path,
    room: &'a Room,
}

impl Mission<'_> {
    /// Flies one seed in all ways and prints them beside each other; the run by processes goes into `first`.
    fn compare(&self, program: &Program, first: &Path) -> Result<String, Failure> {
        let path = self.root.join(GOLDEN);
        let golden = fs::read_to_string(&path).map_err(|why| disk(&path, &why))?;
        let mut ways = vec![
            ("by processes", Way::Processes, first.to_owned()),
            ("in one process", Way::InProcess, self.room.join("in-process")),
        ];
        if cfg!(unix) {
            ways.push(("one killed", Way::Killed, self.room.join("killed")));
        } else {
            println!("  skipped: killing a process, for there is no `kill` on this system");
        }
        let flights = ways.iter().map(|(_, way, out)| Flight::fly(self, program, *way, out));
        let flights: Vec<Flight> = flights.collect::<Result<_, _>>()?;
        let verdict = Verdict::of(&flights, golden.trim());
        println!("{}", verdict.to_text(&ways.iter().map(|(name, ..)| *name).collect::<Vec<_>>()));
        verdict.check()?;
        Ok(format!("state hash {} of {} flights", golden.trim(), flights.len()))
    }

    /// A call of `program` that is not made yet.
    fn command(&self, program: &Program, arguments: &[&str]) -> Command {
        let mut command = self.room.command(self.root, program);
        command.args(arguments);
        command
    }

    /// Calls the program and gives its exit code, none after a signal. What it said is shown if that is not 0.
    fn code(&self, program: &Program, arguments: &[&str]) -> Result<Option<i32>, Failure> {
        let mut command = self.command(program, arguments);
        println!("  {}", process::spelled(&command));
        let output = process::capture(&mut command)?;
        if !output.status.success() {
            println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        }
        Ok(output.status.code())
    }

    /// Calls the program; its exit code is to be `expected`. Gives back all that it printed.
    fn expect(&self, program: &Program, arguments: &[&str], expected: i32, why: &str) -> Result<String, Failure> {
        let mut command = self.command(program, arguments);
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
        let path = self.room.join(name);
        fs::write(&path, original.replacen(from, to, 1)).map_err(|why| disk(&path, &why))?;
        Ok(path)
    }

    /// A mission that is stopped after its first plan says so, and what it left verifies and replays.
    fn stop(&self, program: &Program) -> Result<(), Failure> {
        if cfg!(not(unix)) {
            println!("  skipped: stopping a mission, for there is no `kill` on this system");
            return Ok(());
        }
        let folder = self.room.join("stopped");
        let mut command = self.command(program, &["run", SCENARIO, "--out", text(&folder)]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let spelled = process::spelled(&command);
        println!("  {spelled}, stopped");
        let mut child = process::start(&mut command)?;
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped, two lines above")).lines();
        let is_planned = lines.by_ref().map_while(Result::ok).any(|line| line.contains(AGREED));
        process::succeed(Command::new("kill").args(["-INT", &child.id().to_string()]), "install `kill`")?;
        lines.for_each(drop);
        let status = process::end(&mut child, &command)?;
        if !is_planned || status.code() != Some(130) {
            return Err(Failure::finding(
                format!("{spelled} ended with {status} when it was interrupted, not with exit code 130"),
                "run the command by hand and press Ctrl-C",
            ));
        }
        if let Some(left) = self.room.processes_left().filter(|left| !left.is_empty()) {
            return Err(Failure::finding(
                format!("{spelled} left {} processes behind when it was interrupted: {left:?}", left.len()),
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
        let folder = self.room.join("failed");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_byte_is_flipped_back() {
        let room = Room::new(&std::env::temp_dir(), "flip").expect("a temporary folder");
        let path = room.join("runs/file");
        room.create("runs").expect("a folder");
        fs::write(&path, b"abc").expect("writes");
        flip_middle_byte(&path).expect("flips");
        assert_eq!(fs::read(&path).expect("reads"), b"acc");
        flip_middle_byte(&path).expect("flips");
        assert_eq!(fs::read(&path).expect("reads"), b"abc");
        assert_eq!(first_file(&room.join("runs")), Ok(path));
    }
}
