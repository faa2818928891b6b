//! The record of a sweep, `sweep.json`: a function of its [log](crate::record::log).

use serde::{Deserialize, Serialize};

use crate::measured::workload::WorkloadKind;
use crate::percentiles::PERCENTILES;
use crate::record::comparison::Comparison;
use crate::record::read::{self, RecordError};
use crate::record::run::Completion;
use crate::record::surroundings::BackendRecord;
use crate::record::sweep::knee::{HysteresisRecord, KneeRecord};
use crate::record::sweep::objective::{SweepObjective, UNLOADED_PERCENTILE};
use crate::record::sweep::plan::SweepPlan;
use crate::record::sweep::step::StepRecord;
use crate::record::target::Failure;
use crate::record::warning::Validity;

/// A whole sweep: `sweep.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweepRecord {
    /// What was asked for.
    #[serde(flatten)]
    pub plan: SweepPlan,
    /// How long it measured, in seconds, all interruptions left out.
    pub elapsed_s: f64,
    /// Whether it is complete.
    pub completion: Completion,
    /// Whether that end was its limit of time.
    pub time_was_up: bool,
    /// What targets had to keep within; `null` where the first step measured nothing.
    pub objective: Option<SweepObjective>,
    /// What came out, for each target.
    pub results: Vec<TargetResult>,
    /// Every target's knee against the first's, pass by pass. `throughput_per_s` is what is carried within the objective.
    pub comparisons: Vec<Comparison>,
    /// The upstream backend; `null` where the scenario needs none, and before the last interruption.
    pub backend: Option<BackendRecord>,
    /// Whether to believe it.
    pub validity: Validity,
    /// Everything that was measured, in its order.
    pub steps: Vec<StepRecord>,
}

/// What a sweep found of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct TargetResult {
    /// Which.
    pub target: String,
    /// The highest rate within the objective.
    pub knee: KneeRecord,
    /// How the way down compares with the way up; `null` where there were too few rounds to tell.
    pub hysteresis: Option<HysteresisRecord>,
    /// How it failed, where it did.
    pub failure: Option<Failure>,
}

impl SweepRecord {
    /// What most requests were for.
    pub fn workload(&self) -> WorkloadKind {
        let epochs = self.steps.iter().flat_map(|step| &step.epochs);
        epochs.map(|epoch| epoch.workload).max().unwrap_or_default()
    }

    /// Reads `sweep.json`.
    ///
    /// `file_name`: where the text came from, as people would find it again.
    pub fn from_json(text: &str, file_name: &str) -> Result<Self, RecordError> {
        read::parse(text, file_name, "sweep")
    }

    /// `sweep.json`: indented, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a record has only string keys, and its values serialise");
        text.push('\n');
        text
    }
}

impl SweepRecord {
    /// The percentile that a curve shows beside the median: the furthest that the objective bounds, or the 99th.
    pub fn tail(&self) -> &'static str {
        let bounds = self
            .objective
            .iter()
            .flat_map(|objective| &objective.bounds);
        let bounded = bounds.filter_map(|bound| {
            PERCENTILES
                .iter()
                .find(|percentile| percentile.name == bound.percentile)
        });
        bounded
            .max_by_key(|percentile| percentile.per_10_000)
            .filter(|percentile| percentile.name != "p50")
            .map_or(UNLOADED_PERCENTILE, |percentile| percentile.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_that_of_what_is_written() {
        crate::published_for_tests::check::<SweepRecord>("results/sweep.schema.json");
    }
}
