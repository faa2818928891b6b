//! Whether the design of a comparison held: were targets warm, did places within a block serve alike, did fresh starts?
//!
//! The intervals of [`crate::compare`] are right where blocks are independent and a target is the same in all of them.
//! These checks look for the ways in which that fails, and each speaks only where it is both significant and large enough to
//! matter. They judge the median of the time that the run is about: see [`Metric::of_workload`].

use std::collections::BTreeMap;

use crate::compare::block_values;
use model::measured::workload::WorkloadKind;
use model::record::metric::Metric;
use model::record::target::EpochRecord;
use model::record::warning::{Fact, Warning};
use stats::place::{PlacedBlock, place_effect};
use stats::rounds::round_effect;
use stats::steadiness::warming;

/// The level of each kind of check. There are three, so that a sound run is warned of one time in twenty at most.
pub const ALPHA: f64 = 0.05 / 3.0;
/// An excess at the start of rounds, or between places of a block, that is worth a warning.
pub const NOTABLE_EFFECT: f64 = 0.02;
/// A factor by which intervals should be longer that is worth a warning.
pub const NOTABLE_LENGTHENING: f64 = 1.1;

/// What a reader should know about the design of a run.
///
/// `targets`: their names and epochs, the base of comparisons first. `seed`: of the random orders and divisions that are
/// tried.
pub fn warnings(
    targets: &[(&str, &[EpochRecord])],
    workload: WorkloadKind,
    seed: u64,
) -> Vec<Warning> {
    let judged = Metric::of_workload(workload)[0];
    let mut warnings = not_warm(targets, judged);
    warnings.extend(places(targets, judged, seed));
    warnings.extend(rounds(targets, judged, seed));
    warnings
}

fn not_warm(targets: &[(&str, &[EpochRecord])], judged: Metric) -> Vec<Warning> {
    let level = ALPHA / targets.len() as f64;
    let of_target = |&(name, epochs): &(&str, &[EpochRecord])| {
        let warming = warming(&epochs_by_round(epochs, judged))?;
        let excess = warming.excess.exp_m1();
        (warming.p_value <= level && excess >= NOTABLE_EFFECT).then(|| {
            let fact = Fact::NotWarm {
                metric: judged,
                excess,
                p_value: warming.p_value,
            };
            Warning::note(fact).about(name)
        })
    };
    targets.iter().filter_map(of_target).collect()
}

fn places(targets: &[(&str, &[EpochRecord])], judged: Metric, seed: u64) -> Option<Warning> {
    let effect = place_effect(&placed_blocks(targets, judged), seed)?;
    let range = effect.range().exp_m1();
    (effect.p_value <= ALPHA && range >= NOTABLE_EFFECT).then(|| {
        Warning::note(Fact::PlaceMatters {
            metric: judged,
            range,
            p_value: effect.p_value,
        })
    })
}

fn rounds(targets: &[(&str, &[EpochRecord])], judged: Metric, seed: u64) -> Vec<Warning> {
    let Some(((base_name, base), heads)) = targets.split_first() else {
        return Vec::new();
    };
    let level = ALPHA / heads.len().max(1) as f64;
    let of_head = |&(name, head): &(&str, &[EpochRecord])| {
        let effect = round_effect(&differences_by_round(base, head, judged), seed)?;
        (effect.p_value <= level && effect.lengthening >= NOTABLE_LENGTHENING).then(|| {
            let fact = Fact::RoundsDiffer {
                base: base_name.to_string(),
                metric: judged,
                deviation: effect.deviation.exp_m1(),
                p_value: effect.p_value,
                lengthening: effect.lengthening,
            };
            Warning::note(fact).about(name)
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
    use model::measured::accounting::Accounting;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    const JUDGED: Metric = Metric::RESPONSE_TIME_P50;

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
                    requests: Accounting::default(),
                    by_request: Vec::new(),
                    metrics: [(JUDGED.name().to_owned(), value)].into(),
                    services_cpu_s: std::collections::BTreeMap::new(),
                    loops: None,
                });
            }
        }
        epochs
    }

    /// What is warned of, none of which voids.
    fn facts(epochs: &[Vec<EpochRecord>; 2]) -> Vec<(Option<String>, Fact)> {
        let targets = [("base", epochs[0].as_slice()), ("head", &epochs[1])];
        let warnings = warnings(&targets, WorkloadKind::Requests, 1);
        assert!(warnings.iter().all(|warning| !warning.voids));
        let facts = warnings.into_iter();
        facts
            .map(|warning| (warning.target, warning.fact))
            .collect()
    }

    #[test]
    fn a_sound_run_has_nothing_to_be_said_against_it() {
        let sound = pair(4, |_, _, target, _| 100.0 + target as f64);
        assert_eq!(facts(&sound), []);
        assert!(warnings(&[], WorkloadKind::Requests, 1).is_empty());
        assert!(
            warnings(
                &[("alone", &pair(4, |_, _, _, _| 1.0)[0])],
                WorkloadKind::Requests,
                1
            )
            .is_empty()
        );
    }

    #[test]
    fn a_cold_start_of_one_target_is_found_with_its_name() {
        let cold = pair(4, |_, block, target, _| {
            if target == 1 && block % 4 == 0 {
                130.0
            } else {
                100.0
            }
        });
        let facts = facts(&cold);
        let (target, Fact::NotWarm { metric, excess, .. }) = &facts[0] else {
            panic!("{facts:?}");
        };
        assert_eq!((target.as_deref(), *metric), (Some("head"), JUDGED));
        assert!((excess - 0.3).abs() < 0.001, "{excess}");
    }

    #[test]
    fn a_place_that_matters_is_found() {
        let outside = pair(4, |_, _, _, position| {
            if matches!(position, 0 | 3) {
                105.0
            } else {
                100.0
            }
        });
        let facts = facts(&outside);
        let [(None, Fact::PlaceMatters { range, p_value, .. })] = facts.as_slice() else {
            panic!("{facts:?}");
        };
        assert!(
            (range - 0.05).abs() < 0.001 && *p_value < 0.002,
            "{facts:?}"
        );
    }

    #[test]
    fn rounds_that_differ_are_found() {
        let started = pair(5, |round, _, target, _| {
            if target == 1 {
                100.0 + 3.0 * f64::from(round * 2 % 5)
            } else {
                100.0
            }
        });
        let facts = facts(&started);
        let [
            (
                target,
                Fact::RoundsDiffer {
                    base, lengthening, ..
                },
            ),
        ] = facts.as_slice()
        else {
            panic!("{facts:?}");
        };
        assert_eq!((target.as_deref(), base.as_str()), (Some("head"), "base"));
        assert!((lengthening - 2.0).abs() < 0.05, "{lengthening}");
    }

    #[test]
    fn epochs_without_the_figure_are_passed_over() {
        let mut epochs = pair(4, |_, _, target, _| 100.0 + target as f64);
        for epoch in epochs.iter_mut().flatten() {
            epoch.metrics.clear();
        }
        assert!(facts(&epochs).is_empty());
    }
}
