//! Topics: a publisher is Zenoh's with an attachment to every message; what is kept for late subscribers is in a cache
//! beside it, which they ask.

use super::watch::Shown;
use super::wire::{self, Attachment};
use super::{Stamps, ZenohBackend, refused};
use crate::backend::{Endpoint, Guard, RawPublisher, Receive, Received};
use crate::counters::{Counters, Drop};
use crate::error::RosError;
use crate::graph::Role;
use crate::qos::{Durability, History, Qos, Reliability};
use crate::zenoh_config::PAYLOAD_LENGTH_MAX;
use std::sync::Arc;
use std::time::Duration;
use zenoh::Wait;
use zenoh::qos::CongestionControl;
use zenoh::sample::{Sample, SampleKind};
use zenoh_ext::{
    AdvancedPublisher, AdvancedPublisherBuilderExt, AdvancedSubscriberBuilderExt, CacheConfig, HistoryConfig,
    MissDetectionConfig, RecoveryConfig,
};

/// A publisher with its token.
pub struct ZenohPublisher {
    publisher: AdvancedPublisher<'static>,
    stamps: Stamps,
    counters: Arc<Counters>,
    _shown: Shown,
}

impl ZenohPublisher {
    /// Publishes from here on.
    pub fn declare(backend: &ZenohBackend, endpoint: &Endpoint<'_>) -> Result<Self, RosError> {
        let key = wire::data_key(backend.domain, endpoint);
        let qos = &endpoint.qos;
        let publisher = backend.session.declare_publisher(key);
        let publisher = publisher.congestion_control(congestion(qos)).reliability(reliability(qos)).advanced();
        let publisher = match qos.durability {
            Durability::Volatile => publisher,
            Durability::TransientLocal => {
                // Numbers, not times: the clock of this machine may jump.
                let numbered = match qos.reliability {
                    Reliability::Reliable => MissDetectionConfig::default().heartbeat(HEARTBEAT),
                    Reliability::BestEffort => MissDetectionConfig::default(),
                };
                let cache = CacheConfig::default().max_samples(qos.depth() as usize);
                publisher.cache(cache).sample_miss_detection(numbered).publisher_detection()
            }
        };
        let publisher = publisher.wait().map_err(refused("declare a publisher"))?;
        // Shown only once it is there.
        let (shown, stamps) = backend.show(Role::Publisher, endpoint)?;
        Ok(Self { publisher, stamps, counters: Arc::clone(endpoint.counters), _shown: shown })
    }
}

impl RawPublisher for ZenohPublisher {
    fn publish(&self, cdr: Vec<u8>) -> Result<(), RosError> {
        let length = cdr.len();
        let published = match length {
            _ if length > PAYLOAD_LENGTH_MAX => Err(RosError::TooLong { length, limit: PAYLOAD_LENGTH_MAX }),
            _ => {
                let message = self.publisher.put(cdr).attachment(self.stamps.next().encode());
                message.wait().map_err(refused("publish"))
            }
        };
        match published {
            Ok(()) => self.counters.sent(length),
            Err(_) => self.counters.unsent(),
        }
        published
    }
}

/// Subscribes with its token.
pub fn subscribe(backend: &ZenohBackend, endpoint: &Endpoint<'_>, receive: Receive) -> Result<Guard, RosError> {
    let key = wire::data_key(backend.domain, endpoint);
    let counters = Arc::clone(endpoint.counters);
    let queue = Arc::clone(backend.handlers.queue());
    let receive = Arc::new(receive);
    let subscriber = backend.session.declare_subscriber(key).callback(move |sample| {
        let queued = received(&sample, &counters).and_then(|received| {
            let receive = Arc::clone(&receive);
            match queue.put(received.cdr.len(), move || receive(received)) {
                true => Ok(()),
                false => Err(Drop::Overrun),
            }
        });
        if let Err(why) = queued {
            counters.dropped(why);
        }
    });
    let subscriber: Guard = match endpoint.qos.durability {
        Durability::Volatile => Box::new(subscriber.wait().map_err(refused("subscribe"))?),
        Durability::TransientLocal => {
            let history = HistoryConfig::default().detect_late_publishers().max_samples(endpoint.qos.depth() as usize);
            let subscriber = subscriber.history(history).subscriber_detection().query_timeout(HISTORY_TIMEOUT);
            let subscriber = match endpoint.qos.reliability {
                Reliability::Reliable => subscriber.recovery(RecoveryConfig::default().heartbeat()),
                Reliability::BestEffort => subscriber,
            };
            Box::new(subscriber.wait().map_err(refused("subscribe"))?)
        }
    };
    let (shown, _) = backend.show(Role::Subscriber, endpoint)?;
    Ok(Box::new((shown, subscriber)))
}

/// Peers wrote all of it.
fn received(sample: &Sample, counters: &Counters) -> Result<Received, Drop> {
    let length = sample.payload().len();
    counters.came_in(length);
    if length > PAYLOAD_LENGTH_MAX {
        return Err(Drop::Oversized);
    }
    if sample.kind() != SampleKind::Put {
        return Err(Drop::Undecodable);
    }
    let attachment = sample.attachment().and_then(|bytes| Attachment::decode(&bytes.to_bytes()));
    let Attachment { sequence, sent_ns, gid } = attachment.ok_or(Drop::Unattached)?;
    Ok(Received { cdr: sample.payload().to_bytes().into_owned(), sequence, sent_ns, publisher: gid })
}

/// Only who may not lose messages waits, and that for a bounded time: see `zenoh_config`.
fn congestion(qos: &Qos) -> CongestionControl {
    match (qos.reliability, qos.history) {
        (Reliability::Reliable, History::KeepAll) => CongestionControl::Block,
        _ => CongestionControl::Drop,
    }
}

fn reliability(qos: &Qos) -> zenoh::qos::Reliability {
    match qos.reliability {
        Reliability::Reliable => zenoh::qos::Reliability::Reliable,
        Reliability::BestEffort => zenoh::qos::Reliability::BestEffort,
    }
}

/// How often a publisher says which message was its last, so that subscribers notice that they missed it, also when
/// the router was away.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How long a late subscriber waits for what was kept.
const HISTORY_TIMEOUT: Duration = Duration::from_secs(10);
