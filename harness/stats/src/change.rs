//! Where a series changed its level or its shape: E-divisive (Matteson and James, *A nonparametric approach for multiple
//! change point analysis of multivariate data*, JASA 109, 2014).
//!
//! A split is judged by the energy distance of both sides, which is zero only where they have one distribution (Székely and
//! Rizzo, 2004). The best of all splits is found first, and then held against the *best* splits of shuffled series: testing
//! the split that was chosen for being extreme as if it had been chosen beforehand would find changes in any noise.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::Interval;
use crate::distribution::{mean, student_t_quantile, variance};

/// The fewest values in which a change is looked for.
pub const MIN_VALUES: usize = 10;
/// The fewest values on either side of a change.
pub const MIN_SIDE: usize = 3;
/// The most values in which changes are looked for: the work grows with their square.
pub const MAX_VALUES: usize = 400;
/// Series drawn anew to tell where a change may have been.
const PLACES: usize = 200;
/// Once this many shuffled series have split as well, there is no change to report, and shuffling ends (Besag and Clifford,
/// *Sequential Monte Carlo p-values*, Biometrika 78, 1991).
const ENOUGH: usize = 20;

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The first value after it.
    pub at: usize,
    /// The earliest and the latest place where it may have been, at confidence 95 %.
    pub between: (usize, usize),
    /// How often shuffled series have as good a split.
    pub p_value: f64,
    /// The mean from there to the next change, less the mean from the change before: a difference of logarithms where the
    /// values are logarithms.
    pub effect: f64,
    /// Its interval at confidence 95 %, by Welch's method with the place of the change taken as known. It was chosen to be
    /// where both sides differ most, so effects that are barely found read somewhat too large.
    pub interval: Interval,
}

/// The changes in a series, in its order.
///
/// `values`: in order of time, finite; at most the last [`MAX_VALUES`] are looked at. `alpha`: how often a series without
/// any change may be said to have one, 0.0001 to 0.5. Series of fewer than [`MIN_VALUES`] have none that could be found.
///
/// The best split is tested; where it holds, both parts are searched in the same way, against series shuffled within the
/// parts found so far, until nothing more is found.
pub fn changes(values: &[f64], alpha: f64, seed: u64) -> Vec<Change> {
    let skipped = values.len().saturating_sub(MAX_VALUES);
    let values = &values[skipped..];
    if values.len() < MIN_VALUES {
        return Vec::new();
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut found: Vec<(usize, f64)> = Vec::new();
    let mut bounds = vec![0, values.len()];
    while let Some(split) = best_split(values, &bounds) {
        let p_value = p_value(values, &bounds, split.size, alpha, &mut random);
        if p_value > alpha {
            break;
        }
        found.push((split.at, p_value));
        bounds.push(split.at);
        bounds.sort_unstable();
    }
    found.sort_unstable_by_key(|&(at, _)| at);
    let changes = found.into_iter().map(|(at, p_value)| {
        let place = bounds.partition_point(|&bound| bound < at);
        let from = bounds[place - 1];
        let before = &values[from..at];
        let after = &values[at..bounds[place + 1]];
        let (earliest, latest) = places(before, after, &mut random);
        Change {
            at: at + skipped,
            between: (earliest + from + skipped, latest + from + skipped),
            p_value,
            effect: mean(after) - mean(before),
            interval: welch(before, after),
        }
    });
    changes.collect()
}

/// Where a change may have been: the range of the best splits of series that are drawn anew, with replacement, from the
/// values before it and after it, the outermost 2.5 % on either side left out.
fn places(before: &[f64], after: &[f64], random: &mut Xoshiro256PlusPlus) -> (usize, usize) {
    let mut drawn = vec![0.0; before.len() + after.len()];
    let mut places: Vec<usize> = (0..PLACES)
        .map(|_| {
            let (left, right) = drawn.split_at_mut(before.len());
            for (side, values) in [(left, before), (right, after)] {
                for value in side {
                    *value = values[random.random_range(0..values.len())];
                }
            }
            best_split_of(&drawn).map_or(before.len(), |split| split.at)
        })
        .collect();
    places.sort_unstable();
    let beyond = PLACES / 40;
    let (earliest, latest) = (places[beyond], places[PLACES - 1 - beyond]);
    (earliest.min(before.len()), latest.max(before.len()))
}

/// Where a part splits best, and how well.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Split {
    at: usize,
    size: f64,
}

/// The best split of all parts. `bounds`: ascending, from 0 to the number of values.
fn best_split(values: &[f64], bounds: &[usize]) -> Option<Split> {
    let parts = bounds.windows(2).filter_map(|part| {
        let split = best_split_of(&values[part[0]..part[1]])?;
        Some(Split {
            at: split.at + part[0],
            ..split
        })
    });
    // The first of equals, so that the same values always split alike.
    parts.reduce(|best, split| if split.size > best.size { split } else { best })
}

