//! An agent's answer to prices: the shares it takes at them, and what it can prove about its cost.

use super::Knapsack;
use super::node::NodeError;
use crate::bound::{cost_rounded_up, lower_bound};
use crate::interval::Interval;
use crate::network::{Member, Share};
use crate::qp::{QpError, QpSolver, Settings};
use std::borrow::Cow;

/// One agent's side of the prices.
#[derive(Debug, Clone)]
pub struct Responder {
    member: Member,
    local: Local,
    links: Links,
    /// The problem's linear cost once more, made last so that it lies beside the node's vectors: it is read at every
    /// evaluation, the rest of the problem is not.
    linear: Vec<f64>,
}

/// What an agent proves about `f(x) + prices'shares(x)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// At most its least value.
    pub lower: f64,
    /// At least by how much its value at the agent's answer is above `lower`.
    pub slack: f64,
    /// At least the 2-norm of the error of the shares that were told.
    pub drift: f64,
}

/// Where the prices go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    /// The price of junction t to variable t, for all of them.
    Straight,
    /// As the shares say.
    Shares,
}

#[derive(Debug, Clone)]
enum Local {
    /// With the multiplier of the sum.
    Knapsack(Knapsack, f64),
    /// With the newest answer and its multipliers of the rows.
    General(Box<QpSolver>, Vec<f64>, Vec<f64>),
}

impl Responder {
    /// Prepares `member`; fails if nothing satisfies its constraints.
    ///
    /// What it proves rests on bounds of all variables: those that are missing are derived from the rows, and an error
    /// names the first that does not follow from them.
    pub fn new(mut member: Member) -> Result<Self, NodeError> {
        let n = member.problem.variables();
        if member.problem.lower().iter().chain(member.problem.upper()).any(|bound| bound.is_infinite()) {
            member.problem = member.problem.with_derived_bounds()?;
        }
        let local = match Knapsack::of(&member.problem) {
            Some(knapsack) => Local::Knapsack(knapsack, 0.0),
            None => {
                let solved = QpSolver::new(&member.problem, &vec![0.0; n], Settings::default())
                    .and_then(|mut solver| solver.solve_as_given().map(|_| solver));
                let solver = solved.map_err(NodeError::Local)?;
                Local::General(Box::new(solver), vec![0.0; n], Vec::new())
            }
        };
        let links = Links::of(&member);
        let linear = member.problem.linear().to_vec();
        Ok(Self { local, links, linear, member })
    }

    /// Answers `prices` and adds nothing up: `shares` holds this agent's own afterwards.
    pub fn respond(&mut self, prices: &[f64], shares: &mut [f64]) -> Result<(), QpError> {
        let problem = &self.member.problem;
        let x = match &mut self.local {
            // Nothing is copied: of a fleet of thousands every byte that need not be touched saves a wait.
            Local::Knapsack(knapsack, multiplier) if self.links == Links::Straight => {
                let (direct, others) = shares.split_at_mut(self.linear.len());
                others.fill(0.0);
                *multiplier = knapsack.solve(&self.linear, &prices[..direct.len()], direct);
                knapsack.keep_within(problem, direct);
                return Ok(());
            }
            Local::Knapsack(knapsack, multiplier) => {
                let (own, prices) = costs(&self.member, self.links, prices);
                let mut x = vec![0.0; own.len()];
                *multiplier = knapsack.solve(&own, &prices, &mut x);
                knapsack.keep_within(problem, &mut x);
                x
            }
            Local::General(solver, x, multipliers) => {
                let solution =
                    solver.solve(&priced(&self.member, self.links, prices), problem.lower(), problem.upper())?;
                *multipliers = solution.row_multipliers;
                x.clone_from(&solution.x);
                solution.x
            }
        };
        shares.fill(0.0);
        for share in &self.member.shares {
            shares[share.junction] = share.of(&x);
        }
        Ok(())
    }

