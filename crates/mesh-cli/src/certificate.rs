//! `certificate`: the proof of a plan as a file of its own, checked from messages alone.

use crate::failure::{Failure, Verdict};
use crate::flown_run::{FleetChoice, FlownRun};
use crate::scenario_file::ScenarioFile;
use crate::table::Table;
use crate::{ir, no_plan, output};
use mesh_model::AssetId;
use mesh_node::proof::{self, AnyProof, Checked, Proof, Refuted};
use mesh_node::{FleetFile, NodeError};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The proof of a plan as a file of its own.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Takes the proof of a plan out of a run: certificate, signed parts, contract, public keys. Of a scenario that cannot
    /// be flown: the proof that there is no plan, signed by the members of its fleet if there is one.
    Export(Export),
    /// Checks a proof: signatures, sums, residuals, epochs; with --open the numbers of a member from its own problem, too.
    Verify(Verify),
    /// Takes a member's private problem out of its recording, for `verify --open`.
    Open(Open),
}

/// Takes the proof of a plan out of a run, or that there is none out of a scenario.
#[derive(clap::Args)]
pub struct Export {
    /// The run folder, or the file of a scenario that cannot be flown.
    #[arg(value_name = "RUN|SCENARIO")]
    source: PathBuf,
    /// Number of the plan. Without it: the newest one.
    #[arg(long, value_name = "N")]
    plan: Option<u64>,
    #[command(flatten)]
    fleet: FleetChoice,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prints what was exported as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Checks a proof.
#[derive(clap::Args)]
pub struct Verify {
    /// The proof.
    file: PathBuf,
    /// The fleet folder whose public keys must be those of the proof. Without it the proof's own are taken.
    #[arg(long, value_name = "DIR")]
    fleet: Option<PathBuf>,
    /// A member's problem, from which its numbers are recomputed; may be given several times. For a proof that there is no
    /// plan: the document with the problems (`ir export`).
    #[arg(long, value_name = "PROBLEM")]
    open: Vec<PathBuf>,
    /// Prints the outcome as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Takes a member's problem out of its recording.
#[derive(clap::Args)]
pub struct Open {
    /// The run folder.
    run: PathBuf,
    /// The member.
    #[arg(long, value_name = "ID", value_parser = asset)]
    asset: AssetId,
    /// Number of the plan.
    #[arg(long, value_name = "N")]
    plan: u64,
    /// The file to write; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prints what was written as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// What was written.
#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    hash: mesh_model::Hash,
}

/// Runs the command.
pub fn run(command: &Command) -> Result<Verdict, Failure> {
    match command {
        Command::Export(arguments) => export(arguments),
        Command::Verify(arguments) => verify(arguments),
        Command::Open(arguments) => open(arguments),
    }
}

fn export(arguments: &Export) -> Result<Verdict, Failure> {
    if arguments.source.is_file() {
        return export_no_plan(arguments);
    }
    let run = FlownRun::open(&arguments.source)?;
    let (_, fleet) = run.fleet(&arguments.fleet)?;
    let proof = Proof::of_run(&run.folder, run.scenario.contract(), &fleet, arguments.plan)?;
    proof.write(&arguments.out)?;
    let written = Written { file: &arguments.out, hash: proof.hash() };
    if arguments.json {
        output::json(&written);
    } else {
        let checked = proof.check(None, &[]);
        let plan = checked.plan.map_or_else(String::new, |(plan, epoch)| format!("plan {plan}.{epoch}, "));
        let members = output::counted(checked.members.len(), "member");
        output::line(&format!("{}: {plan}{members}, hash {}", written.file.display(), written.hash));
    }
    Ok(Verdict::Good)
}

/// The proof that a scenario cannot be flown. Its fleet signs if it is named, or there already.
fn export_no_plan(arguments: &Export) -> Result<Verdict, Failure> {
    if arguments.plan.is_some() {
        let why = "nobody has planned anything before it is flown";
        return Err(Failure::Misplaced { option: "--plan", path: arguments.source.clone(), why });
    }
    let mut file = ScenarioFile::read(&arguments.source)?;
    file.check_feasible()?;
    let Some(no_plan) = file.no_plan.take() else {
        file.show_diagnostics();
        output::note("nothing was written: that there is no plan could not be proved");
        return Ok(Verdict::No);
    };
    let Some(mut refutation) = no_plan.refutation else {
        file.show_diagnostics();
        output::note("nothing was written: plans fall short, yet that each must could not be proved");
        return Ok(Verdict::No);
    };
    let fleet = arguments.fleet.location(&no_plan.fleet)?;
    if arguments.fleet.named().is_some() || fleet.is_dir() {
        no_plan::sign(&mut refutation, &fleet)?;
    } else {
        output::note(format_args!("{} is not there yet, so nobody has signed", fleet.display()));
    }
    refutation.write(&arguments.out)?;
    let written = Written { file: &arguments.out, hash: refutation.hash() };
    if arguments.json {
        output::json(&written);
    } else {
        refutation.in_words_with(&no_plan.diagram).iter().for_each(|sentence| output::line(&format!("  {sentence}")));
        output::line(&format!("{}: no plan from {} on, hash {}", written.file.display(), no_plan.from, written.hash));
    }
    Ok(Verdict::Good)
}

fn verify(arguments: &Verify) -> Result<Verdict, Failure> {
    let fleet = arguments.fleet.as_deref().map(FleetFile::read).transpose()?;
    match AnyProof::read(&arguments.file)? {
        AnyProof::Plan(proof) => {
            let problems = arguments.open.iter().map(|path| proof::read_problem(path));
            let checked = proof.check(fleet.as_ref(), &problems.collect::<Result<Vec<_>, NodeError>>()?);
            if arguments.json {
                output::json(&checked);
            } else {
                show(&checked, fleet.is_some());
            }
            Ok(Verdict::good_if(checked.verified))
        }
        AnyProof::NoPlan(refutation) => {
            if let [_, more, ..] = arguments.open.as_slice() {
                let why = "the problems of a proof that there is no plan are those of one document";
                return Err(Failure::Misplaced { option: "a second --open", path: more.clone(), why });
            }
            let document = arguments.open.first().map(|path| ir::read_sound(path)).transpose()?;
            let refuted = refutation.check(fleet.as_ref(), document.as_ref().map(|document| &document.diagram));
            if arguments.json {
                output::json(&refuted);
            } else {
                show_refuted(&refuted, fleet.is_some());
            }
            Ok(Verdict::good_if(refuted.verified))
        }
    }
}

fn show_refuted(refuted: &Refuted, are_keys_known: bool) {
    refuted.findings.iter().for_each(|finding| output::line(finding));
    output::line("no plan:");
    no_plan::show(refuted);
    if !are_keys_known && refuted.members.iter().any(|member| member.signed) {
        output::note(KEYS_UNKNOWN);
    }
    let verdict = if refuted.verified { "verified" } else { "NOT verified" };
    output::line(&format!("{verdict}: {}", refuted.hash));
}

fn show(checked: &Checked, are_keys_known: bool) {
    for finding in &checked.findings {
        output::line(finding);
    }
    if let (Some((plan, epoch)), Some(cost), Some(lower), Some(gap)) =
        (checked.plan, checked.cost, checked.lower_bound, checked.gap)
    {
        let members = checked.members.iter().map(AssetId::as_str).collect::<Vec<_>>().join(", ");
        output::line(&format!("plan {plan}.{epoch} of {members}: cost {cost:.6}, bound {lower:.6}, gap {gap:.2e}"));
    }
    if !checked.recomputed.is_empty() {
        let mut table = Table::new(&["member", "cost", "recomputed", "bound", "recomputed"], 1..5);
        for one in &checked.recomputed {
            let figures = [one.cost, one.cost_recomputed, one.lower_bound, one.lower_bound_recomputed];
            table.row(std::iter::once(one.asset.to_string()).chain(figures.map(|figure| format!("{figure:.9}"))));
        }
        output::line(table.to_text().trim_end());
    }
    if !are_keys_known {
        output::note(KEYS_UNKNOWN);
    }
    let verdict = if checked.verified { "verified" } else { "NOT verified" };
    output::line(&format!("{verdict}: {}", checked.hash));
}

fn open(arguments: &Open) -> Result<Verdict, Failure> {
    let run = FlownRun::open(&arguments.run)?;
    let seed = run.seed()?;
    let opened = proof::open_problem(&run.folder, &run.scenario, seed, &arguments.asset, arguments.plan)?;
    proof::write_problem(&arguments.out, &opened.problem)?;
    let hash = mesh_model::Canonical::hash(&opened.problem);
    if arguments.json {
        output::json(&Written { file: &arguments.out, hash });
    } else {
        let (variables, rows) = (opened.problem.variables.len(), opened.problem.rows.len());
        output::line(&format!(
            "{}: {} in plan {}.{}, {variables} variables, {rows} rows, hash {hash}; it is private",
            arguments.out.display(),
            arguments.asset,
            arguments.plan,
            opened.epoch.number
        ));
    }
    Ok(Verdict::Good)
}

fn asset(text: &str) -> Result<AssetId, String> {
    AssetId::new(text).map_err(|why| why.to_string())
}

const KEYS_UNKNOWN: &str = "the keys are those that the file brings along; hold them against the fleet's with --fleet";
