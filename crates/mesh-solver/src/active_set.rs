//! One solve: from the working set and the point of the last one to the solution of what is asked.
//!
//! The search is made of passes. A pass begins at the centre with the multipliers of the working set as its base: the
//! point that is best for the equations alone, with these multipliers held, is near the solution if they are, and what
//! the pass changes is small. So the rounding of a pass is that of its changes, and passes are repeated until nothing
//! of importance changes: the last one is iterative refinement. Where the cost is flat each pass is a proximal step.
//!
//! A constraint counts as violated beyond its tolerance and what rounding may have added in this pass. One that keeps
//! coming back is off by rounding whatever the estimate says; from its [`RETURNS`]th return on its tolerance doubles,
//! so a pass ends. What is wrong at the end of the search is not a solution.

use crate::dense::{add_scaled, largest, norm};
use crate::infeasible::Infeasibility;
use crate::problem::QpProblem;
use crate::qp::Settings;
use crate::reduction::Reduction;
use crate::unbounded::Ray;
use crate::working_set::{Appended, Member, Side, WorkingSet};

/// What is asked for, in the problem's units.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) problem: &'a QpProblem,
    pub(crate) extra: &'a [f64],
    pub(crate) linear: &'a [f64],
    pub(crate) lower: &'a [f64],
    pub(crate) upper: &'a [f64],
}

/// The same, scaled.
pub(crate) struct Goal {
    linear: Vec<f64>,
    /// Bounds of every constraint.
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// Whether some variable has no bound on a side.
    open: bool,
}

/// Why a search ended without a solution.
pub(crate) enum Stop {
    Infeasible(Infeasibility),
    Unbounded(Ray),
    Stuck { violation: f64 },
}

/// A search under way.
pub(crate) struct Search<'a> {
    pub(crate) question: Question<'a>,
    pub(crate) goal: &'a Goal,
    pub(crate) reduction: &'a Reduction,
    pub(crate) settings: &'a Settings,
    pub(crate) active: &'a mut WorkingSet,
    /// The point of the last pass, scaled.
    pub(crate) centre: &'a mut Vec<f64>,
    /// Changes of the working set.
    pub(crate) iterations: u32,
    progress: Progress,
}

/// What a search remembers to get to an end.
#[derive(Default)]
struct Progress {
    /// Removals in a row that did not move the multipliers.
    stalled: usize,
    /// Constraints that depend on others which contradict them by less than can be proved.
    ignored: Vec<usize>,
    /// How often each constraint was taken in.
    taken: Vec<u32>,
}

