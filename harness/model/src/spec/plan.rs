//! The plan: which target is measured when, made from a seed before anything runs.
//!
//! A machine's speed can change between one second and the next, so targets alternate in short epochs. A *block* holds
//! every target twice, in an order and its mirror (A B B A), so that a drift over the block cancels; it gives one paired
//! difference a metric. A *round* starts its targets afresh. This module knows order and lengths; it must never know a
//! clock.

use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::spec::warmup::Warmup;
use crate::units::MAX_DURATION;

/// Epochs of each target in a block: one in the order, one in its mirror.
pub const EPOCHS_PER_BLOCK: u32 = 2;
/// The shortest epoch: below it, what is still in flight at either end weighs too much.
pub const MIN_EPOCH: Duration = Duration::from_millis(200);
/// The most rounds.
pub const MAX_ROUNDS: u32 = 1000;
/// The most targets in a run.
pub const MAX_TARGETS: usize = 16;
/// Guess of what an epoch takes beside its length: connecting, and waiting for the last answers.
pub const EPOCH_OVERHEAD: Duration = Duration::from_millis(50);
/// Guess of what launching and checking one target takes.
pub const LAUNCH: Duration = Duration::from_millis(250);

/// How much time to spend on certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// At most 20 seconds for a pair.
    Quick,
    /// About a minute for a pair.
    #[default]
    Default,
    /// About five minutes for a pair.
    Thorough,
}

impl Effort {
    /// The name in flags and records.
    pub fn name(self) -> &'static str {
        self.layout().name
    }

    /// The exact sign-flip test over n blocks has no p-value below 2/2^n, and Holm's adjustment multiplies the smallest by
    /// the number of metrics: the seven that requests are compared by, and no run by more, need nine blocks to reach 0.05 (14/512 = 0.027). Ten is the next number in
    /// which both orders of a pair are equally frequent.
    ///
    /// What a fresh start brings (addresses, hash seeds, compiled code) lasts as long as its processes, so the blocks of a
    /// round are less independent than those of different rounds. Where there is time, every block has a round of its own;
    /// a quick run has two blocks a round, and `analysis::design` says where that matters.
    ///
    /// A quick run has no time for targets that take long to get warm, and says so where one did: its longest warm-up still
    /// leaves the pair within 20 seconds.
    ///
    /// At 1,000 requests a second an epoch of 1.2 s holds the 1,000 samples that a 99th percentile needs, and a few
    /// standard deviations of a Poisson count more; a quick epoch doesn't, so a quick run compares medians and costs.
    fn layout(self) -> Layout {
        match self {
            Self::Quick => Layout {
                name: "quick",
                rounds: 5,
                blocks_per_round: 2,
                epoch: Duration::from_millis(250),
                window: Duration::from_millis(25),
                windows_max: 16,
            },
            Self::Default => Layout {
                name: "default",
                rounds: 10,
                blocks_per_round: 1,
                epoch: Duration::from_millis(1200),
                window: Duration::from_millis(100),
                windows_max: 40,
            },
            Self::Thorough => Layout {
                name: "thorough",
                rounds: 20,
                blocks_per_round: 1,
                epoch: Duration::from_secs(3),
                window: Duration::from_millis(250),
                windows_max: 40,
            },
        }
    }
}

struct Layout {
    name: &'static str,
    rounds: u32,
    blocks_per_round: u32,
    epoch: Duration,
    /// Of the warm-up: see [`Warmup::UntilSteady`].
    window: Duration,
    windows_max: u32,
}

/// What a plan is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSpec {
    /// Where the other fields say nothing, this does.
    pub effort: Effort,
    /// How many targets, 1 to [`MAX_TARGETS`].
    pub targets: usize,
    /// How often the targets are started afresh, 1 to [`MAX_ROUNDS`]. Never fewer blocks than the effort has.
    pub rounds: Option<u32>,
    /// Length of the arrivals' profile, where they have one. Unless `duration` says otherwise, an epoch then plays it whole:
    /// as often as it fits into the effort's epoch, and once where it is longer.
    pub profile: Option<Duration>,
    /// Measured time a target, divided over its epochs. A profile begins anew with each of them, is repeated where it is
    /// shorter and cut where it is longer.
    pub duration: Option<Duration>,
    /// Warm-up of each target in each round; where it is not given, it goes on until the target is steady.
    pub warmup: Option<Duration>,
    /// Seeds the order and every trial.
    pub seed: u64,
}

