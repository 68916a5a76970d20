//! Handlers of messages and requests run on one thread of their own, in the order of arrival. Zenoh's threads only put
//! things into its queue: they go on receiving and sending whatever a handler does, and what a handler cannot keep up
//! with is dropped and counted.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What is waiting at most, in things.
pub const WAITING_MAX: usize = 16_384;

/// What is waiting at most, in bytes.
pub const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The thread. Dropping it leaves the thread no more than the handler that it is in, however long that takes.
pub struct Dispatcher {
    queue: Arc<Queue>,
}

/// Where things are put for the thread.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<(usize, Job)>,
    /// Sum of the lengths of `jobs`.
    bytes: usize,
    ended: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Dispatcher {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let own = Arc::clone(&queue);
        thread::Builder::new().name("ros-handlers".to_owned()).spawn(move || own.work())?;
        Ok(Self { queue })
    }

    /// Where to put things.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.ended = true;
        let left = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        self.queue.changed.notify_all();
        // Requests among them tell their clients that nobody answers.
        drop(left);
    }
}

impl Queue {
    /// Puts something of `length` bytes to the end. Returns whether there was room.
    pub fn put(&self, length: usize, job: impl FnOnce() + Send + 'static) -> bool {
        let mut waiting = self.lock();
        let full = waiting.jobs.len() >= WAITING_MAX || waiting.bytes.saturating_add(length) > WAITING_BYTES_MAX;
        if full || waiting.ended {
            return false;
        }
        waiting.bytes += length;
        waiting.jobs.push_back((length, Box::new(job)));
        drop(waiting);
        self.changed.notify_one();
        true
    }

    fn work(&self) {
        let mut waiting = self.lock();
        while !waiting.ended {
            waiting = match waiting.jobs.pop_front() {
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some((length, job)) => {
                    waiting.bytes -= length;
                    drop(waiting);
                    // One handler's bug must not silence all others.
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("a handler of a message or a request panicked");
                    }
                    self.lock()
                }
            };
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn all_is_done_in_order_whatever_one_handler_does() {
        let dispatcher = Dispatcher::start().expect("a thread");
        let (sender, receiver) = channel();
        for number in 0..100 {
            let sender = sender.clone();
            let put = dispatcher.queue().put(1, move || {
                assert!(number != 50, "on purpose");
                sender.send(number).expect("the test listens");
            });
            assert!(put);
        }
        let expect: Vec<i32> = (0..100).filter(|number| *number != 50).collect();
        assert_eq!(receiver.iter().take(99).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let dispatcher = Dispatcher::start().expect("a thread");
        let (release, released) = channel::<()>();
        let (begin, begun) = channel();
        let stuck = move || {
            begin.send(()).expect("the test listens");
            // Ends when the other side is dropped.
            let _ = released.recv();
        };
        assert!(dispatcher.queue().put(1, stuck));
        begun.recv().expect("it runs");
        assert!(dispatcher.queue().put(WAITING_BYTES_MAX, || ()));
        assert!(!dispatcher.queue().put(1, || ()));
        assert!(!dispatcher.queue().put(usize::MAX, || ()));
        let fitting = (0..WAITING_MAX * 2).filter(|_| dispatcher.queue().put(0, || ())).count();
        assert_eq!(fitting, WAITING_MAX - 1);
        drop(release);
    }

    #[test]
    fn nothing_is_begun_after_the_end() {
        let dispatcher = Dispatcher::start().expect("a thread");
        let queue = Arc::clone(dispatcher.queue());
        drop(dispatcher);
        assert!(!queue.put(0, || ()));
    }
}
