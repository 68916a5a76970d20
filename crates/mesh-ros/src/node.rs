//! A node with typed publishers, subscriptions, servers and clients, over any backend.
//!
//! Handlers of messages and requests run one after another on a thread of their own: while one does not return, the others
//! wait, and beyond 16 MiB what comes in is dropped and counted. What is done at the end of a call runs on a thread of the
//! middleware: it returns at once and neither waits nor publishes.

use crate::backend::{AnnouncedNode, Endpoint, Guard, RawClient, RawPublisher, RawResponder, RosBackend};
use crate::cdr::EncodeError;
use crate::counters::{Counters, Counts, Drop};
use crate::error::{CallError, RosError};
use crate::graph::{Graph, Role};
use crate::interfaces::builtin_interfaces::msg::Time;
use crate::interfaces::rcl_interfaces::msg::Log;
use crate::message::{Message, Service, TypeId};
use crate::name::{FullName, NodeName};
use crate::qos::Qos;
use std::marker::PhantomData;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A node: a name in the graph, under which a part of a robot speaks. Clones are the same node; it leaves the graph when
/// the last clone and everything that was declared through it are dropped.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
    rosout: Arc<Publisher<Log>>,
}

struct Shared {
    name: NodeName,
    /// Declared before the backend, so that it leaves the graph before the connection is closed.
    announced: AnnouncedNode,
    counters: Arc<Counters>,
    backend: Arc<dyn RosBackend>,
}

/// How serious a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// Of use to a developer.
    Debug = Log::DEBUG,
    /// Of use to an operator.
    Info = Log::INFO,
    /// Something is odd; the node goes on.
    Warn = Log::WARN,
    /// Something failed; the node goes on without it.
    Error = Log::ERROR,
    /// The node cannot go on.
    Fatal = Log::FATAL,
}

impl Node {
    /// Joins the graph as `name` in `namespace`, which is `/` or `/a/b`.
    pub fn new(backend: Arc<dyn RosBackend>, namespace: &str, name: &str) -> Result<Self, RosError> {
        let name = NodeName::new(namespace, name)?;
        let announced = backend.announce(&name)?;
        let shared = Arc::new(Shared { name, announced, counters: Arc::default(), backend });
        let rosout = Arc::new(shared.publisher("/rosout", Qos::LOG)?);
        Ok(Self { shared, rosout })
    }

    /// Publishes on a topic.
    pub fn publisher<M: Message>(&self, topic: &str, qos: Qos) -> Result<Publisher<M>, RosError> {
        self.shared.publisher(topic, qos)
    }

    /// Calls `receive` with every message on a topic, until the answer is dropped. Bytes that are no message of the type
    /// are dropped and counted.
    pub fn subscribe<M: Message>(
        &self,
        topic: &str,
        qos: Qos,
        receive: impl Fn(M) + Send + Sync + 'static,
    ) -> Result<Subscription, RosError> {
        let name = self.shared.name.resolve(topic)?;
        let counters = Arc::clone(&self.shared.counters);
        let endpoint = self.shared.endpoint(&name, M::TYPE, qos);
        let guard = self.shared.backend.subscribe(
            endpoint,
            Box::new(move |received| match M::from_cdr(&received.cdr) {
                Ok(message) => {
                    counters.received();
                    receive(message);
                }
                Err(why) => {
                    counters.dropped(Drop::Undecodable);
                    tracing::debug!(type_name = M::TYPE.name, %why, "dropped a message that cannot be decoded");
                }
            }),
        )?;
        Ok(Subscription { name, _guard: guard, _node: Arc::clone(&self.shared) })
    }

