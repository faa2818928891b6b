//! What one load at one target measured: the shape of `bench load --json`, and each target's part of a run record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measured::accounting::{Accounting, ErrorCounts, by_status};
use crate::measured::clock::Clock;
use crate::measured::receive::ReceiveTimes;
use crate::measured::recording::{EndedBy, Recording};
use crate::measured::stalls::Stalls;
use crate::measured::summary::{Summary, Times};
use crate::measured::workload::WorkloadKind;
use crate::record::errors::ErrorShare;
use crate::record::read::SCHEMA_VERSION;
use crate::record::warning::Validity;
use crate::spec::load::{Connect, Load};
use crate::spec::scenario::RequestRecord;
use crate::units::{NANOS_PER_S, Rate};

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
    /// What became of the requests.
    pub requests: Accounting,
    /// Failures by group and kind.
    pub errors: ErrorCounts,
    /// The share of requests that failed; of older records it is found when they are read.
    #[serde(default)]
    pub error_share: ErrorShare,
    /// Replies by their status, those of requests that failed after it included; empty in older records.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "by_status"
    )]
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes of replies, with all of HTTP and without TLS; `null` in older records.
    #[serde(default)]
    pub received_bytes: Option<u64>,
    /// Requests that succeeded, a second.
    pub throughput_per_s: f64,
    /// The percentiles of each clock that has values.
    pub times_ns: BTreeMap<Clock, Times>,
    /// What the generator spent.
    pub generator: GeneratorRecord,
    /// Whose clock said when replies arrived; `null` in older records, where it was the generator's.
    #[serde(default)]
    pub receive: Option<ReceiveTimes>,
    /// Whether to believe it.
    pub validity: Validity,
    /// Connections over the whole drive.
    pub connections: ConnectionRecord,
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
    /// What most requests were for: whole requests in older records, whatever they were for.
    #[serde(default)]
    pub workload: WorkloadKind,
}

/// What was measured of the requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct KindRecord {
    /// `GET /sleep/5`, as in [`RequestRecord`].
    pub request: String,
    /// What became of them.
    pub requests: Accounting,
    /// The share of them that failed; of older records it is found when they are read.
    #[serde(default)]
    pub error_share: ErrorShare,
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
}

impl StreamRecord {
    fn of(recording: &Recording) -> Option<Self> {
        let counts = recording.streams;
        (counts.streams > 0).then_some(Self {
            sent: counts.streams,
            events: counts.events,
            events_lost: counts.lost,
            events_duplicated: counts.duplicated,
            events_out_of_order: counts.out_of_order,
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
}

impl MessageRecord {
    fn of(recording: &Recording) -> Option<Self> {
        let counts = recording.messages;
        (counts.sent > 0).then_some(Self {
            sent: counts.sent,
            deliveries: counts.deliveries,
            deliveries_lost: counts.lost,
            deliveries_duplicated: counts.duplicated,
            deliveries_out_of_order: counts.out_of_order,
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
            requests: recording.accounting,
            errors: recording.errors.clone(),
            error_share: ErrorShare::of(&[recording.accounting]),
            statuses: recording.statuses.clone(),
            received_bytes: Some(recording.received_bytes),
            throughput_per_s: summary.throughput_per_s,
            times_ns: recording
                .times
                .iter()
                .filter(|(_, histogram)| !histogram.is_empty())
                .map(|(clock, histogram)| (clock, Times::of(histogram)))
                .collect(),
            generator: GeneratorRecord {
                cpu_us_per_request: summary.generator_cpu_us_per_request,
                cpu_share: summary.generator_cpu_share,
                threads: recording.generator.threads,
                stalls: recording.generator.stalls,
                spin_share: if recording.generator.cpu_ns == 0 {
                    0.0
                } else {
                    recording.generator.spin_ns as f64 / recording.generator.cpu_ns as f64
                },
            },
            receive: Some(recording.receive),
            validity,
            connections: ConnectionRecord {
                opened: recording.connections.opened,
                reopened: recording.connections.reopened,
                lost: recording.connections.lost,
                given_up: recording.connections.given_up,
                never_served: recording.connections.never_served,
                served_min: recording.connections.served.map(|served| served.min),
                served_max: recording.connections.served.map(|served| served.max),
                idle: recording.connections.idle,
                idle_lost: recording.connections.idle_lost,
            },
            in_flight_mean: (recording.in_flight.samples > 0).then_some(recording.in_flight.mean),
            streams: StreamRecord::of(recording),
            messages: MessageRecord::of(recording),
            by_request: Vec::new(),
            workload: WorkloadKind::of(recording),
        }
    }

    /// The percentiles of a clock; all `null` where it has no values.
    pub fn times(&self, clock: Clock) -> Times {
        self.times_ns.get(&clock).copied().unwrap_or_default()
    }

    /// The same with each kind of request by itself. `requests`: what they are called, in the order of the mix.
    #[must_use]
    pub fn by_request(self, requests: &[RequestRecord], recording: &Recording) -> Self {
        let kinds = requests.iter().zip(&recording.kinds);
        Self {
            by_request: kinds
                .map(|(asked, kind)| KindRecord {
                    request: asked.request.clone(),
                    requests: kind.accounting,
                    error_share: ErrorShare::of(&[kind.accounting]),
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
    /// Connections of each target that stay idle, open beside them.
    #[serde(default)]
    pub idle_connections: u32,
    /// How many requests were asked for, where their number was bounded.
    #[serde(default)]
    pub requests: Option<u64>,
    /// Measured seconds, all epochs together.
    pub duration_s: f64,
    /// Seconds after them, on average over all connections, in which replies were waited for. Throughput is replies, but for those of the
    /// lead-in, over both without the lead-in.
    #[serde(default)]
    pub overtime_s: f64,
    /// Seconds until the first replies of a closed loop came, on average over all connections, all epochs together; 0 of other loads and in
    /// older records.
    #[serde(default)]
    pub lead_in_s: f64,
    /// How many those were: as many as there are connections, in each epoch.
    #[serde(default)]
    pub lead_in_replies: u64,
    /// Seeds arrivals and mix.
    pub seed: u64,
}

impl LoadRecord {
    fn of(load: &Load, recording: &Recording) -> Self {
        Self {
            arrival: load.arrival.name().to_owned(),
            rate_per_s: load.arrival.rate().map(Rate::as_per_s),
            connections: load.connections.get(),
            connect: load.connect,
            idle_connections: load.idle_connections,
            requests: load.request_limit,
            duration_s: recording.measured_ns as f64 / NANOS_PER_S as f64,
            overtime_s: recording.overtime_ns as f64 / NANOS_PER_S as f64,
            lead_in_s: recording.lead_in.ns as f64 / NANOS_PER_S as f64,
            lead_in_replies: recording.lead_in.replies,
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
    /// Opened again in place of one that had ended, by either side.
    pub reopened: u64,
    /// Those of them that the target had closed or reset without having announced it.
    #[serde(default)]
    pub lost: u64,
    /// Those of them that bench had closed: after a time-out, a malformed reply, or a request sent in part. The rest the
    /// target had announced.
    #[serde(default)]
    pub given_up: u64,
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
    /// When it stood still, all threads together; zeros in older records.
    #[serde(default)]
    pub stalls: Stalls,
}
