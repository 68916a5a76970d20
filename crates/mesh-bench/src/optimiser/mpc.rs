//! Row 14: a row of vehicles steered over a receding horizon, our warm plans against Clarabel's cold ones.
//!
//! Both solve the same problem at each of 20 steps of a closed loop that flies the first input of our plan. Ours is timed
//! over all agents' work in one thread, from the measured states to a certified plan; Clarabel from the written problem
//! to its solution; the lesser of two times each, as others may be at work beside. The first step, where there is nothing
//! to be warm from, is reported beside and not counted. A plan whose cost differs from Clarabel's by more than its
//! tolerance, or that breaks a constraint, counts as a false one.

mod referee;
mod scenario;

use super::{Curve, Row, Sense, SuiteError, SuiteReport, SuiteSettings};
use mesh_solver::formation::{Formation, Plan, Planner, State};
use referee::{Form, Verdict};
use scenario::{Scenario, fly, scenario};
use std::time::Instant;

/// Runs the suite.
pub fn run(
    _settings: &SuiteSettings,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<SuiteReport, SuiteError> {
    let mut cases = Vec::new();
    for vehicles in VEHICLES {
        let mut flights = Vec::new();
        for seed in SEEDS {
            progress(&format!("mpc: {vehicles} vehicles, seed {seed}"))?;
            flights.push(flight(vehicles, seed, progress)?);
        }
        cases.push((vehicles, flights));
    }
    Ok(report(&cases))
}

/// What one closed loop took; sums over its warm steps.
#[derive(Debug, Default)]
struct Flight {
    ours_s: f64,
    referee_s: f64,
    cold_ours_s: f64,
    cold_referee_s: f64,
    sweeps: u64,
    cold_sweeps: u64,
    rounds: u64,
    bytes: u64,
    false_plans: u64,
    /// Largest relative difference of cost, of all steps.
    difference: f64,
    /// Shares of inputs at their largest, inputs at zero, velocities at their largest, steps with priced thrust; sums.
    held: [f64; 4],
}

fn flight(
    vehicles: usize,
    seed: u64,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<Flight, SuiteError> {
    let Scenario { formation, goals, mut states } = scenario(vehicles, seed);
    let failed = |step: usize, why: String| SuiteError::Failed {
        case: format!("{vehicles} vehicles, seed {seed}, step {step}"),
        why,
    };
    let mut flight = Flight::default();
    let mut planner =
        Planner::new(&formation, &goals, &states, GAP_MAX).map_err(|error| failed(0, error.to_string()))?;
    for step in 0..STEPS {
        progress("")?;
        let before = planner.clone();
        let mut ours_s = f64::INFINITY;
        let mut plan = None;
        for _ in 0..REPEATS {
            planner = before.clone();
            let begin = Instant::now();
            if step > 0 {
                planner.advance(&states).map_err(|error| failed(step, error.to_string()))?;
            }
            plan = Some(planner.solve().map_err(|error| failed(step, error.to_string()))?);
            ours_s = ours_s.min(begin.elapsed().as_secs_f64());
        }
        let plan = plan.expect("there is at least one repeat");
        let verdict = cold(&formation, &goals, &states)?;
        flight.count(step, &plan, (ours_s, verdict.seconds), verdict.cost);
        let counts = planner.count_held().map(|count| count as f64);
        let each = (2 * vehicles * formation.steps) as f64;
        let shares = [counts[0] / each, counts[1] / each, counts[2] / each, counts[3] / formation.steps as f64];
        flight.held.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share / STEPS as f64);
        let first = |vehicle: usize| planner.inputs(vehicle).map(|inputs| inputs[0]);
        states = (0..vehicles).map(|vehicle| fly(&formation, &states[vehicle], first(vehicle))).collect::<Vec<State>>();
    }
    Ok(flight)
}

/// The faster form's least time.
fn cold(formation: &Formation, goals: &[[f64; 2]], states: &[State]) -> Result<Verdict, SuiteError> {
    let [inputs, velocities] = Form::ALL.map(|form| referee::judge(form, formation, goals, states));
    let (inputs, velocities) = (inputs?, velocities?);
    let (form, mut best) =
        if inputs.seconds <= velocities.seconds { (Form::ALL[0], inputs) } else { (Form::ALL[1], velocities) };
    for _ in 1..REPEATS {
        best.seconds = best.seconds.min(referee::judge(form, formation, goals, states)?.seconds);
    }
    Ok(best)
}

impl Flight {
    fn count(&mut self, step: usize, plan: &Plan, (ours_s, referee_s): (f64, f64), cost: f64) {
        let difference = (plan.upper - cost).abs() / cost.abs().max(1.0);
        self.difference = self.difference.max(difference);
        let right = difference <= DIFFERENCE_MAX && plan.violation <= VIOLATION_MAX;
        self.false_plans += u64::from(!right);
        if step == 0 {
            (self.cold_ours_s, self.cold_referee_s) = (ours_s, referee_s);
            self.cold_sweeps = u64::from(plan.effort.sweeps);
        } else {
            self.ours_s += ours_s;
            self.referee_s += referee_s;
            self.sweeps += u64::from(plan.effort.sweeps);
            self.rounds += plan.effort.rounds;
            self.bytes += plan.effort.bytes;
        }
    }

    fn speed(&self) -> f64 {
        self.referee_s / self.ours_s
    }
}

fn report(cases: &[(usize, Vec<Flight>)]) -> SuiteReport {
    let mut report = SuiteReport::default();
    let warm = (STEPS - 1) as f64;
    let speed = |case: String, measure: &str, value: f64, referee_s: f64| {
        Row::new((14, "mpc"), case, (measure, "1"), value, (Sense::AtLeast, 4.0))
            .reaching_for(8.0)
            .against("Clarabel, cold: seconds a plan", referee_s)
    };
    let (mut ours_line, mut referee_line, mut cold_line) = (Vec::new(), Vec::new(), Vec::new());
    for (vehicles, flights) in cases {
        let mean = |of: &dyn Fn(&Flight) -> f64| flights.iter().map(of).sum::<f64>() / flights.len() as f64;
        let referee_s = mean(&|flight| flight.referee_s / warm);
        let case = format!("M = {vehicles}");
        let mut speeds: Vec<f64> = flights.iter().map(Flight::speed).collect();
        speeds.sort_by(f64::total_cmp);
        let median = 0.5 * (speeds[(speeds.len() - 1) / 2] + speeds[speeds.len() / 2]);
        report.rows.push(speed(case.clone(), "speed over Clarabel, median of seeds", median, referee_s));
        report.rows.push(speed(case, "speed over Clarabel, least of seeds", speeds[0], referee_s));
        let x = *vehicles as f64;
        ours_line.push((x, mean(&|flight| flight.ours_s / warm)));
        referee_line.push((x, referee_s));
        cold_line.push((x, mean(&|flight| flight.cold_ours_s)));
        let share = |place: usize| 100.0 * mean(&|flight| flight.held[place]);
        report.notes.push(format!(
            "M = {vehicles}: a warm plan takes {:.1} sweeps, {:.0} rounds and {:.0} bytes an agent; the cold first one \
             {:.0} sweeps, {:.2} times Clarabel's time. Inputs at their largest {:.0}%, at zero {:.0}%, velocities at \
             their largest {:.0}%, steps with priced thrust {:.0}%. Costs differ from Clarabel's by {:.1e} at most.",
            mean(&|flight| flight.sweeps as f64) / warm,
            mean(&|flight| flight.rounds as f64) / warm,
            mean(&|flight| flight.bytes as f64) / warm / x,
            mean(&|flight| flight.cold_sweeps as f64),
            mean(&|flight| flight.cold_ours_s) / mean(&|flight| flight.cold_referee_s),
            share(0),
            share(1),
            share(2),
            share(3),
            flights.iter().map(|flight| flight.difference).fold(0.0, f64::max),
        ));
    }
    let all = || cases.iter().flat_map(|(_, flights)| flights);
    let (ours, referee): (f64, f64) = (all().map(|f| f.ours_s).sum(), all().map(|f| f.referee_s).sum());
    let plans = all().count() as f64 * warm;
    report.rows.push(speed(
        "all M and seeds".into(),
        "speed over Clarabel, total time",
        referee / ours,
        referee / plans,
    ));
    report.verdicts = (all().count() * STEPS) as u64;
    report.verdicts_false = all().map(|flight| flight.false_plans).sum();
    report.notes.push(format!(
        "Ours stops at a certified relative gap of {GAP_MAX:e}, within all constraints up to {VIOLATION_MAX:e}; Clarabel at \
         its default tolerances, the faster of two sparse forms at each step. Warm steps only, all agents in one thread; \
         the lesser of two wall times each. On a busy machine that flatters ours: a long solve is interrupted twice \
         where a short one is not."
    ));
    report.curves.push(Curve {
        name: "mpc_time".into(),
        title: "Time of a plan for M vehicles, horizon 20".into(),
        x: "vehicles".into(),
        y: "seconds a plan".into(),
        series: vec![
            ("ours, warm".into(), ours_line),
            ("ours, cold first step".into(), cold_line),
            ("Clarabel, cold".into(), referee_line),
        ],
    });
    report
}

const VEHICLES: std::ops::RangeInclusive<usize> = 2..=14;
const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;
/// Steps of a closed loop.
const STEPS: usize = 20;
/// The least time of so many counts, for both.
const REPEATS: usize = 2;
/// Where ours stops.
const GAP_MAX: f64 = 1e-7;
/// Relative difference of cost beyond which a plan is false; Clarabel's own tolerance is 1e-8.
const DIFFERENCE_MAX: f64 = 1e-6;
const VIOLATION_MAX: f64 = 1e-8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_referee_and_ours_agree() {
        for (vehicles, seed) in [(2, 1), (4, 2)] {
            let flight = flight(vehicles, seed, &mut |_| Ok(())).expect("both solve every step");
            assert_eq!(flight.false_plans, 0, "costs differ by {}", flight.difference);
            assert!(flight.held.iter().all(|share| *share > 0.0), "a limit that is never met: {:?}", flight.held);
        }
        let Scenario { formation, goals, states } = scenario(3, 5);
        let costs = Form::ALL.map(|form| referee::judge(form, &formation, &goals, &states).expect("solved").cost);
        assert!((costs[0] - costs[1]).abs() <= 1e-6 * costs[0], "{costs:?}");
    }
}
