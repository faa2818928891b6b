//! One metric of one target against another's, and its verdict: what is kept of a comparison.

use serde::{Deserialize, Serialize};

use crate::record::metric::Metric;
use crate::record::verdict::ComparisonVerdict;

/// How often targets that are alike may be called different by default.
pub const ALPHA: f64 = 0.05;

/// The smallest difference that is reported within the margin, as a share: what is smaller is of no use to anybody, however certain.
pub const SLIGHT_FROM: f64 = 0.01;

/// One metric of one target against another's. Ratios are head over base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Comparison {
    /// What was compared.
    pub metric: Metric,
    /// Name of the target compared against.
    pub base: String,
    /// Name of the target compared.
    pub head: String,
    /// Head over base: the geometric mean over the blocks.
    pub ratio: f64,
    /// Lower end of the interval of the ratio, at confidence 1 − α (95 % by default), not adjusted.
    pub ci_low: f64,
    /// Upper end.
    pub ci_high: f64,
    /// Two-sided p-value of the sign-flip test against a ratio of 1; in a run record adjusted by Holm's method over all
    /// metrics of the pair.
    pub p_value: f64,
    /// The smallest detectable difference: what a test like this would have found four times in five, as a share: 0.06 stands for a
    /// ratio of 1.06, or of 1/1.06. Beside *inconclusive* it says how much the run could have missed.
    #[serde(alias = "mde")]
    pub smallest_detectable: f64,
    /// The verdict on it.
    pub verdict: ComparisonVerdict,
    /// How many blocks were paired.
    pub blocks: u32,
    /// Cliff's delta of the blocks' values: 1 where every block of the head lies above every one of the base, −1 below.
    /// Blocks count unpaired here, so that what the machine did between them shows as overlap. `null` in older records.
    #[serde(default)]
    pub cliffs_delta: Option<f64>,
}

impl Comparison {
    /// Which way the head differs where the targets are *equivalent* and yet certainly not equal: the adjusted p-value is below
    /// [`ALPHA`], and the whole interval lies at least [`SLIGHT_FROM`] away from equality. Too little to matter by the margin, and
    /// still not to be called chance.
    pub fn slight(&self) -> Option<ComparisonVerdict> {
        let is_away = self.ci_low >= 1.0 + SLIGHT_FROM || self.ci_high <= 1.0 / (1.0 + SLIGHT_FROM);
        let is_certain = self.p_value < ALPHA && is_away;
        (self.verdict == ComparisonVerdict::Equivalent && is_certain)
            .then(|| self.metric.direction().difference(self.ratio > 1.0))
    }

    /// Whether the interval leaves equality out, whatever the test and the margin make of that.
    pub fn leaves_equality_out(&self) -> bool {
        !(self.ci_low..=self.ci_high).contains(&1.0)
    }
}

/// What was not compared, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct NotCompared {
    /// The metric.
    pub metric: Metric,
    /// Why.
    pub reason: Reason,
}

/// Why a metric was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// Too few blocks in which both targets have the metric.
    TooFewBlocks {
        /// Blocks in which both targets have a usable value.
        paired: usize,
        /// Blocks in all.
        blocks: usize,
        /// Blocks without which no test can reject.
        needed: usize,
    },
    /// Too few blocks of two runs, which no pairing ties together.
    TooFewOfEach {
        /// Blocks of the base with a usable value.
        base: usize,
        /// Blocks of the head.
        head: usize,
        /// Blocks of each without which no test can reject.
        needed: usize,
    },
    /// Too few earlier runs.
    TooFewRuns {
        /// Earlier runs that have it.
        runs: usize,
        /// Runs without which nothing is stated.
        needed: usize,
    },
    /// One of the targets failed before there were enough blocks.
    TargetFailed,
    /// CPU time and memory of a server that bench did not start are not known.
    NotWatched,
    /// More blocks than are compared.
    TooManyBlocks {
        /// Blocks in all.
        blocks: usize,
        /// The most that are compared.
        most: usize,
    },
}
