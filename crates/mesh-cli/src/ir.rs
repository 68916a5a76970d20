//! `ir`: wiring diagrams of composed problems as documents, in JSON for people and in canonical bytes for hashing.

use crate::failure::{Failure, Verdict};
use crate::output;
use crate::scenario_file::ScenarioFile;
use mesh_dsl::{Diagnostic, Document, Format, Reading, Severity, Summary};
use mesh_model::{AssetId, Diagram, Hash};
use mesh_node::proof::{self, Proof};
use mesh_node::{FleetFile, NodeError, Report, RunFolder, durable, fleet_folder};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Wiring diagrams of composed problems as documents.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Writes down how the problems of a plan met, with the members' parts of it. It holds every member's private problem.
    Export(Export),
    /// Takes a document in either form, checks it, and writes it down in the other, or in the one that is asked for.
    Import(Import),
    /// Checks a document and counts what it holds.
    Check(Check),
}

/// Writes down how the problems of a plan met.
#[derive(clap::Args)]
pub struct Export {
    /// The run folder; its recordings are executed again to find the problems.
    run: PathBuf,
    /// Number of the plan. Without it: the newest one.
    #[arg(long, value_name = "N")]
    plan: Option<u64>,
    /// The fleet folder; only its fleet.toml is read. Without it: the scenario's below $COSMOSMESH_HOME/fleets.
    #[arg(long, value_name = "DIR")]
    fleet: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

/// Takes a document in either form.
#[derive(clap::Args)]
pub struct Import {
    /// The document.
    file: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// Checks a document.
#[derive(clap::Args)]
pub struct Check {
    /// The document.
    file: PathBuf,
    /// Prints the outcome as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Where a document goes.
#[derive(clap::Args)]
struct Target {
    /// The file to write: JSON if its name ends with .json, else canonical bytes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prints what was written as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// The outcome as JSON.
#[derive(Serialize)]
struct Outcome<'a> {
    file: &'a Path,
    sound: bool,
    diagnostics: Vec<Told>,
    #[serde(flatten)]
    counted: Option<Counted>,
}

#[derive(Serialize)]
struct Told {
    severity: &'static str,
    message: String,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Counted {
    hash: Hash,
    canonical_hash: Hash,
    problems: usize,
    open_boxes: usize,
    junctions: usize,
    shared: usize,
    outer_ports: usize,
    variables: usize,
    rows: usize,
    said: usize,
    deltas: usize,
}

/// Runs the command.
pub fn run(command: &Command) -> Result<Verdict, Failure> {
    match command {
        Command::Export(arguments) => export(arguments),
        Command::Import(arguments) => import(arguments),
        Command::Check(arguments) => check(arguments),
    }
}

fn export(arguments: &Export) -> Result<Verdict, Failure> {
    let run = RunFolder::open(&arguments.run)?;
    let (scenario, _) = ScenarioFile::read(&run.scenario())?.into_scenario()?;
    let fleet = match &arguments.fleet {
        Some(path) => path.clone(),
        None => fleet_folder::location(None, &scenario.name)?,
    };
    let proof = Proof::of_run(&run, scenario.contract(), &FleetFile::read(&fleet)?, arguments.plan)?;
    let seed = Report::read(&run.report())?.seed;
    let deltas = proof.deltas();
    let mut problems = Vec::new();
    for delta in &deltas {
        let asset: &AssetId = &delta.attestation.asset;
        problems.push(proof::open_problem(&run, &scenario, seed, asset, delta.epoch.plan)?.problem);
    }
    let diagram = Diagram::of_plan(&proof.contract, &problems).map_err(|fault| Failure::Diagram(fault.to_string()))?;
    let document = Document { deltas, ..Document::of(diagram) };
    // It holds what is private to each of them.
    write(&document, &arguments.target, Audience::Owner)
}

fn import(arguments: &Import) -> Result<Verdict, Failure> {
    let reading = mesh_dsl::read(&bytes(&arguments.file)?);
    match reading.accepted() {
        Some(document) => {
            tell(&arguments.file, &reading);
            write(document, &arguments.target, Audience::AsItIs)
        }
        None => {
            tell(&arguments.file, &reading);
            Ok(Verdict::No)
        }
    }
}

fn check(arguments: &Check) -> Result<Verdict, Failure> {
    let (reading, summary) = mesh_dsl::check(&bytes(&arguments.file)?);
    if arguments.json {
        output::json(&Outcome {
            file: &arguments.file,
            sound: reading.accepted().is_some(),
            diagnostics: reading.diagnostics.iter().map(Told::of).collect(),
            counted: summary.as_ref().map(Counted::of),
        });
    } else {
        tell(&arguments.file, &reading);
        if let Some(summary) = &summary {
            let form = match reading.format {
                Format::Json => "JSON",
                Format::Binary => "canonical bytes",
            };
            output::line(&format!("sound, {form}: {}", described(summary)));
            output::line(&format!("document  {}\ncanonical {}", summary.document, summary.canonical));
        }
    }
    Ok(Verdict::good_if(reading.accepted().is_some()))
}

/// Who may read a file.
enum Audience {
    Owner,
    AsItIs,
}

fn write(document: &Document, target: &Target, audience: Audience) -> Result<Verdict, Failure> {
    let path = &target.out;
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let bytes = if is_json { mesh_dsl::write_json(document).into_bytes() } else { mesh_dsl::write_binary(document) };
    match audience {
        Audience::Owner if !durable::create_private_file(path, &bytes)? => {
            let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(NodeError::refused("create", path)(exists).into());
        }
        Audience::Owner => {}
        Audience::AsItIs => durable::replace_file(path, &bytes)?,
    }
    let summary = Summary::of(document);
    if target.json {
        let counted = summary.as_ref().map(Counted::of);
        output::json(&Outcome { file: path, sound: true, diagnostics: Vec::new(), counted });
    } else if let Some(summary) = &summary {
        output::line(&format!("{}: {}, hash {}", path.display(), described(summary), summary.document));
    }
    Ok(Verdict::Good)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(durable::read_bytes(path, mesh_dsl::DOCUMENT_LENGTH_MAX as u64)?)
}

/// Shows what is wrong or odd about a document.
fn tell(path: &Path, reading: &Reading) {
    for diagnostic in &reading.diagnostics {
        let Told { severity, message, hint } = Told::of(diagnostic);
        output::note(format_args!("{severity}: {}:{message}", path.display()));
        if let Some(hint) = hint {
            output::note(format_args!("  help: {hint}"));
        }
    }
}

fn described(summary: &Summary) -> String {
    let mut parts = vec![
        output::counted(summary.problems, "problem"),
        output::counted(summary.junctions, "junction"),
        format!(
            "{} shared, {}, {}",
            output::counted(summary.shared, "number"),
            output::counted(summary.variables, "variable"),
            output::counted(summary.rows, "row")
        ),
    ];
    for (number, what) in [
        (summary.open, "open box(es)"),
        (summary.outer, "outer port(s)"),
        (summary.said, "said"),
        (summary.deltas, "plan delta(s)"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}

impl Told {
    fn of(diagnostic: &Diagnostic) -> Self {
        let severity = match diagnostic.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self { severity, message: diagnostic.to_string(), hint: diagnostic.hint() }
    }
}

impl Counted {
    fn of(summary: &Summary) -> Self {
        Self {
            hash: summary.document,
            canonical_hash: summary.canonical,
            problems: summary.problems,
            open_boxes: summary.open,
            junctions: summary.junctions,
            shared: summary.shared,
            outer_ports: summary.outer,
            variables: summary.variables,
            rows: summary.rows,
            said: summary.said,
            deltas: summary.deltas,
        }
    }
}
