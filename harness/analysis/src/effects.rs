//! What each factor of the experiment does: contrasts of targets that were measured in one plan.
//!
//! A block has a value of every target, so it has one of every contrast too: a sum of logarithms with a weight each, and the weights
//! add up to 0, so that whatever the machine did to the whole block cancels. That is a paired difference as that of two targets
//! is, and it is tested, bounded and judged as theirs is, by [`crate::compare`]. Each effect is a question of its own, asked before anything was
//! measured, so p-values are adjusted over its metrics, as they are over those of a pair: with ten blocks no test could reject if they
//! were adjusted over the metrics of all five.
//!
//! Which target stands where follows from its [`Factors`]. A contrast of which a target is missing is left out, and so is one of which
//! two targets claim the same place: which of the two was meant is not known.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{self, Policy, block_values};
use model::measured::workload::WorkloadKind;
use model::record::effect::{Effect, EffectRecord};
use model::record::metric::Metric;
use model::record::run::workload_of;
use model::record::target::{EpochRecord, TargetRecord};
use model::spec::factors::{EventLoop, Factors, Style};

/// One target that has its place in the experiment: its name, what it has of each factor, and its epochs.
pub type Placed<'a> = (&'a str, Factors, &'a [EpochRecord]);

/// A contrast: what is over what, by the levels of the factor that it is of, and the weight of each place.
struct Contrast {
    effect: Effect,
    head: &'static str,
    base: &'static str,
    weights: &'static [(Factors, f64)],
}

const fn place(style: Style, event_loop: EventLoop) -> Factors {
    Factors { style, event_loop }
}

const CALLBACKS_LIBUV: Factors = place(Style::Callbacks, EventLoop::Libuv);
const CALLBACKS_ASYNCIO: Factors = place(Style::Callbacks, EventLoop::Asyncio);
const COROUTINES_LIBUV: Factors = place(Style::Coroutines, EventLoop::Libuv);
const COROUTINES_ASYNCIO: Factors = place(Style::Coroutines, EventLoop::Asyncio);
const COROUTINES_SINGLE: Factors = place(Style::Coroutines, EventLoop::TokioSingle);
const COROUTINES_STEALING: Factors = place(Style::Coroutines, EventLoop::TokioStealing);

const CONTRASTS: [Contrast; 5] = [
    Contrast {
        effect: Effect::Style,
        head: "coroutines",
        base: "callbacks",
        weights: &[
            (CALLBACKS_LIBUV, -0.5),
            (CALLBACKS_ASYNCIO, -0.5),
            (COROUTINES_LIBUV, 0.5),
            (COROUTINES_ASYNCIO, 0.5),
        ],
    },
    Contrast {
        effect: Effect::Loop,
        head: "asyncio",
        base: "libuv",
        weights: &[
            (CALLBACKS_LIBUV, -0.5),
            (CALLBACKS_ASYNCIO, 0.5),
            (COROUTINES_LIBUV, -0.5),
            (COROUTINES_ASYNCIO, 0.5),
        ],
    },
    Contrast {
        effect: Effect::Interaction,
        head: "coroutines / callbacks on asyncio",
        base: "coroutines / callbacks on libuv",
        weights: &[
            (CALLBACKS_LIBUV, 1.0),
            (CALLBACKS_ASYNCIO, -1.0),
            (COROUTINES_LIBUV, -1.0),
            (COROUTINES_ASYNCIO, 1.0),
        ],
    },
    // The two loops are equals here, and tokio's is a third one: what it adds is measured from where they are on average.
    Contrast {
        effect: Effect::Scheduler,
        head: "tokio-single",
        base: "libuv, asyncio",
        weights: &[
            (COROUTINES_LIBUV, -0.5),
            (COROUTINES_ASYNCIO, -0.5),
            (COROUTINES_SINGLE, 1.0),
        ],
    },
    Contrast {
        effect: Effect::WorkStealing,
        head: "tokio-stealing",
        base: "tokio-single",
        weights: &[(COROUTINES_SINGLE, -1.0), (COROUTINES_STEALING, 1.0)],
    },
];

/// Every effect whose targets were all measured, in the order of [`Effect`].
pub fn effects(targets: &[TargetRecord], policy: &Policy) -> Vec<EffectRecord> {
    let placed = targets.iter().filter_map(|target| {
        let factors = target.manifest.factors?;
        Some((target.name.as_str(), factors, target.epochs.as_slice()))
    });
    effects_of(&placed.collect::<Vec<_>>(), workload_of(targets), policy)
}

