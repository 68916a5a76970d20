//! What goes over the edges of the tree: coarse changes of prices downwards, of sums upwards.
//!
//! Both ends of an edge hold the same vector and apply the same changes to it, so what one change leaves out the next
//! one carries. A change is a [`Scale`] and a small whole number an entry; as the search closes in the changes shrink
//! and the vectors become exact. How many bits a number has the change says itself: the errors of many leaves add up to
//! less than those of few inner nodes, so leaves may be coarser. Numbers of a certificate are rounded to the safe side
//! when they are made shorter.
//!
//! ```text
//! prices  evaluation and whether a certificate is wanted (1), bits and scale (2), levels (bits each)
//! sums    the same, and with a certificate: lower bound (8), slack (2), drift (2)
//! ```

use super::Market;
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
    pub slack: Short,
    /// See [`Bounds::drift`].
    pub drift: Short,
}

/// A number that is rounded away from zero: the first 16 bits of a single, with seven bits of the fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Short(pub u16);

/// A vector in whole steps of a scale.
#[derive(Debug, PartialEq, Default)]
pub struct Change {
    /// One step.
    pub scale: Scale,
    /// Bits of a level, its sign included, [`BITS_MIN`] to [`BITS_MAX`].
    pub bits: u8,
    /// Steps, one an entry.
    pub levels: Vec<i16>,
}

/// A step: zero, or three bits of a fraction behind one and 2 to the power of what the other nine bits say, less 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scale(u16);

impl Scale {
    /// The smallest scale that is not below `value`, which is positive or zero; the largest one beyond that.
    pub fn at_least(value: f64) -> Self {
        if value.is_nan() || value <= 0.0 {
            return Self(0);
        }
        let bits = value.to_bits();
        let cut = (bits >> 49) + u64::from(bits << 15 != 0);
        Self(cut.saturating_sub(SCALE_OFFSET).clamp(1, SCALE_BITS.into()) as u16)
    }

    /// The step.
    pub fn value(self) -> f64 {
        if self.0 == 0 { 0.0 } else { f64::from_bits((u64::from(self.0) + SCALE_OFFSET) << 49) }
    }
}

impl Short {
    /// The smallest one that is not below `value`, which is not negative.
    pub fn at_least(value: f64) -> Self {
        let near = value as f32;
        let single = if f64::from(near) < value { near.next_up() } else { near };
        let bits = single.to_bits();
        Self((bits >> 16) as u16 + u16::from(bits << 16 != 0 && single.is_finite()))
    }

    /// The number.
    pub fn value(self) -> f64 {
        f32::from_bits(u32::from(self.0) << 16).into()
    }
}

impl Clone for Change {
    fn clone(&self) -> Self {
        Self { scale: self.scale, bits: self.bits, levels: self.levels.clone() }
    }

    // Keeps the room that is there: a change is passed on by every node at every evaluation.
    fn clone_from(&mut self, source: &Self) {
        (self.scale, self.bits) = (source.scale, source.bits);
        self.levels.clone_from(&source.levels);
    }
}

impl Change {
    /// Makes this the change that brings `known` as near to `wanted` as `bits` allow, and applies it to `known`.
    pub(super) fn towards(&mut self, wanted: &[f64], known: &mut [f64], bits: u8) {
        let (levels_max, step, inverse) = self.measure(wanted, known, bits);
        for ((wanted, known), level) in wanted.iter().zip(known.iter_mut()).zip(&mut self.levels) {
            let rounded = wish(*wanted, *known, inverse, levels_max) + ROUNDER;
            *known += (rounded - ROUNDER) * step;
            // The whole number is the end of what the rounder left of the fraction.
            *level = rounded.to_bits() as i16;
        }
    }

    /// The same for prices: one that is wanted within the limits of its market is not rounded to beyond these.
    pub(super) fn towards_within(&mut self, wanted: &[f64], known: &mut [f64], bits: u8, markets: &[Market]) {
        let (levels_max, step, inverse) = self.measure(wanted, known, bits);
        for (place, market) in markets.iter().enumerate().take(self.levels.len()) {
            let nearest = (wish(wanted[place], known[place], inverse, levels_max) + ROUNDER) - ROUNDER;
            let at = |whole: f64| known[place] + whole * step;
            let inward = if at(nearest) < market.lowest {
                (nearest + 1.0).min(levels_max)
            } else if at(nearest) > market.highest {
                (nearest - 1.0).max(-levels_max)
            } else {
                nearest
            };
            known[place] = at(inward);
            self.levels[place] = inward as i16;
        }
    }

