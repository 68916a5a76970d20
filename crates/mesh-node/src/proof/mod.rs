//! A plan's proof as one file: the certificate and every member's part of the plan, as they were signed, with the contract
//! and the public keys. Whoever has the file can check the plan without the run, the fleet or a network.
//!
//! The file proves nothing about whose keys these are: who knows the fleet's keys holds the file against them. What the
//! members attest of their own problems is their word; whoever is given a problem can [recompute](Opened) it.

mod faults;
mod file;
mod hexadecimal;
mod problem;
mod refutation;

pub(crate) use faults::{Named, certificate_faults};
pub use file::AnyProof;
pub use problem::{Opened, open_planning, open_problem, read_problem, write_problem};
pub use refutation::{Refutation, Refuted, Stated};

use crate::audit::{LOG_LENGTH_MAX, sound_part};
use crate::durable;
use crate::error::{Fault, NodeError};
use crate::fleet_folder::FleetFile;
use crate::run_folder::RunFolder;
use mesh_asset::{Recomputed, recompute};
use mesh_identity::{Expectation, PublicKey, Roster, Verified, verify};
use mesh_model::{
    AssetId, Canonical, Certificate, FleetContract, Hash, LocalProblem, MissionId, Payload, PayloadKind, PlanDelta,
    SignedEnvelope,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The proof of one plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The run.
    pub mission: MissionId,
    /// What the fleet had agreed on before.
    pub contract: FleetContract,
    /// The members' public keys.
    pub keys: BTreeMap<AssetId, PublicKey>,
    /// The signed entry that holds the certificate.
    pub certificate: SignedEnvelope,
    /// The signed entry of each member that the certificate names.
    pub parts: BTreeMap<AssetId, SignedEnvelope>,
}

/// What a check of a proof found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// Whether nothing is wrong.
    pub verified: bool,
    /// What is wrong.
    pub findings: Vec<String>,
    /// Number of the plan, and of its epoch.
    pub plan: Option<(u64, u32)>,
    /// Cost of the plan, by what its members attest.
    pub cost: Option<f64>,
    /// What no plan could undercut, by what they attest.
    pub lower_bound: Option<f64>,
    /// The relative gap between the two.
    pub gap: Option<f64>,
    /// The members.
    pub members: Vec<AssetId>,
    /// What was recomputed from problems that were given.
    pub recomputed: Vec<Reproduced>,
    /// SHA-256 over contract, mission, certificate and parts, unsigned: names the proof.
    pub hash: Hash,
}

/// A member's numbers, recomputed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reproduced {
    /// The member.
    pub asset: AssetId,
    /// Cost of its part as it attested it.
    pub cost: f64,
    /// The same from its problem.
    pub cost_recomputed: f64,
    /// Its bound as it attested it.
    pub lower_bound: f64,
    /// The same from its problem.
    pub lower_bound_recomputed: f64,
}

impl Proof {
    /// The proof of plan number `plan`, or of the newest one, from the logs of a run.
    pub fn of_run(
        run: &RunFolder,
        contract: FleetContract,
        fleet: &FleetFile,
        plan: Option<u64>,
    ) -> Result<Self, NodeError> {
        fleet.check_serves(run.path(), &contract.fleet, &contract.members)?;
        let mut logs = BTreeMap::new();
        for member in &contract.members {
            logs.insert(member.clone(), entries(run, member)?);
        }
        let certificates = logs.values().flatten().filter_map(|entry| Some((certificate_of(entry)?, entry)));
        let wanted = certificates.filter(|(certificate, _)| plan.is_none_or(|plan| certificate.epoch.plan == plan));
        let newest = wanted.max_by(|(a, _), (b, _)| a.epoch.cmp(&b.epoch));
        let Some((certificate, entry)) = newest else {
            return Err(NodeError::unfit(&run.logs(), Fault::NoCertificate { plan }));
        };
        let mut parts = BTreeMap::new();
        for (member, sequence, _) in &certificate.deltas {
            let place = usize::try_from(*sequence).ok();
            let log = logs.get(member).map_or(&[][..], Vec::as_slice);
            if let Some(part) = place.and_then(|place| log.get(place)) {
                parts.insert(member.clone(), part.clone());
            }
        }
        let mission = entry.peek().map(|envelope| envelope.mission).unwrap_or(MissionId([0; 16]));
        let keys = fleet.members.iter().map(|(id, member)| (id.clone(), member.public_key)).collect();
        Ok(Self { mission, contract, keys, certificate: entry.clone(), parts })
    }

