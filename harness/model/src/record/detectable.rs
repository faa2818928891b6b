//! What a plan could detect, as it was stated before the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a plan could detect, and what that is based on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct DetectableRecord {
    /// The earlier runs that showed how much blocks differ, latest first; none where that was assumed.
    pub runs: Vec<String>,
    /// The standard deviation of the differences of logarithms that was assumed; `null` where earlier runs showed it.
    pub assumed_deviation: Option<f64>,
    /// The smallest effect that is detected four times in five, as a share, a metric; of all metrics where it was assumed,
    /// otherwise of those that the earlier runs have.
    pub metrics: BTreeMap<String, f64>,
}
