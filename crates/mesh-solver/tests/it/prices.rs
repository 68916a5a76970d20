//! The price search against the referee on the whole problem.

use crate::generate::Dice;
use crate::referee::{Verdict, judge};
use mesh_solver::prices::{Knapsack, Market, Outcome, Responder, Settings, Solved, Tree, TreeError, Unsolved};
use mesh_solver::{Member, QpProblem, QpRow, QpSolver, Share};

/// What a random fleet is like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Boxes of any size, weights of any sign, sums that are fixed or limited.
    Knapsacks,
    /// With rows enough to need the local QP.
    General,
    /// Nothing to choose: sums at their extremes.
    Tight,
    /// All agents alike.
    Alike,
    /// Next to no curvature of their own.
    Flat,
}

/// How the junctions are coupled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Coupling {
    Quadratic,
    Budget,
    Exchange,
}

fn member(dice: &mut Dice, kind: Kind, junctions: usize) -> Member {
    let n = junctions + dice.below(3);
    let flat = if kind == Kind::Flat { 1e-3 } else { 0.2 };
    let quadratic: Vec<_> = (0..n).map(|j| (j, j, flat * (0.5 + dice.unit()))).collect();
    let linear: Vec<f64> = (0..n).map(|_| 1.0 + 2.0 * dice.unit()).collect();
    let lower: Vec<f64> = (0..n).map(|_| if dice.chance(0.3) { -dice.unit() } else { 0.0 }).collect();
    let upper: Vec<f64> = (0..n).map(|_| if dice.chance(0.1) { 0.0 } else { 1.0 + dice.unit() }).collect();
    let weight = |dice: &mut Dice| if dice.chance(0.5) { 1.0 } else { 0.3 + dice.unit() };
    let weights: Vec<f64> = (0..n).map(|_| weight(dice)).collect();
    let (mut least, mut most) = (0.0, 0.0);
    for j in 0..n {
        (least, most) = (least + weights[j] * lower[j], most + weights[j] * upper[j]);
    }
    let part = if kind == Kind::Tight { dice.below(2) as f64 } else { 0.2 + 0.5 * dice.unit() };
    let sum = least + part * (most - least);
    let terms: Vec<_> = weights.iter().copied().enumerate().collect();
    let upper_end = if dice.chance(0.3) { f64::INFINITY } else { sum };
    let mut rows = vec![QpRow { terms, lower: sum, upper: upper_end }];
    if kind == Kind::General && n > 1 {
        rows.push(QpRow { terms: vec![(0, 1.0), (n - 1, -1.0)], lower: -1.0, upper: 1.0 });
    }
    let build = |rows| QpProblem::new(&quadratic, linear.clone(), 0.5, rows, lower.clone(), upper.clone());
    let mut problem = build(rows.clone()).expect("well formed");
    let feasible =
        |problem: &QpProblem| Responder::new(Member { problem: problem.clone(), shares: Vec::new() }).is_ok();
    if !feasible(&problem) {
        rows.pop();
        problem = build(rows).expect("well formed");
    }
    let mut share = |t: usize| Share { junction: t, terms: vec![(t, if dice.chance(0.2) { -0.7 } else { 1.0 })] };
    let shares = (0..junctions).map(&mut share).collect();
    Member { problem, shares }
}

fn fleet(kind: Kind, seed: u64) -> (Vec<Member>, usize) {
    let mut dice = Dice::new(seed);
    let (agents, junctions) = (1 + dice.below(20), 1 + dice.below(6));
    let mut members: Vec<Member> = (0..agents).map(|_| member(&mut dice, kind, junctions)).collect();
    if kind == Kind::Alike {
        members = vec![members[0].clone(); agents];
    }
    (members, junctions)
}

/// Markets around what the agents take at prices of zero, so that they press and can be met.
fn markets(members: &[Member], junctions: usize, coupling: Coupling, dice: &mut Dice) -> Vec<Market> {
    let mut sums = vec![0.0; junctions];
    let mut some = vec![0.0; junctions];
    // Any answers to any prices can be met.
    let prices: Vec<f64> = (0..junctions).map(|_| dice.unit()).collect();
    for member in members {
        let mut responder = Responder::new(member.clone()).expect("feasible");
        responder.respond(&prices, &mut some).expect("feasible");
        sums.iter_mut().zip(&some).for_each(|(sum, share)| *sum += share);
    }
    let market = |sum: &f64| match coupling {
        Coupling::Quadratic => Market::quadratic(2.0 / members.len() as f64, 1.0 - sum),
        Coupling::Budget => Market::budget(*sum, 50.0),
        Coupling::Exchange => Market::exchange(*sum, 50.0),
    };
    sums.iter().map(market).collect()
}

