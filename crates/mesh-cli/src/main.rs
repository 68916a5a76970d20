//! `cosmosmesh`: the command line. One file a subcommand; what they do lives below.

mod audit;
#[cfg(feature = "bench")]
mod bench;
mod certificate;
mod check;
mod failure;
mod feasibility;
mod flown;
mod flown_run;
mod interrupt;
mod ir;
mod logging;
mod no_plan;
mod node;
mod output;
mod progress;
mod replay;
mod run;
mod scenario_file;
mod simulator;
mod sweep;
mod table;
mod threads;
mod trace_file;

use clap::{Parser, Subcommand};
use failure::{Failure, Verdict};
use logging::{Filter, Logging};
use std::process::ExitCode;

/// A fleet that plans together while it is out of contact, flown by one process a member.
#[derive(Parser)]
#[command(name = "cosmosmesh", version, after_help = EXIT_CODES)]
struct Arguments {
    /// Which events are shown on standard error: off, error, warn, info, debug or trace, or target=level,target=level.
    /// Without it: $RUST_LOG, or warn.
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Global options")]
    log_level: Option<Filter>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Flies a mission and writes a run folder.
    Run(run::Arguments),
    /// Checks a scenario without flying it.
    Check(check::Arguments),
    /// Flies a recorded mission once more and compares.
    Replay(replay::Arguments),
    /// Checks what a fleet has signed.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Takes the proof of a plan out of a run, and checks such a proof.
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Writes down, converts and checks wiring diagrams of composed problems.
    #[command(subcommand)]
    Ir(ir::Command),
    /// Measures the optimiser against its peers and its limits.
    #[cfg(feature = "bench")]
    #[command(subcommand)]
    Bench(bench::Command),
    /// Flies a mission under many seeds.
    Sweep(sweep::Arguments),
    /// Flies one member of a mission that `run` has begun: for systemd, or a container.
    Node(node::Arguments),
    /// Flies the world of a mission; started by `run`.
    #[command(hide = true)]
    Simulator(simulator::Arguments),
}

fn main() -> ExitCode {
    // Clap ends the process with 2 on a usage error and with 0 after --help, as agreed.
    let arguments = Arguments::parse();
    let started = Logging::start(arguments.log_level).map_err(Failure::from);
    let result = started.and_then(|logging| match arguments.command {
        Command::Run(arguments) => run::run(&arguments, &logging),
        Command::Check(arguments) => check::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Audit(audit::Command::Verify(arguments)) => audit::run(&arguments),
        Command::Certificate(command) => certificate::run(&command),
        Command::Ir(command) => ir::run(&command),
        #[cfg(feature = "bench")]
        Command::Bench(bench::Command::Optimiser(arguments)) => bench::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Node(arguments) => node::run(&arguments, &logging),
        Command::Simulator(arguments) => simulator::run(&arguments, &logging),
    });
    let verdict = result.unwrap_or_else(|failure| {
        failure.show();
        Verdict::CouldNotRun
    });
    verdict.into()
}

const EXIT_CODES: &str = "Exit codes: 0 good; 1 the answer is no (an assertion, a verification); 2 could not run (usage, bad \
                          input, disk); 130 stopped by Ctrl-C.";
