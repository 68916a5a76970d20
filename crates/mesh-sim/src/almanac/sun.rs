//! Sun and Earth: where they stand, and whether the Moon is in the satellite's way to them.
//!
//! A scenario says where both stand in the sky of the first habitat's site. The sun moves there in azimuth only; Earth
//! stands still, as it does for anybody on the Moon but for libration. Both are so far away that their directions are
//! the same everywhere around the Moon.

use super::frame::{Direction, MOON_RADIUS_KM, Vector, dot, length};
use super::terrain::SUN_RADIUS_DEG;
use crate::scenario::Sky;

/// Where the sun's centre stands over the first habitat's site.
pub(crate) fn sun(sky: &Sky, time_s: f64) -> Direction {
    let azimuth = sky.sun_azimuth_deg + sky.sun_azimuth_deg_per_h * time_s / 3600.0;
    Direction { azimuth_deg: azimuth - 360.0 * (azimuth / 360.0).floor(), elevation_deg: sky.sun_elevation_deg }
}

/// Where Earth's centre stands over the first habitat's site.
pub(crate) fn earth(sky: &Sky) -> Direction {
    Direction { azimuth_deg: sky.earth_azimuth_deg, elevation_deg: sky.earth_elevation_deg }
}

/// The share of sunlight at a point around the Moon: 1 in the open, 0 in the umbra, linear across the penumbra.
pub(crate) fn sunlight(point_km: Vector, towards_sun: Vector) -> f64 {
    let clear_deg = clearance_deg(point_km, towards_sun);
    ((clear_deg + SUN_RADIUS_DEG) / (2.0 * SUN_RADIUS_DEG)).clamp(0.0, 1.0)
}

/// Whether the Moon leaves free the line from a point around it towards something far away.
pub(crate) fn in_view(point_km: Vector, towards: Vector) -> bool {
    clearance_deg(point_km, towards) > 0.0
}

/// Angle from the Moon's limb out to `towards`, seen from a point around the Moon; negative when behind the Moon.
fn clearance_deg(point_km: Vector, towards: Vector) -> f64 {
    let distance = length(point_km);
    let moon_radius = libm::asin((MOON_RADIUS_KM / distance).min(1.0));
    let from_moon_centre = libm::acos((-dot(point_km, towards) / distance).clamp(-1.0, 1.0));
    (from_moon_centre - moon_radius).to_degrees()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shadow_is_behind_the_moon() {
        let towards = [1.0, 0.0, 0.0];
        assert_eq!(sunlight([5000.0, 0.0, 0.0], towards), 1.0);
        assert_eq!(sunlight([-5000.0, 0.0, 0.0], towards), 0.0);
        assert_eq!(sunlight([-5000.0, 2500.0, 0.0], towards), 1.0);
        let edge = sunlight([-5000.0, 1738.0, 0.0], towards);
        assert!((0.1..0.9).contains(&edge), "{edge}");
        assert!(!in_view([-5000.0, 1700.0, 0.0], towards) && in_view([-5000.0, 1800.0, 0.0], towards));
    }

    #[test]
    fn the_sun_walks_around_the_horizon() {
        let sky = Sky {
            sun_azimuth_deg: 2.0,
            sun_elevation_deg: 1.5,
            sun_azimuth_deg_per_h: -0.5,
            earth_azimuth_deg: 0.0,
            earth_elevation_deg: 6.0,
        };
        assert_eq!(sun(&sky, 6.0 * 3600.0).azimuth_deg, 359.0);
    }
}