/// Where a pass has its origin, and what rounding does on the way from there.
struct Origin {
    /// The best point of the equations alone with the base multipliers held.
    point: Vec<f64>,
    /// What the base multipliers of members that have left held, in the coordinates of the null space.
    shift: Vec<f64>,
    /// Times the length of a constraint's row in the null space: rounding of the step along it.
    along: f64,
    /// Times the size of a constraint's row: rounding of the point.
    at: f64,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        question: Question<'a>,
        goal: &'a Goal,
        reduction: &'a Reduction,
        settings: &'a Settings,
        (active, centre): (&'a mut WorkingSet, &'a mut Vec<f64>),
    ) -> Self {
        let progress = Progress { taken: vec![0; reduction.constraints()], ..Progress::default() };
        Self { question, goal, reduction, settings, active, centre, iterations: 0, progress }
    }

    /// Leaves the solution in the centre and its multipliers in the working set.
    pub(crate) fn run(&mut self) -> Result<(), Stop> {
        self.renew();
        let (mut refined, mut settled) = (0, false);
        for _ in 0..self.settings.proximal_steps_max {
            let before = self.iterations;
            let (x, rounding) = self.pass()?;
            let moved = self.proximal_imbalance(&x);
            if self.goal.open {
                self.check_bounded(&x)?;
            }
            *self.centre = x;
            if moved <= self.settings.optimality {
                if (self.iterations == before && rounding <= QUIET) || refined >= REFINEMENTS {
                    settled = true;
                    break;
                }
                refined += 1;
            }
        }
        // Without bounds a point that still moves may be on its way along a ray that could not be proved.
        if self.goal.open && !settled {
            return Err(Stop::Stuck { violation: f64::INFINITY });
        }
        let violation = self.settings.feasibility * self.worst();
        if violation <= FINAL * self.settings.feasibility { Ok(()) } else { Err(Stop::Stuck { violation }) }
    }

    /// The gradient at the centre that the members' multipliers do not hold; equations and rounding do.
    pub(crate) fn imbalance(&self) -> Vec<f64> {
        let mut gradient = self.reduction.curvature(self.centre, false);
        gradient.iter_mut().zip(&self.goal.linear).for_each(|(gradient, q)| *gradient += q);
        for member in &self.active.members {
            self.reduction.add_gradient(member.constraint, -member.multiplier, &mut gradient);
        }
        gradient
    }

    /// The solution of the problem with the proximal term around the centre, and how much rounding a number of unit size
    /// may have met.
    fn pass(&mut self) -> Result<(Vec<f64>, f64), Stop> {
        let mut origin = self.origin();
        loop {
            let y = self.active.coordinates_from(&self.missing(&origin.point), &origin.shift);
            let mut wished = self.active.multipliers(y.clone());
            wished.iter_mut().zip(&self.active.members).for_each(|(wish, member)| *wish += member.base);
            if let Some(position) = self.towards(&wished) {
                self.leave(position, &mut origin);
            } else {
                let mut w = origin.shift.clone();
                self.active.add_point(&y, &mut w);
                let mut x = origin.point.clone();
                self.reduction.directions.add_product(&w, &mut x);
                let Some((constraint, side)) = self.most_violated(&x, &origin) else {
                    return Ok((x, origin.at));
                };
                self.progress.taken[constraint] += 1;
                if let Err(ray) = self.take_in(constraint, side, &mut origin) {
                    match self.prove_infeasible(&ray) {
                        Some(proof) => return Err(Stop::Infeasible(proof)),
                        None => self.progress.ignored.push(constraint),
                    }
                }
            }
            self.iterations += 1;
            if self.iterations >= self.settings.iterations_max {
                return Err(Stop::Stuck { violation: f64::INFINITY });
            }
        }
    }

    /// The origin of a pass from the centre, with the members' multipliers as their base.
    fn origin(&mut self) -> Origin {
        let reduction = self.reduction;
        let step = reduction.step_to_equations(self.centre);
        let mut point: Vec<f64> = self.centre.iter().zip(&step).map(|(x, step)| x + step).collect();
        let mut descent: Vec<f64> =
            reduction.curvature(&point, false).iter().zip(&self.goal.linear).map(|(curve, q)| -(curve + q)).collect();
        for ((descent, step), proximal) in descent.iter_mut().zip(&step).zip(&reduction.proximal) {
            *descent -= proximal * step;
        }
        for member in &mut self.active.members {
            member.base = member.multiplier;
            reduction.add_gradient(member.constraint, member.base, &mut descent);
        }
        let coordinates = reduction.directions.transposed_product(&descent);
        reduction.directions.add_product(&coordinates, &mut point);
        let at = ROUNDING * largest(&point).max(1.0);
        Origin { point, along: ROUNDING * norm(&coordinates), at, shift: vec![0.0; coordinates.len()] }
    }

    /// Takes a member out of the working set, and its base multiplier out of the origin.
    fn leave(&mut self, position: usize, origin: &mut Origin) {
        let member = self.active.remove(position);
        if member.base == 0.0 {
            return;
        }
        let row = self.reduction.row(member.constraint);
        add_scaled(&mut origin.shift, -member.base, &row);
        origin.along += ROUNDING * (member.base * self.reduction.lengths[member.constraint]).abs();
    }

    /// Moves the multipliers to `wished`, or until the first of the wrong sign is zero: its position is returned.
    fn towards(&mut self, wished: &[f64]) -> Option<usize> {
        let mut first: Option<(f64, usize, usize)> = None;
        for (position, (member, wish)) in self.active.members.iter().zip(wished).enumerate() {
            if self.goal.is_fixed(member.constraint) || member.side.sign() * wish >= 0.0 {
                continue;
            }
            let fraction = (member.multiplier / (member.multiplier - wish)).clamp(0.0, 1.0);
            if first.is_none_or(|(best, constraint, _)| (fraction, member.constraint) < (best, constraint)) {
                first = Some((fraction, member.constraint, position));
            }
        }
        let fraction = first.map_or(1.0, |(fraction, ..)| fraction);
        for (member, wish) in self.active.members.iter_mut().zip(wished) {
            member.multiplier =
                if fraction < 1.0 { member.multiplier + fraction * (wish - member.multiplier) } else { *wish };
        }
        match first {
            Some((0.0, ..)) => self.progress.stalled += 1,
            Some(_) => self.progress.stalled = 0,
            None => {}
        }
        first.map(|(.., position)| position)
    }

    /// Takes a violated constraint into the working set, with room made for it. Fails with the ray along which the dual
    /// grows without end: members' multipliers, then the constraint's own.
    fn take_in(&mut self, constraint: usize, side: Side, origin: &mut Origin) -> Result<(), Vec<(usize, f64)>> {
        let row = self.reduction.row(constraint);
        let mut member = Member { constraint, side, multiplier: 0.0, base: 0.0 };
        loop {
            let parts = match self.active.append(member, &row) {
                Appended::Independent => return Ok(()),
                Appended::Dependent(parts) => parts,
            };
            // The constraint's multiplier grows by one unit, the members' change by -sign * part.
            let rates: Vec<f64> = parts.iter().map(|part| -side.sign() * part).collect();
            let significant = NEGLIGIBLE * largest(&rates);
            let mut first: Option<(f64, usize, usize)> = None;
            for (position, (held, rate)) in self.active.members.iter().zip(&rates).enumerate() {
                if self.goal.is_fixed(held.constraint) || held.side.sign() * rate >= -significant {
                    continue;
                }
                let length = (held.multiplier / rate).abs();
                if first.is_none_or(|(best, constraint, _)| (length, held.constraint) < (best, constraint)) {
                    first = Some((length, held.constraint, position));
                }
            }
            let Some((length, _, position)) = first else {
                let mut ray: Vec<(usize, f64)> =
                    self.active.members.iter().zip(rates).map(|(held, rate)| (held.constraint, rate)).collect();
                ray.push((constraint, side.sign()));
                return Err(ray);
            };
            for (held, rate) in self.active.members.iter_mut().zip(&rates) {
                held.multiplier += length * rate;
            }
            member.multiplier += side.sign() * length;
            self.leave(position, origin);
        }
    }

    /// Makes the working set of the last solve fit for this one: a variable that was fixed may be free and needs a side,
    /// a bound may be gone, and a factorisation worn by many changes is made anew.
    fn renew(&mut self) {
        for member in &mut self.active.members {
            member.side = if member.multiplier == 0.0 { member.side } else { Side::of(member.multiplier) };
        }
        let goal = self.goal;
        let is_gone = |member: &Member| !goal.bound(member.constraint, member.side).is_finite();
        while let Some(position) = self.active.members.iter().position(is_gone) {
            self.active.remove(position);
        }
        if self.active.changes() > CHANGES_MAX {
            for member in self.active.clear() {
                // A member that has become dependent is left out; the signs of the others stay right.
                let _ = self.active.append(member, &self.reduction.row(member.constraint));
            }
        }
    }

    /// What the members' values at `x` are short of their bounds.
    fn missing(&self, x: &[f64]) -> Vec<f64> {
        let missing = |member: &Member| {
            self.goal.bound(member.constraint, member.side) - self.reduction.value(member.constraint, x)
        };
        self.active.members.iter().map(missing).collect()
    }

    /// The violated constraint that is farthest away, or the first one once the method has stalled (Bland 1977).
    fn most_violated(&self, x: &[f64], origin: &Origin) -> Option<(usize, Side)> {
        let stalled = self.progress.stalled > STALLED_MAX;
        let mut worst: Option<(f64, usize, Side)> = None;
        for constraint in 0..self.goal.lower.len() {
            let (violation, side) = self.goal.violation(constraint, self.reduction.value(constraint, x));
            if violation <= 0.0 || self.active.holds(constraint) {
                continue;
            }
            let (length, size) = (self.reduction.lengths[constraint], self.reduction.sizes[constraint]);
            let tolerance = self.tolerance(constraint, side) + origin.along * length + origin.at * size;
            let returns = self.progress.taken[constraint].saturating_sub(RETURNS).min(60);
            if violation <= tolerance * (1u64 << returns) as f64 || self.progress.ignored.contains(&constraint) {
                continue;
            }
            let distance = if length > 0.0 { violation / length } else { f64::INFINITY };
            if worst.is_none_or(|(farthest, ..)| distance > farthest) {
                worst = Some((distance, constraint, side));
                if stalled {
                    break;
                }
            }
        }
        worst.map(|(_, constraint, side)| (constraint, side))
    }

    fn tolerance(&self, constraint: usize, side: Side) -> f64 {
        self.settings.feasibility * (1.0 + self.goal.bound(constraint, side).abs())
    }

    /// The largest violation at the centre in multiples of its tolerance; equations are such by construction.
    fn worst(&self) -> f64 {
        let mut worst: f64 = 0.0;
        for constraint in 0..self.goal.lower.len() {
            let (violation, side) = self.goal.violation(constraint, self.reduction.value(constraint, self.centre));
            if violation > 0.0 {
                worst = worst.max(violation / self.tolerance(constraint, side));
            }
        }
        worst
    }

    /// By how much the proximal term keeps the gradient at `x` from balance, relative to the natural cost.
    fn proximal_imbalance(&self, x: &[f64]) -> f64 {
        let pull = |j: usize, proximal: f64| (proximal * (x[j] - self.centre[j]) / self.reduction.natural[j]).abs();
        self.reduction.proximal.iter().enumerate().map(|(j, proximal)| pull(j, *proximal)).fold(0.0, f64::max)
    }

    fn prove_infeasible(&self, ray: &[(usize, f64)]) -> Option<Infeasibility> {
        let question = self.question;
        let n = question.problem.variables();
        let mut gradient = vec![0.0; n];
        for (constraint, rate) in ray {
            self.reduction.add_gradient(*constraint, -rate, &mut gradient);
        }
        let mut multipliers = vec![0.0; question.problem.rows().len()];
        self.reduction.equation_multipliers(&gradient, &mut multipliers);
        for (constraint, rate) in ray {
            if let Some(inequality) = constraint.checked_sub(n) {
                multipliers[self.reduction.inequalities[inequality]] = *rate;
            }
        }
        multipliers.iter_mut().zip(&self.reduction.row_scale).for_each(|(y, scale)| *y *= scale);
        Infeasibility::prove(question.problem.rows(), question.lower, question.upper, &multipliers)
    }

    /// A pass that goes far may go along a ray on which the cost falls for ever.
    fn check_bounded(&self, x: &[f64]) -> Result<(), Stop> {
        let mut way: Vec<f64> = x.iter().zip(self.centre.iter()).map(|(to, from)| to - from).collect();
        let far = largest(&way);
        if far < FAR {
            return Ok(());
        }
        // What is small beside the rest is the way to the ray, not the ray.
        way.iter_mut().for_each(|entry| *entry = if entry.abs() < PART_OF_RAY * far { 0.0 } else { *entry / far });
        let step = self.reduction.step_along_equations(&way);
        let unit = &self.reduction.variable_scale;
        let direction: Vec<f64> =
            way.iter().zip(&step).zip(unit).map(|((entry, step), unit)| (entry + step) * unit).collect();
        let Question { problem, extra, linear, lower, upper } = self.question;
        // A pass ends within the constraints: the ray starts there, in the problem's units.
        let inside = |(j, (value, unit)): (usize, (&f64, &f64))| (value * unit).clamp(lower[j], upper[j]);
        let from: Vec<f64> = x.iter().zip(unit).enumerate().map(inside).collect();
        match Ray::prove(problem, extra, linear, (lower, upper), &from, &direction) {
            Some(ray) => Err(Stop::Unbounded(ray)),
            None => Ok(()),
        }
    }
}