    /// Sets the scale; gives the largest level, the step and its inverse.
    fn measure(&mut self, wanted: &[f64], known: &[f64], bits: u8) -> (f64, f64, f64) {
        let levels_max = levels_max(bits);
        let mut most = 0.0;
        for (wanted, known) in wanted.iter().zip(known) {
            let away = (wanted - known).abs();
            most = if away > most { away } else { most };
        }
        (self.scale, self.bits) = (Scale::at_least((most / levels_max).min(SCALE_MAX)), bits);
        self.levels.resize(wanted.len(), 0);
        let step = self.scale.value();
        let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
        (levels_max, step, inverse)
    }

    /// Applies the change to the receiver's copy.
    pub(super) fn apply(&self, known: &mut [f64]) {
        let step = self.scale.value();
        for (known, level) in known.iter_mut().zip(&self.levels) {
            *known += f64::from(*level) * step;
        }
    }

    /// Refuses what does not fit `known` or takes it beyond `limit`.
    pub(super) fn check(&self, known: &[f64], limit: f64) -> Result<(), PeerError> {
        let (expected, found) = (known.len(), self.levels.len());
        if found != expected {
            return Err(PeerError::Length { expected, found });
        }
        let step = self.scale.value();
        if step > SCALE_MAX * 2.0 || !(BITS_MIN..=BITS_MAX).contains(&self.bits) {
            return Err(PeerError::Scale { scale: step, bits: self.bits });
        }
        // All entries at once: which one it is is looked up when there is one.
        let most = levels_max(self.bits);
        let (mut furthest, mut lowest, mut highest) = (0.0, 0, 0);
        for (level, known) in self.levels.iter().zip(known) {
            let value = (known + f64::from(*level) * step).abs();
            furthest = if value > furthest { value } else { furthest };
            lowest = lowest.min(*level);
            highest = highest.max(*level);
        }
        if furthest <= limit && f64::from(lowest) >= -most && f64::from(highest) <= most {
            return Ok(());
        }
        for (place, (level, known)) in self.levels.iter().zip(known).enumerate() {
            let value = known + f64::from(*level) * step;
            if f64::from(*level).abs() > most || value.abs() > limit {
                return Err(PeerError::Beyond { place, value, limit });
            }
        }
        Ok(())
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let bits = u32::from(self.bits.clamp(BITS_MIN, BITS_MAX));
        bytes.extend((self.scale.0 | ((bits - 1) as u16) << SCALE_WIDTH).to_le_bytes());
        let (mut held, mut filled) = (0_u32, 0);
        for level in &self.levels {
            held |= (*level as u32 & ((1 << bits) - 1)) << filled;
            filled += bits;
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

    fn read(bytes: &[u8], junctions: usize) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let head = u16::from_le_bytes(*head);
        let (scale, bits) = (Scale(head & SCALE_BITS), (head >> SCALE_WIDTH) as u8 + 1);
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
        Some((Self { scale, bits, levels }, rest))
    }

    fn encoded_len(&self) -> usize {
        2 + packed_len(self.levels.len(), self.bits)
    }
}

impl Prices {
    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.evaluation | if self.certify { FLAG } else { 0 }];
        self.change.write(&mut bytes);
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8], junctions: usize) -> Result<Self, PeerError> {
        let malformed = PeerError::Bytes { found: bytes.len() };
        let (head, rest) = bytes.split_first().ok_or(malformed)?;
        match Change::read(rest, junctions) {
            Some((change, [])) => Ok(Self { evaluation: head & !FLAG, certify: head & FLAG != 0, change }),
            _ => Err(malformed),
        }
    }

    /// Length of [`Self::encode`].
    pub fn encoded_len(&self) -> usize {
        1 + self.change.encoded_len()
    }
}

