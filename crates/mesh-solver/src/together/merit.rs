//! Whether plans are what a path says they are, from the plans themselves.

use super::{Plan, Settings};
use crate::QpProblem;
use crate::network::{Junction, Network};

/// Whether the plans fit their own members, each other, and the gap.
pub(super) fn holds(network: &Network, plan: &Plan, settings: &Settings) -> bool {
    plan.gap() <= settings.gap
        && plan.plans.len() == network.members.len()
        && network.members.iter().zip(&plan.plans).all(|(member, x)| fits(&member.problem, x, settings.agreement))
        && in_order(network, &plan.plans, settings.agreement)
        && costs_what_it_says(network, plan, settings.gap)
}

/// Whether the plans, each by itself, cost what is certified of them together, up to the gap that may be left.
fn costs_what_it_says(network: &Network, plan: &Plan, gap: f64) -> bool {
    let mut paid = 0.0;
    for (member, x) in network.members.iter().zip(&plan.plans) {
        paid += member.problem.cost(x);
    }
    let slack = gap * plan.upper.abs().max(1.0);
    plan.lower - slack <= paid && paid <= plan.upper + slack
}

/// Whether a plan is within its member's box exactly, and within its rows up to a part of what their terms reach.
fn fits(problem: &QpProblem, x: &[f64], part: f64) -> bool {
    let within = |(j, value): (usize, &f64)| problem.lower()[j] <= *value && *value <= problem.upper()[j];
    x.len() == problem.variables()
        && x.iter().enumerate().all(within)
        && problem.rows().iter().all(|row| {
            let mut sum = 0.0;
            row.terms.iter().for_each(|(variable, coefficient)| sum += coefficient * x[*variable]);
            let slack = part * reach(problem, &row.terms, x);
            row.lower - slack <= sum && sum <= row.upper + slack
        })
}

/// Whether the shares are in order at every junction, up to a part of what the largest of them reaches.
fn in_order(network: &Network, plans: &[Vec<f64>], part: f64) -> bool {
    let mut met: Vec<Vec<(f64, f64)>> = vec![Vec::new(); network.junctions.len()];
    for (member, x) in network.members.iter().zip(plans) {
        for share in &member.shares {
            let Some(met) = met.get_mut(share.junction) else { return false };
            met.push((share.of(x), reach(&member.problem, &share.terms, x)));
        }
    }
    network.junctions.iter().zip(met).filter(|(_, met)| !met.is_empty()).all(|(junction, met)| {
        let (mut sum, mut size, mut low, mut high) = (0.0, 0.0_f64, f64::INFINITY, f64::NEG_INFINITY);
        for (share, reach) in met {
            sum += share;
            size = size.max(reach);
            (low, high) = (low.min(share), high.max(share));
        }
        let off = match junction {
            Junction::Consensus => high - low,
            Junction::Exchange(total) => (sum - total).abs(),
            Junction::Budget(most) => (sum - most).max(0.0),
        };
        off <= part * size
    })
}

/// The size of the largest term of a linear form over the box, whatever the units; at `x` where the box is open.
fn reach(problem: &QpProblem, terms: &[(usize, f64)], x: &[f64]) -> f64 {
    let mut most = 0.0_f64;
    for (variable, coefficient) in terms {
        let furthest = problem.lower()[*variable].abs().max(problem.upper()[*variable].abs());
        let furthest = if furthest.is_finite() { furthest } else { x[*variable].abs().max(1.0) };
        most = most.max(coefficient.abs() * furthest);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QpRow;
    use crate::network::{Member, Share};
    use crate::together::Path;

    fn check(change: impl Fn(&mut Plan), expect: bool) {
        let problem = QpProblem::new(&[], vec![1.0], 0.0, Vec::new(), vec![0.0], vec![2.0]).expect("well formed");
        let member = Member { problem, shares: vec![Share { junction: 0, terms: vec![(0, 1.0)] }] };
        let network = Network { members: vec![member.clone(), member], junctions: vec![Junction::Exchange(1.0)] };
        let plans = vec![vec![0.25], vec![0.75]];
        let mut plan = Plan { plans, lower: 1.0, upper: 1.0, path: Path::Rounds };
        change(&mut plan);
        assert_eq!(holds(&network, &plan, &Settings::default()), expect, "{plan:?}");
    }

    /// A share that is twice what it should be, in units of a millionth.
    #[test]
    fn what_is_small_is_not_in_order_for_that() {
        let problem = QpProblem::new(&[], vec![1e6], 0.0, Vec::new(), vec![0.0], vec![2e-6]).expect("well formed");
        let member = Member { problem, shares: vec![Share { junction: 0, terms: vec![(0, 1.0)] }] };
        let network = Network { members: vec![member.clone(), member], junctions: vec![Junction::Exchange(1e-6)] };
        let holds = |plans: Vec<Vec<f64>>| in_order(&network, &plans, Settings::default().agreement);
        assert!(holds(vec![vec![0.25e-6], vec![0.75e-6]]));
        assert!(!holds(vec![vec![0.25e-6], vec![0.76e-6]]));
    }

    #[test]
    fn a_plan_keeps_to_its_rows() {
        let row = QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 1.0, upper: 1.5 };
        let problem =
            QpProblem::new(&[], vec![1.0; 2], 0.0, vec![row], vec![0.0; 2], vec![1.0; 2]).expect("well formed");
        let check = |x: &[f64], expect: bool| assert_eq!(fits(&problem, x, 1e-4), expect, "{x:?}");
        check(&[0.5, 0.5], true);
        check(&[0.5, 0.499], false);
        check(&[0.8, 0.701], false);
        check(&[0.5], false);
    }

    #[test]
    fn every_claim_of_a_plan_is_looked_at() {
        check(|_| {}, true);
        check(|plan| plan.plans[0][0] = 0.26, false);
        check(|plan| plan.plans = vec![vec![-1.0], vec![2.0]], false);
        check(|plan| plan.plans[1][0] = f64::NAN, false);
        check(|plan| plan.plans[1].clear(), false);
        check(|plan| drop(plan.plans.pop()), false);
        check(|plan| plan.lower = 0.99, false);
        check(|plan| plan.lower = f64::NEG_INFINITY, false);
        check(|plan| (plan.lower, plan.upper) = (0.9, 0.9), false);
        // Bounds that crossed, though the plans cost what they should up to the gap.
        check(|plan| plan.lower = 1.0 + 5e-5, false);
        check(|plan| plan.upper = f64::NAN, false);
    }
}
