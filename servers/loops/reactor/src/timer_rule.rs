//! When a timer fires: the one rule that all loops can keep, or a loop's own.
//!
//! Knows due times; must never read a clock.

/// When a timer fires that was started for some time from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimerRule {
    /// At the first whole millisecond of the loop's clock that is not before the due time, which counts in nanoseconds from when the
    /// timer was started: never early, and late by less than a millisecond plus what the wait takes, which is in whole
    /// milliseconds rounded up. It is what tokio's timers do (tokio 1, `runtime/time/source.rs`, `deadline_to_tick`), so every
    /// reference server can keep it.
    #[default]
    NeverEarly,
    /// As the loop that this one is shaped after: libuv counts whole milliseconds from its loop time, both cut off, and so may be up to
    /// a millisecond early by the clock; asyncio fires at the due time, less the resolution of its clock.
    Own,
}

impl TimerRule {
    /// The time at which a timer of this due time fires at the earliest, for a loop that counts nanoseconds.
    #[must_use]
    pub fn fires_at_ns(self, due_ns: u64) -> u64 {
        match self {
            Self::NeverEarly => due_ns.div_ceil(NS_PER_MS).saturating_mul(NS_PER_MS),
            Self::Own => due_ns,
        }
    }
}

/// Nanoseconds in a millisecond, the resolution of timers.
pub const NS_PER_MS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_early_fires_at_the_next_whole_millisecond() {
        for (due_ns, at_ns) in [
            (0, 0),
            (1, 1_000_000),
            (999_999, 1_000_000),
            (1_000_000, 1_000_000),
            (1_000_001, 2_000_000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(TimerRule::NeverEarly.fires_at_ns(due_ns), at_ns);
            assert_eq!(TimerRule::Own.fires_at_ns(due_ns), due_ns);
        }
    }
}
