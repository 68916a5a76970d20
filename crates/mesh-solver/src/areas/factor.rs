//! Lower triangles: Cholesky factors, their inverses, and the curvatures F'F that travel between members.

use crate::dense::{Matrix, dot};

/// A lower triangle, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Triangle {
    size: usize,
    entries: Vec<f64>,
}

impl Triangle {
    /// A triangle of `size` rows from its entries, if these are as many as it has.
    pub(crate) fn of(size: usize, entries: Vec<f64>) -> Option<Self> {
        (entries.len() == entries_of(size)).then_some(Self { size, entries })
    }

    /// Multiplies every entry.
    pub(crate) fn scale(&mut self, ratio: f64) {
        self.entries.iter_mut().for_each(|entry| *entry *= ratio);
    }

    pub(crate) fn entries(&self) -> &[f64] {
        &self.entries
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        let start = entries_of(row);
        &self.entries[start..=start + row]
    }

    /// F'F x.
    pub(crate) fn curvature_times(&self, x: &[f64]) -> Vec<f64> {
        self.transposed_times(&self.times_vector(x))
    }

    /// F'x.
    pub(crate) fn transposed_times(&self, x: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.size];
        for (i, part) in x.iter().enumerate() {
            self.row(i).iter().zip(&mut product).for_each(|(entry, sum)| *sum += entry * part);
        }
        product
    }

    /// F x.
    pub(crate) fn times_vector(&self, x: &[f64]) -> Vec<f64> {
        (0..self.size).map(|i| dot(self.row(i), &x[..=i])).collect()
    }

    /// This triangle times another of its size.
    pub(crate) fn product(&self, other: &Self) -> Self {
        let mut product = Self { size: self.size, entries: vec![0.0; self.entries.len()] };
        for i in 0..self.size {
            let start = entries_of(i);
            for (k, entry) in self.row(i).iter().enumerate() {
                crate::dense::add_scaled(&mut product.entries[start..=start + k], *entry, other.row(k));
            }
        }
        product
    }

    /// The rows of F times `matrix`.
    pub(crate) fn times_rows(&self, matrix: &Matrix) -> Vec<Vec<f64>> {
        let row = |i: usize| {
            let mut sum = vec![0.0; matrix.columns()];
            for (k, entry) in self.row(i).iter().enumerate() {
                crate::dense::add_scaled(&mut sum, *entry, matrix.row(k));
            }
            sum
        };
        (0..self.size).map(row).collect()
    }

    /// Overwrites `x` with L^-1 x.
    pub(crate) fn solve_lower(&self, x: &mut [f64]) {
        for i in 0..self.size {
            let (done, rest) = x.split_at_mut(i);
            let row = self.row(i);
            rest[0] = (rest[0] - dot(&row[..i], done)) / row[i];
        }
    }

    /// Overwrites `x` with L'^-1 x.
    pub(crate) fn solve_upper(&self, x: &mut [f64]) {
        for i in (0..self.size).rev() {
            let row = self.row(i);
            x[i] /= row[i];
            let value = x[i];
            row[..i].iter().zip(x.iter_mut()).for_each(|(entry, x)| *x -= entry * value);
        }
    }

    /// Overwrites `x` with (L L')^-1 x.
    pub(crate) fn solve(&self, x: &mut [f64]) {
        self.solve_lower(x);
        self.solve_upper(x);
    }

    /// x'L L'x.
    pub(crate) fn length_squared(&self, x: &[f64]) -> f64 {
        let product = self.transposed_times(x);
        dot(&product, &product)
    }

    /// L^-1.
    pub(crate) fn inverse(&self) -> Self {
        let mut inverse = Self { size: self.size, entries: vec![0.0; self.entries.len()] };
        let mut column = vec![0.0; self.size];
        for k in 0..self.size {
            column.fill(0.0);
            column[k] = 1.0;
            for i in k..self.size {
                let row = self.row(i);
                column[i] = (column[i] - dot(&row[k..i], &column[k..i])) / row[i];
                inverse.entries[entries_of(i) + k] = column[i];
            }
        }
        inverse
    }
}

/// L with L L' = A A' for the rows of A, one at a time (Gram and Schmidt, modified): A A', in which short rows would drown,
/// is never formed. None if a row follows from those before it.
pub(crate) fn triangle_of(mut rows: Vec<Vec<f64>>) -> Option<Triangle> {
    let size = rows.len();
    let mut factor = Triangle { size, entries: vec![0.0; entries_of(size)] };
    for i in 0..size {
        let (done, rest) = rows.split_at_mut(i);
        let row = &mut rest[0];
        let start = entries_of(i);
        for (j, other) in done.iter().enumerate() {
            let part = dot(other, row);
            crate::dense::add_scaled(row, -part, other);
            factor.entries[start + j] = part;
        }
        let length = dot(row, row).sqrt();
        if !(length > 0.0 && length.is_finite()) {
            return None;
        }
        row.iter_mut().for_each(|entry| *entry /= length);
        factor.entries[start + i] = length;
    }
    Some(factor)
}

/// Entries of a triangle of `size` rows.
pub(crate) const fn entries_of(size: usize) -> usize {
    size * (size + 1) / 2
}

/// L with L L' = `matrix`, of which the lower half is read. A pivot that is smaller than `least` of its diagonal entry is
/// rounding and counts as that; none if the matrix has other than finite entries or no positive diagonal.
pub(crate) fn cholesky(matrix: Matrix, least: f64) -> Option<Triangle> {
    let size = matrix.rows();
    let mut factor = Triangle { size, entries: vec![0.0; entries_of(size)] };
    for i in 0..size {
        let start = entries_of(i);
        let (before, row) = factor.entries.split_at_mut(start);
        row[..=i].copy_from_slice(&matrix.row(i)[..=i]);
        for j in 0..i {
            let other = &before[entries_of(j)..=entries_of(j) + j];
            row[j] = (row[j] - dot(&other[..j], &row[..j])) / other[j];
        }
        let diagonal = row[i];
        let pivot = (diagonal - dot(&row[..i], &row[..i])).max(least * diagonal);
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        row[i] = pivot.sqrt();
    }
    Some(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_solve_and_invert() {
        let mut matrix = Matrix::zeros(3, 3);
        for (i, row) in [[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]].iter().enumerate() {
            matrix.row_mut(i).copy_from_slice(row);
        }
        let factor = cholesky(matrix.clone(), 0.0).unwrap();
        let mut x = vec![1.0, -2.0, 3.0];
        factor.solve(&mut x);
        let mut back = vec![0.0; 3];
        matrix.add_product(&x, &mut back);
        for (a, b) in back.iter().zip([1.0, -2.0, 3.0]) {
            assert!((a - b).abs() < 1e-12);
        }
        // F'F of the inverse factor is the inverse matrix.
        let again = factor.inverse().curvature_times(&[1.0, -2.0, 3.0]);
        for (a, b) in again.iter().zip(&x) {
            assert!((a - b).abs() < 1e-12);
        }
        assert!((factor.length_squared(&[1.0, 0.0, 0.0]) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_hopeless_matrix_has_no_factor() {
        assert_eq!(cholesky(Matrix::zeros(1, 1), 1e-13), None);
    }
}
