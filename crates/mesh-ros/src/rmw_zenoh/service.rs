//! Services: a server is a Zenoh queryable, a call is a query. Both sides attach numbers, time and the client's identity.

use super::watch::Shown;
use super::wire::{self, Attachment};
use super::{Stamps, ZenohBackend, now_ns, refused};
use crate::backend::{Answer, Done, Endpoint, Guard, RawClient, RawResponder};
use crate::counters::Counters;
use crate::error::{CallError, REASON_LENGTH_MAX, RosError};
use crate::graph::Role;
use crate::name::FullName;
use crate::zenoh_config::PAYLOAD_LENGTH_MAX;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zenoh::key_expr::KeyExpr;
use zenoh::query::{ConsolidationMode, Query, QueryTarget, Reply};
use zenoh::{Session, Wait};

/// Answers with its token.
pub fn serve(backend: &ZenohBackend, endpoint: &Endpoint<'_>, answer: Answer) -> Result<Guard, RosError> {
    let key = key(backend, endpoint)?;
    let counters = Arc::clone(endpoint.counters);
    let (own, queue) = (key.clone(), Arc::clone(backend.handlers.queue()));
    let answer = Arc::new(answer);
    let queryable = backend.session.declare_queryable(key).complete(true).callback(move |query| {
        match request(&query, &own, &counters) {
            Ok((cdr, attachment)) => {
                let responder = Box::new(Responder { query: Some(query), key: own.clone(), attachment });
                let answer = Arc::clone(&answer);
                // Without room the responder is dropped, which tells the client.
                if !queue.put(cdr.len(), move || answer(cdr, responder)) {
                    counters.request_refused();
                }
            }
            Err(reason) => {
                counters.request_refused();
                reply_error(&query, reason);
            }
        }
    });
    let queryable = queryable.wait().map_err(refused("serve"))?;
    let (shown, _) = backend.show(Role::Server, endpoint)?;
    Ok(Box::new((shown, queryable)))
}

