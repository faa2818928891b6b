//! What a sweep was asked for: all that its steps depend on.

use serde::{Deserialize, Serialize};

use crate::record::experiment::ExperimentRecord;
use crate::record::surroundings::{Environment, Pinning};
use crate::record::sweep::design::Design;
use crate::record::sweep::objective::{self, SweepObjective};
use crate::record::sweep::step::StepRecord;
use crate::record::target::Manifest;
use crate::spec::load::Connect;
use crate::spec::scenario::{ObjectiveRecord, ScenarioRecord};

/// What a sweep was asked for: all that its steps depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweepPlan {
    /// The version of its format.
    pub schema_version: u32,
    /// `<time>-<scenario>-sweep`.
    pub id: String,
    /// Version of `bench`.
    pub bench_version: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The command that repeats it, word by word.
    pub command: Vec<String>,
    /// Seeds the orders, the arrivals and the mix.
    pub seed: u64,
    /// The scenario as it was run.
    pub scenario: ScenarioRecord,
    /// What was chosen beside it; none in records that are older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<ExperimentRecord>,
    /// Where it ran.
    pub environment: Environment,
    /// Which cores served and which generated.
    pub pinning: Pinning,
    /// What every step has in common.
    pub load: SweepLoad,
    /// Its rates and bounds.
    pub design: Design,
    /// What targets have to keep within; `null` where that comes from the first step.
    pub asked: Option<SweepObjective>,
    /// Every target, in the order asked for.
    pub targets: Vec<SweptTarget>,
}

/// What the load of every step has in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweepLoad {
    /// `constant` or `poisson`.
    pub arrival: String,
    /// Connections: how many were kept open, or could be open at a time.
    pub connections: u32,
    /// `once` before the load, or `per_request`.
    pub connect: Connect,
    /// Connections of each target that stay idle, open beside them.
    pub idle_connections: u32,
}

/// A target, and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweptTarget {
    /// The name it goes by; unique.
    pub name: String,
    /// What it is.
    pub manifest: Manifest,
}

impl SweepPlan {
    /// What targets have to keep within, by the first of these steps where nobody says; `None` before it.
    pub fn objective(&self, steps: &[StepRecord]) -> Option<SweepObjective> {
        self.asked
            .clone()
            .or_else(|| objective::of_unloaded(&steps.first()?.epochs))
    }

    /// What the steps are judged by.
    pub fn bounds(&self, steps: &[StepRecord]) -> Vec<ObjectiveRecord> {
        objective::bounds(self.objective(steps).as_ref())
    }
}
