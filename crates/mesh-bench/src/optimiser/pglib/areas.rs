//! Deals the buses of a grid out to agents.
//!
//! The areas of the file are the agents. A grid with a single area is cut into parts of about [`PART_BUSES`] buses, at
//! least 2 and at most [`PARTS_MAX`] of them, and an area of more than [`AREA_BUSES_MAX`] buses into parts below that;
//! whatever still makes a problem that is too large is halved. A cut takes the buses nearest to one end of the grid,
//! moves single buses over it as long as fewer lines cross, and is the best of those from several ends. It depends on
//! nothing but the file.

use super::Case;
use mesh_solver::problem::{ROWS_MAX, VARIABLES_MAX};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Buses of one part of a grid with a single area.
pub const PART_BUSES: usize = 100;
/// Most parts of a grid with a single area, unless they are too large.
pub const PARTS_MAX: usize = 12;
/// Most buses of an area that is left as it is.
pub const AREA_BUSES_MAX: usize = 150;

/// Which agent has which bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Areas {
    /// The buses of each agent, ascending; areas in the order of their numbers, parts of one beside each other.
    pub members: Vec<Vec<usize>>,
    /// What was cut that the file has as one.
    pub notes: Vec<String>,
}

impl Areas {
    /// Deals out the buses of a case.
    pub fn of(case: &Case) -> Self {
        let neighbours = neighbours(case);
        let mut by_area: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (bus, data) in case.buses.iter().enumerate() {
            by_area.entry(data.area).or_default().push(bus);
        }
        let single = by_area.len() == 1;
        let mut areas = Self { members: Vec::new(), notes: Vec::new() };
        for (area, buses) in by_area {
            let size = buses.len();
            let parts = match single {
                true => size.div_ceil(PART_BUSES).clamp(2, PARTS_MAX).max(size.div_ceil(AREA_BUSES_MAX)).min(size),
                false => size.div_ceil(AREA_BUSES_MAX),
            };
            let before = areas.members.len();
            for part in split(&neighbours, buses, parts) {
                areas.members.extend(halved_until_it_fits(case, &neighbours, part));
            }
            let parts = areas.members.len() - before;
            if parts > 1 {
                areas.notes.push(format!("{}: area {area} of {size} buses was cut into {parts} parts", case.name));
            }
        }
        areas
    }

    /// The agent of each bus.
    pub fn of_bus(&self, buses: usize) -> Vec<usize> {
        let mut of_bus = vec![0; buses];
        for (agent, members) in self.members.iter().enumerate() {
            members.iter().for_each(|bus| of_bus[*bus] = agent);
        }
        of_bus
    }
}

fn neighbours(case: &Case) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); case.buses.len()];
    for (a, b) in case.spans().into_keys() {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    neighbours
}

fn halved_until_it_fits(case: &Case, neighbours: &[Vec<usize>], buses: Vec<usize>) -> Vec<Vec<usize>> {
    let mut waiting = VecDeque::from([buses]);
    let mut fitting = Vec::new();
    while let Some(buses) = waiting.pop_front() {
        if buses.len() < 2 || fits(case, neighbours, &buses) {
            fitting.push(buses);
        } else {
            split(neighbours, buses, 2).into_iter().rev().for_each(|half| waiting.push_front(half));
        }
    }
    fitting
}

/// Whether the problem of these buses is within the limits of a local problem.
fn fits(case: &Case, neighbours: &[Vec<usize>], buses: &[usize]) -> bool {
    let own: BTreeSet<usize> = buses.iter().copied().collect();
    let generators = case.generators.iter().filter(|generator| own.contains(&generator.bus)).count();
    let (mut copies, mut lines) = (BTreeSet::new(), 0);
    for bus in buses {
        for other in &neighbours[*bus] {
            if !own.contains(other) {
                copies.insert(*other);
            }
            lines += usize::from(bus < other || !own.contains(other));
        }
    }
    buses.len() + generators + copies.len() <= VARIABLES_MAX && buses.len() + lines <= ROWS_MAX
}

/// Cuts into parts of nearly equal size.
fn split(neighbours: &[Vec<usize>], buses: Vec<usize>, parts: usize) -> Vec<Vec<usize>> {
    if parts < 2 {
        return vec![buses];
    }
    let first_parts = parts / 2;
    let (first, second) = bisect(neighbours, &buses, buses.len() * first_parts / parts);
    let mut all = split(neighbours, first, first_parts);
    all.extend(split(neighbours, second, parts - first_parts));
    all
}

/// Cuts in two, the first of about `size` buses; each ascending. Of cuts from several ends of the grid the one that the
/// fewest lines cross.
fn bisect(neighbours: &[Vec<usize>], buses: &[usize], size: usize) -> (Vec<usize>, Vec<usize>) {
    let inside: BTreeSet<usize> = buses.iter().copied().collect();
    let mut best: Option<(usize, BTreeSet<usize>)> = None;
    for start in buses.iter().step_by(buses.len().div_ceil(STARTS_MAX).max(1)) {
        // The last bus of a walk from anywhere is at one end of the grid.
        let end = walk(neighbours, &inside, Some(*start)).last().copied();
        let mut first: BTreeSet<usize> = walk(neighbours, &inside, end).into_iter().take(size).collect();
        improve(neighbours, &inside, &mut first);
        let crossing = |bus: &usize| {
            neighbours[*bus].iter().filter(|other| inside.contains(other) && !first.contains(other)).count()
        };
        let cut = first.iter().map(crossing).sum();
        if best.as_ref().is_none_or(|(least, _)| cut < *least) {
            best = Some((cut, first));
        }
    }
    let first = best.map(|(_, first)| first).unwrap_or_default();
    buses.iter().partition(|bus| first.contains(bus))
}

/// Moves single buses over a cut as long as fewer lines cross it and its sides stay about as large as they are.
fn improve(neighbours: &[Vec<usize>], inside: &BTreeSet<usize>, first: &mut BTreeSet<usize>) {
    let size = first.len();
    let slack = (inside.len() / 10).min(size.saturating_sub(1)).min(inside.len().saturating_sub(size + 1));
    for _ in 0..SWEEPS_MAX {
        let mut moved = false;
        for bus in inside {
            let mine = first.contains(bus);
            let (mut same, mut other) = (0, 0);
            for neighbour in neighbours[*bus].iter().filter(|neighbour| inside.contains(neighbour)) {
                *(if first.contains(neighbour) == mine { &mut same } else { &mut other }) += 1;
            }
            let after = if mine { first.len() - 1 } else { first.len() + 1 };
            if other > same && after.abs_diff(size) <= slack {
                moved = if mine { first.remove(bus) } else { first.insert(*bus) };
            }
        }
        if !moved {
            break;
        }
    }
}

/// Most rounds over all buses of moving one at a time.
const SWEEPS_MAX: usize = 20;
/// From how many buses ends of a grid are looked for.
const STARTS_MAX: usize = 40;

/// All of `inside`, nearest to `start` first; what is not connected follows.
fn walk(neighbours: &[Vec<usize>], inside: &BTreeSet<usize>, start: Option<usize>) -> Vec<usize> {
    let mut order = Vec::with_capacity(inside.len());
    let mut seen = BTreeSet::new();
    for start in start.into_iter().chain(inside.iter().copied()) {
        if !seen.insert(start) {
            continue;
        }
        let mut next = order.len();
        order.push(start);
        while let Some(bus) = order.get(next).copied() {
            next += 1;
            for neighbour in &neighbours[bus] {
                if inside.contains(neighbour) && seen.insert(*neighbour) {
                    order.push(*neighbour);
                }
            }
        }
    }
    order
}
