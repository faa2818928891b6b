//! One target of a run: who it was, what was measured of it, what it cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use stats::nearest_rank::value_at_counts;

use crate::measured::accounting::Accounting;
use crate::measured::clock::Clock;
use crate::measured::histogram::histogram_base64;
use crate::measured::loops::LoopRecord;
use crate::measured::recording::{Counts, Interval, Recording};
use crate::measured::slices::SliceRecord;
use crate::measured::syscalls::SyscallRecord;
use crate::record::errors::ErrorShare;
use crate::record::generator::GeneratorRecord;
use crate::record::load_report::LoadReport;
use crate::record::metric;
use crate::record::warmup::WarmupRecord;
use crate::spec::factors::Factors;
use crate::spec::plan::Trial;
use crate::spec::services::Service;
use crate::spec::target::UNKNOWN;
use crate::units::NANOS_PER_S;

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
    /// The whole distributions in nanoseconds, by clock: see [`whole_distributions`].
    pub histograms_v2_base64: BTreeMap<Clock, String>,
    /// What each generator measured, where other machines drove the load; left out where this one did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generators: Vec<GeneratorRecord>,
    /// What the probe beside them measured, where there was one: its requests are no part of the other figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<GeneratorRecord>,
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
    /// What it has of each factor of the experiment; left out where its manifest doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Factors>,
    /// The TOML that says how it was started; empty where it ran already.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

impl TargetRecord {
    /// The whole distribution of a clock in base64; empty where it has none.
    pub fn whole_distribution(&self, clock: Clock) -> &str {
        self.histograms_v2_base64
            .get(&clock)
            .map_or("", String::as_str)
    }

    /// The same with the shares of failed requests over its blocks, of all requests and kind by kind.
    #[must_use]
    pub fn with_error_shares(mut self) -> Self {
        let epochs = self.epochs.iter();
        let whole = epochs.clone().map(|epoch| (epoch.block, epoch.requests));
        self.report.error_share = ErrorShare::in_blocks(&self.report.requests, whole);
        for (index, kind) in self.report.by_request.iter_mut().enumerate() {
            let of_kind = epochs
                .clone()
                .filter_map(|epoch| Some((epoch.block, *epoch.by_request.get(index)?)));
            kind.error_share = ErrorShare::in_blocks(&kind.requests, of_kind);
        }
        self
    }
}

/// What frameworks and servers run on, as manifests call it where they name its version.
const INTERPRETERS: [&str; 4] = ["Bun", "CPython", "Deno", "Node.js"];

impl Manifest {
    /// `tokio 1.54 (multi_thread, 1 worker)`, `FastAPI 0.165 on CPython 3.13.0 (uvloop, 1 worker)`: what a legend says beside the
    /// target's name. What is not known is left out.
    pub fn legend(&self) -> String {
        let workers = match self.workers {
            0 => None,
            1 => Some("1 worker".to_owned()),
            workers => Some(format!("{workers} workers")),
        };
        let event_loop = Some(&self.event_loop).filter(|name| *name != UNKNOWN);
        let about: Vec<String> = event_loop.cloned().into_iter().chain(workers).collect();
        let about = match about.as_slice() {
            [] => String::new(),
            about => format!(" ({})", about.join(", ")),
        };
        let version = Some(&self.version).filter(|version| *version != UNKNOWN);
        let version = version
            .map(|version| format!(" {version}"))
            .unwrap_or_default();
        let mut others = self.versions.iter().filter(|(of, _)| **of != self.runtime);
        let interpreter = others.find(|(of, _)| INTERPRETERS.contains(&of.as_str()));
        let interpreter = interpreter
            .map(|(of, version)| format!(" on {of} {version}"))
            .unwrap_or_default();
        format!("{}{version}{interpreter}{about}", self.runtime)
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
    /// The same of each round in which it is known, in their order; left out where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rss_bytes_per_idle_connection_by_round: Vec<f64>,
    /// Largest number of threads.
    pub threads_max: Option<u32>,
    /// Voluntary context switches per 1,000 requests.
    pub context_switches_voluntary_per_1000: Option<f64>,
    /// Involuntary context switches per 1,000 requests.
    pub context_switches_involuntary_per_1000: Option<f64>,
    /// Threads that could run and waited for a core, on average, as the kernel counts; left out where it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_queue_mean: Option<f64>,
    /// What services did for it, by service; left out where it needed none, or their processes are on another machine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<Service, ServiceCost>,
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

/// What a service spent on a target's requests, which is no part of the target's own figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ServiceCost {
    /// CPU microseconds per request answered; `null` where none was.
    pub cpu_us_per_request: Option<f64>,
    /// Share of a core that it used, 1 = one full core.
    pub cpu_share: f64,
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
    /// What became of its requests.
    pub requests: Accounting,
    /// The same kind by kind, in the order of the mix; left out where there is but one kind, and in older records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_request: Vec<Accounting>,
    /// The metrics, by name (see [`crate::record::metric::Metric`]); those that could not be measured are left out.
    pub metrics: BTreeMap<String, f64>,
    /// CPU time that services spent meanwhile, in seconds, by service; left out where there were none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services_cpu_s: BTreeMap<Service, f64>,
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
            requests: recording.accounting,
            by_request: recording.kinds.iter().map(|kind| kind.accounting).collect(),
            metrics: metric::metrics_of(recording, cpu_us_per_request, rss_bytes_max),
            services_cpu_s: BTreeMap::new(),
            loops: None,
        }
    }
}

