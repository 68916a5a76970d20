//! What is proved: bounds of one version of the dual vector, summed over the tree.
//!
//! Every few rounds the source of each edge claims a flow and a price for it; the claims of one number are a version of
//! the dual vector, whichever rounds of their authors they are from. A member that has the claims on all its edges gives
//! a safe lower bound at these prices, and the cost of a plan that keeps to these flows. The sums of both travel to the
//! root. Any price proves something, so bounds of different versions may be used together: each is of one vector.
//!
//! The plan keeps to the flows, so that what it costs bounds the best from above. Where a member's own constraints leave
//! no way to meet several numbers to the last bit, it is off them by no more than a solver lets a plan be off its rows,
//! and pays for that twice the price. If even that is impossible it has no plan, and neither has the version: no upper
//! bound is made of plans that do not agree.

use super::Settings;
use super::message::{Epoch, Sums, Verdict};
use crate::bound::{cost_rounded_up, lower_bound};
use crate::edge::{self, End};
use crate::rounds::link::Link;
use crate::{QpProblem, QpSolver};
use std::collections::BTreeMap;

/// One member's part of the proof.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    priced: QpSolver,
    repaired: QpSolver,
    /// By how much of its size a plan may be off a flow.
    tolerance: f64,
    /// This member's own numbers by version, and the plan that costs the upper one.
    own: BTreeMap<u64, (Sums, Vec<f64>)>,
    /// The children's sums by version.
    children: BTreeMap<usize, BTreeMap<u64, Sums>>,
    /// Sums over this member and all below it.
    totals: BTreeMap<u64, Sums>,
    verdict: Option<Verdict>,
}

impl Ledger {
    pub(super) fn new(plain: QpSolver, children: &[usize], tolerance: f64) -> Self {
        Self {
            tolerance,
            repaired: plain.clone(),
            priced: plain,
            own: BTreeMap::new(),
            children: children.iter().map(|child| (*child, BTreeMap::new())).collect(),
            totals: BTreeMap::new(),
            verdict: None,
        }
    }

    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The plan of the version that the verdict's upper bound is of.
    pub(super) fn plan(&self) -> Option<&[f64]> {
        let verdict = self.verdict.as_ref()?;
        self.own.get(&verdict.plan).map(|(_, plan)| &plan[..])
    }

    /// The newest version that this member has given its numbers of; nobody above can judge a later one.
    pub(super) fn newest_version(&self) -> u64 {
        self.own.last_key_value().map_or(0, |(version, _)| *version)
    }

    /// Takes a child's sums.
    pub(super) fn hear_sums(&mut self, child: usize, sums: &[Sums]) {
        let Some(known) = self.children.get_mut(&child) else { return };
        for sums in sums {
            known.entry(sums.version).or_insert(*sums);
        }
        keep_newest(known);
    }

    /// Takes the parent's verdict.
    pub(super) fn hear_verdict(&mut self, verdict: Verdict) {
        if self.verdict.is_none_or(|known| known.version < verdict.version) {
            self.verdict = Some(verdict);
        }
    }

    /// Newest sums first, for the parent.
    pub(super) fn newest(&self) -> Vec<Sums> {
        self.totals.values().rev().take(SUMS_SENT).copied().collect()
    }

    /// Evaluates what claims are complete, and adds up what can be added up.
    pub(super) fn step(&mut self, problem: &QpProblem, links: &[Link], epoch: Epoch) {
        if links.is_empty() {
            return;
        }
        let done = self.verdict.map_or(0, |verdict| verdict.version);
        let complete = |version: &&u64| {
            **version > done
                && !self.own.contains_key(*version)
                && links.iter().all(|link| link.claims.get(*version).is_some_and(|claim| claim.epoch == epoch))
        };
        let versions: Vec<u64> = links[0].claims.keys().rev().filter(complete).take(EVALUATIONS_MAX).copied().collect();
        for version in versions {
            let evaluated = self.evaluate(problem, links, version, epoch);
            self.own.insert(version, evaluated);
        }
        self.forget_old_plans();
        for (version, (own, _)) in &self.own {
            if self.totals.contains_key(version) {
                continue;
            }
            let parts: Option<Vec<&Sums>> = self.children.values().map(|sums| sums.get(version)).collect();
            if let Some(parts) = parts {
                self.totals.insert(*version, parts.into_iter().fold(*own, |sum, part| sum.plus(part)));
            }
        }
        keep_newest(&mut self.totals);
    }

