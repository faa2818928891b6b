//! How far another machine's clocks are from ours, by what they read between a question and its answer.
//!
//! A reading was taken at some moment between sending the question and receiving the answer. Taken for that of the middle it is wrong by
//! at most half of the round trip, however the delay was shared between there and back (Cristian, *Probabilistic clock
//! synchronization*, Distributed Computing 3, 1989). Of several exchanges the shortest says most.

use model::units::Nanos;
use serde::{Deserialize, Serialize};

/// What a machine's clocks read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Nanoseconds since a moment that only this machine knows (`CLOCK_MONOTONIC`): nobody sets it.
    pub monotonic_ns: Nanos,
    /// Nanoseconds since 1970 (`CLOCK_REALTIME`): somebody may set it at any time.
    pub system_ns: Nanos,
}

/// A question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Our clocks just before it was sent.
    pub sent: Reading,
    /// Their clocks.
    pub theirs: Reading,
    /// Our monotonic clock when the answer had come, in nanoseconds; not before it was sent.
    pub received_ns: Nanos,
}

/// How far their clocks are from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Offsets {
    /// What their monotonic clock is ahead of ours, in nanoseconds.
    pub monotonic_ahead_ns: i64,
    /// What their system clock is ahead of ours, in nanoseconds.
    pub system_ahead_ns: i64,
    /// By how much either may be wrong at most, in nanoseconds: half the shortest round trip.
    pub bound_ns: Nanos,
}

impl Offsets {
    /// By the shortest of these exchanges; none where there is none.
    pub fn of(exchanges: &[Exchange]) -> Option<Self> {
        let shortest = exchanges.iter().min_by_key(|exchange| exchange.took_ns())?;
        let half_ns = shortest.took_ns() / 2;
        let ahead = |theirs_ns: Nanos, sent_ns: Nanos| {
            let ahead_ns = i128::from(theirs_ns) - i128::from(sent_ns) - i128::from(half_ns);
            i64::try_from(ahead_ns).expect("clocks read less than 292 years")
        };
        let Exchange { sent, theirs, .. } = shortest;
        Some(Self {
            monotonic_ahead_ns: ahead(theirs.monotonic_ns, sent.monotonic_ns),
            system_ahead_ns: ahead(theirs.system_ns, sent.system_ns),
            bound_ns: shortest.took_ns().div_ceil(2),
        })
    }
}

impl Exchange {
    fn took_ns(&self) -> Nanos {
        self.received_ns.saturating_sub(self.sent.monotonic_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const YEAR_NS: Nanos = 365 * 86_400 * 1_000_000_000;

    /// An exchange at `now` with a machine whose clocks are that far ahead, and that is reached and left after such delays.
    fn exchange(now: Nanos, ahead_ns: [i64; 2], there_ns: Nanos, back_ns: Nanos) -> Exchange {
        let [monotonic_ahead_ns, system_ahead_ns] = ahead_ns;
        let sent = Reading {
            monotonic_ns: now,
            system_ns: 50 * YEAR_NS + now,
        };
        let theirs = Reading {
            monotonic_ns: (now + there_ns)
                .checked_add_signed(monotonic_ahead_ns)
                .unwrap(),
            system_ns: (sent.system_ns + there_ns)
                .checked_add_signed(system_ahead_ns)
                .unwrap(),
        };
        Exchange {
            sent,
            theirs,
            received_ns: now + there_ns + back_ns,
        }
    }

    #[test]
    fn the_shortest_exchange_counts_and_nothing_is_known_without_one() {
        assert_eq!(Offsets::of(&[]), None);
        let ahead_ns = [-3_000_000_000, 7_000];
        let exchanges = [
            exchange(YEAR_NS, ahead_ns, 900_000, 100_000),
            exchange(YEAR_NS + 5, ahead_ns, 40_001, 40_000),
            exchange(YEAR_NS + 9, ahead_ns, 40_001, 60_000),
        ];
        let offsets = Offsets {
            monotonic_ahead_ns: -2_999_999_999,
            system_ahead_ns: 7_001,
            bound_ns: 40_001,
        };
        assert_eq!(Offsets::of(&exchanges), Some(offsets));
    }

    proptest! {
        #[test]
        fn the_truth_is_within_the_bound(
            delays in proptest::collection::vec((0..5_000_000_u64, 0..5_000_000_u64), 1..20),
            monotonic_ahead_ns in -1_000_000_000_000_i64..1_000_000_000_000,
            system_ahead_ns in -1_000_000_000_000_i64..1_000_000_000_000,
        ) {
            let ahead_ns = [monotonic_ahead_ns, system_ahead_ns];
            let exchanges: Vec<Exchange> = delays
                .iter()
                .enumerate()
                .map(|(index, &(there_ns, back_ns))| exchange(YEAR_NS + 10_000_000 * index as u64, ahead_ns, there_ns, back_ns))
                .collect();
            let found = Offsets::of(&exchanges).unwrap();
            prop_assert!(found.monotonic_ahead_ns.abs_diff(monotonic_ahead_ns) <= found.bound_ns);
            prop_assert!(found.system_ahead_ns.abs_diff(system_ahead_ns) <= found.bound_ns);
            let shortest = delays.iter().map(|(there_ns, back_ns)| there_ns + back_ns).min().unwrap();
            prop_assert_eq!(found.bound_ns, shortest.div_ceil(2));
        }
    }
}
