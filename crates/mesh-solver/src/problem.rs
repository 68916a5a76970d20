//! A convex QP over a box: `minimise 1/2 x'Px + q'x + c` over `lower <= Ax <= upper` and bounds on every variable.
//!
//! A [`QpProblem`] exists only if it is well formed: indices in range, numbers finite, bounds in order, P positive
//! semidefinite as far as a factorisation can tell. What it means is not known here.

use crate::convexity::check_convex;
use crate::dense::SparseRows;
use mesh_model::LocalProblem;

/// Most variables of one problem.
pub const VARIABLES_MAX: usize = 400;
/// Most rows of one problem.
pub const ROWS_MAX: usize = 1000;
/// Largest absolute value of any coefficient or bound; a bound may also be infinite.
pub const MAGNITUDE_MAX: f64 = 1e15;

/// `lower <= sum of terms <= upper`.
#[derive(Debug, Clone, PartialEq)]
pub struct QpRow {
    /// Variable and coefficient, each variable at most once.
    pub terms: Vec<(usize, f64)>,
    /// Smallest value of the sum; may be minus infinity.
    pub lower: f64,
    /// Largest value of the sum, equal to `lower` for an equation; may be infinity.
    pub upper: f64,
}

/// A well-formed convex QP.
#[derive(Debug, Clone)]
pub struct QpProblem {
    /// Row i of P in full, columns ascending.
    hessian: SparseRows,
    /// P with this on its diagonal is positive semidefinite for sure; empty if P is so as it stands.
    lift: Vec<f64>,
    linear: Vec<f64>,
    constant: f64,
    rows: Vec<QpRow>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

/// What is wrong with a problem: the fault of whoever wrote it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// More variables than [`VARIABLES_MAX`].
    #[error("{variables} variables are more than the limit of {VARIABLES_MAX}")]
    TooManyVariables {
        /// How many there were.
        variables: usize,
    },
    /// More rows than [`ROWS_MAX`].
    #[error("{rows} rows are more than the limit of {ROWS_MAX}")]
    TooManyRows {
        /// How many there were.
        rows: usize,
    },
    /// A vector that needs one entry a variable has another length.
    #[error("{what} has {length} entries for {variables} variables")]
    Length {
        /// Which vector.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The number of variables.
        variables: usize,
    },
    /// A term or entry names a variable that does not exist.
    #[error("{what} {place} names variable {variable} of {variables}")]
    NoSuchVariable {
        /// What names it.
        what: &'static str,
        /// Which row or entry.
        place: usize,
        /// The name.
        variable: usize,
        /// The number of variables.
        variables: usize,
    },
    /// A variable stands twice in one row, or a place of P is given twice or below the diagonal.
    #[error("{what} {place} gives variable {variable} twice or out of order")]
    Repeated {
        /// What repeats it.
        what: &'static str,
        /// Which row or entry.
        place: usize,
        /// The variable.
        variable: usize,
    },
    /// A number is not finite or above [`MAGNITUDE_MAX`].
    #[error("{what} {place} is {value}, which is not a number within {MAGNITUDE_MAX:e}")]
    Magnitude {
        /// What the number is.
        what: &'static str,
        /// Which variable, row or entry.
        place: usize,
        /// The number.
        value: f64,
    },
    /// A lower bound is above its upper bound.
    #[error("{what} {place} is at least {lower} and at most {upper}")]
    Crossed {
        /// `variable` or `row`.
        what: &'static str,
        /// Which one.
        place: usize,
        /// The lower bound.
        lower: f64,
        /// The upper bound.
        upper: f64,
    },
    /// P has a direction of negative curvature.
    #[error("the cost is not convex: P has the eigenvalue {eigenvalue}, most of it at variable {variable}")]
    NotConvex {
        /// The variable that has the largest part in that direction.
        variable: usize,
        /// The least eigenvalue of P among the variables that are coupled to it.
        eigenvalue: f64,
    },
}

