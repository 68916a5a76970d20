//! Keeps the graph up to date from the tokens of others that come and go, and anew when the router was away: a client of
//! Zenoh is not told which tokens went while it had no router. What this process shows itself is in the graph as long as
//! it is shown, with or without a router.

use super::{refused, wire};
use crate::error::RosError;
use crate::graph::Graph;
use std::sync::{Arc, Weak};
use std::time::Duration;
use zenoh::liveliness::LivelinessToken;
use zenoh::pubsub::Subscriber;
use zenoh::sample::SampleKind;
use zenoh::session::TransportEventsListener;
use zenoh::{Session, Wait};

/// Watches as long as it lives.
pub struct Watch {
    _tokens: Subscriber<()>,
    _transports: TransportEventsListener<()>,
    /// The listeners have only weak hold of it, so that it is they who end with it.
    _link: Arc<Link>,
}

struct Link {
    session: Session,
    domain: u32,
    others: Others,
}

/// The part of the graph that is not this process.
#[derive(Clone)]
struct Others {
    graph: Arc<Graph>,
    /// What stands in the tokens of this process only.
    own: String,
}

/// Shows something of this process, until it is dropped.
pub struct Shown {
    graph: Arc<Graph>,
    key: String,
    _token: LivelinessToken,
}

impl Shown {
    /// Shows it to others and in this process's own graph.
    pub fn declare(session: &Session, graph: &Arc<Graph>, key: String) -> Result<Self, RosError> {
        let token = session.liveliness().declare_token(key.clone()).wait().map_err(refused("declare a token"))?;
        if let Some(entity) = wire::entity(&key) {
            graph.insert(key.clone(), entity);
        }
        Ok(Self { graph: Arc::clone(graph), key, _token: token })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.graph.remove(&self.key);
    }
}

impl Watch {
    /// Writes down who is there, and then who comes and goes.
    pub fn start(session: &Session, domain: u32, graph: &Arc<Graph>) -> Result<Self, RosError> {
        let others = Others { graph: Arc::clone(graph), own: format!("/{}/", session.zid()) };
        let link = Arc::new(Link { session: session.clone(), domain, others: others.clone() });
        let tokens = session.liveliness().declare_subscriber(wire::graph_keys(domain)).history(true);
        let tokens = tokens.callback(move |sample| others.note(sample.kind(), sample.key_expr().as_str()));
        let tokens = tokens.wait().map_err(refused("watch the graph"))?;
        let weak = Arc::downgrade(&link);
        let info = session.info();
        let transports = info.transport_events_listener().callback(move |event| changed(&weak, event.kind()));
        let transports = transports.wait().map_err(refused("watch the connection"))?;
        Ok(Self { _tokens: tokens, _transports: transports, _link: link })
    }
}

/// The router is back, or gone.
fn changed(link: &Weak<Link>, kind: SampleKind) {
    let Some(link) = link.upgrade() else { return };
    match kind {
        SampleKind::Delete => {
            let Others { graph, own } = &link.others;
            graph.retain(|token| token.contains(own));
            tracing::warn!("the router is gone");
        }
        SampleKind::Put => {
            tracing::info!("the router is there");
            let others = link.others.clone();
            let ask = link.session.liveliness().get(wire::graph_keys(link.domain)).timeout(ASK_TIMEOUT);
            let asked = ask.callback(move |reply| {
                if let Ok(sample) = reply.result() {
                    others.note(SampleKind::Put, sample.key_expr().as_str());
                }
            });
            if let Err(why) = asked.wait() {
                tracing::warn!(%why, "the graph cannot be asked for");
            }
        }
    }
}

impl Others {
    fn note(&self, kind: SampleKind, token: &str) {
        if token.contains(&self.own) {
            return;
        }
        match (kind, wire::entity(token)) {
            (SampleKind::Delete, _) => self.graph.remove(token),
            (SampleKind::Put, Some(entity)) => {
                if !self.graph.insert(token.to_owned(), entity) {
                    tracing::warn!(token, "the graph is full");
                }
            }
            (SampleKind::Put, None) => tracing::debug!(token, "no token of ROS 2"),
        }
    }
}

/// How long the router has to say who is there.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
