//! Whether a quadratic cost is convex, where it bends down most if it is not, and how far it may bend down after all.
//!
//! No arithmetic tells a P with a zero eigenvalue from one whose least eigenvalue is next to nothing below. What is within
//! rounding passes, and what passes gets a proof of how little it can bend down, so that bounds can account for it: if a
//! Cholesky factorisation of a matrix A of size n comes to its end, no eigenvalue of A is below -g tr(A) with
//! g = (n + 1) u / (1 - 2 (n + 1) u) and u the unit of rounding (Rump 2006).

use crate::dense::{Matrix, cholesky, dot, norm, power_of_two};
use crate::problem::Malformed;

/// Exact for a diagonal P, whose full rows are given, columns ascending. For others the variables that are coupled are
/// eliminated, largest curvature first, and what rounding could have made negative passes.
///
/// Returns what has to be added to the diagonal of P, one entry a variable, for it to be positive semidefinite for sure;
/// nothing if it is so as it stands.
pub(crate) fn check_convex(rows: &[Vec<(usize, f64)>]) -> Result<Vec<f64>, Malformed> {
    for (variable, row) in rows.iter().enumerate() {
        let curvature = entry(rows, variable, variable);
        // No curvature of its own but coupled to another: an indefinite 2 x 2 block.
        if curvature < 0.0 || (curvature == 0.0 && row.iter().any(|(_, value)| *value != 0.0)) {
            return Err(not_convex(rows, variable));
        }
    }
    let coupled: Vec<usize> = (0..rows.len()).filter(|i| rows[*i].iter().any(|(j, p)| j != i && *p != 0.0)).collect();
    let unit: Vec<f64> = coupled.iter().map(|i| entry(rows, *i, *i).sqrt()).collect();
    let scaled = |a: usize, b: usize| entry(rows, coupled[a], coupled[b]) / unit[a] / unit[b];
    let mut left: Vec<Vec<f64>> =
        (0..coupled.len()).map(|a| (0..coupled.len()).map(|b| scaled(a, b)).collect()).collect();
    let mut remaining: Vec<usize> = (0..coupled.len()).collect();
    while let Some((place, pivot)) = extreme_diagonal(&left, &remaining, |a, b| a > b) {
        if pivot <= NOISE {
            break;
        }
        let a = remaining.remove(place);
        let pivot_row = left[a].clone();
        for b in &remaining {
            let factor = pivot_row[*b] / pivot;
            remaining.iter().for_each(|c| left[*b][*c] -= factor * pivot_row[*c]);
        }
    }
    let bends_down = extreme_diagonal(&left, &remaining, |a, b| a < b).filter(|(_, least)| *least < -NOISE);
    // Where nothing is left on the diagonal, nothing may be left beside it.
    let is_torn = |a: &usize| remaining.iter().any(|b| left[*a][*b].abs() > 2.0 * NOISE);
    match bends_down.map(|(place, _)| remaining[place]).or_else(|| remaining.iter().copied().find(is_torn)) {
        Some(a) => Err(not_convex(rows, coupled[a])),
        None => Ok(lift(rows, &coupled)),
    }
}

/// A diagonal that lifts every eigenvalue of P to zero or above; nothing if they are there. Scaled by powers of two, which
/// is exact, so that all variables count alike.
fn lift(rows: &[Vec<(usize, f64)>], coupled: &[usize]) -> Vec<f64> {
    let n = coupled.len();
    if n == 0 {
        return Vec::new();
    }
    let unit: Vec<f64> = coupled.iter().map(|i| power_of_two(entry(rows, *i, *i).sqrt())).collect();
    let mut scaled = Matrix::zeros(n, n);
    for (a, i) in coupled.iter().enumerate() {
        (0..n).for_each(|b| scaled.row_mut(a)[b] = entry(rows, *i, coupled[b]) / unit[a] / unit[b]);
    }
    // What a factor that exists may hide, of a matrix with a diagonal that is larger by `shift`; four times too much, for
    // the rounding of all this.
    let hidden = |shift: f64| {
        let trace: f64 = (0..n).map(|a| (scaled.row(a)[a] + shift).abs()).sum();
        4.0 * (n + 2) as f64 * f64::EPSILON * trace + f64::MIN_POSITIVE
    };
    let has_factor = |shift: f64| {
        let mut shifted = scaled.clone();
        (0..n).for_each(|a| shifted.row_mut(a)[a] += shift);
        cholesky(shifted, &vec![0.0; n], 0.0).is_some()
    };
    let least = hidden(0.0);
    if has_factor(-least) {
        return Vec::new();
    }
    let shifts = std::iter::successors(Some(least), |shift| Some(4.0 * shift)).take(LIFTS_MAX);
    let shift = shifts.into_iter().find(|shift| has_factor(*shift));
    let lift = shift.map_or(f64::INFINITY, |shift| shift + hidden(shift));
    let mut lifts = vec![0.0; rows.len()];
    coupled.iter().zip(&unit).for_each(|(i, unit)| lifts[*i] = lift * unit * unit);
    lifts
}

