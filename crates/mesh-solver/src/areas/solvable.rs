//! Square systems of equations that are proved to have a solution, and how far it is from a point that nearly is one.
//!
//! With R near the inverse of M and D = I - R M, of which the rows are proved to be smaller than one, M is regular, and
//! the step s with M s = r satisfies |s| <= |R||r| + |D||s| (Krawczyk). Elimination takes the row of fewest entries next,
//! so that equations of few terms, such as those of a grid, cost little. What the equations mean is not known here.

use super::affine::Equation;
use crate::dense::{Matrix, add_scaled};

/// A system that has exactly one solution, whatever its right side is.
#[derive(Debug, Clone)]
pub(crate) struct Solvable {
    /// R: one row an unknown.
    inverse: Matrix,
    /// The largest row of |D|, rounded upwards.
    off: f64,
}

impl Solvable {
    /// The system of these equations, whose values do not matter, in as many unknowns; none if the proof fails.
    pub(crate) fn prove(equations: &[Equation]) -> Option<Self> {
        let inverse = Elimination::of(equations)?.inverse();
        let size = equations.len();
        let guard = (size + 8) as f64 * f64::EPSILON;
        let mut off = 0.0f64;
        let (mut product, mut sizes) = (vec![0.0; size], vec![0.0; size]);
        for unknown in 0..size {
            product.fill(0.0);
            sizes.fill(0.0);
            product[unknown] = -1.0;
            for (factor, (terms, _)) in inverse.row(unknown).iter().zip(equations).filter(|(factor, _)| **factor != 0.0)
            {
                for (column, entry) in terms {
                    product[*column] += factor * entry;
                    sizes[*column] += (factor * entry).abs();
                }
            }
            let row: f64 = product.iter().zip(&sizes).map(|(value, size)| value.abs() + guard * (1.0 + size)).sum();
            off = off.max(row * ROUNDED_UP);
        }
        (off < OFF_MAX).then_some(Self { inverse, off })
    }

    /// For each unknown how far the solution is, at most, from a point at which each equation is missed by so much at most.
    pub(crate) fn reach(&self, missed: &[f64]) -> Vec<f64> {
        let sum = |unknown: usize| -> f64 {
            self.inverse.row(unknown).iter().zip(missed).map(|(factor, missed)| factor.abs() * missed).sum()
        };
        let mut reach: Vec<f64> = (0..missed.len()).map(|unknown| sum(unknown) * ROUNDED_UP).collect();
        let more = self.off / (1.0 - self.off) * crate::dense::largest(&reach);
        reach.iter_mut().for_each(|reach| *reach = (*reach + more) * ROUNDED_UP + f64::MIN_POSITIVE);
        reach
    }
}

/// Rows in the making of an inverse.
struct Elimination {
    left: Matrix,
    /// What was done to the rows, as a matrix.
    done: Matrix,
    /// Row and column of each pivot.
    pivots: Vec<(usize, usize)>,
}

impl Elimination {
    fn of(equations: &[Equation]) -> Option<Self> {
        let size = equations.len();
        let mut work = Self { left: Matrix::zeros(size, size), done: Matrix::zeros(size, size), pivots: Vec::new() };
        for (row, (terms, _)) in equations.iter().enumerate() {
            terms.iter().for_each(|(column, entry)| work.left.row_mut(row)[*column] += entry);
            work.done.row_mut(row)[row] = 1.0;
        }
        let mut waiting: Vec<usize> = (0..size).collect();
        let mut is_open = vec![true; size];
        while !waiting.is_empty() {
            let entries = |row: usize| work.left.row(row).iter().zip(&is_open).filter(|(e, open)| **open && **e != 0.0);
            let place = (0..waiting.len()).min_by_key(|place| entries(waiting[*place]).count())?;
            let row = waiting.swap_remove(place);
            let column = work.pivot(row, &waiting, &is_open)?;
            is_open[column] = false;
            work.pivots.push((row, column));
            work.eliminate(row, column, &waiting);
        }
        Some(work)
    }