    /// Answers a service, until the answer is dropped: `answer` is called with every request, and with a responder that
    /// it may keep and use later from another thread. Requests that cannot be read are refused and counted.
    pub fn serve<S: Service>(
        &self,
        service: &str,
        answer: impl Fn(S::Request, Responder<S>) + Send + Sync + 'static,
    ) -> Result<Server, RosError> {
        let name = self.shared.name.resolve(service)?;
        let counters = Arc::clone(&self.shared.counters);
        let endpoint = self.shared.endpoint(&name, S::TYPE, Qos::SERVICES);
        let guard = self.shared.backend.serve(
            endpoint,
            Box::new(move |request, raw| match S::Request::from_cdr(&request) {
                Ok(request) => {
                    counters.request();
                    answer(request, Responder { raw, service: PhantomData });
                }
                Err(why) => {
                    counters.request_refused();
                    raw.answer(Err(format!("the request is no {}: {why}", S::Request::TYPE.name)));
                }
            }),
        )?;
        Ok(Server { name, _guard: guard, _node: Arc::clone(&self.shared) })
    }

    /// Calls a service.
    pub fn client<S: Service>(&self, service: &str) -> Result<Client<S>, RosError> {
        let name = self.shared.name.resolve(service)?;
        let raw = self.shared.backend.client(self.shared.endpoint(&name, S::TYPE, Qos::SERVICES))?;
        Ok(Client { raw, name, node: Arc::clone(&self.shared), service: PhantomData })
    }

    /// Says something on `/rosout`, for people. `stamp` is the time by the clock that the robot goes by.
    pub fn log(&self, stamp: Time, severity: Severity, text: &str) -> Result<(), RosError> {
        self.rosout.publish(&Log {
            stamp,
            level: severity as u8,
            name: self.shared.name.absolute().trim_start_matches('/').replace('/', "."),
            msg: text.replace('\0', "\u{fffd}"),
            ..Log::default()
        })
    }

    /// Its name.
    pub fn name(&self) -> &NodeName {
        &self.shared.name
    }

    /// What it has counted so far.
    pub fn counters(&self) -> Counts {
        self.shared.counters.counts()
    }

    /// Who is there.
    pub fn graph(&self) -> &Arc<Graph> {
        self.shared.backend.graph()
    }
}

impl Shared {
    fn publisher<M: Message>(self: &Arc<Self>, topic: &str, qos: Qos) -> Result<Publisher<M>, RosError> {
        let name = self.name.resolve(topic)?;
        let raw = self.backend.advertise(self.endpoint(&name, M::TYPE, qos))?;
        Ok(Publisher { raw, name, node: Arc::clone(self), message: PhantomData })
    }

    fn endpoint<'a>(&'a self, name: &'a FullName, type_id: TypeId, qos: Qos) -> Endpoint<'a> {
        Endpoint { node: &self.name, node_id: self.announced.id, name, type_id, qos, counters: &self.counters }
    }
}

/// Publishes messages of one type on one topic.
pub struct Publisher<M> {
    raw: Box<dyn RawPublisher>,
    name: FullName,
    node: Arc<Shared>,
    message: PhantomData<fn(M)>,
}

impl<M: Message> Publisher<M> {
    /// Publishes a message. A message that goes nowhere is an error; one that is lost on the way is not.
    pub fn publish(&self, message: &M) -> Result<(), RosError> {
        let cdr = message.to_cdr().map_err(|why| unencodable::<M>(why)).inspect_err(|_| self.node.counters.unsent())?;
        self.raw.publish(cdr)
    }

    /// Waits until `count` subscribers of the type are there. Returns whether they came in time.
    pub fn wait_for_subscribers(&self, count: usize, timeout: Duration) -> bool {
        self.node.backend.graph().wait_for(Role::Subscriber, &self.name, M::TYPE.hash, count, timeout)
    }

    /// The topic.
    pub fn topic(&self) -> &FullName {
        &self.name
    }
}

/// A subscription, until it is dropped. A message that is under way then may still be delivered.
pub struct Subscription {
    name: FullName,
    _guard: Guard,
    _node: Arc<Shared>,
}

