//! Property: every noun survives its bytes, and no other bytes give it.

use crate::audit::{AuditRecord, AuditSubject};
use crate::canonical::{Canonical, Hash};
use crate::contract::Edge;
use crate::envelope::{CONTEXT, Envelope, MissionId, Payload, SignedEnvelope};
use crate::plan::{Attestation, Certificate, EdgeAgreement, PlanDelta};
use crate::problem::{LocalProblem, Objective, Port, Row, Variable, Window};
use crate::rounds::{DualVariables, Epoch, Evaluation, Opening, RoundReport, SharedVariables};
use crate::{AssetId, FleetId, JunctionId, MissionTime, Real};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn asset() -> impl Strategy<Value = AssetId> {
    "[a-z][a-z0-9_]{0,31}".prop_map(|name| AssetId::new(&name).unwrap())
}

fn real() -> impl Strategy<Value = Real> {
    prop_oneof![any::<f64>(), Just(-0.0), Just(f64::MIN_POSITIVE), Just(f64::MAX)]
        .prop_filter_map("finite", |value| Real::new(value).ok())
}

fn reals() -> impl Strategy<Value = Vec<Real>> {
    vec(real(), 0..5)
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<u64>().prop_map(|seed| Hash::of(&seed.to_le_bytes()))
}

fn edge() -> impl Strategy<Value = Edge> {
    ("[a-z]{1,8}", asset(), asset()).prop_map(|(junction, source, sink)| Edge {
        junction: JunctionId::new(&junction).unwrap(),
        source,
        sink,
    })
}

fn epoch() -> impl Strategy<Value = Epoch> {
    (any::<u64>(), any::<u32>(), asset()).prop_map(|(plan, number, opener)| Epoch { plan, number, opener })
}

fn window() -> impl Strategy<Value = Window> {
    (any::<u64>(), any::<u32>(), any::<u16>()).prop_map(|(start, step_s, steps)| Window {
        start: MissionTime::from_ns(start),
        step_s,
        steps,
    })
}

fn agreement() -> impl Strategy<Value = EdgeAgreement> {
    (edge(), reals(), reals()).prop_map(|(edge, flow, price)| EdgeAgreement { edge, flow, price })
}

fn attestation() -> impl Strategy<Value = Attestation> {
    (asset(), hash(), real(), real()).prop_map(|(asset, problem, upper, lower)| Attestation {
        asset,
        problem,
        upper,
        lower,
    })
}

fn certificate() -> impl Strategy<Value = Certificate> {
    let parts = (epoch(), any::<u32>(), window(), vec((asset(), any::<u64>(), hash()), 0..3));
    (parts, vec(attestation(), 0..3), vec(agreement(), 0..3), [real(), real(), real(), real(), real(), real()])
        .prop_map(
            |(
                (epoch, round, window, deltas),
                attestations,
                agreements,
                [junction_residual, primal, dual, upper, lower, gap],
            )| {
                Certificate {
                    epoch,
                    round,
                    window,
                    deltas,
                    attestations,
                    agreements,
                    junction_residual,
                    primal,
                    dual,
                    upper,
                    lower,
                    gap,
                }
            },
        )
}

fn subject() -> impl Strategy<Value = AuditSubject> {
    prop_oneof![
        hash().prop_map(|contract| AuditSubject::Joined { contract }),
        (epoch(), hash(), hash()).prop_map(|(epoch, certificate, schedule)| AuditSubject::Adopted {
            epoch,
            certificate,
            schedule
        }),
        (epoch(), any::<u32>(), hash()).prop_map(|(epoch, rounds, sent)| AuditSubject::GivenUp { epoch, rounds, sent }),
        (asset(), any::<bool>()).prop_map(|(peer, up)| AuditSubject::Contact { peer, up }),
        (".{0,20}", ".{0,20}").prop_map(|(claimed, reason)| AuditSubject::Refused { claimed, reason }),
        hash().prop_map(|state| AuditSubject::Closed { state }),
    ]
}

