//! One member that lies: whatever it sends, an honest asset refuses what it must, never panics, and its state stays as
//! it was.

use crate::mission::{flown, lunar_base};
use mesh_asset::{Asset, Input, Output, PeerError, Settings};
use mesh_identity::SecretKey;
use mesh_model::canonical::Canonical;
use mesh_model::envelope::CONTEXT;
use mesh_model::{
    AssetId, Attestation, DualVariables, Envelope, Epoch, Evaluation, FleetId, Hash, MissionId, MissionTime, Opening,
    Payload, PlanDelta, Real, RoundReport, SharedVariables, SignedEnvelope, Stream, Window,
};
use mesh_sim::{Almanac, fleet};
use std::collections::BTreeMap;

const MISSION: MissionId = MissionId([7; 16]);

struct Stage {
    honest: Asset,
    honest_key: SecretKey,
    liar: AssetId,
    liar_key: SecretKey,
    settings: Settings,
    next: u64,
    log_next: u64,
}

fn key(id: &AssetId) -> SecretKey {
    SecretKey::from_seed(*Hash::of(id.as_str().as_bytes()).as_bytes())
}

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("valid")
}

impl Stage {
    /// The honest habitat in contact with everybody, and a satellite that lies.
    fn new(honest: &str, liar: &str) -> Self {
        let scenario = lunar_base();
        let keys: BTreeMap<AssetId, String> =
            scenario.contract().members.iter().map(|id| (id.clone(), key(id).public().did())).collect();
        let all = fleet::settings(&scenario, &Almanac::new(&scenario), MISSION, &keys);
        let settings = all.into_iter().find(|settings| settings.me == id(honest)).expect("a member");
        let honest_asset = Asset::new(settings.clone(), 1, MissionTime::ZERO).expect("sound settings");
        let mut stage = Self {
            honest: honest_asset,
            honest_key: key(&id(honest)),
            liar: id(liar),
            liar_key: key(&id(liar)),
            settings,
            next: 0,
            log_next: 0,
        };
        stage.drain();
        for peer in stage.settings.contract.members.clone() {
            if peer != stage.settings.me {
                stage.give(Input::Link { peer, up: true }).expect("a member's link");
            }
        }
        stage
    }

    fn give(&mut self, input: Input) -> Result<(), PeerError> {
        let result = self.honest.handle(MissionTime::from_s(1), input);
        self.drain();
        result
    }

    /// Answers what the asset asks; returns how many messages it sent.
    fn drain(&mut self) -> usize {
        let mut sent = 0;
        while let Some(output) = self.honest.poll_output() {
            let answer = match output {
                Output::Sign { id, unsigned } => Input::Signed { id, signature: self.honest_key.sign(&unsigned) },
                Output::Persist { id, .. } => Input::Persisted { id },
                Output::Send { .. } => {
                    sent += 1;
                    continue;
                }
                _ => continue,
            };
            self.honest.handle(MissionTime::from_s(1), answer).expect("an honest answer");
        }
        sent
    }

    fn envelope(&mut self, payload: &Payload) -> Envelope {
        let logged = payload.kind().stream() == Stream::Log;
        let sequence = if logged { &mut self.log_next } else { &mut self.next };
        let envelope = Envelope {
            context: CONTEXT,
            fleet: self.settings.contract.fleet.clone(),
            mission: MISSION,
            epoch: epoch(&self.liar),
            author: self.liar.clone(),
            key: self.liar_key.public().did(),
            stream: payload.kind().stream(),
            sequence: *sequence,
            previous: logged.then_some(Hash::ZERO),
            contract: self.settings.contract.hash(),
            expires: MissionTime::from_s(100),
            kind: payload.kind(),
            payload: payload.hash(),
        };
        *sequence += 1;
        envelope
    }

    fn sign(&self, envelope: &Envelope, payload: &Payload) -> SignedEnvelope {
        let unsigned = envelope.encode();
        let signature = self.liar_key.sign(&unsigned);
        SignedEnvelope { unsigned, payload: payload.encode(), signature }
    }

