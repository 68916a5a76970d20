//! Reads `[[asset]]` tables: a habitat, a rover or a satellite, its battery and where it is.

use super::diagnostic::{Problems, quoted};
use super::itinerary::itinerary;
use super::model::{Asset, AssetKind, Orbit, Ridge, Site, Timing};
use super::nearest::did_you_mean;
use super::quantity::{
    ANGLE, Bounds, DATA, DATA_RATE, ENERGY, ENERGY_PER_DATA, ENERGY_PER_DISTANCE, HEIGHT, MAGNITUDE_MAX, NOT_NEGATIVE,
    POSITIVE, POWER, SPEED, TIME, VALUE_PER_DATA, VALUE_PER_DISTANCE, VALUE_PER_ENERGY,
};
use super::roster::{Entry, Kind, Roster, report_reserved};
use super::table::{At, Raw, Table};
use crate::almanac::{MOON_RADIUS_KM, semi_major_km};
use mesh_adapters::{Battery, HabitatSettings, RoverSettings, SatelliteSettings};
use mesh_model::AssetId;

/// Most assets of a mission.
pub const ASSETS_MAX: usize = 64;
/// Most ridges of a skyline.
pub const RIDGES_MAX: usize = 360;

/// Reads all assets, in id order, and enters them in the roster.
pub(super) fn assets(table: &mut Table<'_>, timing: Option<&Timing>, roster: &mut Roster) -> Option<Vec<Asset>> {
    let problems = table.problems();
    // Until all of them are read, an unknown name may be that of an asset.
    roster.incomplete = true;
    let list = table.list("asset", "[[asset]] tables")?;
    if list.value.is_empty() || list.value.len() > ASSETS_MAX {
        let message = format!("the file has {} assets", list.value.len());
        problems.error(list.span, message, format!("from 1 to {ASSETS_MAX} assets"), None);
        return None;
    }
    roster.incomplete = false;
    let mut docks = Vec::new();
    let mut assets = Vec::new();
    for value in list.value {
        let asset =
            problems.table_value(value, "[[asset]]".to_owned(), |table| asset(table, timing, roster, &mut docks));
        assets.push(asset);
    }
    for dock in &docks {
        report_bad_dock(dock, roster, problems);
    }
    let mut assets = assets.into_iter().collect::<Option<Vec<_>>>()?;
    assets.sort_by(|one, other| one.id.cmp(&other.id));
    Some(assets)
}

fn asset<'t>(
    table: &mut Table<'t>,
    timing: Option<&Timing>,
    roster: &mut Roster,
    docks: &mut Vec<At<&'t str>>,
) -> Option<Asset> {
    let id = table.name("id", AssetId::new);
    if let Some(id) = &id {
        table.rename(format!("the asset `{}`", id.value));
        report_reserved(id, table.problems());
        if roster.assets.contains_key(&id.value) {
            let message = format!("duplicate id `{}`: another asset has it too", id.value);
            table.problems().error(id.span.clone(), message, "an id of its own", None);
            roster.incomplete = true;
        }
    } else {
        roster.incomplete = true;
    }
    let kind = kind(table);
    let dock = if kind == Some(Kind::Rover) { table.text("dock", "the id of a habitat") } else { None };
    if let Some(id) = &id {
        // A broken asset still has a name that others may use.
        let dock = dock.as_ref().and_then(|dock| AssetId::new(dock.value).ok());
        roster.assets.entry(id.value.clone()).or_insert(Entry { kind, dock });
    }
    let Some(kind) = kind else {
        table.abandon();
        return None;
    };
    let kind = match kind {
        Kind::Habitat => habitat(table),
        Kind::Rover => rover(table, timing, dock.clone()),
        Kind::Satellite => satellite(table),
    };
    docks.extend(dock);
    Some(Asset { id: id?.value, kind: kind? })
}

fn kind(table: &mut Table<'_>) -> Option<Kind> {
    let expected = "habitat, rover or satellite";
    let text = table.text("kind", expected)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == text.value);
    if kind.is_none() {
        let hint = did_you_mean(text.value, Kind::ALL.map(Kind::name));
        table.problems().error(text.span, format!("unknown kind {}", quoted(text.value)), expected, hint);
    }
    kind
}

fn report_bad_dock(dock: &At<&str>, roster: &Roster, problems: &Problems) {
    let kind = roster.asset(dock, problems).and_then(|id| roster.kind(&id));
    if let Some(kind) = kind.filter(|kind| *kind != Kind::Habitat) {
        let message = format!("a rover cannot dock at {}: it is {}", quoted(dock.value), kind.phrase());
        problems.error(dock.span.clone(), message, "the id of a habitat", None);
    }
}

