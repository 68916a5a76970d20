//! What the sum of a junction costs, seen from its price.
//!
//! With y = sum + offset, a market charges `phi(y) = max of (q y - softness/2 q^2) over lowest <= q <= highest`. A
//! quadratic cost weight/2 y^2 is softness 1/weight; an equation is softness 0 with limits that nobody wants to pay; a
//! budget is the same with no negative price. The limits make every sum affordable, so any answers of the agents have a
//! cost, and a penalty that is too small shows as a price at its limit.

use super::PRICE_MAX;
use crate::interval::Interval;

/// What the sum of the shares at one junction costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Market {
    /// Added to the sum.
    pub offset: f64,
    /// How far the sum gives way to a unit of price; 0 for an equation or a budget.
    pub softness: f64,
    /// Smallest price.
    pub lowest: f64,
    /// Largest price.
    pub highest: f64,
}

/// A market that cannot be: the fault of whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MarketError {
    /// A number is not finite, or a price limit above [`PRICE_MAX`].
    #[error("{what} is {value}")]
    Number {
        /// Which number.
        what: &'static str,
        /// The number.
        value: f64,
    },
    /// The lowest price is above the highest.
    #[error("prices are at least {lowest} and at most {highest}")]
    Crossed {
        /// The lowest price.
        lowest: f64,
        /// The highest price.
        highest: f64,
    },
}

impl Market {
    /// A cost of `weight / 2 (sum + offset)^2`, weight > 0.
    pub fn quadratic(weight: f64, offset: f64) -> Self {
        Self { offset, softness: 1.0 / weight, lowest: -PRICE_MAX, highest: PRICE_MAX }
    }

    /// The sum is `total`; being off by one unit costs `limit`.
    pub fn exchange(total: f64, limit: f64) -> Self {
        Self { offset: -total, softness: 0.0, lowest: -limit, highest: limit }
    }

    /// The sum is at most `total`; one unit more costs `limit`.
    pub fn budget(total: f64, limit: f64) -> Self {
        Self { offset: -total, softness: 0.0, lowest: 0.0, highest: limit }
    }

    /// Refuses numbers that make no market.
    pub fn check(&self) -> Result<(), MarketError> {
        let Self { offset, softness, lowest, highest } = *self;
        let numbers = [("the offset", offset, crate::problem::MAGNITUDE_MAX), ("the softness", softness, 1e15)];
        for (what, value, most) in numbers
            .into_iter()
            .chain([("the lowest price", lowest, PRICE_MAX), ("the highest price", highest, PRICE_MAX)])
        {
            if value.is_nan() || value.abs() > most || (what == "the softness" && value < 0.0) {
                return Err(MarketError::Number { what, value });
            }
        }
        if lowest > highest { Err(MarketError::Crossed { lowest, highest }) } else { Ok(()) }
    }

    /// The price that the market itself would name if the agents' shares came to nothing.
    pub fn opening_price(&self) -> f64 {
        let price = if self.softness > 0.0 { self.offset / self.softness } else { 0.0 };
        self.clamp(price)
    }

    /// The nearest price within the limits.
    pub fn clamp(&self, price: f64) -> f64 {
        price.max(self.lowest).min(self.highest)
    }

    /// Slope of the dual in this junction's price.
    pub fn gradient(&self, price: f64, sum: f64) -> f64 {
        sum + self.offset - self.softness * price
    }

    /// What the market pays the agents for at `price`: `price offset - softness/2 price^2`.
    pub(crate) fn dual(&self, price: f64) -> Interval {
        let slope = Interval::point(self.offset).minus(Interval::point(self.softness).times(price).times(0.5));
        slope.times(price)
    }