    /// At the root: judges the totals that are new.
    pub(super) fn judge(&mut self, settings: &Settings) {
        let done = self.verdict.map_or(0, |verdict| verdict.version);
        let fresh: Vec<Sums> = self.totals.range(done + 1..).map(|(_, sums)| *sums).collect();
        for sums in fresh {
            let before = self.verdict;
            let mut verdict = Verdict {
                version: sums.version,
                plan: sums.version,
                lower: sums.lower,
                upper: sums.upper,
                mismatch: sums.mismatch_squared.sqrt(),
                residual: (sums.residual_squared / sums.scale_squared.max(f64::MIN_POSITIVE)).sqrt(),
                converged: false,
            };
            if let Some(before) = before {
                verdict.lower = verdict.lower.max(before.lower);
                if before.upper < verdict.upper {
                    (verdict.upper, verdict.plan) = (before.upper, before.plan);
                }
            }
            verdict.converged = before.is_some_and(|before| before.converged)
                || (verdict.mismatch <= settings.mismatch_max
                    && verdict.residual <= settings.residual_max
                    && verdict.gap() <= settings.gap_max);
            self.verdict = Some(verdict);
        }
    }

    /// Limits what is kept of the own versions; the plan that the verdict stands on stays, however old it is.
    fn forget_old_plans(&mut self) {
        let kept = self.verdict.map(|verdict| verdict.plan);
        while self.own.len() > VERSIONS_MAX {
            let Some(oldest) = self.own.keys().copied().find(|version| Some(*version) != kept) else { return };
            self.own.remove(&oldest);
        }
    }

    fn evaluate(&mut self, problem: &QpProblem, links: &[Link], version: u64, epoch: Epoch) -> (Sums, Vec<f64>) {
        let (mut linear, mut extra) = (problem.linear().to_vec(), Vec::new());
        let mut sums = Sums {
            epoch,
            version,
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
            mismatch_squared: 0.0,
            residual_squared: 0.0,
            scale_squared: 0.0,
        };
        for link in links {
            let claim = &link.claims[&version];
            for (k, variable) in link.bond.variables.iter().enumerate() {
                let cost = edge::cost_of_price(claim.price[k], link.terminal.end());
                linear[*variable] += cost;
                extra.push((*variable, cost));
                if link.terminal.end() == End::Sink {
                    let away = link.terminal.copies()[k] - claim.flow[k];
                    sums.mismatch_squared += away * away;
                }
            }
            let residuals = link.terminal.residuals(&claim.flow, &claim.price);
            sums.residual_squared += residuals.primal_squared + residuals.dual_squared;
            sums.scale_squared += residuals.scale_squared;
        }
        if let Ok(solution) = self.priced.solve(&linear, problem.lower(), problem.upper()) {
            sums.lower = lower_bound(problem, &extra, &solution.x, &solution.row_multipliers);
        }
        let plan =
            [0.0, self.tolerance].into_iter().find_map(|part| self.keep_to(problem, links, version, &linear, part));
        let Some(plan) = plan else { return (sums, Vec::new()) };
        sums.upper = cost_rounded_up(problem, &plan);
        for (variable, flow, price) in claimed(links, version) {
            sums.upper = (sums.upper + OFF_COSTS * (price * (plan[variable] - flow)).abs()).next_up();
        }
        (sums, plan)
    }

