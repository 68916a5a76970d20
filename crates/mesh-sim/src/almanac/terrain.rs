//! The skyline around a site, and how much of the sun's disc stands above it.

use super::frame::Direction;
use crate::scenario::Site;

/// Elevation of the terrain towards an azimuth: that of the highest ridge there, else of the site's horizon.
pub(crate) fn skyline_deg(site: &Site, azimuth_deg: f64) -> f64 {
    let there = |from: f64, to: f64| clockwise_deg(from, azimuth_deg) <= clockwise_deg(from, to);
    let ridges = site.ridges.iter().filter(|ridge| there(ridge.from_deg, ridge.to_deg));
    ridges.map(|ridge| ridge.elevation_deg).fold(site.horizon_deg, f64::max)
}

/// The part of the sun's disc that is above the skyline, 0 to 1.
pub(crate) fn disc_share(site: &Site, centre: Direction) -> f64 {
    let (mut whole, mut visible) = (0.0, 0.0);
    for slice in 0..DISC_SLICES {
        let across = SUN_RADIUS_DEG * ((2 * slice + 1) as f64 / DISC_SLICES as f64 - 1.0);
        let half = (SUN_RADIUS_DEG * SUN_RADIUS_DEG - across * across).sqrt();
        let skyline = skyline_deg(site, centre.azimuth_deg + across);
        whole += 2.0 * half;
        visible += (centre.elevation_deg + half - skyline).max(0.0).min(2.0 * half);
    }
    visible / whole
}

/// Half of the sun's apparent diameter of 0.53 degrees.
pub(crate) const SUN_RADIUS_DEG: f64 = 0.265;

/// How far it is clockwise from one azimuth to another, 0 to below 360.
fn clockwise_deg(from: f64, to: f64) -> f64 {
    let turn = to - from;
    turn - 360.0 * (turn / 360.0).floor()
}

/// The disc is cut into this many upright slices; the skyline is flat across a slice.
const DISC_SLICES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Ridge;

    fn site() -> Site {
        let ridges = vec![Ridge { from_deg: 350.0, to_deg: 10.0, elevation_deg: 5.0 }];
        Site { latitude_deg: -89.5, longitude_deg: 0.0, altitude_m: 0.0, horizon_deg: 1.0, ridges }
    }

    #[test]
    fn a_ridge_may_lie_across_north() {
        let heights = [349.0, 351.0, 0.0, 9.0, 11.0, -5.0, 365.0].map(|azimuth| skyline_deg(&site(), azimuth));
        assert_eq!(heights, [1.0, 5.0, 5.0, 5.0, 1.0, 5.0, 5.0]);
    }

    #[test]
    fn the_disc_sinks_behind_the_horizon_and_behind_a_ridge() {
        let share = |azimuth_deg, elevation_deg| disc_share(&site(), Direction { azimuth_deg, elevation_deg });
        assert_eq!(share(180.0, 1.3), 1.0);
        assert!((share(180.0, 1.0) - 0.5).abs() < 1e-9);
        assert_eq!(share(180.0, 0.7), 0.0);
        assert!((share(10.0, 1.5) - 0.5).abs() < 0.05, "half behind the ridge's end");
        assert_eq!(share(0.0, 1.5), 0.0);
    }
}
