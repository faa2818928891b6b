//! What a factor of the experiment does, as kept in a record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::comparison::{Comparison, NotCompared};
use crate::record::metric::Metric;

/// One effect, metric by metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct EffectRecord {
    /// Which.
    pub effect: Effect,
    /// The targets that it is computed from: its ratio is the product of their values, each to the power of its weight. Weights
    /// add up to 0.
    pub weights: BTreeMap<String, f64>,
    /// The effect as a ratio, metric by metric; `base` and `head` are levels of the factor, and p-values are adjusted over the
    /// metrics of this effect.
    pub comparisons: Vec<Comparison>,
    /// Metrics without one, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<NotCompared>,
}

/// What is asked of the factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Coroutines over callbacks: the geometric mean over the libuv-shaped and the asyncio-shaped loop.
    Style,
    /// The asyncio-shaped loop over the libuv-shaped one: the geometric mean over both styles.
    Loop,
    /// The style's ratio on the asyncio-shaped loop over that on the libuv-shaped one; as well the loop's ratio under coroutines over
    /// that under callbacks.
    Interaction,
    /// Coroutines on tokio's scheduler for one thread over the geometric mean of the same on the two loops.
    Scheduler,
    /// Coroutines on tokio's work-stealing scheduler over the same on its scheduler for one thread.
    WorkStealing,
}

impl Effect {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Style => "style",
            Self::Loop => "loop",
            Self::Interaction => "interaction",
            Self::Scheduler => "scheduler",
            Self::WorkStealing => "work_stealing",
        }
    }
}

impl EffectRecord {
    /// The comparison of one metric, where there is one.
    pub fn of(&self, metric: Metric) -> Option<&Comparison> {
        let mut comparisons = self.comparisons.iter();
        comparisons.find(|comparison| comparison.metric == metric)
    }
}