fn habitat(table: &mut Table<'_>) -> Option<AssetKind> {
    let solar_peak = table.quantity("solar_peak", &POWER, NOT_NEGATIVE);
    let life_support = table.quantity("life_support", &POWER, NOT_NEGATIVE);
    let isru_max = table.quantity("isru_max", &POWER, NOT_NEGATIVE);
    let isru_value = table.quantity("isru_value", &VALUE_PER_ENERGY, NOT_NEGATIVE);
    let charger_max = table.quantity("charger_max", &POWER, NOT_NEGATIVE);
    let uplink_max = table.quantity("uplink_max", &DATA_RATE, NOT_NEGATIVE);
    let uplink_energy = table.quantity("uplink_energy", &ENERGY_PER_DATA, NOT_NEGATIVE);
    let uplink_value = table.quantity("uplink_value", &VALUE_PER_DATA, NOT_NEGATIVE);
    let battery = table.table("battery", "[asset.battery]".to_owned(), battery);
    let site = table.table("site", "[asset.site]".to_owned(), site);
    let settings = HabitatSettings {
        battery: battery?,
        solar_kw_peak: solar_peak?.value,
        life_support_kw: life_support?.value,
        isru_kw_max: isru_max?.value,
        isru_value_per_kwh: isru_value?.value,
        charger_kw_max: charger_max?.value,
        uplink_gbit_h_max: uplink_max?.value,
        uplink_kwh_per_gbit: uplink_energy?.value,
        uplink_value_per_gbit: uplink_value?.value,
    };
    Some(AssetKind::Habitat { settings, site: site? })
}

fn rover(table: &mut Table<'_>, timing: Option<&Timing>, dock: Option<At<&str>>) -> Option<AssetKind> {
    let charge_max = table.quantity("charge_max", &POWER, NOT_NEGATIVE);
    let hotel = table.quantity("hotel", &POWER, NOT_NEGATIVE);
    let survey_power = table.quantity("survey_power", &POWER, NOT_NEGATIVE);
    let survey_rate = table.quantity("survey_rate", &DATA_RATE, NOT_NEGATIVE);
    let buffer = table.quantity("buffer", &DATA, NOT_NEGATIVE);
    let transmit_max = table.quantity("transmit_max", &DATA_RATE, NOT_NEGATIVE);
    let transmit_energy = table.quantity("transmit_energy", &ENERGY_PER_DATA, NOT_NEGATIVE);
    let science_value = table.quantity("science_value", &VALUE_PER_DATA, NOT_NEGATIVE);
    let drive_energy = table.quantity("drive_energy", &ENERGY_PER_DISTANCE, NOT_NEGATIVE);
    let drive_max = table.quantity("drive_max", &SPEED, POSITIVE);
    let drive_wear = table.quantity("drive_wear", &VALUE_PER_DISTANCE, NOT_NEGATIVE);
    let battery = table.table("battery", "[asset.battery]".to_owned(), battery);
    let site = table.table("site", "[asset.site]".to_owned(), site);
    let itinerary = itinerary(table, timing, drive_max.as_ref());
    let settings = RoverSettings {
        battery: battery?,
        charge_kw_max: charge_max?.value,
        hotel_kw: hotel?.value,
        survey_kw: survey_power?.value,
        survey_gbit_h: survey_rate?.value,
        buffer_gbit: buffer?.value,
        transmit_gbit_h_max: transmit_max?.value,
        transmit_kwh_per_gbit: transmit_energy?.value,
        science_value_per_gbit: science_value?.value,
        drive_kwh_per_km: drive_energy?.value,
        drive_km_h_max: drive_max?.value,
        drive_wear_per_km: drive_wear?.value,
    };
    // A dock that is no habitat has been reported, so there will be no scenario.
    let dock = AssetId::new(dock?.value).ok()?;
    Some(AssetKind::Rover { settings, dock, site: site?, itinerary: itinerary? })
}