    /// Checks everything that messages alone can prove, and the local numbers of the members whose `problems` are given.
    /// The keys are those of `fleet` if there is one, else those that the file brings along.
    pub fn check(&self, fleet: Option<&FleetFile>, problems: &[LocalProblem]) -> Checked {
        let mut checked = Checked {
            verified: false,
            findings: Vec::new(),
            plan: None,
            cost: None,
            lower_bound: None,
            gap: None,
            members: Vec::new(),
            recomputed: Vec::new(),
            hash: self.hash(),
        };
        let roster = self.roster(fleet, &mut checked.findings);
        let expectation =
            Expectation { fleet: self.contract.fleet.clone(), mission: self.mission, contract: self.contract.hash() };
        let mut parts = BTreeMap::new();
        for (member, part) in &self.parts {
            match verify(part, &roster, &expectation) {
                Ok(entry) if entry.author() == member && entry.is_logged() => {
                    parts.insert(member.clone(), entry);
                }
                Ok(entry) => checked.findings.push(format!("the part of {member} was said by {}", entry.author())),
                Err(refusal) => checked.findings.push(format!("the part of {member}: {refusal}")),
            }
        }
        match verify(&self.certificate, &roster, &expectation) {
            Ok(entry) => self.check_certificate(&entry, &parts, &mut checked),
            Err(refusal) => checked.findings.push(format!("the certificate: {refusal}")),
        }
        for problem in problems {
            check_problem(problem, &parts, &mut checked);
        }
        checked.verified = checked.findings.is_empty();
        checked
    }

    /// The members' parts of the plan, in id order, as far as they can be read.
    pub fn deltas(&self) -> Vec<PlanDelta> {
        let part = |part: &SignedEnvelope| match Payload::decode(&part.payload) {
            Ok(Payload::Delta(delta)) => Some(delta),
            _ => None,
        };
        self.parts.values().filter_map(part).collect()
    }

    /// Names the proof.
    pub fn hash(&self) -> Hash {
        let start = self.contract.hash().then(&self.mission.0).then(&self.certificate.unsigned);
        self.parts.values().fold(start, |hash, part| hash.then(&part.unsigned))
    }

    fn roster(&self, fleet: Option<&FleetFile>, findings: &mut Vec<String>) -> Roster {
        let Some(fleet) = fleet else { return self.keys.iter().map(|(id, key)| (id.clone(), *key)).collect() };
        for (member, key) in &self.keys {
            if fleet.members.get(member).is_none_or(|known| known.public_key != *key) {
                findings.push(format!("{key} is not the key of {member} in the fleet {}", fleet.name));
            }
        }
        fleet.roster()
    }

    fn check_certificate(&self, entry: &Verified, parts: &BTreeMap<AssetId, Verified>, checked: &mut Checked) {
        let Payload::Certificate(certificate) = entry.payload() else {
            checked.findings.push("what should be the certificate is something else".to_owned());
            return;
        };
        let named = |member: &AssetId, sequence: u64| match parts.get(member) {
            Some(part) if part.sequence() == sequence => Named::Entry(part),
            _ => Named::Nothing,
        };
        let faults = certificate_faults(entry.author(), certificate, &self.contract, &named);
        checked.findings.extend(faults);
        checked.plan = Some((certificate.epoch.plan, certificate.epoch.number));
        checked.cost = Some(certificate.upper.value());
        checked.lower_bound = Some(certificate.lower.value());
        checked.gap = Some(certificate.gap.value());
        checked.members = certificate.attestations.iter().map(|part| part.asset.clone()).collect();
    }
}

fn check_problem(problem: &LocalProblem, parts: &BTreeMap<AssetId, Verified>, checked: &mut Checked) {
    let asset = &problem.asset;
    let Some(part) = parts.get(asset).and_then(part_of) else {
        checked.findings.push(format!("a problem of {asset} is given, but no part of the plan is its own"));
        return;
    };
    match recompute(problem, part) {
        Ok(Recomputed { upper, lower }) => checked.recomputed.push(Reproduced {
            asset: asset.clone(),
            cost: part.attestation.upper.value(),
            cost_recomputed: upper,
            lower_bound: part.attestation.lower.value(),
            lower_bound_recomputed: lower,
        }),
        Err(fault) => checked.findings.push(format!("{asset}: {fault}")),
    }
}

fn part_of(entry: &Verified) -> Option<&PlanDelta> {
    match entry.payload() {
        Payload::Delta(part) => Some(part),
        _ => None,
    }
}

/// The log of a member as far as it can be read.
fn entries(run: &RunFolder, member: &AssetId) -> Result<Vec<SignedEnvelope>, NodeError> {
    let path = run.log(member);
    let bytes = durable::read_bytes(&path, LOG_LENGTH_MAX)?;
    mesh_sync::read_log(sound_part(&bytes)).map_err(|damage| malformed(&path, "a log", &damage))
}

fn certificate_of(entry: &SignedEnvelope) -> Option<Certificate> {
    entry.peek().ok().filter(|envelope| envelope.kind == PayloadKind::Certificate)?;
    match Payload::decode(&entry.payload) {
        Ok(Payload::Certificate(certificate)) => Some(certificate),
        _ => None,
    }
}

fn malformed(path: &Path, expected: &'static str, why: &impl ToString) -> NodeError {
    NodeError::unfit(path, Fault::Malformed { expected, why: why.to_string() })
}
