//! One asset by itself, and four of them through everything that links and liars do.

use super::*;
use crate::fixture::{contract, id, key, opening, real, settings};
use crate::shuttle::{Message, Shuttle};
use mesh_model::envelope::CONTEXT;
use mesh_model::{Certificate, Envelope, Hash, PayloadKind};
use proptest::prelude::*;

fn outputs(asset: &mut Asset) -> Vec<Output> {
    std::iter::from_fn(|| asset.poll_output()).collect()
}

fn sign(unsigned: &[u8], name: &str) -> [u8; 64] {
    key(name).sign(unsigned)
}

/// A live message of `author`, later than any that it sent.
pub(super) fn live(author: &str, sequence: u64, payload: &Payload) -> Message {
    signed(author, sequence, None, MissionTime::MAX, payload)
}

fn signed(author: &str, sequence: u64, previous: Option<Hash>, expires: MissionTime, payload: &Payload) -> Message {
    let envelope = Envelope {
        context: CONTEXT,
        fleet: contract().fleet,
        mission: settings(author).mission,
        epoch: opening(1, 0, &[]).epoch,
        author: id(author),
        key: key(author).public().did(),
        stream: payload.kind().stream(),
        sequence,
        previous,
        contract: contract().hash(),
        expires,
        kind: payload.kind(),
        payload: payload.hash(),
    };
    let unsigned = envelope.encode();
    let signature = sign(&unsigned, author);
    let bytes = SignedEnvelope { unsigned, payload: payload.encode(), signature }.encode();
    Message { from: id(author), to: id("rover"), bytes }
}

#[test]
fn nothing_is_sent_before_it_is_signed_and_no_entry_before_it_is_persisted() {
    let now = MissionTime::ZERO;
    let mut asset = Asset::new(settings("planner"), 1, now).expect("sound settings");
    asset.handle(now, Input::Link { peer: id("rover"), up: true }).expect("a member");
    let mut entries = 0;
    for output in outputs(&mut asset) {
        let Output::Sign { id, unsigned } = output else { panic!("unsigned: {output:?}") };
        let logged = Envelope::decode(&unsigned).expect("an envelope").stream == Stream::Log;
        assert!(asset.handle(now, Input::Persisted { id }).is_err(), "an answer to no question");
        asset.handle(now, Input::Signed { id, signature: sign(&unsigned, "planner") }).expect("asked");
        let released = outputs(&mut asset);
        if !logged {
            assert!(matches!(released[..], [Output::Send { .. }]), "{released:?}");
            continue;
        }
        let [Output::Persist { id: request, entry }] = &released[..] else { panic!("{released:?}") };
        assert_eq!(*request, id);
        asset.handle(now, Input::Persisted { id }).expect("asked");
        let released = outputs(&mut asset);
        let sent =
            released.iter().any(|output| matches!(output, Output::Send { bytes, .. } if *bytes == entry.encode()));
        assert!(sent, "the entry goes to the peer in contact: {released:?}");
        entries += 1;
    }
    assert_eq!(entries, 2, "joined, and in contact");
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    type Slip = fn(&mut Settings);
    let check = |slip: Slip, is: fn(&Misuse) -> bool| {
        let mut settings = settings("planner");
        slip(&mut settings);
        let misuse = Asset::new(settings, 1, MissionTime::ZERO).err();
        assert!(misuse.as_ref().is_some_and(is), "{misuse:?}");
    };
    check(|s| s.me = id("stranger"), |misuse| matches!(misuse, Misuse::NotAMember(_)));
    check(|s| s.me = id("rover"), |misuse| matches!(misuse, Misuse::Idle(_)));
    check(|s| drop(s.keys.remove(&id("rover"))), |misuse| matches!(misuse, Misuse::Key { why: None, .. }));
    check(|s| s.keys.insert(id("rover"), "key".to_owned()).map_or((), drop), |m| matches!(m, Misuse::Key { .. }));
    check(|s| s.contract.step_s = 0, |misuse| matches!(misuse, Misuse::Timing { step_s: 0, .. }));
    check(|s| s.contract.steps = 0, |misuse| matches!(misuse, Misuse::Timing { steps: 0, .. }));
    check(|s| s.tick_s = 0, |misuse| matches!(misuse, Misuse::Timing { tick_s: 0, .. }));
}

