//! The backend on Zenoh. It speaks the wire of rmw_zenoh, so that nodes of ROS 2 with that middleware, its command line
//! tools and this crate see and hear each other.
//!
//! A process is a client of a router, here or of ROS 2 (`rmw_zenohd`). When the router goes away and comes back, so does
//! everything that was declared.

mod dispatch;
mod router;
mod service;
mod topic;
mod watch;
mod wire;

pub use router::Router;

use crate::backend::{AnnouncedNode, Answer, Endpoint, Guard, RawClient, RawPublisher, Receive, RosBackend};
use crate::error::RosError;
use crate::graph::{Graph, Role};
use crate::name::NodeName;
use crate::zenoh_config;
use dispatch::Dispatcher;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use watch::{Shown, Watch};
use wire::Attachment;
use zenoh::{Session, Wait};

/// The highest domain that DDS has ports for; kept here so that a domain means the same with every middleware.
pub const DOMAIN_MAX: u32 = 232;

/// How to reach the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the router is: `tcp/127.0.0.1:7447`.
    pub router: String,
    /// Separates graphs that share a router: ROS_DOMAIN_ID.
    pub domain: u32,
    /// How long to wait for the router at first.
    pub connect_timeout: Duration,
}

impl Settings {
    /// For a router on this machine, in domain 0.
    pub fn local(port: u16) -> Self {
        Self { router: format!("tcp/127.0.0.1:{port}"), domain: 0, connect_timeout: Duration::from_secs(5) }
    }

    /// The domain that `text`, the value of ROS_DOMAIN_ID if it is set, stands for.
    pub fn domain_of(text: Option<&str>) -> Result<u32, RosError> {
        match text.map(str::trim) {
            None | Some("") => Ok(0),
            Some(text) => match text.parse() {
                Ok(domain) if domain <= DOMAIN_MAX => Ok(domain),
                _ => Err(RosError::Domain { text: text.to_owned() }),
            },
        }
    }
}

/// A connection of this process to the graph. Dropping it ends everything that goes over it.
pub struct ZenohBackend {
    session: Session,
    domain: u32,
    graph: Arc<Graph>,
    /// Numbers nodes and what they declare, in one sequence, as rmw_zenoh does.
    numbers: AtomicU64,
    _watch: Watch,
    handlers: Dispatcher,
}

impl ZenohBackend {
    /// Connects to the router and looks around.
    pub fn connect(settings: &Settings) -> Result<Arc<Self>, RosError> {
        let Settings { router, domain, connect_timeout } = settings;
        if *domain > DOMAIN_MAX {
            return Err(RosError::Domain { text: domain.to_string() });
        }
        let session = zenoh::open(zenoh_config::client(router, *connect_timeout)).wait().map_err(|why| {
            tracing::debug!(%why, router, "no connection");
            RosError::NoRouter { endpoint: router.clone(), waited: *connect_timeout }
        })?;
        let graph = Arc::new(Graph::default());
        let watch = Watch::start(&session, *domain, &graph)?;
        let handlers = Dispatcher::start();
        let handlers = handlers.map_err(|why| RosError::NoThread { why: why.to_string() })?;
        Ok(Arc::new(Self { session, domain: *domain, graph, numbers: AtomicU64::new(0), _watch: watch, handlers }))
    }

    /// Whether there is a connection to a router at this moment.
    pub fn connected(&self) -> bool {
        self.session.info().routers_zid().wait().next().is_some()
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Shows `endpoint` in the graph as a `role`, and gives it an identity.
    fn show(&self, role: Role, endpoint: &Endpoint<'_>) -> Result<(Shown, Stamps), RosError> {
        let session = self.session.zid().to_string();
        let token = wire::endpoint_token(self.domain, &session, self.next_number(), role, endpoint);
        let stamps = Stamps { gid: wire::gid(&token), next: AtomicI64::new(1) };
        Ok((Shown::declare(&self.session, &self.graph, token)?, stamps))
    }
}

impl RosBackend for ZenohBackend {
    fn announce(&self, name: &NodeName) -> Result<AnnouncedNode, RosError> {
        let id = self.next_number();
        let token = wire::node_token(self.domain, &self.session.zid().to_string(), id, name);
        Ok(AnnouncedNode { id, guard: Box::new(Shown::declare(&self.session, &self.graph, token)?) })
    }

    fn advertise(&self, endpoint: Endpoint<'_>) -> Result<Box<dyn RawPublisher>, RosError> {
        Ok(Box::new(topic::ZenohPublisher::declare(self, &endpoint)?))
    }

    fn subscribe(&self, endpoint: Endpoint<'_>, receive: Receive) -> Result<Guard, RosError> {
        topic::subscribe(self, &endpoint, receive)
    }

    fn serve(&self, endpoint: Endpoint<'_>, answer: Answer) -> Result<Guard, RosError> {
        service::serve(self, &endpoint, answer)
    }

    fn client(&self, endpoint: Endpoint<'_>) -> Result<Box<dyn RawClient>, RosError> {
        Ok(Box::new(service::ZenohClient::declare(self, &endpoint)?))
    }

    fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }
}

/// Numbers and times for what one publisher or client sends.
struct Stamps {
    gid: [u8; wire::GID_LENGTH],
    next: AtomicI64,
}

impl Stamps {
    fn next(&self) -> Attachment {
        Attachment { sequence: self.next.fetch_add(1, Ordering::Relaxed), sent_ns: now_ns(), gid: self.gid }
    }
}

fn refused(attempt: &'static str) -> impl Fn(zenoh::Error) -> RosError {
    move |why| RosError::Middleware { attempt, why: why.to_string() }
}

/// Time in attachments: of this machine, for people who look at delays. Nothing is decided by it.
fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_a_small_number_and_0_by_default() {
        assert_eq!(Settings::domain_of(None), Ok(0));
        assert_eq!(Settings::domain_of(Some("")), Ok(0));
        assert_eq!(Settings::domain_of(Some(" 42 ")), Ok(42));
        for text in ["-1", "233", "a", "1.0"] {
            assert_eq!(Settings::domain_of(Some(text)), Err(RosError::Domain { text: text.to_owned() }));
        }
        let far = Settings { domain: 300, ..Settings::local(1) };
        assert_eq!(ZenohBackend::connect(&far).err(), Some(RosError::Domain { text: "300".to_owned() }));
    }
}
