//! `audit verify`: what a third party can check about a run with the run folder and the fleet's public keys.
//!
//! Every log is checked by itself (records, signatures, chain, first and last entry); then across logs: every
//! certificate must name entries that its members really signed, and its sums must be theirs; every adoption must name
//! such a certificate. No LocalProblem is needed for any of it. Where the recordings are there too, every entry that they
//! show as acknowledged must be in its author's log.
//!
//! A process that was lost for good may leave a log that nobody closed, with a torn record at its end. That is no finding
//! if the run says that it was lost.

mod acknowledged;

pub use acknowledged::{LostEntry, acknowledged_entries_lost};

use crate::durable;
use crate::error::NodeError;
use crate::fleet_folder::FleetFile;
use crate::flight::Flown;
use crate::proof::{Named, certificate_faults};
use crate::report::{AuditFigures, Report};
use crate::run_folder::RunFolder;
use mesh_identity::{Expectation, Verified};
use mesh_model::{AssetId, AuditSubject, Canonical, Certificate, FleetContract, Hash, MissionId, Payload};
use mesh_sync::{AuditFailure, AuditedLog, LogDamage, LogFault, audit_log, read_log};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Entries that passed every check of their own.
    pub entries: u64,
    /// Whether nothing at all was found.
    pub verified: bool,
    /// What is wrong, file by file.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, seen from the run folder.
    pub file: String,
    /// The entry in it, counted from 0; none when it is about the whole file.
    pub entry: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl Audit {
    /// The figures for the report.
    pub fn figures(&self) -> AuditFigures {
        AuditFigures { entries: self.entries, verified: self.verified }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "{}, entry {entry}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// What is claimed about a run besides its logs.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// There is no report: the run must have come to its end.
    Nothing,
    /// The flight has just ended, by itself or because somebody stopped it.
    Flown(&'a Flown),
    /// report.json, which must agree with the logs.
    Report(&'a Report),
}

impl Claim<'_> {
    /// A mission that was stopped has logs without a last entry.
    fn is_interrupted(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Flown(flown) => flown.outcome.interrupted,
            Self::Report(report) => report.interrupted,
        }
    }

    /// Whether the process of a member was lost: then its log may lack an end.
    fn is_lost(self, member: &AssetId) -> bool {
        let processes = match self {
            Self::Nothing => return false,
            Self::Flown(flown) => &flown.processes,
            Self::Report(report) => &report.processes,
        };
        processes.iter().any(|process| process.name == member.as_str() && process.lost)
    }

    /// Whether the log of a member may lack its end.
    fn may_be_open(self, member: &AssetId) -> bool {
        self.is_interrupted() || self.is_lost(member)
    }

    /// The run that the logs must be of.
    fn mission(self) -> Option<MissionId> {
        match self {
            Self::Nothing => None,
            Self::Flown(flown) => Some(flown.mission),
            Self::Report(report) => Some(report.mission),
        }
    }
}

/// Audits the run in `run` against the public keys in `fleet`.
pub fn verify(run: &RunFolder, fleet: &FleetFile, claim: Claim<'_>) -> Result<Audit, NodeError> {
    let mut auditor = Auditor { findings: Vec::new() };
    let Some(contract) = auditor.contract(run)? else {
        return Ok(auditor.into_audit(0));
    };
    fleet.check_serves(run.path(), &contract.fleet, &contract.members)?;
    auditor.refuse_strangers(run, &contract)?;
    let bytes = auditor.read_logs(run, &contract, claim)?;
    let Some(mission) = claim.mission().or_else(|| common_mission(bytes.values())) else {
        for (author, bytes) in &bytes {
            if let Err(damage) = read_log(bytes) {
                auditor.failed(author, &AuditFailure::Damaged(damage));
            }
        }
        if auditor.findings.is_empty() {
            auditor.find("logs", None, "no log has a readable first entry");
        }
        return Ok(auditor.into_audit(0));
    };
    let expectation = Expectation { fleet: contract.fleet.clone(), mission, contract: contract.hash() };
    let mut logs = BTreeMap::new();
    let mut entries = 0;
    for (author, bytes) in &bytes {
        let bytes = if claim.may_be_open(author) { sound_part(bytes) } else { bytes };
        match audit_log(bytes, author, &fleet.roster(), &expectation) {
            Ok(log) => {
                entries += log.entries.len() as u64;
                logs.insert(author.clone(), log);
            }
            Err(failure) => entries += auditor.failed(author, &failure),
        }
    }
    for (author, log) in &logs {
        auditor.check_ends(author, log, &contract, claim);
        auditor.check_contents(author, log, &logs, &contract);
    }
    for lost in acknowledged_entries_lost(run, fleet)? {
        // A log that does not stand by itself was found already.
        if logs.contains_key(&lost.author) {
            auditor.find(&log_name(&lost.author), Some(lost.sequence), lost.to_string());
        }
    }
    if let Claim::Report(report) = claim {
        auditor.check_scenario(run, report)?;
        auditor.check_report(report, &logs, &contract, entries);
    }
    Ok(auditor.into_audit(entries))
}

struct Auditor {
    findings: Vec<Finding>,
}

impl Auditor {
    fn find(&mut self, file: &str, entry: Option<u64>, what: impl Into<String>) {
        self.findings.push(Finding { file: file.to_owned(), entry, what: what.into() });
    }

    fn into_audit(self, entries: u64) -> Audit {
        Audit { entries, verified: self.findings.is_empty() && entries > 0, findings: self.findings }
    }

    /// The contract that the run's own scenario gives. Every envelope names its hash, so an altered scenario fits none.
    fn contract(&mut self, run: &RunFolder) -> Result<Option<FleetContract>, NodeError> {
        let (scenario, diagnostics) = mesh_sim::scenario::parse(&durable::read_text(&run.scenario())?);
        if scenario.is_none() {
            let what = diagnostics.iter().find(|one| one.is_error()).map_or("no scenario", |one| one.message.as_str());
            self.find("scenario.toml", None, what);
        }
        Ok(scenario.map(|scenario| scenario.contract()))
    }

    fn refuse_strangers(&mut self, run: &RunFolder, contract: &FleetContract) -> Result<(), NodeError> {
        let folder = run.logs();
        let mut names = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Then every log is missing, and each is named.
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(why) => return Err(NodeError::refused("read", &folder)(why)),
        };
        for entry in entries {
            names.push(entry.map_err(NodeError::refused("read", &folder))?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        for name in names {
            if !contract.members.iter().any(|member| log_name(member) == format!("logs/{name}")) {
                self.find(&format!("logs/{name}"), None, "not the log of a member");
            }
        }
        Ok(())
    }

    fn read_logs(
        &mut self,
        run: &RunFolder,
        contract: &FleetContract,
        claim: Claim<'_>,
    ) -> Result<BTreeMap<AssetId, Vec<u8>>, NodeError> {
        let mut logs = BTreeMap::new();
        for member in &contract.members {
            let path = run.log(member);
            match durable::read_bytes(&path, LOG_LENGTH_MAX) {
                Ok(bytes) => {
                    logs.insert(member.clone(), bytes);
                }
                Err(NodeError::Refused { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    // Who was killed for good may not have come to begin one.
                    if !claim.is_lost(member) {
                        self.find(&log_name(member), None, "the log is missing");
                    }
                }
                Err(NodeError::Unfit { fault, .. }) => self.find(&log_name(member), None, fault.to_string()),
                Err(why) => return Err(why),
            }
        }
        Ok(logs)
    }

    /// A log that does not stand by itself. Gives the number of entries that did.
    fn failed(&mut self, author: &AssetId, failure: &AuditFailure) -> u64 {
        let (entry, what, sound) = match failure {
            AuditFailure::Damaged(damage) => {
                (damage.entry, format!("{} (byte {} of the file)", damage.what, damage.offset), 0)
            }
            AuditFailure::Refused { entry, refusal } => (*entry, refusal.to_string(), *entry),
            AuditFailure::Broken { entry, broken } => (*entry, broken.to_string(), *entry),
        };
        self.find(&log_name(author), Some(entry), what);
        sound
    }

    fn check_ends(&mut self, author: &AssetId, log: &AuditedLog, contract: &FleetContract, claim: Claim<'_>) {
        let file = log_name(author);
        match log.entries.first().map(Verified::payload) {
            Some(Payload::Audit(record)) if record.subject == (AuditSubject::Joined { contract: contract.hash() }) => {}
            Some(_) => self.find(&file, Some(0), "the log does not begin with its author joining under this contract"),
            // Killed before it had said anything.
            None if claim.is_lost(author) => return,
            None => self.find(&file, None, "the log is empty"),
        }
        let last = log.entries.len().saturating_sub(1) as u64;
        if !log.closed && !claim.may_be_open(author) {
            self.find(&file, Some(last), "the log ends without being closed: entries are missing at its end");
        }
        if log.closed && claim.is_interrupted() {
            self.find(&file, Some(last), "the log is closed, though the mission is said to have been stopped");
        }
        let inner = log.entries.iter().rev().skip(1);
        if let Some(early) = inner.into_iter().find(|entry| closing_state(entry).is_some()) {
            self.find(&file, Some(early.sequence()), "the log goes on after it was closed");
        }
    }

    fn check_contents(
        &mut self,
        author: &AssetId,
        log: &AuditedLog,
        logs: &BTreeMap<AssetId, AuditedLog>,
        contract: &FleetContract,
    ) {
        let file = log_name(author);
        for entry in &log.entries {
            let place = Some(entry.sequence());
            match entry.payload() {
                Payload::Delta(delta) if delta.attestation.asset != *author => {
                    self.find(&file, place, format!("{author} attests for {}", delta.attestation.asset));
                }
                Payload::Certificate(certificate) => {
                    let named = |member: &AssetId, sequence: u64| match logs.get(member) {
                        Some(log) => {
                            let place = usize::try_from(sequence).ok();
                            place.and_then(|place| log.entries.get(place)).map_or(Named::Nothing, Named::Entry)
                        }
                        // A log that did not stand by itself was found already.
                        None => Named::OutOfSight,
                    };
                    for what in certificate_faults(author, certificate, contract, &named) {
                        self.find(&file, place, what);
                    }
                }
                Payload::Audit(record) => {
                    if let AuditSubject::Adopted { epoch, certificate, .. } = &record.subject {
                        let named = logs.get(&epoch.opener).map(|log| certificate_with(log, certificate));
                        match named {
                            Some(Some(found)) if found.epoch == *epoch => {}
                            Some(Some(_)) => self.find(&file, place, "the certificate adopted is of another epoch"),
                            Some(None) => {
                                self.find(&file, place, format!("no certificate {certificate} was ever logged"));
                            }
                            None if !contract.members.contains(&epoch.opener) => {
                                self.find(&file, place, format!("{} is no member and certifies nothing", epoch.opener));
                            }
                            // The log of who certified did not stand by itself, which was found already.
                            None => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn check_scenario(&mut self, run: &RunFolder, report: &Report) -> Result<(), NodeError> {
        if durable::file_hash(&run.scenario())? != report.scenario_hash {
            self.find("scenario.toml", None, "not the file that was flown, by the hash in report.json");
        }
        Ok(())
    }

    fn check_report(
        &mut self,
        report: &Report,
        logs: &BTreeMap<AssetId, AuditedLog>,
        contract: &FleetContract,
        entries: u64,
    ) {
        const FILE: &str = "report.json";
        if let Some(what) = report.contradiction() {
            self.find(FILE, None, what);
        }
        if report.audit.verified && !self.findings.is_empty() {
            self.find(FILE, None, "it says that the audit found nothing");
        }
        // Of a log that does not stand by itself nobody can count the entries, and that was found already.
        if report.audit.entries != entries && logs.len() == contract.members.len() {
            self.find(FILE, None, format!("it counts {} entries, the logs hold {entries}", report.audit.entries));
        }
        for (author, log) in logs {
            let Some(figures) = report.asset(author) else {
                self.find(FILE, None, format!("it says nothing of {author}"));
                continue;
            };
            let found = log.entries.len() as u64;
            if figures.log_entries != found {
                let what = format!("the report counts {} entries, the log holds {found}", figures.log_entries);
                self.find(&log_name(author), Some(found), what);
            }
            match log.entries.last().and_then(closing_state) {
                // What came of an asset whose recording broke off is known only up to there.
                Some(_) if report.recording(author).is_some_and(|own| own.broken.is_some()) => {}
                Some(state) if state != figures.state => {
                    self.find(FILE, None, format!("the final state of {author} is not the one that it logged"));
                }
                _ => {}
            }
        }
        let gaps = logs.values().flat_map(certificates).map(|(_, certificate)| certificate.gap.value());
        let (found, told) = (gaps.fold(0.0, f64::max), report.plan.certified_gap);
        // Where a recording broke off, the report knows nothing of what was certified after that.
        let is_partial = report.recordings.iter().any(|own| own.broken.is_some());
        let is_other = if is_partial { told > found } else { told != found };
        if logs.len() == contract.members.len() && is_other {
            self.find(FILE, None, "its certified gap is not the largest that the certificates give");
        }
    }
}

fn certificates(log: &AuditedLog) -> impl Iterator<Item = (Hash, &Certificate)> {
    log.entries.iter().filter_map(|entry| match entry.payload() {
        Payload::Certificate(certificate) => Some((entry.unsigned_hash(), certificate)),
        _ => None,
    })
}

fn certificate_with<'a>(log: &'a AuditedLog, hash: &Hash) -> Option<&'a Certificate> {
    certificates(log).find(|(found, _)| found == hash).map(|(_, certificate)| certificate)
}

fn closing_state(entry: &Verified) -> Option<Hash> {
    match entry.payload() {
        Payload::Audit(record) => match record.subject {
            AuditSubject::Closed { state } => Some(state),
            _ => None,
        },
        _ => None,
    }
}

/// The mission that most logs begin with: one log from elsewhere must not make all others look wrong.
fn common_mission<'a>(logs: impl Iterator<Item = &'a Vec<u8>>) -> Option<MissionId> {
    let mut counts: BTreeMap<MissionId, u32> = BTreeMap::new();
    for bytes in logs {
        let first = read_log(bytes).ok().and_then(|entries| entries.first().and_then(|entry| entry.peek().ok()));
        if let Some(envelope) = first {
            *counts.entry(envelope.mission).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(mission, _)| mission)
}

/// The longest log file that is read, in bytes: more than any author may have kept.
pub const LOG_LENGTH_MAX: u64 = 64 << 20;

/// A log without the torn record at its end that a killed process leaves; whoever opens it again cuts that off.
pub(crate) fn sound_part(bytes: &[u8]) -> &[u8] {
    match read_log(bytes) {
        Err(LogDamage { offset, what: LogFault::Torn { .. }, .. }) => &bytes[..(offset as usize).min(bytes.len())],
        _ => bytes,
    }
}

fn log_name(author: &AssetId) -> String {
    format!("logs/{author}.log")
}