#[test]
fn answers_to_no_question_are_refused() {
    let mut asset = Asset::new(settings("planner"), 1, MissionTime::ZERO).expect("sound settings");
    for input in [Input::Signed { id: 99, signature: [0; 64] }, Input::Persisted { id: 99 }] {
        assert_eq!(asset.handle(MissionTime::ZERO, input), Err(PeerError::NotAsked { id: 99 }));
    }
}

#[test]
fn a_link_to_a_stranger_is_refused_and_leaves_no_trace() {
    let mut asset = Asset::new(settings("planner"), 1, MissionTime::ZERO).expect("sound settings");
    outputs(&mut asset);
    let refused = asset.handle(MissionTime::ZERO, Input::Link { peer: id("stranger"), up: true });
    assert!(matches!(refused, Err(PeerError::Log(_))));
    assert_eq!(outputs(&mut asset), []);
}

#[test]
fn a_log_begins_with_joined_and_ends_with_closed() {
    let mut shuttle = Shuttle::new(&[]);
    shuttle.fly(200, |_| false);
    shuttle.give("rover", Input::Close);
    let subjects: Vec<Payload> = shuttle.records("rover");
    let joined = AuditSubject::Joined { contract: contract().hash() };
    let is = |payload: &Payload, expected: &AuditSubject| matches!(payload, Payload::Audit(record) if record.subject == *expected);
    assert!(is(&subjects[0], &joined));
    let closed = AuditSubject::Closed { state: shuttle.assets[&id("rover")].state().hash() };
    assert!(is(subjects.last().expect("entries"), &closed));
}

/// A message of one kind may overtake one of another kind; only its own kind supersedes it.
#[test]
fn live_messages_are_superseded_by_newer_ones_of_their_kind() {
    let mut asset = Asset::new(settings("planner"), 1, MissionTime::ZERO).expect("sound settings");
    asset.handle(MissionTime::ZERO, Input::Link { peer: id("rover"), up: true }).expect("a member");
    let heads = Payload::Heartbeat(BTreeMap::new());
    let want = Payload::Want(id("planner"), 0);
    let mut hear = |sequence: u64, payload: &Payload| {
        let bytes = live("rover", sequence, payload).bytes;
        asset.handle(MissionTime::ZERO, Input::Message { from: id("rover"), bytes })
    };
    hear(7, &heads).expect("the first");
    hear(5, &want).expect("overtaken by another kind");
    assert_eq!(hear(6, &heads), Err(PeerError::Stale { author: id("rover") }));
    assert_eq!(hear(5, &want), Err(PeerError::Stale { author: id("rover") }));
    hear(8, &heads).expect("newer");
}

#[test]
fn the_fleet_agrees_a_plan_that_all_adopt() {
    let mut shuttle = Shuttle::new(&[]);
    shuttle.fly(600, |_| false);
    let certificates = shuttle.certificates();
    assert_eq!(certificates.len(), 1, "{:?}", shuttle.events.last());
    for member in ["habitat", "rover", "satellite"] {
        assert_eq!(shuttle.adopted(member).len(), 1);
    }
}

/// A member that cannot state its problem, and says nothing: the two that wait for it are planned for all the same.
#[test]
fn the_fleet_plans_without_a_member_that_is_unable() {
    let mut shuttle = Shuttle::new(&["satellite"]);
    shuttle.fly(600, |_| false);
    let plans: Vec<_> = shuttle.adopted("rover").iter().map(|plan| plan.members.clone()).collect();
    assert_eq!(plans, [[id("habitat"), id("rover")]]);
    assert_eq!(shuttle.adopted("habitat").len(), 1);
}