    /// Lets somebody else do the lying from here on.
    fn hand_over(&mut self, liar: &str) {
        (self.liar, self.liar_key) = (id(liar), key(&id(liar)));
    }

    /// Says `payload` under the liar's good signature.
    fn say(&mut self, payload: Payload) -> Result<(), PeerError> {
        let envelope = self.envelope(&payload);
        let message = self.sign(&envelope, &payload);
        self.send(&message)
    }

    fn send(&mut self, message: &SignedEnvelope) -> Result<(), PeerError> {
        self.give(Input::Message { from: self.liar.clone(), bytes: message.encode() })
    }
}

fn epoch(opener: &AssetId) -> Epoch {
    Epoch { plan: 1, number: 0, opener: opener.clone() }
}

fn window() -> Window {
    Window { start: MissionTime::from_s(3600), step_s: 3600, steps: 24 }
}

fn opening(opener: &AssetId) -> Opening {
    Opening { epoch: epoch(opener), window: window(), members: vec![id("habitat"), id("rover"), id("satellite")] }
}

#[test]
fn garbage_forgeries_and_foreign_messages_are_refused() {
    let mut stage = Stage::new("habitat", "satellite");
    let before = stage.honest.state();
    let honest_payload = Payload::Heartbeat(BTreeMap::new());
    assert!(matches!(
        stage.give(Input::Message { from: id("satellite"), bytes: vec![0xFF; 300] }),
        Err(PeerError::Refused(_))
    ));
    type Tampering = fn(&mut Envelope);
    let tampered: [(&str, Tampering); 5] = [
        ("wrong_fleet", |envelope| envelope.fleet = FleetId::new("mars").expect("valid")),
        ("wrong_mission", |envelope| envelope.mission = MissionId([8; 16])),
        ("stale_contract", |envelope| envelope.contract = Hash::ZERO),
        ("wrong_key", |envelope| envelope.author = id("rover")),
        ("wrong_payload", |envelope| envelope.payload = Hash::ZERO),
    ];
    for (reason, tamper) in tampered {
        let mut envelope = stage.envelope(&honest_payload);
        tamper(&mut envelope);
        let message = stage.sign(&envelope, &honest_payload);
        match stage.send(&message) {
            Err(PeerError::Refused(refusal)) => assert_eq!(refusal.reason(), reason),
            other => panic!("{reason}: {other:?}"),
        }
    }
    let envelope = stage.envelope(&honest_payload);
    let mut forged = stage.sign(&envelope, &honest_payload);
    forged.signature[5] ^= 1;
    assert!(matches!(stage.send(&forged), Err(PeerError::Refused(_))));
    assert_eq!(stage.honest.state(), before);
}

#[test]
fn nobody_but_the_planner_opens_picks_or_abandons() {
    let mut stage = Stage::new("habitat", "satellite");
    let liar = stage.liar.clone();
    for payload in
        [Payload::Opening(opening(&liar)), Payload::Proposal(epoch(&liar), 2), Payload::Abandon(epoch(&liar))]
    {
        assert!(matches!(stage.say(payload), Err(PeerError::OutOfRole { .. })));
    }
}

#[test]
fn a_replayed_or_expired_live_message_changes_nothing() {
    let mut stage = Stage::new("habitat", "satellite");
    let payload = Payload::Heartbeat(BTreeMap::from([(id("satellite"), 0)]));
    let envelope = stage.envelope(&payload);
    let message = stage.sign(&envelope, &payload);
    stage.send(&message).expect("the first time");
    assert!(matches!(stage.send(&message), Err(PeerError::Stale { .. })));
    let mut old = stage.envelope(&payload);
    old.expires = MissionTime::ZERO;
    let old = stage.sign(&old, &payload);
    assert!(matches!(stage.send(&old), Err(PeerError::Stale { .. })));
}

