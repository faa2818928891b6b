//! Comparing two targets: paired, block by block, without assuming a distribution.
//!
//! The unit is the block, not the request: within a block both targets were measured alternately, so that the machine's
//! drift cancels, and a block gives one paired difference of logarithms a metric. If the targets were alike, each
//! difference could as well have had the other sign: that is what [`stats::sign_flip`] tests, and the interval is
//! made of the ratios that it would not reject.
//!
//! Everything here is a function of slices, a policy and its seed.

use std::collections::BTreeMap;

use thiserror::Error;

use model::measured::workload::WorkloadKind;
use model::record::comparison::{ALPHA, Comparison, NotCompared, Reason};
use model::record::metric::Metric;
use model::record::run::workload_of;
use model::record::target::{EpochRecord, TargetRecord};
use model::record::verdict::ComparisonVerdict;
use model::record::warning::{Fact, Warning};
use stats::distribution::{student_t_quantile, variance};
use stats::dominance::cliffs_delta;
use stats::sign_flip::sign_flip;

/// The most blocks that are compared.
pub const MAX_BLOCKS: usize = 10_000;
/// Values beyond these are taken for a broken measurement and left out. Within them no ratio or interval overflows.
pub const USABLE: std::ops::RangeInclusive<f64> = 1e-60..=1e60;
/// The power that the smallest detectable difference is stated for.
pub const POWER: f64 = 0.8;

/// When a difference counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// δ: above 0, at most 1.
    margin: f64,
    /// α: from 0.001, which the random flips can still resolve, to 0.5.
    alpha: f64,
    /// Seeds the random flips.
    seed: u64,
}

impl Policy {
    /// The usual policy: a margin of 5 % and an α of [`ALPHA`].
    pub fn usual(seed: u64) -> Self {
        Self {
            margin: 0.05,
            alpha: ALPHA,
            seed,
        }
    }

    /// A policy of one's own.
    ///
    /// `margin`: ratios from 1/(1 + margin) to 1 + margin don't matter; above 0, at most 1.
    /// `alpha`: how often targets that are alike may be called different; 0.001 to 0.5.
    pub fn new(margin: f64, alpha: f64, seed: u64) -> Result<Self, PolicyError> {
        if !(margin > 0.0 && margin <= 1.0) {
            return Err(PolicyError::Margin { margin });
        }
        if !(0.001..=0.5).contains(&alpha) {
            return Err(PolicyError::Alpha { alpha });
        }
        Ok(Self {
            margin,
            alpha,
            seed,
        })
    }

    /// The margin δ.
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// The level α.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The seed of what is random in tests and intervals.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PolicyError {
    /// A margin out of range.
    #[error("a margin must be above 0 and at most 1, not {margin}: 0.05 stands for 5 %")]
    Margin {
        /// The margin.
        margin: f64,
    },
    /// A level out of range.
    #[error(
        "a level must be from 0.001 to 0.5, not {alpha}: 0.05 stands for one false alarm in twenty"
    )]
    Alpha {
        /// The level.
        alpha: f64,
    },
}

/// A warning for each target and reason, which names all metrics that it holds for.
///
/// `not_compared`: with the name of its target each.
pub fn left_out(not_compared: &[(String, NotCompared)]) -> Vec<Warning> {
    let mut reasons: Vec<(&str, Reason, Vec<Metric>)> = Vec::new();
    for (target, NotCompared { metric, reason }) in not_compared {
        let same = |(of, other, _): &&mut (&str, Reason, _)| of == target && other == reason;
        match reasons.iter_mut().find(same) {
            Some((.., metrics)) => metrics.push(*metric),
            None => reasons.push((target, *reason, vec![*metric])),
        }
    }
    let warning = |(target, reason, metrics): (&str, Reason, Vec<Metric>)| {
        Warning::note(Fact::NotCompared { metrics, reason }).about(target)
    };
    reasons.into_iter().map(warning).collect()
}

