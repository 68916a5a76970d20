//! The mesh plane: signed envelopes between members, over Zenoh, over mutual TLS and nothing else.
//!
//! The plane moves bytes and says which link they came over. It verifies no envelope: a certificate decides who may open
//! a link and under which key it may publish there, and the signature inside decides what is acted upon, by whoever
//! takes the bytes from here. What is dropped here is what no member of this fleet that runs this program can have sent
//! to this one; all of it is counted.
//!
//! A message of kind `plan`, `dual`, `audit` or `sync` from `rover` travels under `mesh/<fleet>/<kind>/rover`. That is the
//! name of its sender, who may relay what somebody else wrote: a certificate publishes under its own name only.

mod counters;
mod parcel;
mod ports;
mod presence;
mod settings;

pub use counters::{Counters, Dropped, Traffic};
pub use parcel::{Kind, Parcel, WIRE_LENGTH_MAX};
pub use ports::{FreePort, endpoints_of_run, free_ports};
pub use settings::MeshSettings;

use crate::error::NodeError;
use counters::Tally;
use mesh_model::{AssetId, DecodeError, FleetId};
use mesh_ros::zenoh_config::{RUNTIME, RUNTIME_VARIABLE};
use presence::Presence;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use zenoh::liveliness::LivelinessToken;
use zenoh::pubsub::{Publisher, Subscriber};
use zenoh::qos::{CongestionControl, Priority};
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

/// One member's end of the mesh plane.
///
/// Links are opened, and opened again when they break, in the background for as long as this lives.
pub struct MeshPlane {
    address: Address,
    publishers: BTreeMap<Kind, Publisher<'static>>,
    presence: Arc<Presence>,
    tally: Arc<Tally>,
    // What follows is only held. It is let go before the session is.
    _subscribers: Vec<Subscriber<()>>,
    _token: LivelinessToken,
    session: Session,
}

impl MeshPlane {
    /// Comes up at the endpoint in `settings` and begins to look for the others; returns before they are there.
    ///
    /// `deliver` is called with what others send, by threads of the plane: while it runs, the link it came over waits. It
    /// hands on and returns; sending is for another thread.
    pub fn open(settings: MeshSettings, deliver: impl Fn(Parcel) + Send + Sync + 'static) -> Result<Self, NodeError> {
        check_one_thread()?;
        let config = settings.config()?;
        check_free(&settings)?;
        // Somebody else may have begun to listen in between: then that is what is wrong.
        let opened = zenoh::open(config).wait();
        let session = opened.map_err(|why| check_free(&settings).err().unwrap_or_else(|| refused(why)))?;
        let address = Address { fleet: settings.fleet, me: settings.me };
        let (tally, presence) = (Arc::new(Tally::default()), Arc::new(Presence::default()));
        let deliver = Arc::new(deliver);
        let mut subscribers = Vec::new();
        for neighbour in &settings.neighbours {
            let receiver = Receiver { address: address.clone(), tally: tally.clone(), deliver: deliver.clone() };
            let key = format!("mesh/{}/*/{neighbour}", address.fleet);
            let neighbour = neighbour.clone();
            let subscriber = session.declare_subscriber(key).callback(move |sample| receiver.take(&neighbour, &sample));
            subscribers.push(subscriber.wait().map_err(refused)?);
        }
        subscribers.push(watch(&session, &address, &presence)?);
        let mut publishers = BTreeMap::new();
        for kind in Kind::ALL {
            publishers.insert(kind, publisher(&session, &address, kind)?);
        }
        // Declared last: whoever sees it knows the subscriptions above, for declarations keep their order on a link.
        let token = session.liveliness().declare_token(settings::here(&address.fleet, &address.me));
        let token = token.wait().map_err(refused)?;
        Ok(Self { address, publishers, presence, tally, _subscribers: subscribers, _token: token, session })
    }

    /// Hands `parcel` to the links.
    ///
    /// Waits while they are congested, for at most [`MeshSettings::blocked_max`] a link: a link that takes nothing for so long
    /// is closed and opened anew, and what was on it is lost. What is sent to a receiver without a link is lost at once; both
    /// are for the sender to send again.
    pub fn send(&self, parcel: &Parcel) -> Result<(), SendError> {
        if parcel.from != self.address.me {
            return Err(SendError::OtherSender { found: parcel.from.clone() });
        }
        let (payload, attachment) = parcel.to_wire()?;
        let bytes = payload.len() + attachment.len();
        if !self.presence.holds(&parcel.to) {
            self.tally.unheard();
        }
        let put = self.publishers[&parcel.kind].put(payload).attachment(attachment);
        put.wait().map_err(|why| SendError::Refused { why: why.to_string() })?;
        self.tally.sent(bytes);
        Ok(())
    }

    /// Waits until what is sent to `peers` reaches them, for at most `timeout`. Gives back who is not there by then.
    pub fn wait_connected(&self, peers: &BTreeSet<AssetId>, timeout: Duration) -> Result<(), BTreeSet<AssetId>> {
        self.presence.wait_for(peers, timeout)
    }

    /// Who is there.
    pub fn peers(&self) -> BTreeSet<AssetId> {
        self.presence.present()
    }

    /// What went through so far.
    pub fn counters(&self) -> Counters {
        self.tally.counters()
    }

    /// Closes the links. Dropping does so too, without saying what went wrong.
    ///
    /// Zenoh reads the certificate of the listening side once. A member that lives for longer than its certificate is closed and
    /// opened anew at the same endpoint with the renewed one, before the old one ends.
    pub fn close(self) -> Result<(), NodeError> {
        self.session.close().wait().map_err(refused)
    }
}

