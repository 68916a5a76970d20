//! What a node has counted: nothing that it drops is dropped in silence.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of a node at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages published.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Messages that could not be handed to the middleware.
    pub unsent: u64,
    /// Messages received and delivered.
    pub received: u64,
    /// Bytes of all messages, requests and answers that came in, delivered or not.
    pub received_bytes: u64,
    /// Messages dropped because their bytes are not a message of the type.
    pub undecodable: u64,
    /// Messages dropped because they are longer than [`crate::PAYLOAD_LENGTH_MAX`].
    pub oversized: u64,
    /// Messages dropped because what has to come with them (sequence number, time, sender) is missing or misshapen.
    pub unattached: u64,
    /// Messages dropped because handlers did not keep up with them.
    pub overrun: u64,
    /// Requests that were handed to a server.
    pub requests: u64,
    /// Requests answered with an error because they cannot be read, or handlers did not keep up.
    pub requests_refused: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls without a good answer.
    pub calls_failed: u64,
}

impl Counts {
    /// Messages that came in and were not delivered.
    pub fn dropped(&self) -> u64 {
        self.undecodable + self.oversized + self.unattached + self.overrun
    }
}

/// Where a node counts.
#[derive(Debug, Default)]
pub struct Counters {
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    unsent: AtomicU64,
    received: AtomicU64,
    received_bytes: AtomicU64,
    undecodable: AtomicU64,
    oversized: AtomicU64,
    unattached: AtomicU64,
    overrun: AtomicU64,
    requests: AtomicU64,
    requests_refused: AtomicU64,
    calls: AtomicU64,
    calls_failed: AtomicU64,
}

/// Why something that came in went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drop {
    /// Its bytes are not a message of the type.
    Undecodable,
    /// It is too long.
    Oversized,
    /// Its attachment is missing or misshapen.
    Unattached,
    /// Handlers do not keep up.
    Overrun,
}

impl Counters {
    /// A message of `length` bytes was published.
    pub fn sent(&self, length: usize) {
        one_more(&self.sent);
        self.sent_bytes.fetch_add(length as u64, Ordering::Relaxed);
    }

    /// A message could not be published.
    pub fn unsent(&self) {
        one_more(&self.unsent);
    }

    /// `length` bytes came in, whatever becomes of them.
    pub fn came_in(&self, length: usize) {
        self.received_bytes.fetch_add(length as u64, Ordering::Relaxed);
    }

    /// A message was delivered.
    pub fn received(&self) {
        one_more(&self.received);
    }

    /// A message was dropped.
    pub fn dropped(&self, why: Drop) {
        one_more(match why {
            Drop::Undecodable => &self.undecodable,
            Drop::Oversized => &self.oversized,
            Drop::Unattached => &self.unattached,
            Drop::Overrun => &self.overrun,
        });
    }

    /// A request was handed to its server.
    pub fn request(&self) {
        one_more(&self.requests);
    }

    /// A request was answered with an error, because it cannot be read.
    pub fn request_refused(&self) {
        one_more(&self.requests_refused);
    }

    /// A call was made.
    pub fn call(&self) {
        one_more(&self.calls);
    }

    /// A call has no good answer.
    pub fn call_failed(&self) {
        one_more(&self.calls_failed);
    }

    /// The counts as they are. Each is exact; together they may be of slightly different times.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            sent: read(&self.sent),
            sent_bytes: read(&self.sent_bytes),
            unsent: read(&self.unsent),
            received: read(&self.received),
            received_bytes: read(&self.received_bytes),
            undecodable: read(&self.undecodable),
            oversized: read(&self.oversized),
            unattached: read(&self.unattached),
            overrun: read(&self.overrun),
            requests: read(&self.requests),
            requests_refused: read(&self.requests_refused),
            calls: read(&self.calls),
            calls_failed: read(&self.calls_failed),
        }
    }
}

fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
