//! What a diagram says does not depend on who solves it: its composite by one solver, the same by another, its network
//! by members that only talk to their neighbours.

use crate::diagrams::{self, Numbers};
use crate::referee::{Verdict, judge};
use mesh_model::Diagram;
use mesh_model::diagram::{Label, composite};
use mesh_solver::rounds::{Agent, Seat, Settings};
use mesh_solver::{Network, QpProblem, QpSolver};
use std::collections::BTreeMap;

/// All problems in one.
fn whole(diagram: &Diagram) -> QpProblem {
    QpProblem::from_local(&composite(diagram).expect("sound and closed").problem).expect("well formed")
}

/// Its optimum, by the referee.
fn refereed(problem: &QpProblem) -> f64 {
    match judge(problem, problem.linear()) {
        Verdict::Optimal { cost } => cost,
        other => panic!("feasible by construction: {other:?}"),
    }
}

/// What the members agree on, bounded from both sides: the sum over the parts of the network, each with a member that
/// knows its part's bounds. Who meets nobody has nothing to agree on and solves its problem.
fn negotiated(diagram: &Diagram) -> [f64; 2] {
    let network = Network::from_diagram(diagram).expect("solvable");
    let seats = Seat::all(&network).expect("shares what exists");
    let (alone, meeting): (Vec<Seat>, Vec<Seat>) = seats.into_iter().partition(|seat| seat.links.is_empty());
    let mut bounds = [alone.iter().map(|seat| optimum_of(&seat.problem)).sum(); 2];
    let roots: Vec<usize> = meeting.iter().filter(|seat| seat.parent.is_none()).map(|seat| seat.member).collect();
    let agents = meeting.into_iter().map(|seat| (seat.member, Agent::new(Settings::default(), seat)));
    let mut agents: BTreeMap<usize, Agent> = agents.map(|(member, agent)| (member, agent.expect("feasible"))).collect();
    for _ in 0..ROUNDS_MAX {
        let mut messages = Vec::new();
        for (from, agent) in &mut agents {
            agent.next_round().expect("feasible");
            messages.extend(std::iter::from_fn(|| agent.poll()).map(|(to, message)| (*from, to, message)));
        }
        for (from, to, message) in messages {
            agents.get_mut(&to).expect("it meets somebody").handle(from, message).expect("nobody lies");
        }
        let verdicts = roots.iter().filter_map(|root| agents[root].verdict());
        let arrived: Vec<_> = verdicts.filter(|verdict| verdict.converged).collect();
        if arrived.len() == roots.len() {
            for verdict in arrived {
                bounds = [bounds[0] + verdict.lower, bounds[1] + verdict.upper];
            }
            return bounds;
        }
    }
    panic!("not within {ROUNDS_MAX} rounds")
}

fn optimum_of(problem: &QpProblem) -> f64 {
    let no_extra = vec![0.0; problem.variables()];
    let mut solver = QpSolver::new(problem, &no_extra, mesh_solver::Settings::default()).expect("convex");
    solver.solve_as_given().expect("feasible by construction").objective + problem.constant()
}

const ROUNDS_MAX: u64 = 3000;

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-6 * one.abs().max(1.0)
}

#[test]
fn the_composite_costs_the_same_whoever_solves_it() {
    for seed in 0..40 {
        let problem = whole(&diagrams::nested(&mut Numbers(seed), &BTreeMap::new(), 2));
        let (ours, theirs) = (optimum_of(&problem), refereed(&problem));
        assert!(close(ours, theirs), "seed {seed}: {ours} and {theirs}");
    }
}

#[test]
fn flattening_and_other_names_do_not_change_the_optimum() {
    for seed in 0..20 {
        let nested = diagrams::nested(&mut Numbers(seed), &BTreeMap::new(), 2);
        let canonical = nested.canonical().expect("sound");
        let mut renamed = canonical.clone();
        let count = renamed.boxes.len();
        let other = |place: usize| Label::new(&format!("box_{:04}", count - place)).expect("a good label");
        renamed.boxes = renamed.boxes.into_values().enumerate().map(|(place, of)| (other(place), of)).collect();
        let expect = optimum_of(&whole(&nested));
        for same in [canonical, renamed] {
            assert!(close(optimum_of(&whole(&same)), expect), "seed {seed}");
        }
    }
}

#[test]
fn members_that_talk_to_neighbours_reach_the_optimum_of_the_composite() {
    for seed in 0..60 {
        let mut numbers = Numbers(seed);
        // Open diagrams, too: nobody is outside.
        let interface = diagrams::interface(&mut numbers, 2);
        let diagram = diagrams::nested(&mut numbers, &interface, 1);
        let [lower, upper] = negotiated(&diagram);
        let optimum = refereed(&whole(&diagram));
        // Plans may be off each other by a little, which is settled at prices that are off by a little.
        let slack = 1e-6 * optimum.abs().max(1.0);
        assert!(lower <= optimum + slack && optimum <= upper + slack, "seed {seed}: {lower} {optimum} {upper}");
        assert!(upper - lower <= 1e-3 * upper.abs().max(1.0), "seed {seed}: {lower} {optimum} {upper}");
    }
}
