//! How times spread, as a row of bars in characters: one a target, all on one axis.
//!
//! The axis is logarithmic, since what matters is often in a tail a hundred times as long as the median, and bars are as high
//! as the share of times in them. Whatever holds a single time has a bar.

use model::measured::recording::Counts;
use model::units::Nanos;

use crate::glyphs;

/// The times of several targets, sorted into the same bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    /// Where the first bin begins.
    pub(crate) low_ns: Nanos,
    /// Where the last one ends.
    pub(crate) high_ns: Nanos,
    /// By how much each bin is longer than the one before, as a ratio.
    pub(crate) step: f64,
    /// What share of its times each target has in each bin, as a share of the largest of all.
    pub(crate) heights: Vec<Vec<f64>>,
}

impl Spread {
    /// Sorts ascending times with their counts into `bins` bins (at least one); none where there are no times at all.
    pub(crate) fn of(targets: &[&Counts], bins: usize) -> Option<Self> {
        assert!(bins > 0, "a row has a place for a bar");
        let ends = targets
            .iter()
            .filter_map(|times| Some((times.first()?.0, times.last()?.0)));
        let (low_ns, high_ns) =
            ends.reduce(|(low, high), (first, last)| (low.min(first), high.max(last)))?;
        // The logarithm has no place for zero.
        let (low_ns, high_ns) = (low_ns.max(1), high_ns.max(1));
        let length = (high_ns as f64 / low_ns as f64).ln();
        let shares = targets
            .iter()
            .map(|times| shares(times, low_ns, length, bins));
        let shares: Vec<Vec<f64>> = shares.collect();
        let highest = shares.iter().flatten().copied().fold(0.0, f64::max);
        let heights = |shares: Vec<f64>| shares.into_iter().map(|share| share / highest).collect();
        Some(Self {
            low_ns,
            high_ns,
            step: (length / bins as f64).exp(),
            heights: shares.into_iter().map(heights).collect(),
        })
    }

    /// A row of bars each, in the order of the targets; blank where a target has no times.
    pub(crate) fn rows(&self) -> impl Iterator<Item = String> + '_ {
        let row = |heights: &Vec<f64>| heights.iter().copied().map(glyphs::bar).collect();
        self.heights.iter().map(row)
    }

    /// What share of some times each of so many bins has.
    pub(crate) fn shares(&self, times: &Counts, bins: usize) -> Vec<f64> {
        let length = (self.high_ns as f64 / self.low_ns as f64).ln();
        shares(times, self.low_ns, length, bins)
    }

    /// Where a bin begins, in nanoseconds.
    pub(crate) fn begins_ns(&self, bin: usize) -> f64 {
        self.low_ns as f64 * self.step.powf(bin as f64)
    }
}

/// What share of the times falls into each bin.
fn shares(times: &Counts, low_ns: Nanos, length: f64, bins: usize) -> Vec<f64> {
    let all: u64 = times.iter().map(|&(_, count)| count).sum();
    let mut shares = vec![0.0; bins];
    for &(time_ns, count) in times {
        let place = (time_ns.max(1) as f64 / low_ns as f64).ln() / length * bins as f64;
        // Where all times are the same the axis has no length, and they stand at its beginning.
        let bin = if place.is_finite() { floored(place) } else { 0 };
        shares[bin.min(bins - 1)] += count as f64 / all as f64;
    }
    shares
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place on the axis lies between 0 and the number of bins"
)]
fn floored(place: f64) -> usize {
    place.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(targets: &[&[(Nanos, u64)]], bins: usize, ends: (Nanos, Nanos), rows: &[&str]) {
        let times: Vec<Counts> = targets.iter().map(|times| times.to_vec()).collect();
        let times: Vec<&Counts> = times.iter().collect();
        let spread = Spread::of(&times, bins).unwrap();
        assert_eq!((spread.low_ns, spread.high_ns), ends, "{targets:?}");
        assert_eq!(spread.rows().collect::<Vec<_>>(), rows, "{targets:?}");
        let end = spread.begins_ns(bins);
        assert!((end / ends.1 as f64 - 1.0).abs() < 1e-9, "{end}");
    }

    #[test]
    fn targets_share_their_axis_and_the_scale_of_their_bars() {
        check(
            &[&[(10, 8), (1_000, 2)], &[(100, 4)]],
            4,
            (10, 1_000),
            &["▇  ▂", "  █ "],
        );
    }

    #[test]
    fn a_single_time_among_many_is_seen() {
        check(&[&[(1, 999_999), (1_000, 1)]], 3, (1, 1_000), &["█ ▁"]);
    }

    #[test]
    fn where_there_is_but_one_time_it_stands_at_the_beginning() {
        check(&[&[(5, 3)], &[]], 3, (5, 5), &["█  ", "   "]);
        check(&[&[(0, 3)]], 1, (1, 1), &["█"]);
    }

    #[test]
    fn without_times_there_is_nothing_to_show() {
        assert_eq!(Spread::of(&[], 10), None);
        assert_eq!(Spread::of(&[&Counts::new()], 10), None);
    }
}
