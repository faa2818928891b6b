//! The lines of a run's log: its plan, where it is measured, and then a line for each block that was measured.
//!
//! A line holds everything that became known since the line before. The record of a run is a function of its lines, whether one
//! process measured them or several: see [`crate::measure::alternating`].

use std::path::Path;

use model::measured::recording::Recording;
use model::measured::syscalls::SyscallRecord;
use model::record::detectable::DetectableRecord;
use model::record::experiment::ExperimentRecord;
use model::record::surroundings::{BackendRecord, CalibrationRecord, Environment, Pinning};
use model::record::target::{Failure as TargetFailure, Manifest};
use model::record::warmup::WarmupRecord;
use model::record::warning::Warning;
use model::spec::plan::Trial;
use process::environment::CpuTicks;
use process::failure::Failure;
use serde::{Deserialize, Serialize};

use super::watch::Watched;
use crate::request::Request;
use crate::step_log::{STEPS, StepLog};

/// The version of these lines.
pub const SCHEMA_VERSION: u32 = 1;

/// The first line: what is measured. It is written before anything is started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunPlan {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run's name.
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
}

/// The second line: where it is measured, and of whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunSite {
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

/// What became known since the line before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunLine {
    /// The block that was measured, if one was.
    pub block: Option<u32>,
    /// Whether targets were profiled.
    #[serde(default)]
    pub is_profile: bool,
    /// Whether the step was measured to its end. One that was cut short is measured again where the run goes on.
    pub is_whole: bool,
    /// What the weakest target carries, where that had to be measured.
    pub capacity_per_s: Option<f64>,
    /// What became known of which target.
    pub notes: Vec<(usize, Note)>,
    /// The machine and the backend, since the process began that wrote this line.
    pub part: Part,
    /// Whether nothing comes after this line, and why.
    pub ended: Option<RunEnd>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// All was measured.
    Complete,
    /// Somebody wanted it to end.
    Interrupted,
}

/// One thing that became known of a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    Failed(TargetFailure),
    /// Something that a reader should know.
    Warning(Warning),
    /// Its system calls were counted.
    Syscalls(Box<SyscallRecord>),
}

/// One epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
}

/// What one process saw of the machine and the backend so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The number of the process among those that measured this run, from 0.
    pub number: u32,
    /// How long the run had taken, the parts before it included, in seconds.
    pub elapsed_s: f64,
    /// CPU time of the machine in this part.
    pub ticks: CpuTicks,
    /// How often this part was throttled, where that is counted.
    pub throttled_periods: Option<u64>,
    /// How the backend did, as it was last asked.
    pub backend: Option<BackendRecord>,
    /// Why the backend failed, if it did.
    pub backend_failed: Option<String>,
}

impl Part {
    /// Two parts of a run together. The backend's lateness is that of the part in which it was worse, percentile by percentile:
    /// that of both together is at most that.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let throttled = self.throttled_periods.zip(later.throttled_periods);
        Self {
            number: later.number,
            elapsed_s: later.elapsed_s,
            ticks: self.ticks.and(later.ticks),
            throttled_periods: throttled.map(|(before, after)| before + after),
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
    BackendRecord {
        calls,
        lateness_ns: before.lateness_ns.worse(&after.lateness_ns),
        cpu_share: share(before).zip(share(after)).map(|(a, b)| a + b),
    }
}

/// What the log of a run holds.
#[derive(Debug)]
pub struct Kept {
    /// Its first line.
    pub plan: RunPlan,
    /// Its second line, if that was written.
    pub site: Option<RunSite>,
    /// How long these two are.
    pub(crate) head_bytes: usize,
    lines: Vec<u8>,
    place: String,
}

impl Kept {
    /// Begins a log.
    pub(crate) fn begin(plan: RunPlan, log: &mut StepLog) -> Result<Self, Failure> {
        let head_bytes = log.write(&plan)?;
        Ok(Self {
            plan,
            site: None,
            head_bytes,
            lines: Vec::new(),
            place: log.dir().display().to_string(),
        })
    }

    /// Adds the second line.
    pub(crate) fn arrive(&mut self, site: &RunSite, log: &mut StepLog) -> Result<(), Failure> {
        self.head_bytes += log.write(site)?;
        Ok(())
    }

    /// Reads the lines of a log in `dir`; fails where its plan was never written, or is none of a run.
    pub fn read(mut bytes: Vec<u8>, dir: &Path) -> Result<Self, Failure> {
        let place = dir.join(STEPS).display().to_string();
        let refused = |what: String| {
            Failure::usage(miette::miette!(
                help = "start another run",
                "{place}: {what}"
            ))
        };
        let mut first = || {
            let end = bytes.iter().position(|&byte| byte == b'\n')?;
            let rest = bytes.split_off(end + 1);
            Some(std::mem::replace(&mut bytes, rest))
        };
        let Some(line) = first() else {
            return Err(refused("it holds no run to go on with".to_owned()));
        };
        let plan: RunPlan = serde_json::from_slice(&line)
            .map_err(|error| refused(format!("it is not the log of a run ({error})")))?;
        if plan.schema_version > SCHEMA_VERSION {
            return Err(refused(format!(
                "it has schema version {}, and this bench reads up to {SCHEMA_VERSION}",
                plan.schema_version
            )));
        }
        let second = first();
        let site = second.as_deref().map(serde_json::from_slice).transpose();
        let site =
            site.map_err(|error| refused(format!("its second line is damaged ({error})")))?;
        Ok(Self {
            plan,
            site,
            head_bytes: line.len() + second.map_or(0, |line| line.len()),
            lines: bytes,
            place,
        })
    }

    /// What was asked for.
    pub fn request(&self) -> Result<Request, Failure> {
        let plan = &self.plan;
        Request::again(
            &plan.scenario,
            &plan.manifests,
            &plan.experiment,
            plan.seed,
            plan.pinning.clone(),
        )
    }

    /// The lines after these, each with its length in bytes.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Result<(RunLine, usize), Failure>> + '_ {
        let lines = self.lines.split_inclusive(|&byte| byte == b'\n');
        lines.map(|line| {
            let read = serde_json::from_slice(line);
            let read = read.map_err(|error| self.corrupt(&error.to_string()))?;
            Ok((read, line.len()))
        })
    }

    /// A line says what it can't.
    pub(crate) fn corrupt(&self, what: &str) -> Failure {
        Failure::usage(miette::miette!(
            help = "start another run",
            "{}: a line of it is damaged ({what})",
            self.place
        ))
    }
}

impl RunSite {
    /// What is not as it was when the run began, if it matters.
    pub(crate) fn difference(&self, now: &Environment) -> Option<&'static str> {
        let then = &self.environment;
        [
            ("bench", then.binary_sha256 == now.binary_sha256),
            ("the kernel", then.kernel == now.kernel),
            ("the processor", then.cpu_model == now.cpu_model),
            ("the cores", then.cores == now.cores),
        ]
        .into_iter()
        .find_map(|(what, is_same)| (!is_same).then_some(what))
    }
}
