//! What a run times follows from what was sent, and is found in every part of its record.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::measured::recording::Recording;
use model::record::run::IntervalRecord;
use model::record::timed::Timed;

/// A recording of so many requests sent, of which so many were for streams and so many messages.
fn sent(requests: u64, streams: u64, messages: u64) -> Recording {
    let mut recording = Recording::empty();
    recording.generator_lag.record_n(1, requests).unwrap();
    recording.streams.streams = streams;
    recording.messages.sent = messages;
    recording
}

#[test]
fn streams_and_messages_are_timed_where_they_are_most_of_what_was_sent() {
    let cases = [
        (0, 0, 0, Timed::Requests),
        (10, 0, 0, Timed::Requests),
        (10, 5, 0, Timed::Requests),
        (10, 0, 5, Timed::Requests),
        (10, 6, 0, Timed::Streams),
        (10, 10, 0, Timed::Streams),
        (10, 0, 6, Timed::Messages),
        (10, 4, 6, Timed::Messages),
    ];
    for (requests, streams, messages, timed) in cases {
        assert_eq!(
            Timed::of(&sent(requests, streams, messages)),
            timed,
            "{streams} streams and {messages} messages of {requests}"
        );
    }
}

#[test]
fn a_target_of_which_nothing_is_known_asks_the_others() {
    let mut record = samples::stream_record();
    assert_eq!(record.timed(), Timed::Streams);
    record.targets[0].report.timed = Timed::default();
    assert_eq!(record.timed(), Timed::Streams);
    assert_eq!(Timed::of_targets(&[]), Timed::Requests);
}

#[test]
fn whatever_is_timed_has_its_median_first_and_is_found_in_every_epoch() {
    for (timed, record) in [
        (Timed::Requests, samples::run_record()),
        (Timed::Streams, samples::stream_record()),
        (Timed::Messages, samples::chat_record()),
    ] {
        assert_eq!(record.timed(), timed);
        assert_eq!(
            timed.metrics()[0].name(),
            format!("{}_p50", timed.time_name())
        );
        let target = &record.targets[0];
        assert!(timed.times(&target.report).p99.is_some());
        assert!(!timed.encoded(&target.histograms).is_empty());
        let json = serde_json::to_value(&target.histograms).unwrap();
        assert_eq!(
            json[timed.encoded_name()].as_str(),
            Some(timed.encoded(&target.histograms))
        );
        let known = |interval: &IntervalRecord| timed.interval_times(interval).max.is_some();
        assert!(target.intervals.iter().any(known));
    }
}
