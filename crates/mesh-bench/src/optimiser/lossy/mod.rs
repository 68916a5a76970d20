//! The edge core where messages are lost, late or cut off, and what the same recording gives twice.
//!
//! [`weather`] is what happens to messages, [`flight`] a run in it, [`peer`] plain ADMM in the same weather, [`replay`]
//! the same arrivals once more. Rows 8 to 10 are without acceleration, and no fast path is taken; one setting serves all.
//! A seed says where members start and what is lost, so that what a run is compared with is no single run.

pub mod flight;
pub mod peer;
pub mod replay;
pub mod weather;

use super::peer::Goal;
use super::pglib::{self, matpower, whole};
use super::{Row, Sense, SuiteError, SuiteReport, SuiteSettings};
use flight::{Flight, Landing, Payload};
use mesh_solver::Network;
use mesh_solver::rounds::Settings;
use weather::Weather;

/// A case with the cost that the referee finds.
struct Ground {
    name: &'static str,
    network: Network,
    optimum: f64,
}

/// Runs the suite.
pub fn run(
    settings: &SuiteSettings,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<SuiteReport, SuiteError> {
    let mut report = SuiteReport::default();
    for ground in grounds(settings)? {
        progress(&format!("lossy: {}", ground.name))?;
        let clear = seeds(&ground, &Weather::Clear, &mut report, progress)?;
        let lost = seeds(&ground, &Weather::Loss(LOSS), &mut report, progress)?;
        let burst = seeds(&ground, &Weather::Bursts(LOSS, BURST_ROUNDS), &mut report, progress)?;
        let mut ratio = |row, measure: &str, rounds: &[u64], must, reach| {
            let value = median(rounds) / median(&clear);
            report.rows.push(
                Row::new((row, SUITE), ground.name, (measure, "1"), value, (Sense::AtMost, must)).reaching_for(reach),
            );
            report.notes.push(format!(
                "{}, {measure}: without loss median {} rounds, {} to {}, over {SEEDS} starts; with it median {}, most {}, from the same.",
                ground.name,
                median(&clear),
                clear.iter().min().copied().unwrap_or(0),
                clear.iter().max().copied().unwrap_or(0),
                median(rounds),
                rounds.iter().max().copied().unwrap_or(0)
            ));
        };
        ratio(8, "rounds at 30% independent loss over lossless", &lost, 2.0, 1.43);
        ratio(9, "rounds at 30% loss in bursts of 20 over lossless", &burst, 4.0, 2.5);
        against_peer(&ground, &lost, &mut report, progress)?;
        cut(&ground, &clear, &mut report, progress)?;
        accelerated(&ground, &mut report, progress)?;
    }
    delays(&grounds(settings)?, &mut report, progress)?;
    let share = replay::identical_share(progress)?;
    let row = Row::new((15, SUITE), "random networks", ("messages of bit-identical replays", "%"), share.percent, ALL);
    report.rows.push(row);
    report.notes.push(format!(
        "Replay: {} messages of {} recordings, under loss and delay; the golden hash {}.",
        share.messages,
        share.recordings,
        if share.golden { "is that of the repository" } else { "differs from that of the repository" }
    ));
    Ok(report)
}

fn grounds(settings: &SuiteSettings) -> Result<Vec<Ground>, SuiteError> {
    let files = pglib::case_files(settings.data.as_deref())?;
    let mut grounds = Vec::new();
    for name in CASES {
        let file = format!("pglib_opf_case{name}.m");
        let Some(path) = files.iter().find(|path| path.file_name().is_some_and(|found| found == file.as_str())) else {
            let data = settings.data.clone().unwrap_or_else(|| pglib::DATA.into());
            let expected = "pglib_opf_case24_ieee_rts.m, pglib_opf_case39_epri.m and pglib_opf_case73_ieee_rts.m";
            return Err(SuiteError::NoCases { suite: SUITE, data, expected });
        };
        let case = matpower::read(path)?;
        let failed = |why: String| SuiteError::Failed { case: name.to_owned(), why };
        let whole = whole::solve(&case, REFEREE_TOLERANCE)?.ok_or_else(|| failed("has no plan".to_owned()))?;
        let optimum = whole.cost / case.cost_unit();
        let areas = pglib::network(&case).map_err(|why| failed(why.to_string()))?;
        grounds.push(Ground { name, network: areas.network, optimum });
    }
    Ok(grounds)
}

/// One run, with its verdict held against the referee's.
fn fly(
    ground: &Ground,
    weather: Weather,
    seed: u64,
    (rounds_max, accelerate): (u64, bool),
    report: &mut SuiteReport,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<Landing, SuiteError> {
    progress(&format!("lossy: {}, {weather:?}, seed {seed}", ground.name))?;
    let settings = Settings { accelerate, ..Settings::default() };
    let flight = Flight { network: &ground.network, settings, weather, seed, scatter: SCATTER, rounds_max };
    let landing = flight.fly(ground.name, &mut |_, _| {})?;
    report.verdicts += u64::from(landing.verdict.is_some());
    report.verdicts_false += u64::from(landing.verdict.is_some() && !landing.is_right(ground.optimum));
    Ok(landing)
}

fn seeds(
    ground: &Ground,
    weather: &Weather,
    report: &mut SuiteReport,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<Vec<u64>, SuiteError> {
    (0..SEEDS)
        .map(|seed| Ok(fly(ground, weather.clone(), seed, (ROUNDS_MAX, false), report, progress)?.rounds))
        .collect()
}

/// Row 8, second part: the same losses for plain ADMM.
fn against_peer(
    ground: &Ground,
    ours: &[u64],
    report: &mut SuiteReport,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<(), SuiteError> {
    let weather = Weather::Loss(LOSS);
    // Twice what ours needs at worst: a peer that is not there by then is not better.
    let most = ours.iter().max().map_or(u32::MAX, |rounds| 2 * *rounds as u32);
    let usual = Goal::usual(ground.optimum);
    let goal = Goal { rounds_max: usual.rounds_max.min(most), ..usual };
    let found = peer::search(&ground.network, goal, &weather, SEEDS, progress)?;
    let worst = ours.iter().zip(&found.rounds).map(|(ours, peer)| *ours as f64 / f64::from(*peer)).fold(0.0, f64::max);
    let rounds: Vec<u64> = found.rounds.iter().map(|rounds| u64::from(*rounds)).collect();
    let measure = ("most rounds over plain ADMM's with the same losses", "1");
    let row = Row::new((8, SUITE), ground.name, measure, worst, (Sense::AtMost, 1.0));
    report.rows.push(row.against(format!("plain ADMM, rho {}, median rounds", found.rho), median(&rounds)));
    let arrived = match found.arrived {
        0 => "none of them arrives within twice our worst, so any counts as that and the first stands in the table",
        _ => "those that arrive are the ones below the limit",
    };
    report.notes.push(format!(
        "{}, plain ADMM at 30% loss, mean rounds by rho over 5 seeds, at most {}; {arrived}: {}.",
        ground.name, goal.rounds_max, found.tried
    ));
    Ok(())
}

/// Row 10: each start by itself, against its own undisturbed run.
fn cut(
    ground: &Ground,
    undisturbed: &[u64],
    report: &mut SuiteReport,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<(), SuiteError> {
    let mut ratios = Vec::with_capacity(undisturbed.len());
    for (seed, undisturbed) in undisturbed.iter().enumerate() {
        let half = undisturbed / 2;
        let island = (0..ground.network.members.len() / 2).collect();
        let weather = Weather::Cut { from: half + 1, until: 2 * half + 1, island };
        let landing = fly(ground, weather, seed as u64, (ROUNDS_MAX, false), report, progress)?;
        ratios.push(landing.rounds.saturating_sub(2 * half) as f64 / (undisturbed - half) as f64);
    }
    ratios.sort_by(f64::total_cmp);
    let measure = ("rounds from the heal over those still needed at the cut", "1");
    let row = Row::new((10, SUITE), ground.name, measure, middle(&ratios), (Sense::AtMost, 1.3));
    report.rows.push(row.reaching_for(1.1));
    report.notes.push(format!(
        "{}, {}: median over {SEEDS} starts, {:.2} to {:.2}.",
        ground.name,
        measure.0,
        ratios.first().copied().unwrap_or(f64::NAN),
        ratios.last().copied().unwrap_or(f64::NAN)
    ));
    Ok(())
}

/// What Halpern's steps do where nothing is lost, and where little is; and what messages weigh.
fn accelerated(
    ground: &Ground,
    report: &mut SuiteReport,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<(), SuiteError> {
    for (weather, words) in [(Weather::Clear, "nothing lost"), (Weather::Loss(0.01), "1% lost")] {
        let mut said = Vec::new();
        for (accelerate, step) in [(false, "plain steps"), (true, "Halpern's")] {
            let (mut rounds, mut payload) = (Vec::new(), Payload::default());
            for seed in 0..SEEDS {
                let landing = fly(ground, weather.clone(), seed, (ROUNDS_MAX, accelerate), report, progress)?;
                rounds.push(landing.rounds);
                payload.bytes += landing.payload.bytes;
                payload.states += landing.payload.states;
                payload.steps += landing.payload.steps;
            }
            said.push(format!(
                "{step} median {} rounds, {} payload bytes a run; {:.2} bytes a reflected state, 8 were they whole",
                median(&rounds),
                payload.bytes / SEEDS,
                8.0 - 6.0 * payload.steps as f64 / payload.states.max(1) as f64
            ));
        }
        report.notes.push(format!("{}, {words}: {}.", ground.name, said.join("; ")));
    }
    Ok(())
}

/// Row 11.
fn delays(
    grounds: &[Ground],
    report: &mut SuiteReport,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<(), SuiteError> {
    let (mut right, mut rounds) = (0_u32, Vec::new());
    for run in 0..DELAYED_RUNS {
        let ground = &grounds[run as usize % grounds.len()];
        let landing = fly(ground, Weather::Delay(DELAY_ROUNDS), run, (DELAYED_ROUNDS_MAX, true), report, progress)?;
        right += u32::from(landing.verdict.is_some() && landing.is_right(ground.optimum));
        rounds.push(landing.rounds);
    }
    let value = 100.0 * f64::from(right) / DELAYED_RUNS as f64;
    let measure = ("converged with a right certificate, delay up to 100 rounds", "%");
    report.rows.push(Row::new((11, SUITE), "24, 39, 73", measure, value, ALL));
    report.notes.push(format!(
        "Delay: {DELAYED_RUNS} runs, median {} rounds, most {}.",
        median(&rounds),
        rounds.iter().max().copied().unwrap_or(0)
    ));
    Ok(())
}

fn median(rounds: &[u64]) -> f64 {
    let mut sorted: Vec<f64> = rounds.iter().map(|rounds| *rounds as f64).collect();
    sorted.sort_by(f64::total_cmp);
    middle(&sorted)
}

fn middle(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

const SUITE: &str = "lossy";
const CASES: [&str; 3] = ["24_ieee_rts", "39_epri", "73_ieee_rts"];
const ALL: (Sense, f64) = (Sense::AtLeast, 100.0);
/// Share of messages, or of stretches of rounds, that is lost.
const LOSS: f64 = 0.3;
const BURST_ROUNDS: u64 = 20;
const SEEDS: u64 = 20;
/// How far apart the starts of different seeds are, as part of each shared variable's width.
const SCATTER: f64 = 1.0 / 64.0;
/// Most rounds of a run that is not delayed; one that does not arrive counts as this many.
const ROUNDS_MAX: u64 = 6000;
const DELAY_ROUNDS: u64 = 100;
const DELAYED_RUNS: u64 = 100;
const DELAYED_ROUNDS_MAX: u64 = 20_000;
const REFEREE_TOLERANCE: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_between_the_middle_two() {
        assert_eq!(median(&[3, 1, 2]), 2.0);
        assert_eq!(median(&[4, 1, 2, 3]), 2.5);
    }
}
