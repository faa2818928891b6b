//! Waiting for sockets, whose readers and writers join the ready queue (`selector_events.py`).
//!
//! Knows in which order those of ready sockets join; must never know what is read or written.

use crate::event_loop::{EventLoop, Ready};
use crate::remote::Letter;
use reactor::coroutines::{Direction, SocketKey, Waiter};
use reactor::{Clock, MAX_EVENTS_PER_POLL, Mailbox, Poll, WAKE_TOKEN};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The selector waits for a timer no longer than this at a time (`MAXIMUM_SELECT_TIMEOUT`).
pub const MAX_SELECT_TIMEOUT: Duration = Duration::from_hours(24);

impl EventLoop {
    /// Waits until a socket is ready, a letter came or the time is over.
    pub(crate) fn select(&self, now_ns: u64, timeout_ns: Option<u64>) -> io::Result<()> {
        let parks = timeout_ns != Some(0);
        let timeout = timeout_ns.map(|ns| Duration::from_nanos(ns).min(MAX_SELECT_TIMEOUT));
        let metrics = &self.inner.metrics;
        metrics.borrow_mut().on_select(now_ns, parks);
        self.inner.shared.turn.set(metrics.borrow().turns);
        let selector = &mut *self.inner.selector.borrow_mut();
        selector.poll.wait(&mut selector.events, timeout)?;
        metrics.borrow_mut().on_selected(selector.now_ns(), parks);
        Ok(())
    }

    /// What other threads called for joins the ready queue, and then the readers and writers of the sockets that are ready.
    pub(crate) fn process_events(&self) {
        let letters = self.inner.selector.borrow().letters();
        for letter in letters {
            self.open_letter(letter);
        }
        let mut sockets = self.inner.shared.sockets.borrow_mut();
        let mut ready = self.inner.ready.borrow_mut();
        for event in &self.inner.selector.borrow().events {
            // The waker's token is no socket's.
            if let Some((key, waited_for)) = sockets.note(event) {
                for direction in waited_for.into_iter().flatten() {
                    ready.push_back(Ready::Io(key, direction));
                }
            }
        }
    }

    /// Runs the reader or writer of a socket: it wakes a task, or is a transport's.
    pub(crate) fn run_io(&self, key: SocketKey, direction: Direction) {
        // One that is gone has cancelled its readers and writers.
        let waiter = self
            .inner
            .shared
            .sockets
            .borrow_mut()
            .waiter(key, direction);
        match waiter {
            Some(Waiter::Task(waker)) => waker.wake(),
            Some(Waiter::Callback(callback)) => callback(),
            None => {}
        }
    }
}

pub(crate) struct Selector {
    pub(crate) poll: Poll,
    events: mio::Events,
    mailbox: Arc<Mailbox<Letter>>,
}

impl Selector {
    /// A selector without sockets, and the mailbox whose letters wake it.
    pub(crate) fn new(clock: Clock) -> io::Result<(Self, Arc<Mailbox<Letter>>)> {
        let poll = Poll::new(clock)?;
        let mailbox = Arc::new(Mailbox::new(poll.waker()?));
        let selector = Self {
            poll,
            events: mio::Events::with_capacity(MAX_EVENTS_PER_POLL),
            mailbox: Arc::clone(&mailbox),
        };
        Ok((selector, mailbox))
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.poll.now_ns()
    }

    fn letters(&self) -> Vec<Letter> {
        if self.events.iter().any(|event| event.token() == WAKE_TOKEN) {
            self.mailbox.take()
        } else {
            Vec::new()
        }
    }
}