/// The whole as one problem: the agents' variables, and for each junction what a quadratic market sees, or what is
/// missing and what is too much.
pub(crate) fn whole(members: &[Member], markets: &[Market], coupling: Coupling) -> (QpProblem, Vec<f64>) {
    let (mut quadratic, mut linear, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let (mut lower, mut upper, mut constant) = (Vec::new(), Vec::new(), 0.0);
    let mut sums: Vec<Vec<(usize, f64)>> = vec![Vec::new(); markets.len()];
    for Member { problem, shares } in members {
        let first = linear.len();
        for j in 0..problem.variables() {
            quadratic.extend(problem.hessian_row(j).iter().map(|(k, value)| (first + j, first + k, *value)));
        }
        linear.extend(problem.linear());
        lower.extend(problem.lower());
        upper.extend(problem.upper());
        constant += problem.constant();
        for row in problem.rows() {
            let terms = row.terms.iter().map(|(j, value)| (first + j, *value)).collect();
            rows.push(QpRow { terms, lower: row.lower, upper: row.upper });
        }
        for share in shares {
            sums[share.junction].extend(share.terms.iter().map(|(j, value)| (first + j, *value)));
        }
    }
    for (market, mut terms) in markets.iter().zip(sums) {
        let mut variable = |low: f64, high: f64, cost: f64, curvature: f64| {
            if curvature > 0.0 {
                quadratic.push((linear.len(), linear.len(), curvature));
            }
            linear.push(cost);
            lower.push(low);
            upper.push(high);
            linear.len() - 1
        };
        if coupling == Coupling::Quadratic {
            terms.push((variable(-1e4, 1e4, 0.0, 1.0 / market.softness), -1.0));
        } else {
            terms.push((variable(0.0, 1e4, market.highest, 0.0), -1.0));
            terms.push((variable(0.0, 1e4, -market.lowest, 0.0), 1.0));
        }
        rows.push(QpRow { terms, lower: -market.offset, upper: -market.offset });
    }
    let plain = linear.clone();
    (QpProblem::new(&quadratic, linear, constant, rows, lower, upper).expect("well formed"), plain)
}

fn solve(members: &[Member], markets: &[Market], gap: f64, what: &str) -> Solved {
    let mut tree = Tree::new(members.to_vec(), markets.to_vec(), 3, Settings::to_gap(gap)).expect("feasible agents");
    match tree.solve().expect("agents that answer") {
        Outcome::Solved(solved) => solved,
        Outcome::Unsolved(Unsolved { verdict, evaluations }) => panic!("{what}: {verdict:?} after {evaluations}"),
    }
}

fn check(kind: Kind, coupling: Coupling, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let what = format!("{kind:?} {coupling:?} seed {seed}");
        let (members, junctions) = fleet(kind, seed);
        let markets = markets(&members, junctions, coupling, &mut Dice::new(seed + 7));
        let gap = 1e-6;
        let solved = solve(&members, &markets, gap, &what);
        let (problem, linear) = whole(&members, &markets, coupling);
        let Verdict::Optimal { cost } = judge(&problem, &linear) else { panic!("{what}: the referee gives up") };
        let room = 1e-6 * cost.abs().max(1.0);
        assert!(solved.verdict.lower <= cost + room, "{what}: {solved:?}, referee {cost}");
        assert!(solved.verdict.upper >= cost - room, "{what}: {solved:?}, referee {cost}");
        assert!(solved.verdict.gap() <= gap, "{what}");
    }
}

#[test]
fn quadratic_markets_agree_with_the_referee() {
    check(Kind::Knapsacks, Coupling::Quadratic, 0..40);
    check(Kind::General, Coupling::Quadratic, 0..15);
    check(Kind::Tight, Coupling::Quadratic, 0..20);
    check(Kind::Alike, Coupling::Quadratic, 0..20);
    check(Kind::Flat, Coupling::Quadratic, 0..20);
}

