//! The signed wrapping of everything that travels.

use crate::canonical::{Canonical, DecodeError, Hash};
use crate::plan::{Certificate, PlanDelta};
use crate::rounds::{DualVariables, Epoch, Opening, RoundReport, SharedVariables};
use crate::{AssetId, AuditRecord, FleetId, MissionTime};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// First bytes of every envelope: a signature over one can never be taken for a signature over anything else.
pub const CONTEXT: [u8; 24] = *b"cosmosmesh/envelope/v1\0\0";

/// Drawn at the start of each run; sequence numbers start anew with it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MissionId(pub [u8; 16]);

/// The two classes of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Stream {
    /// Chained, persisted before release, synchronised.
    Log = 0,
    /// Signed, newest wins, never repaired.
    Live = 1,
}

/// What an envelope says about its payload. Its canonical bytes are what is hashed, chained and signed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Envelope {
    /// Always [`CONTEXT`].
    pub context: [u8; 24],
    /// The fleet.
    pub fleet: FleetId,
    /// The run.
    pub mission: MissionId,
    /// The epoch that the author was in.
    pub epoch: Epoch,
    /// Who says it.
    pub author: AssetId,
    /// The author's key as did:key.
    pub key: String,
    /// Logged or live.
    pub stream: Stream,
    /// Counts the author's messages of this stream from 0, without gaps if logged.
    pub sequence: u64,
    /// Logged: hash of the unsigned bytes of the author's entry before, [`Hash::ZERO`] for the first. Live: none.
    pub previous: Option<Hash>,
    /// Hash of the fleet contract.
    pub contract: Hash,
    /// Not to be acted upon after this time.
    pub expires: MissionTime,
    /// What the payload is.
    pub kind: PayloadKind,
    /// SHA-256 of the payload's canonical bytes.
    pub payload: Hash,
}

/// The kinds of payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PayloadKind {
    /// [`Payload::Heartbeat`]
    Heartbeat = 0,
    /// [`Payload::Want`]
    Want = 1,
    /// [`Payload::Opening`]
    Opening = 2,
    /// [`Payload::Shared`]
    Shared = 3,
    /// [`Payload::Dual`]
    Dual = 4,
    /// [`Payload::Report`]
    Report = 5,
    /// [`Payload::Proposal`]
    Proposal = 6,
    /// [`Payload::Abandon`]
    Abandon = 7,
    /// [`Payload::Delta`]
    Delta = 16,
    /// [`Payload::Certificate`]
    Certificate = 17,
    /// [`Payload::Audit`]
    Audit = 18,
}

/// Everything that can travel.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Payload {
    /// Live: I am here, and of each author's log I hold the entries below this sequence number.
    Heartbeat(BTreeMap<AssetId, u64>),
    /// Live: send me this author's entries from this sequence number on.
    Want(AssetId, u64),
    /// Live, planner: an epoch begins.
    Opening(Opening),
    /// Live, edge neighbour: what I can take.
    Shared(SharedVariables),
    /// Live, edge neighbour: my round.
    Dual(DualVariables),
    /// Live, to the planner: my numbers.
    Report(RoundReport),
    /// Live, planner: the candidate of this round is good enough; log your part of it.
    Proposal(Epoch, u32),
    /// Live, planner: this epoch is given up.
    Abandon(Epoch),
    /// Logged: a member's part of a plan.
    Delta(PlanDelta),
    /// Logged: the planner's proof for a plan.
    Certificate(Certificate),
    /// Logged: a record.
    Audit(AuditRecord),
}

impl Payload {
    /// The kind of this payload.
    pub const fn kind(&self) -> PayloadKind {
        match self {
            Self::Heartbeat(_) => PayloadKind::Heartbeat,
            Self::Want(..) => PayloadKind::Want,
            Self::Opening(_) => PayloadKind::Opening,
            Self::Shared(_) => PayloadKind::Shared,
            Self::Dual(_) => PayloadKind::Dual,
            Self::Report(_) => PayloadKind::Report,
            Self::Proposal(..) => PayloadKind::Proposal,
            Self::Abandon(_) => PayloadKind::Abandon,
            Self::Delta(_) => PayloadKind::Delta,
            Self::Certificate(_) => PayloadKind::Certificate,
            Self::Audit(_) => PayloadKind::Audit,
        }
    }
}

impl PayloadKind {
    /// The class that messages of this kind belong to.
    pub const fn stream(self) -> Stream {
        match self {
            Self::Delta | Self::Certificate | Self::Audit => Stream::Log,
            _ => Stream::Live,
        }
    }
}

/// An envelope's canonical bytes, its payload's canonical bytes and the author's signature over the former.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedEnvelope {
    /// Canonical bytes of the [`Envelope`].
    pub unsigned: Vec<u8>,
    /// Canonical bytes of the [`Payload`].
    pub payload: Vec<u8>,
    /// Ed25519 over `unsigned`.
    pub signature: [u8; 64],
}

impl SignedEnvelope {
    /// The envelope inside, unverified: to look at, never to act upon.
    pub fn peek(&self) -> Result<Envelope, DecodeError> {
        Envelope::decode(&self.unsigned)
    }

    /// The hash by which chains and certificates name this message.
    pub fn unsigned_hash(&self) -> Hash {
        Hash::of(&self.unsigned)
    }
}
