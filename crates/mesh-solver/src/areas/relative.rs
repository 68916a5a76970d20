//! A finding told relative to what everyone knows already: the trial point and the curvature at it.
//!
//! With the curvature F'F of the pull, the weight mu and the trial's shares v, a member tells z of y = v + sqrt(mu) F^-1 z
//! and the triangle R of its new factor R F. Both are of moderate size wherever the members are and however their shares
//! are scaled, so that few bits do; an error of z is in units of the width of the path. Prices are not told: at the end of
//! an evaluation they are the asked ones minus F'F(y - v).

use super::factor::Triangle;
use super::numbers::Numbers;
use crate::dense::dot;

/// What an evaluation started from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    /// The asked prices.
    pub(crate) prices: &'a [f64],
    /// The trial's shares and the factor of the pull to them, if there is one.
    pub(crate) pull: Option<(&'a [f64], &'a Triangle)>,
    /// The weight of the logarithms.
    pub(crate) mu: f64,
}

/// What a finding says in the members' own numbers.
#[derive(Debug, Clone)]
pub(crate) struct Absolute {
    pub(crate) shares: Vec<f64>,
    pub(crate) prices: Vec<f64>,
    /// The factor times how the shares move with the weight of the logarithms.
    pub(crate) moves: Vec<f64>,
    pub(crate) factor: Triangle,
}

impl Absolute {
    /// The curvature of another weight of the logarithms, `ratio` squared times as large.
    pub(crate) fn scale(&mut self, ratio: f64) {
        self.factor.scale(ratio);
        self.moves.iter_mut().for_each(|moves| *moves *= ratio);
    }
}

/// What a finding says as it travels.
#[derive(Debug, Clone)]
pub(crate) struct Relative {
    pub(crate) shares: Numbers,
    pub(crate) drift: Numbers,
    pub(crate) block: Numbers,
}

impl Base<'_> {
    /// In as few bytes as the path allows.
    pub(crate) fn relative(&self, shares: &[f64], drift: &[f64], factor: &Triangle) -> Relative {
        let size = shares.len();
        let root = self.mu.sqrt();
        let change = match self.pull {
            Some((_, old)) => factor.product(&old.inverse()),
            None => factor.clone(),
        };
        let back = change.inverse();
        let block = Numbers::shortest(change.entries(), |entries| {
            let away: Vec<f64> = entries.iter().zip(change.entries()).map(|(a, b)| a - b).collect();
            let Some(away) = Triangle::of(size, away) else { return false };
            let error = away.product(&back);
            dot(error.entries(), error.entries()) <= BLOCK_ERROR * BLOCK_ERROR
        });
        let told = match self.pull {
            Some((to, old)) => {
                let away: Vec<f64> = shares.iter().zip(to).map(|(share, to)| (share - to) / root).collect();
                old.times_vector(&away)
            }
            None => shares.to_vec(),
        };
        let told = Numbers::shortest(&told, |told| {
            let restored = self.shares(told);
            let away: Vec<f64> = restored.iter().zip(shares).map(|(a, b)| (a - b) / root).collect();
            let near = |factor: &Triangle| {
                let error = factor.times_vector(&away);
                dot(&error, &error) <= SHARES_ERROR * SHARES_ERROR
            };
            near(factor) && self.pull.is_none_or(|(_, old)| near(old))
        });
        let scaled: Vec<f64> = drift.iter().map(|drift| drift * root).collect();
        let moves = factor.times_vector(&scaled);
        let drift = Numbers::shortest(&moves, |told| {
            let error: Vec<f64> = told.iter().zip(&moves).map(|(a, b)| a - b).collect();
            dot(&error, &error) <= DRIFT_ERROR * DRIFT_ERROR
        });
        Relative { shares: told, drift, block }
    }

    /// What everyone goes on with. The numbers are as many as the member has basic shares.
    pub(crate) fn absolute(&self, shares: &Numbers, drift: &Numbers, block: &Numbers) -> Absolute {
        let told =
            Triangle::of(shares.len(), block.values()).expect("the length of a block is checked when it arrives");
        let factor = match self.pull {
            Some((_, old)) => told.product(old),
            None => told,
        };
        let shares = self.shares(&shares.values());
        let prices = match self.pull {
            Some((to, old)) => {
                let away: Vec<f64> = shares.iter().zip(to).map(|(share, to)| share - to).collect();
                let force = old.curvature_times(&away);
                self.prices.iter().zip(force).map(|(price, force)| price - force).collect()
            }
            None => self.prices.to_vec(),
        };
        let root = self.mu.sqrt();
        let moves = drift.values().into_iter().map(|drift| drift / root).collect();
        Absolute { shares, prices, moves, factor }
    }

    fn shares(&self, told: &[f64]) -> Vec<f64> {
        let mut shares = told.to_vec();
        if let Some((to, old)) = self.pull {
            old.solve_lower(&mut shares);
            let root = self.mu.sqrt();
            shares.iter_mut().zip(to).for_each(|(share, to)| *share = to + root * *share);
        }
        shares
    }
}

/// By how much a curvature may be off, relative to itself in every direction.
const BLOCK_ERROR: f64 = 0.1;
/// By how much shares may be off, in units of the square root of mu.
const SHARES_ERROR: f64 = 0.1;
/// By how much the way the shares move may be off, in the same units for a change of mu by itself.
const DRIFT_ERROR: f64 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bits_do_however_the_shares_are_scaled() {
        let old = Triangle::of(2, vec![1e4, -1e4, 1e-2]).unwrap();
        let factor = Triangle::of(2, vec![2.0, 0.3, 1.5]).unwrap().product(&old);
        let (to, prices) = ([3.0, 5.0], [1.0, -1.0]);
        let base = Base { prices: &prices, pull: Some((&to, &old)), mu: 1e-6 };
        let shares = base.shares(&[1.7, -2.3]);
        let told = base.relative(&shares, &[0.0, 0.0], &factor);
        assert!(matches!(told.shares, Numbers::Bytes { .. }), "{told:?}");
        assert!(matches!(told.block, Numbers::Bytes { .. }), "{told:?}");
        let back = base.absolute(&told.shares, &told.drift, &told.block);
        let away: Vec<f64> = back.shares.iter().zip(&shares).map(|(a, b)| (a - b) / 1e-3).collect();
        assert!(dot(&factor.times_vector(&away), &factor.times_vector(&away)) <= SHARES_ERROR * SHARES_ERROR);
        // Without a pull the same factor needs more: rounding must not touch the direction in which it is soft.
        let alone = Base { pull: None, ..base }.relative(&shares, &[0.0, 0.0], &factor);
        assert!(matches!(alone.block, Numbers::Single(_) | Numbers::Double(_)), "{alone:?}");
    }
}
