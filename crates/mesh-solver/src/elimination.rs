//! The equations E x = e, eliminated: which of them are independent, what they leave free, and how to get back to them.
//!
//! Equations of real problems have few terms each, so they are eliminated like that: a pivot is taken where few other
//! rows and columns are touched (Markowitz 1957), among the entries that are not small in their row. What comes out is
//! checked against the equations themselves. If a pivot, the null space or a row that seems to follow from the others is
//! doubtful, orthogonal reflections decide ([`crate::orthogonal`]): slower, and as stable as arithmetic allows.

use crate::dense::{Matrix, SparseRows, add_scaled, largest};
use crate::orthogonal::OrthogonalFactor;

/// Equations, factorised.
#[derive(Debug)]
pub(crate) struct Elimination {
    /// The rows that are independent, in pivot order; the other equations follow from them or contradict them.
    kept: Vec<usize>,
    factor: Factor,
}

#[derive(Debug)]
enum Factor {
    Sparse(SparseFactor),
    Orthogonal(OrthogonalFactor),
}

impl Elimination {
    /// Eliminates `equations`, which are numbers of `rows` over `n` variables. The matrix holds a basis of what they
    /// leave free, one row a variable.
    pub(crate) fn of(rows: &SparseRows, equations: &[usize], n: usize) -> (Self, Matrix) {
        if let Some((kept, factor, null)) = SparseFactor::of(rows, equations, n) {
            return (Self { kept, factor: Factor::Sparse(factor) }, null);
        }
        let (kept, factor, null) = OrthogonalFactor::of(rows, equations, n);
        (Self { kept, factor: Factor::Orthogonal(factor) }, null)
    }

    pub(crate) fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// Adds to `x` a step that changes the values of the kept equations by `missing`, which is used up.
    pub(crate) fn add_step(&self, missing: &mut [f64], x: &mut [f64]) {
        match &self.factor {
            Factor::Sparse(factor) => factor.add_step(missing, x),
            Factor::Orthogonal(factor) => factor.add_step(missing, x),
        }
    }

    /// The multipliers of the kept equations that make up `gradient`, as far as they can.
    pub(crate) fn multipliers(&self, gradient: &[f64]) -> Vec<f64> {
        match &self.factor {
            Factor::Sparse(factor) => factor.multipliers(gradient),
            Factor::Orthogonal(factor) => factor.multipliers(gradient),
        }
    }
}

/// E = L U with rows and columns in pivot order.
#[derive(Debug)]
struct SparseFactor {
    /// The variable that each step eliminates.
    columns: Vec<usize>,
    pivots: Vec<f64>,
    /// What stands beside the pivot of each step: variables of later steps, and free ones.
    upper: SparseRows,
    /// For each step the later ones it was subtracted from, with the factors.
    lower: SparseRows,
}

impl SparseFactor {
    /// None if the result is doubtful.
    fn of(rows: &SparseRows, equations: &[usize], n: usize) -> Option<(Vec<usize>, Self, Matrix)> {
        let mut left = Remaining::new(rows, equations, n);
        let mut order = Vec::new();
        let (mut columns, mut pivots, mut upper, mut lower) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        while let Some((row, place)) = left.choose()? {
            let step = left.eliminate(row, place)?;
            order.push(row);
            columns.push(step.column);
            pivots.push(step.pivot);
            upper.push(step.rest);
            lower.push(step.factors);
        }
        let mut number = vec![None; equations.len()];
        order.iter().enumerate().for_each(|(step, row)| number[*row] = Some(step));
        for factors in &mut lower {
            let renumbered = factors.iter().filter_map(|(row, factor)| number[*row].map(|step| (step, *factor)));
            *factors = renumbered.collect();
        }
        let kept: Vec<usize> = order.iter().map(|row| equations[*row]).collect();
        let upper = SparseRows::of(upper.iter().map(Vec::as_slice));
        let lower = SparseRows::of(lower.iter().map(Vec::as_slice));
        let factor = Self { columns, pivots, upper, lower };
        let null = factor.null(n);
        (factor.inverse_size(n) <= INVERSE_MAX && factor.is_null(rows, equations, &null))
            .then_some((kept, factor, null))
    }

