//! Equations eliminated by Householder reflections with column pivoting: E' = Q R, and the columns of Q that R does not
//! reach are free.

use crate::dense::{Matrix, SparseRows, add_scaled, dot, norm};

/// E' = Q R.
#[derive(Debug)]
pub(crate) struct OrthogonalFactor {
    /// Columns of Q that the equations span, one an equation.
    range: Vec<Vec<f64>>,
    /// Columns of R: column i has i + 1 entries.
    triangle: Vec<Vec<f64>>,
}

impl OrthogonalFactor {
    /// The independent equations in pivot order, the factorisation, and the other columns of Q: one row a variable.
    pub(crate) fn of(rows: &SparseRows, equations: &[usize], n: usize) -> (Vec<usize>, Self, Matrix) {
        let mut left: Vec<(usize, Vec<f64>)> = equations
            .iter()
            .map(|row| {
                let mut column = vec![0.0; n];
                rows.add_row(*row, 1.0, &mut column);
                (*row, column)
            })
            .collect();
        let mut kept = Vec::new();
        let mut triangle = Vec::new();
        let mut reflectors: Vec<Vec<f64>> = Vec::new();
        while kept.len() < n {
            let step = kept.len();
            let Some((place, length)) = longest(&left, step) else { break };
            if length <= DEPENDENT {
                break;
            }
            let (row, mut column) = left.remove(place);
            let diagonal = if column[step] > 0.0 { -length } else { length };
            let mut reflector = column[step..].to_vec();
            reflector[0] -= diagonal;
            let size = norm(&reflector);
            reflector.iter_mut().for_each(|entry| *entry /= size);
            for (_, other) in &mut left {
                reflect(&reflector, &mut other[step..]);
            }
            column.truncate(step);
            column.push(diagonal);
            kept.push(row);
            triangle.push(column);
            reflectors.push(reflector);
        }
        // Column i of Q is the reflections applied, last first, to unit vector i.
        let rank = kept.len();
        let mut range = Vec::with_capacity(rank);
        let mut null = Matrix::zeros(n, n - rank);
        for i in 0..n {
            let mut column = vec![0.0; n];
            column[i] = 1.0;
            for (step, reflector) in reflectors.iter().enumerate().rev() {
                reflect(reflector, &mut column[step..]);
            }
            match i.checked_sub(rank) {
                None => range.push(column),
                Some(free) => (0..n).for_each(|row| null.row_mut(row)[free] = column[row]),
            }
        }
        (kept, Self { range, triangle }, null)
    }

    /// Adds the shortest step that changes the values of the equations by `missing`.
    pub(crate) fn add_step(&self, missing: &mut [f64], x: &mut [f64]) {
        for (i, column) in self.triangle.iter().enumerate() {
            let (above, diagonal) = column.split_at(i);
            missing[i] = (missing[i] - dot(above, &missing[..i])) / diagonal[0];
        }
        for (part, direction) in missing.iter().zip(&self.range) {
            add_scaled(x, *part, direction);
        }
    }

    /// The multipliers that leave nothing of `gradient` in the span of the equations.
    pub(crate) fn multipliers(&self, gradient: &[f64]) -> Vec<f64> {
        let mut parts: Vec<f64> = self.range.iter().map(|direction| dot(direction, gradient)).collect();
        for i in (0..parts.len()).rev() {
            let (above, diagonal) = self.triangle[i].split_at(i);
            parts[i] /= diagonal[0];
            let part = parts[i];
            add_scaled(&mut parts[..i], -part, above);
        }
        parts
    }
}

/// The column with the longest rest from `step` on, the first of equals.
fn longest(columns: &[(usize, Vec<f64>)], step: usize) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    for (place, (_, column)) in columns.iter().enumerate() {
        let length = norm(&column[step..]);
        if best.is_none_or(|(_, longest)| length > longest) {
            best = Some((place, length));
        }
    }
    best
}

fn reflect(reflector: &[f64], x: &mut [f64]) {
    let part = dot(reflector, x);
    add_scaled(x, -2.0 * part, reflector);
}

/// An equation counts as dependent when what the others leave of its unit row is shorter than this. Smaller, and the
/// rounding of the others would decide where it puts the solution.
const DEPENDENT: f64 = 1e-8;
