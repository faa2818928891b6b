//! The sign-flip test of paired differences, and the interval that it implies.
//!
//! If two targets were alike, each paired difference could as well have had the other sign. The test asks how many of all
//! sign patterns give a mean at least as far from zero (Fisher, *The Design of Experiments*, 1935, section 21); the
//! interval is made of the centres that this test would not reject. It assumes that differences are independent and
//! symmetric about their centre, and nothing of their spread or tails.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::Interval;
use crate::distribution::mean;

/// Up to this many differences all sign patterns are tried (65,536); beyond it, [`MONTE_CARLO_FLIPS`] random ones.
pub const MAX_EXACT: usize = 16;
/// Random sign patterns where there are too many to try them all. With the observed pattern they are 10,000, so that a
/// p-value of 0.05 is known to 0.004 (two standard errors).
pub const MONTE_CARLO_FLIPS: usize = 9_999;

/// What the test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// The mean of the differences.
    pub mean: f64,
    /// The centres that the test does not reject.
    pub interval: Interval,
    /// Two-sided, of a centre of zero.
    pub p_value: f64,
}

/// Tests whether the differences are centred on zero, and collects the centres that the test would not reject.
///
/// Both come from one list. Flipping the signs of a subset lifts the sum above the observed one exactly where the subset's
/// own mean is below zero; the same holds around any other centre. So the sorted means of all subsets are where the p-value
/// steps, and the ends of the interval are two of them (Hartigan, *Using subsample values as typical values*, JASA 64,
/// 1969). Past [`MAX_EXACT`] random subsets stand for all, with the observed pattern counted in (Phipson and Smyth,
/// *Permutation p-values should never be zero*, 2010).
///
/// `differences`: at least one. `alpha`: 0.001 to 0.5; the interval has confidence 1 − alpha. `seed`: of the random
/// patterns, where there are too many to try them all.
pub fn sign_flip(differences: &[f64], alpha: f64, seed: u64) -> SignFlip {
    let mut means = subset_means(differences, seed);
    means.sort_by(f64::total_cmp);
    // Every pattern but the empty one, which is the observed pattern and counts with both tails.
    let patterns = (means.len() + 1) as f64;
    // Differences that cancel exactly may leave a rest of their last digits; it still counts as a tie.
    let tie = 1e-12
        * differences
            .iter()
            .fold(0.0, |largest, difference| difference.abs().max(largest));
    let at_most = means.partition_point(|&subset| subset <= tie);
    let at_least = means.len() - means.partition_point(|&subset| subset < -tie);
    let tail = (1 + at_most.min(at_least)) as f64 / patterns;
    // A centre stays inside while more than α/2 of the patterns lie on either side of it.
    let rank = whole(alpha / 2.0 * patterns).clamp(1, means.len());
    SignFlip {
        mean: mean(differences),
        interval: Interval {
            low: means[rank - 1],
            high: means[means.len() - rank],
        },
        p_value: (2.0 * tail).min(1.0),
    }
}

/// The means of all non-empty subsets, or of [`MONTE_CARLO_FLIPS`] random ones.
fn subset_means(differences: &[f64], seed: u64) -> Vec<f64> {
    if differences.len() <= MAX_EXACT {
        return (1_u32..1 << differences.len())
            .map(|subset| subset_mean(differences, |index| subset >> index & 1 == 1))
            .collect();
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..MONTE_CARLO_FLIPS)
        .map(|_| {
            // A random pattern is empty once in 2^17 or more; it then counts as an extreme one, like the observed.
            let mut bits = 0;
            subset_mean(differences, |index| {
                if index % 64 == 0 {
                    bits = random.next_u64();
                }
                bits >> (index % 64) & 1 == 1
            })
        })
        .collect()
}

fn subset_mean(differences: &[f64], mut contains: impl FnMut(usize) -> bool) -> f64 {
    let mut sum = 0.0;
    let mut count = 0_u32;
    for (index, difference) in differences.iter().enumerate() {
        if contains(index) {
            sum += difference;
            count += 1;
        }
    }
    sum / f64::from(count.max(1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of at most 2^16 patterns"
)]
fn whole(value: f64) -> usize {
    // α/2 times a power of two is exact where it is a whole number, but 0.025 × 10,000 need not be.
    (value + 1e-9).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn random_flips_come_near_the_exact_figures_and_repeat_with_their_seed() {
        // Sixteen blocks are tried in full, and the same blocks with a seventeenth at random.
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let differences: Vec<f64> = (0..16).map(|_| 0.03 + 0.05 * normal(&mut random)).collect();
        let exact = sign_flip(&differences, 0.05, 9);
        let longer: Vec<f64> = differences.iter().copied().chain([exact.mean]).collect();
        let sampled = sign_flip(&longer, 0.05, 9);
        assert!(
            (exact.interval.low - sampled.interval.low).abs() < 0.006
                && (exact.interval.high - sampled.interval.high).abs() < 0.006,
            "{exact:?} {sampled:?}"
        );
        assert_eq!(sampled, sign_flip(&longer, 0.05, 9));
        assert_ne!(sampled, sign_flip(&longer, 0.05, 10));
        // The observed pattern is one of the patterns, so that no p-value is zero.
        let far = sign_flip(&[1.0; MAX_EXACT + 1], 0.05, 9);
        assert!(
            far.p_value >= 2.0 / (MONTE_CARLO_FLIPS as f64 + 1.0),
            "{far:?}"
        );
    }

    #[test]
    fn alike_targets_are_called_different_one_time_in_twenty_at_most_and_intervals_cover() {
        // Normal differences, and some with a heavy tail: exact with 6, 8 and 10 blocks, at random with 20.
        check_level(6, 2000, normal);
        check_level(8, 2000, normal);
        check_level(10, 1000, |random| normal(random).powi(3));
        check_level(MAX_EXACT + 4, 100, normal);
    }

    /// Draws differences around a known centre and counts how often the test rejects it and the interval misses it.
    fn check_level(blocks: usize, runs: u32, draw: impl Fn(&mut Xoshiro256PlusPlus) -> f64) {
        let centre = 0.1;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(blocks as u64);
        let (mut rejected, mut missed) = (0_u32, 0_u32);
        for run in 0..runs {
            let noise: Vec<f64> = (0..blocks).map(|_| 0.05 * draw(&mut random)).collect();
            rejected += u32::from(sign_flip(&noise, 0.05, u64::from(run)).p_value <= 0.05);
            let shifted: Vec<f64> = noise.iter().map(|noise| centre + noise).collect();
            let test = sign_flip(&shifted, 0.05, u64::from(run));
            missed += u32::from(!test.interval.contains(centre));
        }
        // Four standard errors of a share of 5 %.
        let slack = 4.0 * (0.05 * 0.95 / f64::from(runs)).sqrt();
        for (what, count) in [("rejected", rejected), ("missed", missed)] {
            let share = f64::from(count) / f64::from(runs);
            assert!(
                share <= 0.05 + slack,
                "{blocks} blocks: {what} in {share} of the runs"
            );
        }
        assert!(
            rejected > 0,
            "{blocks} blocks: a test that never rejects tests nothing"
        );
    }

    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        StandardNormal.sample(random)
    }
}
