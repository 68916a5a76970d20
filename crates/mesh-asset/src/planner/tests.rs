//! The planner against members that are played by hand.

use super::*;
use crate::fixture::{agreement, attestation, contract, id, opening, real, settings};
use mesh_model::{Canonical, Evaluation, Real};

/// A planner and everything that it wants done.
pub(super) struct Stage {
    pub(super) planner: Planner,
    pub(super) effects: Vec<Effect>,
}

pub(super) fn at(seconds: u64) -> MissionTime {
    MissionTime::from_s(seconds)
}

impl Stage {
    /// In contact with those members, at the start of the mission.
    fn with(members: &[&str]) -> Self {
        Self::of(&settings("planner"), members)
    }

    pub(super) fn of(settings: &Settings, members: &[&str]) -> Self {
        let mut stage = Self { planner: Planner::new(settings), effects: Vec::new() };
        for member in members {
            stage.link(0, member, true);
        }
        stage
    }

    pub(super) fn link(&mut self, now: u64, member: &str, up: bool) {
        self.planner.link(at(now), &id(member), up, &mut self.effects);
    }

    pub(super) fn tick(&mut self, now: u64) -> &mut Self {
        self.planner.tick(at(now), &mut self.effects);
        self
    }

    pub(super) fn report(&mut self, now: u64, from: &str, report: RoundReport) {
        self.planner.report(at(now), &id(from), report, &mut self.effects);
    }

    fn delta(&mut self, now: u64, from: &str, change: impl FnOnce(&mut PlanDelta)) {
        let epoch = self.epoch();
        let mut delta = PlanDelta {
            round: 4,
            window: self.planner.window(epoch.plan),
            epoch,
            agreements: vec![agreement()],
            attestation: attestation(from),
            sent: Hash::ZERO,
        };
        change(&mut delta);
        self.planner.delta(at(now), 5, Hash::of(from.as_bytes()), &delta, &mut self.effects);
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.planner.current.as_ref().expect("an epoch is open").opening.epoch.clone()
    }

    /// What was said since the last call, and to whom.
    fn said(&mut self) -> Vec<(AssetId, Payload)> {
        let said = self.effects.iter().filter_map(|effect| match effect {
            Effect::Say { to, payload } => Some((to.clone(), payload.clone())),
            _ => None,
        });
        let said = said.collect();
        self.effects.clear();
        said
    }

    /// Openings since the last call: number of the epoch, its members.
    pub(super) fn opened(&mut self) -> Vec<(u32, Vec<AssetId>)> {
        let opened = self.effects.iter().filter_map(|effect| match effect {
            Effect::Event(Event::Opened { epoch, members }) => Some((epoch.number, members.clone())),
            _ => None,
        });
        let opened = opened.collect();
        self.effects.clear();
        opened
    }

    pub(super) fn given_up(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::GiveUp { .. })).count()
    }

    fn certified(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Certify(_))).count()
    }
}

/// A good report of habitat or rover for `round`.
fn report(epoch: &Epoch, from: &str, round: u32) -> RoundReport {
    let bounds = attestation(from);
    RoundReport {
        epoch: epoch.clone(),
        round,
        primal_squared: real(1e-12),
        dual_squared: real(1e-12),
        scale_squared: real(1.0),
        evaluation: Evaluation {
            candidate: vec![(agreement().edge, agreement().hash())],
            upper: bounds.upper,
            lower: bounds.lower,
        },
    }
}

pub(super) fn sign_of_life(epoch: &Epoch) -> RoundReport {
    let mut report = report(epoch, "rover", 0);
    report.evaluation.candidate.clear();
    report
}

#[test]
fn opens_at_the_start_and_then_ahead_of_each_window() {
    let mut stage = Stage::with(&["habitat", "rover", "stranger"]);
    assert_eq!(stage.planner.next_deadline(), Some(at(0)));
    assert_eq!(stage.tick(0).opened(), [(0, vec![id("habitat"), id("rover")])]);
    stage.tick(3600);
    assert_eq!(stage.given_up(), 1);
    assert_eq!(stage.planner.next_deadline(), Some(at(2 * 3600 - 600)));
    assert!(stage.tick(2 * 3600 - 601).opened().is_empty());
    assert_eq!(stage.tick(2 * 3600 - 600).opened().len(), 1);
    assert_eq!(stage.planner.current.as_ref().expect("open").opening.window.start, at(2 * 3600));
}

#[test]
fn a_window_that_nobody_could_be_reached_for_is_skipped() {
    let mut stage = Stage::with(&[]);
    assert!(stage.tick(0).opened().is_empty());
    stage.link(10, "rover", true);
    stage.tick(20_000);
    assert_eq!(stage.planner.next_plan, 6, "the windows that begin at 3600, 7200, ... 18000 have begun");
    stage.tick(21_000);
    assert_eq!(stage.opened(), [(0, vec![id("rover")])]);
}

