//! Loops over numbers in a fixed order: the only vector and matrix products of this crate.
//!
//! Sums run in four lanes that are added at the end. The lanes are part of the definition, not left to the compiler, so
//! the same bits come out of every build.

/// The sum of products of two vectors of one length.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    let (a_lanes, b_lanes) = (a.chunks_exact(4), b.chunks_exact(4));
    let mut rest = 0.0;
    for (x, y) in a_lanes.remainder().iter().zip(b_lanes.remainder()) {
        rest += x * y;
    }
    let mut sums = [0.0; 4];
    for (x, y) in a_lanes.zip(b_lanes) {
        for lane in 0..4 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// Adds `factor` times `x` to `y`.
pub(crate) fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    debug_assert_eq!(x.len(), y.len());
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// The Euclidean length.
pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// The largest absolute value; 0 for an empty vector.
pub(crate) fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// The power of two below `value`, within 2^-60..2^60: scaling by it is exact.
pub(crate) fn power_of_two(value: f64) -> f64 {
    const EXPONENT: u64 = 0x7FF0_0000_0000_0000;
    const SMALLEST: f64 = 1.0 / (1u64 << 60) as f64;
    f64::from_bits(value.abs().clamp(SMALLEST, (1u64 << 60) as f64).to_bits() & EXPONENT)
}

/// A dense matrix, row after row.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    entries: Vec<f64>,
}

impl Matrix {
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, entries: vec![0.0; rows * columns] }
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.entries[row * self.columns..(row + 1) * self.columns]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.entries[row * self.columns..(row + 1) * self.columns]
    }

    /// Row `first` to read and a later row to write.
    pub(crate) fn two_rows(&mut self, first: usize, later: usize) -> (&[f64], &mut [f64]) {
        let (before, from) = self.entries.split_at_mut(later * self.columns);
        (&before[first * self.columns..(first + 1) * self.columns], &mut from[..self.columns])
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }

    /// Adds the product with `x` to `y`.
    pub(crate) fn add_product(&self, x: &[f64], y: &mut [f64]) {
        for (row, y) in y.iter_mut().enumerate() {
            *y += dot(self.row(row), x);
        }
    }

    /// The product of the transpose with `x`.
    pub(crate) fn transposed_product(&self, x: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.columns];
        for (row, factor) in x.iter().enumerate() {
            if *factor != 0.0 {
                add_scaled(&mut product, *factor, self.row(row));
            }
        }
        product
    }
}

/// L with `matrix` = L L', from its lower half; none if a pivot is not above `singular` of its own and of the natural
/// diagonal.
pub(crate) fn cholesky(mut matrix: Matrix, natural: &[f64], singular: f64) -> Option<Matrix> {
    for (i, natural) in natural.iter().enumerate() {
        for j in 0..i {
            let (done, rest) = matrix.two_rows(j, i);
            let value = (rest[j] - dot(&done[..j], &rest[..j])) / done[j];
            rest[j] = value;
        }
        let row = matrix.row_mut(i);
        let (done, rest) = row.split_at_mut(i);
        let pivot = rest[0] - dot(done, done);
        if !(pivot > singular * rest[0].max(*natural) && pivot.is_finite() && pivot > 0.0) {
            return None;
        }
        rest[0] = pivot.sqrt();
    }
    Some(matrix)
}

/// A matrix of few entries, row after row.
#[derive(Debug, Clone, Default)]
pub(crate) struct SparseRows {
    starts: Vec<usize>,
    entries: Vec<(usize, f64)>,
}

impl SparseRows {
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a [(usize, f64)]>) -> Self {
        let mut sparse = Self { starts: vec![0], entries: Vec::new() };
        for row in rows {
            sparse.entries.extend_from_slice(row);
            sparse.starts.push(sparse.entries.len());
        }
        sparse
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn row(&self, row: usize) -> &[(usize, f64)] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }

    pub(crate) fn dot_row(&self, row: usize, x: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (column, value) in self.row(row) {
            sum += value * x[*column];
        }
        sum
    }

    /// Adds `factor` times the row to the dense `y`.
    pub(crate) fn add_row(&self, row: usize, factor: f64, y: &mut [f64]) {
        for (column, value) in self.row(row) {
            y[*column] += factor * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_products_count_every_entry_once() {
        for length in 0..11 {
            let ones = vec![1.0; length];
            assert_eq!(dot(&ones, &ones), length as f64);
        }
    }

    #[test]
    fn powers_of_two_are_below_and_bounded() {
        assert_eq!(power_of_two(5.0), 4.0);
        assert_eq!(power_of_two(-0.3), 0.25);
        assert_eq!(power_of_two(0.0), 1.0 / (1u64 << 60) as f64);
        assert_eq!(power_of_two(f64::MAX), (1u64 << 60) as f64);
    }
}
