//! `bench`: measures the optimiser against its peers and its limits.

use crate::failure::{Failure, Verdict};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Spinner;
use crate::table::Table;
use mesh_bench::optimiser::{self, Row, Suite, SuiteError, SuiteReport, SuiteSettings, page};
use mesh_node::{NodeError, durable};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Measures against peers and limits.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Measures the optimiser: our solver and the referee in one process, on the same work.
    Optimiser(Arguments),
}

/// Measures the optimiser.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to measure.
    #[arg(long, value_name = "SUITE", default_value = "all", value_parser = Choice::parse)]
    suite: Choice,
    /// Where case files are: PGLib (*.m), OR-Library (gap*.txt).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Renews the figures in this page, between the marks that it holds, and the pictures in `images/optimiser` beside it.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Prints the figures as one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Which suites are run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice(Vec<Suite>);

/// The figures as JSON.
#[derive(Serialize)]
struct Figures<'a> {
    rows: Vec<&'a Row>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<Verdict, Failure> {
    let interrupt = Interrupt::listen()?;
    if let Some(page) = &arguments.page {
        // Before a quarter of an hour is spent on it.
        renewed(page, "")?;
    }
    if cfg!(debug_assertions) {
        output::note("this is a debug build: what takes time is not what a release build takes");
    }
    interrupt.await_requests();
    let settings = SuiteSettings { data: arguments.data.clone() };
    let spinner = Spinner::new("the optimiser is measured");
    let mut reports: Vec<(&'static str, SuiteReport)> = Vec::new();
    let mut tell = |doing: &str| {
        spinner.tell(doing);
        if interrupt.is_requested() { Err(SuiteError::Interrupted) } else { Ok(()) }
    };
    let mut done = |suite, report: SuiteReport| {
        if !arguments.json {
            spinner.aside(|| show(suite, &report));
        }
        reports.push((suite, report));
    };
    let outcome = optimiser::run(&arguments.suite.0, &settings, &mut tell, &mut done);
    spinner.finish();
    if arguments.json {
        output::json(&Figures { rows: reports.iter().flat_map(|(_, report)| &report.rows).collect() });
    }
    match outcome {
        Ok(()) => {}
        Err(SuiteError::Interrupted) => return Ok(Verdict::Interrupted),
        Err(why) => return Err(Failure::Suite(why)),
    }
    if let Some(page) = &arguments.page {
        write_page(page, &reports)?;
    }
    Ok(Verdict::good_if(reports.iter().flat_map(|(_, report)| &report.rows).all(|row| row.holds)))
}

impl Choice {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Suite::ALL.to_vec()));
        }
        let names = || Suite::ALL.map(Suite::name).join(", ");
        let suite = Suite::ALL.into_iter().find(|suite| suite.name() == text);
        suite.map(|suite| Self(vec![suite])).ok_or_else(|| format!("expected all or one of {}", names()))
    }
}

fn show(suite: &str, report: &SuiteReport) {
    let mut table = Table::new(&["row", "case", "measure", "value", "must", "", "peer", "peer's"], 3..4);
    for row in &report.rows {
        table.row([
            row.row.to_string(),
            row.case.clone(),
            row.measure.clone(),
            page::measured(row.value, row.unit),
            format!("{} {}", row.sense.symbol(), page::figure(row.must)),
            if row.holds { "holds" } else { "MISSED" }.to_owned(),
            row.peer.clone().unwrap_or_default(),
            row.peer_value.map_or_else(String::new, page::figure),
        ]);
    }
    output::line(&format!("{suite}\n{}", table.to_text()));
    for note in &report.notes {
        output::line(&format!("  {note}"));
    }
    output::line("");
}

fn write_page(path: &Path, reports: &[(&'static str, SuiteReport)]) -> Result<(), Failure> {
    let pictures = path.parent().unwrap_or(Path::new("")).join(PICTURES);
    std::fs::create_dir_all(&pictures).map_err(NodeError::refused("create", &pictures))?;
    for curve in reports.iter().flat_map(|(_, report)| &report.curves) {
        durable::replace_file(&pictures.join(format!("{}.svg", curve.name)), curve.svg().as_bytes())?;
    }
    let text = renewed(path, &page::markdown(reports, PICTURES))?;
    durable::replace_file(path, text.as_bytes())?;
    Ok(())
}

/// The page with its part renewed.
fn renewed(path: &Path, part: &str) -> Result<String, Failure> {
    let text = durable::read_text(path)?;
    page::replaced(&text, part).ok_or_else(|| Failure::PageWithoutMarks(path.to_owned()))
}

/// Where pictures are, from the page.
const PICTURES: &str = "images/optimiser";
