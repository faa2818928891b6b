//! The run record: everything about a run, in ordered keys with their units in their names.
//!
//! `run.json` is one [`RunRecord`]; `bench load --json` prints one [`LoadReport`], which is also each target's part of a
//! run record. Readers check [`SCHEMA_VERSION`] first.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measured::histogram::histogram_base64;
use crate::measured::ledger::{ErrorCounts, Ledger};
use crate::measured::loops::LoopRecord;
use crate::measured::recording::{Counts, EndedBy, Interval, Recording};
use crate::measured::slices::SliceRecord;
use crate::measured::summary::{Summary, Times};
use crate::measured::syscalls::SyscallRecord;
use crate::record::aa::AaRecord;
use crate::record::comparison::Comparison;
use crate::record::detectable::DetectableRecord;
use crate::record::experiment::ExperimentRecord;
use crate::record::metric;
use crate::record::timed::Timed;
use crate::record::validity;
use crate::record::validity::{CautionCode, ToldCaution, Validity};
use crate::record::warmup::WarmupRecord;
use crate::spec::load::{Connect, Load};
use crate::spec::plan::Trial;
use crate::spec::scenario::{RequestRecord, ScenarioRecord};
use crate::units::NANOS_PER_S;

/// The version of the record's format. It grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// The longest record that is read. Ten intervals a second of a quarter of a kilobyte each make half an hour of sixteen
/// targets.
pub const MAX_RECORD_BYTES: usize = 72 * 1024 * 1024;

/// What one load at one target measured: the shape of `bench load --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct LoadReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was driven.
    pub load: LoadRecord,
    /// What ended it; `null` in older records.
    #[serde(default)]
    pub ended_by: Option<EndedBy>,
    /// The ledger.
    pub requests: Ledger,
    /// Failures by group and kind.
    pub errors: ErrorCounts,
    /// Requests answered rightly, a second.
    pub throughput_per_s: f64,
    /// From the moment the schedule meant to send to the last byte.
    pub response_time_ns: Times,
    /// From the moment of sending to the last byte.
    pub service_time_ns: Times,
    /// From the moment the schedule meant to send to the moment of sending.
    pub send_lag_ns: Times,
    /// What the generator spent.
    pub generator: GeneratorRecord,
    /// Whether to believe it.
    pub validity: Validity,
    /// From `connect` to an established connection.
    pub connect_time_ns: Times,
    /// Connections over the whole drive.
    pub connections: ConnectionRecord,
    /// From the moment of sending to the first byte.
    #[serde(default)]
    pub first_byte_time_ns: Times,
    /// From an established connection to the end of its TLS handshake; all `null` without TLS.
    #[serde(default)]
    pub handshake_time_ns: Times,
    /// Requests on the wire, on average; `null` where they were not counted.
    #[serde(default)]
    pub in_flight_mean: Option<f64>,
    /// What streams of events brought; left out where no request was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<StreamRecord>,
    /// What became of messages of a chat; left out where no request was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<MessageRecord>,
    /// The same requests kind by kind, in the order of the mix; left out where there is but one kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_request: Vec<KindRecord>,
    /// What is timed: requests in older records, whatever they were for.
    #[serde(default)]
    pub timed: Timed,
}

/// What was measured of the requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct KindRecord {
    /// `GET /sleep/5`, as in [`RequestRecord`].
    pub request: String,
    /// Their ledger.
    pub requests: Ledger,
    /// From the moment the schedule meant to send to the last byte.
    pub response_time_ns: Times,
}

/// Streams of events: requests whose reply comes bit by bit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct StreamRecord {
    /// Requests for a stream that were sent.
    pub sent: u64,
    /// Events that came, each counted once.
    pub events: u64,
    /// Events that streams which ended did not bring.
    pub events_lost: u64,
    /// Events that came again.
    pub events_duplicated: u64,
    /// Events that came after a later one.
    pub events_out_of_order: u64,
    /// From the moment the schedule meant to send a request to the first event of its stream.
    pub first_event_time_ns: Times,
    /// How much longer than it should have the gap between two events was, zero where it was not.
    pub event_gap_lateness_ns: Times,
}