fn entry(rows: &[Vec<(usize, f64)>], i: usize, j: usize) -> f64 {
    match rows[i].binary_search_by_key(&j, |(column, _)| *column) {
        Ok(place) => rows[i][place].1,
        Err(_) => 0.0,
    }
}

/// The place in `remaining` of the diagonal entry that is before all others, and the entry.
fn extreme_diagonal(left: &[Vec<f64>], remaining: &[usize], before: impl Fn(f64, f64) -> bool) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    for (place, a) in remaining.iter().enumerate() {
        if best.is_none_or(|(_, value)| before(left[*a][*a], value)) {
            best = Some((place, left[*a][*a]));
        }
    }
    best
}

/// The refusal of a P that bends down among the variables that `variable` is coupled to, directly or through others.
fn not_convex(rows: &[Vec<(usize, f64)>], variable: usize) -> Malformed {
    let mut block = vec![variable];
    let mut is_in = vec![false; rows.len()];
    is_in[variable] = true;
    let mut next = 0;
    while let Some(i) = block.get(next).copied() {
        for (j, value) in &rows[i] {
            if *value != 0.0 && !is_in[*j] {
                is_in[*j] = true;
                block.push(*j);
            }
        }
        next += 1;
    }
    block.sort_unstable();
    let mut matrix = Matrix::zeros(block.len(), block.len());
    for (a, i) in block.iter().enumerate() {
        block.iter().enumerate().for_each(|(b, j)| matrix.row_mut(a)[b] = entry(rows, *i, *j));
    }
    let (eigenvalue, direction) = least_eigenvalue(&matrix);
    let most = (0..block.len()).fold(0, |best, a| if direction[a].abs() > direction[best].abs() { a } else { best });
    Malformed::NotConvex { variable: block[most], eigenvalue }
}

/// The least eigenvalue of a symmetric matrix, from above, and its direction: inverse iteration with a shift that closes
/// in on the eigenvalue from below. A shift is below if what is left of the matrix has a Cholesky factor.
fn least_eigenvalue(matrix: &Matrix) -> (f64, Vec<f64>) {
    let n = matrix.rows();
    let mut below = f64::INFINITY;
    let mut above = f64::INFINITY;
    for i in 0..n {
        let row = matrix.row(i);
        let beside: f64 = row.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, value)| value.abs()).sum();
        below = below.min(row[i] - beside);
        above = above.min(row[i]);
    }
    let size = below.abs().max(above.abs());
    // Not along an axis, and not symmetric: an eigenvector hardly ever is at a right angle to it.
    let mut direction: Vec<f64> = (0..n).map(|i| 1.0 + (i % 7) as f64 / 8.0).collect();
    for _ in 0..SHIFTS_MAX {
        if above - below <= EIGENVALUE * size {
            break;
        }
        let shift = below + NEARER * (above - below);
        let mut shifted = matrix.clone();
        (0..n).for_each(|i| shifted.row_mut(i)[i] -= shift);
        let Some(factor) = cholesky(shifted, &vec![0.0; n], 0.0) else {
            above = shift;
            continue;
        };
        below = shift;
        for _ in 0..2 {
            solve(&factor, &mut direction);
            let length = norm(&direction);
            direction.iter_mut().for_each(|entry| *entry /= length);
        }
        let bend: f64 = (0..n).map(|i| direction[i] * dot(matrix.row(i), &direction)).sum();
        above = above.min(bend);
    }
    (above, direction)
}

/// Solves L L' x = b in place.
fn solve(factor: &Matrix, x: &mut [f64]) {
    let n = factor.rows();
    for i in 0..n {
        let row = factor.row(i);
        x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
    }
    for i in (0..n).rev() {
        let row = factor.row(i);
        x[i] /= row[i];
        let value = x[i];
        x[..i].iter_mut().zip(row).for_each(|(x, entry)| *x -= value * entry);
    }
}