impl QpProblem {
    /// Checks and keeps a problem. `quadratic` holds the entries of P with row <= column, each place at most once.
    pub fn new(
        quadratic: &[(usize, usize, f64)],
        linear: Vec<f64>,
        constant: f64,
        rows: Vec<QpRow>,
        lower: Vec<f64>,
        upper: Vec<f64>,
    ) -> Result<Self, Malformed> {
        let variables = linear.len();
        if variables > VARIABLES_MAX {
            return Err(Malformed::TooManyVariables { variables });
        }
        if rows.len() > ROWS_MAX {
            return Err(Malformed::TooManyRows { rows: rows.len() });
        }
        check_linear(&linear, variables)?;
        check_magnitude("constant", 0, constant)?;
        check_box(&lower, &upper, variables)?;
        for (place, row) in rows.iter().enumerate() {
            check_row(place, row, variables)?;
        }
        let (hessian, lift) = symmetric(quadratic, variables)?;
        Ok(Self { hessian, lift, linear, constant, rows, lower, upper })
    }

    /// The mathematics of an asset's problem.
    pub fn from_local(local: &LocalProblem) -> Result<Self, Malformed> {
        let objective = &local.objective;
        let quadratic: Vec<(usize, usize, f64)> =
            objective.quadratic.iter().map(|(i, j, value)| (*i as usize, *j as usize, value.value())).collect();
        let variables = local.variables.len();
        let linear: Vec<f64> = objective.linear.iter().map(|value| value.value()).collect();
        if linear.len() != variables {
            return Err(Malformed::Length { what: "the linear cost", length: linear.len(), variables });
        }
        let rows = local
            .rows
            .iter()
            .map(|row| QpRow {
                terms: row.terms.iter().map(|(variable, value)| (*variable as usize, value.value())).collect(),
                lower: row.lower.value(),
                upper: row.upper.value(),
            })
            .collect();
        let lower = local.variables.iter().map(|variable| variable.lower.value()).collect();
        let upper = local.variables.iter().map(|variable| variable.upper.value()).collect();
        Self::new(&quadratic, linear, objective.constant.value(), rows, lower, upper)
    }

    /// The same within another box, which must be in order.
    pub(crate) fn in_box(&self, lower: Vec<f64>, upper: Vec<f64>) -> Self {
        Self { lower, upper, ..self.clone() }
    }

    /// The number of variables.
    pub fn variables(&self) -> usize {
        self.linear.len()
    }

    /// q.
    pub fn linear(&self) -> &[f64] {
        &self.linear
    }

    /// c.
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// The rows.
    pub fn rows(&self) -> &[QpRow] {
        &self.rows
    }

    /// The smallest values of the variables; minus infinity where there is none.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// The largest values of the variables; infinity where there is none.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// Row `variable` of P in full: columns ascending, with their entries.
    pub fn hessian_row(&self, variable: usize) -> &[(usize, f64)] {
        self.hessian.row(variable)
    }

    /// What P lacks on its diagonal to be positive semidefinite for sure, one entry a variable; empty if that is nothing.
    pub(crate) fn lift(&self) -> &[f64] {
        &self.lift
    }

    /// `1/2 x'Px + q'x + c` in plain arithmetic.
    pub fn cost(&self, x: &[f64]) -> f64 {
        let mut cost = self.constant;
        for (i, value) in x.iter().enumerate() {
            cost += value * (0.5 * self.hessian.dot_row(i, x) + self.linear[i]);
        }
        cost
    }
}

/// Checks the linear cost of a solve.
pub(crate) fn check_linear(linear: &[f64], variables: usize) -> Result<(), Malformed> {
    check_vector("the linear cost", linear, variables)
}

/// Checks the variable bounds of a solve.
pub(crate) fn check_box(lower: &[f64], upper: &[f64], variables: usize) -> Result<(), Malformed> {
    check_bounds("the lower bound", lower, f64::NEG_INFINITY, variables)?;
    check_bounds("the upper bound", upper, f64::INFINITY, variables)?;
    check_order("variable", lower.iter().copied().zip(upper.iter().copied()))
}