impl PlanSpec {
    /// What the effort alone says, for so many targets.
    pub fn new(effort: Effort, targets: usize, seed: u64) -> Self {
        Self {
            effort,
            targets,
            rounds: None,
            profile: None,
            duration: None,
            warmup: None,
            seed,
        }
    }
}

/// Which target is measured when. Made by [`Plan::new`] only, so that the order fits the counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Seeds the order and every trial.
    pub seed: u64,
    /// The effort it was made for.
    pub effort: Effort,
    /// Rounds: each starts its targets afresh.
    pub rounds: u32,
    /// Blocks a round.
    pub blocks_per_round: u32,
    /// Length of an epoch.
    pub epoch: Duration,
    /// Warm-up of each target in each round.
    pub warmup: Warmup,
    /// How many targets.
    pub targets: usize,
    /// The order of the targets by index, a list a block: `[0, 1, 1, 0]`.
    order: Vec<Vec<usize>>,
}

/// One epoch of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Trial {
    /// Its number in the plan, from 0.
    pub index: usize,
    /// The round, from 0.
    pub round: u32,
    /// The block within the whole plan, from 0.
    pub block: u32,
    /// Its place within the block, from 0.
    pub position: u32,
    /// Which target.
    pub target: usize,
    /// Seeds arrivals and mix: the same for every target in the same half of the same block, so that all get the same
    /// requests at the same times.
    pub seed: u64,
}

impl Plan {
    /// Lays out a measurement.
    pub fn new(spec: &PlanSpec) -> Result<Self, PlanError> {
        let layout = spec.effort.layout();
        if !(1..=MAX_TARGETS).contains(&spec.targets) {
            return Err(PlanError::Targets {
                targets: spec.targets,
            });
        }
        let rounds = spec.rounds.unwrap_or(layout.rounds);
        if !(1..=MAX_ROUNDS).contains(&rounds) {
            return Err(PlanError::Rounds { rounds });
        }
        // Fewer rounds get longer, so that the comparison keeps the blocks that it needs.
        let blocks_per_round = (layout.rounds * layout.blocks_per_round)
            .div_ceil(rounds)
            .max(layout.blocks_per_round);
        let epochs = rounds * blocks_per_round * EPOCHS_PER_BLOCK;
        let epoch = match (spec.duration, spec.profile) {
            (Some(duration), _) => duration / epochs,
            (None, Some(profile)) => whole_epoch(profile, layout.epoch),
            (None, None) => layout.epoch,
        };
        if epoch < MIN_EPOCH {
            let duration = spec.duration.unwrap_or_default();
            return Err(PlanError::EpochTooShort {
                duration,
                epochs,
                shortest: MIN_EPOCH * epochs,
            });
        }
        let plan = Self {
            seed: spec.seed,
            effort: spec.effort,
            rounds,
            blocks_per_round,
            epoch,
            warmup: spec.warmup.map_or(
                Warmup::UntilSteady {
                    window: layout.window,
                    windows_max: layout.windows_max,
                },
                Warmup::Fixed,
            ),
            targets: spec.targets,
            order: order(spec.targets, rounds * blocks_per_round, spec.seed),
        };
        if plan.total() > MAX_DURATION {
            return Err(PlanError::TooLong {
                total: plan.total(),
            });
        }
        Ok(plan)
    }

    /// The same layout in the order of another seed.
    #[must_use]
    pub fn reseeded(&self, seed: u64) -> Self {
        Self {
            seed,
            order: order(self.targets, self.blocks(), seed),
            ..self.clone()
        }
    }

