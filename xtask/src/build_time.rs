//! `cargo xtask build-time`: how long a clean release build of the program takes, beside that of a bare program that only
//! opens a Zenoh session over TLS, with the same versions, features and profile.
//!
//! Not part of `check`: it builds everything twice and means something only on a machine that does nothing else.

use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::process;
use crate::room::{Room, disk};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A build that takes no longer than this is good, whatever the bare one takes.
const BUILD_S_MAX: f64 = 600.0;
/// So is one that takes no more than so many times as long as the bare one.
const RATIO_MAX: f64 = 1.8;

/// Runs the chore.
pub fn run(root: &Path) -> Result<String, Failure> {
    let room = Room::new(&Metadata::read(root, false)?.target, "build-time")?;
    let bare = room.create("bare")?;
    BareProgram::of(root)?.write(&bare)?;
    // What is downloaded is not timed. The bare program's lock file loses what it does not need.
    let fetch = "check the network and the registry";
    process::succeed(process::cargo(root).args(["fetch", "--locked"]), fetch)?;
    process::succeed(process::cargo(&bare).args(["fetch"]), fetch)?;

    let timed = |what: &str, folder: &Path| {
        println!("{what}: cargo build --release --locked; {}", load());
        let target = room.create(&format!("{what}-target"))?;
        let mut command = process::cargo(folder);
        without_settings(command.args(["build", "--release", "--locked", "--quiet"])).env("CARGO_TARGET_DIR", &target);
        let began = Instant::now();
        process::succeed(&mut command, "mend what the compiler names")?;
        let seconds = began.elapsed().as_secs_f64();
        println!("{what}: {seconds:.0} s; {}", load());
        // Two builds beside each other need more disk than many a machine of CI has.
        fs::remove_dir_all(&target).map_err(|why| disk(&target, &why)).map(|()| seconds)
    };
    let bare_s = timed("bare", &bare)?;
    let own_s = timed("cosmosmesh", root)?;
    judge(own_s, bare_s)
}

fn judge(own_s: f64, bare_s: f64) -> Result<String, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ratio = own_s / bare_s;
    let summary = format!(
        "build-time: {own_s:.0} s on {cores} cores, {ratio:.2} times the {bare_s:.0} s of a bare program with zenoh and TLS; \
         must be at most {BUILD_S_MAX} s or {RATIO_MAX} times"
    );
    if own_s <= BUILD_S_MAX || ratio <= RATIO_MAX {
        return Ok(summary);
    }
    Err(Failure::finding(
        summary,
        "on an idle machine: `cargo build --release --timings` shows which packages take longest; drop one, or a feature",
    ))
}

/// The smallest program that brings in what the mesh plane needs.
struct BareProgram {
    manifest: String,
    lock: String,
}

impl BareProgram {
    /// With the workspace's own line for zenoh, its release profile and its versions.
    fn of(root: &Path) -> Result<Self, Failure> {
        let read = |name: &str| fs::read_to_string(root.join(name)).map_err(|why| disk(&root.join(name), &why));
        let manifest = Self::manifest(&read("Cargo.toml")?).ok_or_else(|| {
            Failure::could_not_run(
                "Cargo.toml has no line for zenoh with `transport_tls`, or no [profile.release]",
                "have both at the top: they are what the bare program is built with",
            )
        })?;
        Ok(Self { manifest, lock: read("Cargo.lock")? })
    }

    fn manifest(workspace: &str) -> Option<String> {
        let zenoh = workspace.lines().find(|line| line.starts_with("zenoh = ") && line.contains("transport_tls"))?;
        let profile = workspace.lines().skip_while(|line| *line != "[profile.release]");
        let profile: Vec<&str> = profile.take_while(|line| !line.is_empty()).collect();
        let header = "[package]\nname = \"bare\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
        (!profile.is_empty()).then(|| format!("{header}\n[dependencies]\n{zenoh}\n\n{}\n", profile.join("\n")))
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let sources = folder.join("src");
        fs::create_dir_all(&sources).map_err(|why| disk(&sources, &why))?;
        let files = [("Cargo.toml", &*self.manifest), ("Cargo.lock", &*self.lock), ("src/main.rs", BARE_MAIN)];
        for (name, text) in files {
            fs::write(folder.join(name), text).map_err(|why| disk(&folder.join(name), &why))?;
        }
        Ok(())
    }
}

/// What a session needs, and nothing of what it is for.
const BARE_MAIN: &str = r##"use zenoh::Wait;

fn main() {
    let mut config = zenoh::Config::default();
    config.insert_json5("connect/endpoints", r#"["tls/localhost:7447"]"#).expect("a setting that there is");
    let session = zenoh::open(config).wait().expect("somebody listens");
    session.put("key", "value").wait().expect("goes out");
    session.close().wait().expect("ends");
}
"##;

/// As a stranger builds it: without what a script or a developer has set for builds of their own.
fn without_settings(command: &mut Command) -> &mut Command {
    for name in ["CARGO_INCREMENTAL", "CARGO_PROFILE_DEV_DEBUG", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_JOBS"] {
        command.env_remove(name);
    }
    command
}

/// What else the machine does, where it tells.
fn load() -> String {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = told.split_whitespace().next().unwrap_or("not told by this system");
    format!("load of the last minute: {minute}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_good_by_its_time_or_by_its_ratio() {
        assert!(judge(600.0, 100.0).is_ok());
        assert!(judge(1800.0, 1000.0).is_ok());
        assert!(judge(601.0, 300.0).is_err());
    }

    #[test]
    fn the_bare_program_takes_features_and_profile_from_the_workspace() {
        let workspace = "[workspace.dependencies]\nzenoh = { version = \"1\", features = [\"transport_tls\"] }\n\
                         zenoh-ext = \"1\"\n\n[profile.release]\ndebug = 1\n\n[profile.dev]\nopt-level = 1\n";
        let manifest = BareProgram::manifest(workspace).expect("both are there");
        assert!(manifest.contains("[dependencies]\nzenoh = { version"), "{manifest}");
        assert!(manifest.ends_with("[profile.release]\ndebug = 1\n"), "{manifest}");
        assert!(!manifest.contains("zenoh-ext") && !manifest.contains("profile.dev"), "{manifest}");
        assert_eq!(BareProgram::manifest("[profile.release]\ndebug = 1\n"), None);
        assert_eq!(BareProgram::manifest("zenoh = { features = [\"transport_tls\"] }\n"), None);
    }
}
