//! How fast the weight of the logarithms shrinks, and where to return to when it was too fast.
//!
//! The length of Newton's step says how near the findings are to the path of centres. Near it, the weight shrinks; far from
//! it, it stays; and if that does not help, the step is taken again from the last point near the path, with a smaller
//! change of the weight, which always ends near it. Before there is such a point, prices alone are moved, by a damped step
//! of the dual that cannot fail.

use super::newton::Models;

/// The course so far.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// What is left of the weight after a good step, as fast as is allowed, and at present.
    fastest: f64,
    shrink: f64,
    /// The newest findings near the path.
    near: Option<(f64, Models)>,
    /// Length of the last step and how many did not get shorter in a row.
    length: f64,
    worse: u32,
    /// Whether steps of the prices are damped.
    pub(crate) damped: bool,
    /// Returns in a row without a point near the path in between.
    returns: u32,
    /// Steps in a row that led nowhere, at a weight that does not shrink.
    still: u32,
}

impl Pace {
    /// At the start of a run.
    pub(crate) fn new(shrink: f64) -> Self {
        let length = f64::INFINITY;
        Self { fastest: shrink, shrink, near: None, length, worse: 0, damped: false, returns: 0, still: 0 }
    }

    /// The weight of the next trial point after a step of this length at `mu`, which is to be `least` at least, and the
    /// findings to go there from if they are not the newest.
    pub(crate) fn steer(&mut self, models: &Models, length: f64, mu: f64, least: f64) -> (f64, Option<Models>) {
        let (next, back) = self.wanted(models, length, mu);
        let next = next.max(least.min(mu));
        let rests = back.is_none() && length <= STILL && next >= STILL_WEIGHT * mu;
        self.still = if rests { self.still + 1 } else { 0 };
        (next, back)
    }

    /// Whether the end of the path has been reached, and nothing more is to come.
    pub(crate) fn is_over(&self) -> bool {
        self.still >= STILL_MAX
    }

    fn wanted(&mut self, models: &Models, length: f64, mu: f64) -> (f64, Option<Models>) {
        let shorter = length < SHORTER * self.length;
        let last = std::mem::replace(&mut self.length, length);
        if length <= NEAR {
            self.near = Some((mu, models.clone()));
            self.damped = false;
            self.worse = 0;
            self.shrink = if self.returns == 0 { (self.shrink * self.shrink).max(self.fastest) } else { self.shrink };
            self.returns = 0;
            return (mu * self.shrink, None);
        }
        if self.damped {
            return (mu, None);
        }
        if length <= AROUND && last.is_finite() {
            return (mu * self.shrink.sqrt(), None);
        }
        self.worse = if shorter { 0 } else { self.worse + 1 };
        if self.worse < WORSE_MAX && length.is_finite() {
            return (mu, None);
        }
        self.worse = 0;
        self.length = f64::INFINITY;
        match &self.near {
            Some((near, models)) => {
                self.returns += 1;
                self.shrink = self.shrink.sqrt();
                (near * self.shrink, Some(models.clone()))
            }
            None => {
                self.damped = true;
                (mu, None)
            }
        }
    }
}

/// Steps up to this length, in units of the square root of mu, are near the path of centres.
const NEAR: f64 = 3.0;
/// Up to this length mu shrinks less.
const AROUND: f64 = 10.0;
/// A step that is not this part of the last one is no progress.
const SHORTER: f64 = 0.7;
/// So many steps without progress in a row are allowed.
const WORSE_MAX: u32 = 3;
/// A step of this length leads nowhere.
const STILL: f64 = 0.1;
/// A weight of which this part is left has not shrunk.
const STILL_WEIGHT: f64 = 0.9;
/// After so many steps that lead nowhere there is nothing more to come.
const STILL_MAX: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Models {
        Models { at: Vec::new(), parts: Vec::new() }
    }

    #[test]
    fn it_slows_down_after_a_return_and_takes_up_speed_again() {
        let mut pace = Pace::new(0.1);
        assert_eq!(pace.steer(&nothing(), 1.0, 1.0, 0.0).0, 0.1);
        // Three steps without progress end where the path was left, with less of a change.
        let mut back = None;
        for _ in 0..3 {
            assert!(back.is_none());
            let (mu, models) = pace.steer(&nothing(), 50.0, 0.1, 0.0);
            back = models.map(|_| mu);
        }
        let slower = 0.1f64.sqrt();
        assert_eq!(back, Some(slower));
        assert_eq!(pace.steer(&nothing(), 1.0, slower, 0.0).0, slower * slower);
        assert!((pace.steer(&nothing(), 1.0, 1.0, 0.0).0 - 0.1).abs() < 1e-12, "as fast as at first");
    }

    #[test]
    fn without_a_point_near_the_path_prices_are_damped() {
        let mut pace = Pace::new(0.1);
        for _ in 0..4 {
            assert!(!pace.damped);
            assert_eq!(pace.steer(&nothing(), 50.0, 1.0, 0.0).0, 1.0);
        }
        assert!(pace.damped);
    }

    #[test]
    fn the_end_of_the_path_is_noticed() {
        let mut pace = Pace::new(0.1);
        for _ in 0..6 {
            assert!(!pace.is_over());
            assert_eq!(pace.steer(&nothing(), 1e-3, 1.0, 2.0).0, 1.0);
        }
        assert!(pace.is_over());
    }
}
