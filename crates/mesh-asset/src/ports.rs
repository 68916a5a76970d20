//! What goes into an asset and what comes out.

use borsh::{BorshDeserialize, BorshSerialize};
use mesh_adapters::{CommandSchedule, Telemetry};
use mesh_identity::Refusal;
use mesh_model::{AssetId, Certificate, Epoch, MissionTime, SignedEnvelope};

use crate::state::AdoptedPlan;

/// Everything that can happen to an asset. Has canonical bytes: a recording is a sequence of these.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Input {
    /// Time has passed; sent when [`crate::Asset::next_deadline`] is reached.
    Tick,
    /// The vehicle's sensors.
    Telemetry(Telemetry),
    /// Bytes from a neighbour, as they came.
    Message {
        /// The neighbour that handed them over, which need not be their author.
        from: AssetId,
        /// Supposed to be a [`SignedEnvelope`].
        bytes: Vec<u8>,
    },
    /// Contact with a member was made or lost.
    Link {
        /// The member.
        peer: AssetId,
        /// Whether there is contact.
        up: bool,
    },
    /// The answer to [`Output::Sign`].
    Signed {
        /// Which request.
        id: u64,
        /// The signature.
        signature: [u8; 64],
    },
    /// The answer to [`Output::Persist`].
    Persisted {
        /// Which request.
        id: u64,
    },
    /// The mission is over: put the final state on record.
    Close,
}

/// Everything that an asset asks of its shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Sign these bytes; answer with [`Input::Signed`].
    Sign {
        /// Names the request.
        id: u64,
        /// What to sign.
        unsigned: Vec<u8>,
    },
    /// Put this entry at the end of the asset's own log, durably; answer with [`Input::Persisted`].
    Persist {
        /// Names the request.
        id: u64,
        /// The entry.
        entry: SignedEnvelope,
    },
    /// Hand these bytes to a neighbour.
    Send {
        /// The neighbour.
        to: AssetId,
        /// Counts what was handed to this neighbour, from 0: orders and names the transmission.
        frame: u64,
        /// A [`SignedEnvelope`].
        bytes: Vec<u8>,
    },
    /// Have the vehicle hold this schedule.
    Command(CommandSchedule),
    /// Something worth showing.
    Event(Event),
}

/// Something worth showing to a person; nothing depends on it. Has canonical bytes, to be shown by another process.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Event {
    /// The planner opened an epoch.
    Opened {
        /// The epoch.
        epoch: Epoch,
        /// Who takes part.
        members: Vec<AssetId>,
    },
    /// The planner has every member's numbers for a round.
    Round {
        /// The epoch.
        epoch: Epoch,
        /// The round.
        round: u32,
        /// Relative primal residual.
        primal: f64,
        /// Relative dual residual.
        dual: f64,
        /// Certified relative gap, if the round's candidate was evaluated.
        gap: Option<f64>,
    },
    /// The planner certified a plan.
    Certified {
        /// The proof.
        certificate: Box<Certificate>,
        /// When its negotiation began.
        opened: MissionTime,
    },
    /// A negotiation was given up.
    GivenUp {
        /// Its epoch.
        epoch: Epoch,
        /// Rounds it took.
        rounds: u32,
    },
    /// The asset adopted a plan.
    Adopted(Box<AdoptedPlan>),
    /// The asset could not state or solve its own problem; the fleet goes on without it.
    Unable {
        /// Why.
        why: String,
    },
    /// One author signed two entries for one place in its log.
    Equivocation {
        /// The author.
        author: AssetId,
        /// The place.
        sequence: u64,
    },
}

/// An input that was refused. Nothing was changed by it, but for a counter and a record.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PeerError {
    /// The message did not pass verification.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The message is genuine, but its author has no business saying that.
    #[error("{author} may not say this: {what}")]
    OutOfRole {
        /// The author.
        author: AssetId,
        /// What it tried.
        what: &'static str,
    },
    /// The message is genuine, but older than one already acted upon, or expired.
    #[error("a stale message of {author}")]
    Stale {
        /// The author.
        author: AssetId,
    },
    /// The log protocol refused it.
    #[error("refused by the log: {0}")]
    Log(mesh_sync::PeerError),
    /// An answer of the shell to a question that was not asked.
    #[error("an answer to request {id}, which is not open")]
    NotAsked {
        /// The request.
        id: u64,
    },
}
