//! What a task earns, in whole numbers of a grain of 2^-20: sums are exact, in any order, on every machine.

use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

/// Largest absolute value of a profit.
pub const PROFIT_MAX: f64 = 1e6;

/// A multiple of the grain.
///
/// Profits are at most 2^40 grains in size and prices 2^43, tasks are at most 2^9 and agents 2^8, so that no sum that is
/// ever formed here comes near 2^63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Worth(pub i64);

impl Worth {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// What it costs to leave a task that somebody must do: more than everything else together can earn.
    pub(crate) const LEFT: Self = Self(1 << 51);
    /// Largest price of a task, either way.
    pub const PRICE_MAX: Self = Self(1 << 43);

    /// The largest worth that is not above `value`; none if that is no number within [`PROFIT_MAX`].
    pub fn rounded_down(value: f64) -> Option<Self> {
        (value.abs() <= PROFIT_MAX).then(|| Self((value * GRAINS).floor() as i64))
    }

    /// The smallest worth that is not below `value`; none if that is no number within [`PROFIT_MAX`].
    pub fn rounded_up(value: f64) -> Option<Self> {
        (value.abs() <= PROFIT_MAX).then(|| Self((value * GRAINS).ceil() as i64))
    }

    /// The number it stands for; exact below 2^33.
    pub fn value(self) -> f64 {
        self.0 as f64 / GRAINS
    }

    /// Whether it can be a price or a bid.
    pub fn is_price(self) -> bool {
        self.0.unsigned_abs() <= Self::PRICE_MAX.0.unsigned_abs()
    }

    /// Whether it can be what one agent earns or gains by all its tasks.
    pub(crate) fn is_total(self) -> bool {
        self.0.unsigned_abs() <= 1 << 53
    }
}

impl Add for Worth {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Worth {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Worth {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Worth {
    fn sum<I: Iterator<Item = Self>>(worths: I) -> Self {
        worths.fold(Self::ZERO, Add::add)
    }
}

/// Grains in 1; a power of two, so that scaling by it is exact.
const GRAINS: f64 = (1 << 20) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_the_way_it_says() {
        for value in [0.1, -0.1, 3.0, -7.25, 1e6, 1e-9] {
            let (low, high) = (Worth::rounded_down(value).unwrap(), Worth::rounded_up(value).unwrap());
            assert!(low.value() <= value && value <= high.value() && high.0 - low.0 <= 1, "{value}");
        }
        assert_eq!(Worth::rounded_up(3.0), Worth::rounded_down(3.0));
        for value in [f64::NAN, f64::INFINITY, 1.1e6] {
            assert_eq!(Worth::rounded_down(value), None);
        }
    }
}
