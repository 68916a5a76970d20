//! From a payload to signed bytes: envelopes, sequence numbers, the author's own hash chain, and the questions to the
//! shell that are still open.

use crate::ports::{Output, PeerError};
use mesh_model::canonical::Canonical;
use mesh_model::envelope::CONTEXT;
use mesh_model::{AssetId, Envelope, Epoch, FleetId, Hash, MissionId, MissionTime, Payload, SignedEnvelope, Stream};
use std::collections::BTreeMap;

pub(crate) struct Sealer {
    fleet: FleetId,
    mission: MissionId,
    contract: Hash,
    me: AssetId,
    key: String,
    /// Sequence number of the next live message.
    live_next: u64,
    /// Sequence number of the next log entry.
    log_next: u64,
    /// Hash of the newest log entry's unsigned bytes.
    log_head: Hash,
    /// Hash chain over the live messages sent in the current epoch.
    sent: Hash,
    /// Name of the next request to the shell.
    request_next: u64,
    open: BTreeMap<u64, Open>,
}

/// A request that the shell has not answered yet.
enum Open {
    Signing { to: Option<AssetId>, unsigned: Vec<u8>, payload: Vec<u8> },
    Persisting { entry: SignedEnvelope },
}

/// What a signature turned a draft into.
pub(crate) enum Sealed {
    Live { to: AssetId, message: SignedEnvelope },
    Logged { id: u64, entry: SignedEnvelope },
}

impl Sealer {
    pub(crate) fn new(fleet: FleetId, mission: MissionId, contract: Hash, me: AssetId, key: String) -> Self {
        Self {
            fleet,
            mission,
            contract,
            me,
            key,
            live_next: 0,
            log_next: 0,
            log_head: Hash::ZERO,
            sent: Hash::ZERO,
            request_next: 0,
            open: BTreeMap::new(),
        }
    }

    /// A new epoch begins: the chain over sent live messages starts anew.
    pub(crate) fn restart_sent(&mut self) {
        self.sent = Hash::ZERO;
    }

    /// Hash chain over the live messages sent in the current epoch.
    pub(crate) fn sent(&self) -> Hash {
        self.sent
    }

    /// Drafts a live message to `to` and asks for its signature.
    pub(crate) fn live(&mut self, epoch: &Epoch, expires: MissionTime, to: AssetId, payload: &Payload) -> Output {
        let sequence = self.live_next;
        self.live_next += 1;
        let (unsigned, payload) = self.draft(epoch, expires, Stream::Live, sequence, None, payload);
        self.sent = self.sent.then(&unsigned);
        self.ask(Some(to), unsigned, payload)
    }

    /// Drafts a log entry and asks for its signature. Returns the hash of its unsigned bytes, too.
    pub(crate) fn logged(&mut self, epoch: &Epoch, expires: MissionTime, payload: &Payload) -> Output {
        let (sequence, previous) = (self.log_next, self.log_head);
        let (unsigned, payload) = self.draft(epoch, expires, Stream::Log, sequence, Some(previous), payload);
        self.log_next += 1;
        self.log_head = Hash::of(&unsigned);
        self.ask(None, unsigned, payload)
    }

    /// The shell signed: a live message may go, a log entry must be persisted first.
    pub(crate) fn signed(&mut self, id: u64, signature: [u8; 64]) -> Result<Sealed, PeerError> {
        match self.open.remove(&id) {
            Some(Open::Signing { to: Some(to), unsigned, payload }) => {
                Ok(Sealed::Live { to, message: SignedEnvelope { unsigned, payload, signature } })
            }
            Some(Open::Signing { to: None, unsigned, payload }) => {
                let entry = SignedEnvelope { unsigned, payload, signature };
                self.open.insert(id, Open::Persisting { entry: entry.clone() });
                Ok(Sealed::Logged { id, entry })
            }
            other => self.not_asked(id, other),
        }
    }

    /// The shell persisted a log entry, which may be released.
    pub(crate) fn persisted(&mut self, id: u64) -> Result<SignedEnvelope, PeerError> {
        match self.open.remove(&id) {
            Some(Open::Persisting { entry }) => Ok(entry),
            other => self.not_asked(id, other),
        }
    }

    fn not_asked<T>(&mut self, id: u64, open: Option<Open>) -> Result<T, PeerError> {
        if let Some(open) = open {
            self.open.insert(id, open);
        }
        Err(PeerError::NotAsked { id })
    }

    fn ask(&mut self, to: Option<AssetId>, unsigned: Vec<u8>, payload: Vec<u8>) -> Output {
        let id = self.request_next;
        self.request_next += 1;
        self.open.insert(id, Open::Signing { to, unsigned: unsigned.clone(), payload });
        Output::Sign { id, unsigned }
    }

