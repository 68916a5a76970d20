//! `cargo xtask sweep`: the mission under several seeds, by the program's own `sweep`.

use crate::failure::Failure;
use crate::room::{self, Room};
use crate::{process, smoke};
use std::path::Path;

/// What to fly, and with which seeds.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The scenario.
    #[arg(long, default_value = smoke::SCENARIO)]
    scenario: String,
    /// First and last seed.
    #[arg(long, default_value = SEEDS)]
    seeds: String,
}

impl Default for Arguments {
    fn default() -> Self {
        Self { scenario: smoke::SCENARIO.to_owned(), seeds: SEEDS.to_owned() }
    }
}

/// Runs the chore.
pub fn run(root: &Path, arguments: &Arguments) -> Result<String, Failure> {
    let program = room::build(root)?;
    let room = Room::new(&program.target, "sweep")?;
    process::succeed(
        room.command(root, &program).args(["sweep", &arguments.scenario, "--seeds", &arguments.seeds]),
        "fly the seed that failed alone, `cargo run --release -- run SCENARIO --seed N`, and read its report.html",
    )?;
    Ok(format!("sweep: seeds {} of {} hold", arguments.seeds, arguments.scenario))
}

/// Enough to notice a plan that holds by luck, few enough for every commit.
const SEEDS: &str = "1-5";
