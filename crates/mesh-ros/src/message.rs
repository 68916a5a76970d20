//! What a message and a service are to the middleware: bytes under a type.

use crate::cdr::{self, Cdr, DecodeError, EncodeError};
use std::fmt::Debug;

/// How a type is named on the wire. Peers hear each other only if all of it is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId {
    /// In ROS: `std_msgs/msg/Header`.
    pub name: &'static str,
    /// In DDS and on the keys of rmw_zenoh: `std_msgs::msg::dds_::Header_`.
    pub dds: &'static str,
    /// Hash of the definition and of everything that it nests: `RIHS01_` and 64 hexadecimal digits.
    pub hash: &'static str,
}

/// A type of messages.
pub trait Message: Cdr + Clone + Debug + Default + PartialEq + Send + 'static {
    /// Its name on the wire.
    const TYPE: TypeId;

    /// The message as CDR.
    fn to_cdr(&self) -> Result<Vec<u8>, EncodeError> {
        cdr::encode(self)
    }

    /// Takes back what [`Message::to_cdr`] gave, from any peer.
    fn from_cdr(bytes: &[u8]) -> Result<Self, DecodeError> {
        cdr::decode(bytes)
    }
}

/// A type of services.
pub trait Service: 'static {
    /// Its name on the wire.
    const TYPE: TypeId;
    /// What a client asks.
    type Request: Message;
    /// What a server answers.
    type Response: Message;
}
