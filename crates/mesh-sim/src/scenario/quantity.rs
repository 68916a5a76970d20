//! Numbers with units: `"20 kWh"`. A scenario writes every physical quantity with its unit; here it becomes a number in
//! the unit that the model uses.

use super::diagnostic::quoted;

/// A kind of physical quantity.
#[derive(Debug, PartialEq)]
pub(super) struct Quantity {
    /// With its article: `an energy`.
    pub name: &'static str,
    /// The units that it may be written in, first the one that the model uses.
    pub units: &'static [Unit],
    /// How it is written.
    pub example: &'static str,
}

/// A unit: its symbol, and by what a number in it is multiplied and divided to give the model's unit. Two factors
/// because `8 / 100` is the number nearest to 0.08 while `8 * 0.01` need not be.
type Unit = (&'static str, f64, f64);

/// Which numbers are in range, in the model's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    /// Smallest number.
    pub least: f64,
    /// Whether `least` itself is out of range.
    pub least_excluded: bool,
    /// Largest number.
    pub most: f64,
    /// Whether `most` itself is out of range.
    pub most_excluded: bool,
}

/// What is wrong with the text of a quantity: message and hint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misread {
    pub message: String,
    pub hint: Option<String>,
}

impl Quantity {
    /// Reads `text` into the model's unit.
    pub fn read(&self, text: &str) -> Result<f64, Misread> {
        let (number, symbol) = split(text).ok_or_else(|| Misread {
            message: format!("{} is not {}", quoted(text), self.name),
            hint: Some(format!("write a number, a space and a unit, like {:?}", self.example)),
        })?;
        let Some((_, times, over)) = self.units.iter().find(|(unit, ..)| *unit == symbol) else {
            return Err(self.wrong_unit(text, symbol));
        };
        Ok(number * times / over)
    }

    /// What is expected, in words: `an energy in kWh, Wh or MJ`.
    pub fn expected(&self) -> String {
        let symbols: Vec<&str> = self.units.iter().map(|(symbol, ..)| *symbol).collect();
        match symbols.split_last() {
            Some((only, [])) => format!("{} in {only}", self.name),
            Some((last, others)) => format!("{} in {} or {last}", self.name, others.join(", ")),
            None => self.name.to_owned(),
        }
    }

    /// The unit that the model uses.
    pub fn unit(&self) -> &'static str {
        self.units.first().map_or("", |(symbol, ..)| symbol)
    }

    fn wrong_unit(&self, text: &str, symbol: &str) -> Misread {
        if symbol.is_empty() {
            let hint = Some(format!("write the unit behind the number, like {:?}", self.example));
            return Misread { message: format!("{} has no unit", quoted(text)), hint };
        }
        let other = ALL.iter().find(|quantity| quantity.units.iter().any(|(unit, ..)| *unit == symbol));
        let message = match other {
            Some(other) => format!("{} is {}, not {}", quoted(text), other.name, self.name),
            None => format!("{} is not a unit of {}", quoted(symbol), self.bare_name()),
        };
        // Symbols are so short that only the case tells a slip from another unit.
        let hint = match self.units.iter().find(|(unit, ..)| unit.eq_ignore_ascii_case(symbol)) {
            Some((unit, ..)) => format!("did you mean `{unit}`?"),
            None => format!("write it like {:?}", self.example),
        };
        Misread { message, hint: Some(hint) }
    }

    fn bare_name(&self) -> &'static str {
        self.name.split_once(' ').map_or(self.name, |(_, bare)| bare)
    }
}

impl Bounds {
    /// From `least` to `most`, both included.
    pub const fn closed(least: f64, most: f64) -> Self {
        Self { least, least_excluded: false, most, most_excluded: false }
    }

    /// Whether `number` is in range; NaN never is.
    pub fn hold(&self, number: f64) -> bool {
        let high_enough = if self.least_excluded { number > self.least } else { number >= self.least };
        let low_enough = if self.most_excluded { number < self.most } else { number <= self.most };
        high_enough && low_enough
    }