    fn draft(
        &self,
        epoch: &Epoch,
        expires: MissionTime,
        stream: Stream,
        sequence: u64,
        previous: Option<Hash>,
        payload: &Payload,
    ) -> (Vec<u8>, Vec<u8>) {
        let bytes = payload.encode();
        let envelope = Envelope {
            context: CONTEXT,
            fleet: self.fleet.clone(),
            mission: self.mission,
            epoch: epoch.clone(),
            author: self.me.clone(),
            key: self.key.clone(),
            stream,
            sequence,
            previous,
            contract: self.contract,
            expires,
            kind: payload.kind(),
            payload: Hash::of(&bytes),
        };
        (envelope.encode(), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{contract, id, opening};
    use mesh_model::{AuditRecord, AuditSubject};

    fn sealer() -> Sealer {
        Sealer::new(contract().fleet, MissionId([7; 16]), Hash::of(b"contract"), id("rover"), "did:key:z".to_owned())
    }

    fn record() -> Payload {
        let subject = AuditSubject::Contact { peer: id("habitat"), up: true };
        Payload::Audit(AuditRecord { time: MissionTime::ZERO, subject })
    }

    /// Name of the request and what is to be signed.
    fn asked(output: Output) -> (u64, Envelope, Vec<u8>) {
        let Output::Sign { id, unsigned } = output else { panic!("not a request for a signature: {output:?}") };
        (id, Envelope::decode(&unsigned).expect("an envelope"), unsigned)
    }

    #[test]
    fn log_entries_are_chained_and_live_messages_counted_by_themselves() {
        let (mut sealer, epoch) = (sealer(), opening(1, 0, &[]).epoch);
        let (_, first, bytes) = asked(sealer.logged(&epoch, MissionTime::MAX, &record()));
        let (_, live, _) =
            asked(sealer.live(&epoch, MissionTime::MAX, id("habitat"), &Payload::Abandon(epoch.clone())));
        let (_, second, _) = asked(sealer.logged(&epoch, MissionTime::MAX, &record()));
        assert_eq!((first.sequence, first.previous), (0, Some(Hash::ZERO)));
        assert_eq!((live.sequence, live.previous, live.stream), (0, None, Stream::Live));
        assert_eq!((second.sequence, second.previous), (1, Some(Hash::of(&bytes))));
    }

    #[test]
    fn an_entry_is_released_only_when_it_is_signed_and_then_persisted() {
        let mut sealer = sealer();
        let (request, _, unsigned) = asked(sealer.logged(&opening(1, 0, &[]).epoch, MissionTime::MAX, &record()));
        let not_asked = PeerError::NotAsked { id: request };
        assert_eq!(sealer.persisted(request).expect_err("not signed yet"), not_asked);
        let Ok(Sealed::Logged { id, entry }) = sealer.signed(request, [5; 64]) else { panic!("it was asked for") };
        assert_eq!((id, &entry.unsigned, entry.signature), (request, &unsigned, [5; 64]));
        assert!(sealer.signed(request, [6; 64]).is_err(), "signed already");
        assert_eq!(sealer.persisted(request).expect("signed"), entry);
        assert_eq!(sealer.persisted(request).expect_err("persisted already"), not_asked);
    }

    #[test]
    fn an_answer_to_no_question_changes_nothing() {
        let mut sealer = sealer();
        assert!(sealer.signed(0, [0; 64]).is_err());
        let epoch = opening(1, 0, &[]).epoch;
        let (request, ..) =
            asked(sealer.live(&epoch, MissionTime::MAX, id("habitat"), &Payload::Abandon(epoch.clone())));
        assert!(sealer.signed(request + 1, [0; 64]).is_err());
        assert!(sealer.persisted(request).is_err(), "a live message is never persisted");
        assert!(matches!(sealer.signed(request, [0; 64]), Ok(Sealed::Live { .. })));
    }

    #[test]
    fn the_digest_covers_the_live_messages_of_one_epoch() {
        let (mut sealer, epoch) = (sealer(), opening(1, 0, &[]).epoch);
        let (_, _, first) =
            asked(sealer.live(&epoch, MissionTime::MAX, id("habitat"), &Payload::Abandon(epoch.clone())));
        sealer.logged(&epoch, MissionTime::MAX, &record());
        assert_eq!(sealer.sent(), Hash::ZERO.then(&first));
        sealer.restart_sent();
        assert_eq!(sealer.sent(), Hash::ZERO);
    }
}
