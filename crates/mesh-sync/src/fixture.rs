//! A fleet with real keys for the tests: every verified message in them went through a real signature.

use mesh_identity::{Expectation, Roster, SecretKey, Verified, seal, verify};
use mesh_model::envelope::CONTEXT;
use mesh_model::{
    AssetId, AuditRecord, AuditSubject, Canonical, Envelope, Epoch, FleetId, Hash, MissionId, MissionTime, Payload,
    SignedEnvelope, Stream,
};
use std::collections::BTreeMap;

pub(crate) struct Fleet {
    secrets: BTreeMap<AssetId, SecretKey>,
    pub roster: Roster,
    pub expectation: Expectation,
}

/// Writes one author's log.
#[derive(Clone)]
pub(crate) struct Writer {
    pub author: AssetId,
    pub sequence: u64,
    pub previous: Hash,
}

pub(crate) fn asset(name: &str) -> AssetId {
    AssetId::new(name).expect("a good name")
}

/// `a0`, `a1` and so on.
pub(crate) fn names(count: usize) -> Vec<AssetId> {
    (0..count).map(|i| asset(&format!("a{i}"))).collect()
}

impl Fleet {
    pub(crate) fn new(members: &[AssetId]) -> Self {
        let secret = |id: &AssetId| SecretKey::from_seed(*Hash::of(id.as_str().as_bytes()).as_bytes());
        let secrets: BTreeMap<_, _> = members.iter().map(|id| (id.clone(), secret(id))).collect();
        let roster = secrets.iter().map(|(id, secret)| (id.clone(), secret.public())).collect();
        let fleet = FleetId::new("test_fleet").expect("a good name");
        let expectation = Expectation { fleet, mission: MissionId([3; 16]), contract: Hash::of(b"contract") };
        Self { secrets, roster, expectation }
    }

    /// A message of `author`, signed.
    pub(crate) fn sign(&self, author: &AssetId, sequence: u64, previous: Hash, payload: &Payload) -> SignedEnvelope {
        let Expectation { fleet, mission, contract } = self.expectation.clone();
        let secret = &self.secrets[author];
        let stream = payload.kind().stream();
        let envelope = Envelope {
            context: CONTEXT,
            fleet,
            mission,
            epoch: Epoch { plan: 1, number: 0, opener: asset("a0") },
            author: author.clone(),
            key: secret.public().did(),
            stream,
            sequence,
            previous: (stream == Stream::Log).then_some(previous),
            contract,
            expires: MissionTime::MAX,
            kind: payload.kind(),
            payload: payload.hash(),
        };
        let sealed = seal(&envelope, payload);
        let signature = secret.sign(&sealed.unsigned);
        sealed.with_signature(signature)
    }

    pub(crate) fn verify(&self, signed: &SignedEnvelope) -> Verified {
        verify(signed, &self.roster, &self.expectation).expect("signed by a member")
    }
}

impl Writer {
    pub(crate) fn new(author: &AssetId) -> Self {
        Self { author: author.clone(), sequence: 0, previous: Hash::ZERO }
    }

    /// The next entry: a record with `length` bytes of text.
    pub(crate) fn write(&mut self, fleet: &Fleet, length: usize) -> Verified {
        self.write_about(fleet, AuditSubject::Refused { claimed: "x".repeat(length), reason: String::new() })
    }

    pub(crate) fn write_about(&mut self, fleet: &Fleet, subject: AuditSubject) -> Verified {
        let payload = Payload::Audit(AuditRecord { time: MissionTime::from_s(self.sequence), subject });
        let entry = fleet.verify(&fleet.sign(&self.author, self.sequence, self.previous, &payload));
        self.sequence += 1;
        self.previous = entry.unsigned_hash();
        entry
    }
}
