//! The weight of a disagreement: a first guess from a member's own problem, and when it was wrong.
//!
//! The right weight is the curvature of what the shared variable costs. A linear program has none, but it has a scale:
//! what a unit of whatever the priced variables produce costs, times how much of it the shared variable moves (its
//! coefficients in the equations), over how far the inequalities let it go. The guess does not change when rows are
//! multiplied by a number, and follows the units of cost and variables.
//!
//! Both ends guess, and the edge takes the geometric mean. Later the source watches what the edge agrees on from round to
//! round: where the price still moves much more than the flow (in the edge's own scale) the weight is too small, and the
//! other way round.

use crate::problem::QpProblem;

/// What an end makes of the weight of each of `variables` from its own problem; none where that has no costs.
pub fn guess(problem: &QpProblem, variables: &[usize]) -> Vec<Option<f64>> {
    let Some(price) = typical_price(problem) else { return vec![None; variables.len()] };
    variables.iter().map(|variable| Some((price * reach(problem, *variable)).clamp(LEAST, MOST))).collect()
}

/// What both ends take from their guesses; the same number at both.
pub(super) fn agreed(a: Option<f64>, b: Option<f64>) -> f64 {
    match (a, b) {
        (Some(a), Some(b)) => (a * b).sqrt(),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 1.0,
    }
}

/// The median over the variables that cost something of the cost of one unit in the first equation they stand in.
fn typical_price(problem: &QpProblem) -> Option<f64> {
    let mut coefficients = vec![1.0; problem.variables()];
    for row in problem.rows().iter().rev().filter(|row| row.lower == row.upper) {
        for (variable, coefficient) in row.terms.iter().filter(|(_, coefficient)| *coefficient != 0.0) {
            coefficients[*variable] = coefficient.abs();
        }
    }
    let mut prices = Vec::new();
    for (j, coefficient) in coefficients.iter().enumerate() {
        let (lower, upper) = (problem.lower()[j], problem.upper()[j]);
        let entry = problem.hessian_row(j).iter().find(|(k, _)| *k == j);
        let curvature = entry.map_or(0.0, |(_, entry)| *entry);
        // Where the slope is zero in the middle, the curvature alone still prices the variable.
        let slope =
            (problem.linear()[j] + curvature * 0.5 * (lower + upper)).abs().max(0.25 * curvature * (upper - lower));
        if slope > 0.0 && upper > lower {
            prices.push(slope / coefficient);
        }
    }
    prices.sort_by(f64::total_cmp);
    prices.get(prices.len() / 2).copied()
}

/// How much of the priced quantity the variable moves, over how far it can go.
fn reach(problem: &QpProblem, variable: usize) -> f64 {
    let (mut moved, mut tightness, mut inequalities) = (0.0, 0.0, 0.0);
    for row in problem.rows() {
        let Some((_, coefficient)) = row.terms.iter().find(|(j, _)| *j == variable) else { continue };
        if row.lower == row.upper {
            moved += coefficient.abs();
        } else if (row.upper - row.lower).is_finite() {
            tightness += coefficient.abs() / (row.upper - row.lower);
            inequalities += 1.0;
        }
    }
    let width = problem.upper()[variable] - problem.lower()[variable];
    let per_unit = if moved > 0.0 { moved } else { 1.0 };
    if inequalities > 0.0 { per_unit * tightness / inequalities } else { per_unit / width.max(LEAST) }
}

/// What the source of an edge saw since the weight was last changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// Fading means of flow and price: lost rounds make both jump to and fro.
    smooth: Option<(f64, f64)>,
    /// Fading sums of how far these moved; the price's over the weight.
    flow_moved: f64,
    price_moved: f64,
}

impl Watch {
    /// Takes in what one round agreed on.
    pub(super) fn observe(&mut self, flow: f64, price: f64, weight: f64) {
        let Some((flow_before, price_before)) = self.smooth else {
            self.smooth = Some((flow, price));
            return;
        };
        let (flow_step, price_step) = (SMOOTHING * (flow - flow_before), SMOOTHING * (price - price_before));
        self.flow_moved = FADE * self.flow_moved + flow_step.abs();
        self.price_moved = FADE * self.price_moved + price_step.abs() / weight;
        self.smooth = Some((flow_before + flow_step, price_before + price_step));
    }

