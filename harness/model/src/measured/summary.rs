//! Percentiles and rates from a recording: nearest rank, from merged histograms, and only where the tail carries them.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measured::recording::Recording;
use crate::percentiles::PERCENTILES;
use crate::units::{NANOS_PER_S, Nanos};

/// One distribution of times, in nanoseconds. `null` where there are too few samples; see `MIN_SAMPLES_BEYOND`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Times {
    /// Arithmetic mean.
    pub mean: Option<Nanos>,
    /// Median.
    pub p50: Option<Nanos>,
    /// 90th percentile.
    pub p90: Option<Nanos>,
    /// 95th percentile.
    pub p95: Option<Nanos>,
    /// 99th percentile.
    pub p99: Option<Nanos>,
    /// 99.9th percentile.
    pub p99_9: Option<Nanos>,
    /// 99.99th percentile.
    pub p99_99: Option<Nanos>,
    /// The largest value.
    pub max: Option<Nanos>,
}

impl Times {
    /// The larger of each, where either is known.
    #[must_use]
    pub fn worse(&self, other: &Self) -> Self {
        let worse = |of: fn(&Self) -> Option<Nanos>| of(self).max(of(other));
        Self {
            mean: worse(|times| times.mean),
            p50: worse(|times| times.p50),
            p90: worse(|times| times.p90),
            p95: worse(|times| times.p95),
            p99: worse(|times| times.p99),
            p99_9: worse(|times| times.p99_9),
            p99_99: worse(|times| times.p99_99),
            max: worse(|times| times.max),
        }
    }

    /// Summarises a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let [p50, p90, p95, p99, p99_9, p99_99] =
            PERCENTILES.map(|percentile| value_at(histogram, percentile.per_10_000));
        Self {
            mean: Some(rounded(histogram.mean())),
            p50,
            p90,
            p95,
            p99,
            p99_9,
            p99_99,
            max: Some(histogram.max()),
        }
    }

    /// The value of a percentile by its name in [`PERCENTILES`], or of `mean` and `max`.
    pub fn named(&self, name: &str) -> Option<Nanos> {
        match name {
            "mean" => self.mean,
            "p50" => self.p50,
            "p90" => self.p90,
            "p95" => self.p95,
            "p99" => self.p99,
            "p99_9" => self.p99_9,
            "p99_99" => self.p99_99,
            "max" => self.max,
            _ => None,
        }
    }

    /// The names of the percentiles that are `null` for want of samples.
    pub fn missing(&self) -> Vec<&'static str> {
        if self.max.is_none() {
            return Vec::new();
        }
        PERCENTILES
            .iter()
            .map(|percentile| percentile.name)
            .filter(|name| self.named(name).is_none())
            .collect()
    }
}

/// The percentile by nearest rank: the smallest recorded value that at least `per_10_000` ten-thousandths of the
/// samples do not exceed. `None` where fewer than [`MIN_SAMPLES_BEYOND`](stats::nearest_rank::MIN_SAMPLES_BEYOND) samples lie beyond that rank.
pub fn value_at(histogram: &Histogram<u64>, per_10_000: u64) -> Option<Nanos> {
    let rank = stats::nearest_rank::rank(histogram.len(), per_10_000)?;
    // The histogram's own quantile search takes a float; the rank's exact midpoint cannot be rounded to a neighbour.
    let quantile = (rank as f64 - 0.5) / histogram.len() as f64;
    Some(histogram.value_at_quantile(quantile).min(histogram.max()))
}

/// The figures of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Requests that succeeded, but for the lead-in of a closed loop, a second of the time in which their replies could come.
    pub throughput_per_s: f64,
    /// Those of them within the limits of goodput; none where there are no limits.
    pub goodput_per_s: Option<f64>,
    /// Generator CPU per request answered, in microseconds; none without an answer.
    pub generator_cpu_us_per_request: Option<f64>,
    /// Share of its cores that the generator used, 0 to 1.
    pub generator_cpu_share: f64,
}

