//! The way in: from a signed envelope to a verified one, or to the reason why not.

use crate::refusal::{Incompatibility, Misbehaviour, Refusal};
use crate::{PublicKey, Roster};
use mesh_model::envelope::CONTEXT;
use mesh_model::{
    AssetId, Canonical, Envelope, FleetId, Hash, MissionId, MissionTime, Payload, SignedEnvelope, Stream,
};
use std::sync::Arc;

/// What a receiver takes messages for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Its fleet.
    pub fleet: FleetId,
    /// The run that it is in.
    pub mission: MissionId,
    /// Hash of the contract in force.
    pub contract: Hash,
}

/// A message that passed every check of [`verify`], which alone makes one. It can still have expired: a logged entry
/// that did is kept, but see [`Verified::is_current`] before acting upon it. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified(Arc<Content>);

#[derive(Debug, Clone, PartialEq)]
struct Content {
    envelope: Envelope,
    payload: Payload,
    signed: SignedEnvelope,
    unsigned_hash: Hash,
}

/// Checks a message against the roster and the receiver's expectation: canonical bytes, fleet, mission, contract, author
/// and key, payload, stream and chaining, and last, being the dearest, the signature.
pub fn verify(signed: &SignedEnvelope, roster: &Roster, expectation: &Expectation) -> Result<Verified, Refusal> {
    let envelope = Envelope::decode(&signed.unsigned).map_err(Incompatibility::MalformedEnvelope)?;
    check_destination(&envelope, expectation)?;
    let key = check_author(&envelope, roster)?;
    let payload = check_payload(&envelope, &signed.payload)?;
    if !key.accepts(&signed.unsigned, &signed.signature) {
        return Err(Misbehaviour::Forged { author: envelope.author }.into());
    }
    let content = Content { unsigned_hash: signed.unsigned_hash(), envelope, payload, signed: signed.clone() };
    Ok(Verified(Arc::new(content)))
}

impl Verified {
    /// What the author says about the payload.
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// What the author says.
    pub fn payload(&self) -> &Payload {
        &self.0.payload
    }

    /// The message as it travelled.
    pub fn signed(&self) -> &SignedEnvelope {
        &self.0.signed
    }

    /// The hash by which chains and certificates name the message.
    pub fn unsigned_hash(&self) -> Hash {
        self.0.unsigned_hash
    }

    /// The author.
    pub fn author(&self) -> &AssetId {
        &self.0.envelope.author
    }

    /// The place in the author's log or live stream.
    pub fn sequence(&self) -> u64 {
        self.0.envelope.sequence
    }

    /// Whether the message belongs to its author's log.
    pub fn is_logged(&self) -> bool {
        self.0.envelope.stream == Stream::Log
    }

    /// Whether the message may be acted upon at `now`: it may until its expiry, that moment included.
    pub fn is_current(&self, now: MissionTime) -> bool {
        now <= self.0.envelope.expires
    }

    /// Gives the message away as it travelled.
    pub fn into_signed(self) -> SignedEnvelope {
        Arc::unwrap_or_clone(self.0).signed
    }
}

fn check_destination(envelope: &Envelope, expectation: &Expectation) -> Result<(), Incompatibility> {
    if envelope.context != CONTEXT {
        return Err(Incompatibility::WrongContext { found: envelope.context });
    }
    if envelope.fleet != expectation.fleet {
        return Err(Incompatibility::WrongFleet { found: envelope.fleet.clone() });
    }
    if envelope.mission != expectation.mission {
        return Err(Incompatibility::WrongMission { found: envelope.mission });
    }
    if envelope.contract != expectation.contract {
        return Err(Incompatibility::StaleContract { found: envelope.contract });
    }
    Ok(())
}

