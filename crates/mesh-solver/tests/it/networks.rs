//! Random networks from a seed, and each as one problem for the referee.

use crate::generate::Dice;
use mesh_solver::{Junction, Member, Network, QpProblem, QpRow, Share};

/// What a random network couples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Consensus,
    Exchange,
    Budget,
    /// Every junction one of the three.
    Mixed,
}

pub const KINDS: [Kind; 4] = [Kind::Consensus, Kind::Exchange, Kind::Budget, Kind::Mixed];

/// A network around a point that is in order everywhere, with as many members as `members` says; `off` is how far the
/// members' rows and the junctions' totals are pushed away from it, in parts of what they reach.
pub fn network(kind: Kind, seed: u64, members: usize, off: f64) -> Network {
    let mut dice = Dice::new(seed);
    let junctions = 1 + dice.below(6);
    let mut agreed: Vec<f64> = (0..junctions).map(|_| 0.5 * dice.signed()).collect();
    let kinds: Vec<usize> = (0..junctions)
        .map(|_| match kind {
            Kind::Consensus => 0,
            Kind::Exchange => 1,
            Kind::Budget => 2,
            Kind::Mixed => dice.below(3),
        })
        .collect();
    let mut totals = vec![0.0; junctions];
    let members = (0..members).map(|_| member(&mut dice, &kinds, &mut agreed, &mut totals, off)).collect();
    let junctions = kinds
        .iter()
        .zip(totals)
        .map(|(kind, total)| match kind {
            0 => Junction::Consensus,
            1 => Junction::Exchange(total + 2.0 * off * dice.signed()),
            _ => Junction::Budget(total + 0.1 * dice.unit() - 4.0 * off * dice.unit()),
        })
        .collect();
    Network { members, junctions }
}

fn member(dice: &mut Dice, kinds: &[usize], agreed: &mut [f64], totals: &mut [f64], off: f64) -> Member {
    let n = kinds.len() + 1 + dice.below(4);
    let mut point: Vec<f64> = (0..n).map(|_| 0.8 * dice.signed()).collect();
    let mut shares = Vec::new();
    for (junction, kind) in kinds.iter().enumerate() {
        if !dice.chance(0.7) {
            continue;
        }
        let scale = 0.5 + 1.5 * dice.unit();
        let mut terms = vec![(junction, scale)];
        if *kind == 0 {
            point[junction] = agreed[junction] / scale;
        } else {
            if dice.chance(0.3) {
                terms.push((n - 1, 0.3));
            }
            terms.iter().for_each(|(j, a)| totals[junction] += a * point[*j]);
        }
        shares.push(Share { junction, terms });
    }
    let mut rows = Vec::new();
    for _ in 0..1 + dice.below(4) {
        let terms: Vec<(usize, f64)> = (0..n).map(|j| (j, dice.signed())).collect();
        let value: f64 = terms.iter().map(|(j, a)| a * point[*j]).sum::<f64>() + off * dice.signed();
        let room = if dice.chance(0.4) { 0.0 } else { 0.5 * dice.unit() };
        let upper = if dice.chance(0.3) { f64::INFINITY } else { value + room };
        rows.push(QpRow { terms, lower: value - room, upper });
    }
    let flat = dice.chance(0.3);
    let quadratic: Vec<_> = (0..n).map(|j| (j, j, if flat { 0.0 } else { 2.0 * dice.unit() })).collect();
    let linear = (0..n).map(|_| dice.signed()).collect();
    let problem = QpProblem::new(&quadratic, linear, 1.0, rows, vec![-1.0; n], vec![1.0; n]).expect("well formed");
    Member { problem, shares }
}
