//! The suite on few instances, against the true optimum.

use super::generate::{SIZES, instance};
use super::*;

/// The optimum by branch and bound: tasks in order, each with the best profit that anybody still has as a ceiling.
fn optimum(instance: &Instance) -> Option<f64> {
    let tasks = instance.profits[0].len();
    let most = |task: usize| instance.profits.iter().map(|row| row[task]).fold(f64::MIN, f64::max);
    // What the tasks from each on can earn at most.
    let mut ceilings = vec![0.0; tasks + 1];
    for task in (0..tasks).rev() {
        ceilings[task] = ceilings[task + 1] + most(task);
    }
    let mut best = None;
    let mut room = instance.capacities.clone();
    branch(instance, &ceilings, 0, 0.0, &mut room, &mut best);
    best
}

fn branch(instance: &Instance, ceilings: &[f64], task: usize, value: f64, room: &mut Vec<i64>, best: &mut Option<f64>) {
    if best.is_some_and(|best| value + ceilings[task] <= best) {
        return;
    }
    if task + 1 == ceilings.len() {
        *best = Some(value);
        return;
    }
    let mut agents: Vec<usize> = (0..room.len()).collect();
    agents.sort_by(|a, b| instance.profits[*b][task].total_cmp(&instance.profits[*a][task]));
    for agent in agents {
        let weight = instance.weights[agent][task];
        if weight <= room[agent] {
            room[agent] -= weight;
            branch(instance, ceilings, task + 1, value + instance.profits[agent][task], room, best);
            room[agent] += weight;
        }
    }
}

#[test]
fn value_and_bound_enclose_the_optimum() {
    let mut short = 0.0;
    for number in 1..=12 {
        let instance = instance(4, 12, number);
        let optimum = optimum(&instance);
        match (measure_one(&instance).unwrap(), optimum) {
            (Some(measured), Some(optimum)) => {
                assert!(measured.value <= optimum && optimum <= measured.bound, "{measured:?}, {optimum}");
                short += (optimum - measured.value) / optimum;
            }
            (None, None) => {}
            (measured, optimum) => panic!("{number}: {measured:?} where enumeration finds {optimum:?}"),
        }
    }
    assert!(short / 12.0 <= 0.005, "{short}");
}

#[test]
fn a_few_of_the_suite_reach_what_they_must() {
    let few: Vec<Instance> = SIZES.iter().step_by(4).map(|(agents, tasks)| instance(*agents, *tasks, 1)).collect();
    let mut report = SuiteReport::default();
    let measured = measure(&few, &mut report.notes, &mut |_| Ok(())).unwrap();
    report_gaps("few", &measured, &mut report);
    let [row] = &report.rows[..] else { panic!("{report:?}") };
    assert!(row.holds && row.peer_value.is_some_and(|peer| peer > row.value), "{row:?}");
}

/// An instance with the published optimum of another is told from it, and not compared.
#[test]
fn an_optimum_that_cannot_be_is_not_compared_with() {
    let one = |published| Measured {
        name: "c515-1".to_string(),
        published,
        bound: 340.0,
        value: 330.0,
        gap: 10.0 / 340.0,
        plain_gap: 0.1,
        plain_left: 1,
        unpriced_gap: 0.05,
        rounds: 1.0,
        bytes: 1.0,
    };
    let mut report = SuiteReport::default();
    report_published(&[one(Some(336.0)), one(Some(329.0)), one(Some(341.0)), one(None)], &mut report);
    let [row] = &report.rows[..] else { panic!("{report:?}") };
    assert!((row.value - 6.0 / 336.0).abs() < 1e-12 && !row.holds && row.case == "1 published", "{row:?}");
    assert_eq!(report.notes.len(), 2);
}

#[test]
fn whoever_interrupts_is_heard() {
    let settings = SuiteSettings { data: None };
    assert!(matches!(run(&settings, &mut |_| Err(SuiteError::Interrupted)), Err(SuiteError::Interrupted)));
}
