//! The project's own chores: `cargo xtask check` is what CI runs.
//!
//! One file a subcommand. Nothing here knows what the fleet does; it knows how the repository is to look and which
//! commands have to succeed in it.

mod build_time;
mod check;
mod failure;
mod licences;
mod metadata;
mod process;
mod room;
mod smoke;
mod spdx;
mod sweep;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Checks of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that CI runs, in CI's order.
    Check(check::Arguments),
    /// The rules of the repository that no compiler knows: floors, purity, lengths, links.
    Tidy,
    /// The licence of every dependency against the list in deny.toml.
    Licences,
    /// A release build flies the mission by processes, in one, and with one killed; the result is replayed, verified and
    /// tampered with.
    Smoke,
    /// A clean release build, beside one of a bare program with zenoh and TLS. For a machine that does nothing else.
    BuildTime,
    /// The mission under several seeds.
    Sweep(sweep::Arguments),
}

fn main() -> ExitCode {
    let root = repository();
    let outcome = match Arguments::parse().chore {
        Chore::Check(arguments) => check::run(&root, &arguments),
        Chore::Tidy => tidy::run(&root),
        Chore::Licences => licences::run(&root),
        Chore::Smoke => smoke::run(&root),
        Chore::BuildTime => build_time::run(&root),
        Chore::Sweep(arguments) => sweep::run(&root, &arguments),
    };
    match outcome {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

/// The top folder of the repository: the parent of this package's folder.
fn repository() -> PathBuf {
    let package =
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()));
    package.parent().map_or_else(|| package.clone(), PathBuf::from)
}
