//! When a part of the instrument stood still: a loop that was not run for much longer than it had asked to sleep. It was stopped,
//! throttled, or its core was taken: what it measured meanwhile is its own pause.

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// From this much longer on than it asked to sleep, a turn of a loop counts as a stall. A busy machine wakes a thread late by some
/// milliseconds.
pub const STALL_NS: Nanos = 50_000_000;

/// The stalls of one loop, or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Stalls {
    /// How often.
    pub times: u64,
    /// For how long in all, in nanoseconds.
    pub total_ns: Nanos,
    /// For how long at most, in nanoseconds.
    pub longest_ns: Nanos,
}

impl Stalls {
    /// A turn of the loop took so long, of which it had asked to sleep so much at most.
    pub fn turn(&mut self, took_ns: Nanos, asked_ns: Nanos) {
        let over_ns = took_ns.saturating_sub(asked_ns);
        if over_ns >= STALL_NS {
            self.add(&Self {
                times: 1,
                total_ns: over_ns,
                longest_ns: over_ns,
            });
        }
    }

    /// Adds those of another loop, or of another stretch of time.
    pub fn add(&mut self, other: &Self) {
        self.times += other.times;
        self.total_ns += other.total_ns;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_took_longer_than_asked_is_a_stall_from_the_bound_on() {
        let mut stalls = Stalls::default();
        stalls.turn(10_000_000, 10_000_000);
        stalls.turn(0, 10_000_000);
        stalls.turn(STALL_NS + 9_999_999, 10_000_000);
        assert_eq!(stalls, Stalls::default());
        stalls.turn(STALL_NS + 10_000_000, 10_000_000);
        stalls.turn(1_000_000_000, 0);
        let expected = Stalls {
            times: 2,
            total_ns: STALL_NS + 1_000_000_000,
            longest_ns: 1_000_000_000,
        };
        assert_eq!(stalls, expected);
    }
}
