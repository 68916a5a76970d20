//! Whether a scenario can be flown at all: a central planner that knows everything, with no disturbance and unbroken
//! links, must meet every constraint without falling short. What it cannot do, no fleet can.

use crate::failure::Failure;
use mesh_sim::Scenario;

/// An error if some constraint cannot be met, with the first plan in which that shows.
#[cfg(feature = "bench")]
pub fn check(scenario: &Scenario) -> Result<(), Failure> {
    use mesh_sim::scenario::Disturbances;
    let calm = Scenario { disturbances: Disturbances { solar: 0.0, load: 0.0, drive: 0.0 }, ..scenario.clone() };
    let flight = mesh_bench::fly(&calm, scenario.seed).map_err(|why| Failure::Central(why.to_string()))?;
    for planned in flight.plans {
        if let Some((asset, shortfall)) = planned.shortfalls.into_iter().next() {
            let (row, amount, start) = (shortfall.row, shortfall.amount, planned.window.start);
            return Err(Failure::Infeasible { asset, row, amount, start });
        }
    }
    Ok(())
}

/// Without the referee nobody can tell beforehand.
#[cfg(not(feature = "bench"))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as with the referee")]
pub fn check(_: &Scenario) -> Result<(), Failure> {
    Ok(())
}

#[cfg(all(test, feature = "bench"))]
mod tests {
    use super::*;
    use mesh_sim::scenario::AssetKind;

    #[test]
    fn the_shipped_scenario_is_feasible_and_a_hungry_one_is_not() {
        let mut scenario = Scenario::lunar_base();
        assert!(check(&scenario).is_ok());
        for asset in &mut scenario.assets {
            if let AssetKind::Habitat { settings, .. } = &mut asset.kind {
                settings.life_support_kw = 1.5 * settings.solar_kw_peak;
            }
        }
        match check(&scenario) {
            Err(Failure::Infeasible { asset, amount, .. }) => assert!(asset.as_str() == "habitat" && amount > 0.0),
            other => unreachable!("life support beyond what the array yields cannot be met, yet: {other:?}"),
        }
    }
}
