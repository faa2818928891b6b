//! A target's own figures with how sure they are: what services that follow one number from run to run are given, and what
//! charts draw beside a curve.
//!
//! Such services compare a run with the one before, host and weather included. The interval says how far the blocks of this
//! run lie apart, and nothing of how far two runs do.

use analysis::compare::{block_values, geometric_mean};
use model::record::metric::Metric;
use model::record::target::TargetRecord;
use stats::bootstrap::bca;
use stats::distribution::mean;

/// How often an interval may miss.
const ALPHA: f64 = 0.05;

/// One metric of one target over a whole run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Which.
    pub metric: Metric,
    /// The geometric mean over the blocks, in the metric's unit.
    pub value: f64,
    /// The ends of its 95 % interval; none where there are too few blocks.
    pub interval: Option<(f64, f64)>,
}

/// Every metric of what a target's load times that it has blocks of.
///
/// `seed`: of the random resamples.
pub fn levels(target: &TargetRecord, seed: u64) -> Vec<Level> {
    let metrics = Metric::with_optional(target.report.workload);
    metrics
        .filter_map(|metric| level(target, metric, seed))
        .collect()
}

/// One metric; nothing where no block has it.
pub fn level(target: &TargetRecord, metric: Metric, seed: u64) -> Option<Level> {
    let blocks = block_values(&target.epochs, metric);
    let logs: Vec<f64> = blocks.values().map(|value| value.ln()).collect();
    let interval = bca(&[&logs], ALPHA, seed, |units| mean(&units[0]));
    Some(Level {
        metric,
        value: geometric_mean(&blocks)?,
        interval: interval.map(|interval| (interval.low.exp(), interval.high.exp())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_lies_within_its_interval_and_blocks_decide_whether_it_has_one() {
        let mut target = samples::run_record().targets.remove(0);
        let of_run = levels(&target, 1);
        assert_eq!(
            of_run.len(),
            Metric::of_workload(target.report.workload).len()
        );
        for level in &of_run {
            let (low, high) = level.interval.unwrap();
            assert!(low <= level.value && level.value <= high, "{level:?}");
        }
        target.epochs.retain(|epoch| epoch.block < 2);
        assert!(
            levels(&target, 1)
                .iter()
                .all(|level| level.interval.is_none())
        );
        target.epochs.clear();
        assert_eq!(levels(&target, 1), []);
    }
}
