//! The mission under worse links than it was made for: plans may come later or not at all, but what is agreed is sound,
//! nobody is harmed, and when the links heal the fleet plans together again.

use crate::mission::lunar_base;
use mesh_asset::check_certificate;
use mesh_model::AssetId;
use mesh_sim::rehearsal::rehearse;
use std::collections::BTreeSet;

#[test]
fn heavy_loss_costs_rounds_and_nothing_else() {
    for loss in [0.05, 0.3] {
        let mut scenario = lunar_base();
        scenario.links.iter_mut().for_each(|link| link.loss = loss);
        let (outcome, host) = rehearse(&scenario, 3).expect("sound settings");
        let again = rehearse(&scenario, 3).expect("sound settings").0;
        assert_eq!(outcome.state_hash, again.state_hash, "loss {loss}: not deterministic");

        let contract = scenario.contract();
        for plan in &outcome.journal.plans {
            check_certificate(&plan.certificate, &contract).expect("only sound plans are certified");
        }
        let vehicles: BTreeSet<AssetId> = scenario.assets.iter().map(|asset| asset.id.clone()).collect();
        let together = outcome.journal.plans.iter().filter(|plan| plan.is_of_all(&vehicles)).count();
        assert!(together >= 10, "loss {loss}: only {together} plans of all, given up {:?}", outcome.journal.given_up);

        let score = outcome.world.score();
        for (id, asset) in &score.assets {
            assert!(asset.battery_margin_kwh >= 0.0, "loss {loss}: {id} went below its reserve");
            assert_eq!(asset.life_support_missed_kwh, 0.0, "loss {loss}: {id} lacked life support");
        }
        assert!(outcome.journal.traffic.values().any(|traffic| traffic.lost > 0), "loss {loss}: nothing was lost");
        let lengths: BTreeSet<usize> = host.logs.values().map(Vec::len).collect();
        assert!(lengths.iter().all(|length| *length > 2), "loss {loss}: a log is empty");
    }
}
