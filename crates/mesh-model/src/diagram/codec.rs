//! The canonical bytes of what nests. Written by hand for one reason: whoever reads them must know how deep it is, so
//! that no bytes can make it go deeper than [`DEPTH_MAX`]. Otherwise as borsh derives it.

use super::{DEPTH_MAX, Diagram, DiagramBox, DiagramJunction, Inside, Label, OpenProblem};
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Write};

const OPEN: u8 = 0;
const PROBLEM: u8 = 1;
const DIAGRAM: u8 = 2;

impl BorshSerialize for Diagram {
    fn serialize<W: Write>(&self, writer: &mut W) -> std::io::Result<()> {
        self.version.serialize(writer)?;
        self.boxes.serialize(writer)?;
        self.junctions.serialize(writer)?;
        self.outer.serialize(writer)
    }
}

impl BorshSerialize for DiagramBox {
    fn serialize<W: Write>(&self, writer: &mut W) -> std::io::Result<()> {
        match &self.inside {
            Inside::Open => OPEN.serialize(writer)?,
            Inside::Problem(problem) => (PROBLEM, problem).serialize(writer)?,
            Inside::Diagram(diagram) => (DIAGRAM, diagram).serialize(writer)?,
        }
        self.wires.serialize(writer)
    }
}

impl BorshDeserialize for Diagram {
    fn deserialize_reader<R: Read>(reader: &mut R) -> std::io::Result<Self> {
        read_diagram(reader, DEPTH_MAX)
    }
}

fn read_diagram<R: Read>(reader: &mut R, depth_left: usize) -> std::io::Result<Diagram> {
    let version = u32::deserialize_reader(reader)?;
    let mut boxes: BTreeMap<Label, DiagramBox> = BTreeMap::new();
    for _ in 0..u32::deserialize_reader(reader)? {
        let name = Label::deserialize_reader(reader)?;
        if boxes.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(refused("boxes out of order"));
        }
        boxes.insert(name, read_box(reader, depth_left)?);
    }
    let junctions: BTreeMap<Label, DiagramJunction> = BTreeMap::deserialize_reader(reader)?;
    let outer: BTreeMap<Label, Label> = BTreeMap::deserialize_reader(reader)?;
    Ok(Diagram { version, boxes, junctions, outer })
}

fn read_box<R: Read>(reader: &mut R, depth_left: usize) -> std::io::Result<DiagramBox> {
    let inside = match u8::deserialize_reader(reader)? {
        OPEN => Inside::Open,
        PROBLEM => Inside::Problem(Box::new(OpenProblem::deserialize_reader(reader)?)),
        DIAGRAM => match depth_left.checked_sub(1) {
            Some(depth_left) => Inside::Diagram(Box::new(read_diagram(reader, depth_left)?)),
            None => return Err(refused("boxes in boxes, too deep")),
        },
        _ => return Err(refused("a box of unknown content")),
    };
    Ok(DiagramBox { inside, wires: BTreeMap::deserialize_reader(reader)? })
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}
