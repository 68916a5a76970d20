//! What ties the common values v together: the relations between each member's shares, and the junctions that are sums.
//!
//! The points that satisfy all of it are an affine space. Numbers of the machine satisfy it up to rounding; how far from
//! such a point one is that satisfies it exactly is proved ([`Ties::radii`]).

use super::Unsettled;
use super::affine::{Affine, Equation};
use super::layout::Layout;
use super::message::Profile;
use super::solvable::Solvable;
use super::wiring::Wiring;
use crate::interval::Interval;
use crate::network::Junction;

/// The slots of v, and the equations between them.
#[derive(Debug, Clone)]
pub(crate) struct Ties {
    /// For each member and each of its shares the slot of v that it is.
    pub(crate) slots: Vec<Vec<usize>>,
    /// The slots of the basic shares.
    pub(crate) basic: Vec<Vec<usize>>,
    /// For each member and each of its relations the factors of all its shares.
    pub(crate) relations: Vec<Vec<Vec<f64>>>,
    /// Junctions that are sums, in the order of their equations, which follow those of the relations.
    pub(crate) sums: Vec<Sum>,
    pub(crate) space: Affine,
    /// The equations, but for those that say the same as one before to the last bit.
    equations: Vec<Equation>,
    /// By how much the value of each may be another.
    within: Vec<f64>,
    /// The slots that they are solved for.
    unknowns: Vec<usize>,
    solvable: Solvable,
}

/// A junction whose shares add up.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    /// The slots of its shares.
    pub(crate) slots: Vec<usize>,
    /// The slot of what is left of a budget.
    pub(crate) left: Option<usize>,
}

impl Ties {
    /// What ties these members.
    pub(crate) fn of(wiring: &Wiring, members: &[usize], profiles: &[&Profile]) -> Result<Self, Unsettled> {
        let mut layout = Layout::default();
        let slots: Vec<Vec<usize>> = members.iter().map(|member| layout.slots_of(wiring, *member)).collect();
        let (mut equations, mut within, mut relations) = (Vec::new(), Vec::new(), Vec::new());
        for (profile, slots) in profiles.iter().zip(&slots) {
            let own = relations_of(profile, slots.len());
            for (factors, relation) in own.iter().zip(&profile.relations) {
                let terms = slots.iter().copied().zip(factors.iter().copied()).filter(|(_, factor)| *factor != 0.0);
                equations.push((terms.collect(), relation.value));
                within.push(f64::from(relation.within));
            }
            relations.push(own);
        }
        let mut sums = Vec::new();
        for (junction, slots) in std::mem::take(&mut layout.sums) {
            let (value, left) = match junction {
                Junction::Budget(value) => (value, Some(layout.take())),
                Junction::Exchange(value) => (value, None),
                Junction::Consensus => continue,
            };
            equations.push((slots.iter().copied().chain(left).map(|slot| (slot, 1.0)).collect(), value));
            within.push(0.0);
            sums.push(Sum { value, slots, left });
        }
        let space = Affine::solve(&equations, layout.count, DEPENDENT).map_err(|_| Unsettled::Contradiction)?;
        let (equations, within) = distinct(equations, within);
        let unknowns: Vec<usize> = (0..layout.count).filter(|slot| space.free.binary_search(slot).is_err()).collect();
        if unknowns.len() != equations.len() {
            return Err(Unsettled::Dependent);
        }
        let of_unknowns = |(terms, _): &Equation| {
            let place = |(slot, factor): &(usize, f64)| Some((unknowns.binary_search(slot).ok()?, *factor));
            (terms.iter().filter_map(place).collect(), 0.0)
        };
        let square: Vec<Equation> = equations.iter().map(of_unknowns).collect();
        let solvable = Solvable::prove(&square).ok_or(Unsettled::Dependent)?;
        let basic = profiles
            .iter()
            .zip(&slots)
            .map(|(profile, slots)| profile.basic.iter().map(|place| slots[usize::from(*place)]).collect())
            .collect();
        Ok(Self { slots, basic, relations, sums, space, equations, within, unknowns, solvable })
    }

    /// The slot of what is left of each budget, and the budget.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.sums.iter().filter_map(|sum| sum.left.map(|slot| (slot, sum.value)))
    }

    /// For each slot how far from `v` a point is at most that satisfies everything exactly; none if that may take more of
    /// a budget than there is.
    pub(crate) fn radii(&self, v: &[f64]) -> Option<Vec<f64>> {
        let missed = self.equations.iter().zip(&self.within).map(|((terms, value), within)| {
            let exact =
                |sum: Interval, (slot, factor): &(usize, f64)| sum.plus(Interval::point(*factor).times(v[*slot]));
            let away = terms.iter().fold(Interval::point(-value), exact);
            (away.high.max(-away.low) + within).next_up()
        });
        let mut radii = vec![0.0; v.len()];
        let reach = self.solvable.reach(&missed.collect::<Vec<f64>>());
        self.unknowns.iter().zip(reach).for_each(|(slot, reach)| radii[*slot] = reach);
        self.budgets().all(|(slot, _)| v[slot] > radii[slot]).then_some(radii)
    }
}

/// Leaves out what repeats an equation that holds exactly, such as those of a number that is fixed for all its members.
fn distinct(equations: Vec<Equation>, within: Vec<f64>) -> (Vec<Equation>, Vec<f64>) {
    let mut kept: Vec<(Equation, f64)> = Vec::with_capacity(equations.len());
    for (equation, within) in equations.into_iter().zip(within) {
        if within > 0.0 || !kept.iter().any(|(other, exact)| *exact == 0.0 && *other == equation) {
            kept.push((equation, within));
        }
    }
    kept.into_iter().unzip()
}

/// For each relation of a profile the factors of all `shares` shares.
fn relations_of(profile: &Profile, shares: usize) -> Vec<Vec<f64>> {
    let is_basic = |place: &usize| profile.basic.iter().any(|basic| usize::from(*basic) == *place);
    let others = (0..shares).filter(|place| !is_basic(place));
    let relation = |(other, relation): (usize, &super::message::Relation)| {
        let mut all = vec![0.0; shares];
        all[other] = 1.0;
        profile.basic.iter().zip(&relation.factors).for_each(|(basic, factor)| all[usize::from(*basic)] = *factor);
        all
    };
    others.zip(&profile.relations).map(relation).collect()
}

/// A relation counts as following from others when what they leave of it is smaller.
const DEPENDENT: f64 = 1e-8;