/// Compares every target with the first, metric by metric, and adjusts the p-values of each pair over its metrics.
///
/// Returns the comparisons that a run record carries, and what could not be compared, with the name of the target.
pub fn compare_targets(
    targets: &[TargetRecord],
    policy: &Policy,
) -> (Vec<Comparison>, Vec<(String, NotCompared)>) {
    let Some((base, heads)) = targets.split_first() else {
        return (Vec::new(), Vec::new());
    };
    let workload = workload_of(targets);
    let mut compared = Vec::new();
    let mut not_compared = Vec::new();
    for head in heads {
        let (pair, reasons) = compare_pair(&base.epochs, &head.epochs, workload, policy);
        let reasons = reasons.iter().map(|reason| why([base, head], reason));
        compared.extend(pair.into_iter().map(|comparison| Comparison {
            base: base.name.clone(),
            head: head.name.clone(),
            ..comparison
        }));
        not_compared.extend(reasons.map(|reason| (head.name.clone(), reason)));
    }
    (compared, not_compared)
}

/// Why a metric of two targets was not compared, where that is not only for want of time: a longer plan helps neither a target that
/// failed, nor one whose cost can't be known.
pub fn why(pair: [&TargetRecord; 2], not_compared: &NotCompared) -> NotCompared {
    let NotCompared { metric, reason } = *not_compared;
    let is_short = matches!(
        reason,
        Reason::TooFewBlocks { .. } | Reason::TooFewOfEach { .. }
    );
    let is_cost = matches!(
        metric,
        Metric::ServerCpuUsPerRequest | Metric::ServerRssBytesMax
    );
    let is_unknown = |target: &TargetRecord| {
        let mut epochs = target.epochs.iter();
        !epochs.any(|epoch| epoch.metrics.contains_key(metric.name()))
    };
    let reason = match () {
        () if !is_short => reason,
        () if pair.iter().any(|target| target.failure.is_some()) => Reason::TargetFailed,
        () if is_cost && pair.into_iter().any(is_unknown) => Reason::NotWatched,
        () => reason,
    };
    NotCompared { metric, reason }
}

/// Compares two targets whose epochs were measured in turn, metric by metric, with the p-values adjusted over the metrics.
///
/// Target names are empty. Returns the comparisons in the order of [`Metric::with_optional`], and what could not be compared.
pub fn compare_pair(
    base: &[EpochRecord],
    head: &[EpochRecord],
    workload: WorkloadKind,
    policy: &Policy,
) -> (Vec<Comparison>, Vec<NotCompared>) {
    each_metric(workload, policy, |metric| {
        let (base_blocks, head_blocks) = paired_blocks(base, head, metric);
        compare(&base_blocks, &head_blocks, metric, policy)
    })
}

/// Compares metric by metric, with the p-values adjusted over the metrics: the comparisons, and what could not be compared.
pub(crate) fn each_metric(
    workload: WorkloadKind,
    policy: &Policy,
    compare: impl Fn(Metric) -> Result<Comparison, NotCompared>,
) -> (Vec<Comparison>, Vec<NotCompared>) {
    let mut compared = Vec::new();
    let mut not_compared = Vec::new();
    for metric in Metric::with_optional(workload) {
        match compare(metric) {
            Ok(comparison) => compared.push(comparison),
            Err(_) if Metric::OPTIONAL.contains(&metric) => {}
            Err(reason) => not_compared.push(reason),
        }
    }
    holm(&mut compared, policy);
    (compared, not_compared)
}