    /// An estimate from below, and hardly ever far below, of how much a missing part of the equations can move the
    /// variables: the 1-norm of the inverse (Hager 1984).
    fn inverse_size(&self, n: usize) -> f64 {
        let m = self.columns.len();
        let mut missing = vec![1.0 / m as f64; m];
        let mut size = 0.0;
        for _ in 0..ESTIMATES_MAX {
            let mut moved = vec![0.0; n];
            self.add_step(&mut missing, &mut moved);
            let length: f64 = moved.iter().map(|x| x.abs()).sum();
            if length <= size {
                break;
            }
            size = length;
            let signs: Vec<f64> = moved.iter().map(|x| if *x < 0.0 { -1.0 } else { 1.0 }).collect();
            let slopes = self.multipliers(&signs);
            let steepest = (0..m).fold(0, |best, i| if slopes[i].abs() > slopes[best].abs() { i } else { best });
            missing = vec![0.0; m];
            missing[steepest] = 1.0;
        }
        size
    }

    /// What the equations leave free: each variable without a pivot by itself, with what the others do then.
    fn null(&self, n: usize) -> Matrix {
        let mut is_free = vec![true; n];
        self.columns.iter().for_each(|column| is_free[*column] = false);
        let free: Vec<usize> = (0..n).filter(|j| is_free[*j]).collect();
        let mut null = Matrix::zeros(n, free.len());
        free.iter().enumerate().for_each(|(place, j)| null.row_mut(*j)[place] = 1.0);
        let mut row = vec![0.0; free.len()];
        for step in (0..self.columns.len()).rev() {
            row.fill(0.0);
            for (column, value) in self.upper.row(step) {
                add_scaled(&mut row, -value / self.pivots[step], null.row(*column));
            }
            null.row_mut(self.columns[step]).copy_from_slice(&row);
        }
        null
    }

    /// Whether no equation, kept or not, sees anything of `null`.
    fn is_null(&self, rows: &SparseRows, equations: &[usize], null: &Matrix) -> bool {
        let mut seen = vec![0.0; null.columns()];
        let size = (0..null.rows()).map(|row| largest(null.row(row))).fold(1.0, f64::max);
        size <= GROWTH_MAX
            && equations.iter().all(|equation| {
                seen.fill(0.0);
                for (column, value) in rows.row(*equation) {
                    add_scaled(&mut seen, *value, null.row(*column));
                }
                largest(&seen) <= RESIDUAL_MAX * size
            })
    }

    fn add_step(&self, missing: &mut [f64], x: &mut [f64]) {
        for step in 0..missing.len() {
            let value = missing[step];
            for (later, factor) in self.lower.row(step) {
                missing[*later] -= factor * value;
            }
        }
        // From here on `missing` holds how far the variable of each step moves; it is put where the variable is at last.
        let mut moved = vec![0.0; x.len()];
        for step in (0..missing.len()).rev() {
            let rest = self.upper.dot_row(step, &moved);
            moved[self.columns[step]] = (missing[step] - rest) / self.pivots[step];
        }
        x.iter_mut().zip(moved).for_each(|(x, moved)| *x += moved);
    }

    fn multipliers(&self, gradient: &[f64]) -> Vec<f64> {
        let mut left = gradient.to_vec();
        let mut multipliers = vec![0.0; self.columns.len()];
        for (step, multiplier) in multipliers.iter_mut().enumerate() {
            *multiplier = left[self.columns[step]] / self.pivots[step];
            self.upper.add_row(step, -*multiplier, &mut left);
        }
        for step in (0..multipliers.len()).rev() {
            multipliers[step] -= self.lower.dot_row(step, &multipliers);
        }
        multipliers
    }
}

/// One step of the elimination.
struct Step {
    column: usize,
    pivot: f64,
    /// The other entries of the pivot's row.
    rest: Vec<(usize, f64)>,
    /// Rows this one was subtracted from, with the factors.
    factors: Vec<(usize, f64)>,
}

/// The equations that are not eliminated yet, numbered as given.
struct Remaining {
    rows: Vec<Vec<(usize, f64)>>,
    /// Whether a row waits for its pivot.
    waits: Vec<bool>,
    /// Rows that have, or had, an entry in a column.
    in_column: Vec<Vec<usize>>,
    /// Entries of waiting rows in a column.
    entries: Vec<usize>,
    /// Where a column stands in the row at hand, plus one; 0 if nowhere.
    place: Vec<usize>,
}