impl StreamRecord {
    fn of(recording: &Recording) -> Option<Self> {
        let counts = recording.streams;
        (counts.streams > 0).then(|| Self {
            sent: counts.streams,
            events: counts.events,
            events_lost: counts.lost,
            events_duplicated: counts.duplicated,
            events_out_of_order: counts.out_of_order,
            first_event_time_ns: Times::of(&recording.first_event_time),
            event_gap_lateness_ns: Times::of(&recording.event_gap_lateness),
        })
    }
}

/// Messages of a chat: requests that everyone who is in the room answers by having them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct MessageRecord {
    /// Messages that were sent.
    pub sent: u64,
    /// Deliveries, one for each message and member, each counted once.
    pub deliveries: u64,
    /// Deliveries that can't come any more.
    pub deliveries_lost: u64,
    /// Deliveries that came again.
    pub deliveries_duplicated: u64,
    /// Deliveries that came after a later message's.
    pub deliveries_out_of_order: u64,
    /// From the moment the schedule meant to send a message to the moment a member had it.
    pub delivery_time_ns: Times,
}

impl MessageRecord {
    fn of(recording: &Recording) -> Option<Self> {
        let counts = recording.messages;
        (counts.sent > 0).then(|| Self {
            sent: counts.sent,
            deliveries: counts.deliveries,
            deliveries_lost: counts.lost,
            deliveries_duplicated: counts.duplicated,
            deliveries_out_of_order: counts.out_of_order,
            delivery_time_ns: Times::of(&recording.delivery_time),
        })
    }
}

impl LoadReport {
    /// The report of a recording under the load that was driven.
    pub fn of(load: &Load, recording: &Recording, validity: Validity) -> Self {
        let summary = Summary::of(recording);
        Self {
            schema_version: SCHEMA_VERSION,
            load: LoadRecord::of(load, recording),
            ended_by: Some(recording.ended_by),
            requests: recording.ledger,
            errors: recording.errors.clone(),
            throughput_per_s: summary.throughput_per_s,
            response_time_ns: summary.response_time,
            service_time_ns: summary.service_time,
            send_lag_ns: summary.send_lag,
            generator: GeneratorRecord {
                cpu_us_per_request: summary.generator_cpu_us_per_request,
                cpu_share: summary.generator_cpu_share,
                threads: recording.generator.threads,
                spin_share: if recording.generator.cpu_ns == 0 {
                    0.0
                } else {
                    recording.generator.spin_ns as f64 / recording.generator.cpu_ns as f64
                },
            },
            validity,
            connect_time_ns: summary.connect_time,
            connections: ConnectionRecord {
                opened: recording.connections.opened,
                reopened: recording.connections.reopened,
                lost: recording.connections.lost,
                never_served: recording.connections.never_served,
                served_min: recording.connections.served.map(|served| served.min),
                served_max: recording.connections.served.map(|served| served.max),
                idle: recording.connections.idle,
                idle_lost: recording.connections.idle_lost,
            },
            first_byte_time_ns: Times::of(&recording.first_byte_time),
            handshake_time_ns: Times::of(&recording.handshake_time),
            in_flight_mean: (recording.in_flight.samples > 0).then_some(recording.in_flight.mean),
            streams: StreamRecord::of(recording),
            messages: MessageRecord::of(recording),
            by_request: Vec::new(),
            timed: Timed::of(recording),
        }
    }

    /// The same with each kind of request by itself. `requests`: what they are called, in the order of the mix.
    #[must_use]
    pub fn by_request(self, requests: &[RequestRecord], recording: &Recording) -> Self {
        let kinds = requests.iter().zip(&recording.kinds);
        Self {
            by_request: kinds
                .map(|(asked, kind)| KindRecord {
                    request: asked.request.clone(),
                    requests: kind.ledger,
                    response_time_ns: Times::of(&kind.response_time),
                })
                .collect(),
            ..self
        }
    }
}

