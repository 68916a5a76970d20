//! A member's two numbers recomputed by whoever is given its problem.
//!
//! A certificate rests on what each member attests: what its part of the plan costs, and what no part of its own could
//! undercut at the agreed prices. Without the problem both are the member's word, under its signature. With the problem
//! anybody can solve both again. The numbers need not come out the same in the last digit, for a solver that was warm
//! ends elsewhere within its tolerance; so what is checked is what the numbers claim: that there is such a plan at that
//! cost, that there is none far below it, and that the bound is below what can be reached.

use mesh_model::{Canonical, Edge, Hash, LocalProblem, PlanDelta, Port};
use mesh_solver::bound::{cost_rounded_up, lower_bound};
use mesh_solver::edge::{End, cost_of_price};
use mesh_solver::{Malformed, QpError, QpProblem, QpSolver, Settings};

/// Both numbers, recomputed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recomputed {
    /// Cost of the best plan with the agreed flows.
    pub upper: f64,
    /// Safe lower bound at the agreed prices.
    pub lower: f64,
}

/// Why an attestation does not stand.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AttestationFault {
    /// The problem is not the one that was attested.
    #[error("the problem has hash {found}, what is attested is of {expected}")]
    OtherProblem {
        /// Hash of the problem at hand.
        found: Hash,
        /// As attested.
        expected: Hash,
    },
    /// The problem is none.
    #[error("the problem is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The problem has no port for an edge, or another number of steps than the agreement.
    #[error("{edge}: the problem has no port of that many steps")]
    Port {
        /// The edge.
        edge: Edge,
    },
    /// A flow is one that the problem does not allow.
    #[error("{edge}: a flow of {flow} in step {step}, which the problem allows from {lower} to {upper}")]
    Range {
        /// The edge.
        edge: Edge,
        /// The step.
        step: usize,
        /// As agreed.
        flow: f64,
        /// Least.
        lower: f64,
        /// Most.
        upper: f64,
    },
    /// No plan has the agreed flows.
    #[error("no plan of this problem has the agreed flows: {0}")]
    Flows(QpError),
    /// The problem at the agreed prices cannot be solved.
    #[error("the problem at the agreed prices cannot be solved: {0}")]
    Prices(QpError),
    /// A number claims what is not so.
    #[error("{what} is attested as {attested}, recomputed it is {recomputed}")]
    False {
        /// Which number.
        what: &'static str,
        /// As signed.
        attested: f64,
        /// As it is.
        recomputed: f64,
    },
}

/// Recomputes what `part` attests of `problem`.
pub fn recompute(problem: &LocalProblem, part: &PlanDelta) -> Result<Recomputed, AttestationFault> {
    let (found, expected) = (problem.hash(), part.attestation.problem);
    if found != expected {
        return Err(AttestationFault::OtherProblem { found, expected });
    }
    let qp = QpProblem::from_local(problem)?;
    let plain = vec![0.0; qp.variables()];
    let mut solver = QpSolver::new(&qp, &plain, Settings::default()).map_err(AttestationFault::Flows)?;
    let terms = terms(problem, part)?;

    let (mut lower, mut upper) = (qp.lower().to_vec(), qp.upper().to_vec());
    for Term { variable, flow, .. } in &terms {
        // A flow that is fixed has no two ends, and what rounding made of it elsewhere must not exclude it.
        if lower[*variable] < upper[*variable] {
            (lower[*variable], upper[*variable]) = (*flow, *flow);
        }
    }
    let with_flows = solver.solve(qp.linear(), &lower, &upper).map_err(AttestationFault::Flows)?;
    let cost = cost_rounded_up(&qp, &with_flows.x);

    let mut linear = qp.linear().to_vec();
    let mut extra = Vec::new();
    for Term { variable, cost, .. } in &terms {
        if qp.lower()[*variable] < qp.upper()[*variable] {
            linear[*variable] += cost;
            extra.push((*variable, *cost));
        }
    }
    let priced = solver.solve(&linear, qp.lower(), qp.upper()).map_err(AttestationFault::Prices)?;
    let bound = lower_bound(&qp, &extra, &priced.x, &priced.row_multipliers);

    let recomputed = Recomputed { upper: cost, lower: bound };
    check(part, recomputed)?;
    Ok(recomputed)
}

/// One flow of the agreement.
struct Term {
    variable: usize,
    flow: f64,
    /// What its price adds to the linear cost.
    cost: f64,
}

