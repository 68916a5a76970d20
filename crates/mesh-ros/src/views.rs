//! The nouns of the fleet as messages that people and tools can read.
//!
//! One way only: a view proves nothing, so nothing is ever built from one. The exception is [`SignedEnvelope`], whose
//! bytes are the canonical ones, and which is verified like any other.

use crate::interfaces::builtin_interfaces::msg::Time;
use crate::interfaces::cosmosmesh_msgs::msg::{
    Attestation, AuditRecord, Certificate, CertifiedDelta, DualVariables, Edge, EdgeAgreement, Epoch, Opening,
    PlanDelta, RoundReport, SharedVariables, SignedEnvelope, Window,
};
use mesh_model::canonical::ENCODED_LENGTH_MAX;
use mesh_model::{AssetId, AuditSubject, DecodeError, MissionTime, Real};

impl From<&mesh_model::SignedEnvelope> for SignedEnvelope {
    fn from(signed: &mesh_model::SignedEnvelope) -> Self {
        let mesh_model::SignedEnvelope { unsigned, payload, signature } = signed;
        Self { canonical: unsigned.clone(), signature: *signature, payload: payload.clone() }
    }
}

/// What a peer sent, still unverified. Longer bytes than any canonical encoding are refused here.
impl TryFrom<SignedEnvelope> for mesh_model::SignedEnvelope {
    type Error = DecodeError;

    fn try_from(message: SignedEnvelope) -> Result<Self, DecodeError> {
        let SignedEnvelope { canonical, signature, payload } = message;
        match [canonical.len(), payload.len()].into_iter().find(|length| *length > ENCODED_LENGTH_MAX) {
            Some(length) => Err(DecodeError::TooLong { length }),
            None => Ok(Self { unsigned: canonical, payload, signature }),
        }
    }
}

/// ROS counts 68 years; later times become its last.
impl From<MissionTime> for Time {
    fn from(time: MissionTime) -> Self {
        match i32::try_from(time.whole_s()) {
            Ok(sec) => Self { sec, nanosec: (time.as_ns() % NS_IN_S) as u32 },
            Err(_) => Self { sec: i32::MAX, nanosec: NS_IN_S as u32 - 1 },
        }
    }
}

impl From<&mesh_model::Epoch> for Epoch {
    fn from(epoch: &mesh_model::Epoch) -> Self {
        Self { plan: epoch.plan, number: epoch.number, opener: epoch.opener.to_string() }
    }
}

impl From<&mesh_model::Window> for Window {
    fn from(window: &mesh_model::Window) -> Self {
        Self { start: window.start.into(), step_s: window.step_s, steps: window.steps }
    }
}

impl From<&mesh_model::Edge> for Edge {
    fn from(edge: &mesh_model::Edge) -> Self {
        let mesh_model::Edge { junction, source, sink } = edge;
        Self { junction: junction.to_string(), source: source.to_string(), sink: sink.to_string() }
    }
}

impl From<&mesh_model::Opening> for Opening {
    fn from(opening: &mesh_model::Opening) -> Self {
        Self {
            epoch: (&opening.epoch).into(),
            window: (&opening.window).into(),
            members: opening.members.iter().map(ToString::to_string).collect(),
        }
    }
}

/// With the asset that said it, whom the envelope names.
impl From<(&AssetId, &mesh_model::SharedVariables)> for SharedVariables {
    fn from((sender, shared): (&AssetId, &mesh_model::SharedVariables)) -> Self {
        Self {
            sender: sender.to_string(),
            epoch: (&shared.epoch).into(),
            edge: (&shared.edge).into(),
            lower: Real::values(&shared.lower),
            upper: Real::values(&shared.upper),
            weight: shared.weight.value(),
            awaits: shared.awaits,
        }
    }
}

/// With the asset that said it, whom the envelope names.
impl From<(&AssetId, &mesh_model::DualVariables)> for DualVariables {
    fn from((sender, dual): (&AssetId, &mesh_model::DualVariables)) -> Self {
        Self {
            sender: sender.to_string(),
            epoch: (&dual.epoch).into(),
            edge: (&dual.edge).into(),
            round: dual.round,
            weight: dual.weight,
            reflected: Real::values(&dual.reflected),
            offered: Real::values(&dual.offered),
            rescale: dual.rescale,
            awaits: dual.awaits,
        }
    }
}

