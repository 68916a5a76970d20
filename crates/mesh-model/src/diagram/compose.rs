//! The one way of composing: to put diagrams into the open boxes of another.
//!
//! ```text
//! compose(outer, box -> inner):  for every port p of every box that is filled
//!     the junction at which p is wired outside  and  the junction that p exposes inside   become one.
//! ```
//!
//! Junctions that become one are of one width and of one kind. A consensus stays one: all that were equal are equal to
//! each other. An exchange or a budget is pooled: whoever is at either adds to one sum, and the totals add up. Junctions
//! of different kinds do not merge ([`Fault::Kind`]): a port at a sum says how much flows, a port at a consensus what
//! the level is, and no sum of the one is equal to the other.
//!
//! **Laws**, on [`Diagram::canonical`] forms: it does not matter in which order three diagrams are put into each other;
//! [`Diagram::identity`] changes nothing on either side; filling two boxes at once or one after the other is the same.

use super::fault::{End, Fault};
use super::label::Label;
use super::merge::Merge;
use super::{Diagram, DiagramBox, DiagramJunction, Inside, JunctionKind, OpenProblem};
use crate::Real;
use std::collections::BTreeMap;

/// What a box shows to the outside: its ports.
pub type Interface = BTreeMap<Label, PortType>;

/// What can be wired to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortType {
    /// Of what kind the junction is.
    pub kind: JunctionKind,
    /// How many numbers are shared.
    pub width: u32,
}

/// Puts diagrams into open boxes. The ports of each box are the outer ports of what is put there.
///
/// Names from inside get the name of their box in front; a junction that several had a name for keeps the shortest.
///
/// Both sides are checked first; what comes out is as sound as they were.
pub fn compose(outer: &Diagram, inner: &BTreeMap<Label, Diagram>) -> Result<Diagram, Fault> {
    outer.sound()?;
    inner.values().try_for_each(Diagram::sound)?;
    substituted(outer, inner)
}

/// Of sound diagrams: every junction that is named is there.
fn substituted(outer: &Diagram, inner: &BTreeMap<Label, Diagram>) -> Result<Diagram, Fault> {
    for (name, filling) in inner {
        fits(outer, name, filling)?;
    }
    let mut merge = Merge::new(outer, inner)?;
    for (name, filling) in inner {
        for (port, junction) in &outer.boxes[name].wires {
            merge.unite((None, junction), (Some(name), &filling.outer[port]));
        }
    }
    merge.composed(outer, inner)
}

impl Diagram {
    /// The diagram that changes nothing: one open box without a name whose ports are the outer ports.
    pub fn identity(interface: &Interface) -> Self {
        let mut diagram = Self::new();
        let mut only = DiagramBox { inside: Inside::Open, wires: BTreeMap::new() };
        for (port, PortType { kind, width }) in interface {
            let junction = DiagramJunction { kind: *kind, width: *width, totals: Vec::new() };
            diagram.junctions.insert(port.clone(), junction);
            diagram.outer.insert(port.clone(), port.clone());
            only.wires.insert(port.clone(), port.clone());
        }
        diagram.boxes.insert(Label::default(), only);
        diagram
    }

    /// A problem as a diagram: alone in the box without a name, each port exposed at a junction of the kind that `kinds`
    /// gives it. It fits into an open box that is wired to junctions of those kinds.
    pub fn of_problem(problem: OpenProblem, kinds: &BTreeMap<Label, JunctionKind>) -> Result<Self, Fault> {
        let mut interface = Interface::new();
        for (port, shared) in &problem.ports {
            let end = || End::Port { of: Label::default(), port: port.clone() };
            let kind = *kinds.get(port).ok_or_else(|| Fault::Unwired { end: end() })?;
            let width = u32::try_from(shared.width()).unwrap_or(u32::MAX);
            interface.insert(port.clone(), PortType { kind, width });
        }
        if let Some(port) = kinds.keys().find(|port| !problem.ports.contains_key(*port)) {
            return Err(Fault::NoSuchPort { end: End::Port { of: Label::default(), port: port.clone() } });
        }
        let mut diagram = Self::identity(&interface);
        diagram.boxes.values_mut().for_each(|only| only.inside = Inside::Problem(Box::new(problem.clone())));
        Ok(diagram)
    }

