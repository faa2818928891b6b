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
    /// Waits until a socket is ready that somebody waits for, a letter came or the time is over. Their handles join the ready queue.
    pub(crate) fn select(&self, now_ns: u64, timeout_ns: Option<u64>) -> io::Result<()> {
        let parks = timeout_ns != Some(0);
        let until_ns = timeout_ns.map(|ns| now_ns.saturating_add(ns));
        let mut timeout = timeout_ns.map(Duration::from_nanos);
        self.inner.metrics.borrow_mut().on_select(now_ns, parks);
        let turn = self.inner.metrics.borrow().turns;
        self.inner.shared.turn.set(turn);
        loop {
            let selected_ns = {
                let selector = &mut *self.inner.selector.borrow_mut();
                let timeout = timeout.map(|timeout| timeout.min(MAX_SELECT_TIMEOUT));
                selector.poll.wait(&mut selector.events, timeout)?;
                selector.now_ns()
            };
            let mut metrics = self.inner.metrics.borrow_mut();
            metrics.on_selected(selected_ns, parks);
            drop(metrics);
            let left_ns = until_ns.map(|until_ns| until_ns.saturating_sub(selected_ns));
            if self.process_events() || left_ns == Some(0) {
                return Ok(());
            }
            // asyncio doesn't look for what nobody waits for: the wait goes on.
            timeout = left_ns.map(Duration::from_nanos);
        }
    }

    /// What other threads called for joins the ready queue, and then the readers and writers of the sockets that are ready.
    /// Returns whether there was any.
    fn process_events(&self) -> bool {
        let letters = self.inner.selector.borrow().letters();
        let mut any = !letters.is_empty();
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
                    any = true;
                }
            }
        }
        any
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
