//! What a workload is of follows from what was sent, and is found in every part of its record.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::measured::clock::Clock;
use model::measured::recording::Recording;
use model::measured::workload::WorkloadKind;
use model::record::metric::Metric;
use model::record::run::workload_of;
use model::record::target::IntervalRecord;

/// A recording of so many requests sent, of which so many were for streams and so many messages.
fn sent(requests: u64, streams: u64, messages: u64) -> Recording {
    let mut recording = Recording::empty();
    recording.times[Clock::GeneratorLag]
        .record_n(1, requests)
        .unwrap();
    recording.streams.streams = streams;
    recording.messages.sent = messages;
    recording
}

#[test]
fn a_workload_is_of_streams_or_messages_where_they_are_most_of_what_was_sent() {
    let cases = [
        (0, 0, 0, WorkloadKind::Requests),
        (10, 0, 0, WorkloadKind::Requests),
        (10, 5, 0, WorkloadKind::Requests),
        (10, 0, 5, WorkloadKind::Requests),
        (10, 6, 0, WorkloadKind::Streams),
        (10, 10, 0, WorkloadKind::Streams),
        (10, 0, 6, WorkloadKind::Messages),
        (10, 4, 6, WorkloadKind::Messages),
    ];
    for (requests, streams, messages, workload) in cases {
        assert_eq!(
            WorkloadKind::of(&sent(requests, streams, messages)),
            workload,
            "{streams} streams and {messages} messages of {requests}"
        );
    }
}

#[test]
fn a_target_of_which_nothing_is_known_asks_the_others() {
    let mut record = samples::stream_record();
    assert_eq!(record.workload(), WorkloadKind::Streams);
    record.targets[0].report.workload = WorkloadKind::default();
    assert_eq!(record.workload(), WorkloadKind::Streams);
    assert_eq!(workload_of(&[]), WorkloadKind::Requests);
}

#[test]
fn every_workload_has_its_median_first_and_is_found_in_every_epoch() {
    for (workload, record) in [
        (WorkloadKind::Requests, samples::run_record()),
        (WorkloadKind::Streams, samples::stream_record()),
        (WorkloadKind::Messages, samples::chat_record()),
    ] {
        assert_eq!(record.workload(), workload);
        let clock = workload.clock();
        assert_eq!(
            Metric::of_workload(workload)[0].name(),
            format!("{}_ns_p50", clock.name())
        );
        let target = &record.targets[0];
        assert!(target.report.times(clock).p99.is_some());
        let json = serde_json::to_value(target).unwrap();
        assert_eq!(
            json["histograms_v2_base64"][clock.name()].as_str(),
            Some(target.whole_distribution(clock))
        );
        let known = |interval: &IntervalRecord| interval.times(clock).max.is_some();
        assert!(target.intervals.iter().any(known));
    }
}