#[test]
fn budgets_agree_with_the_referee() {
    check(Kind::Knapsacks, Coupling::Budget, 0..40);
    check(Kind::General, Coupling::Budget, 0..15);
    check(Kind::Tight, Coupling::Budget, 0..20);
    check(Kind::Alike, Coupling::Budget, 0..20);
}

#[test]
fn exchanges_agree_with_the_referee() {
    check(Kind::Knapsacks, Coupling::Exchange, 0..40);
    check(Kind::General, Coupling::Exchange, 0..15);
    check(Kind::Alike, Coupling::Exchange, 0..20);
}

#[test]
fn the_same_agents_find_the_same_bits() {
    let (members, junctions) = fleet(Kind::Knapsacks, 3);
    let markets = markets(&members, junctions, Coupling::Quadratic, &mut Dice::new(1));
    let once = solve(&members, &markets, 1e-7, "once");
    assert_eq!(once, solve(&members, &markets, 1e-7, "again"));
}

#[test]
fn who_cannot_meet_its_own_constraints_is_named() {
    let (mut members, junctions) = fleet(Kind::Knapsacks, 3);
    let row = QpRow { terms: vec![(0, 1.0)], lower: 9.0, upper: 9.0 };
    members[1].problem =
        QpProblem::new(&[(0, 0, 1.0)], vec![0.0; 9], 0.0, vec![row], vec![0.0; 9], vec![1.0; 9]).expect("well formed");
    let refused = Tree::new(members, vec![Market::quadratic(1.0, 0.0); junctions], 16, Settings::to_gap(1e-4));
    assert!(matches!(refused.map(|_| ()), Err(TreeError::Agent { agent: 1, .. })));
}

#[test]
fn a_knapsack_is_what_the_local_qp_finds() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let n = 1 + dice.below(30);
        let quadratic: Vec<_> = (0..n).map(|j| (j, j, 0.01 + dice.unit())).collect();
        let linear: Vec<f64> = (0..n).map(|_| 3.0 * dice.signed()).collect();
        let lower: Vec<f64> = (0..n).map(|_| dice.signed() - 1.0).collect();
        let upper: Vec<f64> = (0..n).map(|_| if dice.chance(0.1) { 0.0 } else { 2.0 * dice.unit() }).collect();
        let weights: Vec<f64> =
            (0..n).map(|_| 0.5 + dice.signed() / 3.0).map(|w| if w < 0.4 { -w } else { w }).collect();
        let (mut least, mut most) = (0.0, 0.0);
        for j in 0..n {
            let (a, b) = (weights[j] * lower[j], weights[j] * upper[j]);
            (least, most) = (least + a.min(b), most + a.max(b));
        }
        let at = |part: f64| least + part * (most - least);
        let (low, high) = match dice.below(4) {
            0 => (at(0.3), at(0.3)),
            1 => (at(0.8), f64::INFINITY),
            2 => (f64::NEG_INFINITY, at(0.2)),
            _ => (at(0.45), at(0.55)),
        };
        let rows = vec![QpRow { terms: weights.iter().copied().enumerate().collect(), lower: low, upper: high }];
        let problem =
            QpProblem::new(&quadratic, linear.clone(), 0.0, rows, lower.clone(), upper.clone()).expect("well formed");
        let mut x = vec![f64::NAN; n];
        let multiplier = Knapsack::of(&problem).expect("the shape").solve(&linear, &vec![0.0; n], &mut x);
        let mut solver = QpSolver::new(&problem, &vec![0.0; n], Default::default()).expect("feasible");
        let solution = solver.solve(&linear, &lower, &upper).expect("feasible");
        for (ours, other) in x.iter().zip(&solution.x) {
            assert!((ours - other).abs() < 1e-7, "seed {seed}: {ours} {other}");
        }
        let free = (0..n).any(|j| x[j] > lower[j] && x[j] < upper[j]);
        let other = solution.row_multipliers[0];
        assert!(!free || (multiplier - other).abs() < 1e-6, "seed {seed}: {multiplier} {other}");
    }
}