impl Sums {
    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.evaluation | if self.bounds.is_some() { FLAG } else { 0 }];
        self.change.write(&mut bytes);
        if let Some(bounds) = &self.bounds {
            bytes.extend(bounds.lower.to_le_bytes());
            bytes.extend(bounds.slack.0.to_le_bytes());
            bytes.extend(bounds.drift.0.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8], junctions: usize) -> Result<Self, PeerError> {
        let malformed = PeerError::Bytes { found: bytes.len() };
        let (head, rest) = bytes.split_first().ok_or(malformed)?;
        let (change, rest) = Change::read(rest, junctions).ok_or(malformed)?;
        let bounds = if head & FLAG == 0 {
            None
        } else {
            let (lower, rest) = rest.split_first_chunk::<8>().ok_or(malformed)?;
            let (slack, rest) = rest.split_first_chunk::<2>().ok_or(malformed)?;
            let (drift, _) = rest.split_first_chunk::<2>().ok_or(malformed)?;
            Some(ShortBounds {
                lower: f64::from_le_bytes(*lower),
                slack: Short(u16::from_le_bytes(*slack)),
                drift: Short(u16::from_le_bytes(*drift)),
            })
        };
        let sums = Self { evaluation: head & !FLAG, change, bounds };
        if sums.encoded_len() == bytes.len() { Ok(sums) } else { Err(malformed) }
    }

    /// Length of [`Self::encode`].
    pub fn encoded_len(&self) -> usize {
        1 + self.change.encoded_len() + if self.bounds.is_some() { 12 } else { 0 }
    }
}

impl ShortBounds {
    pub(super) fn of(bounds: &Bounds) -> Self {
        Self { lower: bounds.lower, slack: Short::at_least(bounds.slack), drift: Short::at_least(bounds.drift) }
    }

    pub(super) fn long(&self) -> Bounds {
        Bounds { lower: self.lower, slack: self.slack.value(), drift: self.drift.value() }
    }

    pub(super) fn check(&self) -> Result<(), PeerError> {
        // A subtree that can prove nothing says minus infinity; NaN and negative excesses are lies.
        let lie = self.lower.is_nan() || self.lower == f64::INFINITY;
        let (slack, drift) = (self.slack.value(), self.drift.value());
        if lie || slack.is_nan() || slack < 0.0 || drift.is_nan() || drift < 0.0 {
            return Err(PeerError::Bounds { lower: self.lower, slack, drift });
        }
        Ok(())
    }
}

/// Steps from `known` to `wanted`, as many as a level can say.
#[inline]
fn wish(wanted: f64, known: f64, inverse: f64, levels_max: f64) -> f64 {
    ((wanted - known) * inverse).max(-levels_max).min(levels_max)
}

fn levels_max(bits: u8) -> f64 {
    f64::from((1_i32 << (bits - 1)) - 1)
}

fn packed_len(junctions: usize, bits: u8) -> usize {
    (junctions * usize::from(bits)).div_ceil(8)
}

