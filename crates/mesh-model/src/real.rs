//! Numbers with one encoding each: no NaN, no infinity, no negative zero.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind, Read, Write};

/// A finite number; `-0.0` is stored as `0.0`, so that equal numbers have equal bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Real(f64);

/// The number is NaN or infinite, so it has no canonical encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a finite number")]
pub struct NotFinite;

impl Real {
    /// Zero.
    pub const ZERO: Self = Self(0.0);
    /// One.
    pub const ONE: Self = Self(1.0);

    /// The least number.
    pub const LEAST: Self = Self(f64::MIN);

    /// Accepts any finite number.
    pub fn new(value: f64) -> Result<Self, NotFinite> {
        // Adding zero turns -0.0 into 0.0 and leaves every other number alone.
        if value.is_finite() { Ok(Self(value + 0.0)) } else { Err(NotFinite) }
    }

    /// The number.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The number with the other sign.
    pub fn opposite(self) -> Self {
        Self(0.0 - self.0)
    }

    /// All of `values`, or the refusal of the first that is not finite.
    pub fn all(values: &[f64]) -> Result<Vec<Self>, NotFinite> {
        values.iter().map(|value| Self::new(*value)).collect()
    }

    /// The plain numbers behind `reals`.
    pub fn values(reals: &[Self]) -> Vec<f64> {
        reals.iter().map(|real| real.0).collect()
    }
}

impl TryFrom<f64> for Real {
    type Error = NotFinite;
    fn try_from(value: f64) -> Result<Self, NotFinite> {
        Self::new(value)
    }
}

impl From<Real> for f64 {
    fn from(real: Real) -> f64 {
        real.0
    }
}

impl BorshSerialize for Real {
    fn serialize<W: Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(&self.0.to_bits().to_le_bytes())
    }
}

impl BorshDeserialize for Real {
    fn deserialize_reader<R: Read>(reader: &mut R) -> std::io::Result<Self> {
        let value = f64::from_bits(u64::deserialize_reader(reader)?);
        if value.is_finite() && !(value == 0.0 && value.is_sign_negative()) {
            Ok(Self(value))
        } else {
            Err(Error::new(ErrorKind::InvalidData, "a number that is not finite, or a negative zero"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_encoding_of_each_number() {
        assert_eq!(borsh::to_vec(&Real::new(-0.0).expect("finite")).expect("encodes"), [0; 8]);
        assert!(borsh::from_slice::<Real>(&(-0.0f64).to_le_bytes()).is_err());
        assert!(borsh::from_slice::<Real>(&f64::NAN.to_le_bytes()).is_err());
        assert!(Real::new(f64::INFINITY).is_err());
    }
}
