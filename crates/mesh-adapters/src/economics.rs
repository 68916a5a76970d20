//! What things are worth: the cost curves that plans are made with and that a flown mission is measured with.
//!
//! Curves are quadratics that bend upwards (wear, diminishing value), so that two plans are seldom equally good. A curve
//! is flat where the figures make it so: a value or a wear of zero, or a capacity of zero.

use crate::settings::{Battery, HabitatSettings, RoverSettings, SatelliteSettings};

/// Cost per hour of a rate `x`, or cost of a stock `x`: `slope x + 1/2 bend x^2`; a value is a negative cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// Marginal cost at zero.
    pub slope: f64,
    /// How much the marginal cost rises with every unit.
    pub bend: f64,
}

impl Curve {
    /// The first unit is worth `first`; that falls linearly to half of it at `x_max`.
    pub fn diminishing_value(first: f64, x_max: f64) -> Self {
        Self { slope: -first, bend: over(0.5 * first, x_max) }
    }

    /// The first unit costs nothing; that rises linearly to `last` at `x_max`.
    pub fn wear(last: f64, x_max: f64) -> Self {
        Self { slope: 0.0, bend: over(last, x_max) }
    }

    /// The first unit costs `first`; that rises linearly to twice as much at `x_max`.
    pub fn doubling_wear(first: f64, x_max: f64) -> Self {
        Self { slope: first, bend: over(first, x_max) }
    }

    /// The cost at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.slope * x + 0.5 * self.bend * x * x
    }

    /// The same curve for a variable that is a rate, held for `hours`.
    pub fn held_for(&self, hours: f64) -> Self {
        Self { slope: self.slope * hours, bend: self.bend * hours }
    }

    /// The same curve for a variable that is an amount, moved within `hours`.
    pub fn moved_within(&self, hours: f64) -> Self {
        Self { slope: self.slope, bend: self.bend / hours }
    }

    /// This curve and another one on the same variable.
    pub fn plus(&self, other: Self) -> Self {
        Self { slope: self.slope + other.slope, bend: self.bend + other.bend }
    }
}

/// The bend that raises the marginal cost by `rise` up to `x_max`; none where there is no room to bend in.
fn over(rise: f64, x_max: f64) -> f64 {
    if x_max > SMALLEST_ROOM { rise / x_max } else { 0.0 }
}

impl Battery {
    /// Wear from power in, or from power out.
    pub fn wear(&self) -> Curve {
        Curve::wear(self.wear_per_kwh, self.power_kw_max)
    }

    /// Ageing per hour at a state of charge: none when full, more the deeper it is. Up to a constant.
    pub fn ageing(&self) -> Curve {
        Curve { slope: -AGEING_PER_KWH_H, bend: AGEING_PER_KWH_H / self.capacity_kwh }
    }

    /// What the energy left at the end of a horizon is worth.
    pub fn leftover(&self) -> Curve {
        Curve::diminishing_value(self.value_per_kwh, self.capacity_kwh)
    }

    /// Energy that a plan keeps at the end of its step `step`. The margin grows with the root of time, as the sum of
    /// disturbances does, until it is complete: what is near is known better than what is far.
    pub fn floor_kwh(&self, step: usize) -> f64 {
        let grown = ((step + 1) as f64 / MARGIN_STEPS).sqrt().min(1.0);
        (self.reserve_kwh + self.margin_kwh * grown).min(self.capacity_kwh)
    }
}

impl HabitatSettings {
    /// Value of the oxygen plant's power.
    pub fn isru(&self) -> Curve {
        Curve::diminishing_value(self.isru_value_per_kwh, self.isru_kw_max)
    }

    /// Wear of the charger.
    pub fn supply(&self) -> Curve {
        Curve::wear(CONTACT_WEAR_PER_KWH, self.charger_kw_max)
    }

    /// Value of the uplink, without its energy.
    pub fn uplink(&self) -> Curve {
        Curve::diminishing_value(self.uplink_value_per_gbit, self.uplink_gbit_h_max)
    }
}

