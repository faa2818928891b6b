//! The step log, `steps.ndjson`: what a measurement keeps as it goes, a line each, for one that was cut off to continue from.
//!
//! The first line is the [`LogHead`], what is asked for; the second the [`LogSite`], where it is measured; then a [`LogStep`] follows the
//! other. A line holds everything that became known since the line before. The record of a run or a sweep is a function of its
//! lines, whether one process measured them or several. A line without its line feed was never written.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measured::recording::Recording;
use crate::measured::syscalls::SyscallRecord;
use crate::record::detectable::DetectableRecord;
use crate::record::experiment::ExperimentRecord;
use crate::record::generator::GeneratorEpoch;
use crate::record::surroundings::{
    BackendRecord, CalibrationRecord, CpuTicks, Environment, Pinning,
};
use crate::record::sweep::objective::SweepObjective;
use crate::record::sweep::step::StepRecord;
use crate::record::target::{Failure, Manifest};
use crate::record::warmup::WarmupRecord;
use crate::record::warning::Warning;
use crate::record::watched::Watched;
use crate::spec::load::Process;
use crate::spec::plan::Trial;

/// The version of these lines. A log of another version is not continued: it was written by another `bench`.
///
/// Up to version 2 runs and sweeps had logs of their own.
pub const LOG_VERSION: u32 = 3;

/// The first line: what is measured. It is written before anything is started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct LogHead {
    /// [`LOG_VERSION`].
    pub schema_version: u32,
    /// The measurement's name.
    pub id: String,
    /// Version of `bench`.
    pub bench_version: String,
    /// The command that repeats it, word by word.
    pub command: Vec<String>,
    /// Seeds the plan, the arrivals and the mix.
    pub seed: u64,
    /// The scenario as it stands in its file.
    pub scenario: String,
    /// The manifest of each target as it stands in its file, in the order asked for; nothing of one that ran already.
    pub manifests: Vec<String>,
    /// What was chosen beside them.
    pub experiment: ExperimentRecord,
    /// Which cores serve and which generate.
    pub pinning: Pinning,
    /// What is asked of a sweep; none where this is a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepAsk>,
}

/// What is asked of a sweep beside what is asked of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweepAsk {
    /// Where it begins.
    pub from: SweepFrom,
    /// The highest rate, in requests a second.
    pub to_per_s: f64,
    /// How the gaps between arrivals are distributed, at every rate.
    pub process: Process,
    /// Rounds around the knee.
    pub rounds: u32,
    /// How long it may take, in seconds.
    pub time_limit_s: f64,
    /// What targets have to keep within, where somebody says so.
    pub objective: Option<SweepObjective>,
}

/// Where a sweep begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SweepFrom {
    /// At so many requests a second.
    RatePerS(f64),
    /// At this share of what the weakest target sustains, which is measured first.
    CapacityShare(f64),
}

/// The second line: where it is measured, and of whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct LogSite {
    /// When all was made ready, and the measurement began, RFC 3339.
    pub started_at: String,
    /// The same in seconds since 1970-01-01T00:00:00Z.
    pub started_epoch_s: f64,
    /// Every target, in the order asked for.
    pub targets: Vec<Manifest>,
    /// The machine.
    pub environment: Environment,
    /// What the last calibration on this machine found.
    pub calibration: Option<CalibrationRecord>,
    /// What the plan could detect, as far as earlier runs tell.
    pub detectable: Option<DetectableRecord>,
}

/// Every other line: what became known since the line before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct LogStep {
    /// What was measured, if a step was.
    pub measured: Option<StepResult>,
    /// Whether the step was measured to its end. One that was cut short is measured again where the measurement continues.
    pub is_whole: bool,
    /// What the weakest target sustains, where that had to be measured.
    pub capacity_per_s: Option<f64>,
    /// What became known of which target.
    pub notes: Vec<(usize, Note)>,
    /// The machine and the backend, since the process began that wrote this line.
    pub part: Part,
    /// Whether nothing comes after this line, and why.
    pub ended: Option<Ending>,
}

/// What a step measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// A block of alternating epochs; the notes have the epochs.
    Block(u32),
    /// The profile of each target; the notes have them.
    Profile,
    /// A rate of a sweep.
    Rate(StepRecord),
}

/// Why a measurement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All is measured, or no target is left.
    Complete,
    /// What is left would take longer than it may.
    TimeIsUp,
    /// Somebody wanted it to end.
    Interrupted,
}

