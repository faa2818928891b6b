//! What can be compared of two targets, and what it was in one epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measured::clock::Clock;
use crate::measured::recording::Recording;
use crate::measured::summary::{Summary, value_at};
use crate::measured::workload::WorkloadKind;
use crate::names;
use crate::record::verdict::Direction;

/// What can be compared. Which of them a run compares follows from its workload: see [`Metric::of_workload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Metric {
    /// A percentile of a clock, in nanoseconds.
    Time(Clock, Rank),
    /// Requests that succeeded, a second.
    ThroughputPerS,
    /// Server CPU microseconds per request that succeeded.
    ServerCpuUsPerRequest,
    /// Largest resident set of the server in bytes.
    ServerRssBytesMax,
    /// Requests that succeeded within the limits of goodput, a second.
    GoodputPerS,
    /// How long the target took to recover from an overload, in nanoseconds: see
    /// [`recovery_ns`](crate::measured::recording::recovery_ns).
    RecoveryNs,
}

/// The percentiles that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// The median.
    P50,
    /// The 99th percentile.
    P99,
}

impl Metric {
    /// Median response time.
    pub const RESPONSE_TIME_P50: Self = Self::Time(Clock::ResponseTime, Rank::P50);
    /// 99th percentile of response time.
    pub const RESPONSE_TIME_P99: Self = Self::Time(Clock::ResponseTime, Rank::P99);

    /// What a workload's comparison is of, the median and the 99th percentile of its own clock first. Holm's adjustment counts
    /// these and no others.
    ///
    /// The median lateness of the gaps between events is not among them: half of all gaps are early, and nothing is a ratio of
    /// zero.
    pub const fn of_workload(kind: WorkloadKind) -> &'static [Self] {
        use Clock::{DeliveryTime, EventGapLateness, FirstEventTime, ServiceTime};
        use Rank::{P50, P99};
        match kind {
            WorkloadKind::Requests => &[
                Self::RESPONSE_TIME_P50,
                Self::RESPONSE_TIME_P99,
                Self::Time(ServiceTime, P50),
                Self::Time(ServiceTime, P99),
                Self::ThroughputPerS,
                Self::ServerCpuUsPerRequest,
                Self::ServerRssBytesMax,
            ],
            WorkloadKind::Streams => &[
                Self::Time(FirstEventTime, P50),
                Self::Time(FirstEventTime, P99),
                Self::Time(EventGapLateness, P99),
                Self::ThroughputPerS,
                Self::ServerCpuUsPerRequest,
                Self::ServerRssBytesMax,
            ],
            WorkloadKind::Messages => &[
                Self::Time(DeliveryTime, P50),
                Self::Time(DeliveryTime, P99),
                Self::ThroughputPerS,
                Self::ServerCpuUsPerRequest,
                Self::ServerRssBytesMax,
            ],
        }
    }

    /// Every metric of any workload: times first, in the order of clocks.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = WorkloadKind::ALL
            .into_iter()
            .flat_map(Self::with_optional)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time(clock, Rank::P50) => clock.metric_names()[0],
            Self::Time(clock, Rank::P99) => clock.metric_names()[1],
            Self::ThroughputPerS => "throughput_per_s",
            Self::ServerCpuUsPerRequest => "server_cpu_us_per_request",
            Self::ServerRssBytesMax => "server_rss_bytes_max",
            Self::GoodputPerS => "goodput_per_s",
            Self::RecoveryNs => "recovery_ns",
        }
    }

    /// What only scenarios with limits of goodput have: where it is absent nothing is missing.
    pub const OPTIONAL: [Self; 2] = [Self::GoodputPerS, Self::RecoveryNs];

    /// Those of [`Self::of_workload`], and the optional ones.
    pub fn with_optional(kind: WorkloadKind) -> impl Iterator<Item = Self> {
        let own = Self::of_workload(kind).iter().copied();
        own.chain(Self::OPTIONAL)
    }

    /// What a change of it is called.
    pub const fn direction(self) -> Direction {
        match self {
            Self::Time(..) | Self::RecoveryNs => Direction::Time,
            Self::ThroughputPerS | Self::GoodputPerS => Direction::Rate,
            Self::ServerCpuUsPerRequest | Self::ServerRssBytesMax => Direction::Cost,
        }
    }

    /// True where less of it is better.
    pub fn lower_is_better(self) -> bool {
        self.direction() != Direction::Rate
    }

    /// The metric of a name in records.
    pub fn named(name: &str) -> Result<Self, UnknownMetric> {
        let all = Self::all();
        let known = all.iter().copied().find(|metric| metric.name() == name);
        known.ok_or_else(|| UnknownMetric {
            name: names::shortened(name),
            nearest: names::nearest(name, all.into_iter().map(Self::name)),
        })
    }
}

impl TryFrom<String> for Metric {
    type Error = UnknownMetric;

    fn try_from(name: String) -> Result<Self, UnknownMetric> {
        Self::named(&name)
    }
}

impl From<Metric> for &'static str {
    fn from(metric: Metric) -> Self {
        metric.name()
    }
}

#[cfg(any(test, feature = "schema"))]
impl schemars::JsonSchema for Metric {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = Self::all().into_iter().map(Self::name).collect();
        schemars::json_schema!({ "type": "string", "enum": names })
    }
}

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no metric is called `{name}`{}; known are {}", names::hint(*nearest), Metric::all().into_iter().map(Metric::name).collect::<Vec<_>>().join(", "))]
pub struct UnknownMetric {
    /// The name asked for.
    pub name: String,
    /// The one that was probably meant.
    pub nearest: Option<&'static str>,
}

/// The metrics of one epoch, by name; those that could not be measured are left out.
///
/// `cpu_us_per_request`, `rss_bytes_max`: what the epoch cost the server, where it could be watched.
pub fn metrics_of(
    recording: &Recording,
    cpu_us_per_request: Option<f64>,
    rss_bytes_max: Option<u64>,
) -> BTreeMap<String, f64> {
    let percentile =
        |clock, per_10_000| value_at(&recording.times[clock], per_10_000).map(|ns| ns as f64);
    Metric::all()
        .into_iter()
        .filter_map(|metric| {
            let value = match metric {
                Metric::Time(clock, Rank::P50) => percentile(clock, 5_000),
                Metric::Time(clock, Rank::P99) => percentile(clock, 9_900),
                Metric::ThroughputPerS => Some(Summary::of(recording).throughput_per_s),
                Metric::ServerCpuUsPerRequest => cpu_us_per_request,
                Metric::ServerRssBytesMax => rss_bytes_max.map(|bytes| bytes as f64),
                Metric::GoodputPerS => Summary::of(recording).goodput_per_s,
                Metric::RecoveryNs => recording.recovery_ns.map(|ns| ns as f64),
            };
            Some((metric.name().to_owned(), value?))
        })
        .collect()
}