impl Summary {
    /// Summarises a recording.
    pub fn of(recording: &Recording) -> Self {
        let seconds = recording.replying_ns() as f64 / NANOS_PER_S as f64;
        let ok = recording.accounting.ok;
        // Of the first replies it is not known which were in time: as large a share as of all.
        let counted = ok.saturating_sub(recording.lead_in.replies) as f64 / ok.max(1) as f64;
        let per_s = |count: u64| {
            if seconds > 0.0 {
                count as f64 * counted / seconds
            } else {
                0.0
            }
        };
        let generator = recording.generator;
        let core_ns = recording.measured_ns as f64 * f64::from(generator.threads.max(1));
        Self {
            throughput_per_s: per_s(ok),
            goodput_per_s: recording.in_time.map(per_s),
            generator_cpu_us_per_request: (recording.accounting.ok > 0)
                .then(|| generator.cpu_ns as f64 / 1e3 / recording.accounting.ok as f64),
            generator_cpu_share: if core_ns > 0.0 {
                generator.cpu_ns as f64 / core_ns
            } else {
                0.0
            },
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of recorded times lies between 0 and MAX_RECORDABLE_NS"
)]
fn rounded(mean_ns: f64) -> Nanos {
    mean_ns.round() as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::recording::{LeadIn, empty_histogram};
    use proptest::prelude::*;
    use stats::nearest_rank::{MIN_SAMPLES_BEYOND, value_at_counts};

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = empty_histogram();
        for value in values {
            histogram.record(value).unwrap();
        }
        histogram
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        assert_eq!(value_at(&histogram(1..=19), 5_000), None);
        assert_eq!(value_at(&histogram(1..=20), 5_000), Some(10));
        assert_eq!(value_at(&histogram(1..=999), 9_900), None);
        assert_eq!(value_at(&histogram(1..=1000), 9_900), Some(990));
        assert_eq!(
            Times::of(&histogram(1..=1000)).missing(),
            ["p99_9", "p99_99"]
        );
    }

    #[test]
    fn a_closed_loop_of_ten_against_a_server_of_0_95_s_reads_10_5_a_second() {
        // Over 2 s each of ten connections gets three replies, the last of them 0.85 s after the end.
        let mut recording = Recording {
            measured_ns: 2 * NANOS_PER_S,
            overtime_ns: 850_000_000,
            ..Recording::empty()
        };
        recording.accounting.ok = 30;
        let per_s = Summary::of(&recording).throughput_per_s;
        assert!((per_s - 10.526).abs() < 1e-3, "{per_s}");
    }

    #[test]
    fn a_closed_loop_of_forty_against_four_threads_that_take_100_ms_reads_40_a_second() {
        // Replies come one by one from the start: 120 in 3 s, and those to the forty that wait then until a second later.
        let mut recording = Recording {
            measured_ns: 3 * NANOS_PER_S,
            overtime_ns: 500_000_000,
            lead_in: LeadIn {
                replies: 40,
                ns: 500_000_000,
            },
            in_time: Some(80),
            ..Recording::empty()
        };
        recording.accounting.ok = 160;
        let summary = Summary::of(&recording);
        assert!((summary.throughput_per_s - 40.0).abs() < 1e-9);
        assert!((summary.goodput_per_s.unwrap() - 20.0).abs() < 1e-9);
    }

    #[test]
    fn an_empty_histogram_has_no_times_and_misses_none() {
        assert_eq!(Times::of(&empty_histogram()), Times::default());
        assert!(Times::default().missing().is_empty());
    }

    #[test]
    fn a_value_is_never_above_the_largest_recorded() {
        let times = Times::of(&histogram(std::iter::repeat_n(5_000_123, 100)));
        assert!(times.p50 <= times.max);
    }

    proptest! {
        #[test]
        fn nearest_rank_agrees_with_sorting(mut values in prop::collection::vec(1_u64..2_000, 11..3_000), per_10_000 in 1_u64..10_000) {
            // Below 2,048 every value has a bucket of its own, so the histogram is exact.
            let histogram = histogram(values.iter().copied());
            values.sort_unstable();
            let rank = (values.len() as u64 * per_10_000).div_ceil(10_000);
            let expected = (values.len() as u64 >= rank + MIN_SAMPLES_BEYOND)
                .then(|| values[usize::try_from(rank).unwrap() - 1]);
            prop_assert_eq!(value_at(&histogram, per_10_000), expected);
            let counts: Vec<_> = values.iter().map(|&value| (value, 1)).collect();
            prop_assert_eq!(value_at_counts(&counts, per_10_000), expected);
        }
    }
}