/// Compares one metric of two targets.
///
/// `base_blocks`, `head_blocks`: the metric's value in each block, in its own unit, of equal length; `None` where a target
/// has none. Blocks in which either value is missing, zero, negative or not finite are left out. Target names are empty,
/// and the p-value and the verdict not yet adjusted for other metrics: see [`holm`].
pub fn compare(
    base_blocks: &[Option<f64>],
    head_blocks: &[Option<f64>],
    metric: Metric,
    policy: &Policy,
) -> Result<Comparison, NotCompared> {
    assert_eq!(
        base_blocks.len(),
        head_blocks.len(),
        "both targets have the same blocks"
    );
    let blocks = base_blocks.len();
    if blocks > MAX_BLOCKS {
        let reason = Reason::TooManyBlocks {
            blocks,
            most: MAX_BLOCKS,
        };
        return Err(NotCompared { metric, reason });
    }
    let (base, head) = usable_pairs(base_blocks, head_blocks);
    let differences = log_ratios(&base, &head);
    let needed = min_blocks(policy.alpha, 1) as usize;
    if differences.len() < needed {
        let reason = Reason::TooFewBlocks {
            paired: differences.len(),
            blocks,
            needed,
        };
        return Err(NotCompared { metric, reason });
    }
    let test = sign_flip(&differences, policy.alpha, policy.seed);
    let comparison = Comparison {
        metric,
        base: String::new(),
        head: String::new(),
        ratio: test.mean.exp(),
        ci_low: test.interval.low.exp(),
        ci_high: test.interval.high.exp(),
        p_value: test.p_value,
        smallest_detectable: minimal_detectable(
            variance(&differences).sqrt(),
            differences.len(),
            policy.alpha,
        )
        .exp_m1(),
        verdict: ComparisonVerdict::Inconclusive,
        blocks: u32::try_from(differences.len()).expect("at most MAX_BLOCKS"),
        cliffs_delta: cliffs_delta(&base, &head),
    };
    Ok(judged(comparison, policy))
}

/// Adjusts p-values over the given comparisons by Holm's step-down method (Holm, *A simple sequentially rejective multiple
/// test procedure*, Scandinavian Journal of Statistics 6, 1979), and the verdicts with them.
pub fn holm(comparisons: &mut [Comparison], policy: &Policy) {
    let count = comparisons.len();
    let mut ascending: Vec<&mut Comparison> = comparisons.iter_mut().collect();
    ascending.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    let mut largest = 0.0_f64;
    for (index, comparison) in ascending.into_iter().enumerate() {
        largest = largest.max((comparison.p_value * (count - index) as f64).min(1.0));
        comparison.p_value = largest;
        comparison.verdict = verdict(comparison, policy);
    }
}

/// The fewest blocks with which the smallest of `metrics` p-values can reach `alpha` at all, after Holm's adjustment:
/// the exact two-sided test over n blocks has no p-value below 2/2^n.
pub fn min_blocks(alpha: f64, metrics: usize) -> u32 {
    let patterns = 2.0 * metrics.max(1) as f64 / alpha;
    (1..64)
        .find(|&blocks| 2.0_f64.powi(blocks) > patterns)
        .map_or(64, i32::unsigned_abs)
}

/// The differences of logarithms, head less base, of the blocks in which both have a usable value.
pub fn differences(base: &[EpochRecord], head: &[EpochRecord], metric: Metric) -> Vec<f64> {
    let (base, head) = paired_blocks(base, head, metric);
    let (base, head) = usable_pairs(&base, &head);
    log_ratios(&base, &head)
}

/// The two figures, base and head, whose quotient is a comparison's ratio: each the geometric mean over the blocks in which both have
/// a usable value, in the metric's unit; none where there is no such block.
pub fn paired_figures(
    base: &[EpochRecord],
    head: &[EpochRecord],
    metric: Metric,
) -> Option<[f64; 2]> {
    let (base, head) = paired_blocks(base, head, metric);
    let (base, head) = usable_pairs(&base, &head);
    Some([
        mean_of_logs(base.into_iter())?,
        mean_of_logs(head.into_iter())?,
    ])
}

fn usable_pairs(base: &[Option<f64>], head: &[Option<f64>]) -> (Vec<f64>, Vec<f64>) {
    let usable = |value: &Option<f64>| value.filter(|value| USABLE.contains(value));
    let pairs = base.iter().zip(head);
    pairs
        .filter_map(|(base, head)| Some((usable(base)?, usable(head)?)))
        .unzip()
}

fn log_ratios(base: &[f64], head: &[f64]) -> Vec<f64> {
    let pairs = base.iter().zip(head);
    pairs.map(|(base, head)| head.ln() - base.ln()).collect()
}

