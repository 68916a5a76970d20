//! The point nearest to order among mixtures of the answers so far.
//!
//! Shares are seen as coordinates that are all zero where a junction is in order: at a consensus the distance of each
//! share from the mean, at a sum what it is off by. Each in parts of how far shares of that junction reach, and of a sum
//! over many members in parts of the square root of their number, so that the distance is the Euclidean one of the
//! shares from any that are in order. Its gradient is a price for each share.

use crate::areas::Wiring;
use crate::network::Junction;
use crate::{QpProblem, QpRow, QpSolver};

/// Where shares are among the coordinates.
#[derive(Debug, Clone)]
pub(super) struct Coordinates {
    places: Vec<Place>,
    count: usize,
}

/// The coordinates of one junction.
#[derive(Debug, Clone)]
struct Place {
    junction: Junction,
    /// The member and the share of each end, members ascending.
    ends: Vec<(usize, usize)>,
    first: usize,
    /// What a coordinate is in parts of.
    unit: f64,
    /// Most that can be left of a budget.
    left_max: f64,
}

impl Coordinates {
    /// `reach` has the smallest and largest value of each member's shares, all finite.
    pub(super) fn new(wiring: &Wiring, reach: &[Vec<(f64, f64)>]) -> Self {
        let mut places: Vec<Place> = wiring.junctions().iter().map(|junction| Place::of(*junction)).collect();
        for member in 0..wiring.members() {
            for (share, junction) in wiring.touches(member).iter().enumerate() {
                places[*junction].ends.push((member, share));
            }
        }
        let mut count = 0;
        for place in &mut places {
            let values = place.ends.iter().map(|(member, share)| reach[*member][*share]);
            let furthest = values.clone().fold(0.0, |most: f64, (low, high)| most.max(low.abs()).max(high.abs()));
            place.unit = if furthest > 0.0 { furthest } else { 1.0 };
            place.first = count;
            count += match place.junction {
                _ if place.ends.is_empty() => 0,
                Junction::Consensus => place.ends.len(),
                Junction::Exchange(_) => 1,
                Junction::Budget(total) => {
                    let least = values.fold(0.0, |sum, (low, _)| sum + low);
                    place.left_max = (total - least).max(0.0);
                    1
                }
            };
            if !matches!(place.junction, Junction::Consensus) {
                place.unit *= (place.ends.len().max(1) as f64).sqrt();
            }
        }
        Self { places, count }
    }

    /// What the shares of some members add to the coordinates; `shares` has none for the others.
    pub(super) fn of(&self, shares: &[Option<Vec<f64>>]) -> Vec<f64> {
        let mut coordinates = vec![0.0; self.count];
        for place in &self.places {
            for (end, (member, share)) in place.ends.iter().enumerate() {
                let Some(shares) = &shares[*member] else { continue };
                let value = shares[*share] / place.unit;
                if !matches!(place.junction, Junction::Consensus) {
                    coordinates[place.first] += value;
                    continue;
                }
                coordinates[place.first + end] += value;
                let mean = value / place.ends.len() as f64;
                coordinates[place.first..place.first + place.ends.len()].iter_mut().for_each(|c| *c -= mean);
            }
        }
        coordinates
    }

    /// The price of every share at a point.
    pub(super) fn prices(&self, point: &[f64], members: &[Vec<(f64, f64)>]) -> Vec<Vec<f64>> {
        let mut prices: Vec<Vec<f64>> = members.iter().map(|shares| vec![0.0; shares.len()]).collect();
        for place in &self.places {
            for (end, (member, share)) in place.ends.iter().enumerate() {
                let coordinate = if matches!(place.junction, Junction::Consensus) { end } else { 0 };
                prices[*member][*share] = point[place.first + coordinate] / place.unit;
            }
        }
        prices
    }

    /// The coordinates of no shares at all.
    fn origin(&self) -> Vec<f64> {
        let mut origin = vec![0.0; self.count];
        for place in self.places.iter().filter(|place| !place.ends.is_empty()) {
            match place.junction {
                Junction::Consensus => {}
                Junction::Exchange(total) | Junction::Budget(total) => origin[place.first] = -total / place.unit,
            }
        }
        origin
    }

