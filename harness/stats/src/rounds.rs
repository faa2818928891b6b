//! Whether the blocks of a round resemble each other: whether a fresh start of the processes changes the outcome.
//!
//! Addresses, hash seeds and what a just-in-time compiler made of its first requests last as long as a process. Blocks of
//! one round share them, so that they are not as many independent witnesses as their number says, and the interval over
//! them is too short. Shuffling the blocks among the rounds tells what chance does.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::distribution::{mean, variance};

/// Random divisions tried. With the observed one they are 2,000, so that a p-value of 0.02 is
/// known to 0.006 (two standard errors).
pub const SHUFFLES: usize = 1_999;

/// How much the rounds differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundEffect {
    /// The share of the differences' variance that lies between rounds, 0 to 1 (the intraclass correlation).
    pub share: f64,
    /// The standard deviation that a fresh start brings, as a difference of logarithms.
    pub deviation: f64,
    /// By how much the interval over all blocks should be longer than it is, at least 1 (Kish's design effect, its root).
    pub lengthening: f64,
    /// How often random divisions of the blocks into rounds differ as much.
    pub p_value: f64,
}

/// Tells how much rounds differ. `rounds`: the blocks' differences of logarithms, a list a round. None with fewer than two
/// rounds of two blocks.
pub fn round_effect(rounds: &[Vec<f64>], seed: u64) -> Option<RoundEffect> {
    let rounds: Vec<&Vec<f64>> = rounds.iter().filter(|round| round.len() >= 2).collect();
    if rounds.len() < 2 {
        return None;
    }
    let lengths: Vec<usize> = rounds.iter().map(|round| round.len()).collect();
    let mut blocks: Vec<f64> = rounds.into_iter().flatten().copied().collect();
    let count = blocks.len() as f64;
    let observed = between(&blocks, &lengths);
    let within =
        (variance(&blocks) * (count - 1.0) - observed).max(0.0) / (count - lengths.len() as f64);
    // The blocks of a typical round (Snedecor and Cochran, *Statistical Methods*, section 13.3, for unequal ones).
    let squares: f64 = lengths.iter().map(|&length| (length * length) as f64).sum();
    let typical = (count - squares / count) / (lengths.len() as f64 - 1.0);
    let between_mean = observed / (lengths.len() as f64 - 1.0);
    let of_rounds = ((between_mean - within) / typical).max(0.0);
    let share = if of_rounds > 0.0 {
        of_rounds / (of_rounds + within)
    } else {
        0.0
    };
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let as_large = (0..SHUFFLES).filter(|_| {
        blocks.shuffle(&mut random);
        between(&blocks, &lengths) >= observed * (1.0 - 1e-12)
    });
    Some(RoundEffect {
        share,
        deviation: of_rounds.sqrt(),
        lengthening: (1.0 + (typical - 1.0) * share).sqrt(),
        p_value: (1 + as_large.count()) as f64 / (SHUFFLES + 1) as f64,
    })
}

/// The sum of squares between consecutive groups of these lengths.
fn between(blocks: &[f64], lengths: &[usize]) -> f64 {
    let centre = mean(blocks);
    let mut rest = blocks;
    let mut sum = 0.0;
    for &length in lengths {
        let (round, others) = rest.split_at(length);
        rest = others;
        sum += length as f64 * (mean(round) - centre).powi(2);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};
    use rand_distr::{Distribution, StandardNormal};

    fn rounds(count: usize, blocks: usize, of_rounds: f64, seed: u64) -> Vec<Vec<f64>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        (0..count)
            .map(|_| {
                let start = of_rounds * normal();
                (0..blocks).map(|_| start + 0.01 * normal()).collect()
            })
            .collect()
    }

    #[test]
    fn it_agrees_with_scipy() {
        for case in reference().rounds {
            let ours = round_effect(&case.rounds, 1).unwrap();
            agree(&case.name, ours.share, case.share);
            let slack = 4.0 * (case.p_value * (1.0 - case.p_value) / 2e3).sqrt() + 1e-3;
            assert!(
                (ours.p_value - case.p_value).abs() < slack,
                "{}: {} and SciPy says {}",
                case.name,
                ours.p_value,
                case.p_value
            );
        }
    }

    #[test]
    fn starts_that_matter_are_reported_and_others_one_time_in_twenty_at_most() {
        let reported = |of_rounds: f64| {
            let runs = 0..200_u64;
            runs.filter(|&run| {
                round_effect(&rounds(5, 2, of_rounds, run), run)
                    .unwrap()
                    .p_value
                    <= 0.05
            })
            .count()
        };
        // 5 % and three standard errors.
        assert!(reported(0.0) <= 19, "{}", reported(0.0));
        assert!(reported(0.05) >= 180, "{}", reported(0.05));
    }

    #[test]
    fn the_interval_should_be_longer_by_the_root_of_the_design_effect() {
        let twins = round_effect(&[vec![1.0, 1.0], vec![2.0, 2.0], vec![4.0, 4.0]], 1).unwrap();
        assert!((twins.share - 1.0).abs() < 1e-12, "{twins:?}");
        assert!(
            (twins.lengthening - 2.0_f64.sqrt()).abs() < 1e-12,
            "{twins:?}"
        );
        let alike = round_effect(&[vec![1.0, 2.0], vec![2.0, 1.0]], 1).unwrap();
        assert_eq!((alike.share, alike.lengthening), (0.0, 1.0));
        assert!(alike.p_value > 0.9, "{alike:?}");
    }

    #[test]
    fn one_round_or_single_blocks_tell_nothing() {
        assert_eq!(round_effect(&[], 1), None);
        assert_eq!(round_effect(&[vec![1.0, 2.0]], 1), None);
        assert_eq!(round_effect(&[vec![1.0], vec![2.0], vec![3.0]], 1), None);
        let flat = round_effect(&[vec![1.0, 1.0], vec![1.0, 1.0]], 1).unwrap();
        assert_eq!((flat.share, flat.lengthening), (0.0, 1.0));
    }
}
