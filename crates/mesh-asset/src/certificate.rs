//! The planner's proof for a plan: how it is assembled from the members' parts, and what anybody can check of it.

use mesh_model::{
    AssetId, Attestation, Certificate, Edge, EdgeAgreement, FleetContract, Hash, MissionTime, Opening, PlanDelta, Real,
    Window,
};
use std::collections::BTreeMap;

/// A member's logged part: sequence number and hash of the entry, and what it says.
pub(crate) type Part = (u64, Hash, PlanDelta);

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CertificateFault {
    /// Nobody in whose turn it could be opened an epoch of that number among these members, or its round is none that a
    /// plan can have.
    #[error("the certificate's epoch or round is not one that its opener could open among its members")]
    Epoch,
    /// Members, attestations and deltas do not name the same members of the fleet in id order.
    #[error("the certificate's deltas and attestations do not name the same members")]
    Members,
    /// A sum or the gap is not what its parts give.
    #[error("{what} is {found}, its parts give {expected}")]
    Sum {
        /// Which number.
        what: &'static str,
        /// As certified.
        found: f64,
        /// As recomputed.
        expected: f64,
    },
    /// A number is not in the range from 0 to what the contract allows.
    #[error("{what} is {found}, the contract allows {limit}")]
    Limit {
        /// Which number.
        what: &'static str,
        /// As certified.
        found: f64,
        /// As agreed.
        limit: f64,
    },
    /// An edge between two members is missing, or one that is not in the contract is there.
    #[error("the certificate's edges are not those between its members")]
    Edges,
    /// An agreement does not hold one flow and one price a step, none of them below zero.
    #[error("{edge}: not one flow and one price a step from zero up")]
    Agreement {
        /// Its edge.
        edge: Edge,
    },
    /// The window is not one that the contract knows.
    #[error("the certificate's window is not that of its plan number")]
    Window,
}

/// Checks everything about a certificate that can be checked without a LocalProblem and without the members' logs.
pub fn check_certificate(certificate: &Certificate, contract: &FleetContract) -> Result<(), CertificateFault> {
    let Certificate { epoch, round, .. } = certificate;
    if !(1..=contract.rounds_max).contains(round) {
        return Err(CertificateFault::Epoch);
    }
    let members: Vec<&AssetId> = certificate.attestations.iter().map(|attestation| &attestation.asset).collect();
    let authors: Vec<&AssetId> = certificate.deltas.iter().map(|(author, _, _)| author).collect();
    let known = members.iter().all(|member| contract.members.contains(member));
    if members != authors || members.is_empty() || !known || !members.is_sorted_by(|a, b| a < b) {
        return Err(CertificateFault::Members);
    }
    if !contract.allows(epoch, &members.iter().map(|member| (*member).clone()).collect::<Vec<_>>()) {
        return Err(CertificateFault::Epoch);
    }
    if certificate.window != plan_window(contract, epoch.plan) {
        return Err(CertificateFault::Window);
    }
    check_agreements(certificate, &members, contract)?;
    check_sums(certificate)?;
    check_limits(certificate, contract)
}

/// The window of a plan starts with the step of its number.
pub(crate) fn plan_window(contract: &FleetContract, plan: u64) -> Window {
    let start = MissionTime::from_s(plan.saturating_mul(u64::from(contract.step_s)));
    Window { start, step_s: contract.step_s, steps: contract.steps }
}

/// The certificate of members whose parts are all there.
pub(crate) fn assemble(
    opening: &Opening,
    round: u32,
    [primal, dual]: [f64; 2],
    parts: &BTreeMap<AssetId, Part>,
) -> Option<Certificate> {
    let mut agreements: BTreeMap<Edge, EdgeAgreement> = BTreeMap::new();
    let mut residual: f64 = 0.0;
    for agreement in parts.values().flat_map(|(_, _, delta)| &delta.agreements) {
        match agreements.get(&agreement.edge) {
            Some(other) => residual = residual.max(difference(agreement, other)),
            None => {
                agreements.insert(agreement.edge.clone(), agreement.clone());
            }
        }
    }
    let attestations: Vec<Attestation> = parts.values().map(|(_, _, delta)| delta.attestation.clone()).collect();
    let (upper, lower) = sums(&attestations);
    let deltas = parts.iter().map(|(author, (sequence, entry, _))| (author.clone(), *sequence, *entry));
    Some(Certificate {
        epoch: opening.epoch.clone(),
        round,
        window: opening.window,
        deltas: deltas.collect(),
        attestations,
        agreements: agreements.into_values().collect(),
        junction_residual: Real::new(residual).ok()?,
        primal: Real::new(primal).ok()?,
        dual: Real::new(dual).ok()?,
        upper: Real::new(upper).ok()?,
        lower: Real::new(lower).ok()?,
        gap: Real::new(relative_gap(upper, lower)).ok()?,
    })
}

