//! What an asset puts on record besides plans.

use crate::rounds::Epoch;
use crate::{AssetId, Hash, MissionTime};
use borsh::{BorshDeserialize, BorshSerialize};

/// One record; its signer, sequence number and contract stand in the envelope around it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AuditRecord {
    /// When it happened.
    pub time: MissionTime,
    /// What happened.
    pub subject: AuditSubject,
}

/// What can be on record.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum AuditSubject {
    /// First entry of every log: the author joins the mission under this contract.
    Joined {
        /// Hash of the contract.
        contract: Hash,
    },
    /// A plan was adopted.
    Adopted {
        /// Its epoch.
        epoch: Epoch,
        /// Hash of the unsigned certificate entry.
        certificate: Hash,
        /// Hash of the author's private schedule, so that it can be proved later what was to be flown.
        schedule: Hash,
    },
    /// A negotiation was given up.
    GivenUp {
        /// Its epoch.
        epoch: Epoch,
        /// Rounds it took.
        rounds: u32,
        /// Hash chain over the unsigned bytes of every live message that the author sent in this epoch.
        sent: Hash,
    },
    /// A direct contact was lost or came back.
    Contact {
        /// With whom.
        peer: AssetId,
        /// Whether there is contact.
        up: bool,
    },
    /// A message was refused.
    Refused {
        /// Who it claimed to be from.
        claimed: String,
        /// Why, in a word.
        reason: String,
    },
    /// Last entry of every log of a mission that ran to its end.
    Closed {
        /// Hash of the author's final state.
        state: Hash,
    },
}