/// One interval of the time series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct IntervalRecord {
    /// Seconds since the run began.
    pub start_s: f64,
    /// Its length in seconds.
    pub duration_s: f64,
    /// Requests that succeeded in it.
    pub ok: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// The times of what ended, began or was delivered in it, by clock; those without values are left out.
    pub times_ns: BTreeMap<Clock, IntervalTimes>,
}

/// What an interval tells of one time, in nanoseconds; `null` as in `Times`.
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
            p50: value_at_counts(counts, 5_000),
            p99: value_at_counts(counts, 9_900),
            max: counts.last().map(|&(value_ns, _)| value_ns),
        }
    }
}

impl IntervalRecord {
    /// What it tells of a clock; all `null` where it has no values of it.
    pub fn times(&self, clock: Clock) -> IntervalTimes {
        self.times_ns.get(&clock).copied().unwrap_or_default()
    }

    /// An interval of an epoch whose measured part began `epoch_started_s` seconds after the run.
    pub fn of(interval: &Interval, epoch_started_s: f64) -> Self {
        let times = interval
            .times
            .iter()
            .filter(|(_, counts)| !counts.is_empty());
        Self {
            start_s: epoch_started_s + interval.start_ns as f64 / NANOS_PER_S as f64,
            duration_s: interval.length_ns as f64 / NANOS_PER_S as f64,
            ok: interval.ok,
            failed: interval.failed,
            times_ns: times
                .map(|(clock, counts)| (clock, IntervalTimes::of(counts)))
                .collect(),
        }
    }
}

/// The whole distributions of [`Clock::KEPT_WHOLE`] that have values, in HdrHistogram's V2 format, deflated, in base64: what a line of
/// an `.hlog` carries.
pub fn whole_distributions(recording: &Recording) -> BTreeMap<Clock, String> {
    let kept = Clock::KEPT_WHOLE.into_iter();
    let kept = kept.map(|clock| (clock, &recording.times[clock]));
    kept.filter(|(_, histogram)| !histogram.is_empty())
        .map(|(clock, histogram)| (clock, histogram_base64(histogram)))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_leaves_out_what_is_not_known() {
        let check = |version: &str, event_loop: &str, workers, legend: &str| {
            let manifest = Manifest {
                runtime: "node".to_owned(),
                version: version.to_owned(),
                event_loop: event_loop.to_owned(),
                workers,
                ..Manifest::default()
            };
            assert_eq!(manifest.legend(), legend);
        };
        check("24.1.0", "libuv", 2, "node 24.1.0 (libuv, 2 workers)");
        check("24.1.0", UNKNOWN, 1, "node 24.1.0 (1 worker)");
        check(UNKNOWN, "libuv", 1, "node (libuv, 1 worker)");
        // A server that runs already.
        check(
            "http://127.0.0.1:80",
            UNKNOWN,
            0,
            "node http://127.0.0.1:80",
        );
    }
}