/// Peers wrote all of it.
fn request(query: &Query, own: &KeyExpr<'_>, counters: &Counters) -> Result<(Vec<u8>, Attachment), &'static str> {
    let payload = query.payload().ok_or("a request has a payload");
    counters.came_in(payload.map_or(0, zenoh::bytes::ZBytes::len));
    // A query may be for many keys at once; a request is to one service.
    if query.key_expr() != own {
        return Err("a request is sent to exactly one service");
    }
    let payload = payload?;
    if payload.len() > PAYLOAD_LENGTH_MAX {
        return Err("the request is too long");
    }
    let attachment = query.attachment().and_then(|bytes| Attachment::decode(&bytes.to_bytes()));
    let attachment = attachment.ok_or("the attachment (sequence number, time, identity of the client) is missing")?;
    Ok((payload.to_bytes().into_owned(), attachment))
}

/// Owes an answer to a query.
struct Responder {
    /// Taken by the answer.
    query: Option<Query>,
    key: KeyExpr<'static>,
    attachment: Attachment,
}

impl RawResponder for Responder {
    fn answer(mut self: Box<Self>, answer: Result<Vec<u8>, String>) {
        let Some(query) = self.query.take() else { return };
        match answer {
            Ok(cdr) if cdr.len() > PAYLOAD_LENGTH_MAX => reply_error(&query, "the answer is too long"),
            Ok(cdr) => {
                let attachment = Attachment { sent_ns: now_ns(), ..self.attachment };
                let reply = query.reply(self.key.clone(), cdr).attachment(attachment.encode());
                if let Err(why) = reply.wait() {
                    tracing::debug!(%why, key = %self.key, "an answer could not be sent");
                }
            }
            Err(reason) => reply_error(&query, &reason),
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(query) = self.query.take() {
            reply_error(&query, "the server gave no answer");
        }
    }
}

fn reply_error(query: &Query, reason: &str) {
    if let Err(why) = query.reply_err(shortened(reason)).wait() {
        tracing::debug!(%why, reason, "a refusal could not be sent");
    }
}

/// A client with its token.
pub struct ZenohClient {
    session: Session,
    key: KeyExpr<'static>,
    service: FullName,
    stamps: Stamps,
    counters: Arc<Counters>,
    _shown: Shown,
}

impl ZenohClient {
    /// Can call from here on.
    pub fn declare(backend: &ZenohBackend, endpoint: &Endpoint<'_>) -> Result<Self, RosError> {
        let (shown, stamps) = backend.show(Role::Client, endpoint)?;
        Ok(Self {
            session: backend.session.clone(),
            key: key(backend, endpoint)?,
            service: endpoint.name.clone(),
            stamps,
            counters: Arc::clone(endpoint.counters),
            _shown: shown,
        })
    }
}

impl RawClient for ZenohClient {
    fn call(&self, request: Vec<u8>, timeout: Duration, done: Done) {
        let attachment = self.stamps.next();
        let call = Call {
            done: Mutex::new(Some(done)),
            service: self.service.clone(),
            attachment,
            sent: Instant::now(),
            timeout,
            counters: Arc::clone(&self.counters),
        };
        if request.len() > PAYLOAD_LENGTH_MAX {
            let too_long = RosError::TooLong { length: request.len(), limit: PAYLOAD_LENGTH_MAX };
            return call.finish(Err(CallError::Unsent(too_long)));
        }
        let query = self.session.get(&self.key).payload(request).attachment(attachment.encode());
        let query = query.target(QueryTarget::AllComplete).consolidation(ConsolidationMode::None).timeout(timeout);
        // A query that cannot be sent drops the call, which then says that nobody answered.
        if let Err(why) = query.callback(move |reply| call.take(&reply)).wait() {
            tracing::debug!(%why, service = %self.service, "a request could not be sent");
        }
    }
}

/// A call that is under way. The first answer counts; dropped without any, it says so.
struct Call {
    /// Taken by whatever ends the call first.
    done: Mutex<Option<Done>>,
    service: FullName,
    attachment: Attachment,
    sent: Instant,
    timeout: Duration,
    counters: Arc<Counters>,
}

impl Call {
    fn take(&self, reply: &Reply) {
        let service = self.service.to_string();
        self.finish(match reply.result() {
            Ok(sample) => {
                self.counters.came_in(sample.payload().len());
                let attachment = sample.attachment().and_then(|bytes| Attachment::decode(&bytes.to_bytes()));
                match attachment {
                    _ if sample.payload().len() > PAYLOAD_LENGTH_MAX => Err("it is too long"),
                    None => Err("its attachment is missing"),
                    Some(found) if found.sequence != self.attachment.sequence => Err("it answers another request"),
                    Some(_) => Ok(sample.payload().to_bytes().into_owned()),
                }
                .map_err(|flaw| CallError::Garbled { service, flaw: flaw.to_owned() })
            }
            // Zenoh's own word for it cannot be told from a server's, but only one of them comes this late.
            Err(_) if self.sent.elapsed() >= self.timeout => Err(CallError::TimedOut { service, waited: self.timeout }),
            Err(error) => {
                let reason = String::from_utf8_lossy(&error.payload().to_bytes()).into_owned();
                Err(CallError::Refused { service, reason: shortened(&reason).to_owned() })
            }
        });
    }

    fn finish(&self, answer: Result<Vec<u8>, CallError>) {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(done) = done {
            done(answer);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.finish(Err(CallError::Unanswered { service: self.service.to_string() }));
    }
}

fn key(backend: &ZenohBackend, endpoint: &Endpoint<'_>) -> Result<KeyExpr<'static>, RosError> {
    KeyExpr::try_from(wire::data_key(backend.domain, endpoint)).map_err(refused("make a key"))
}

/// At most [`REASON_LENGTH_MAX`] bytes of it.
fn shortened(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_LENGTH_MAX)]
}
