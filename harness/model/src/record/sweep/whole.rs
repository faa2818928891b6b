//! The record of a sweep, and the log that its steps are kept in as they come.
//!
//! `steps.ndjson` is the [`SweepPlan`] in its first line and a [`StepRecord`] in every other; a line that is not ended was
//! never written to its end. `sweep.json` is a [`SweepRecord`], a function of them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measured::workload::WorkloadKind;
use crate::percentiles::PERCENTILES;
use crate::record::comparison::Comparison;
use crate::record::read::{self, RecordError, SCHEMA_VERSION};
use crate::record::run::Completion;
use crate::record::surroundings::BackendRecord;
use crate::record::sweep::knee::{HysteresisRecord, KneeRecord};
use crate::record::sweep::objective::{SweepObjective, UNLOADED_PERCENTILE};
use crate::record::sweep::plan::SweepPlan;
use crate::record::sweep::step::StepRecord;
use crate::record::target::Failure;
use crate::record::warning::Validity;

/// The longest log that is read: thousands of steps of sixteen targets.
pub const MAX_LOG_BYTES: usize = 64 * 1024 * 1024;

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
