//! That a scenario file comes out as the scenario that it describes, and that no text makes the parser panic.

use super::diagnostic::DIAGNOSTICS_MAX;
use super::model::{AssetKind, LinkVia, Place, Ridge, Stay};
use super::{LUNAR_BASE, Scenario, parse};
use mesh_adapters::Battery;
use mesh_model::AssetId;
use proptest::prelude::*;

const FIXTURE: &str = include_str!("bad_input/fixture.toml");

fn fixture() -> Scenario {
    let (scenario, diagnostics) = parse(FIXTURE);
    scenario.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("a valid name")
}

#[test]
fn quantities_arrive_in_the_unit_of_the_model() {
    let scenario = fixture();
    assert_eq!((scenario.timing.duration_s, scenario.timing.step_s, scenario.timing.lead_s), (86_400, 3600, 600));
    assert_eq!((scenario.timing.horizon_steps, scenario.timing.rounds_max, scenario.seed), (24, 400, 7));
    assert_eq!(scenario.sky.sun_azimuth_deg_per_h, -0.5);
    assert_eq!(scenario.disturbances.solar, 0.08);
    assert_eq!(scenario.limits.science_share_min, 0.95);
    assert_eq!((scenario.limits.blackout_s_min, scenario.limits.blackout_overlap_s_min), (14_400.0, 3600.0));
    let battery = Battery {
        capacity_kwh: 120.0,
        initial_kwh: 80.0,
        reserve_kwh: 24.0,
        margin_kwh: 6.0,
        power_kw_max: 20.0,
        efficiency: 0.95,
        wear_per_kwh: 0.02,
        value_per_kwh: 0.6,
    };
    assert_eq!(scenario.assets[0].kind.battery(), &battery);
}

#[test]
fn other_units_mean_the_same() {
    let other = FIXTURE
        .replace("\"24 h\"", "\"1 d\"")
        .replace("\"10 min\"", "\"600 s\"")
        .replace("\"120 kWh\"", "\"432 MJ\"")
        .replace("\"0.15 kW\"", "\"150 W\"")
        .replace("\"40 Gbit\"", "\"5 GB\"")
        .replace("\"5 km/h\"", "\" 5km/h \"")
        .replace("0.005", "\"0.5 %\"")
        .replace("\"1500 m\"", "\"1.5 km\"");
    assert_ne!(other, FIXTURE);
    assert_eq!(parse(&other), (Some(fixture()), Vec::new()));
}

#[test]
fn vehicles_have_their_figures_and_places() {
    let scenario = fixture();
    let AssetKind::Habitat { settings, site } = &scenario.assets[0].kind else { panic!("not a habitat") };
    assert_eq!((settings.isru_kw_max, settings.uplink_kwh_per_gbit, settings.uplink_value_per_gbit), (8.0, 0.05, 1.5));
    assert_eq!((site.latitude_deg, site.altitude_m), (-89.4, 1500.0));
    assert_eq!(site.ridges, [Ridge { from_deg: 350.0, to_deg: 20.0, elevation_deg: 1.4 }]);
    let AssetKind::Rover { settings, dock, site, itinerary } = &scenario.assets[1].kind else { panic!("not a rover") };
    assert_eq!((settings.survey_kw, settings.survey_gbit_h, settings.drive_wear_per_km), (0.4, 6.0, 0.05));
    assert_eq!((dock, site.horizon_deg, site.ridges.len()), (&id("habitat"), 35.0, 0));
    let stay = |place, from_h: u32, until_h: u32, drive_km| Stay {
        place,
        from_s: from_h * 3600,
        until_s: until_h * 3600,
        drive_km,
    };
    // The last stay has no end in the file: it lasts as long as the last plan looks ahead.
    let expected = [stay(Place::Dock, 0, 3, 0.0), stay(Place::Site, 5, 15, 8.0), stay(Place::Dock, 17, 48, 8.5)];
    assert_eq!(itinerary[..], expected);
    let AssetKind::Satellite { settings, orbit } = &scenario.assets[2].kind else { panic!("not a satellite") };
    assert_eq!((settings.bus_kw, settings.relay_wear_per_gbit, settings.downlink_value_per_gbit), (0.3, 0.1, 1.0));
    assert_eq!((orbit.period_s, orbit.eccentricity, orbit.perilune_at_s), (43_200.0, 0.65, 36_000.0));
}

#[test]
fn couplings_come_in_order() {
    let scenario = fixture();
    let junctions: Vec<_> =
        scenario.junctions.iter().map(|j| (j.id.as_str(), j.unit.as_str(), j.sinks.len())).collect();
    assert_eq!(junctions, [("power_bus", "kW", 1), ("relay_bandwidth", "Gbit", 2)]);
    let ends: Vec<_> = scenario.links.iter().map(|link| (link.a.as_str(), link.b.as_str())).collect();
    let expected = [
        ("habitat", "planner"),
        ("habitat", "rover"),
        ("habitat", "satellite"),
        ("planner", "rover"),
        ("planner", "satellite"),
        ("rover", "satellite"),
    ];
    assert_eq!(ends, expected);
    assert_eq!(scenario.links[1].via, LinkVia::Either(vec![LinkVia::Dock, LinkVia::Relay(id("satellite"))]));
    assert_eq!((&scenario.links[0].via, scenario.links[0].loss), (&LinkVia::Local, 0.0));
    assert_eq!(scenario.links[1].loss, 0.005);
}

