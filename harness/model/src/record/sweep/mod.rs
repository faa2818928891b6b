//! The record of a sweep, and the log that its steps are kept in as they come.
//!
//! `steps.ndjson` is the [`SweepPlan`] in its first line and a [`StepRecord`] in every other; a line that is not ended was
//! never written to its end. `sweep.json` is a [`SweepRecord`], a function of them.

pub mod design;
pub mod knee;
pub mod ladder;
pub mod objective;
pub mod pass;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measured::ledger::Ledger;
use crate::measured::summary::{PERCENTILES, Times};
use crate::record::comparison::Comparison;
use crate::record::experiment::ExperimentRecord;
use crate::record::run;
use crate::record::run::{
    BackendRecord, Completion, Environment, Failure, Manifest, Pinning, RecordError,
};
use crate::record::sweep::design::Design;
use crate::record::sweep::knee::{HysteresisRecord, KneeRecord};
use crate::record::sweep::objective::{Standing, SweepObjective, UNLOADED_PERCENTILE};
use crate::record::sweep::pass::Pass;
use crate::record::timed::Timed;
use crate::record::validity::Validity;
use crate::spec::load::Connect;
use crate::spec::scenario::{ObjectiveRecord, ScenarioRecord};

/// The version of both formats. It grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// The longest log that is read: thousands of steps of sixteen targets.
pub const MAX_LOG_BYTES: usize = 64 * 1024 * 1024;

/// What a sweep was asked for: all that its steps depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweepPlan {
    /// [`SCHEMA_VERSION`].
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
    /// Connections of each target that carried nothing, held beside them.
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
    /// What is timed.
    pub timed: Timed,
    /// Its ledger.
    pub requests: Ledger,
    /// Requests answered rightly, a second.
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
    /// How it stands to the objective; `null` in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// What the objective bounds, in parts of its bound; `null` in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strain: Option<f64>,
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

/// A whole sweep: `sweep.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweepRecord {
    /// What was asked for.
    #[serde(flatten)]
    pub plan: SweepPlan,
    /// How long it measured, in seconds, all interruptions left out.
    pub elapsed_s: f64,
    /// Whether it came to its end.
    pub completion: Completion,
    /// Whether that end was its limit of time.
    pub time_was_up: bool,
    /// What targets had to keep within; `null` where the first step came to nothing.
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

    /// What keeps the steps of this plan from being continued under another, in words; `None` where nothing does. Times,
    /// the load of the machine and the command's spelling may differ.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let place = |plan: &Self| {
            let environment = &plan.environment;
            (
                environment.kernel.clone(),
                environment.cpu_model.clone(),
                environment.cores,
            )
        };
        let program = |plan: &Self| {
            (
                plan.bench_version.clone(),
                plan.environment.binary_sha256.clone(),
            )
        };
        let differences = [
            (program(self) != program(other), "bench"),
            (place(self) != place(other), "the machine"),
            (self.pinning != other.pinning, "the cores"),
            (self.scenario != other.scenario, "the scenario"),
            (self.targets != other.targets, "a target"),
            (self.load != other.load, "the load"),
            (self.seed != other.seed, "the seed"),
            (
                self.design != other.design,
                "the rates, rounds or limit of time",
            ),
            (self.asked != other.asked, "the objective"),
        ];
        let mut differences = differences.into_iter();
        differences
            .find(|(differs, _)| *differs)
            .map(|(_, what)| what)
    }
}

impl SweepRecord {
    /// What is timed.
    pub fn timed(&self) -> Timed {
        let epochs = self.steps.iter().flat_map(|step| &step.epochs);
        epochs.map(|epoch| epoch.timed).max().unwrap_or_default()
    }

    /// Reads `sweep.json`.
    ///
    /// `file_name`: where the text came from, as people would find it again.
    pub fn from_json(text: &str, file_name: &str) -> Result<Self, RecordError> {
        run::parse(text, file_name, "sweep", SCHEMA_VERSION)
    }