/// The load as driven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct LoadRecord {
    /// `closed`, `constant` or `poisson`.
    pub arrival: String,
    /// Scheduled requests a second; `null` in a closed loop.
    pub rate_per_s: Option<f64>,
    /// Connections: how many were kept open, or could be open at a time.
    pub connections: u32,
    /// `once` before the load, or `per_request`.
    #[serde(default)]
    pub connect: Connect,
    /// Connections of each target that carried nothing, held beside them.
    #[serde(default)]
    pub idle_connections: u32,
    /// How many requests were asked for, where their number was bounded.
    #[serde(default)]
    pub requests: Option<u64>,
    /// Measured seconds, all epochs together.
    pub duration_s: f64,
    /// Seconds after them, on average over all connections, in which replies were waited for: throughput is replies over both.
    #[serde(default)]
    pub overtime_s: f64,
    /// Seeds arrivals and mix.
    pub seed: u64,
}

impl LoadRecord {
    fn of(load: &Load, recording: &Recording) -> Self {
        Self {
            arrival: load.arrival.name().to_owned(),
            rate_per_s: load.arrival.rate().map(crate::units::Rate::as_per_s),
            connections: load.connections.get(),
            connect: load.connect,
            idle_connections: load.idle_connections,
            requests: load.request_limit,
            duration_s: recording.measured_ns as f64 / NANOS_PER_S as f64,
            overtime_s: recording.overtime_ns as f64 / NANOS_PER_S as f64,
            seed: load.seed,
        }
    }
}

/// Connections over the whole drive, warm-up included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ConnectionRecord {
    /// Opened in all.
    pub opened: u64,
    /// Opened again in place of one that had ended, whoever ended it.
    pub reopened: u64,
    /// Those of them that the target had closed or reset without having announced it.
    #[serde(default)]
    pub lost: u64,
    /// Never carried a measured reply.
    pub never_served: u64,
    /// Measured replies of the connection that carried fewest; `null` where they were not counted.
    #[serde(default)]
    pub served_min: Option<u64>,
    /// Measured replies of the connection that carried most; `null` as above.
    #[serde(default)]
    pub served_max: Option<u64>,
    /// Connections beside them that were opened to carry nothing, over all rounds.
    #[serde(default)]
    pub idle: u64,
    /// Those of them that were lost.
    #[serde(default)]
    pub idle_lost: u64,
}

/// What the generator spent while it measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct GeneratorRecord {
    /// CPU microseconds per request answered.
    pub cpu_us_per_request: Option<f64>,
    /// Share of its cores, 0 to 1.
    pub cpu_share: f64,
    /// Threads.
    pub threads: u32,
    /// Share of its CPU time that was spent spinning for a due time, 0 to 1.
    pub spin_share: f64,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// `<time>-<scenario>`: also the name of its directory.
    pub id: String,
    /// Version of `bench`.
    pub bench_version: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How long it took, set-up included, in seconds.
    pub elapsed_s: f64,
    /// Whether it came to its end.
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
    /// Every target against the first, metric by metric.
    pub comparisons: Vec<Comparison>,
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
        parse(text, file_name, "run", SCHEMA_VERSION)
    }

    /// What is timed, and so compared, drawn and shown first.
    pub fn timed(&self) -> Timed {
        Timed::of_targets(&self.targets)
    }

    /// What to beware of: the run's own cautions, then those of its targets that the run has not told itself.
    ///
    /// A target's percentiles that are missing for want of samples are not among them: they show as missing.
    pub fn cautions(&self) -> Vec<ToldCaution> {
        let of_run = self.validity.cautions.iter().map(|caution| (None, caution));
        let of_targets = self.targets.iter().flat_map(|target| {
            let own = target.report.validity.cautions.iter();
            own.map(|caution| (Some(target.name.as_str()), caution))
        });
        let untold = of_targets.filter(|(_, caution)| {
            let is_told = caution.voids || caution.code == CautionCode::TargetFailed;
            !is_told && caution.code != CautionCode::TooFewSamples
        });
        validity::told(of_run.chain(untold))
    }

    /// `run.json`: indented, keys in the order of the fields, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a record has only string keys, and its values serialise");
        text.push('\n');
        text
    }
}

