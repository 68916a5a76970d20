//! The constraints that are held exactly, with an orthogonal factorisation of their rows that follows every change.
//!
//! In the coordinates w of the minimum-norm problem a constraint is a row M_i. The rows of the working set are the
//! columns of Q R, Q orthonormal and R upper triangular (Daniel, Gragg, Kaufman and Stewart 1976). What the bounds of the
//! constraints are is not known here.

use crate::dense::{add_scaled, dot, norm};

/// A side of a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Lower,
    Upper,
}

impl Side {
    /// The sign of the multipliers of this side.
    pub(crate) const fn sign(self) -> f64 {
        match self {
            Self::Lower => 1.0,
            Self::Upper => -1.0,
        }
    }

    /// The side that a multiplier presses on.
    pub(crate) fn of(multiplier: f64) -> Self {
        if multiplier < 0.0 { Self::Upper } else { Self::Lower }
    }
}

/// One constraint that is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) constraint: usize,
    pub(crate) side: Side,
    /// Has the sign of `side` or is zero, unless both sides are one.
    pub(crate) multiplier: f64,
    /// The part of the multiplier that the origin of the pass holds.
    pub(crate) base: f64,
}

/// Whether a row could be taken in.
pub(crate) enum Appended {
    Independent,
    /// The row is this combination of the members' rows.
    Dependent(Vec<f64>),
}

/// The working set.
#[derive(Debug, Clone)]
pub(crate) struct WorkingSet {
    pub(crate) members: Vec<Member>,
    /// Whether a constraint is a member.
    holds: Vec<bool>,
    /// Columns of Q.
    basis: Vec<Vec<f64>>,
    /// Columns of R: column i has i + 1 entries.
    triangle: Vec<Vec<f64>>,
    /// Changes since the factorisation was made anew.
    changes: u32,
}

impl WorkingSet {
    pub(crate) fn new(constraints: usize) -> Self {
        Self {
            members: Vec::new(),
            holds: vec![false; constraints],
            basis: Vec::new(),
            triangle: Vec::new(),
            changes: 0,
        }
    }

    pub(crate) fn append(&mut self, member: Member, row: &[f64]) -> Appended {
        let mut rest = row.to_vec();
        let mut column = vec![0.0; self.basis.len()];
        // Twice is enough: the second pass removes what rounding left of the first (Giraud et al. 2005).
        for _ in 0..2 {
            for (entry, direction) in column.iter_mut().zip(&self.basis) {
                let part = dot(direction, &rest);
                add_scaled(&mut rest, -part, direction);
                *entry += part;
            }
        }
        let left = norm(&rest);
        if left <= DEPENDENT * norm(row) || self.basis.len() == row.len() {
            return Appended::Dependent(self.multipliers(column));
        }
        rest.iter_mut().for_each(|entry| *entry /= left);
        column.push(left);
        self.basis.push(rest);
        self.triangle.push(column);
        self.holds[member.constraint] = true;
        self.members.push(member);
        self.changes += 1;
        Appended::Independent
    }

    pub(crate) fn remove(&mut self, position: usize) -> Member {
        let member = self.members.remove(position);
        self.holds[member.constraint] = false;
        self.triangle.remove(position);
        // Each later column has one entry below the diagonal; a rotation of two neighbouring directions clears it.
        for i in position..self.triangle.len() {
            let (a, b) = (self.triangle[i][i], self.triangle[i][i + 1]);
            let length = (a * a + b * b).sqrt();
            let (c, s) = if length > 0.0 { (a / length, b / length) } else { (1.0, 0.0) };
            for column in &mut self.triangle[i..] {
                let (a, b) = (column[i], column[i + 1]);
                column[i] = c * a + s * b;
                column[i + 1] = c * b - s * a;
            }
            self.triangle[i].truncate(i + 1);
            let (before, after) = self.basis.split_at_mut(i + 1);
            for (a, b) in before[i].iter_mut().zip(after[0].iter_mut()) {
                (*a, *b) = (c * *a + s * *b, c * *b - s * *a);
            }
        }
        self.basis.truncate(self.triangle.len());
        self.changes += 1;
        member
    }

