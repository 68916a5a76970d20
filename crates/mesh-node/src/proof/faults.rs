//! What of a certificate can be held against the entries that it names.

use mesh_asset::check_certificate;
use mesh_identity::Verified;
use mesh_model::{AssetId, Certificate, Edge, FleetContract, Payload, PlanDelta};
use std::collections::BTreeMap;

/// What stands at a place in a member's log.
pub(crate) enum Named<'a> {
    /// This entry, which its author signed.
    Entry(&'a Verified),
    /// Nothing.
    Nothing,
    /// The log is not at hand.
    OutOfSight,
}

/// What is wrong with a certificate, judged by what its members logged.
pub(crate) fn certificate_faults<'a>(
    author: &AssetId,
    certificate: &Certificate,
    contract: &FleetContract,
    named: &dyn Fn(&AssetId, u64) -> Named<'a>,
) -> Vec<String> {
    let mut faults = Vec::new();
    if *author != certificate.epoch.opener {
        faults.push(format!("{author} certifies an epoch that {} opened", certificate.epoch.opener));
    }
    if let Err(fault) = check_certificate(certificate, contract) {
        faults.push(fault.to_string());
    }
    let mut ends: BTreeMap<_, u32> = BTreeMap::new();
    let mut are_all_at_hand = true;
    for ((member, sequence, hash), attestation) in certificate.deltas.iter().zip(&certificate.attestations) {
        let entry = match named(member, *sequence) {
            Named::Entry(entry) if entry.unsigned_hash() == *hash => entry,
            Named::Entry(_) | Named::Nothing => {
                faults.push(format!("entry {sequence} of {member} is not the one that the certificate names"));
                continue;
            }
            Named::OutOfSight => {
                are_all_at_hand = false;
                continue;
            }
        };
        let Payload::Delta(delta) = entry.payload() else {
            faults.push(format!("entry {sequence} of {member} is not a part of a plan"));
            continue;
        };
        if delta.epoch != certificate.epoch || delta.round != certificate.round || delta.window != certificate.window {
            faults.push(format!("entry {sequence} of {member} is part of another plan"));
        }
        if delta.attestation != *attestation {
            faults.push(format!("the certificate changes what {member} attested"));
        }
        faults.extend(agreement_faults(member, delta, certificate, &mut ends));
    }
    if are_all_at_hand && ends.values().any(|ends| *ends != 2) {
        faults.push("an edge was not signed by both of its ends".to_owned());
    }
    faults
}

/// Flows and prices in the certificate are the ones that both ends signed.
fn agreement_faults<'a>(
    member: &AssetId,
    delta: &PlanDelta,
    certificate: &'a Certificate,
    ends: &mut BTreeMap<&'a Edge, u32>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for agreed in certificate.agreements.iter().filter(|agreed| agreed.edge.touches(member)) {
        let signed = ends.entry(&agreed.edge).or_default();
        match delta.agreements.iter().find(|own| own.edge == agreed.edge) {
            Some(own) if own.flow == agreed.flow && own.price == agreed.price => *signed += 1,
            Some(_) => {
                *signed += 1;
                faults.push(format!("the certificate changes what {member} signed for {}", agreed.edge));
            }
            None => {}
        }
    }
    faults
}
