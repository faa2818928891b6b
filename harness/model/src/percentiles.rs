//! The percentiles that every summary states, as exact fractions.

/// A percentile as an exact fraction, so that no rounding moves a rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentile {
    /// Its name in records: `p99_9`.
    pub name: &'static str,
    /// Hundredths of a percent: 9,990 for the 99.9th.
    pub per_10_000: u64,
}

/// The percentiles that every summary states.
pub const PERCENTILES: [Percentile; 6] = [
    Percentile {
        name: "p50",
        per_10_000: 5_000,
    },
    Percentile {
        name: "p90",
        per_10_000: 9_000,
    },
    Percentile {
        name: "p95",
        per_10_000: 9_500,
    },
    Percentile {
        name: "p99",
        per_10_000: 9_900,
    },
    Percentile {
        name: "p99_9",
        per_10_000: 9_990,
    },
    Percentile {
        name: "p99_99",
        per_10_000: 9_999,
    },
];
