//! `ir`: wiring diagrams of composed problems as documents, in JSON for people and in canonical bytes for hashing.

mod solve;

use crate::failure::{Failure, Verdict};
use crate::flown_run::{FleetChoice, FlownRun};
use crate::no_plan::Keeping;
use crate::output;
use crate::scenario_file::ScenarioFile;
use mesh_dsl::{Diagnostic, Document, Format, Morphism, Place, Reading, Said, Severity, Summary};
use mesh_model::{Diagram, Hash, LocalProblem, MissionTime, Payload};
use mesh_node::proof::{self, Opened, Proof};
use mesh_node::{Fault, NodeError, durable};
use mesh_sim::first_plan;
use mesh_solver::{NotSolvable, refused_problems};
use serde::Serialize;
use solve::Solved;
use std::path::{Path, PathBuf};

/// Wiring diagrams of composed problems as documents.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Writes down how the problems of a planning meet: the first one of a scenario; of a run any, with what the members
    /// said to each other and what they agreed on. It holds every member's private problem.
    Export(Export),
    /// Takes a document in either form, checks it, and writes it down in the other, or in the one that is asked for.
    Import(Import),
    /// Checks a document and counts what it holds.
    Check(Check),
}

/// Writes down how the problems of a planning meet.
#[derive(clap::Args)]
pub struct Export {
    /// A scenario file, or the folder of a run, whose recordings are executed again to find the problems.
    source: PathBuf,
    /// Number of the run's plan, agreed or given up. Without it: the newest one that was agreed.
    #[arg(long, value_name = "N")]
    plan: Option<u64>,
    /// The seed, in place of the scenario's.
    #[arg(long, value_name = "N", conflicts_with_all = ["plan", "fleet"])]
    seed: Option<u64>,
    #[command(flatten)]
    fleet: FleetChoice,
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
    /// Solves it in one place, too: with the bounds that certify a plan, or with a proof that there is none. --proof asks
    /// for that as well.
    #[arg(long)]
    solve: bool,
    #[command(flatten)]
    keeping: Keeping,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    solved: Option<Solved>,
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
    let document = if arguments.source.is_dir() {
        if arguments.seed.is_some() {
            let why = "a run has been flown with its own seed";
            return Err(Failure::Misplaced { option: "--seed", path: arguments.source.clone(), why });
        }
        match of_run(arguments)? {
            Some(document) => document,
            None => return Ok(Verdict::No),
        }
    } else {
        let given = [("--plan", arguments.plan.is_some()), ("--fleet", arguments.fleet.named().is_some())];
        if let Some((option, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
            let why = "before it is flown a scenario has its first planning only, and nobody has signed anything";
            return Err(Failure::Misplaced { option, path: arguments.source.clone(), why });
        }
        of_scenario(arguments)?
    };
    // It holds what is private to each of them.
    write(&document, &arguments.target, Audience::Owner)
}

/// The first planning of a scenario, before anybody has said anything.
fn of_scenario(arguments: &Export) -> Result<Document, Failure> {
    let (scenario, _) = ScenarioFile::read(&arguments.source)?.into_scenario()?;
    let seed = arguments.seed.unwrap_or(scenario.seed);
    let diagram = first_plan(&scenario, seed).map_err(|why| Failure::Diagram(why.to_string()))?;
    Ok(Document::of(diagram))
}

/// A planning of a run: the problems as they were negotiated, what went over the wires, and what was agreed, if it was.
/// None if what was signed does not stand; then it has been said why.
fn of_run(arguments: &Export) -> Result<Option<Document>, Failure> {
    let run = FlownRun::open(&arguments.source)?;
    let (_, fleet) = run.fleet(&arguments.fleet)?;
    let (seed, contract) = (run.seed()?, run.scenario.contract());
    let deltas = match Proof::of_run(&run.folder, contract.clone(), &fleet, arguments.plan) {
        Ok(proof) => {
            let checked = proof.check(Some(&fleet), &[]);
            if !checked.verified {
                checked.findings.iter().for_each(output::note);
                output::note("so nothing was written; `cosmosmesh audit verify` tells what else is wrong with the run");
                return Ok(None);
            }
            proof.deltas()
        }
        // What was given up has no certificate, but problems, and something was said.
        Err(NodeError::Unfit { fault: Fault::NoCertificate { plan: Some(_) }, .. }) => Vec::new(),
        Err(why) => return Err(why.into()),
    };
    let epoch = deltas.first().map(|delta| delta.epoch.clone());
    let plan = epoch.as_ref().map(|epoch| epoch.plan).or(arguments.plan).unwrap_or_default();
    let opened = proof::open_planning(&run.folder, &run.scenario, seed, plan, epoch.as_ref())?;
    if opened.is_empty() {
        return Err(Failure::NoSuchPlan { plan, run: arguments.source.clone() });
    }
    if deltas.is_empty() {
        output::note(format_args!("plan {plan} was given up: there are problems and words, and nothing was agreed"));
    }
    let problems: Vec<LocalProblem> = opened.iter().map(|opened| opened.problem.clone()).collect();
    let diagram = Diagram::of_plan(&contract, &problems).map_err(|fault| Failure::Diagram(fault.to_string()))?;
    Ok(Some(Document { diagram, said: morphisms(opened), deltas }))
}

/// What members said over their wires, by time and then by member.
fn morphisms(opened: Vec<Opened>) -> Vec<Morphism> {
    let mut said: Vec<(MissionTime, Morphism)> = Vec::new();
    for Opened { problem, said: words, .. } in opened {
        for (time, payload) in words {
            let (edge, words) = match payload {
                Payload::Shared(shared) => (shared.edge.clone(), Said::Shared(shared)),
                Payload::Dual(dual) => (dual.edge.clone(), Said::Dual(dual)),
                _ => continue,
            };
            let (of, port) = Diagram::wire_of_plan(&problem.asset, &edge);
            said.push((time, Morphism { of, port, said: words }));
        }
    }
    // Stable: the words of one member at one time stay in order.
    said.sort_by_key(|(time, _)| *time);
    said.into_iter().map(|(_, morphism)| morphism).collect()
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
    let refused = reading.accepted().map(|document| refused_problems(&document.diagram)).unwrap_or_default();
    let document = reading.accepted().filter(|_| refused.is_empty());
    let mut told: Vec<Told> = reading.diagnostics.iter().map(Told::of).collect();
    told.extend(refused.iter().map(|why| Told::of_problem(&reading, why)));
    let solved = match document.filter(|_| arguments.solve || arguments.keeping.path().is_some()) {
        Some(document) => match solve::solved(document, &arguments.keeping)? {
            Ok(solved) => Some(solved),
            Err(why) => {
                told.push(Told { severity: "error", message: why.to_string(), hint: None });
                None
            }
        },
        None => None,
    };
    let sound = document.is_some() && !told.iter().any(|told| told.severity == "error");
    let good = sound && solved.as_ref().is_none_or(Solved::is_plan);
    if arguments.json {
        let counted = summary.as_ref().map(Counted::of);
        output::json(&Outcome { file: &arguments.file, sound, diagnostics: told, counted, solved });
        return Ok(Verdict::good_if(good));
    }
    told.iter().for_each(|told| told.show(&arguments.file));
    if let Some(summary) = summary.as_ref().filter(|_| sound) {
        let form = match reading.format {
            Format::Json => "JSON",
            Format::Binary => "canonical bytes",
        };
        output::line(&format!("sound, {form}: {}", described(summary)));
        output::line(&format!("document  {}\ncanonical {}", summary.document, summary.canonical));
    }
    if let Some(solved) = &solved {
        solved.show(&arguments.keeping);
    }
    Ok(Verdict::good_if(good))
}

/// A document that is sound; otherwise it is said what is wrong with it.
pub fn read_sound(path: &Path) -> Result<Document, Failure> {
    let reading = mesh_dsl::read(&bytes(path)?);
    if let Some(document) = reading.accepted() {
        return Ok(document.clone());
    }
    tell(path, &reading);
    Err(Failure::NotADocument { path: path.to_owned() })
}

/// Who may read a file.
enum Audience {
    Owner,
    AsItIs,
}

/// Puts a document into a new file that others may not read: JSON if its name ends with .json, else canonical bytes.
pub fn write_private(document: &Document, path: &Path) -> Result<(), Failure> {
    if durable::create_private_file(path, &written(document, path))? {
        return Ok(());
    }
    Err(NodeError::unfit(path, Fault::Exists).into())
}

fn written(document: &Document, path: &Path) -> Vec<u8> {
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    if is_json { mesh_dsl::write_json(document).into_bytes() } else { mesh_dsl::write_binary(document) }
}

fn write(document: &Document, target: &Target, audience: Audience) -> Result<Verdict, Failure> {
    let path = &target.out;
    match audience {
        Audience::Owner => write_private(document, path)?,
        Audience::AsItIs => durable::replace_file(path, &written(document, path))?,
    }
    let summary = Summary::of(document);
    if target.json {
        let counted = summary.as_ref().map(Counted::of);
        output::json(&Outcome { file: path, sound: true, diagnostics: Vec::new(), counted, solved: None });
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
    reading.diagnostics.iter().for_each(|diagnostic| Told::of(diagnostic).show(path));
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

    /// A problem that the solver does not take, at the place of its box.
    fn of_problem(reading: &Reading, why: &NotSolvable) -> Self {
        let place = match why {
            NotSolvable::Problem { name, .. } => reading.place_of(name),
            _ => Place::Whole,
        };
        let message = match place {
            Place::Text { line, column, .. } => format!("{line}:{column}: {why}"),
            Place::Whole | Place::Byte(_) => why.to_string(),
        };
        Self { severity: "error", message, hint: why.hint().map(str::to_owned) }
    }

    fn show(&self, path: &Path) {
        let Self { severity, message, hint } = self;
        output::note(format_args!("{severity}: {}:{message}", path.display()));
        if let Some(hint) = hint {
            output::note(format_args!("  help: {hint}"));
        }
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
