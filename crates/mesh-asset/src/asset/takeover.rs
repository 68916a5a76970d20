//! The planner role moves: who takes it, who believes that, and that a vehicle and the role go together.

use super::tests::{live, until_certified};
use super::*;
use crate::fixture::{id, opening};
use crate::shuttle::{Message, Shuttle};
use mesh_model::Opening;

/// Opener and re-planning of everything that a member adopted.
fn adopted(shuttle: &Shuttle, name: &str) -> Vec<(u64, String)> {
    shuttle.adopted(name).iter().map(|plan| (plan.epoch.plan, plan.epoch.opener.to_string())).collect()
}

fn expect(plans: &[(u64, &str)]) -> Vec<(u64, String)> {
    plans.iter().map(|(plan, opener)| (*plan, (*opener).to_owned())).collect()
}

/// An opening of the first window by a member in its own first epoch.
fn claim(opener: &str, number: u32, members: &[&str]) -> Opening {
    let mut claim = opening(1, number, members);
    claim.epoch.opener = id(opener);
    claim
}

/// What `to` says to a live message of `author`.
fn hear(shuttle: &mut Shuttle, author: &str, to: &str, sequence: u64, payload: &Payload) -> Result<(), PeerError> {
    let Message { from, bytes, .. } = live(author, sequence, payload);
    let now = shuttle.now;
    shuttle.assets.get_mut(&id(to)).expect("a member").handle(now, Input::Message { from, bytes })
}

fn is_out_of_role(heard: &Result<(), PeerError>) -> bool {
    matches!(heard, Err(PeerError::OutOfRole { .. }))
}

/// Whether a member has begun to negotiate in its newest epoch of that opener.
fn follows(shuttle: &mut Shuttle, member: &str, opener: &str) -> bool {
    shuttle.give(member, Input::Tick);
    let entered = shuttle.assets[&id(member)].member.as_ref().and_then(Member::entered);
    entered.is_some_and(|epoch| epoch.opener == id(opener))
}

fn cut_off_planner(shuttle: &mut Shuttle, up: bool) {
    for member in ["habitat", "rover", "satellite"] {
        shuttle.give(member, Input::Link { peer: id("planner"), up });
        shuttle.give("planner", Input::Link { peer: id(member), up });
    }
}

/// The planner says nothing from 600 s until 6605 s, while all links are up.
fn with_silent_planner() -> Shuttle {
    let mut shuttle = Shuttle::new(&[]);
    shuttle.fly(600, |_| false);
    shuttle.fly(6590, |message| message.from == id("planner"));
    shuttle.sense(&[]);
    shuttle.fly(6605, |message| message.from == id("planner"));
    shuttle
}

#[test]
fn a_vehicle_takes_the_role_of_a_planner_that_falls_silent_and_plans_with_itself() {
    let mut shuttle = with_silent_planner();
    shuttle.fly(7200, |message| message.from == id("planner"));
    let held = |name: &str| shuttle.assets[&id(name)].holds_planner_role(shuttle.now);
    assert_eq!(["habitat", "rover"].map(held), [true, false]);
    for member in ["habitat", "rover", "satellite"] {
        assert_eq!(adopted(&shuttle, member), expect(&[(1, "planner"), (2, "habitat")]), "{member}");
    }
    let own = shuttle.records("habitat").into_iter().filter(|payload| matches!(payload, Payload::Certificate(_)));
    assert_eq!(own.count(), 1, "its proof is in its log");
    assert_eq!(shuttle.adopted("rover")[1].members, [id("habitat"), id("rover"), id("satellite")]);
}

#[test]
fn the_planner_that_speaks_again_waits_for_the_negotiation_that_is_under_way() {
    let mut shuttle = with_silent_planner();
    shuttle.fly(10_190, |_| false);
    shuttle.sense(&[]);
    shuttle.fly(10_800, |_| false);
    for member in ["habitat", "rover", "satellite"] {
        let plans = expect(&[(1, "planner"), (2, "habitat"), (3, "planner")]);
        assert_eq!(adopted(&shuttle, member), plans, "{member}");
    }
}

#[test]
fn a_planner_out_of_contact_is_replaced_in_the_middle_of_its_negotiation() {
    let mut shuttle = Shuttle::new(&[]);
    shuttle.fly(8, |_| false);
    cut_off_planner(&mut shuttle, false);
    shuttle.fly(600, |_| false);
    for member in ["habitat", "rover", "satellite"] {
        assert_eq!(adopted(&shuttle, member), expect(&[(1, "habitat")]), "{member}");
    }
}

