//! Small random networks whose members agree in rounds, over prices or whichever way suits, against the whole in one
//! problem.

use super::Finding;
use super::generate::{Dice, TEN};
use super::referee::{Verdict, judge};
use crate::optimiser::SuiteError;
use mesh_solver::bound::relative_gap;
use mesh_solver::prices::{self, Market, Tree};
use mesh_solver::rounds::{self, Agent, Seat};
use mesh_solver::{Junction, Member, Network, QpProblem, QpRow, Share, together};

/// What a network is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Some curvature, some room.
    Plain,
    /// It asks for what its members cannot give.
    Beyond,
    /// It asks for so little more than its members can give that it might be rounding.
    BarelyBeyond,
    /// No curvature, equations over shares, rows and their doubles turned by next to nothing, bounds of no width.
    Degenerate,
    /// Units of variables and rows from 1e-6 to 1e6.
    BadlyScaled,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Plain, Self::Beyond, Self::BarelyBeyond, Self::Degenerate, Self::BadlyScaled];
}

/// A network, and the same in units that suit the referee.
struct Case {
    network: Network,
    plain: Network,
    /// What one in the plain network is in the other, for each junction.
    unit: Vec<f64>,
}

/// Lets the members of a network agree and looks at what they say.
pub(super) fn examine(seed: u64) -> Result<Finding, SuiteError> {
    let kind = Kind::ALL[(seed / 3) as usize % Kind::ALL.len()];
    match seed % 3 {
        0 => agree_in_rounds(&case(seed, kind, true)),
        1 => agree_on_prices(&case(seed, kind, false)),
        _ => agree_somehow(&case(seed, kind, true)),
    }
}

/// Two to six members with a few variables each, over sums and, if asked for, something that all agree on.
fn case(seed: u64, kind: Kind, consensus: bool) -> Case {
    let mut dice = Dice::new(0xC0FFEE + seed);
    let members = 2 + dice.below(5);
    let mut junctions = vec![Junction::Exchange(dice.signed()), Junction::Budget(dice.signed())];
    if consensus {
        junctions.push(Junction::Consensus);
    }
    // No member gives more than two.
    match kind {
        Kind::Beyond => junctions[0] = Junction::Exchange(2.0 * members as f64 + 0.5),
        Kind::BarelyBeyond => junctions[0] = Junction::Exchange(2.0 * members as f64 + 1e-5),
        Kind::Plain | Kind::Degenerate | Kind::BadlyScaled => {}
    }
    let members = (0..members).map(|_| member(&mut dice, kind, junctions.len())).collect();
    let plain = Network { members, junctions };
    match kind {
        Kind::BadlyScaled => distorted(&mut dice, plain),
        _ => Case { network: plain.clone(), unit: vec![1.0; plain.junctions.len()], plain },
    }
}

/// The same with variables and rows in units from 1e-6 to 1e6, the shares at a junction in one unit.
fn distorted(dice: &mut Dice, plain: Network) -> Case {
    let shared: Vec<f64> = plain.junctions.iter().map(|_| ten(dice)).collect();
    let mut network = plain.clone();
    for member in &mut network.members {
        let problem = &member.problem;
        let n = problem.variables();
        let unit: Vec<f64> = (0..n).map(|j| shared.get(j).copied().unwrap_or_else(|| ten(dice))).collect();
        let by_unit = |values: &[f64]| values.iter().zip(&unit).map(|(value, unit)| value * unit).collect();
        let quadratic: Vec<(usize, usize, f64)> =
            (0..n).flat_map(|j| problem.hessian_row(j).iter().map(move |(k, value)| (j, *k, *value))).collect();
        let quadratic: Vec<_> =
            quadratic.into_iter().map(|(j, k, value)| (j, k, value / (unit[j] * unit[k]))).collect();
        let linear = problem.linear().iter().zip(&unit).map(|(value, unit)| value / unit).collect();
        let rows = problem.rows().iter().map(|row| {
            let scale = ten(dice);
            let terms = row.terms.iter().map(|(j, a)| (*j, a * scale / unit[*j])).collect();
            QpRow { terms, lower: row.lower * scale, upper: row.upper * scale }
        });
        let (rows, lower, upper) = (rows.collect(), by_unit(problem.lower()), by_unit(problem.upper()));
        member.problem = QpProblem::new(&quadratic, linear, problem.constant(), rows, lower, upper)
            .expect("a diagonal without negative entries is convex in any units, and numbers stay within 1e13");
    }
    for (junction, unit) in network.junctions.iter_mut().zip(&shared) {
        match junction {
            Junction::Exchange(total) | Junction::Budget(total) => *total *= unit,
            Junction::Consensus => {}
        }
    }
    Case { network, plain, unit: shared }
}

