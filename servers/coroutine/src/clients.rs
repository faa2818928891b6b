//! The tasks of a server, as it reaches them: to say that it stops, or that a client has been waited for too long.
//!
//! A task leaves its waker once, when it begins, and looks at a number whenever it is polled: nothing is registered anew for each
//! read, and what a task waits for is a number that it leaves, so that a time limit costs no timer.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use slab::Slab;
use spec::{Limits, Round, Waiting, Watch};
use tokio::sync::Notify;

use crate::runtime::Runtime;
use crate::shared::Shared;

pub(crate) struct Clients<R: Runtime> {
    joined: R::Shared<Joined>,
    all_gone: Notify,
}

#[derive(Default)]
pub(crate) struct Joined {
    stopping: bool,
    entries: Slab<Entry>,
    /// Which entries are looked at next.
    round: Round,
}

struct Entry {
    waker: Waker,
    signals: Arc<Signals>,
    watch: Watch,
}

/// What a task and the server leave for each other.
#[derive(Debug, Default)]
struct Signals {
    /// Of the constants below.
    to_task: AtomicU8,
    /// [`Waiting`], as bits.
    waiting: AtomicU64,
}

const STOP: u8 = 1;
const LATE: u8 = 2;

/// A task's place among the others, which it leaves when this is dropped.
pub(crate) struct Place<R: Runtime> {
    clients: Arc<Clients<R>>,
    key: usize,
    signals: Arc<Signals>,
    /// How many were there before.
    pub(crate) others: usize,
}

impl<R: Runtime> Clients<R> {
    pub(crate) fn new() -> Self {
        Self {
            joined: Shared::new(Joined::default()),
            all_gone: Notify::new(),
        }
    }

    /// A place for a task that is about to be spawned; it [stays](Place::stay) in it.
    pub(crate) fn enter(self: &Arc<Self>) -> Place<R> {
        let signals = Arc::new(Signals::default());
        let (key, others) = self.joined.with(|joined| {
            let stop = if joined.stopping { STOP } else { 0 };
            signals.to_task.store(stop, Ordering::Relaxed);
            let others = joined.entries.len();
            let key = joined.entries.insert(Entry {
                waker: Waker::noop().clone(),
                signals: Arc::clone(&signals),
                watch: Watch::new(),
            });
            (key, others)
        });
        Place {
            clients: Arc::clone(self),
            key,
            signals,
            others,
        }
    }

    /// Asks all tasks to come to an end, also those that join from here on, and waits until they have.
    pub(crate) async fn stop(&self) {
        self.joined.with(|joined| {
            joined.stopping = true;
            for (_, entry) in &joined.entries {
                entry.signals.to_task.fetch_or(STOP, Ordering::Relaxed);
                entry.waker.wake_by_ref();
            }
        });
        loop {
            let gone = self.all_gone.notified();
            if self.joined.with(|joined| joined.entries.is_empty()) {
                return;
            }
            gone.await;
        }
    }

    /// Looks at some of the tasks, whether their clients keep them waiting for too long.
    pub(crate) fn look(&self, now_ms: u64, limits: &Limits) {
        self.joined.with(|joined| {
            let places = joined.entries.capacity();
            for key in joined.round.share(places) {
                let Some(entry) = joined.entries.get_mut(key) else {
                    continue;
                };
                let waiting = Waiting::from_bits(entry.signals.waiting.load(Ordering::Relaxed));
                if entry.watch.look(now_ms, waiting, limits).is_some() {
                    entry.signals.to_task.fetch_or(LATE, Ordering::Relaxed);
                    entry.waker.wake_by_ref();
                }
            }
        });
    }
}

impl<R: Runtime> Place<R> {
    /// Has the task that this is called in woken by what the server says from here on.
    pub(crate) async fn stay(&self) {
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            let joined = &self.clients.joined;
            let before =
                joined.with(|joined| mem::replace(&mut joined.entries[self.key].waker, waker));
            drop(before);
            Poll::Ready(())
        })
        .await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.signals() & STOP != 0
    }

    /// Whether the client has been waited for too long, for whatever it was.
    pub(crate) fn is_late(&self) -> bool {
        self.signals() & LATE != 0
    }

    /// Says what the task waits for from here on.
    pub(crate) fn waits_for(&self, waiting: Waiting) {
        self.signals
            .waiting
            .store(waiting.to_bits(), Ordering::Relaxed);
    }

    /// Waits for something until the server stops; `None` where it did.
    pub(crate) async fn unless_stopping<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        let mut wait = pin!(wait);
        poll_fn(|cx| {
            if self.is_stopping() {
                return Poll::Ready(None);
            }
            wait.as_mut().poll(cx).map(Some)
        })
        .await
    }

    fn signals(&self) -> u8 {
        self.signals.to_task.load(Ordering::Relaxed)
    }
}

impl<R: Runtime> Drop for Place<R> {
    fn drop(&mut self) {
        let (left, is_last) = self.clients.joined.with(|joined| {
            let left = joined.entries.remove(self.key);
            (left, joined.stopping && joined.entries.is_empty())
        });
        // What its waker holds may come back here.
        drop(left);
        if is_last {
            self.clients.all_gone.notify_one();
        }
    }
}
