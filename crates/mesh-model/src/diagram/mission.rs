//! A mission's planning as a diagram.

use super::fault::Fault;
use super::label::Label;
use super::{Diagram, DiagramJunction, Inside, OpenPort, OpenProblem};
use crate::AssetId;
use crate::contract::{Edge, FleetContract};
use crate::problem::LocalProblem;
use std::collections::BTreeMap;

impl Diagram {
    /// The problems of `problems` (of different assets, over one window) as they meet under `contract`: one box an
    /// asset, and for each edge a consensus on its flows, because a sink's variable is what it is granted (what it takes
    /// of that is a row of its own problem).
    ///
    /// An edge is left out if neither end is there, and stays open, as an outer port, if one is: the diagrams of two
    /// islands of a fleet are composed over those ports to that of the fleet.
    pub fn of_plan(contract: &FleetContract, problems: &[LocalProblem]) -> Result<Self, Fault> {
        let mut diagram = Self::new();
        for problem in problems {
            let name = Label::of_words([problem.asset.as_str()]);
            let mut ports = BTreeMap::new();
            for port in &problem.ports {
                let forms = port.flow.iter().map(|flow| OpenPort::of_variables(flow.as_slice()).forms.concat());
                ports.insert(port_name(&port.edge, &problem.asset), OpenPort { forms: forms.collect() });
            }
            diagram.add_box(name, Inside::Problem(Box::new(OpenProblem::new(problem.clone(), ports))))?;
        }
        for edge in contract.edges() {
            let ends = problems.iter().filter_map(|problem| {
                let port = problem.ports.iter().find(|port| port.edge == edge)?;
                Some((problem, port.flow.len()))
            });
            let ends: Vec<(&LocalProblem, usize)> = ends.collect();
            let Some((_, steps)) = ends.first() else { continue };
            let name = edge_name(&edge);
            let width = u32::try_from(*steps).unwrap_or(u32::MAX);
            diagram.add_junction(name.clone(), DiagramJunction::consensus(width))?;
            for (problem, _) in &ends {
                let of = Label::of_words([problem.asset.as_str()]);
                diagram.wire(&of, port_name(&edge, &problem.asset), name.clone())?;
            }
            if ends.len() == 1 {
                diagram.expose(name.clone(), name)?;
            }
        }
        diagram.sound()?;
        Ok(diagram)
    }

    /// The box and the port of `asset` by which it is wired to `edge` in [`Diagram::of_plan`].
    pub fn wire_of_plan(asset: &AssetId, edge: &Edge) -> (Label, Label) {
        (Label::of_words([asset.as_str()]), port_name(edge, asset))
    }
}

/// `bus.habitat.rover_1`: junction, source and sink.
fn edge_name(edge: &Edge) -> Label {
    Label::of_words([edge.junction.as_str(), edge.source.as_str(), edge.sink.as_str()])
}

/// `bus.rover_1`: the junction and who is at the other end. An edge that is not the asset's own goes by its full name.
fn port_name(edge: &Edge, asset: &AssetId) -> Label {
    match edge.other_end(asset) {
        Some(other) => Label::of_words([edge.junction.as_str(), other.as_str()]),
        None => edge_name(edge),
    }
}