fn satellite(table: &mut Table<'_>) -> Option<AssetKind> {
    let solar_peak = table.quantity("solar_peak", &POWER, NOT_NEGATIVE);
    let bus = table.quantity("bus", &POWER, NOT_NEGATIVE);
    let relay_max = table.quantity("relay_max", &DATA_RATE, NOT_NEGATIVE);
    let relay_energy = table.quantity("relay_energy", &ENERGY_PER_DATA, NOT_NEGATIVE);
    let relay_wear = table.quantity("relay_wear", &VALUE_PER_DATA, NOT_NEGATIVE);
    let buffer = table.quantity("buffer", &DATA, NOT_NEGATIVE);
    let downlink_max = table.quantity("downlink_max", &DATA_RATE, NOT_NEGATIVE);
    let downlink_energy = table.quantity("downlink_energy", &ENERGY_PER_DATA, NOT_NEGATIVE);
    let downlink_value = table.quantity("downlink_value", &VALUE_PER_DATA, NOT_NEGATIVE);
    let battery = table.table("battery", "[asset.battery]".to_owned(), battery);
    let orbit = table.table("orbit", "[asset.orbit]".to_owned(), orbit);
    let settings = SatelliteSettings {
        battery: battery?,
        solar_kw_peak: solar_peak?.value,
        bus_kw: bus?.value,
        relay_gbit_h_max: relay_max?.value,
        relay_kwh_per_gbit: relay_energy?.value,
        buffer_gbit: buffer?.value,
        downlink_gbit_h_max: downlink_max?.value,
        downlink_kwh_per_gbit: downlink_energy?.value,
        relay_wear_per_gbit: relay_wear?.value,
        downlink_value_per_gbit: downlink_value?.value,
    };
    Some(AssetKind::Satellite { settings, orbit: orbit? })
}

fn battery(table: &mut Table<'_>) -> Option<Battery> {
    let problems = table.problems();
    let capacity = table.quantity("capacity", &ENERGY, POSITIVE);
    let initial = table.quantity("initial", &ENERGY, NOT_NEGATIVE);
    let reserve = table.quantity("reserve", &ENERGY, NOT_NEGATIVE);
    let margin = table.quantity("margin", &ENERGY, NOT_NEGATIVE);
    let power_max = table.quantity("power_max", &POWER, POSITIVE);
    let efficiency_bounds = Bounds { least: 0.0, least_excluded: true, most: 1.0, most_excluded: false };
    let efficiency = table.fraction("efficiency", efficiency_bounds);
    let wear = table.quantity("wear", &VALUE_PER_ENERGY, NOT_NEGATIVE);
    let value = table.quantity("value", &VALUE_PER_ENERGY, NOT_NEGATIVE);

    let above = |part: &Option<At<f64>>, name: &str, whole: &Option<At<f64>>| {
        let (Some(part), Some(whole)) = (part, whole) else { return false };
        if part.value > whole.value {
            let message = format!("{name} is above the capacity of {} kWh", whole.value);
            problems.error(part.span.clone(), message, format!("at most {} kWh", whole.value), None);
        }
        part.value > whole.value
    };
    let reserve_above = above(&reserve, "reserve", &capacity);
    above(&initial, "initial", &capacity);
    if let (Some(initial), Some(reserve)) = (&initial, &reserve)
        && !reserve_above
        && initial.value < reserve.value
    {
        let message = format!("initial is below the reserve of {} kWh", reserve.value);
        let hint = Some("a mission whose battery begins below reserve has failed before it starts".to_owned());
        problems.error(initial.span.clone(), message, format!("at least {} kWh", reserve.value), hint);
    }
    if let (Some(margin), Some(reserve), Some(capacity)) = (&margin, &reserve, &capacity)
        && !reserve_above
        && reserve.value + margin.value > capacity.value
    {
        let message = "reserve and margin together are above the capacity".to_owned();
        let expected = format!("at most {} kWh", capacity.value - reserve.value);
        problems.error(margin.span.clone(), message, expected, None);
    }
    Some(Battery {
        capacity_kwh: capacity?.value,
        initial_kwh: initial?.value,
        reserve_kwh: reserve?.value,
        margin_kwh: margin?.value,
        power_kw_max: power_max?.value,
        efficiency: efficiency?.value,
        wear_per_kwh: wear?.value,
        value_per_kwh: value?.value,
    })
}

