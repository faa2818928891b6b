//! Intervals of quantiles of a series whose neighbours resemble each other.
//!
//! Response times of neighbouring requests share a queue, a collection of garbage, a slow second of the machine. An
//! interval from order statistics takes them for independent and comes out several times too short. Here the share of
//! values up to the quantile is counted batch by batch, batches long enough to be nearly independent, and its spread over
//! the batches is carried back to the quantile (Woodruff, *Confidence intervals for medians and other position measures*,
//! JASA 47, 1952; with the batch means of Conway, Management Science 9, 1963).

use crate::distribution::student_t_quantile;
use crate::nearest_rank::value_at_counts;

/// Batches that a series is divided into. Few and long ones forget each other best: in `examples/coverage.rs` eight come
/// nearest to 95 % where neighbours are alike, and are a sixth longer than 32 where they are not.
pub const BATCHES: usize = 8;
/// Correlation of neighbouring batches above which the series is too short for its memory, and the interval too short.
pub const MAX_CORRELATION: f64 = 0.4;

/// A quantile with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileInterval {
    /// The quantile by nearest rank.
    pub value: u64,
    /// Lower end.
    pub low: u64,
    /// Upper end; none where it lies beyond the largest value.
    pub high: Option<u64>,
    /// Correlation of each batch with the next one, corrected for their fewness. Above [`MAX_CORRELATION`] the series is
    /// too short for its memory.
    pub correlation: f64,
}

/// The interval of a quantile at confidence 1 − alpha.
///
/// `series`: values with their counts, ascending, a list for each stretch of time, in order; empty ones are left out.
/// `per_10_000`: the quantile in hundredths of a percent. None where the tail does not carry the quantile (see
/// [`value_at_counts`]), or fewer than [`BATCHES`] stretches hold values.
pub fn quantile_interval(
    series: &[Vec<(u64, u64)>],
    per_10_000: u64,
    alpha: f64,
) -> Option<QuantileInterval> {
    let all = merged(series);
    let value = value_at_counts(&all, per_10_000)?;
    let share = per_10_000 as f64 / 10_000.0;
    let counts: Vec<Batch> = series
        .iter()
        .map(|stretch| Batch::of(stretch, value))
        .filter(|batch| batch.count > 0.0)
        .collect();
    let batches = batched(counts)?;
    let count: f64 = batches.iter().map(|batch| batch.count).sum();
    // What a batch holds up to the quantile, beyond its share. Batches hold unequal counts, so this is the residual of a
    // ratio (Cochran, *Sampling Techniques*, 1977, section 6.3).
    let up_to = batches.iter().map(|batch| batch.up_to).sum::<f64>() / count;
    let rests: Vec<f64> = batches
        .iter()
        .map(|batch| batch.up_to - up_to * batch.count)
        .collect();
    let squares: f64 = rests.iter().map(|rest| rest * rest).sum();
    let correlation = lag_one(&rests);
    // Batches that still resemble their neighbours tell less than their number (as a first-order autoregression would).
    let kept = correlation.clamp(0.0, 0.9);
    let memory = (1.0 + kept) / (1.0 - kept);
    let number = BATCHES as f64;
    let error = (number / (number - 1.0) * squares * memory).sqrt() / count;
    let reach = student_t_quantile(1.0 - alpha / 2.0, BATCHES - 1) * error;
    Some(QuantileInterval {
        value,
        low: at_share(&all, count, share - reach).unwrap_or(value),
        high: at_share(&all, count, share + reach),
        correlation,
    })
}

/// How many values a batch holds, and how many of them lie up to the quantile.
#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    count: f64,
    up_to: f64,
}

impl Batch {
    fn of(stretch: &[(u64, u64)], value: u64) -> Self {
        let up_to = stretch.partition_point(|&(other, _)| other <= value);
        let count = |part: &[(u64, u64)]| part.iter().map(|&(_, count)| count as f64).sum();
        Self {
            count: count(stretch),
            up_to: count(&stretch[..up_to]),
        }
    }
}

