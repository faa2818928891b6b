//! How late a loop's timers are.

use std::time::Duration;

use hdrhistogram::Histogram;
use spec::{Counts, Lag, MAX_LAG_US};

/// Loop lag since the start: how much later than asked for a timer fired, sampled every [`spec::LAG_SAMPLE_MS`].
#[derive(Debug)]
pub struct LagRecorder(Histogram<u64>);

impl LagRecorder {
    /// Records a sample; those beyond [`MAX_LAG_US`] count as that.
    pub fn record(&mut self, late: Duration) {
        let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(late_us);
    }

    /// The percentiles, in microseconds; `None` before the first sample.
    pub fn lag(&self) -> Option<Lag> {
        (!self.0.is_empty()).then(|| Lag {
            p50: self.0.value_at_quantile(0.5),
            p99: self.0.value_at_quantile(0.99),
            max: self.0.max(),
        })
    }

    /// The samples, one by one.
    pub fn counts(&self) -> Counts {
        counts(&self.0, 1)
    }
}

impl Default for LagRecorder {
    fn default() -> Self {
        Self(
            Histogram::new_with_max(MAX_LAG_US, 3)
                .expect("three digits of a minute are within bounds"),
        )
    }
}

/// What a histogram holds, whose unit is one `per_us`-th of a microsecond.
pub fn counts(histogram: &Histogram<u64>, per_us: u64) -> Counts {
    histogram
        .iter_recorded()
        .map(|seen| (seen.value_iterated_to() / per_us, seen.count_at_value()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_known_from_the_first_sample_on_and_bounded() {
        let mut recorder = LagRecorder::default();
        assert_eq!(recorder.lag(), None);
        recorder.record(Duration::from_millis(150));
        let lag = recorder.lag().unwrap();
        assert!(
            (149_000..=151_000).contains(&lag.max) && lag.p50 == lag.max,
            "{lag:?}"
        );
        recorder.record(Duration::MAX);
        let max_us = recorder.lag().unwrap().max;
        // The histogram keeps three digits.
        assert!(
            max_us.abs_diff(MAX_LAG_US) < MAX_LAG_US / 100,
            "{max_us} µs"
        );
    }
}
