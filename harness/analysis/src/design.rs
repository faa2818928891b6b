//! Whether the design of a comparison held: were targets warm, did places within a block serve alike, did fresh starts?
//!
//! The intervals of [`crate::compare`] are right where blocks are independent and a target is the same in all of them.
//! These checks look for the ways in which that fails, and each speaks only where it is both significant and large enough to
//! matter. They judge the median of the time that the run is about: see [`Timed::metrics`].

use std::collections::BTreeMap;

use crate::compare::block_values;
use model::record::metric::Metric;
use model::record::run::EpochRecord;
use model::record::timed::Timed;
use model::record::validity::{Caution, CautionCode};
use stats::place::{PlacedBlock, place_effect};
use stats::rounds::round_effect;
use stats::steadiness::warming;

/// The level of each kind of check. There are three, so that a sound run is cautioned one time in twenty at most.
pub const ALPHA: f64 = 0.05 / 3.0;
/// An excess at the start of rounds, or between places of a block, that is worth a word.
pub const NOTABLE_EFFECT: f64 = 0.02;
/// A factor by which intervals should be longer that is worth a word.
pub const NOTABLE_LENGTHENING: f64 = 1.1;

/// What a reader should know about the design of a run.
///
/// `targets`: their names and epochs, the base of comparisons first. `seed`: of the random orders and divisions that are
/// tried.
pub fn cautions(targets: &[(&str, &[EpochRecord])], timed: Timed, seed: u64) -> Vec<Caution> {
    let judged = timed.metrics()[0];
    let mut cautions = not_warm(targets, judged);
    cautions.extend(places(targets, judged, seed));
    cautions.extend(rounds(targets, judged, seed));
    cautions
}

fn not_warm(targets: &[(&str, &[EpochRecord])], judged: Metric) -> Vec<Caution> {
    let level = ALPHA / targets.len() as f64;
    let of_target = |&(name, epochs): &(&str, &[EpochRecord])| {
        let told = warming(&epochs_by_round(epochs, judged))?;
        let excess = told.excess.exp_m1();
        (told.p_value <= level && excess >= NOTABLE_EFFECT).then(|| {
            CautionCode::Unsteady.caution(
                false,
                format!(
                    "{name} began its rounds {:.0} % slower than it went on ({}, p {:.3}): it was not warm",
                    excess * 100.0,
                    judged.words(),
                    told.p_value
                ),
                "measure it warm, with a longer warm-up (-w); its figures here are a mixture of both",
            )
        })
    };
    targets.iter().filter_map(of_target).collect()
}

fn places(targets: &[(&str, &[EpochRecord])], judged: Metric, seed: u64) -> Option<Caution> {
    let told = place_effect(&placed_blocks(targets, judged), seed)?;
    let range = told.range().exp_m1();
    (told.p_value <= ALPHA && range >= NOTABLE_EFFECT).then(|| {
        CautionCode::PlaceMatters.caution(
            false,
            format!(
                "the place of an epoch within its block changes {} by {:.0} % (p {:.3})",
                judged.words(),
                range * 100.0,
                told.p_value
            ),
            "every target stood in every place equally often, so ratios stand, but intervals are longer than need be: \
             give longer epochs (-d), or look for work that one target leaves to the next",
        )
    })
}

fn rounds(targets: &[(&str, &[EpochRecord])], judged: Metric, seed: u64) -> Vec<Caution> {
    let Some(((base_name, base), heads)) = targets.split_first() else {
        return Vec::new();
    };
    let level = ALPHA / heads.len().max(1) as f64;
    let of_head = |&(name, head): &(&str, &[EpochRecord])| {
        let told = round_effect(&differences_by_round(base, head, judged), seed)?;
        (told.p_value <= level && told.lengthening >= NOTABLE_LENGTHENING).then(|| {
            CautionCode::RoundsDiffer.caution(
                false,
                format!(
                    "{name} against {base_name}: each fresh start changes {} by {:.1} % (p {:.3}), so that the blocks of a round are not independent and the intervals should be {:.1} times as long",
                    judged.words(),
                    told.deviation.exp_m1() * 100.0,
                    told.p_value,
                    told.lengthening
                ),
                "give more rounds (--rounds): each starts the targets afresh",
            )
        })
    };
    heads.iter().filter_map(of_head).collect()
}

/// The logarithm of the judged figure in every epoch that has it, a list a round, in the order they were measured.
fn epochs_by_round(epochs: &[EpochRecord], judged: Metric) -> Vec<Vec<f64>> {
    let mut rounds = BTreeMap::<u32, Vec<f64>>::new();
    for epoch in epochs {
        let value = epoch.metrics.get(judged.name()).map(|value| value.ln());
        if let Some(value) = value.filter(|value| value.is_finite()) {
            rounds.entry(epoch.round).or_default().push(value);
        }
    }
    rounds.into_values().collect()
}

