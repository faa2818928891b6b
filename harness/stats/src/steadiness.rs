//! Whether a target is warm: found from its series, not assumed.
//!
//! While a target warms up (a just-in-time compiler at work, caches that fill), its times fall, steeply first. Two
//! questions are asked. While load is driven: does the series still move ([`has_settled`])? Afterwards: was every fresh
//! start slow again ([`warming`])? The second looks for a saw's teeth, because a machine that merely drifts goes on from
//! where it was, and only a target that was started afresh goes back.

use crate::distribution::{mean, student_t_within, variance};

/// Stretches of time that are looked back on.
pub const WINDOW: usize = 8;
/// A change over the window of less than this, as a difference of logarithms, is steady whatever its direction.
pub const TOLERANCE: f64 = 0.02;
/// Kendall's S of eight values from which on they have a trend: chance reaches it one time in sixteen, either way (Kendall,
/// *Rank Correlation Methods*, 1970, table 1: P(S ≥ 16) = 0.031).
const TREND: i32 = 16;

/// True once the last [`WINDOW`] values show no trend, or one that is too small to matter.
///
/// `series`: the logarithm of a typical time in each stretch since the start, all stretches of one length. The trend is
/// judged by Kendall's S and measured by Theil's slope, so that single slow stretches move neither.
pub fn has_settled(series: &[f64]) -> bool {
    let Some(from) = series.len().checked_sub(WINDOW) else {
        return false;
    };
    let window = &series[from..];
    let pairs = (0..WINDOW).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
    let mut slopes: Vec<f64> = pairs
        .map(|(earlier, later)| (window[later] - window[earlier]) / (later - earlier) as f64)
        .collect();
    let concord: i32 = slopes
        .iter()
        .map(|slope| i32::from(*slope > 0.0) - i32::from(*slope < 0.0))
        .sum();
    slopes.sort_by(f64::total_cmp);
    let middle = slopes.len() / 2;
    let slope = f64::midpoint(slopes[middle - 1], slopes[middle]);
    concord.abs() < TREND || slope.abs() * (WINDOW - 1) as f64 <= TOLERANCE
}

/// How much slower a target began its rounds than it went on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warming {
    /// The excess of the first epochs of a round, as a difference of logarithms; below zero where it began faster.
    pub excess: f64,
    /// How often chance brings such an excess, one-sided.
    pub p_value: f64,
}