/// Reads a record of which the versions up to `newest` are known.
///
/// `of`: what it is a record of, as in its usual name, `run.json`.
pub(crate) fn parse<T: DeserializeOwned>(
    text: &str,
    file_name: &str,
    of: &'static str,
    newest: u32,
) -> Result<T, RecordError> {
    let file = || file_name.to_owned();
    if text.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge {
            of,
            file: file(),
            bytes: text.len(),
        });
    }
    // The version first: a later record may differ in anything else.
    let corrupt = |error: serde_json::Error| RecordError::Corrupt {
        of,
        file: file(),
        line: error.line(),
        what: error.to_string(),
    };
    let version = serde_json::from_str::<Versioned>(text)
        .map_err(corrupt)?
        .schema_version;
    if version > newest {
        return Err(RecordError::Newer {
            file: file(),
            version,
            newest,
        });
    }
    serde_json::from_str(text).map_err(corrupt)
}

/// The one key that every version of a record has.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u32,
}

/// Why a record can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Longer than any record.
    #[error(
        "{file} has {bytes} bytes, and a record at most {MAX_RECORD_BYTES}: check that this is a {of}.json"
    )]
    TooLarge {
        /// What it should be a record of.
        of: &'static str,
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
    },
    /// Written by a later version.
    #[error(
        "{file} has schema version {version}, and this bench reads up to {newest}: read it with the version that wrote it, or later"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
        /// The last that is known here.
        newest: u32,
    },
    /// Not a record.
    #[error(
        "{file}:{line}: this is no {of} record ({what}): check that it is the {of}.json of a {of}, and that nothing has changed it since"
    )]
    Corrupt {
        /// What it should be a record of.
        of: &'static str,
        /// The file.
        file: String,
        /// The line, from 1; 0 where no line is to blame.
        line: usize,
        /// What the reader says.
        what: String,
    },
}

/// Whether a run came to its end.
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
    /// Warm-up of each target in each round, in seconds: what it was told, or the shortest where it went on until the
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

/// Where a run ran. Records whose environments differ are compared only with a warning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Environment {
    /// Kernel name and release.
    pub kernel: String,
    /// Processor model.
    pub cpu_model: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// Frequency governor of the first core; `null` where the system does not tell.
    pub governor: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Open file limit after raising it.
    pub open_files_max: u64,
    /// Load average over one minute before the run.
    pub load_average: Option<f64>,
    /// Share of time that the hypervisor took away during the run, 0 to 1.
    pub steal_share: Option<f64>,
    /// Times the control group throttled this process during the run.
    pub throttled_periods: Option<u64>,
    /// Hypervisor or container, where it shows.
    pub virtualization: Option<String>,
    /// SHA-256 of the `bench` binary.
    pub binary_sha256: String,
}

/// Which cores served and which generated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Pinning {
    /// Cores of the servers; empty where they were not pinned.
    pub server_cpus: Vec<u32>,
    /// Cores of the generator and the backend; empty where they were not pinned.
    pub load_cpus: Vec<u32>,
}

/// What the last calibration of the instrument found: a run cites it as evidence for its own figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct CalibrationRecord {
    /// When, RFC 3339.
    pub at: String,
    /// Figures that were read as they must be.
    pub passed: u32,
    /// Figures that the machine itself moved, which says nothing of the instrument.
    pub disturbed: u32,
    /// Figures that were read wrongly.
    pub failed: u32,
    /// Whether it calibrated the very `bench` that ran.
    pub same_binary: bool,
}

/// A target: who it was, what was measured of it, what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct TargetRecord {
    /// The name it goes by in this run; unique.
    pub name: String,
    /// What it is.
    pub manifest: Manifest,
    /// What the load measured, all epochs together.
    #[serde(flatten)]
    pub report: LoadReport,
    /// What it cost the server.
    pub server: ServerRecord,
    /// How it was warmed up, round by round; empty in older records.
    #[serde(default)]
    pub warmups: Vec<WarmupRecord>,
    /// Epoch by epoch, in the order they were measured.
    pub epochs: Vec<EpochRecord>,
    /// The time series.
    pub intervals: Vec<IntervalRecord>,
    /// The distribution of what is timed over one part of the measured time after another, oldest first; together they hold
    /// what the full one holds. Left out where nothing was timed, and in older records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceRecord>,
    /// The full distributions.
    pub histograms: Histograms,
    /// What went wrong, where something did.
    pub failure: Option<Failure>,
}

