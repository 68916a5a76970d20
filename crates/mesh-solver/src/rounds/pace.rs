//! When all begin a stretch of Halpern's steps anew: at one round, which the root names.
//!
//! ```text
//! each round    own residual of the round before, if no frame was missed  + children's reports  -> report to the parent
//! at the root   residual of all fell, or got stuck, or the stretch is long -> point n + 1 at a round that all hear of first
//! at that round every end of every edge drops its anchor
//! ```
//!
//! The step is an edge's own, the restart is not: edges that begin anew one by one take longer than plain steps do. Nor are
//! Halpern's steps for links that lose: who misses a frame reports nothing, the root falls silent about newer rounds, and
//! after a few of these everybody is back at the plain step, which has its theorem there. Members whose rounds do not go
//! in step, so that a frame is not of the round before, are no different from such as miss frames.
//!
//! A stretch in which a round is missing is over for all: the next point is round 0, at which nobody begins.

use super::message::{Pace, Report};
use std::collections::BTreeMap;

/// What one member knows of the common stretch.
#[derive(Debug, Clone)]
pub(super) struct Pacer {
    /// Own residuals, squared, by round.
    own: BTreeMap<u64, f64>,
    children: BTreeMap<usize, BTreeMap<u64, Report>>,
    pace: Pace,
    /// The newest point that weights were looked at for.
    looked_at: u32,
    conductor: Conductor,
}

/// What the root remembers of the stretch.
#[derive(Debug, Clone)]
struct Conductor {
    /// Rounds in a row that are complete.
    steady: u64,
    /// How many of these it takes for a point; the more, the oftener stretches were broken off.
    steady_least: u64,
    /// Residual at the point, and of the round before this one.
    begun: Option<f64>,
    before: f64,
}

impl Pacer {
    pub(super) fn new(children: &[usize]) -> Self {
        Self {
            own: BTreeMap::new(),
            children: children.iter().map(|child| (*child, BTreeMap::new())).collect(),
            pace: Pace::default(),
            looked_at: 0,
            conductor: Conductor { steady: 0, steady_least: STEADY_ROUNDS, begun: None, before: 0.0 },
        }
    }

    /// Takes this member's own residual of a round in which it missed nothing.
    pub(super) fn observe(&mut self, round: u64, residual_squared: f64) {
        self.own.insert(round, residual_squared);
        keep_few(&mut self.own);
    }

    /// Takes a child's report.
    pub(super) fn hear_report(&mut self, child: usize, report: Report) {
        let Some(known) = self.children.get_mut(&child) else { return };
        known.entry(report.round).or_insert(report);
        keep_few(known);
    }

    /// Takes what the parent passes on.
    pub(super) fn hear_pace(&mut self, pace: Pace) {
        self.pace = self.pace.max(pace);
    }

    /// The newest round of which this member and all below it have reported, unless that is long ago.
    pub(super) fn report(&self, now: u64) -> Option<Report> {
        self.own.range(now.saturating_sub(LIVE_ROUNDS)..).rev().find_map(|(round, own)| {
            let mut sum = Report { round: *round, height: 0, residual_squared: *own };
            for reports in self.children.values() {
                let report = reports.get(round)?;
                sum.height = sum.height.max(report.height.saturating_add(1));
                sum.residual_squared += report.residual_squared;
            }
            Some(sum)
        })
    }

    /// What to tell the children, while it is news of not long before `round`.
    pub(super) fn news(&self, round: u64) -> Option<Pace> {
        (self.pace.point > 0 && self.is_recent(round)).then_some(self.pace)
    }

    fn is_recent(&self, round: u64) -> bool {
        round.saturating_sub(self.pace.complete) <= LIVE_ROUNDS
    }

    /// Whether a stretch is begun in `round`.
    pub(super) fn begins(&self, round: u64) -> bool {
        self.pace.point > 0 && self.pace.at == round
    }

    /// Whether there is a stretch, and the root still heard of all not long before `round`.
    pub(super) fn is_live(&self, round: u64) -> bool {
        self.pace.at > 0 && self.is_recent(round)
    }

    /// Whether a point is ahead that weights were not looked at for; says so once.
    pub(super) fn is_time_to_reweigh(&mut self, round: u64) -> bool {
        let is_new = self.pace.point > self.looked_at && round < self.pace.at;
        self.looked_at = self.looked_at.max(self.pace.point);
        is_new
    }