/// Checks that `values` has one number a variable.
pub(crate) fn check_vector(what: &'static str, values: &[f64], variables: usize) -> Result<(), Malformed> {
    check_length(what, values, variables)?;
    values.iter().enumerate().try_for_each(|(place, value)| check_magnitude(what, place, *value))
}

fn check_length(what: &'static str, values: &[f64], variables: usize) -> Result<(), Malformed> {
    let length = values.len();
    if length == variables { Ok(()) } else { Err(Malformed::Length { what, length, variables }) }
}

/// Bounds of one side, where `none` stands for no bound.
fn check_bounds(what: &'static str, values: &[f64], none: f64, variables: usize) -> Result<(), Malformed> {
    check_length(what, values, variables)?;
    let given = values.iter().enumerate().filter(|(_, value)| **value != none);
    given.into_iter().try_for_each(|(place, value)| check_magnitude(what, place, *value))
}

fn check_magnitude(what: &'static str, place: usize, value: f64) -> Result<(), Malformed> {
    if value.abs() <= MAGNITUDE_MAX { Ok(()) } else { Err(Malformed::Magnitude { what, place, value }) }
}

fn check_order(what: &'static str, pairs: impl Iterator<Item = (f64, f64)>) -> Result<(), Malformed> {
    for (place, (lower, upper)) in pairs.enumerate() {
        if lower > upper {
            return Err(Malformed::Crossed { what, place, lower, upper });
        }
    }
    Ok(())
}

fn check_row(place: usize, row: &QpRow, variables: usize) -> Result<(), Malformed> {
    let mut seen = vec![false; variables];
    for (variable, value) in &row.terms {
        match seen.get_mut(*variable) {
            None => return Err(Malformed::NoSuchVariable { what: "row", place, variable: *variable, variables }),
            Some(true) => return Err(Malformed::Repeated { what: "row", place, variable: *variable }),
            Some(seen) => *seen = true,
        }
        check_magnitude("a term of row", place, *value)?;
    }
    if row.lower != f64::NEG_INFINITY {
        check_magnitude("the lower bound of row", place, row.lower)?;
    }
    if row.upper != f64::INFINITY {
        check_magnitude("the upper bound of row", place, row.upper)?;
    }
    if row.lower > row.upper {
        return Err(Malformed::Crossed { what: "row", place, lower: row.lower, upper: row.upper });
    }
    Ok(())
}

