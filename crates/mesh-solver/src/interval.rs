//! Numbers that are not known exactly but lie between two that are.
//!
//! Every operation rounds its ends outwards by one step of the format, which covers the half step that rounding to
//! nearest can be off, underflow included. An overflow ends at the largest finite number on the inner side and at
//! infinity on the outer one, so it only widens. NaN (infinity minus infinity) becomes the whole line.

/// All real numbers from `low` to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Interval {
    pub(crate) const ZERO: Self = Self::point(0.0);
    const LINE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// Exactly `value`, which is finite.
    pub(crate) const fn point(value: f64) -> Self {
        Self { low: value, high: value }
    }

    fn outwards(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() { Self::LINE } else { Self { low: low.next_down(), high: high.next_up() } }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self::outwards(self.low + other.low, self.high + other.high)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self::outwards(self.low - other.high, self.high - other.low)
    }

    /// The square of whichever number it is.
    pub(crate) fn square(self) -> Self {
        let (a, b) = (self.low * self.low, self.high * self.high);
        let least = if self.low <= 0.0 && self.high >= 0.0 { 0.0 } else { a.min(b) };
        Self::outwards(least, a.max(b))
    }

    /// The product with the exact number `factor`.
    pub(crate) fn times(self, factor: f64) -> Self {
        let (a, b) = (self.low * factor, self.high * factor);
        if factor >= 0.0 { Self::outwards(a, b) } else { Self::outwards(b, a) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_ten_times_holds_one() {
        let mut sum = Interval::ZERO;
        for _ in 0..10 {
            sum = sum.plus(Interval::outwards(0.1, 0.1));
        }
        assert!(sum.low < 1.0 && 1.0 < sum.high && sum.high - sum.low < 1e-14, "{sum:?}");
    }

    #[test]
    fn signs_turn_the_ends_around() {
        let product = Interval { low: -1.0, high: 3.0 }.times(-2.0);
        assert!(product.low <= -6.0 && product.high >= 2.0 && product.high < 2.1);
    }

    #[test]
    fn a_square_is_that_of_any_number_in_it() {
        let check = |low: f64, high: f64, least: f64, most: f64| {
            let square = Interval { low, high }.square();
            assert!(square.low <= least && square.low > least - 1e-12, "{square:?}");
            assert!(square.high >= most && square.high < most + 1e-12, "{square:?}");
        };
        check(2.0, 3.0, 4.0, 9.0);
        check(-3.0, -2.0, 4.0, 9.0);
        check(-3.0, 2.0, 0.0, 9.0);
        assert_eq!(Interval::LINE.square().high, f64::INFINITY);
    }

    #[test]
    fn overflow_only_widens() {
        let big = Interval::point(f64::MAX).times(2.0);
        assert_eq!((big.low, big.high), (f64::MAX, f64::INFINITY));
        assert_eq!(big.minus(big), Interval { low: f64::NEG_INFINITY, high: f64::INFINITY });
        assert_eq!(big.minus(big).times(0.0), Interval::LINE);
    }

    #[test]
    fn underflow_is_covered() {
        let tiny = Interval::point(f64::MIN_POSITIVE).times(f64::MIN_POSITIVE);
        assert!(tiny.low <= 0.0 && tiny.high > 0.0);
    }
}