fn check_author<'a>(envelope: &Envelope, roster: &'a Roster) -> Result<&'a PublicKey, Misbehaviour> {
    let author = || envelope.author.clone();
    let key = roster.key(&envelope.author).ok_or_else(|| Misbehaviour::UnknownAuthor { author: author() })?;
    if envelope.key != key.did() {
        return Err(Misbehaviour::WrongKey { author: author(), key: envelope.key.clone() });
    }
    Ok(key)
}

fn check_payload(envelope: &Envelope, bytes: &[u8]) -> Result<Payload, Refusal> {
    let found = Hash::of(bytes);
    if found != envelope.payload {
        return Err(Misbehaviour::WrongPayload { named: envelope.payload, found }.into());
    }
    let payload = Payload::decode(bytes).map_err(Incompatibility::MalformedPayload)?;
    if payload.kind() != envelope.kind {
        return Err(Misbehaviour::WrongKind { named: envelope.kind, found: payload.kind() }.into());
    }
    if envelope.kind.stream() != envelope.stream {
        return Err(Misbehaviour::WrongStream { kind: envelope.kind, named: envelope.stream }.into());
    }
    if envelope.previous.is_some() != (envelope.stream == Stream::Log) {
        return Err(Misbehaviour::WrongChaining { stream: envelope.stream }.into());
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretKey, seal};
    use mesh_model::{AuditRecord, AuditSubject, Epoch, PayloadKind};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn asset(name: &str) -> AssetId {
        AssetId::new(name).expect("a good name")
    }

    fn secret() -> SecretKey {
        SecretKey::from_seed([1; 32])
    }

    fn roster() -> Roster {
        [(asset("rover"), secret().public())].into_iter().collect()
    }

    fn expectation() -> Expectation {
        Expectation {
            fleet: FleetId::new("lunar_base").expect("a good name"),
            mission: MissionId([9; 16]),
            contract: Hash::of(b"contract"),
        }
    }

    fn contact() -> Payload {
        let subject = AuditSubject::Contact { peer: asset("habitat"), up: true };
        Payload::Audit(AuditRecord { time: MissionTime::from_s(60), subject })
    }

    fn envelope(payload: &Payload) -> Envelope {
        let Expectation { fleet, mission, contract } = expectation();
        let stream = payload.kind().stream();
        Envelope {
            context: CONTEXT,
            fleet,
            mission,
            epoch: Epoch { plan: 0, number: 0, opener: asset("rover") },
            author: asset("rover"),
            key: secret().public().did(),
            stream,
            sequence: 0,
            previous: (stream == Stream::Log).then_some(Hash::ZERO),
            contract,
            expires: MissionTime::from_s(3600),
            kind: payload.kind(),
            payload: payload.hash(),
        }
    }

    /// Signs whatever it is given, as a lying author would.
    fn signed(envelope: &Envelope, payload: &Payload) -> SignedEnvelope {
        let unsigned = envelope.encode();
        let signature = secret().sign(&unsigned);
        SignedEnvelope { unsigned, payload: payload.encode(), signature }
    }

    /// What becomes of a contact record whose envelope was changed before it was signed.
    fn check(change: impl FnOnce(&mut Envelope), reason: &str) {
        let payload = contact();
        let mut envelope = envelope(&payload);
        change(&mut envelope);
        let refusal = verify(&signed(&envelope, &payload), &roster(), &expectation()).expect_err("refused");
        assert_eq!(refusal.reason(), reason, "{refusal}");
    }

    #[test]
    fn an_honest_message_passes_and_keeps_its_bytes() {
        let payload = contact();
        let envelope = envelope(&payload);
        let sealed = seal(&envelope, &payload);
        let signature = secret().sign(&sealed.unsigned);
        let signed = sealed.with_signature(signature);
        let verified = verify(&signed, &roster(), &expectation()).expect("honest");
        assert_eq!(verified.envelope(), &envelope);
        assert_eq!(verified.payload(), &payload);
        assert_eq!(verified.signed(), &signed);
        assert_eq!(verified.unsigned_hash(), envelope.hash());
        assert!(verified.is_logged());
        assert!(verified.is_current(MissionTime::from_s(3600)));
        assert!(!verified.is_current(MissionTime::from_ns(3_600_000_000_001)));
    }

    #[test]
    fn every_lie_in_the_envelope_is_named() {
        check(|e| e.context[0] ^= 1, "wrong_context");
        check(|e| e.fleet = FleetId::new("mars_base").expect("a good name"), "wrong_fleet");
        check(|e| e.mission = MissionId([8; 16]), "wrong_mission");
        check(|e| e.contract = Hash::ZERO, "stale_contract");
        check(|e| e.author = asset("stranger"), "unknown_author");
        check(|e| e.key = SecretKey::from_seed([2; 32]).public().did(), "wrong_key");
        check(|e| e.payload = Hash::ZERO, "wrong_payload");
        check(|e| e.kind = PayloadKind::Delta, "wrong_kind");
        check(|e| e.stream = Stream::Live, "wrong_stream");
        check(|e| e.previous = None, "wrong_chaining");
    }

    #[test]
    fn a_live_message_has_no_previous_hash() {
        let payload = Payload::Heartbeat(BTreeMap::new());
        let mut envelope = envelope(&payload);
        assert!(verify(&signed(&envelope, &payload), &roster(), &expectation()).is_ok_and(|v| !v.is_logged()));
        envelope.previous = Some(Hash::ZERO);
        let refusal = verify(&signed(&envelope, &payload), &roster(), &expectation()).expect_err("refused");
        assert_eq!(refusal.reason(), "wrong_chaining");
    }

    #[test]
    fn signatures_and_bytes_of_others_are_refused() {
        let payload = contact();
        let mut forged = signed(&envelope(&payload), &payload);
        forged.signature = SecretKey::from_seed([2; 32]).sign(&forged.unsigned);
        assert_eq!(verify(&forged, &roster(), &expectation()).expect_err("refused").reason(), "forged");

        let mut longer = signed(&envelope(&payload), &payload);
        longer.unsigned.push(0);
        longer.signature = secret().sign(&longer.unsigned);
        assert_eq!(verify(&longer, &roster(), &expectation()).expect_err("refused").reason(), "malformed");

        // Payload bytes that hash to what the envelope names and still are no payload.
        let junk = vec![0xff; 9];
        let mut envelope = envelope(&payload);
        envelope.payload = Hash::of(&junk);
        let mut signed = signed(&envelope, &payload);
        signed.payload = junk;
        assert_eq!(verify(&signed, &roster(), &expectation()).expect_err("refused").reason(), "malformed");
    }

    #[test]
    fn every_single_bit_flip_is_refused() {
        let payload = contact();
        let good = signed(&envelope(&payload), &payload).encode();
        assert!(verify(&SignedEnvelope::decode(&good).expect("decodes"), &roster(), &expectation()).is_ok());
        let mut reasons = BTreeMap::<&str, u32>::new();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let refusal = SignedEnvelope::decode(&bytes)
                .map_err(Refusal::from)
                .and_then(|signed| verify(&signed, &roster(), &expectation()))
                .expect_err("refused");
            *reasons.entry(refusal.reason()).or_default() += 1;
        }
        // The flips must have reached the checks themselves, not only the decoder.
        for reason in ["malformed", "wrong_payload", "wrong_mission", "wrong_key", "forged"] {
            assert!(reasons.contains_key(reason), "{reason} is missing from {reasons:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), signature in any::<[u8; 32]>()) {
            let mut long = [0; 64];
            long[..32].copy_from_slice(&signature);
            let cut = bytes.len() / 2;
            let junk =
                SignedEnvelope { unsigned: bytes[..cut].to_vec(), payload: bytes[cut..].to_vec(), signature: long };
            prop_assert!(verify(&junk, &roster(), &expectation()).is_err());
        }
    }
}
