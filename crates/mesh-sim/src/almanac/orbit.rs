//! Two-body motion around the Moon, turned into the frame that rotates with it. No perturbations: over a few days they
//! are far below what a contact plan cares for.

use super::frame::Vector;
use crate::scenario::Orbit;
use std::f64::consts::{PI, TAU};

/// Where the satellite is at `time_s` of the mission, in the frame that turns with the Moon. Both frames coincide at
/// the start of the mission.
pub(crate) fn position_km(orbit: &Orbit, time_s: f64) -> Vector {
    let semi_major_km = semi_major_km(orbit.period_s);
    let mean = TAU * ((time_s - orbit.perilune_at_s) / orbit.period_s);
    let eccentric = eccentric_anomaly(mean, orbit.eccentricity);
    let e = orbit.eccentricity;
    // In the orbit's plane: x towards perilune.
    let x = semi_major_km * (libm::cos(eccentric) - e);
    let y = semi_major_km * (1.0 - e * e).sqrt() * libm::sin(eccentric);

    let (sin_w, cos_w) = sin_cos(orbit.perilune_deg.to_radians());
    let (along, across) = (x * cos_w - y * sin_w, x * sin_w + y * cos_w);
    let (sin_i, cos_i) = sin_cos(orbit.inclination_deg.to_radians());
    // The node as the turning Moon sees it.
    let node = orbit.node_deg.to_radians() - TAU * (time_s / MOON_DAY_S);
    let (sin_n, cos_n) = sin_cos(node);
    [along * cos_n - across * cos_i * sin_n, along * sin_n + across * cos_i * cos_n, across * sin_i]
}

/// Mean radius of an orbit with this period, by Kepler's third law.
pub(crate) fn semi_major_km(period_s: f64) -> f64 {
    libm::cbrt(MOON_GM_KM3_S2 * (period_s / TAU) * (period_s / TAU))
}

/// Solves Kepler's equation `E - e sin E = mean` by Newton's method with a written limit. `mean` may be any angle.
fn eccentric_anomaly(mean: f64, eccentricity: f64) -> f64 {
    let mean = mean - TAU * (mean / TAU).floor();
    // Starting at pi Newton's method converges from one side for every mean anomaly and eccentricity below 1.
    let mut anomaly = PI;
    for _ in 0..NEWTON_STEPS_MAX {
        let miss = anomaly - eccentricity * libm::sin(anomaly) - mean;
        let step = miss / (1.0 - eccentricity * libm::cos(anomaly));
        anomaly -= step;
        if step.abs() < 1e-13 {
            break;
        }
    }
    anomaly
}

fn sin_cos(angle: f64) -> (f64, f64) {
    (libm::sin(angle), libm::cos(angle))
}

/// The Moon's gravitational parameter.
const MOON_GM_KM3_S2: f64 = 4_902.800_066;

/// One turn of the Moon against the stars.
const MOON_DAY_S: f64 = 27.321_661 * 86_400.0;

const NEWTON_STEPS_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::almanac::frame::length;

    fn orbit(eccentricity: f64, inclination_deg: f64) -> Orbit {
        let period_s = 43_200.0;
        Orbit { period_s, eccentricity, inclination_deg, node_deg: 0.0, perilune_deg: 90.0, perilune_at_s: 36_000.0 }
    }

    #[test]
    fn keplers_equation_is_solved_everywhere() {
        for eccentricity in [0.0, 0.3, 0.7, 0.95, 0.999] {
            for step in 0..200 {
                let mean = f64::from(step) * TAU / 200.0;
                let anomaly = eccentric_anomaly(mean, eccentricity);
                let miss = anomaly - eccentricity * libm::sin(anomaly) - mean;
                assert!(miss.abs() < 1e-9, "e {eccentricity}, mean {mean}: {miss}");
            }
        }
    }

    #[test]
    fn twelve_hours_are_6142_km_and_the_apsides_are_where_they_should_be() {
        let orbit = orbit(0.6, 90.0);
        let low = position_km(&orbit, 36_000.0);
        let high = position_km(&orbit, 36_000.0 - 21_600.0);
        assert!((length(low) - 6142.0 * 0.4).abs() < 2.0, "{}", length(low));
        assert!((length(high) - 6142.0 * 1.6).abs() < 8.0, "{}", length(high));
        assert!(low[2] > 2400.0 && high[2] < -9800.0, "perilune over the north, apolune over the south");
    }

    #[test]
    fn the_moon_turns_under_the_orbit() {
        let orbit = Orbit { perilune_deg: 0.0, perilune_at_s: 0.0, ..orbit(0.0, 0.0) };
        let after = position_km(&orbit, 43_200.0);
        let turned = libm::atan2(after[1], after[0]).to_degrees();
        assert!((turned + 360.0 / 27.321_661 / 2.0).abs() < 1e-6, "{turned}");
    }
}