/// Everything that a member may say, filled with nonsense of every size, while an honest member negotiates.
#[test]
fn nonsense_under_a_good_signature_is_survived() {
    let scenario = lunar_base();
    for honest in ["habitat", "rover", "planner"] {
        let mut stage = Stage::new(honest, "satellite");
        let real = |value: f64| Real::new(value).expect("finite");
        let planner = stage.settings.contract.planner.clone();
        let edge = scenario.contract().edges_of(&id("satellite")).remove(0);
        for length in [0usize, 1, 23, 24, 25, 4000] {
            for value in [0.0, -1e300, 1e300, f64::MIN_POSITIVE] {
                for round in [0, 1, 64, u32::MAX] {
                    let numbers = vec![real(value); length];
                    let epoch = Epoch { plan: 1, number: 0, opener: planner.clone() };
                    let attestation = Attestation {
                        asset: id("satellite"),
                        problem: Hash::ZERO,
                        upper: real(value),
                        lower: real(-value),
                    };
                    let said = [
                        Payload::Shared(SharedVariables {
                            epoch: epoch.clone(),
                            edge: edge.clone(),
                            lower: numbers.clone(),
                            upper: numbers.clone(),
                            weight: real(value),
                            awaits: true,
                        }),
                        Payload::Dual(DualVariables {
                            epoch: epoch.clone(),
                            edge: edge.clone(),
                            round,
                            weight: round,
                            reflected: numbers.clone(),
                            offered: numbers.clone(),
                            rescale: round as i8,
                            awaits: true,
                        }),
                        Payload::Report(RoundReport {
                            epoch: epoch.clone(),
                            round,
                            primal_squared: real(value),
                            dual_squared: real(value),
                            scale_squared: real(value),
                            evaluation: Evaluation { candidate: Vec::new(), upper: real(value), lower: real(value) },
                        }),
                        Payload::Want(id("habitat"), u64::from(round)),
                        Payload::Heartbeat(BTreeMap::from([(id("rover"), u64::from(round))])),
                        Payload::Delta(PlanDelta {
                            epoch,
                            round,
                            window: window(),
                            agreements: Vec::new(),
                            attestation,
                            sent: Hash::ZERO,
                        }),
                    ];
                    for payload in said {
                        // Refused or not: it must neither panic nor make the honest asset talk without end.
                        let _ = stage.say(payload);
                        assert!(stage.drain() < 1000);
                    }
                }
            }
        }
        assert_eq!(stage.honest.state().plans, 0);
    }
}

/// The same from a neighbour in the middle of a negotiation, where the numbers reach the solver.
#[test]
fn nonsense_in_a_negotiation_is_survived() {
    let (outcome, host) = flown();
    let telemetry = &host.telemetry[&(MissionTime::ZERO, id("habitat"))];
    let edge = lunar_base().contract().edges_of(&id("satellite")).remove(0);
    assert!(!outcome.journal.plans.is_empty());
    for value in [0.0, 1e-300, -1e9, 1e9, 1e300, -f64::MAX] {
        let mut stage = Stage::new("habitat", "planner");
        stage.give(Input::Telemetry(telemetry.clone())).expect("own sensors");
        let epoch = epoch(&id("planner"));
        let opening = Opening { members: vec![id("habitat"), id("satellite")], ..opening(&id("planner")) };
        stage.say(Payload::Opening(opening)).expect("the planner opens");
        stage.hand_over("satellite");
        let numbers = |value: f64| vec![Real::new(value).expect("finite"); 24];
        let (edge, awaits) = (edge.clone(), true);
        let (lower, upper, weight) = (numbers(0.0), numbers(1e300), Real::new(1e15).expect("finite"));
        let range = SharedVariables { epoch: epoch.clone(), edge: edge.clone(), lower, upper, weight, awaits };
        stage.say(Payload::Shared(range)).expect("a neighbour's range");
        for round in 1..40 {
            let (reflected, offered) = (numbers(value), numbers(-value));
            let (epoch, edge) = (epoch.clone(), edge.clone());
            let (weight, rescale) = (1 + (round - 1) / 4, 1);
            let round = DualVariables { epoch, edge, round, weight, reflected, offered, rescale, awaits };
            stage.say(Payload::Dual(round)).expect("a neighbour's round");
            assert!(stage.drain() < 100);
        }
        assert_eq!(stage.honest.state().plans, 0);
    }
}