/// The best split of one part, into all values before a place and all from there on.
///
/// The paper also tries every end of the right side. On sixty runs with one shift that finds less often and less exactly,
/// since the best of so many is larger by chance as well (`examples/coverage.rs`).
fn best_split_of(part: &[f64]) -> Option<Split> {
    let count = part.len();
    let mut best: Option<Split> = None;
    // Sums of the distances over all pairs on the left, on the right, and across.
    let (mut left, mut across) = (0.0, 0.0);
    let mut right: f64 = (0..count)
        .map(|value| distances(part, value, 0..value))
        .sum();
    for at in 1..count {
        // The value before the place has gone from the right to the left.
        let moved = at - 1;
        let to_left = distances(part, moved, 0..moved);
        let to_right = distances(part, moved, at..count);
        left += to_left;
        right -= to_right;
        across += to_right - to_left;
        if at < MIN_SIDE || count - at < MIN_SIDE {
            continue;
        }
        let size = energy([left, right, across], at as f64, (count - at) as f64);
        if best.is_none_or(|best| size > best.size) {
            best = Some(Split { at, size });
        }
    }
    best
}

/// The sum of the distances from one value to a range of others.
fn distances(part: &[f64], value: usize, others: std::ops::Range<usize>) -> f64 {
    let others = part[others].iter();
    others.map(|other| (part[value] - other).abs()).sum()
}

/// How far `m` values are from `n` others: their energy distance, weighed by how many they are.
fn energy([left, right, across]: [f64; 3], m: f64, n: f64) -> f64 {
    let pairs = |count: f64| count * (count - 1.0) / 2.0;
    m * n / (m + n) * (2.0 * across / (m * n) - left / pairs(m) - right / pairs(n))
}

/// How often series that were shuffled within their parts split as well.
fn p_value(
    values: &[f64],
    bounds: &[usize],
    observed: f64,
    alpha: f64,
    random: &mut Xoshiro256PlusPlus,
) -> f64 {
    let shuffles = shuffles(alpha);
    let mut series = values.to_vec();
    let mut as_large = 0;
    for tried in 1..=shuffles {
        for part in bounds.windows(2) {
            series[part[0]..part[1]].shuffle(random);
        }
        // Sums in another order may differ in their last digits; they still count as ties.
        let is_as_large = best_split(&series, bounds)
            .is_some_and(|split| split.size >= observed - 1e-9 * observed.abs());
        as_large += usize::from(is_as_large);
        if as_large == ENOUGH && ENOUGH as f64 / tried as f64 > alpha {
            return ENOUGH as f64 / tried as f64;
        }
    }
    (1 + as_large) as f64 / (shuffles + 1) as f64
}

/// Shuffles enough to tell a p-value of `alpha` to a third of itself (one standard error).
fn shuffles(alpha: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 100,000"
    )]
    let needed = (10.0 / alpha.clamp(0.0001, 0.5)).ceil() as usize;
    needed - 1
}