    /// The best plan by the priced cost `linear` that is off no flow by more than this part of its size.
    fn keep_to(
        &mut self,
        problem: &QpProblem,
        links: &[Link],
        version: u64,
        linear: &[f64],
        part: f64,
    ) -> Option<Vec<f64>> {
        let (mut lower, mut upper) = (problem.lower().to_vec(), problem.upper().to_vec());
        for (variable, flow, _) in claimed(links, version) {
            let (least, most) = (lower[variable], upper[variable]);
            let off = part * size(problem, variable, flow);
            (lower[variable], upper[variable]) = ((flow - off).clamp(least, most), (flow + off).clamp(least, most));
        }
        let plan = self.repaired.solve(linear, &lower, &upper).ok()?.x;
        // A flow may be beyond what the variable can be: then the plan does not keep to it.
        let keeps = |(variable, flow, _): (usize, f64, f64)| {
            let most = 2.0 * part * size(problem, variable, flow) + ROUNDING * (1.0 + flow.abs());
            (plan[variable] - flow).abs() <= most
        };
        claimed(links, version).all(keeps).then_some(plan)
    }
}

/// What a distance from a flow is measured by: one plus the flow, or the width of the variable's box if that is less.
fn size(problem: &QpProblem, variable: usize, flow: f64) -> f64 {
    (1.0 + flow.abs()).min(problem.upper()[variable] - problem.lower()[variable])
}

/// Variable, flow and price of every edge, as claimed.
fn claimed(links: &[Link], version: u64) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
    links.iter().flat_map(move |link| {
        let claim = &link.claims[&version];
        let numbers = claim.flow.iter().zip(&claim.price);
        link.bond.variables.iter().zip(numbers).map(|(variable, (flow, price))| (*variable, *flow, *price))
    })
}

/// Limits what is kept of versions.
pub(super) fn keep_newest<T>(versions: &mut BTreeMap<u64, T>) {
    while versions.len() > VERSIONS_MAX {
        versions.pop_first();
    }
}

/// What a plan that keeps to a flow may be off it, relative to one plus the flow.
const ROUNDING: f64 = 1e-12;
/// What a unit of distance from a flow costs, in prices.
const OFF_COSTS: f64 = 2.0;
/// Most versions that are kept.
const VERSIONS_MAX: usize = 64;
/// Versions whose sums a frame holds.
pub(super) const SUMS_SENT: usize = 3;
/// Versions that are evaluated in one round.
const EVALUATIONS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// A root that is told these sums and nothing else, four members' worth of scale.
    fn judged(change: impl Fn(&mut Sums)) -> Verdict {
        let problem =
            QpProblem::new(&[(0, 0, 1.0)], vec![0.0], 0.0, Vec::new(), vec![-1.0], vec![1.0]).expect("formed");
        let solver = QpSolver::new(&problem, &[0.0], crate::Settings::default()).expect("curved");
        let mut ledger = Ledger::new(solver, &[], 1e-8);
        let mut sums = Sums {
            epoch: Epoch::default(),
            version: 1,
            lower: 1.0,
            upper: 1.00005,
            mismatch_squared: 1e-10,
            residual_squared: 1e-8,
            scale_squared: 4.0,
        };
        change(&mut sums);
        ledger.totals.insert(1, sums);
        ledger.judge(&Settings::default());
        *ledger.verdict().expect("there was something to judge")
    }

    #[test]
    fn converged_is_what_meets_every_limit() {
        assert!(judged(|_| {}).converged);
        for spoil in [
            |sums: &mut Sums| sums.mismatch_squared = 1e-6,
            |sums: &mut Sums| sums.residual_squared = 1e-4,
            |sums: &mut Sums| sums.lower = 0.999,
            |sums: &mut Sums| sums.lower = 1.00009,
            |sums: &mut Sums| sums.lower = f64::NEG_INFINITY,
            |sums: &mut Sums| sums.upper = f64::INFINITY,
        ] {
            let verdict = judged(spoil);
            assert!(!verdict.converged, "{verdict:?}");
        }
    }
}