    /// What is in range, in words; `unit` may be empty.
    pub fn expected(&self, unit: &str) -> String {
        let with_unit = |number: f64| if unit.is_empty() { format!("{number}") } else { format!("{number} {unit}") };
        let least = with_unit(self.least);
        let most = with_unit(self.most);
        match (self.least_excluded, self.most_excluded) {
            (true, _) if self.most >= MAGNITUDE_MAX => format!("more than {least}"),
            (false, _) if self.most >= MAGNITUDE_MAX => format!("{least} or more"),
            (false, false) => format!("from {least} to {most}"),
            (true, false) => format!("more than {least} and at most {most}"),
            (false, true) => format!("at least {least} and less than {most}"),
            (true, true) => format!("more than {least} and less than {most}"),
        }
    }
}

/// Splits `"20 kWh"` into number and unit: the number is the longest beginning that is one.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    if text.len() > TEXT_LENGTH_MAX {
        return None;
    }
    let ends = text.char_indices().map(|(start, _)| start).chain([text.len()]);
    ends.rev().find_map(|end| {
        let number = text[..end].trim_end().parse::<f64>().ok()?;
        Some((number, text[end..].trim_start()))
    })
}

/// No quantity of a mission is larger than this in the model's unit.
pub(super) const MAGNITUDE_MAX: f64 = 1e9;

/// Longest text of a quantity, in bytes.
const TEXT_LENGTH_MAX: usize = 64;

pub(super) const POSITIVE: Bounds =
    Bounds { least: 0.0, least_excluded: true, most: MAGNITUDE_MAX, most_excluded: false };
pub(super) const NOT_NEGATIVE: Bounds = Bounds::closed(0.0, MAGNITUDE_MAX);

pub(super) const ENERGY: Quantity = Quantity {
    name: "an energy",
    units: &[("kWh", 1.0, 1.0), ("Wh", 1.0, 1000.0), ("MWh", 1000.0, 1.0), ("MJ", 1.0, 3.6), ("kJ", 1.0, 3600.0)],
    example: "20 kWh",
};
pub(super) const POWER: Quantity = Quantity {
    name: "a power",
    units: &[("kW", 1.0, 1.0), ("W", 1.0, 1000.0), ("MW", 1000.0, 1.0)],
    example: "3.5 kW",
};
pub(super) const DATA: Quantity = Quantity {
    name: "an amount of data",
    units: &[("Gbit", 1.0, 1.0), ("Mbit", 1.0, 1000.0), ("Tbit", 1000.0, 1.0), ("GB", 8.0, 1.0), ("MB", 8.0, 1000.0)],
    example: "40 Gbit",
};
pub(super) const DATA_RATE: Quantity = Quantity {
    name: "a data rate",
    units: &[("Gbit/h", 1.0, 1.0), ("Mbit/h", 1.0, 1000.0), ("Mbit/s", 3.6, 1.0), ("kbit/s", 3.6, 1000.0)],
    example: "1.2 Gbit/h",
};
pub(super) const TIME: Quantity = Quantity {
    name: "a time",
    units: &[("s", 1.0, 1.0), ("min", 60.0, 1.0), ("h", 3600.0, 1.0), ("d", 86400.0, 1.0)],
    example: "60 min",
};
pub(super) const ANGLE: Quantity = Quantity { name: "an angle", units: &[("deg", 1.0, 1.0)], example: "35 deg" };
pub(super) const ANGULAR_RATE: Quantity =
    Quantity { name: "an angular rate", units: &[("deg/h", 1.0, 1.0), ("deg/d", 1.0, 24.0)], example: "0.5 deg/h" };
pub(super) const DISTANCE: Quantity =
    Quantity { name: "a distance", units: &[("km", 1.0, 1.0), ("m", 1.0, 1000.0)], example: "8 km" };
pub(super) const HEIGHT: Quantity =
    Quantity { name: "a height", units: &[("m", 1.0, 1.0), ("km", 1000.0, 1.0)], example: "1200 m" };
pub(super) const SPEED: Quantity =
    Quantity { name: "a speed", units: &[("km/h", 1.0, 1.0), ("m/s", 3.6, 1.0)], example: "5 km/h" };
