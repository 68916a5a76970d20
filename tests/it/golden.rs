//! Golden files: canonical bytes and hashes that may change only together with a version.
//!
//! `COSMOSMESH_BLESS=1 cargo test -p cosmosmesh-tests` writes them anew; what has changed then stands in the diff.

use mesh_model::canonical::Canonical;
use mesh_model::envelope::CONTEXT;
use mesh_model::{
    AssetId, Attestation, AuditRecord, AuditSubject, Certificate, DualVariables, Edge, EdgeAgreement, Envelope, Epoch,
    Evaluation, FleetContract, FleetId, Hash, Junction, JunctionId, LocalProblem, MissionId, MissionTime, Objective,
    Opening, Payload, PlanDelta, Port, Real, RoundReport, Row, SharedVariables, SignedEnvelope, Variable, Window,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Compares `found` with the golden file `name`, or writes it when asked to bless.
pub fn check(name: &str, found: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("COSMOSMESH_BLESS").is_some() {
        std::fs::write(&path, found).expect("the golden folder can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
    assert!(
        found == expected,
        "{} differs from line {}: a change of canonical bytes needs a new version\n  found    {:?}\n  expected {:?}",
        path.display(),
        line + 1,
        found.lines().nth(line),
        expected.lines().nth(line),
    );
}

fn asset(name: &str) -> AssetId {
    AssetId::new(name).expect("a valid name")
}

fn real(value: f64) -> Real {
    Real::new(value).expect("a finite number")
}

fn edge() -> Edge {
    Edge { junction: JunctionId::new("power_bus").expect("valid"), source: asset("habitat"), sink: asset("rover") }
}

fn epoch() -> Epoch {
    Epoch { plan: 7, number: 1, opener: asset("planner") }
}

fn window() -> Window {
    Window { start: MissionTime::from_s(25_200), step_s: 3600, steps: 2 }
}

fn agreement() -> EdgeAgreement {
    EdgeAgreement { edge: edge(), flow: vec![real(1.5), real(0.0)], price: vec![real(0.75), real(-0.0)] }
}

fn attestation(name: &str) -> Attestation {
    Attestation { asset: asset(name), problem: Hash::of(name.as_bytes()), upper: real(-1.25), lower: real(-1.375) }
}

fn payloads() -> Vec<(&'static str, Payload)> {
    let delta = PlanDelta {
        epoch: epoch(),
        round: 12,
        window: window(),
        agreements: vec![agreement()],
        attestation: attestation("rover"),
        sent: Hash::of(b"sent"),
    };
    let certificate = Certificate {
        epoch: epoch(),
        round: 12,
        window: window(),
        deltas: vec![(asset("habitat"), 3, Hash::of(b"h")), (asset("rover"), 4, Hash::of(b"r"))],
        attestations: vec![attestation("habitat"), attestation("rover")],
        agreements: vec![agreement()],
        junction_residual: Real::ZERO,
        primal: real(1e-5),
        dual: real(2e-5),
        upper: real(-2.5),
        lower: real(-2.75),
        gap: real(0.1),
    };
    let report = RoundReport {
        epoch: epoch(),
        round: 12,
        primal_squared: real(1e-9),
        dual_squared: real(1e-8),
        scale_squared: real(4.0),
        evaluation: Evaluation {
            candidate: vec![(edge(), Hash::of(b"candidate"))],
            upper: real(-1.25),
            lower: real(-1.375),
        },
    };
    let bounds = |value: f64| vec![real(value), real(value + 1.0)];
    vec![
        ("heartbeat", Payload::Heartbeat(BTreeMap::from([(asset("habitat"), 3), (asset("rover"), 0)]))),
        ("want", Payload::Want(asset("rover"), 5)),
        (
            "opening",
            Payload::Opening(Opening {
                epoch: epoch(),
                window: window(),
                members: vec![asset("habitat"), asset("rover")],
            }),
        ),
        (
            "shared",
            Payload::Shared(SharedVariables {
                epoch: epoch(),
                edge: edge(),
                lower: bounds(0.0),
                upper: bounds(3.0),
                weight: real(0.5),
                awaits: true,
            }),
        ),
        (
            "dual",
            Payload::Dual(DualVariables {
                epoch: epoch(),
                edge: edge(),
                round: 12,
                weight: 3,
                reflected: bounds(0.5),
                offered: bounds(0.25),
                rescale: -1,
                awaits: false,
            }),
        ),
        ("report", Payload::Report(report)),
        ("proposal", Payload::Proposal(epoch(), 12)),
        ("abandon", Payload::Abandon(epoch())),
        ("delta", Payload::Delta(delta)),
        ("certificate", Payload::Certificate(certificate)),
        (
            "audit",
            Payload::Audit(AuditRecord {
                time: MissionTime::from_s(60),
                subject: AuditSubject::Contact { peer: asset("satellite"), up: true },
            }),
        ),
    ]
}

fn problem() -> LocalProblem {
    LocalProblem {
        asset: asset("rover"),
        domain: "rover".to_owned(),
        version: 1,
        window: window(),
        variables: vec![Variable { name: "soc[0]".to_owned(), lower: real(0.0), upper: real(16.0) }],
        objective: Objective { quadratic: vec![(0, 0, real(0.5))], linear: vec![real(-1.0)], constant: real(2.0) },
        rows: vec![Row {
            name: "battery[0]".to_owned(),
            terms: vec![(0, real(1.0))],
            lower: real(1.0),
            upper: real(8.0),
        }],
        ports: vec![Port { edge: edge(), flow: vec![Some(0), None] }],
    }
}

fn contract() -> FleetContract {
    FleetContract {
        version: 1,
        fleet: FleetId::new("moon").expect("valid"),
        members: vec![asset("habitat"), asset("planner"), asset("rover")],
        planner: asset("planner"),
        junctions: vec![Junction {
            id: JunctionId::new("power_bus").expect("valid"),
            source: asset("habitat"),
            sinks: vec![asset("rover")],
            unit: "kW".to_owned(),
            weight: real(0.1),
            tolerance: real(0.001),
        }],
        step_s: 3600,
        steps: 24,
        lead_s: 600,
        gap_max: real(1e-4),
        residual_max: real(1e-4),
        rounds_max: 400,
    }
}

#[test]
fn canonical_bytes_of_the_nouns() {
    let mut text = String::new();
    let mut line = |name: &str, bytes: &[u8]| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{name}\n  bytes {hex}\n  hash  {}", Hash::of(bytes)).expect("text grows");
    };
    for (name, payload) in payloads() {
        line(&format!("payload {name}"), &payload.encode());
        let envelope = Envelope {
            context: CONTEXT,
            fleet: FleetId::new("moon").expect("valid"),
            mission: MissionId([9; 16]),
            epoch: epoch(),
            author: asset("rover"),
            key: "did:key:z6Mk".to_owned(),
            stream: payload.kind().stream(),
            sequence: 5,
            previous: (payload.kind().stream() == mesh_model::Stream::Log).then(|| Hash::of(b"previous")),
            contract: contract().hash(),
            expires: MissionTime::from_s(90),
            kind: payload.kind(),
            payload: payload.hash(),
        };
        line(&format!("envelope {name}"), &envelope.encode());
    }
    line("local problem", &problem().encode());
    line("fleet contract", &contract().encode());
    let signed = SignedEnvelope { unsigned: vec![1, 2], payload: vec![3], signature: [4; 64] };
    line("signed envelope", &signed.encode());
    check("nouns.txt", &text);
}
