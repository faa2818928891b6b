//! What a loop says about itself.
//!
//! Knows counters and histograms; must never know what was counted, or read a clock.

use hdrhistogram::Histogram;

/// Figures of one loop since it was made. All are kept on the loop's thread, without locks.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Turns of the loop (libuv's `loop_count`).
    pub turns: u64,
    /// Callbacks run, in every phase.
    pub callbacks: u64,
    /// For how long the loop was held between the end of one poll and the start of the next, in nanoseconds,
    /// to two significant digits. While it is held nobody else is served.
    pub hold_ns: Histogram<u64>,
    /// All holds together, in nanoseconds: for how long the loop was busy.
    pub held_ns: u64,
    /// The longest hold, in nanoseconds, exactly.
    pub longest_hold_ns: u64,
    /// How long after its due time each timer was found due, in nanoseconds, to two significant digits: "loop lag".
    pub timer_late_ns: Histogram<u64>,
    /// Times that accepting paused because no connection could be accepted (descriptors or memory ran out).
    pub accept_pauses: u64,
}

/// Longer holds and lateness than an hour are recorded as an hour.
const HIGHEST_NS: u64 = 3_600 * 1_000_000_000;
/// Two digits keep a histogram at some 30 KiB, small enough to stay out of the way of the data being served.
const SIGNIFICANT_DIGITS: u8 = 2;

impl Metrics {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants within what the histogram allows");
        Self {
            turns: 0,
            callbacks: 0,
            hold_ns: histogram.clone(),
            held_ns: 0,
            longest_hold_ns: 0,
            timer_late_ns: histogram,
            accept_pauses: 0,
        }
    }

    pub(crate) fn record_hold(&mut self, hold_ns: u64) {
        self.hold_ns.saturating_record(hold_ns);
        self.held_ns += hold_ns;
        self.longest_hold_ns = self.longest_hold_ns.max(hold_ns);
    }

    pub(crate) fn record_timer_late(&mut self, late_ns: u64) {
        self.timer_late_ns.saturating_record(late_ns);
    }
}
