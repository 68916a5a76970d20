//! Reads `[[junction]]` and `[[link]]` tables: where problems meet and how members hear each other.

use super::diagnostic::{Problems, quoted};
use super::model::{Asset, Link, LinkVia, Planner};
use super::nearest::did_you_mean;
use super::quantity::{Bounds, DATA, NOT_NEGATIVE, POSITIVE, POWER, Quantity};
use super::roster::{Kind, Roster};
use super::table::{At, Table};
use mesh_model::{AssetId, Junction, JunctionId, Real};
use std::collections::{BTreeMap, BTreeSet};

/// Most junctions of a mission.
pub const JUNCTIONS_MAX: usize = 64;
/// Most links of a mission.
pub const LINKS_MAX: usize = 1000;

/// Reads all junctions, in id order.
pub(super) fn junctions(table: &mut Table<'_>, roster: &Roster) -> Option<Vec<At<Junction>>> {
    let problems = table.problems();
    let list = table.optional_list("junction", "[[junction]] tables")?;
    if list.value.len() > JUNCTIONS_MAX {
        let message = format!("the file has {} junctions", list.value.len());
        problems.error(list.span, message, format!("at most {JUNCTIONS_MAX} junctions"), None);
        return None;
    }
    let mut ids = BTreeSet::new();
    let mut junctions = Vec::new();
    for value in list.value {
        let read = |table: &mut Table<'_>| junction(table, roster, &mut ids);
        let junction = problems.table_value(value, "[[junction]]".to_owned(), read);
        junctions.push(junction.map(|junction| At { value: junction, span: value.span() }));
    }
    let mut junctions = junctions.into_iter().collect::<Option<Vec<_>>>()?;
    report_shared_ends(&junctions, problems);
    junctions.sort_by(|one, other| one.value.id.cmp(&other.value.id));
    Some(junctions)
}

/// A vehicle has one setpoint for all that it gives, and one for all that it sends: a second junction could not tell
/// which part is its own.
fn report_shared_ends(junctions: &[At<Junction>], problems: &Problems) {
    let mut sources = BTreeSet::new();
    let mut senders = BTreeSet::new();
    for At { value: junction, span } in junctions {
        if !sources.insert((&junction.unit, &junction.source)) {
            let message = format!("`{}` is the source of another junction too", junction.source);
            problems.error(span.clone(), message, "one junction for all that an asset gives", None);
        }
        let sending = junction.sinks.iter().filter(|_| junction.unit == Flow::Data.unit());
        for sender in sending.filter(|sender| !senders.insert(*sender)).collect::<Vec<_>>() {
            let message = format!("`{sender}` sends data through another junction too");
            problems.error(span.clone(), message, "one relay for each asset that sends", None);
        }
    }
}

/// What flows through a junction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Power,
    Data,
}

impl Flow {
    const fn unit(self) -> &'static str {
        match self {
            Self::Power => "kW",
            Self::Data => "Gbit",
        }
    }

    const fn quantity(self) -> &'static Quantity {
        match self {
            Self::Power => &POWER,
            Self::Data => &DATA,
        }
    }

    const fn source(self) -> Kind {
        match self {
            Self::Power => Kind::Habitat,
            Self::Data => Kind::Satellite,
        }
    }

    const fn sinks(self) -> (&'static [Kind], &'static str) {
        match self {
            Self::Power => (&[Kind::Rover], "a rover"),
            Self::Data => (&[Kind::Habitat, Kind::Rover], "a habitat or a rover"),
        }
    }
}