/// (upper - lower) / max(1, |upper|).
pub(crate) fn relative_gap(upper: f64, lower: f64) -> f64 {
    (upper - lower) / upper.abs().max(1.0)
}

/// Whether a gap is proof enough. Rounding can push it a little below zero; further below, the bounds contradict each
/// other and prove nothing.
pub(crate) fn is_tight(gap: f64, contract: &FleetContract) -> bool {
    gap.abs() <= contract.gap_max.value()
}

fn check_agreements(
    certificate: &Certificate,
    members: &[&AssetId],
    contract: &FleetContract,
) -> Result<(), CertificateFault> {
    let between = contract.edges().into_iter().filter(|e| members.contains(&&e.source) && members.contains(&&e.sink));
    if !between.eq(certificate.agreements.iter().map(|agreement| agreement.edge.clone())) {
        return Err(CertificateFault::Edges);
    }
    let sound =
        |values: &[Real]| values.len() == usize::from(contract.steps) && values.iter().all(|v| *v >= Real::ZERO);
    match certificate.agreements.iter().find(|agreement| !sound(&agreement.flow) || !sound(&agreement.price)) {
        Some(agreement) => Err(CertificateFault::Agreement { edge: agreement.edge.clone() }),
        None => Ok(()),
    }
}

fn check_sums(certificate: &Certificate) -> Result<(), CertificateFault> {
    let (upper, lower) = sums(&certificate.attestations);
    for (what, found, expected) in [
        ("the cost", certificate.upper.value(), upper),
        ("the lower bound", certificate.lower.value(), lower),
        ("the gap", certificate.gap.value(), relative_gap(upper, lower)),
    ] {
        if found != expected {
            return Err(CertificateFault::Sum { what, found, expected });
        }
    }
    Ok(())
}

fn check_limits(certificate: &Certificate, contract: &FleetContract) -> Result<(), CertificateFault> {
    let (gap, residual_max) = (certificate.gap.value(), contract.residual_max.value());
    if !is_tight(gap, contract) {
        return Err(CertificateFault::Limit { what: "the gap", found: gap, limit: contract.gap_max.value() });
    }
    for (what, found, limit) in [
        ("the junction residual", certificate.junction_residual.value(), 0.0),
        ("the primal residual", certificate.primal.value(), residual_max),
        ("the dual residual", certificate.dual.value(), residual_max),
    ] {
        if !(0.0..=limit).contains(&found) {
            return Err(CertificateFault::Limit { what, found, limit });
        }
    }
    Ok(())
}

/// Sums of the upper and of the lower bounds, in id order.
fn sums(attestations: &[Attestation]) -> (f64, f64) {
    let add = |(upper, lower): (f64, f64), part: &Attestation| (upper + part.upper.value(), lower + part.lower.value());
    attestations.iter().fold((0.0, 0.0), add)
}