/// Evaluations are numbered modulo this; only two of them are ever under way between neighbours.
pub const EVALUATIONS_MODULO: u8 = 128;
/// Least and most bits of a level: a sign and a step, and what a level's type holds.
pub const BITS_MIN: u8 = 2;
/// See [`BITS_MIN`].
pub const BITS_MAX: u8 = 16;
const FLAG: u8 = 128;
const SCALE_MAX: f64 = 1e18;
/// Bits of a scale; the four above it say how many bits a level has.
const SCALE_WIDTH: u32 = 12;
const SCALE_BITS: u16 = (1 << SCALE_WIDTH) - 1;
/// From the nine bits of a scale's exponent to the eleven of a double's, three bits of the fraction behind them.
const SCALE_OFFSET: u64 = (1023 - 256) << 3;
/// 1.5 * 2^52: adding it rounds to the nearest whole number, taking it away leaves that.
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
            change.check(&there, 10.0).expect("within limits");
            change.apply(&mut there);
            assert_eq!(here, there, "round {round}");
            for t in 0..4 {
                // Half a step, which is at most 9/8 of a fifteenth.
                assert!((wanted[t] - here[t]).abs() <= most * 0.5 * 9.0 / 8.0 / 15.0 + 1e-300);
            }
        }
    }

    #[test]
    fn prices_are_rounded_to_within_their_limits() {
        let limits = |lowest, highest| Market { lowest, highest, ..Market::exchange(0.0, 9.0) };
        let markets = [limits(0.0, 9.0), limits(-9.0, 0.7), limits(0.1, 0.1), limits(-9.0, 9.0)];
        let mut known = [0.37, 0.2, 0.1, 0.0];
        let mut there = known;
        let mut change = Change::default();
        for (round, wild) in [8.0, -3.0, 0.3, 0.01, 1e-5, 0.0, 0.0, 0.0].into_iter().enumerate() {
            let wanted = [0.0, 0.7, 0.1, wild];
            change.towards_within(&wanted, &mut known, 4, &markets);
            change.apply(&mut there);
            assert_eq!(known, there, "round {round}");
            for (price, market) in known.iter().zip(&markets) {
                assert!((market.lowest..=market.highest).contains(price), "round {round}: {price} {market:?}");
            }
        }
        assert!(known[0] < 1e-4 && known[1] > 0.699, "{known:?}");
    }

    #[test]
    fn bytes_and_back() {
        for bits in BITS_MIN..=BITS_MAX {
            let most = levels_max(bits) as i16;
            let change = Change { scale: Scale::at_least(0.3), bits, levels: vec![0, most, -most, 1, -1] };
            let down = Prices { evaluation: 77, certify: true, change: change.clone() };
            let bytes = down.encode();
            assert_eq!(bytes.len(), down.encoded_len());
            assert_eq!(Prices::decode(&bytes, 5), Ok(down));
            let proved = ShortBounds { lower: -1.5, slack: Short::at_least(0.25), drift: Short::at_least(1e-9) };
            for bounds in [None, Some(proved)] {
                let up = Sums { evaluation: 3, change: change.clone(), bounds };
                let bytes = up.encode();
                assert_eq!(bytes.len(), up.encoded_len());
                assert_eq!(Sums::decode(&bytes, 5), Ok(up));
                assert!(Sums::decode(&bytes[1..], 5).is_err() && Sums::decode(&bytes, 500).is_err());
            }
        }
        assert_eq!(Prices::decode(&[], 5), Err(PeerError::Bytes { found: 0 }));
    }

    #[test]
    fn nothing_beyond_limits_is_taken() {
        let change = |scale, bits, level| Change { scale: Scale::at_least(scale), bits, levels: vec![level] };
        assert_eq!(change(1.0, 8, 7).check(&[3.0], 10.0), Ok(()));
        assert_eq!(change(1.0, 8, 7).check(&[3.0; 2], 10.0), Err(PeerError::Length { expected: 2, found: 1 }));
        assert!(matches!(change(1.0, 8, 7).check(&[3.1], 10.0), Err(PeerError::Beyond { place: 0, .. })));
        assert!(matches!(change(1.0, 8, 300).check(&[0.0], 1e9), Err(PeerError::Beyond { .. })));
        assert!(matches!(change(1.0, 16, i16::MIN).check(&[0.0], 1e9), Err(PeerError::Beyond { .. })));
        assert!(matches!(change(1e300, 8, 1).check(&[0.0], 10.0), Err(PeerError::Scale { .. })));
        assert!(matches!(change(1.0, 17, 1).check(&[0.0], 10.0), Err(PeerError::Scale { bits: 17, .. })));
        assert!(matches!(change(1.0, 1, 0).check(&[0.0], 10.0), Err(PeerError::Scale { bits: 1, .. })));
    }

    #[test]
    fn short_numbers_are_never_smaller() {
        for value in [0.0, 0.1, 0.3, 1.0, 1e-60, 3e38, 1e300, f64::INFINITY] {
            let short = Short::at_least(value).value();
            let tight = short <= value * (1.0 + 1.0 / 128.0);
            assert!(short >= value && (tight || !(1e-38..=3e38).contains(&value)), "{value} {short}");
        }
        for value in [1e-90, 1e-60, 0.3, 1.0, 1.01, 7.5, 1e18] {
            let scale = Scale::at_least(value).value();
            assert!(scale >= value && (scale <= value * 1.125 || value < 1e-77), "{value} {scale}");
        }
        assert_eq!(Scale::at_least(0.0).value(), 0.0);
        let bounds = |lower, slack| ShortBounds { lower, slack: Short(slack), drift: Short(0) };
        assert_eq!(bounds(f64::NEG_INFINITY, 0x7f80).check(), Ok(()));
        // NaN, and a negative number.
        assert!(bounds(f64::NAN, 0).check().is_err());
        assert!(bounds(0.0, 0x7fc0).check().is_err() && bounds(0.0, 0xbf80).check().is_err());
    }
}