#[test]
fn an_opening_is_said_again_to_those_who_have_not_answered() {
    let mut stage = Stage::with(&["habitat", "rover"]);
    assert_eq!(stage.tick(0).said().len(), 2);
    let epoch = stage.epoch();
    stage.report(2, "rover", sign_of_life(&epoch));
    let said = stage.tick(3).said();
    assert!(matches!(&said[..], [(to, Payload::Opening(_))] if *to == id("habitat")), "{said:?}");
}

#[test]
fn sums_and_picks_once_all_have_reported_and_asks_until_all_have_logged() {
    let mut stage = Stage::with(&["habitat", "rover"]);
    stage.tick(0);
    let epoch = stage.epoch();
    stage.report(5, "rover", report(&epoch, "rover", 4));
    assert!(!stage.planner.current.as_ref().expect("open").is_picked());
    stage.report(6, "habitat", report(&epoch, "habitat", 4));
    let round = stage.effects.iter().find_map(|effect| match effect {
        Effect::Event(Event::Round { round, primal, gap, .. }) => Some((*round, *primal, *gap)),
        _ => None,
    });
    let (upper, lower) = (2.0 * attestation("rover").upper.value(), 2.0 * attestation("rover").lower.value());
    assert_eq!(round, Some((4, 1e-6, Some((upper - lower) / upper.abs()))));
    let asked = |said: Vec<(AssetId, Payload)>| -> Vec<AssetId> {
        let asked = said.into_iter().filter(|(_, payload)| *payload == Payload::Proposal(opening(1, 0, &[]).epoch, 4));
        asked.map(|(to, _)| to).collect()
    };
    assert_eq!(asked(stage.said()), [id("habitat"), id("rover")]);
    stage.delta(7, "habitat", |_| {});
    assert_eq!(stage.certified(), 0);
    assert_eq!(asked(stage.tick(9).said()), [id("rover")]);
    stage.delta(10, "rover", |_| {});
    assert_eq!(stage.certified(), 1);
    assert_eq!(stage.planner.next_deadline(), Some(at(2 * 3600 - 600)));
}

#[test]
fn nothing_is_picked_while_two_ends_name_different_candidates() {
    let mut stage = Stage::with(&["habitat", "rover"]);
    stage.tick(0);
    let epoch = stage.epoch();
    let mut other = report(&epoch, "rover", 4);
    other.evaluation.candidate[0].1 = Hash::ZERO;
    stage.report(5, "rover", other);
    stage.report(5, "habitat", report(&epoch, "habitat", 4));
    assert!(stage.effects.iter().any(|effect| matches!(effect, Effect::Event(Event::Round { gap: None, .. }))));
    assert!(!stage.planner.current.as_ref().expect("open").is_picked());
}

#[test]
fn reports_that_cannot_be_are_not_taken() {
    type Lie = fn(&mut RoundReport);
    let lies: [Lie; 5] = [
        |r| r.evaluation.candidate.clear(),
        |r| r.evaluation.candidate[0].0.sink = id("satellite"),
        |r| r.primal_squared = real(-1.0),
        |r| r.round = contract().rounds_max + 1,
        |r| r.evaluation.lower = real(1e300),
    ];
    for lie in lies {
        let mut stage = Stage::with(&["habitat", "rover"]);
        stage.tick(0);
        let epoch = stage.epoch();
        let mut lying = report(&epoch, "rover", 4);
        lie(&mut lying);
        let round = lying.round;
        stage.report(5, "rover", lying);
        stage.report(5, "habitat", report(&epoch, "habitat", round));
        assert!(!stage.planner.current.as_ref().expect("open").is_picked());
    }
}

#[test]
fn goes_on_without_a_silent_member_and_keeps_those_who_wait_for_it() {
    let mut stage = Stage::with(&["habitat", "rover", "satellite"]);
    stage.tick(0);
    let epoch = stage.epoch();
    stage.effects.clear();
    for now in (3..60).step_by(3) {
        stage.report(now, "habitat", sign_of_life(&epoch));
        stage.report(now, "rover", sign_of_life(&epoch));
        let opened = stage.tick(now).opened();
        if !opened.is_empty() {
            assert_eq!(opened, [(1, vec![id("habitat"), id("rover")])]);
            assert_eq!(now, 42, "the first tick after 40 s of silence");
            return;
        }
    }
    panic!("the planner waited for the silent satellite");
}