    /// By which power of two the weight should change.
    pub(super) fn verdict(&self) -> i8 {
        power(self.flow_moved, self.price_moved, IMBALANCE)
    }

    /// By which power of two all the weights should change together.
    pub(super) fn verdict_of_all(watches: &[Self], weights: &[f64]) -> i8 {
        let sum = |moved: fn(&Self) -> f64| {
            let squares = watches.iter().zip(weights).map(|(watch, weight)| weight * moved(watch) * moved(watch));
            squares.sum::<f64>().sqrt()
        };
        power(sum(|watch| watch.flow_moved), sum(|watch| watch.price_moved), IMBALANCE_OF_ALL)
    }
}

fn power(flow_moved: f64, price_moved: f64, imbalance: f64) -> i8 {
    if price_moved > imbalance * flow_moved {
        1
    } else if flow_moved > imbalance * price_moved {
        -1
    } else {
        0
    }
}

const LEAST: f64 = 1e-12;
const MOST: f64 = 1e12;
/// How much of the sums is left after a round.
const FADE: f64 = 0.9;
/// Part of a step that the means take.
const SMOOTHING: f64 = 0.25;
/// The ratio of movements beyond which a weight is wrong.
const IMBALANCE: f64 = 5.0;
/// The same for many edges together, whose accidents cancel.
const IMBALANCE_OF_ALL: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QpRow;

    fn problem(scale: f64, unit: f64) -> QpProblem {
        // A generator of 3 a unit feeds a line of susceptance 8 that carries 2 at most.
        let balance = QpRow { terms: vec![(0, scale), (1, -8.0 * scale * unit)], lower: 0.0, upper: 0.0 };
        let limit = QpRow { terms: vec![(1, scale * unit)], lower: -0.25 * scale, upper: 0.25 * scale };
        let (lower, upper) = (vec![0.0, -9.0 / unit], vec![5.0, 9.0 / unit]);
        QpProblem::new(&[], vec![3.0, 0.0], 0.0, vec![balance, limit], lower, upper).expect("well formed")
    }

    #[test]
    fn a_guess_follows_the_units_and_not_the_scale_of_rows() {
        let guessed = |scale, unit| guess(&problem(scale, unit), &[1])[0].expect("it has a price");
        assert_eq!(guessed(1.0, 1.0), 3.0 * 8.0 * 2.0);
        assert_eq!(guessed(4.0, 1.0), guessed(1.0, 1.0));
        // In units of half the size a weight is a quarter, being a cost over a square.
        assert_eq!(guessed(1.0, 0.5), 0.25 * guessed(1.0, 1.0));
    }

    #[test]
    fn a_weight_grows_where_the_price_moves_and_the_flow_does_not() {
        let mut watch = Watch::default();
        (0..20).for_each(|k| watch.observe(1.0 + 1e-3 * f64::from(k % 2), f64::from(k % 2), 2.0));
        assert_eq!(watch.verdict(), 1);
        let mut watch = Watch::default();
        (0..20).for_each(|k| watch.observe(f64::from(k % 2), 1.0, 2.0));
        assert_eq!(watch.verdict(), -1);
        assert_eq!(Watch::default().verdict(), 0);
    }

    #[test]
    fn edges_together_are_judged_by_what_moves_most() {
        let (mut quiet, mut loud) = (Watch::default(), Watch::default());
        (0..20).for_each(|k| quiet.observe(1e-3 * f64::from(k % 2), 0.0, 1.0));
        (0..20).for_each(|k| loud.observe(0.0, f64::from(k % 2), 1.0));
        assert_eq!((quiet.verdict(), loud.verdict()), (-1, 1));
        assert_eq!(Watch::verdict_of_all(&[quiet.clone(), loud], &[1.0, 1.0]), 1);
        assert_eq!(Watch::verdict_of_all(&[quiet], &[1.0]), -1);
        assert_eq!(Watch::verdict_of_all(&[], &[]), 0);
    }
}