impl Goal {
    pub(crate) fn new(question: &Question<'_>, reduction: &Reduction) -> Self {
        let unit = &reduction.variable_scale;
        let rows = question.problem.rows();
        let row_bounds = |of: fn(&crate::QpRow) -> f64| {
            reduction.inequalities.iter().map(move |row| of(&rows[*row]) * reduction.row_scale[*row])
        };
        let scaled = |values: &[f64]| values.iter().zip(unit).map(|(value, unit)| value / unit).collect::<Vec<f64>>();
        let (mut lower, mut upper) = (scaled(question.lower), scaled(question.upper));
        let open = lower.iter().chain(&upper).any(|bound| bound.is_infinite());
        lower.extend(row_bounds(|row| row.lower));
        upper.extend(row_bounds(|row| row.upper));
        let linear = question.linear.iter().zip(unit).map(|(q, unit)| q * unit * reduction.cost_scale).collect();
        Self { linear, lower, upper, open }
    }

    fn is_fixed(&self, constraint: usize) -> bool {
        self.lower[constraint] == self.upper[constraint]
    }

    fn bound(&self, constraint: usize, side: Side) -> f64 {
        match side {
            Side::Lower => self.lower[constraint],
            Side::Upper => self.upper[constraint],
        }
    }

    /// By how much a constraint is violated at `value`, and on which side; negative if it holds.
    fn violation(&self, constraint: usize, value: f64) -> (f64, Side) {
        let (below, above) = (self.lower[constraint] - value, value - self.upper[constraint]);
        if below >= above { (below, Side::Lower) } else { (above, Side::Upper) }
    }
}

/// At the end a constraint may be violated by so many times its tolerance.
const FINAL: f64 = 100.0;
/// Part of a length that rounding may have added on the way to it.
const ROUNDING: f64 = 1e-15;
/// A pass with less rounding than this that changed nothing needs no other after it.
const QUIET: f64 = 1e-13;
/// A part of a combination this much smaller than the largest is rounding.
const NEGLIGIBLE: f64 = 1e-11;
/// Passes after the one that would do, for accuracy.
const REFINEMENTS: u32 = 2;
/// Removals in a row without progress after which constraints are taken in by number.
const STALLED_MAX: usize = 50;
/// A constraint may be taken in so often before it is suspected.
const RETURNS: u32 = 20;
/// Changes of a working set after which its factorisation is made anew.
const CHANGES_MAX: u32 = 400;
/// A pass this long, in sizes of boxes, may have no end.
const FAR: f64 = 1e3;
/// Parts of a direction that are smaller than this belong to the way to it.
const PART_OF_RAY: f64 = 1e-8;