pub(super) const ENERGY_PER_DATA: Quantity = Quantity {
    name: "an energy per data",
    units: &[("kWh/Gbit", 1.0, 1.0), ("Wh/Gbit", 1.0, 1000.0)],
    example: "0.02 kWh/Gbit",
};
pub(super) const ENERGY_PER_DISTANCE: Quantity = Quantity {
    name: "an energy per distance",
    units: &[("kWh/km", 1.0, 1.0), ("Wh/km", 1.0, 1000.0)],
    example: "0.4 kWh/km",
};
pub(super) const VALUE_PER_ENERGY: Quantity =
    Quantity { name: "a value per energy", units: &[("per kWh", 1.0, 1.0)], example: "0.5 per kWh" };
pub(super) const VALUE_PER_DATA: Quantity =
    Quantity { name: "a value per data", units: &[("per Gbit", 1.0, 1.0)], example: "2 per Gbit" };
pub(super) const VALUE_PER_DISTANCE: Quantity =
    Quantity { name: "a value per distance", units: &[("per km", 1.0, 1.0)], example: "0.1 per km" };
pub(super) const PERCENTAGE: Quantity = Quantity { name: "a percentage", units: &[("%", 1.0, 100.0)], example: "5 %" };

/// All of them, to name what a unit is a unit of.
const ALL: [&Quantity; 16] = [
    &ENERGY,
    &POWER,
    &DATA,
    &DATA_RATE,
    &TIME,
    &ANGLE,
    &ANGULAR_RATE,
    &DISTANCE,
    &HEIGHT,
    &SPEED,
    &ENERGY_PER_DATA,
    &ENERGY_PER_DISTANCE,
    &VALUE_PER_ENERGY,
    &VALUE_PER_DATA,
    &VALUE_PER_DISTANCE,
    &PERCENTAGE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_in_the_unit_of_the_model() {
        let check = |quantity: &Quantity, text: &str, expected: f64| assert_eq!(quantity.read(text), Ok(expected));
        check(&ENERGY, "20 kWh", 20.0);
        check(&ENERGY, " 7.2 MJ ", 2.0);
        check(&ENERGY, "-20kWh", -20.0);
        check(&POWER, "350 W", 0.35);
        check(&DATA, "5 GB", 40.0);
        check(&DATA_RATE, "1 Mbit/s", 3.6);
        check(&TIME, "1e1 min", 600.0);
        check(&ANGULAR_RATE, "12 deg/d", 0.5);
        check(&HEIGHT, "1.2 km", 1200.0);
        check(&SPEED, "2.5 m/s", 9.0);
        check(&VALUE_PER_ENERGY, "0.5 per kWh", 0.5);
        check(&PERCENTAGE, "8 %", 0.08);
        check(&PERCENTAGE, "95%", 0.95);
    }

    #[test]
    fn every_example_is_what_it_is_an_example_of() {
        for quantity in ALL {
            assert!(quantity.read(quantity.example).is_ok(), "{quantity:?}");
        }
    }

    #[test]
    fn wrong_units_are_named() {
        let check = |quantity: &Quantity, text: &str, message: &str, hint: &str| {
            assert_eq!(quantity.read(text), Err(Misread { message: message.to_owned(), hint: Some(hint.to_owned()) }));
        };
        check(&ENERGY, "20 kg", "`kg` is not a unit of energy", "write it like \"20 kWh\"");
        check(&ENERGY, "20 kwh", "`kwh` is not a unit of energy", "did you mean `kWh`?");
        check(&ENERGY, "20 kW", "`20 kW` is a power, not an energy", "write it like \"20 kWh\"");
        check(&ENERGY, "20", "`20` has no unit", "write the unit behind the number, like \"20 kWh\"");
        check(&TIME, "soon", "`soon` is not a time", "write a number, a space and a unit, like \"60 min\"");
        check(&TIME, "", "`` is not a time", "write a number, a space and a unit, like \"60 min\"");
    }

    #[test]
    fn what_is_not_a_number_is_in_no_range() {
        assert!(ENERGY.read("nan kWh").is_ok_and(|number| !POSITIVE.hold(number)));
        assert!(ENERGY.read("inf kWh").is_ok_and(|number| !POSITIVE.hold(number)));
        assert!(ENERGY.read("1e999 kWh").is_ok_and(|number| !POSITIVE.hold(number)));
        assert!(!POSITIVE.hold(0.0) && NOT_NEGATIVE.hold(0.0));
    }
}