/// Part of a diagonal entry that elimination may leave of a zero.
const NOISE: f64 = 1e-11;
/// Most sizes of a lift that are tried, each four times the one before.
const LIFTS_MAX: usize = 32;
/// Shifts that are tried for an eigenvalue.
const SHIFTS_MAX: u32 = 60;
/// Each shift is this part of the way from what is known to be below to what is known to be above.
const NEARER: f64 = 0.875;
/// An eigenvalue is known to this part of the matrix.
const EIGENVALUE: f64 = 1e-13;

#[cfg(test)]
mod tests {
    use super::*;

    /// The full rows of a symmetric matrix from its upper triangle.
    fn full(n: usize, upper: &[(usize, usize, f64)]) -> Vec<Vec<(usize, f64)>> {
        let mut rows = vec![Vec::new(); n];
        for (i, j, value) in upper {
            rows[*i].push((*j, *value));
            if i != j {
                rows[*j].push((*i, *value));
            }
        }
        rows.iter_mut().for_each(|row| row.sort_by_key(|(column, _)| *column));
        rows
    }

    fn check(n: usize, upper: &[(usize, usize, f64)], expect: Option<(usize, f64)>) {
        match (check_convex(&full(n, upper)), expect) {
            (Ok(_), None) => {}
            (Err(Malformed::NotConvex { variable, eigenvalue }), Some((at, value))) => {
                assert_eq!(variable, at, "{upper:?}");
                assert!((eigenvalue - value).abs() <= 1e-12 * value.abs().max(1.0), "{eigenvalue}, not {value}");
            }
            (found, expect) => panic!("{upper:?}: {found:?}, not {expect:?}"),
        }
    }

    #[test]
    fn what_bends_down_is_named_with_its_eigenvalue() {
        check(2, &[(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)], None);
        check(3, &[(1, 1, -1e-30)], Some((1, -1e-30)));
        check(2, &[(0, 0, 2.0), (0, 1, 4.0), (1, 1, 3.0)], Some((0, 2.5 - 16.25_f64.sqrt())));
        // x y: eigenvalues of [[0, 1], [1, 1]].
        check(2, &[(0, 1, 1.0), (1, 1, 1.0)], Some((0, 0.5 - 1.25_f64.sqrt())));
        // Only the block that bends down counts, not the smaller entries elsewhere.
        check(4, &[(0, 0, 1e-3), (1, 1, 4.0), (1, 3, 5.0), (3, 3, 2.0)], Some((3, 3.0 - 26.0_f64.sqrt())));
    }

    #[test]
    fn what_may_bend_down_is_lifted_and_nothing_else() {
        let lifts = |upper: &[(usize, usize, f64)]| check_convex(&full(2, upper)).expect("convex but for rounding");
        assert!(lifts(&[(0, 0, 2.0), (1, 1, 3.0)]).is_empty(), "no coupling");
        assert!(lifts(&[(0, 0, 2.0), (0, 1, 1.0), (1, 1, 3.0)]).is_empty(), "far from zero");
        // The least eigenvalue is -1e-12 and a bit less, of a million times as much.
        for scale in [1.0, 1e6, 1e-6] {
            let down = 1e-12 * scale;
            let lifts = lifts(&[(0, 0, scale), (0, 1, scale + down), (1, 1, scale)]);
            assert!(lifts.iter().all(|lift| *lift >= down && *lift <= 16.0 * down), "{scale}: {lifts:?}");
            let level = check_convex(&full(2, &[(0, 0, scale), (0, 1, scale), (1, 1, scale)])).expect("convex");
            assert!(level.iter().all(|lift| *lift > 0.0 && *lift < 1e-13 * scale), "{scale}: {level:?}");
        }
    }

    #[test]
    fn a_large_block_gets_its_eigenvalue() {
        // The path of n points has the eigenvalues 2 - 2 cos(k pi / (n + 1)); lowered by 1 the least is near -1.
        let n = 60;
        let mut upper = Vec::new();
        for i in 0..n {
            upper.push((i, i, 1.0));
            if i + 1 < n {
                upper.push((i, i + 1, -1.0));
            }
        }
        let half = std::f64::consts::PI / 61.0;
        // 1 - 2 cos h by its series, good to 1e-16 for an h this small.
        let cosine = 1.0 - half * half / 2.0 + half * half * half * half / 24.0;
        match check_convex(&full(n, &upper)) {
            Err(Malformed::NotConvex { variable, eigenvalue }) => {
                assert!((eigenvalue - (1.0 - 2.0 * cosine)).abs() < 1e-9, "{eigenvalue}");
                assert!((29..=30).contains(&variable), "the middle of the path, not {variable}");
            }
            other => panic!("{other:?}"),
        }
    }
}
