//! The permutation test of two independent samples: values that no pairing ties together, as the blocks of two runs.
//!
//! If both sides were alike, the values could as well be divided between them in any other way. The test asks how many of all
//! divisions set the means at least as far apart (Pitman, *Significance tests which may be applied to samples from any
//! populations*, 1937). It assumes that values are independent and, where the sides are alike, alike distributed.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::distribution::mean;

/// Up to so many divisions all are tried: seven values a side have 3,432, eight 12,870.
pub const MAX_EXACT: u64 = 20_000;
/// Random divisions where there are too many to try them all; with the observed one they are 10,000.
pub const MONTE_CARLO_DIVISIONS: usize = 9_999;

/// The two-sided p-value of the hypothesis that both samples come from one distribution, by the difference of their means:
/// twice the smaller tail, as SciPy has it.
///
/// `base`, `head`: finite, at least one value each. `seed`: of the random divisions, where there are too many to try them
/// all.
pub fn permutation(base: &[f64], head: &[f64], seed: u64) -> f64 {
    let pooled: Vec<f64> = base.iter().chain(head).copied().collect();
    let centre = mean(&pooled);
    let mut pooled: Vec<f64> = pooled.iter().map(|value| value - centre).collect();
    // The values are the same in every division, so the difference of means rises with the sum of one side alone.
    let observed: f64 = pooled[base.len()..].iter().sum();
    // Sums that are equal but for the order in which they were added up still count as ties.
    let largest = pooled
        .iter()
        .fold(0.0, |largest, value| value.abs().max(largest));
    let tie = 1e-12 * largest;
    let (mut at_most, mut at_least, mut tried) = (0_u32, 0_u32, 0_u32);
    let mut count = |sum: f64| {
        at_most += u32::from(sum <= observed + tie);
        at_least += u32::from(sum >= observed - tie);
        tried += 1;
    };
    if divisions(base.len(), head.len()) <= MAX_EXACT {
        each_sum(&pooled, head.len(), 0.0, &mut count);
    } else {
        count(observed);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        for _ in 0..MONTE_CARLO_DIVISIONS {
            let (drawn, _) = pooled.partial_shuffle(&mut random, head.len());
            count(drawn.iter().sum());
        }
    }
    (2.0 * f64::from(at_most.min(at_least)) / f64::from(tried)).min(1.0)
}

/// In how many ways so many values are divided between two sides; 2^64 − 1 stands for more.
pub fn divisions(base: usize, head: usize) -> u64 {
    let (fewer, all) = (base.min(head) as u64, (base + head) as u64);
    let mut ways = 1_u64;
    for chosen in 1..=fewer {
        let Some(product) = ways.checked_mul(all - fewer + chosen) else {
            return u64::MAX;
        };
        // Whole at every step: it is the number of ways to choose so many.
        ways = product / chosen;
    }
    ways
}

/// Calls `count` with the sum of every choice of so many of the values, on top of `sum`.
fn each_sum(values: &[f64], choose: usize, sum: f64, count: &mut impl FnMut(f64)) {
    if choose == 0 {
        return count(sum);
    }
    for first in 0..=values.len() - choose {
        each_sum(&values[first + 1..], choose - 1, sum + values[first], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};
    use proptest::prelude::*;
    use rand_distr::{Distribution, StandardNormal};

    fn normals(count: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
        (0..count).map(|_| StandardNormal.sample(random)).collect()
    }

    #[test]
    fn it_agrees_with_scipy() {
        for case in reference().permutation {
            agree(
                &case.name,
                permutation(&case.base, &case.head, 1),
                case.p_value,
            );
        }
    }

    #[test]
    fn divisions_are_counted_up_to_where_they_are_tried() {
        assert_eq!(divisions(3, 3), 20);
        assert_eq!(divisions(8, 8), 12_870);
        assert_eq!(divisions(9, 9), 48_620);
        assert_eq!(divisions(1, 5), 6);
        assert_eq!(divisions(0, 5), 1);
        assert_eq!(divisions(200, 200), u64::MAX);
        let mut tried = 0_u64;
        each_sum(&[0.0; 16], 8, 0.0, &mut |_| tried += 1);
        assert_eq!(tried, divisions(8, 8));
    }

    #[test]
    fn random_divisions_come_near_all_of_them_and_repeat_with_their_seed() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
        let base = normals(9, &mut random);
        let head: Vec<f64> = normals(9, &mut random)
            .iter()
            .map(|value| value + 0.8)
            .collect();
        let sampled = permutation(&base, &head, 5);
        assert!((sampled - permutation(&base, &head, 5)).abs() < f64::EPSILON);
        let (mut as_far, mut all) = (0_u32, 0_u32);
        let pooled: Vec<f64> = base.iter().chain(&head).copied().collect();
        let observed: f64 = head.iter().sum();
        each_sum(&pooled, 9, 0.0, &mut |sum| {
            as_far += u32::from(sum >= observed - 1e-12);
            all += 1;
        });
        let exact = 2.0 * f64::from(as_far) / f64::from(all);
        assert!((sampled - exact).abs() < 0.02, "{sampled} {exact}");
        // The observed division is one of them, so that no p-value is zero.
        assert!(permutation(&[0.0; 20], &[1.0; 20], 1) > 0.0);
    }

    #[test]
    fn sides_that_are_alike_are_distinguished_one_time_in_twenty_at_most() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        for (base, head) in [(6, 6), (5, 8), (12, 12)] {
            let runs = 400_u32;
            let rejected = (0..runs).filter(|&run| {
                let (base, head) = (normals(base, &mut random), normals(head, &mut random));
                permutation(&base, &head, u64::from(run)) <= 0.05
            });
            let share = rejected.count() as f64 / f64::from(runs);
            // Four standard errors of a share of 5 %.
            assert!(
                share > 0.0 && share <= 0.05 + 4.0 * 0.011,
                "{base} and {head}: {share}"
            );
        }
    }

    proptest! {
        #[test]
        fn exchanging_the_sides_changes_nothing(base in prop::collection::vec(-1e3_f64..1e3, 1..7), head in prop::collection::vec(-1e3_f64..1e3, 1..7)) {
            let (forth, back) = (permutation(&base, &head, 1), permutation(&head, &base, 1));
            prop_assert!((forth - back).abs() < 1e-12 && forth > 0.0 && forth <= 1.0, "{forth} {back}");
        }
    }
}
