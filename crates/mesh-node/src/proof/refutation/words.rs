//! A proof that there is no plan, in words.

use super::{Meeting, Refutation, Witness};

impl Refutation {
    /// A sentence a box: what it states, as far as its prices allow in plain terms.
    pub fn in_words(&self) -> Vec<String> {
        self.witnesses.iter().map(|witness| witness.in_words(&self.meetings)).collect()
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
        if priced.is_empty() {
            return match self.least > 0.0 {
                true => format!("{name} has constraints that exclude each other, whatever the others do"),
                false => format!("{name} has no part in it"),
            };
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
}

/// `bus.habitat.rover[0..3], link[2]`: runs of numbers of one junction are drawn together.
fn places(shown: &[(&Meeting, f64)]) -> String {
    let mut runs: Vec<(&Meeting, usize)> = Vec::new();
    for (meeting, _) in shown {
        match runs.last_mut() {
            Some((first, last)) if first.junction == meeting.junction && *last + 1 == meeting.number => *last += 1,
            _ => runs.push((meeting, meeting.number)),
        }
    }
    let run = |(first, last): &(&Meeting, usize)| match (first.number, *last) {
        (first_number, last) if first_number == last => format!("{}[{last}]", first.junction),
        (first_number, last) => format!("{}[{first_number} to {last}]", first.junction),
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

/// Weights that differ by less are one.
const SAME: f64 = 1e-6;
/// Most places that a sentence names.
const SHOWN_MAX: usize = 6;
