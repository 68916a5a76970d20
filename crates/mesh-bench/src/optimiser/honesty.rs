//! More than a thousand random problems, and whether what is said of them is true.
//!
//! A thousand and forty are single problems of every unpleasant kind: dense, sparse, nothing but a box, mostly equations,
//! degenerate, flat, without curvature, badly scaled, of rows that are nearly parallel, without bounds, infeasible by much
//! or by next to nothing, without an end. Three hundred are small networks, degenerate, badly scaled or infeasible many of
//! them, whose members agree in rounds, over prices or whichever way suits. Each verdict is compared with the referee's and with what is known from how the
//! problem was made. To give up is honest; what counts is who says "solved", "infeasible" or "unbounded" and is wrong.

mod generate;
mod networks;
mod referee;

use super::{Row, Sense, SuiteError, SuiteReport, SuiteSettings};
use generate::{Case, Kind, Truth};
use mesh_solver::bound::{cost_rounded_up, lower_bound};
use mesh_solver::{QpError, QpProblem, QpSolver, Settings, Solution};
use referee::{Verdict, judge};

/// Runs the suite.
pub fn run(
    _settings: &SuiteSettings,
    progress: &mut dyn FnMut(&str) -> Result<(), SuiteError>,
) -> Result<SuiteReport, SuiteError> {
    let mut total = Tally::default();
    let mut notes = Vec::new();
    for kind in Kind::ALL {
        let mut tally = Tally::default();
        let seeds = SINGLE / Kind::ALL.len() as u64 + u64::from(SINGLE % Kind::ALL.len() as u64 > kind as u64);
        for seed in 0..seeds {
            if seed % 10 == 0 {
                progress(&format!("honesty: {kind:?} {seed} of {seeds}"))?;
            }
            tally.count(examine(&generate::case(kind, seed))?, &format!("{kind:?} {seed}"));
        }
        notes.push(format!("{kind:?}: {}", tally.text()));
        total.add(tally);
    }
    let mut tally = Tally::default();
    for seed in 0..NETWORKS {
        progress(&format!("honesty: network {seed} of {NETWORKS}"))?;
        tally.count(networks::examine(seed)?, &format!("network {seed}"));
    }
    notes.push(format!("networks: {}", tally.text()));
    total.add(tally);
    notes.extend(total.lies.iter().map(|lie| format!("false: {lie}")));
    let row = |measure: &str, value: u64| {
        let case = format!("{} random problems", SINGLE + NETWORKS);
        Row::new((12, "honesty"), case, (measure, "problems"), value as f64, (Sense::AtMost, 0.0))
    };
    let rows = vec![
        row("converged, and false", total.solved_false),
        row("infeasible or unbounded, and false", total.refused_false),
    ];
    let verdicts_false = total.solved_false + total.refused_false;
    Ok(SuiteReport { rows, notes, verdicts: total.verdicts(), verdicts_false, ..SuiteReport::default() })
}

/// What was said of a problem, and whether it is so.
#[derive(Debug, Clone, PartialEq)]
enum Finding {
    Solved(Result<(), String>),
    Refused(Result<(), String>),
    GivenUp,
}

/// Findings, counted.
#[derive(Debug, Default)]
struct Tally {
    solved: u64,
    solved_false: u64,
    refused: u64,
    refused_false: u64,
    given_up: u64,
    lies: Vec<String>,
}

impl Tally {
    fn count(&mut self, finding: Finding, name: &str) {
        let wrong = match finding {
            Finding::GivenUp => {
                self.given_up += 1;
                return;
            }
            Finding::Solved(truth) => {
                self.solved += 1;
                self.solved_false += u64::from(truth.is_err());
                truth
            }
            Finding::Refused(truth) => {
                self.refused += 1;
                self.refused_false += u64::from(truth.is_err());
                truth
            }
        };
        if let Err(why) = wrong {
            self.lies.push(format!("{name}: {why}"));
        }
    }

    fn add(&mut self, other: Self) {
        self.solved += other.solved;
        self.solved_false += other.solved_false;
        self.refused += other.refused;
        self.refused_false += other.refused_false;
        self.given_up += other.given_up;
        self.lies.extend(other.lies);
    }

    fn verdicts(&self) -> u64 {
        self.solved + self.refused
    }

    fn text(&self) -> String {
        let Self { solved, refused, given_up, .. } = self;
        format!("{solved} solved, {refused} proved infeasible or unbounded, {given_up} given up")
    }
}

/// Solves one problem and looks at what is said of it.
fn examine(case: &Case) -> Result<Finding, SuiteError> {
    let problem = &case.problem;
    let none = vec![0.0; problem.variables()];
    let outcome = QpSolver::new(problem, &none, Settings::default()).and_then(|mut solver| solver.solve_as_given());
    let verdict = judge(&case.plain)?;
    Ok(match outcome {
        Ok(solution) => Finding::Solved(check_solved(case, &solution, &verdict)),
        Err(QpError::Infeasible(proof)) => {
            let stands = proof.holds(problem.rows(), problem.lower(), problem.upper());
            Finding::Refused(check_refused(case, Truth::Infeasible, stands, &verdict))
        }
        Err(QpError::Unbounded(ray)) => {
            Finding::Refused(check_refused(case, Truth::Unbounded, ray.holds(problem), &verdict))
        }
        Err(QpError::Unfinished { .. }) => Finding::GivenUp,
        Err(QpError::Malformed(why)) => {
            return Err(SuiteError::Failed { case: format!("{:?}", case.truth), why: why.to_string() });
        }
    })
}