/// A member that can do nothing at all, whose first variables are its shares.
fn member(dice: &mut Dice, kind: Kind, shares: usize) -> Member {
    let n = 3 + dice.below(4);
    let flat = if kind == Kind::Degenerate { 0.8 } else { 0.3 };
    let quadratic: Vec<(usize, usize, f64)> =
        (0..n).map(|j| (j, j, if dice.chance(flat) { 0.0 } else { 0.2 + 2.0 * dice.unit() })).collect();
    let linear = (0..n).map(|_| 3.0 * dice.signed()).collect();
    let mut rows: Vec<QpRow> = Vec::new();
    for _ in 0..dice.below(3) {
        let terms: Vec<(usize, f64)> = (0..n).map(|j| (j, dice.signed())).collect();
        rows.push(QpRow { terms, lower: -1.0, upper: if dice.chance(0.5) { 1.0 } else { f64::INFINITY } });
    }
    let (mut lower, mut upper) = (vec![-2.0; n], vec![2.0; n]);
    if kind == Kind::Degenerate {
        for mut row in rows.clone() {
            row.terms.iter_mut().for_each(|(_, a)| *a *= 1.0 + 1e-7 * dice.signed());
            rows.push(row);
        }
        let shared = (0..shares).map(|j| (j, 0.2 + dice.unit())).collect();
        rows.push(QpRow { terms: shared, lower: 0.0, upper: 0.0 });
        if dice.chance(0.5) {
            (lower[n - 1], upper[n - 1]) = (0.0, 0.0);
        }
    }
    let problem = QpProblem::new(&quadratic, linear, dice.unit(), rows, lower, upper)
        .expect("a diagonal without negative entries is convex, and zero is within rows and box");
    let shares = (0..shares).map(|junction| Share { junction, terms: vec![(junction, 1.0)] }).collect();
    Member { problem, shares }
}

fn ten(dice: &mut Dice) -> f64 {
    TEN[dice.below(TEN.len())]
}

fn agree_in_rounds(Case { network, plain, .. }: &Case) -> Result<Finding, SuiteError> {
    let failed = |why: String| SuiteError::Failed { case: "network".to_owned(), why };
    let seats = Seat::all(network).map_err(|why| failed(why.to_string()))?;
    let mut agents = Vec::with_capacity(seats.len());
    for seat in seats {
        match Agent::new(rounds::Settings::default(), seat) {
            Ok(agent) => agents.push(agent),
            Err(_) => return Ok(Finding::GivenUp),
        }
    }
    for _ in 0..ROUNDS_MAX {
        let mut messages = Vec::new();
        for (from, agent) in agents.iter_mut().enumerate() {
            if agent.next_round().is_err() {
                return Ok(Finding::GivenUp);
            }
            while let Some((to, message)) = agent.poll() {
                messages.push((from, to, message));
            }
        }
        for (from, to, message) in messages {
            agents[to].handle(from, message).map_err(|why| failed(why.to_string()))?;
        }
        let converged = agents.iter().find_map(|agent| agent.verdict().filter(|verdict| verdict.converged));
        if let Some(verdict) = converged {
            return Ok(Finding::Solved(check(verdict.lower, verdict.upper, judged(plain)?)));
        }
    }
    Ok(Finding::GivenUp)
}