/// What a target is: these stand in every legend and record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Manifest {
    /// `callback`, `coroutine`, `node` …: which built-in target, or the name of a user's own.
    pub kind: String,
    /// Language runtime or library, as `tokio`.
    pub runtime: String,
    /// Its version.
    pub version: String,
    /// Everything that has a version: interpreter, framework, loop.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// The event loop: `evloop on mio`, `tokio multi_thread`.
    pub event_loop: String,
    /// Threads or processes that serve.
    pub workers: u32,
    /// Threads of the pool for blocking work.
    pub pool_threads: u32,
    /// The TOML that says how it was started; empty where it ran already.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

impl Manifest {
    /// `tokio 1.54 (multi_thread, 1 worker)`: what a legend says beside the target's name.
    pub fn legend(&self) -> String {
        let workers = if self.workers == 1 {
            "1 worker".to_owned()
        } else {
            format!("{} workers", self.workers)
        };
        format!(
            "{} {} ({}, {workers})",
            self.runtime, self.version, self.event_loop
        )
    }
}

/// What serving cost, over the measured parts of all epochs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ServerRecord {
    /// CPU microseconds per request answered; `null` where the process could not be watched.
    pub cpu_us_per_request: Option<f64>,
    /// Share of a core that the server used, 1 = one full core.
    pub cpu_share: Option<f64>,
    /// The user part of its CPU time, 0 to 1.
    pub cpu_user_share: Option<f64>,
    /// Largest resident set in bytes.
    pub rss_bytes_max: Option<u64>,
    /// What each idle connection added to the resident set, on average, in bytes: what it grew by while they were opened,
    /// divided by their number; `null` where there were none.
    #[serde(default)]
    pub rss_bytes_per_idle_connection: Option<f64>,
    /// Largest number of threads.
    pub threads_max: Option<u32>,
    /// Voluntary context switches per 1,000 requests.
    pub context_switches_voluntary_per_1000: Option<f64>,
    /// Involuntary context switches per 1,000 requests.
    pub context_switches_involuntary_per_1000: Option<f64>,
    /// Threads that could run and waited for a core, on average, as the kernel counts; left out where it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_queue_mean: Option<f64>,
    /// What its loops did, by what it tells at `/stats`; left out where it tells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loops: Option<LoopRecord>,
    /// What it asked of the kernel; left out where that was not asked for, or could not be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syscalls: Option<SyscallRecord>,
    /// What `/stats` said at the end of the last epoch, without its lists of counts: `loops` sums those up.
    pub stats: Option<serde_json::Value>,
    /// Samples over time.
    pub samples: Vec<ServerSample>,
}

/// The server at one moment of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ServerSample {
    /// Seconds since the run began.
    pub at_s: f64,
    /// Share of a core used since the sample before, 1 = one full core.
    pub cpu_share: f64,
    /// Resident set in bytes.
    pub rss_bytes: u64,
}

/// One epoch of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct EpochRecord {
    /// Round, from 0.
    pub round: u32,
    /// Block within the whole run, from 0.
    pub block: u32,
    /// Place within the block, from 0.
    pub position: u32,
    /// Seconds from the start of the run to the start of its measured part.
    pub started_s: f64,
    /// Measured seconds.
    pub duration_s: f64,
    /// Its ledger.
    pub requests: Ledger,
    /// The metrics, by name (see [`crate::record::metric::Metric`]); those that could not be measured are left out.
    pub metrics: BTreeMap<String, f64>,
    /// What its loops did meanwhile; left out where it tells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loops: Option<LoopRecord>,
}

impl EpochRecord {
    /// What one trial recorded.
    ///
    /// `started_s`: seconds from the start of the run to the start of the measured part. `cpu_us_per_request`,
    /// `rss_bytes_max`: what it cost the server, where it could be watched.
    pub fn of(
        trial: &Trial,
        started_s: f64,
        recording: &Recording,
        cpu_us_per_request: Option<f64>,
        rss_bytes_max: Option<u64>,
    ) -> Self {
        Self {
            round: trial.round,
            block: trial.block,
            position: trial.position,
            started_s,
            duration_s: recording.measured_ns as f64 / NANOS_PER_S as f64,
            requests: recording.ledger,
            metrics: metric::metrics_of(recording, cpu_us_per_request, rss_bytes_max),
            loops: None,
        }
    }
}