impl Remaining {
    fn new(rows: &SparseRows, equations: &[usize], n: usize) -> Self {
        let mut in_column = vec![Vec::new(); n];
        let mut taken = Vec::with_capacity(equations.len());
        for (number, equation) in equations.iter().enumerate() {
            let row: Vec<(usize, f64)> =
                rows.row(*equation).iter().copied().filter(|(_, value)| *value != 0.0).collect();
            row.iter().for_each(|(column, _)| in_column[*column].push(number));
            taken.push(row);
        }
        let entries = in_column.iter().map(Vec::len).collect();
        Self { waits: vec![true; taken.len()], rows: taken, in_column, entries, place: vec![0; n] }
    }

    /// Row and place in it of the next pivot; none when no row is left. The outer None says that it is doubtful whether
    /// a row follows from the others.
    #[allow(clippy::option_option)]
    fn choose(&mut self) -> Option<Option<(usize, usize)>> {
        loop {
            let waiting = (0..self.rows.len()).filter(|row| self.waits[*row]);
            let Some(fewest) = waiting.clone().map(|row| self.rows[row].len()).min() else { return Some(None) };
            let candidates: Vec<usize> =
                waiting.filter(|row| self.rows[*row].len() == fewest).take(CANDIDATES).collect();
            let mut best: Option<(usize, f64, usize, usize)> = None;
            for row in candidates {
                let size = self.rows[row].iter().fold(0.0, |size: f64, (_, value)| size.max(value.abs()));
                if size <= DEPENDENT {
                    self.set_aside(row);
                    continue;
                }
                if size <= WEAK {
                    return None;
                }
                for (place, (column, value)) in self.rows[row].iter().enumerate() {
                    let touched = self.entries[*column];
                    let better = |(least, strongest, ..): (usize, f64, usize, usize)| {
                        touched < least || (touched == least && value.abs() > strongest)
                    };
                    if value.abs() >= THRESHOLD * size && best.is_none_or(better) {
                        best = Some((touched, value.abs(), row, place));
                    }
                }
            }
            if let Some((.., row, place)) = best {
                return Some(Some((row, place)));
            }
        }
    }

    fn set_aside(&mut self, row: usize) {
        self.waits[row] = false;
        self.rows[row].iter().for_each(|(column, _)| self.entries[*column] -= 1);
    }

    /// Takes the pivot's variable out of all waiting rows; none if their numbers grow too much.
    fn eliminate(&mut self, row: usize, place: usize) -> Option<Step> {
        self.set_aside(row);
        let mut rest = std::mem::take(&mut self.rows[row]);
        let (column, pivot) = rest.swap_remove(place);
        let mut factors = Vec::new();
        for target in std::mem::take(&mut self.in_column[column]) {
            if !self.waits[target] {
                continue;
            }
            let Some(at) = self.rows[target].iter().position(|(other, _)| *other == column) else { continue };
            let (_, value) = self.rows[target].swap_remove(at);
            let factor = value / pivot;
            factors.push((target, factor));
            self.subtract(target, factor, &rest)?;
        }
        self.entries[column] = 0;
        Some(Step { column, pivot, rest, factors })
    }

    /// Subtracts `factor` times `other` from a row. What cancels but for rounding is taken out.
    fn subtract(&mut self, target: usize, factor: f64, other: &[(usize, f64)]) -> Option<()> {
        let mut row = std::mem::take(&mut self.rows[target]);
        row.iter().enumerate().for_each(|(at, (column, _))| self.place[*column] = at + 1);
        let mut grows = false;
        for (column, value) in other {
            let change = factor * value;
            match self.place[*column] {
                0 => {
                    row.push((*column, -change));
                    self.place[*column] = row.len();
                    self.in_column[*column].push(target);
                    self.entries[*column] += 1;
                    grows |= change.abs() > GROWTH_MAX;
                }
                at => {
                    let before = row[at - 1].1;
                    let after = before - change;
                    row[at - 1].1 = if after.abs() <= CANCELLED * before.abs() { 0.0 } else { after };
                    grows |= after.abs() > GROWTH_MAX;
                }
            }
        }
        row.iter().for_each(|(column, _)| self.place[*column] = 0);
        let entries = &mut self.entries;
        row.retain(|(column, value)| {
            entries[*column] -= usize::from(*value == 0.0);
            *value != 0.0
        });
        self.rows[target] = row;
        (!grows).then_some(())
    }
}

