//! A message with its addresses, and its form on the wire: CDR of `cosmosmesh_msgs/SignedEnvelope`, and beside it, as the
//! attachment, what the link model of the sender decided.

use super::counters::Dropped;
use super::{Address, SendError};
use mesh_model::{AssetId, Canonical, Envelope, MissionTime, PayloadKind, SignedEnvelope};
use mesh_ros::Message;
use mesh_ros::interfaces::cosmosmesh_msgs::msg::SignedEnvelope as Carried;

/// A message on its way from one member to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Over whose link it comes. The author of the message may be somebody else, if it is an entry of a log.
    pub from: AssetId,
    /// Whom it is for.
    pub to: AssetId,
    /// What kind of message it is.
    pub kind: Kind,
    /// Counts the sender's transmissions to this receiver.
    pub frame: u64,
    /// When it arrives.
    pub at: MissionTime,
    /// When it was sent.
    pub sent: MissionTime,
    /// Canonical bytes of a [`SignedEnvelope`], unverified.
    pub bytes: Vec<u8>,
}

/// The kinds of messages that the mesh plane tells apart, by what a congested link carries first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What opens, ends or is a plan.
    Plan,
    /// Rounds, and who is there.
    Dual,
    /// Records.
    Audit,
    /// What is asked for to bring logs level. What is sent for it travels as what it is.
    Sync,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Plan, Self::Dual, Self::Audit, Self::Sync];

    /// The kind of messages with such a payload.
    pub const fn of(payload: PayloadKind) -> Self {
        match payload {
            PayloadKind::Opening
            | PayloadKind::Proposal
            | PayloadKind::Abandon
            | PayloadKind::Delta
            | PayloadKind::Certificate => Self::Plan,
            PayloadKind::Heartbeat | PayloadKind::Shared | PayloadKind::Dual | PayloadKind::Report => Self::Dual,
            PayloadKind::Audit => Self::Audit,
            PayloadKind::Want => Self::Sync,
        }
    }

    /// Its name in a key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Dual => "dual",
            Self::Audit => "audit",
            Self::Sync => "sync",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The longest payload and attachment together.
pub const WIRE_LENGTH_MAX: usize = 2 << 20;

impl Parcel {
    /// Payload and attachment.
    pub(super) fn to_wire(&self) -> Result<(Vec<u8>, Vec<u8>), SendError> {
        let signed = SignedEnvelope::decode(&self.bytes)?;
        let held = Kind::of(signed.peek()?.kind);
        if held != self.kind {
            return Err(SendError::OtherKind { said: self.kind, held });
        }
        let payload = Carried::from(&signed).to_cdr().map_err(|_| SendError::TooLong { length: self.bytes.len() })?;
        let attachment = attachment(self);
        let length = payload.len() + attachment.len();
        if length > WIRE_LENGTH_MAX {
            return Err(SendError::TooLong { length });
        }
        Ok((payload, attachment))
    }
}

/// What `from` sent under `kind`, if it is a message for the member at `address`.
pub(super) fn from_wire(
    address: &Address,
    from: &AssetId,
    kind: Kind,
    payload: &[u8],
    attachment: &[u8],
) -> Result<Parcel, Dropped> {
    if payload.len() + attachment.len() > WIRE_LENGTH_MAX {
        return Err(Dropped::Oversized);
    }
    let Addressed { to, frame, at, sent } = addressed(attachment).ok_or(Dropped::Undecodable)?;
    if to != address.me {
        return Err(Dropped::ForAnother);
    }
    let carried = Carried::from_cdr(payload).map_err(|_| Dropped::Undecodable)?;
    let signed = SignedEnvelope::try_from(carried).map_err(|_| Dropped::Undecodable)?;
    let envelope: Envelope = signed.peek().map_err(|_| Dropped::Undecodable)?;
    if envelope.fleet != address.fleet {
        return Err(Dropped::OtherFleet);
    }
    if Kind::of(envelope.kind) != kind {
        return Err(Dropped::Mistyped);
    }
    Ok(Parcel { from: from.clone(), to, kind, frame, at, sent, bytes: signed.encode() })
}

struct Addressed {
    to: AssetId,
    frame: u64,
    at: MissionTime,
    sent: MissionTime,
}

/// A version, three numbers of eight bytes with the lowest first, then the receiver's name to the end.
fn attachment(parcel: &Parcel) -> Vec<u8> {
    let mut bytes = vec![ATTACHMENT_VERSION];
    for number in [parcel.frame, parcel.at.as_ns(), parcel.sent.as_ns()] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(parcel.to.as_str().as_bytes());
    bytes
}

fn addressed(attachment: &[u8]) -> Option<Addressed> {
    let (version, rest) = attachment.split_first()?;
    if *version != ATTACHMENT_VERSION {
        return None;
    }
    let (frame, rest) = number(rest)?;
    let (at, rest) = number(rest)?;
    let (sent, rest) = number(rest)?;
    let to = AssetId::new(std::str::from_utf8(rest).ok()?).ok()?;
    Some(Addressed { to, frame, at: MissionTime::from_ns(at), sent: MissionTime::from_ns(sent) })
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

const ATTACHMENT_VERSION: u8 = 1;

#[cfg(test)]
mod tests;
