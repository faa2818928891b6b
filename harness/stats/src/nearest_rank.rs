//! Percentiles by nearest rank, stated only where the tail has samples enough.

/// A percentile is stated only where at least this many samples lie beyond it; otherwise it is `null`.
pub const MIN_SAMPLES_BEYOND: u64 = 10;

/// The percentile of sorted values with their counts, by nearest rank, as every percentile here: `None` where fewer than [`MIN_SAMPLES_BEYOND`] samples lie beyond its rank.
pub fn value_at_counts(ascending: &[(u64, u64)], per_10_000: u64) -> Option<u64> {
    let count = ascending.iter().map(|&(_, count)| count).sum();
    let rank = rank(count, per_10_000)?;
    let mut seen = 0;
    ascending.iter().find_map(|&(value_ns, count)| {
        seen += count;
        (seen >= rank).then_some(value_ns)
    })
}

/// The nearest rank (from 1) of a percentile among `count` samples, where enough of them lie beyond it.
pub fn rank(count: u64, per_10_000: u64) -> Option<u64> {
    let rank = (u128::from(count) * u128::from(per_10_000))
        .div_ceil(10_000)
        .max(1);
    let rank = u64::try_from(rank).expect("a rank is at most the count");
    (count >= rank + MIN_SAMPLES_BEYOND).then_some(rank)
}
