//! One problem an area: angles and outputs of its own, copies of the angles next door, and agreement on those.
//!
//! ```text
//! variables   an angle a bus, an output a generator, and a copy of the angle at the far end of each tie line
//! rows        at each own bus: outputs - sum of susceptance * (angle here - angle there) = demand
//!             over each pair of connected buses with an own end: least <= difference of angles <= largest
//! junctions   for each bus that others have copies of: all of them are equal
//! ```
//!
//! Every angle has finite bounds that follow from the constraints: no angle is further from that of the reference than
//! the limits along the branches between them add up to. They are wider by [`WIDER`], so that only the constraints
//! themselves ever press.

use super::{Case, areas::Areas};
use mesh_solver::{Junction, Malformed, Member, Network, QpProblem, QpRow, Share};
use std::collections::{BTreeMap, BTreeSet};

/// By how much of themselves derived bounds are wider than what follows from the constraints.
pub const WIDER: f64 = 1.0 / 16.0;

/// A case as a network of open problems. Costs are in units of [`AreaNetwork::cost_unit`], power is per unit, angles in
/// radians. The costs include what generators cost for running at all, so their sum is that of the published optimum.
#[derive(Debug, Clone)]
pub struct AreaNetwork {
    /// The areas, and where they meet.
    pub network: Network,
    /// For each member, what its variables are.
    pub quantities: Vec<Vec<Quantity>>,
    /// The bus of each junction.
    pub boundary: Vec<usize>,
    /// Dollars an hour that count as one.
    pub cost_unit: f64,
    /// What a reader of figures should know: areas that were cut.
    pub notes: Vec<String>,
}

/// What a variable stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// The angle at a bus of its own.
    Angle(usize),
    /// A copy of the angle at another area's bus.
    Copy(usize),
    /// The output of a generator.
    Output(usize),
}

/// Decomposes a case.
pub fn network(case: &Case) -> Result<AreaNetwork, Malformed> {
    let areas = Areas::of(case);
    let of_bus = areas.of_bus(case.buses.len());
    let angle_bounds = angle_bounds(case);
    let cost_unit = case.cost_unit();
    let mut drafts = drafts(case, &areas, &of_bus);
    let spans = case.spans();
    for (pair, span) in &spans {
        let (a, b) = (of_bus[pair.0], of_bus[pair.1]);
        drafts[a].limit(*pair, *span);
        if a != b {
            drafts[b].limit(*pair, *span);
        }
    }
    let mut members = Vec::with_capacity(drafts.len());
    let mut quantities = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let problem = draft.problem(case, &angle_bounds, cost_unit)?;
        members.push(Member { problem, shares: Vec::new() });
        quantities.push(draft.quantities);
    }
    let boundary = share(&mut members, &quantities);
    let junctions = vec![Junction::Consensus; boundary.len()];
    Ok(AreaNetwork { network: Network { members, junctions }, quantities, boundary, cost_unit, notes: areas.notes })
}

/// The least and largest angle of each bus that the branches' limits leave: of all ways from the reference the one that
/// allows least counts. In a part of the grid without a reference the first bus stands for it, since only differences
/// matter there.
pub fn angle_bounds(case: &Case) -> Vec<(f64, f64)> {
    let mut steps = vec![Vec::new(); case.buses.len()];
    for ((a, b), (lower, upper)) in case.spans() {
        steps[a].push(Step { to: b, down: upper, up: -lower });
        steps[b].push(Step { to: a, down: -lower, up: upper });
    }
    let references: Vec<usize> = (0..case.buses.len()).filter(|bus| case.buses[*bus].reference).collect();
    let mut bounds = vec![(f64::INFINITY, f64::INFINITY); case.buses.len()];
    relax(&steps, &mut bounds, references);
    while let Some(bus) = bounds.iter().position(|bound| bound.0 == f64::INFINITY) {
        relax(&steps, &mut bounds, vec![bus]);
    }
    let widened = |length: f64| length + WIDER * length.abs();
    bounds.into_iter().map(|(down, up)| (-widened(down), widened(up))).collect()
}

/// By how much the angle at one end of a branch may be below and above that at the other end.
#[derive(Clone)]
struct Step {
    to: usize,
    down: f64,
    up: f64,
}

/// Shortest ways (Bellman and Ford) down and up from `starts`, whose angle is zero. A branch may force a difference,
/// which is a step of negative length; a ring of those that nothing satisfies ends with the last sweep.
fn relax(steps: &[Vec<Step>], bounds: &mut [(f64, f64)], starts: Vec<usize>) {
    starts.iter().for_each(|start| bounds[*start] = (0.0, 0.0));
    let mut frontier = starts;
    for _ in 0..steps.len() {
        let mut changed = BTreeSet::new();
        for bus in &frontier {
            let (down, up) = bounds[*bus];
            for step in &steps[*bus] {
                let better = (bounds[step.to].0.min(down + step.down), bounds[step.to].1.min(up + step.up));
                if better != bounds[step.to] {
                    bounds[step.to] = better;
                    changed.insert(step.to);
                }
            }
        }
        if changed.is_empty() {
            break;
        }
        frontier = changed.into_iter().collect();
    }
}

