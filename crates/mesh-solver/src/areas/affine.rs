//! All points that satisfy some equations: one of them, and the directions in which the others lie.
//!
//! Gaussian elimination with complete pivoting; equations that follow from others are left out. Which matrix it is of,
//! whose or what for, is not known here.

use crate::dense::{Matrix, add_scaled};

/// Columns with their coefficients, and the value of the sum.
pub(crate) type Equation = (Vec<(usize, f64)>, f64);

/// The points `origin + directions w` for any w, one entry of w a free column.
#[derive(Debug, Clone)]
pub(crate) struct Affine {
    /// The columns that are the coordinates w themselves, ascending.
    pub(crate) free: Vec<usize>,
    /// A point at which the free columns are zero.
    pub(crate) origin: Vec<f64>,
    /// One row a column of the equations.
    pub(crate) directions: Matrix,
    /// Equation and column of each pivot, in the order of elimination.
    pivots: Vec<(usize, usize)>,
    /// Row k: what is left of the k-th pivot's equation when it is its turn, columns in the places of the equations.
    upper: Vec<Vec<f64>>,
    /// Row k: how much of each pivot row before k was taken off it.
    lower: Vec<Vec<f64>>,
    /// What every equation was multiplied by.
    scale: Vec<f64>,
}

/// An equation that contradicts the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contradiction;

struct Working {
    equation: usize,
    entries: Vec<f64>,
    value: f64,
    taken: Vec<f64>,
}

impl Affine {
    /// Solves `equations`, each a list of column and coefficient with the value of the sum, made of unit size first. What
    /// is left of one when others are taken off it counts as zero below `dependent`.
    pub(crate) fn solve(equations: &[Equation], columns: usize, dependent: f64) -> Result<Self, Contradiction> {
        let size = |terms: &[(usize, f64)]| terms.iter().fold(0.0, |size: f64, (_, entry)| size.max(entry.abs()));
        let unit = |(terms, _): &Equation| if size(terms) > 0.0 { 1.0 / size(terms) } else { 1.0 };
        Self::solve_scaled(equations, equations.iter().map(unit).collect(), columns, dependent)
    }

    /// The same with the equations multiplied by `scale` first.
    pub(crate) fn solve_scaled(
        equations: &[Equation],
        scale: Vec<f64>,
        columns: usize,
        dependent: f64,
    ) -> Result<Self, Contradiction> {
        let mut left: Vec<Working> = Vec::with_capacity(equations.len());
        for (equation, ((terms, value), factor)) in equations.iter().zip(&scale).enumerate() {
            let mut entries = vec![0.0; columns];
            terms.iter().for_each(|(column, entry)| entries[*column] += entry * factor);
            left.push(Working { equation, entries, value: value * factor, taken: Vec::new() });
        }
        let mut done: Vec<(usize, Working)> = Vec::new();
        let mut is_free = vec![true; columns];
        while let Some((place, column)) = largest_entry(&left, &is_free, dependent) {
            let pivot = left.swap_remove(place);
            is_free[column] = false;
            for row in &mut left {
                let factor = row.entries[column] / pivot.entries[column];
                if factor != 0.0 {
                    add_scaled(&mut row.entries, -factor, &pivot.entries);
                    row.value -= factor * pivot.value;
                    row.entries[column] = 0.0;
                }
                row.taken.push(factor);
            }
            done.push((column, pivot));
        }
        let size = |row: &Working| 1.0 + (equations[row.equation].1 * scale[row.equation]).abs();
        if left.iter().any(|row| row.value.abs() > CONSISTENT.max(dependent) * size(row)) {
            return Err(Contradiction);
        }
        let mut affine = Self {
            free: (0..columns).filter(|column| is_free[*column]).collect(),
            origin: vec![0.0; columns],
            directions: Matrix::zeros(0, 0),
            pivots: done.iter().map(|(column, row)| (row.equation, *column)).collect(),
            upper: Vec::new(),
            lower: Vec::new(),
            scale,
        };
        affine.substitute(&done);
        (affine.upper, affine.lower) = done.into_iter().map(|(_, row)| (row.entries, row.taken)).unzip();
        Ok(affine)
    }

    fn substitute(&mut self, done: &[(usize, Working)]) {
        let mut directions = Matrix::zeros(self.origin.len(), self.free.len());
        for (place, column) in self.free.iter().enumerate() {
            directions.row_mut(*column)[place] = 1.0;
        }
        for (k, (column, row)) in done.iter().enumerate().rev() {
            let mut value = row.value;
            let mut direction: Vec<f64> = self.free.iter().map(|free| -row.entries[*free]).collect();
            for (later, _) in &done[k + 1..] {
                let entry = row.entries[*later];
                if entry != 0.0 {
                    value -= entry * self.origin[*later];
                    add_scaled(&mut direction, -entry, directions.row(*later));
                }
            }
            let pivot = row.entries[*column];
            self.origin[*column] = value / pivot;
            direction.iter().zip(directions.row_mut(*column)).for_each(|(entry, out)| *out = entry / pivot);
        }
        self.directions = directions;
    }