/// The values of a metric in the blocks of a base and a head, aligned for [`compare`].
pub fn paired_blocks(
    base: &[EpochRecord],
    head: &[EpochRecord],
    metric: Metric,
) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let blocks = base.iter().chain(head).map(|epoch| epoch.block);
    let numbers: std::collections::BTreeSet<u32> = blocks.collect();
    let (base, head) = (block_values(base, metric), block_values(head, metric));
    let aligned = |values: &BTreeMap<u32, f64>| {
        numbers
            .iter()
            .map(|block| values.get(block).copied())
            .collect()
    };
    (aligned(&base), aligned(&head))
}

/// The value of a metric in each block of one target: the geometric mean over its epochs there, in the metric's unit.
///
/// A block is left out where an epoch is missing (the run was interrupted) or has no usable value of the metric: one half
/// of a block alone would carry the drift that the other half cancels.
pub fn block_values(epochs: &[EpochRecord], metric: Metric) -> BTreeMap<u32, f64> {
    let mut logs = BTreeMap::<u32, Vec<Option<f64>>>::new();
    for epoch in epochs {
        let value = epoch
            .metrics
            .get(metric.name())
            .copied()
            .filter(|value| USABLE.contains(value));
        logs.entry(epoch.block)
            .or_default()
            .push(value.map(f64::ln));
    }
    let full = logs.values().map(Vec::len).max().unwrap_or(0);
    logs.into_iter()
        .filter(|(_, logs)| logs.len() == full)
        .filter_map(|(block, logs)| {
            let sum: f64 = logs.into_iter().sum::<Option<f64>>()?;
            Some((block, (sum / full as f64).exp()))
        })
        .collect()
}

/// The geometric mean over blocks; none of none.
pub fn geometric_mean(blocks: &BTreeMap<u32, f64>) -> Option<f64> {
    mean_of_logs(blocks.values().copied())
}

fn mean_of_logs(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    let logs: f64 = values.map(f64::ln).sum();
    (count > 0).then(|| (logs / count as f64).exp())
}

/// The comparison with the verdict that its figures imply.
pub(crate) fn judged(comparison: Comparison, policy: &Policy) -> Comparison {
    Comparison {
        verdict: verdict(&comparison, policy),
        ..comparison
    }
}

/// *Faster* and *slower* (for a cost *less* and *more*) where the adjusted p-value is below α and the whole interval lies
/// beyond the margin; *equivalent* where all of it lies within; *inconclusive* otherwise. The margin is taken on the
/// logarithm, 1/(1 + δ) to 1 + δ, so that exchanging base and head mirrors the verdict.
pub fn verdict(comparison: &Comparison, policy: &Policy) -> ComparisonVerdict {
    let (low, high) = (1.0 / (1.0 + policy.margin), 1.0 + policy.margin);
    let significant = comparison.p_value < policy.alpha;
    if comparison.ci_low >= low && comparison.ci_high <= high {
        return ComparisonVerdict::Equivalent;
    }
    let rises = comparison.ci_low > high;
    if significant && (rises || comparison.ci_high < low) {
        comparison.metric.direction().difference(rises)
    } else {
        ComparisonVerdict::Inconclusive
    }
}