/// One thing that became known of a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// It was warmed up.
    Warmed(WarmupRecord),
    /// Idle connections to it were opened.
    IdleOpened {
        /// How many.
        opened: u32,
        /// Its resident set before and after, in bytes.
        rss_bytes: Option<(u64, u64)>,
    },
    /// So many of them were lost.
    IdleLost(u64),
    /// It was measured.
    Epoch(Box<EpochTaken>),
    /// It failed.
    Failed(Failure),
    /// Something that a reader should know.
    Warning(Warning),
    /// Its system calls were counted.
    Syscalls(Box<SyscallRecord>),
}

/// One epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct EpochTaken {
    /// Its place in the plan.
    pub trial: Trial,
    /// Whether it was not cut short.
    pub is_whole: bool,
    /// What was measured.
    pub recording: Recording,
    /// What was seen of the server meanwhile.
    pub watched: Watched,
    /// What the server says of itself, without what is counted in `watched`.
    pub stats: Option<serde_json::Value>,
    /// What each generator measured, where others than this process drove the load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generators: Vec<GeneratorEpoch>,
    /// What the probe beside them measured, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<GeneratorEpoch>,
}

/// What one process saw of the machine and the backend so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Part {
    /// The number of the process among those that measured this, from 0.
    pub number: u32,
    /// How long the measurement had taken, the parts before it included, in seconds.
    pub elapsed_s: f64,
    /// CPU time of the machine in this part.
    pub ticks: CpuTicks,
    /// How often this part was throttled, where that is counted.
    pub throttled_periods: Option<u64>,
    /// The same of the machine that runs the servers; left out where that is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<MachinePart>,
    /// How the backend did, as it was last asked.
    pub backend: Option<BackendRecord>,
    /// Why the backend failed, if it did.
    pub backend_failed: Option<String>,
}

/// What another machine did in a part of a measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct MachinePart {
    /// Its CPU time.
    pub ticks: CpuTicks,
    /// How often its control group throttled what ran there, where that is counted.
    pub throttled_periods: Option<u64>,
}

impl MachinePart {
    /// What was added since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let throttled = before.throttled_periods.zip(self.throttled_periods);
        Self {
            ticks: self.ticks.since(before.ticks),
            throttled_periods: throttled.map(|(before, after)| after.saturating_sub(before)),
        }
    }

    /// Both parts together.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let throttled = self.throttled_periods.zip(later.throttled_periods);
        Self {
            ticks: self.ticks.and(later.ticks),
            throttled_periods: throttled.map(|(before, after)| before + after),
        }
    }
}

impl Part {
    /// Two parts together. The backend's lateness is that of the part in which it was worse, percentile by percentile: that of both
    /// together is at most that.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let throttled = self.throttled_periods.zip(later.throttled_periods);
        Self {
            number: later.number,
            elapsed_s: later.elapsed_s,
            ticks: self.ticks.and(later.ticks),
            throttled_periods: throttled.map(|(before, after)| before + after),
            servers: match (self.servers, later.servers) {
                (Some(before), Some(after)) => Some(before.and(after)),
                (before, after) => before.or(after),
            },
            backend: match (self.backend, later.backend) {
                (Some(before), Some(after)) => Some(both(&before, &after)),
                (before, after) => before.or(after),
            },
            backend_failed: self.backend_failed.or(later.backend_failed),
        }
    }
}

fn both(before: &BackendRecord, after: &BackendRecord) -> BackendRecord {
    let calls = before.calls + after.calls;
    let share = |record: &BackendRecord| {
        let weight = record.calls as f64 / calls.max(1) as f64;
        record.cpu_share.map(|share| share * weight)
    };
    let mut stalls = before.stalls;
    stalls.add(&after.stalls);
    BackendRecord {
        stalls,
        calls,
        lateness_ns: before.lateness_ns.worse(&after.lateness_ns),
        cpu_share: share(before).zip(share(after)).map(|(a, b)| a + b),
    }
}

impl LogHead {
    /// What keeps a log that begins with this from being continued for `other`, in words; `None` where nothing does. Names and the
    /// command's spelling may differ.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        first_difference([
            ("the scenario", self.scenario != other.scenario),
            ("a target", self.manifests != other.manifests),
            ("the seed", self.seed != other.seed),
            ("the cores", self.pinning != other.pinning),
            ("the options", self.experiment != other.experiment),
            (
                "the rates, rounds, SLO or limit of time",
                self.sweep != other.sweep,
            ),
        ])
    }
}

impl LogSite {
    /// What is not as it was when the measurement began, in words, if it matters. `targets`: who they are now.
    pub fn difference(&self, now: &Environment, targets: &[Manifest]) -> Option<&'static str> {
        let then = &self.environment;
        first_difference([
            ("bench", then.binary_sha256 != now.binary_sha256),
            ("the kernel", then.kernel != now.kernel),
            ("the processor", then.cpu_model != now.cpu_model),
            ("the cores", then.cores != now.cores),
            ("the load generators", then.generators != now.generators),
            ("the servers' machine", machine(then) != machine(now)),
            ("a target", self.targets != targets),
        ])
    }
}