    /// Every trial, in the order they are measured.
    pub fn trials(&self) -> impl Iterator<Item = Trial> + '_ {
        let blocks = (0_u32..).zip(&self.order);
        blocks
            .flat_map(move |(block, order)| {
                let round = block / self.blocks_per_round;
                (0_u32..).zip(order).map(move |(position, &target)| {
                    // Each half of a block holds every target once.
                    let half = usize::try_from(position).expect("a block is short") / self.targets;
                    let seed = trial_seed(self.seed, block, half);
                    Trial {
                        index: 0,
                        round,
                        block,
                        position,
                        target,
                        seed,
                    }
                })
            })
            .enumerate()
            .map(|(index, trial)| Trial { index, ..trial })
    }

    /// The order in which the targets of a round are warmed up, all of them before its first epoch: that of the epochs, so
    /// that none waits longer for its first one than another does.
    pub fn warmup_order(&self, round: u32) -> &[usize] {
        let first_block = usize::try_from(round * self.blocks_per_round).expect("a u32 fits");
        &self.order[first_block][..self.targets]
    }

    /// Seeds the load of a stretch of warm-up: the same for every target, and another than any epoch's.
    pub fn warmup_seed(&self, round: u32, stretch: u32) -> u64 {
        seed_of(
            self.seed,
            WARMUPS,
            u64::from(round) << 32 | u64::from(stretch),
        )
    }

    /// How many trials there are.
    pub fn len(&self) -> usize {
        self.order.iter().map(Vec::len).sum()
    }

    /// Never: a plan has at least one target and one block.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Blocks over all rounds: as many paired differences a metric.
    pub fn blocks(&self) -> u32 {
        self.rounds * self.blocks_per_round
    }

    /// Measured time a target.
    pub fn measured(&self) -> Duration {
        self.epoch * self.blocks() * EPOCHS_PER_BLOCK
    }

    /// Estimate of the whole run: launches, warm-ups and epochs. Targets that take long to get steady add to it.
    pub fn total(&self) -> Duration {
        let starts = self.rounds * u32::try_from(self.targets).expect("at most MAX_TARGETS");
        let trials = starts * self.blocks_per_round * EPOCHS_PER_BLOCK;
        // Saturating, because a plan that doesn't fit is refused by its length.
        let sum = [
            (LAUNCH, starts),
            (self.warmup.shortest(), starts),
            (EPOCH_OVERHEAD, starts),
            (self.epoch, trials),
            (EPOCH_OVERHEAD, trials),
        ];
        sum.iter().fold(Duration::ZERO, |total, (length, times)| {
            total.saturating_add(length.saturating_mul(*times))
        })
    }

    /// The order of the targets by index, a list a block.
    pub fn order(&self) -> &[Vec<usize>] {
        &self.order
    }
}

/// As many whole profiles as fit into `usual`, at least one and enough for [`MIN_EPOCH`]. `profile`: above zero.
fn whole_epoch(profile: Duration, usual: Duration) -> Duration {
    let length = profile.as_nanos();
    let fitting = usual.as_nanos() / length;
    let times = fitting.max(MIN_EPOCH.as_nanos().div_ceil(length));
    profile * u32::try_from(times).expect("an effort's epoch has fewer than 2^32 nanoseconds")
}

/// The order of every block. Among each `targets` blocks in a row every target stands in every place once: the rotations
/// of a seeded permutation, themselves shuffled. For a pair these are A B B A and B A A B, once each in a seeded order.
fn order(targets: usize, blocks: u32, seed: u64) -> Vec<Vec<usize>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let blocks = usize::try_from(blocks).expect("a u32 fits");
    let mut order = Vec::with_capacity(blocks);
    while order.len() < blocks {
        let mut permutation: Vec<usize> = (0..targets).collect();
        permutation.shuffle(&mut random);
        let mut rotations: Vec<usize> = (0..targets).collect();
        rotations.shuffle(&mut random);
        for rotation in rotations {
            let mut half = permutation.clone();
            half.rotate_left(rotation);
            order.push(half.iter().chain(half.iter().rev()).copied().collect());
        }
    }
    order.truncate(blocks);
    order
}

/// Keeps the seeds of trials apart from the one that made the order.
const TRIALS: u64 = 0x7269_616c_0000_0000;
/// Keeps those of warm-ups apart from both.
const WARMUPS: u64 = 0x7761_726d_0000_0000;