/// The smallest difference of logarithms that a two-sided test at `alpha` detects with [`POWER`]: the standard error times
/// the sum of both quantiles of Student's t (Bloom, *Minimum detectable effects*, Evaluation Review 19, 1995).
///
/// `deviation`: the standard deviation of the blocks' differences. `blocks`: at least two.
///
/// An approximation: it takes the sign-flip test for as powerful as the t-test, which it is for differences that are nearly
/// normal, and takes no account of the adjustment over several metrics.
pub fn minimal_detectable(deviation: f64, blocks: usize, alpha: f64) -> f64 {
    let freedom = blocks - 1;
    let quantiles =
        student_t_quantile(1.0 - alpha / 2.0, freedom) + student_t_quantile(POWER, freedom);
    quantiles * deviation / (blocks as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::accounting::Accounting;
    use model::measured::clock::Clock;
    use model::record::metric::Rank;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        base: Vec<f64>,
        head: Vec<f64>,
        ratio: f64,
        ci_low: f64,
        ci_high: f64,
        p_value: f64,
        smallest_detectable: f64,
    }

    /// What SciPy says; see `tests/reference/compare.py`.
    fn reference() -> Reference {
        serde_json::from_str(include_str!("../tests/reference/compare.json")).unwrap()
    }

    const TIME: Metric = Metric::RESPONSE_TIME_P50;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    fn compared(base: &[f64], head: &[f64], metric: Metric) -> Comparison {
        compare(&some(base), &some(head), metric, &Policy::usual(1)).unwrap()
    }

    /// Ten blocks around a ratio, with a spread that the alternating sign keeps centred.
    fn around(ratio: f64, spread: f64) -> (Vec<f64>, Vec<f64>) {
        let sign = |block| if block % 2 == 0 { 1.0 } else { -1.0 };
        let head = (0..10)
            .map(|block| 100.0 * ratio * (spread * sign(block)).exp())
            .collect();
        (vec![100.0; 10], head)
    }

    fn verdict_at(ratio: f64, spread: f64, metric: Metric) -> ComparisonVerdict {
        let (base, head) = around(ratio, spread);
        compared(&base, &head, metric).verdict
    }

    #[test]
    fn figures_agree_with_scipy() {
        for case in reference().cases {
            let ours = compared(&case.base, &case.head, TIME);
            let pairs = [
                ("ratio", ours.ratio, case.ratio),
                ("ci_low", ours.ci_low, case.ci_low),
                ("ci_high", ours.ci_high, case.ci_high),
                ("p_value", ours.p_value, case.p_value),
                (
                    "smallest_detectable",
                    ours.smallest_detectable,
                    case.smallest_detectable,
                ),
            ];
            for (field, ours, theirs) in pairs {
                assert!(
                    (ours / theirs - 1.0).abs() < 1e-9,
                    "{}: {field} is {ours}, SciPy says {theirs}",
                    case.name
                );
            }
        }
    }

    #[test]
    fn the_same_target_twice_is_called_different_in_few_runs() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let runs = 300;
        let policy = Policy::usual(1);
        let mut alarms = 0_u32;
        for _ in 0..runs {
            let mut pair: Vec<Comparison> = Metric::of_workload(WorkloadKind::Requests)
                .iter()
                .map(|&metric| {
                    let mut blocks = || {
                        (0..10)
                            .map(|_| Some((0.1 * normal(&mut random)).exp()))
                            .collect::<Vec<_>>()
                    };
                    compare(&blocks(), &blocks(), metric, &policy).unwrap()
                })
                .collect();
            holm(&mut pair, &policy);
            let different = |comparison: &Comparison| comparison.verdict.is_different();
            alarms += u32::from(pair.iter().any(different));
        }
        assert!(
            f64::from(alarms) / f64::from(runs) <= 0.05,
            "{alarms} of {runs} runs"
        );
    }

    #[test]
    fn a_real_difference_is_found_as_often_as_the_minimal_detectable_effect_says() {
        let (blocks, spread, runs) = (10, 0.05, 400_u32);
        let effect = minimal_detectable(spread, blocks, 0.05);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
        let found = (0..runs)
            .filter(|_| {
                let differences: Vec<f64> = (0..blocks)
                    .map(|_| effect + spread * normal(&mut random))
                    .collect();
                sign_flip(&differences, 0.05, 1).p_value <= 0.05
            })
            .count();
        // 80 %, within four standard errors and what the approximation leaves out.
        let share = found as f64 / f64::from(runs);
        assert!((0.68..=0.90).contains(&share), "{share}");
    }

    #[test]
    fn verdicts_say_faster_for_less_time_and_for_more_throughput_and_less_for_cost() {
        use ComparisonVerdict::{Equivalent, Faster, Inconclusive, Less, More, Slower};
        let rate = Metric::ThroughputPerS;
        let cost = Metric::ServerCpuUsPerRequest;
        let cases = [
            (0.8, 0.01, TIME, Faster),
            (1.25, 0.01, TIME, Slower),
            (0.8, 0.01, rate, Slower),
            (1.25, 0.01, rate, Faster),
            (0.8, 0.01, cost, Less),
            (1.25, 0.01, cost, More),
            (1.02, 0.01, TIME, Equivalent),
            // Certain, but within the margin; beyond it, but uncertain; across it.
            (1.04, 0.001, TIME, Equivalent),
            (1.25, 0.5, TIME, Inconclusive),
            (1.05, 0.01, TIME, Inconclusive),
            // Without any spread the answer is plain.
            (1.0, 0.0, TIME, Equivalent),
            (2.0, 0.0, TIME, Slower),
        ];
        for (ratio, spread, metric, expected) in cases {
            assert_eq!(
                verdict_at(ratio, spread, metric),
                expected,
                "ratio {ratio}, spread {spread}, {metric:?}"
            );
        }
    }

    #[test]
    fn what_is_equivalent_and_yet_certainly_different_is_slight() {
        use ComparisonVerdict::{Faster, Less, More, Slower};
        let rate = Metric::ThroughputPerS;
        let cost = Metric::ServerCpuUsPerRequest;
        let cases = [
            (1.03, 0.001, TIME, Some(Slower)),
            (0.97, 0.001, TIME, Some(Faster)),
            (1.03, 0.001, rate, Some(Faster)),
            (0.97, 0.001, rate, Some(Slower)),
            (1.03, 0.001, cost, Some(More)),
            (0.97, 0.001, cost, Some(Less)),
            // Its interval reaches nearer to equality than the bound.
            (1.012, 0.01, TIME, None),
            // Beyond the margin it is a verdict of its own.
            (1.25, 0.001, TIME, None),
        ];
        for (ratio, spread, metric, expected) in cases {
            let (base, head) = around(ratio, spread);
            let comparison = compared(&base, &head, metric);
            assert_eq!(
                comparison.slight(),
                expected,
                "ratio {ratio}, spread {spread}: {comparison:?}"
            );
        }
        let (base, head) = around(1.03, 0.001);
        let at = |ci_low| {
            Comparison {
                ci_low,
                ..compared(&base, &head, TIME)
            }
            .slight()
        };
        assert_eq!((at(1.01), at(1.0099)), (Some(Slower), None));
        // However narrow the interval, what the test can't reject is not certain.
        let unsure = Comparison {
            p_value: ALPHA,
            ..compared(&base, &head, TIME)
        };
        assert_eq!(
            (unsure.verdict, unsure.slight()),
            (ComparisonVerdict::Equivalent, None)
        );
    }

    #[test]
    fn a_seventh_metric_can_still_be_significant_with_nine_blocks_and_not_with_eight() {
        assert_eq!((min_blocks(0.05, 1), min_blocks(0.05, 7)), (6, 9));
        let policy = Policy::usual(1);
        let smallest = |blocks: usize| {
            let mut pair: Vec<Comparison> = Metric::of_workload(WorkloadKind::Requests)
                .iter()
                .map(|&metric| {
                    compare(
                        &vec![Some(1.0); blocks],
                        &vec![Some(2.0); blocks],
                        metric,
                        &policy,
                    )
                    .unwrap()
                })
                .collect();
            holm(&mut pair, &policy);
            pair[0].p_value
        };
        assert!(smallest(8) > 0.05);
        assert!(smallest(9) < 0.05);
    }

    #[test]
    fn holm_adjusts_as_by_hand() {
        let one = compared(&[1.0; 6], &[2.0; 6], TIME);
        // Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, each at least the one before: 0.04, 0.06, 0.06, 0.06.
        let mut comparisons = [0.04, 0.01, 0.03, 0.02].map(|p_value| Comparison {
            p_value,
            ..one.clone()
        });
        holm(&mut comparisons, &Policy::usual(1));
        for (comparison, expected) in comparisons.iter().zip([0.06, 0.04, 0.06, 0.06]) {
            assert!(
                (comparison.p_value - expected).abs() < 1e-12,
                "{}",
                comparison.p_value
            );
        }
        let verdicts = comparisons.map(|comparison| comparison.verdict);
        assert_eq!(
            verdicts,
            [
                ComparisonVerdict::Inconclusive,
                ComparisonVerdict::Slower,
                ComparisonVerdict::Inconclusive,
                ComparisonVerdict::Inconclusive
            ]
        );
        let mut capped = [0.9, 0.8].map(|p_value| Comparison {
            p_value,
            ..one.clone()
        });
        holm(&mut capped, &Policy::usual(1));
        assert!(
            capped
                .iter()
                .all(|comparison| (comparison.p_value - 1.0).abs() < f64::EPSILON)
        );
        holm(&mut [], &Policy::usual(1));
    }

    #[test]
    fn five_blocks_can_never_reject_so_they_are_not_compared() {
        assert_eq!(
            compare(&[Some(1.0); 5], &[Some(2.0); 5], TIME, &Policy::usual(1))
                .unwrap_err()
                .reason,
            Reason::TooFewBlocks {
                paired: 5,
                blocks: 5,
                needed: 6
            }
        );
        assert_eq!(compared(&[1.0; 6], &[2.0; 6], TIME).blocks, 6);
    }

    #[test]
    fn values_without_a_logarithm_are_left_out_and_counted() {
        let mut base = some(&[1.0; 13]);
        for (block, bad) in [
            None,
            Some(0.0),
            Some(-1.0),
            Some(f64::NAN),
            Some(f64::INFINITY),
            Some(1e61),
            Some(1e-61),
        ]
        .into_iter()
        .enumerate()
        {
            base[block] = bad;
        }
        let head = some(&[1.0; 13]);
        assert_eq!(
            compare(&base, &head, TIME, &Policy::usual(1))
                .unwrap()
                .blocks,
            6
        );
        assert_eq!(
            compare(&head[..12], &base[..12], TIME, &Policy::usual(1)),
            Err(NotCompared {
                metric: TIME,
                reason: Reason::TooFewBlocks {
                    paired: 5,
                    blocks: 12,
                    needed: 6,
                },
            })
        );
    }

    #[test]
    fn blocks_are_bounded() {
        let most = vec![Some(1.0); MAX_BLOCKS];
        assert_eq!(
            compare(&most, &most, TIME, &Policy::usual(1))
                .unwrap()
                .verdict,
            ComparisonVerdict::Equivalent
        );
        let more = vec![Some(1.0); MAX_BLOCKS + 1];
        assert_eq!(
            compare(&more, &more, TIME, &Policy::usual(1)),
            Err(NotCompared {
                metric: TIME,
                reason: Reason::TooManyBlocks {
                    blocks: MAX_BLOCKS + 1,
                    most: MAX_BLOCKS,
                },
            })
        );
    }

    #[test]
    fn what_could_not_be_compared_is_one_warning_a_target_and_reason() {
        let reason = |paired| Reason::TooFewBlocks {
            paired,
            blocks: 10,
            needed: 6,
        };
        let too_few = |target: &str, metric, paired| {
            let reason = reason(paired);
            (target.to_owned(), NotCompared { metric, reason })
        };
        let p99 = Metric::RESPONSE_TIME_P99;
        let service_p99 = Metric::Time(Clock::ServiceTime, Rank::P99);
        let warning = |target: &str, metrics: &[Metric], paired| {
            let fact = Fact::NotCompared {
                metrics: metrics.to_vec(),
                reason: reason(paired),
            };
            Warning::note(fact).about(target)
        };
        assert_eq!(left_out(&[]), []);
        let all = [
            too_few("node", p99, 5),
            too_few("node", service_p99, 0),
            too_few("fastapi", p99, 0),
            too_few("fastapi", service_p99, 0),
        ];
        assert_eq!(
            left_out(&all),
            [
                warning("node", &[p99], 5),
                warning("node", &[service_p99], 0),
                warning("fastapi", &[p99, service_p99], 0),
            ]
        );
    }

    #[test]
    fn a_policy_is_possible_or_refused() {
        assert!(Policy::new(1.0, 0.5, 1).is_ok() && Policy::new(0.001, 0.001, 1).is_ok());
        for margin in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(
                matches!(
                    Policy::new(margin, 0.05, 1),
                    Err(PolicyError::Margin { .. })
                ),
                "{margin}"
            );
        }
        for alpha in [0.0, 0.0009, 0.51, f64::NAN] {
            assert!(
                matches!(Policy::new(0.05, alpha, 1), Err(PolicyError::Alpha { .. })),
                "{alpha}"
            );
        }
    }

    #[test]
    fn metrics_are_found_by_the_names_that_records_have() {
        for metric in Metric::all() {
            assert_eq!(Metric::named(metric.name()), Ok(metric));
            assert_eq!(
                serde_json::to_string(&metric).unwrap(),
                format!("\"{}\"", metric.name())
            );
        }
        assert_eq!(
            Metric::named("response_time_ns_p98").unwrap_err().nearest,
            Some("response_time_ns_p99")
        );
    }

    fn epoch(block: u32, value: Option<f64>) -> EpochRecord {
        EpochRecord {
            round: 0,
            block,
            position: 0,
            started_s: 0.0,
            duration_s: 1.0,
            requests: Accounting::default(),
            by_request: Vec::new(),
            metrics: value
                .map(|value| (TIME.name().to_owned(), value))
                .into_iter()
                .collect(),
            services_cpu_s: std::collections::BTreeMap::new(),
            loops: None,
        }
    }

    #[test]
    fn a_block_is_the_geometric_mean_of_all_its_epochs_or_nothing() {
        let epochs = [
            epoch(0, Some(2.0)),
            epoch(0, Some(8.0)),
            epoch(1, Some(2.0)),
            epoch(1, None),
            epoch(2, Some(0.0)),
            epoch(2, Some(1.0)),
            epoch(3, Some(5.0)),
        ];
        let values = block_values(&epochs, TIME);
        assert_eq!(values.keys().copied().collect::<Vec<_>>(), [0]);
        assert!((values[&0] - 4.0).abs() < 1e-12);
        let (base, head) = paired_blocks(&epochs, &[epoch(5, Some(1.0))], TIME);
        assert_eq!(
            (base.len(), head.iter().flatten().count(), head.last()),
            (5, 1, Some(&Some(1.0)))
        );
        assert!(block_values(&[], TIME).is_empty());
    }

    proptest! {
        #[test]
        fn exchanging_base_and_head_mirrors_everything(values in prop::collection::vec((1e-60_f64..1e60, 1e-60_f64..1e60), 6..12)) {
            let (base, head): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            let forth = compared(&base, &head, TIME);
            let back = compared(&head, &base, TIME);
            prop_assert!((forth.ratio.ln() + back.ratio.ln()).abs() < 1e-9);
            prop_assert!((forth.ci_low.ln() + back.ci_high.ln()).abs() < 1e-9);
            prop_assert!((forth.p_value - back.p_value).abs() < 1e-12);
            prop_assert!(forth.ci_low <= forth.ratio && forth.ratio <= forth.ci_high);
        }

        #[test]
        fn no_values_make_it_panic_or_overflow(values in prop::collection::vec((any::<Option<f64>>(), any::<Option<f64>>()), 0..20)) {
            let (base, head): (Vec<_>, Vec<_>) = values.into_iter().unzip();
            if let Ok(comparison) = compare(&base, &head, TIME, &Policy::usual(1)) {
                let figures = [comparison.ratio, comparison.ci_low, comparison.ci_high, comparison.p_value, comparison.smallest_detectable];
                prop_assert!(figures.into_iter().all(f64::is_finite), "{comparison:?}");
            }
        }
    }

    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        StandardNormal.sample(random)
    }

    #[test]
    fn each_effort_has_blocks_enough_to_reject_all_metrics_of_any_run() {
        use model::spec::plan::{Effort, Plan, PlanSpec};

        let most = WorkloadKind::ALL
            .map(|workload| Metric::of_workload(workload).len())
            .into_iter()
            .max();
        assert_eq!(most, Some(7));
        for effort in [Effort::Quick, Effort::Default, Effort::Thorough] {
            assert!(
                Plan::new(&PlanSpec::new(effort, 2, 1)).unwrap().blocks() >= min_blocks(0.05, 7)
            );
        }
    }
}
