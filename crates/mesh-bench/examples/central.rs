//! Flies a mission under the central planner and prints what came of it.
//!
//!     cargo run --release -p mesh-bench --example central -- scenarios/lunar_base.toml [FIRST_SEED LAST_SEED]

use mesh_bench::{CentralReport, fly};
use mesh_sim::scenario::parse;
use mesh_sim::world::Flows;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("which scenario file?")?;
    let seeds: Vec<u64> = std::env::args().skip(2).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let (first, last) = (seeds.first().copied().unwrap_or(1), seeds.last().copied().unwrap_or(3));
    let (scenario, diagnostics) = parse(&std::fs::read_to_string(file)?);
    let scenario = scenario.ok_or_else(|| format!("{diagnostics:?}"))?;
    for seed in first..=last {
        let report = fly(&scenario, seed)?;
        if seed == first {
            timeline(&report);
        }
        summary(seed, &report);
    }
    Ok(())
}

fn timeline(report: &CentralReport) {
    for record in &report.history {
        print!("{:2}", record.step);
        for step in record.assets.values() {
            print!(" | {:6.2} kWh ", step.soc_kwh);
            match &step.flows {
                Flows::Habitat { solar_kw, isru_kw, supply_kw, uplink_gbit_h, .. } => {
                    print!("sun {solar_kw:5.2} isru {isru_kw:4.2} bus {supply_kw:4.2} up {uplink_gbit_h:4.2}");
                }
                Flows::Rover { charge_kw, survey, drive_km_h, transmit_gbit_h, .. } => {
                    print!(
                        "{:5.2} Gbit charge {charge_kw:4.2} survey {survey:4.2} drive {drive_km_h:4.2} send {transmit_gbit_h:4.2}",
                        step.buffer_gbit
                    );
                }
                Flows::Satellite { solar_kw, downlink_gbit_h, .. } => {
                    print!("{:5.2} Gbit sun {solar_kw:4.2} down {downlink_gbit_h:4.2}", step.buffer_gbit);
                }
            }
        }
        println!();
    }
    for planned in report.plans.iter().step_by(6) {
        println!("plan for {} costs {:.3}", planned.window.start, planned.plan.cost);
        for (edge, prices) in &planned.plan.prices {
            let prices: Vec<String> = prices.iter().map(|price| format!("{price:.2}")).collect();
            println!("  {edge}: {}", prices.join(" "));
            let flows: Vec<String> = planned.plan.flows[edge].iter().map(|flow| format!("{flow:.2}")).collect();
            println!("  {:>width$}  {}", "", flows.join(" "), width = edge.to_string().len());
        }
    }
}

fn summary(seed: u64, report: &CentralReport) {
    let priced = |planned: &mesh_bench::mission::PlannedWindow| {
        planned.plan.prices.values().flatten().filter(|price| price.abs() > 1e-3).count()
    };
    print!("seed {seed}: cost {:.3}, science {:.2} Gbit, ", report.cost, report.science_gbit);
    println!("fewest prices in a plan {}", report.plans.iter().map(priced).min().unwrap_or(0));
    for (id, score) in &report.score.assets {
        println!(
            "  {id:<10} energy {:6.2} kWh, cost {:8.3}, margin {:6.3} kWh, missed {:.3} kWh, handed {:.2} Gbit, spilled {:.2}",
            score.energy_kwh,
            score.cost,
            score.battery_margin_kwh,
            score.life_support_missed_kwh,
            score.handed_gbit,
            score.spilled_gbit
        );
    }
    println!("  excess {:?}", report.score.excess_max.values().collect::<Vec<_>>());
    for planned in &report.plans {
        for (id, shortfall) in &planned.shortfalls {
            println!(
                "  {} {id}: {} lacks {:.3} ({})",
                planned.window.start, shortfall.row, shortfall.amount, shortfall.slack
            );
        }
    }
}
