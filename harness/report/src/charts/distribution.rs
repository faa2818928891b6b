//! A distribution of response times, read back from its record.

use model::measured::histogram::{HistogramError, histogram_from_base64};
use stats::nearest_rank::MIN_SAMPLES_BEYOND;

/// Values in nanoseconds, ascending, each with the count of samples up to and including it. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Distribution {
    ascending: Vec<(u64, u64)>,
}

impl Distribution {
    /// Reads HdrHistogram's V2 format, deflated, in base64. `None` for the empty string and for a histogram of nothing.
    pub(super) fn read(v2_base64: &str) -> Result<Option<Self>, HistogramError> {
        if v2_base64.is_empty() {
            return Ok(None);
        }
        let histogram = histogram_from_base64(v2_base64)?;
        let mut cumulative = 0;
        let ascending: Vec<(u64, u64)> = histogram
            .iter_recorded()
            .map(|step| {
                cumulative += step.count_since_last_iteration();
                (step.value_iterated_to(), cumulative)
            })
            .collect();
        Ok((!ascending.is_empty()).then_some(Self { ascending }))
    }

    /// Samples in all.
    pub(super) fn count(&self) -> u64 {
        self.ascending
            .last()
            .expect("a distribution is never empty")
            .1
    }

    pub(super) fn min_ns(&self) -> f64 {
        self.ascending
            .first()
            .expect("a distribution is never empty")
            .0 as f64
    }

    pub(super) fn max_ns(&self) -> f64 {
        self.ascending
            .last()
            .expect("a distribution is never empty")
            .0 as f64
    }

    /// The value at a rank from 1, by nearest rank.
    fn at_rank_ns(&self, rank: u64) -> f64 {
        let index = self
            .ascending
            .partition_point(|&(_, cumulative)| cumulative < rank);
        self.ascending[index.min(self.ascending.len() - 1)].0 as f64
    }

    /// The value at `nines` = log10 1/(1−q), and whether enough samples lie beyond it to believe it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count is a count"
    )]
    pub(super) fn at_nines(&self, nines: f64) -> (f64, bool) {
        let count = self.count();
        // A hair below, so that 0.99 × 10,000 is rank 9,900 whatever the last bit says.
        let rank = ((1.0 - 10_f64.powf(-nines)) * count as f64 - 1e-6)
            .ceil()
            .max(1.0) as u64;
        (
            self.at_rank_ns(rank.min(count)),
            count >= rank + MIN_SAMPLES_BEYOND,
        )
    }

    /// Where the curve ends: just past the rank of the last sample.
    pub(super) fn end_nines(&self) -> f64 {
        (self.count() as f64).log10() + 0.05
    }

    /// The share of samples with `low < value <= high`, for each pair of neighbouring `edges`.
    pub(super) fn shares(&self, edges: &[f64]) -> Vec<f64> {
        let up_to = |edge: f64| {
            let index = self
                .ascending
                .partition_point(|&(value_ns, _)| value_ns as f64 <= edge);
            if index == 0 {
                0
            } else {
                self.ascending[index - 1].1
            }
        };
        edges
            .windows(2)
            .map(|pair| (up_to(pair[1]) - up_to(pair[0])) as f64 / self.count() as f64)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::histogram::histogram_base64;
    use model::measured::recording::empty_histogram;

    fn distribution(values: impl IntoIterator<Item = u64>) -> Distribution {
        let mut histogram = empty_histogram();
        for value in values {
            histogram.record(value).unwrap();
        }
        Distribution::read(&histogram_base64(&histogram))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn nearest_rank_and_the_ten_samples_beyond() {
        let distribution = distribution(1..=1_000);
        assert_eq!(distribution.count(), 1_000);
        assert_eq!(distribution.at_nines(0.0), (1.0, true));
        assert_eq!(distribution.at_nines(2_f64.log10()), (500.0, true));
        assert_eq!(distribution.at_nines(2.0), (990.0, true));
        assert!(!distribution.at_nines(2.01).1);
        assert_eq!(distribution.at_nines(9.0), (1_000.0, false));
    }

    #[test]
    fn shares_add_up_to_one() {
        let shares = distribution([5, 10, 10, 20]).shares(&[0.0, 9.0, 15.0, 20.0]);
        assert_eq!(shares, [0.25, 0.5, 0.25]);
    }

    #[test]
    fn nothing_is_no_distribution_and_nonsense_is_an_error() {
        assert_eq!(Distribution::read(""), Ok(None));
        assert!(Distribution::read("not base64!").is_err());
        assert!(Distribution::read("AAAA").is_err());
    }
}