fn difference(a: &EdgeAgreement, b: &EdgeAgreement) -> f64 {
    let apart =
        |a: &[Real], b: &[Real]| a.iter().zip(b).map(|(a, b)| (a.value() - b.value()).abs()).fold(0.0f64, f64::max);
    if a.flow.len() != b.flow.len() || a.price.len() != b.price.len() {
        return f64::MAX;
    }
    apart(&a.flow, &b.flow).max(apart(&a.price, &b.price))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{STEPS, agreement, attestation, contract, id, opening, real};

    fn part(name: &str, sequence: u64) -> (AssetId, Part) {
        let delta = PlanDelta {
            epoch: opening(1, 0, &["habitat", "rover"]).epoch,
            round: 8,
            window: plan_window(&contract(), 1),
            agreements: vec![agreement()],
            attestation: attestation(name),
            sent: Hash::ZERO,
        };
        (id(name), (sequence, Hash::of(name.as_bytes()), delta))
    }

    fn certificate() -> Certificate {
        let parts = BTreeMap::from([part("habitat", 3), part("rover", 4)]);
        assemble(&opening(1, 0, &["habitat", "rover"]), 8, [1e-5, 2e-5], &parts).expect("finite numbers")
    }

    #[test]
    fn what_is_assembled_holds() {
        let certificate = certificate();
        assert_eq!(check_certificate(&certificate, &contract()), Ok(()));
        assert_eq!(certificate.upper.value(), 2.0 * attestation("rover").upper.value());
        assert_eq!(certificate.deltas[1], (id("rover"), 4, Hash::of(b"rover")));
    }

    #[test]
    fn ends_that_signed_different_flows_are_not_certified() {
        let (rover, mut lying) = part("rover", 4);
        lying.2.agreements[0].flow[1] = real(0.5);
        let parts = BTreeMap::from([part("habitat", 3), (rover, lying)]);
        let certificate = assemble(&opening(1, 0, &["habitat", "rover"]), 8, [0.0; 2], &parts).expect("finite numbers");
        let fault = check_certificate(&certificate, &contract()).expect_err("the ends differ");
        assert!(matches!(fault, CertificateFault::Limit { what: "the junction residual", .. }), "{fault}");
    }

    /// One falsified field each, and what it is called.
    #[test]
    fn every_single_falsified_field_is_found() {
        type Lie = fn(&mut Certificate);
        let lies: [(&str, Lie); 22] = [
            ("opener", |c| c.epoch.opener = id("rover")),
            ("round", |c| c.round = 0),
            ("round", |c| c.round = contract().rounds_max + 1),
            ("plan", |c| c.epoch.plan += 1),
            ("start", |c| c.window.start = c.window.start.plus_s(1)),
            ("step", |c| c.window.step_s += 1),
            ("steps", |c| c.window.steps -= 1),
            ("a delta more", |c| c.deltas.push((id("satellite"), 0, Hash::ZERO))),
            ("order", |c| c.deltas.swap(0, 1)),
            ("stranger", |c| {
                c.deltas[1].0 = id("stranger");
                c.attestations[1].asset = id("stranger");
            }),
            ("nobody", |c| {
                c.deltas.clear();
                c.attestations.clear();
                c.agreements.clear();
                (c.upper, c.lower, c.gap) = (Real::ZERO, Real::ZERO, Real::ZERO);
            }),
            ("edge missing", |c| c.agreements.clear()),
            ("edge twice", |c| c.agreements.push(c.agreements[0].clone())),
            ("flow short", |c| c.agreements[0].flow.truncate(STEPS - 1)),
            ("price long", |c| c.agreements[0].price.push(Real::ZERO)),
            ("flow below zero", |c| c.agreements[0].flow[0] = real(-1e-9)),
            ("price below zero", |c| c.agreements[0].price[0] = real(-1e-9)),
            ("upper", |c| c.upper = real(c.upper.value() + 1e-9)),
            ("lower of one", |c| c.attestations[0].lower = real(-7.0)),
            ("gap", |c| c.gap = Real::ZERO),
            ("junction", |c| c.junction_residual = real(1e-12)),
            ("residual", |c| c.dual = real(-1e-12)),
        ];
        for (what, lie) in lies {
            let mut certificate = certificate();
            lie(&mut certificate);
            assert!(check_certificate(&certificate, &contract()).is_err(), "{what} was not noticed");
        }
    }

    #[test]
    fn bounds_that_contradict_each_other_prove_nothing() {
        let mut certificate = certificate();
        certificate.attestations.iter_mut().for_each(|part| part.lower = real(1e6));
        let (upper, lower) = sums(&certificate.attestations);
        (certificate.lower, certificate.gap) = (real(lower), real(relative_gap(upper, lower)));
        let fault = check_certificate(&certificate, &contract()).expect_err("the lower bound is above the cost");
        assert!(matches!(fault, CertificateFault::Limit { what: "the gap", .. }), "{fault}");
    }
}