#[test]
fn goes_on_without_a_member_out_of_contact_and_gives_up_without_any() {
    let mut stage = Stage::with(&["habitat", "rover"]);
    stage.tick(0);
    stage.effects.clear();
    stage.link(5, "satellite", false);
    assert!(stage.effects.is_empty(), "the satellite takes no part");
    stage.link(5, "rover", false);
    assert_eq!(stage.opened(), [(1, vec![id("habitat")])]);
    stage.link(6, "habitat", false);
    assert_eq!(stage.given_up(), 1);
    assert!(stage.planner.current.is_none());
}

#[test]
fn a_flapping_link_does_not_open_epochs_without_end() {
    let mut stage = Stage::with(&["habitat", "planner", "rover", "satellite"]);
    let mut opened = 0;
    for now in 0..200 {
        stage.tick(2 * now);
        let members: Vec<AssetId> = stage.planner.current.iter().flat_map(|p| p.opening.members.clone()).collect();
        for member in members {
            stage.link(2 * now + 1, member.as_str(), false);
            stage.link(2 * now + 1, member.as_str(), true);
        }
        opened += stage.opened().len() as u32;
    }
    assert!(opened <= 3, "{opened} epochs for one window");
}

#[test]
fn gives_up_when_the_window_begins_and_says_so() {
    let mut stage = Stage::with(&["habitat", "rover"]);
    stage.tick(0);
    stage.effects.clear();
    stage.tick(3600);
    assert_eq!(stage.given_up(), 1);
    let abandons = stage.said().into_iter().filter(|(_, payload)| matches!(payload, Payload::Abandon(_)));
    assert_eq!(abandons.map(|(to, _)| to).collect::<Vec<_>>(), [id("habitat"), id("rover")]);
}

#[test]
fn gives_up_after_the_last_round_unless_that_is_picked() {
    for good in [false, true] {
        let mut stage = Stage::with(&["habitat", "rover"]);
        stage.tick(0);
        let epoch = stage.epoch();
        let last = contract().rounds_max;
        for member in ["habitat", "rover"] {
            let mut report = report(&epoch, member, last);
            if !good {
                report.primal_squared = Real::ZERO;
                report.dual_squared = real(1.0);
            }
            stage.report(5, member, report);
        }
        stage.tick(6);
        assert_eq!(stage.given_up(), usize::from(!good));
        assert_eq!(stage.planner.current.is_some(), good);
    }
}

/// A part that is not what its author reported must not spoil the plan: its author is asked again, and then left out.
#[test]
fn a_part_that_differs_from_the_report_is_no_answer() {
    type Lie = fn(&mut PlanDelta);
    let lies: [Lie; 5] = [
        |delta| delta.round = 8,
        |delta| delta.window.steps += 1,
        |delta| delta.attestation.upper = real(0.0),
        |delta| delta.agreements.clear(),
        |delta| delta.agreements[0].flow[0] = real(9.0),
    ];
    for lie in lies {
        let mut stage = Stage::with(&["habitat", "rover"]);
        stage.tick(0);
        let epoch = stage.epoch();
        stage.report(5, "rover", report(&epoch, "rover", 4));
        stage.report(5, "habitat", report(&epoch, "habitat", 4));
        stage.delta(6, "habitat", |_| {});
        stage.delta(6, "rover", lie);
        assert_eq!((stage.certified(), stage.given_up()), (0, 0));
        stage.effects.clear();
        stage.tick(5 + 160);
        assert_eq!(stage.opened(), [(1, vec![id("habitat")])]);
    }
}

/// A member without an edge has one plan for every round.
#[test]
fn a_member_without_an_edge_holds_nobody_up() {
    for tower_last in [true, false] {
        let mut planner_settings = settings("planner");
        planner_settings.contract.members.push(id("tower"));
        let mut stage = Stage { planner: Planner::new(&planner_settings), effects: Vec::new() };
        for member in ["habitat", "rover", "tower"] {
            stage.link(0, member, true);
        }
        stage.tick(0);
        let epoch = stage.epoch();
        let mut alone = report(&epoch, "tower", 1);
        alone.evaluation.candidate.clear();
        if !tower_last {
            stage.report(1, "tower", alone.clone());
        }
        stage.report(5, "rover", report(&epoch, "rover", 4));
        stage.report(5, "habitat", report(&epoch, "habitat", 4));
        if tower_last {
            stage.report(6, "tower", alone);
        }
        assert!(stage.planner.current.as_ref().expect("open").is_picked());
        stage.delta(7, "rover", |_| {});
        stage.delta(7, "habitat", |_| {});
        stage.delta(7, "tower", |delta| delta.agreements.clear());
        assert_eq!(stage.certified(), 1);
    }
}