    /// What is certain about the newest answer, which was given at `prices`.
    pub fn bounds(&self, prices: &[f64]) -> Bounds {
        match &self.local {
            Local::Knapsack(knapsack, multiplier) => self.separable_bounds(knapsack, prices, *multiplier),
            Local::General(_, x, multipliers) => self.general_bounds(prices, x, multipliers),
        }
    }

    /// The variables of the newest answer, which was given at `prices`.
    pub fn values(&self, prices: &[f64]) -> Vec<f64> {
        match &self.local {
            Local::Knapsack(knapsack, multiplier) => {
                let (own, prices) = costs(&self.member, self.links, prices);
                let mut x = vec![0.0; own.len()];
                knapsack.answer(*multiplier, &own, &prices, &mut x);
                knapsack.keep_within(&self.member.problem, &mut x);
                x
            }
            Local::General(_, x, _) => x.clone(),
        }
    }

    /// The problem and the shares.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The tangent bound of [`lower_bound`] for a diagonal P and one row, with the rounding bounded in advance.
    ///
    /// Every product and sum is off by at most one part in 2^53 of a number that is, in the end, one of those that
    /// `size` adds up; none goes through more operations than there are variables and prices, and a few.
    fn separable_bounds(&self, knapsack: &Knapsack, prices: &[f64], multiplier: f64) -> Bounds {
        let problem = &self.member.problem;
        let values = self.values(prices);
        let (mut least, mut cost) = (problem.constant(), problem.constant());
        let (mut size, mut shares) = (problem.constant().abs(), 0.0);
        let mut operations = 2 * problem.variables() + 16;
        self.links.visit(&self.member, |junction, variable, weight| {
            let reach = problem.lower()[variable].abs().max(problem.upper()[variable].abs());
            size += (weight * prices[junction]).abs() * reach;
            shares += weight.abs() * reach;
            operations += 2;
        });
        let (own, prices) = costs(&self.member, self.links, prices);
        for (j, x) in values.iter().enumerate() {
            // The shape has one entry of P a variable.
            let curvature = problem.hessian_row(j).first().map_or(0.0, |(_, entry)| *entry);
            let (lower, upper) = (problem.lower()[j], problem.upper()[j]);
            let (linear, bend, pull) = (own[j] + prices[j], curvature * x, knapsack.weight(j) * multiplier);
            let reduced = linear + bend - pull;
            cost += x * (0.5 * bend + linear);
            least += (reduced * lower).min(reduced * upper) - 0.5 * bend * x;
            size += lower.abs().max(upper.abs()) * (2.0 * bend.abs() + problem.linear()[j].abs() + pull.abs());
        }
        if let (Some(row), true) = (problem.rows().first(), multiplier != 0.0) {
            let paid = multiplier * if multiplier > 0.0 { row.lower } else { row.upper };
            least += paid;
            size += paid.abs();
        }
        let operations = operations as f64;
        let error = operations * f64::EPSILON * size + operations * f64::MIN_POSITIVE;
        let lower = (least - error).next_down();
        let slack = (((cost + error).next_up() - lower).next_up()).max(0.0);
        Bounds { lower, slack, drift: operations * f64::EPSILON * shares + f64::MIN_POSITIVE }.or_nothing()
    }

    fn general_bounds(&self, prices: &[f64], x: &[f64], multipliers: &[f64]) -> Bounds {
        let problem = &self.member.problem;
        let (mut paid, mut extra, mut shares) = (Interval::ZERO, Vec::new(), 0.0);
        for share in &self.member.shares {
            let price = prices[share.junction];
            for (variable, weight) in &share.terms {
                let [head, tail] = exact_product(*weight, price);
                extra.extend([(*variable, head), (*variable, tail)]);
                paid = paid.plus(Interval::point(*weight).times(price).times(x[*variable]));
                shares += (weight * x[*variable]).abs() * (share.terms.len() + 2) as f64;
            }
        }
        let lower = lower_bound(problem, &extra, x, multipliers);
        let cost = Interval::point(cost_rounded_up(problem, x)).plus(paid);
        let slack = cost.minus(Interval::point(lower)).high.max(0.0);
        Bounds { lower, slack, drift: shares * f64::EPSILON + f64::MIN_POSITIVE }.or_nothing()
    }
}

