//! The poll phase: waiting for I/O, and handing out what arrived.
//!
//! Knows for how long to wait and whose an event is; must never know what is read or written.

use crate::event_loop::Loop;
use crate::listener::Listener;
use crate::tcp::Tcp;
use mio::Token;
use reactor::WAKE_TOKEN;
use std::io;
use std::mem;
use std::time::Duration;

/// Something that has input left from an event already seen. mio is edge-triggered and will not say so again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ready {
    Tcp(Tcp),
    Listener(Listener),
}

impl Loop {
    pub(crate) fn poll_io(&mut self) -> io::Result<()> {
        let entered_ns = self.poll_entry_ns();
        self.metrics
            .record_hold(entered_ns.saturating_sub(self.poll_returned_ns));
        let timeout_ms = self.poll_timeout_ms(entered_ns / 1_000_000);
        let left_over = self.still_ready.len();
        let mut events = mem::replace(&mut self.events, mio::Events::with_capacity(0));
        self.poll
            .wait(&mut events, timeout_ms.map(Duration::from_millis))?;
        self.update_now();
        self.poll_returned_ns = self.now_ns;
        for event in &events {
            self.dispatch(event);
        }
        self.events = events;
        for _ in 0..left_over {
            match self.still_ready.pop_front() {
                Some(Ready::Tcp(tcp)) => self.continue_reading(tcp),
                Some(Ready::Listener(listener)) => self.continue_accepting(listener),
                None => break,
            }
        }
        Ok(())
    }

    /// The time at which the poll phase is entered. Where no callback has run since loop time was last read, that
    /// is near enough, and a reading is saved.
    fn poll_entry_ns(&self) -> u64 {
        if self.metrics.callbacks == self.callbacks_at_update {
            self.now_ns
        } else {
            self.poll.now_ns()
        }
    }

    /// How long the poll phase may wait: not at all, until the next timer, or for ever (`None`) (`uv_backend_timeout`).
    fn poll_timeout_ms(&self, now_ms: u64) -> Option<u64> {
        let must_not_wait = self.stopping
            || (self.handles.active == 0 && self.requests == 0)
            || !self.pending.is_empty()
            || self.watchers.idle_started > 0
            || !self.closing.is_empty()
            || !self.still_ready.is_empty();
        if must_not_wait {
            return Some(0);
        }
        self.timer_heap
            .next_due_ms()
            .map(|due_ms| due_ms.saturating_sub(now_ms))
    }

    fn dispatch(&mut self, event: &mio::event::Event) {
        match event.token() {
            WAKE_TOKEN => self.read_mailbox(),
            Token(token) if token % 2 == TCP_PARITY => self.on_tcp_event(token / 2, event),
            Token(token) => self.on_listener_event(token / 2),
        }
    }
}

const TCP_PARITY: usize = 0;

pub(crate) fn tcp_token(index: usize) -> Token {
    Token(index * 2 + TCP_PARITY)
}

pub(crate) fn listener_token(index: usize) -> Token {
    Token(index * 2 + 1)
}
