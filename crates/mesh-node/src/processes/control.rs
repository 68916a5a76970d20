//! What the simulator says to a member and the member answers: the content of the service `step`.

use crate::error::NodeError;
use borsh::{BorshDeserialize, BorshSerialize};
use mesh_model::{AssetId, Canonical, MissionTime};
use mesh_sim::lockstep::{Answer, Grant, Sent};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Shown with every request: the one who asks has read the mission file. That keeps out whoever asks by mistake, or
/// without knowing the fleet; it is no secret from a process of this machine that serves the same name to overhear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Ticket(pub(super) [u8; 16]);

/// A request as it travels.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub(super) struct Ticketed {
    pub(super) ticket: Ticket,
    pub(super) request: Request,
}

/// What the simulator wants.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub(super) enum Request {
    /// To know whether the member is there, and where it stands.
    Hello,
    /// A step.
    Step(Grant),
    /// Messages that did not arrive.
    Again(Vec<Sent>),
    /// That the member ends: the mission is over.
    End,
}

/// What the member answers.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub(super) enum Reply {
    /// It is there; its last tick, and whom it believes to have contact with.
    Here(MissionTime, BTreeSet<AssetId>),
    /// The step is done.
    Done(Box<Answer>, Figures),
    /// These messages are due and did not arrive, by sender and frame; nothing was done.
    Missing(Vec<(AssetId, u64)>),
    /// So many messages were sent again.
    Resent(u32),
    /// It has ended its recording and goes; this is what it has counted to its end.
    Ended(Figures),
}

/// What a process has counted since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Figures {
    /// Counts the processes of this member; the first is 0.
    pub incarnation: u32,
    /// Bytes handed to the mesh plane.
    pub bytes_sent: u64,
    /// Messages and requests on both planes that were none, or not for this member to hear.
    pub garbage: u64,
}

impl Ticket {
    /// A new one.
    pub(super) fn draw() -> Result<Self, NodeError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|why| NodeError::NoEntropy { why: why.to_string() })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Ticket {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = u128::from_str_radix(text, 16).ok();
        let number = number.filter(|_| text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit()));
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(|| "32 hexadecimal digits were expected".to_owned())
    }
}

/// Bytes that are nothing of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ControlError {
    /// Another version of the program.
    #[error("version {found} of the step protocol, this program speaks {VERSION}")]
    Version {
        /// What was found.
        found: u8,
    },
    /// From somebody who has not read the mission file.
    #[error("this is not the ticket of the mission")]
    Ticket,
    /// Not in the right form.
    #[error("{0}")]
    Malformed(String),
}

pub(super) fn encode<T: Canonical>(content: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(content.encode());
    bytes
}

pub(super) fn decode<T: Canonical>(bytes: &[u8]) -> Result<T, ControlError> {
    match bytes.split_first() {
        Some((&VERSION, content)) => T::decode(content).map_err(|why| ControlError::Malformed(why.to_string())),
        Some((&found, _)) => Err(ControlError::Version { found }),
        None => Err(ControlError::Malformed("no bytes".to_owned())),
    }
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_back() {
        let ticket = Ticket([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
        for text in ["", "12", "+0102030405060708090a0b0c0d0e0ff", &"g".repeat(32)] {
            assert!(text.parse::<Ticket>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_said_is_understood_and_nothing_else() {
        let request = Request::Again(vec![Sent {
            to: AssetId::new("rover").expect("a good name"),
            frame: 7,
            at: MissionTime::from_s(3),
        }]);
        let bytes = encode(&request);
        assert_eq!(decode::<Request>(&bytes), Ok(request));
        assert!(matches!(decode::<Request>(&bytes[..bytes.len() - 1]), Err(ControlError::Malformed(_))));
        assert!(matches!(decode::<Request>(&[]), Err(ControlError::Malformed(_))));
        let other = [&[9], &bytes[1..]].concat();
        assert_eq!(decode::<Request>(&other), Err(ControlError::Version { found: 9 }));
    }
}