/// One interval of the time series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct IntervalRecord {
    /// Seconds since the run began.
    pub start_s: f64,
    /// Its length in seconds.
    pub duration_s: f64,
    /// Requests answered rightly in it.
    pub ok: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// Median response time of those that ended in it, in nanoseconds; `null` as in [`Times`].
    pub response_time_ns_p50: Option<u64>,
    /// 99th percentile.
    pub response_time_ns_p99: Option<u64>,
    /// Largest.
    pub response_time_ns_max: Option<u64>,
    /// First event times of the streams that began in it; left out where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_event_time_ns: Option<IntervalTimes>,
    /// Delivery times of a chat's messages to those who had them in it; left out where none had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_time_ns: Option<IntervalTimes>,
}

/// What an interval tells of one time, in nanoseconds; `null` as in [`Times`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct IntervalTimes {
    /// Median.
    pub p50: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// Largest.
    pub max: Option<u64>,
}

impl IntervalTimes {
    fn of(counts: &Counts) -> Self {
        Self {
            p50: stats::nearest_rank::value_at_counts(counts, 5_000),
            p99: stats::nearest_rank::value_at_counts(counts, 9_900),
            max: counts.last().map(|&(value_ns, _)| value_ns),
        }
    }
}

impl IntervalRecord {
    /// An interval of an epoch whose measured part began `epoch_started_s` seconds after the run.
    pub fn of(interval: &Interval, epoch_started_s: f64) -> Self {
        let response_time = IntervalTimes::of(&interval.response_time);
        let where_any = |counts: &Counts| (!counts.is_empty()).then(|| IntervalTimes::of(counts));
        Self {
            start_s: epoch_started_s + interval.start_ns as f64 / NANOS_PER_S as f64,
            duration_s: interval.length_ns as f64 / NANOS_PER_S as f64,
            ok: interval.ok,
            failed: interval.failed,
            response_time_ns_p50: response_time.p50,
            response_time_ns_p99: response_time.p99,
            response_time_ns_max: response_time.max,
            first_event_time_ns: where_any(&interval.first_event_time),
            delivery_time_ns: where_any(&interval.delivery_time),
        }
    }
}

/// Full distributions as HdrHistogram's V2 format, deflated, in base64: what a line of an `.hlog` carries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Histograms {
    /// Response times in nanoseconds.
    pub response_time_v2_base64: String,
    /// Service times in nanoseconds.
    pub service_time_v2_base64: String,
    /// Send lags in nanoseconds.
    pub send_lag_v2_base64: String,
    /// Times to the first event of a stream in nanoseconds; empty where no request was for one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_event_time_v2_base64: String,
    /// Latenesses of the gaps between the events of a stream in nanoseconds; empty as above.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event_gap_lateness_v2_base64: String,
    /// Times of deliveries of a chat's messages in nanoseconds; empty where no request was one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub delivery_time_v2_base64: String,
}

impl Histograms {
    /// The distributions of a recording.
    pub fn of(recording: &Recording) -> Self {
        let where_any = |count, histogram| {
            if count == 0 {
                String::new()
            } else {
                histogram_base64(histogram)
            }
        };
        let of_streams = |histogram| where_any(recording.streams.streams, histogram);
        Self {
            first_event_time_v2_base64: of_streams(&recording.first_event_time),
            event_gap_lateness_v2_base64: of_streams(&recording.event_gap_lateness),
            delivery_time_v2_base64: where_any(recording.messages.sent, &recording.delivery_time),
            response_time_v2_base64: histogram_base64(&recording.response_time),
            service_time_v2_base64: histogram_base64(&recording.service_time),
            send_lag_v2_base64: histogram_base64(&recording.send_lag),
        }
    }
}

/// How a target failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Failure {
    /// What happened, in a sentence.
    pub what: String,
    /// What it last said on its standard output and error.
    pub last_output: String,
}

/// The upstream backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct BackendRecord {
    /// Calls that it answered.
    pub calls: u64,
    /// How much later than it should have, in nanoseconds.
    pub lateness_ns: Times,
    /// Share of a core that it used, 1 = one full core.
    pub cpu_share: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_that_of_what_is_written() {
        crate::published_for_tests::check::<RunRecord>("results/run.schema.json");
    }
}