    /// Of the entries of a row that are large enough the one whose column has the fewest others.
    fn pivot(&self, row: usize, waiting: &[usize], is_open: &[bool]) -> Option<usize> {
        let open = || self.left.row(row).iter().enumerate().filter(|(column, _)| is_open[*column]);
        let most = open().fold(0.0f64, |most, (_, entry)| most.max(entry.abs()));
        let large = open().filter(|(_, entry)| **entry != 0.0 && entry.abs() >= PIVOT_PART * most);
        let others = |column: usize| waiting.iter().filter(|other| self.left.row(**other)[column] != 0.0).count();
        large.map(|(column, _)| column).min_by_key(|column| others(*column))
    }

    fn eliminate(&mut self, row: usize, column: usize, waiting: &[usize]) {
        let (pivot, done) = (self.left.row(row).to_vec(), self.done.row(row).to_vec());
        for other in waiting {
            let factor = self.left.row(*other)[column] / pivot[column];
            if factor != 0.0 {
                add_scaled(self.left.row_mut(*other), -factor, &pivot);
                self.left.row_mut(*other)[column] = 0.0;
                add_scaled(self.done.row_mut(*other), -factor, &done);
            }
        }
    }

    fn inverse(self) -> Matrix {
        let size = self.pivots.len();
        let mut inverse = Matrix::zeros(size, size);
        for (k, (row, column)) in self.pivots.iter().enumerate().rev() {
            let mut sum = self.done.row(*row).to_vec();
            for (_, later) in &self.pivots[k + 1..] {
                let entry = self.left.row(*row)[*later];
                if entry != 0.0 {
                    add_scaled(&mut sum, -entry, inverse.row(*later));
                }
            }
            let pivot = self.left.row(*row)[*column];
            sum.iter().zip(inverse.row_mut(*column)).for_each(|(entry, out)| *out = entry / pivot);
        }
        inverse
    }
}

/// More than what rounding takes off a sum of as many positive numbers as a problem can have.
const ROUNDED_UP: f64 = 1.0 + 1e-10;
/// A matrix that R inverts less well than this is not worth a proof.
const OFF_MAX: f64 = 1e-3;
/// A pivot is at least this part of the largest entry of its row.
const PIVOT_PART: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_is_within_reach() {
        let equations: Vec<Equation> =
            vec![(vec![(0, 1.0), (1, 1e-3)], 0.0), (vec![(1, 2.0), (2, -1.0)], 0.0), (vec![(0, 3.0), (2, 0.5)], 0.0)];
        let solvable = Solvable::prove(&equations).unwrap();
        // From the point zero, where the equations want (1, 2, 3).
        let reach = solvable.reach(&[1.0, 2.0, 3.0]);
        let middle = 1.0 / 0.997;
        let solution = [1.0 - 1e-3 * middle, middle, 2.0 * middle - 2.0];
        for (terms, wanted) in equations.iter().map(|(terms, _)| terms).zip([1.0, 2.0, 3.0]) {
            let value: f64 = terms.iter().map(|(column, entry)| entry * solution[*column]).sum();
            assert!((value - wanted).abs() < 1e-12, "{value}");
        }
        assert!(reach.iter().zip(solution).all(|(reach, at)| at.abs() <= *reach && *reach < 13.0), "{reach:?}");
    }

    #[test]
    fn equations_that_follow_from_others_prove_nothing() {
        let row = |factor: f64| (vec![(0, factor), (1, 2.0 * factor)], 0.0);
        assert!(Solvable::prove(&[row(1.0), row(3.0)]).is_none());
        assert!(Solvable::prove(&[row(1.0), (vec![(0, 1.0), (1, 2.0 + 1e-15)], 0.0)]).is_none());
        assert!(Solvable::prove(&[]).is_some());
    }
}