#[test]
fn a_negotiation_ends_by_itself_when_its_window_begins() {
    let mut shuttle = Shuttle::new(&[]);
    // The planner's picks and everything after them are lost.
    shuttle.fly(3700, |message| matches!(message.kind(), PayloadKind::Proposal | PayloadKind::Abandon));
    for member in ["habitat", "rover", "satellite"] {
        let given_up = |payload: &Payload| {
            matches!(payload, Payload::Audit(AuditRecord { subject: AuditSubject::GivenUp { .. }, .. }))
        };
        assert!(shuttle.records(member).iter().any(given_up), "{member} is still at it");
    }
    let talk = shuttle.under_way.iter().filter(|message| message.kind() == PayloadKind::Dual).count();
    assert_eq!(talk, 0);
}

/// Flies plan 1 so that the rover has offered its part and lacks only the certificate, which is returned.
pub(super) fn until_certified(shuttle: &mut Shuttle, end: u64) -> Message {
    let mut withheld = None;
    shuttle.fly(end, |message| {
        let lost = message.kind() == PayloadKind::Certificate && message.to == id("rover");
        if lost && withheld.is_none() {
            withheld = Some(message.clone());
        }
        lost
    });
    assert_eq!(shuttle.adopted("rover").len(), 0);
    withheld.expect("the planner certified")
}

#[test]
fn a_late_certificate_is_adopted_even_if_the_next_planning_has_begun() {
    let mut shuttle = Shuttle::new(&[]);
    let certificate = until_certified(&mut shuttle, 6603);
    let opened =
        shuttle.events.iter().any(|(_, event)| matches!(event, Event::Opened { epoch, .. } if epoch.plan == 2));
    assert!(opened, "the next planning has begun");
    shuttle.deliver(certificate);
    assert_eq!(shuttle.adopted("rover").len(), 1);
    shuttle.fly(7200, |_| false);
    let plans: Vec<u64> = shuttle.adopted("rover").iter().map(|plan| plan.epoch.plan).collect();
    assert_eq!(plans, [1, 2], "the planning under way went on");
}

#[test]
fn a_planning_that_is_opened_again_goes_on_record_beside_an_offer_that_waits() {
    let mut shuttle = Shuttle::new(&[]);
    let certificate = until_certified(&mut shuttle, 6603);
    let given_up = |shuttle: &Shuttle| -> Vec<Epoch> {
        let given_up = shuttle.records("rover").into_iter().filter_map(|payload| match payload {
            Payload::Audit(AuditRecord { subject: AuditSubject::GivenUp { epoch, .. }, .. }) => Some(epoch),
            _ => None,
        });
        given_up.collect()
    };
    assert_eq!(given_up(&shuttle), []);
    let again = opening(2, 1, &["habitat", "rover"]);
    shuttle.deliver(live("planner", 1 << 40, &Payload::Opening(again)));
    assert_eq!(given_up(&shuttle), [opening(2, 0, &[]).epoch]);
    shuttle.deliver(certificate);
    assert_eq!(shuttle.adopted("rover").len(), 1);
}

#[test]
fn a_stale_entry_is_kept_and_not_acted_upon() {
    let mut shuttle = Shuttle::new(&[]);
    let certificate = until_certified(&mut shuttle, 600);
    shuttle.now = opening(1, 0, &[]).window.end().plus_s(1);
    let sequence = certificate.signed().peek().expect("an envelope").sequence;
    shuttle.deliver(certificate.clone());
    assert_eq!(shuttle.adopted("rover").len(), 0);
    shuttle.under_way.clear();
    shuttle.deliver(live("habitat", 1 << 40, &Payload::Want(id("planner"), sequence)));
    assert!(shuttle.under_way.iter().any(|message| message.bytes == certificate.bytes), "the entry is not kept");
}