/// Why a parcel was not sent. All but the last are mistakes of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It is not from the member whose plane this is.
    #[error("a parcel from {found} cannot leave from here")]
    OtherSender {
        /// From whom it is.
        found: AssetId,
    },
    /// What it holds is no message.
    #[error("the parcel holds no message: {0}")]
    NotAMessage(#[from] DecodeError),
    /// What it holds is of another kind than it says.
    #[error("the parcel says {said:?} and holds {held:?}")]
    OtherKind {
        /// What it says.
        said: Kind,
        /// What it holds.
        held: Kind,
    },
    /// Longer than anything that is received.
    #[error("{length} bytes are more than the limit of {WIRE_LENGTH_MAX}")]
    TooLong {
        /// How long it is on the wire.
        length: usize,
    },
    /// The plane is closed.
    #[error("the mesh plane does not send: {why}")]
    Refused {
        /// What Zenoh said.
        why: String,
    },
}

/// How long a link that takes nothing holds a sender up before it is closed, unless somebody sets it otherwise.
pub const BLOCKED_MAX: Duration = mesh_ros::zenoh_config::BLOCK_MAX;

/// Whose plane it is.
#[derive(Debug, Clone)]
struct Address {
    fleet: FleetId,
    me: AssetId,
}

/// What takes messages in.
struct Receiver<F> {
    address: Address,
    tally: Arc<Tally>,
    deliver: Arc<F>,
}

impl<F: Fn(Parcel)> Receiver<F> {
    fn take(&self, from: &AssetId, sample: &Sample) {
        match self.opened(from, sample) {
            Ok(parcel) => {
                self.tally.received(sample.payload().len() + sample.attachment().map_or(0, |bytes| bytes.len()));
                (self.deliver)(parcel);
            }
            Err(reason) => {
                self.tally.dropped(reason);
                // Everybody hears what is said to one: that alone is no news.
                if reason != Dropped::ForAnother {
                    tracing::debug!(peer = %from, key = sample.key_expr().as_str(), ?reason, "dropped a message");
                }
            }
        }
    }

    fn opened(&self, from: &AssetId, sample: &Sample) -> Result<Parcel, Dropped> {
        let kind = self.address.kind_of(sample.key_expr().as_str(), from).ok_or(Dropped::Mistyped)?;
        let attachment = sample.attachment().ok_or(Dropped::Undecodable)?.to_bytes();
        parcel::from_wire(&self.address, from, kind, &sample.payload().to_bytes(), &attachment)
    }
}

impl Address {
    /// The kind of a message that `from` sent under `key`; `None` if the key is none of ours.
    fn kind_of(&self, key: &str, from: &AssetId) -> Option<Kind> {
        let (fleet, rest) = key.strip_prefix("mesh/")?.split_once('/')?;
        let (kind, author) = rest.split_once('/')?;
        if fleet != self.fleet.as_str() || author != from.as_str() {
            return None;
        }
        Kind::named(kind)
    }
}

/// Zenoh 1.10 reads and writes a TLS connection from two tasks without a lock between them (eclipse-zenoh/zenoh issue
/// 2557). On two threads, traffic in both directions breaks links within seconds and some day the process. On one
/// thread the two take turns. Zenoh takes its threads from the environment alone, so all that can be done here is to
/// refuse another setting.
fn check_one_thread() -> Result<(), NodeError> {
    if std::env::var(RUNTIME_VARIABLE).is_ok_and(|set| set == RUNTIME) {
        return Ok(());
    }
    let why = format!("TLS is safe on one thread only: {RUNTIME_VARIABLE} must be {RUNTIME:?} when the program starts");
    Err(NodeError::NoMeshPlane { why })
}

/// Zenoh takes a port that is in use for one more listener on some systems and tells it as one of many reasons on others.
fn check_free(settings: &MeshSettings) -> Result<(), NodeError> {
    let refused = |source| NodeError::NotListening { endpoint: settings.listen.to_string(), source };
    if settings.listen.port().is_none() {
        return Err(refused(io::Error::new(io::ErrorKind::InvalidInput, "no port was chosen for this run")));
    }
    TcpListener::bind(settings.listen.address()).map(drop).map_err(refused)
}

fn watch(session: &Session, address: &Address, presence: &Arc<Presence>) -> Result<Subscriber<()>, NodeError> {
    let key = settings::here_any(&address.fleet);
    let (presence, me) = (presence.clone(), address.me.clone());
    let changed = move |sample: Sample| {
        let name = sample.key_expr().as_str().rsplit('/').next().and_then(|name| AssetId::new(name).ok());
        match name.filter(|name| *name != me) {
            Some(peer) if sample.kind() == SampleKind::Put => presence.joined(peer),
            Some(peer) => presence.left(&peer),
            None => {}
        }
    };
    session.liveliness().declare_subscriber(key).history(true).callback(changed).wait().map_err(refused)
}

fn publisher(session: &Session, address: &Address, kind: Kind) -> Result<Publisher<'static>, NodeError> {
    let key = format!("mesh/{}/{}/{}", address.fleet, kind.as_str(), address.me);
    let publisher =
        session.declare_publisher(key).congestion_control(CongestionControl::Block).priority(priority(kind));
    publisher.wait().map_err(refused)
}

/// On a congested link plans go first, then what is on record and its repair; rounds come last, for the next one replaces
/// them.
const fn priority(kind: Kind) -> Priority {
    match kind {
        Kind::Plan => Priority::InteractiveHigh,
        Kind::Audit => Priority::InteractiveLow,
        Kind::Sync => Priority::DataHigh,
        Kind::Dual => Priority::Data,
    }
}

fn refused(why: zenoh::Error) -> NodeError {
    NodeError::NoMeshPlane { why: why.to_string() }
}