    /// By how much `phi` at the sum with this gradient is above `price (sum + offset) - softness/2 price^2`, and the
    /// change of price at which it is reached.
    pub(crate) fn excess(&self, price: f64, gradient: f64) -> (f64, f64) {
        let (down, up) = (self.lowest - price, self.highest - price);
        let wish = match (self.softness > 0.0, gradient > 0.0) {
            (true, _) => (gradient / self.softness).max(down).min(up),
            (false, true) => up,
            (false, false) if gradient < 0.0 => down,
            (false, false) => 0.0,
        };
        (wish * (gradient - 0.5 * self.softness * wish), wish)
    }
}

/// Upper bound on the sum of the excesses of `markets` when the gradients are known up to an error of 2-norm `drift`.
///
/// Each excess is convex in its gradient with the slope `wish`, and with curvature 1/softness; where there is no
/// softness both ends of the error are tried.
pub(crate) fn excess_at_most(markets: &[Market], prices: &[f64], gradients: &[f64], drift: f64) -> f64 {
    let (mut sum, mut wishes, mut softest, mut ends) = (0.0, 0.0, f64::INFINITY, 0.0);
    for ((market, price), gradient) in markets.iter().zip(prices).zip(gradients) {
        let (excess, wish) = market.excess(*price, *gradient);
        sum += excess;
        wishes += wish * wish;
        softest = market.softness.min(softest);
        let (below, above) = (market.excess(*price, gradient - drift), market.excess(*price, gradient + drift));
        ends += below.0.max(above.0);
    }
    let joint = sum + drift * wishes.sqrt() + 0.5 * drift * drift / softest;
    let least = if joint < ends { joint } else { ends };
    // Every operation above is off by less than one part in 2^52, and there are a few for each market.
    least * (1.0 + 16.0 * (markets.len() + 1) as f64 * f64::EPSILON) + f64::MIN_POSITIVE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// phi by trying prices.
    fn cost(market: &Market, y: f64) -> f64 {
        let steps = 200_000;
        (0..=steps).fold(f64::NEG_INFINITY, |best, k| {
            let q = market.lowest + (market.highest - market.lowest) * f64::from(k) / f64::from(steps);
            best.max(q * y - 0.5 * market.softness * q * q)
        })
    }

    fn check(market: Market, price: f64, sum: f64) {
        market.check().expect("a market");
        let gradient = market.gradient(price, sum);
        let dual = price * (sum + market.offset) - 0.5 * market.softness * price * price;
        let expected = cost(&market, sum + market.offset) - dual;
        let (excess, _) = market.excess(price, gradient);
        assert!((excess - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{market:?}: {excess} {expected}");
        let dual_of_market = market.dual(price);
        assert!(dual_of_market.low <= dual - price * sum + 1e-12 && dual - price * sum - 1e-12 <= dual_of_market.high);
        for off in [-0.3, 0.2, 0.3] {
            let (there, _) = market.excess(price, gradient + off);
            assert!(excess_at_most(&[market], &[price], &[gradient], 0.3) >= there);
        }
    }

    #[test]
    fn the_excess_is_what_the_price_does_not_pay_for() {
        for sum in [-2.0, 0.0, 0.5, 3.0] {
            check(Market { lowest: -9.0, highest: 9.0, ..Market::quadratic(2.0, 1.5) }, 1.2, sum);
            check(Market::exchange(0.5, 4.0), 1.0, sum);
            check(Market::budget(0.5, 4.0), 0.0, sum);
            check(Market::budget(0.5, 4.0), 4.0, sum);
        }
    }

    #[test]
    fn no_market_of_nonsense() {
        assert!(matches!(Market::quadratic(f64::NAN, 0.0).check(), Err(MarketError::Number { .. })));
        assert!(matches!(Market::quadratic(-1.0, 0.0).check(), Err(MarketError::Number { .. })));
        assert!(matches!(Market::quadratic(0.0, 0.0).check(), Err(MarketError::Number { .. })));
        assert!(matches!(Market::budget(1.0, -1.0).check(), Err(MarketError::Crossed { .. })));
        assert!(matches!(Market::exchange(1.0, f64::INFINITY).check(), Err(MarketError::Number { .. })));
    }
}