#[test]
fn the_order_of_tables_in_the_file_does_not_matter() {
    let (head, rest) = FIXTURE.split_once("[[asset]]\nid = \"habitat\"").expect("the habitat comes first");
    let (habitat, rest) = rest.split_once("[[asset]]\nid = \"rover\"").expect("then the rover");
    let (rover, rest) = rest.split_once("[planner]").expect("then the satellite and the planner");
    let turned = format!("{head}[[asset]]\nid = \"rover\"{rover}[[asset]]\nid = \"habitat\"{habitat}[planner]{rest}");
    assert_ne!(turned, FIXTURE);
    assert_eq!(parse(&turned), (Some(fixture()), Vec::new()));
}

#[test]
fn the_contract_names_everybody_in_order() {
    let contract = fixture().contract();
    let members: Vec<_> = contract.members.iter().map(AssetId::as_str).collect();
    assert_eq!(members, ["habitat", "planner", "rover", "satellite"]);
    assert_eq!(contract.planner, id("planner"));
    assert_eq!((contract.step_s, contract.steps, contract.lead_s, contract.rounds_max), (3600, 24, 600, 400));
    assert_eq!((contract.gap_max.value(), contract.residual_max.value()), (1e-4, 1e-4));
    let edges: Vec<String> = contract.edges().iter().map(ToString::to_string).collect();
    let expected =
        ["power_bus: habitat -> rover", "relay_bandwidth: satellite -> habitat", "relay_bandwidth: satellite -> rover"];
    assert_eq!(edges, expected);
}

#[test]
fn every_key_is_described() {
    let reference = include_str!("../../../../docs/scenarios.md");
    let keys =
        FIXTURE.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key.trim_start_matches([' ', '{']));
    let missing: Vec<&str> = keys.filter(|key| !reference.contains(&format!("| `{key}` |"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

/// What must hold of the answer to any text.
fn is_sound(text: &str) -> Result<(), TestCaseError> {
    let (scenario, diagnostics) = parse(text);
    prop_assert_eq!(scenario.is_none(), diagnostics.iter().any(super::Diagnostic::is_error));
    for diagnostic in &diagnostics {
        prop_assert!(text.get(diagnostic.span.clone()).is_some(), "{:?} is not in the text", diagnostic.span);
        prop_assert!(!diagnostic.message.is_empty() && !diagnostic.expected.is_empty());
        prop_assert!(diagnostic.position(text).line <= text.split('\n').count());
    }
    prop_assert!(diagnostics.is_sorted_by_key(|diagnostic| diagnostic.span.start));
    if let Some(scenario) = scenario {
        prop_assert!(scenario.assets.is_sorted_by(|one, other| one.id < other.id));
        prop_assert_eq!(scenario.contract().members.len(), scenario.assets.len() + 1);
    }
    Ok(())
}

/// The start of the character at or before a place given as a share of the text.
fn place(text: &str, share: f64) -> usize {
    let offset = (text.len() as f64 * share) as usize;
    (0..=offset.min(text.len())).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,400}") {
        is_sound(&text)?;
    }

    #[test]
    fn anything_like_toml_gets_an_answer(text in "([a-z\\[\\]\\.={}\", \n#0-9-]|asset|\\[\\[asset\\]\\]|timing|id = \"a\"|\n){0,80}") {
        is_sound(&text)?;
    }

    #[test]
    fn a_damaged_scenario_gets_an_answer(
        cuts in prop::collection::vec((0.0..1.0, 0usize..12, "(\\PC|\n|\"|\\[|nan|-|1e999| kWh|\\[\\[asset\\]\\]\n){0,3}"), 1..4)
    ) {
        let mut text = LUNAR_BASE.to_owned();
        for (share, length, insertion) in cuts {
            let start = place(&text, share);
            let end = place(&text, (start + length) as f64 / text.len() as f64).max(start);
            text.replace_range(start..end, &insertion);
        }
        is_sound(&text)?;
    }

    #[test]
    fn swapped_lines_get_an_answer(from in 0usize..170, to in 0usize..170) {
        let mut lines: Vec<&str> = FIXTURE.lines().collect();
        let (from, to) = (from % lines.len(), to % lines.len());
        lines.swap(from, to);
        is_sound(&lines.join("\n"))?;
    }
}

#[test]
fn a_file_full_of_nonsense_is_refused_without_drowning_anybody() {
    let flood = |line: &dyn Fn(usize) -> String| {
        let mut text = FIXTURE.to_owned();
        let mut count = 0;
        while text.len() < (1 << 20) - 64 {
            text.push_str(&line(count));
            count += 1;
        }
        let (scenario, diagnostics) = parse(&text);
        assert_eq!(scenario, None);
        assert!((1..=DIAGNOSTICS_MAX).contains(&diagnostics.len()), "{}", diagnostics.len());
    };
    flood(&|count| format!("unknown_{count} = {count}\n"));
    flood(&|_| "[[link]]\n".to_owned());
    flood(&|count| format!("[x{count}.y.z]\n"));
    flood(&|_| "seed = 7\n".to_owned());
    flood(&|_| "]".to_owned());
    flood(&|_| "x = [".to_owned());
    flood(&|_| "a.".to_owned());
}