    /// One multiplier an equation, so that their combination of the equations has the entries of `gradient` wherever a
    /// column is not free.
    pub(crate) fn multipliers(&self, gradient: &[f64]) -> Vec<f64> {
        let mut parts: Vec<f64> = Vec::with_capacity(self.pivots.len());
        for (k, (_, column)) in self.pivots.iter().enumerate() {
            let mut rest = gradient[*column];
            for (part, row) in parts.iter().zip(&self.upper) {
                rest -= part * row[*column];
            }
            parts.push(rest / self.upper[k][*column]);
        }
        for k in (0..parts.len()).rev() {
            let part = parts[k];
            for (earlier, factor) in self.lower[k].iter().enumerate() {
                parts[earlier] -= factor * part;
            }
        }
        let mut multipliers = vec![0.0; self.scale.len()];
        for ((equation, _), part) in self.pivots.iter().zip(parts) {
            multipliers[*equation] = part * self.scale[*equation];
        }
        multipliers
    }

    /// A point at which the free columns are zero and the equations have other values.
    pub(crate) fn point_with(&self, values: &[f64]) -> Vec<f64> {
        let mut rest: Vec<f64> = Vec::with_capacity(self.pivots.len());
        for ((equation, _), taken) in self.pivots.iter().zip(&self.lower) {
            let mut value = values[*equation] * self.scale[*equation];
            rest.iter().zip(taken).for_each(|(earlier, factor)| value -= factor * earlier);
            rest.push(value);
        }
        let mut point = vec![0.0; self.origin.len()];
        for (k, (_, column)) in self.pivots.iter().enumerate().rev() {
            let mut value = rest[k];
            self.pivots[k + 1..].iter().for_each(|(_, later)| value -= self.upper[k][*later] * point[*later]);
            point[*column] = value / self.upper[k][*column];
        }
        point
    }

    /// The point at coordinates `w`.
    pub(crate) fn point(&self, w: &[f64]) -> Vec<f64> {
        let mut point = self.origin.clone();
        self.directions.add_product(w, &mut point);
        point
    }
}

/// The place and column of the largest entry above `dependent`, the first of several.
fn largest_entry(left: &[Working], is_free: &[bool], dependent: f64) -> Option<(usize, usize)> {
    let mut best: Option<(f64, usize, usize)> = None;
    for (place, row) in left.iter().enumerate() {
        for (column, entry) in row.entries.iter().enumerate() {
            let size = entry.abs();
            if size > dependent && is_free[column] && best.is_none_or(|(largest, ..)| size > largest) {
                best = Some((size, place, column));
            }
        }
    }
    best.map(|(_, place, column)| (place, column))
}

/// An equation that follows from others may miss by so much.
const CONSISTENT: f64 = 1e-8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_satisfy_the_equations_and_multipliers_balance() {
        let equations = vec![
            (vec![(0, 1.0), (1, 2.0), (3, -1.0)], 3.0),
            (vec![(1, 4.0), (2, 1.0)], 1.0),
            (vec![(0, 2.0), (1, 8.0), (2, 1.0), (3, -2.0)], 7.0),
        ];
        let affine = Affine::solve(&equations, 4, 1e-9).unwrap();
        assert_eq!(affine.free.len(), 2);
        let point = affine.point(&[0.7, -2.0]);
        for (terms, value) in &equations {
            let sum: f64 = terms.iter().map(|(column, entry)| entry * point[*column]).sum();
            assert!((sum - value).abs() < 1e-12);
        }
        let gradient = [0.3, -1.0, 2.0, 0.9];
        let multipliers = affine.multipliers(&gradient);
        for column in (0..4).filter(|column| !affine.free.contains(column)) {
            let sum: f64 = equations
                .iter()
                .zip(&multipliers)
                .map(|((terms, _), y)| terms.iter().filter(|(c, _)| *c == column).map(|(_, a)| a * y).sum::<f64>())
                .sum();
            assert!((sum - gradient[column]).abs() < 1e-12);
        }
    }

    #[test]
    fn a_contradiction_is_noticed() {
        let equations = vec![(vec![(0, 1.0), (1, 1.0)], 1.0), (vec![(0, 2.0), (1, 2.0)], 3.0)];
        assert_eq!(Affine::solve(&equations, 2, 1e-9).err(), Some(Contradiction));
    }
}