fn junction(table: &mut Table<'_>, roster: &Roster, ids: &mut BTreeSet<JunctionId>) -> Option<Junction> {
    let problems = table.problems();
    let id = table.name("id", JunctionId::new);
    if let Some(id) = &id {
        table.rename(format!("the junction `{}`", id.value));
        if !ids.insert(id.value.clone()) {
            let message = format!("duplicate id `{}`: another junction has it too", id.value);
            problems.error(id.span.clone(), message, "an id of its own", None);
        }
    }
    let source = table.text("source", "the id of the asset that gives");
    let sinks = table.texts("sinks", "a list of ids of the assets that take");
    let flow = flow(table);
    let weight = table.number("weight", POSITIVE);
    let tolerance = match flow {
        Some(flow) => table.quantity("tolerance", flow.quantity(), NOT_NEGATIVE),
        None => table.optional("tolerance").and(None),
    };
    let source = source.and_then(|name| Some(At { value: roster.asset(&name, problems)?, span: name.span }));
    if let (Some(source), Some(flow)) = (&source, flow) {
        report_wrong_kind(source, &[flow.source()], flow.source().phrase(), "give", flow, roster, problems);
    }
    let sinks = sinks.and_then(|names| sink_ids(&names, flow, source.as_ref(), roster, problems));
    Some(Junction {
        id: id?.value,
        source: source?.value,
        sinks: sinks?,
        unit: flow?.unit().to_owned(),
        weight: Real::new(weight?.value).ok()?,
        tolerance: Real::new(tolerance?.value).ok()?,
    })
}

fn flow(table: &mut Table<'_>) -> Option<Flow> {
    let expected = "kW for power or Gbit for data a step";
    let unit = table.text("unit", expected)?;
    let flow = [Flow::Power, Flow::Data].into_iter().find(|flow| flow.unit() == unit.value);
    if flow.is_none() {
        let hint = did_you_mean(unit.value, ["kW", "Gbit"]);
        table.problems().error(
            unit.span,
            format!("a junction cannot have the unit {}", quoted(unit.value)),
            expected,
            hint,
        );
    }
    flow
}

fn sink_ids(
    names: &At<Vec<At<&str>>>,
    flow: Option<Flow>,
    source: Option<&At<AssetId>>,
    roster: &Roster,
    problems: &Problems,
) -> Option<Vec<AssetId>> {
    if names.value.is_empty() {
        problems.error(names.span.clone(), "a junction needs a sink".to_owned(), "the id of an asset that takes", None);
        return None;
    }
    let mut sinks = BTreeSet::new();
    let mut complete = true;
    for name in &names.value {
        let Some(sink) = roster.asset(name, problems) else {
            complete = false;
            continue;
        };
        let sink = At { value: sink, span: name.span.clone() };
        if source.is_some_and(|source| source.value == sink.value) {
            let message = format!("`{}` is the source and a sink of one junction", sink.value);
            problems.error(sink.span, message, "an asset other than the source", None);
            continue;
        }
        if !sinks.insert(sink.value.clone()) {
            problems.error(sink.span, format!("`{}` is named twice", sink.value), "each sink once", None);
            continue;
        }
        if let Some(flow) = flow {
            let (kinds, phrase) = flow.sinks();
            report_wrong_kind(&sink, kinds, phrase, "take", flow, roster, problems);
        }
        if flow == Some(Flow::Power) {
            report_wrong_bus(&sink, source, roster, problems);
        }
    }
    complete.then(|| sinks.into_iter().collect())
}

fn report_wrong_kind(
    asset: &At<AssetId>,
    kinds: &[Kind],
    expected: &str,
    verb: &str,
    flow: Flow,
    roster: &Roster,
    problems: &Problems,
) {
    if let Some(kind) = roster.kind(&asset.value).filter(|kind| !kinds.contains(kind)) {
        let message = format!("`{}` is {}, which cannot {verb} {}", asset.value, kind.phrase(), flow.unit());
        problems.error(asset.span.clone(), message, expected, None);
    }
}

/// A rover charges where it docks.
fn report_wrong_bus(rover: &At<AssetId>, source: Option<&At<AssetId>>, roster: &Roster, problems: &Problems) {
    let (Some(source), Some(dock)) = (source, roster.dock(&rover.value)) else { return };
    if *dock != source.value && roster.kind(dock) == Some(Kind::Habitat) {
        let message = format!("`{}` docks at `{dock}`, so it takes no power from `{}`", rover.value, source.value);
        problems.error(rover.span.clone(), message, format!("a rover whose dock is `{}`", source.value), None);
    }
}

