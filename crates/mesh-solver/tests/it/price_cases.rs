//! The price search at the edges of what it is for: few agents or all alike, any number of steps, costs without
//! curvature, couplings that are stiff, slack or cannot be met. What it proves is held against the referee.

use crate::generate::Dice;
use crate::prices::{Coupling, whole};
use crate::referee::{Verdict, judge};
use mesh_solver::prices::{Market, Outcome, Settings, Tree};
use mesh_solver::{Member, QpProblem, QpRow, Share};

/// A fleet that charges from one supply, as the bench has them.
#[derive(Debug, Clone, Copy)]
struct Case {
    agents: usize,
    steps: usize,
    /// Times the usual cost of power squared; zero for linear costs.
    gamma: f64,
    /// Times the usual weight of the total.
    beta: f64,
    alike: bool,
}

const USUAL: Case = Case { agents: 12, steps: 24, gamma: 1.0, beta: 1.0, alike: false };

impl Case {
    fn members(self, seed: u64) -> Vec<Member> {
        let mut dice = Dice::new(seed);
        let common: Vec<f64> = (0..self.steps).map(|_| 1.0 + 2.0 * dice.unit()).collect();
        let member = |dice: &mut Dice| {
            let power_max = 3.0 + 2.0 * dice.unit();
            let energy = (0.2 + 0.4 * dice.unit()) * power_max * self.steps as f64 / 2.0;
            let gamma = self.gamma * (0.05 + 0.1 * dice.unit());
            let linear = common.iter().map(|price| price + 0.05 * dice.signed()).collect();
            let quadratic: Vec<_> = (0..self.steps).map(|t| (t, t, gamma)).collect();
            let row = QpRow { terms: (0..self.steps).map(|t| (t, 1.0)).collect(), lower: energy, upper: energy };
            let bounds = (vec![0.0; self.steps], vec![power_max; self.steps]);
            let problem = QpProblem::new(&quadratic, linear, 0.0, vec![row], bounds.0, bounds.1).expect("well formed");
            let shares = (0..self.steps).map(|t| Share { junction: t, terms: vec![(t, 1.0)] }).collect();
            Member { problem, shares }
        };
        let members: Vec<Member> = (0..self.agents).map(|_| member(&mut dice)).collect();
        if self.alike { vec![members[0].clone(); self.agents] } else { members }
    }

    fn markets(self) -> Vec<Market> {
        let agents = self.agents as f64;
        let demand = |t: usize| agents * (1.5 + f64::from((5 * t % 7) as u8) / 3.0 - 1.0);
        (0..self.steps).map(|t| Market::quadratic(self.beta / agents, demand(t))).collect()
    }
}

/// Runs a case; whatever is claimed of it has to be true. Says whether the gap was certified.
fn check(case: Case, seed: u64, gap: f64) -> bool {
    let (members, markets) = (case.members(seed), case.markets());
    let settings = Settings { evaluations_max: 400, ..Settings::to_gap(gap) };
    let mut tree = Tree::new(members.clone(), markets.clone(), 16, settings).expect("agents that can");
    let (verdict, solved) = match tree.solve().expect("agents that answer") {
        Outcome::Solved(solved) => {
            assert!(solved.verdict.gap() <= gap, "{case:?}, seed {seed}: {solved:?}");
            (Some(solved.verdict), true)
        }
        Outcome::Unsolved(unsolved) => (unsolved.verdict, false),
    };
    let (problem, linear) = whole(&members, &markets, Coupling::Quadratic);
    let Verdict::Optimal { cost } = judge(&problem, &linear) else { panic!("{case:?}: the referee gives up") };
    let room = 1e-6 * cost.abs().max(1.0);
    if let Some(verdict) = verdict {
        assert!(verdict.lower <= cost + room, "{case:?}, seed {seed}: {verdict:?}, referee {cost}");
        assert!(verdict.upper >= cost - room, "{case:?}, seed {seed}: {verdict:?}, referee {cost}");
    }
    solved
}

#[test]
fn any_number_of_agents_and_steps_is_certified() {
    for (agents, steps) in [(1, 24), (3, 24), (15, 24), (3, 1), (5, 2), (4, 48), (40, 7)] {
        for seed in 0..3 {
            for gap in [1e-4, 1e-7] {
                let case = Case { agents, steps, ..USUAL };
                assert!(check(case, seed, gap), "{case:?}, seed {seed}, gap {gap:e}");
            }
        }
    }
}

#[test]
fn agents_that_are_all_alike_are_certified() {
    for seed in 0..3 {
        assert!(check(Case { alike: true, ..USUAL }, seed, 1e-6), "seed {seed}");
    }
}

#[test]
fn stiff_and_slack_couplings_are_certified() {
    for (beta, gamma) in [(1e-4, 1.0), (10.0, 1.0), (1.0, 20.0), (1.0, 0.2)] {
        let case = Case { beta, gamma, ..USUAL };
        assert!(check(case, 1, 1e-5), "{case:?}");
    }
}

#[test]
fn without_curvature_nothing_false_is_claimed() {
    for (beta, gamma) in [(1.0, 0.0), (1e3, 0.0), (1e3, 1e-3), (1e-3, 0.0)] {
        for seed in 0..2 {
            check(Case { agents: 6, steps: 6, beta, gamma, ..USUAL }, seed, 1e-6);
        }
    }
}

#[test]
fn a_budget_that_cannot_be_met_shows_as_a_price_at_its_limit() {
    let members = Case { steps: 4, ..USUAL }.members(2);
    // Everybody has to charge, and the supply gives half of it.
    let needed: f64 = members.iter().map(|member| member.problem.rows()[0].lower).sum();
    let markets = vec![Market::budget(0.125 * needed, 50.0); 4];
    let mut tree = Tree::new(members, markets, 16, Settings::to_gap(1e-6)).expect("agents that can");
    let Outcome::Solved(solved) = tree.solve().expect("agents that answer") else { panic!("not certified") };
    assert!(solved.sums.iter().sum::<f64>() > 0.99 * needed, "{solved:?}");
    // What is too much costs 50 a unit, and nobody can take less.
    assert!(solved.verdict.lower >= 0.499 * needed * 50.0, "{solved:?}");
    assert!(solved.prices.iter().all(|price| (0.0..=50.0).contains(price)), "{solved:?}");
}