/// Joins neighbours to [`BATCHES`], evenly; none where there are fewer.
fn batched(stretches: Vec<Batch>) -> Option<[Batch; BATCHES]> {
    let total = stretches.len();
    if total < BATCHES {
        return None;
    }
    let mut batches = [Batch::default(); BATCHES];
    for (index, stretch) in stretches.into_iter().enumerate() {
        let batch = &mut batches[index * BATCHES / total];
        batch.count += stretch.count;
        batch.up_to += stretch.up_to;
    }
    Some(batches)
}

/// The correlation of batches with their next ones, about zero, without the bias of short series (Kendall, *Note on bias
/// in the estimation of autocorrelation*, Biometrika 41, 1954).
fn lag_one(values: &[f64]) -> f64 {
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 {
        return 0.0;
    }
    let products: f64 = values.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let plain = products / squares;
    plain + (1.0 + 4.0 * plain) / values.len() as f64
}

/// The smallest value that at least this share of all do not exceed; none where that is more than all.
fn at_share(ascending: &[(u64, u64)], count: f64, share: f64) -> Option<u64> {
    let rank = (share.max(0.0) * count).ceil().max(1.0);
    let mut seen = 0.0;
    ascending.iter().find_map(|&(value, count)| {
        seen += count as f64;
        (seen >= rank).then_some(value)
    })
}

/// All values of a series with their counts, ascending.
fn merged(series: &[Vec<(u64, u64)>]) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = series.iter().flatten().copied().collect();
    all.sort_unstable();
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};

    fn counted(values: &[u64]) -> Vec<(u64, u64)> {
        merged(&[values.iter().map(|&value| (value, 1)).collect()])
    }

    #[test]
    fn it_agrees_with_its_definition_in_numpy() {
        for case in reference().quantiles {
            let series: Vec<_> = case.batches.iter().map(|batch| counted(batch)).collect();
            let ours = quantile_interval(&series, case.per_10_000, case.alpha).unwrap();
            assert_eq!(
                (ours.value, ours.low, ours.high),
                (case.value, case.low, case.high),
                "{}",
                case.name
            );
            agree(&case.name, ours.correlation, case.correlation);
        }
    }

    #[test]
    fn stretches_are_joined_evenly_and_in_order() {
        let stretches = |count: u32| {
            let stretch = |index| Batch {
                count: 1.0,
                up_to: f64::from(index),
            };
            batched((0..count).map(stretch).collect())
        };
        assert!(stretches(7).is_none());
        assert!(stretches(8).is_some());
        let joined = stretches(100).unwrap();
        let evenly = |batch: &Batch| (12.0..=13.0).contains(&batch.count);
        assert!(joined.iter().all(evenly));
        assert!(joined.windows(2).all(|pair| pair[0].up_to < pair[1].up_to));
        let total: f64 = joined.iter().map(|batch| batch.up_to).sum();
        assert!((total - 4950.0).abs() < 1e-9);
    }

    #[test]
    fn a_tail_that_does_not_carry_the_quantile_has_no_interval() {
        let series = vec![counted(&[1, 2, 3]); 10];
        assert_eq!(quantile_interval(&series, 9_900, 0.05), None);
        assert!(quantile_interval(&series, 5_000, 0.05).is_some());
        assert_eq!(quantile_interval(&[], 5_000, 0.05), None);
        let empty = vec![Vec::new(); 3];
        let with_gaps: Vec<_> = series[..7].iter().chain(&empty).cloned().collect();
        assert_eq!(
            quantile_interval(&with_gaps, 5_000, 0.05),
            None,
            "seven hold values"
        );
    }

    #[test]
    fn equal_values_have_an_interval_of_no_length() {
        let reported = quantile_interval(&vec![counted(&[7; 20]); 10], 5_000, 0.05).unwrap();
        assert_eq!(
            (reported.value, reported.low, reported.high),
            (7, 7, Some(7))
        );
    }
}