/// Reads all links, ordered by their ends.
pub(super) fn links(table: &mut Table<'_>, roster: &Roster) -> Option<Vec<Link>> {
    let problems = table.problems();
    let list = table.optional_list("link", "[[link]] tables")?;
    if list.value.len() > LINKS_MAX {
        let message = format!("the file has {} links", list.value.len());
        problems.error(list.span, message, format!("at most {LINKS_MAX} links"), None);
        return None;
    }
    let mut links = BTreeMap::new();
    let mut complete = true;
    for value in list.value {
        let Some(link) = problems.table_value(value, "[[link]]".to_owned(), |table| link(table, roster)) else {
            complete = false;
            continue;
        };
        let ends = (link.a.clone(), link.b.clone());
        if links.contains_key(&ends) {
            let message = format!("another link is between `{}` and `{}` too", link.a, link.b);
            let hint = Some("name all ways in `via` of one link: it is up while any of them is".to_owned());
            problems.error(value.span(), message, "one link for each pair", hint);
            continue;
        }
        links.insert(ends, link);
    }
    complete.then(|| links.into_values().collect())
}

fn link(table: &mut Table<'_>, roster: &Roster) -> Option<Link> {
    let problems = table.problems();
    let between = table.texts("between", "a list of the ids of two members");
    let via = table.texts("via", VIA_EXPECTED);
    let loss = table.fraction("loss", Bounds { least: 0.0, least_excluded: false, most: 1.0, most_excluded: true });
    let ends = between.and_then(|names| ends(&names, roster, problems));
    if let Some((a, b)) = &ends {
        table.rename(format!("the link between `{a}` and `{b}`"));
    }
    let via = via.and_then(|words| ways(&words, ends.as_ref(), roster, problems));
    let (a, b) = ends?;
    Some(Link { a, b, via: via?, loss: loss?.value })
}

fn ends(names: &At<Vec<At<&str>>>, roster: &Roster, problems: &Problems) -> Option<(AssetId, AssetId)> {
    let [one, other] = names.value.as_slice() else {
        let message = format!("a link has two ends, not {}", names.value.len());
        problems.error(names.span.clone(), message, "a list of the ids of two members", None);
        return None;
    };
    let (a, b) = (roster.member(one, problems), roster.member(other, problems));
    let (a, b) = (a?, b?);
    if a == b {
        problems.error(other.span.clone(), format!("both ends of the link are `{a}`"), "another member", None);
        return None;
    }
    Some((a.clone().min(b.clone()), a.max(b)))
}

fn ways(
    words: &At<Vec<At<&str>>>,
    ends: Option<&(AssetId, AssetId)>,
    roster: &Roster,
    problems: &Problems,
) -> Option<LinkVia> {
    let mut ways = Vec::new();
    let mut complete = true;
    for word in &words.value {
        let Some(way) = way(word, roster, problems) else {
            complete = false;
            continue;
        };
        if ways.contains(&way) {
            problems.error(word.span.clone(), format!("{} is named twice", quoted(word.value)), "each way once", None);
            continue;
        }
        if let Some((a, b)) = ends
            && let Err((message, expected)) = suits(&way, a, b, roster)
        {
            problems.error(word.span.clone(), message, expected, None);
        }
        ways.push(way);
    }
    if words.value.is_empty() {
        problems.error(words.span.clone(), "a link needs a way to be up".to_owned(), VIA_EXPECTED, None);
        return None;
    }
    match ways.len() {
        _ if !complete => None,
        1 => ways.pop(),
        _ => Some(LinkVia::Either(ways)),
    }
}

fn way(word: &At<&str>, roster: &Roster, problems: &Problems) -> Option<LinkVia> {
    match word.value.split_once(':') {
        None if word.value == "sight" => Some(LinkVia::Sight),
        None if word.value == "dock" => Some(LinkVia::Dock),
        None if word.value == "local" => Some(LinkVia::Local),
        Some(("relay", satellite)) => {
            // The name ends where the text in its quotes ends.
            let end = word.span.end.saturating_sub(1);
            let name = At { value: satellite, span: end.saturating_sub(satellite.len())..end };
            roster.asset(&name, problems).map(LinkVia::Relay)
        }
        _ => {
            let hint = did_you_mean(word.value, ["sight", "dock", "local"]).or_else(|| {
                (word.value == "relay").then(|| "name the satellite that relays, like `relay:satellite`".to_owned())
            });
            problems.error(word.span.clone(), format!("unknown way {}", quoted(word.value)), VIA_EXPECTED, hint);
            None
        }
    }
}

