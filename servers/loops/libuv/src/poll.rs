//! The poll phase: waiting for I/O, and handing out what arrived.
//!
//! Knows for how long to wait and whose an event is; must never know what is read or written.

use crate::event_loop::Loop;
use mio::Token;
use reactor::{MAX_EVENTS_PER_POLL, NS_PER_MS, TimerRule, WAKE_TOKEN};
use std::io;
use std::mem;
use std::time::Duration;

/// How often in one turn the operating system is asked for more events while it fills all the room for them, as in libuv.
pub const MAX_POLLS_PER_TURN: usize = 48;

impl Loop {
    pub(crate) fn poll_io(&mut self) -> io::Result<()> {
        let entered_ns = self.poll_entry_ns();
        self.metrics
            .record_hold(entered_ns.saturating_sub(self.poll_returned_ns));
        let timeout_ms = self.poll_timeout_ms(entered_ns);
        let until_ns = timeout_ms.map(|ms| entered_ns.saturating_add(ms.saturating_mul(NS_PER_MS)));
        let mut timeout = timeout_ms.map(Duration::from_millis);
        let mut events = mem::replace(&mut self.events, mio::Events::with_capacity(0));
        let mut polls_left = MAX_POLLS_PER_TURN;
        loop {
            self.poll.wait(&mut events, timeout)?;
            self.update_now();
            if polls_left == MAX_POLLS_PER_TURN {
                self.poll_returned_ns = self.now_ns;
            }
            let (mut count, mut served) = (0, false);
            for event in &events {
                count += 1;
                served |= self.dispatch(event);
            }
            if served {
                polls_left -= 1;
                if count < MAX_EVENTS_PER_POLL || polls_left == 0 {
                    break;
                }
                timeout = Some(Duration::ZERO);
            } else {
                // Nothing came, or nobody waits for what did: the wait goes on.
                let left_ns = until_ns.map(|until_ns| until_ns.saturating_sub(self.now_ns));
                timeout = left_ns.map(Duration::from_nanos);
                if left_ns == Some(0) {
                    break;
                }
            }
        }
        self.events = events;
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
    fn poll_timeout_ms(&self, entered_ns: u64) -> Option<u64> {
        let must_not_wait = self.stopping
            || (self.handles.active == 0 && self.requests == 0)
            || !self.pending.is_empty()
            || self.watchers.idle_started > 0
            || !self.closing.is_empty()
            || self.coroutines.as_ref().is_some_and(|it| it.is_ready());
        if must_not_wait {
            return Some(0);
        }
        let now_ms = match self.timer_rule {
            TimerRule::NeverEarly => entered_ns / NS_PER_MS,
            // From loop time, and so for longer than needed by as long as callbacks took since that was read.
            TimerRule::Own => self.now_ms,
        };
        let next_ms = self.timer_heap.next_ms()?;
        Some(next_ms.saturating_sub(now_ms))
    }

    /// Hands out an event, and returns whether somebody waited for it.
    fn dispatch(&mut self, event: &mio::event::Event) -> bool {
        match event.token() {
            WAKE_TOKEN => self.read_mailbox(),
            Token(token) if token >= FIRST_OF_COROUTINES => {
                let coroutines = self.coroutines.as_ref();
                return coroutines.is_some_and(|it| it.on_event(event));
            }
            Token(token) if token % 2 == TCP_PARITY => return self.on_tcp_event(token / 2, event),
            Token(token) => self.on_listener_event(token / 2),
        }
        true
    }
}

/// Where the tokens of coroutines' sockets begin: slotmap's keys have a version from 1 on in their upper half.
const FIRST_OF_COROUTINES: usize = 1 << 32;

const TCP_PARITY: usize = 0;

pub(crate) fn tcp_token(index: usize) -> Token {
    Token(index * 2 + TCP_PARITY)
}

pub(crate) fn listener_token(index: usize) -> Token {
    Token(index * 2 + 1)
}
