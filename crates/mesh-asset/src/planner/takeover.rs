//! The role in other hands than the planner's: when they open, among whom, and when they let go.

use super::tests::{Stage, at, sign_of_life};
use crate::fixture::{id, settings};
use crate::vehicles::vehicle;
use mesh_model::{AssetId, Epoch};

/// The habitat, a vehicle that is next in line, in contact with those members.
fn habitat(members: &[&str]) -> Stage {
    let mut settings = settings("habitat");
    settings.vehicle = vehicle("habitat");
    Stage::of(&settings, members)
}

fn ids(names: &[&str]) -> Vec<AssetId> {
    names.iter().map(|name| id(name)).collect()
}

#[test]
fn sleeps_while_the_planner_is_heard_and_opens_in_its_place_once_it_is_silent() {
    let mut stage = habitat(&["planner", "rover", "satellite"]);
    assert_eq!(stage.planner.next_deadline(), Some(at(600)), "five heartbeats of 120 s");
    assert!(stage.tick(599).opened().is_empty());
    stage.planner.hear(at(599), &id("planner"));
    assert!(stage.tick(600).opened().is_empty());
    assert_eq!(stage.planner.next_deadline(), Some(at(1199)));
    assert_eq!(stage.tick(1199).opened(), [(4, ids(&["habitat", "rover", "satellite"]))]);
    assert_eq!(stage.epoch().opener, id("habitat"));
}

#[test]
fn opens_at_once_where_the_planner_cannot_be_reached_and_only_ahead_of_a_window() {
    let mut stage = habitat(&["planner", "rover"]);
    stage.link(3000, "planner", false);
    assert_eq!(stage.tick(3000).opened(), [(4, ids(&["habitat", "rover"]))]);
    let mut stage = habitat(&["planner", "rover"]);
    stage.link(4000, "planner", false);
    assert!(stage.tick(4000).opened().is_empty(), "the first window has begun");
    assert_eq!(stage.planner.next_deadline(), Some(at(2 * 3600 - 600)));
    assert_eq!(stage.tick(2 * 3600 - 600).opened(), [(4, ids(&["habitat", "rover"]))]);
}

#[test]
fn who_is_alone_opens_nothing_and_wants_no_tick() {
    for members in [&[][..], &["planner"]] {
        let mut stage = habitat(members);
        assert_eq!(stage.planner.next_deadline(), None);
        assert!(stage.tick(3000).opened().is_empty());
    }
}

#[test]
fn goes_on_without_who_is_lost_and_gives_up_alone() {
    let mut stage = habitat(&["rover", "satellite"]);
    stage.tick(0);
    stage.effects.clear();
    stage.link(5, "satellite", false);
    assert_eq!(stage.opened(), [(5, ids(&["habitat", "rover"]))]);
    stage.link(6, "rover", false);
    assert_eq!((stage.given_up(), stage.opened()), (1, Vec::new()));
}

/// The holder's own vehicle cannot take part: it leads the others as the planner does, who has none.
#[test]
fn leads_on_without_its_own_vehicle() {
    let mut stage = habitat(&["rover", "satellite"]);
    stage.tick(0);
    let epoch = stage.epoch();
    stage.effects.clear();
    for now in (3..=39).step_by(3) {
        stage.report(now, "rover", sign_of_life(&epoch));
        stage.report(now, "satellite", sign_of_life(&epoch));
    }
    assert_eq!(stage.tick(42).opened(), [(5, ids(&["rover", "satellite"]))]);
}

#[test]
fn brings_its_epoch_to_an_end_when_the_planner_is_back_and_opens_no_other() {
    let mut stage = habitat(&["rover", "satellite"]);
    stage.tick(0);
    stage.effects.clear();
    stage.link(5, "planner", true);
    stage.tick(6);
    assert_eq!((stage.given_up(), stage.epoch().number), (0, 4), "it goes on");
    stage.link(7, "satellite", false);
    assert_eq!((stage.given_up(), stage.opened()), (1, Vec::new()), "a member is lost, and that is its end");
    assert_eq!(stage.planner.next_deadline(), Some(at(2 * 3600 - 600)), "unless the planner is silent by then");
    stage.planner.hear(at(2 * 3600 - 601), &id("planner"));
    assert!(stage.tick(2 * 3600 - 600).opened().is_empty());
}

#[test]
fn opens_no_window_that_its_own_member_has_settled_or_is_beyond() {
    let check = |settled: u64, entered: Option<(u64, u32, &str)>, first: u64| {
        let mut stage = habitat(&["rover"]);
        let entered = entered.map(|(plan, number, opener)| Epoch { plan, number, opener: id(opener) });
        stage.planner.heed(settled, entered.as_ref());
        stage.tick(3600 * first - 600);
        assert_eq!(stage.planner.current.as_ref().map(|planning| planning.opening.epoch.plan), Some(first));
    };
    check(0, None, 1);
    check(1, None, 2);
    check(0, Some((1, 3, "planner")), 1);
    check(0, Some((1, 12, "rover")), 2);
    check(0, Some((1, 4, "habitat")), 2);
}
