//! What the machine, the files and strangers can do to a mission: each case ends with an exit code and a message that says
//! what, where and what to do about it, or is counted; nothing hangs, nothing is lost, nobody stays behind.

mod by_hand;
mod disk;
mod ends;
mod noise;
mod refused;

use crate::flight::{Flight, Folder, MEMBERS, home, program};
use mesh_model::{AssetId, FleetId};
use mesh_node::FleetFolder;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A short mission, and room for its fleet and its runs.
pub struct Place {
    folder: Folder,
}

/// How a command ended.
#[derive(Debug)]
pub struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    took: Duration,
}

impl Place {
    /// With a mission of two hours, all of whose assertions hold: it is flown in a second or two.
    fn new() -> Self {
        Self::with_hours(2)
    }

    fn with_hours(hours: u32) -> Self {
        let place = Self { folder: Folder::new() };
        let mut text = fs::read_to_string(crate::flight::SCENARIO).expect("reads");
        for (long, short) in [
            ("duration = \"24 h\"", format!("duration = \"{hours} h\"")),
            ("blackout_min = \"4 h\"", "blackout_min = \"0 h\"".to_owned()),
            ("blackout_overlap_min = \"1 h\"", "blackout_overlap_min = \"0 h\"".to_owned()),
        ] {
            assert!(text.contains(long), "the scenario reads otherwise now");
            text = text.replace(long, &short);
        }
        fs::write(place.scenario(), text).expect("writes");
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn scenario(&self) -> PathBuf {
        self.path().join("short.toml")
    }

    fn run(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Where `run` has the fleet, without --fleet.
    fn fleet(&self) -> PathBuf {
        home(&self.folder).join("fleets/lunar_base")
    }

    /// Makes the fleet without flying, certificates and all.
    fn make_fleet(&self) -> FleetFolder {
        let folder = self.open_fleet();
        folder.renew(std::time::SystemTime::now(), GAP_S).expect("issues");
        folder
    }

    /// Makes the fleet as far as `run` makes it before it looks at certificates.
    fn open_fleet(&self) -> FleetFolder {
        let name = FleetId::new("lunar_base").expect("a good name");
        FleetFolder::open_or_create(&self.fleet(), &name, &MEMBERS.map(asset)).expect("makes the fleet")
    }

    /// What `run` of the short mission says.
    fn flown(&self, name: &str, more: &[&str]) -> Said {
        let mut command = program(&home(&self.folder));
        command.arg("run").arg(self.scenario()).arg("--out").arg(self.run(name)).args(more);
        said(command)
    }

    /// The short mission, under way in processes.
    fn begin(&self, name: &str, more: &[&str]) -> Flight {
        Flight::begin_with(&self.folder, name, &self.scenario(), more)
    }

    /// Another command of the program.
    fn command(&self, arguments: &[&str]) -> Said {
        let mut command = program(&home(&self.folder));
        command.args(arguments);
        said(command)
    }

    /// A member started by hand.
    fn node(&self, asset: &str, fleet: &Path, mission: Option<&Path>) -> Command {
        let mut command = program(&home(&self.folder));
        command.args(["node", "--asset", asset, "--fleet"]).arg(fleet);
        if let Some(mission) = mission {
            command.arg("--mission").arg(mission);
        }
        command
    }

    /// The mission file of a run.
    fn mission(&self, name: &str) -> PathBuf {
        self.run(name).join("mission/mission.toml")
    }

    fn report(&self, name: &str) -> Value {
        let bytes = fs::read(self.run(name).join("report.json")).expect("there is a report");
        serde_json::from_slice(&bytes).expect("a report")
    }

    fn audit(&self, name: &str) -> Said {
        self.command(&["audit", "verify", &self.run(name).display().to_string()])
    }

    fn replay(&self, name: &str) -> Said {
        self.command(&["replay", &self.run(name).display().to_string()])
    }

    fn close(self) {
        self.folder.close();
    }
}

impl Said {
    /// Whether it ended with `code`, soon, and said all `parts` on standard error.
    fn check(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        // Lines are broken to fit a screen.
        let words = words(&self.stderr);
        for part in parts {
            assert!(words.contains(&crate::bad_input::words(part)), "{part:?} is missing in {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    /// The same for a refusal, which comes with a hint.
    fn check_refused(&self, parts: &[&str]) {
        self.check(2, parts);
        assert!(self.stderr.contains("help:"), "without a hint: {}", self.stderr);
        assert!(self.took < REFUSED_MAX, "the refusal took {:?}", self.took);
    }
}

/// The text without the places where its lines are broken.
fn words(text: &str) -> String {
    text.replace(['│', '\n', ' '], "")
}

/// Runs a command to its end, which has to come.
fn said(mut command: Command) -> Said {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    ended(child, ENDS_MAX)
}

/// Waits for the end of `child`, not longer than `limit`.
fn ended(mut child: Child, limit: Duration) -> Said {
    let began = Instant::now();
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(&mut bytes).expect("reads");
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let status = loop {
        if let Some(status) = child.try_wait().expect("can be waited for") {
            break status;
        }
        if began.elapsed() > limit {
            child.kill().expect("can be killed");
            child.wait().expect("ends");
            panic!("it hangs, and said {}", stderr.join().expect("reads"));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let took = began.elapsed();
    let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("reads");
    Said { code: status.code(), stdout: text(stdout), stderr: text(stderr), took }
}

fn asset(name: &str) -> AssetId {
    AssetId::new(name).expect("a good name")
}

/// Copies a folder with everything in it; permissions come with it.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp is there");
    assert!(copied.success());
}

/// What the links of the scenario stay away at most: certificates live for three times that.
const GAP_S: u64 = 6 * 3600;
/// No command takes this long on the short mission, on a machine that is slow and busy with other things.
const ENDS_MAX: Duration = Duration::from_secs(300);
/// What cannot work is refused, and not after a mission's time.
const REFUSED_MAX: Duration = Duration::from_secs(120);
