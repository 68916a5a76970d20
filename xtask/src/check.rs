//! `cargo xtask check`: everything that CI runs. A step that fails does not keep the later ones from running, so one
//! run tells all there is to mend.

use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::room::Room;
use crate::{licences, process, smoke, sweep, tidy};
use clap::ValueEnum;
use std::path::Path;
use std::time::Instant;

/// Which steps to run.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Only these steps, in the usual order.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
    /// All but these steps.
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "only")]
    skip: Vec<Step>,
}

/// A step; the order of the variants is the order of running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The source is formatted.
    Fmt,
    /// No lint fires.
    Clippy,
    /// All tests pass.
    Test,
    /// The rules of the repository.
    Tidy,
    /// The licences of dependencies.
    Licences,
    /// The documentation builds without a warning.
    Doc,
    /// A mission flies, replays and verifies.
    Smoke,
    /// The mission holds for several seeds.
    Sweep,
}

/// Runs the chore.
pub fn run(root: &Path, arguments: &Arguments) -> Result<String, Failure> {
    let steps = arguments.steps();
    let started = Instant::now();
    let mut failed: Vec<Step> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n=== {} ({} of {}): {}", step.name(), index + 1, steps.len(), step.purpose());
        let step_started = Instant::now();
        let outcome = step.run(root);
        let seconds = step_started.elapsed().as_secs_f64();
        match outcome {
            Ok(summary) => println!("--- {}: good, {seconds:.1} s. {summary}", step.name()),
            Err(failure) => {
                println!("--- {}: FAILED, {seconds:.1} s. {failure}", step.name());
                failed.push(*step);
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    if failed.is_empty() {
        return Ok(format!("\ncheck: all {} steps good in {seconds:.0} s", steps.len()));
    }
    let names: Vec<&str> = failed.iter().map(|step| step.name()).collect();
    Err(Failure::finding(
        format!("\ncheck: {} of {} steps failed in {seconds:.0} s: {}", failed.len(), steps.len(), names.join(", ")),
        format!("mend what is named above, then run `cargo xtask check --only {}`", names.join(",")),
    ))
}

impl Arguments {
    fn steps(&self) -> Vec<Step> {
        let wanted = |step: &Step| match self.only.as_slice() {
            [] => !self.skip.contains(step),
            only => only.contains(step),
        };
        Step::value_variants().iter().copied().filter(wanted).collect()
    }
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Licences => "licences",
            Self::Clippy => "clippy",
            Self::Test => "test",
            Self::Doc => "doc",
            Self::Smoke => "smoke",
            Self::Sweep => "sweep",
        }
    }

    const fn purpose(self) -> &'static str {
        match self {
            Self::Fmt => "the source is formatted",
            Self::Tidy => "floors, purity, lengths, links",
            Self::Licences => "the licence of every dependency",
            Self::Clippy => "no lint fires",
            Self::Test => "all tests of the workspace",
            Self::Doc => "the documentation builds without a warning",
            Self::Smoke => {
                "a mission flies by processes and in one, with one killed, replays and verifies; a tampered one does not"
            }
            Self::Sweep => "the mission holds for several seeds",
        }
    }

    fn run(self, root: &Path) -> Result<String, Failure> {
        let mut cargo = process::cargo(root);
        match self {
            Self::Fmt => process::succeed(
                cargo.args(["fmt", "--all", "--check", "--", "--files-with-diff"]),
                "run `cargo fmt --all`",
            ),
            Self::Tidy => return tidy::run(root),
            Self::Licences => return licences::run(root),
            Self::Clippy => {
                let mend =
                    "mend each warning; where one is wrong, `#[expect(..., reason = \"...\")]` on that item says why";
                let lints = ["--all-targets", "--keep-going", "--", "-D", "warnings"];
                process::succeed(cargo.args(["clippy", "--locked", "--workspace"]).args(lints), mend)?;
                // The program without the referee is another program. With the whole workspace, because for one package
                // cargo would choose other features of the dependencies and check all of them anew.
                let bare = ["clippy", "--locked", "--workspace", "--no-default-features"];
                process::succeed(process::cargo(root).args(bare).args(lints), mend)
            }
            Self::Test => return test(root),
            Self::Doc => process::succeed(
                cargo
                    .args(["doc", "--locked", "--workspace", "--no-deps", "--keep-going"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
                "mend the links and blocks that rustdoc names",
            ),
            Self::Smoke => return smoke::run(root),
            Self::Sweep => return sweep::run(root, &sweep::Arguments::default()),
        }
        .map(|()| String::new())
    }
}

/// All tests, which are to leave neither files in the folder for temporary ones nor processes.
fn test(root: &Path) -> Result<String, Failure> {
    let room = Room::new(&Metadata::read(root, false)?.target, "test")?;
    let temporary = room.create("tmp")?;
    process::succeed(
        process::cargo(root).args(["test", "--locked", "--workspace", "--no-fail-fast"]).env("TMPDIR", &temporary),
        "run the failing test alone: `cargo test -p CRATE NAME`; a seed in its message reproduces it",
    )?;
    let processes = room.processes_left().unwrap_or_default();
    let files = room.files("tmp")?;
    if files.is_empty() && processes.is_empty() {
        return Ok(String::new());
    }
    Err(Failure::finding(
        format!("the tests left behind files {files:?} and processes {processes:?}"),
        "let a test clear what it makes and wait for what it starts, also when it fails",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_in_their_order_whatever_the_order_of_asking() {
        let only = Arguments { only: vec![Step::Test, Step::Fmt], skip: vec![] };
        assert_eq!(only.steps(), [Step::Fmt, Step::Test]);
        let skip = Arguments { only: vec![], skip: vec![Step::Smoke, Step::Sweep] };
        assert_eq!(skip.steps().len(), Step::value_variants().len() - 2);
        assert!(!skip.steps().contains(&Step::Smoke));
    }

    #[test]
    fn a_step_is_asked_for_by_the_name_that_it_prints() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(step.name(), false), Ok(*step));
        }
    }
}