/// The interval of the difference of two means whose spreads may differ, at confidence 95 % (Welch, *The generalization of
/// "Student's" problem*, Biometrika 34, 1947). Each side has at least two values. The degrees of freedom are rounded down,
/// which makes it a little longer.
fn welch(before: &[f64], after: &[f64]) -> Interval {
    let part = |side: &[f64]| variance(side) / side.len() as f64;
    let (one, other) = (part(before), part(after));
    let error = (one + other).sqrt();
    let effect = mean(after) - mean(before);
    if error == 0.0 {
        return Interval {
            low: effect,
            high: effect,
        };
    }
    let share = |part: f64, side: &[f64]| part * part / (side.len() as f64 - 1.0);
    let freedom = (one + other).powi(2) / (share(one, before) + share(other, after));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between the smaller side and both together"
    )]
    let freedom = freedom.floor().max(1.0) as usize;
    let reach = student_t_quantile(0.975, freedom) * error;
    Interval {
        low: effect - reach,
        high: effect + reach,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};
    use proptest::prelude::*;
    use rand_distr::{Distribution, StandardNormal};

    /// Logarithms of runs: levels with the runs they begin at, over noise.
    fn runs(count: usize, noise: f64, levels: &[(usize, f64)], seed: u64) -> Vec<f64> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let level_at = |run| levels.iter().rev().find(|(from, _)| *from <= run);
        (0..count)
            .map(|run| {
                let own: f64 = StandardNormal.sample(&mut random);
                level_at(run).map_or(0.0, |(_, level)| *level) + noise * own
            })
            .collect()
    }

    #[test]
    fn it_agrees_with_scipy() {
        for case in reference().changes {
            let split = best_split(&case.values, &[0, case.values.len()]).unwrap();
            assert_eq!(split.at, case.at, "{}", case.name);
            agree(&case.name, split.size, case.size);
            let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
            let bounds = [0, case.values.len()];
            let ours = p_value(&case.values, &bounds, split.size, 0.01, &mut random);
            let slack = if case.p_value < 0.05 {
                4.0 * (case.p_value * (1.0 - case.p_value) / 1e3).sqrt() + 1e-3
            } else {
                // Shuffling ended after twenty that are no worse than this.
                case.p_value
            };
            assert!(
                (ours - case.p_value).abs() <= slack,
                "{}: {ours} and SciPy says {}",
                case.name,
                case.p_value
            );
            let (before, after) = case.values.split_at(case.at);
            let interval = welch(before, after);
            agree(&case.name, interval.low, case.low);
            agree(&case.name, interval.high, case.high);
        }
    }

    #[test]
    fn a_shift_of_five_per_cent_at_run_40_is_found_there_in_noise_of_three() {
        let shift = 1.05_f64.ln();
        let reported = |seed| changes(&runs(60, 0.03, &[(40, shift)], seed), 0.01, seed);
        let reported: Vec<Vec<Change>> = (0..60).map(reported).collect();
        let found = reported
            .iter()
            .filter(|changes| !changes.is_empty())
            .count();
        let nearest = reported
            .iter()
            .filter_map(|changes| changes.iter().min_by_key(|change| change.at.abs_diff(40)));
        let near = nearest.clone().filter(|change| change.at.abs_diff(40) <= 2);
        let placed = nearest
            .clone()
            .filter(|change| (change.between.0..=change.between.1).contains(&40));
        let covered = nearest.filter(|change| change.interval.contains(shift));
        let counts = [found, near.count(), placed.count(), covered.count()];
        let least = [57, 43, 50, 50];
        assert!(
            counts
                .iter()
                .zip(least)
                .all(|(count, least)| *count >= least),
            "{counts:?}"
        );
    }

    #[test]
    fn of_two_hundred_flat_histories_at_most_two_per_cent_are_flagged() {
        let flagged = (0..200_u64).filter(|&seed| {
            let flat = runs(60, 0.03, &[], 1_000 + seed);
            !changes(&flat, 0.01, seed).is_empty()
        });
        let flagged = flagged.count();
        assert!(flagged <= 4, "{flagged}");
    }

    #[test]
    fn several_changes_are_found_in_their_order_with_their_effects() {
        let up_and_down = runs(60, 0.01, &[(20, 0.10), (35, -0.05)], 3);
        let reported = changes(&up_and_down, 0.01, 1);
        let places: Vec<usize> = reported.iter().map(|change| change.at).collect();
        assert_eq!(places, [20, 35]);
        assert!(
            (reported[0].effect - 0.10).abs() < 0.01 && (reported[1].effect + 0.15).abs() < 0.01
        );
        assert!(reported.iter().all(|change| change.p_value <= 0.01));
        assert!(
            reported
                .iter()
                .all(|change| change.interval.contains(change.effect))
        );
    }

    #[test]
    fn one_run_far_out_is_no_change() {
        let mut once = runs(40, 0.02, &[], 5);
        once[20] = 1.0;
        assert_eq!(changes(&once, 0.01, 1), []);
    }

    #[test]
    fn few_runs_tell_nothing_and_ten_with_three_a_side_may() {
        let step = |before: usize, after: usize| {
            let mut values: Vec<f64> = (0..before + after).map(|run| 0.001 * run as f64).collect();
            for value in &mut values[before..] {
                *value += 1.0;
            }
            values
        };
        assert_eq!(changes(&step(5, MIN_VALUES - 6), 0.05, 1), []);
        let reported = changes(&step(7, 3), 0.05, 1);
        assert_eq!((reported.len(), reported[0].at), (1, 7));
        // Two alone could be chance: the nearest place that has three a side is reported, if any is.
        assert!(changes(&step(8, 2), 0.01, 1).is_empty());
    }

    #[test]
    fn only_the_last_of_a_long_series_are_looked_at_and_places_count_from_its_start() {
        let mut long = runs(MAX_VALUES + 50, 0.01, &[(30, 1.0)], 2);
        assert_eq!(
            changes(&long, 0.05, 1),
            [],
            "what lies before is not looked at"
        );
        for value in &mut long[300..] {
            *value += 0.1;
        }
        let reported = changes(&long, 0.05, 1);
        assert_eq!((reported.len(), reported[0].at), (1, 300));
    }

    #[test]
    fn the_same_series_and_seed_tell_the_same() {
        let series = runs(30, 0.03, &[(15, 0.06)], 8);
        assert_eq!(changes(&series, 0.05, 4), changes(&series, 0.05, 4));
        assert_eq!(changes(&[1.0; 30], 0.05, 1), [], "nothing ever changed");
    }

    proptest! {
        #[test]
        fn any_values_give_changes_in_order_with_enough_on_either_side(values in prop::collection::vec(-5_i8..5, 0..30)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let mut last = 0;
            for change in changes(&values, 0.5, 1) {
                prop_assert!(change.at >= last + MIN_SIDE && change.at + MIN_SIDE <= values.len());
                prop_assert!(change.effect.is_finite() && change.interval.contains(change.effect));
                last = change.at;
            }
        }
    }
}