/// Whether a link between `a` and `b` can be up this way; if not, why and what would do. What the file does not say
/// right is taken for suitable.
fn suits(way: &LinkVia, a: &AssetId, b: &AssetId, roster: &Roster) -> Result<(), (String, &'static str)> {
    let (Some(kind_a), Some(kind_b)) = (roster.kind(a), roster.kind(b)) else { return Ok(()) };
    let (Some(place_a), Some(place_b)) = (roster.place(a), roster.place(b)) else { return Ok(()) };
    let in_orbit = [kind_a, kind_b].iter().filter(|kind| **kind == Kind::Satellite).count();
    match way {
        LinkVia::Sight if in_orbit != 1 => {
            let where_they_are = if in_orbit == 0 { "on the ground" } else { "in orbit" };
            let message = format!("`{a}` and `{b}` are both {where_they_are}: sight cannot link them");
            Err((message, "a satellite and a member on the ground, or another way"))
        }
        LinkVia::Relay(satellite) if roster.kind(satellite).is_some_and(|kind| kind != Kind::Satellite) => {
            Err((format!("`{satellite}` is not a satellite and cannot relay"), "relay: and the id of a satellite"))
        }
        LinkVia::Relay(satellite) if place_a == satellite || place_b == satellite => {
            let message = format!("`{satellite}` is at an end of the link that it is to relay");
            Err((message, "sight, or a satellite that is at neither end"))
        }
        LinkVia::Relay(_) if in_orbit > 0 => {
            Err((format!("a relay links members on the ground, not `{a}` and `{b}`"), "two members on the ground"))
        }
        LinkVia::Dock if !may_dock(place_a, place_b, roster) && !may_dock(place_b, place_a, roster) => {
            Err((format!("neither of `{a}` and `{b}` docks at the other"), "a rover and the habitat where it docks"))
        }
        LinkVia::Local if place_a != place_b => {
            Err((format!("`{a}` and `{b}` are not at one place"), "the planner and the asset where it is placed"))
        }
        _ => Ok(()),
    }
}

/// Whether `rover` docks at `habitat`, or names a dock that is none, which is reported elsewhere.
fn may_dock(rover: &AssetId, habitat: &AssetId, roster: &Roster) -> bool {
    roster.dock(rover).is_some_and(|dock| dock == habitat || roster.kind(dock) != Some(Kind::Habitat))
}

/// Reports junctions that cannot be negotiated because their ends are not linked.
pub(super) fn report_unlinked_junctions(junctions: &[At<Junction>], links: &[Link], problems: &Problems) {
    for At { value: junction, span } in junctions {
        for sink in junction.sinks.iter().filter(|sink| !linked(&junction.source, sink, links)) {
            let (id, source) = (&junction.id, &junction.source);
            let message = format!("`{source}` and `{sink}` meet at `{id}`, but no link is between them");
            let hint = Some(format!("add a [[link]] with between = [\"{source}\", \"{sink}\"]"));
            problems.error(span.clone(), message, "a link between the ends of every junction", hint);
        }
    }
}

/// Warns of assets that the planner never hears.
pub(super) fn report_unheard_assets(planner: &At<Planner>, assets: &[Asset], links: &[Link], problems: &Problems) {
    let id = &planner.value.id;
    for asset in assets.iter().map(|asset| &asset.id).filter(|asset| !linked(id, asset, links)) {
        let message = format!("no link is between `{id}` and `{asset}`, so `{asset}` takes part in none of its plans");
        let hint = Some(format!("add a [[link]] with between = [\"{id}\", \"{asset}\"]"));
        problems.warning(planner.span.clone(), message, "a link between the planner and every asset", hint);
    }
}

fn linked(one: &AssetId, other: &AssetId, links: &[Link]) -> bool {
    links.iter().any(|link| (&link.a, &link.b) == (one.min(other), one.max(other)))
}

const VIA_EXPECTED: &str = "a list of ways: sight, dock, local or relay:<satellite>";