impl Subscription {
    /// The topic.
    pub fn topic(&self) -> &FullName {
        &self.name
    }
}

/// A server of a service, until it is dropped.
pub struct Server {
    name: FullName,
    _guard: Guard,
    _node: Arc<Shared>,
}

impl Server {
    /// The service.
    pub fn service(&self) -> &FullName {
        &self.name
    }
}

/// Owes one answer. It may be kept and used from any thread; dropped, it tells the client that there is none.
pub struct Responder<S> {
    raw: Box<dyn RawResponder>,
    service: PhantomData<fn(S)>,
}

impl<S: Service> Responder<S> {
    /// Answers.
    pub fn answer(self, response: &S::Response) -> Result<(), RosError> {
        match response.to_cdr() {
            Ok(cdr) => {
                self.raw.answer(Ok(cdr));
                Ok(())
            }
            Err(why) => {
                self.raw.answer(Err(format!("the answer cannot be encoded: {why}")));
                Err(unencodable::<S::Response>(why))
            }
        }
    }

    /// Says why there is no answer. Nodes of ROS 2 see no more than that there is none.
    pub fn refuse(self, reason: &str) {
        self.raw.answer(Err(reason.to_owned()));
    }
}

/// Calls one service.
pub struct Client<S> {
    raw: Box<dyn RawClient>,
    name: FullName,
    node: Arc<Shared>,
    service: PhantomData<fn(S)>,
}

impl<S: Service> Client<S> {
    /// Sends a request and returns. `done` is called once, at the latest after `timeout`, on a thread of the middleware.
    /// With Zenoh a call keeps almost a kilobyte until its timeout is over, answered or not: whoever calls thousands of
    /// times a second chooses a short one.
    pub fn call(
        &self,
        request: &S::Request,
        timeout: Duration,
        done: impl FnOnce(Result<S::Response, CallError>) + Send + 'static,
    ) {
        let counters = Arc::clone(&self.node.counters);
        counters.call();
        let service = self.name.clone();
        let finish = move |answer: Result<S::Response, CallError>| {
            if answer.is_err() {
                counters.call_failed();
            }
            done(answer);
        };
        match request.to_cdr() {
            Err(why) => finish(Err(CallError::Unsent(unencodable::<S::Request>(why)))),
            Ok(cdr) => self.raw.call(
                cdr,
                timeout,
                Box::new(move |answer| {
                    let decode = |cdr: Vec<u8>| {
                        S::Response::from_cdr(&cdr)
                            .map_err(|why| CallError::Garbled { service: service.to_string(), flaw: why.to_string() })
                    };
                    finish(answer.and_then(decode));
                }),
            ),
        }
    }

    /// Sends a request and waits for the answer, at most for `timeout`. Never to be called at the end of another call,
    /// nor by a handler of the very service.
    pub fn call_and_wait(&self, request: &S::Request, timeout: Duration) -> Result<S::Response, CallError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.call(request, timeout, move |answer| {
            // Nobody listens any more if time ran out here first.
            let _ = sender.send(answer);
        });
        let timed_out = || CallError::TimedOut { service: self.name.to_string(), waited: timeout };
        receiver.recv_timeout(timeout.saturating_add(TIMEOUT_GRACE)).unwrap_or_else(|_| Err(timed_out()))
    }

    /// Waits until a server of the type is there. Returns whether it came in time.
    pub fn wait_for_server(&self, timeout: Duration) -> bool {
        self.node.backend.graph().wait_for(Role::Server, &self.name, S::TYPE.hash, 1, timeout)
    }

    /// The service.
    pub fn service(&self) -> &FullName {
        &self.name
    }
}

fn unencodable<M: Message>(why: EncodeError) -> RosError {
    RosError::Encode { type_name: M::TYPE.name, why }
}

/// The backend says that time ran out; this is for one that is late in saying so.
const TIMEOUT_GRACE: Duration = Duration::from_millis(500);
