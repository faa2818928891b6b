//! Where time comes from: the machine's monotonic clock, or a hand that turns it.
//!
//! Knows nanoseconds since the clock began; must never know what is scheduled.

use std::{cell::Cell, rc::Rc, time::Instant};

/// The clock of one loop.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's monotonic clock, counted from this instant.
    Monotonic(Instant),
    /// Virtual time. A wait doesn't sleep until the next timer: it looks for I/O once and, finding
    /// none, moves the clock to where it would have woken. With no timer to wait for it waits for I/O as usual.
    Manual(ManualClock),
}

impl Default for Clock {
    fn default() -> Self {
        Self::Monotonic(Instant::now())
    }
}

impl Clock {
    /// Nanoseconds since the clock began. A `u64` of them lasts 584 years.
    pub fn now_ns(&self) -> u64 {
        match self {
            Self::Monotonic(began) => {
                let elapsed = began.elapsed();
                elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
            }
            Self::Manual(clock) => clock.now_ns.get(),
        }
    }
}

/// Time that passes only when told to; clones share it. Tests advance it inside callbacks to hold the loop.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    now_ns: Rc<Cell<u64>>,
}

impl ManualClock {
    /// A clock at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `ns` nanoseconds pass.
    pub fn advance_ns(&self, ns: u64) {
        self.now_ns.set(self.now_ns.get().saturating_add(ns));
    }

    /// Lets `ms` milliseconds pass.
    pub fn advance_ms(&self, ms: u64) {
        self.advance_ns(ms.saturating_mul(1_000_000));
    }
}
