//! What a middleware has to do for the nodes above it: move CDR bytes under a name and a type. It knows no message.
//!
//! Handlers of messages and requests are called one after another, in order of arrival, on a thread that does nothing
//! else: while one does not return, the others wait, and what does not fit into the queue is dropped and counted. An
//! answer to a request may come later, from any thread. The end of a call is told on a thread of the middleware: what is
//! done there returns at once and neither waits nor publishes.

use crate::counters::Counters;
use crate::error::{CallError, RosError};
use crate::graph::Graph;
use crate::message::TypeId;
use crate::name::{FullName, NodeName};
use crate::qos::Qos;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// A middleware. All methods may be called from any thread.
pub trait RosBackend: Send + Sync {
    /// Shows a node in the graph, as long as the answer lives.
    fn announce(&self, name: &NodeName) -> Result<AnnouncedNode, RosError>;

    /// A publisher on a topic.
    fn advertise(&self, endpoint: Endpoint<'_>) -> Result<Box<dyn RawPublisher>, RosError>;

    /// Calls `receive` with every message on a topic, as long as the answer lives.
    fn subscribe(&self, endpoint: Endpoint<'_>, receive: Receive) -> Result<Guard, RosError>;

    /// Calls `answer` with every request to a service, as long as the answer lives.
    fn serve(&self, endpoint: Endpoint<'_>, answer: Answer) -> Result<Guard, RosError>;

    /// A client of a service.
    fn client(&self, endpoint: Endpoint<'_>) -> Result<Box<dyn RawClient>, RosError>;

    /// Who is there, itself included.
    fn graph(&self) -> &Arc<Graph>;
}

/// What goes on as long as it lives, and ends when it is dropped.
pub type Guard = Box<dyn Any + Send + Sync>;

/// What is done with a message.
pub type Receive = Box<dyn Fn(Received) + Send + Sync>;

/// What is done with a request.
pub type Answer = Box<dyn Fn(Vec<u8>, Box<dyn RawResponder>) + Send + Sync>;

/// What is done with the answer to a call.
pub type Done = Box<dyn FnOnce(Result<Vec<u8>, CallError>) + Send>;

/// A node in the graph.
pub struct AnnouncedNode {
    /// Its number in the process.
    pub id: u64,
    /// Shows it.
    pub guard: Guard,
}

/// Whose topic or service it is, and what goes over it.
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    /// The node.
    pub node: &'a NodeName,
    /// Its number.
    pub node_id: u64,
    /// The topic or the service.
    pub name: &'a FullName,
    /// The type of the messages or of the service.
    pub type_id: TypeId,
    /// How.
    pub qos: Qos,
    /// Where it is counted.
    pub counters: &'a Arc<Counters>,
}

/// A message as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message as CDR.
    pub cdr: Vec<u8>,
    /// The sender's number for it, from 1.
    pub sequence: i64,
    /// When it was sent by the sender's clock, in ns since 1970.
    pub sent_ns: i64,
    /// Which publisher sent it.
    pub publisher: [u8; 16],
}

/// Publishes on one topic.
pub trait RawPublisher: Send + Sync {
    /// Hands over one message. It waits for the network for a bounded time only, and not at all if the quality of
    /// service lets messages be lost.
    fn publish(&self, cdr: Vec<u8>) -> Result<(), RosError>;
}

/// Answers one request, at any time, from any thread. Dropped without an answer it says so to the client.
pub trait RawResponder: Send {
    /// Answers with a message, or with a reason why there is none.
    fn answer(self: Box<Self>, answer: Result<Vec<u8>, String>);
}

/// Calls one service.
pub trait RawClient: Send + Sync {
    /// Sends a request and returns. `done` is called once: with the answer, or when it is clear that there is none, at
    /// the latest after `timeout`.
    fn call(&self, request: Vec<u8>, timeout: Duration, done: Done);
}