    /// At the root: names a point where it is time for one.
    pub(super) fn conduct(&mut self, round: u64) {
        let Some(report) = self.report(round).filter(|report| report.round > self.pace.complete) else { return };
        // Frames of other weights are not taken in, so what ends before a point is not complete.
        if report.round.saturating_add(1) < self.pace.at {
            return;
        }
        let conductor = &mut self.conductor;
        let in_a_row = report.round == self.pace.complete + 1;
        conductor.steady = if in_a_row { conductor.steady + 1 } else { 1 };
        let is_first = self.pace.at > 0 && report.round + 1 == self.pace.at;
        let is_broken = self.pace.at > 0 && !is_first && (!in_a_row || conductor.begun.is_none());
        if is_broken {
            conductor.begun = None;
            conductor.steady_least = (2 * conductor.steady_least).clamp(BROKEN_ROUNDS, STEADY_ROUNDS_MAX);
            (self.pace.point, self.pace.at) = (self.pace.point.saturating_add(1), 0);
        }
        self.pace.complete = report.round;
        let residual = report.residual_squared.sqrt();
        let due = match conductor.begun {
            _ if is_first => {
                conductor.begun = Some(residual);
                false
            }
            Some(begun) => {
                let steps = (report.round + 1 - self.pace.at) as f64;
                residual <= FALLEN * begun
                    || (residual <= STUCK * begun && residual > conductor.before)
                    || steps >= LONG * report.round as f64
            }
            None => conductor.steady >= conductor.steady_least,
        };
        conductor.before = residual;
        if due {
            conductor.begun = None;
            conductor.steady = 0;
            self.pace.point = self.pace.point.saturating_add(1);
            self.pace.at = round + u64::from(report.height) + REWEIGH_ROUNDS;
        }
    }
}

fn keep_few<T>(by_round: &mut BTreeMap<u64, T>) {
    while by_round.len() > ROUNDS_KEPT {
        by_round.pop_first();
    }
}

/// A stretch ends when the residual has fallen to this part of what it was, ..
const FALLEN: f64 = 0.6;
/// .. or to this part and rises again, ..
const STUCK: f64 = 0.8;
/// .. or when this part of all rounds was spent on it.
const LONG: f64 = 0.36;
/// Complete rounds in a row before the first point, ..
const STEADY_ROUNDS: u64 = 2;
/// .. and after a stretch that was broken off by something missed; each further one doubles them. Halpern's steps are
/// worth it in long stretches only.
const BROKEN_ROUNDS: u64 = 64;
const STEADY_ROUNDS_MAX: u64 = 512;
/// Rounds from the offer of other weights until both ends take in what was said under them.
const REWEIGH_ROUNDS: u64 = 3;
/// Rounds without news of a complete round after which steps are plain again.
const LIVE_ROUNDS: u64 = 16;
/// Rounds of which reports are kept: as many as the tree is high at most, for points to be named.
const ROUNDS_KEPT: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// The root of a tree of two, each with the same residual; what is missed by the child is not reported.
    fn points(residual: impl Fn(u64) -> f64, is_missed: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut root = Pacer::new(&[1]);
        let mut points = Vec::new();
        for round in 1..=100 {
            if round > 1 {
                root.observe(round - 1, residual(round - 1));
            }
            if round > 2 && !is_missed(round - 2) {
                root.hear_report(1, Report { round: round - 2, height: 0, residual_squared: residual(round - 2) });
            }
            root.conduct(round);
            if points.last() != Some(&root.pace.at) && root.pace.point > 0 {
                points.push(root.pace.at);
            }
        }
        points
    }

    #[test]
    fn begins_anew_when_the_residual_fell_far_enough() {
        let halved_every_ten = points(|round| 1.0 / (1_u64 << (2 * (round / 10))) as f64, |_| false);
        let after: Vec<u64> = halved_every_ten.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(halved_every_ten.len() >= 5 && after.iter().skip(1).all(|rounds| *rounds >= 5), "{halved_every_ten:?}");
        // Where nothing falls a stretch still ends, later and later.
        let stuck = points(|_| 1.0, |_| false);
        assert!((3..12).contains(&stuck.len()), "{stuck:?}");
    }

    #[test]
    fn names_no_point_while_frames_are_missed() {
        assert_eq!(points(|_| 1.0, |round| round % 2 == 0), Vec::<u64>::new());
        let lost_later = points(|_| 1.0, |round| round > 10 && round % 2 == 0);
        assert!(lost_later.iter().all(|at| *at < 20), "{lost_later:?}");
    }

    #[test]
    fn is_not_live_long_after_the_last_news() {
        let mut member = Pacer::new(&[]);
        assert!(!member.is_live(1));
        member.hear_pace(Pace { point: 1, complete: 10, at: 16 });
        assert!(member.is_live(16) && member.begins(16) && !member.begins(17));
        assert!(member.is_time_to_reweigh(13) && !member.is_time_to_reweigh(14));
        assert!(!member.is_live(60));
        member.hear_pace(Pace { point: 1, complete: 8, at: 16 });
        assert_eq!(member.pace.complete, 10);
    }
}
