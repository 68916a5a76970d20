//! What comes to a member's process from all sides, in the order in which it came.

use super::control::{ControlError, Reply, Request, Ticket, Ticketed, decode, encode};
use crate::mesh_plane::Parcel;
use mesh_ros::Responder;
use mesh_ros::interfaces::cosmosmesh_msgs::srv::{
    GetAuditEntries, GetAuditEntriesRequest, GetPlan, GetPlanRequest, Step, StepRequest, StepResponse,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Something that came.
pub(super) enum Arrival {
    /// A message of another member.
    Parcel(Parcel),
    /// A request of the simulator.
    Request(Request, Answerer),
    /// Somebody wants a stretch of a log.
    Entries(GetAuditEntriesRequest, Responder<GetAuditEntries>),
    /// Somebody wants a plan.
    Plan(GetPlanRequest, Responder<GetPlan>),
}

/// Owes the simulator an answer.
pub(super) struct Answerer(Responder<Step>);

impl Answerer {
    pub(super) fn answer(self, reply: &Reply) {
        if let Err(why) = self.0.answer(&StepResponse { answer: encode(reply) }) {
            tracing::warn!(%why, "an answer to the simulator was not sent");
        }
    }
}

/// The end of the inbox that is read.
pub(super) struct Inbox {
    arrivals: Receiver<Arrival>,
    slot: Slot,
}

/// The end into which everything is put. It never waits: what finds no place is dropped and counted, and asked for again
/// by whoever misses it.
#[derive(Clone)]
pub(super) struct Slot {
    arrivals: SyncSender<Arrival>,
    ticket: Ticket,
    dropped: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Inbox {
    pub(super) fn new(ticket: Ticket) -> Self {
        let (sender, arrivals) = sync_channel(WAITING_MAX);
        Self { arrivals, slot: Slot { arrivals: sender, ticket, dropped: Arc::default(), ended: Arc::default() } }
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot.clone()
    }

    /// The next arrival, for which it waits no longer than `timeout`.
    pub(super) fn next_within(&self, timeout: Duration) -> Option<Arrival> {
        match self.arrivals.recv_timeout(timeout) {
            Ok(arrival) => Some(arrival),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("the inbox holds a slot itself"),
        }
    }

    /// Whether whoever started the process wants it to end, or is gone.
    pub(super) fn is_ended(&self) -> bool {
        self.slot.ended.load(Ordering::SeqCst)
    }

    /// What found no place or was no request.
    pub(super) fn dropped(&self) -> u64 {
        self.slot.dropped.load(Ordering::Relaxed)
    }
}

impl Slot {
    pub(super) fn parcel(&self, parcel: Parcel) {
        self.put(Arrival::Parcel(parcel));
    }

    pub(super) fn request(&self, request: &StepRequest, responder: Responder<Step>) {
        let known = |asked: Ticketed| match asked.ticket == self.ticket {
            true => Ok(asked.request),
            false => Err(ControlError::Ticket),
        };
        match decode(&request.grant).and_then(known) {
            Ok(request) => self.put(Arrival::Request(request, Answerer(responder))),
            Err(why) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                responder.refuse(&why.to_string());
            }
        }
    }

    pub(super) fn entries(&self, request: GetAuditEntriesRequest, responder: Responder<GetAuditEntries>) {
        self.put(Arrival::Entries(request, responder));
    }

    pub(super) fn plan(&self, request: GetPlanRequest, responder: Responder<GetPlan>) {
        self.put(Arrival::Plan(request, responder));
    }

    /// Unlike the rest this always finds a place, for it needs none.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    fn put(&self, arrival: Arrival) {
        if self.arrivals.try_send(arrival).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A round of a large fleet has a few hundred messages.
const WAITING_MAX: usize = 4096;