/// An area's problem in the making.
struct Draft {
    quantities: Vec<Quantity>,
    /// Where the angle of each bus, own or copied, stands.
    angles: BTreeMap<usize, usize>,
    rows: Vec<QpRow>,
}

fn drafts(case: &Case, areas: &Areas, of_bus: &[usize]) -> Vec<Draft> {
    let branches_at = case.branches_at();
    let mut outputs_at = vec![Vec::new(); case.buses.len()];
    for (index, generator) in case.generators.iter().enumerate() {
        outputs_at[generator.bus].push(index);
    }
    let mut drafts = Vec::with_capacity(areas.members.len());
    for (agent, own) in areas.members.iter().enumerate() {
        let mut draft = Draft { quantities: Vec::new(), angles: BTreeMap::new(), rows: Vec::new() };
        own.iter().for_each(|bus| draft.angle(*bus, Quantity::Angle(*bus)));
        let ends = own.iter().flat_map(|bus| &branches_at[*bus]).flat_map(|branch| {
            let branch = &case.branches[*branch];
            [branch.from, branch.to]
        });
        let far: BTreeSet<usize> = ends.filter(|bus| of_bus[*bus] != agent).collect();
        far.into_iter().for_each(|bus| draft.angle(bus, Quantity::Copy(bus)));
        for bus in own {
            draft.balance(case, *bus, &branches_at[*bus], &outputs_at[*bus]);
        }
        drafts.push(draft);
    }
    drafts
}

impl Draft {
    fn angle(&mut self, bus: usize, quantity: Quantity) {
        self.angles.insert(bus, self.quantities.len());
        self.quantities.push(quantity);
    }

    /// What is put in at a bus is what is used there and flows away.
    fn balance(&mut self, case: &Case, bus: usize, branches: &[usize], outputs: &[usize]) {
        let mut terms: BTreeMap<usize, f64> = BTreeMap::new();
        for output in outputs {
            terms.insert(self.quantities.len(), 1.0);
            self.quantities.push(Quantity::Output(*output));
        }
        for branch in branches.iter().map(|branch| &case.branches[*branch]) {
            let there = if branch.from == bus { branch.to } else { branch.from };
            *terms.entry(self.angles[&bus]).or_default() -= branch.susceptance;
            *terms.entry(self.angles[&there]).or_default() += branch.susceptance;
        }
        let demand = case.buses[bus].demand;
        self.rows.push(QpRow { terms: terms.into_iter().collect(), lower: demand, upper: demand });
    }

    fn limit(&mut self, (a, b): (usize, usize), (lower, upper): (f64, f64)) {
        let terms = vec![(self.angles[&a], 1.0), (self.angles[&b], -1.0)];
        self.rows.push(QpRow { terms, lower, upper });
    }

    fn problem(&self, case: &Case, angle_bounds: &[(f64, f64)], cost_unit: f64) -> Result<QpProblem, Malformed> {
        let (mut quadratic, mut linear, mut constant) = (Vec::new(), Vec::new(), 0.0);
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        for (variable, quantity) in self.quantities.iter().enumerate() {
            let (bounds, slope) = match quantity {
                Quantity::Angle(bus) | Quantity::Copy(bus) => (angle_bounds[*bus], 0.0),
                Quantity::Output(index) => {
                    let generator = &case.generators[*index];
                    if generator.quadratic > 0.0 {
                        quadratic.push((variable, variable, 2.0 * generator.quadratic / cost_unit));
                    }
                    constant += generator.constant / cost_unit;
                    ((generator.lower, generator.upper), generator.linear / cost_unit)
                }
            };
            linear.push(slope);
            lower.push(bounds.0);
            upper.push(bounds.1);
        }
        QpProblem::new(&quadratic, linear, constant, self.rows.clone(), lower, upper)
    }
}

/// Makes a junction of every angle that several members have; returns their buses.
fn share(members: &mut [Member], quantities: &[Vec<Quantity>]) -> Vec<usize> {
    let copied = |quantity: &Quantity| match quantity {
        Quantity::Copy(bus) => Some(*bus),
        _ => None,
    };
    let boundary: BTreeSet<usize> = quantities.iter().flatten().filter_map(copied).collect();
    let boundary: Vec<usize> = boundary.into_iter().collect();
    for (member, quantities) in members.iter_mut().zip(quantities) {
        for (variable, quantity) in quantities.iter().enumerate() {
            let (Quantity::Angle(bus) | Quantity::Copy(bus)) = quantity else { continue };
            if let Ok(junction) = boundary.binary_search(bus) {
                member.shares.push(Share { junction, terms: vec![(variable, 1.0)] });
            }
        }
        member.shares.sort_by_key(|share| share.junction);
    }
    boundary
}
