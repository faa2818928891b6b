//! What can be compared of two targets, and what it was in one epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measured::recording::Recording;
use crate::measured::summary::{Summary, Times};
use crate::names;
use crate::record::comparison::ComparisonVerdict;

/// What can be compared. Which of them a run compares follows from what it times: see [`Timed::metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Median response time in nanoseconds.
    ResponseTimeNsP50,
    /// 99th percentile of response time in nanoseconds.
    ResponseTimeNsP99,
    /// Median service time in nanoseconds.
    ServiceTimeNsP50,
    /// 99th percentile of service time in nanoseconds.
    ServiceTimeNsP99,
    /// Median time to the first event of a stream in nanoseconds.
    FirstEventTimeNsP50,
    /// 99th percentile of the time to the first event of a stream in nanoseconds.
    FirstEventTimeNsP99,
    /// 99th percentile of the lateness of the gaps between events in nanoseconds.
    EventGapLatenessNsP99,
    /// Median delivery time of a chat's messages in nanoseconds.
    DeliveryTimeNsP50,
    /// 99th percentile of the delivery time of a chat's messages in nanoseconds.
    DeliveryTimeNsP99,
    /// Requests answered rightly, a second.
    ThroughputPerS,
    /// Server CPU microseconds per request answered.
    ServerCpuUsPerRequest,
    /// Largest resident set of the server in bytes.
    ServerRssBytesMax,
}

/// What a change of a metric is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A time: less of it is *faster*.
    Time,
    /// A rate: more of it is *faster*.
    Rate,
    /// A cost: *less* or *more*.
    Cost,
}

impl Direction {
    /// What a difference is called where the head's value is above the base's, or below it.
    pub fn difference(self, rises: bool) -> ComparisonVerdict {
        match (self, rises) {
            (Self::Time, false) | (Self::Rate, true) => ComparisonVerdict::Faster,
            (Self::Time, true) | (Self::Rate, false) => ComparisonVerdict::Slower,
            (Self::Cost, false) => ComparisonVerdict::Less,
            (Self::Cost, true) => ComparisonVerdict::More,
        }
    }
}

impl Metric {
    /// Every metric, in the order of records.
    pub const ALL: [Self; 12] = [
        Self::ResponseTimeNsP50,
        Self::ResponseTimeNsP99,
        Self::ServiceTimeNsP50,
        Self::ServiceTimeNsP99,
        Self::FirstEventTimeNsP50,
        Self::FirstEventTimeNsP99,
        Self::EventGapLatenessNsP99,
        Self::DeliveryTimeNsP50,
        Self::DeliveryTimeNsP99,
        Self::ThroughputPerS,
        Self::ServerCpuUsPerRequest,
        Self::ServerRssBytesMax,
    ];

    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResponseTimeNsP50 => "response_time_ns_p50",
            Self::ResponseTimeNsP99 => "response_time_ns_p99",
            Self::ServiceTimeNsP50 => "service_time_ns_p50",
            Self::ServiceTimeNsP99 => "service_time_ns_p99",
            Self::FirstEventTimeNsP50 => "first_event_time_ns_p50",
            Self::FirstEventTimeNsP99 => "first_event_time_ns_p99",
            Self::EventGapLatenessNsP99 => "event_gap_lateness_ns_p99",
            Self::DeliveryTimeNsP50 => "delivery_time_ns_p50",
            Self::DeliveryTimeNsP99 => "delivery_time_ns_p99",
            Self::ThroughputPerS => "throughput_per_s",
            Self::ServerCpuUsPerRequest => "server_cpu_us_per_request",
            Self::ServerRssBytesMax => "server_rss_bytes_max",
        }
    }

    /// The name in sentences that have little room. CPU is counted a request: whoever knows what a run was of may say it better.
    pub fn words(self) -> &'static str {
        match self {
            Self::ResponseTimeNsP50 => "response time p50",
            Self::ResponseTimeNsP99 => "response time p99",
            Self::ServiceTimeNsP50 => "service time p50",
            Self::ServiceTimeNsP99 => "service time p99",
            Self::FirstEventTimeNsP50 => "first event time p50",
            Self::FirstEventTimeNsP99 => "first event time p99",
            Self::EventGapLatenessNsP99 => "event gap lateness p99",
            Self::DeliveryTimeNsP50 => "delivery time p50",
            Self::DeliveryTimeNsP99 => "delivery time p99",
            Self::ThroughputPerS => "throughput",
            Self::ServerCpuUsPerRequest => "server CPU per request",
            Self::ServerRssBytesMax => "peak memory",
        }
    }

    /// What a change of it is called.
    pub fn direction(self) -> Direction {
        match self {
            Self::ResponseTimeNsP50
            | Self::ResponseTimeNsP99
            | Self::ServiceTimeNsP50
            | Self::ServiceTimeNsP99
            | Self::FirstEventTimeNsP50
            | Self::FirstEventTimeNsP99
            | Self::EventGapLatenessNsP99
            | Self::DeliveryTimeNsP50
            | Self::DeliveryTimeNsP99 => Direction::Time,
            Self::ThroughputPerS => Direction::Rate,
            Self::ServerCpuUsPerRequest | Self::ServerRssBytesMax => Direction::Cost,
        }
    }

    /// True where less of it is better.
    pub fn lower_is_better(self) -> bool {
        self.direction() != Direction::Rate
    }

    /// The metric of a name in records.
    pub fn named(name: &str) -> Result<Self, UnknownMetric> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| UnknownMetric {
                name: names::shortened(name),
                nearest: names::nearest(name, Self::ALL.map(Self::name)),
            })
    }
}

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no metric is called `{name}`{}; known are {}", nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default(), Metric::ALL.map(Metric::name).join(", "))]
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
    let summary = Summary::of(recording);
    let percentile = |times: &Times, name| times.named(name).map(|ns| ns as f64);
    let first_event = Times::of(&recording.first_event_time);
    let event_gap = Times::of(&recording.event_gap_lateness);
    let delivery = Times::of(&recording.delivery_time);
    Metric::ALL
        .into_iter()
        .filter_map(|metric| {
            let value = match metric {
                Metric::ResponseTimeNsP50 => percentile(&summary.response_time, "p50"),
                Metric::ResponseTimeNsP99 => percentile(&summary.response_time, "p99"),
                Metric::ServiceTimeNsP50 => percentile(&summary.service_time, "p50"),
                Metric::ServiceTimeNsP99 => percentile(&summary.service_time, "p99"),
                Metric::FirstEventTimeNsP50 => percentile(&first_event, "p50"),
                Metric::FirstEventTimeNsP99 => percentile(&first_event, "p99"),
                Metric::EventGapLatenessNsP99 => percentile(&event_gap, "p99"),
                Metric::DeliveryTimeNsP50 => percentile(&delivery, "p50"),
                Metric::DeliveryTimeNsP99 => percentile(&delivery, "p99"),
                Metric::ThroughputPerS => Some(summary.throughput_per_s),
                Metric::ServerCpuUsPerRequest => cpu_us_per_request,
                Metric::ServerRssBytesMax => rss_bytes_max.map(|bytes| bytes as f64),
            };
            Some((metric.name().to_owned(), value?))
        })
        .collect()
}
