//! What can go wrong between a node and the graph, by who is at fault.

use crate::cdr::EncodeError;
use crate::name::NameError;
use std::time::Duration;

/// Why something was not declared, published or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosError {
    /// The caller's mistake: a name that ROS does not allow.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The caller's mistake: a message that CDR cannot carry.
    #[error("{type_name} cannot be encoded: {why}")]
    Encode {
        /// Name of the type.
        type_name: &'static str,
        /// Why not.
        why: EncodeError,
    },
    /// The caller's mistake: a message longer than every reader accepts.
    #[error("a message of {length} bytes is longer than the {limit} that a reader takes")]
    TooLong {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The caller's mistake: a domain that DDS has no ports for.
    #[error("ROS_DOMAIN_ID is a number from 0 to {max}, not {text:?}", max = crate::rmw_zenoh::DOMAIN_MAX)]
    Domain {
        /// What was given.
        text: String,
    },
    /// The surroundings: somebody else listens on the port of the router.
    #[error("port {port} of 127.0.0.1 is in use")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The surroundings: no router answered in time.
    #[error("no router answered at {endpoint} within {waited:?}")]
    NoRouter {
        /// Where it was to be.
        endpoint: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The surroundings: the system gives no thread.
    #[error("no thread for handlers: {why}")]
    NoThread {
        /// What the system says.
        why: String,
    },
    /// The middleware refused; the text is its own.
    #[error("Zenoh could not {attempt}: {why}")]
    Middleware {
        /// What was tried, after "could not".
        attempt: &'static str,
        /// What it says.
        why: String,
    },
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No server is there, or it went away before it answered.
    #[error("no server of {service} answered")]
    Unanswered {
        /// The service.
        service: String,
    },
    /// Time ran out.
    #[error("{service} did not answer within {waited:?}")]
    TimedOut {
        /// The service.
        service: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server answered with an error.
    #[error("{service} refused: {reason}")]
    Refused {
        /// The service.
        service: String,
        /// The server's own words, shortened to [`REASON_LENGTH_MAX`] bytes.
        reason: String,
    },
    /// The server answered with something that is no answer.
    #[error("the answer of {service} cannot be read: {flaw}")]
    Garbled {
        /// The service.
        service: String,
        /// What is wrong with it.
        flaw: String,
    },
    /// The request could not be sent.
    #[error(transparent)]
    Unsent(#[from] RosError),
}

/// The longest reason that is taken from a server, in bytes.
pub const REASON_LENGTH_MAX: usize = 256;