/// With the asset that said it, whom the envelope names.
impl From<(&AssetId, &mesh_model::RoundReport)> for RoundReport {
    fn from((sender, report): (&AssetId, &mesh_model::RoundReport)) -> Self {
        Self {
            sender: sender.to_string(),
            epoch: (&report.epoch).into(),
            round: report.round,
            primal_squared: report.primal_squared.value(),
            dual_squared: report.dual_squared.value(),
            scale_squared: report.scale_squared.value(),
            upper: report.evaluation.upper.value(),
            lower: report.evaluation.lower.value(),
        }
    }
}

impl From<&mesh_model::EdgeAgreement> for EdgeAgreement {
    fn from(agreement: &mesh_model::EdgeAgreement) -> Self {
        Self {
            edge: (&agreement.edge).into(),
            flow: Real::values(&agreement.flow),
            price: Real::values(&agreement.price),
        }
    }
}

impl From<&mesh_model::Attestation> for Attestation {
    fn from(attestation: &mesh_model::Attestation) -> Self {
        Self {
            asset: attestation.asset.to_string(),
            problem: *attestation.problem.as_bytes(),
            upper: attestation.upper.value(),
            lower: attestation.lower.value(),
        }
    }
}

impl From<&mesh_model::PlanDelta> for PlanDelta {
    fn from(delta: &mesh_model::PlanDelta) -> Self {
        Self {
            epoch: (&delta.epoch).into(),
            round: delta.round,
            window: (&delta.window).into(),
            agreements: all(&delta.agreements),
            attestation: (&delta.attestation).into(),
            sent: *delta.sent.as_bytes(),
        }
    }
}

impl From<&mesh_model::Certificate> for Certificate {
    fn from(certificate: &mesh_model::Certificate) -> Self {
        let deltas = certificate.deltas.iter().map(|(author, sequence, entry)| CertifiedDelta {
            author: author.to_string(),
            sequence: *sequence,
            entry: *entry.as_bytes(),
        });
        Self {
            epoch: (&certificate.epoch).into(),
            round: certificate.round,
            window: (&certificate.window).into(),
            deltas: deltas.collect(),
            attestations: all(&certificate.attestations),
            agreements: all(&certificate.agreements),
            junction_residual: certificate.junction_residual.value(),
            primal: certificate.primal.value(),
            dual: certificate.dual.value(),
            upper: certificate.upper.value(),
            lower: certificate.lower.value(),
            gap: certificate.gap.value(),
        }
    }
}

impl From<&mesh_model::AuditRecord> for AuditRecord {
    fn from(record: &mesh_model::AuditRecord) -> Self {
        let empty = Self { time: record.time.into(), ..Self::default() };
        match &record.subject {
            AuditSubject::Joined { contract } => {
                Self { subject: Self::JOINED, contract: *contract.as_bytes(), ..empty }
            }
            AuditSubject::Adopted { epoch, certificate, schedule } => Self {
                subject: Self::ADOPTED,
                epoch: epoch.into(),
                certificate: *certificate.as_bytes(),
                schedule: *schedule.as_bytes(),
                ..empty
            },
            AuditSubject::GivenUp { epoch, rounds, sent } => {
                Self { subject: Self::GIVEN_UP, epoch: epoch.into(), rounds: *rounds, sent: *sent.as_bytes(), ..empty }
            }
            AuditSubject::Contact { peer, up } => {
                Self { subject: Self::CONTACT, peer: peer.to_string(), up: *up, ..empty }
            }
            AuditSubject::Refused { claimed, reason } => {
                Self { subject: Self::REFUSED, claimed: without_nul(claimed), reason: without_nul(reason), ..empty }
            }
            AuditSubject::Closed { state } => Self { subject: Self::CLOSED, state: *state.as_bytes(), ..empty },
        }
    }
}

fn all<'a, Noun, View: From<&'a Noun>>(nouns: &'a [Noun]) -> Vec<View> {
    nouns.iter().map(View::from).collect()
}

/// A peer chose these texts, and CDR cannot carry NUL.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