/// One lying peer: the lowest id claims the role of a planner that is heard.
#[test]
fn a_claim_is_refused_while_the_planner_is_heard_and_believed_when_it_is_not() {
    let mut shuttle = Shuttle::new(&[]);
    let epoch = claim("habitat", 4, &[]).epoch;
    let lies = [
        Payload::Opening(claim("habitat", 4, &["habitat", "rover"])),
        Payload::Proposal(epoch.clone(), 4),
        Payload::Abandon(epoch),
    ];
    for lie in &lies {
        assert!(is_out_of_role(&hear(&mut shuttle, "habitat", "rover", 1 << 40, lie)), "{lie:?}");
    }
    assert!(!follows(&mut shuttle, "rover", "habitat"));
    shuttle.now = MissionTime::from_s(359);
    assert!(is_out_of_role(&hear(&mut shuttle, "habitat", "rover", 2 << 40, &lies[0])), "three heartbeats");
    shuttle.now = MissionTime::from_s(360);
    assert_eq!(hear(&mut shuttle, "habitat", "rover", 3 << 40, &lies[0]), Ok(()));
    assert!(follows(&mut shuttle, "rover", "habitat"));
}

/// What a member enters on a claim that it believes, the contract has to allow as well.
#[test]
fn a_claim_that_the_contract_does_not_know_opens_nothing() {
    let check = |claim: Opening, follows_it: bool| {
        let mut shuttle = Shuttle::new(&[]);
        shuttle.give("rover", Input::Link { peer: id("planner"), up: false });
        let heard = hear(&mut shuttle, "habitat", "rover", 1 << 40, &Payload::Opening(claim.clone()));
        assert_eq!(heard.is_ok() && follows(&mut shuttle, "rover", "habitat"), follows_it, "{claim:?}");
    };
    check(claim("habitat", 4, &["habitat", "rover"]), true);
    check(claim("habitat", 7, &["rover", "satellite"]), true);
    check(claim("habitat", 0, &["habitat", "rover"]), false);
    check(claim("habitat", 8, &["habitat", "rover"]), false);
    check(claim("rover", 12, &["rover", "satellite"]), false);
}

#[test]
fn of_two_holders_a_member_obeys_the_first_in_line() {
    let mut shuttle = Shuttle::new(&[]);
    shuttle.give("satellite", Input::Link { peer: id("planner"), up: false });
    let second = Payload::Opening(claim("rover", 12, &["rover", "satellite"]));
    assert!(is_out_of_role(&hear(&mut shuttle, "rover", "satellite", 1 << 40, &second)), "the habitat is there");
    let first = Payload::Opening(claim("habitat", 4, &["habitat", "satellite"]));
    assert_eq!(hear(&mut shuttle, "habitat", "satellite", 1 << 40, &first), Ok(()));
    assert!(follows(&mut shuttle, "satellite", "habitat"));
    shuttle.give("satellite", Input::Link { peer: id("habitat"), up: false });
    assert_eq!(hear(&mut shuttle, "rover", "satellite", 2 << 40, &second), Ok(()), "the habitat is gone");
    assert!(follows(&mut shuttle, "satellite", "rover"));
}

/// The rover has logged its part of the planner's plan, and does not hear what became of it.
#[test]
fn a_member_bound_by_its_offer_enters_no_other_opener_s_epoch_of_that_window() {
    let mut shuttle = Shuttle::new(&[]);
    let certificate = until_certified(&mut shuttle, 600);
    cut_off_planner(&mut shuttle, false);
    let again = Payload::Opening(claim("habitat", 4, &["habitat", "rover"]));
    assert_eq!(hear(&mut shuttle, "habitat", "rover", 1 << 40, &again), Ok(()));
    assert!(!follows(&mut shuttle, "rover", "habitat"));
    shuttle.deliver(certificate);
    assert_eq!(adopted(&shuttle, "rover"), expect(&[(1, "planner")]), "what it was bound to");
}

/// It has two roles in the epoch, and both see its end.
#[test]
fn what_a_holder_gives_up_goes_on_its_record_once() {
    let mut shuttle = Shuttle::new(&[]);
    cut_off_planner(&mut shuttle, false);
    shuttle.fly(3700, |message| matches!(message.kind(), PayloadKind::Proposal | PayloadKind::Abandon));
    let given_up = shuttle.records("habitat").into_iter().filter(|payload| {
        matches!(payload, Payload::Audit(AuditRecord { subject: AuditSubject::GivenUp { epoch, .. }, .. })
            if epoch.opener == id("habitat") && epoch.number == 4)
    });
    assert_eq!(given_up.count(), 1);
}

#[test]
fn an_own_message_that_comes_back_is_not_heard() {
    let mut shuttle = Shuttle::new(&[]);
    let own = Payload::Opening(claim("habitat", 4, &["habitat", "rover"]));
    assert_eq!(
        hear(&mut shuttle, "habitat", "habitat", 1 << 40, &own),
        Err(PeerError::Stale { author: id("habitat") })
    );
}
