//! plan.json: the certified plans, for programs and people. It holds what all members signed, nothing that is private to
//! one of them.

use mesh_model::{AssetId, Certificate, Hash, JunctionId, MissionTime, Real};
use mesh_sim::journal::Certified;
use serde::Serialize;

/// plan.json of these plans, with a line break at its end. The same plans always give the same bytes.
pub fn plan_file(scenario: &str, seed: u64, plans: &[Certified]) -> String {
    let plans = plans.iter().map(PlanEntry::of).collect();
    let file = PlanFile { version: PLAN_FILE_VERSION, scenario, seed, plans };
    let mut text =
        serde_json::to_string_pretty(&file).expect("plans hold names and finite numbers, which JSON can hold");
    text.push('\n');
    text
}

/// The version of plan.json.
pub const PLAN_FILE_VERSION: u32 = 1;

#[derive(Serialize)]
struct PlanFile<'a> {
    version: u32,
    scenario: &'a str,
    seed: u64,
    plans: Vec<PlanEntry<'a>>,
}

#[derive(Serialize)]
struct PlanEntry<'a> {
    plan: u64,
    epoch: u32,
    opened_s: f64,
    agreed_s: f64,
    from_s: f64,
    step_s: u32,
    steps: u16,
    round: u32,
    cost: Real,
    lower_bound: Real,
    gap: Real,
    primal: Real,
    dual: Real,
    members: Vec<MemberEntry<'a>>,
    edges: Vec<EdgeEntry<'a>>,
}

/// A member's entry in its own log that made it part of the plan.
#[derive(Serialize)]
struct MemberEntry<'a> {
    asset: &'a AssetId,
    cost: Real,
    lower_bound: Real,
    problem: Hash,
}

#[derive(Serialize)]
struct EdgeEntry<'a> {
    junction: &'a JunctionId,
    source: &'a AssetId,
    sink: &'a AssetId,
    flow: &'a [Real],
    price: &'a [Real],
}

impl<'a> PlanEntry<'a> {
    fn of(plan: &'a Certified) -> Self {
        let Certificate { epoch, round, window, attestations, agreements, .. } = &plan.certificate;
        let seconds = MissionTime::as_s;
        Self {
            plan: epoch.plan,
            epoch: epoch.number,
            opened_s: seconds(plan.opened),
            agreed_s: seconds(plan.agreed),
            from_s: seconds(window.start),
            step_s: window.step_s,
            steps: window.steps,
            round: *round,
            cost: plan.certificate.upper,
            lower_bound: plan.certificate.lower,
            gap: plan.certificate.gap,
            primal: plan.certificate.primal,
            dual: plan.certificate.dual,
            members: attestations
                .iter()
                .map(|attested| MemberEntry {
                    asset: &attested.asset,
                    cost: attested.upper,
                    lower_bound: attested.lower,
                    problem: attested.problem,
                })
                .collect(),
            edges: agreements
                .iter()
                .map(|agreed| EdgeEntry {
                    junction: &agreed.edge.junction,
                    source: &agreed.edge.source,
                    sink: &agreed.edge.sink,
                    flow: &agreed.flow,
                    price: &agreed.price,
                })
                .collect(),
        }
    }
}
