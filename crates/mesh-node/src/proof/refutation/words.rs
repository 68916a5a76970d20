//! A proof that there is no plan, in words.

use super::{Meeting, Refutation, Witness};
use mesh_model::problem::LocalProblem;
use mesh_model::{Diagram, diagram::DiagramBox};
use mesh_solver::{QpError, QpProblem, QpSolver, Settings};

impl Refutation {
    /// A sentence a box: what it states, as far as its prices allow in plain terms.
    pub fn in_words(&self) -> Vec<String> {
        self.witnesses.iter().map(|witness| witness.in_words(&self.meetings)).collect()
    }

    /// The same for whoever has the problems: where a box contradicts itself, the rows that do are named.
    pub fn in_words_with(&self, diagram: &Diagram) -> Vec<String> {
        let flat = diagram.flattened().ok();
        let rows = |witness: &Witness| {
            let of = flat.as_ref()?.boxes.get(&witness.name).and_then(DiagramBox::problem)?;
            contradiction(&of.problem)
        };
        let sentence = |witness: &Witness| {
            let sentence = witness.in_words(&self.meetings);
            match rows(witness).filter(|_| witness.contradicts_itself()) {
                Some(rows) => format!("{sentence}: {rows} cannot hold together"),
                None => sentence,
            }
        };
        self.witnesses.iter().map(sentence).collect()
    }
}

/// The rows of a problem that exclude each other, if some do.
fn contradiction(problem: &LocalProblem) -> Option<String> {
    let qp = QpProblem::from_local(problem).ok()?;
    let solver = QpSolver::new(&qp, &vec![0.0; qp.variables()], Settings::default());
    let Err(QpError::Infeasible(proof)) = solver.and_then(|mut solver| solver.solve_as_given()) else { return None };
    let weights = problem.rows.iter().zip(&proof.row_multipliers);
    let named = weights.filter(|(_, weight)| weight.abs() > SMALL).map(|(row, _)| numbered(&row.name));
    Some(runs(&named.collect::<Vec<_>>()))
}

/// `reserve[7]` as its first part and its number.
fn numbered(name: &str) -> (&str, Option<usize>) {
    let parts = name.strip_suffix(']').and_then(|name| name.rsplit_once('['));
    match parts.and_then(|(first, number)| Some((first, number.parse().ok()?))) {
        Some((first, number)) => (first, Some(number)),
        None => (name, None),
    }
}

impl Witness {
    fn in_words(&self, meetings: &[Meeting]) -> String {
        let name = if self.name.is_empty() { "the box" } else { self.name.as_str() };
        let priced: Vec<(&Meeting, f64)> = self
            .at
            .iter()
            .zip(&self.prices)
            .filter_map(|(at, price)| Some((meetings.get(*at)?, *price)))
            .filter(|(_, price)| *price != 0.0)
            .collect();
        let size = priced.iter().map(|(_, price)| price.abs()).fold(0.0, f64::max);
        if self.contradicts_itself() {
            return format!("{name} has constraints that exclude each other, whatever the others do");
        }
        if priced.is_empty() {
            return format!("{name} has no part in it");
        }
        // Weights that are hardly there would hide those that count.
        let shown: Vec<(&Meeting, f64)> = priced.iter().map(|(at, price)| (*at, price / size)).collect();
        let same = shown.iter().all(|(_, weight)| (weight - shown[0].1).abs() < SAME);
        let worth = self.least / size;
        let (sum, limit) = match (same, shown[0].1 < 0.0) {
            (true, false) => (places(&shown), format!("at least {}", figure(worth))),
            (true, true) => (places(&shown), format!("at most {}", figure(-worth))),
            (false, _) => (weighted(&shown), format!("at least {}", figure(worth))),
        };
        let together = if shown.len() > 1 && same { " together" } else { "" };
        format!("{name}: {sum}{together} {limit}")
    }

    /// Whether it proves by itself that there is no plan.
    fn contradicts_itself(&self) -> bool {
        self.least > 0.0 && self.prices.iter().all(|price| *price == 0.0)
    }
}

/// `bus.habitat.rover[0 to 3] + link[2]`.
fn places(shown: &[(&Meeting, f64)]) -> String {
    let named = shown.iter().map(|(meeting, _)| (meeting.junction.as_str(), Some(meeting.number)));
    runs(&named.collect::<Vec<_>>())
}

/// Names with numbers, those that follow each other drawn together.
fn runs(names: &[(&str, Option<usize>)]) -> String {
    let mut runs: Vec<(&str, Option<usize>, Option<usize>)> = Vec::new();
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    for (name, number) in sorted {
        match runs.last_mut() {
            Some((first, _, last)) if *first == name && last.is_some() && last.map(|last| last + 1) == number => {
                *last = number;
            }
            _ => runs.push((name, number, number)),
        }
    }
    let run = |(name, first, last): &(&str, Option<usize>, Option<usize>)| match (first, last) {
        (Some(first), Some(last)) if first == last => format!("{name}[{first}]"),
        (Some(first), Some(last)) => format!("{name}[{first} to {last}]"),
        _ => (*name).to_owned(),
    };
    let told: Vec<String> = runs.iter().take(SHOWN_MAX).map(run).collect();
    let more = if runs.len() > SHOWN_MAX { format!(" and {} more", runs.len() - SHOWN_MAX) } else { String::new() };
    told.join(" + ") + &more
}

/// `0.5 link[2] - link[3]`, the largest weights only.
fn weighted(shown: &[(&Meeting, f64)]) -> String {
    let mut largest: Vec<&(&Meeting, f64)> = shown.iter().collect();
    largest.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    largest.truncate(SHOWN_MAX);
    let mut told = String::new();
    for (meeting, weight) in shown.iter().filter(|entry| largest.contains(entry)) {
        let sign = match (told.is_empty(), *weight < 0.0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        told = format!("{told}{sign}{} {}[{}]", figure(weight.abs()), meeting.junction, meeting.number);
    }
    if shown.len() > SHOWN_MAX {
        told = format!("{told} and {} smaller ones", shown.len() - SHOWN_MAX);
    }
    told
}

/// Four digits are enough to see who lacks what; the file has all of them.
fn figure(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Rows of less weight, in parts of the heaviest, hardly matter.
const SMALL: f64 = 1e-3;
/// Weights that differ by less are one.
const SAME: f64 = 1e-6;
/// Most places that a sentence names.
const SHOWN_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_drawn_together() {
        let named = ["b[2]", "a[0]", "b[3]", "leg", "b[5]", "a[1]"].map(numbered);
        assert_eq!(runs(&named), "a[0 to 1] + b[2 to 3] + b[5] + leg");
        assert_eq!(numbered("leg[x]"), ("leg[x]", None));
    }

    #[test]
    fn figures_have_as_many_digits_as_they_need() {
        assert_eq!([5.0, -0.00001, 0.25, 12.345678].map(figure), ["5", "0", "0.25", "12.3457"]);
    }
}