    /// `sweep.json`: indented, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a record has only string keys, and its values serialise");
        text.push('\n');
        text
    }
}

/// How a target failed in these steps, where it did.
pub fn failure<'a>(steps: &'a [StepRecord], target: &str) -> Option<&'a Failure> {
    let mut failures = steps.iter().flat_map(|step| &step.failures);
    failures
        .find(|failure| failure.target == target)
        .map(|failure| &failure.failure)
}

/// A log as far as it is whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Its first line.
    pub plan: SweepPlan,
    /// The others.
    pub steps: Vec<StepRecord>,
    /// So many bytes of it are whole lines; what follows was never written to its end.
    pub whole_bytes: usize,
}

impl Log {
    /// Reads `steps.ndjson`.
    ///
    /// `file_name`: where the text came from, as people would find it again.
    pub fn read(bytes: &[u8], file_name: &str) -> Result<Self, LogError> {
        let file = || file_name.to_owned();
        if bytes.len() > MAX_LOG_BYTES {
            return Err(LogError::TooLarge {
                file: file(),
                bytes: bytes.len(),
            });
        }
        let end = bytes.iter().rposition(|&byte| byte == b'\n');
        let whole_bytes = end.map_or(0, |end| end + 1);
        let mut lines = bytes[..whole_bytes]
            .split_inclusive(|&byte| byte == b'\n')
            .zip(1..);
        let corrupt = |line, what: String| LogError::Corrupt {
            file: file(),
            line,
            what,
        };
        let Some((first, _)) = lines.next() else {
            return Err(LogError::Empty { file: file() });
        };
        let parsed = |error: serde_json::Error, line| corrupt(line, error.to_string());
        // The version first: a later plan may differ in anything else.
        let version = serde_json::from_slice::<Versioned>(first)
            .map_err(|error| parsed(error, 1))?
            .schema_version;
        if version > SCHEMA_VERSION {
            return Err(LogError::Newer {
                file: file(),
                version,
            });
        }
        let plan: SweepPlan = serde_json::from_slice(first).map_err(|error| parsed(error, 1))?;
        let mut steps = Vec::new();
        for (line, number) in lines {
            let step: StepRecord =
                serde_json::from_slice(line).map_err(|error| parsed(error, number))?;
            let known = |name: &str| plan.targets.iter().any(|target| target.name == name);
            let named = step.epochs.iter().map(|epoch| epoch.target.as_str());
            let named = named.chain(step.failures.iter().map(|failure| failure.target.as_str()));
            if let Some(name) = named.into_iter().find(|name| !known(name)) {
                return Err(corrupt(number, format!("no target is called `{name}`")));
            }
            steps.push(step);
        }
        Ok(Self {
            plan,
            steps,
            whole_bytes,
        })
    }

    /// A plan or a step as a line of a log.
    pub fn line(of: &impl Serialize) -> String {
        let mut line = serde_json::to_string(of)
            .expect("plans and steps have only string keys, and their values serialise");
        line.push('\n');
        line
    }
}

/// The one key that every version of a plan has.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u32,
}

/// Why a log can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// Longer than any log.
    #[error(
        "{file} has {bytes} bytes, and the log of a sweep at most {MAX_LOG_BYTES}: check that this is a steps.ndjson"
    )]
    TooLarge {
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
    },
    /// Not even a plan.
    #[error("{file} holds no whole line, so there is no sweep to go on with: start another")]
    Empty {
        /// The file.
        file: String,
    },
    /// Written by a later version.
    #[error(
        "{file} has schema version {version}, and this bench reads up to {SCHEMA_VERSION}: go on with the version that wrote it, or later"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// Not a log.
    #[error(
        "{file}:{line}: this is no log of a sweep ({what}): check that it is a steps.ndjson, and that nothing but bench has written to it"
    )]
    Corrupt {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What the reader says.
        what: String,
    },
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