/// Two vectors whose sum is the linear cost at `prices`.
fn costs<'a>(member: &'a Member, links: Links, prices: &'a [f64]) -> (Cow<'a, [f64]>, Cow<'a, [f64]>) {
    let variables = member.problem.variables();
    match links {
        Links::Straight => (member.problem.linear().into(), prices[..variables].into()),
        Links::Shares => (priced(member, links, prices).into(), vec![0.0; variables].into()),
    }
}

/// The linear cost with `prices` in it.
fn priced(member: &Member, links: Links, prices: &[f64]) -> Vec<f64> {
    let mut linear = member.problem.linear().to_vec();
    links.visit(member, |junction, variable, weight| linear[variable] += weight * prices[junction]);
    linear
}

impl Links {
    /// Calls with junction, variable and weight of each term of a share.
    fn visit(self, member: &Member, mut each: impl FnMut(usize, usize, f64)) {
        match self {
            Self::Straight => (0..member.problem.variables()).for_each(|t| each(t, t, 1.0)),
            Self::Shares => {
                for share in &member.shares {
                    share.terms.iter().for_each(|(variable, weight)| each(share.junction, *variable, *weight));
                }
            }
        }
    }

    fn of(member: &Member) -> Self {
        let straight = |(t, share): (usize, &Share)| share.junction == t && share.terms == [(t, 1.0)];
        let all = member.shares.len() == member.problem.variables();
        if all && member.shares.iter().enumerate().all(straight) { Self::Straight } else { Self::Shares }
    }
}

impl Bounds {
    /// The sum of two agents' bounds, rounded to the safe side.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            lower: (self.lower + other.lower).next_down(),
            slack: (self.slack + other.slack).next_up(),
            drift: (self.drift + other.drift).next_up(),
        }
    }

    /// A bound in which an overflow struck says nothing.
    fn or_nothing(self) -> Self {
        if self.lower.is_finite() && self.slack.is_finite() && self.drift.is_finite() {
            self
        } else {
            Self { lower: f64::NEG_INFINITY, slack: f64::INFINITY, drift: f64::INFINITY }
        }
    }
}

