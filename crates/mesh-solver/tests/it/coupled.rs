//! Three agents that agree over edges, against the composite solved in one piece.

use crate::generate::{Dice, mission_like};
use crate::referee::{Verdict, judge};
use mesh_solver::bound::{cost_rounded_up, lower_bound};
use mesh_solver::edge::{self, End};
use mesh_solver::{QpProblem, QpRow, QpSolver, Settings};

/// An agent with its ports: edge, end, and the flow variable of each step.
struct Agent {
    problem: QpProblem,
    ports: Vec<(usize, End, Vec<usize>)>,
}

/// One end of one edge.
struct Held {
    edge: usize,
    end: End,
    variables: Vec<usize>,
    state: Vec<f64>,
}

const WEIGHT: f64 = 0.6;

/// Agent 0 gives to 1 over edge 0 and to 2 over edge 1; agent 2 gives to 1 over edge 2.
fn fleet(seed: u64, steps: usize) -> Vec<Agent> {
    let ports = [
        vec![(0, End::Source), (1, End::Source)],
        vec![(0, End::Sink), (2, End::Sink)],
        vec![(1, End::Sink), (2, End::Source)],
    ];
    let agent = |(number, ports): (u64, Vec<(usize, End)>)| random_agent(seed * 3 + number, steps, ports);
    (0..).zip(ports).map(agent).collect()
}

/// Each step a level in 0..4, made of what comes in, less what goes out, and an own source that is costly.
fn random_agent(seed: u64, steps: usize, ports: Vec<(usize, End)>) -> Agent {
    let mut dice = Dice::new(seed);
    let (mut quadratic, mut linear, mut lower, mut upper, mut rows) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut variable = |low: f64, high: f64, curve: f64, slope: f64| {
        quadratic.push((linear.len(), linear.len(), curve));
        linear.push(slope);
        lower.push(low);
        upper.push(high);
        linear.len() - 1
    };
    let mut flows: Vec<Vec<usize>> = vec![Vec::new(); ports.len()];
    let mut level_before = None;
    for _ in 0..steps {
        let level = variable(0.0, 4.0, 0.05, -dice.unit());
        let own = variable(0.0, 2.0, 0.2 + dice.unit(), dice.unit());
        let used = variable(0.1, 2.0, 0.3, -3.0 * dice.unit());
        let mut terms = vec![(level, 1.0), (own, -1.0), (used, 1.0)];
        for ((_, end), flows) in ports.iter().zip(&mut flows) {
            let flow = variable(0.0, 0.8, 0.01, 0.0);
            flows.push(flow);
            terms.push((flow, if *end == End::Source { 1.0 } else { -1.0 }));
        }
        if let Some(before) = level_before {
            terms.push((before, -0.9));
        }
        rows.push(QpRow { terms, lower: 0.0, upper: 0.0 });
        level_before = Some(level);
    }
    let problem = QpProblem::new(&quadratic, linear, 1.0, rows, lower, upper).expect("well formed");
    let ports = ports.into_iter().zip(flows).map(|((edge, end), flows)| (edge, end, flows)).collect();
    Agent { problem, ports }
}

/// All agents in one problem, copies of one flow tied by equations.
fn composite(fleet: &[Agent], edges: usize, steps: usize) -> QpProblem {
    let (mut quadratic, mut linear, mut lower, mut upper, mut rows) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut constant = 0.0;
    let mut copies: Vec<Vec<usize>> = vec![Vec::new(); edges * steps];
    for agent in fleet {
        let (first, problem) = (linear.len(), &agent.problem);
        for i in 0..problem.variables() {
            let upper_part = problem.hessian_row(i).iter().filter(|(j, _)| *j >= i);
            quadratic.extend(upper_part.map(|(j, value)| (first + i, first + j, *value)));
        }
        linear.extend_from_slice(problem.linear());
        lower.extend_from_slice(problem.lower());
        upper.extend_from_slice(problem.upper());
        constant += problem.constant();
        rows.extend(
            problem
                .rows()
                .iter()
                .map(|row| QpRow { terms: row.terms.iter().map(|(j, a)| (first + j, *a)).collect(), ..row.clone() }),
        );
        for (edge, _, flows) in &agent.ports {
            flows.iter().enumerate().for_each(|(t, flow)| copies[edge * steps + t].push(first + flow));
        }
    }
    rows.extend(copies.iter().map(|pair| QpRow {
        terms: vec![(pair[0], 1.0), (pair[1], -1.0)],
        lower: 0.0,
        upper: 0.0,
    }));
    QpProblem::new(&quadratic, linear, constant, rows, lower, upper).expect("well formed")
}

struct Negotiator<'a> {
    agent: &'a Agent,
    augmented: QpSolver,
    plain: QpSolver,
    ends: Vec<Held>,
}

impl<'a> Negotiator<'a> {
    fn new(agent: &'a Agent) -> Self {
        let n = agent.problem.variables();
        let mut extra = vec![0.0; n];
        let mut ends = Vec::new();
        for (edge, end, variables) in &agent.ports {
            variables.iter().for_each(|j| extra[*j] += edge::pull(0.0, WEIGHT).diagonal);
            let state = vec![0.0; variables.len()];
            ends.push(Held { edge: *edge, end: *end, variables: variables.clone(), state });
        }
        let solver = |extra: &[f64]| QpSolver::new(&agent.problem, extra, Settings::default()).expect("feasible");
        Self { agent, augmented: solver(&extra), plain: solver(&vec![0.0; n]), ends }
    }

