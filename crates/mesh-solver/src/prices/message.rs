//! What goes over the edges of the tree: coarse changes of prices downwards, of sums upwards.
//!
//! Both ends of an edge hold the same vector and apply the same changes to it, so what one change leaves out the next
//! one carries. A change is a [`Scale`] and a small whole number an entry; as the search closes in the changes shrink
//! and the vectors become exact. Numbers of a certificate are rounded to the safe side when they are made shorter.
//!
//! ```text
//! prices  evaluation and whether a certificate is wanted (1), scale (2), levels (bits each)
//! sums    the same, and with a certificate: lower bound (8), slack (4), drift (4)
//! ```

use super::node::PeerError;
use super::responder::Bounds;

/// A change of all prices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prices {
    /// Which evaluation this opens, modulo [`EVALUATIONS_MODULO`].
    pub evaluation: u8,
    /// Whether the answer is to carry bounds.
    pub certify: bool,
    /// The change.
    pub change: Change,
}

/// A change of a subtree's sums.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sums {
    /// The evaluation that this answers.
    pub evaluation: u8,
    /// The change.
    pub change: Change,
    /// What the subtree proves about its cost, if it was asked.
    pub bounds: Option<ShortBounds>,
}

/// Bounds as they are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShortBounds {
    /// See [`Bounds::lower`].
    pub lower: f64,
    /// See [`Bounds::slack`].
    pub slack: f32,
    /// See [`Bounds::drift`].
    pub drift: f32,
}

/// A vector in whole steps of a scale.
#[derive(Debug, PartialEq, Default)]
pub struct Change {
    /// One step.
    pub scale: Scale,
    /// Steps, one an entry.
    pub levels: Vec<i16>,
}

/// A step: the first 16 bits of a positive double, sign and exponent and four bits of the fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scale(pub u16);

impl Scale {
    /// The smallest scale that is not below `value`, which is positive or zero.
    pub fn at_least(value: f64) -> Self {
        let bits = value.to_bits();
        let cut = (bits >> 48) as u16;
        Self(if bits << 16 == 0 { cut } else { cut + 1 })
    }

    /// The step.
    pub fn value(self) -> f64 {
        f64::from_bits(u64::from(self.0) << 48)
    }
}

impl Clone for Change {
    fn clone(&self) -> Self {
        Self { scale: self.scale, levels: self.levels.clone() }
    }

    // Keeps the room that is there: a change is passed on by every node at every evaluation.
    fn clone_from(&mut self, source: &Self) {
        self.scale = source.scale;
        self.levels.clone_from(&source.levels);
    }
}

impl Change {
    /// Makes this the change that brings `known` as near to `wanted` as `bits` allow, and applies it to `known`.
    pub(super) fn towards(&mut self, wanted: &[f64], known: &mut [f64], bits: u8) {
        let levels_max = levels_max(bits);
        let mut most = 0.0;
        for (wanted, known) in wanted.iter().zip(known.iter()) {
            let away = (wanted - known).abs();
            most = if away > most { away } else { most };
        }
        self.scale = Scale::at_least((most / levels_max).min(SCALE_MAX));
        let step = self.scale.value();
        let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        self.levels.resize(wanted.len(), 0);
        for ((wanted, known), level) in wanted.iter().zip(known.iter_mut()).zip(&mut self.levels) {
            let wish = ((wanted - *known) * inverse).max(-levels_max).min(levels_max);
            // Adding and taking away 1.5 * 2^52 rounds to the nearest whole number.
            let whole = (wish + ROUNDER) - ROUNDER;
            *known += whole * step;
            *level = whole as i16;
        }
    }

    /// Applies the change to the receiver's copy.
    pub(super) fn apply(&self, known: &mut [f64]) {
        let step = self.scale.value();
        for (known, level) in known.iter_mut().zip(&self.levels) {
            *known += f64::from(*level) * step;
        }
    }

    /// Refuses what does not fit `known` or takes it beyond `limit`.
    pub(super) fn check(&self, known: &[f64], limit: f64, bits: u8) -> Result<(), PeerError> {
        let (expected, found) = (known.len(), self.levels.len());
        if found != expected {
            return Err(PeerError::Length { expected, found });
        }
        let step = self.scale.value();
        if step.is_nan() || !(0.0..=SCALE_MAX * 2.0).contains(&step) {
            return Err(PeerError::Scale { bits: self.scale.0 });
        }
        let most = levels_max(bits);
        for (place, (level, known)) in self.levels.iter().zip(known).enumerate() {
            let level = f64::from(*level);
            let value = known + level * step;
            if level.abs() > most || value.abs() > limit {
                return Err(PeerError::Beyond { place, value, limit });
            }
        }
        Ok(())
    }

