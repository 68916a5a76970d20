//! What somebody who sees all problems can prove from the prices of a consensus: that no plan costs less.

use super::no_solution;
use crate::optimiser::SuiteError;
use mesh_solver::bound::lower_bound;
use mesh_solver::{Network, QpSolver, Settings};

/// Prices are cut off here and are multiples of [`PRICE_GRAIN`], so that their sums are exact.
const PRICE_MAX: f64 = 65_536.0;
const PRICE_GRAIN: f64 = 1.0 / (1_u64 << 34) as f64;

/// Lower bounds on the cost of one network of consensus junctions.
pub struct DualBound<'a> {
    network: &'a Network,
    solvers: Vec<QpSolver>,
}

impl<'a> DualBound<'a> {
    /// Factorises the problems.
    pub fn new(network: &'a Network) -> Result<Self, SuiteError> {
        let solver = |problem: &mesh_solver::QpProblem| {
            QpSolver::new(problem, &vec![0.0; problem.variables()], Settings::default()).map_err(no_solution)
        };
        let solvers = network.members.iter().map(|member| solver(&member.problem)).collect::<Result<_, _>>()?;
        Ok(Self { network, solvers })
    }

    /// No plan that agrees at every junction costs less. The prices of a junction stand in the order of its members and
    /// may be anything: what they lack to add up to zero is taken off evenly.
    pub fn at(&mut self, prices: &[Vec<f64>]) -> f64 {
        let mut balanced: Vec<_> = prices.iter().map(|prices| balanced(prices).into_iter()).collect();
        let mut sum = 0.0_f64;
        for (member, solver) in self.network.members.iter().zip(&mut self.solvers) {
            let problem = &member.problem;
            let mut linear = problem.linear().to_vec();
            let mut extra = Vec::with_capacity(member.shares.len());
            for share in &member.shares {
                let price = balanced[share.junction].next().unwrap_or(0.0);
                for (variable, coefficient) in &share.terms {
                    linear[*variable] += coefficient * price;
                    extra.push((*variable, coefficient * price));
                }
            }
            let bound = match solver.solve(&linear, problem.lower(), problem.upper()) {
                Ok(solution) => lower_bound(problem, &extra, &solution.x, &solution.row_multipliers),
                Err(_) => lower_bound(problem, &extra, &[], &[]),
            };
            sum = (sum + bound).next_down();
        }
        sum
    }
}

/// The same prices but for a common shift, on the grain; they add up to zero exactly.
fn balanced(prices: &[f64]) -> Vec<f64> {
    let excess = prices.iter().sum::<f64>() / prices.len() as f64;
    let cut = |price: &f64| (price - excess).clamp(-PRICE_MAX, PRICE_MAX);
    let mut rounded: Vec<f64> = prices.iter().map(|price| (cut(price) / PRICE_GRAIN).round() * PRICE_GRAIN).collect();
    if let Some((last, others)) = rounded.split_last_mut() {
        *last = -others.iter().sum::<f64>();
    }
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_add_up_to_nothing_exactly() {
        for prices in [vec![0.1, 0.2, -0.7], vec![1e5, -3e4, 7.3, 0.1], vec![1e300, -1e300], vec![3.0]] {
            let balanced = balanced(&prices);
            let (last, others) = balanced.split_last().expect("as many as were given");
            assert_eq!(others.iter().sum::<f64>(), -last, "{balanced:?}");
        }
        let moved = balanced(&[1.25, -0.25]);
        assert_eq!(moved, [0.75, -0.75]);
    }
}
