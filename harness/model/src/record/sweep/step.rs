//! One step of a sweep: a rate at which every target that took part was measured once.

use serde::{Deserialize, Serialize};

use crate::measured::accounting::Accounting;
use crate::measured::summary::Times;
use crate::measured::workload::WorkloadKind;
use crate::record::sweep::pass::Pass;
use crate::record::target::Failure;

/// One rate, at which every target that took part was measured once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct StepRecord {
    /// The round; 0 is the climb. Each round starts its targets afresh.
    pub round: u32,
    /// Which way the load was changing.
    pub pass: Pass,
    /// The rung: sixty are a doubling, and 0 is where the sweep began.
    pub rung: i32,
    /// Its rate, in scheduled requests a second.
    pub rate_per_s: f64,
    /// Seconds that it took in all: epochs, and starting the servers where it was the first of its round.
    pub elapsed_s: f64,
    /// Whether the servers were started afresh for it in the middle of a round, since the sweep had been interrupted.
    pub resumed: bool,
    /// An epoch of each target that took part, in the order they were measured.
    pub epochs: Vec<StepEpoch>,
    /// Targets that failed in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<StepFailure>,
}

/// One target at one rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct StepEpoch {
    /// Which.
    pub target: String,
    /// Measured seconds.
    pub duration_s: f64,
    /// What most requests were for.
    #[serde(alias = "timed")]
    pub workload: WorkloadKind,
    /// What became of its requests.
    pub requests: Accounting,
    /// Requests that succeeded, a second.
    pub throughput_per_s: f64,
    /// The time of what is timed, in nanoseconds: the response time of requests.
    pub time_ns: Times,
    /// The part of the send lag that was the generator's own fault.
    pub generator_lag_ns: Times,
    /// Share of the load's cores that generator and backend used, spinning left out, 0 to 1: of all cores, or of the one that one of
    /// them is bound to, whichever was fuller.
    pub load_cpu_share: f64,
    /// Share of a core that the server used, 1 = one full core; `null` where it could not be watched.
    pub server_cpu_share: Option<f64>,
    /// Requests on the wire, on average.
    pub in_flight_mean: Option<f64>,
    /// How it stands to the SLO; `null` in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Share of the SLO: the time that it bounds over the bound, above 1 where it is missed; `null` in the log.
    #[serde(default, alias = "strain", skip_serializing_if = "Option::is_none")]
    pub slo_share: Option<f64>,
}

/// A target that failed in a step, and is left out from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct StepFailure {
    /// Which.
    pub target: String,
    /// How.
    pub failure: Failure,
}

/// How a target failed in these steps, where it did.
pub fn failure<'a>(steps: &'a [StepRecord], target: &str) -> Option<&'a Failure> {
    let mut failures = steps.iter().flat_map(|step| &step.failures);
    failures
        .find(|failure| failure.target == target)
        .map(|failure| &failure.failure)
}

/// What became of a target's requests in all of these steps.
pub fn requests(steps: &[StepRecord], target: &str) -> Accounting {
    let mut sum = Accounting::default();
    let epochs = steps.iter().flat_map(|step| &step.epochs);
    for epoch in epochs.filter(|epoch| epoch.target == target) {
        sum.merge(&epoch.requests);
    }
    sum
}

/// How an epoch stands to the objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Within it. So it is where the generator had trouble, too: that can only have added to the times.
    Within,
    /// Beyond it, or too many requests failed.
    Beyond,
    /// Beyond it while the generator's cores were full or the generator stood still: this says nothing of the target.
    Generator,
    /// Too few requests to tell.
    TooFewSamples,
}

impl Standing {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Beyond => "beyond",
            Self::Generator => "generator",
            Self::TooFewSamples => "too_few_samples",
        }
    }
}
