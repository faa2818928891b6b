//! What a run times: whole requests, or what comes bit by bit within them.
//!
//! The response time of a stream is the stream's length, and that of a message is the time of whoever had it last: they tell
//! little of who serves them. From one value follows which
//! times are compared, bounded by objectives, drawn, and shown first, wherever a run is told of.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measured::recording::{Counts, Interval, Recording};
use crate::measured::summary::Times;
use crate::record::metric::Metric;
use crate::record::run::{Histograms, IntervalRecord, IntervalTimes, LoadReport, TargetRecord};

/// What is timed.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Timed {
    /// Requests, from due to the last byte of the reply.
    #[default]
    Requests,
    /// Streams of events, from due to the first event, and then from event to event.
    Streams,
    /// Messages of a chat, from due to every member's having them.
    Messages,
}

impl Timed {
    /// Everything that can be timed.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Streams, Self::Messages];

    /// What a recording is of: streams or messages, where most of the requests sent were for one.
    pub fn of(recording: &Recording) -> Self {
        // The generator's lag has a value for each request sent.
        let are_most = |count: u64| count * 2 > recording.generator_lag.len();
        if are_most(recording.messages.sent) {
            Self::Messages
        } else if are_most(recording.streams.streams) {
            Self::Streams
        } else {
            Self::Requests
        }
    }

    /// What the targets of a run were asked for. One that failed before anything was sent does not know, and others do.
    pub fn of_targets(targets: &[TargetRecord]) -> Self {
        let each = targets.iter().map(|target| target.report.timed);
        each.max().unwrap_or_default()
    }

    /// What is compared, the median and the 99th percentile of the time itself first. Holm's adjustment counts these and no others.
    ///
    /// The median lateness of the gaps between events is not among them: half of all gaps are early, and nothing is a ratio of
    /// zero.
    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Requests => &[
                Metric::ResponseTimeNsP50,
                Metric::ResponseTimeNsP99,
                Metric::ServiceTimeNsP50,
                Metric::ServiceTimeNsP99,
                Metric::ThroughputPerS,
                Metric::ServerCpuUsPerRequest,
                Metric::ServerRssBytesMax,
            ],
            Self::Streams => &[
                Metric::FirstEventTimeNsP50,
                Metric::FirstEventTimeNsP99,
                Metric::EventGapLatenessNsP99,
                Metric::ThroughputPerS,
                Metric::ServerCpuUsPerRequest,
                Metric::ServerRssBytesMax,
            ],
            Self::Messages => &[
                Metric::DeliveryTimeNsP50,
                Metric::DeliveryTimeNsP99,
                Metric::ThroughputPerS,
                Metric::ServerCpuUsPerRequest,
                Metric::ServerRssBytesMax,
            ],
        }
    }

    /// The name of the time itself in records and files.
    pub fn time_name(self) -> &'static str {
        match self {
            Self::Requests => "response_time_ns",
            Self::Streams => "first_event_time_ns",
            Self::Messages => "delivery_time_ns",
        }
    }

    /// The same in words.
    pub fn time_words(self) -> &'static str {
        match self {
            Self::Requests => "response time",
            Self::Streams => "first event time",
            Self::Messages => "delivery time",
        }
    }

    /// What its distribution counts: a message has a time for each member.
    pub fn samples(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Streams => "streams",
            Self::Messages => "deliveries",
        }
    }

    /// What throughput and cost are counted by.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Requests => "request",
            Self::Streams => "stream",
            Self::Messages => "message",
        }
    }

    /// The time itself, summarised.
    pub fn times(self, report: &LoadReport) -> Times {
        match self {
            Self::Requests => report.response_time_ns,
            Self::Streams => report
                .streams
                .map(|streams| streams.first_event_time_ns)
                .unwrap_or_default(),
            Self::Messages => report
                .messages
                .map(|messages| messages.delivery_time_ns)
                .unwrap_or_default(),
        }
    }

    /// The time itself, in full.
    pub fn histogram(self, recording: &Recording) -> &Histogram<u64> {
        match self {
            Self::Requests => &recording.response_time,
            Self::Streams => &recording.first_event_time,
            Self::Messages => &recording.delivery_time,
        }
    }

    /// The same as a record holds it: encoded, and empty where there is none.
    pub fn encoded(self, histograms: &Histograms) -> &str {
        match self {
            Self::Requests => &histograms.response_time_v2_base64,
            Self::Streams => &histograms.first_event_time_v2_base64,
            Self::Messages => &histograms.delivery_time_v2_base64,
        }
    }

    /// The key of that in a record.
    pub fn encoded_name(self) -> &'static str {
        match self {
            Self::Requests => "response_time_v2_base64",
            Self::Streams => "first_event_time_v2_base64",
            Self::Messages => "delivery_time_v2_base64",
        }
    }

    /// The time itself over one interval of the series.
    pub fn counts(self, interval: &Interval) -> &Counts {
        match self {
            Self::Requests => &interval.response_time,
            Self::Streams => &interval.first_event_time,
            Self::Messages => &interval.delivery_time,
        }
    }

    /// The same, summarised.
    pub fn interval_times(self, interval: &IntervalRecord) -> IntervalTimes {
        match self {
            Self::Requests => IntervalTimes {
                p50: interval.response_time_ns_p50,
                p99: interval.response_time_ns_p99,
                max: interval.response_time_ns_max,
            },
            Self::Streams => interval.first_event_time_ns.unwrap_or_default(),
            Self::Messages => interval.delivery_time_ns.unwrap_or_default(),
        }
    }
}
