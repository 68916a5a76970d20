//! Least squares with a linear cost: where `1/2 |G s - g|^2 + p's` is least.
//!
//! Householder reflections with the rows sorted by size and the columns exchanged, which is accurate for each row by
//! itself (Cox and Higham 1998): rows may differ by many orders of magnitude, and G'G, in which the small ones would
//! drown, is never formed. What the rows mean is not known here.

use crate::dense::{Matrix, add_scaled, dot, norm};

/// G, factorised.
#[derive(Debug, Clone)]
pub(crate) struct LeastSquares {
    /// The rows of G in the order of the factorisation.
    order: Vec<usize>,
    /// The columns in the order of their pivots.
    columns: Vec<usize>,
    /// The columns of R, each with its diagonal last.
    upper: Vec<Vec<f64>>,
    /// The directions of the reflections, each of unit length, from the row of its pivot on.
    reflections: Vec<Vec<f64>>,
}

impl LeastSquares {
    /// Factorises a matrix with at least as many rows as columns; none if its columns depend on each other.
    pub(crate) fn of(matrix: &Matrix) -> Option<Self> {
        let (rows, columns) = (matrix.rows(), matrix.columns());
        if rows < columns {
            return None;
        }
        let sizes: Vec<f64> = (0..rows).map(|row| crate::dense::largest(matrix.row(row))).collect();
        if sizes.iter().any(|size| !size.is_finite()) {
            return None;
        }
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|a, b| sizes[*b].total_cmp(&sizes[*a]).then(a.cmp(b)));
        // One vector a column, since all that is done is done to whole columns.
        let mut left: Vec<Vec<f64>> =
            (0..columns).map(|column| order.iter().map(|row| matrix.row(*row)[column]).collect()).collect();
        let mut lengths: Vec<f64> = left.iter().map(|column| norm(column)).collect();
        let mut factors = Self { order, columns: (0..columns).collect(), upper: Vec::new(), reflections: Vec::new() };
        for k in 0..columns {
            let pivot = (k..columns).fold(k, |best, at| if lengths[at] > lengths[best] { at } else { best });
            left.swap(k, pivot);
            lengths.swap(k, pivot);
            factors.columns.swap(k, pivot);
            let reflection = factors.reflect(k, &mut left[k])?;
            for (column, length) in left[k + 1..].iter_mut().zip(&mut lengths[k + 1..]) {
                mirror(&reflection, &mut column[k..]);
                *length = norm(&column[k + 1..]);
            }
            factors.reflections.push(reflection);
        }
        Some(factors)
    }

    /// The reflection that leaves of `column` below row `k` nothing, and keeps what is above.
    fn reflect(&mut self, k: usize, column: &mut [f64]) -> Option<Vec<f64>> {
        let mut direction = column[k..].to_vec();
        let length = norm(&direction);
        if !(length > 0.0 && length.is_finite()) {
            return None;
        }
        let diagonal = if direction[0] > 0.0 { -length } else { length };
        direction[0] -= diagonal;
        let size = norm(&direction);
        direction.iter_mut().for_each(|entry| *entry /= size);
        let mut upper = column[..k].to_vec();
        upper.push(diagonal);
        self.upper.push(upper);
        Some(direction)
    }

    /// s, for the numbers g and the costs p.
    pub(crate) fn solve(&self, targets: &[f64], costs: &[f64]) -> Vec<f64> {
        let mut rotated: Vec<f64> = self.order.iter().map(|row| targets[*row]).collect();
        for (k, reflection) in self.reflections.iter().enumerate() {
            mirror(reflection, &mut rotated[k..]);
        }
        // R s = Q'g - R'^-1 p, first the costs, row by row of R'.
        let mut part: Vec<f64> = Vec::with_capacity(self.columns.len());
        for (k, column) in self.columns.iter().enumerate() {
            let above = &self.upper[k];
            part.push((costs[*column] - dot(&above[..k], &part)) / above[k]);
        }
        let mut rest: Vec<f64> = rotated.iter().zip(&part).map(|(target, part)| target - part).collect();
        let mut solution = vec![0.0; self.columns.len()];
        for k in (0..self.columns.len()).rev() {
            let above = &self.upper[k];
            let value = rest[k] / above[k];
            solution[self.columns[k]] = value;
            add_scaled(&mut rest[..k], -value, &above[..k]);
        }
        solution
    }
}

fn mirror(reflection: &[f64], column: &mut [f64]) {
    let along = 2.0 * dot(reflection, column);
    add_scaled(column, -along, reflection);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_very_different_size_are_all_heeded() {
        // Two heavy rows fix x + y and y + z to ten digits; the light ones say where on that line the least is.
        let rows = [[1.0, 0.0, 0.0], [1e9, 1e9, 0.0], [0.0, 1.0, 0.0], [0.0, 1e9, 1e9], [0.0, 0.0, 1.0]];
        let mut matrix = Matrix::zeros(5, 3);
        rows.iter().enumerate().for_each(|(place, row)| matrix.row_mut(place).copy_from_slice(row));
        let solved = LeastSquares::of(&matrix).unwrap().solve(&[3.0, 0.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.75]);
        // y = -x, z = x: least of (x-3)^2/2 + x^2 + 0.75 x.
        for (found, expected) in solved.iter().zip([0.75, -0.75, 0.75]) {
            assert!((found - expected).abs() < 1e-6, "{solved:?}");
        }
    }

    #[test]
    fn columns_that_depend_on_nothing_are_noticed() {
        assert!(LeastSquares::of(&Matrix::zeros(2, 1)).is_none());
        assert!(LeastSquares::of(&Matrix::zeros(1, 2)).is_none());
        assert!(LeastSquares::of(&Matrix::zeros(0, 0)).is_some());
    }
}