/// A pivot is at least this part of the largest entry of its row.
const THRESHOLD: f64 = 0.1;
/// Rows among which a pivot is looked for.
const CANDIDATES: usize = 4;
/// A row whose entries, of about unit size at first, have all become smaller than this follows from the others.
const DEPENDENT: f64 = 1e-12;
/// A row between that and this one may be either.
const WEAK: f64 = 1e-4;
/// A difference this much smaller than what it is the difference of is rounding.
const CANCELLED: f64 = 1e-13;
/// Entries may grow to this.
const GROWTH_MAX: f64 = 1e6;
/// The estimate of the inverse's size may be this.
const INVERSE_MAX: f64 = 1e5;
/// Steps of that estimate.
const ESTIMATES_MAX: u32 = 4;
/// What an equation may see of the null space, relative to the largest entry of that.
const RESIDUAL_MAX: f64 = 1e-11;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[(usize, f64)]]) -> SparseRows {
        SparseRows::of(rows.iter().copied())
    }

    /// Steps, multipliers and null space against the equations; `kept` says how many are independent.
    fn check(rows: &SparseRows, n: usize, kept: usize, sparse: bool) {
        let equations: Vec<usize> = (0..rows.len()).collect();
        let (elimination, null) = Elimination::of(rows, &equations, n);
        assert_eq!(matches!(elimination.factor, Factor::Sparse(_)), sparse);
        assert_eq!((elimination.kept().len(), null.columns()), (kept, n - kept));
        for equation in &equations {
            for free in 0..null.columns() {
                let direction: Vec<f64> = (0..n).map(|j| null.row(j)[free]).collect();
                assert!(rows.dot_row(*equation, &direction).abs() < 1e-10, "equation {equation}, direction {free}");
            }
        }
        let wanted: Vec<f64> = (0..kept).map(|i| i as f64 - 1.5).collect();
        let mut x = vec![0.0; n];
        elimination.add_step(&mut wanted.clone(), &mut x);
        let mut gradient = vec![0.0; n];
        for (row, value) in elimination.kept().iter().zip(&wanted) {
            assert!((rows.dot_row(*row, &x) - value).abs() < 1e-8, "equation {row} after a step");
            rows.add_row(*row, *value, &mut gradient);
        }
        for (multiplier, value) in elimination.multipliers(&gradient).iter().zip(&wanted) {
            assert!((multiplier - value).abs() < 1e-8, "multiplier {multiplier} for {value}");
        }
    }

    #[test]
    fn a_chain_is_eliminated_with_all_that_follows_from_it() {
        let chain = [
            &[(0, 1.0), (1, -1.0), (4, 0.3)][..],
            &[(1, 1.0), (2, -1.0), (5, 0.7)],
            &[(0, 1.0), (2, -1.0), (4, 0.3), (5, 0.7)],
            &[(2, 0.1), (3, 1.0)],
            &[],
        ];
        check(&rows(&chain), 6, 3, true);
    }

    #[test]
    fn as_many_equations_as_variables_leave_nothing_free() {
        check(&rows(&[&[(0, 1.0), (1, 1.0)], &[(0, 1.0), (1, -1.0)], &[(1, 1.0)]]), 2, 2, true);
        check(&rows(&[]), 3, 0, true);
    }

    #[test]
    fn a_doubtful_row_is_left_to_reflections() {
        // Half a millionth of independence: too little to divide by without a look at everything else.
        check(&rows(&[&[(0, 1.0), (1, 1.0), (2, 1.0)], &[(0, 1.0), (1, 1.0 + 5e-7), (2, 1.0)]]), 3, 2, false);
        // A ten-thousandth of that counts as none.
        check(&rows(&[&[(0, 1.0), (1, 1.0), (2, 1.0)], &[(0, 1.0), (1, 1.0 + 5e-11), (2, 1.0)]]), 3, 1, false);
    }
}