fn agree_on_prices(Case { network, plain, unit }: &Case) -> Result<Finding, SuiteError> {
    let failed = |why: String| SuiteError::Failed { case: "network".to_owned(), why };
    let market = |(junction, unit): (&Junction, &f64)| match junction {
        Junction::Budget(total) => Market::budget(*total, PENALTY / unit),
        Junction::Exchange(total) => Market::exchange(*total, PENALTY / unit),
        Junction::Consensus => Market::exchange(0.0, PENALTY / unit),
    };
    let markets = network.junctions.iter().zip(unit).map(market).collect();
    let settings = prices::Settings::to_gap(GAP);
    let mut tree =
        Tree::new(network.members.clone(), markets, FAN_OUT, settings).map_err(|why| failed(why.to_string()))?;
    Ok(match tree.solve().map_err(|why| failed(why.to_string()))? {
        prices::Outcome::Unsolved(_) => Finding::GivenUp,
        prices::Outcome::Solved(solved) => {
            Finding::Solved(check(solved.verdict.lower, solved.verdict.upper, judged(&forgiven(plain, PENALTY))?))
        }
    })
}

/// As the whole fleet would: a proof that there is no plan is held against the network, too.
fn agree_somehow(Case { network, plain, .. }: &Case) -> Result<Finding, SuiteError> {
    Ok(match together::solve(network, &together::Settings::default()) {
        together::Outcome::Unsettled => Finding::GivenUp,
        together::Outcome::Converged(plan) => Finding::Solved(check(plan.lower, plan.upper, judged(plain)?)),
        together::Outcome::Infeasible(proof) => Finding::Refused(match (proof.holds(network), judged(plain)?) {
            (false, _) => Err("the proof that there is no plan does not stand".to_owned()),
            (true, Verdict::Optimal { cost }) => {
                Err(format!("said to have no plan, and the referee has one for {cost}"))
            }
            (true, _) => Ok(()),
        }),
    })
}

/// What is certified must enclose the optimum, closely.
fn check(lower: f64, upper: f64, verdict: Verdict) -> Result<(), String> {
    match verdict {
        Verdict::Optimal { cost } => {
            let size = upper.abs().max(1.0);
            let encloses = lower <= cost + EXACT * size && upper >= cost - EXACT * size;
            let is_close = relative_gap(lower, upper) <= GAP && upper - cost <= (GAP + EXACT) * size;
            if encloses && is_close {
                Ok(())
            } else {
                Err(format!("certified {lower}..{upper}, the optimum is {cost}"))
            }
        }
        // A whole that the referee cannot judge is made feasible by its penalties or is infeasible by its sums.
        verdict => Err(format!("certified {lower}..{upper}, the referee says {verdict:?}")),
    }
}

/// The network in which sums may be missed, at that price a unit: who lacks or takes too much is one more member.
fn forgiven(network: &Network, penalty: f64) -> Network {
    let mut network = network.clone();
    for (junction, _) in network.junctions.iter().enumerate().filter(|(_, at)| **at != Junction::Consensus) {
        let problem = QpProblem::new(&[], vec![penalty; 2], 0.0, Vec::new(), vec![0.0; 2], vec![f64::INFINITY; 2])
            .expect("two variables without rows");
        let shares = vec![Share { junction, terms: vec![(0, 1.0), (1, -1.0)] }];
        network.members.push(Member { problem, shares });
    }
    network
}

/// The referee's verdict on the whole.
fn judged(network: &Network) -> Result<Verdict, SuiteError> {
    let whole = network.whole();
    judge(&whole.map_err(|why| SuiteError::Failed { case: "network".to_owned(), why: why.to_string() })?)
}

/// Rounds after which members give up.
const ROUNDS_MAX: u32 = 2000;
/// The gap that both ways certify.
const GAP: f64 = 1e-4;
/// To what, of its size, a bound may be on the wrong side of the referee's optimum: that is no more exact.
const EXACT: f64 = 1e-6;
/// What a unit of a missed sum costs.
const PENALTY: f64 = 100.0;
/// Children of a node of the tree.
const FAN_OUT: usize = 3;