/// The difference of logarithms in every block of both targets, a list a round.
fn differences_by_round(
    base: &[EpochRecord],
    head: &[EpochRecord],
    judged: Metric,
) -> Vec<Vec<f64>> {
    let round_of: BTreeMap<u32, u32> = base
        .iter()
        .map(|epoch| (epoch.block, epoch.round))
        .collect();
    let (base, head) = (block_values(base, judged), block_values(head, judged));
    let mut rounds = BTreeMap::<u32, Vec<f64>>::new();
    for (block, base) in base {
        if let Some(head) = head.get(&block) {
            rounds
                .entry(round_of[&block])
                .or_default()
                .push(head.ln() - base.ln());
        }
    }
    rounds.into_values().collect()
}

/// Every block that is whole: all targets have a value in it.
fn placed_blocks(targets: &[(&str, &[EpochRecord])], judged: Metric) -> Vec<PlacedBlock> {
    let values: Vec<BTreeMap<u32, f64>> = targets
        .iter()
        .map(|(_, epochs)| block_values(epochs, judged))
        .collect();
    let mut firsts = BTreeMap::<u32, Vec<(u32, usize)>>::new();
    for (target, (_, epochs)) in targets.iter().enumerate() {
        let mut first = BTreeMap::<u32, u32>::new();
        for epoch in *epochs {
            let position = first.entry(epoch.block).or_insert(epoch.position);
            *position = epoch.position.min(*position);
        }
        for (block, position) in first {
            firsts.entry(block).or_default().push((position, target));
        }
    }
    let placed = firsts.into_iter().filter_map(|(block, mut places)| {
        let levels: Option<Vec<f64>> = values
            .iter()
            .map(|values| values.get(&block).map(|value| value.ln()))
            .collect();
        places.sort_unstable();
        Some(PlacedBlock {
            order: places.into_iter().map(|(_, target)| target).collect(),
            values: levels?,
        })
    });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::ledger::Ledger;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    const JUDGED: Metric = Metric::ResponseTimeNsP50;

    /// Epochs of a pair in turn, A B B A and B A A B, four blocks a round; each target's value is made of where it stands.
    fn pair(rounds: u32, value: impl Fn(u32, u32, usize, u32) -> f64) -> [Vec<EpochRecord>; 2] {
        let mut epochs = [Vec::new(), Vec::new()];
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for block in 0..rounds * 4 {
            // Each order twice a round, beginning with the one or the other.
            let first = usize::from((block + block / 4) % 2 == 1);
            let order = [first, 1 - first, 1 - first, first];
            for (position, target) in (0..).zip(order) {
                let round = block / 4;
                let own: f64 = StandardNormal.sample(&mut random);
                let value = value(round, block, target, position) * (0.002 * own).exp();
                epochs[target].push(EpochRecord {
                    round,
                    block,
                    position,
                    started_s: 0.0,
                    duration_s: 1.0,
                    requests: Ledger::default(),
                    metrics: [(JUDGED.name().to_owned(), value)].into(),
                    loops: None,
                });
            }
        }
        epochs
    }

    fn told(epochs: &[Vec<EpochRecord>; 2]) -> Vec<String> {
        let targets = [("base", epochs[0].as_slice()), ("head", &epochs[1])];
        let cautions = cautions(&targets, Timed::Requests, 1);
        assert!(
            cautions
                .iter()
                .all(|caution| !caution.voids && !caution.advice.is_empty())
        );
        cautions.into_iter().map(|caution| caution.detail).collect()
    }

    #[test]
    fn a_sound_run_has_nothing_to_be_said_against_it() {
        let sound = pair(4, |_, _, target, _| 100.0 + target as f64);
        assert_eq!(told(&sound), Vec::<String>::new());
        assert!(cautions(&[], Timed::Requests, 1).is_empty());
        assert!(
            cautions(
                &[("alone", &pair(4, |_, _, _, _| 1.0)[0])],
                Timed::Requests,
                1
            )
            .is_empty()
        );
    }

    #[test]
    fn a_cold_start_of_one_target_is_told_with_its_name() {
        let cold = pair(4, |_, block, target, _| {
            if target == 1 && block % 4 == 0 {
                130.0
            } else {
                100.0
            }
        });
        let told = told(&cold);
        assert!(
            told[0].starts_with(
                "head began its rounds 30 % slower than it went on (response time p50"
            ),
            "{told:?}"
        );
    }

    #[test]
    fn a_place_that_matters_is_told() {
        let outside = pair(4, |_, _, _, position| {
            if matches!(position, 0 | 3) {
                105.0
            } else {
                100.0
            }
        });
        let told = told(&outside);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("changes response time p50 by 5 % (p 0.001"),
            "{told:?}"
        );
    }

    #[test]
    fn rounds_that_differ_are_told() {
        let started = pair(5, |round, _, target, _| {
            if target == 1 {
                100.0 + 3.0 * f64::from(round * 2 % 5)
            } else {
                100.0
            }
        });
        let told = told(&started);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("head against base: each fresh start changes")
                && told[0].ends_with("should be 2.0 times as long"),
            "{told:?}"
        );
    }

    #[test]
    fn epochs_without_the_figure_are_passed_over() {
        let mut epochs = pair(4, |_, _, target, _| 100.0 + target as f64);
        for epoch in epochs.iter_mut().flatten() {
            epoch.metrics.clear();
        }
        assert!(told(&epochs).is_empty());
    }
}