    /// Forgets everything; the members are returned.
    pub(crate) fn clear(&mut self) -> Vec<Member> {
        let members = std::mem::take(&mut self.members);
        self.holds.fill(false);
        self.basis.clear();
        self.triangle.clear();
        self.changes = 0;
        members
    }

    pub(crate) fn holds(&self, constraint: usize) -> bool {
        self.holds[constraint]
    }

    pub(crate) fn changes(&self) -> u32 {
        self.changes
    }

    /// The y with R'y = `values`: Q y is the shortest w at which every member has its value.
    pub(crate) fn coordinates(&self, values: &[f64]) -> Vec<f64> {
        let mut y: Vec<f64> = Vec::with_capacity(values.len());
        for (value, column) in values.iter().zip(&self.triangle) {
            let (above, diagonal) = column.split_at(y.len());
            y.push((value - dot(above, &y)) / diagonal[0]);
        }
        y
    }

    /// The same from `shift` on: Q y + shift is the point nearest to `shift` at which every member has its value.
    pub(crate) fn coordinates_from(&self, values: &[f64], shift: &[f64]) -> Vec<f64> {
        let mut y = self.coordinates(values);
        if shift.iter().any(|entry| *entry != 0.0) {
            y.iter_mut().zip(&self.basis).for_each(|(y, direction)| *y -= dot(direction, shift));
        }
        y
    }

    /// The multipliers with R mu = `y`: those that hold the members at Q y.
    pub(crate) fn multipliers(&self, mut y: Vec<f64>) -> Vec<f64> {
        for i in (0..y.len()).rev() {
            let (above, diagonal) = self.triangle[i].split_at(i);
            y[i] /= diagonal[0];
            let multiplier = y[i];
            add_scaled(&mut y[..i], -multiplier, above);
        }
        y
    }

    /// Adds Q y to `w`.
    pub(crate) fn add_point(&self, y: &[f64], w: &mut [f64]) {
        for (part, direction) in y.iter().zip(&self.basis) {
            add_scaled(w, *part, direction);
        }
    }
}

/// A row whose part outside the span of the others is shorter than this part of it counts as dependent.
const DEPENDENT: f64 = 1e-10;

#[cfg(test)]
mod tests {
    use super::*;

    fn member(constraint: usize) -> Member {
        Member { constraint, side: Side::Lower, multiplier: 0.0, base: 0.0 }
    }

    #[test]
    fn the_factorisation_follows_every_change() {
        let rows: Vec<Vec<f64>> = (0..5)
            .map(|i| (0..6).map(|j| f64::from((i * i * 7 + j * j * 3 + i * j * 5) % 11) - 4.0).collect())
            .collect();
        let mut set = WorkingSet::new(5);
        for (i, row) in rows.iter().enumerate() {
            assert!(matches!(set.append(member(i), row), Appended::Independent));
        }
        for position in [1, 0, 2] {
            set.remove(position);
            let values: Vec<f64> = set.members.iter().map(|member| member.constraint as f64 + 1.0).collect();
            let y = set.coordinates(&values);
            let mut w = vec![0.0; 6];
            set.add_point(&y, &mut w);
            let mut from_multipliers = vec![0.0; 6];
            for (member, multiplier) in set.members.iter().zip(set.multipliers(y)) {
                add_scaled(&mut from_multipliers, multiplier, &rows[member.constraint]);
            }
            for (member, value) in set.members.iter().zip(&values) {
                assert!((dot(&rows[member.constraint], &w) - value).abs() < 1e-12);
            }
            for (a, b) in w.iter().zip(&from_multipliers) {
                assert!((a - b).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_combination_of_members_is_recognised() {
        let mut set = WorkingSet::new(3);
        set.append(member(0), &[1.0, 0.0, 1.0]);
        set.append(member(1), &[0.0, 2.0, 1.0]);
        match set.append(member(2), &[3.0, -2.0, 2.0]) {
            Appended::Dependent(parts) => assert!((parts[0] - 3.0).abs() < 1e-14 && (parts[1] + 1.0).abs() < 1e-14),
            Appended::Independent => panic!("3 a - b is not independent of a and b"),
        }
    }
}