fn report() -> impl Strategy<Value = RoundReport> {
    let evaluation = (vec((edge(), hash()), 0..3), real(), real()).prop_map(|(candidate, upper, lower)| Evaluation {
        candidate,
        upper,
        lower,
    });
    (epoch(), any::<u32>(), real(), real(), real(), evaluation).prop_map(
        |(epoch, round, primal_squared, dual_squared, scale_squared, evaluation)| RoundReport {
            epoch,
            round,
            primal_squared,
            dual_squared,
            scale_squared,
            evaluation,
        },
    )
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        btree_map(asset(), any::<u64>(), 0..4).prop_map(Payload::Heartbeat),
        (asset(), any::<u64>()).prop_map(|(author, first)| Payload::Want(author, first)),
        (epoch(), window(), vec(asset(), 0..4)).prop_map(|(epoch, window, members)| Payload::Opening(Opening {
            epoch,
            window,
            members
        })),
        (epoch(), edge(), reals(), reals(), real(), any::<bool>()).prop_map(
            |(epoch, edge, lower, upper, weight, awaits)| {
                Payload::Shared(SharedVariables { epoch, edge, lower, upper, weight, awaits })
            }
        ),
        (epoch(), edge(), any::<[u32; 2]>(), reals(), reals(), any::<i8>(), any::<bool>()).prop_map(
            |(epoch, edge, [round, weight], reflected, offered, rescale, awaits)| {
                Payload::Dual(DualVariables { epoch, edge, round, weight, reflected, offered, rescale, awaits })
            }
        ),
        report().prop_map(Payload::Report),
        (epoch(), any::<u32>()).prop_map(|(epoch, round)| Payload::Proposal(epoch, round)),
        epoch().prop_map(Payload::Abandon),
        (epoch(), any::<u32>(), window(), vec(agreement(), 0..3), attestation(), hash()).prop_map(
            |(epoch, round, window, agreements, attestation, sent)| {
                Payload::Delta(PlanDelta { epoch, round, window, agreements, attestation, sent })
            }
        ),
        certificate().prop_map(Payload::Certificate),
        (any::<u64>(), subject())
            .prop_map(|(ns, subject)| Payload::Audit(AuditRecord { time: MissionTime::from_ns(ns), subject })),
    ]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    (any::<[u8; 16]>(), epoch(), asset(), ".{0,60}", any::<u64>(), proptest::option::of(hash()), payload()).prop_map(
        |(mission, epoch, author, key, sequence, previous, payload)| Envelope {
            context: CONTEXT,
            fleet: FleetId::new("moon").unwrap(),
            mission: MissionId(mission),
            epoch,
            author,
            key,
            stream: payload.kind().stream(),
            sequence,
            previous,
            contract: Hash::of(b"contract"),
            expires: MissionTime::from_ns(sequence),
            kind: payload.kind(),
            payload: payload.hash(),
        },
    )
}

fn problem() -> impl Strategy<Value = LocalProblem> {
    let variables = vec((".{0,12}", real(), real()), 0..4).prop_map(|variables| {
        variables.into_iter().map(|(name, lower, upper)| Variable { name, lower, upper }).collect()
    });
    let rows = vec((".{0,12}", vec((any::<u32>(), real()), 0..3), real(), real()), 0..3).prop_map(|rows| {
        rows.into_iter().map(|(name, terms, lower, upper)| Row { name, terms, lower, upper }).collect()
    });
    let objective = (vec((any::<u32>(), any::<u32>(), real()), 0..3), reals(), real())
        .prop_map(|(quadratic, linear, constant)| Objective { quadratic, linear, constant });
    let ports = vec((edge(), vec(proptest::option::of(any::<u32>()), 0..4)), 0..3)
        .prop_map(|ports| ports.into_iter().map(|(edge, flow)| Port { edge, flow }).collect());
    (asset(), "[a-z]{1,9}", any::<u32>(), window(), variables, objective, rows, ports).prop_map(
        |(asset, domain, version, window, variables, objective, rows, ports)| LocalProblem {
            asset,
            domain,
            version,
            window,
            variables,
            objective,
            rows,
            ports,
        },
    )
}

/// The value comes back, one byte more or one less does not decode, and a changed byte gives an error or another value.
fn check<T: Canonical + PartialEq + std::fmt::Debug>(value: &T, place: usize, change: u8) {
    let bytes = value.encode();
    assert_eq!(T::decode(&bytes).as_ref(), Ok(value));
    assert!(T::decode(&[&bytes[..], &[0]].concat()).is_err());
    if let Some(last) = bytes.len().checked_sub(1) {
        assert!(T::decode(&bytes[..last]).is_err());
        let mut other = bytes.clone();
        other[place % bytes.len()] ^= change;
        if let Ok(decoded) = T::decode(&other) {
            assert_ne!(&decoded, value, "two encodings of one value");
            assert_eq!(decoded.encode(), other, "an encoding that is not canonical was taken");
        }
    }
}

proptest! {
    #[test]
    fn a_payload_survives_its_bytes(value in payload(), place: usize, change in 1u8..) {
        check(&value, place, change);
    }

    #[test]
    fn an_envelope_survives_its_bytes(value in envelope(), place: usize, change in 1u8..) {
        check(&value, place, change);
    }

    #[test]
    fn a_problem_survives_its_bytes(value in problem(), place: usize, change in 1u8..) {
        check(&value, place, change);
    }

    #[test]
    fn a_signed_envelope_survives_its_bytes(
        unsigned: Vec<u8>, payload: Vec<u8>, signature in proptest::array::uniform32(any::<u8>()), place: usize,
        change in 1u8..,
    ) {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&signature);
        check(&SignedEnvelope { unsigned, payload, signature: both }, place, change);
    }

    #[test]
    fn any_bytes_at_all_are_decoded_or_refused(bytes: Vec<u8>) {
        if let Ok(payload) = Payload::decode(&bytes) {
            prop_assert_eq!(payload.encode(), bytes);
        }
    }
}