/// A seed of its own for each half of each block.
fn trial_seed(seed: u64, block: u32, half: usize) -> u64 {
    seed_of(seed, TRIALS, u64::from(block) << 1 | u64::from(half > 0))
}

/// The seed of one of a kind. `seed_from_u64` runs `SplitMix64` over its input, so that neighbours get unrelated seeds.
pub fn seed_of(seed: u64, kind: u64, number: u64) -> u64 {
    Xoshiro256PlusPlus::seed_from_u64(seed ^ number.wrapping_add(kind)).next_u64()
}

/// Why a measurement can't be laid out as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// No target, or too many.
    #[error("a run measures 1 to {MAX_TARGETS} targets, not {targets}")]
    Targets {
        /// How many were asked for.
        targets: usize,
    },
    /// No round, or too many.
    #[error("a run has 1 to {MAX_ROUNDS} rounds, not {rounds}")]
    Rounds {
        /// How many were asked for.
        rounds: u32,
    },
    /// Too short a time for the epochs.
    #[error(
        "{duration:?} a target make {epochs} epochs of less than {MIN_EPOCH:?}: give at least {shortest:?}"
    )]
    EpochTooShort {
        /// Measured time a target.
        duration: Duration,
        /// The epochs it is divided over.
        epochs: u32,
        /// The shortest time that would do.
        shortest: Duration,
    },
    /// Longer than anything that is measured.
    #[error(
        "the run would take {total:?}, and the limit is 7 days: give a shorter duration, or fewer rounds"
    )]
    TooLong {
        /// The estimate.
        total: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::target::REFERENCE_TARGETS;

    fn spec(effort: Effort, targets: usize) -> PlanSpec {
        PlanSpec::new(effort, targets, 1)
    }

    fn plan(effort: Effort, targets: usize) -> Plan {
        Plan::new(&spec(effort, targets)).unwrap()
    }

    #[test]
    fn each_effort_takes_the_time_it_promises_for_a_pair() {
        assert!(
            plan(Effort::Quick, 2).total() <= Duration::from_secs(17),
            "three seconds are left for charts and checks"
        );
        let default = plan(Effort::Default, 2).total();
        assert!(
            Duration::from_secs(45) <= default && default <= Duration::from_secs(75),
            "{default:?}"
        );
        let thorough = plan(Effort::Thorough, 2).total();
        assert!(
            Duration::from_secs(200) <= thorough && thorough <= Duration::from_secs(400),
            "{thorough:?}"
        );
    }

    #[test]
    fn a_pair_alternates_and_each_order_leads_equally_often() {
        let plan = plan(Effort::Default, 2);
        let leads = |first| {
            plan.order()
                .iter()
                .filter(|block| block[0] == first)
                .count()
        };
        assert_eq!((leads(0), leads(1)), (5, 5));
        for block in plan.order() {
            assert!(
                matches!(block[..], [0, 1, 1, 0] | [1, 0, 0, 1]),
                "{block:?}"
            );
        }
    }

    #[test]
    fn a_block_of_many_is_an_order_and_its_mirror_and_every_place_comes_round() {
        for targets in [3, REFERENCE_TARGETS.len()] {
            let all: Vec<usize> = (0..targets).collect();
            let plan = Plan::new(&PlanSpec {
                rounds: Some(2 * u32::try_from(targets).unwrap()),
                ..spec(Effort::Default, targets)
            })
            .unwrap();
            assert_eq!(plan.order().len() % targets, 0);
            for blocks in plan.order().chunks_exact(targets) {
                for place in 0..targets {
                    let mut there: Vec<usize> = blocks.iter().map(|block| block[place]).collect();
                    there.sort_unstable();
                    assert_eq!(there, all);
                }
            }
            for block in plan.order() {
                let mut half = block[..targets].to_vec();
                half.sort_unstable();
                assert_eq!(half, all, "every target once in each half");
                assert!(block.iter().eq(block.iter().rev()), "{block:?}");
            }
        }
    }

    #[test]
    fn one_target_gets_pairs_of_epochs() {
        assert!(
            plan(Effort::Quick, 1)
                .order()
                .iter()
                .all(|block| block[..] == [0, 0])
        );
    }

    #[test]
    fn a_seed_repeats_the_order_and_another_seed_does_not() {
        let order = |seed| {
            Plan::new(&PlanSpec {
                seed,
                ..spec(Effort::Thorough, 4)
            })
            .unwrap()
            .order()
            .to_vec()
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
    }

    #[test]
    fn all_targets_of_half_a_block_share_a_seed_and_no_other_half_has_it() {
        let plan = plan(Effort::Default, 3);
        let mut seeds = std::collections::BTreeMap::<u64, Vec<usize>>::new();
        for trial in plan.trials() {
            seeds.entry(trial.seed).or_default().push(trial.target);
        }
        assert_eq!(seeds.len(), 20, "ten blocks of two halves");
        for mut targets in seeds.into_values() {
            targets.sort_unstable();
            assert_eq!(targets, [0, 1, 2]);
        }
    }

    #[test]
    fn targets_warm_up_in_the_order_of_their_first_epochs() {
        for (targets, rounds) in [(1, 10), (2, 5), (3, 10)] {
            let plan = Plan::new(&PlanSpec {
                rounds: Some(rounds),
                ..spec(Effort::Default, targets)
            })
            .unwrap();
            for round in 0..rounds {
                let of_round = plan.trials().filter(|trial| trial.round == round);
                let first: Vec<usize> = of_round.map(|trial| trial.target).take(targets).collect();
                assert_eq!(plan.warmup_order(round), first);
            }
        }
    }

    #[test]
    fn no_warm_up_shares_a_seed_with_another_or_with_an_epoch() {
        let plan = plan(Effort::Default, 2);
        let halves = plan.trials().map(|trial| trial.seed);
        let mut seeds: std::collections::BTreeSet<u64> = halves.collect();
        let stretches = (0..10).flat_map(|round| (0..10).map(move |stretch| (round, stretch)));
        for (round, stretch) in stretches {
            assert!(seeds.insert(plan.warmup_seed(round, stretch)));
        }
        assert_eq!(seeds.len(), 20 + 100);
    }

    #[test]
    fn epochs_are_the_same_however_long_the_warm_up() {
        let trials = |warmup| -> Vec<Trial> {
            let plan = Plan::new(&PlanSpec {
                warmup,
                ..spec(Effort::Quick, 2)
            });
            plan.unwrap().trials().collect()
        };
        assert_eq!(trials(None), trials(Some(Duration::from_mins(1))));
    }

    #[test]
    fn a_quick_pair_that_never_gets_steady_still_takes_twenty_seconds() {
        let plan = plan(Effort::Quick, 2);
        let (shortest, longest) = (plan.warmup.shortest(), plan.warmup.longest());
        // Further stretches open their connections anew.
        let further = longest.saturating_sub(shortest) + EPOCH_OVERHEAD * 2;
        assert!(plan.total() + further * plan.rounds * 2 <= Duration::from_secs(20));
        assert_eq!(
            Plan::new(&PlanSpec {
                warmup: Some(Duration::from_secs(3)),
                ..spec(Effort::Quick, 2)
            })
            .unwrap()
            .warmup,
            Warmup::Fixed(Duration::from_secs(3))
        );
    }

    #[test]
    fn trials_are_numbered_in_order_and_are_all_there() {
        let plan = plan(Effort::Quick, 2);
        let trials: Vec<Trial> = plan.trials().collect();
        assert_eq!(trials.len(), plan.len());
        assert!(
            trials
                .iter()
                .enumerate()
                .all(|(index, trial)| trial.index == index)
        );
        let last = trials.last().unwrap();
        assert_eq!((last.round, last.block, last.position), (4, 9, 3));
    }

    #[test]
    fn a_duration_is_what_each_target_is_measured_for() {
        let plan = Plan::new(&PlanSpec {
            duration: Some(Duration::from_secs(10)),
            ..spec(Effort::Default, 2)
        })
        .unwrap();
        assert_eq!(
            (plan.epoch, plan.measured()),
            (Duration::from_millis(500), Duration::from_secs(10))
        );
    }

    #[test]
    fn an_epoch_plays_a_profile_whole_as_often_as_it_fits_and_at_least_once() {
        let epoch_ms = |effort, profile_ms| {
            let plan = Plan::new(&PlanSpec {
                profile: Some(Duration::from_millis(profile_ms)),
                ..spec(effort, 2)
            });
            plan.unwrap().epoch.as_millis()
        };
        assert_eq!(epoch_ms(Effort::Quick, 250), 250);
        assert_eq!(epoch_ms(Effort::Default, 250), 1000);
        assert_eq!(epoch_ms(Effort::Thorough, 250), 3000);
        assert_eq!(epoch_ms(Effort::Quick, 10_000), 10_000);
        // Once would be shorter than any epoch.
        assert_eq!(epoch_ms(Effort::Quick, 190), 380);
        assert_eq!(epoch_ms(Effort::Quick, 1), 250);
        let shortest = PlanSpec {
            profile: Some(Duration::from_nanos(1)),
            ..spec(Effort::Thorough, 2)
        };
        assert_eq!(Plan::new(&shortest).unwrap().epoch, Duration::from_secs(3));
    }

    #[test]
    fn a_duration_that_was_asked_for_is_kept_whatever_the_profile() {
        let plan = Plan::new(&PlanSpec {
            profile: Some(Duration::from_secs(7)),
            duration: Some(Duration::from_secs(10)),
            ..spec(Effort::Default, 2)
        });
        assert_eq!(plan.unwrap().epoch, Duration::from_millis(500));
    }

    #[test]
    fn a_profile_that_would_take_longer_than_anything_is_an_error() {
        let endless = PlanSpec {
            profile: Some(MAX_DURATION),
            ..spec(Effort::Quick, 2)
        };
        assert!(matches!(
            Plan::new(&endless),
            Err(PlanError::TooLong { .. })
        ));
    }

    #[test]
    fn an_epoch_is_never_shorter_than_the_limit_and_the_remedy_works() {
        let at = |ms| {
            Plan::new(&PlanSpec {
                duration: Some(Duration::from_millis(ms)),
                ..spec(Effort::Default, 2)
            })
        };
        assert_eq!(at(4_000).unwrap().epoch, MIN_EPOCH);
        let error = at(3_999).unwrap_err();
        assert_eq!(
            error.to_string(),
            "3.999s a target make 20 epochs of less than 200ms: give at least 4s"
        );
    }

    #[test]
    fn fewer_rounds_keep_the_blocks_and_more_rounds_add_some() {
        let blocks = |rounds| {
            Plan::new(&PlanSpec {
                rounds: Some(rounds),
                ..spec(Effort::Default, 2)
            })
            .map(|plan| plan.blocks())
        };
        assert_eq!(
            (blocks(1), blocks(3), blocks(5), blocks(MAX_ROUNDS)),
            (Ok(10), Ok(12), Ok(10), Ok(1_000))
        );
        assert_eq!(blocks(0), Err(PlanError::Rounds { rounds: 0 }));
        assert_eq!(
            blocks(MAX_ROUNDS + 1),
            Err(PlanError::Rounds {
                rounds: MAX_ROUNDS + 1
            })
        );
    }

    #[test]
    fn targets_and_total_length_are_bounded() {
        assert!(Plan::new(&spec(Effort::Quick, MAX_TARGETS)).is_ok());
        for targets in [0, MAX_TARGETS + 1] {
            assert_eq!(
                Plan::new(&spec(Effort::Quick, targets)),
                Err(PlanError::Targets { targets })
            );
        }
        let too_long = PlanSpec {
            duration: Some(MAX_DURATION),
            ..spec(Effort::Default, 2)
        };
        assert!(matches!(
            Plan::new(&too_long),
            Err(PlanError::TooLong { .. })
        ));
        let endless = PlanSpec {
            warmup: Some(Duration::MAX),
            ..spec(Effort::Default, 2)
        };
        assert!(matches!(
            Plan::new(&endless),
            Err(PlanError::TooLong { .. })
        ));
    }
}
