//! The run record: everything about a run, in ordered keys with their units in their names.
//!
//! `run.json` is one [`RunRecord`]; `bench load --json` prints one [`LoadReport`](crate::record::load_report::LoadReport), which is also each target's part of a
//! run record. Readers check [`SCHEMA_VERSION`](read::SCHEMA_VERSION) first.

use serde::{Deserialize, Serialize};

use crate::measured::workload::WorkloadKind;
use crate::record::aa::AaRecord;
use crate::record::comparison::Comparison;
use crate::record::detectable::DetectableRecord;
use crate::record::effect::EffectRecord;
use crate::record::errors::{ErrorComparison, ErrorShare};
use crate::record::experiment::ExperimentRecord;
use crate::record::read::{self, RecordError};
use crate::record::surroundings::{BackendRecord, CalibrationRecord, Environment, Pinning};
use crate::record::target::TargetRecord;
use crate::record::warning::{Validity, Warning};
use crate::spec::plan::{EPOCHS_PER_BLOCK, Plan};
use crate::spec::scenario::ScenarioRecord;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`](read::SCHEMA_VERSION).
    pub schema_version: u32,
    /// `<time>-<scenario>`: also the name of its directory.
    pub id: String,
    /// Version of `bench`.
    pub bench_version: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How long it took, set-up included, in seconds.
    pub elapsed_s: f64,
    /// Whether it is complete.
    pub completion: Completion,
    /// The command that repeats it, word by word.
    pub command: Vec<String>,
    /// Seeds the plan, the arrivals and the mix.
    pub seed: u64,
    /// The scenario as it was run.
    pub scenario: ScenarioRecord,
    /// What was chosen beside the scenario; none in records that are older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<ExperimentRecord>,
    /// How the measurement was laid out.
    pub plan: PlanRecord,
    /// Where it ran.
    pub environment: Environment,
    /// Which cores served and which generated.
    pub pinning: Pinning,
    /// What the last calibration on this machine found; `null` where there was none.
    #[serde(default)]
    pub calibration: Option<CalibrationRecord>,
    /// Every target, in the order asked for.
    pub targets: Vec<TargetRecord>,
    /// The upstream backend; none where the scenario needs none.
    pub backend: Option<BackendRecord>,
    /// The failed requests of every target against those of the first, where either had some; empty in older records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_comparisons: Vec<ErrorComparison>,
    /// Every target against the first, metric by metric.
    pub comparisons: Vec<Comparison>,
    /// What the factors do that the targets vary in; left out where no target says what it has of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectRecord>,
    /// The first target against itself; left out where that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aa: Option<AaRecord>,
    /// Whether to believe the run as a whole.
    pub validity: Validity,
}

impl RunRecord {
    /// Reads `run.json`.
    ///
    /// `file_name`: where the text came from, as people would find it again.
    pub fn from_json(text: &str, file_name: &str) -> Result<Self, RecordError> {
        let mut record: Self = read::parse(text, file_name, "run")?;
        let of_aa = record.aa.iter_mut().map(|aa| &mut aa.target);
        for target in record.targets.iter_mut().chain(of_aa) {
            if target.report.error_share == ErrorShare::default() {
                *target = target.clone().with_error_shares();
            }
        }
        Ok(record)
    }

    /// What most requests were for, and so is compared, drawn and shown first.
    pub fn workload(&self) -> WorkloadKind {
        workload_of(&self.targets)
    }

    /// What a reader should know: the run's own warnings, then those of its targets that the run does not have itself, each
    /// with the name of its target.
    ///
    /// A target's percentiles that are missing for want of samples are not among them: they show as missing.
    pub fn warnings(&self) -> impl Iterator<Item = (Option<&str>, &Warning)> {
        let of_run = self.validity.warnings.iter();
        let of_run = of_run.map(|warning| (warning.target.as_deref(), warning));
        let of_targets = self.targets.iter().flat_map(|target| {
            let own = target.report.validity.warnings.iter();
            own.map(|warning| (Some(target.name.as_str()), warning))
        });
        let further = of_targets.filter(|(_, warning)| {
            !warning.voids && !["target_failed", "too_few_samples"].contains(&warning.code())
        });
        of_run.chain(further)
    }

    /// `run.json`: indented, keys in the order of the fields, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a record has only string keys, and its values serialise");
        text.push('\n');
        text
    }
}

/// What most requests to these targets were for. One that failed before anything was sent does not know, and others do.
pub fn workload_of(targets: &[TargetRecord]) -> WorkloadKind {
    let each = targets.iter().map(|target| target.report.workload);
    each.max().unwrap_or_default()
}

/// Whether a run is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// All trials of the plan were measured.
    Complete,
    /// It was interrupted: what was measured until then is here.
    Interrupted,
    /// A target failed: the others' results are here, and its own until then.
    TargetFailed,
}

/// How the measurement was laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct PlanRecord {
    /// `quick`, `default` or `thorough`.
    pub effort: String,
    /// Rounds: each starts its targets afresh.
    pub rounds: u32,
    /// Blocks a round: each yields one paired difference a metric.
    pub blocks_per_round: u32,
    /// Epochs of each target in a block.
    pub epochs_per_block: u32,
    /// Length of an epoch in seconds.
    pub epoch_s: f64,
    /// Warm-up of each target in each round, in seconds: what was given, or the shortest where it went on until the
    /// target was steady.
    pub warmup_s: f64,
    /// The longest warm-up, in seconds; `null` in older records.
    #[serde(default)]
    pub warmup_s_max: Option<f64>,
    /// The order of the targets by index, a list a block: `[0,1,1,0]`. An A/A comparison's target is the last.
    pub order: Vec<Vec<usize>>,
    /// What it was said to be able to detect before it was measured; `null` where there was nothing to compare, and in older
    /// records.
    #[serde(default)]
    pub detectable: Option<DetectableRecord>,
}

impl PlanRecord {
    /// A plan as a run record carries it, without what it could detect.
    pub fn of(plan: &Plan) -> Self {
        Self {
            effort: plan.effort.name().to_owned(),
            rounds: plan.rounds,
            blocks_per_round: plan.blocks_per_round,
            epochs_per_block: EPOCHS_PER_BLOCK,
            epoch_s: plan.epoch.as_secs_f64(),
            warmup_s: plan.warmup.shortest().as_secs_f64(),
            warmup_s_max: Some(plan.warmup.longest().as_secs_f64()),
            order: plan.order().to_vec(),
            detectable: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_that_of_what_is_written() {
        crate::published_for_tests::check::<RunRecord>("results/run.schema.json");
    }
}