const NS_IN_S: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use mesh_model::{Canonical, Hash, JunctionId};

    fn asset(name: &str) -> AssetId {
        AssetId::new(name).expect("a name")
    }

    fn real(value: f64) -> Real {
        Real::new(value).expect("finite")
    }

    fn epoch() -> mesh_model::Epoch {
        mesh_model::Epoch { plan: 7, number: 2, opener: asset("planner") }
    }

    fn window() -> mesh_model::Window {
        mesh_model::Window { start: MissionTime::from_ns(3_600_000_000_005), step_s: 1800, steps: 2 }
    }

    fn edge() -> mesh_model::Edge {
        let junction = JunctionId::new("power").expect("a name");
        mesh_model::Edge { junction, source: asset("habitat"), sink: asset("rover") }
    }

    fn agreement() -> mesh_model::EdgeAgreement {
        mesh_model::EdgeAgreement {
            edge: edge(),
            flow: vec![real(1.5), real(0.0)],
            price: vec![real(0.25), real(-3.0)],
        }
    }

    fn attestation() -> mesh_model::Attestation {
        mesh_model::Attestation {
            asset: asset("rover"),
            problem: Hash::of(b"problem"),
            upper: real(-4.0),
            lower: real(-4.5),
        }
    }

    fn delta() -> mesh_model::PlanDelta {
        mesh_model::PlanDelta {
            epoch: epoch(),
            round: 44,
            window: window(),
            agreements: vec![agreement()],
            attestation: attestation(),
            sent: Hash::of(b"sent"),
        }
    }

    /// The view of `noun`, after a journey as CDR.
    fn sent<'a, Noun, View: Message + From<&'a Noun>>(noun: &'a Noun) -> View {
        received(View::from(noun))
    }

    fn received<View: Message>(view: View) -> View {
        let bytes = view.to_cdr().expect("every noun has a view in CDR");
        assert_eq!(View::from_cdr(&bytes).as_ref(), Ok(&view));
        view
    }

    #[test]
    fn a_plan_delta_is_seen_whole() {
        let noun = delta();
        let view: PlanDelta = sent(&noun);
        assert_eq!((view.epoch.plan, view.epoch.number, view.epoch.opener.as_str()), (7, 2, "planner"));
        assert_eq!((view.round, view.sent), (44, *Hash::of(b"sent").as_bytes()));
        assert_eq!((view.window.start.sec, view.window.start.nanosec), (3600, 5));
        assert_eq!((view.window.step_s, view.window.steps), (1800, 2));
        let [agreement] = view.agreements.as_slice() else { panic!("one edge") };
        let edge = &agreement.edge;
        assert_eq!([&*edge.junction, &*edge.source, &*edge.sink], ["power", "habitat", "rover"]);
        assert_eq!((agreement.flow.as_slice(), agreement.price.as_slice()), (&[1.5, 0.0][..], &[0.25, -3.0][..]));
        let Attestation { asset, problem, upper, lower } = &view.attestation;
        assert_eq!((&**asset, *upper, *lower, problem), ("rover", -4.0, -4.5, Hash::of(b"problem").as_bytes()));
    }

    #[test]
    fn a_certificate_is_seen_whole() {
        let noun = mesh_model::Certificate {
            epoch: epoch(),
            round: 44,
            window: window(),
            deltas: vec![(asset("rover"), 9, Hash::of(b"entry"))],
            attestations: vec![attestation()],
            agreements: vec![agreement()],
            junction_residual: Real::ZERO,
            primal: real(1e-5),
            dual: real(2e-5),
            upper: real(-4.0),
            lower: real(-4.5),
            gap: real(0.125),
        };
        let view: Certificate = sent(&noun);
        let delta = CertifiedDelta { author: "rover".to_owned(), sequence: 9, entry: *Hash::of(b"entry").as_bytes() };
        assert_eq!((view.deltas, view.round), (vec![delta], 44));
        assert_eq!((view.epoch, view.window), (Epoch::from(&epoch()), Window::from(&window())));
        assert_eq!((view.attestations.len(), view.agreements.len()), (1, 1));
        assert_eq!([view.junction_residual, view.primal, view.dual], [0.0, 1e-5, 2e-5]);
        assert_eq!([view.upper, view.lower, view.gap], [-4.0, -4.5, 0.125]);
    }

    #[test]
    fn rounds_are_seen_whole() {
        let noun = mesh_model::DualVariables {
            epoch: epoch(),
            edge: edge(),
            round: 3,
            weight: 2,
            reflected: vec![real(1.0), real(2.0)],
            offered: vec![real(3.0)],
            rescale: -1,
            awaits: true,
        };
        let view: DualVariables = received((&asset("rover"), &noun).into());
        assert_eq!((view.round, view.reflected, view.offered, view.awaits), (3, vec![1.0, 2.0], vec![3.0], true));
        assert_eq!((view.weight, view.rescale), (2, -1));
        assert_eq!(view.sender, "rover");
        let noun = mesh_model::SharedVariables {
            epoch: epoch(),
            edge: edge(),
            lower: vec![real(-1.0)],
            upper: vec![real(1.0)],
            weight: real(0.5),
            awaits: true,
        };
        let view: SharedVariables = received((&asset("habitat"), &noun).into());
        assert_eq!((view.lower, view.upper, view.weight, view.awaits), (vec![-1.0], vec![1.0], 0.5, true));
        assert_eq!(view.sender, "habitat");
        let noun = mesh_model::RoundReport {
            epoch: epoch(),
            round: 8,
            primal_squared: real(0.25),
            dual_squared: real(0.5),
            scale_squared: real(4.0),
            evaluation: mesh_model::Evaluation { candidate: vec![], upper: real(-4.0), lower: real(-4.5) },
        };
        let view: RoundReport = received((&asset("rover"), &noun).into());
        assert_eq!((&*view.sender, view.round, view.epoch.plan), ("rover", 8, 7));
        assert_eq!([view.primal_squared, view.dual_squared, view.scale_squared], [0.25, 0.5, 4.0]);
        assert_eq!([view.upper, view.lower], [-4.0, -4.5]);
        let noun = mesh_model::Opening { epoch: epoch(), window: window(), members: vec![asset("a"), asset("b")] };
        assert_eq!(sent::<_, Opening>(&noun).members, ["a", "b"]);
    }

    #[test]
    fn the_subject_of_a_record_has_the_number_of_its_encoding() {
        let hash = Hash::of(b"x");
        let subjects = [
            AuditSubject::Joined { contract: hash },
            AuditSubject::Adopted { epoch: epoch(), certificate: hash, schedule: Hash::ZERO },
            AuditSubject::GivenUp { epoch: epoch(), rounds: 8, sent: hash },
            AuditSubject::Contact { peer: asset("rover"), up: true },
            AuditSubject::Refused { claimed: "ro\0ver".to_owned(), reason: "late".to_owned() },
            AuditSubject::Closed { state: hash },
        ];
        let views = subjects.map(|subject| {
            let number = subject.encode()[0];
            let noun = mesh_model::AuditRecord { time: MissionTime::from_s(5), subject };
            let view: AuditRecord = sent(&noun);
            assert_eq!((view.subject, view.time.sec), (number, 5));
            view
        });
        let bytes = *hash.as_bytes();
        assert_eq!([views[0].contract, views[1].certificate, views[2].sent, views[5].state], [bytes; 4]);
        assert_eq!((views[1].schedule, views[2].rounds), ([0; 32], 8));
        assert_eq!([&views[1].epoch, &views[2].epoch], [&Epoch::from(&epoch()); 2]);
        assert_eq!((&*views[3].peer, views[3].up), ("rover", true));
        assert_eq!([&*views[4].claimed, &*views[4].reason], ["ro\u{fffd}ver", "late"]);
    }

    #[test]
    fn a_signed_envelope_comes_back_as_it_was() {
        let noun = mesh_model::SignedEnvelope { unsigned: vec![1, 2, 3], payload: vec![4; 1000], signature: [5; 64] };
        let message: SignedEnvelope = sent(&noun);
        assert_eq!(mesh_model::SignedEnvelope::try_from(message), Ok(noun));
    }

    #[test]
    fn an_oversized_envelope_is_refused_and_the_largest_has_a_message() {
        let envelope = |length: usize| SignedEnvelope {
            canonical: vec![0; ENCODED_LENGTH_MAX],
            signature: [0; 64],
            payload: vec![0; length],
        };
        let too_long = mesh_model::SignedEnvelope::try_from(envelope(ENCODED_LENGTH_MAX + 1));
        assert_eq!(too_long, Err(DecodeError::TooLong { length: ENCODED_LENGTH_MAX + 1 }));
        let largest = envelope(ENCODED_LENGTH_MAX).to_cdr().expect("fits");
        assert!(SignedEnvelope::from_cdr(&largest).is_ok_and(|message| message.payload.len() == ENCODED_LENGTH_MAX));
    }

    #[test]
    fn time_saturates() {
        let last = Time { sec: i32::MAX, nanosec: 999_999_999 };
        assert_eq!(Time::from(MissionTime::MAX), last);
        assert_eq!(Time::from(MissionTime::from_s(1 << 31)), last);
        assert_eq!(Time::from(MissionTime::from_ns(1_000_000_007)), Time { sec: 1, nanosec: 7 });
    }
}
