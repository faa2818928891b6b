//! What a loop says about itself.
//!
//! Knows counters and times; must never know what was counted, or read a clock.

use hdrhistogram::Histogram;
use reactor::{Punctuality, histogram_ns};

/// Figures of one loop since it was made.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Turns of the loop.
    pub turns: u64,
    /// Handles taken off the ready queue: callbacks, steps of tasks, readers and writers of sockets.
    pub handles_run: u64,
    /// The longest that the loop was held between the end of one select and the start of the next, in nanoseconds. While
    /// it is held nobody else is served.
    pub longest_blocked_ns: u64,
    /// For how long it was held so, in nanoseconds, to two significant digits.
    pub blocked_ns: Histogram<u64>,
    /// How punctual callbacks that were called for at a time were.
    pub timers: Punctuality,
    /// Times that a server paused accepting because no connection could be accepted (descriptors or memory ran out).
    pub accept_pauses: u64,
    /// How often nothing was ready, so that the selector was let wait.
    pub parks: u64,
    /// Time not spent in such a wait, up to the last one, in nanoseconds.
    pub busy_ns: u64,
    /// When the last select ended.
    selected_ns: u64,
    /// When the last wait ended.
    parked_ns: u64,
}

impl Metrics {
    pub(crate) fn new(now_ns: u64) -> Self {
        Self {
            turns: 0,
            handles_run: 0,
            longest_blocked_ns: 0,
            blocked_ns: histogram_ns(),
            timers: Punctuality::default(),
            accept_pauses: 0,
            parks: 0,
            busy_ns: 0,
            selected_ns: now_ns,
            parked_ns: now_ns,
        }
    }

    /// A turn begins, and selects; `parks` is whether it may wait.
    pub(crate) fn on_select(&mut self, now_ns: u64, parks: bool) {
        self.turns += 1;
        let blocked_ns = now_ns.saturating_sub(self.selected_ns);
        self.longest_blocked_ns = self.longest_blocked_ns.max(blocked_ns);
        self.blocked_ns.saturating_record(blocked_ns);
        if parks {
            self.parks += 1;
            self.busy_ns += now_ns.saturating_sub(self.parked_ns);
        }
    }

    /// The select ended.
    pub(crate) fn on_selected(&mut self, now_ns: u64, parked: bool) {
        self.selected_ns = now_ns;
        if parked {
            self.parked_ns = now_ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_and_waits_are_told_apart() {
        let mut metrics = Metrics::new(100);
        for (entered_ns, parks, returned_ns) in
            [(110, true, 200), (230, false, 231), (240, true, 300)]
        {
            metrics.on_select(entered_ns, parks);
            metrics.on_selected(returned_ns, parks);
        }
        let told = (
            metrics.turns,
            metrics.longest_blocked_ns,
            metrics.parks,
            metrics.busy_ns,
        );
        assert_eq!(told, (3, 30, 2, 10 + 40));
        let holds: Vec<u64> = metrics
            .blocked_ns
            .iter_recorded()
            .map(|held| held.value_iterated_to())
            .collect();
        assert_eq!(holds, [9, 10, 30]);
    }
}
