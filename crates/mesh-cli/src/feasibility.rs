//! Whether a scenario can be flown at all: a central planner that knows everything, with no disturbance and unbroken
//! links, must meet every constraint without falling short. What it cannot do, no fleet can; and where prices prove that
//! nobody could, the proof is brought along.

use crate::failure::Failure;
use mesh_adapters::Adapter;
use mesh_model::diagram::DiagramBox;
use mesh_model::{Diagram, FleetId, LocalProblem, MissionTime};
use mesh_node::proof::Refutation;
use mesh_sim::scenario::{self, Diagnostic};
use mesh_sim::{Scenario, first_plan};

/// A planning of a scenario in which not every constraint can be met.
#[derive(Debug)]
pub struct NoPlan {
    /// Whose planning it is.
    pub fleet: FleetId,
    /// What the plan would cover begins here.
    pub from: MissionTime,
    /// The problems as they meet, without slacks: their plans are those that meet every constraint.
    pub diagram: Diagram,
    /// The proof that there are none, if one was found.
    pub refutation: Option<Refutation>,
}

impl NoPlan {
    fn of(scenario: &Scenario, problems: &[LocalProblem]) -> Option<Self> {
        let strict: Vec<LocalProblem> = problems.iter().map(Adapter::without_slacks).collect();
        let diagram = Diagram::of_plan(&scenario.contract(), &strict).ok()?;
        // What the solver does not take has no proof either.
        let refutation = Refutation::find(&diagram).ok().flatten();
        Some(Self { fleet: scenario.name.clone(), from: strict.first()?.window.start, diagram, refutation })
    }
}

/// The first planning of the scenario in `text`, which can be read but not be flown, if it can be proved to have no plan.
pub fn no_first_plan(text: &str) -> Option<NoPlan> {
    let scenario = scenario::parse(text).0?;
    let first = first_plan(&scenario, scenario.seed).ok()?;
    let problems = first.boxes.values().filter_map(DiagramBox::problem).map(|open| open.problem.clone());
    let no_plan = NoPlan::of(&scenario, &problems.collect::<Vec<_>>())?;
    no_plan.refutation.is_some().then_some(no_plan)
}

/// What the scenario in `text` asks for in vain: the first constraint that cannot be met, at the asset that has it.
#[cfg(feature = "bench")]
pub fn check(scenario: &Scenario, text: &str) -> Result<Option<(Diagnostic, Option<NoPlan>)>, Failure> {
    use mesh_sim::scenario::{Disturbances, Severity};
    let calm = Scenario { disturbances: Disturbances { solar: 0.0, load: 0.0, drive: 0.0 }, ..scenario.clone() };
    let spinner = crate::progress::Spinner::new("checking that the scenario can be flown");
    let flight = mesh_bench::fly(&calm, scenario.seed).map_err(|why| Failure::Central(why.to_string()));
    spinner.finish();
    for planned in flight?.plans {
        let Some((asset, shortfall)) = planned.shortfalls.into_iter().next() else { continue };
        let missing = format!("{:.3} {}", shortfall.amount, unit(&shortfall.slack));
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            message: format!(
                "the scenario is infeasible: {asset} cannot meet `{}` in the plan from {} on, it is off by {}",
                shortfall.row,
                planned.window.start,
                missing.trim_end()
            ),
            span: id_of(asset.as_str(), text),
            expected: "plans that meet every constraint, with calm weather and unbroken links".to_owned(),
            hint: Some(format!("give {asset} more (battery, solar, time) or ask less of it")),
        };
        return Ok(Some((diagnostic, NoPlan::of(scenario, &planned.unmet))));
    }
    Ok(None)
}

/// Without the referee nobody can tell beforehand.
#[cfg(not(feature = "bench"))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as with the referee")]
pub fn check(_: &Scenario, _: &str) -> Result<Option<(Diagnostic, Option<NoPlan>)>, Failure> {
    Ok(None)
}

/// The unit of a slack variable, by the first word of its name.
#[cfg(feature = "bench")]
fn unit(slack: &str) -> &'static str {
    match slack.split([' ', '[']).next().unwrap_or_default() {
        "shed" => "kW",
        "low" => "kWh",
        "fill" | "spill" => "Gbit",
        "late" => "km",
        _ => "",
    }
}

/// Where the file says that an asset is called `id`.
#[cfg(feature = "bench")]
fn id_of(id: &str, text: &str) -> std::ops::Range<usize> {
    let quoted = format!("\"{id}\"");
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let value = line.trim_start().strip_prefix("id").map(str::trim_start).and_then(|rest| rest.strip_prefix('='));
        if value.is_some_and(|value| value.trim_start().starts_with(&quoted)) {
            let place = start + line.find(&quoted).unwrap_or(0);
            return place..place + quoted.len();
        }
        start += line.len();
    }
    0..0
}

#[cfg(all(test, feature = "bench"))]
mod tests {
    use super::*;
    use mesh_sim::scenario::{AssetKind, LUNAR_BASE};

    #[test]
    fn the_shipped_scenario_is_feasible_and_a_hungry_one_is_not() {
        let mut scenario = Scenario::lunar_base();
        assert!(matches!(check(&scenario, LUNAR_BASE), Ok(None)));
        for asset in &mut scenario.assets {
            if let AssetKind::Habitat { settings, .. } = &mut asset.kind {
                settings.life_support_kw = 1.5 * settings.solar_kw_peak;
            }
        }
        let Ok(Some((diagnostic, Some(no_plan)))) = check(&scenario, LUNAR_BASE) else {
            unreachable!("life support beyond what the array yields cannot be met");
        };
        let refutation = no_plan.refutation.expect("what is off by kilowatts can be proved");
        let refuted = refutation.check(None, Some(&no_plan.diagram));
        assert!(refuted.verified, "{:?}", refuted.findings);
        assert!(diagnostic.message.contains("habitat cannot meet"), "{}", diagnostic.message);
        assert!(diagnostic.message.contains(" kW"), "{}", diagnostic.message);
        assert_eq!(&LUNAR_BASE[diagnostic.span.clone()], "\"habitat\"");
        assert_eq!(diagnostic.position(LUNAR_BASE).column, 6);
    }

    #[test]
    fn an_asset_is_found_where_its_id_stands() {
        let text = "between = [\"rover\"]\n[[asset]]\n  id=\"rover\"\n";
        assert_eq!(&text[id_of("rover", text)], "\"rover\"");
        assert_eq!(id_of("rover", text).start, text.rfind("\"rover").expect("it is there"));
        assert_eq!(id_of("tug", text), 0..0);
    }
}