/// A planner that certifies what the rover did not offer, under its own good signature.
#[test]
fn a_certificate_for_anything_but_the_own_offer_is_not_adopted() {
    type Lie = fn(&mut Certificate);
    let lies: [(&str, Lie); 6] = [
        ("the truth", |_| {}),
        ("another entry", |c| c.deltas[1].2 = Hash::ZERO),
        ("another place", |c| c.deltas[1].1 += 1),
        ("another round", |c| c.round += 1),
        ("another problem", |c| c.attestations[1].problem = Hash::ZERO),
        ("another flow", |c| c.agreements[0].flow[0] = real(c.agreements[0].flow[0].value() + 0.5)),
    ];
    for (what, lie) in lies {
        let mut shuttle = Shuttle::new(&[]);
        let genuine = until_certified(&mut shuttle, 600).signed();
        let envelope = genuine.peek().expect("an envelope");
        let Ok(Payload::Certificate(mut certificate)) = Payload::decode(&genuine.payload) else { panic!("withheld") };
        assert_eq!(certificate.deltas[1].0, id("rover"));
        lie(&mut certificate);
        let forged = Payload::Certificate(certificate);
        shuttle.deliver(signed("planner", envelope.sequence, envelope.previous, envelope.expires, &forged));
        assert_eq!(shuttle.adopted("rover").len(), usize::from(what == "the truth"), "{what}");
    }
}

#[test]
fn openings_that_the_contract_does_not_know_open_nothing() {
    type Lie = fn(&mut mesh_model::Opening);
    let lies: [(&str, Lie); 10] = [
        ("the truth", |_| {}),
        ("no steps", |o| o.window.steps = 0),
        ("many steps", |o| o.window.steps = u16::MAX),
        ("no length", |o| o.window.step_s = 0),
        ("another start", |o| o.window.start = o.window.start.plus_s(3600)),
        ("far plan", |o| o.epoch.plan = u64::MAX),
        ("another opener", |o| o.epoch.opener = id("rover")),
        ("stranger", |o| o.members.push(id("stranger"))),
        ("twice", |o| o.members.push(id("rover"))),
        ("without me", |o| drop(o.members.remove(1))),
    ];
    for (what, lie) in lies {
        let mut shuttle = Shuttle::new(&[]);
        let mut lying = opening(1, 0, &["habitat", "rover"]);
        lie(&mut lying);
        shuttle.under_way.clear();
        shuttle.deliver(live("planner", 1 << 40, &Payload::Opening(lying)));
        let answered = shuttle.under_way.iter().any(|message| message.kind() == PayloadKind::Shared);
        assert_eq!(answered, what == "the truth", "{what}");
    }
}

#[test]
fn a_window_that_has_begun_is_not_opened() {
    let mut shuttle = Shuttle::new(&[]);
    shuttle.now = opening(1, 0, &[]).window.start;
    shuttle.deliver(live("planner", 1 << 40, &Payload::Opening(opening(1, 0, &["habitat", "rover"]))));
    assert!(shuttle.under_way.iter().all(|message| message.kind() != PayloadKind::Shared));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// First anything may happen to messages; whatever is adopted then is sound. With good links all agree a plan.
    #[test]
    fn plans_after_any_losses_repetitions_and_reorderings(fates in proptest::collection::vec(0u8..10, 500..3000)) {
        let mut shuttle = Shuttle::new(&[]);
        let mut fates = fates.into_iter();
        while fates.len() > 0 && shuttle.now < MissionTime::from_s(3500) {
            shuttle.tick();
            shuttle.now = shuttle.now.plus_s(1);
            for message in std::mem::take(&mut shuttle.under_way) {
                match fates.next().unwrap_or(9) {
                    0..=2 => {}
                    3 => (0..2).for_each(|_| shuttle.deliver(message.clone())),
                    4 => shuttle.under_way.push_back(message),
                    5 => shuttle.under_way.push_front(message),
                    _ => shuttle.deliver(message),
                }
            }
            prop_assert!(shuttle.under_way.len() < 2000);
        }
        shuttle.fly(6590, |_| false);
        shuttle.sense(&[]);
        shuttle.fly(7200, |_| false);
        let certified: BTreeMap<Epoch, Certificate> =
            shuttle.certificates().into_iter().map(|c| (c.epoch.clone(), c.clone())).collect();
        for member in ["habitat", "rover", "satellite"] {
            let plans = shuttle.adopted(member);
            for plan in &plans {
                let certificate = &certified[&plan.epoch];
                prop_assert!(plan.agreements.iter().all(|mine| certificate.agreements.contains(mine)));
            }
            let last = plans.last().map(|plan| (plan.epoch.plan, plan.members.len()));
            prop_assert_eq!(last, Some((2, 3)), "{} did not adopt the plan of all", member);
        }
    }
}