/// The same of epochs alone.
pub fn effects_of(
    placed: &[Placed<'_>],
    workload: WorkloadKind,
    policy: &Policy,
) -> Vec<EffectRecord> {
    let effect = |contrast: &Contrast| {
        let weighted: Vec<(&Placed<'_>, f64)> = contrast
            .weights
            .iter()
            .map(|&(factors, weight)| Some((the_one(placed, factors)?, weight)))
            .collect::<Option<_>>()?;
        let (mut comparisons, not_compared) = compare::each_metric(workload, policy, |metric| {
            let (base, head) = sides(&weighted, metric);
            compare::compare(&base, &head, metric, policy)
        });
        for comparison in &mut comparisons {
            contrast.head.clone_into(&mut comparison.head);
            contrast.base.clone_into(&mut comparison.base);
        }
        let weights = weighted.iter();
        Some(EffectRecord {
            effect: contrast.effect,
            weights: weights
                .map(|((name, ..), weight)| ((*name).to_owned(), *weight))
                .collect(),
            comparisons,
            not_compared,
        })
    };
    CONTRASTS.iter().filter_map(effect).collect()
}

/// The target that stands there, if it is alone.
fn the_one<'a, 'b>(placed: &'b [Placed<'a>], factors: Factors) -> Option<&'b Placed<'a>> {
    let mut there = placed.iter().filter(|(_, of, _)| *of == factors);
    there.next().filter(|_| there.next().is_none())
}

/// What counts against the contrast and what counts for it in each block, as base and head: the product of the targets' values, each
/// to the power of its weight. None where a target has none.
fn sides(weighted: &[(&Placed<'_>, f64)], metric: Metric) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let values: Vec<(BTreeMap<u32, f64>, f64)> = weighted
        .iter()
        .map(|((.., epochs), weight)| (block_values(epochs, metric), *weight))
        .collect();
    let epochs = weighted.iter().flat_map(|((.., epochs), _)| *epochs);
    let blocks: BTreeSet<u32> = epochs.map(|epoch| epoch.block).collect();
    let side = |is_of_side: fn(f64) -> bool| {
        let product = |block: &u32| {
            let of_side = values.iter().filter(|(_, weight)| is_of_side(*weight));
            let logs = of_side.map(|(values, weight)| Some(values.get(block)?.ln() * weight.abs()));
            logs.sum::<Option<f64>>().map(f64::exp)
        };
        blocks.iter().map(product).collect()
    };
    (side(|weight| weight < 0.0), side(|weight| weight > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::accounting::Accounting;
    use model::record::comparison::Comparison;
    use model::record::verdict::ComparisonVerdict;

    const CPU: Metric = Metric::ServerCpuUsPerRequest;
    const GRID: [Factors; 6] = [
        CALLBACKS_LIBUV,
        COROUTINES_LIBUV,
        CALLBACKS_ASYNCIO,
        COROUTINES_ASYNCIO,
        COROUTINES_SINGLE,
        COROUTINES_STEALING,
    ];

    /// Ten blocks of a target in which one metric is the same but for a spread, whose alternating sign keeps it centred.
    fn epochs(value: f64, spread: f64) -> Vec<EpochRecord> {
        let epoch = |block: u32| {
            let sign = if block.is_multiple_of(2) { 1.0 } else { -1.0 };
            EpochRecord {
                round: block,
                block,
                position: 0,
                started_s: 0.0,
                duration_s: 1.0,
                requests: Accounting::default(),
                by_request: Vec::new(),
                metrics: [(CPU.name().to_owned(), value * (spread * sign).exp())].into(),
                services_cpu_s: std::collections::BTreeMap::new(),
                loops: None,
            }
        };
        (0..10).map(epoch).collect()
    }

    fn of(targets: &[(&str, Factors, Vec<EpochRecord>)]) -> Vec<EffectRecord> {
        let placed: Vec<Placed<'_>> = targets
            .iter()
            .map(|(name, factors, epochs)| (*name, *factors, epochs.as_slice()))
            .collect();
        effects_of(&placed, WorkloadKind::Requests, &Policy::usual(1))
    }

    /// The effects of targets of these values, in the order of [`GRID`].
    fn of_values(values: &[f64]) -> Vec<EffectRecord> {
        let names = ["cl", "kl", "ca", "ka", "t1", "ts"];
        let targets = names.into_iter().zip(GRID).zip(values);
        let targets = targets.map(|((name, factors), value)| (name, factors, epochs(*value, 0.01)));
        of(&targets.collect::<Vec<_>>())
    }

    fn ratios(effects: &[EffectRecord]) -> Vec<(Effect, f64)> {
        let of_cpu = |effect: &EffectRecord| (effect.effect, effect.of(CPU).unwrap().ratio);
        effects.iter().map(of_cpu).collect()
    }

    fn check(values: &[f64], expected: &[(Effect, f64)]) {
        let found = ratios(&of_values(values));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((effect, ratio), (wanted, truth)) in found.iter().zip(expected) {
            assert!(
                effect == wanted && (ratio / truth - 1.0).abs() < 1e-9,
                "{found:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn each_factor_is_found_where_the_others_are_and_are_not() {
        use Effect::{Interaction, Loop, Scheduler, Style, WorkStealing};
        // The style alone; the loop alone; both, without an interaction.
        check(
            &[10.0, 12.0, 10.0, 12.0],
            &[(Style, 1.2), (Loop, 1.0), (Interaction, 1.0)],
        );
        check(
            &[10.0, 10.0, 15.0, 15.0],
            &[(Style, 1.0), (Loop, 1.5), (Interaction, 1.0)],
        );
        check(
            &[10.0, 12.0, 15.0, 18.0],
            &[(Style, 1.2), (Loop, 1.5), (Interaction, 1.0)],
        );
        // The style costs 10 % on one loop and 40 % on the other: its figure is the mean of both.
        let style = (1.1_f64 * 1.4).sqrt();
        check(
            &[10.0, 11.0, 10.0, 14.0, 10.0, 9.0],
            &[
                (Style, style),
                (Loop, (14.0_f64 / 11.0).sqrt()),
                (Interaction, 1.4 / 1.1),
                (Scheduler, 10.0 / (11.0_f64 * 14.0).sqrt()),
                (WorkStealing, 0.9),
            ],
        );
    }

    #[test]
    fn weights_add_up_to_nothing_so_that_a_slow_block_cancels() {
        for contrast in &CONTRASTS {
            let sum: f64 = contrast.weights.iter().map(|(_, weight)| weight).sum();
            assert!(sum.abs() < f64::EPSILON, "{:?}", contrast.effect);
        }
        // Every target is slower by a third in the second half, and the effects are as sharp as before.
        let slowed = |value| {
            let mut epochs = epochs(value, 0.0);
            for epoch in epochs.iter_mut().skip(5) {
                *epoch.metrics.get_mut(CPU.name()).unwrap() *= 4.0 / 3.0;
            }
            epochs
        };
        let effects = of(&[
            ("cl", CALLBACKS_LIBUV, slowed(10.0)),
            ("kl", COROUTINES_LIBUV, slowed(12.0)),
            ("ca", CALLBACKS_ASYNCIO, slowed(10.0)),
            ("ka", COROUTINES_ASYNCIO, slowed(12.0)),
        ]);
        let style = effects[0].of(CPU).unwrap();
        assert!(style.ci_high / style.ci_low < 1.0 + 1e-9, "{style:?}");
        assert_eq!(style.verdict, ComparisonVerdict::More);
    }

    #[test]
    fn an_effect_without_all_its_targets_is_not_there() {
        use Effect::{Scheduler, WorkStealing};
        let names = |places: &[usize]| {
            let target = |place: &usize| ("any", GRID[*place], epochs(10.0, 0.0));
            let effects = of(&places.iter().map(target).collect::<Vec<_>>());
            effects
                .iter()
                .map(|effect| effect.effect)
                .collect::<Vec<_>>()
        };
        assert!(names(&[]).is_empty() && names(&[0, 1, 2]).is_empty());
        assert_eq!(names(&[4, 5]), [WorkStealing]);
        assert_eq!(names(&[1, 3, 4]), [Scheduler]);
        assert_eq!(names(&[0, 1, 2, 3, 4, 5]).len(), CONTRASTS.len());
        // Two in one place: which of them was meant?
        assert_eq!(names(&[0, 0, 1, 2, 3, 4, 5]), [Scheduler, WorkStealing]);
    }

    #[test]
    fn what_is_of_the_record_is_named_and_weighed() {
        let effects = of_values(&[10.0, 12.0, 10.0, 12.0]);
        let style = &effects[0];
        let weights = [("ca", -0.5), ("cl", -0.5), ("ka", 0.5), ("kl", 0.5)];
        assert_eq!(
            style.weights,
            weights
                .map(|(name, weight)| (name.to_owned(), weight))
                .into()
        );
        let Comparison { base, head, .. } = style.of(CPU).unwrap();
        assert_eq!((base.as_str(), head.as_str()), ("callbacks", "coroutines"));
        // What the epochs have not is named, and why.
        let known = style.comparisons.len() + style.not_compared.len();
        assert_eq!(known, Metric::of_workload(WorkloadKind::Requests).len());
        assert_eq!(style.comparisons.len(), 1);
    }

    #[test]
    fn a_pair_by_itself_has_the_figures_of_a_pair() {
        let [single, stealing] = [epochs(10.0, 0.02), epochs(11.0, 0.01)];
        let policy = Policy::usual(1);
        let (pair, _) = compare::compare_pair(&single, &stealing, WorkloadKind::Requests, &policy);
        let effects = of(&[
            ("a", COROUTINES_SINGLE, single),
            ("b", COROUTINES_STEALING, stealing),
        ]);
        let effect = effects[0].of(CPU).unwrap();
        assert!((effect.ratio / pair[0].ratio - 1.0).abs() < 1e-12);
        assert!((effect.ci_low / pair[0].ci_low - 1.0).abs() < 1e-12);
        assert_eq!(effect.verdict, pair[0].verdict);
    }

    #[test]
    fn blocks_that_one_target_lacks_count_for_nobody() {
        let mut cut_off = epochs(10.0, 0.01);
        cut_off.truncate(7);
        let effects = of(&[
            ("t1", COROUTINES_SINGLE, epochs(10.0, 0.01)),
            ("ts", COROUTINES_STEALING, cut_off),
        ]);
        assert_eq!(effects[0].of(CPU).unwrap().blocks, 7);
    }
}
