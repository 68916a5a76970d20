//! Chance without a generator: every draw is a hash of the seed and of what it is for, so that no draw depends on how
//! many were made before it.

use mesh_model::Hash;
use std::f64::consts::TAU;

/// A number from 0 to below 1 for `purpose` and the parts that tell one draw from another.
pub(crate) fn uniform(seed: u64, purpose: &str, parts: &[&[u8]]) -> f64 {
    let mut hash = Hash::of(&seed.to_le_bytes()).then(purpose.as_bytes());
    for part in parts {
        // One link a part: two lists of parts never run together.
        hash = hash.then(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    (u64::from_le_bytes(first) >> 11) as f64 / (1u64 << 53) as f64
}

/// A number from the standard normal distribution, cut off at 3 standard deviations.
pub(crate) fn normal(seed: u64, purpose: &str, parts: &[&[u8]]) -> f64 {
    let draw = |which: &[u8]| uniform(seed, purpose, &[parts, &[which]].concat());
    // Box and Muller; 1 - u is never zero.
    let radius = (-2.0 * libm::log(1.0 - draw(b"radius"))).sqrt();
    (radius * libm::cos(TAU * draw(b"angle"))).clamp(-3.0, 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_right_mean_and_spread_and_depend_on_everything() {
        let draws: Vec<f64> = (0..4000u32).map(|i| normal(1, "load", &[&i.to_le_bytes()])).collect();
        let mean = draws.iter().sum::<f64>() / 4000.0;
        let variance = draws.iter().map(|draw| draw * draw).sum::<f64>() / 4000.0;
        assert!(mean.abs() < 0.05 && (variance - 0.97).abs() < 0.06, "{mean} {variance}");
        let one = uniform(1, "load", &[b"a", b"b"]);
        let others = [
            uniform(2, "load", &[b"a", b"b"]),
            uniform(1, "solar", &[b"a", b"b"]),
            uniform(1, "load", &[b"ab"]),
            uniform(1, "load", &[b"b", b"a"]),
        ];
        assert!(others.iter().all(|other| *other != one));
    }
}
