//! Reflected states as they are sent: whole, or as small steps from what the reader is known to have.
//!
//! ```text
//! author   d = q - said(base)      base: its newest frame that the reader says it has
//!          sent: d in 2^15 steps of the largest, and base;   said(now) = said(base) + steps * scale
//! reader   heard(now) = heard(base) + steps * scale          the same roundings, hence said = heard, bit for bit
//! ```
//!
//! What rounding leaves out is part of the next difference, because that is taken from what was really said: the error
//! is fed back and shrinks with the steps. A lost frame does no harm, for nobody builds on it. Where the reader is not
//! known to have anything recent the numbers are whole.

use super::error::PeerError;
use super::message::Words;
use std::collections::BTreeMap;

/// What one author said to one reader lately, by sequence.
#[derive(Debug, Clone, Default)]
pub(super) struct Spoken(BTreeMap<u64, Vec<f64>>);

impl Spoken {
    /// At the author: `exact` as it will be sent in frame `sequence` to a reader who has frame `base`, and as it will
    /// be understood.
    pub(super) fn say(&mut self, sequence: u64, base: u64, exact: &[f64]) -> (Words, Vec<f64>) {
        if exact.is_empty() {
            return (Words::Nothing, Vec::new());
        }
        let recent = sequence.saturating_sub(base) <= FRAMES_KEPT;
        let steps = self.0.get(&base).filter(|_| recent).and_then(|from| steps_to(base, from, exact));
        let (words, understood) = steps.unwrap_or_else(|| (Words::Whole(exact.to_vec()), exact.to_vec()));
        self.keep(sequence, understood.clone());
        (words, understood)
    }

    /// At the reader: what the words of frame `sequence` mean. Nothing is kept.
    pub(super) fn understand(&self, author: usize, sequence: u64, words: &Words) -> Result<Vec<f64>, PeerError> {
        match words {
            Words::Nothing => Ok(Vec::new()),
            Words::Whole(numbers) => Ok(numbers.clone()),
            Words::Steps { base, scale, steps } => {
                let known = self.0.get(base).filter(|_| *base < sequence);
                let from = known.ok_or(PeerError::UnknownBase { author, base: *base })?;
                match steps.len() == from.len() {
                    true => Ok(apply(from, *scale, steps)),
                    false => Err(PeerError::Dimension { author, length: steps.len(), expected: from.len() }),
                }
            }
        }
    }

    /// Keeps what a frame meant, as long as others may build on it.
    pub(super) fn keep(&mut self, sequence: u64, understood: Vec<f64>) {
        if !understood.is_empty() {
            self.0.insert(sequence, understood);
        }
        self.0 = self.0.split_off(&sequence.saturating_sub(FRAMES_KEPT));
    }
}

fn steps_to(base: u64, from: &[f64], exact: &[f64]) -> Option<(Words, Vec<f64>)> {
    if from.len() != exact.len() {
        return None;
    }
    let away = exact.iter().zip(from).map(|(q, from)| q - from);
    let most = away.clone().fold(0.0, |most: f64, away| most.max(away.abs()));
    let scale = most / f64::from(STEPS_MAX);
    // A scale so small that it has lost digits says nothing any more.
    if !scale.is_finite() || (most > 0.0 && scale < f64::MIN_POSITIVE) {
        return None;
    }
    let steps: Vec<i16> = away.map(|away| if scale > 0.0 { (away / scale).round() as i16 } else { 0 }).collect();
    let understood = apply(from, scale, &steps);
    Some((Words::Steps { base, scale, steps }, understood))
}

fn apply(from: &[f64], scale: f64, steps: &[i16]) -> Vec<f64> {
    from.iter().zip(steps).map(|(from, step)| from + scale * f64::from(*step)).collect()
}

/// Frames on which later ones may build.
pub(super) const FRAMES_KEPT: u64 = 64;
const STEPS_MAX: i16 = i16::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_have_the_same_bits_and_errors_shrink_with_the_steps() {
        let (mut author, mut reader) = (Spoken::default(), Spoken::default());
        let (mut heard, mut shrinking) = (0, 1.0);
        for sequence in 1..200_u64 {
            shrinking *= 0.9;
            let exact = [1.0 + shrinking, -3.0 - 0.3 * shrinking, 1e-9];
            let base = heard;
            let (words, understood) = author.say(sequence, base, &exact);
            // Every third frame is lost, and what arrives is known two frames later only.
            if sequence % 3 != 0 {
                let meant = reader.understand(0, sequence, &words).expect("an honest author");
                assert_eq!(meant, understood);
                reader.keep(sequence, meant);
                heard = sequence.saturating_sub(2);
                heard = heard.saturating_sub(u64::from(heard % 3 == 0));
            }
            let off = exact.iter().zip(&understood).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off <= 1e-4 * shrinking, "{sequence}: {off}");
            assert_eq!(matches!(words, Words::Steps { .. }), base > 0, "{sequence}: {words:?}");
        }
    }

    #[test]
    fn what_nobody_said_is_no_base() {
        let mut reader = Spoken::default();
        reader.keep(5, vec![1.0, 2.0]);
        let check =
            |base, steps: &[i16]| reader.understand(3, 9, &Words::Steps { base, scale: 0.5, steps: steps.to_vec() });
        assert_eq!(check(5, &[2, -2]), Ok(vec![2.0, 1.0]));
        assert_eq!(check(4, &[2, -2]), Err(PeerError::UnknownBase { author: 3, base: 4 }));
        assert_eq!(check(5, &[2]), Err(PeerError::Dimension { author: 3, length: 1, expected: 2 }));
        assert_eq!(check(12, &[2, 2]), Err(PeerError::UnknownBase { author: 3, base: 12 }));
    }
}