    /// What this diagram shows when it is put into a box.
    pub fn interface(&self) -> Interface {
        let types = self.outer.iter().filter_map(|(port, name)| {
            let junction = self.junctions.get(name)?;
            Some((port.clone(), PortType { kind: junction.kind, width: junction.width }))
        });
        types.collect()
    }

    /// What box `name` asks of a diagram that is put there.
    pub fn interface_of(&self, name: &Label) -> Option<Interface> {
        let wires = &self.boxes.get(name)?.wires;
        let types = wires.iter().filter_map(|(port, at)| {
            let junction = self.junctions.get(at)?;
            Some((port.clone(), PortType { kind: junction.kind, width: junction.width }))
        });
        Some(types.collect())
    }

    /// The same without diagrams in boxes: each is composed with the one around it, from the inside out.
    pub fn flattened(&self) -> Result<Self, Fault> {
        self.sound()?;
        self.flatten()
    }

    /// The flattened diagram with everything that has no meaning taken out: a junction is named by the first port at it,
    /// parts of totals are in order, and parts that are zero are gone. Diagrams that are composed in different ways but
    /// say the same have the same canonical form.
    pub fn canonical(&self) -> Result<Self, Fault> {
        let mut flat = self.flattened()?;
        flat.name_by_ends()?;
        flat.junctions.values_mut().for_each(|junction| in_order(&mut junction.totals));
        Ok(flat)
    }

    /// Gives each junction the name of the first port at it. No two get one name: each port is at one junction, and no
    /// box's name begins another's.
    pub(super) fn name_by_ends(&mut self) -> Result<(), Fault> {
        let mut names: BTreeMap<Label, Label> = BTreeMap::new();
        for (junction, ends) in self.ends() {
            let Some((of, port)) = ends.first() else { return Err(Fault::Idle { junction: junction.clone() }) };
            names.insert(junction.clone(), of.join(port)?);
        }
        let renamed = |name: &Label| names.get(name).unwrap_or(name).clone();
        let junctions = std::mem::take(&mut self.junctions);
        self.junctions = junctions.into_iter().map(|(name, junction)| (renamed(&name), junction)).collect();
        self.outer.values_mut().for_each(|junction| *junction = renamed(junction));
        let wires = self.boxes.values_mut().flat_map(|of| of.wires.values_mut());
        wires.for_each(|junction| *junction = renamed(junction));
        Ok(())
    }

    /// Of a sound diagram, so that its depth has a limit.
    pub(super) fn flatten(&self) -> Result<Self, Fault> {
        let mut shell = self.clone();
        let mut inner = BTreeMap::new();
        for (name, of) in &mut shell.boxes {
            if let Inside::Diagram(diagram) = &of.inside {
                inner.insert(name.clone(), diagram.flatten()?);
                of.inside = Inside::Open;
            }
        }
        if inner.is_empty() { Ok(shell) } else { substituted(&shell, &inner) }
    }
}

/// Whether box `name` is open and `filling` has its ports.
fn fits(outer: &Diagram, name: &Label, filling: &Diagram) -> Result<(), Fault> {
    let of = outer.boxes.get(name).ok_or_else(|| Fault::NoSuchBox { name: name.clone() })?;
    let occupied = |holds| Err(Fault::Occupied { name: name.clone(), holds });
    match of.inside {
        Inside::Open => {}
        Inside::Problem(_) => return occupied("problem"),
        Inside::Diagram(_) => return occupied("diagram"),
    }
    let end = |port: &Label| End::Port { of: name.clone(), port: port.clone() };
    if let Some(port) = filling.outer.keys().find(|port| !of.wires.contains_key(*port)) {
        return Err(Fault::Unwired { end: end(port) });
    }
    for (port, at) in &of.wires {
        let exposed = filling.outer.get(port).ok_or_else(|| Fault::NoSuchPort { end: end(port) })?;
        if let Some(fault) = filling.junctions[exposed].mismatch(end(port), at, &outer.junctions[at]) {
            return Err(fault);
        }
    }
    Ok(())
}

/// Drops the parts that are zero and sorts the others; no number is changed.
fn in_order(totals: &mut Vec<Vec<Real>>) {
    totals.retain(|part| part.iter().any(|number| *number != Real::ZERO));
    let values = |part: &[Real]| part.iter().map(|number| number.value().to_bits()).collect::<Vec<u64>>();
    totals.sort_by_key(|part| values(part));
}
