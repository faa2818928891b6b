//! Whether the place within a block matters.
//!
//! A block holds every target twice, in an order and its mirror (A B B A): a drift across the block cancels, but being
//! outside or inside does not. If an epoch is slower because of where it stands (after a pause, after a greedy neighbour),
//! each block's difference carries that, with a sign that its order gives. The orders were drawn at random, so drawing them
//! again tells what chance does: a randomisation test (Fisher, *The Design of Experiments*, 1935).

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::distribution::mean;

/// Random orders tried. With the observed one they are 2,000, so that a p-value of 0.02 is
/// known to 0.006 (two standard errors).
pub const SHUFFLES: usize = 1_999;
/// The fewest blocks that are judged: of four, two each way, chance alone brings the observed order once in three.
pub const MIN_BLOCKS: usize = 6;

/// One block: for each place, from its outside to its inside, which target stood there and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedBlock {
    /// The targets by index, in their order in the first half of the block.
    pub order: Vec<usize>,
    /// A logarithm a target, by its index: the mean of both its epochs.
    pub values: Vec<f64>,
}

/// How much the place matters.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceEffect {
    /// By how much each place lies above the mean of all places, as a difference of logarithms, outside first.
    pub effects: Vec<f64>,
    /// How often random orders give effects as large.
    pub p_value: f64,
}

impl PlaceEffect {
    /// The distance between the places that differ most.
    pub fn range(&self) -> f64 {
        let largest = self.effects.iter().copied().fold(f64::MIN, f64::max);
        let smallest = self.effects.iter().copied().fold(f64::MAX, f64::min);
        largest - smallest
    }
}

/// Tells the effect of the places. None with fewer than two targets or [`MIN_BLOCKS`] blocks, or where all blocks have
/// one order, from which place and target can't be distinguished. Every block has as many values as targets in its order.
pub fn place_effect(blocks: &[PlacedBlock], seed: u64) -> Option<PlaceEffect> {
    let targets = blocks.first()?.order.len();
    let first = &blocks[0].order;
    if targets < 2 || blocks.len() < MIN_BLOCKS || blocks.iter().all(|block| block.order == *first)
    {
        return None;
    }
    let rests = rests(blocks, targets);
    let mut orders: Vec<&[usize]> = blocks.iter().map(|block| block.order.as_slice()).collect();
    let effects = effects(&rests, &orders);
    let observed = size(&effects);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let as_large = (0..SHUFFLES).filter(|_| {
        orders.shuffle(&mut random);
        // Sums in another order may differ in their last digits; they still count as ties.
        size(&self::effects(&rests, &orders)) >= observed * (1.0 - 1e-12)
    });
    let p_value = (1 + as_large.count()) as f64 / (SHUFFLES + 1) as f64;
    Some(PlaceEffect { effects, p_value })
}

/// What is left of every value without its block's mean and its target's.
fn rests(blocks: &[PlacedBlock], targets: usize) -> Vec<Vec<f64>> {
    let mut rests: Vec<Vec<f64>> = blocks
        .iter()
        .map(|block| {
            let level = mean(&block.values);
            block.values.iter().map(|value| value - level).collect()
        })
        .collect();
    for target in 0..targets {
        let level = rests.iter().map(|block| block[target]).sum::<f64>() / rests.len() as f64;
        for block in &mut rests {
            block[target] -= level;
        }
    }
    rests
}

/// The mean of what is left at each place, had the blocks had these orders.
fn effects(rests: &[Vec<f64>], orders: &[&[usize]]) -> Vec<f64> {
    let targets = orders[0].len();
    let at = |place: usize| {
        let there = rests.iter().zip(orders);
        there.map(|(rest, order)| rest[order[place]]).sum::<f64>() / rests.len() as f64
    };
    (0..targets).map(at).collect()
}

fn size(effects: &[f64]) -> f64 {
    effects.iter().map(|effect| effect * effect).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::reference;
    use rand::RngExt;
    use rand_distr::{Distribution, StandardNormal};

    /// Blocks of as many targets, in orders that each rotate a permutation, with an effect on the outermost place.
    fn blocks(
        count: usize,
        targets: usize,
        effect: f64,
        noise: f64,
        seed: u64,
    ) -> Vec<PlacedBlock> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..count)
            .map(|block| {
                let mut order: Vec<usize> = (0..targets).collect();
                order.rotate_left((block + random.random_range(0..targets)) % targets);
                let mut values: Vec<f64> = (0..targets)
                    .map(|target| {
                        let own: f64 = StandardNormal.sample(&mut random);
                        10.0 + target as f64 + noise * own
                    })
                    .collect();
                values[order[0]] += effect;
                PlacedBlock { order, values }
            })
            .collect()
    }

    #[test]
    fn it_agrees_with_scipy() {
        for case in reference().place {
            let blocks: Vec<PlacedBlock> = case
                .differences
                .iter()
                .zip(&case.swapped)
                .map(|(&difference, &swapped)| PlacedBlock {
                    order: if swapped { vec![1, 0] } else { vec![0, 1] },
                    values: vec![difference, 0.0],
                })
                .collect();
            let ours = place_effect(&blocks, 1).unwrap();
            // Four standard errors of a share of 2,000.
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
    fn a_slow_outside_is_reported_with_its_size() {
        for targets in [2, 3] {
            let reported = place_effect(&blocks(12, targets, 0.10, 0.01, 3), 1).unwrap();
            assert!(reported.p_value < 0.01, "{targets} targets: {reported:?}");
            assert!(
                (reported.range() - 0.10).abs() < 0.03,
                "{targets} targets: {reported:?}"
            );
            assert!(reported.effects[0] > reported.effects[1], "{reported:?}");
        }
    }

    #[test]
    fn places_that_do_not_matter_are_reported_one_time_in_twenty_at_most() {
        let runs = 300_u64;
        for targets in [2, 3] {
            let alarms = (0..runs).filter(|&run| {
                let blocks = blocks(8, targets, 0.0, 0.05, 100 + run);
                place_effect(&blocks, run).is_some_and(|reported| reported.p_value <= 0.05)
            });
            // 5 % and three standard errors.
            let alarms = alarms.count();
            assert!(alarms <= 26, "{targets} targets: {alarms} of {runs}");
        }
    }

    #[test]
    fn it_is_not_reported_where_it_cannot_be_known() {
        assert_eq!(place_effect(&[], 1), None);
        assert_eq!(
            place_effect(&blocks(MIN_BLOCKS - 1, 2, 0.0, 0.1, 1), 1),
            None
        );
        assert_eq!(place_effect(&blocks(12, 1, 0.0, 0.1, 1), 1), None);
        let mut same = blocks(12, 2, 0.0, 0.1, 1);
        for block in &mut same {
            block.order = vec![0, 1];
        }
        assert_eq!(place_effect(&same, 1), None);
    }

    #[test]
    fn values_without_spread_have_no_effect() {
        let reported = place_effect(&blocks(8, 2, 0.0, 0.0, 1), 1).unwrap();
        assert!(
            reported.range() < 1e-12 && reported.p_value > 0.99,
            "{reported:?}"
        );
    }
}