/// Tells by how much a target begins its rounds slower than it goes on.
///
/// `rounds`: the logarithm of a typical time in each epoch of one target, a list a round, in order. The first quarter of a
/// round's epochs is held against its last half, and against the last half of the round before: down within the round, and
/// up again with the fresh start. A steady drift moves these two in opposite directions and cancels.
///
/// None with fewer than two rounds of two epochs. The p-value takes the steps for normal, and for as alike as neighbouring
/// differences of independent values are, which is the least favourable case; see `examples/coverage.rs`.
pub fn warming(rounds: &[Vec<f64>]) -> Option<Warming> {
    let levels: Vec<(f64, f64)> = rounds
        .iter()
        .filter(|round| round.len() >= 2)
        .map(|round| {
            let early = (round.len() / 4).max(1);
            (mean(&round[..early]), mean(&round[round.len() / 2..]))
        })
        .collect();
    let down = levels.iter().map(|(early, late)| early - late);
    let up = levels.windows(2).map(|pair| pair[1].0 - pair[0].1);
    let steps: Vec<f64> = down.chain(up).collect();
    if levels.len() < 2 {
        return None;
    }
    let excess = mean(&steps);
    // Neighbouring steps share an end. Of n steps between independent levels the mean varies by (2n − 1)/n² of a step's
    // variance, and the sample's own variance falls short of it by (n − 1)/n.
    let count = steps.len() as f64;
    let error = (variance(&steps) * (2.0 * count - 1.0) / (count * (count - 1.0))).sqrt();
    let t = excess / error;
    let p_value = if t.is_nan() {
        // No spread at all: either nothing moved, or every start was slower by the very same.
        f64::from(u8::from(excess <= 0.0))
    } else {
        let beyond = (1.0 - student_t_within(t.abs(), steps.len() - 1)) / 2.0;
        if t > 0.0 { beyond } else { 1.0 - beyond }
    };
    Some(Warming { excess, p_value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// A target that begins `excess` slower and comes down by half every two stretches, over noise.
    fn falling(
        excess: f64,
        noise: f64,
        length: usize,
        random: &mut Xoshiro256PlusPlus,
    ) -> Vec<f64> {
        (0..length)
            .map(|index| {
                let own: f64 = StandardNormal.sample(random);
                excess * 0.5_f64.powf(index as f64 / 2.0) + noise * own
            })
            .collect()
    }

    #[test]
    fn a_series_settles_when_it_no_longer_falls() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let series = falling(0.5, 0.005, 40, &mut random);
        let settled = (0..=40)
            .find(|&length| has_settled(&series[..length]))
            .unwrap();
        // Eight stretches are looked at. The fall over them is 0.02 when they begin after some nine stretches.
        assert!((14..=20).contains(&settled), "{settled}");
        let rest = (settled..=40).filter(|&length| has_settled(&series[..length]));
        assert_eq!(rest.count(), 41 - settled, "it stays settled");
    }

    #[test]
    fn a_steady_series_settles_at_once_and_a_rising_one_does_not() {
        assert!(has_settled(&[1.0; WINDOW]));
        assert!(!has_settled(&[1.0; WINDOW - 1]), "too short to tell");
        let slope = |rise: f64| {
            (0..WINDOW)
                .map(|index| rise * index as f64)
                .collect::<Vec<_>>()
        };
        assert!(!has_settled(&slope(0.01)) && !has_settled(&slope(-0.01)));
        assert!(
            has_settled(&slope(0.002)),
            "1.4 % over the window is within the tolerance"
        );
    }

    #[test]
    fn one_slow_stretch_is_no_trend_and_one_step_down_is() {
        let mut once = [1.0; WINDOW];
        once[0] = 3.0;
        assert!(
            has_settled(&once),
            "the first was slow, and then it was over"
        );
        let mut step = [1.0; WINDOW];
        step[..4].fill(1.3);
        assert!(!has_settled(&step));
    }

    #[test]
    fn noise_alone_settles_at_once_most_often() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
        let settled = (0..400).filter(|_| has_settled(&falling(0.0, 0.1, WINDOW, &mut random)));
        assert!(settled.count() >= 360);
    }

    fn rounds(count: usize, excess: f64, noise: f64, drift: f64, seed: u64) -> Vec<Vec<f64>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut at = 0.0;
        (0..count)
            .map(|_| {
                let mut round = falling(excess, noise, 4, &mut random);
                for value in &mut round {
                    at += drift;
                    *value += at;
                }
                round
            })
            .collect()
    }

    #[test]
    fn a_slow_start_of_every_round_is_reported_and_a_drift_is_not() {
        let reported =
            |count, excess, drift| warming(&rounds(count, excess, 0.01, drift, 4)).unwrap();
        let slow = reported(5, 0.2, 0.0);
        assert!(slow.p_value < 0.001, "{slow:?}");
        assert!((0.1..0.2).contains(&slow.excess), "{slow:?}");
        assert!(
            reported(2, 0.2, 0.0).p_value < 0.05,
            "{:?}",
            reported(2, 0.2, 0.0)
        );
        for drift in [-0.03, 0.03] {
            let drifting = reported(5, 0.0, drift);
            assert!(drifting.p_value > 0.05, "{drifting:?}");
        }
    }

    #[test]
    fn steady_targets_are_called_warming_one_time_in_twenty_at_most() {
        let runs = 600_u64;
        for count in [2, 5] {
            let alarms = (0..runs).filter(|&run| {
                warming(&rounds(count, 0.0, 0.02, 0.0, 50 + run))
                    .unwrap()
                    .p_value
                    <= 0.05
            });
            // 5 % and three standard errors.
            let alarms = alarms.count();
            assert!(alarms <= 46, "{count} rounds: {alarms} of {runs}");
        }
    }

    #[test]
    fn without_two_rounds_of_two_nothing_is_reported_and_without_spread_the_plain_truth() {
        assert_eq!(warming(&[vec![2.0, 1.0]]), None);
        assert_eq!(warming(&[vec![2.0], vec![1.0]]), None);
        let flat = warming(&[vec![1.0, 1.0], vec![1.0, 1.0]]).unwrap();
        assert_eq!((flat.excess, flat.p_value), (0.0, 1.0));
        let saw = warming(&[vec![2.0, 1.0], vec![2.0, 1.0]]).unwrap();
        assert_eq!((saw.excess, saw.p_value), (1.0, 0.0));
    }
}