/// P in full from its upper triangle, and what it lacks to be convex for sure.
fn symmetric(quadratic: &[(usize, usize, f64)], variables: usize) -> Result<(SparseRows, Vec<f64>), Malformed> {
    let mut rows: Vec<Vec<(usize, f64)>> = vec![Vec::new(); variables];
    for (place, (i, j, value)) in quadratic.iter().enumerate() {
        if *j >= variables {
            return Err(Malformed::NoSuchVariable { what: "quadratic entry", place, variable: *j, variables });
        }
        if i > j {
            return Err(Malformed::Repeated { what: "quadratic entry", place, variable: *i });
        }
        check_magnitude("quadratic entry", place, *value)?;
        rows[*i].push((*j, *value));
        if i != j {
            rows[*j].push((*i, *value));
        }
    }
    for (variable, row) in rows.iter_mut().enumerate() {
        row.sort_by_key(|(column, _)| *column);
        if let Some(pair) = row.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Malformed::Repeated { what: "quadratic row", place: variable, variable: pair[0].0 });
        }
    }
    let lift = check_convex(&rows)?;
    Ok((SparseRows::of(rows.iter().map(Vec::as_slice)), lift))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_model::{AssetId, MissionTime, Objective, Real, Row, Variable, Window};

    fn check(quadratic: &[(usize, usize, f64)], expect: Result<(), Malformed>) {
        let made = QpProblem::new(quadratic, vec![0.0; 2], 0.0, Vec::new(), vec![-1.0; 2], vec![1.0; 2]);
        assert_eq!(made.map(|_| ()), expect);
    }

    #[test]
    fn only_convex_costs_pass() {
        check(&[(0, 0, 1.0), (1, 1, 0.0)], Ok(()));
        check(&[(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)], Ok(()));
        check(&[(0, 0, -1e-30)], Err(Malformed::NotConvex { variable: 0, eigenvalue: -1e-30 }));
    }

    #[test]
    fn entries_have_one_place() {
        check(&[(0, 0, 1.0), (0, 0, 1.0)], Err(Malformed::Repeated { what: "quadratic row", place: 0, variable: 0 }));
        check(&[(1, 0, 1.0)], Err(Malformed::Repeated { what: "quadratic entry", place: 0, variable: 1 }));
        check(
            &[(0, 2, 1.0)],
            Err(Malformed::NoSuchVariable { what: "quadratic entry", place: 0, variable: 2, variables: 2 }),
        );
    }

    #[test]
    fn limits_are_enforced() {
        let n = VARIABLES_MAX + 1;
        let made = QpProblem::new(&[], vec![0.0; n], 0.0, Vec::new(), vec![0.0; n], vec![1.0; n]);
        assert_eq!(made.map(|_| ()), Err(Malformed::TooManyVariables { variables: n }));
        let row = QpRow { terms: vec![(0, 1.0)], lower: 0.0, upper: f64::INFINITY };
        let rows = vec![row.clone(); ROWS_MAX + 1];
        let made = QpProblem::new(&[], vec![0.0], 0.0, rows, vec![0.0], vec![1.0]);
        assert_eq!(made.map(|_| ()), Err(Malformed::TooManyRows { rows: ROWS_MAX + 1 }));
        let made = |lower, upper| QpProblem::new(&[], vec![0.0], 0.0, vec![row.clone()], vec![lower], vec![upper]);
        assert!(made(f64::NEG_INFINITY, f64::INFINITY).is_ok());
        for (lower, upper) in
            [(0.0, 2.0 * MAGNITUDE_MAX), (f64::NAN, 0.0), (0.0, f64::NEG_INFINITY), (f64::INFINITY, 0.0)]
        {
            assert!(matches!(made(lower, upper), Err(Malformed::Magnitude { .. })), "{lower}..{upper}");
        }
    }

    #[test]
    fn an_assets_problem_is_taken_as_it_stands() {
        let real = |value| Real::new(value).expect("finite");
        let variable = |lower, upper| Variable { name: String::new(), lower: real(lower), upper: real(upper) };
        let mut local = LocalProblem {
            asset: AssetId::new("rover").expect("a name"),
            domain: "rover".to_owned(),
            version: 1,
            window: Window { start: MissionTime::ZERO, step_s: 1800, steps: 1 },
            variables: vec![variable(0.0, 1.0), variable(-1.0, 2.0)],
            objective: Objective {
                quadratic: vec![(0, 0, real(2.0)), (0, 1, real(1.0)), (1, 1, real(1.0))],
                linear: vec![real(3.0), real(-1.0)],
                constant: real(0.5),
            },
            rows: vec![Row { name: String::new(), terms: vec![(1, real(4.0))], lower: real(0.0), upper: real(1.0) }],
            ports: Vec::new(),
        };
        let problem = QpProblem::from_local(&local).expect("well formed");
        assert_eq!(problem.hessian_row(1), [(0, 1.0), (1, 1.0)]);
        assert_eq!(problem.rows(), [QpRow { terms: vec![(1, 4.0)], lower: 0.0, upper: 1.0 }]);
        assert_eq!((problem.lower(), problem.upper()), (&[0.0, -1.0][..], &[1.0, 2.0][..]));
        // 1 + 2 + 2 + 3 - 2 + 0.5 at (1, 2).
        assert_eq!(problem.cost(&[1.0, 2.0]), 6.5);
        local.rows[0].terms.push((2, real(1.0)));
        let refused = QpProblem::from_local(&local).map(|_| ());
        assert_eq!(refused, Err(Malformed::NoSuchVariable { what: "row", place: 0, variable: 2, variables: 2 }));
    }
}