    /// What is left of each budget: its coordinate, what a unit of it adds, and how much it can be.
    fn left(&self) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
        let budgets = self.places.iter().filter(|place| place.left_max > 0.0);
        budgets.map(|place| (place.first, 1.0, place.left_max / place.unit))
    }
}

impl Place {
    fn of(junction: Junction) -> Self {
        Self { junction, ends: Vec::new(), first: 0, unit: 1.0, left_max: 0.0 }
    }
}

/// Mixtures of the answers of groups of members.
#[derive(Debug, Clone)]
pub(super) struct Mixture {
    origin: Vec<f64>,
    /// Each with its group.
    answers: Vec<(usize, Vec<f64>)>,
    groups: usize,
    left: Vec<(usize, f64, f64)>,
}

impl Mixture {
    pub(super) fn new(coordinates: &Coordinates, groups: usize) -> Self {
        Self { origin: coordinates.origin(), answers: Vec::new(), groups, left: coordinates.left().collect() }
    }

    pub(super) fn add(&mut self, group: usize, answer: Vec<f64>) {
        self.answers.push((group, answer));
    }

    /// The point of the mixture that is nearest to zero, and that of each group; none if the arithmetic does not get
    /// there. Where there are many answers, those that it does without are forgotten; where that is not enough, the
    /// answers of each group become the one that they are mixed to.
    pub(super) fn nearest(&mut self) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let weights = self.weights()?;
        let mut point = self.origin.clone();
        let mut groups = vec![vec![0.0; point.len()]; self.groups];
        for ((group, answer), weight) in self.answers.iter().zip(&weights) {
            for (place, value) in answer.iter().enumerate() {
                groups[*group][place] += weight * value;
            }
        }
        for group in &groups {
            point.iter_mut().zip(group).for_each(|(sum, value)| *sum += value);
        }
        for ((place, step, _), amount) in self.left.iter().zip(&weights[self.answers.len()..]) {
            point[*place] += step * amount;
        }
        let is_full = |mixture: &Self| mixture.answers.len() + mixture.groups + mixture.left.len() > COLUMNS_MAX;
        if is_full(self) {
            let mut weights = weights.into_iter();
            self.answers.retain(|_| weights.next().is_some_and(|weight| weight > NOTHING));
        }
        if is_full(self) {
            self.answers = groups.iter().cloned().enumerate().collect();
        }
        (!is_full(self)).then_some((point, groups))
    }

    /// The weight of each answer, and what is left of each budget.
    fn weights(&self) -> Option<Vec<f64>> {
        let mut columns: Vec<Vec<f64>> = self.answers.iter().map(|(_, answer)| answer.clone()).collect();
        for (place, step, _) in &self.left {
            let mut column = vec![0.0; self.origin.len()];
            column[*place] = *step;
            columns.push(column);
        }
        let mut quadratic = Vec::new();
        for (a, column) in columns.iter().enumerate() {
            quadratic.extend((a..columns.len()).map(|b| (a, b, dot(column, &columns[b]))));
        }
        quadratic.retain(|(_, _, value)| *value != 0.0);
        let linear: Vec<f64> = columns.iter().map(|column| dot(column, &self.origin)).collect();
        let mut rows = vec![QpRow { terms: Vec::new(), lower: 1.0, upper: 1.0 }; self.groups];
        self.answers.iter().enumerate().for_each(|(k, (group, _))| rows[*group].terms.push((k, 1.0)));
        let mut upper = vec![1.0; self.answers.len()];
        upper.extend(self.left.iter().map(|(_, _, most)| *most));
        let n = columns.len();
        let problem = QpProblem::new(&quadratic, linear, 0.0, rows, vec![0.0; n], upper).ok()?;
        let mut solver = QpSolver::new(&problem, &vec![0.0; n], crate::Settings::default()).ok()?;
        Some(solver.solve_as_given().ok()?.x)
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (x, y) in a.iter().zip(b) {
        sum += x * y;
    }
    sum
}

/// Most answers and what is left of budgets in one mixture, with room for one more answer of each group.
const COLUMNS_MAX: usize = 360;
/// A weight that an answer may as well not have.
const NOTHING: f64 = 1e-12;
