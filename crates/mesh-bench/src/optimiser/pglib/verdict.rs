//! Looks at what a run says of itself with other eyes: the plans against the constraints, the bounds against the referee.

use super::AreaNetwork;
use crate::optimiser::peer;
use mesh_solver::Network;
use mesh_solver::areas::Gap;

/// By how much a row may be violated, relative to the size of its terms and limits.
const VIOLATION_MAX: f64 = 1e-6;
/// How precise the referee's optimum is taken to be, relatively.
const REFEREE: f64 = 1e-6;

/// Why "converged" is false; None if it is true. `optimum` is in the units of the network's costs.
pub fn fault(areas: &AreaNetwork, plans: &[Vec<f64>], gap: Gap, goal: &peer::Goal, optimum: f64) -> Option<String> {
    let network = &areas.network;
    let Some(upper) = gap.upper else { return Some("no plan stands behind the upper bound".to_owned()) };
    if plans.len() != network.members.len() {
        return Some(format!("{} plans for {} members", plans.len(), network.members.len()));
    }
    if gap.relative().is_nan() || gap.relative() > goal.gap_max {
        return Some(format!("the gap is {:e}", gap.relative()));
    }
    let mismatch = peer::mismatch(&copies(network, plans));
    if mismatch.is_nan() || mismatch > goal.mismatch_max {
        return Some(format!("the copies are apart by {mismatch:e}"));
    }
    let violation = network.members.iter().zip(plans).map(|(member, plan)| violation(&member.problem, plan));
    let violation = violation.fold(0.0, f64::max);
    if violation > VIOLATION_MAX {
        return Some(format!("a constraint is violated by {violation:e}"));
    }
    let cost: f64 = network.members.iter().zip(plans).map(|(member, plan)| member.problem.cost(plan)).sum();
    let slack = REFEREE * optimum.abs().max(1.0);
    // An upper bound is of plans that are exact, and may be above what those cost that are given out, which are rounded.
    if cost.is_nan() || cost > upper + slack {
        return Some(format!("the plans cost {cost}, not {upper}"));
    }
    if gap.lower > optimum + slack || upper < optimum - slack {
        return Some(format!("the optimum {optimum} is not between the bounds {} and {upper}", gap.lower));
    }
    None
}

/// The gap relative to dollars, which differs from that relative to units where the whole costs less than one of them.
/// Infinite for bounds that crossed by more than rounding: they contradict each other, and prove nothing.
pub fn gap_in_dollars(areas: &AreaNetwork, gap: Gap) -> f64 {
    let unit = areas.cost_unit;
    Gap { lower: gap.lower * unit, upper: gap.upper.map(|upper| upper * unit) }.relative()
}

/// The copies at each junction.
fn copies(network: &Network, plans: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut copies = vec![Vec::new(); network.junctions.len()];
    for (member, plan) in network.members.iter().zip(plans) {
        member.shares.iter().for_each(|share| copies[share.junction].push(share.of(plan)));
    }
    copies
}

/// The largest violation of a row or bound, relative to what meets there; infinite for a plan of the wrong length.
fn violation(problem: &mesh_solver::QpProblem, plan: &[f64]) -> f64 {
    if plan.len() != problem.variables() || plan.iter().any(|value| !value.is_finite()) {
        return f64::INFINITY;
    }
    let beyond = |value: f64, lower: f64, upper: f64| (lower - value).max(value - upper).max(0.0);
    let mut largest: f64 = 0.0;
    for row in problem.rows() {
        let (mut value, mut size) = (0.0, 1.0_f64);
        for (variable, coefficient) in &row.terms {
            value += coefficient * plan[*variable];
            size = size.max((coefficient * plan[*variable]).abs());
        }
        largest = largest.max(beyond(value, row.lower, row.upper) / size);
    }
    for (place, value) in plan.iter().enumerate() {
        largest = largest.max(beyond(*value, problem.lower()[place], problem.upper()[place]));
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimiser::pglib::{matpower, network, tests::SMALL, whole};
    use mesh_solver::areas::{self, Verdict};

    #[test]
    fn a_claim_is_believed_only_if_all_of_it_is_true() {
        let case = matpower::parse(std::path::Path::new("small.m"), SMALL).expect("well formed");
        let areas = network(&case).expect("within the limits");
        let optimum = whole::solve(&case, 1e-9).expect("solved").expect("feasible").cost / areas.cost_unit;
        let goal = peer::Goal::usual(optimum);
        let outcome = areas::run(&areas.network, &areas::Settings::default());
        let Verdict::Converged(gap) = outcome.verdict else { panic!("{:?}", outcome.verdict) };
        let plans = &outcome.plans;
        assert_eq!(fault(&areas, plans, gap, &goal, optimum), None);

        let check = |plans: &[Vec<f64>], gap: Gap, optimum: f64, words: &str| {
            let found = fault(&areas, plans, gap, &goal, optimum).expect("something is wrong");
            assert!(found.contains(words), "{found}");
        };
        check(plans, Gap { upper: None, ..gap }, optimum, "no plan");
        check(&plans[1..], gap, optimum, "1 plans for 2");
        check(plans, Gap { lower: f64::NAN, ..gap }, optimum, "the gap is");
        check(plans, Gap { lower: gap.lower - 0.1, ..gap }, optimum, "the gap is");
        let crossed = Gap { lower: optimum + 0.1, upper: Some(optimum) };
        check(plans, crossed, optimum, "the gap is");
        assert!(gap_in_dollars(&areas, crossed) > goal.gap_max, "bounds that crossed are no small gap");
        check(plans, gap, optimum - 0.1, "is not between");
        check(plans, gap, optimum + 0.1, "is not between");
        let moved = |plan: usize, variable: usize, by: f64| {
            let mut moved = plans.clone();
            moved[plan][variable] += by;
            moved
        };
        let shared = areas.network.members[0].shares[0].terms[0].0;
        check(&moved(0, shared, 0.01), gap, optimum, "apart by");
        let output = areas.quantities[0].iter().position(|q| matches!(q, crate::optimiser::pglib::Quantity::Output(_)));
        let output = output.expect("the first area has a generator");
        check(&moved(0, output, 0.01), gap, optimum, "violated by");
        check(&moved(0, output, f64::NAN), gap, optimum, "violated by");
    }
}
