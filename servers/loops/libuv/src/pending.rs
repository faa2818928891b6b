//! The pending queue: results that were known at once, but told later.
//!
//! An operation that ends while it is being asked for (a write that fits, a connect that is refused) must not call back
//! from inside the call: its callback waits here for the pending phase, as in libuv.

use crate::event_loop::Loop;
use crate::tcp::Tcp;
use std::fmt;

/// How often the pending phase is repeated after the poll phase while callbacks put off more work: as in libuv, so
/// that what puts itself off for ever can't keep the loop from timers and closing.
pub const MAX_PENDING_ROUNDS: usize = 8;

impl Loop {
    /// Puts `callback` off to the next pending phase. Inside one, that is the next round of it, or the next turn.
    pub fn defer(&mut self, callback: impl FnOnce(&mut Loop) + 'static) {
        self.pending.push_back(Pending::Call(Box::new(callback)));
    }

    pub(crate) fn run_pending(&mut self) {
        for _ in 0..self.pending.len() {
            match self.pending.pop_front() {
                Some(Pending::Call(callback)) => {
                    self.metrics.callbacks += 1;
                    callback(self);
                }
                Some(Pending::Tcp(tcp)) => self.finish_tcp_operations(tcp),
                None => break,
            }
        }
    }

    pub(crate) fn run_pending_again(&mut self) {
        for _ in 0..MAX_PENDING_ROUNDS {
            if self.pending.is_empty() {
                break;
            }
            self.run_pending();
        }
    }
}

/// What was put off.
pub(crate) enum Pending {
    Call(Box<dyn FnOnce(&mut Loop)>),
    /// A stream with ended operations to report (libuv's `uv__io_feed`).
    Tcp(Tcp),
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(_) => f.write_str("Call"),
            Self::Tcp(tcp) => tcp.fmt(f),
        }
    }
}