fn site(table: &mut Table<'_>) -> Option<Site> {
    let problems = table.problems();
    let latitude = table.quantity("latitude", &ANGLE, Bounds::closed(-90.0, 90.0));
    let longitude = table.quantity("longitude", &ANGLE, Bounds::closed(-180.0, 360.0));
    // Between the deepest crater and the highest rim of the Moon, and a little more.
    let altitude = table.quantity("altitude", &HEIGHT, Bounds::closed(-12_000.0, 12_000.0));
    let horizon = table.quantity("horizon", &ANGLE, Bounds::closed(-10.0, 89.0));
    let ridges = table.optional_list("ridges", "a list of { from, to, elevation }");
    let ridges = ridges.and_then(|list| {
        if list.value.len() > RIDGES_MAX {
            let message = format!("the skyline has {} ridges", list.value.len());
            problems.error(list.span, message, format!("at most {RIDGES_MAX} ridges"), None);
            return None;
        }
        let lowest = horizon.as_ref().map_or(-90.0, |horizon| horizon.value);
        let ridges: Vec<_> = list.value.iter().map(|value| ridge(value, lowest, problems)).collect();
        ridges.into_iter().collect::<Option<Vec<_>>>()
    });
    Some(Site {
        latitude_deg: latitude?.value,
        longitude_deg: longitude?.value,
        altitude_m: altitude?.value,
        horizon_deg: horizon?.value,
        ridges: ridges?,
    })
}

fn ridge<'t>(value: Raw<'t>, horizon_deg: f64, problems: &'t Problems) -> Option<Ridge> {
    problems.table_value(value, "a ridge".to_owned(), |table| {
        let from = table.quantity("from", &ANGLE, Bounds::closed(0.0, 360.0));
        let to = table.quantity("to", &ANGLE, Bounds::closed(0.0, 360.0));
        let elevation = table.quantity("elevation", &ANGLE, Bounds::closed(-10.0, 89.0));
        let (from, to, elevation) = (from?, to?, elevation?);
        if elevation.value <= horizon_deg {
            let message = "the ridge is no higher than the horizon".to_owned();
            problems.error(elevation.span, message, format!("above the `horizon` of {horizon_deg} deg"), None);
            return None;
        }
        if (to.value - from.value).rem_euclid(360.0) == 0.0 {
            let message = "the ridge ends where it begins".to_owned();
            let hint = Some("a skyline that is high all around is `horizon`".to_owned());
            problems.error(to.span, message, "another azimuth, clockwise from `from`", hint);
            return None;
        }
        Some(Ridge { from_deg: from.value, to_deg: to.value, elevation_deg: elevation.value })
    })
}

fn orbit(table: &mut Table<'_>) -> Option<Orbit> {
    let turn = Bounds::closed(0.0, 360.0);
    let period = table.quantity("period", &TIME, Bounds::closed(3600.0, 30.0 * 86_400.0));
    let eccentricity =
        table.number("eccentricity", Bounds { least: 0.0, least_excluded: false, most: 1.0, most_excluded: true });
    let inclination = table.quantity("inclination", &ANGLE, Bounds::closed(0.0, 180.0));
    let node = table.quantity("node", &ANGLE, turn);
    let perilune = table.quantity("perilune", &ANGLE, turn);
    let perilune_at = table.quantity("perilune_at", &TIME, Bounds::closed(-MAGNITUDE_MAX, MAGNITUDE_MAX));
    if let (Some(period), Some(eccentricity)) = (&period, &eccentricity) {
        report_collision(period, eccentricity, table.problems());
    }
    Some(Orbit {
        period_s: period?.value,
        eccentricity: eccentricity?.value,
        inclination_deg: inclination?.value,
        node_deg: node?.value,
        perilune_deg: perilune?.value,
        perilune_at_s: perilune_at?.value,
    })
}

/// An orbit whose lowest point lies in the ground is no orbit.
fn report_collision(period: &At<f64>, eccentricity: &At<f64>, problems: &Problems) {
    let semi_major_km = semi_major_km(period.value);
    if semi_major_km < MOON_RADIUS_KM {
        let message =
            format!("an orbit of this period has a mean radius of {semi_major_km:.0} km, less than the Moon's");
        let expected = format!("a mean radius above {MOON_RADIUS_KM} km");
        problems.error(period.span.clone(), message, expected, Some("take a longer period".to_owned()));
        return;
    }
    let altitude_km = semi_major_km * (1.0 - eccentricity.value) - MOON_RADIUS_KM;
    if altitude_km <= 0.0 {
        let message = format!("the orbit meets the ground: its lowest point lies at {altitude_km:.0} km");
        // Rounded down, so that what is recommended is allowed.
        let most = (1000.0 * (1.0 - MOON_RADIUS_KM / semi_major_km)).floor() / 1000.0;
        problems.error(eccentricity.span.clone(), message, format!("at most {most} for this period"), None);
    }
}
