//! What a loop says about itself.
//!
//! Knows counters and histograms; must never know what was counted, or read a clock.

use hdrhistogram::Histogram;
use reactor::{Punctuality, histogram_ns};

/// Figures of one loop since it was made. All are kept on the loop's thread, without locks.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Turns of the loop (libuv's `loop_count`).
    pub turns: u64,
    /// Callbacks run, in every phase.
    pub callbacks: u64,
    /// For how long the loop was held between the end of one poll and the start of the next, in nanoseconds,
    /// to two significant digits. While it is held nobody else is served.
    pub blocked_ns: Histogram<u64>,
    /// All holds together, in nanoseconds: for how long the loop was busy.
    pub busy_ns: u64,
    /// The longest hold, in nanoseconds, exactly.
    pub longest_blocked_ns: u64,
    /// By how much timers were found due after or before their due times.
    pub timers: Punctuality,
    /// Times that accepting paused because no connection could be accepted (descriptors or memory ran out).
    pub accept_pauses: u64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            turns: 0,
            callbacks: 0,
            blocked_ns: histogram_ns(),
            busy_ns: 0,
            longest_blocked_ns: 0,
            timers: Punctuality::default(),
            accept_pauses: 0,
        }
    }

    pub(crate) fn record_hold(&mut self, blocked_ns: u64) {
        self.blocked_ns.saturating_record(blocked_ns);
        self.busy_ns += blocked_ns;
        self.longest_blocked_ns = self.longest_blocked_ns.max(blocked_ns);
    }
}