    fn write(&self, bits: u8, bytes: &mut Vec<u8>) {
        bytes.extend(self.scale.0.to_le_bytes());
        let (mut held, mut filled) = (0_u32, 0);
        for level in &self.levels {
            held |= (*level as u32 & ((1 << bits) - 1)) << filled;
            filled += u32::from(bits);
            while filled >= 8 {
                bytes.push(held as u8);
                held >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            bytes.push(held as u8);
        }
    }

    fn read(bytes: &[u8], junctions: usize, bits: u8) -> Option<(Self, &[u8])> {
        let (scale, rest) = bytes.split_first_chunk::<2>()?;
        let (packed, rest) = rest.split_at_checked(packed_len(junctions, bits))?;
        let (mut levels, mut held, mut filled) = (Vec::with_capacity(junctions), 0_u32, 0);
        let mut packed = packed.iter();
        for _ in 0..junctions {
            while filled < u32::from(bits) {
                held |= u32::from(*packed.next()?) << filled;
                filled += 8;
            }
            // Moves the level's own sign to the top and back down.
            let unused = 32 - u32::from(bits);
            levels.push(((held << unused) as i32 >> unused) as i16);
            held >>= bits;
            filled -= u32::from(bits);
        }
        Some((Self { scale: Scale(u16::from_le_bytes(*scale)), levels }, rest))
    }
}

impl Prices {
    /// The bytes on the wire.
    pub fn encode(&self, bits: u8) -> Vec<u8> {
        let mut bytes = vec![self.evaluation | if self.certify { FLAG } else { 0 }];
        self.change.write(bits, &mut bytes);
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8], junctions: usize, bits: u8) -> Result<Self, PeerError> {
        let malformed = PeerError::Bytes { found: bytes.len() };
        let (head, rest) = bytes.split_first().ok_or(malformed)?;
        match Change::read(rest, junctions, bits) {
            Some((change, [])) => Ok(Self { evaluation: head & !FLAG, certify: head & FLAG != 0, change }),
            _ => Err(malformed),
        }
    }

    /// Length of [`Self::encode`].
    pub fn encoded_len(&self, bits: u8) -> usize {
        3 + packed_len(self.change.levels.len(), bits)
    }
}

impl Sums {
    /// The bytes on the wire.
    pub fn encode(&self, bits: u8) -> Vec<u8> {
        let mut bytes = vec![self.evaluation | if self.bounds.is_some() { FLAG } else { 0 }];
        self.change.write(bits, &mut bytes);
        if let Some(bounds) = &self.bounds {
            bytes.extend(bounds.lower.to_le_bytes());
            bytes.extend(bounds.slack.to_le_bytes());
            bytes.extend(bounds.drift.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8], junctions: usize, bits: u8) -> Result<Self, PeerError> {
        let malformed = PeerError::Bytes { found: bytes.len() };
        let (head, rest) = bytes.split_first().ok_or(malformed)?;
        let (change, rest) = Change::read(rest, junctions, bits).ok_or(malformed)?;
        let bounds = if head & FLAG == 0 {
            None
        } else {
            let (lower, rest) = rest.split_first_chunk::<8>().ok_or(malformed)?;
            let (slack, rest) = rest.split_first_chunk::<4>().ok_or(malformed)?;
            let (drift, _) = rest.split_first_chunk::<4>().ok_or(malformed)?;
            Some(ShortBounds {
                lower: f64::from_le_bytes(*lower),
                slack: f32::from_le_bytes(*slack),
                drift: f32::from_le_bytes(*drift),
            })
        };
        let sums = Self { evaluation: head & !FLAG, change, bounds };
        if sums.encoded_len(bits) == bytes.len() { Ok(sums) } else { Err(malformed) }
    }

    /// Length of [`Self::encode`].
    pub fn encoded_len(&self, bits: u8) -> usize {
        3 + packed_len(self.change.levels.len(), bits) + if self.bounds.is_some() { 16 } else { 0 }
    }
}

impl ShortBounds {
    pub(super) fn of(bounds: &Bounds) -> Self {
        Self { lower: bounds.lower, slack: shorter(bounds.slack), drift: shorter(bounds.drift) }
    }

    pub(super) fn long(&self) -> Bounds {
        Bounds { lower: self.lower, slack: self.slack.into(), drift: self.drift.into() }
    }

