//! The mission as it ships, flown in memory: the same seed gives the same bytes, and what was agreed is sound.

use crate::golden;
use mesh_asset::check_certificate;
use mesh_identity::{Expectation, PublicKey, Roster, verify};
use mesh_ledger::Chain;
use mesh_model::{AssetId, Canonical, MissionTime, Payload};
use mesh_sim::rehearsal::{Rehearsal, rehearse, rehearse_without_planner};
use mesh_sim::{FleetOutcome, Scenario};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The shipped scenario.
pub fn lunar_base() -> Scenario {
    let (scenario, diagnostics) = mesh_sim::scenario::parse(include_str!("../../scenarios/lunar_base.toml"));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    scenario.expect("a scenario without diagnostics is there")
}

/// The mission with seed 1, flown once for all tests that look at it.
pub fn flown() -> &'static (FleetOutcome, Rehearsal) {
    static FLOWN: OnceLock<(FleetOutcome, Rehearsal)> = OnceLock::new();
    FLOWN.get_or_init(|| rehearse(&lunar_base(), 1).expect("the shipped scenario makes sound settings"))
}

fn vehicles() -> BTreeSet<AssetId> {
    lunar_base().assets.into_iter().map(|asset| asset.id).collect()
}

#[test]
fn one_seed_one_hash_on_every_machine_and_in_every_build() {
    let again = rehearse(&lunar_base(), 1).expect("sound settings").0;
    assert_eq!(again.state_hash, flown().0.state_hash);
    golden::check("lunar_base_seed_1.txt", &format!("{}\n", again.state_hash));
}

#[test]
fn another_seed_is_another_mission() {
    let other = rehearse(&lunar_base(), 2).expect("sound settings").0;
    assert_ne!(other.state_hash, flown().0.state_hash);
}

#[test]
fn every_plan_is_certified_and_adopted_by_all_who_agreed_it() {
    let scenario = lunar_base();
    let (outcome, _) = flown();
    assert!(outcome.journal.unable.is_empty(), "{:?}", outcome.journal.unable);
    assert!(outcome.journal.plans.len() >= 20);
    for plan in &outcome.journal.plans {
        let certificate = &plan.certificate;
        check_certificate(certificate, &scenario.contract()).expect("the planner certifies only what is sound");
        assert!(certificate.gap.value() <= 1e-4);
        for attestation in &certificate.attestations {
            let adopted = &outcome.journal.adopted[&attestation.asset];
            assert!(adopted.iter().any(|plan| plan.epoch == certificate.epoch), "{} did not adopt", attestation.asset);
        }
    }
}

#[test]
fn the_rover_is_alone_long_enough_and_comes_back_no_slower_than_it_began() {
    let scenario = lunar_base();
    let (outcome, _) = flown();
    let rover = AssetId::new("rover").expect("valid");
    let blackout = outcome.journal.longest_islanding(&rover).expect("the relay sets for the rover");
    assert!(blackout.duration_s() >= scenario.limits.blackout_s_min.max(4.0 * 3600.0));
    let first = outcome.journal.first_plan_of_all(&vehicles(), MissionTime::ZERO).expect("a first plan");
    let back = outcome.journal.first_plan_of_all(&vehicles(), blackout.until).expect("a plan after the blackout");
    assert!(back.certificate.round <= first.certificate.round);
    let unplanned = rehearse_without_planner(&scenario, 1, blackout.from, blackout.until).expect("sound settings").0;
    assert_ne!(outcome.world.score(), unplanned.world.score(), "planning during the blackout changed nothing");
}

#[test]
fn every_log_is_a_signed_chain_that_everybody_ends_up_holding() {
    let scenario = lunar_base();
    let (outcome, host) = flown();
    let keys = host.public_keys();
    let roster: Roster =
        keys.iter().map(|(id, key)| (id.clone(), PublicKey::from_did(key).expect("a valid key"))).collect();
    let mission = host.logs.values().next().and_then(|log| log.first()).expect("a first entry");
    let expectation = Expectation {
        fleet: scenario.name.clone(),
        mission: mission.peek().expect("an envelope").mission,
        contract: scenario.contract().hash(),
    };
    for (author, log) in &host.logs {
        let mut chain = Chain::new(author.clone());
        for entry in log {
            let verified = verify(entry, &roster, &expectation).expect("own entries verify");
            chain.extend(verified.envelope(), &entry.unsigned).expect("own entries chain");
        }
        let last = verify(log.last().expect("entries"), &roster, &expectation).expect("verifies");
        assert!(matches!(last.payload(), Payload::Audit(_)), "a finished log ends with a record");
    }
    assert_eq!(outcome.states.len(), host.logs.len());
}
