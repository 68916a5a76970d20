//! Directions and places in the frame that turns with the Moon: x towards the prime meridian, z towards north.

use crate::scenario::Site;

/// A vector, in km or without unit.
pub(crate) type Vector = [f64; 3];

/// Radius of the Moon's reference sphere.
pub(crate) const MOON_RADIUS_KM: f64 = 1737.4;

/// A place on the ground with its local directions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stand {
    position_km: Vector,
    east: Vector,
    north: Vector,
    up: Vector,
}

/// Where something stands in a local sky.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Direction {
    /// From north towards east, 0 to below 360.
    pub(crate) azimuth_deg: f64,
    /// Over the ideal horizon.
    pub(crate) elevation_deg: f64,
}

impl Stand {
    pub(crate) fn new(site: &Site) -> Self {
        let (latitude, longitude) = (site.latitude_deg.to_radians(), site.longitude_deg.to_radians());
        let (sin_lat, cos_lat) = (libm::sin(latitude), libm::cos(latitude));
        let (sin_lon, cos_lon) = (libm::sin(longitude), libm::cos(longitude));
        let up = [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat];
        Self {
            position_km: scaled(up, MOON_RADIUS_KM + site.altitude_m / 1000.0),
            east: [-sin_lon, cos_lon, 0.0],
            north: [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            up,
        }
    }

    /// Where a point stands in the local sky.
    pub(crate) fn direction_to(&self, point_km: Vector) -> Direction {
        self.direction_of(difference(point_km, self.position_km))
    }

    /// Where something stands in the local sky that is far away along a vector.
    pub(crate) fn direction_of(&self, line: Vector) -> Direction {
        let (east, north, up) = (dot(line, self.east), dot(line, self.north), dot(line, self.up));
        let azimuth_deg = libm::atan2(east, north).to_degrees();
        Direction {
            azimuth_deg: if azimuth_deg < 0.0 { azimuth_deg + 360.0 } else { azimuth_deg },
            elevation_deg: libm::atan2(up, (east * east + north * north).sqrt()).to_degrees(),
        }
    }

    /// The unit vector towards a direction in the local sky.
    pub(crate) fn towards(&self, direction: Direction) -> Vector {
        let (azimuth, elevation) = (direction.azimuth_deg.to_radians(), direction.elevation_deg.to_radians());
        let flat = libm::cos(elevation);
        let parts = [
            scaled(self.east, flat * libm::sin(azimuth)),
            scaled(self.north, flat * libm::cos(azimuth)),
            scaled(self.up, libm::sin(elevation)),
        ];
        [0, 1, 2].map(|axis| parts[0][axis] + parts[1][axis] + parts[2][axis])
    }

    pub(crate) fn distance_km(&self, point_km: Vector) -> f64 {
        length(difference(point_km, self.position_km))
    }
}

pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn length(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn scaled(a: Vector, factor: f64) -> Vector {
    a.map(|part| part * factor)
}

fn difference(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(latitude_deg: f64, longitude_deg: f64) -> Stand {
        Stand::new(&Site { latitude_deg, longitude_deg, altitude_m: 0.0, horizon_deg: 0.0, ridges: Vec::new() })
    }

    #[test]
    fn the_zenith_is_up_and_the_pole_is_north() {
        let equator = stand(0.0, 90.0);
        assert!(equator.direction_to([0.0, 5000.0, 0.0]).elevation_deg > 89.999);
        let pole = equator.direction_to([0.0, MOON_RADIUS_KM, 1000.0]);
        assert!(pole.azimuth_deg.abs() < 1e-9 && pole.elevation_deg.abs() < 1e-9);
    }

    #[test]
    fn a_direction_survives_its_vector() {
        let site = stand(-89.5, 30.0);
        let wanted = Direction { azimuth_deg: 211.0, elevation_deg: 1.5 };
        // So far away that the step from the Moon's centre to the site does not matter.
        let seen = site.direction_to(scaled(site.towards(wanted), 1e12));
        assert!((seen.azimuth_deg - 211.0).abs() < 1e-6 && (seen.elevation_deg - 1.5).abs() < 1e-6);
    }
}
