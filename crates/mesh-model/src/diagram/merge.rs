//! Which junctions become one when boxes are filled, and what the diagram is then.

use super::fault::Fault;
use super::label::Label;
use super::{Diagram, DiagramBox, DiagramJunction};
use std::collections::{BTreeMap, BTreeSet};

/// A junction of the outer diagram (`None`) or of what goes into a box.
type Place<'a> = (Option<&'a Label>, &'a Label);

/// Junctions in classes that have become one.
pub(super) struct Merge<'a> {
    numbers: BTreeMap<Place<'a>, usize>,
    members: Vec<Junction<'a>>,
}

struct Junction<'a> {
    junction: &'a DiagramJunction,
    /// What it is called from outside. `None` in the outer diagram where its only box has no name: such a diagram is
    /// there for its shape, and the names inside are kept.
    label: Option<Label>,
    /// Another member of its class that is nearer to the first one, or itself if it is that.
    parent: usize,
}

impl<'a> Merge<'a> {
    /// Every junction in a class of its own.
    pub(super) fn new(outer: &'a Diagram, inner: &'a BTreeMap<Label, Diagram>) -> Result<Self, Fault> {
        let mut merge = Self { numbers: BTreeMap::new(), members: Vec::new() };
        let nameless = inner.contains_key(&Label::default());
        for (name, junction) in &outer.junctions {
            merge.add((None, name), junction, (!nameless).then(|| name.clone()));
        }
        for (of, filling) in inner {
            for (name, junction) in &filling.junctions {
                merge.add((Some(of), name), junction, Some(of.join(name)?));
            }
        }
        Ok(merge)
    }

    /// Makes one of two classes. Both places exist, as `compose` has checked.
    pub(super) fn unite(&mut self, one: Place<'_>, other: Place<'_>) {
        let (one, other) = (self.class(one), self.class(other));
        let (first, second) = (one.min(other), one.max(other));
        self.members[second].parent = first;
    }

    /// The outer diagram with everything from inside in place of its boxes, each class being one junction.
    pub(super) fn composed(&self, outer: &Diagram, inner: &BTreeMap<Label, Diagram>) -> Result<Diagram, Fault> {
        let (names, unique) = self.names();
        let at = |place: Place<'_>| names[&self.class(place)].clone();
        let mut diagram = Diagram::new();
        for (number, member) in self.members.iter().enumerate() {
            let name = &names[&self.first_of(number)];
            match diagram.junctions.get_mut(name) {
                None => {
                    diagram.junctions.insert(name.clone(), member.junction.clone());
                }
                Some(junction) => junction.totals.extend(member.junction.totals.iter().cloned()),
            }
        }
        for (name, of) in outer.boxes.iter().filter(|(name, _)| !inner.contains_key(*name)) {
            diagram.boxes.insert(name.clone(), rewired(of, |junction| at((None, junction))));
        }
        for (name, filling) in inner {
            for (inner_name, of) in &filling.boxes {
                diagram.boxes.insert(name.join(inner_name)?, rewired(of, |junction| at((Some(name), junction))));
            }
        }
        diagram.outer = outer.outer.iter().map(|(port, junction)| (port.clone(), at((None, junction)))).collect();
        if !unique {
            diagram.name_by_ends()?;
        }
        Ok(diagram)
    }

    fn add(&mut self, place: Place<'a>, junction: &'a DiagramJunction, label: Option<Label>) {
        let number = self.members.len();
        self.numbers.insert(place, number);
        self.members.push(Junction { junction, label, parent: number });
    }

    /// The first member of a place's class.
    fn class(&self, place: Place<'_>) -> usize {
        self.first_of(self.numbers[&place])
    }

    fn first_of(&self, mut number: usize) -> usize {
        while self.members[number].parent != number {
            number = self.members[number].parent;
        }
        number
    }

    /// A name for each class by its first member: the shortest that it has, and of those the first. Where two classes
    /// would have one name they are numbered instead, and the answer is that the names are not unique.
    fn names(&self) -> (BTreeMap<usize, Label>, bool) {
        let mut names: BTreeMap<usize, Label> = BTreeMap::new();
        for (number, member) in self.members.iter().enumerate() {
            let Some(label) = &member.label else { continue };
            let name = names.entry(self.first_of(number)).or_insert_with(|| label.clone());
            if (label.words(), label) < (name.words(), &*name) {
                *name = label.clone();
            }
        }
        let unique = names.values().collect::<BTreeSet<_>>().len() == names.len();
        if !unique {
            names.iter_mut().for_each(|(class, name)| *name = Label::numbered(*class));
        }
        (names, unique)
    }
}

fn rewired(of: &DiagramBox, at: impl Fn(&Label) -> Label) -> DiagramBox {
    let wires = of.wires.iter().map(|(port, junction)| (port.clone(), at(junction))).collect();
    DiagramBox { inside: of.inside.clone(), wires }
}