fn terms(problem: &LocalProblem, part: &PlanDelta) -> Result<Vec<Term>, AttestationFault> {
    let mut terms = Vec::new();
    for agreement in &part.agreements {
        let edge = &agreement.edge;
        let fits = |port: &&Port| {
            port.edge == *edge
                && [agreement.flow.len(), agreement.price.len()].iter().all(|len| *len == port.flow.len())
        };
        let port = problem.ports.iter().find(fits).ok_or_else(|| AttestationFault::Port { edge: edge.clone() })?;
        let end = if edge.source == problem.asset { End::Source } else { End::Sink };
        for (step, variable) in port.flow.iter().enumerate() {
            let Some(variable) = variable.map(|variable| variable as usize) else { continue };
            if variable >= problem.variables.len() {
                return Err(AttestationFault::Port { edge: edge.clone() });
            }
            let (flow, price) = (agreement.flow[step].value(), agreement.price[step].value());
            let own = &problem.variables[variable];
            let (lower, upper) = (own.lower.value(), own.upper.value());
            let room = TOLERANCE * lower.abs().max(upper.abs()).max(1.0);
            if !(lower - room..=upper + room).contains(&flow) {
                return Err(AttestationFault::Range { edge: edge.clone(), step, flow, lower, upper });
            }
            terms.push(Term { variable, flow, cost: cost_of_price(price, end) });
        }
    }
    Ok(terms)
}

/// A cost may be above the best one, and a bound below: neither makes a certificate wrong. The other way round it lies.
fn check(part: &PlanDelta, recomputed: Recomputed) -> Result<(), AttestationFault> {
    let (upper, lower) = (part.attestation.upper.value(), part.attestation.lower.value());
    let room = TOLERANCE * upper.abs().max(lower.abs()).max(1.0);
    if upper < recomputed.upper - room {
        return Err(AttestationFault::False { what: "the cost", attested: upper, recomputed: recomputed.upper });
    }
    if lower > recomputed.lower + room {
        return Err(AttestationFault::False { what: "the bound", attested: lower, recomputed: recomputed.lower });
    }
    Ok(())
}

/// What a solver's tolerance can make of a cost, relative to its size.
const TOLERANCE: f64 = 1e-7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{STEPS, contract, id, opening, problem, real};
    use mesh_model::{Attestation, EdgeAgreement, Real};

    /// The rover takes 1 over each of its two edges at a price of 1: it earns 2 a step and edge, and 1 after the price.
    fn part() -> (LocalProblem, PlanDelta) {
        let opening = opening(1, 0, &["habitat", "rover", "satellite"]);
        let problem = problem("rover", &opening);
        let agreed = |edge| EdgeAgreement { edge, flow: vec![real(1.0); STEPS], price: vec![real(1.0); STEPS] };
        let taken = 2.0 * STEPS as f64;
        let part = PlanDelta {
            epoch: opening.epoch.clone(),
            round: 4,
            window: opening.window,
            agreements: contract().edges_of(&id("rover")).into_iter().map(agreed).collect(),
            attestation: Attestation {
                asset: id("rover"),
                problem: problem.hash(),
                upper: real(-2.0 * taken),
                lower: real(-taken),
            },
            sent: Hash::ZERO,
        };
        (problem, part)
    }

    #[test]
    fn what_an_honest_member_attests_is_found_again() {
        let (problem, part) = part();
        let found = recompute(&problem, &part).expect("it is so");
        assert!((found.upper + 4.0 * STEPS as f64).abs() < 1e-9 && (found.lower + 2.0 * STEPS as f64).abs() < 1e-9);
        let mut careful = part;
        careful.attestation.upper = real(careful.attestation.upper.value() + 1.0);
        careful.attestation.lower = real(careful.attestation.lower.value() - 1.0);
        assert!(recompute(&problem, &careful).is_ok(), "to promise less is no lie");
    }

    #[test]
    fn every_lie_is_named() {
        let check = |what: &str, lie: fn(&mut LocalProblem, &mut PlanDelta), expect: fn(&AttestationFault) -> bool| {
            let (mut problem, mut part) = part();
            lie(&mut problem, &mut part);
            let fault = recompute(&problem, &part).expect_err(what);
            assert!(expect(&fault), "{what}: {fault}");
        };
        check(
            "a cost that nothing has",
            |_, part| part.attestation.upper = real(part.attestation.upper.value() - 1e-3),
            |fault| matches!(fault, AttestationFault::False { what: "the cost", .. }),
        );
        check(
            "a bound above what can be reached",
            |_, part| part.attestation.lower = real(part.attestation.lower.value() + 1e-3),
            |fault| matches!(fault, AttestationFault::False { what: "the bound", .. }),
        );
        check(
            "another problem",
            |problem, _| problem.objective.constant = real(-1.0),
            |fault| matches!(fault, AttestationFault::OtherProblem { .. }),
        );
        check(
            "flows that it cannot take",
            |_, part| part.agreements[0].flow[0] = real(5.0),
            |fault| matches!(fault, AttestationFault::Range { step: 0, .. }),
        );
        check(
            "a step too many",
            |_, part| part.agreements[0].price.push(Real::ZERO),
            |fault| matches!(fault, AttestationFault::Port { .. }),
        );
        check(
            "a port that names no variable",
            |problem, part| {
                problem.ports[0].flow[0] = Some(99);
                part.attestation.problem = problem.hash();
            },
            |fault| matches!(fault, AttestationFault::Port { .. }),
        );
    }
}
