//! Where a rover is and what it may do there, from its odometer and its itinerary alone.

use super::Body;
use mesh_adapters::RoverForecast;

/// Where a rover stands or what it drives in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Whereabouts {
    Docked,
    AtSite,
    /// Under way for the whole step at this speed.
    Driving {
        speed_km_h: f64,
    },
    /// Between two places without being told to go on.
    Stranded,
}

/// What a rover does in a step when told to drive at `told_km_h`. It drives a leg only in the leg's steps, except that
/// a leg which was begun and is overdue is finished at top speed.
pub(crate) fn whereabouts(
    forecast: &RoverForecast,
    body: &Body,
    step: usize,
    hours: f64,
    told_km_h: f64,
    top_km_h: f64,
) -> Whereabouts {
    let left_km = |number: usize| forecast.left_km(number, body.odometer_km);
    let next = (0..forecast.legs.len()).find(|number| left_km(*number) > ARRIVED_KM);
    let number = next.unwrap_or(forecast.legs.len());
    // Places alternate along the legs, beginning where the mission does.
    let begins_docked = forecast.docked_share.first().is_some_and(|share| *share > 0.0);
    let standing = if (number % 2 == 0) == begins_docked { Whereabouts::Docked } else { Whereabouts::AtSite };
    let Some(leg) = forecast.legs.get(number) else { return standing };
    let begun = left_km(number) < leg.km - ARRIVED_KM;
    let wanted_km_h = if leg.holds(step) {
        told_km_h
    } else if begun && step >= leg.until as usize {
        top_km_h
    } else {
        0.0
    };
    let speed_km_h = wanted_km_h.max(0.0).min(top_km_h).min(left_km(number) / hours);
    match (speed_km_h > 0.0, begun) {
        (true, _) => Whereabouts::Driving { speed_km_h },
        (false, true) => Whereabouts::Stranded,
        (false, false) => standing,
    }
}

/// Closer than this the rover is there.
const ARRIVED_KM: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_adapters::Leg;
    use mesh_model::AssetId;

    fn at(odometer_km: f64, step: usize, told_km_h: f64) -> Whereabouts {
        let forecast = RoverForecast {
            dock: AssetId::new("habitat").expect("a name"),
            docked_share: vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            site_share: vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
            legs: vec![Leg { from: 1, until: 2, km: 4.0 }, Leg { from: 4, until: 5, km: 4.0 }],
            relay_share: vec![0.0; 6],
        };
        let body = Body { odometer_km, ..Body::default() };
        whereabouts(&forecast, &body, step, 1.0, told_km_h, 5.0)
    }

    #[test]
    fn it_drives_in_the_steps_of_a_leg_and_not_beyond_its_end() {
        assert_eq!(at(0.0, 0, 5.0), Whereabouts::Docked);
        assert_eq!(at(0.0, 1, 3.0), Whereabouts::Driving { speed_km_h: 3.0 });
        assert_eq!(at(0.0, 1, 9.0), Whereabouts::Driving { speed_km_h: 4.0 });
        assert_eq!(at(4.0, 2, 5.0), Whereabouts::AtSite);
        assert_eq!(at(8.0, 5, 5.0), Whereabouts::Docked);
    }

    #[test]
    fn an_overdue_leg_is_finished_and_one_never_begun_is_not() {
        assert_eq!(at(3.0, 2, 0.0), Whereabouts::Driving { speed_km_h: 1.0 });
        assert_eq!(at(3.0, 1, 0.0), Whereabouts::Stranded);
        assert_eq!(at(0.0, 2, 0.0), Whereabouts::Docked);
    }
}
