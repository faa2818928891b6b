//! The BCa bootstrap: an interval for any statistic of few, independent units (Efron, *Better bootstrap confidence
//! intervals*, JASA 82, 1987), widened for their fewness.
//!
//! The unit is what was drawn independently: a block of a run, or a whole run, never a request. Where requests or epochs
//! within a unit resemble each other, drawing whole units keeps that resemblance.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::Interval;
use crate::distribution::{mean, normal_below, normal_quantile, student_t_quantile};

/// Random samples drawn. The ends of a 95 % interval then stand on some fifty samples each.
pub const RESAMPLES: usize = 1_999;
/// The fewest units of a sample: with two, half of all resamples are one of them alone.
pub const MIN_UNITS: usize = 3;

/// The interval of a statistic of one or several independent samples, at confidence 1 − alpha.
///
/// Every resample draws as many units as there are from each sample, with replacement; the statistic gets the resampled
/// units, a slice a sample. None where a sample has fewer than [`MIN_UNITS`] units, or the statistic is not finite on some
/// resample. Where no resample changes the statistic, both ends are its value.
///
/// The plain interval is too short for few units: of ten it covers 90 % instead of 95 %. So its tails are widened to those
/// of Student's t with n/(n − 1) of the variance, n being the smallest sample (Hesterberg, *What teachers should know
/// about the bootstrap*, The American Statistician 69, 2015, section 5.3).
pub fn bca<T: Clone>(
    samples: &[&[T]],
    alpha: f64,
    seed: u64,
    statistic: impl Fn(&[Vec<T>]) -> f64,
) -> Option<Interval> {
    let fewest = samples.iter().map(|sample| sample.len()).min()?;
    if fewest < MIN_UNITS {
        return None;
    }
    let mut units: Vec<Vec<T>> = samples.iter().map(|sample| sample.to_vec()).collect();
    let observed = statistic(&units);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut distribution: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for (resample, sample) in units.iter_mut().zip(samples) {
                for unit in &mut *resample {
                    unit.clone_from(&sample[random.random_range(0..sample.len())]);
                }
            }
            statistic(&units)
        })
        .collect();
    let left_out = jackknife(samples, &statistic);
    let figures = distribution.iter().chain(&left_out).chain([&observed]);
    if !figures.into_iter().all(|figure| figure.is_finite()) {
        return None;
    }
    distribution.sort_by(f64::total_cmp);
    Some(ends(
        &distribution,
        observed,
        acceleration(&left_out, samples),
        widened_tail(alpha / 2.0, fewest),
    ))
}

/// The statistic with each unit left out in turn, sample by sample.
fn jackknife<T: Clone>(samples: &[&[T]], statistic: &impl Fn(&[Vec<T>]) -> f64) -> Vec<f64> {
    let mut left_out = Vec::new();
    let mut units: Vec<Vec<T>> = samples.iter().map(|sample| sample.to_vec()).collect();
    for (index, sample) in samples.iter().enumerate() {
        for unit in 0..sample.len() {
            let removed = units[index].remove(unit);
            left_out.push(statistic(&units));
            units[index].insert(unit, removed);
        }
    }
    left_out
}

/// How the statistic's spread changes with its value: the skewness of its influences, each sample's weighed by its size
/// (Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, equation 5.22).
fn acceleration<T>(left_out: &[f64], samples: &[&[T]]) -> f64 {
    let (mut cubes, mut squares) = (0.0, 0.0);
    let mut rest = left_out;
    for sample in samples {
        let (ours, others) = rest.split_at(sample.len());
        rest = others;
        let count = sample.len() as f64;
        let centre = mean(ours);
        let influences = ours.iter().map(|value| (count - 1.0) * (centre - value));
        for influence in influences {
            cubes += (influence / count).powi(3);
            squares += (influence / count).powi(2);
        }
    }
    if squares == 0.0 {
        return 0.0;
    }
    cubes / (6.0 * squares.powf(1.5))
}

/// The tail in which a bootstrap of `units` must be cut to cover what Student's t would.
fn widened_tail(tail: f64, units: usize) -> f64 {
    let count = units as f64;
    let t = student_t_quantile(1.0 - tail, units - 1);
    normal_below(-(count / (count - 1.0)).sqrt() * t)
}

/// The ends of the interval in a sorted bootstrap distribution, with `tail` left out on each side before the corrections
/// for bias and acceleration.
fn ends(distribution: &[f64], observed: f64, acceleration: f64, tail: f64) -> Interval {
    let below = distribution.partition_point(|&value| value < observed);
    let up_to = distribution.partition_point(|&value| value <= observed);
    // The median bias, in standard deviations. Ties count half, as in SciPy.
    let share = (below + up_to) as f64 / (2.0 * distribution.len() as f64);
    let bias = normal_quantile(share);
    let corrected = |z: f64| {
        let moved = bias + z;
        normal_below(bias + moved / (1.0 - acceleration * moved))
    };
    let z = normal_quantile(tail);
    Interval {
        low: at_share(distribution, corrected(z)),
        high: at_share(distribution, corrected(-z)),
    }
}