    /// One solve; the message for every edge.
    fn round(&mut self) -> Vec<(usize, End, Vec<f64>)> {
        let problem = &self.agent.problem;
        let mut linear = problem.linear().to_vec();
        for held in &self.ends {
            held.variables.iter().zip(&held.state).for_each(|(j, s)| linear[*j] += edge::pull(*s, WEIGHT).linear);
        }
        let x = self.augmented.solve(&linear, problem.lower(), problem.upper()).expect("feasible").x;
        let copy = |held: &Held| held.variables.iter().map(|j| x[*j]).collect::<Vec<f64>>();
        self.ends.iter().map(|held| (held.edge, held.end, edge::reflect(&copy(held), &held.state))).collect()
    }

    /// The cost of a plan that meets the flows, and a safe bound at the prices.
    fn evaluate(&mut self, candidates: &[(Vec<f64>, Vec<f64>)]) -> (f64, f64) {
        let problem = &self.agent.problem;
        let (mut lower, mut upper) = (problem.lower().to_vec(), problem.upper().to_vec());
        let (mut linear, mut extra) = (problem.linear().to_vec(), Vec::new());
        for held in &self.ends {
            let (flow, price) = &candidates[held.edge];
            for (t, j) in held.variables.iter().enumerate() {
                let at = flow[t].clamp(lower[*j], upper[*j]);
                (lower[*j], upper[*j]) = (at, at);
                let cost = edge::cost_of_price(price[t], held.end);
                linear[*j] += cost;
                extra.push((*j, cost));
            }
        }
        let repaired = self.plain.clone().solve(problem.linear(), &lower, &upper).expect("the flows can be met");
        let priced = self.plain.solve(&linear, problem.lower(), problem.upper()).expect("feasible");
        let bound = lower_bound(problem, &extra, &priced.x, &priced.row_multipliers);
        (cost_rounded_up(problem, &repaired.x), bound)
    }
}

/// Rounds until the certified gap is closed to `gap_max`; returns the flows, cost and bound.
fn negotiate(fleet: &[Agent], edges: usize, rounds_max: u32, gap_max: f64) -> (Vec<Vec<f64>>, f64, f64) {
    let mut negotiators: Vec<Negotiator> = fleet.iter().map(Negotiator::new).collect();
    let mut newest = (Vec::new(), f64::INFINITY, f64::NEG_INFINITY);
    for round in 0..rounds_max {
        let mut sent: Vec<[Vec<f64>; 2]> = vec![Default::default(); edges];
        for (edge, end, message) in negotiators.iter_mut().flat_map(Negotiator::round) {
            sent[edge][end as usize] = message;
        }
        if round % 10 == 9 {
            let candidates: Vec<_> = sent.iter().map(|[source, sink]| edge::candidate(source, sink, WEIGHT)).collect();
            let numbers: Vec<(f64, f64)> = negotiators.iter_mut().map(|n| n.evaluate(&candidates)).collect();
            let upper: f64 = numbers.iter().map(|(upper, _)| upper).sum();
            let lower: f64 = numbers.iter().map(|(_, lower)| lower).sum();
            newest = (candidates.into_iter().map(|(flow, _)| flow).collect(), upper, lower);
            if upper - lower <= gap_max * upper.abs().max(1.0) {
                break;
            }
        }
        for held in negotiators.iter_mut().flat_map(|n| &mut n.ends) {
            let [source, sink] = &sent[held.edge];
            let heard = if held.end == End::Source { sink } else { source };
            edge::receive(&mut held.state, heard, 0.5);
        }
    }
    newest
}

#[test]
fn three_agents_reach_what_one_planner_finds() {
    let (edges, steps) = (3, 6);
    for seed in 0..10 {
        let fleet = fleet(seed, steps);
        let whole = composite(&fleet, edges, steps);
        let Verdict::Optimal { cost: optimum } = judge(&whole, whole.linear()) else {
            panic!("seed {seed}: the referee has no optimum");
        };
        let (flows, upper, lower) = negotiate(&fleet, edges, 3000, 1e-9);
        assert!(upper - lower <= 1e-9 * upper.abs().max(1.0), "seed {seed}: gap between {lower} and {upper}");
        assert!((upper - optimum).abs() <= 1e-8 * optimum.abs().max(1.0), "seed {seed}: {upper}, optimum {optimum}");
        assert!(lower <= optimum + 1e-8 * optimum.abs().max(1.0));
        assert!(flows.iter().flatten().any(|flow| *flow > 1e-3), "seed {seed}: nothing flows, so nothing is tested");
    }
}

#[test]
fn the_bound_holds_at_any_price() {
    let (edges, steps) = (3, 6);
    for seed in 0..10 {
        let fleet = fleet(seed, steps);
        let whole = composite(&fleet, edges, steps);
        let Verdict::Optimal { cost: optimum } = judge(&whole, whole.linear()) else {
            panic!("seed {seed}: the referee has no optimum");
        };
        let mut dice = Dice::new(seed);
        let prices: Vec<_> =
            (0..edges).map(|_| (vec![0.0; steps], (0..steps).map(|_| 3.0 * dice.signed()).collect())).collect();
        let lower: f64 = fleet.iter().map(|agent| Negotiator::new(agent).evaluate(&prices).1).sum();
        assert!(lower < optimum, "seed {seed}: {lower} is above the optimum {optimum}");
    }
}

#[test]
fn mission_like_agents_agree() {
    let (problem, flows) = mission_like(24, 7);
    let (other, other_flows) = mission_like(24, 8);
    let fleet = [
        Agent { problem, ports: vec![(0, End::Source, flows)] },
        Agent { problem: other, ports: vec![(0, End::Sink, other_flows)] },
    ];
    let (_, upper, lower) = negotiate(&fleet, 1, 500, 1e-6);
    assert!(upper - lower <= 1e-6 * upper.abs().max(1.0), "gap between {lower} and {upper}");
}