    pub(super) fn check(&self) -> Result<(), PeerError> {
        // A subtree that can prove nothing says minus infinity; NaN and negative excesses are lies.
        let lie = self.lower.is_nan() || self.lower == f64::INFINITY;
        if lie || self.slack.is_nan() || self.slack < 0.0 || self.drift.is_nan() || self.drift < 0.0 {
            return Err(PeerError::Bounds { lower: self.lower, slack: self.slack, drift: self.drift });
        }
        Ok(())
    }
}

/// The next number of half the length that is not below `value`.
fn shorter(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value { near.next_up() } else { near }
}

fn levels_max(bits: u8) -> f64 {
    f64::from((1_i32 << (bits - 1)) - 1)
}

fn packed_len(junctions: usize, bits: u8) -> usize {
    (junctions * usize::from(bits)).div_ceil(8)
}

/// Evaluations are numbered modulo this; only two of them are ever under way between neighbours.
pub const EVALUATIONS_MODULO: u8 = 128;
const FLAG: u8 = 128;
const SCALE_MAX: f64 = 1e18;
const ROUNDER: f64 = 6_755_399_441_055_744.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_comes_with_the_next_change() {
        let wanted = [1.0_f64, -0.37, 1e-7, 0.0];
        let (mut here, mut there) = ([0.0_f64; 4], [0.0; 4]);
        let mut change = Change::default();
        for round in 0..12 {
            let most = (0..4).fold(0.0_f64, |most, t| most.max((wanted[t] - here[t]).abs()));
            change.towards(&wanted, &mut here, 5);
            change.check(&there, 10.0, 5).expect("within limits");
            change.apply(&mut there);
            assert_eq!(here, there, "round {round}");
            for t in 0..4 {
                // Half a step, which is at most 17/16 of a fifteenth.
                assert!((wanted[t] - here[t]).abs() <= most * 0.5 * 17.0 / 16.0 / 15.0 + 1e-300);
            }
        }
    }

    #[test]
    fn bytes_and_back() {
        for bits in 2..=16 {
            let most = levels_max(bits) as i16;
            let change = Change { scale: Scale::at_least(0.3), levels: vec![0, most, -most, 1, -1] };
            assert!(change.scale.value() >= 0.3 && change.scale.value() <= 0.3 * 17.0 / 16.0);
            let down = Prices { evaluation: 77, certify: true, change: change.clone() };
            let bytes = down.encode(bits);
            assert_eq!(bytes.len(), down.encoded_len(bits));
            assert_eq!(Prices::decode(&bytes, 5, bits), Ok(down));
            for bounds in [None, Some(ShortBounds { lower: -1.5, slack: 0.25, drift: 0.0 })] {
                let up = Sums { evaluation: 3, change: change.clone(), bounds };
                let bytes = up.encode(bits);
                assert_eq!(bytes.len(), up.encoded_len(bits));
                assert_eq!(Sums::decode(&bytes, 5, bits), Ok(up));
                assert!(Sums::decode(&bytes[1..], 5, bits).is_err() && Sums::decode(&bytes, 50, bits).is_err());
            }
        }
        assert_eq!(Prices::decode(&[], 5, 8), Err(PeerError::Bytes { found: 0 }));
    }

    #[test]
    fn nothing_beyond_limits_is_taken() {
        let change = |scale, level| Change { scale: Scale(scale), levels: vec![level] };
        let one = Scale::at_least(1.0).0;
        assert_eq!(change(one, 7).check(&[3.0], 10.0, 8), Ok(()));
        assert_eq!(change(one, 7).check(&[3.0; 2], 10.0, 8), Err(PeerError::Length { expected: 2, found: 1 }));
        assert!(matches!(change(one, 7).check(&[3.1], 10.0, 8), Err(PeerError::Beyond { place: 0, .. })));
        assert!(matches!(change(one, 300).check(&[0.0], 1e9, 8), Err(PeerError::Beyond { .. })));
        for scale in [0x7ff0, 0x7ff8, 0x8001, 0xbff0] {
            assert_eq!(change(scale, 1).check(&[0.0], 10.0, 8), Err(PeerError::Scale { bits: scale }));
        }
    }

    #[test]
    fn short_numbers_are_never_smaller() {
        for value in [0.1, 1.0, 1e-60, 3e38, 1e300] {
            assert!(f64::from(shorter(value)) >= value);
        }
        assert!(ShortBounds { lower: f64::NAN, slack: 0.0, drift: 0.0 }.check().is_err());
        assert!(ShortBounds { lower: 0.0, slack: -1.0, drift: 0.0 }.check().is_err());
    }
}
