//! Lists of numbers in as few bytes as what they are for allows.
//!
//! The sender picks the form; what everyone goes on with, the sender included, are [`Numbers::values`].

/// A list of numbers in one of four forms.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Multiples of two to the power of `exponent`.
    Bytes {
        /// The power of a step.
        exponent: i8,
        /// How many steps each number is.
        steps: Vec<i8>,
    },
    /// The same with finer steps.
    Words {
        /// The power of a step.
        exponent: i8,
        /// How many steps each number is.
        steps: Vec<i16>,
    },
    /// Numbers of single precision.
    Single(Vec<f32>),
    /// Numbers of double precision.
    Double(Vec<f64>),
}

impl Numbers {
    /// `values` in the shortest form that `is_near` accepts; double precision if there is none.
    pub(crate) fn shortest(values: &[f64], mut is_near: impl FnMut(&[f64]) -> bool) -> Self {
        let forms = [Self::bytes(values), Self::words(values), Some(Self::single(values))];
        let near = forms.into_iter().flatten().find(|form| is_near(&form.values()));
        near.unwrap_or_else(|| Self::Double(values.to_vec()))
    }

    fn bytes(values: &[f64]) -> Option<Self> {
        let exponent = exponent_of_steps(values, 7)?;
        let step = |value: &f64| (value / power(exponent)).round().clamp(-127.0, 127.0) as i8;
        Some(Self::Bytes { exponent, steps: values.iter().map(step).collect() })
    }

    fn words(values: &[f64]) -> Option<Self> {
        let exponent = exponent_of_steps(values, 15)?;
        let step = |value: &f64| (value / power(exponent)).round().clamp(-32767.0, 32767.0) as i16;
        Some(Self::Words { exponent, steps: values.iter().map(step).collect() })
    }

    fn single(values: &[f64]) -> Self {
        Self::Single(values.iter().map(|value| *value as f32).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes { steps, .. } => steps.len(),
            Self::Words { steps, .. } => steps.len(),
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Bytes { exponent, steps } => steps.iter().map(|step| f64::from(*step) * power(*exponent)).collect(),
            Self::Words { exponent, steps } => steps.iter().map(|step| f64::from(*step) * power(*exponent)).collect(),
            Self::Single(values) => values.iter().copied().map(f64::from).collect(),
            Self::Double(values) => values.clone(),
        }
    }
}

/// The power of two of a step of which the largest value is at most two to the power of `bits`.
fn exponent_of_steps(values: &[f64], bits: i32) -> Option<i8> {
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Some(0);
    }
    let exponent = ((largest.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    i8::try_from(exponent + 1 - bits).ok()
}

fn power(exponent: i8) -> f64 {
    f64::from_bits(((1023 + i64::from(exponent)) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_as_fine_as_its_steps() {
        let values = [0.7, -3.9, 0.0, 1e-3];
        for (form, least) in [(Numbers::bytes(&values), 1.0 / 64.0), (Numbers::words(&values), 1.0 / 16384.0)] {
            let form = form.unwrap();
            assert!(form.values().iter().zip(&values).all(|(a, b)| (a - b).abs() <= least), "{form:?}");
        }
        let far = Numbers::shortest(&values, |_| false);
        assert_eq!(far, Numbers::Double(values.to_vec()));
        assert!(matches!(Numbers::shortest(&values, |_| true), Numbers::Bytes { .. }));
        assert!(matches!(Numbers::shortest(&[1e300], |_| true), Numbers::Single(_)));
        assert_eq!(Numbers::shortest(&[0.0; 3], |_| true).values(), vec![0.0; 3]);
    }
}