/// Two numbers whose sum is exactly `a b`, unless it over- or underflows (Dekker 1971).
fn exact_product(a: f64, b: f64) -> [f64; 2] {
    let halves = |value: f64| {
        let shifted = 134_217_729.0 * value;
        let high = shifted - (shifted - value);
        (high, value - high)
    };
    let product = a * b;
    let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
    let error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    [product, error]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bound, MissingBound, QpProblem, QpRow};

    /// min x^2/2 + (1 - x) over 0.2 <= x <= y, x + y = 1 or three times that.
    fn member(rows: usize) -> Member {
        let row = QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 1.0, upper: 1.0 };
        let problem = QpProblem::new(
            &[(0, 0, 1.0), (1, 1, 0.3)],
            vec![0.1, 0.3],
            0.7,
            vec![row; rows],
            vec![0.0, 0.0],
            vec![1.0, 0.9],
        )
        .expect("well formed");
        let share = |junction, variable, weight| Share { junction, terms: vec![(variable, weight)] };
        Member { problem, shares: vec![share(0, 0, 0.3), share(2, 1, -1.7)] }
    }

    #[test]
    fn both_ways_of_solving_agree_and_their_bounds_hold() {
        for prices in [[0.0, 5.0, 0.0], [1.0, 0.0, 0.1], [-30.1, 1.0, 7.7], [1e-3, 0.0, -1e5]] {
            let mut bounds = Vec::new();
            // A row that stands there twice is no knapsack.
            for rows in [1, 2] {
                let mut responder = Responder::new(member(rows)).expect("feasible");
                assert_eq!(matches!(responder.local, Local::Knapsack(..)), rows == 1);
                let mut shares = [9.0; 3];
                responder.respond(&prices, &mut shares).expect("feasible");
                assert_eq!(shares[1], 0.0);
                let x = responder.values(&prices);
                assert!((x[0] + x[1] - 1.0).abs() < 1e-9, "{x:?}");
                assert_eq!(shares[0], 0.3 * x[0]);
                let paid = member(rows).problem.cost(&x) + prices[0] * shares[0] + prices[2] * shares[2];
                let proved = responder.bounds(&prices);
                let scale = 1.0 + prices[2].abs();
                assert!(proved.lower <= paid && proved.slack < 1e-12 * scale, "{proved:?} {paid}");
                assert!(proved.lower + proved.slack >= paid && proved.drift < 1e-13);
                bounds.push(proved.lower);
            }
            assert!((bounds[0] - bounds[1]).abs() < 1e-12 * (1.0 + prices[2].abs()), "{bounds:?}");
        }
    }

    #[test]
    fn sums_of_bounds_are_rounded_to_the_safe_side() {
        let of = |value: f64| Bounds { lower: value, slack: value, drift: value };
        // Three quarters of the distance to the next number would be rounded up, one quarter down.
        let (much, little) = (of(0.75 * f64::EPSILON), of(0.25 * f64::EPSILON));
        assert!(of(1.0).and(much).lower <= 1.0);
        assert!(of(1.0).and(little).slack > 1.0 && of(1.0).and(little).drift > 1.0);
    }

    #[test]
    fn products_are_exact_in_two_parts() {
        let [head, tail] = exact_product(0.1, 0.3);
        assert!(head == 0.1 * 0.3 && tail != 0.0 && tail.abs() < 1e-17);
        assert_eq!(exact_product(3.0, 0.5), [1.5, 0.0]);
    }

    #[test]
    fn open_boxes_get_the_bounds_that_follow_or_are_refused_by_name() {
        let open = |rows: Vec<QpRow>| {
            let problem =
                QpProblem::new(&[(0, 0, 1.0)], vec![1.0, -1.0], 0.0, rows, vec![0.0; 2], vec![f64::INFINITY; 2]);
            let share = Share { junction: 0, terms: vec![(0, 1.0), (1, 1.0)] };
            Responder::new(Member { problem: problem.expect("well formed"), shares: vec![share] })
        };
        let both = QpRow { terms: vec![(0, 1.0), (1, 1.0)], lower: 0.0, upper: 2.0 };
        let mut responder = open(vec![both]).expect("the row bounds both");
        responder.respond(&[0.5], &mut [0.0]).expect("feasible");
        // Best is x = 0 and y = 2, for -2 and a price of 1.
        let proved = responder.bounds(&[0.5]);
        assert!(proved.lower <= -1.0 && proved.lower > -1.0 - 1e-9 && proved.slack < 1e-9, "{proved:?}");
        let refused = open(Vec::new());
        let upper = MissingBound { variable: 0, side: Bound::Upper };
        assert!(matches!(refused, Err(NodeError::Open(missing)) if missing == upper), "{refused:?}");
    }

    #[test]
    fn an_agent_that_cannot_is_told_so() {
        let row = QpRow { terms: vec![(0, 1.0)], lower: 2.0, upper: 2.0 };
        let problem = QpProblem::new(&[(0, 0, 1.0)], vec![0.0], 0.0, vec![row], vec![0.0], vec![1.0]).expect("formed");
        let refused = Responder::new(Member { problem, shares: Vec::new() });
        assert!(matches!(refused, Err(NodeError::Local(QpError::Infeasible(_)))), "{refused:?}");
    }
}