/// The quantile of sorted values, linear between neighbours.
fn at_share(ascending: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (ascending.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place within the slice"
    )]
    let index = place.floor() as usize;
    let next = (index + 1).min(ascending.len() - 1);
    ascending[index] + (ascending[next] - ascending[index]) * (place - index as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};
    use proptest::prelude::*;
    use rand_distr::{Distribution, StandardNormal};

    fn mean_of(samples: &[Vec<f64>]) -> f64 {
        mean(&samples[0])
    }

    /// The sum of squares about the mean: a statistic that is biased and skewed.
    fn squares_of(samples: &[Vec<f64>]) -> f64 {
        let centre = mean(&samples[0]);
        let squares = samples[0].iter().map(|value| (value - centre).powi(2));
        squares.sum()
    }

    /// Every resample of a sample: n units in n^n ways.
    fn all_resamples(sample: &[f64]) -> Vec<Vec<f64>> {
        let count = sample.len();
        let ways = count.pow(u32::try_from(count).unwrap());
        let digit = |way: usize, place: u32| way / count.pow(place) % count;
        let places = 0..u32::try_from(count).unwrap();
        (0..ways)
            .map(|way| {
                let units = places.clone().map(|place| sample[digit(way, place)]);
                units.collect()
            })
            .collect()
    }

    #[test]
    fn ends_agree_with_scipy_on_all_resamples() {
        for case in reference().bca {
            let statistic = match case.statistic.as_str() {
                "mean" => mean_of,
                "squares" => squares_of,
                other => panic!("{other}"),
            };
            let mut distribution: Vec<f64> = all_resamples(&case.sample)
                .into_iter()
                .map(|resample| statistic(&[resample]))
                .collect();
            distribution.sort_by(f64::total_cmp);
            let samples = [case.sample.as_slice()];
            let left_out = jackknife(&samples, &statistic);
            let ours = ends(
                &distribution,
                statistic(std::slice::from_ref(&case.sample)),
                acceleration(&left_out, &samples),
                case.alpha / 2.0,
            );
            agree(&format!("{} low", case.name), ours.low, case.low);
            agree(&format!("{} high", case.name), ours.high, case.high);
        }
    }

    #[test]
    fn a_thousand_random_resamples_come_near_all_of_them() {
        let sample = [1.0, 2.0, 3.5, 5.0, 9.0, 17.0];
        let mut all: Vec<f64> = all_resamples(&sample)
            .iter()
            .map(|units| mean(units))
            .collect();
        all.sort_by(f64::total_cmp);
        let samples = [&sample[..]];
        let left_out = jackknife(&samples, &mean_of);
        let exact = ends(
            &all,
            mean(&sample),
            acceleration(&left_out, &samples),
            widened_tail(0.1, sample.len()),
        );
        let drawn = bca(&samples, 0.2, 1, mean_of).unwrap();
        assert!(
            (exact.low - drawn.low).abs() < 0.3 && (exact.high - drawn.high).abs() < 0.5,
            "{exact:?} {drawn:?}"
        );
        assert_eq!(bca(&samples, 0.2, 1, mean_of), Some(drawn));
        assert_ne!(bca(&samples, 0.2, 2, mean_of), Some(drawn));
    }

    #[test]
    fn tails_are_widened_to_those_of_student_t() {
        // Hesterberg (2015), table 2: nominal 2.5 % of ten and of a hundred units.
        for (units, tail) in [(10, 0.0086), (20, 0.0159), (100, 0.0230)] {
            let ours = widened_tail(0.025, units);
            assert!((ours - tail).abs() < 5e-4, "{units} units: {ours}");
        }
    }

    #[test]
    fn it_covers_nineteen_times_in_twenty_with_ten_units() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let runs = 300_u32;
        let covered = (0..runs).filter(|&run| {
            let sample: Vec<f64> = (0..10)
                .map(|_| StandardNormal.sample(&mut random))
                .collect();
            let interval = bca(&[&sample], 0.05, u64::from(run), mean_of).unwrap();
            interval.contains(0.0)
        });
        let share = covered.count() as f64 / f64::from(runs);
        // Within three standard errors of 95 %; `examples/coverage.rs` tells it to the digit.
        assert!((0.912..=0.988).contains(&share), "{share}");
    }

    #[test]
    fn two_samples_are_drawn_apart() {
        let (base, head) = ([1.0, 1.1, 0.9, 1.05], [2.0, 2.1, 1.9, 2.05, 1.95]);
        let difference = |samples: &[Vec<f64>]| mean(&samples[1]) - mean(&samples[0]);
        let interval = bca(&[&base, &head], 0.05, 1, difference).unwrap();
        assert!(
            0.8 < interval.low
                && interval.low < 0.99
                && 0.99 < interval.high
                && interval.high < 1.2,
            "{interval:?}"
        );
    }

    #[test]
    fn too_few_units_have_no_interval_and_equal_ones_a_point() {
        assert_eq!(bca(&[&[1.0, 2.0]], 0.05, 1, mean_of), None);
        assert_eq!(bca::<f64>(&[], 0.05, 1, mean_of), None);
        let point = bca(&[&[3.0, 3.0, 3.0]], 0.05, 1, mean_of).unwrap();
        assert_eq!((point.low, point.high), (3.0, 3.0));
        assert_eq!(bca(&[&[1.0, 2.0, 3.0]], 0.05, 1, |_| f64::NAN), None);
    }

    proptest! {
        #[test]
        fn no_sample_makes_it_panic(sample in prop::collection::vec(-1e60_f64..1e60, 0..6), alpha in 0.001_f64..0.5) {
            if let Some(interval) = bca(&[&sample], alpha, 1, mean_of) {
                prop_assert!(interval.low <= interval.high, "{interval:?}");
            }
        }
    }
}
