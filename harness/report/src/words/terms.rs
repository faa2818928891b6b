//! What clocks, metrics and workloads are called.

use model::measured::clock::Clock;
use model::measured::workload::WorkloadKind;
use model::record::metric::{Metric, Rank};

/// A clock in words: `response time`.
pub fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::ResponseTime => "response time",
        Clock::ServiceTime => "service time",
        Clock::FirstByteTime => "first byte",
        Clock::SendLag => "send lag",
        Clock::GeneratorLag => "generator lag",
        Clock::ReceiveLag => "receive lag",
        Clock::TurnLength => "turn length",
        Clock::ConnectTime => "connect time",
        Clock::HandshakeTime => "handshake",
        Clock::FirstEventTime => "first event time",
        Clock::EventGapLateness => "event gap lateness",
        Clock::DeliveryTime => "delivery time",
    }
}

/// What a clock measures, in a sentence for people who read a file.
pub fn definition(clock: Clock) -> &'static str {
    match clock {
        Clock::ResponseTime => "From the scheduled time of a request to the last byte of its reply",
        Clock::ServiceTime => "From the moment a request was sent to the last byte of its reply",
        Clock::FirstByteTime => "From the moment a request was sent to the first byte of its reply",
        Clock::SendLag => "From the scheduled time of a request to the moment it was sent",
        Clock::GeneratorLag => "The part of the send lag that is the load generator's own fault",
        Clock::ReceiveLag => {
            "From the moment a reply arrived, by the kernel's clock, to the moment it was read"
        }
        Clock::TurnLength => "How long a turn of the load generator's loop took",
        Clock::ConnectTime => "From connect to an established connection",
        Clock::HandshakeTime => "From an established connection to the end of its TLS handshake",
        Clock::FirstEventTime => {
            "From the scheduled time of a request for a stream to its first event"
        }
        Clock::EventGapLateness => {
            "How much longer than it should have the gap between two events was"
        }
        Clock::DeliveryTime => "From the scheduled time of a message to the moment a member had it",
    }
}

/// A metric where there is little room: `response time p99`. CPU is counted a request: where a run was of something else, its
/// noun may say it better.
pub fn metric(metric: Metric) -> String {
    match metric {
        Metric::Time(of, Rank::P50) => format!("{} p50", clock(of)),
        Metric::Time(of, Rank::P99) => format!("{} p99", clock(of)),
        Metric::ThroughputPerS => "throughput".to_owned(),
        Metric::ServerCpuUsPerRequest => "server CPU per request".to_owned(),
        Metric::ServerRssBytesMax => "peak memory".to_owned(),
        Metric::GoodputPerS => "goodput".to_owned(),
        Metric::RecoveryNs => "time to recover".to_owned(),
    }
}

/// The clock that a workload is about, in words.
pub fn time(of: WorkloadKind) -> &'static str {
    clock(of.clock())
}

/// What its distribution counts: a message has a time for each member.
pub fn samples(of: WorkloadKind) -> &'static str {
    match of {
        WorkloadKind::Requests => "requests",
        WorkloadKind::Streams => "streams",
        WorkloadKind::Messages => "deliveries",
    }
}

/// What throughput and cost are counted by.
pub fn noun(of: WorkloadKind) -> &'static str {
    match of {
        WorkloadKind::Requests => "request",
        WorkloadKind::Streams => "stream",
        WorkloadKind::Messages => "message",
    }
}
