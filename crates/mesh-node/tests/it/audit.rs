//! The audit of a mission, and of forgeries by somebody who holds keys.

use crate::mission::{Mission, id};
use mesh_model::{AssetId, Canonical, Hash, Payload, Real, SignedEnvelope};
use mesh_node::audit::Audit;
use mesh_sync::{Disk, LogStore, MemoryDisk, read_log};

#[test]
fn a_mission_verifies_and_every_log_counts() {
    let mission = Mission::fly();
    let audit = mission.audit();
    assert!(audit.verified, "{:?}", audit.findings);
    assert_eq!(audit.entries, mission.report.assets.iter().map(|asset| asset.log_entries).sum::<u64>());
    assert_eq!(audit.entries, mission.report.audit.entries);
}

#[test]
fn damage_omission_and_foreign_files_are_named() {
    let mission = Mission::fly();
    let other = Mission::fly();
    let path = mission.run.log(&id("rover"));
    let rover = |what: &'static str| move |mission: &Mission| expect(&mission.audit(), "logs/rover.log", what);
    let entries = read_log(&std::fs::read(&path).expect("reads")).expect("is sound");

    mission.with_altered(
        &path,
        |mut bytes| {
            bytes[40] ^= 4;
            bytes
        },
        rover("damaged"),
    );
    mission.with_altered(&path, |_| log_of(&entries[..entries.len() - 1]), rover("without being closed"));
    mission.with_altered(&path, |_| log_of(&entries[1..]), rover("entry"));
    mission.with_altered(&path, |_| log_of(&[]), rover("empty"));
    let foreign = std::fs::read(other.run.log(&id("rover"))).expect("reads");
    mission.with_altered(&path, |_| foreign, rover("another mission"));
    let habitat = std::fs::read(mission.run.log(&id("habitat"))).expect("reads");
    mission.with_altered(&path, |_| habitat, rover("habitat"));

    std::fs::write(mission.run.logs().join("spare.log"), b"").expect("writes");
    expect(&mission.audit(), "logs/spare.log", "not the log of a member");
    std::fs::remove_file(mission.run.logs().join("spare.log")).expect("removes");
    std::fs::remove_file(&path).expect("removes");
    expect(&mission.audit(), "logs/rover.log", "missing");
}

#[test]
fn a_report_or_a_scenario_that_the_logs_do_not_bear_out_is_named() {
    let mission = Mission::fly();
    let edit = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("is text");
            assert!(text.contains(from));
            text.replace(from, to).into_bytes()
        }
    };
    mission.with_altered(&mission.run.scenario(), edit("gap = 1e-4", "gap = 2e-4"), |mission| {
        expect(&mission.audit(), "logs/rover.log", "contract");
    });
    mission.with_altered(&mission.run.scenario(), edit("[timing]", "[timming]"), |mission| {
        assert!(!mission.audit().verified);
    });
    mission.with_altered(&mission.run.report(), edit("\"entries\": ", "\"entries\": 1"), |mission| {
        expect(&mission.audit(), "report.json", "counts");
    });
}

/// The planner itself signs a certificate with a better gap than its parts give: only the arithmetic tells.
#[test]
fn a_certificate_that_its_parts_do_not_bear_out_is_named() {
    let mission = Mission::fly();
    let planner = id("planner");
    let path = mission.run.log(&planner);
    let forged = |alter: &dyn Fn(&mut Payload)| {
        let entries = read_log(&std::fs::read(&path).expect("reads")).expect("is sound");
        log_of(&resigned(&mission, &planner, &entries, alter))
    };
    mission.with_altered(
        &path,
        |_| forged(&|_| {}),
        |mission| {
            // Signing anew what was signed changes nothing, as Ed25519 is deterministic.
            assert!(mission.audit().verified);
        },
    );
    let check = |what: &str, alter: &dyn Fn(&mut Payload)| {
        mission.with_altered(&path, |_| forged(alter), |mission| expect(&mission.audit(), "logs/planner.log", what));
    };
    check("the gap is", &|payload| {
        if let Payload::Certificate(certificate) = payload {
            certificate.gap = Real::ZERO;
        }
    });
    check("is not the one that the certificate names", &|payload| {
        if let Payload::Certificate(certificate) = payload {
            certificate.deltas[1].2 = Hash::of(b"another");
        }
    });
    check("the certificate changes what", &|payload| {
        if let Payload::Certificate(certificate) = payload {
            certificate.agreements[0].flow[0] = Real::new(99.0).expect("finite");
        }
    });
}

/// The planner hears nobody, so the habitat has its role: its proofs are as good, but only in its own log, and only if the
/// role could have been its own.
#[test]
fn a_plan_certified_in_the_planner_s_place_verifies_and_a_false_claim_to_it_is_named() {
    let mission = Mission::fly_without_planner();
    let audit = mission.audit();
    assert!(audit.verified, "{:?}", audit.findings);
    assert!(mission.replay().identical);
    let habitat = id("habitat");
    let path = mission.run.log(&habitat);
    let entries = read_log(&std::fs::read(&path).expect("reads")).expect("is sound");
    let proofs = entries.iter().filter_map(|entry| match Payload::decode(&entry.payload) {
        Ok(Payload::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let openers: Vec<AssetId> = proofs.map(|proof| proof.epoch.opener).collect();
    assert_eq!(openers, vec![habitat.clone(); 3]);
    let check = |what: &str, lie: &dyn Fn(&mut mesh_model::Certificate)| {
        let alter = |payload: &mut Payload| {
            if let Payload::Certificate(certificate) = payload {
                lie(certificate);
            }
        };
        let forged = log_of(&resigned(&mission, &habitat, &entries, &alter));
        mission.with_altered(&path, |_| forged, |mission| expect(&mission.audit(), "logs/habitat.log", what));
    };
    check("certifies an epoch that planner opened", &|certificate| certificate.epoch.opener = id("planner"));
    check("could open", &|certificate| certificate.epoch.number = 0);
}

fn expect(audit: &Audit, file: &str, what: &str) {
    assert!(!audit.verified);
    let found = audit.findings.iter().any(|finding| finding.file == file && finding.to_string().contains(what));
    assert!(found, "no finding about {file} with {what:?}: {:?}", audit.findings);
}

/// The bytes of a log with these entries.
fn log_of(entries: &[SignedEnvelope]) -> Vec<u8> {
    let mut store = LogStore::open(MemoryDisk::new(), "x").expect("opens").store;
    entries.iter().for_each(|entry| store.append(entry).expect("appends"));
    store.into_disk().read("x").expect("reads").expect("is there")
}

/// The entries with their payloads altered, chained and signed anew with the author's own key.
fn resigned(
    mission: &Mission,
    author: &AssetId,
    entries: &[SignedEnvelope],
    alter: &dyn Fn(&mut Payload),
) -> Vec<SignedEnvelope> {
    let key = mission.fleet.key(author).expect("a member has a key");
    let mut previous = Hash::ZERO;
    let mut altered = Vec::new();
    for entry in entries {
        let mut payload = Payload::decode(&entry.payload).expect("decodes");
        alter(&mut payload);
        let mut envelope = entry.peek().expect("decodes");
        envelope.payload = payload.hash();
        envelope.previous = Some(previous);
        let unsigned = envelope.encode();
        previous = Hash::of(&unsigned);
        let signature = key.sign(&unsigned);
        altered.push(SignedEnvelope { unsigned, payload: payload.encode(), signature });
    }
    altered
}
