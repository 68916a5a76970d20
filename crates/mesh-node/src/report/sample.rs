//! A made-up report for tests.

use super::*;

pub(crate) fn report() -> Report {
    let id = |name: &str| AssetId::new(name).expect("a good name");
    let hash = Hash::of(b"sample");
    let asset = |name: &str, kind: &str, soc: Option<f64>| AssetFigures {
        id: id(name),
        kind: kind.to_owned(),
        energy_kwh: soc.map(|soc| soc * 3.0),
        soc_kwh_min: soc,
        reserve_kwh: soc.map(|soc| soc / 2.0),
        bytes_sent: 1_234_567,
        log_entries: 57,
        plans_adopted: 24,
        outage_s_max: 14_700.0,
        state: hash,
    };
    let row = |plan: u64, members: &[&str]| PlanRow {
        plan,
        epoch: 0,
        time_s: plan as f64 * 3600.0,
        members: members.iter().map(|name| id(name)).collect(),
        rounds: 60 - plan as u32,
        cost: -41.5 - plan as f64,
        gap: 3.2e-5,
        primal: 4e-7,
        dual: 8e-7,
        prices: 7,
    };
    Report {
        version: REPORT_VERSION,
        program: "0.1.0".to_owned(),
        scenario: FleetId::new("lunar_base").expect("a good name"),
        title: "A day at the <south> pole".to_owned(),
        scenario_hash: hash,
        seed: 1,
        status: Status::Pass,
        mission: MissionId([7; 16]),
        interrupted: false,
        ticks: 9_000,
        assertions: vec![
            Assertion::compare("reserves_kept", Some(1.25), Relation::AtLeast, 0.0, "kWh"),
            Assertion::compare("gap_certified", Some(3.2e-5), Relation::AtMost, 1e-4, ""),
            Assertion::compare("life_support_met", Some(0.0), Relation::AtMost, 0.0, "kWh"),
            Assertion::compare("couplings_kept", Some(0.0), Relation::AtMost, 1.0, "tolerances"),
            Assertion::compare("science_delivered", Some(1.0), Relation::AtLeast, 0.95, ""),
            Assertion::compare("blackout_flown", Some(14_700.0), Relation::AtLeast, 14_400.0, "s"),
            Assertion::compare("blackout_overlap", Some(5_400.0), Relation::AtLeast, 3_600.0, "s"),
            Assertion::compare("audit_verified", Some(1.0), Relation::AtLeast, 1.0, ""),
        ],
        plan: PlanFigures {
            cost: -40.0,
            optimum: Some(-41.0),
            certified_gap: 3.2e-5,
            rounds: 60,
            rounds_total: 812,
            first_plan_s: Some(0.5),
            first_plan_mission_s: 360.0,
            adopted: 24,
            given_up: 0,
        },
        blackout: BlackoutFigures {
            asset: Some(id("rover")),
            from_s: 28_800.0,
            mission_s: 14_700.0,
            overlap_s: 5_400.0,
            reconverge_rounds: Some(22),
            plans_within: 4,
            comparison: vec![BlackoutComparison {
                figure: "habitat's cost".to_owned(),
                planning: -10.0,
                holding: -8.5,
                unit: String::new(),
            }],
        },
        bytes_per_asset_max: 1_234_567,
        rss_bytes_max: 20 << 20,
        mode: FlightMode::Processes,
        processes: vec![ProcessFigures {
            name: "rover".to_owned(),
            rss_bytes: 20 << 20,
            bytes_sent: 1_234_567,
            dropped: 0,
            restarts: 1,
            lost: false,
        }],
        replayable: true,
        not_replayable: None,
        audit: AuditFigures { entries: 228, verified: true },
        state_hash: hash,
        wall_s: 4.2,
        mission_s: 86_400.0,
        assets: vec![
            asset("habitat", "habitat", Some(80.0)),
            asset("planner", "planner", None),
            asset("relay", "satellite", Some(2.0)),
            asset("rover", "rover", Some(5.0)),
        ],
        plans: vec![row(0, &["habitat", "relay", "rover"]), row(9, &["habitat", "relay"])],
        recordings: vec![RecordingFigures {
            asset: id("rover"),
            inputs: 9_000,
            inputs_hash: hash,
            file_hash: hash,
            finished: true,
            broken: None,
        }],
    }
}

pub(crate) fn courses() -> Courses {
    let id = |name: &str| AssetId::new(name).expect("a good name");
    let battery = |name: &str, capacity_kwh: f64| BatteryCourse {
        asset: id(name),
        capacity_kwh,
        reserve_kwh: capacity_kwh * 0.2,
        points: (0..=96)
            .map(|i| (f64::from(i) / 4.0, capacity_kwh * (0.6 + 0.3 * (f64::from(i) / 14.0).sin())))
            .collect(),
    };
    let rounds = (0..60)
        .map(|i| {
            let shrink = 10f64.powf(-f64::from(i) / 10.0);
            let gap = (i % 5 == 4).then_some(shrink * 2.0);
            RoundCourse { round: i, primal: shrink, dual: shrink * 0.4, gap }
        })
        .collect();
    Courses {
        batteries: vec![battery("habitat", 120.0), battery("relay", 4.0), battery("rover", 12.0)],
        negotiations: vec![NegotiationCourse { title: "First plan".to_owned(), rounds }],
        links: vec![
            LinkCourse { name: "habitat, rover".to_owned(), up: vec![(0.0, 8.0), (12.1, 24.0)] },
            LinkCourse { name: "relay, rover".to_owned(), up: vec![] },
        ],
    }
}
