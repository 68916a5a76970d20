//! A point between bounds with the slack and the multiplier of each, and how far along a step it may go.

use crate::dense::add_scaled;

/// A point between the bounds, with its multipliers.
#[derive(Debug, Clone)]
pub(crate) struct Iterate {
    pub(crate) w: Vec<f64>,
    /// The sides of each row.
    pub(crate) below: Vec<Side>,
    pub(crate) above: Vec<Side>,
}

/// The distance to one bound and its multiplier; one and zero where there is no bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub(crate) slack: f64,
    pub(crate) multiplier: f64,
    pub(crate) exists: bool,
}

/// A Newton step of an iterate: for each side the changes of slack and multiplier.
pub(crate) struct Step {
    pub(crate) w: Vec<f64>,
    pub(crate) below: Vec<(f64, f64)>,
    pub(crate) above: Vec<(f64, f64)>,
}

impl Iterate {
    /// Goes along `step` as far as slacks and multipliers stay positive, and says whether that was the whole way.
    pub(crate) fn advance(&mut self, step: &Step) -> bool {
        let (mut primal, mut dual) = (1.0f64, 1.0f64);
        let sides = self.below.iter().chain(&self.above).zip(step.below.iter().chain(&step.above));
        for (side, (slack, multiplier)) in sides.filter(|(side, _)| side.exists) {
            primal = if *slack < 0.0 { primal.min(BOUNDARY * side.slack / -slack) } else { primal };
            dual = if *multiplier < 0.0 { dual.min(BOUNDARY * side.multiplier / -multiplier) } else { dual };
        }
        add_scaled(&mut self.w, primal, &step.w);
        let sides = self.below.iter_mut().chain(&mut self.above).zip(step.below.iter().chain(&step.above));
        for (side, (slack, multiplier)) in sides.filter(|(side, _)| side.exists) {
            side.slack += primal * slack;
            side.multiplier += dual * multiplier;
        }
        primal == 1.0 && dual == 1.0
    }
}

impl Side {
    /// No bound.
    pub(crate) const NONE: Self = Self { slack: 1.0, multiplier: 0.0, exists: false };

    pub(crate) fn inverse(&self) -> f64 {
        if self.exists { 1.0 / self.slack } else { 0.0 }
    }

    /// The force of the bound after a step that leaves the distance as it is.
    pub(crate) fn push(&self, mu: f64, missed: f64) -> f64 {
        if self.exists { (mu - self.multiplier * missed) / self.slack } else { 0.0 }
    }

    /// Changes of slack and multiplier if the distance grows by `moved`.
    pub(crate) fn step(&self, mu: f64, moved: f64, missed: f64) -> (f64, f64) {
        if !self.exists {
            return (0.0, 0.0);
        }
        let slack = moved + missed;
        (slack, (mu - self.slack * self.multiplier - self.multiplier * slack) / self.slack)
    }

    /// Whether slack and multiplier are at a centre for `mu`, and the slack is the distance.
    pub(crate) fn is_near(&self, mu: f64, distance: f64) -> bool {
        !self.exists
            || ((self.slack * self.multiplier - mu).abs() <= CENTRED * mu
                && (distance - self.slack).abs() <= MISSED * self.slack)
    }
}

/// Part of the way to the nearest bound that a step may go.
const BOUNDARY: f64 = 0.99;
/// How near to the centre is near enough, in parts of mu.
pub(crate) const CENTRED: f64 = 0.1;
/// Part of a slack by which it may differ from the distance it stands for.
const MISSED: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_before_the_first_bound() {
        let side = Side { slack: 1.0, multiplier: 1.0, exists: true };
        let mut iterate = Iterate { w: vec![0.0], below: vec![side], above: vec![Side::NONE] };
        let step = |slack: f64| Step { w: vec![slack], below: vec![(slack, 0.0)], above: vec![(-9.0, -9.0)] };
        assert!(iterate.advance(&step(-0.5)));
        assert_eq!((iterate.w[0], iterate.below[0].slack), (-0.5, 0.5));
        assert!(!iterate.advance(&step(-2.0)));
        assert!(iterate.below[0].slack > 0.0 && iterate.below[0].slack < 0.01, "{iterate:?}");
        assert_eq!(iterate.above[0].slack, 1.0, "what does not exist stays");
    }
}