/// What of the machine that runs the servers has to stay as it is, where it is not this one.
fn machine(environment: &Environment) -> Option<(String, &str)> {
    let bench = &environment.servers.as_deref()?.binary_sha256;
    Some((environment.servers_words()?, bench))
}

fn first_difference<const N: usize>(
    differences: [(&'static str, bool); N],
) -> Option<&'static str> {
    let mut differences = differences.into_iter();
    differences.find_map(|(what, differs)| differs.then_some(what))
}

/// A log as far as it is whole.
#[derive(Debug, Clone)]
pub struct Log {
    /// Its first line.
    pub head: LogHead,
    /// Its second line, if that was written.
    pub site: Option<LogSite>,
    /// The others, each with the number of bytes up to its end.
    pub steps: Vec<(LogStep, usize)>,
    /// How many bytes those before the steps have.
    pub head_bytes: usize,
}

impl Log {
    /// Reads `steps.ndjson`; whatever follows its last line feed was never written.
    ///
    /// `file_name`: where the text came from, as people would find it again.
    pub fn read(bytes: &[u8], file_name: &str) -> Result<Self, LogError> {
        let end = bytes.iter().rposition(|&byte| byte == b'\n');
        let whole = &bytes[..end.unwrap_or(0)];
        let mut lines = whole.split(|&byte| byte == b'\n').zip(1..);
        let corrupt = |line, what: String| LogError::Corrupt {
            file: file_name.to_owned(),
            line,
            what,
        };
        let parsed = |error: serde_json::Error, line| {
            // The reader sees one line at a time.
            let what = error.to_string();
            corrupt(line, what.replace(" at line 1 column ", " at column "))
        };
        let Some((first, _)) = lines.next().filter(|_| end.is_some()) else {
            return Err(LogError::Empty {
                file: file_name.to_owned(),
            });
        };
        // The version first: another one may differ in anything else.
        let version = serde_json::from_slice::<Versioned>(first)
            .map_err(|error| parsed(error, 1))?
            .schema_version;
        if version != LOG_VERSION {
            return Err(LogError::Version {
                file: file_name.to_owned(),
                version,
            });
        }
        let head: LogHead = serde_json::from_slice(first).map_err(|error| parsed(error, 1))?;
        let mut end = first.len() + 1;
        let site = lines.next().map(|(line, number)| {
            end += line.len() + 1;
            serde_json::from_slice(line).map_err(|error| parsed(error, number))
        });
        let site: Option<LogSite> = site.transpose()?;
        let head_bytes = end;
        let mut steps = Vec::new();
        for (line, number) in lines {
            let step: LogStep =
                serde_json::from_slice(line).map_err(|error| parsed(error, number))?;
            if !step.names_only(&head) {
                return Err(corrupt(
                    number,
                    "it names a target that there isn't".to_owned(),
                ));
            }
            end += line.len() + 1;
            steps.push((step, end));
        }
        Ok(Self {
            head,
            site,
            steps,
            head_bytes,
        })
    }
}

impl LogStep {
    /// Whether all the targets that it names are those of the log that begins so.
    fn names_only(&self, head: &LogHead) -> bool {
        let targets = &head.experiment.targets;
        let is_known = |name: &str| targets.iter().any(|target| target.name == name);
        let has_rate = match &self.measured {
            Some(StepResult::Rate(rate)) => {
                let failures = rate.failures.iter();
                let mut failures = failures.map(|failure| failure.target.as_str());
                let mut epochs = rate.epochs.iter().map(|epoch| epoch.target.as_str());
                epochs.all(is_known) && failures.all(is_known)
            }
            _ => true,
        };
        has_rate && self.notes.iter().all(|(index, _)| *index < targets.len())
    }
}

/// The one key that every version of a head has.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u32,
}

/// Why a log can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// Not even a head.
    #[error("{file} holds no whole line, so there is nothing to continue: start another")]
    Empty {
        /// The file.
        file: String,
    },
    /// Written by another version.
    #[error(
        "{file} has schema version {version}, and this bench continues logs of version {LOG_VERSION}: continue it with the bench that wrote it, or start another"
    )]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// Not a log.
    #[error(
        "{file}:{line}: this is no step of a run or a sweep ({what}): check that it is a steps.ndjson that only bench has written to, or start another"
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line of a log is.
    #[derive(schemars::JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Line {
        Head(LogHead),
        Site(LogSite),
        Step(LogStep),
    }

    #[test]
    fn the_published_schema_is_that_of_what_is_written() {
        crate::published_for_tests::check::<Line>("results/steps.schema.json");
    }
}
