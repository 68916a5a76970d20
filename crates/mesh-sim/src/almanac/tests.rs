//! The geometry of the lunar base mission is the one that its story needs.

use super::*;
use crate::links::LinkBook;
use mesh_model::MissionTime;

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a name")
}

#[test]
fn the_rover_is_islanded_in_the_middle_while_the_habitat_still_sees_the_relay() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    let (blackout, overlap_s) = almanac.blackout(&id("rover")).expect("a rover");
    let length_s = blackout.until_s - blackout.from_s;
    assert!(length_s >= u64::from(scenario.limits.blackout_s_min as u32), "{length_s} s");
    assert!(overlap_s >= u64::from(scenario.limits.blackout_overlap_s_min as u32), "{overlap_s} s");
    assert!(blackout.from_s > 6 * 3600 && blackout.until_s < 18 * 3600, "{blackout:?} is not in the middle");
    assert!(views::holds(almanac.sights(&id("habitat"), &id("satellite")), 0));
}

#[test]
fn the_sun_stands_in_another_azimuth_over_another_meridian() {
    let mut scenario = Scenario::lunar_base();
    let AssetKind::Habitat { settings, site } = scenario.assets[0].kind.clone() else { panic!("the habitat is first") };
    // A quarter turn further east around the south pole, north points a quarter turn further east as well: the same
    // skyline, turned back by as much, hides the sun at the same hours.
    let mut turned = site.clone();
    turned.longitude_deg += 90.0;
    turned.ridges.iter_mut().for_each(|ridge| {
        ridge.from_deg = (ridge.from_deg + 270.0) % 360.0;
        ridge.to_deg = (ridge.to_deg + 270.0) % 360.0;
    });
    scenario.assets.push(Asset { id: id("outpost"), kind: AssetKind::Habitat { settings, site: turned } });
    let almanac = Almanac::new(&scenario);
    let share = |name: &str| match almanac.settings(&id(name)) {
        Some(AdapterSettings::Habitat(_, forecast)) => forecast.sun_share.clone(),
        other => panic!("{other:?}"),
    };
    let (here, there) = (share("habitat"), share("outpost"));
    assert!(here.iter().any(|share| *share < 0.1), "the ridges hide the sun");
    let apart = here.iter().zip(&there).map(|(here, there)| (here - there).abs()).fold(0.0, f64::max);
    // The site is half a degree off the pole, so the sun passes the ridges' ends some minutes earlier or later.
    assert!(apart < 0.5, "{here:?} {there:?}");
}

#[test]
fn a_crossing_is_where_the_view_changes() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    let (AssetKind::Habitat { site, .. }, AssetKind::Satellite { orbit, .. }) =
        (&scenario.assets[0].kind, &scenario.assets[2].kind)
    else {
        panic!("the assets of the lunar base, in id order")
    };
    let stand = Stand::new(site);
    let above = |second: u64| {
        let seen = stand.direction_to(orbit::position_km(orbit, second as f64));
        seen.elevation_deg > terrain::skyline_deg(site, seen.azimuth_deg)
    };
    let sights = almanac.sights(&id("habitat"), &id("satellite"));
    assert!(sights.len() >= 4);
    for contact in sights.iter().filter(|contact| contact.from_s > 0 && contact.until_s < almanac.end_s()) {
        assert!(above(contact.from_s) && !above(contact.from_s - 1), "{contact:?}");
        assert!(above(contact.until_s - 1) && !above(contact.until_s), "{contact:?}");
    }
}

#[test]
fn the_sun_is_hidden_for_some_hours_of_the_day() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    let Some(AdapterSettings::Habitat(_, forecast)) = almanac.settings(&id("habitat")) else { panic!("a habitat") };
    let dark_h: f64 = forecast.sun_share[..24].iter().map(|share| 1.0 - share).sum();
    assert!((5.0..=7.0).contains(&dark_h), "{dark_h} h");
    assert_eq!(forecast.sun_share.len(), almanac.steps());
    assert!(forecast.sun_share.iter().all(|share| (0.0..=1.0).contains(share)));
}

#[test]
fn a_rover_under_way_has_the_skyline_of_its_site() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    let Some(AdapterSettings::Rover(_, forecast)) = almanac.settings(&id("rover")) else { panic!("a rover") };
    assert_eq!(forecast.legs, [Leg { from: 3, until: 5, km: 8.0 }, Leg { from: 15, until: 17, km: 8.0 }]);
    assert_eq!(forecast.docked_share[..4], [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(forecast.docked_share.last(), Some(&1.0), "it does not leave its last stay");
    let habitat = almanac.relay_sights(&id("habitat"));
    let rover = almanac.relay_sights(&id("rover"));
    let docked = almanac.docked(&id("rover"));
    assert_eq!(both(&habitat, docked), both(&rover, docked), "at the dock it sees what the habitat sees");
}

#[test]
fn links_follow_the_geometry_and_the_planner_hears_what_its_host_hears() {
    let scenario = Scenario::lunar_base();
    let almanac = Almanac::new(&scenario);
    let book = LinkBook::new(&scenario, &almanac);
    let at = |a: &str, b: &str| book.between(&id(a), &id(b)).expect("a link");
    assert_eq!(book.links()[at("planner", "rover")].1, book.links()[at("rover", "habitat")].1);
    assert_eq!(book.links()[at("satellite", "habitat")].1, almanac.sights(&id("habitat"), &id("satellite")));
    assert!(book.up(at("habitat", "planner"), MissionTime::from_s(40_000)));
    let middle = MissionTime::from_s(8 * 3600);
    assert_eq!(book.peers(&id("rover"), middle), []);
    assert_eq!(book.peers(&id("habitat"), middle), [id("planner"), id("satellite")]);
}

#[test]
fn between_two_changes_no_link_changes() {
    let scenario = Scenario::lunar_base();
    let book = LinkBook::new(&scenario, &Almanac::new(&scenario));
    let states = |time: MissionTime| (0..book.links().len()).map(|link| book.up(link, time)).collect::<Vec<_>>();
    let mut time = MissionTime::ZERO;
    let mut changes = 0;
    while let Some(next) = book.next_change(time) {
        assert_eq!(states(time), states(next.minus_s(1)));
        assert_ne!(states(next.minus_s(1)), states(next));
        (time, changes) = (next, changes + 1);
    }
    assert!(changes > 8, "{changes}");
}

#[test]
fn losses_come_as_often_as_the_link_says_and_never_twice_different() {
    let mut scenario = Scenario::lunar_base();
    scenario.links[0].loss = 0.3;
    let book = LinkBook::new(&scenario, &Almanac::new(&scenario));
    let sender = scenario.links[0].a.clone();
    let lost =
        |seed: u64, sender: &AssetId| (0..4000).map(|frame| book.lost(seed, 0, sender, frame)).collect::<Vec<_>>();
    let share = lost(1, &sender).iter().filter(|lost| **lost).count() as f64 / 4000.0;
    assert!((0.27..0.33).contains(&share), "{share}");
    assert_eq!(lost(1, &sender), lost(1, &sender));
    assert_ne!(lost(1, &sender), lost(1, &scenario.links[0].b));
    assert_ne!(lost(1, &sender), lost(2, &sender));
    assert!((0..book.links().len()).all(|link| book.delay_ticks(link, MissionTime::ZERO) == 1));
}