impl RoverSettings {
    /// Wear of the instruments.
    pub fn survey(&self) -> Curve {
        Curve::wear(SURVEY_WEAR_PER_H, 1.0)
    }

    /// Wear of the drive.
    pub fn drive(&self) -> Curve {
        Curve::wear(self.drive_wear_per_km, self.drive_km_h_max)
    }

    /// Value of data handed to the relay.
    pub fn transmit(&self) -> Curve {
        Curve::diminishing_value(self.science_value_per_gbit, self.transmit_gbit_h_max)
    }

    /// Risk per hour of data that is still on board.
    pub fn holding(&self) -> Curve {
        Curve::wear(HOLDING_PER_GBIT_H, self.buffer_gbit)
    }

    /// Value of data that is on board at the end of a horizon: half of what it would be worth at the relay.
    pub fn stored(&self) -> Curve {
        Curve::diminishing_value(0.5 * self.science_value_per_gbit, self.buffer_gbit)
    }
}

impl SatelliteSettings {
    /// Wear of the channel that serves one sink.
    pub fn relay(&self) -> Curve {
        Curve::doubling_wear(self.relay_wear_per_gbit, self.relay_gbit_h_max)
    }

    /// Value of the downlink.
    pub fn downlink(&self) -> Curve {
        Curve::diminishing_value(self.downlink_value_per_gbit, self.downlink_gbit_h_max)
    }

    /// Risk per hour of data that is still on board.
    pub fn holding(&self) -> Curve {
        Curve::wear(HOLDING_PER_GBIT_H, self.buffer_gbit)
    }

    /// Value of data that is on board at the end of a horizon: half of what it would be worth on Earth.
    pub fn stored(&self) -> Curve {
        Curve::diminishing_value(0.5 * self.downlink_value_per_gbit, self.buffer_gbit)
    }
}

/// Cost of one unit (kWh, Gbit, km) of anything that must not happen: far above every price, so that it is paid only
/// when there is no other way.
pub const PENALTY: Curve = Curve { slope: 5000.0, bend: 10.0 };

/// A capacity below this is none.
const SMALLEST_ROOM: f64 = 1e-9;

/// Ageing of one empty kWh of battery in an hour.
const AGEING_PER_KWH_H: f64 = 0.004;

/// Wear of one kWh over the charger's contacts at full power.
const CONTACT_WEAR_PER_KWH: f64 = 0.04;

/// Wear of an hour of instruments at full rate.
const SURVEY_WEAR_PER_H: f64 = 0.1;

/// Risk of one Gbit for an hour in a full buffer.
const HOLDING_PER_GBIT_H: f64 = 0.1;

/// Steps after which the margin over the reserve is complete.
const MARGIN_STEPS: f64 = 6.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_have_the_marginal_costs_that_their_names_promise() {
        let marginal = |curve: &Curve, x: f64| curve.slope + curve.bend * x;
        let value = Curve::diminishing_value(3.0, 4.0);
        assert_eq!((marginal(&value, 0.0), marginal(&value, 4.0)), (-3.0, -1.5));
        let wear = Curve::doubling_wear(0.5, 8.0);
        assert_eq!((marginal(&wear, 0.0), marginal(&wear, 8.0)), (0.5, 1.0));
        assert_eq!(Curve::wear(2.0, 5.0).at(5.0), 5.0);
    }

    #[test]
    fn a_curve_without_room_is_flat() {
        for x_max in [0.0, 1e-310] {
            assert_eq!(Curve::diminishing_value(3.0, x_max), Curve { slope: -3.0, bend: 0.0 });
            assert_eq!(Curve::wear(3.0, x_max), Curve { slope: 0.0, bend: 0.0 });
            assert_eq!(Curve::doubling_wear(3.0, x_max), Curve { slope: 3.0, bend: 0.0 });
        }
    }

    #[test]
    fn an_amount_costs_what_its_rate_costs() {
        let curve = Curve { slope: -1.0, bend: 0.3 };
        assert!((curve.held_for(0.5).at(4.0) - curve.moved_within(0.5).at(2.0)).abs() < 1e-12);
    }
}