fn check_refused(case: &Case, said: Truth, stands: bool, verdict: &Verdict) -> Result<(), String> {
    match (stands, verdict) {
        (false, _) => Err(format!("the proof that it is {said:?} does not stand")),
        (true, Verdict::Optimal { cost }) => {
            Err(format!("said to be {said:?}, and the referee has the optimum {cost}"))
        }
        (true, _) if case.truth != said => Err(format!("said to be {said:?}, but made to be {:?}", case.truth)),
        (true, _) => Ok(()),
    }
}

/// A solution must satisfy the constraints, and cost no more than the referee's, unless a safe bound proves that the
/// referee is off.
fn check_solved(case: &Case, solution: &Solution, verdict: &Verdict) -> Result<(), String> {
    if case.truth != Truth::Solvable {
        return Err(format!("solved, but made to be {:?}", case.truth));
    }
    let problem = &case.problem;
    let violation = violation(problem, &solution.x);
    if violation > VIOLATION_MAX {
        return Err(format!("a row is violated by {violation:e} of its size"));
    }
    let cost = cost_rounded_up(problem, &solution.x);
    let certified = cost - lower_bound(problem, &[], &solution.x, &solution.row_multipliers);
    let size = cost.abs().max(case.cost_unit);
    match verdict {
        _ if certified <= COST * size => Ok(()),
        Verdict::Optimal { cost: best } if cost - best * case.cost_unit <= COST * size => Ok(()),
        Verdict::Optimal { cost: best } => Err(format!("it costs {cost}, the referee's {}", best * case.cost_unit)),
        Verdict::Infeasible | Verdict::Unbounded => Err(format!("the referee says {verdict:?}")),
        Verdict::Unknown => {
            Err(format!("nobody stands for a cost of {cost}: a bound is {certified:e} below it, the referee gave up"))
        }
    }
}

/// The largest violation of a row or bound, relative to the sizes of its terms.
fn violation(problem: &QpProblem, x: &[f64]) -> f64 {
    let mut worst: f64 = 0.0;
    for row in problem.rows() {
        let value: f64 = row.terms.iter().map(|(j, a)| a * x[*j]).sum();
        let size: f64 = row.terms.iter().map(|(j, a)| (a * x[*j]).abs() + a.abs() * width(problem, *j)).sum();
        let off = (row.lower - value).max(value - row.upper);
        if off > 0.0 {
            worst = worst.max(off / size.max(f64::MIN_POSITIVE));
        }
    }
    let outside = |j: usize| (problem.lower()[j] - x[j]).max(x[j] - problem.upper()[j]);
    (0..x.len()).map(outside).fold(worst, f64::max)
}

fn width(problem: &QpProblem, variable: usize) -> f64 {
    let width = problem.upper()[variable] - problem.lower()[variable];
    if width.is_finite() { width } else { 1.0 }
}

/// Single problems.
const SINGLE: u64 = 1040;
/// Networks.
const NETWORKS: u64 = 300;
/// What a solved problem's rows may be violated by, of their size.
const VIOLATION_MAX: f64 = 1e-7;
/// What a solution may cost more than the best, of its size.
const COST: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lie_is_seen() {
        let case = generate::case(Kind::Sparse, 1);
        let none = vec![0.0; case.problem.variables()];
        let mut solver = QpSolver::new(&case.problem, &none, Settings::default()).expect("feasible");
        let solution = solver.solve_as_given().expect("feasible");
        let verdict = judge(&case.plain).expect("the referee takes it");
        assert_eq!(check_solved(&case, &solution, &verdict), Ok(()));
        let outside = Solution { x: vec![1e3; none.len()], ..solution.clone() };
        assert!(check_solved(&case, &outside, &verdict).is_err());
        assert!(check_refused(&case, Truth::Infeasible, true, &verdict).is_err());
        let infeasible = generate::case(Kind::Infeasible, 1);
        assert!(matches!(examine(&infeasible), Ok(Finding::Refused(Ok(())))));
        assert!(check_solved(&infeasible, &solution, &Verdict::Unknown).is_err());
    }

    #[test]
    fn some_of_every_kind_are_told_apart() {
        for kind in Kind::ALL {
            for seed in 0..3 {
                let finding = examine(&generate::case(kind, seed)).expect("well formed");
                assert!(
                    matches!(finding, Finding::Solved(Ok(())) | Finding::Refused(Ok(()))),
                    "{kind:?} {seed}: {finding:?}"
                );
            }
        }
    }

    #[test]
    fn some_networks_are_told_apart() {
        for seed in 0..15 {
            let finding = networks::examine(seed).expect("well formed");
            assert!(!matches!(finding, Finding::Solved(Err(_)) | Finding::Refused(Err(_))), "{seed}: {finding:?}");
        }
    }
}
